//! A store with a past: runs as a monitor leaves them, made up.

use crate::Error;
use chrono::{DateTime, TimeDelta, Utc};
use driftline_store::{BaselineRecord, NewEvent, RunCommit, Store};
use driftline_verdict::{
    Finding, FindingKind, Report, Run, Severity, Verdict, Window, report::model::BaselineSummary,
};
use serde_json::{Map, Value};

/// What the runs are like.
#[derive(Debug, Clone)]
pub struct Past<'a> {
    /// The monitor.
    pub monitor: &'a str,
    /// Windows of each run.
    pub windows: u32,
    /// Findings of each window.
    pub findings: u32,
    /// Events of each run, for one target.
    pub events: u32,
    /// The target.
    pub target: &'a str,
}

impl Past<'_> {
    /// Commits the `number`th run, as of an instant.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn commit(&self, store: &Store, number: u32, at: DateTime<Utc>) -> Result<(), Error> {
        let windows: Vec<Window> = (0..self.windows)
            .map(|window| self.window(at + TimeDelta::hours(i64::from(window))))
            .collect();
        let baseline = BaselineRecord {
            id: "sha256:past".to_owned(),
            directory: "baselines/past".to_owned(),
            created_at: at,
        };
        let run = Run {
            format_version: Run::FORMAT_VERSION,
            verdict: Verdict::Warn,
            pipeline: self.monitor.to_owned(),
            run_id: format!("{}-{number:08}", self.monitor),
            created_at: at.to_rfc3339(),
            baseline_id: baseline.id.clone(),
            windows,
            actions: Vec::new(),
            notes: Vec::new(),
        };
        let report = Report {
            run: run.clone(),
            baseline: BaselineSummary {
                source: "made up".to_owned(),
                start: None,
                end: None,
                rows: 1_000,
                blocks: 52,
                calibration: "none".to_owned(),
            },
            trends: Vec::new(),
            distributions: Vec::new(),
            terms: Vec::new(),
            models: Vec::new(),
        };
        let events = (0..self.events).map(|event| self.event(number, event));
        let commit = RunCommit {
            monitor: self.monitor,
            run: &run,
            report: &report,
            baseline: &baseline,
            retraining: None,
            events: events.collect(),
            alerts: None,
            scheduled_for: None,
            is_backfill: false,
            lease: None,
            closes: None,
            read_files: None,
            judged_profiles: &[],
        };
        store.commit_run(&commit, at).await?;
        Ok(())
    }

    fn window(&self, start: DateTime<Utc>) -> Window {
        let findings = (0..self.findings).map(|number| {
            let message = format!(
                "column {number} moved by 0.31 bits, limit 0.12; the values that moved most are \
                 `card` (0.41 to 0.18), `cash` (0.22 to 0.47) and `voucher` (new, 0.09)"
            );
            let mut finding = Finding::new(FindingKind::Drift, Severity::Warning, message);
            finding.column = Some(format!("column_{number}"));
            finding
        });
        Window {
            start: Some(start.to_rfc3339()),
            end: Some((start + TimeDelta::hours(1)).to_rfc3339()),
            rows: 1_000,
            verdict: Verdict::Warn,
            findings: findings.collect(),
            not_evaluated: Vec::new(),
        }
    }

    fn event(&self, run: u32, number: u32) -> NewEvent {
        let mut data = Map::new();
        data.insert("monitor".to_owned(), Value::from(self.monitor));
        data.insert("window".to_owned(), Value::from(number));
        data.insert("run_id".to_owned(), Value::from(run));
        NewEvent {
            id: format!("msg_{run:06}_{number:06}"),
            kind: "window.failed".to_owned(),
            data,
            targets: vec![self.target.to_owned()],
        }
    }
}
