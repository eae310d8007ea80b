//! Silences: alerts that nobody is told of for a while, by whom and why.

use crate::alerts::read_kind;
use crate::column::{Instant, instant, millis, word};
use crate::database::{Connection, Row, count_change};
use crate::list::List as _;
use crate::{Alert, Store, StoreError};
use chrono::{DateTime, Utc};
use driftline_verdict::FindingKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

/// Which alerts nobody is told of, from when until when. What is `None` matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Silence {
    /// Its identity.
    pub id: String,
    /// Only this monitor's.
    pub monitor: Option<String>,
    /// Only those of this kind.
    pub kind: Option<FindingKind>,
    /// Only those of this column.
    pub column: Option<String>,
    /// Only those of this slice.
    pub slice: Option<String>,
    /// Only those of this measure, anomaly or rule.
    pub measure: Option<String>,
    /// Only those of this term.
    pub term: Option<String>,
    /// When it begins.
    #[schemars(with = "Instant")]
    pub starts_at: DateTime<Utc>,
    /// When it ends.
    #[schemars(with = "Instant")]
    pub ends_at: DateTime<Utc>,
    /// Who wants it.
    pub author: String,
    /// Why.
    pub comment: String,
    /// When it was written down.
    #[schemars(with = "Instant")]
    pub created_at: DateTime<Utc>,
}

/// Where a list of silences goes on: after this one, in newest-first order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilencePosition {
    /// When it was written down, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// Its identity.
    pub id: String,
}

/// Which silences to list; the default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SilenceFilter {
    /// Only those in force at this instant.
    pub at: Option<DateTime<Utc>>,
    /// Only this one.
    pub id: Option<String>,
}

impl Silence {
    /// The position of this silence in a list.
    pub fn position(&self) -> SilencePosition {
        SilencePosition {
            created_at_ms: millis(self.created_at),
            id: self.id.clone(),
        }
    }

    /// Whether it is about this alert; whether it is in force is another question.
    pub fn is_about(&self, alert: &Alert) -> bool {
        fn fits<T: PartialEq>(wanted: &Option<T>, value: Option<&T>) -> bool {
            wanted.as_ref().is_none_or(|wanted| Some(wanted) == value)
        }
        let key = &alert.key;
        fits(&self.monitor, Some(&alert.monitor))
            && fits(&self.kind, Some(&key.kind))
            && fits(&self.column, key.column.as_ref())
            && fits(&self.slice, key.slice.as_ref())
            && fits(&self.measure, key.measure.as_ref())
            && fits(&self.term, key.term.as_ref())
    }
}

impl Store {
    /// Writes a silence down.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn add_silence(&self, silence: &Silence) -> Result<(), StoreError> {
        const OPERATION: &str = "writing a silence";
        let mut transaction = self.begin(OPERATION).await?;
        async {
            sqlx::query(
                "INSERT INTO silences (id, monitor_id, kind, column_name, slice, measure, term,
                     starts_at, ends_at, author, comment, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            )
            .bind(&silence.id)
            .bind(&silence.monitor)
            .bind(silence.kind.as_ref().map(word))
            .bind(&silence.column)
            .bind(&silence.slice)
            .bind(&silence.measure)
            .bind(&silence.term)
            .bind(millis(silence.starts_at))
            .bind(millis(silence.ends_at))
            .bind(&silence.author)
            .bind(&silence.comment)
            .bind(millis(silence.created_at))
            .execute(&mut *transaction)
            .await?;
            count_change(&mut transaction).await?;
            transaction.commit().await
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }

    /// Ends a silence now, or before it begins; one that has ended stays as it was. False where
    /// there is no such silence.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn end_silence(&self, id: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let end = sqlx::query(
            "UPDATE silences SET ends_at = CASE WHEN ends_at > $2 THEN $2 ELSE ends_at END
             WHERE id = $1",
        )
        .bind(id)
        .bind(millis(now));
        self.change_rows("ending a silence", end).await
    }

    /// Silences, newest first, those after `after`.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn silences(
        &self,
        filter: &SilenceFilter,
        after: Option<&SilencePosition>,
        limit: u32,
    ) -> Result<Vec<Silence>, StoreError> {
        let list = sqlx::query(
            "SELECT * FROM silences
             WHERE ($1 = '' OR id = $1) AND ($2 = 0 OR (starts_at <= $3 AND ends_at > $3))
               AND (created_at < $4 OR (created_at = $4 AND id < $5))
             ORDER BY created_at DESC, id DESC
             LIMIT $6",
        )
        .wanted(filter.id.as_deref())
        .bind(i64::from(filter.at.is_some()))
        .bind(filter.at.map_or(0, millis))
        .after(after.map(|after| (after.created_at_ms, after.id.as_str())))
        .bind(i64::from(limit));
        self.rows("listing silences", list, read).await
    }
}

/// The silences of this instant that may be about a monitor's alerts.
pub(crate) async fn of_monitor(
    connection: &mut Connection,
    monitor: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<Silence>> {
    sqlx::query(
        "SELECT * FROM silences
         WHERE starts_at <= $1 AND ends_at > $1 AND (monitor_id IS NULL OR monitor_id = $2)
         ORDER BY id",
    )
    .bind(millis(now))
    .bind(monitor)
    .fetch_all(connection)
    .await?
    .iter()
    .map(read)
    .collect()
}

fn read(row: &Row) -> sqlx::Result<Silence> {
    Ok(Silence {
        id: row.try_get("id")?,
        monitor: row.try_get("monitor_id")?,
        kind: read_kind(row)?,
        column: row.try_get("column_name")?,
        slice: row.try_get("slice")?,
        measure: row.try_get("measure")?,
        term: row.try_get("term")?,
        starts_at: instant(row.try_get("starts_at")?)?,
        ends_at: instant(row.try_get("ends_at")?)?,
        author: row.try_get("author")?,
        comment: row.try_get("comment")?,
        created_at: instant(row.try_get("created_at")?)?,
    })
}
