//! The store as its users see it.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes helpers of tests for code that is none"
)]

mod alerts;
mod baseline_versions;
mod changes;
mod commit;
mod leases;
mod maintenance;
mod open;
mod outbox;
mod posted_profiles;
mod postgres;
mod retraining;
mod sources;
mod support;
mod targets;
mod upgrade;
