//! Profiles of rows that are elsewhere, as edges post them.
//!
//! One is written once under its id, however often it is sent. It stays unjudged until a run that
//! has judged all of its windows is committed, so that none is forgotten, whoever dies meanwhile.

use crate::column::{Instant, count, instant, millis};
use crate::database::{Connection, Row, Transaction, count_change};
use crate::list::List as _;
use crate::{Store, StoreError};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

/// A profile that was posted, without its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PostedProfile {
    /// The monitor that it is for.
    pub monitor: String,
    /// As whoever sends it calls it.
    pub id: String,
    /// Who counted the rows.
    pub edge: String,
    /// SHA-256 of the file, in hexadecimal digits.
    pub content_hash: String,
    /// Bytes of the file.
    pub size_bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// Those of them that came when their window took no more, and are not judged.
    pub late_rows: u64,
    /// The start of its first window.
    #[schemars(with = "Instant")]
    pub start: DateTime<Utc>,
    /// The end of its last window.
    #[schemars(with = "Instant")]
    pub end: DateTime<Utc>,
    /// When it came.
    #[schemars(with = "Instant")]
    pub received_at: DateTime<Utc>,
    /// Whether a run has judged all of its windows.
    pub is_judged: bool,
}

/// A profile as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileContent {
    /// Its id.
    pub id: String,
    /// Who counted the rows.
    pub edge: String,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// The profile file.
    pub content: Vec<u8>,
}

/// What tells a profile from others of its monitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileKey {
    /// Who counted the rows.
    pub edge: String,
    /// What that calls the profile.
    pub id: String,
}

/// What became of a profile that was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostOutcome {
    /// It is written.
    Written,
    /// It was there already: as it came first.
    Known(PostedProfile),
    /// Another one has its id.
    IdTaken,
    /// The monitor's profiles take so many bytes already that there is no room for it.
    Full,
}

/// Which profiles to list; the default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostedFilter {
    /// Only this monitor's.
    pub monitor: Option<String>,
    /// Only those of this edge.
    pub edge: Option<String>,
}

/// Where a list of profiles goes on: after this one, in newest-first order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostedPosition {
    /// When it came, in milliseconds since 1970.
    pub received_at_ms: i64,
    /// Its monitor.
    pub monitor: String,
    /// Its edge.
    pub edge: String,
    /// Its id.
    pub id: String,
}

impl PostedProfile {
    /// The position of this profile in a list.
    pub fn position(&self) -> PostedPosition {
        PostedPosition {
            received_at_ms: millis(self.received_at),
            monitor: self.monitor.clone(),
            edge: self.edge.clone(),
            id: self.id.clone(),
        }
    }

    /// What tells it from others of its monitor.
    pub fn key(&self) -> ProfileKey {
        ProfileKey {
            edge: self.edge.clone(),
            id: self.id.clone(),
        }
    }
}

impl Store {
    /// Writes a profile down once; `most_bytes` is what those of its monitor may take together.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn post_profile(
        &self,
        profile: &PostedProfile,
        content: &[u8],
        most_bytes: u64,
    ) -> Result<PostOutcome, StoreError> {
        const OPERATION: &str = "writing a profile";
        let mut transaction = self.begin(OPERATION).await?;
        async {
            let known = sqlx::query(
                "SELECT * FROM posted_profiles WHERE monitor_id = $1 AND edge = $2 AND id = $3",
            )
            .bind(&profile.monitor)
            .bind(&profile.edge)
            .bind(&profile.id)
            .fetch_optional(&mut *transaction)
            .await?;
            if let Some(row) = known {
                let known = read(&row)?;
                return Ok(match known.content_hash == profile.content_hash {
                    true => PostOutcome::Known(known),
                    false => PostOutcome::IdTaken,
                });
            }
            let held: i64 = sqlx::query_scalar(
                "SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM posted_profiles
                 WHERE monitor_id = $1",
            )
            .bind(&profile.monitor)
            .fetch_one(&mut *transaction)
            .await?;
            if held.saturating_add(count(profile.size_bytes)) > count(most_bytes) {
                return Ok(PostOutcome::Full);
            }
            sqlx::query(
                "INSERT INTO posted_profiles
                     (monitor_id, id, edge, content_hash, size_bytes, row_count, late_count,
                      start_us, end_us, received_at, is_judged, content)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            )
            .bind(&profile.monitor)
            .bind(&profile.id)
            .bind(&profile.edge)
            .bind(&profile.content_hash)
            .bind(count(profile.size_bytes))
            .bind(count(profile.rows))
            .bind(count(profile.late_rows))
            .bind(profile.start.timestamp_micros())
            .bind(profile.end.timestamp_micros())
            .bind(millis(profile.received_at))
            .bind(i64::from(profile.is_judged))
            .bind(content.to_vec())
            .execute(&mut *transaction)
            .await?;
            count_change(&mut transaction).await?;
            transaction.commit().await?;
            Ok(PostOutcome::Written)
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }

    /// Profiles, newest first, those after `after`.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn posted_profiles(
        &self,
        filter: &PostedFilter,
        after: Option<&PostedPosition>,
        limit: u32,
    ) -> Result<Vec<PostedProfile>, StoreError> {
        let list = sqlx::query(
            "SELECT monitor_id, id, edge, content_hash, size_bytes, row_count, late_count,
                    start_us, end_us, received_at, is_judged
             FROM posted_profiles
             WHERE ($1 = '' OR monitor_id = $1) AND ($2 = '' OR edge = $2)
               AND (received_at < $3
                    OR (received_at = $3 AND (monitor_id, edge, id) > ($4, $5, $6)))
             ORDER BY received_at DESC, monitor_id, edge, id LIMIT $7",
        )
        .wanted(filter.monitor.as_deref())
        .wanted(filter.edge.as_deref())
        .after(after.map(|after| (after.received_at_ms, after.monitor.as_str())))
        .bind(after.map_or("", |after| after.edge.as_str()))
        .bind(after.map_or("", |after| after.id.as_str()))
        .bind(i64::from(limit));
        self.rows("listing profiles", list, read).await
    }

    /// Profiles of a monitor that no run has judged yet, and of which a window may have ended by
    /// then: those that begin before it, without their content.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn unjudged_profiles(
        &self,
        monitor: &str,
        before_us: i64,
    ) -> Result<Vec<PostedProfile>, StoreError> {
        let list = sqlx::query(
            "SELECT monitor_id, id, edge, content_hash, size_bytes, row_count, late_count,
                    start_us, end_us, received_at, is_judged
             FROM posted_profiles
             WHERE monitor_id = $1 AND is_judged = 0 AND start_us < $2 ORDER BY start_us, edge, id",
        )
        .bind(monitor)
        .bind(before_us);
        self.rows("listing profiles", list, read).await
    }

    /// The end of the newest window of a monitor's profiles that ended by then, in microseconds
    /// since 1970.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn newest_profile_us(
        &self,
        monitor: &str,
        by_us: i64,
    ) -> Result<Option<i64>, StoreError> {
        sqlx::query_scalar(
            "SELECT MAX(end_us) FROM posted_profiles WHERE monitor_id = $1 AND end_us <= $2",
        )
        .bind(monitor)
        .bind(by_us)
        .fetch_one(self.reader())
        .await
        .map_err(|error| self.error("looking for the newest profile", error))
    }

    /// Profiles of a monitor that may have rows of this stretch of time, in microseconds since
    /// 1970, as they came.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn profile_contents(
        &self,
        monitor: &str,
        (start_us, end_us): (i64, i64),
    ) -> Result<Vec<ProfileContent>, StoreError> {
        let read = |row: &Row| -> sqlx::Result<ProfileContent> {
            Ok(ProfileContent {
                id: row.try_get("id")?,
                edge: row.try_get("edge")?,
                received_at: instant(row.try_get("received_at")?)?,
                content: row.try_get("content")?,
            })
        };
        let list = sqlx::query(
            "SELECT id, edge, received_at, content FROM posted_profiles
             WHERE monitor_id = $1 AND start_us < $3 AND end_us > $2 ORDER BY edge, id",
        )
        .bind(monitor)
        .bind(start_us)
        .bind(end_us);
        self.rows("reading profiles", list, read).await
    }
}

/// Marks profiles as judged.
pub(crate) async fn judge(
    transaction: &mut Transaction,
    monitor: &str,
    profiles: &[ProfileKey],
) -> sqlx::Result<()> {
    let connection: &mut Connection = transaction;
    for profile in profiles {
        sqlx::query(
            "UPDATE posted_profiles SET is_judged = 1
             WHERE monitor_id = $1 AND edge = $2 AND id = $3",
        )
        .bind(monitor)
        .bind(&profile.edge)
        .bind(&profile.id)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

fn read(row: &Row) -> sqlx::Result<PostedProfile> {
    let micros = |name: &str| -> sqlx::Result<DateTime<Utc>> {
        let us: i64 = row.try_get(name)?;
        DateTime::from_timestamp_micros(us)
            .ok_or_else(|| crate::column::decode(format!("{us} µs is no instant")))
    };
    let number = |name: &str| -> sqlx::Result<u64> {
        let number: i64 = row.try_get(name)?;
        Ok(u64::try_from(number).unwrap_or(0))
    };
    let is_judged: i64 = row.try_get("is_judged")?;
    Ok(PostedProfile {
        monitor: row.try_get("monitor_id")?,
        id: row.try_get("id")?,
        edge: row.try_get("edge")?,
        content_hash: row.try_get("content_hash")?,
        size_bytes: number("size_bytes")?,
        rows: number("row_count")?,
        late_rows: number("late_count")?,
        start: micros("start_us")?,
        end: micros("end_us")?,
        received_at: instant(row.try_get("received_at")?)?,
        is_judged: is_judged != 0,
    })
}
