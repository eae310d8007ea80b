//! Time, so that tests can make it pass.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use std::fmt::Debug;
use std::time::Duration;
use tokio::sync::watch;

/// What time it is, and waiting.
#[async_trait]
pub trait Clock: Send + Sync + Debug {
    /// The present.
    fn now(&self) -> DateTime<Utc>;

    /// Waits that long.
    async fn sleep(&self, duration: Duration);

    /// Waits until then; not at all if that is past.
    async fn sleep_until(&self, instant: DateTime<Utc>) {
        if let Ok(left) = (instant - self.now()).to_std() {
            self.sleep(left).await;
        }
    }
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    /// Measured by the monotonic clock: a wall clock that jumps neither ends nor prolongs it.
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct VirtualClock {
    now: watch::Sender<DateTime<Utc>>,
}

impl VirtualClock {
    /// A clock that shows this instant.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self {
            now: watch::Sender::new(now),
        }
    }

    /// Moves the clock on, and wakes whoever waited for that.
    pub fn advance(&self, duration: Duration) {
        self.now.send_modify(|now| *now = later(*now, duration));
    }

    /// Sets the clock, also back.
    pub fn set(&self, now: DateTime<Utc>) {
        self.now.send_replace(now);
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.now.borrow()
    }

    async fn sleep(&self, duration: Duration) {
        let mut now = self.now.subscribe();
        let end = later(*now.borrow(), duration);
        // The sender is part of `self` and outlives the wait.
        if now.wait_for(|now| *now >= end).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// `instant + duration`, or the last instant that there is.
pub(crate) fn later(instant: DateTime<Utc>, duration: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(duration)
        .ok()
        .and_then(|duration| instant.checked_add_signed(duration))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// `instant − duration`, or the first instant that there is.
pub(crate) fn earlier(instant: DateTime<Utc>, duration: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(duration)
        .ok()
        .and_then(|duration| instant.checked_sub_signed(duration))
        .unwrap_or(DateTime::<Utc>::MIN_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_sleeper_on_a_virtual_clock_wakes_when_its_time_has_come() {
        let clock = Arc::new(VirtualClock::at(DateTime::UNIX_EPOCH));
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(10)).await }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(9));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        sleeper.await.unwrap();
        assert_eq!(clock.now().timestamp(), 10);
    }

    #[test]
    fn adding_too_much_gives_the_last_instant() {
        assert_eq!(
            later(DateTime::UNIX_EPOCH, Duration::MAX),
            DateTime::<Utc>::MAX_UTC
        );
    }
}
