//! The two files, each choice beside its reason.

use super::{Choice, Starter};
use crate::config::SourceConfig;
use driftline_schema::{AnomalyType, Role, Schema, Severity};
use std::fmt::Write as _;

/// A text as YAML, whatever is in it.
fn text(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word));
    if plain {
        return text.to_owned();
    }
    // Every text of JSON is one of YAML in double quotes.
    serde_json::Value::from(text).to_string()
}

fn side(out: &mut String, key: &str, side: &SourceConfig) {
    let _infallible = writeln!(out, "{key}:\n  source: {}", text(&side.source));
    if let Some(sql) = &side.prepare {
        let _infallible = writeln!(out, "  prepare: {}", text(sql));
    }
}

pub(super) fn pipeline(choice: &Choice) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    line("# A first pipeline, made up by `driftline init` from the data alone.");
    line("# Run it: driftline run pipeline.yaml");
    line("# What you know better, change: every line with a reason is a guess.");
    line(&format!("name: {}", text(choice.name.as_str())));
    line("");
    line(&format!("# Why so: {}.", choice.parted));
    line("# Name a file of its own for either side once you have one.");
    side(&mut out, "baseline", &choice.baseline);
    side(&mut out, "live", &choice.live);
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    line("");
    match &choice.time {
        Some(time) => {
            line(&format!(
                "# `{}`: {}.",
                time.column.name, time.column.reason
            ));
            line(&format!(
                "# A window of {}: {} windows of all the data. Limits are learnt from those of the",
                time.window, time.windows
            ));
            line(
                "# training data: ten are few, a hundred are many. Days are those of `time_zone`.",
            );
            line("time:");
            line(&format!("  column: {}", text(&time.column.name)));
            line(&format!("  window: {}", time.window));
            line("  time_zone: UTC");
            line("  # For a gate, judge the newest whole window alone:");
            line("  # evaluate: newest");
        }
        None => {
            line(
                "# No column says when a row happened, so the live data is one window and drift is at",
            );
            line("# most a warning. If there is one, name it:");
            line("# time: {column: created_at, window: 1d}");
        }
    }
    line("");
    line(
        "# SQL over the table `source`, the same for both sides: filters, copies, derived columns.",
    );
    match &choice.prepare {
        Some(sql) => {
            line("# Here it makes times of numbers.");
            line(&format!("prepare: {}", text(sql)));
        }
        None => line("# prepare: SELECT DISTINCT * FROM source"),
    }
    line("");
    line("# What each column should be, and what it is for.");
    line(&format!("schema: {}", Starter::SCHEMA));
    line("");
    line("# One window in a hundred may alarm by chance, over all columns together. A column that");
    line("# must be judged: columns: {NAME: {required: true}}.");
    line("drift: {false_alarm_rate: 0.01}");
    if let Some(column) = &choice.text {
        line("");
        line("# New words and surges in the longest texts; `watch` counts words of your own.");
        line(&format!("terms: {{column: {}, watch: []}}", text(column)));
    }
    if let Some(column) = &choice.slice {
        line("");
        line(&format!(
            "# Each value of `{column}` judged by itself as well:"
        ));
        line(&format!("# slices: [{}]", text(column)));
    }
    if let Some(rows) = choice.min_rows {
        line("");
        line(
            "# Half of the emptiest full window of the training data. The last window of a file is often",
        );
        line("# cut off, so this is for data that goes on:");
        line(&format!("# volume: {{min_rows: {rows}}}"));
    }
    if choice.time.is_some() {
        line("");
        line("# Once live data comes by itself: how old its newest row may be.");
        line("# freshness: {max_age: 2d}");
    }
    out
}

pub(super) fn schema(choice: &Choice) -> String {
    let mut out = String::new();
    let _infallible = writeln!(
        out,
        "# What each column should be, as {} rows of training data suggest.\n\
         # A key that is left out is not checked; a column without `presence` may be missing.\n\
         # What was seen is written above each column: a range that was merely seen fails on the\n\
         # next larger value, so none is stated. Rules for rows go under `constraints`.\n\
         format_version: {}",
        choice.baseline_rows,
        Schema::FORMAT_VERSION
    );
    let domains = choice.schema.columns.iter().any(|c| c.domain.is_some());
    if domains {
        let kind = AnomalyType::EnumTypeUnexpectedStringValues;
        let _infallible = writeln!(
            out,
            "# A value that the training data does not have warns, until you know all values.\n\
             severity_overrides:\n  {}: {}",
            kind.name(),
            Severity::Warning.name()
        );
    }
    let ids = choice.columns.iter().filter(|c| c.role == Some(Role::Id));
    if let Some(id) = ids.map(|id| &id.name).next() {
        let _infallible = writeln!(
            out,
            "# No two rows of a window are of one name. A row may break it where there is `at_most`.\n\
             constraints:\n- key: {}",
            text(id)
        );
    }
    out.push_str("columns:\n");
    for (column, chosen) in choice.schema.columns.iter().zip(&choice.columns) {
        let _infallible = writeln!(out, "  # {}; seen: {}", chosen.reason, chosen.seen);
        let alone = Schema {
            columns: vec![column.clone()],
            ..Schema::default()
        };
        let yaml = alone.to_yaml();
        let (_, written) = yaml.split_once("columns:\n").unwrap_or_default();
        out.push_str(written);
    }
    out
}
