//! Counts of rows by what a model says of them and what is known of them.

use crate::{
    PipelineError,
    config::{Name, PerformanceMeasure},
    rows::{PROBABILITIES, quoted, scored_name},
    targets::TARGET,
};
use driftline_drift::performance::{
    Amount,
    levels::{Cell, Classes, LAST_LEVEL, LEVELS_IN_A_UNIT, Worth},
    loss::LossMetric,
};
use driftline_engine::{AggregateGroups, Rows, Slice, Span, Windows};
use driftline_scorer::{Manifest, Task};
use std::collections::BTreeMap;

/// Columns of a probability's level, and of whether its class is predicted.
const LEVEL: &str = "driftline_probability_level";
const PREDICTED: &str = "driftline_is_predicted";

/// A window, and one of its slices or all of its rows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Group {
    pub(crate) span: Option<Span>,
    pub(crate) slice: Option<Slice>,
}

/// Counts of a group of rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Counts {
    /// Of a classification.
    Classes(Classes),
    /// Of a regression.
    Losses(Losses),
}

/// Sums of a regression's losses.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Losses {
    scored: f64,
    labelled: f64,
    /// Rows that the loss is defined for, its sum and that of its squares.
    sums: BTreeMap<LossMetric, [f64; 3]>,
}

/// The columns of a model's scores.
pub(crate) struct Scores<'a> {
    model: &'a Name,
    manifest: &'a Manifest,
}

impl<'a> Scores<'a> {
    pub(crate) fn new(model: &'a Name, manifest: &'a Manifest) -> Self {
        Self { model, manifest }
    }

    /// Counts rows that were scored and have their true values beside them.
    pub(crate) async fn count(
        &self,
        rows: &Rows,
        slices: &[String],
        windows: Option<&Windows>,
    ) -> Result<BTreeMap<Group, Counts>, PipelineError> {
        let counted = match self.manifest.task {
            Task::Regression => self.losses(rows, slices, windows).await?,
            _ => self.classes(rows, slices, windows).await?,
        };
        // Rows without a time belong to no window.
        let is_of_window = |group: &Group| windows.is_none() || group.span.is_some();
        let counted = counted.into_iter();
        Ok(counted.filter(|(group, _)| is_of_window(group)).collect())
    }

    fn column(&self, field: &str) -> String {
        quoted(&scored_name(self.model, field))
    }

    async fn losses(
        &self,
        rows: &Rows,
        slices: &[String],
        windows: Option<&Windows>,
    ) -> Result<BTreeMap<Group, Counts>, PipelineError> {
        let value = self.column("value");
        let mut asked = Asked::default();
        asked.rows(&format!("{value} IS NOT NULL"));
        asked.rows(&format!("{value} - {TARGET} IS NOT NULL"));
        for metric in LossMetric::ALL {
            let loss = loss(metric, &value);
            asked.rows(&format!("{loss} IS NOT NULL"));
            asked.sum(&loss);
            asked.sum(&format!("{loss} * {loss}"));
        }
        let groups = AggregateGroups { slices, keys: &[] };
        let counted = rows.aggregate_groups(&asked.0, groups, windows).await?;
        let counted = counted.into_iter().map(|row| {
            let mut values = row.values.iter().map(|value| value.unwrap_or(0.0));
            let mut next = || values.next().unwrap_or(0.0);
            let losses = Losses {
                scored: next(),
                labelled: next(),
                sums: LossMetric::ALL
                    .map(|metric| (metric, [next(), next(), next()]))
                    .into(),
            };
            let group = Group {
                span: row.span,
                slice: row.slice,
            };
            (group, Counts::Losses(losses))
        });
        Ok(counted.collect())
    }

    async fn classes(
        &self,
        rows: &Rows,
        slices: &[String],
        windows: Option<&Windows>,
    ) -> Result<BTreeMap<Group, Counts>, PipelineError> {
        let labels = &self.manifest.labels;
        let mut counted: BTreeMap<Group, Classes> = BTreeMap::new();
        // Of two classes the second tells all.
        let first = usize::from(labels.len() == 2);
        for (class, name) in labels.iter().enumerate().skip(first) {
            let (label, name) = (self.column("label"), text(name));
            let probability = match first {
                0 => format!("{}[{}]", self.column(PROBABILITIES), class + 1),
                _ => {
                    let confidence = self.column("confidence");
                    format!(
                        "CASE WHEN {label} = {name} THEN {confidence} ELSE 1.0 - {confidence} END"
                    )
                }
            };
            let probability = format!("least(greatest(CAST({probability} AS DOUBLE), 0.0), 1.0)");
            let odds = format!("(ln({probability}) - ln(1.0 - {probability}))");
            // `greatest` passes over nulls.
            let level = format!(
                "CASE WHEN {label} IS NOT NULL THEN TRY_CAST(least(greatest(round({odds} * {LEVELS_IN_A_UNIT:?}), -{LAST_LEVEL}.0), \
                 {LAST_LEVEL}.0) AS INT) END"
            );
            let rows = rows
                .with_columns(&[
                    (LEVEL.into(), level),
                    (PREDICTED.into(), format!("{label} = {name}")),
                ])
                .await?;
            let mut asked = Asked::default();
            asked.rows("true");
            asked.sum(&probability);
            asked.rows(&format!("{TARGET} IS NOT NULL"));
            asked.rows(&format!("{TARGET} = {name}"));
            let keys = [LEVEL.to_owned(), PREDICTED.to_owned()];
            let groups = AggregateGroups {
                slices,
                keys: &keys,
            };
            for row in rows.aggregate_groups(&asked.0, groups, windows).await? {
                let [level, predicted] = &row.keys[..] else {
                    continue;
                };
                let group = Group {
                    span: row.span,
                    slice: row.slice,
                };
                let classes = counted
                    .entry(group)
                    .or_insert_with(|| Classes::new(labels.len()));
                // Rows without a score have no level.
                let level = level.as_ref().and_then(|level| level.parse().ok());
                let (Some(level), &[scored, said, labelled, positive]) = (level, &row.values[..])
                else {
                    continue;
                };
                let cell = Cell {
                    scored: scored.unwrap_or(0.0),
                    said: said.unwrap_or(0.0),
                    labelled: labelled.unwrap_or(0.0),
                    positive: positive.unwrap_or(0.0),
                };
                classes.add(class, level, predicted.as_deref() == Some("true"), cell);
            }
        }
        let counted = counted.into_iter();
        Ok(counted
            .map(|(group, classes)| (group, Counts::Classes(classes)))
            .collect())
    }
}

/// The loss of a row as SQL, null where it has no target or the loss is not defined.
fn loss(metric: LossMetric, value: &str) -> String {
    let error = format!("({value} - {TARGET})");
    match metric {
        LossMetric::Mae => format!("abs({error})"),
        // The least divisor is that of scikit-learn.
        LossMetric::Mape => format!(
            "(abs({error}) / greatest(abs({TARGET}), {:e}))",
            f64::EPSILON
        ),
        LossMetric::Mse | LossMetric::Rmse => format!("({error} * {error})"),
        LossMetric::Msle | LossMetric::Rmsle => format!(
            "(CASE WHEN {value} > -1.0 AND {TARGET} > -1.0 \
             THEN power(ln(1.0 + {value}) - ln(1.0 + {TARGET}), 2) END)"
        ),
    }
}

impl Counts {
    /// Rows that were scored.
    pub(crate) fn scored(&self) -> f64 {
        match self {
            Self::Classes(classes) => classes.scored(),
            Self::Losses(losses) => losses.scored,
        }
    }

    /// Rows whose true value is known.
    pub(crate) fn labelled(&self) -> f64 {
        match self {
            Self::Classes(classes) => classes.labelled(),
            Self::Losses(losses) => losses.labelled,
        }
    }

    /// What the probabilities of these rows were worth.
    pub(crate) fn worth(&self) -> Worth {
        match self {
            Self::Classes(classes) => classes.worth(),
            Self::Losses(_) => Worth::default(),
        }
    }

    /// What true values show.
    pub(crate) fn realised(&self, measure: PerformanceMeasure) -> Option<Amount> {
        match (self, measure) {
            (Self::Classes(classes), PerformanceMeasure::Classification(metric)) => {
                classes.realised(metric)
            }
            (Self::Losses(losses), PerformanceMeasure::Loss(metric)) => {
                let [rows, sum, squares] = losses.sums.get(&metric)?;
                metric.of_sums(*rows, *sum, *squares)
            }
            _ => None,
        }
    }

    /// What is expected of all rows, and of those whose true value is known.
    pub(crate) fn expected(
        &self,
        measure: PerformanceMeasure,
        worth: &Worth,
    ) -> [Option<Amount>; 2] {
        match (self, measure) {
            (Self::Classes(classes), PerformanceMeasure::Classification(metric)) => [
                classes.expected(metric, worth),
                classes.expected_of_labelled(metric, worth),
            ],
            _ => [None, None],
        }
    }
}

/// Aggregates that are asked for, in order.
#[derive(Default)]
pub(crate) struct Asked(pub(crate) Vec<(String, String)>);

impl Asked {
    /// How many rows meet a condition.
    pub(crate) fn rows(&mut self, condition: &str) {
        self.sum(&format!("CASE WHEN {condition} THEN 1.0 ELSE 0.0 END"));
    }

    /// The sum of an expression.
    pub(crate) fn sum(&mut self, expression: &str) {
        let name = self.0.len().to_string();
        self.0.push((name, format!("sum({expression})")));
    }
}

/// A string as SQL.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}
