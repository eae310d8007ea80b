//! How much there is of what, for those who watch the service itself.

use crate::column::millis;
use crate::{Store, StoreError};
use chrono::{DateTime, Utc};

/// Rows by how far they have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Alerts.
    pub alerts: Vec<(&'static str, i64)>,
    /// Events for a target.
    pub deliveries: Vec<(&'static str, i64)>,
    /// Retraining requests.
    pub retraining_requests: Vec<(&'static str, i64)>,
}

/// A statement that counts rows by state as they stand at an instant.
const ALERTS: &str = "SELECT state, COUNT(*) FROM alerts WHERE $1 = $1 GROUP BY state";
const DELIVERIES: &str = "SELECT state, COUNT(*) FROM outbox WHERE $1 = $1 GROUP BY state";
const REQUESTS: &str = "SELECT state, COUNT(*) FROM (
         SELECT CASE WHEN state IN ('requested', 'accepted', 'running') AND expires_at <= $1
                     THEN 'expired' ELSE state END AS state
         FROM retraining_requests) AS requests
     GROUP BY state";

impl Store {
    /// Counts, each with its zeros.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn counts(&self, now: DateTime<Utc>) -> Result<Counts, StoreError> {
        Ok(Counts {
            alerts: self
                .by_state(ALERTS, &["pending", "firing", "resolved"], now)
                .await?,
            deliveries: self
                .by_state(
                    DELIVERIES,
                    &["pending", "inflight", "delivered", "dead"],
                    now,
                )
                .await?,
            retraining_requests: self
                .by_state(
                    REQUESTS,
                    &[
                        "requested",
                        "accepted",
                        "running",
                        "succeeded",
                        "failed",
                        "expired",
                    ],
                    now,
                )
                .await?,
        })
    }

    async fn by_state(
        &self,
        statement: &'static str,
        states: &[&'static str],
        now: DateTime<Utc>,
    ) -> Result<Vec<(&'static str, i64)>, StoreError> {
        let counted: Vec<(String, i64)> = sqlx::query_as(statement)
            .bind(millis(now))
            .fetch_all(self.reader())
            .await
            .map_err(|error| self.error("counting", error))?;
        let of = |wanted: &str| {
            let found = counted.iter().find(|(state, _)| state == wanted);
            found.map_or(0, |(_, rows)| *rows)
        };
        Ok(states.iter().map(|state| (*state, of(state))).collect())
    }
}
