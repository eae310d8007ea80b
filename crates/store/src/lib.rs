//! Keeps baselines, runs, findings and the outbox; one transaction a run.
//!
//! A decision and what must be told about it are written together: [`Store::commit_run`]
//! writes the run, its windows and findings, the baseline it rests on, the state of the
//! monitor and of its alerts, a retraining request, the events and one outbox row for each
//! event and target, or nothing. Delivery is another's work: it claims outbox rows under a lease
//! ([`Store::claim`]) and settles them ([`Store::settle`]). A process that dies between
//! the two leaves a lease that runs out, so delivery is *at least once*.
//!
//! SQLite or PostgreSQL, by the same statements; what differs stands in `database/`. Time is
//! always an argument.

mod access;
mod alerts;
mod baseline_files;
mod baseline_versions;
mod baselines;
mod changes;
mod column;
mod commit;
mod counts;
mod database;
mod error;
mod events;
mod findings;
mod leases;
mod list;
mod maintenance;
mod migrate;
mod monitors;
mod outbox;
mod posted_profiles;
mod read_files;
mod retraining;
mod runs;
mod silences;
mod streams;
mod targets;
mod windows;

pub use access::{ApiKey, AuditEntry, AuditPosition, Scope};
pub use alerts::{
    Alert, AlertChanges, AlertFilter, AlertPosition, AlertState, AlertsBefore, DecideAlerts,
};
pub use baseline_files::BaselineFile;
pub use baseline_versions::{
    BaselineFilter, BaselinePosition, BaselineState, BaselineVersion, BuiltBaseline,
    PromotionRefusal, TrainingData,
};
pub use baselines::BaselineRecord;
pub use changes::{Change, KeptAnswer, RequestKey};
pub use commit::{Committed, RunCommit};
pub use counts::Counts;
pub use database::{Store, StoreOptions};
pub use error::StoreError;
pub use events::{Event, EventFilter, EventPosition, NewEvent};
pub use findings::{FindingFilter, FindingPosition, FoundFinding};
pub use leases::Lease;
pub use maintenance::{CheckReport, Problem, PrunePolicy, PruneReport, RowCount};
pub use migrate::latest_version;
pub use monitors::{FailedRun, MonitorSettings, MonitorState};
pub use outbox::{
    Claim, ClaimRequest, OutboxFilter, OutboxPosition, OutboxRow, OutboxState, Replay, Settlement,
};
pub use posted_profiles::{
    PostOutcome, PostedFilter, PostedPosition, PostedProfile, ProfileContent, ProfileKey,
};
pub use read_files::{ReadFile, ReadFiles, ReadTargets};
pub use retraining::{
    ClaimRefusal, NewRetrainingRequest, RetrainingFilter, RetrainingOutcome, RetrainingPosition,
    RetrainingRequest, RetrainingState,
};
pub use runs::{RunFilter, RunPosition, RunSummary};
pub use silences::{Silence, SilenceFilter, SilencePosition};
pub use streams::{
    DeadLetter, ReadPartition, StreamClosing, StreamPane, StreamPartition, StreamProgress,
    StreamSegment, StreamState,
};
pub use targets::TargetState;
pub use windows::{JudgedWindow, WindowFilter, WindowPosition, WindowSummary};
