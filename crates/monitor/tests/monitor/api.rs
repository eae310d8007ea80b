//! The status API over a real socket.

mod gate;
mod lists;
mod long_poll;
mod one_key;
mod orchestrators;
mod problems;
mod status;

use crate::support::{
    EVERY, FakeEvaluator, MONITOR, Outcome, Running, World, answered, asks_to_retrain, concludes,
    open, window,
};
use driftline_monitor::{
    Clock, Decision, Evaluator, EventSettings, FailOn, MonitorError, ask_gate, run_once,
};
use driftline_verdict::Verdict;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

const STATUS: &str = "/api/v1/monitors/titles/status";

async fn serve(world: &World, evaluator: &Arc<FakeEvaluator>) -> Running {
    let evaluator: Arc<dyn Evaluator> = evaluator.clone();
    world.serve(vec![evaluator]).await
}

/// Lets the next run of the schedule begin, and waits until it is committed.
async fn next_run(world: &World, running: &Running) {
    let before = running.status().await["version"].as_i64().unwrap();
    world.clock.advance(EVERY);
    until_version(running, before + 1).await;
}

async fn until_version(running: &Running, version: i64) {
    for _ in 0..500 {
        if running.status().await["version"].as_i64().unwrap() >= version {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never version {version}");
}
