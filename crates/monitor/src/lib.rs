//! Runs pipelines once or for ever: delivery, schedule and status API.
//!
//! [`run_once`] is one evaluation: evaluate, commit, try to deliver. [`Server`] does the
//! same at an interval, delivers what is left in the outbox, and answers those who poll.
//! What decides is written before anybody is told: a process may die at any point, and
//! the next one delivers what the last one decided, under the same id.
//!
//! Clock, randomness, HTTP and the evaluation itself stand behind small traits, so that a
//! monitor can live through a month within a test.

mod access;
mod alert;
pub mod api;
mod baseline;
mod clock;
pub mod delivery;
mod error;
mod evaluator;
mod event;
mod gate;
mod oidc;
mod pipeline_evaluator;
mod pipeline_topic;
mod posted;
mod randomness;
mod read_files;
mod run_once;
mod schedule;
#[cfg(feature = "kafka")]
mod schema_registry;
mod serve;
mod silence;
mod stream;
mod telemetry;

pub use access::FreshKey;
pub use api::{AlertItem, openapi};
pub use clock::{Clock, SystemClock, VirtualClock};
pub use error::MonitorError;
pub use evaluator::{Evaluation, EvaluationError, Evaluator, RunRequest};
pub use event::EventSettings;
pub use gate::{Decision, FailOn, Gate, ask_gate};
pub use oidc::OidcSettings;
pub use pipeline_evaluator::PipelineEvaluator;
pub use posted::{PostedContents, PostedLive, ProfileRefusal};
pub use randomness::{Randomness, SeededRandomness};
pub use run_once::{RunOutcome, backfill, new_run_id, run_once};
pub use serve::{ServeOptions, Server};
pub use silence::{SilenceMistake, SilenceRequest};
pub use stream::{OpenTopic, TopicSource};
pub use telemetry::Telemetry;
pub use tokio_util::sync::CancellationToken;
