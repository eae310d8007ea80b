//! Waiting for news: `wait=30s`.

use crate::api::Api;
use crate::api::page::Page;
use crate::api::problem::Problem;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use std::time::Duration;
use tokio::sync::{SemaphorePermit, watch};

/// The longest wait: below the minute after which load balancers cut idle connections.
const LONGEST: Duration = Duration::from_secs(55);

/// Reads how long to wait. More than the longest wait is the longest wait.
pub(crate) fn parse(text: &str) -> Result<Duration, Problem> {
    Ok(duration("wait", text)?.min(LONGEST))
}

/// What [`duration`] reads, as those who read the API's description are told.
pub(crate) const DURATION_PATTERN: &str = "^[0-9]{1,18}(ms|s|m|h)?$";

/// Reads `30s`, `500ms`, `1m`, `2h`, or seconds without a unit.
pub(crate) fn duration(parameter: &str, text: &str) -> Result<Duration, Problem> {
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let unit_ms = match unit {
        "" | "s" => 1_000,
        "ms" => 1,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => 0,
    };
    match number.parse::<u64>() {
        Ok(number) if unit_ms > 0 => Ok(Duration::from_millis(number.saturating_mul(unit_ms))),
        _ => Err(Problem::parameter(
            parameter,
            "is no duration: write `30s`, `500ms`, `1m` or `2h`",
        )),
    }
}

/// Reads a page; with `wait`, again at each change as long as nothing is on it.
pub(crate) async fn until_any<T, R>(
    api: &Api,
    wait: Option<Duration>,
    read: impl Fn() -> R,
) -> Result<Page<T>, Problem>
where
    R: Future<Output = Result<Page<T>, Problem>>,
{
    let mut page = read().await?;
    if let Some(duration) = wait
        && page.items.is_empty()
    {
        let mut wait = Wait::begin(api, duration)?;
        // Again: something may have come before the wait began.
        page = read().await?;
        while page.items.is_empty() && wait.next(None).await {
            page = read().await?;
        }
    }
    Ok(page)
}

/// One waiting poll.
pub(crate) struct Wait<'a> {
    api: &'a Api,
    changes: watch::Receiver<i64>,
    end: DateTime<Utc>,
    _permit: SemaphorePermit<'a>,
}

impl<'a> Wait<'a> {
    /// Begins to wait. What is read after this and before [`Wait::next`] misses no change.
    pub(crate) fn begin(api: &'a Api, duration: Duration) -> Result<Self, Problem> {
        let permit = api.waiters.try_acquire().map_err(|_| {
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too_many_waiting",
                "too many polls are waiting: ask without `wait`",
            )
        })?;
        Ok(Self {
            api,
            changes: api.changes.subscribe(),
            end: crate::clock::later(api.clock.now(), duration),
            _permit: permit,
        })
    }

    /// Waits for a change, until `until` if that comes first. False once the time is over,
    /// or when the server goes down.
    pub(crate) async fn next(&mut self, until: Option<DateTime<Utc>>) -> bool {
        let now = self.api.clock.now();
        if now >= self.end || self.api.draining.is_cancelled() {
            return false;
        }
        // Just past the instant, when what was fresh is stale.
        let until = until.map(|until| until + chrono::TimeDelta::milliseconds(1));
        let wake = until.map_or(self.end, |until| until.min(self.end));
        tokio::select! {
            () = self.api.draining.cancelled() => {}
            () = self.api.clock.sleep_until(wake) => {}
            Ok(()) = self.changes.changed() => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_capped_below_a_minute() {
        let millis = |text| parse(text).ok().map(|wait| wait.as_millis());
        assert_eq!(millis("30s"), Some(30_000));
        assert_eq!(millis("30"), Some(30_000));
        assert_eq!(millis("250ms"), Some(250));
        assert_eq!(millis("1m"), Some(55_000));
        assert_eq!(millis("2h"), Some(55_000));
        assert_eq!(millis("18446744073709551615m"), Some(55_000));
        for wrong in ["", "s", "-1s", "1d", "1.5s", "30 s", "字"] {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }
}
