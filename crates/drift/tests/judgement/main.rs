//! How windows are judged: what fails, what warns, what is never judged, and where it is.
//!
//! One test program of several modules, which share a generator.

mod companions;
mod concentration;
mod effect;
mod season;
#[path = "../synthetic/mod.rs"]
mod synthetic;
mod verdicts;
