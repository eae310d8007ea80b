//! Leases: of several processes on one store, one runs a monitor.
//!
//! A lease runs out at an instant of its holder's clock, and clocks differ; a process may also
//! be stopped for an hour and go on as if nothing had happened. So a lease alone proves
//! nothing. Each time it changes hands its *fence* grows, and a transaction that shows an old
//! fence is refused ([`StoreError::LeaseLost`]): what a former holder still decides never
//! enters the store (Kleppmann 2016, "How to do distributed locking").

use crate::column::millis;
use crate::database::Transaction;
use crate::{Store, StoreError};
use chrono::{DateTime, Utc};

/// What its holder shows when it writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    name: String,
    owner: String,
    fence: i64,
}

impl Lease {
    /// How often the lease had changed hands when this one was had.
    pub fn fence(&self) -> i64 {
        self.fence
    }
}

impl Store {
    /// Takes a lease that is free, ran out, or is the owner's own; `None` where somebody
    /// else has it.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn acquire_lease(
        &self,
        name: &str,
        owner: &str,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Option<Lease>, StoreError> {
        const OPERATION: &str = "taking a lease";
        // A reader looks first, so that servers that stand by never take the write lock.
        let elsewhere: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM leases WHERE name = $1 AND owner <> $2 AND expires_at > $3",
        )
        .bind(name)
        .bind(owner)
        .bind(millis(now))
        .fetch_one(self.reader())
        .await
        .map_err(|error| self.error(OPERATION, error))?;
        if elsewhere > 0 {
            return Ok(None);
        }
        let mut transaction = self.begin(OPERATION).await?;
        async {
            let fence: Option<i64> = sqlx::query_scalar(
                "INSERT INTO leases (name, owner, fence, expires_at) VALUES ($1, $2, 1, $3)
                 ON CONFLICT (name) DO UPDATE
                 SET owner = excluded.owner, fence = leases.fence + 1,
                     expires_at = excluded.expires_at
                 WHERE leases.expires_at <= $4 OR leases.owner = excluded.owner
                 RETURNING fence",
            )
            .bind(name)
            .bind(owner)
            .bind(millis(until))
            .bind(millis(now))
            .fetch_optional(&mut *transaction)
            .await?;
            transaction.commit().await?;
            Ok(fence.map(|fence| Lease {
                name: name.to_owned(),
                owner: owner.to_owned(),
                fence,
            }))
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }

    /// Prolongs every lease that the owner still has, in one transaction; says how many.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    pub async fn renew_leases(&self, owner: &str, until: DateTime<Utc>) -> Result<u64, StoreError> {
        self.set_expiry("renewing leases", owner, until).await
    }

    /// Gives every lease of the owner back.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written; then they run out.
    pub async fn release_leases(&self, owner: &str) -> Result<(), StoreError> {
        self.set_expiry("giving leases back", owner, DateTime::UNIX_EPOCH)
            .await
            .map(drop)
    }

    async fn set_expiry(
        &self,
        operation: &'static str,
        owner: &str,
        until: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let mut transaction = self.begin(operation).await?;
        async {
            // What was given back is not taken again by a renewal on its way.
            let changed = sqlx::query(
                "UPDATE leases SET expires_at = $1 WHERE owner = $2 AND expires_at > 0",
            )
            .bind(millis(until))
            .bind(owner)
            .execute(&mut *transaction)
            .await?
            .rows_affected();
            transaction.commit().await?;
            Ok(changed)
        }
        .await
        .map_err(|error| self.error(operation, error))
    }

    /// Refuses a writer whose lease is somebody else's by now, and keeps others from taking it
    /// until the transaction ends.
    pub(crate) async fn hold_lease(
        &self,
        transaction: &mut Transaction,
        operation: &'static str,
        monitor: &str,
        lease: Option<&Lease>,
    ) -> Result<(), StoreError> {
        let Some(lease) = lease else {
            return Ok(());
        };
        let held = sqlx::query(
            "UPDATE leases SET fence = fence WHERE name = $1 AND owner = $2 AND fence = $3",
        )
        .bind(&lease.name)
        .bind(&lease.owner)
        .bind(lease.fence)
        .execute(&mut **transaction)
        .await
        .map_err(|error| self.error(operation, error))?
        .rows_affected();
        if held == 0 {
            return Err(StoreError::LeaseLost {
                location: self.location().to_owned(),
                operation,
                monitor: monitor.to_owned(),
            });
        }
        Ok(())
    }
}
