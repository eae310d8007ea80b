//! Runs the ONNX graph with tract: a fixed batch and a symbolic length.
//!
//! One optimised plan serves every length. A symbolic batch would not: tract
//! panics on a recurrent network that has one. A panic in the loader means
//! "not a model that can be run", so loading is done under `catch_unwind`; it
//! ends with a trial, so that a graph and a manifest which do not fit each
//! other are told apart before the first real text.
//!
//! Every batch starts from a fresh state: in tract a state that is used again
//! hands the LSTM's last hidden values to the next batch (the trial found it).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use tract_onnx::prelude::{
    Datum, Framework, InferenceFact, InferenceModelExt, IntoRunnable, Tensor, ToDim, TractResult,
    TypedRunnableModel, tvec,
};

use crate::bundle::{Manifest, read_model};
use crate::{ScorerError, Tokenizer};

/// How far a text's probability in the trial may differ between a batch of
/// its own copies and a batch of other texts. Rounding may; the graph may not.
const TRIAL_TOLERANCE: f32 = 1e-5;

/// A graph ready to run, by any number of threads at once.
pub(crate) struct Runtime {
    plan: Arc<TypedRunnableModel>,
    batch_size: usize,
}

impl Runtime {
    pub(crate) fn load(
        path: &Path,
        manifest: &Manifest,
        tokenizer: &Tokenizer,
    ) -> Result<Self, ScorerError> {
        let bytes = read_model(path)?;
        let wrong = |problem: String| ScorerError::Model {
            path: path.to_owned(),
            problem,
        };
        if bytes.is_empty() {
            return Err(wrong("the file is empty".to_owned()));
        }
        // Nothing outlives a panic here but the bytes, which are not written to.
        let loaded = catch_unwind(AssertUnwindSafe(|| {
            let runtime = Self {
                plan: plan(&bytes, manifest).map_err(|error| format!("{error:#}"))?,
                batch_size: manifest.batch_size,
            };
            runtime.trial(manifest, tokenizer)?;
            Ok(runtime)
        }));
        match loaded {
            Ok(result) => result.map_err(wrong),
            Err(panic) => Err(wrong(format!(
                "the runtime gave up: {}",
                panic_message(panic.as_ref())
            ))),
        }
    }

    /// Texts in a full batch.
    pub(crate) fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Runs the lengths that go wrong first, with the greatest token id, and
    /// compares a text among its copies with the same text among others.
    fn trial(&self, manifest: &Manifest, tokenizer: &Tokenizer) -> Result<(), String> {
        let greatest = tokenizer.greatest_id();
        for length in [1, 2.min(manifest.max_length), 5.min(manifest.max_length)] {
            let copies = vec![greatest; length * self.batch_size];
            let mut others = copies.clone();
            for (at, id) in others.iter_mut().enumerate().skip(length) {
                *id = at as i64 % (greatest + 1);
            }
            let among_copies = self.run(copies, length)?;
            let among_others = self.run(others, length)?;
            if let Some(value) = among_others.iter().find(|p| !(0.0..=1.0).contains(*p)) {
                return Err(format!("output {value} is no probability"));
            }
            if (among_copies[0] - among_others[0]).abs() > TRIAL_TOLERANCE {
                return Err("a text's score depends on the other texts of its batch".to_owned());
            }
        }
        Ok(())
    }

    /// One value for each text of a full batch; `tokens` holds the texts one
    /// after another, each of `length` ids.
    pub(crate) fn run(&self, tokens: Vec<i64>, length: usize) -> Result<Vec<f32>, String> {
        let shape = [self.batch_size, length];
        let outputs = Tensor::from_shape(&shape, &tokens)
            .and_then(|tokens| self.plan.run(tvec!(tokens.into())))
            .and_then(|outputs| Ok(outputs[0].try_as_plain_ram()?.as_slice::<f32>()?.to_vec()))
            .map_err(|error| format!("{error:#}"))?;
        if outputs.len() == self.batch_size {
            Ok(outputs)
        } else {
            Err(format!(
                "{} values for {} texts; the output should hold one for each",
                outputs.len(),
                self.batch_size
            ))
        }
    }
}

fn plan(mut bytes: &[u8], manifest: &Manifest) -> TractResult<Arc<TypedRunnableModel>> {
    let mut model = tract_onnx::onnx().model_for_read(&mut bytes)?;
    let length = model.symbols.sym("length").to_dim();
    model.set_input_names([&manifest.inputs[0].name])?;
    model.select_outputs_by_name([&manifest.outputs[0].name])?;
    let shape = tvec!(manifest.batch_size.to_dim(), length);
    model.set_input_fact(0, InferenceFact::dt_shape(i64::datum_type(), shape))?;
    // A declared output shape may contradict the one just set: it is derived.
    model.set_output_fact(0, InferenceFact::default())?;
    model.into_optimized()?.into_runnable()
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it did not say why")
}
