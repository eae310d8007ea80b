//! What a monitor has read of a topic: offsets and rows of open windows, in one transaction.
//!
//! A process that dies has either written down a stretch of messages with all that came of it,
//! or none of it; it then reads the stretch again. So no message is lost and none counts twice,
//! whatever the broker knows of the consumer.

use crate::column::{count, millis, text};
use crate::database::{Row, Transaction};
use crate::{Lease, Store, StoreError};
use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use sqlx::Row as _;
use std::io::Write;

/// How far a partition was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPartition {
    /// Its number.
    pub partition: i32,
    /// The first offset that was not read.
    pub next_offset: i64,
    /// The greatest event time so far, in microseconds since 1970.
    pub newest_us: Option<i64>,
    /// The offset after the last message, as the broker last said.
    pub end_offset: Option<i64>,
}

impl StreamPartition {
    /// Messages that are there and not read yet, when the broker was last asked.
    pub fn lag(&self) -> Option<i64> {
        Some((self.end_offset? - self.next_offset).max(0))
    }
}

/// A partition that a monitor reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadPartition {
    /// The monitor.
    pub monitor: String,
    /// The topic.
    pub topic: String,
    /// How far it was read.
    pub read: StreamPartition,
}

/// A stretch of a topic's time that no window divides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamPane {
    /// First instant, in microseconds since 1970.
    pub start_us: i64,
    /// First instant after it.
    pub end_us: i64,
    /// Times of its first and its last row.
    pub times_us: Option<(i64, i64)>,
    /// Its rows.
    pub rows: u64,
    /// Bytes that they take in the store.
    pub size_bytes: u64,
    /// Messages that could not be read while it was the newest pane.
    pub dead: u64,
    /// Rows of closed windows that came while it was the newest.
    pub late: u64,
}

/// A window of a topic that closes; in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamClosing {
    /// The start of its first pane.
    pub start_us: i64,
    /// The end of its last pane.
    pub end_us: i64,
    /// Panes that end by then are in no later window: their rows go.
    pub frees_us: i64,
}

/// What a monitor knows of its topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamState {
    /// The partitions that were read, by number.
    pub partitions: Vec<StreamPartition>,
    /// Panes of open windows, the oldest first.
    pub open: Vec<StreamPane>,
    /// Windows that begin before this are closed.
    pub closed_until_us: Option<i64>,
}

/// Rows of a pane from a stretch of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSegment {
    /// The start of their pane.
    pub start_us: i64,
    /// They came when windows that begin before this were over; `None` where none was.
    pub late_for_us: Option<i64>,
    /// Their partition.
    pub partition: i32,
    /// The offset of the first.
    pub first_offset: i64,
    /// The rows as JSON Lines, compressed by zstd.
    pub lines: Vec<u8>,
}

/// A message that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// When it was sent, as the broker says; milliseconds since 1970.
    pub sent_at_ms: Option<i64>,
    /// What is wrong with it.
    pub reason: String,
}

/// A stretch of messages, read.
#[derive(Debug, Clone, Default)]
pub struct StreamProgress {
    /// How far each partition that moved was read.
    pub partitions: Vec<StreamPartition>,
    /// What is added to panes: their rows, bytes, dead and late messages of this stretch.
    pub panes: Vec<StreamPane>,
    /// The rows.
    pub segments: Vec<StreamSegment>,
    /// What could not be read.
    pub dead_letters: Vec<DeadLetter>,
}

impl Store {
    /// What a monitor knows of a topic; nothing before its first message.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn stream_state(
        &self,
        monitor: &str,
        topic: &str,
    ) -> Result<StreamState, StoreError> {
        const OPERATION: &str = "reading the state of a stream";
        let mut snapshot = Transaction::snapshot(self.reader(), self.backend())
            .await
            .map_err(|error| self.error(OPERATION, error))?;
        async {
            let partitions = sqlx::query(
                "SELECT partition_number, next_offset, newest_us, end_offset
                 FROM stream_partitions
                 WHERE monitor_id = $1 AND topic = $2 ORDER BY partition_number",
            )
            .bind(monitor)
            .bind(topic)
            .fetch_all(&mut *snapshot)
            .await?
            .iter()
            .map(read_partition)
            .collect::<sqlx::Result<_>>()?;
            let open = sqlx::query(
                "SELECT start_us, end_us, first_us, last_us, row_count, size_bytes, dead_count,
                        late_count
                 FROM stream_panes WHERE monitor_id = $1 AND closed_at IS NULL
                 ORDER BY start_us",
            )
            .bind(monitor)
            .fetch_all(&mut *snapshot)
            .await?
            .iter()
            .map(read_pane)
            .collect::<sqlx::Result<_>>()?;
            let closed_until_us = sqlx::query_scalar(
                "SELECT MAX(end_us) FROM stream_panes
                 WHERE monitor_id = $1 AND closed_at IS NOT NULL",
            )
            .bind(monitor)
            .fetch_one(&mut *snapshot)
            .await?;
            snapshot.commit().await?;
            Ok(StreamState {
                partitions,
                open,
                closed_until_us,
            })
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }

    /// Writes a stretch of messages down: offsets, rows and what could not be read, or nothing.
    ///
    /// # Errors
    /// [`StoreError`]; where another process has taken over the monitor,
    /// [`StoreError::LeaseLost`].
    pub async fn commit_stream(
        &self,
        monitor: &str,
        topic: &str,
        progress: &StreamProgress,
        lease: &Lease,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        const OPERATION: &str = "writing down what was read of a stream";
        let mut transaction = self.begin(OPERATION).await?;
        self.hold_lease(&mut transaction, OPERATION, monitor, Some(lease))
            .await?;
        async {
            write(&mut transaction, monitor, topic, progress, now).await?;
            transaction.commit().await
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }

    /// Writes the rows of an open window in the order of their partitions and offsets: JSON
    /// Lines, as frames of zstd one after the other. Says whether there are any.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read, or `into` cannot be written.
    pub async fn copy_stream_rows(
        &self,
        monitor: &str,
        window: &StreamClosing,
        into: &mut (impl Write + Send),
    ) -> Result<bool, StoreError> {
        const OPERATION: &str = "reading the rows of a window";
        let mut rows = sqlx::query(
            "SELECT lines FROM stream_segments
             WHERE monitor_id = $1 AND start_us >= $2 AND start_us < $3
               AND (late_for_us IS NULL OR late_for_us <= $2)
             ORDER BY partition_number, first_offset",
        )
        .bind(monitor)
        .bind(window.start_us)
        .bind(window.end_us)
        .fetch(self.reader());
        let mut any = false;
        while let Some(row) = rows
            .try_next()
            .await
            .map_err(|error| self.error(OPERATION, error))?
        {
            any = true;
            let lines: Vec<u8> = row
                .try_get(0)
                .map_err(|error| self.error(OPERATION, error))?;
            into.write_all(&lines)
                .map_err(|error| self.error(OPERATION, sqlx::Error::Io(error)))?;
        }
        Ok(any)
    }

    /// Closes a window that no run judges, for it has no rows.
    ///
    /// # Errors
    /// As [`commit_stream`](Self::commit_stream).
    pub async fn close_empty_stream_window(
        &self,
        monitor: &str,
        window: &StreamClosing,
        lease: &Lease,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        const OPERATION: &str = "closing a window";
        let mut transaction = self.begin(OPERATION).await?;
        self.hold_lease(&mut transaction, OPERATION, monitor, Some(lease))
            .await?;
        async {
            close(&mut transaction, monitor, window, None, now).await?;
            transaction.commit().await
        }
        .await
        .map_err(|error| self.error(OPERATION, error))
    }

    /// How far the topics of all monitors were read, so many partitions at most.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn read_partitions(&self, limit: u32) -> Result<Vec<ReadPartition>, StoreError> {
        let read = |row: &Row| -> sqlx::Result<ReadPartition> {
            Ok(ReadPartition {
                monitor: row.try_get("monitor_id")?,
                topic: row.try_get("topic")?,
                read: read_partition(row)?,
            })
        };
        let list = sqlx::query(
            "SELECT monitor_id, topic, partition_number, next_offset, newest_us, end_offset
             FROM stream_partitions ORDER BY monitor_id, topic, partition_number LIMIT $1",
        )
        .bind(i64::from(limit));
        self.rows("listing partitions", list, read).await
    }

    /// Messages of a monitor that could not be read, the newest first.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub async fn dead_letters(
        &self,
        monitor: &str,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let list = sqlx::query(
            "SELECT partition_number, message_offset, sent_at, reason FROM dead_letters
             WHERE monitor_id = $1
             ORDER BY created_at DESC, partition_number, message_offset DESC LIMIT $2",
        )
        .bind(monitor)
        .bind(i64::from(limit));
        self.rows("listing dead letters", list, read_dead_letter)
            .await
    }
}

async fn write(
    transaction: &mut Transaction,
    monitor: &str,
    topic: &str,
    progress: &StreamProgress,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    for read in &progress.partitions {
        sqlx::query(
            "INSERT INTO stream_partitions
                 (monitor_id, topic, partition_number, next_offset, newest_us, end_offset)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (monitor_id, topic, partition_number)
             DO UPDATE SET next_offset = excluded.next_offset, newest_us = excluded.newest_us,
                           end_offset = excluded.end_offset",
        )
        .bind(monitor)
        .bind(topic)
        .bind(i64::from(read.partition))
        .bind(read.next_offset)
        .bind(read.newest_us)
        .bind(read.end_offset)
        .execute(&mut **transaction)
        .await?;
    }
    for pane in &progress.panes {
        let (first, last) = pane.times_us.unzip();
        sqlx::query(
            "INSERT INTO stream_panes
                 (monitor_id, start_us, end_us, first_us, last_us, row_count, size_bytes,
                  dead_count, late_count)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (monitor_id, start_us) DO UPDATE
             SET first_us = CASE WHEN stream_panes.first_us < excluded.first_us
                                      OR excluded.first_us IS NULL
                                 THEN stream_panes.first_us ELSE excluded.first_us END,
                 last_us = CASE WHEN stream_panes.last_us > excluded.last_us
                                     OR excluded.last_us IS NULL
                                THEN stream_panes.last_us ELSE excluded.last_us END,
                 row_count = stream_panes.row_count + excluded.row_count,
                 size_bytes = stream_panes.size_bytes + excluded.size_bytes,
                 dead_count = stream_panes.dead_count + excluded.dead_count,
                 late_count = stream_panes.late_count + excluded.late_count",
        )
        .bind(monitor)
        .bind(pane.start_us)
        .bind(pane.end_us)
        .bind(first)
        .bind(last)
        .bind(count(pane.rows))
        .bind(count(pane.size_bytes))
        .bind(count(pane.dead))
        .bind(count(pane.late))
        .execute(&mut **transaction)
        .await?;
    }
    for segment in &progress.segments {
        sqlx::query(
            "INSERT INTO stream_segments
                 (monitor_id, start_us, late_for_us, partition_number, first_offset, lines)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(monitor)
        .bind(segment.start_us)
        .bind(segment.late_for_us)
        .bind(i64::from(segment.partition))
        .bind(segment.first_offset)
        .bind(segment.lines.clone())
        .execute(&mut **transaction)
        .await?;
    }
    for letter in &progress.dead_letters {
        sqlx::query(
            "INSERT INTO dead_letters
                 (monitor_id, topic, partition_number, message_offset, sent_at, reason, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(monitor)
        .bind(topic)
        .bind(i64::from(letter.partition))
        .bind(letter.offset)
        .bind(letter.sent_at_ms)
        .bind(text(&letter.reason))
        .bind(millis(now))
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

/// Closes a window, and forgets the rows that no later one has.
pub(crate) async fn close(
    transaction: &mut Transaction,
    monitor: &str,
    window: &StreamClosing,
    run_id: Option<&str>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    // A window that slides may begin with a pane in which nothing ever was.
    let closed = sqlx::query(
        "INSERT INTO stream_panes
             (monitor_id, start_us, end_us, row_count, size_bytes, dead_count, late_count,
              closed_at, run_id)
         VALUES ($1, $2, $3, 0, 0, 0, 0, $4, $5)
         ON CONFLICT (monitor_id, start_us) DO UPDATE
         SET closed_at = excluded.closed_at, run_id = excluded.run_id
         WHERE stream_panes.closed_at IS NULL",
    )
    .bind(monitor)
    .bind(window.start_us)
    .bind(window.frees_us.min(window.end_us))
    .bind(millis(now))
    .bind(run_id)
    .execute(&mut **transaction)
    .await?
    .rows_affected();
    if closed == 0 {
        return Err(sqlx::Error::RowNotFound);
    }
    sqlx::query(
        "UPDATE stream_panes SET closed_at = $1, run_id = $2
         WHERE monitor_id = $3 AND end_us <= $4 AND closed_at IS NULL",
    )
    .bind(millis(now))
    .bind(run_id)
    .bind(monitor)
    .bind(window.frees_us)
    .execute(&mut **transaction)
    .await?;
    sqlx::query("DELETE FROM stream_segments WHERE monitor_id = $1 AND start_us < $2")
        .bind(monitor)
        .bind(window.frees_us)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

fn read_partition(row: &Row) -> sqlx::Result<StreamPartition> {
    Ok(StreamPartition {
        partition: number(row, "partition_number")?,
        next_offset: row.try_get("next_offset")?,
        newest_us: row.try_get("newest_us")?,
        end_offset: row.try_get("end_offset")?,
    })
}

fn read_pane(row: &Row) -> sqlx::Result<StreamPane> {
    let unsigned = |name: &str| -> sqlx::Result<u64> {
        let value: i64 = row.try_get(name)?;
        Ok(u64::try_from(value).unwrap_or(0))
    };
    let first: Option<i64> = row.try_get("first_us")?;
    Ok(StreamPane {
        start_us: row.try_get("start_us")?,
        end_us: row.try_get("end_us")?,
        times_us: first.zip(row.try_get("last_us")?),
        rows: unsigned("row_count")?,
        size_bytes: unsigned("size_bytes")?,
        dead: unsigned("dead_count")?,
        late: unsigned("late_count")?,
    })
}

fn read_dead_letter(row: &Row) -> sqlx::Result<DeadLetter> {
    Ok(DeadLetter {
        partition: number(row, "partition_number")?,
        offset: row.try_get("message_offset")?,
        sent_at_ms: row.try_get("sent_at")?,
        reason: row.try_get("reason")?,
    })
}

fn number(row: &Row, name: &str) -> sqlx::Result<i32> {
    let number: i64 = row.try_get(name)?;
    i32::try_from(number).map_err(crate::column::decode)
}
