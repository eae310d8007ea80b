//! Many monitors on a virtual clock, on two servers that are killed: each time of each schedule
//! has one run, no more and no less.
//!
//! A week of a few monitors by default, in which Europe's clocks change;
//! `DRIFTLINE_MONTH=1000` lives a month of so many, in which America's do, too.

use crate::support::{FakeEvaluator, Outcome, Running, World};
use chrono::{DateTime, TimeDelta, Utc};
use driftline_monitor::{Clock, Evaluator, ServeOptions};
use driftline_pipeline::config::{CatchUp, ScheduleConfig, ZoneName};
use driftline_store::{RunFilter, RunPosition};
use driftline_verdict::Verdict;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);
const SERVERS: usize = 2;
/// A server is killed in one of so many hours, and started again in as many.
const KILLED_IN: u32 = 12;
const SECOND: Duration = Duration::from_secs(1);
/// How long a second on the virtual clock takes while it is waited for.
const TICK: Duration = Duration::from_millis(20);

struct Scale {
    monitors: usize,
    days: i64,
}

fn scale() -> Scale {
    match std::env::var("DRIFTLINE_MONTH").map(|monitors| monitors.parse()) {
        Ok(monitors) => Scale {
            monitors: monitors.expect("DRIFTLINE_MONTH is a number of monitors"),
            days: 31,
        },
        Err(_) => Scale {
            monitors: 12,
            days: 7,
        },
    }
}

fn schedules(monitors: usize, rng: &mut ChaCha8Rng) -> BTreeMap<String, ScheduleConfig> {
    const ZONES: [&str; 4] = ["UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York"];
    let schedule = |number: usize| {
        let minute = rng.random_range(0..60);
        let hour = rng.random_range(0..24);
        let cron = match number % 12 {
            0 => format!("{minute} * * * *"),
            1..4 => format!("{minute} */6 * * *"),
            11 => format!("{minute} {hour} * * 1"),
            _ => format!("{minute} {hour} * * *"),
        };
        let schedule = ScheduleConfig {
            cron: cron.parse().unwrap(),
            time_zone: ZoneName(ZONES[number % ZONES.len()].parse().unwrap()),
            catch_up: CatchUp::All,
        };
        (format!("m{number:04}"), schedule)
    };
    (0..monitors).map(schedule).collect()
}

struct Month {
    world: World,
    schedules: BTreeMap<String, ScheduleConfig>,
    began: DateTime<Utc>,
    /// The last time of each schedule that is past.
    due: BTreeMap<String, DateTime<Utc>>,
}

impl Month {
    async fn serve(&self) -> Running {
        let evaluators = self.schedules.iter().map(|(name, schedule)| {
            let outcome = Outcome::AsOf(Verdict::Pass);
            FakeEvaluator::scheduled(name, outcome, schedule.clone()) as Arc<dyn Evaluator>
        });
        let options = ServeOptions {
            evaluations_at_once: 4,
            ..self.world.options()
        };
        self.world.serve_with(evaluators.collect(), options).await
    }

    /// Waits until nothing that was due is left; the clock goes on meanwhile, or the leases of
    /// a server that was killed would never run out.
    async fn settle(&mut self) {
        for _ in 0..3_000 {
            let now = self.world.clock.now();
            for (name, schedule) in &self.schedules {
                let mut last = self.due.get(name).copied().unwrap_or(self.began);
                while let Some(next) = schedule.next_after(last).filter(|next| *next <= now) {
                    last = next;
                    self.due.insert(name.clone(), next);
                }
            }
            let states = self.world.store.monitors(None, 10_000).await.unwrap();
            let is_done = states
                .iter()
                .all(|state| state.scheduled_for == self.due.get(&state.id).copied());
            if is_done {
                return;
            }
            tokio::time::sleep(TICK).await;
            self.world.clock.advance(SECOND);
        }
        panic!("at {}: not done", self.world.clock.now());
    }

    /// The times that runs were made as of, by monitor, in order.
    async fn runs(&self) -> BTreeMap<String, Vec<DateTime<Utc>>> {
        let mut runs: BTreeMap<String, Vec<DateTime<Utc>>> = BTreeMap::new();
        let mut after: Option<RunPosition> = None;
        loop {
            let filter = RunFilter::default();
            let page = self.world.store.runs(&filter, after.as_ref(), 10_000).await;
            let page = page.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.position());
            for run in page {
                let made = run.window_end.unwrap().parse().unwrap();
                runs.entry(run.monitor).or_default().push(made);
            }
        }
        runs.values_mut().for_each(|times| times.sort());
        runs
    }

    fn expected(&self) -> BTreeMap<String, Vec<DateTime<Utc>>> {
        let now = self.world.clock.now();
        let times = |schedule: &ScheduleConfig| {
            let mut times = Vec::new();
            let mut last = self.began;
            while let Some(next) = schedule.next_after(last).filter(|next| *next <= now) {
                times.push(next);
                last = next;
            }
            times
        };
        let all = self.schedules.iter();
        all.map(|(name, schedule)| (name.clone(), times(schedule)))
            .filter(|(_, times)| !times.is_empty())
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_time_of_a_schedule_is_missed_or_doubled_though_servers_are_killed() {
    let Scale { monitors, days } = scale();
    let mut rng = ChaCha8Rng::seed_from_u64(31);
    let world = World::new().await;
    let began = "2026-10-20T00:00:30Z".parse().unwrap();
    world.clock.set(began);
    let mut month = Month {
        schedules: schedules(monitors, &mut rng),
        began,
        due: BTreeMap::new(),
        world,
    };
    let mut servers: Vec<Option<Running>> = Vec::new();
    for _ in 0..SERVERS {
        servers.push(Some(month.serve().await));
    }
    let mut killed = 0;
    while month.world.clock.now() - began < TimeDelta::days(days) {
        month.world.clock.advance(HOUR);
        for server in &mut servers {
            if !rng.random_ratio(1, KILLED_IN) {
                continue;
            }
            // In the middle of what is due by now, or before, or after it.
            tokio::time::sleep(Duration::from_millis(rng.random_range(0..30))).await;
            *server = match server.take() {
                Some(running) => {
                    running.task.abort();
                    killed += 1;
                    None
                }
                None => Some(month.serve().await),
            };
        }
        if servers.iter().any(Option::is_some) {
            month.settle().await;
        }
    }
    if servers.iter().all(Option::is_none) {
        servers.push(Some(month.serve().await));
    }
    month.settle().await;
    for running in servers.into_iter().flatten() {
        running.stop().await;
    }
    let runs = month.runs().await;
    let made: usize = runs.values().map(Vec::len).sum();
    println!("{made} runs of {monitors} monitors over {days} days; servers killed {killed} times");
    assert!(killed > 0 && made > 0);
    assert_eq!(runs, month.expected());
}
