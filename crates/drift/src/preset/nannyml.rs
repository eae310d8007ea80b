//! NannyML 0.13: drift of chunks of rows, against what chunks of the baseline show.
//!
//! Rows are cut into ten chunks in their order. The limit of a measure is the mean of its
//! values on the chunks of the *baseline* plus three standard deviations; a chunk beyond it
//! is an alert. There is no decision for the data set. NannyML keeps infinities and fails
//! on them; here such a column is refused.

pub mod chunk;
pub mod domain_classifier;
pub mod reconstruction;
pub mod univariate;

/// Names of the measures of all columns together; the first is taken where none is asked for.
pub const TOGETHER: [&str; 2] = [reconstruction::NAME, domain_classifier::NAME];

pub use chunk::{Chunks, Cut, Limits};
pub use univariate::Measure;
