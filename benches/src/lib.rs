//! What the measurements share: the titles they are made on, the cards of one stretch
//! of time held against another, the clock, and how results are printed.
//!
//! Every measurement is a binary in `src/bin`, prints a table, and writes the same
//! figures as JSON with `--json FILE`. Data and draws are seeded; only times differ
//! from run to run. Figures for the documentation are taken in release:
//!
//! ```text
//! cargo run --release -p driftline-benches --bin false_alarms
//! ```

pub mod cards;
pub mod community;
pub mod decode;
pub mod invented;
pub mod output;
pub mod past;
pub mod pool;
pub mod process;
pub mod server;
pub mod told;
pub mod weibo;

/// What keeps a measurement from being made.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
