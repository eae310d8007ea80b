//! Folds anomalies, measurements and terms into findings and one [`Verdict`],
//! decides actions, and renders reports.

mod alert;
mod decide;
mod error;
pub mod explain;
mod finding;
pub mod report;
mod workings;

pub use alert::{AlertKey, Sighting, holds_back};
pub use decide::{ActionPolicy, Confirmation, decide_actions, run_verdict, window_verdict};
pub use error::VerdictError;
pub use finding::{
    Action, ActionKind, Concentration, Evidence, Finding, FindingKind, NotEvaluated, Origin, Run,
    Severity, TermClass, TermTier, Verdict, Window, json_schema,
};
pub use report::model::Report;
pub use workings::{LimitWorkings, Workings};
