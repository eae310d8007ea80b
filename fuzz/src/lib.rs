//! Fuzz targets of Driftline's readers: `run.sh` runs them, and so does a test of the main
//! workspace over damaged files of each kind.

#[cfg(feature = "engine")]
pub mod sources;
pub mod targets;
