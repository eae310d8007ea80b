//! A monitor's life in which one statement of the database fails once, wherever that is.
//!
//! The life is lived without a fault first, and then again and again with one: a statement on a
//! table is refused at one step, the step is taken again, and in the end exactly the same was
//! decided and has arrived. `DRIFTLINE_FAULTS=all` tries every fault; otherwise a seeded sample.

use crate::support::{FakeEvaluator, MONITOR, Outcome, World, asks_to_retrain, concludes};
use driftline_monitor::delivery::{Selection, Target};
use driftline_monitor::{Clock, EventSettings, MonitorError, run_once};
use driftline_pipeline::config::Topic;
use driftline_store::{
    EventFilter, OutboxFilter, OutboxState, RetrainingFilter, RetrainingOutcome,
};
use driftline_verdict::Verdict;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sqlx::{AnyConnection, Connection as _};
use std::collections::BTreeSet;
use std::time::Duration;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

const TABLES: [&str; 12] = [
    "monitors",
    "baselines",
    "runs",
    "reports",
    "windows",
    "findings",
    "alerts",
    "events",
    "outbox",
    "targets",
    "retraining_requests",
    "changes",
];
const STATEMENTS: [&str; 2] = ["INSERT", "UPDATE"];
const STEPS: usize = 8;
/// Faults of a usual test run.
const SAMPLE: usize = 24;

/// One statement that fails, at one step.
#[derive(Debug, Clone, Copy)]
struct Fault {
    step: usize,
    table: &'static str,
    statement: &'static str,
}

/// What came of a life.
#[derive(Debug, PartialEq)]
struct Came {
    decided: BTreeSet<String>,
    arrived: BTreeSet<String>,
    windows: usize,
    verdict: Verdict,
}

struct Life {
    world: World,
    target: Target,
    receiver: MockServer,
}

impl Life {
    async fn begin() -> Self {
        let world = World::new().await;
        // The same instants in every life: ids of alerts rest on them.
        world.clock.set("2026-01-01T00:00:00Z".parse().unwrap());
        let receiver = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(204))
            .mount(&receiver)
            .await;
        let mut config = world.config("chat", &format!("{}/hook", receiver.uri()));
        config.on = vec![Topic::Notify, Topic::Alert, Topic::Retrain];
        let target = Target::new(config).unwrap();
        Self {
            world,
            target,
            receiver,
        }
    }

    async fn evaluate(&self, outcome: Outcome) -> Result<(), MonitorError> {
        let evaluator = FakeEvaluator::new(outcome, vec![self.target.clone()]);
        let (store, clock) = (&self.world.store, &*self.world.clock);
        match run_once(&*evaluator, store, clock, &EventSettings::default(), None).await {
            Ok(_) | Err(MonitorError::Evaluation { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn deliver(&self) -> Result<(), MonitorError> {
        let deliverer = self.world.deliverer();
        let targets = std::slice::from_ref(&self.target);
        let delivered = deliverer.deliver(MONITOR, targets, &Selection::Due).await;
        delivered.map(drop)
    }

    async fn retrain(&self) -> Result<(), MonitorError> {
        let (store, now) = (&self.world.store, self.world.clock.now());
        let until = now + Duration::from_secs(600);
        let all = RetrainingFilter::default();
        let asked = store.retraining_requests(&all, None, 10, now).await?;
        let claimed = store.claim_retraining(&asked[0].id, "airflow", "claim", until, now);
        // The same claimer asks again where its claim was made and the end was not told.
        let claim = claimed.await?.unwrap_or_else(|_| "claim".to_owned());
        let outcome = RetrainingOutcome {
            succeeded: true,
            message: None,
            new_baseline_id: None,
            new_baseline: None,
        };
        let ended = store.complete_retraining(&asked[0].id, &claim, &outcome, now);
        assert_eq!(ended.await?, Ok(()));
        Ok(())
    }

    async fn step(&self, step: usize) -> Result<(), MonitorError> {
        match step {
            0 => self.evaluate(asks_to_retrain(1)).await,
            1 | 4 | 7 => self.deliver().await,
            2 => {
                self.evaluate(Outcome::Error("`live.csv`: no such file"))
                    .await
            }
            3 => self.evaluate(concludes(2, Verdict::Pass)).await,
            5 => self.retrain().await,
            6 => self.evaluate(concludes(3, Verdict::Pass)).await,
            _ => unreachable!("there are {STEPS} steps"),
        }
    }

    async fn live(self, fault: Option<Fault>) -> Came {
        let path = self.world.folder.path().join("store.db");
        let url = format!("sqlite://{}", path.display());
        let mut raw = AnyConnection::connect(&url).await.unwrap();
        for step in 0..STEPS {
            let here = fault.filter(|fault| fault.step == step);
            if let Some(Fault {
                table, statement, ..
            }) = here
            {
                let trigger = format!(
                    "CREATE TRIGGER fault BEFORE {statement} ON {table}
                     BEGIN SELECT RAISE(ABORT, 'fault'); END"
                );
                execute(&mut raw, trigger).await;
            }
            let taken = self.step(step).await;
            if here.is_some() {
                execute(&mut raw, "DROP TRIGGER fault".to_owned()).await;
            }
            match taken {
                Ok(()) => {}
                Err(_) if here.is_some() => self.step(step).await.unwrap(),
                Err(error) => panic!("{error} without a fault"),
            }
            self.world.clock.advance(Duration::from_secs(60));
        }
        self.drain().await;
        self.came(&mut raw).await
    }

    /// Delivers what is left: an attempt whose end could not be written keeps its lease a while.
    async fn drain(&self) {
        for _ in 0..20 {
            self.deliver().await.unwrap();
            self.world.clock.advance(Duration::from_secs(600));
        }
    }

    async fn came(&self, raw: &mut AnyConnection) -> Came {
        let store = &self.world.store;
        let events = store.events(&EventFilter::default(), None, 1_000).await;
        let rows = store.outbox(&OutboxFilter::default(), None, 1_000).await;
        let rows = rows.unwrap();
        assert!(
            rows.iter().all(|row| row.state == OutboxState::Delivered),
            "{rows:?}"
        );
        let windows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM windows")
            .fetch_one(raw)
            .await
            .unwrap();
        let received = self.receiver.received_requests().await.unwrap();
        let id = |name| {
            move |request: &wiremock::Request| request.headers[name].to_str().unwrap().to_owned()
        };
        assert_eq!(store.check().await.unwrap().problems, []);
        Came {
            decided: events.unwrap().into_iter().map(|event| event.id).collect(),
            arrived: received.iter().map(id("webhook-id")).collect(),
            windows: usize::try_from(windows).unwrap(),
            verdict: store.monitor(MONITOR).await.unwrap().unwrap().verdict,
        }
    }
}

async fn execute(raw: &mut AnyConnection, sql: String) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(raw)
        .await
        .unwrap();
}

fn faults() -> Vec<Fault> {
    let mut all = Vec::new();
    for step in 0..STEPS {
        for table in TABLES {
            for statement in STATEMENTS {
                all.push(Fault {
                    step,
                    table,
                    statement,
                });
            }
        }
    }
    if std::env::var("DRIFTLINE_FAULTS").is_ok_and(|wanted| wanted == "all") {
        return all;
    }
    let mut random = ChaCha8Rng::seed_from_u64(7);
    (0..SAMPLE)
        .map(|_| all.swap_remove(random.random_range(0..all.len())))
        .collect()
}

#[tokio::test]
async fn a_statement_that_fails_once_loses_nothing_and_doubles_nothing() {
    let usual = Life::begin().await.live(None).await;
    assert_eq!(usual.decided, usual.arrived);
    assert_eq!((usual.windows, usual.verdict), (3, Verdict::Pass));
    // window.failed, retraining.requested, and alerts that fire and are over.
    assert!(usual.decided.len() >= 5, "{usual:?}");
    for fault in faults() {
        let came = Life::begin().await.live(Some(fault)).await;
        assert_eq!(came, usual, "{fault:?}");
    }
}
