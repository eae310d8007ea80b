//! Reports of a run for people and for other tools.

pub(crate) mod format;
pub mod model;
