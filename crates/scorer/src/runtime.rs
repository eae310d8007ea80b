//! Runs the ONNX graph with tract: a fixed batch and a symbolic length.
//!
//! One optimised plan serves every length. A symbolic batch does not: tract
//! panics on a recurrent network, so loading is done under `catch_unwind`, and
//! ends with a trial run that shows mistakes before the first real text.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tract_onnx::prelude::{
    Framework, InferenceFact, InferenceModelExt, IntoRunnable, IntoTValue, Tensor, ToDim,
    TypedRunnableModel, TypedSimpleState, i64 as _, tvec,
};
