//! TFDV's own cases of statistics: batches in, messages out.
//!
//! The cases lie beside the repository and are not part of it: where they are absent the
//! tests say so and pass. A small set of our own, in `tfdv_statistics/own.rs`, runs
//! everywhere.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#[path = "tfdv_statistics/cases.rs"]
mod cases;
#[path = "tfdv_statistics/data.rs"]
mod data;
#[path = "tfdv_statistics/generators.rs"]
mod generators;
#[path = "tfdv_statistics/own.rs"]
mod own;
#[path = "tfdv_statistics/semantic.rs"]
mod semantic;
#[path = "tfdv_statistics/table.rs"]
mod table;
#[path = "tfdv_statistics/tree.rs"]
mod tree;
