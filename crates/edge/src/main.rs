//! The program: all of it is in the library, so that tests can run it beside a server.

use std::process::ExitCode;

fn main() -> ExitCode {
    driftline_edge::main_with(std::env::args_os())
}
