//! NannyML's estimate of a classifier's performance without labels, chunk by chunk.

use super::{
    Measured, MeasuredWindow, NamedColumn, ScoredColumns,
    chunked::{Chunked, Ordered, state},
    configuration, not_evaluated,
};
use crate::PipelineError;
use driftline_drift::{
    performance::{Estimator, Metric, Scored},
    preset::{Column, Kind},
};
use driftline_verdict::FindingKind;

/// Adds an estimate of every metric to every window.
///
/// # Errors
/// [`PipelineError::Configuration`] for columns that are no scores, predictions or labels of
/// two classes.
pub(crate) fn measure(
    columns: &ScoredColumns,
    (baseline, window): (&Ordered, &Ordered),
    chunked: &Chunked,
    windows: &mut [MeasuredWindow],
) -> Result<(), PipelineError> {
    let labels = flags(baseline, "baseline", &columns.target)?;
    let ours = Side::of(columns, baseline, "baseline")?;
    let theirs = Side::of(columns, window, "window")?;
    let failed = |error: driftline_drift::performance::PerformanceError| {
        configuration(format!("performance cannot be estimated: {error}"))
    };
    for metric in Metric::ALL {
        let estimator =
            Estimator::fit(ours.scored(), &labels, metric, chunked.cut.clone()).map_err(failed)?;
        let estimate = estimator.estimate(theirs.scored()).map_err(failed)?;
        for (chunk, window) in windows.iter_mut().enumerate() {
            let value = estimate.values[chunk];
            if value.is_nan() {
                window.not_evaluated.push(not_evaluated(
                    metric.name(),
                    "the chunk has no scores that it could be estimated from",
                ));
                continue;
            }
            window.measured.push(Measured {
                kind: FindingKind::Performance,
                slice: None,
                column: None,
                measure: metric.name().to_owned(),
                value,
                p_value: None,
                threshold: estimate.limits.upper,
                lower: estimate.limits.lower,
                state: state(estimate.alerts[chunk]),
                baseline_rows: baseline.rows as u64,
                window_rows: window.rows,
            });
        }
    }
    Ok(())
}

struct Side {
    scores: Vec<f64>,
    predictions: Vec<bool>,
}

impl Side {
    fn of(columns: &ScoredColumns, ordered: &Ordered, side: &str) -> Result<Self, PipelineError> {
        Ok(Self {
            scores: numbers(ordered, side, &columns.probability)?.to_vec(),
            predictions: flags(ordered, side, &columns.prediction)?,
        })
    }

    fn scored(&self) -> Scored<'_> {
        Scored {
            scores: &self.scores,
            predictions: &self.predictions,
        }
    }
}

fn numbers<'a>(ordered: &'a Ordered, side: &str, name: &str) -> Result<&'a [f64], PipelineError> {
    let column = NamedColumn {
        name: name.to_owned(),
        kind: Kind::Numeric,
    };
    match ordered.column(&column) {
        Ok(Column::Numbers { values, .. }) => Ok(values),
        Ok(_) => Err(configuration(format!("`{name}` holds no numbers"))),
        Err(reason) => Err(configuration(format!(
            "`{name}` of the {side} must be numbers: {reason}"
        ))),
    }
}

fn flags(ordered: &Ordered, side: &str, name: &str) -> Result<Vec<bool>, PipelineError> {
    numbers(ordered, side, name)?
        .iter()
        .enumerate()
        .map(|(row, value)| match value {
            0.0 => Ok(false),
            1.0 => Ok(true),
            value if value.is_nan() => Err(configuration(format!(
                "`{name}` of the {side} has no value in row {row} (from 0); leave such rows out by `--prepare`"
            ))),
            value => Err(configuration(format!(
                "`{name}` of the {side} is {value} in row {row} (from 0); a class is 0 or 1, or false or true"
            ))),
        })
        .collect()
}
