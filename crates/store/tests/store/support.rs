//! A store in a file or on a server, and runs to put into it.

use crate::postgres;
use chrono::{DateTime, TimeDelta, Utc};
use driftline_store::{
    BaselineRecord, Claim, ClaimRequest, FailedRun, NewEvent, NewRetrainingRequest, RunCommit,
    Settlement, Store, StoreOptions,
};
use driftline_verdict::report::model::BaselineSummary;
use driftline_verdict::{
    Finding, FindingKind, NotEvaluated, Report, Run, Severity, Verdict, Window,
};
use sqlx::{AnyConnection, Connection as _};
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const MONITOR: &str = "titles";

pub(crate) struct Fixture {
    /// The folder of a file's store.
    folder: Option<TempDir>,
    pub(crate) url: String,
    pub(crate) store: Store,
}

impl Fixture {
    /// A store in a file.
    pub(crate) async fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = url(&folder);
        Self::open_at(Some(folder), url).await
    }

    /// A store on a server; `None` where there is none.
    pub(crate) async fn server() -> Option<Self> {
        let url = postgres::new_database()?;
        Some(Self::open_at(None, url).await)
    }

    /// An empty store of the same kind.
    pub(crate) async fn another(&self) -> Self {
        match self.folder {
            Some(_) => Self::file().await,
            None => Self::server().await.unwrap(),
        }
    }

    async fn open_at(folder: Option<TempDir>, url: String) -> Self {
        let store = Store::open(&url).await.unwrap();
        Self { folder, url, store }
    }

    /// The same store, as another process opens it.
    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }

    /// A connection of somebody else.
    pub(crate) async fn raw(&self) -> AnyConnection {
        AnyConnection::connect(&self.url).await.unwrap()
    }

    /// Makes every `statement` on `table` fail until the trigger is dropped.
    pub(crate) async fn fault(&self, raw: &mut AnyConnection, statement: &str, table: &str) {
        let trigger = match self.folder {
            Some(_) => format!(
                "CREATE TRIGGER fault BEFORE {statement} ON {table}
                 BEGIN SELECT RAISE(ABORT, 'fault'); END"
            ),
            None => format!(
                "CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql
                     AS $$ BEGIN RAISE EXCEPTION 'fault'; END $$;
                 CREATE TRIGGER fault BEFORE {statement} ON {table}
                     FOR EACH ROW EXECUTE FUNCTION fault()"
            ),
        };
        execute(raw, trigger).await;
    }

    /// Undoes [`Fixture::fault`].
    pub(crate) async fn repair(&self, raw: &mut AnyConnection, table: &str) {
        let drop = match self.folder {
            Some(_) => "DROP TRIGGER fault".to_owned(),
            None => format!("DROP TRIGGER fault ON {table}"),
        };
        execute(raw, drop).await;
    }
}

/// Runs each test on a file and on a server.
macro_rules! on_both {
    ($($test:ident)*) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::support::Fixture::file().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                if let Some(fixture) = crate::support::Fixture::server().await {
                    super::$test(fixture).await;
                }
            })*
        }
    };
}
pub(crate) use on_both;

pub(crate) fn url(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("store.db").display())
}

pub(crate) fn impatient() -> StoreOptions {
    StoreOptions {
        busy_timeout: Duration::from_millis(20),
        ..StoreOptions::default()
    }
}

/// Rows of every table, to see that a failed commit left nothing.
pub(crate) async fn counts(connection: &mut AnyConnection) -> Vec<(&'static str, i64)> {
    let mut counts = Vec::new();
    for (table, sql) in [
        (
            "monitors",
            "SELECT COALESCE(MAX(state_version + sequence), 0) FROM monitors",
        ),
        ("baselines", "SELECT COUNT(*) FROM baselines"),
        ("runs", "SELECT COUNT(*) FROM runs"),
        ("reports", "SELECT COUNT(*) FROM reports"),
        ("windows", "SELECT COUNT(*) FROM windows"),
        ("findings", "SELECT COUNT(*) FROM findings"),
        (
            "retraining_requests",
            "SELECT COUNT(*) FROM retraining_requests",
        ),
        ("events", "SELECT COUNT(*) FROM events"),
        ("outbox", "SELECT COUNT(*) FROM outbox"),
        ("changes", "SELECT counter FROM changes"),
    ] {
        counts.push((
            table,
            sqlx::query_scalar(sql)
                .fetch_one(&mut *connection)
                .await
                .unwrap(),
        ));
    }
    counts
}

pub(crate) async fn execute(connection: &mut AnyConnection, sql: String) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(connection)
        .await
        .unwrap();
}

pub(crate) async fn close(connection: AnyConnection) {
    connection.close().await.unwrap();
}

pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

pub(crate) fn seconds(seconds: i64) -> TimeDelta {
    TimeDelta::seconds(seconds)
}

pub(crate) fn baseline() -> BaselineRecord {
    BaselineRecord {
        id: "sha256:0".to_owned(),
        directory: "baselines/0".to_owned(),
        created_at: at(-1_000),
    }
}

/// A run of two windows, the newest of which fails with two findings.
pub(crate) fn run(id: &str) -> Run {
    let window = |day: u32, verdict, findings| Window {
        start: Some(format!("2024-01-{day:02}T00:00:00Z")),
        end: Some(format!("2024-01-{:02}T00:00:00Z", day + 1)),
        rows: 100,
        verdict,
        findings,
        not_evaluated: vec![NotEvaluated {
            check: "author".to_owned(),
            reason: "under-powered".to_owned(),
            required: false,
        }],
    };
    let mut drift = Finding::new(FindingKind::Drift, Severity::Error, "title moved");
    drift.column = Some("title".to_owned());
    drift.measure = Some("jensen_shannon".to_owned());
    drift.value = Some(0.25);
    let term = Finding::new(FindingKind::Term, Severity::Info, "a new term: 摆烂");
    Run {
        format_version: Run::FORMAT_VERSION,
        verdict: Verdict::Fail,
        pipeline: MONITOR.to_owned(),
        run_id: id.to_owned(),
        created_at: "2024-01-03T00:00:00Z".to_owned(),
        baseline_id: baseline().id,
        windows: vec![
            window(1, Verdict::Pass, Vec::new()),
            window(2, Verdict::Fail, vec![drift, term]),
        ],
        actions: Vec::new(),
        notes: Vec::new(),
    }
}

pub(crate) fn report(run: &Run) -> Report {
    Report {
        run: run.clone(),
        baseline: BaselineSummary {
            source: "titles of 2022".to_owned(),
            start: None,
            end: None,
            rows: 1_000,
            blocks: 52,
            calibration: "c".to_owned(),
        },
        trends: Vec::new(),
        distributions: Vec::new(),
        terms: Vec::new(),
        models: Vec::new(),
    }
}

pub(crate) fn failed(reason: &str) -> FailedRun<'_> {
    FailedRun {
        monitor: MONITOR,
        reason,
        scheduled_for: None,
        lease: None,
        alerts: None,
    }
}

pub(crate) fn event(id: &str, targets: &[&str]) -> NewEvent {
    let mut data = serde_json::Map::new();
    data.insert("monitor".to_owned(), MONITOR.into());
    NewEvent {
        id: id.to_owned(),
        kind: "window.failed".to_owned(),
        data,
        targets: targets.iter().map(|target| (*target).to_owned()).collect(),
    }
}

pub(crate) fn retraining(id: &str) -> NewRetrainingRequest {
    NewRetrainingRequest {
        id: id.to_owned(),
        reason: "drift in 2 of 3 windows".to_owned(),
        window_start: None,
        window_end: None,
        expires_at: at(86_400),
        cooled_since: at(-1_000_000),
        event: event(&format!("evt_{id}"), &["trainer"]),
    }
}

pub(crate) struct Parts {
    pub(crate) run: Run,
    pub(crate) report: Report,
    pub(crate) baseline: BaselineRecord,
    pub(crate) retraining: Option<NewRetrainingRequest>,
    pub(crate) events: Vec<NewEvent>,
}

impl Parts {
    /// A run with one event for two targets and one retraining request.
    pub(crate) fn of(id: &str) -> Self {
        let run = run(id);
        Self {
            report: report(&run),
            run,
            baseline: baseline(),
            retraining: Some(retraining(&format!("retrain_{id}"))),
            events: vec![event(&format!("evt_{id}"), &["chat", "pager"])],
        }
    }

    pub(crate) fn commit(&self) -> RunCommit<'_> {
        RunCommit {
            monitor: MONITOR,
            run: &self.run,
            report: &self.report,
            baseline: &self.baseline,
            retraining: self.retraining.clone(),
            events: self.events.clone(),
            alerts: None,
            scheduled_for: None,
            is_backfill: false,
            lease: None,
            closes: None,
            read_files: None,
            judged_profiles: &[],
        }
    }
}

pub(crate) fn claim<'a>(owner: &'a str, target: &'a str, until: DateTime<Utc>) -> ClaimRequest<'a> {
    ClaimRequest {
        owner,
        monitor: MONITOR,
        target,
        event_id: None,
        limit: 10,
        in_order: false,
        lease_until: until,
    }
}

/// Settles one attempt; false where its lease was lost.
pub(crate) async fn settle(
    store: &Store,
    claim: &Claim,
    settlement: &Settlement,
    now: DateTime<Utc>,
) -> bool {
    let attempts = [(claim.clone(), settlement.clone())];
    store.settle(&attempts, now).await.unwrap()[0]
}
