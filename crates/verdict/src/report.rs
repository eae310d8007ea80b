//! Reports of a run for people and for other tools.
//!
//! Each is a function from values to text: nothing here reads, writes or knows the time.

pub mod chart;
pub(crate) mod format;
mod html;
mod json;
mod junit;
mod markdown;
pub mod model;
mod plain;
mod sarif;
mod summary;
mod table;

pub use format::{misleads, visible};
pub use html::{MAX_SIZE_BYTES, STYLE, html};
pub use json::json;
pub use junit::junit;
pub use markdown::markdown;
pub use plain::{aligned, anomaly_table, term_table};
pub use sarif::sarif;
pub use table::table;
