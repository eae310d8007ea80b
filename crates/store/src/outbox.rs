//! The outbox: one row for each event and target, awaiting delivery.
//!
//! `pending → inflight → delivered | pending again | dead`. A row in flight is leased to
//! one owner until a time; a lease that ran out is as good as pending, so that a process
//! that died in the middle delays its deliveries and loses none. Settling checks the
//! lease: an owner that was too slow cannot overwrite what the next one found out.

use crate::column::{Instant, from_word, instant, millis, optional_instant, word};
use crate::database::{Connection, Row, count_change};
use crate::list::List as _;
use crate::{Store, StoreError, monitors, targets};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutboxState {
    /// Awaits its next attempt.
    Pending,
    /// Leased to somebody who tries.
    Inflight,
    /// The target said yes.
    Delivered,
    /// Given up.
    Dead,
}

impl OutboxState {
    /// Its name for people; the same as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Inflight => "inflight",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

/// One event for one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OutboxRow {
    /// The event, sent as `webhook-id`.
    pub event_id: String,
    /// The target's name.
    pub target: String,
    /// The monitor whose event it is.
    pub monitor: String,
    /// The event's number within its monitor.
    pub sequence: i64,
    /// The event's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// How far it has come.
    pub state: OutboxState,
    /// Attempts begun.
    pub attempt: i64,
    /// When the next attempt is due.
    #[schemars(with = "Instant")]
    pub next_at: DateTime<Utc>,
    /// When the lease of a row in flight runs out.
    #[schemars(with = "Option<Instant>")]
    pub lease_until: Option<DateTime<Utc>>,
    /// Status of the last answer, where there was one.
    pub last_status: Option<i64>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When the event was decided.
    #[schemars(with = "Instant")]
    pub created_at: DateTime<Utc>,
    /// When the row last changed.
    #[schemars(with = "Instant")]
    pub updated_at: DateTime<Utc>,
}

/// Which rows to list; the default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutboxFilter {
    /// Only those in this state.
    pub state: Option<OutboxState>,
    /// Only this monitor's.
    pub monitor: Option<String>,
    /// Only this target's.
    pub target: Option<String>,
}

/// Where a list of rows goes on: after this one, in oldest-first order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxPosition {
    /// When the event was decided, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// The event.
    pub event_id: String,
    /// The target.
    pub target: String,
}

impl OutboxRow {
    /// The position of this row in a list.
    pub fn position(&self) -> OutboxPosition {
        OutboxPosition {
            created_at_ms: millis(self.created_at),
            event_id: self.event_id.clone(),
            target: self.target.clone(),
        }
    }
}

/// Who claims what.
#[derive(Debug, Clone, Copy)]
pub struct ClaimRequest<'a> {
    /// The claimer, different for every process and task.
    pub owner: &'a str,
    /// Only this monitor's rows.
    pub monitor: &'a str,
    /// Only this target's rows.
    pub target: &'a str,
    /// Only this event, whether its next attempt is due or not.
    pub event_id: Option<&'a str>,
    /// How many at most.
    pub limit: u32,
    /// Only rows before which nothing of the target awaits delivery but what is claimed, too.
    pub in_order: bool,
    /// When the lease runs out.
    pub lease_until: DateTime<Utc>,
}

/// Which deliveries are to be tried again; the default is all that were given up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replay<'a> {
    /// Only this monitor's.
    pub monitor: Option<&'a str>,
    /// Only this target's.
    pub target: Option<&'a str>,
    /// Only this event.
    pub event_id: Option<&'a str>,
    /// Only events decided since then.
    pub since: Option<DateTime<Utc>>,
    /// Those that have arrived, too.
    pub delivered: bool,
}

/// Rows that a request leases: due, or held by nobody any more.
const CLAIMABLE: &str = "($6 = '' OR event_id = $6)
    AND ((state = 'pending' AND ($6 <> '' OR next_at <= $3))
         OR (state = 'inflight' AND lease_until <= $3))";

/// Of the first rows of a target that await delivery, those before which each is leased, too.
const IN_ORDER: &str = "WITH first AS (
         SELECT * FROM outbox
         WHERE monitor_id = $4 AND target = $5 AND state IN ('pending', 'inflight')
         ORDER BY sequence LIMIT $7)
     SELECT event_id, target FROM first
     WHERE sequence < COALESCE(
         (SELECT MIN(sequence) FROM first WHERE NOT ({CLAIMABLE})), 9223372036854775807)";

/// Rows of a target that await delivery, whatever others there are.
const IN_ANY_ORDER: &str = "SELECT event_id, target FROM outbox
     WHERE monitor_id = $4 AND target = $5 AND state IN ('pending', 'inflight') AND {CLAIMABLE}
     ORDER BY sequence LIMIT $7 {SKIP_LOCKED}";

/// A row that one owner may try to deliver until its lease runs out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The event, sent as `webhook-id`.
    pub event_id: String,
    /// The target's name.
    pub target: String,
    /// The monitor whose event it is.
    pub monitor: String,
    /// The event's type.
    pub kind: String,
    /// This attempt's number, from 1.
    pub attempt: i64,
    /// The very bytes to sign and send.
    pub payload: String,
    owner: String,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The target said yes.
    Delivered {
        /// With this status.
        status: u16,
    },
    /// It did not; try again.
    Retry {
        /// The answer's status, where there was one.
        status: Option<u16>,
        /// What went wrong, without secrets.
        error: String,
        /// When to try again.
        next_at: DateTime<Utc>,
    },
    /// Give up.
    Dead {
        /// The answer's status, where there was one.
        status: Option<u16>,
        /// What went wrong, without secrets.
        error: String,
    },
    /// It was claimed, and then not tried: no attempt is counted.
    Untried,
}

impl Store {
    /// Leases rows whose next attempt is due, in the order of their events. No two
    /// claimers get the same row while its lease lasts.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn claim(
        &self,
        request: &ClaimRequest<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Claim>, StoreError> {
        const OPERATION: &str = "claiming deliveries";
        // A reader looks first, so that an idle dispatcher never takes the write lock.
        let due = self
            .next_due(request.monitor, request.target, request.in_order)
            .await?
            .is_some_and(|due| due <= now);
        if !due && request.event_id.is_none() {
            return Ok(Vec::new());
        }
        let claimable = match request.in_order {
            true => IN_ORDER,
            false => IN_ANY_ORDER,
        };
        let claimable = claimable
            .replace("{CLAIMABLE}", CLAIMABLE)
            .replace("{SKIP_LOCKED}", self.backend().skip_locked());
        let mut transaction = self.begin(OPERATION).await?;
        async {
            if request.in_order {
                // What another claims in this moment would neither be seen nor waited for.
                monitors::lock(&mut transaction, request.monitor).await?;
            }
            let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
                "UPDATE outbox
                 SET state = 'inflight', attempt = attempt + 1, lease_owner = $1,
                     lease_until = $2, updated_at = $3
                 WHERE (event_id, target) IN ({claimable})
                 RETURNING event_id, attempt, sequence,
                     (SELECT kind FROM events WHERE events.id = event_id) AS kind,
                     (SELECT payload FROM events WHERE events.id = event_id) AS payload"
            )))
            .bind(request.owner)
            .bind(millis(request.lease_until))
            .bind(millis(now))
            .bind(request.monitor)
            .bind(request.target)
            .bind(request.event_id.unwrap_or(""))
            .bind(i64::from(request.limit))
            .fetch_all(&mut *transaction)
            .await?;
            let mut claims = rows
                .iter()
                .map(|row| {
                    let sequence: i64 = row.try_get("sequence")?;
                    let claim = Claim {
                        event_id: row.try_get("event_id")?,
                        target: request.target.to_owned(),
                        monitor: request.monitor.to_owned(),
                        kind: row.try_get("kind")?,
                        attempt: row.try_get("attempt")?,
                        payload: row.try_get("payload")?,
                        owner: request.owner.to_owned(),
                    };
                    Ok((sequence, claim))
                })
                .collect::<sqlx::Result<Vec<_>>>()?;
            transaction.commit().await?;
            claims.sort_by_key(|(sequence, _)| *sequence);
            Ok(claims.into_iter().map(|(_, claim)| claim).collect())
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }

    /// Writes down how attempts at one target ended, all of them in one transaction. Returns for
    /// each whether it was written: nothing changes where the lease ran out and somebody else
    /// claimed the row.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn settle(
        &self,
        attempts: &[(Claim, Settlement)],
        now: DateTime<Utc>,
    ) -> Result<Vec<bool>, StoreError> {
        const OPERATION: &str = "settling deliveries";
        let mut transaction = self.begin(OPERATION).await?;
        async {
            let (mut settled, mut learnt) = (Vec::new(), None);
            for (claim, settlement) in attempts {
                let is_settled = settle(&mut transaction, claim, settlement, now).await?;
                settled.push(is_settled);
                if !is_settled || *settlement == Settlement::Untried {
                    continue;
                }
                // Of attempts that end alike, a target learns nothing more than of the first.
                let is_delivered = matches!(settlement, Settlement::Delivered { .. });
                if learnt.replace(is_delivered) != Some(is_delivered) {
                    let (monitor, target) = (&claim.monitor, &claim.target);
                    targets::learn(&mut transaction, monitor, target, is_delivered, now).await?;
                }
            }
            let waits = |(_, settlement): &&(Claim, Settlement)| {
                matches!(settlement, Settlement::Retry { .. } | Settlement::Untried)
            };
            if let Some((claim, _)) = attempts.iter().find(waits) {
                let (monitor, target) = (&claim.monitor, &claim.target);
                targets::give_up_if_disabled(&mut transaction, monitor, target, now).await?;
            }
            transaction.commit().await?;
            Ok(settled)
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }

    /// When the next attempt for a target is due; `None` where nothing awaits. In order, that is
    /// the attempt of the first event that awaits.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn next_due(
        &self,
        monitor: &str,
        target: &str,
        in_order: bool,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let due: Option<i64> = sqlx::query_scalar(match in_order {
            true => {
                "SELECT CASE WHEN state = 'pending' THEN next_at ELSE lease_until END
                 FROM outbox
                 WHERE monitor_id = $1 AND target = $2 AND state IN ('pending', 'inflight')
                 ORDER BY sequence LIMIT 1"
            }
            false => {
                // By order and limit: without statistics PostgreSQL takes a minimum of all rows.
                "SELECT MIN(due) FROM (
                     SELECT due FROM (
                         SELECT next_at AS due FROM outbox
                         WHERE monitor_id = $1 AND target = $2 AND state = 'pending'
                         ORDER BY next_at LIMIT 1) AS pending
                     UNION ALL
                     SELECT due FROM (
                         SELECT lease_until AS due FROM outbox
                         WHERE monitor_id = $1 AND target = $2 AND state = 'inflight'
                         ORDER BY lease_until LIMIT 1) AS inflight) AS waiting"
            }
        })
        .bind(monitor)
        .bind(target)
        .fetch_optional(self.reader())
        .await
        .map(Option::flatten)
        .map_err(|error| self.error("looking for due deliveries", error))?;
        optional_instant(due).map_err(|error| self.error("looking for due deliveries", error))
    }

    /// Tries events again that were given up, or have arrived: each of the monitor's, or one of
    /// them, for one target or all. The event keeps its id, and has all its attempts again.
    /// Targets among them that were disabled are enabled. Returns how many deliveries that are.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn replay(&self, replay: &Replay<'_>, now: DateTime<Utc>) -> Result<u64, StoreError> {
        const OPERATION: &str = "replaying events";
        let mut transaction = self.begin(OPERATION).await?;
        async {
            let replayed = sqlx::query(
                "UPDATE outbox
                 SET state = 'pending', attempt = 0, next_at = $1, updated_at = $1
                 WHERE state IN ('dead', $2) AND ($3 = '' OR monitor_id = $3)
                   AND ($4 = '' OR target = $4) AND ($5 = '' OR event_id = $5)
                   AND created_at >= $6",
            )
            .bind(millis(now))
            .bind(if replay.delivered {
                "delivered"
            } else {
                "dead"
            })
            .bind(replay.monitor.unwrap_or(""))
            .bind(replay.target.unwrap_or(""))
            .bind(replay.event_id.unwrap_or(""))
            .bind(replay.since.map_or(i64::MIN, millis))
            .execute(&mut *transaction)
            .await?
            .rows_affected();
            let enabled = targets::enable(&mut transaction, replay.monitor, replay.target).await?;
            if replayed + enabled > 0 {
                count_change(&mut transaction).await?;
            }
            transaction.commit().await?;
            Ok(replayed)
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }

    /// The newest rows of the outbox, newest first.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn newest_deliveries(
        &self,
        filter: &OutboxFilter,
        limit: u32,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let list = sqlx::query(
            "SELECT outbox.*, events.kind
             FROM outbox JOIN events ON events.id = outbox.event_id
             WHERE ($1 = '' OR outbox.state = $1) AND ($2 = '' OR outbox.monitor_id = $2)
               AND ($3 = '' OR outbox.target = $3)
             ORDER BY outbox.created_at DESC, outbox.event_id DESC, outbox.target DESC
             LIMIT $4",
        )
        .wanted_word(filter.state.as_ref())
        .wanted(filter.monitor.as_deref())
        .wanted(filter.target.as_deref())
        .bind(i64::from(limit));
        self.rows("listing the outbox", list, read).await
    }

    /// Rows of the outbox, oldest first, those after `after`.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn outbox(
        &self,
        filter: &OutboxFilter,
        after: Option<&OutboxPosition>,
        limit: u32,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let list = sqlx::query(
            "SELECT outbox.*, events.kind
             FROM outbox JOIN events ON events.id = outbox.event_id
             WHERE ($1 = '' OR outbox.state = $1) AND ($2 = '' OR outbox.monitor_id = $2)
               AND ($3 = '' OR outbox.target = $3)
               AND (outbox.created_at > $4
                    OR (outbox.created_at = $4 AND (outbox.event_id > $5
                        OR (outbox.event_id = $5 AND outbox.target > $6))))
             ORDER BY outbox.created_at, outbox.event_id, outbox.target
             LIMIT $7",
        )
        .wanted_word(filter.state.as_ref())
        .wanted(filter.monitor.as_deref())
        .wanted(filter.target.as_deref())
        .bind(after.map_or(i64::MIN, |after| after.created_at_ms))
        .bind(after.map_or("", |after| after.event_id.as_str()))
        .bind(after.map_or("", |after| after.target.as_str()))
        .bind(i64::from(limit));
        self.rows("listing the outbox", list, read).await
    }
}

/// Whether the claim still held, and its row was changed.
async fn settle(
    connection: &mut Connection,
    claim: &Claim,
    settlement: &Settlement,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let (state, status, error, next_at, untried) = match settlement {
        Settlement::Delivered { status } => {
            (OutboxState::Delivered, Some(*status), None, None, 0_i64)
        }
        Settlement::Retry {
            status,
            error,
            next_at,
        } => (
            OutboxState::Pending,
            *status,
            Some(error),
            Some(*next_at),
            0,
        ),
        Settlement::Dead { status, error } => (OutboxState::Dead, *status, Some(error), None, 0),
        Settlement::Untried => (OutboxState::Pending, None, None, None, 1),
    };
    let settled = sqlx::query(
        "UPDATE outbox
         SET state = $1, attempt = attempt - $2,
             last_status = CASE WHEN $2 = 1 THEN last_status ELSE $3 END,
             last_error = CASE WHEN $2 = 1 THEN last_error ELSE $4 END,
             next_at = COALESCE($5, next_at), lease_owner = NULL, lease_until = NULL,
             updated_at = $6
         WHERE event_id = $7 AND target = $8 AND state = 'inflight'
           AND lease_owner = $9 AND attempt = $10",
    )
    .bind(word(&state))
    .bind(untried)
    .bind(status.map(i64::from))
    .bind(error)
    .bind(next_at.map(millis))
    .bind(millis(now))
    .bind(&claim.event_id)
    .bind(&claim.target)
    .bind(&claim.owner)
    .bind(claim.attempt)
    .execute(connection)
    .await?;
    Ok(settled.rows_affected() > 0)
}

pub(crate) async fn insert(
    connection: &mut Connection,
    monitor: &str,
    event_id: &str,
    sequence: i64,
    target: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO outbox (event_id, target, monitor_id, sequence, state, attempt, next_at,
             created_at, updated_at, last_error)
         SELECT $1, $2, $3, $4, CASE WHEN is_disabled THEN 'dead' ELSE 'pending' END, 0, $5, $5, $5,
             CASE WHEN is_disabled THEN 'the target is disabled' END
         FROM (SELECT EXISTS (
                   SELECT 1 FROM targets
                   WHERE monitor_id = $3 AND target = $2 AND disabled_at IS NOT NULL
               ) AS is_disabled) AS found",
    )
    .bind(event_id)
    .bind(target)
    .bind(monitor)
    .bind(sequence)
    .bind(millis(now))
    .execute(connection)
    .await?;
    Ok(())
}

fn read(row: &Row) -> sqlx::Result<OutboxRow> {
    Ok(OutboxRow {
        event_id: row.try_get("event_id")?,
        target: row.try_get("target")?,
        monitor: row.try_get("monitor_id")?,
        sequence: row.try_get("sequence")?,
        kind: row.try_get("kind")?,
        state: from_word(row.try_get("state")?)?,
        attempt: row.try_get("attempt")?,
        next_at: instant(row.try_get("next_at")?)?,
        lease_until: optional_instant(row.try_get("lease_until")?)?,
        last_status: row.try_get("last_status")?,
        last_error: row.try_get("last_error")?,
        created_at: instant(row.try_get("created_at")?)?,
        updated_at: instant(row.try_get("updated_at")?)?,
    })
}
