//! The binary as its users meet it: arguments in; exit code, output and files out.
//!
//! One test program of many modules, so that the command line is linked once.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes helpers of tests for code that is none"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a process that runs is waited for in real time"
)]

mod alerts;
mod backfill;
mod bad_input;
mod calibrate;
mod cluster;
mod constraints;
mod crate_graph;
mod desk;
mod edges;
mod explain;
mod incremental;
mod init;
mod live_profiles;
mod models;
mod multivariate;
mod orchestrators;
mod packages;
mod pipelines;
#[path = "../../../store/tests/store/postgres.rs"]
mod postgres;
mod presets;
mod real_data;
mod remote;
mod retraining;
mod schema_files;
mod schemas;
mod serve;
mod skew;
mod sources;
mod store;
mod stream;
mod telemetry;
mod tfdv;
mod validation;
mod verbs;
mod waves;
mod webhooks;
