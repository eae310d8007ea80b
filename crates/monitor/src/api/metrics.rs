//! `/metrics`: what there is to watch about the watcher, for Prometheus.
//!
//! OpenMetrics 1.0 text. Labels are names of monitors and a few fixed words, so a scrape has a
//! bounded size: past [`MONITORS`] monitors the rest is left out, and one number says so.

use crate::api::Api;
use crate::api::problem::Problem;
use crate::api::status::assess;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use driftline_store::ReadPartition;
use driftline_verdict::Verdict;
use std::fmt::Write;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Monitors that are shown.
const MONITORS: u32 = 1_000;
/// Partitions of topics that are shown.
const PARTITIONS: u32 = 5_000;
const VERDICTS: [Verdict; 4] = [
    Verdict::Pass,
    Verdict::Warn,
    Verdict::Unknown,
    Verdict::Fail,
];

pub(crate) async fn metrics(State(api): State<Api>) -> Result<Response, Problem> {
    let mut monitors = api.store.monitors(None, MONITORS + 1).await?;
    let is_cut = monitors.len() > MONITORS as usize;
    monitors.truncate(MONITORS as usize);
    let counts = api.store.counts(api.clock.now()).await?;
    let now = api.clock.now();

    let mut text = Families(String::new());
    text.family("driftline_build", "info", "This build.");
    text.sample(
        "driftline_build_info",
        &[("version", env!("CARGO_PKG_VERSION"))],
        1.0,
    );
    text.family(
        "driftline_monitor_verdict",
        "gauge",
        "1 for the verdict of the newest window, as the status API shows it.",
    );
    for state in &monitors {
        let verdict = assess(state, api.default_max_age, now).status.verdict;
        for one in VERDICTS {
            let labels = [("monitor", state.id.as_str()), ("verdict", one.name())];
            let value = f64::from(u8::from(one == verdict));
            text.sample("driftline_monitor_verdict", &labels, value);
        }
    }
    text.family(
        "driftline_monitor_evaluated_timestamp_seconds",
        "gauge",
        "When an evaluation last ended with a verdict.",
    );
    for state in &monitors {
        if let Some(evaluated) = state.last_evaluated_at {
            let labels = [("monitor", state.id.as_str())];
            let seconds = evaluated.timestamp_millis() as f64 / 1_000.0;
            text.sample(
                "driftline_monitor_evaluated_timestamp_seconds",
                &labels,
                seconds,
            );
        }
    }
    for (family, label, help, rows) in [
        ("driftline_alerts", "state", "Alerts.", &counts.alerts),
        (
            "driftline_deliveries",
            "state",
            "Events for a target.",
            &counts.deliveries,
        ),
        (
            "driftline_retraining_requests",
            "state",
            "Retraining requests.",
            &counts.retraining_requests,
        ),
    ] {
        text.family(family, "gauge", help);
        for (word, rows) in rows {
            text.sample(family, &[(label, word)], *rows as f64);
        }
    }
    let partitions = api.store.read_partitions(PARTITIONS).await?;
    text.family(
        "driftline_topic_lag_messages",
        "gauge",
        "Messages of a partition that are not read yet, when the broker was last asked.",
    );
    for one in &partitions {
        if let Some(lag) = one.read.lag() {
            text.partition("driftline_topic_lag_messages", one, lag as f64);
        }
    }
    text.family(
        "driftline_topic_newest_timestamp_seconds",
        "gauge",
        "The greatest time of a row of a partition.",
    );
    for one in &partitions {
        if let Some(newest) = one.read.newest_us {
            let seconds = newest as f64 / 1e6;
            text.partition("driftline_topic_newest_timestamp_seconds", one, seconds);
        }
    }
    text.family(
        "driftline_monitors_left_out",
        "gauge",
        "1 if there are more than are shown.",
    );
    text.sample(
        "driftline_monitors_left_out",
        &[],
        f64::from(u8::from(is_cut)),
    );
    text.0.push_str("# EOF\n");
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text.0).into_response())
}

struct Families(String);

impl Families {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let written = write!(self.0, "# TYPE {name} {kind}\n# HELP {name} {help}\n");
        written.expect("a string takes all that is written");
    }

    fn partition(&mut self, name: &str, partition: &ReadPartition, value: f64) {
        let number = partition.read.partition.to_string();
        let labels = [
            ("monitor", partition.monitor.as_str()),
            ("topic", partition.topic.as_str()),
            ("partition", number.as_str()),
        ];
        self.sample(name, &labels, value);
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        let written = writeln!(self.0, "{name}{labels} {value}");
        written.expect("a string takes all that is written");
    }
}

/// As label values are written: backslash, quote and line feed are escaped.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
