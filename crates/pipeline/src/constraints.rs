//! A schema's rules about rows, asked of the rows of every window.
//!
//! What the profiles of a window show to hold needs no rows. The rest is counted in one
//! scan over all windows, and only what is broken beyond its tolerance is looked at again,
//! for examples. What cannot be asked (a column that is not there, another
//! source that cannot be read) is listed as not evaluated, which is never a pass; a text
//! of SQL that is wrong is a mistake in the schema file, told with its place.

mod place;
mod sql;

use crate::{PipelineError, rows::quoted, single::SingleSource, validation::Validated};
use chrono::{DateTime, Utc};
use driftline_engine::{
    ColumnInfo, Engine, EngineError, RowRule, Rows, RuleCount, RuleTest, Source, Span, Tz, Windows,
};
use driftline_schema::{
    Anomaly, Schema, UnexpectedValue,
    constraint::{
        Constraint, Count, Direction, Judgement, Placed, Rule, judge, judge_age, profile_holds,
    },
};
use driftline_statistics::ColumnProfile;
use driftline_verdict::NotEvaluated;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Where a schema comes from.
#[derive(Debug, Clone, Default)]
pub struct SchemaOrigin {
    /// Its file, for places in messages; `None` where it was not read from one.
    pub file: Option<PathBuf>,
    /// The folder that other sources are read against.
    pub folder: PathBuf,
}

impl SchemaOrigin {
    /// A schema file, whose folder it is.
    pub fn file(path: &Path) -> Self {
        Self {
            file: Some(path.to_owned()),
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
        }
    }
}

/// What a schema's rules about rows are asked by.
#[derive(Debug, Clone, Copy)]
pub struct RowRules<'a> {
    /// The schema.
    pub schema: &'a Schema,
    /// Where it comes from.
    pub origin: &'a SchemaOrigin,
    /// The environment that the rows are of.
    pub environment: Option<&'a str>,
    /// When the age of rows is counted from.
    pub now: DateTime<Utc>,
}

impl SingleSource {
    /// Adds what a schema's rules about rows say of the rows of this source.
    ///
    /// # Errors
    /// [`PipelineError::Yaml`] for SQL that is wrong, with its place in the schema file, and
    /// those of the engine.
    pub async fn check_row_rules(
        &self,
        engine: &Engine,
        rows: &Rows,
        rules: &RowRules<'_>,
        validated: &mut Validated,
    ) -> Result<(), PipelineError> {
        let zone = self
            .time_zone
            .as_deref()
            .map_or(Ok(Tz::UTC), driftline_engine::time_zone)?;
        let asked = CheckedRows {
            engine,
            rows,
            windows: None,
            zone,
            in_file_order: self.prepare.is_none(),
            environment: rules.environment,
            now: rules.now,
            examples: true,
        };
        let window = WindowProfiles {
            span: None,
            rows: validated.rows,
            columns: BTreeMap::new(),
        };
        for checked in check(rules.schema, rules.origin, &asked, &[window]).await? {
            validated.checked.anomalies.extend(checked.anomalies);
            validated.unasked.extend(checked.not_evaluated);
        }
        Ok(())
    }
}

/// The rows that rules are asked of.
pub(crate) struct CheckedRows<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) rows: &'a Rows,
    pub(crate) windows: Option<&'a Windows>,
    /// The zone of times that name none.
    pub(crate) zone: Tz,
    /// The rows come in the order of the files.
    pub(crate) in_file_order: bool,
    pub(crate) environment: Option<&'a str>,
    pub(crate) now: DateTime<Utc>,
    /// Whether values may be shown.
    pub(crate) examples: bool,
}

/// The rows of one window, as their profiles tell.
pub(crate) struct WindowProfiles<'a> {
    pub(crate) span: Option<Span>,
    pub(crate) rows: u64,
    pub(crate) columns: BTreeMap<&'a str, &'a ColumnProfile>,
}

/// What the rules say of one window.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checked {
    pub(crate) anomalies: Vec<Anomaly>,
    pub(crate) not_evaluated: Vec<NotEvaluated>,
}

impl Checked {
    fn missing(&mut self, placed: Placed<'_>, reason: String, required: bool) {
        self.not_evaluated.push(NotEvaluated {
            check: format!("constraint {}", placed.label()),
            reason,
            required,
        });
    }

    fn take(&mut self, placed: Placed<'_>, judgement: Judgement, required: bool) {
        match judgement {
            Judgement::Holds => {}
            Judgement::Broken(anomaly) => self.anomalies.push(anomaly),
            Judgement::NotEvaluated { reason } => self.missing(placed, reason, required),
        }
    }
}

/// Asks every rule of every window; what they say, in the order of `windows`. Windows
/// without rows are left alone.
pub(crate) async fn check(
    schema: &Schema,
    origin: &SchemaOrigin,
    asked: &CheckedRows<'_>,
    windows: &[WindowProfiles<'_>],
) -> Result<Vec<Checked>, PipelineError> {
    let mut checked = vec![Checked::default(); windows.len()];
    let columns = asked.rows.columns();
    let mut rules = Vec::new();
    for placed in schema.constraints_in(asked.environment) {
        let unknown = placed
            .columns()
            .into_iter()
            .find(|name| columns.iter().all(|column| column.name != *name));
        if let Some(name) = unknown {
            for (_, checked) in with_rows(windows, &mut checked) {
                checked.missing(placed, format!("the data has no column `{name}`"), true);
            }
            continue;
        }
        if let Rule::Freshness(_) = placed.constraint.rule {
            let column = placed.column.unwrap_or_default();
            if let Some((_, checked)) = with_rows(windows, &mut checked).last() {
                match newest(asked, column).await {
                    Ok(Some(newest)) => {
                        let age = asked.now.timestamp_micros() as f64 - newest as f64;
                        checked.take(placed, judge_age(schema, placed, age / 1e6), true);
                    }
                    Ok(None) => checked.missing(placed, "no row has a time".into(), true),
                    Err(error) => checked.missing(placed, error.to_string(), true),
                }
            }
            continue;
        }
        if windows
            .iter()
            .filter(|window| window.rows > 0)
            .all(|window| holds_by_profile(placed, window))
        {
            continue;
        }
        match compile(asked, origin, &columns, placed).await {
            Ok(rule) => rules.push((placed, rule)),
            Err(reason) => {
                for (_, checked) in with_rows(windows, &mut checked) {
                    checked.missing(placed, reason.clone(), true);
                }
            }
        }
    }
    let asked_rules: Vec<RowRule> = rules.iter().map(|(_, rule)| rule.clone()).collect();
    let counts = asked.rows.count_broken(&asked_rules, asked.windows).await;
    for ((placed, rule), counts) in rules.into_iter().zip(counts) {
        let counts = match counts {
            Ok(counts) => counts,
            Err(error) => {
                let reason = not_counted(schema, origin, placed, error)?;
                for (_, checked) in with_rows(windows, &mut checked) {
                    checked.missing(placed, reason.clone(), true);
                }
                continue;
            }
        };
        let needs_examples = asked.examples
            && counts.values().any(|count| {
                matches!(
                    judge(schema, placed, counted(*count, Vec::new())),
                    Judgement::Broken(_)
                )
            });
        let limit = placed.constraint.examples.unwrap_or(Constraint::EXAMPLES) as usize;
        let mut examples = match needs_examples && limit > 0 {
            true => {
                asked
                    .rows
                    .broken_values(&rule, asked.windows, limit)
                    .await?
            }
            false => BTreeMap::new(),
        };
        for (window, checked) in with_rows(windows, &mut checked) {
            let count = counts.get(&window.span).copied().unwrap_or_default();
            let shown = examples.remove(&window.span).unwrap_or_default();
            let evidence = shown.into_iter().map(|value| UnexpectedValue {
                value: value.value,
                count: value.rows,
                share: value.rows as f64 / count.judged.max(1) as f64,
            });
            // A rule that says nothing of any of its rows is not what was meant.
            let required = count.rows > 0;
            let judgement = judge(schema, placed, counted(count, evidence.collect()));
            checked.take(placed, judgement, required);
        }
    }
    Ok(checked)
}

/// A rule about single rows as an expression of SQL that is false of the rows that break
/// it, and its filter; `None` for rules about several rows.
pub(crate) fn row_predicate(
    placed: Placed<'_>,
    columns: &[ColumnInfo],
) -> Option<(String, Option<String>)> {
    match placed.constraint.rule {
        Rule::Key { .. } | Rule::Monotone { .. } | Rule::References { .. } | Rule::Freshness(_) => {
            return None;
        }
        _ => {}
    }
    let column = placed.column.unwrap_or_default();
    let info = columns.iter().find(|info| info.name == column);
    let kind = info.map(|info| &info.data_type);
    let sql = sql::predicate(&placed.constraint.rule, &quoted(column), kind);
    Some((sql, placed.constraint.filter.clone()))
}

/// Whether a rule asks which row comes before which, and leaves that to the files.
pub(crate) fn needs_file_order(schema: &Schema) -> bool {
    let placed = schema.all_constraints();
    placed
        .iter()
        .any(|placed| matches!(&placed.constraint.rule, Rule::Monotone { by, .. } if by.is_empty()))
}

fn with_rows<'a, 'b>(
    windows: &'a [WindowProfiles<'b>],
    checked: &'a mut [Checked],
) -> impl Iterator<Item = (&'a WindowProfiles<'b>, &'a mut Checked)> {
    windows
        .iter()
        .zip(checked)
        .filter(|(window, _)| window.rows > 0)
}

fn counted(count: RuleCount, examples: Vec<UnexpectedValue>) -> Count {
    Count {
        rows: count.rows,
        judged: count.judged,
        broken: count.broken,
        examples,
    }
}

fn holds_by_profile(placed: Placed<'_>, window: &WindowProfiles<'_>) -> bool {
    let profile = placed.column.and_then(|name| window.columns.get(name));
    profile.is_some_and(|profile| profile_holds(placed.constraint, profile))
}

async fn newest(asked: &CheckedRows<'_>, column: &str) -> Result<Option<i64>, EngineError> {
    let range = asked.rows.time_range(column, asked.zone).await?;
    Ok(range.map(|(_, newest)| newest))
}

/// The rule as the engine asks it, or why it cannot be asked.
async fn compile(
    asked: &CheckedRows<'_>,
    origin: &SchemaOrigin,
    columns: &[ColumnInfo],
    placed: Placed<'_>,
) -> Result<RowRule, String> {
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let column = placed.column.unwrap_or_default();
    let info = columns.iter().find(|info| info.name == column);
    let test = match &placed.constraint.rule {
        Rule::Key { nulls_equal, .. } => RuleTest::Key {
            columns: owned(placed.columns()),
            nulls_equal: *nulls_equal,
        },
        Rule::Monotone {
            direction, by, per, ..
        } => {
            if by.is_empty() && !asked.in_file_order {
                return Err(
                    "the rows have lost the order of their files; name the columns that order them with `by`"
                        .into(),
                );
            }
            RuleTest::Monotone {
                column: column.to_owned(),
                increasing: matches!(
                    direction,
                    Direction::Increasing | Direction::StrictlyIncreasing
                ),
                strict: matches!(
                    direction,
                    Direction::StrictlyIncreasing | Direction::StrictlyDecreasing
                ),
                by: by.clone(),
                per: per.clone(),
            }
        }
        Rule::References { source, key, .. } => {
            let columns = owned(placed.columns());
            let location = if source.contains("://") {
                source.clone()
            } else {
                origin.folder.join(source).display().to_string()
            };
            let opened = asked.engine.open(&Source::new(location)).await;
            let rows = opened.map_err(|error| format!("its source cannot be read: {error}"))?;
            RuleTest::Reference {
                key: match key.is_empty() {
                    true => columns.clone(),
                    false => key.clone(),
                },
                columns,
                rows: Box::new(rows),
            }
        }
        rule => RuleTest::Predicate(sql::predicate(
            rule,
            &quoted(column),
            info.map(|info| &info.data_type),
        )),
    };
    Ok(RowRule {
        test,
        filter: placed.constraint.filter.clone(),
    })
}

/// Why a rule was not counted; a mistake in its text is one in the schema file.
fn not_counted(
    schema: &Schema,
    origin: &SchemaOrigin,
    placed: Placed<'_>,
    error: EngineError,
) -> Result<String, PipelineError> {
    match &error {
        EngineError::Sql { .. } => Err(place::mistake(origin, placed, &error)),
        EngineError::UnknownColumn { column, .. } if schema.column(column).is_none() => {
            Err(place::mistake(origin, placed, &error))
        }
        _ => Ok(error.to_string()),
    }
}
