//! When to try again.

use crate::Randomness;
use chrono::{DateTime, Utc};
use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// The longest that a target may ask to be left alone.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(6 * HOUR);

/// Delays before each attempt after the first.
#[derive(Debug, Clone, PartialEq)]
pub struct RetrySchedule {
    delays: Vec<Duration>,
    /// Each delay is drawn from ±this share around its value, so that a thousand events
    /// which failed together do not come back together.
    jitter: f64,
}

impl Default for RetrySchedule {
    /// The example of Standard Webhooks 1.0.0: at once, then after 5 s, 5 min, 30 min, 2 h,
    /// 5 h, 10 h, 14 h, 20 h and 24 h, ± 20 %.
    fn default() -> Self {
        let seconds = [
            5,
            5 * MINUTE,
            30 * MINUTE,
            2 * HOUR,
            5 * HOUR,
            10 * HOUR,
            14 * HOUR,
            20 * HOUR,
            24 * HOUR,
        ];
        Self {
            delays: seconds.map(Duration::from_secs).to_vec(),
            jitter: 0.2,
        }
    }
}

impl RetrySchedule {
    /// How long to wait after attempt number `attempt` (from 1) failed; `None` after the
    /// last one.
    pub fn delay(&self, attempt: i64, randomness: &dyn Randomness) -> Option<Duration> {
        let index = usize::try_from(attempt).ok()?.checked_sub(1)?;
        let delay = self.delays.get(index)?;
        Some(delay.mul_f64(1.0 + self.jitter * (2.0 * randomness.unit() - 1.0)))
    }
}

/// What `Retry-After` asks for: seconds, or a date. At most [`LONGEST_RETRY_AFTER`].
pub(crate) fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    let asked = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = DateTime::parse_from_rfc2822(value).ok()?;
            // A date that is past asks for nothing.
            (until.to_utc() - now).to_std().unwrap_or_default()
        }
    };
    Some(asked.min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededRandomness;

    #[derive(Debug)]
    struct Fixed(f64);

    impl Randomness for Fixed {
        fn unit(&self) -> f64 {
            self.0
        }
    }

    #[test]
    fn ten_attempts_then_none() {
        let schedule = RetrySchedule::default();
        let delays: Vec<u64> = (1..=10)
            .filter_map(|attempt| schedule.delay(attempt, &Fixed(0.5)))
            .map(|delay| delay.as_secs())
            .collect();
        // The schedule of the Standard Webhooks specification, without the first 0.
        assert_eq!(
            delays,
            [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
        );
        assert_eq!(schedule.delay(0, &Fixed(0.5)), None);
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        let schedule = RetrySchedule::default();
        let randomness = SeededRandomness::new(1);
        for _ in 0..1_000 {
            let delay = schedule.delay(2, &randomness).unwrap().as_secs_f64();
            assert!((240.0..=360.0).contains(&delay), "{delay}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = DateTime::parse_from_rfc3339("1994-11-06T08:49:37Z")
            .unwrap()
            .to_utc();
        let seconds = |value| retry_after(value, now).map(|delay| delay.as_secs());
        assert_eq!(seconds("120"), Some(120));
        // The example date of RFC 9110, section 5.6.7, one minute later.
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(seconds("31536000"), Some(21_600));
        assert_eq!(seconds("soon"), None);
        assert_eq!(seconds("-5"), None);
    }
}
