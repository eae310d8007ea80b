//! What keeps a store well over the years: checking, pruning, backing up, restoring.

mod backup;
mod check;
mod prune;
mod tables;

pub use check::{CheckReport, Problem};
pub use prune::{PrunePolicy, PruneReport};
pub use tables::RowCount;
