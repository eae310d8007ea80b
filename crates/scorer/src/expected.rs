//! Outputs that a model is known to give, and whether it gives them here.
//!
//! A bundle carries them as `expected.json`, a bare `M.onnx` as `M.expected.json` beside it:
//! what its own runtime said of some rows when it was exported. A version that says
//! something else is not put into service.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, StringArray};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tract_onnx::prelude::Tensor;

use crate::ScorerError;
use crate::batch;
use crate::bundle::read_text;
use crate::features::Layout;
use crate::runtime::{Runtime, relative_difference, tensor, values};

const FORMAT_VERSION: u32 = 1;
/// How far values may differ, relative to 1 plus their size.
const TOLERANCE: f64 = 1e-4;

/// Known outputs of some rows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    format_version: u32,
    /// Who computed them: `onnxruntime 1.32.0`.
    runtime: String,
    /// How far values may differ, relative to 1 plus their size.
    #[serde(default)]
    tolerance: Option<f64>,
    /// The rows as columns, for a bundle.
    #[serde(default)]
    columns: BTreeMap<String, Vec<Value>>,
    /// The rows as the graph's inputs.
    #[serde(default)]
    inputs: BTreeMap<String, Numbers>,
    /// The graph's outputs.
    outputs: BTreeMap<String, Numbers>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Numbers {
    shape: Vec<usize>,
    /// Row after row; null is no number.
    values: Vec<Option<f64>>,
}

/// Outputs held against those expected.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Who computed the expected ones.
    pub runtime: String,
    /// Rows that were compared.
    pub rows: usize,
    /// The greatest difference, relative to 1 plus the size of a value.
    pub largest_difference: f64,
    /// The greatest that is allowed.
    pub tolerance: f64,
    /// Output and row of the greatest difference.
    pub at: String,
}

impl Comparison {
    /// Whether the outputs are those expected.
    pub fn holds(&self) -> bool {
        self.largest_difference <= self.tolerance
    }
}

impl Expected {
    pub(crate) fn read(path: &Path) -> Result<Self, ScorerError> {
        let json = read_text(path, "expected outputs")?;
        let wrong = |problem: String| ScorerError::Expected {
            path: path.to_owned(),
            problem,
        };
        let expected: Self =
            serde_json::from_str(&json).map_err(|error| wrong(error.to_string()))?;
        if expected.format_version != FORMAT_VERSION {
            return Err(wrong(format!(
                "`format_version` is {}; this version reads {FORMAT_VERSION}",
                expected.format_version
            )));
        }
        for (name, numbers) in expected.inputs.iter().chain(&expected.outputs) {
            let count = numbers
                .shape
                .iter()
                .try_fold(1_usize, |all, n| all.checked_mul(*n));
            if numbers.shape.is_empty()
                || numbers.rows() == 0
                || count != Some(numbers.values.len())
            {
                return Err(wrong(format!(
                    "`{name}` has {} values for the shape {:?}",
                    numbers.values.len(),
                    numbers.shape
                )));
            }
        }
        Ok(expected)
    }

    /// Runs the rows and compares; `layout` is that of a bundle.
    pub(crate) fn compare(
        &self,
        runtime: &Runtime,
        layout: Option<&Layout>,
    ) -> Result<Comparison, String> {
        let given = match layout {
            Some(layout) if !self.columns.is_empty() => self.of_columns(runtime, layout)?,
            _ => self.of_inputs(runtime)?,
        };
        let mut comparison = Comparison {
            runtime: self.runtime.clone(),
            rows: given.len(),
            largest_difference: 0.0,
            tolerance: self.tolerance.unwrap_or(TOLERANCE),
            at: String::new(),
        };
        for (at, output) in runtime.graph().outputs.iter().enumerate() {
            let Some(expected) = self.outputs.get(&output.name) else {
                continue;
            };
            if expected.rows() != given.len() {
                return Err(format!(
                    "`{}` has {} rows, the inputs {}",
                    output.name,
                    expected.rows(),
                    given.len()
                ));
            }
            for (row, given) in given.iter().enumerate() {
                let wanted = expected.row(row);
                let given = given
                    .as_ref()
                    .map_or(&[][..], |outputs| outputs[at].as_slice());
                let difference = if wanted.len() == given.len() {
                    let pairs = wanted.iter().zip(given);
                    pairs
                        .map(|(a, b)| relative_difference(*a, *b))
                        .fold(0.0, f64::max)
                } else {
                    f64::INFINITY
                };
                if difference > comparison.largest_difference {
                    comparison.largest_difference = difference;
                    comparison.at = format!("`{}`, row {}", output.name, row + 1);
                }
            }
        }
        Ok(comparison)
    }

    fn of_columns(
        &self,
        runtime: &Runtime,
        layout: &Layout,
    ) -> Result<Vec<Option<Vec<Vec<f32>>>>, String> {
        let columns = layout
            .columns()
            .iter()
            .map(|name| {
                let values = self.columns.get(name);
                values
                    .map(|values| array(values))
                    .ok_or_else(|| format!("`columns` lacks `{name}`"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let rows = columns.first().map_or(0, |column| column.len());
        if columns.iter().any(|column| column.len() != rows) {
            return Err("`columns` are of different length".to_owned());
        }
        let encoded = layout.encode(&columns).map_err(|error| error.to_string())?;
        let whole: Vec<usize> = encoded
            .keys()
            .iter()
            .enumerate()
            .filter_map(|(row, key)| key.map(|_| row))
            .collect();
        let mut given = vec![None; rows];
        batch::run(layout, runtime, &encoded, &whole, |at, outputs| {
            given[whole[at]] = Some(outputs.iter().map(|values| values.to_vec()).collect());
            Ok(())
        })
        .map_err(|failed| failed.problem)?;
        Ok(given)
    }

    fn of_inputs(&self, runtime: &Runtime) -> Result<Vec<Option<Vec<Vec<f32>>>>, String> {
        let specs = &runtime.graph().inputs;
        let inputs = specs
            .iter()
            .map(|spec| {
                let numbers = self.inputs.get(&spec.name);
                numbers.ok_or_else(|| format!("`inputs` lack `{}`", spec.name))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let rows = inputs.first().map_or(0, |numbers| numbers.rows());
        if inputs.iter().any(|numbers| numbers.rows() != rows) {
            return Err("`inputs` are of different numbers of rows".to_owned());
        }
        let all: Vec<usize> = (0..rows).collect();
        let size = match runtime.axes().free_batch {
            true => rows,
            false => runtime.batch_size(),
        };
        let mut given = Vec::new();
        for chunk in all.chunks(size.max(1)) {
            let batch: Vec<usize> = chunk.iter().copied().cycle().take(size).collect();
            let tensors = inputs
                .iter()
                .zip(specs)
                .map(|(numbers, spec)| {
                    let mut shape = numbers.shape.clone();
                    shape[0] = batch.len();
                    let made: Vec<f64> =
                        batch.iter().flat_map(|&row| numbers.numbers(row)).collect();
                    tensor(&shape, &made, spec.datum_type())
                })
                .collect::<Result<Vec<Tensor>, _>>()?;
            let outputs = runtime.run(tensors)?;
            let outputs = outputs.iter().map(values).collect::<Result<Vec<_>, _>>()?;
            for place in 0..chunk.len() {
                let of_row = |values: &Vec<f32>| {
                    let width = values.len() / batch.len();
                    values[place * width..(place + 1) * width].to_vec()
                };
                given.push(Some(outputs.iter().map(of_row).collect()));
            }
        }
        Ok(given)
    }
}

impl Numbers {
    fn rows(&self) -> usize {
        self.shape[0]
    }

    fn numbers(&self, row: usize) -> impl Iterator<Item = f64> {
        let width = self.values.len() / self.rows();
        let values = &self.values[row * width..(row + 1) * width];
        values.iter().map(|value| value.unwrap_or(f64::NAN))
    }

    fn row(&self, row: usize) -> Vec<f32> {
        self.numbers(row).map(|value| value as f32).collect()
    }
}

/// A column of JSON values: texts where one is a text, else truth values or numbers.
fn array(values: &[Value]) -> ArrayRef {
    if values.iter().any(Value::is_string) {
        Arc::new(values.iter().map(Value::as_str).collect::<StringArray>())
    } else if values.iter().any(Value::is_boolean) {
        Arc::new(values.iter().map(Value::as_bool).collect::<BooleanArray>())
    } else {
        Arc::new(values.iter().map(Value::as_f64).collect::<Float64Array>())
    }
}
