//! When a monitor is due: at an interval, or at the times of a schedule.
//!
//! An interval counts from this server's last run. The times of a schedule are everybody's:
//! which was the last one stands in the store. What was due before this server began is
//! *missed*, and what happens to it is the schedule's word.

use crate::clock::later;
use chrono::{DateTime, Utc};
use driftline_pipeline::config::{CatchUp, ScheduleConfig};
use driftline_store::MonitorState;
use std::time::Duration;

/// Times that are counted up at once.
const MOST_TIMES: usize = 100_000;
/// Times that a schedule's longest gap is looked for among.
const TIMES_OF_A_GAP: usize = 60;

/// A run that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// The time of the schedule that it is for, if it is for one.
    pub(crate) slot: Option<DateTime<Utc>>,
    /// The time as of which it is made.
    pub(crate) as_of: DateTime<Utc>,
}

impl Due {
    pub(crate) fn out_of_turn(now: DateTime<Utc>) -> Self {
        Self {
            slot: None,
            as_of: now,
        }
    }
}

/// When a monitor is due.
#[derive(Debug, Clone)]
pub(crate) enum Rhythm {
    /// An interval after the last run began.
    Every {
        interval: Duration,
        /// Whether another server had the monitor when this one last asked.
        was_elsewhere: bool,
    },
    /// At the times of a schedule.
    Times {
        schedule: Box<ScheduleConfig>,
        /// When this server began.
        began: DateTime<Utc>,
    },
}

impl Rhythm {
    /// That of a server which began at `began`.
    pub(crate) fn of(
        schedule: Option<ScheduleConfig>,
        interval: Duration,
        began: DateTime<Utc>,
    ) -> Self {
        match schedule {
            Some(schedule) => Self::Times {
                schedule: Box::new(schedule),
                began,
            },
            None => Self::Every {
                interval,
                was_elsewhere: false,
            },
        }
    }

    /// How long an evaluation counts as fresh, unless somebody says: three intervals, or twice
    /// the longest time between two runs.
    pub(crate) fn max_age(&self, now: DateTime<Utc>) -> Duration {
        match self {
            Self::Every { interval, .. } => interval.saturating_mul(3),
            Self::Times { schedule, .. } => {
                let mut longest = Duration::ZERO;
                let mut last = schedule.next_after(now);
                for _ in 0..TIMES_OF_A_GAP {
                    let Some(from) = last else { break };
                    last = schedule.next_after(from);
                    let gap = last.and_then(|to| (to - from).to_std().ok());
                    longest = longest.max(gap.unwrap_or_default());
                }
                longest.saturating_mul(2)
            }
        }
    }

    /// Another server has the monitor.
    pub(crate) fn is_elsewhere(&mut self) {
        if let Self::Every { was_elsewhere, .. } = self {
            *was_elsewhere = true;
        }
    }

    /// What is due now; if nothing is, when to look again.
    pub(crate) fn due(
        &mut self,
        state: Option<&MonitorState>,
        now: DateTime<Utc>,
    ) -> Result<Due, DateTime<Utc>> {
        match self {
            Self::Every {
                interval,
                was_elsewhere,
            } => {
                // Whoever takes over goes on in the other's rhythm.
                let last = state.and_then(|state| state.last_attempt_at);
                match (std::mem::take(was_elsewhere), last) {
                    (true, Some(last)) if later(last, *interval) > now => {
                        Err(later(last, *interval))
                    }
                    _ => Ok(Due::out_of_turn(now)),
                }
            }
            Self::Times { schedule, began } => {
                let done = state.map_or(*began, |state| {
                    state.scheduled_for.unwrap_or(state.created_at)
                });
                due_of(schedule, done, *began, now)
            }
        }
    }

    /// When to look again after a run that began at `began`.
    pub(crate) fn done(&self, due: Due, began: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Every { interval, .. } => later(began, *interval),
            // More may be missed than this one.
            Self::Times { schedule, .. } => due
                .slot
                .and_then(|slot| schedule.next_after(slot))
                .unwrap_or(began),
        }
    }
}

fn due_of(
    schedule: &ScheduleConfig,
    done: DateTime<Utc>,
    began: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Due, DateTime<Utc>> {
    let never = DateTime::<Utc>::MAX_UTC;
    // A clock that was set back does not make what was done undone: the next time is after it.
    let first = schedule.next_after(done).ok_or(never)?;
    if first > now {
        return Err(first);
    }
    let of_slot = |slot, as_of| Due {
        slot: Some(slot),
        as_of,
    };
    if schedule.catch_up == CatchUp::All {
        return Ok(of_slot(first, first));
    }
    let mut newest = first;
    for _ in 0..MOST_TIMES {
        match schedule.next_after(newest) {
            Some(next) if next <= now => newest = next,
            Some(next) if schedule.catch_up == CatchUp::Skip && newest < began => return Err(next),
            _ => break,
        }
    }
    Ok(of_slot(newest, now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftline_pipeline::config::ZoneName;

    fn schedule(catch_up: CatchUp) -> ScheduleConfig {
        ScheduleConfig {
            cron: "0 * * * *".parse().unwrap(),
            time_zone: ZoneName::default(),
            catch_up,
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-11-28T{text}:00Z").parse().unwrap()
    }

    /// What is due at 10:10 when the last run was that of 06:00.
    fn after_a_night(catch_up: CatchUp, began: &str) -> Result<Due, DateTime<Utc>> {
        due_of(&schedule(catch_up), at("06:00"), at(began), at("10:10"))
    }

    #[test]
    fn one_run_stands_for_those_that_were_missed_unless_the_schedule_says_otherwise() {
        let due = after_a_night(CatchUp::Once, "10:05").unwrap();
        assert_eq!((due.slot, due.as_of), (Some(at("10:00")), at("10:10")));
        let due = after_a_night(CatchUp::All, "10:05").unwrap();
        assert_eq!((due.slot, due.as_of), (Some(at("07:00")), at("07:00")));
        assert_eq!(after_a_night(CatchUp::Skip, "10:05"), Err(at("11:00")));
    }

    #[test]
    fn what_comes_late_on_a_server_that_lives_was_not_missed() {
        let due = after_a_night(CatchUp::Skip, "09:30").unwrap();
        assert_eq!(due.slot, Some(at("10:00")));
    }

    #[test]
    fn what_was_done_is_not_done_again_by_a_clock_that_was_set_back() {
        for catch_up in [CatchUp::Once, CatchUp::All, CatchUp::Skip] {
            let due = due_of(&schedule(catch_up), at("12:00"), at("05:00"), at("10:10"));
            assert_eq!(due, Err(at("13:00")));
        }
    }

    #[test]
    fn an_evaluation_is_fresh_for_twice_the_longest_gap() {
        let weekdays = ScheduleConfig {
            cron: "0 6 * * 1-5".parse().unwrap(),
            ..schedule(CatchUp::Once)
        };
        let rhythm = Rhythm::of(Some(weekdays), Duration::ZERO, at("00:00"));
        // From Friday to Monday.
        assert_eq!(rhythm.max_age(at("00:00")).as_secs(), 2 * 3 * 86_400);
    }
}
