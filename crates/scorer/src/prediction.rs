//! What the numbers of an output mean: a label and how sure it is, a value, an embedding.

use std::sync::Arc;

use arrow_array::builder::{Float32Builder, Float64Builder, ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, StructArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, Fields};

use crate::manifest::{Manifest, OutputMeaning, Task};

/// How far a probability may lie outside of 0 to 1, or the sum of a row's from 1.
const ROUNDING: f32 = 1e-3;

/// The label that a model predicts, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The predicted label, as an index into [`Manifest::labels`].
    pub label: usize,
    /// Probability of the predicted label, in `[0, 1]`.
    pub confidence: f32,
    /// Entropy of all labels' probabilities, in bits: 0 where one is certain, at most the
    /// binary logarithm of their number.
    pub entropy: f32,
    /// The greatest probability less the second, in `[0, 1]`.
    pub margin: f32,
}

/// What a model makes of a row.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Score {
    /// Of a classification.
    pub prediction: Option<Prediction>,
    /// Of a classification of more than two labels: the probability of each.
    pub probabilities: Option<Arc<[f32]>>,
    /// Of a regression.
    pub value: Option<f64>,
    /// Of a model that embeds.
    pub embedding: Option<Arc<[f32]>>,
    /// Of a model that reconstructs: the mean squared difference from the row, or what the
    /// graph itself makes of it.
    pub reconstruction_error: Option<f64>,
}

impl Prediction {
    /// From all labels' probabilities; the second of two from the threshold on.
    pub(crate) fn new(probabilities: &[f32], threshold: f32) -> Self {
        let label = match probabilities {
            [_, second] => usize::from(*second >= threshold),
            _ => {
                let first = (0..probabilities.len()).rev();
                first
                    .max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]))
                    .unwrap_or(0)
            }
        };
        let mut sorted = probabilities.to_vec();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let terms = probabilities
            .iter()
            .filter(|p| **p > 0.0)
            .map(|p| -p * p.log2());
        Self {
            label,
            confidence: probabilities[label],
            entropy: terms.sum::<f32>().max(0.0),
            margin: sorted[0] - sorted.get(1).copied().unwrap_or(0.0),
        }
    }
}

/// Reads the outputs of a row, in the manifest's order. None where one of them is no number;
/// an error where they are not what the manifest says.
pub(crate) fn score(
    manifest: &Manifest,
    outputs: &[&[f32]],
    input: impl FnOnce() -> Vec<f64>,
) -> Result<Option<Score>, String> {
    if outputs
        .iter()
        .any(|values| values.iter().any(|value| value.is_nan()))
    {
        return Ok(None);
    }
    let mut score = Score::default();
    let mut input = Some(input);
    for (output, values) in manifest.outputs.iter().zip(outputs) {
        let one = || match values {
            [value] => Ok(*value),
            _ => Err(format!(
                "the output `{}` has {} values for a row; it should have one for each",
                output.name,
                values.len()
            )),
        };
        match output.holds {
            OutputMeaning::Embedding => score.embedding = Some(Arc::from(*values)),
            OutputMeaning::Value => score.value = Some(f64::from(one()?)),
            OutputMeaning::ReconstructionError => {
                score.reconstruction_error = Some(f64::from(one()?));
            }
            OutputMeaning::Reconstruction => {
                let row = input.take().map(|input| input()).unwrap_or_default();
                if row.len() != values.len() {
                    return Err(format!(
                        "the output `{}` has {} values for the {} of a row",
                        output.name,
                        values.len(),
                        row.len()
                    ));
                }
                let squares = row
                    .iter()
                    .zip(*values)
                    .map(|(a, b)| (a - f64::from(*b)).powi(2));
                score.reconstruction_error = Some(squares.sum::<f64>() / row.len() as f64);
            }
            OutputMeaning::ProbabilityOfSecondLabel => {
                let p = probability(&output.name, one()?)?;
                let p = tempered(p, manifest.temperature);
                score.prediction = Some(Prediction::new(&[1.0 - p, p], manifest.threshold));
            }
            OutputMeaning::LogitOfSecondLabel => {
                let p = sigmoid(one()? / manifest.temperature);
                score.prediction = Some(Prediction::new(&[1.0 - p, p], manifest.threshold));
            }
            OutputMeaning::Probabilities | OutputMeaning::Logits => {
                if values.len() != manifest.labels.len() {
                    return Err(format!(
                        "the output `{}` has {} values for the {} labels of the manifest",
                        output.name,
                        values.len(),
                        manifest.labels.len()
                    ));
                }
                let probabilities = match output.holds {
                    OutputMeaning::Logits => softmax(values, manifest.temperature),
                    _ => distribution(&output.name, values, manifest.temperature)?,
                };
                score.prediction = Some(Prediction::new(&probabilities, manifest.threshold));
                if gives_probabilities(manifest) {
                    score.probabilities = Some(probabilities.into());
                }
            }
        }
    }
    Ok(Some(score))
}

/// Whether a score holds the probability of each label. That of the second of two is told by
/// label and confidence.
pub(crate) fn gives_probabilities(manifest: &Manifest) -> bool {
    manifest.task.is_classification() && manifest.labels.len() > 2
}

/// One logit for each label, whatever a classifier's output holds.
pub(crate) fn logits(holds: OutputMeaning, values: &[f32]) -> Vec<f32> {
    match holds {
        OutputMeaning::ProbabilityOfSecondLabel => {
            let inner = values.iter().map(|p| p.clamp(1e-7, 1.0 - 1e-7));
            inner.flat_map(|p| [0.0, (p / (1.0 - p)).ln()]).collect()
        }
        OutputMeaning::LogitOfSecondLabel => values.iter().flat_map(|z| [0.0, *z]).collect(),
        OutputMeaning::Probabilities => values
            .iter()
            .map(|p| p.max(f32::MIN_POSITIVE).ln())
            .collect(),
        _ => values.to_vec(),
    }
}

fn probability(output: &str, value: f32) -> Result<f32, String> {
    if (-ROUNDING..=1.0 + ROUNDING).contains(&value) {
        Ok(value.clamp(0.0, 1.0))
    } else {
        Err(format!(
            "the output `{output}` is {value}, which is no probability; is it a logit?"
        ))
    }
}

/// A probability whose logit is divided.
fn tempered(p: f32, temperature: f32) -> f32 {
    if (temperature - 1.0).abs() < f32::EPSILON {
        p
    } else {
        sigmoid((p / (1.0 - p)).ln() / temperature)
    }
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

pub(crate) fn softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits
        .iter()
        .map(|l| ((l - greatest) / temperature).exp())
        .collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

fn distribution(output: &str, values: &[f32], temperature: f32) -> Result<Vec<f32>, String> {
    for value in values {
        probability(output, *value)?;
    }
    let sum: f32 = values.iter().sum();
    if (sum - 1.0).abs() > ROUNDING * values.len() as f32 {
        return Err(format!(
            "the probabilities of the output `{output}` sum to {sum}; are they logits?"
        ));
    }
    let clamped = values.iter().map(|value| value.clamp(0.0, 1.0));
    if (temperature - 1.0).abs() < f32::EPSILON {
        return Ok(clamped.collect());
    }
    let logits: Vec<f32> = clamped.map(|p| p.max(f32::MIN_POSITIVE).ln()).collect();
    Ok(softmax(&logits, temperature))
}

/// The fields of a model's scores, all nullable.
pub(crate) fn fields(manifest: &Manifest) -> Fields {
    let mut fields = Vec::new();
    let numbers = DataType::List(Arc::new(Field::new_list_field(DataType::Float32, true)));
    if manifest.task.is_classification() {
        fields.push(Field::new("label", DataType::Utf8, true));
        for name in ["confidence", "entropy", "margin"] {
            fields.push(Field::new(name, DataType::Float64, true));
        }
    }
    if gives_probabilities(manifest) {
        fields.push(Field::new("probabilities", numbers.clone(), true));
    }
    if manifest.task == Task::Regression {
        fields.push(Field::new("value", DataType::Float64, true));
    }
    if manifest.output(&[OutputMeaning::Embedding]).is_some() {
        fields.push(Field::new("embedding", numbers, true));
        fields.push(Field::new("embedding_norm", DataType::Float64, true));
    }
    let reconstructs = [
        OutputMeaning::Reconstruction,
        OutputMeaning::ReconstructionError,
    ];
    if manifest.output(&reconstructs).is_some() {
        fields.push(Field::new("reconstruction_error", DataType::Float64, true));
    }
    Fields::from(fields)
}

/// The fields that say something of their own about drift. Entropy and margin of two labels
/// are the confidence in other units; of all probabilities these three tell enough, and of an
/// embedding its length.
pub(crate) fn monitored(manifest: &Manifest) -> Vec<String> {
    let of_two = manifest.task == Task::BinaryClassification;
    fields(manifest)
        .iter()
        .map(|field| field.name().clone())
        .filter(|name| name != "embedding" && name != "probabilities")
        .filter(|name| !(of_two && (name == "entropy" || name == "margin")))
        .collect()
}

/// Scores as a column of structs.
pub(crate) fn column(manifest: &Manifest, scores: &[Option<Score>]) -> StructArray {
    let fields = fields(manifest);
    if fields.is_empty() {
        return StructArray::new_empty_fields(scores.len(), None);
    }
    let numbers = |of: &dyn Fn(&Score) -> Option<f64>| -> ArrayRef {
        let mut numbers = Float64Builder::with_capacity(scores.len());
        for score in scores {
            numbers.append_option(score.as_ref().and_then(of));
        }
        Arc::new(numbers.finish())
    };
    let lists = |of: fn(&Score) -> Option<&Arc<[f32]>>| -> ArrayRef {
        let mut lists = ListBuilder::new(Float32Builder::new());
        for score in scores {
            let numbers = score.as_ref().and_then(of);
            if let Some(numbers) = numbers {
                lists.values().append_slice(numbers);
            }
            lists.append(numbers.is_some());
        }
        Arc::new(lists.finish())
    };
    let predicted = |of: fn(&Prediction) -> f32| {
        numbers(&move |score: &Score| score.prediction.as_ref().map(|p| f64::from(of(p))))
    };
    let columns: Vec<ArrayRef> = fields
        .iter()
        .map(|field| match field.name().as_str() {
            "label" => {
                let mut labels = StringBuilder::new();
                for score in scores {
                    let label = score.as_ref().and_then(|score| score.prediction);
                    labels.append_option(label.map(|p| &manifest.labels[p.label]));
                }
                Arc::new(labels.finish())
            }
            "confidence" => predicted(|p| p.confidence),
            "entropy" => predicted(|p| p.entropy),
            "margin" => predicted(|p| p.margin),
            "value" => numbers(&|score| score.value),
            "reconstruction_error" => numbers(&|score| score.reconstruction_error),
            "embedding_norm" => numbers(&|score| {
                let squares = score
                    .embedding
                    .as_ref()?
                    .iter()
                    .map(|x| f64::from(*x).powi(2));
                Some(squares.sum::<f64>().sqrt())
            }),
            "probabilities" => lists(|score| score.probabilities.as_ref()),
            _ => lists(|score| score.embedding.as_ref()),
        })
        .collect();
    let nulls: NullBuffer = scores.iter().map(Option::is_some).collect();
    StructArray::new(fields, columns, Some(nulls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_labels_give_confidence_entropy_and_margin() {
        let prediction = Prediction::new(&[0.25, 0.5, 0.25], 0.5);
        assert_eq!((prediction.label, prediction.confidence), (1, 0.5));
        assert!((prediction.entropy - 1.5).abs() < 1e-6);
        assert!((prediction.margin - 0.25).abs() < 1e-6);
    }

    #[test]
    fn the_first_of_equal_labels_is_taken_and_a_threshold_moves_only_two() {
        assert_eq!(Prediction::new(&[0.4, 0.4, 0.2], 0.9).label, 0);
        assert_eq!(Prediction::new(&[0.4, 0.6], 0.7).label, 0);
        assert!((Prediction::new(&[0.4, 0.6], 0.7).confidence - 0.4).abs() < 1e-6);
    }

    #[test]
    fn a_temperature_of_two_halves_the_logit() {
        // 1 / (1 + exp(-ln(9) / 2)) = 3/4
        assert!((tempered(0.9, 2.0) - 0.75).abs() < 1e-6);
        let both = distribution("p", &[0.1, 0.9], 2.0).unwrap();
        assert!((both[1] - 0.75).abs() < 1e-6);
        assert!((softmax(&[0.0, 9.0_f32.ln()], 2.0)[1] - 0.75).abs() < 1e-6);
    }

    #[test]
    fn logits_in_the_place_of_probabilities_are_found() {
        assert!(
            probability("p", 3.0)
                .unwrap_err()
                .contains("is it a logit?")
        );
        assert!(
            distribution("p", &[0.9, 0.9], 1.0)
                .unwrap_err()
                .contains("are they logits?")
        );
    }
}
