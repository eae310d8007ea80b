//! A pipeline's YAML, and one evaluation of it, from sources to verdict.
//!
//! [`Evaluator::evaluate`] (`run.rs`) is the file to read first: it is the way of a row, from source
//! to verdict, in about eight calls.

pub mod baseline;
mod baseline_drift;
pub mod calibrate;
mod challenger;
mod concentration;
mod conclude;
pub mod config;
mod constraints;
pub mod custom_validation;
mod error;
pub mod estimate;
pub mod feature_statistics;
mod findings;
mod freeze;
mod hash;
mod incremental;
pub mod init;
mod judge;
mod late_targets;
mod live;
mod live_profiles;
pub mod multivariate;
pub mod novelty;
pub mod offending;
pub mod output;
mod own_windows;
pub mod preset;
mod report;
mod rows;
pub mod run;
mod season;
pub mod single;
pub mod skew;
mod targets;
pub mod tensorboard;
mod term_decisions;
mod term_texts;
mod text_evidence;
pub mod tfdv_files;
pub mod usage;
pub mod validation;
mod watched;
mod window_schema;

pub use baseline::{Baseline, Manifest};
pub use baseline_drift::{BaselineDrift, baseline_drift};
pub use config::Pipeline;
pub use constraints::{RowRules, SchemaOrigin};
pub use error::PipelineError;
pub use freeze::Frozen;
pub use incremental::{ReadFile, ReadFiles};
pub use late_targets::ReadTargets;
pub use live_profiles::{LiveProfile, PostedProfiles, ProfiledWindow};
pub use run::{Evaluation, EvaluationRequest, Evaluator, WindowRows};
pub use term_decisions::{TermDecision, TermDecisions};
