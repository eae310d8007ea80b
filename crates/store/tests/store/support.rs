//! A store in a temporary folder, and runs to put into it.

use chrono::{DateTime, TimeDelta, Utc};
use driftline_store::{
    BaselineRecord, ClaimRequest, NewEvent, NewRetrainingRequest, RunCommit, Store, StoreOptions,
};
use driftline_verdict::report::model::BaselineSummary;
use driftline_verdict::{
    Finding, FindingKind, NotEvaluated, Report, Run, Severity, Verdict, Window,
};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection as _, SqliteConnection};
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const MONITOR: &str = "titles";

pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder).await;
        Self { folder, store }
    }

    pub(crate) async fn raw(&self) -> SqliteConnection {
        raw(&self.folder).await
    }
}

pub(crate) fn url(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("store.db").display())
}

pub(crate) async fn open(folder: &TempDir) -> Store {
    Store::open(&url(folder)).await.unwrap()
}

pub(crate) fn impatient() -> StoreOptions {
    StoreOptions {
        busy_timeout: Duration::from_millis(20),
    }
}

/// A connection of somebody else.
pub(crate) async fn raw(folder: &TempDir) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(folder.path().join("store.db"))
        .connect()
        .await
        .unwrap()
}

/// Rows of every table, to see that a failed commit left nothing.
pub(crate) async fn counts(connection: &mut SqliteConnection) -> Vec<(&'static str, i64)> {
    let mut counts = Vec::new();
    for (table, sql) in [
        (
            "monitors",
            "SELECT COALESCE(SUM(state_version + sequence), 0) FROM monitors",
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

pub(crate) async fn execute(connection: &mut SqliteConnection, sql: String) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(connection)
        .await
        .unwrap();
}

pub(crate) async fn close(connection: SqliteConnection) {
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
        lease_until: until,
    }
}
