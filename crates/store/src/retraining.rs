//! Requests to train a model again: `requested → accepted → running → succeeded | failed`,
//! or `expired`.
//!
//! While one is open, a monitor asks for no second one: ten drifting windows in a row are
//! one reason to retrain, not ten. A request that nobody accepts expires, and so does one whose
//! claimer is not heard of any more; the next window that drifts may ask again. After one that
//! ended, a cool-down passes first.
//!
//! Whoever claims a request gets a *claim*, and shows it with every heartbeat and at the end:
//! a claimer that was given up, and whose request another one has claimed, changes nothing.

use crate::column::{Instant, from_word, instant, millis, text, word};
use crate::database::{Connection, Row, count_change};
use crate::events::NewEvent;
use crate::list::List as _;
use crate::{Store, StoreError, TrainingData, baseline_versions, monitors};
use chrono::{DateTime, Utc};
use driftline_verdict::Run;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Any;
use sqlx::Row as _;
use sqlx::any::AnyArguments;
use sqlx::query::QueryScalar;

/// How far a retraining request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetrainingState {
    /// Written down and told.
    Requested,
    /// Somebody will do it.
    Accepted,
    /// Somebody does it.
    Running,
    /// There is a new baseline.
    Succeeded,
    /// It came to nothing.
    Failed,
    /// Nobody accepted it in time.
    Expired,
}

impl RetrainingState {
    /// Its name for people; the same as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Accepted => "accepted",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }

    /// Whether it may still come to something.
    fn is_open(self) -> bool {
        matches!(self, Self::Requested | Self::Accepted | Self::Running)
    }
}

/// A retraining request that a run decides on.
#[derive(Debug, Clone)]
pub struct NewRetrainingRequest {
    /// Its identity, the same for the same window.
    pub id: String,
    /// Why, for a person.
    pub reason: String,
    /// Start of the window that asks for it, RFC 3339.
    pub window_start: Option<String>,
    /// End of the window that asks for it, RFC 3339.
    pub window_end: Option<String>,
    /// When it expires if nobody accepts it.
    pub expires_at: DateTime<Utc>,
    /// Nothing is asked for while the last request of the monitor ended after this.
    pub cooled_since: DateTime<Utc>,
    /// The event that tells about it, made only if the request is.
    pub event: NewEvent,
}

/// A retraining request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RetrainingRequest {
    /// Its identity.
    pub id: String,
    /// The monitor that asks.
    pub monitor: String,
    /// The run that decided.
    pub run_id: String,
    /// The baseline that no longer fits.
    pub baseline_id: String,
    /// How far it has come.
    pub state: RetrainingState,
    /// Why, for a person.
    pub reason: String,
    /// Start of the window that asks for it, RFC 3339.
    pub window_start: Option<String>,
    /// End of the window that asks for it, RFC 3339.
    pub window_end: Option<String>,
    /// When it was asked for.
    #[schemars(with = "Instant")]
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    #[schemars(with = "Instant")]
    pub updated_at: DateTime<Utc>,
    /// When it expires if nobody accepts it, or if its claimer is not heard of by then.
    #[schemars(with = "Instant")]
    pub expires_at: DateTime<Utc>,
    /// Who does it.
    pub claimed_by: Option<String>,
    /// What the claimer said at the end.
    pub outcome: Option<String>,
    /// The baseline that it trained on.
    pub new_baseline_id: Option<String>,
}

/// How a claimed request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrainingOutcome {
    /// Whether there is a new model.
    pub succeeded: bool,
    /// What the claimer says about it.
    pub message: Option<String>,
    /// The baseline that it trained on, where it says so.
    pub new_baseline_id: Option<String>,
    /// The data that it trained on, to become the monitor's next baseline.
    pub new_baseline: Option<TrainingData>,
}

/// Why a claimer's word was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimRefusal {
    /// There is no such request.
    Unknown,
    /// Somebody else has claimed it, or the claim is not the last one.
    Taken,
    /// It has ended, or expired.
    Ended(RetrainingState),
}

/// Which requests to list; the default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetrainingFilter {
    /// Only those that have come this far.
    pub state: Option<RetrainingState>,
    /// Only this monitor's.
    pub monitor: Option<String>,
    /// Only this one.
    pub id: Option<String>,
}

/// Where a list of requests goes on: after this one, in newest-first order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetrainingPosition {
    /// When it was asked for, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// Its identity.
    pub id: String,
}

impl RetrainingRequest {
    /// The position of this request in a list.
    pub fn position(&self) -> RetrainingPosition {
        RetrainingPosition {
            created_at_ms: millis(self.created_at),
            id: self.id.clone(),
        }
    }
}

impl Store {
    /// Retraining requests, newest first, those after `after`, as they stand at `now`.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn retraining_requests(
        &self,
        filter: &RetrainingFilter,
        after: Option<&RetrainingPosition>,
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<Vec<RetrainingRequest>, StoreError> {
        let list = sqlx::query(
            "SELECT * FROM (
                 SELECT id, monitor_id, run_id, baseline_id, reason, window_start, window_end,
                     created_at, updated_at, expires_at, claimed_by, outcome, new_baseline_id,
                     CASE WHEN state IN ('requested', 'accepted', 'running') AND expires_at <= $1
                          THEN 'expired' ELSE state END AS state
                 FROM retraining_requests
             ) AS requests
             WHERE ($2 = '' OR state = $2) AND ($3 = '' OR monitor_id = $3)
               AND ($4 = '' OR id = $4)
               AND (created_at < $5 OR (created_at = $5 AND id < $6))
             ORDER BY created_at DESC, id DESC
             LIMIT $7",
        )
        .bind(millis(now))
        .wanted_word(filter.state.as_ref())
        .wanted(filter.monitor.as_deref())
        .wanted(filter.id.as_deref())
        .after(after.map(|after| (after.created_at_ms, after.id.as_str())))
        .bind(i64::from(limit));
        self.rows("listing retraining requests", list, read).await
    }

    /// Claims a request that nobody has: it is accepted until `until`. The same claimer asking
    /// again, because the answer was lost, is given the claim that it has.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn claim_retraining(
        &self,
        id: &str,
        claimer: &str,
        claim: &str,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Result<String, ClaimRefusal>, StoreError> {
        let update = sqlx::query_scalar(
            "UPDATE retraining_requests
             SET state = CASE WHEN state = 'requested' THEN 'accepted' ELSE state END,
                 claimed_by = $2, claim = COALESCE(claim, $3), expires_at = $4,
                 updated_at = $5
             WHERE id = $1 AND expires_at > $5
               AND (state = 'requested'
                    OR (state IN ('accepted', 'running') AND claimed_by = $2))
             RETURNING claim",
        )
        .bind(id)
        .bind(claimer)
        .bind(claim)
        .bind(millis(until))
        .bind(millis(now));
        self.change("claiming a retraining request", id, update, None, now)
            .await
    }

    /// A sign of life of whoever has the claim: the request is running, until `until`.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn heartbeat_retraining(
        &self,
        id: &str,
        claim: &str,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Result<(), ClaimRefusal>, StoreError> {
        let update = sqlx::query_scalar(
            "UPDATE retraining_requests
             SET state = 'running', expires_at = $3, updated_at = $4
             WHERE id = $1 AND claim = $2 AND state IN ('accepted', 'running')
               AND expires_at > $4
             RETURNING claim",
        )
        .bind(id)
        .bind(claim)
        .bind(millis(until))
        .bind(millis(now));
        let changed = self
            .change("hearing of a retraining", id, update, None, now)
            .await?;
        Ok(changed.map(drop))
    }

    /// The end of a request, told by whoever has the claim. The same end told again, because
    /// the answer was lost, is taken and changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn complete_retraining(
        &self,
        id: &str,
        claim: &str,
        outcome: &RetrainingOutcome,
        now: DateTime<Utc>,
    ) -> Result<Result<(), ClaimRefusal>, StoreError> {
        let end = match outcome.succeeded {
            true => RetrainingState::Succeeded,
            false => RetrainingState::Failed,
        };
        let update = sqlx::query_scalar(
            "UPDATE retraining_requests
             SET state = $3, outcome = $4, new_baseline_id = $5, updated_at = $6
             WHERE id = $1 AND claim = $2 AND state IN ('accepted', 'running')
               AND expires_at > $6
             RETURNING claim",
        )
        .bind(id)
        .bind(claim)
        .bind(word(&end))
        .bind(&outcome.message)
        .bind(&outcome.new_baseline_id)
        .bind(millis(now));
        let data = outcome.new_baseline.as_ref();
        let changed = self
            .change("ending a retraining request", id, update, data, now)
            .await?;
        Ok(match changed {
            // Told again by whoever told it.
            Err(ClaimRefusal::Ended(state))
                if state == end && self.has_claim(id, claim).await? =>
            {
                Ok(())
            }
            changed => changed.map(drop),
        })
    }

    /// Makes one change of a request, and with it the version of the baseline that came of it.
    async fn change(
        &self,
        operation: &'static str,
        id: &str,
        update: QueryScalar<'_, Any, String, AnyArguments>,
        new_baseline: Option<&TrainingData>,
        now: DateTime<Utc>,
    ) -> Result<Result<String, ClaimRefusal>, StoreError> {
        let mut transaction = self.begin(operation).await?;
        async {
            if new_baseline.is_some() {
                lock_monitor_of(&mut transaction, id).await?;
            }
            let Some(claim) = update.fetch_optional(&mut *transaction).await? else {
                return refusal(&mut transaction, id, now).await.map(Err);
            };
            if let Some(data) = new_baseline {
                propose(&mut transaction, id, data, now).await?;
            }
            count_change(&mut transaction).await?;
            transaction.commit().await?;
            Ok(Ok(claim))
        }
        .await
        .map_err(|error| self.error(operation, error))
    }

    async fn has_claim(&self, id: &str, claim: &str) -> Result<bool, StoreError> {
        let rows: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM retraining_requests WHERE id = $1 AND claim = $2",
        )
        .bind(id)
        .bind(claim)
        .fetch_one(self.reader())
        .await
        .map_err(|error| self.error("reading a retraining request", error))?;
        Ok(rows > 0)
    }
}

/// Locks the monitor of a request before the request, in the order in which runs do.
async fn lock_monitor_of(connection: &mut Connection, id: &str) -> sqlx::Result<()> {
    let monitor: Option<String> =
        sqlx::query_scalar("SELECT monitor_id FROM retraining_requests WHERE id = $1")
            .bind(id)
            .fetch_optional(&mut *connection)
            .await?;
    if let Some(monitor) = monitor {
        monitors::lock(connection, &monitor).await?;
    }
    Ok(())
}

/// Proposes the data that a retraining used as the monitor's next baseline.
async fn propose(
    connection: &mut Connection,
    id: &str,
    data: &TrainingData,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let (monitor, author): (String, Option<String>) =
        sqlx::query_as("SELECT monitor_id, claimed_by FROM retraining_requests WHERE id = $1")
            .bind(id)
            .fetch_one(&mut *connection)
            .await?;
    let author = author.unwrap_or_default();
    baseline_versions::insert(connection, &monitor, data, &author, Some(id), now).await?;
    Ok(())
}

/// Why a request could not be changed.
async fn refusal(
    connection: &mut Connection,
    id: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<ClaimRefusal> {
    let found = sqlx::query("SELECT state, expires_at FROM retraining_requests WHERE id = $1")
        .bind(id)
        .fetch_optional(connection)
        .await?;
    let Some(row) = found else {
        return Ok(ClaimRefusal::Unknown);
    };
    let state: RetrainingState = from_word(row.try_get("state")?)?;
    Ok(match state {
        _ if state.is_open() && instant(row.try_get("expires_at")?)? <= now => {
            ClaimRefusal::Ended(RetrainingState::Expired)
        }
        _ if state.is_open() => ClaimRefusal::Taken,
        _ => ClaimRefusal::Ended(state),
    })
}

/// Writes the request unless the same one is there, another is open, or one has just ended; says whether it did.
pub(crate) async fn insert_unless_open(
    connection: &mut Connection,
    monitor: &str,
    run: &Run,
    request: &NewRetrainingRequest,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    sqlx::query(
        "UPDATE retraining_requests SET state = 'expired', updated_at = $1
         WHERE monitor_id = $2 AND state IN ('requested', 'accepted', 'running')
           AND expires_at <= $1",
    )
    .bind(millis(now))
    .bind(monitor)
    .execute(&mut *connection)
    .await?;
    let made = sqlx::query(
        "INSERT INTO retraining_requests (id, monitor_id, run_id, baseline_id, state, reason,
             window_start, window_end, created_at, updated_at, expires_at)
         SELECT $1, $2, $3, $4, 'requested', $5, $6, $7, $8, $8, $9
         WHERE NOT EXISTS (
             SELECT 1 FROM retraining_requests
             WHERE monitor_id = $2
               AND (state IN ('requested', 'accepted', 'running')
                    OR (state IN ('succeeded', 'failed') AND updated_at > $10)))
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(&request.id)
    .bind(monitor)
    .bind(&run.run_id)
    .bind(&run.baseline_id)
    .bind(text(&request.reason))
    .bind(&request.window_start)
    .bind(&request.window_end)
    .bind(millis(now))
    .bind(millis(request.expires_at))
    .bind(millis(request.cooled_since))
    .execute(connection)
    .await?
    .rows_affected();
    Ok(made > 0)
}

fn read(row: &Row) -> sqlx::Result<RetrainingRequest> {
    Ok(RetrainingRequest {
        id: row.try_get("id")?,
        monitor: row.try_get("monitor_id")?,
        run_id: row.try_get("run_id")?,
        baseline_id: row.try_get("baseline_id")?,
        state: from_word(row.try_get("state")?)?,
        reason: row.try_get("reason")?,
        window_start: row.try_get("window_start")?,
        window_end: row.try_get("window_end")?,
        created_at: instant(row.try_get("created_at")?)?,
        updated_at: instant(row.try_get("updated_at")?)?,
        expires_at: instant(row.try_get("expires_at")?)?,
        claimed_by: row.try_get("claimed_by")?,
        outcome: row.try_get("outcome")?,
        new_baseline_id: row.try_get("new_baseline_id")?,
    })
}
