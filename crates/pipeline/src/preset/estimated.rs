//! NannyML's estimates of a model's performance without labels, chunk by chunk.

use super::{
    Measured, MeasuredWindow, NamedColumn, Probabilities, ScoredColumns,
    chunked::{Chunked, Ordered, state},
    configuration, not_evaluated,
};
use crate::PipelineError;
use driftline_drift::{
    performance::{
        Estimator, Metric, Scored,
        loss::{LossError, LossEstimator, LossMetric, Predicted},
    },
    preset::{Column, Kind, nannyml::Limits},
};
use driftline_verdict::FindingKind;
use std::fmt::Display;

/// Adds an estimate of every metric to every window; `features` are the columns that the
/// loss of a regression is learnt from.
///
/// # Errors
/// [`PipelineError::Configuration`] for columns that are no scores, predictions or labels.
pub(crate) fn measure(
    columns: &ScoredColumns,
    features: &[NamedColumn],
    (baseline, window): (&Ordered, &Ordered),
    chunked: &Chunked,
    windows: &mut [MeasuredWindow],
) -> Result<(), PipelineError> {
    let mut put = |metric: &str, values: &[f64], limits: Limits, alerts: &[bool]| {
        for (chunk, window) in windows.iter_mut().enumerate() {
            let value = values[chunk];
            if value.is_nan() {
                let reason = "the chunk has nothing that it could be estimated from";
                window.not_evaluated.push(not_evaluated(metric, reason));
                continue;
            }
            window.measured.push(Measured {
                kind: FindingKind::Performance,
                slice: None,
                column: None,
                measure: metric.to_owned(),
                value,
                p_value: None,
                threshold: limits.upper,
                lower: limits.lower,
                state: state(alerts[chunk]),
                baseline_rows: baseline.rows as u64,
                window_rows: window.rows,
            });
        }
    };
    let failed =
        |error: &dyn Display| configuration(format!("performance cannot be estimated: {error}"));
    let Some(probabilities) = &columns.probabilities else {
        let targets = numbers(baseline, "baseline", &columns.target)?;
        let features: Vec<&NamedColumn> = features
            .iter()
            .filter(|feature| feature.name != columns.target && feature.name != columns.prediction)
            .collect();
        let ours = Regression::of(columns, &features, baseline, baseline, "baseline")?;
        let theirs = Regression::of(columns, &features, window, baseline, "window")?;
        for metric in LossMetric::ALL {
            let cut = chunked.cut.clone();
            let estimator = match LossEstimator::fit(&ours.predicted(), targets, metric, cut) {
                Ok(estimator) => estimator,
                // Not every regression is of numbers that have logarithms.
                Err(LossError::Negative { .. }) => continue,
                Err(error) => return Err(failed(&error)),
            };
            let estimate = estimator
                .estimate(&theirs.predicted())
                .map_err(|error| failed(&error))?;
            put(
                metric.name(),
                &estimate.values,
                estimate.limits,
                &estimate.alerts,
            );
        }
        return Ok(());
    };
    let labels = classes(probabilities, baseline, "baseline", &columns.target)?;
    let ours = Side::of(columns, probabilities, baseline, "baseline")?;
    let theirs = Side::of(columns, probabilities, window, "window")?;
    for metric in Metric::ALL {
        let estimator = Estimator::fit(&ours.scored(), &labels, metric, chunked.cut.clone())
            .map_err(|error| failed(&error))?;
        let estimate = estimator
            .estimate(&theirs.scored())
            .map_err(|error| failed(&error))?;
        put(
            metric.name(),
            &estimate.values,
            estimate.limits,
            &estimate.alerts,
        );
    }
    Ok(())
}

/// Features and predictions of one side.
struct Regression<'a> {
    features: Vec<Vec<f64>>,
    predictions: &'a [f64],
}

impl<'a> Regression<'a> {
    /// A category is its place among the baseline's; one that the baseline does not have is
    /// no value. Texts are no features.
    fn of(
        columns: &ScoredColumns,
        features: &[&NamedColumn],
        ordered: &'a Ordered,
        baseline: &Ordered,
        side: &str,
    ) -> Result<Self, PipelineError> {
        let mut read = Vec::new();
        for feature in features {
            let unread =
                |reason| configuration(format!("`{}` of the {side}: {reason}", feature.name));
            let column = ordered.column(feature).map_err(unread)?;
            match (column, baseline.column(feature).map_err(unread)?) {
                (Column::Numbers { values, .. }, _) => read.push(values.clone()),
                (
                    Column::Categories { codes, labels },
                    Column::Categories { labels: known, .. },
                ) => {
                    let places: Vec<f64> = labels
                        .iter()
                        .map(|label| known.iter().position(|known| known == label))
                        .map(|place| place.map_or(f64::NAN, |place| place as f64))
                        .collect();
                    let place =
                        |code: &Option<u32>| code.map_or(f64::NAN, |at| places[at as usize]);
                    read.push(codes.iter().map(place).collect());
                }
                _ => {}
            }
        }
        Ok(Self {
            features: read,
            predictions: numbers(ordered, side, &columns.prediction)?,
        })
    }

    fn predicted(&self) -> Predicted<'_> {
        Predicted {
            features: self.features.iter().map(Vec::as_slice).collect(),
            predictions: self.predictions,
        }
    }
}

struct Side<'a> {
    scores: Vec<&'a [f64]>,
    predictions: Vec<usize>,
}

impl<'a> Side<'a> {
    fn of(
        columns: &ScoredColumns,
        probabilities: &Probabilities,
        ordered: &'a Ordered,
        side: &str,
    ) -> Result<Self, PipelineError> {
        let scores = probabilities.columns();
        Ok(Self {
            scores: scores
                .into_iter()
                .map(|column| numbers(ordered, side, column))
                .collect::<Result<_, _>>()?,
            predictions: classes(probabilities, ordered, side, &columns.prediction)?,
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
    probabilities: &Probabilities,
    ordered: &Ordered,
    side: &str,
    name: &str,
) -> Result<Vec<usize>, PipelineError> {
    let Probabilities::OfEach(known) = probabilities else {
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
