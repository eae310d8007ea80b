//! Baselines by version: which one a monitor's windows are compared with.
//!
//! Version 0 is what the pipeline file names. Others come of retraining, or are proposed by a
//! person: they wait, are built by whoever runs the monitor, and are then `ready` or `refused`.
//! A version that is ready is put in force at once, unless the monitor is pinned to the one it
//! has; a person puts any ready one in force, back to the one before as well.

use crate::baseline_files::{self, BaselineFile};
use crate::column::{Instant, from_word, instant, millis, optional_instant, word};
use crate::database::{Connection, Row, count_change};
use crate::list::List as _;
use crate::{Lease, Store, StoreError, monitors};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

/// How far a version has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BaselineState {
    /// It is to be built.
    Waiting,
    /// It is built and verified.
    Ready,
    /// It could not be built, or did not keep the stated rate of false alarms.
    Refused,
}

impl BaselineState {
    /// Its name for people; the same as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::Refused => "refused",
        }
    }
}

/// Training data, as a pipeline names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingData {
    /// A file, pattern, folder or URL.
    pub source: String,
    /// SQL over it.
    pub prepare: Option<String>,
}

/// A version of a monitor's baseline.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BaselineVersion {
    /// The monitor.
    pub monitor: String,
    /// Its number, from 1.
    pub version: i64,
    /// How far it has come.
    pub state: BaselineState,
    /// What it is learnt from.
    #[serde(flatten)]
    pub data: TrainingData,
    /// Who asked for it.
    pub author: String,
    /// The retraining request that it came of.
    #[serde(rename = "retraining_request_id")]
    pub retraining_request: Option<String>,
    /// Hash of its content, once it is built.
    pub baseline_id: Option<String>,
    /// The folder in which it is frozen, on the machine that built it.
    pub directory: Option<String>,
    /// Share of alarms on parts of the training data held out.
    pub observed_rate: Option<f64>,
    /// The rate of false alarms that the pipeline states.
    pub stated_rate: Option<f64>,
    /// Why it was refused.
    pub message: Option<String>,
    /// When it was asked for.
    #[schemars(with = "Instant")]
    pub created_at: DateTime<Utc>,
    /// When it was built or refused.
    #[schemars(with = "Option<Instant>")]
    pub decided_at: Option<DateTime<Utc>>,
    /// When it was last put in force.
    #[schemars(with = "Option<Instant>")]
    pub promoted_at: Option<DateTime<Utc>>,
    /// Whether windows are compared with it now.
    #[serde(rename = "in_force")]
    pub is_in_force: bool,
}

/// What building a version ended in.
#[derive(Debug, Clone, PartialEq)]
pub enum BuiltBaseline {
    /// It can be used.
    Ready {
        /// Hash of its content.
        baseline_id: String,
        /// The folder in which it is frozen.
        directory: String,
        /// Share of alarms on parts of the training data held out, where that can be told.
        observed_rate: Option<f64>,
        /// The rate of false alarms that the pipeline states.
        stated_rate: f64,
        /// What it consists of, for servers on other machines; none where that is too much.
        files: Vec<BaselineFile>,
    },
    /// It cannot.
    Refused {
        /// Why.
        message: String,
    },
}

/// Why a version could not be put in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromotionRefusal {
    /// There is no such monitor.
    NoMonitor,
    /// There is no such version.
    NoVersion,
    /// It is not ready.
    NotReady(BaselineState),
}

/// Which versions to list; the default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaselineFilter {
    /// Only this monitor's.
    pub monitor: Option<String>,
    /// Only those that have come this far.
    pub state: Option<BaselineState>,
}

/// Where a list of versions goes on: after this one, in newest-first order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaselinePosition {
    /// When it was asked for, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// The monitor.
    pub monitor: String,
    /// Its number.
    pub version: i64,
}

impl BaselineVersion {
    /// The position of this version in a list.
    pub fn position(&self) -> BaselinePosition {
        BaselinePosition {
            created_at_ms: millis(self.created_at),
            monitor: self.monitor.clone(),
            version: self.version,
        }
    }
}

/// Every column, and whether it is the one in force.
const SELECT: &str = "SELECT baseline_versions.*,
         CAST(CASE WHEN monitors.baseline_version = baseline_versions.version THEN 1 ELSE 0 END
             AS BIGINT) AS in_force
     FROM baseline_versions JOIN monitors ON monitors.id = baseline_versions.monitor_id";

impl Store {
    /// Asks for a version that is learnt from other data; `None` where there is no such monitor.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn propose_baseline(
        &self,
        monitor: &str,
        data: &TrainingData,
        author: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<i64>, StoreError> {
        const OPERATION: &str = "proposing a baseline";
        let mut transaction = self.begin(OPERATION).await?;
        async {
            if !monitors::lock(&mut transaction, monitor).await? {
                return Ok(None);
            }
            let version = insert(&mut transaction, monitor, data, author, None, now).await?;
            count_change(&mut transaction).await?;
            transaction.commit().await?;
            Ok(Some(version))
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }

    /// The oldest version of a monitor that is to be built.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn waiting_baseline(
        &self,
        monitor: &str,
    ) -> Result<Option<BaselineVersion>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "{SELECT} WHERE monitor_id = $1 AND state = 'waiting' ORDER BY version LIMIT 1"
        )))
        .bind(monitor)
        .fetch_optional(self.reader())
        .await
        .and_then(|row| row.as_ref().map(read).transpose())
        .map_err(|error| self.error("looking for baselines to build", error))
    }

    /// The version that a monitor's windows are compared with; `None` where it is what the
    /// pipeline file names.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn baseline_in_force(
        &self,
        monitor: &str,
    ) -> Result<Option<BaselineVersion>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "{SELECT} WHERE monitor_id = $1 AND monitors.baseline_version = version"
        )))
        .bind(monitor)
        .fetch_optional(self.reader())
        .await
        .and_then(|row| row.as_ref().map(read).transpose())
        .map_err(|error| self.error("reading a monitor's baseline", error))
    }

    /// Writes down what building a version ended in, and puts it in force if it is ready and the
    /// monitor is not pinned. Says whether it did; a version that somebody else has decided stays
    /// as it is.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written, or where another process has taken over
    /// the monitor.
    pub async fn settle_baseline(
        &self,
        monitor: &str,
        version: i64,
        built: &BuiltBaseline,
        lease: Option<&Lease>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        const OPERATION: &str = "writing down a baseline";
        let (state, baseline_id, directory, observed, stated, message, files) = match built {
            BuiltBaseline::Ready {
                baseline_id,
                directory,
                observed_rate,
                stated_rate,
                files,
            } => (
                BaselineState::Ready,
                Some(baseline_id),
                Some(directory),
                *observed_rate,
                Some(*stated_rate),
                None,
                files.as_slice(),
            ),
            BuiltBaseline::Refused { message } => (
                BaselineState::Refused,
                None,
                None,
                None,
                None,
                Some(message),
                &[][..],
            ),
        };
        let mut transaction = self.begin(OPERATION).await?;
        self.hold_lease(&mut transaction, OPERATION, monitor, lease)
            .await?;
        async {
            monitors::lock(&mut transaction, monitor).await?;
            let settled = sqlx::query(
                "UPDATE baseline_versions
                 SET state = $3, baseline_id = $4, directory = $5, observed_rate = $6,
                     stated_rate = $7, message = $8, decided_at = $9
                 WHERE monitor_id = $1 AND version = $2 AND state = 'waiting'",
            )
            .bind(monitor)
            .bind(version)
            .bind(word(&state))
            .bind(baseline_id)
            .bind(directory)
            .bind(observed)
            .bind(stated)
            .bind(message)
            .bind(millis(now))
            .execute(&mut *transaction)
            .await?
            .rows_affected();
            let pinned: Option<i64> =
                sqlx::query_scalar("SELECT is_baseline_pinned FROM monitors WHERE id = $1")
                    .bind(monitor)
                    .fetch_one(&mut *transaction)
                    .await?;
            if settled > 0
                && let Some(id) = baseline_id
            {
                baseline_files::insert(&mut transaction, id, files).await?;
            }
            let is_promoted =
                settled > 0 && state == BaselineState::Ready && pinned.unwrap_or(0) == 0;
            if is_promoted {
                put_in_force(&mut transaction, monitor, version, now).await?;
            }
            count_change(&mut transaction).await?;
            transaction.commit().await?;
            Ok(is_promoted)
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }

    /// Puts a version in force, 0 for what the pipeline file names; without a version, the one
    /// that was in force before. Returns the one in force.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn promote_baseline(
        &self,
        monitor: &str,
        version: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<Result<i64, PromotionRefusal>, StoreError> {
        const OPERATION: &str = "putting a baseline in force";
        let mut transaction = self.begin(OPERATION).await?;
        async {
            if !monitors::lock(&mut transaction, monitor).await? {
                return Ok(Err(PromotionRefusal::NoMonitor));
            }
            let version = match version {
                Some(version) => version,
                None => {
                    let before: Option<i64> = sqlx::query_scalar(
                        "SELECT previous_baseline_version FROM monitors WHERE id = $1",
                    )
                    .bind(monitor)
                    .fetch_one(&mut *transaction)
                    .await?;
                    before.unwrap_or(0)
                }
            };
            if version != 0 {
                let state: Option<String> = sqlx::query_scalar(
                    "SELECT state FROM baseline_versions WHERE monitor_id = $1 AND version = $2",
                )
                .bind(monitor)
                .bind(version)
                .fetch_optional(&mut *transaction)
                .await?;
                match state.as_deref().map(from_word).transpose()? {
                    None => return Ok(Err(PromotionRefusal::NoVersion)),
                    Some(BaselineState::Ready) => {}
                    Some(state) => return Ok(Err(PromotionRefusal::NotReady(state))),
                }
            }
            put_in_force(&mut transaction, monitor, version, now).await?;
            count_change(&mut transaction).await?;
            transaction.commit().await?;
            Ok(Ok(version))
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }

    /// Keeps a monitor at the version that it has, or lets new ones take its place again. False
    /// where there is no such monitor.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn pin_baseline(&self, monitor: &str, pinned: bool) -> Result<bool, StoreError> {
        let pin = sqlx::query(
            "UPDATE monitors
             SET is_baseline_pinned = $2, state_version = state_version + 1 WHERE id = $1",
        )
        .bind(monitor)
        .bind(i64::from(pinned));
        self.change_rows("pinning a baseline", pin).await
    }

    /// Versions, newest first, those after `after`.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn baseline_versions(
        &self,
        filter: &BaselineFilter,
        after: Option<&BaselinePosition>,
        limit: u32,
    ) -> Result<Vec<BaselineVersion>, StoreError> {
        let list = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{SELECT}
             WHERE ($1 = '' OR monitor_id = $1) AND ($2 = '' OR state = $2)
               AND (baseline_versions.created_at < $3
                    OR (baseline_versions.created_at = $3 AND (monitor_id < $4
                        OR (monitor_id = $4 AND version < $5))))
             ORDER BY baseline_versions.created_at DESC, monitor_id DESC, version DESC
             LIMIT $6"
        )))
        .wanted(filter.monitor.as_deref())
        .wanted_word(filter.state.as_ref())
        .after(after.map(|after| (after.created_at_ms, after.monitor.as_str())))
        .bind(after.map_or(0, |after| after.version))
        .bind(i64::from(limit));
        self.rows("listing baselines", list, read).await
    }
}

/// Writes a version that waits, and returns its number. The monitor's row is locked.
pub(crate) async fn insert(
    connection: &mut Connection,
    monitor: &str,
    data: &TrainingData,
    author: &str,
    retraining_request: Option<&str>,
    now: DateTime<Utc>,
) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "INSERT INTO baseline_versions (monitor_id, version, state, source, prepare, author,
             retraining_request_id, created_at)
         SELECT $1, COALESCE(MAX(version), 0) + 1, 'waiting', $2, $3, $4, $5, $6
         FROM baseline_versions WHERE monitor_id = $1
         RETURNING version",
    )
    .bind(monitor)
    .bind(&data.source)
    .bind(&data.prepare)
    .bind(author)
    .bind(retraining_request)
    .bind(millis(now))
    .fetch_one(connection)
    .await
}

async fn put_in_force(
    connection: &mut Connection,
    monitor: &str,
    version: i64,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE monitors
         SET previous_baseline_version = COALESCE(baseline_version, 0), baseline_version = $2,
             state_version = state_version + 1
         WHERE id = $1 AND COALESCE(baseline_version, 0) <> $2",
    )
    .bind(monitor)
    .bind(version)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE baseline_versions SET promoted_at = $3 WHERE monitor_id = $1 AND version = $2",
    )
    .bind(monitor)
    .bind(version)
    .bind(millis(now))
    .execute(connection)
    .await?;
    Ok(())
}

fn read(row: &Row) -> sqlx::Result<BaselineVersion> {
    let in_force: i64 = row.try_get("in_force")?;
    Ok(BaselineVersion {
        monitor: row.try_get("monitor_id")?,
        version: row.try_get("version")?,
        state: from_word(row.try_get("state")?)?,
        data: TrainingData {
            source: row.try_get("source")?,
            prepare: row.try_get("prepare")?,
        },
        author: row.try_get("author")?,
        retraining_request: row.try_get("retraining_request_id")?,
        baseline_id: row.try_get("baseline_id")?,
        directory: row.try_get("directory")?,
        observed_rate: row.try_get("observed_rate")?,
        stated_rate: row.try_get("stated_rate")?,
        message: row.try_get("message")?,
        created_at: instant(row.try_get("created_at")?)?,
        decided_at: optional_instant(row.try_get("decided_at")?)?,
        promoted_at: optional_instant(row.try_get("promoted_at")?)?,
        is_in_force: in_force != 0,
    })
}
