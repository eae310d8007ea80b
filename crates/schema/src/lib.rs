//! What data should look like: infers a schema from a profile and checks a profile against it.
//!
//! The words and rules are those of TensorFlow Data Validation: a *schema* states
//! constraints for each column, a profile that breaks one gives an *anomaly* of
//! TFDV's name. The check never sees rows, only profiles, so it costs the same for a
//! thousand rows and for a thousand million.
//!
//! | step | function |
//! |---|---|
//! | learn a schema from training data | [`infer()`] |
//! | read and write the YAML that people edit | [`Schema::from_yaml`], [`Schema::to_yaml`] |
//! | check data by all that is known of it | [`check::check`] |
//! | check the profiles of a window | [`validate()`] |
//! | state rules about rows, and judge what was counted | [`constraint`] |
//! | help an editor complete the YAML | [`json_schema`] |

pub mod anomaly;
pub mod check;
pub mod constraint;
pub mod diff;
mod error;
mod file;
pub mod infer;
mod json_schema;
pub mod model;
mod outline;
pub mod tfmd;
mod validate;
mod yaml;

pub use anomaly::{Anomaly, AnomalyType, Severity, UnexpectedValue};
pub use constraint::Constraint;
pub use error::SchemaError;
pub use infer::{InferConfig, Ranges, infer, infer_nested, infer_role};
pub use json_schema::json_schema;
pub use model::{
    BooleanDomain, Bounds, Column, ColumnDrift, ColumnType, Number, Presence, Role, Schema,
    SpelledNumber,
};
pub use validate::validate;
