//! Runs at the times of a schedule, whatever happens between them.

use crate::support::{FakeEvaluator, MONITOR, Outcome, Running, World, concludes};
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use driftline_monitor::{Clock, Evaluator};
use driftline_pipeline::config::{CatchUp, ScheduleConfig, ZoneName};
use driftline_store::{RunFilter, RunSummary};
use driftline_verdict::Verdict;
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

fn hourly(catch_up: CatchUp) -> ScheduleConfig {
    ScheduleConfig {
        cron: "0 * * * *".parse().unwrap(),
        time_zone: ZoneName::default(),
        catch_up,
    }
}

async fn serve(world: &World, catch_up: CatchUp, outcome: Outcome) -> Running {
    let evaluator: Arc<dyn Evaluator> =
        FakeEvaluator::scheduled(MONITOR, outcome, hourly(catch_up));
    world.serve(vec![evaluator]).await
}

async fn slot(world: &World) -> Option<DateTime<Utc>> {
    let state = world.store.monitor("titles").await.unwrap().unwrap();
    state.scheduled_for
}

fn hour(world: &World) -> DateTime<Utc> {
    world
        .clock
        .now()
        .duration_trunc(TimeDelta::hours(1))
        .unwrap()
}

async fn until_slot(world: &World, wanted: DateTime<Utc>) {
    for _ in 0..1_000 {
        if slot(world).await == Some(wanted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never {wanted}, but {:?}", slot(world).await);
}

/// Newest first.
async fn runs(world: &World) -> Vec<RunSummary> {
    let runs = world.store.runs(&RunFilter::default(), None, 1_000).await;
    runs.unwrap()
}

#[tokio::test]
async fn each_hour_of_three_days_has_one_run() {
    let world = World::new().await;
    let running = serve(&world, CatchUp::Once, concludes(1, Verdict::Pass)).await;
    let begin = hour(&world);
    for step in 1..=3 * 72 {
        world.clock.advance(HOUR / 3);
        if hour(&world) > begin && step % 3 == 0 {
            until_slot(&world, hour(&world)).await;
        }
    }
    running.stop().await;
    assert_eq!(slot(&world).await, Some(hour(&world)));
    let hours = (hour(&world) - begin).num_hours();
    assert_eq!(runs(&world).await.len() as i64, hours);
}

#[tokio::test]
async fn what_was_missed_is_made_up_for_once_one_by_one_or_not_at_all() {
    for (catch_up, made_up) in [(CatchUp::Once, 1), (CatchUp::All, 5), (CatchUp::Skip, 0)] {
        let world = World::new().await;
        let running = serve(&world, catch_up, concludes(1, Verdict::Pass)).await;
        world.clock.advance(HOUR);
        until_slot(&world, hour(&world)).await;
        running.stop().await;

        world.clock.advance(HOUR * 5);
        let newest = hour(&world);
        let running = serve(&world, catch_up, concludes(2, Verdict::Pass)).await;
        if made_up > 0 {
            until_slot(&world, newest).await;
        }
        world.clock.advance(HOUR);
        until_slot(&world, hour(&world)).await;
        running.stop().await;
        assert_eq!(runs(&world).await.len(), 1 + made_up + 1, "{catch_up:?}");
    }
}

#[tokio::test]
async fn a_time_whose_run_failed_is_done_and_is_not_tried_in_a_loop() {
    let world = World::new().await;
    let running = serve(&world, CatchUp::Once, Outcome::Error("no such file")).await;
    world.clock.advance(HOUR);
    until_slot(&world, hour(&world)).await;
    let version = running.status().await["version"].clone();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(running.status().await["version"], version);
    running.stop().await;
}
