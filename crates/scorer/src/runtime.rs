//! Runs a graph with tract: one plan for every batch and every length, where that holds.
//!
//! A free batch axis may load and then fail, or panic, at eight rows, and so may a free
//! length. So what the file leaves free is tried ([`trial`]): first everything free, then
//! with a fixed batch that short ones are filled up to, then with a plan for each length. A
//! panic in the runtime means "this does not run", so loading is done under `catch_unwind`.
//!
//! Every batch starts from a fresh state: in tract a state that is used again hands the
//! LSTM's last hidden values to the next batch (the trial found it).

mod quiet;
mod trial;

use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;
use serde::Serialize;
use tract_onnx::prelude::{
    DatumType, Framework, InferenceFact, InferenceModelExt, IntoRunnable, IntoTensor, TValue, TVec,
    Tensor, ToDim, TractResult, TypedRunnableModel, tvec,
};

use crate::onnx::{Axis, Graph, TensorSpec};
use crate::remote::Client;
pub(crate) use trial::{Ranges, Seeded, relative_difference};

/// Rows that are run together where neither the file nor the manifest says.
pub(crate) const BATCH_SIZE: usize = 64;
/// Values of an input, where its file fixes them: what a batch may take of memory.
const MOST_VALUES: usize = 1 << 26;
/// Plans for single lengths that are kept.
const MOST_PLANS: usize = 128;

/// A graph ready to run, by any number of threads at once.
#[derive(Debug)]
pub(crate) struct Runtime {
    graph: Graph,
    batch_size: usize,
    plans: Plans,
    axes: Axes,
}

#[derive(Debug)]
enum Plans {
    /// One for every length.
    One(Arc<TypedRunnableModel>),
    /// One for each length, made when it is first met.
    EachLength(Mutex<FxHashMap<usize, Arc<TypedRunnableModel>>>),
    /// None: another server has them.
    Remote(Client),
}

/// What became of the axes that a file leaves free.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Axes {
    /// Whether any number of rows can be run at once; else batches are filled up.
    pub free_batch: bool,
    /// Rows of a batch when a column is scored.
    pub batch_size: usize,
    /// Whether one plan serves every length; else each length has its own.
    pub free_length: bool,
    /// What was tried before, and why it does not hold.
    pub refused: Vec<String>,
    /// How far a row's values differ at most between a batch of its copies and one of other
    /// rows, relative to 1 plus their size.
    pub largest_difference: f64,
}

impl Runtime {
    /// Finds the freest way in which the graph runs.
    pub(crate) fn load(
        graph: Graph,
        batch_size: Option<usize>,
        ranges: &Ranges,
    ) -> Result<Self, String> {
        if let Some(missing) = graph.missing() {
            return Err(missing);
        }
        let of_file = fixed_batch(&graph)?;
        if let (Some(of_file), Some(wanted)) = (of_file, batch_size)
            && of_file != wanted
        {
            return Err(format!(
                "its batches have {of_file} rows, and the manifest says {wanted}"
            ));
        }
        let fixed = of_file.or(batch_size);
        let free_length = graph.inputs.iter().any(has_free_length);
        let mut ways = Vec::new();
        if fixed.is_none() {
            ways.push((true, true));
        }
        ways.push((false, true));
        if free_length {
            ways.push((false, false));
        }
        let mut refused = Vec::new();
        for (free_batch, free) in ways {
            let tried = quiet::catch(|| {
                Self::new(
                    graph.clone(),
                    fixed.unwrap_or(BATCH_SIZE),
                    (free_batch, free),
                    ranges,
                )
            });
            match tried.and_then(|runtime| runtime) {
                Ok(mut runtime) => {
                    runtime.axes.refused = refused;
                    return Ok(runtime);
                }
                Err(problem) => refused.push(match (free_batch, free) {
                    (true, _) => format!("any number of rows at once: {problem}"),
                    (false, true) if !free_length => problem,
                    (false, true) => format!("batches of one size, any length: {problem}"),
                    (false, false) => format!("batches of one size and length: {problem}"),
                }),
            }
        }
        Err(refused.join("; "))
    }

    fn new(
        graph: Graph,
        batch_size: usize,
        (free_batch, free_length): (bool, bool),
        ranges: &Ranges,
    ) -> Result<Self, String> {
        let rows = (!free_batch).then_some(batch_size);
        let plans = if free_length {
            Plans::One(plan(&graph, rows, None).map_err(|error| format!("{error:#}"))?)
        } else {
            Plans::EachLength(Mutex::default())
        };
        let mut runtime = Self {
            graph,
            batch_size,
            plans,
            axes: Axes {
                free_batch,
                batch_size,
                free_length,
                refused: Vec::new(),
                largest_difference: 0.0,
            },
        };
        runtime.axes.largest_difference = trial::trial(&runtime, ranges)?;
        Ok(runtime)
    }

    /// A model that a server runs, which takes batches of any size and length.
    pub(crate) fn remote(client: Client, batch_size: Option<usize>) -> Result<Self, String> {
        let graph = Graph::of_server(client.inputs.clone(), client.outputs.clone());
        let batch_size = fixed_batch(&graph)?.or(batch_size).unwrap_or(BATCH_SIZE);
        Ok(Self {
            graph,
            batch_size,
            plans: Plans::Remote(client),
            axes: Axes {
                free_batch: true,
                batch_size,
                free_length: true,
                refused: Vec::new(),
                largest_difference: 0.0,
            },
        })
    }

    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    pub(crate) fn axes(&self) -> &Axes {
        &self.axes
    }

    /// Rows of a full batch.
    pub(crate) fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Runs a batch: for each input of the graph its tensor, for each output one with as
    /// many rows. A batch that is not free must be full.
    pub(crate) fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, String> {
        let rows = inputs
            .first()
            .map_or(0, |tensor| tensor.shape().first().copied().unwrap_or(0));
        let plan = match &self.plans {
            Plans::Remote(client) => {
                let outputs = client.run(&inputs)?;
                self.check_rows(&outputs, rows)?;
                return Ok(outputs);
            }
            Plans::One(plan) => Arc::clone(plan),
            Plans::EachLength(plans) => {
                let length = self.length_of(&inputs);
                let kept = plans
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get(&length)
                    .cloned();
                match kept {
                    Some(plan) => plan,
                    None => {
                        let made = plan(&self.graph, Some(self.batch_size), Some(length))
                            .map_err(|error| format!("{error:#}"))?;
                        let mut plans = plans.lock().unwrap_or_else(PoisonError::into_inner);
                        if plans.len() >= MOST_PLANS {
                            plans.clear();
                        }
                        plans.insert(length, Arc::clone(&made));
                        made
                    }
                }
            }
        };
        let inputs: TVec<TValue> = inputs.into_iter().map(Tensor::into).collect();
        let outputs = plan.run(inputs).map_err(|error| format!("{error:#}"))?;
        let outputs: Vec<Tensor> = outputs
            .into_iter()
            .map(|value| value.into_tensor())
            .collect();
        self.check_rows(&outputs, rows)?;
        Ok(outputs)
    }

    fn check_rows(&self, outputs: &[Tensor], rows: usize) -> Result<(), String> {
        let names = self.graph.outputs.iter().map(|output| &output.name);
        for (output, name) in outputs.iter().zip(names) {
            if output.shape().first() != Some(&rows) {
                return Err(format!(
                    "the output `{name}` has the shape {:?} for {rows} rows; its first axis should \
                     be the rows, with one value or more for each",
                    output.shape()
                ));
            }
        }
        Ok(())
    }

    /// Length of the free axis of a batch.
    fn length_of(&self, inputs: &[Tensor]) -> usize {
        let free = self.graph.inputs.iter().position(has_free_length);
        free.and_then(|at| inputs.get(at)?.shape().get(1).copied())
            .unwrap_or(0)
    }
}

/// Numbers in the type that an input wants.
pub(crate) fn tensor(shape: &[usize], values: &[f64], wanted: DatumType) -> Result<Tensor, String> {
    let cast = |tensor: Tensor| Ok(tensor.cast_to_dt(wanted)?.into_owned());
    let made: TractResult<Tensor> = if wanted.is_float() {
        Tensor::from_shape(shape, values).and_then(cast)
    } else {
        // Through integers: a token's number is exact up to 2^53, and false is 0.
        let whole: Vec<i64> = values.iter().map(|value| *value as i64).collect();
        Tensor::from_shape(shape, &whole).and_then(cast)
    };
    made.map_err(|error| format!("{error:#}"))
}

/// Values of an output, row after row, as 32-bit floats.
pub(crate) fn values(tensor: &Tensor) -> Result<Vec<f32>, String> {
    let read = || -> TractResult<Vec<f32>> {
        let cast = tensor.cast_to::<f32>()?;
        Ok(cast.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
    };
    read().map_err(|error| format!("{error:#}"))
}

pub(crate) fn has_free_length(input: &TensorSpec) -> bool {
    let axes = input.axes.as_deref().unwrap_or(&[]);
    matches!(axes.get(1), Some(Axis::Free(_)))
}

/// The length of the first axis, where the file fixes it.
fn fixed_batch(graph: &Graph) -> Result<Option<usize>, String> {
    let mut fixed: Option<(usize, &str)> = None;
    for input in &graph.inputs {
        let name = input.name.as_str();
        let values = input
            .axes
            .iter()
            .flatten()
            .try_fold(1_usize, |all, axis| match axis {
                Axis::Fixed(length) => all.checked_mul(*length),
                Axis::Free(_) => Some(all),
            });
        if values.is_none_or(|values| values > MOST_VALUES) {
            return Err(format!(
                "the input `{name}` is {input}, and at most {MOST_VALUES} values are allowed"
            ));
        }
        let Some(axes) = &input.axes else {
            return Err(format!(
                "the input `{name}` has no shape; export the model with one, free where it may differ"
            ));
        };
        match (axes.first(), fixed) {
            (None, _) => {
                return Err(format!(
                    "the input `{name}` is a single number, not one for each row; make it a constant"
                ));
            }
            (Some(Axis::Fixed(rows)), Some((before, other))) if *rows != before => {
                return Err(format!(
                    "the first axes of the inputs `{other}` and `{name}` are {before} and {rows} \
                     long, so neither can be the rows"
                ));
            }
            (Some(Axis::Fixed(rows)), _) => fixed = Some((*rows, name)),
            (Some(Axis::Free(_)), _) => {}
        }
    }
    Ok(fixed.map(|(rows, _)| rows))
}

/// An optimised plan; what is not given is free.
fn plan(
    graph: &Graph,
    rows: Option<usize>,
    length: Option<usize>,
) -> TractResult<Arc<TypedRunnableModel>> {
    let mut model = tract_onnx::onnx().model_for_proto_model(&graph.proto)?;
    let symbol = |name: &str| model.symbols.sym(name).to_dim();
    let row_dimension = rows.map_or_else(|| symbol("rows"), |rows| rows.to_dim());
    // Second axes share one length: token numbers and their mask belong together.
    let length = length.map_or_else(|| symbol("length"), |length| length.to_dim());
    let mut facts = Vec::new();
    for (number, input) in graph.inputs.iter().enumerate() {
        let mut shape = tvec!(row_dimension.clone());
        let axes = input.axes.as_deref().unwrap_or(&[]);
        for (at, axis) in axes.iter().enumerate().skip(1) {
            shape.push(match axis {
                Axis::Fixed(length) => length.to_dim(),
                Axis::Free(_) if at == 1 => length.clone(),
                Axis::Free(name) if !name.is_empty() => symbol(&format!("axis_{name}")),
                Axis::Free(_) => symbol(&format!("axis_{number}_{at}")),
            });
        }
        facts.push(InferenceFact::dt_shape(input.datum_type(), shape));
    }
    for (number, fact) in facts.into_iter().enumerate() {
        model.set_input_fact(number, fact)?;
    }
    for output in 0..graph.outputs.len() {
        // A declared output shape may contradict the one just set: it is derived.
        model.set_output_fact(output, InferenceFact::default())?;
    }
    model.into_optimized()?.into_runnable()
}
