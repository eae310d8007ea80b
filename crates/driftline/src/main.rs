//! The `driftline` command line: parse, call, print, exit code. No logic lives here.

mod args;
mod command;
mod exit_code;
mod output;

use clap::Parser;
use driftline_monitor::Telemetry;
use std::process::ExitCode;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt, filter_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

fn main() -> ExitCode {
    let arguments = match args::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are answers, the rest is wrong usage.
            let code = if error.use_stderr() {
                exit_code::USAGE
            } else {
                exit_code::PASS
            };
            return match error.print() {
                Ok(()) => ExitCode::from(code),
                Err(_) => ExitCode::from(exit_code::INFRASTRUCTURE),
            };
        }
    };
    // A panic that nobody catches ends with 5, not with Rust's own 101, and never
    // with a verdict's code. A hook would also see panics that the scorer catches.
    match std::panic::catch_unwind(|| run(arguments)) {
        Ok(code) => ExitCode::from(code),
        Err(_) => ExitCode::from(exit_code::INTERNAL),
    }
}

/// What is logged where `DRIFTLINE_LOG` says nothing. What a scheduler refuses it tells whoever
/// asked, an executor that asks for its build among them.
const LOGGED: &str = "warn,ballista_scheduler::scheduler_server::grpc=off";

/// What is never logged, whatever `DRIFTLINE_LOG` says: what mail servers are told, passwords among it.
const SECRETIVE: &str = "async_smtp";

fn run(arguments: args::Arguments) -> u8 {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            output::tell(&format!("driftline: no threads could be started: {error}"));
            return exit_code::INFRASTRUCTURE;
        }
    };
    let telemetry = listen_to_log(runtime.handle());
    let code = runtime.block_on(async {
        // These drain before they end, so they listen for signals themselves.
        if matches!(
            arguments.verb,
            args::Verb::Serve(_) | args::Verb::Cluster(_)
        ) {
            return ended(command::run(arguments).await);
        }
        tokio::select! {
            result = command::run(arguments) => ended(result),
            code = signalled() => code,
        }
    });
    telemetry.end();
    // What a signal left behind must not be waited for: temporary files go with it.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    code
}

/// Standard error hears what is logged, and a collector, where the environment names one.
fn listen_to_log(runtime: &tokio::runtime::Handle) -> Telemetry {
    let telemetry = Telemetry::from_environment(runtime);
    let log = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(output::colour(&std::io::stderr()))
        // A standard error that nobody reads is no reason to end.
        .log_internal_errors(false)
        .with_filter(
            EnvFilter::try_from_env("DRIFTLINE_LOG")
                .unwrap_or_else(|_| EnvFilter::new(LOGGED))
                .and(filter_fn(|event| !event.target().starts_with(SECRETIVE))),
        );
    let heard = telemetry
        .as_ref()
        .ok()
        .and_then(Telemetry::layer::<Registry>);
    Registry::default().with(heard).with(log).init();
    telemetry.unwrap_or_else(|reason| {
        tracing::warn!("no traces and logs are sent: {reason}");
        Telemetry::default()
    })
}

fn ended(result: miette::Result<u8>) -> u8 {
    match result {
        Ok(code) => code,
        Err(error) => {
            output::tell(&format!("{error:?}"));
            exit_code::of_error(&error)
        }
    }
}

/// Waits for Ctrl-C or SIGTERM and says which code it ends with.
pub(crate) async fn signalled() -> u8 {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => exit_code::TERMINATED,
        interrupted = tokio::signal::ctrl_c() => match interrupted {
            Ok(()) => exit_code::INTERRUPTED,
            Err(_) => std::future::pending().await,
        },
    }
}
