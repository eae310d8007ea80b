//! Every table and its columns, in the order in which rows can be written.

use serde::Serialize;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Text,
    Number,
    Bytes,
}
use Kind::{Bytes, Integer, Number, Text};

/// A table.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
}

/// Rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowCount {
    /// The table.
    pub table: &'static str,
    /// Its rows.
    pub rows: i64,
}

/// What is copied: a table stands after those that it refers to. Leases are of processes, not
/// of what they concluded, and stay behind. A test compares this with the database.
pub(super) const TABLES: &[Table] = &[
    Table {
        name: "monitors",
        columns: &[
            ("id", Text),
            ("created_at", Integer),
            ("state_version", Integer),
            ("sequence", Integer),
            ("max_age_ms", Integer),
            ("max_window_age_ms", Integer),
            ("verdict", Text),
            ("reason", Text),
            ("last_run_verdict", Text),
            ("last_run_id", Text),
            ("baseline_id", Text),
            ("last_window_start", Text),
            ("last_window_end", Text),
            ("last_evaluated_at", Integer),
            ("last_attempt_at", Integer),
            ("run_requested_at", Integer),
            ("scheduled_for", Integer),
            ("baseline_version", Integer),
            ("previous_baseline_version", Integer),
            ("is_baseline_pinned", Integer),
        ],
    },
    Table {
        name: "baselines",
        columns: &[
            ("id", Text),
            ("directory", Text),
            ("created_at", Integer),
            ("first_used_at", Integer),
        ],
    },
    Table {
        name: "runs",
        columns: &[
            ("id", Text),
            ("monitor_id", Text),
            ("baseline_id", Text),
            ("verdict", Text),
            ("committed_at", Integer),
            ("window_start", Text),
            ("window_end", Text),
            ("run", Text),
        ],
    },
    Table {
        name: "reports",
        columns: &[("run_id", Text), ("report", Text)],
    },
    Table {
        name: "windows",
        columns: &[
            ("run_id", Text),
            ("position", Integer),
            ("window_start", Text),
            ("window_end", Text),
            ("row_count", Integer),
            ("verdict", Text),
            ("errors", Integer),
            ("warnings", Integer),
            ("infos", Integer),
            ("not_evaluated", Integer),
        ],
    },
    Table {
        name: "findings",
        columns: &[
            ("run_id", Text),
            ("window_position", Integer),
            ("position", Integer),
            ("kind", Text),
            ("column_name", Text),
            ("slice", Text),
            ("severity", Text),
            ("measure", Text),
            ("value", Number),
            ("threshold", Number),
            ("p_value", Number),
            ("term", Text),
            ("action", Text),
            ("message", Text),
        ],
    },
    Table {
        name: "retraining_requests",
        columns: &[
            ("id", Text),
            ("monitor_id", Text),
            ("run_id", Text),
            ("baseline_id", Text),
            ("state", Text),
            ("reason", Text),
            ("window_start", Text),
            ("window_end", Text),
            ("created_at", Integer),
            ("updated_at", Integer),
            ("expires_at", Integer),
            ("claimed_by", Text),
            ("claim", Text),
            ("outcome", Text),
            ("new_baseline_id", Text),
        ],
    },
    Table {
        name: "events",
        columns: &[
            ("id", Text),
            ("monitor_id", Text),
            ("sequence", Integer),
            ("kind", Text),
            ("run_id", Text),
            ("created_at", Integer),
            ("payload", Text),
        ],
    },
    Table {
        name: "outbox",
        columns: &[
            ("event_id", Text),
            ("target", Text),
            ("monitor_id", Text),
            ("sequence", Integer),
            ("state", Text),
            ("attempt", Integer),
            ("next_at", Integer),
            ("lease_until", Integer),
            ("lease_owner", Text),
            ("last_status", Integer),
            ("last_error", Text),
            ("created_at", Integer),
            ("updated_at", Integer),
        ],
    },
    Table {
        name: "baseline_versions",
        columns: &[
            ("monitor_id", Text),
            ("version", Integer),
            ("state", Text),
            ("source", Text),
            ("prepare", Text),
            ("author", Text),
            ("retraining_request_id", Text),
            ("baseline_id", Text),
            ("directory", Text),
            ("observed_rate", Number),
            ("stated_rate", Number),
            ("message", Text),
            ("created_at", Integer),
            ("decided_at", Integer),
            ("promoted_at", Integer),
        ],
    },
    Table {
        name: "alerts",
        columns: &[
            ("id", Text),
            ("monitor_id", Text),
            ("kind", Text),
            ("column_name", Text),
            ("slice", Text),
            ("measure", Text),
            ("term", Text),
            ("state", Text),
            ("severity", Text),
            ("message", Text),
            ("value", Number),
            ("threshold", Number),
            ("run_id", Text),
            ("baseline_id", Text),
            ("window_start", Text),
            ("window_end", Text),
            ("pending_at", Integer),
            ("fired_at", Integer),
            ("resolved_at", Integer),
            ("told_at", Integer),
            ("told_count", Integer),
            ("memory", Text),
            ("updated_at", Integer),
        ],
    },
    Table {
        name: "api_keys",
        columns: &[
            ("id", Text),
            ("name", Text),
            ("scope", Text),
            ("secret_hash", Text),
            ("created_at", Integer),
            ("expires_at", Integer),
        ],
    },
    Table {
        name: "audit",
        columns: &[
            ("id", Text),
            ("at", Integer),
            ("actor", Text),
            ("action", Text),
        ],
    },
    Table {
        name: "targets",
        columns: &[
            ("monitor_id", Text),
            ("target", Text),
            ("failing_since", Integer),
            ("disabled_at", Integer),
            ("reason", Text),
        ],
    },
    Table {
        name: "request_keys",
        columns: &[
            ("id", Text),
            ("request_hash", Text),
            ("created_at", Integer),
            ("status", Integer),
            ("answer", Text),
        ],
    },
    Table {
        name: "baseline_files",
        columns: &[("baseline_id", Text), ("name", Text), ("content", Text)],
    },
    Table {
        name: "silences",
        columns: &[
            ("id", Text),
            ("monitor_id", Text),
            ("kind", Text),
            ("column_name", Text),
            ("slice", Text),
            ("measure", Text),
            ("term", Text),
            ("starts_at", Integer),
            ("ends_at", Integer),
            ("author", Text),
            ("comment", Text),
            ("created_at", Integer),
        ],
    },
    Table {
        name: "stream_partitions",
        columns: &[
            ("monitor_id", Text),
            ("topic", Text),
            ("partition_number", Integer),
            ("next_offset", Integer),
            ("newest_us", Integer),
            ("end_offset", Integer),
        ],
    },
    Table {
        name: "stream_panes",
        columns: &[
            ("monitor_id", Text),
            ("start_us", Integer),
            ("end_us", Integer),
            ("row_count", Integer),
            ("size_bytes", Integer),
            ("dead_count", Integer),
            ("late_count", Integer),
            ("closed_at", Integer),
            ("run_id", Text),
            ("first_us", Integer),
            ("last_us", Integer),
        ],
    },
    Table {
        name: "stream_segments",
        columns: &[
            ("monitor_id", Text),
            ("start_us", Integer),
            ("partition_number", Integer),
            ("first_offset", Integer),
            ("lines", Bytes),
            ("late_for_us", Integer),
        ],
    },
    Table {
        name: "dead_letters",
        columns: &[
            ("monitor_id", Text),
            ("topic", Text),
            ("partition_number", Integer),
            ("message_offset", Integer),
            ("sent_at", Integer),
            ("reason", Text),
            ("created_at", Integer),
        ],
    },
    Table {
        name: "posted_profiles",
        columns: &[
            ("monitor_id", Text),
            ("id", Text),
            ("edge", Text),
            ("content_hash", Text),
            ("size_bytes", Integer),
            ("row_count", Integer),
            ("late_count", Integer),
            ("start_us", Integer),
            ("end_us", Integer),
            ("received_at", Integer),
            ("is_judged", Integer),
            ("content", Bytes),
        ],
    },
    Table {
        name: "read_plans",
        columns: &[
            ("monitor_id", Text),
            ("plan", Text),
            ("targets_version", Text),
        ],
    },
    Table {
        name: "read_targets",
        columns: &[
            ("monitor_id", Text),
            ("first_us", Integer),
            ("last_us", Integer),
            ("content", Text),
        ],
    },
    Table {
        name: "read_files",
        columns: &[
            ("monitor_id", Text),
            ("name", Text),
            ("size_bytes", Integer),
            ("version", Text),
            ("content", Text),
            ("first_us", Integer),
            ("last_us", Integer),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    #[tokio::test]
    async fn every_table_and_column_of_the_database_is_listed() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("store.db").display());
        let store = Store::open(&url).await.unwrap();
        let mut known: Vec<(String, String, String)> = TABLES
            .iter()
            .flat_map(|table| {
                table.columns.iter().map(|(column, kind)| {
                    let kind = match kind {
                        Integer => "BIGINT",
                        Text => "TEXT",
                        Number => "DOUBLE PRECISION",
                        Bytes => "BYTEA",
                    };
                    (table.name.to_owned(), (*column).to_owned(), kind.to_owned())
                })
            })
            .collect();
        // The store's own.
        for (table, column, kind) in [
            ("changes", "id", "BIGINT"),
            ("changes", "counter", "BIGINT"),
            ("leases", "name", "TEXT"),
            ("leases", "owner", "TEXT"),
            ("leases", "fence", "BIGINT"),
            ("leases", "expires_at", "BIGINT"),
        ] {
            known.push((table.to_owned(), column.to_owned(), kind.to_owned()));
        }
        let mut found: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT t.name, c.name, c.type FROM sqlite_schema t, pragma_table_info(t.name) c
             WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
        )
        .fetch_all(store.reader())
        .await
        .unwrap();
        known.sort();
        found.sort();
        assert_eq!(found, known);
    }
}
