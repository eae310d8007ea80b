//! Leaves a target alone that fails again and again.
//!
//! Without it, a target that is down costs every waiting event an attempt, and a backlog is
//! given up by the time the target is back. Open, nothing is tried; after a pause one event is
//! (half open), and its outcome closes the breaker or opens it again.

use crate::clock::later;
use chrono::{DateTime, Utc};
use std::time::Duration;

/// Attempts in a row that fail before it opens.
const FAILURES: u32 = 5;
/// The first pause; it doubles with each probe that fails.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// How a target has fared lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Breaker {
    failures: u32,
    /// Probes in a row that failed.
    probes: u32,
    open_until: Option<DateTime<Utc>>,
}

impl Breaker {
    /// How many attempts may be made now, `most` where nothing speaks against it.
    pub(super) fn attempts(&self, most: u32, now: DateTime<Utc>) -> u32 {
        match self.open_until {
            None => most,
            Some(until) if now >= until => most.min(1),
            Some(_) => 0,
        }
    }

    /// How long nothing is tried; `None` where something may be.
    pub(super) fn until_half_open(&self, now: DateTime<Utc>) -> Option<Duration> {
        let left = self.open_until? - now;
        left.to_std().ok().filter(|left| !left.is_zero())
    }

    /// Learns how an attempt ended.
    pub(super) fn learn(&mut self, is_delivered: bool, now: DateTime<Utc>) {
        if is_delivered {
            *self = Self::default();
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            let pause = FIRST_PAUSE.saturating_mul(1 << self.probes.min(10));
            self.open_until = Some(later(now, pause.min(LONGEST_PAUSE)));
            self.probes += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn five_failures_open_it_a_probe_closes_it() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.learn(false, at(0));
            assert_eq!(breaker.attempts(2, at(0)), 2);
        }
        breaker.learn(false, at(0));
        assert_eq!(breaker.attempts(2, at(29)), 0);
        assert_eq!(
            breaker.until_half_open(at(10)),
            Some(Duration::from_secs(20))
        );
        assert_eq!(breaker.attempts(2, at(30)), 1);
        breaker.learn(false, at(30));
        assert_eq!(breaker.attempts(2, at(89)), 0);
        assert_eq!(breaker.attempts(2, at(90)), 1);
        breaker.learn(true, at(90));
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn a_pause_ends() {
        let mut breaker = Breaker::default();
        for second in 0..1_000 {
            breaker.learn(false, at(second));
        }
        assert_eq!(breaker.until_half_open(at(999)), Some(LONGEST_PAUSE));
    }
}
