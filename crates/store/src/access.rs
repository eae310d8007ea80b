//! Who may use the status API, and what was changed over it by whom.

use crate::column::{Instant, from_word, instant, millis, optional_instant, word};
use crate::database::{Connection, Row};
use crate::list::List as _;
use crate::{Store, StoreError};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

/// What a key may do; each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Ask the gate of a monitor.
    Gate,
    /// Read everything but the audit log.
    Read,
    /// Change things: claim retrainings, silence alerts, put baselines in force.
    Write,
    /// Read the audit log.
    Admin,
}

impl Scope {
    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Gate, Self::Read, Self::Write, Self::Admin];
        all.into_iter().find(|scope| scope.name() == name)
    }

    /// Its name for people; the same as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// A key to the status API, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiKey {
    /// Its identity, the part of it that is no secret.
    pub id: String,
    /// Whose it is.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A change over the status API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AuditEntry {
    /// Its identity; ids sort by time.
    pub id: String,
    /// When.
    #[schemars(with = "Instant")]
    pub at: DateTime<Utc>,
    /// The key's name and id, or `anonymous`.
    pub actor: String,
    /// Method and path.
    pub action: String,
}

/// Where the audit log goes on: after this entry, in newest-first order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPosition {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Its identity.
    pub id: String,
}

impl AuditEntry {
    /// The position of this entry in a list.
    pub fn position(&self) -> AuditPosition {
        AuditPosition {
            at_ms: millis(self.at),
            id: self.id.clone(),
        }
    }
}

impl Store {
    /// Keeps a key, by the hash of its secret. With `instead_of`, that key ends at the instant
    /// given, in the same transaction; false, and nothing is kept, where there is no such key.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn add_key(
        &self,
        key: &ApiKey,
        secret_hash: &str,
        instead_of: Option<(&str, DateTime<Utc>)>,
    ) -> Result<bool, StoreError> {
        const OPERATION: &str = "writing a key";
        let mut transaction = self.begin(OPERATION).await?;
        async {
            if let Some((old, until)) = instead_of
                && !end(&mut transaction, old, until).await?
            {
                return Ok(false);
            }
            sqlx::query(
                "INSERT INTO api_keys (id, name, scope, secret_hash, created_at, expires_at)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(&key.id)
            .bind(&key.name)
            .bind(word(&key.scope))
            .bind(secret_hash)
            .bind(millis(key.created_at))
            .bind(key.expires_at.map(millis))
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
            Ok(true)
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }

    /// Ends a key at an instant, or earlier if it would end earlier. False where there is none.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn end_key(&self, id: &str, until: DateTime<Utc>) -> Result<bool, StoreError> {
        const OPERATION: &str = "ending a key";
        let mut transaction = self.begin(OPERATION).await?;
        async {
            let found = end(&mut transaction, id, until).await?;
            transaction.commit().await?;
            Ok(found)
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }

    /// A key and the hash of its secret.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn key(&self, id: &str) -> Result<Option<(ApiKey, String)>, StoreError> {
        sqlx::query("SELECT * FROM api_keys WHERE id = $1")
            .bind(id)
            .fetch_optional(self.reader())
            .await
            .and_then(|row| {
                row.as_ref()
                    .map(|row| Ok((read(row)?, row.try_get("secret_hash")?)))
                    .transpose()
            })
            .map_err(|error| self.error("reading a key", error))
    }

    /// Every key, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let list = sqlx::query("SELECT * FROM api_keys ORDER BY created_at, id");
        self.rows("listing keys", list, read).await
    }

    /// The audit log, newest first, what stands after `after`.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn audit_log(
        &self,
        after: Option<&AuditPosition>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let list = sqlx::query(
            "SELECT * FROM audit WHERE at < $1 OR (at = $1 AND id < $2)
             ORDER BY at DESC, id DESC LIMIT $3",
        )
        .after(after.map(|after| (after.at_ms, after.id.as_str())))
        .bind(i64::from(limit));
        self.rows("reading the audit log", list, read_entry).await
    }
}

fn read_entry(row: &Row) -> sqlx::Result<AuditEntry> {
    Ok(AuditEntry {
        id: row.try_get("id")?,
        at: instant(row.try_get("at")?)?,
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
    })
}

/// Writes down who changes what, in the change's own transaction.
pub(crate) async fn insert_audit(
    connection: &mut Connection,
    entry: &AuditEntry,
) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO audit (id, at, actor, action) VALUES ($1, $2, $3, $4)")
        .bind(&entry.id)
        .bind(millis(entry.at))
        .bind(&entry.actor)
        .bind(&entry.action)
        .execute(connection)
        .await?;
    Ok(())
}

async fn end(connection: &mut Connection, id: &str, until: DateTime<Utc>) -> sqlx::Result<bool> {
    let found = sqlx::query(
        "UPDATE api_keys
         SET expires_at = CASE WHEN expires_at < $2 THEN expires_at ELSE $2 END
         WHERE id = $1",
    )
    .bind(id)
    .bind(millis(until))
    .execute(connection)
    .await?
    .rows_affected();
    Ok(found > 0)
}

fn read(row: &Row) -> sqlx::Result<ApiKey> {
    Ok(ApiKey {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        scope: from_word(row.try_get("scope")?)?,
        created_at: instant(row.try_get("created_at")?)?,
        expires_at: optional_instant(row.try_get("expires_at")?)?,
    })
}
