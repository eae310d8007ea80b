//! The binary as its users meet it: arguments in; exit code, output and files out.
//!
//! One test program of many modules, so that the command line is linked once.

mod bad_input;
mod crate_graph;
mod desk;
mod pipelines;
mod schemas;
mod serve;
mod verbs;
mod webhooks;
