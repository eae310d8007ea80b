//! TFDV's own test cases, and a few of ours, run against the schema engine on protobufs.
//!
//! The cases of TensorFlow Data Validation are no part of this repository; where they are
//! not beside it, that test says so and the small set here runs alone.

#[path = "tfdv_cases/case.rs"]
mod case;
#[path = "tfdv_cases/messages.rs"]
mod messages;
#[path = "tfdv_cases/own.rs"]
mod own;
#[path = "tfdv_cases/shared.rs"]
mod shared;
