//! When something that is seen in windows becomes an alert, and when that is over.
//!
//! One window proves little, and a value that dances around its limit must not ring a bell at
//! every step. So an alert has a memory:
//!
//! ```text
//!            seen             seen in N of the last M            clear C times
//! inactive ───────> pending ────────────────────────> firing ─────────────────> resolved
//!    ^  ^              │ in none of the last M                                      │
//!    │  └──────────────┘                                                            │
//!    └───────────── the cool-down is over, and it was not seen meanwhile ───────────┘
//! ```
//!
//! No step is left out: what is seen in its first window and needs no second one is pending
//! and firing in the same window. What was seen during the cool-down counts once that is over.
//! A window that says nothing takes a place among the last M, so that old evidence grows old;
//! it neither clears an alert nor keeps it from being cleared.

use serde::{Deserialize, Serialize};

/// What one window says about one alert; ordered by what prevails where a window is judged twice.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Observation {
    /// It was looked for and is not there.
    #[default]
    Clear,
    /// It could not be looked for.
    Unknown,
    /// It is there.
    Seen,
}

/// How far an alert has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// There is nothing.
    #[default]
    Inactive,
    /// Seen, and not yet often enough.
    Pending,
    /// Somebody should know.
    Firing,
    /// Over; it does not fire again before the cool-down is over.
    Resolved,
}

/// How often something must be seen, and not be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertPolicy {
    /// Windows that must show it; 0 reads as 1, more than `of` as `of`.
    pub windows: usize,
    /// Windows that are looked at, the newest and those before it; 0 reads as 1.
    pub of: usize,
    /// Windows in a row, of those that say anything, that must not show it; 0 reads as 1.
    pub clear_for: usize,
    /// Windows after the one that resolved it in which it cannot fire.
    pub cool_down: usize,
}

/// What is remembered of the windows so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertMemory {
    phase: Phase,
    /// Of the last windows while nothing fires, oldest first.
    recent: Vec<Observation>,
    /// Windows in a row without it while it fires.
    clear: usize,
    /// Windows that the cool-down still lasts.
    cooling: usize,
}

impl AlertMemory {
    /// How far the alert has come.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What is remembered after one more window.
    #[must_use]
    pub fn after(&self, seen: Observation, policy: &AlertPolicy) -> Self {
        match self.phase {
            Phase::Inactive | Phase::Pending => self.gathering(seen, policy).judged(policy),
            Phase::Firing => self.firing(seen, policy),
            Phase::Resolved if self.cooling > 0 => Self {
                cooling: self.cooling - 1,
                ..self.gathering(seen, policy)
            },
            Phase::Resolved => self.gathering(seen, policy).judged(policy),
        }
    }

    fn gathering(&self, seen: Observation, policy: &AlertPolicy) -> Self {
        let mut recent = self.recent.clone();
        recent.push(seen);
        let old = recent.len().saturating_sub(policy.of.max(1));
        recent.drain(..old);
        Self {
            recent,
            ..self.clone()
        }
    }

    fn judged(self, policy: &AlertPolicy) -> Self {
        let seen = self
            .recent
            .iter()
            .filter(|seen| **seen == Observation::Seen)
            .count();
        if seen == 0 {
            Self::default()
        } else if seen >= policy.windows.clamp(1, policy.of.max(1)) {
            Self {
                phase: Phase::Firing,
                ..Self::default()
            }
        } else {
            Self {
                phase: Phase::Pending,
                ..self
            }
        }
    }

    fn firing(&self, seen: Observation, policy: &AlertPolicy) -> Self {
        let clear = match seen {
            Observation::Seen => 0,
            Observation::Unknown => self.clear,
            Observation::Clear => self.clear + 1,
        };
        if clear >= policy.clear_for.max(1) {
            Self {
                phase: Phase::Resolved,
                cooling: policy.cool_down,
                ..Self::default()
            }
        } else {
            Self {
                clear,
                ..self.clone()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Observation::{Clear, Seen, Unknown};
    use proptest::prelude::*;

    fn phases(windows: &[Observation], policy: &AlertPolicy) -> Vec<Phase> {
        let mut memory = AlertMemory::default();
        windows
            .iter()
            .map(|seen| {
                memory = memory.after(*seen, policy);
                memory.phase()
            })
            .collect()
    }

    /// The same by looking at all windows again each time.
    fn plainly(windows: &[Observation], policy: &AlertPolicy) -> Vec<Phase> {
        let of = policy.of.max(1);
        let needed = policy.windows.clamp(1, of);
        let (mut evidence_from, mut fired_at, mut resolved_at) = (0, None, None);
        let mut phases = Vec::new();
        for now in 0..windows.len() {
            let phase = if let Some(fired) = fired_at {
                let telling = windows[fired + 1..=now].iter().rev();
                let clear = telling
                    .filter(|seen| **seen != Unknown)
                    .take_while(|seen| **seen == Clear)
                    .count();
                if clear >= policy.clear_for.max(1) {
                    (fired_at, resolved_at, evidence_from) = (None, Some(now), now + 1);
                    Phase::Resolved
                } else {
                    Phase::Firing
                }
            } else if resolved_at.is_some_and(|resolved| now <= resolved + policy.cool_down) {
                Phase::Resolved
            } else {
                let from = evidence_from.max((now + 1).saturating_sub(of));
                let looked_at = &windows[from..=now];
                match looked_at.iter().filter(|seen| **seen == Seen).count() {
                    0 => Phase::Inactive,
                    seen if seen >= needed => {
                        fired_at = Some(now);
                        Phase::Firing
                    }
                    _ => Phase::Pending,
                }
            };
            phases.push(phase);
        }
        phases
    }

    fn any_policy() -> impl Strategy<Value = AlertPolicy> {
        (0_usize..5, 0_usize..6, 0_usize..4, 0_usize..4).prop_map(
            |(windows, of, clear_for, cool_down)| AlertPolicy {
                windows,
                of,
                clear_for,
                cool_down,
            },
        )
    }

    fn any_windows() -> impl Strategy<Value = Vec<Observation>> {
        prop::collection::vec(prop::sample::select(vec![Clear, Unknown, Seen]), 0..40)
    }

    proptest! {
        #[test]
        fn the_memory_says_what_all_windows_say(
            windows in any_windows(), policy in any_policy(),
        ) {
            prop_assert_eq!(phases(&windows, &policy), plainly(&windows, &policy));
        }

        #[test]
        fn an_alert_fires_from_pending_and_resolves_from_firing_only(
            windows in any_windows(), policy in any_policy(),
        ) {
            let mut before = Phase::Inactive;
            for (phase, seen) in phases(&windows, &policy).into_iter().zip(windows) {
                match (before, phase) {
                    (Phase::Firing, Phase::Resolved) => prop_assert_eq!(seen, Clear),
                    (_, Phase::Resolved) => prop_assert_eq!(before, Phase::Resolved),
                    (Phase::Firing, next) => prop_assert_eq!(next, Phase::Firing),
                    _ => {}
                }
                before = phase;
            }
        }

        #[test]
        fn memory_is_bounded(windows in any_windows(), policy in any_policy()) {
            let mut memory = AlertMemory::default();
            for seen in windows {
                memory = memory.after(seen, &policy);
                prop_assert!(memory.recent.len() <= policy.of.max(1));
            }
        }
    }

    #[test]
    fn two_of_three_windows_fire_and_two_clear_ones_resolve() {
        let policy = AlertPolicy {
            windows: 2,
            of: 3,
            clear_for: 2,
            cool_down: 1,
        };
        let windows = [
            Seen, Clear, Seen, Clear, Unknown, Clear, Seen, Seen, Clear, Clear,
        ];
        use Phase::{Firing, Pending, Resolved};
        assert_eq!(
            phases(&windows, &policy),
            [
                Pending, Pending, Firing, Firing, Firing, Resolved, Resolved, Firing, Firing,
                Resolved
            ]
        );
    }

    #[test]
    fn what_is_remembered_survives_being_written_down() {
        let policy = AlertPolicy {
            windows: 2,
            of: 2,
            clear_for: 1,
            cool_down: 0,
        };
        let memory = AlertMemory::default().after(Seen, &policy);
        let written = serde_json::to_string(&memory).unwrap();
        let read: AlertMemory = serde_json::from_str(&written).unwrap();
        assert_eq!(read, memory);
        assert_eq!(read.after(Seen, &policy).phase(), Phase::Firing);
    }
}
