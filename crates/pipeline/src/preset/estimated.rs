//! NannyML's estimate of a classifier's performance without labels, chunk by chunk.

use super::{
    Measured, MeasuredWindow, NamedColumn, Probabilities, ScoredColumns,
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
/// [`PipelineError::Configuration`] for columns that are no scores, predictions or labels.
pub(crate) fn measure(
    columns: &ScoredColumns,
    (baseline, window): (&Ordered, &Ordered),
    chunked: &Chunked,
    windows: &mut [MeasuredWindow],
) -> Result<(), PipelineError> {
    let labels = classes(columns, baseline, "baseline", &columns.target)?;
    let ours = Side::of(columns, baseline, "baseline")?;
    let theirs = Side::of(columns, window, "window")?;
    let failed = |error: driftline_drift::performance::PerformanceError| {
        configuration(format!("performance cannot be estimated: {error}"))
    };
    for metric in Metric::ALL {
        let estimator =
            Estimator::fit(&ours.scored(), &labels, metric, chunked.cut.clone()).map_err(failed)?;
        let estimate = estimator.estimate(&theirs.scored()).map_err(failed)?;
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

struct Side<'a> {
    scores: Vec<&'a [f64]>,
    predictions: Vec<usize>,
}

impl<'a> Side<'a> {
    fn of(
        columns: &ScoredColumns,
        ordered: &'a Ordered,
        side: &str,
    ) -> Result<Self, PipelineError> {
        let scores = columns.probabilities.columns();
        Ok(Self {
            scores: scores
                .into_iter()
                .map(|column| numbers(ordered, side, column))
                .collect::<Result<_, _>>()?,
            predictions: classes(columns, ordered, side, &columns.prediction)?,
        })
    }

    fn scored(&self) -> Scored<'_> {
        Scored {
            scores: self.scores.clone(),
            predictions: &self.predictions,
        }
    }
}

/// The number of each row's class.
fn classes(
    columns: &ScoredColumns,
    ordered: &Ordered,
    side: &str,
    name: &str,
) -> Result<Vec<usize>, PipelineError> {
    let Probabilities::OfEach(known) = &columns.probabilities else {
        return flags(ordered, side, name);
    };
    let column = NamedColumn {
        name: name.to_owned(),
        kind: Kind::Category,
    };
    let found = ordered.column(&column).map_err(|reason| {
        configuration(format!("`{name}` of the {side} must be classes: {reason}"))
    })?;
    let Column::Categories { codes, labels } = found else {
        return Err(configuration(format!(
            "`{name}` of the {side} holds no classes"
        )));
    };
    let numbers: Vec<Option<usize>> = labels
        .iter()
        .map(|label| known.iter().position(|(class, _)| class == label))
        .collect();
    let names = || {
        let names: Vec<&str> = known.iter().map(|(class, _)| class.as_str()).collect();
        names.join(", ")
    };
    codes
        .iter()
        .enumerate()
        .map(|(row, code)| {
            let code = code.ok_or_else(|| {
                configuration(format!(
                    "`{name}` of the {side} has no value in row {row} (from 0); leave such rows out by `--prepare`"
                ))
            })? as usize;
            numbers[code].ok_or_else(|| {
                configuration(format!(
                    "`{name}` of the {side} is `{}` in row {row} (from 0); `--probability` names the classes {}",
                    labels[code],
                    names()
                ))
            })
        })
        .collect()
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

fn flags(ordered: &Ordered, side: &str, name: &str) -> Result<Vec<usize>, PipelineError> {
    numbers(ordered, side, name)?
        .iter()
        .enumerate()
        .map(|(row, value)| match value {
            0.0 => Ok(0),
            1.0 => Ok(1),
            value if value.is_nan() => Err(configuration(format!(
                "`{name}` of the {side} has no value in row {row} (from 0); leave such rows out by `--prepare`"
            ))),
            value => Err(configuration(format!(
                "`{name}` of the {side} is {value} in row {row} (from 0); a class is 0 or 1, or false or true"
            ))),
        })
        .collect()
}
