//! The temperature at which a classifier is as often right as it says.
//!
//! Networks are surer than they are right. Dividing their logits by one number, fitted on
//! labelled rows that the model was not trained on, mends most of it and changes no label of a
//! threshold of one half (Guo, Pleiss, Sun, Weinberger 2017, "On calibration of modern neural
//! networks").

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_cast::cast;
use arrow_schema::DataType;
use serde::Serialize;

use crate::batch;
use crate::manifest::{Manifest, OutputMeaning};
use crate::prediction::{Prediction, logits, softmax};
use crate::{Scorer, ScorerError};

/// Levels of confidence, each as wide, over which the calibration error is taken.
const LEVELS: usize = 15;
/// The least rows of each half.
const LEAST_ROWS: usize = 50;
/// Temperatures that are looked through.
const TEMPERATURES: (f32, f32) = (0.05, 20.0);
const STEPS: usize = 60;

/// A fitted temperature, and what it does to rows that it was not fitted on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Version of this format.
    pub format_version: u32,
    /// The model's name and version.
    pub model: String,
    /// What logits are to be divided by.
    pub temperature: f32,
    /// What the manifest divides them by now.
    pub temperature_before: f32,
    /// Rows that it was fitted on.
    pub fitted_rows: usize,
    /// The other half, equal rows on the same side, which the rest is measured on.
    pub held_out_rows: usize,
    /// Rows whose label the model does not know, which were left out.
    pub unknown_labels: usize,
    /// Share of right predictions.
    pub accuracy: f64,
    /// Mean distance of confidence from the share of right predictions, over levels of
    /// confidence, with the manifest's temperature.
    pub expected_error_before: f64,
    /// The same with the new one.
    pub expected_error: f64,
    /// Mean negative logarithm of the true label's probability, in nats, before.
    pub log_loss_before: f64,
    /// The same with the new one.
    pub log_loss: f64,
}

/// A row's logits and its true label.
pub(crate) struct Labelled {
    pub(crate) logits: Vec<f32>,
    pub(crate) label: usize,
}

impl Scorer {
    /// Fits the temperature on one half of labelled rows and measures it on the other; equal
    /// rows are on one side. Each batch has the columns of [`Manifest::columns`] and the true
    /// labels, by their names.
    ///
    /// # Errors
    /// [`ScorerError::Calibration`] for a model that predicts no labels, and for too few rows;
    /// those of [`score_columns`](Self::score_columns).
    pub fn calibrate(
        &self,
        batches: impl IntoIterator<Item = (Vec<ArrayRef>, ArrayRef)>,
    ) -> Result<Calibration, ScorerError> {
        let manifest = self.manifest();
        let wrong = |problem: String| ScorerError::Calibration {
            model: manifest.id(),
            problem,
        };
        let meanings = [
            OutputMeaning::ProbabilityOfSecondLabel,
            OutputMeaning::LogitOfSecondLabel,
            OutputMeaning::Probabilities,
            OutputMeaning::Logits,
        ];
        let output = manifest.output(&meanings);
        let output = output.ok_or_else(|| wrong("it predicts no labels".to_owned()))?;
        let (mut halves, mut unknown_labels) = ([Vec::new(), Vec::new()], 0);
        for (columns, labels) in batches {
            self.labelled(output, &columns, &labels, &mut halves, &mut unknown_labels)?;
        }
        let [fitted, held_out] = halves;
        if fitted.len() < LEAST_ROWS || held_out.len() < LEAST_ROWS {
            return Err(wrong(format!(
                "{} rows with a label that it knows are too few; {} are needed{}",
                fitted.len() + held_out.len(),
                2 * LEAST_ROWS,
                match unknown_labels {
                    0 => String::new(),
                    unknown => format!(
                        "; {unknown} rows have others than {}",
                        manifest.labels.join(", ")
                    ),
                }
            )));
        }
        let temperature = fit(&fitted);
        let before = Measured::of(manifest, &held_out, manifest.temperature);
        let after = Measured::of(manifest, &held_out, temperature);
        Ok(Calibration {
            format_version: 1,
            model: manifest.id(),
            temperature,
            temperature_before: manifest.temperature,
            fitted_rows: fitted.len(),
            held_out_rows: held_out.len(),
            unknown_labels,
            accuracy: after.accuracy,
            expected_error_before: before.expected_error,
            expected_error: after.expected_error,
            log_loss_before: before.log_loss,
            log_loss: after.log_loss,
        })
    }

    fn labelled(
        &self,
        output: usize,
        columns: &[ArrayRef],
        labels: &ArrayRef,
        halves: &mut [Vec<Labelled>; 2],
        unknown_labels: &mut usize,
    ) -> Result<(), ScorerError> {
        let (loaded, manifest) = (&self.loaded, self.manifest());
        let labels = cast(labels, &DataType::Utf8).map_err(|_| ScorerError::NotText {
            data_type: labels.data_type().clone(),
        })?;
        let labels = labels.as_string::<i32>();
        let encoded = loaded.layout.encode(columns)?;
        let mut rows = Vec::new();
        for (row, key) in encoded.keys().into_iter().enumerate() {
            let Some(key) = key.filter(|_| labels.is_valid(row)) else {
                continue;
            };
            let label = manifest
                .labels
                .iter()
                .position(|known| known == labels.value(row));
            match label {
                Some(label) => rows.push((row, (key % 2) as usize, label)),
                None => *unknown_labels += 1,
            }
        }
        let asked: Vec<usize> = rows.iter().map(|(row, ..)| *row).collect();
        let holds = manifest.outputs[output].holds;
        batch::run(
            &loaded.layout,
            &loaded.runtime,
            &encoded,
            &asked,
            |at, outputs| {
                let (_, half, label) = rows[at];
                let logits = logits(holds, outputs[output]);
                if logits.len() == manifest.labels.len() && logits.iter().all(|z| !z.is_nan()) {
                    halves[half].push(Labelled { logits, label });
                }
                Ok(())
            },
        )
        .map_err(|failed| ScorerError::Run {
            model: manifest.id(),
            length: failed.length,
            problem: failed.problem,
        })
    }
}

/// The temperature with the least log loss, by golden section over its logarithm: the loss has
/// one minimum there, being convex in the inverse of the temperature.
pub(crate) fn fit(rows: &[Labelled]) -> f32 {
    let loss = |u: f64| log_loss(rows, u.exp() as f32);
    let (mut low, mut high) = (
        f64::from(TEMPERATURES.0).ln(),
        f64::from(TEMPERATURES.1).ln(),
    );
    let part = (5.0_f64.sqrt() - 1.0) / 2.0;
    for _ in 0..STEPS {
        let (left, right) = (high - part * (high - low), low + part * (high - low));
        match loss(left) < loss(right) {
            true => high = right,
            false => low = left,
        }
    }
    // Digits beyond these are noise of the rows.
    ((((low + high) / 2.0).exp() * 1e4).round() / 1e4) as f32
}

fn log_loss(rows: &[Labelled], temperature: f32) -> f64 {
    let sum: f64 = rows
        .iter()
        .map(|row| {
            let greatest = row.logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let scaled = |z: f32| f64::from((z - greatest) / temperature);
            let all: f64 = row.logits.iter().map(|z| scaled(*z).exp()).sum();
            all.ln() - scaled(row.logits[row.label])
        })
        .sum();
    sum / rows.len() as f64
}

struct Measured {
    accuracy: f64,
    expected_error: f64,
    log_loss: f64,
}

impl Measured {
    fn of(manifest: &Manifest, rows: &[Labelled], temperature: f32) -> Self {
        let mut levels = [(0.0, 0.0); LEVELS];
        let mut right = 0.0;
        for row in rows {
            let predicted = Prediction::new(&softmax(&row.logits, temperature), manifest.threshold);
            let hit = f64::from(u8::from(predicted.label == row.label));
            let level = (predicted.confidence * LEVELS as f32) as usize;
            let level = &mut levels[level.min(LEVELS - 1)];
            level.0 += f64::from(predicted.confidence);
            level.1 += hit;
            right += hit;
        }
        let apart: f64 = levels
            .iter()
            .map(|(said, right)| f64::abs(said - right))
            .sum();
        let count = rows.len() as f64;
        Self {
            accuracy: right / count,
            expected_error: apart / count,
            log_loss: log_loss(rows, temperature),
        }
    }
}

impl Calibration {
    /// For people, a line each.
    pub fn table(&self) -> String {
        let unknown = match self.unknown_labels {
            0 => String::new(),
            rows => format!("; {rows} rows with labels that it does not know left out"),
        };
        format!(
            "{}  temperature {} (before: {})\n\
             rows      {} to fit, {} held out{unknown}\n\
             accuracy  {:.4}\n\
             calibration error  {:.4} (before: {:.4})\n\
             log loss           {:.4} nats (before: {:.4})\n",
            self.model,
            self.temperature,
            self.temperature_before,
            self.fitted_rows,
            self.held_out_rows,
            self.accuracy,
            self.expected_error,
            self.expected_error_before,
            self.log_loss,
            self.log_loss_before,
        )
    }

    /// A manifest's text with the temperature in it; all else stays as it is written.
    pub fn in_manifest(&self, yaml: &str) -> String {
        let line = format!("temperature: {}", self.temperature);
        let mut lines: Vec<&str> = yaml.lines().collect();
        match lines
            .iter()
            .position(|known| known.starts_with("temperature:"))
        {
            Some(at) => lines[at] = &line,
            None => lines.push(&line),
        }
        lines.join("\n") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of two labels whose true logit is that of the model divided by three.
    fn too_sure() -> Vec<Labelled> {
        let rows = (0..4000).map(|at| {
            let truth = f64::from(at % 41) / 10.0 - 2.0;
            let p = 1.0 / (1.0 + (-truth).exp());
            // Evenly spread, so that shares are those of the probabilities.
            let label = usize::from((f64::from(at) * 0.618_034).fract() < p);
            Labelled {
                logits: vec![0.0, 3.0 * truth as f32],
                label,
            }
        });
        rows.collect()
    }

    #[test]
    fn logits_that_are_three_times_too_great_have_a_temperature_of_three() {
        let temperature = fit(&too_sure());
        assert!((temperature - 3.0).abs() < 0.2, "{temperature}");
    }

    #[test]
    fn a_temperature_stands_where_the_old_one_was_or_at_the_end() {
        let found = Calibration {
            format_version: 1,
            model: "m/1".into(),
            temperature: 1.25,
            temperature_before: 1.0,
            fitted_rows: 1,
            held_out_rows: 1,
            unknown_labels: 0,
            accuracy: 1.0,
            expected_error_before: 0.0,
            expected_error: 0.0,
            log_loss_before: 0.0,
            log_loss: 0.0,
        };
        assert_eq!(
            found.in_manifest("a: 1\ntemperature: 2 # old\nb: 3\n"),
            "a: 1\ntemperature: 1.25\nb: 3\n"
        );
        assert_eq!(found.in_manifest("a: 1"), "a: 1\ntemperature: 1.25\n");
    }
}
