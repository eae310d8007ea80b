//! What is recorded of a change that somebody asks for: who asks, and the key under which it is
//! made once.
//!
//! Both are written in the transaction of the change itself: there is no change without its
//! entry in the audit log, no entry without its change, and of two requests under one key one
//! changes nothing.

use crate::access::{self, AuditEntry};
use crate::column::{decode, millis};
use crate::database::{Connection, count_change};
use crate::{Store, StoreError};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Row as _;

/// How long a key is remembered.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// What is written beside a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Who asks, for what, and when.
    pub entry: AuditEntry,
    /// The key under which it is made once, where the client gives one.
    pub key: Option<RequestKey>,
}

/// A key under which a client asks for a change once, however often it sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// Who asks, and the client's key.
    pub id: String,
    /// A hash of what is asked for.
    pub request_hash: String,
}

/// What is known of a key under which something was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// A hash of what was asked for.
    pub request_hash: String,
    /// Status and body of the answer; `None` until it is known.
    pub answer: Option<(u16, String)>,
}

impl Store {
    /// Records a change that was made elsewhere, such as in a file that a pipeline names.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn note_change(&self) -> Result<(), StoreError> {
        const OPERATION: &str = "recording a change";
        let mut transaction = self.begin(OPERATION).await?;
        async {
            count_change(&mut transaction).await?;
            transaction.commit().await
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }

    /// What was answered under a key within the last 24 hours.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn kept_answer(
        &self,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<KeptAnswer>, StoreError> {
        const OPERATION: &str = "looking for an answer";
        sqlx::query("SELECT * FROM request_keys WHERE id = $1 AND created_at > $2")
            .bind(id)
            .bind(millis(now - KEPT))
            .fetch_optional(self.reader())
            .await
            .and_then(|row| {
                let Some(row) = row else { return Ok(None) };
                let status: Option<i64> = row.try_get("status")?;
                let body: Option<String> = row.try_get("answer")?;
                let status = status.map(u16::try_from).transpose().map_err(decode)?;
                Ok(Some(KeptAnswer {
                    request_hash: row.try_get("request_hash")?,
                    answer: status.zip(body),
                }))
            })
            .map_err(|error| self.error(OPERATION, error))
    }

    /// Keeps the answer to a change that was made under a key.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn keep_answer(&self, id: &str, status: u16, body: &str) -> Result<(), StoreError> {
        const OPERATION: &str = "keeping an answer";
        let mut transaction = self.begin(OPERATION).await?;
        async {
            sqlx::query("UPDATE request_keys SET status = $2, answer = $3 WHERE id = $1")
                .bind(id)
                .bind(i64::from(status))
                .bind(body)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }
}

/// Writes what is recorded of a change. A key that is in use breaks the transaction.
pub(crate) async fn insert(connection: &mut Connection, change: &Change) -> sqlx::Result<()> {
    access::insert_audit(connection, &change.entry).await?;
    let Some(key) = &change.key else {
        return Ok(());
    };
    sqlx::query("DELETE FROM request_keys WHERE created_at <= $1")
        .bind(millis(change.entry.at - KEPT))
        .execute(&mut *connection)
        .await?;
    sqlx::query("INSERT INTO request_keys (id, request_hash, created_at) VALUES ($1, $2, $3)")
        .bind(&key.id)
        .bind(&key.request_hash)
        .bind(millis(change.entry.at))
        .execute(connection)
        .await?;
    Ok(())
}
