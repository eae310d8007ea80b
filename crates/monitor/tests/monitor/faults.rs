//! A monitor's life in which one thing fails once, wherever that is.
//!
//! The life is lived without a fault first, and then again and again with one: a statement on a
//! table of the database is refused at one step, a request is not sent or its answer is lost, the
//! file with the secret is away. The step is taken again, and in the end exactly the same was
//! decided and has arrived. `DRIFTLINE_FAULTS=all` tries every fault; otherwise a seeded sample.

use crate::support::{FakeEvaluator, MONITOR, Outcome, World, asks_to_retrain, concludes};
use async_trait::async_trait;
use driftline_monitor::delivery::{
    Answer, HttpTransport, Request, Selection, Target, Transport, Webhook,
};
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
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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
const SAMPLE: usize = 28;

/// Requests that the life without a fault makes, at least.
const REQUESTS: usize = 5;

/// One thing that fails, once.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// A statement on a table, at one step.
    Statement {
        step: usize,
        table: &'static str,
        statement: &'static str,
    },
    /// A request, by its number: it never leaves, or nobody hears the answer.
    Request { number: usize, is_sent: bool },
    /// The file with the secret is away during one step.
    Secret { step: usize },
}

/// HTTP, of which one request fails.
#[derive(Debug)]
struct Unreliable {
    http: HttpTransport,
    requests: AtomicUsize,
    /// The number of the request, and whether it is sent.
    fails: Option<(usize, bool)>,
}

#[async_trait]
impl Transport for Unreliable {
    async fn send(&self, target: &Webhook, request: Request) -> Result<Answer, String> {
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        match self.fails {
            Some((failing, true)) if failing == number => {
                self.http.send(target, request).await?;
                Err("the answer is lost".to_owned())
            }
            Some((failing, false)) if failing == number => Err("nothing is sent".to_owned()),
            _ => self.http.send(target, request).await,
        }
    }
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
    transport: Arc<Unreliable>,
    fault: Option<Fault>,
}

impl Life {
    async fn begin(fault: Option<Fault>) -> Self {
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
        let transport = Arc::new(Unreliable {
            http: HttpTransport::new(),
            requests: AtomicUsize::new(0),
            fails: match fault {
                Some(Fault::Request { number, is_sent }) => Some((number, is_sent)),
                _ => None,
            },
        });
        Self {
            world,
            target,
            receiver,
            transport,
            fault,
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
        let deliverer = self.world.deliverer_over(self.transport.clone());
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

    async fn live(self) -> Came {
        let folder = self.world.folder.path();
        let (secret, away) = (folder.join("secret"), folder.join("away"));
        let url = format!("sqlite://{}", folder.join("store.db").display());
        let mut raw = AnyConnection::connect(&url).await.unwrap();
        for step in 0..STEPS {
            let mut fails = false;
            match self.fault {
                Some(Fault::Statement {
                    step: here,
                    table,
                    statement,
                }) if here == step => {
                    let trigger = format!(
                        "CREATE TRIGGER fault BEFORE {statement} ON {table}
                         BEGIN SELECT RAISE(ABORT, 'fault'); END"
                    );
                    execute(&mut raw, &trigger).await;
                    fails = true;
                }
                Some(Fault::Secret { step: here }) if here == step => {
                    std::fs::rename(&secret, &away).unwrap();
                }
                _ => {}
            }
            let taken = self.step(step).await;
            if away.exists() {
                std::fs::rename(&away, &secret).unwrap();
            }
            if fails {
                execute(&mut raw, "DROP TRIGGER fault").await;
            }
            match taken {
                Ok(()) => {}
                Err(_) if fails => self.step(step).await.unwrap(),
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

async fn execute(raw: &mut AnyConnection, sql: &str) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
        .execute(raw)
        .await
        .unwrap();
}

fn faults() -> Vec<Fault> {
    let mut all = Vec::new();
    for step in 0..STEPS {
        all.push(Fault::Secret { step });
        for table in TABLES {
            for statement in STATEMENTS {
                all.push(Fault::Statement {
                    step,
                    table,
                    statement,
                });
            }
        }
    }
    for number in 0..REQUESTS {
        for is_sent in [false, true] {
            all.push(Fault::Request { number, is_sent });
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
async fn what_fails_once_loses_nothing_and_doubles_nothing() {
    let usual = Life::begin(None).await.live().await;
    assert_eq!(usual.decided, usual.arrived);
    assert_eq!((usual.windows, usual.verdict), (3, Verdict::Pass));
    // window.failed, retraining.requested, and alerts that fire and are over.
    assert!(usual.decided.len() >= REQUESTS, "{usual:?}");
    for fault in faults() {
        let came = Life::begin(Some(fault)).await.live().await;
        assert_eq!(came, usual, "{fault:?}");
    }
}
