//! The `driftline` command line.

fn main() {}
