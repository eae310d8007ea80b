//! What a count of broken rows means.

use super::{Placed, Rule, Tolerance, duration};
use crate::{Anomaly, Schema, UnexpectedValue};

/// What was counted for a constraint.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Count {
    /// Rows that the constraint is about: those that its `where` leaves.
    pub rows: u64,
    /// Rows of these that say something: none of their values is null.
    pub judged: u64,
    /// Rows that break it.
    pub broken: u64,
    /// What broken rows have, most frequent first, shares being of the judged rows.
    pub examples: Vec<UnexpectedValue>,
}

/// What follows from a count.
#[derive(Debug, Clone, PartialEq)]
pub enum Judgement {
    /// It holds.
    Holds,
    /// More rows than tolerated break it.
    Broken(Anomaly),
    /// No row said anything, so nobody knows.
    NotEvaluated {
        /// Why.
        reason: String,
    },
}

/// Judges what was counted.
pub fn judge(schema: &Schema, placed: Placed<'_>, count: Count) -> Judgement {
    if count.judged == 0 {
        let reason = if count.rows == 0 {
            "there is no row that it is about".to_owned()
        } else {
            format!("all of {} rows lack a value that it needs", count.rows)
        };
        return Judgement::NotEvaluated { reason };
    }
    let share = count.broken as f64 / count.judged as f64;
    let (expected, actual, beyond, limit) = match placed.constraint.at_most {
        Tolerance::Share(limit) => (limit, share, share > limit, percent(limit)),
        Tolerance::Rows(limit) => (
            limit as f64,
            count.broken as f64,
            count.broken > limit,
            format!("{limit} rows"),
        ),
    };
    if !beyond {
        return Judgement::Holds;
    }
    let mut description = format!(
        "{}: {} of {} rows {}, {}",
        placed.label(),
        count.broken,
        count.judged,
        breach(&placed.constraint.rule),
        percent(share),
    );
    if !placed.constraint.at_most.is_none() {
        description.push_str(&format!(", more than the tolerated {limit}"));
    }
    if !count.examples.is_empty() {
        let shown: Vec<String> = count
            .examples
            .iter()
            .map(|example| match example.count {
                1 => example.value.clone(),
                n => format!("{} ({n} rows)", example.value),
            })
            .collect();
        description.push_str(&format!("; such as {}", shown.join(", ")));
    }
    let silent = count.rows - count.judged.min(count.rows);
    if silent > 0 {
        description.push_str(&format!(
            "; {silent} more rows lack a value and are not judged"
        ));
    }
    Judgement::Broken(Anomaly {
        count: Some(count.broken),
        evidence: count.examples,
        expected: Some(expected),
        actual: Some(actual),
        ..anomaly(schema, placed, description)
    })
}

/// Judges the age of the newest row, in seconds.
pub fn judge_age(schema: &Schema, placed: Placed<'_>, age_seconds: f64) -> Judgement {
    let Rule::Freshness(limit) = placed.constraint.rule else {
        return Judgement::NotEvaluated {
            reason: "it is not about an age".to_owned(),
        };
    };
    if age_seconds <= limit as f64 {
        return Judgement::Holds;
    }
    let column = placed.column.unwrap_or_default();
    let description = format!(
        "{}the newest `{column}` is {:.1} hours old, more than {}",
        match &placed.constraint.name {
            Some(name) => format!("{name}: "),
            None => String::new(),
        },
        age_seconds / 3_600.0,
        duration(limit),
    );
    Judgement::Broken(Anomaly {
        expected: Some(limit as f64 / 3_600.0),
        actual: Some(age_seconds / 3_600.0),
        ..anomaly(schema, placed, description)
    })
}

fn anomaly(schema: &Schema, placed: Placed<'_>, description: String) -> Anomaly {
    let kind = placed.constraint.rule.anomaly_type();
    let severity = placed.constraint.severity;
    Anomaly {
        constraint: Some(placed.label()),
        ..Anomaly::new(
            kind,
            placed.column.map(str::to_owned),
            severity.unwrap_or_else(|| schema.severity(kind)),
            placed.label(),
            description,
        )
    }
}

/// What rows do that break a rule.
fn breach(rule: &Rule) -> &'static str {
    match rule {
        Rule::Key { .. } => "share their key with another",
        Rule::Regex(_) => "do not match",
        Rule::Monotone { .. } => "turn back",
        Rule::Between(_) => "are outside",
        Rule::InSet(_) => "have another value",
        Rule::Length(_) => "have another length",
        Rule::References { .. } => "are not found there",
        Rule::Freshness(_) => "are too old",
        Rule::Sql(_) => "break it",
    }
}

/// A share in percent, to four significant digits.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent == 0.0 {
        return "0 %".to_owned();
    }
    let digits = (3 - percent.abs().log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{percent:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{text} %")
}
