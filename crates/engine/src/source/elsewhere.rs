//! Rows that are somewhere else: in a database, or in a table format with a log of its own.
//!
//! They are not read, and whoever asks is told how to get them out. A lake's folder looks like
//! one of Parquet files, so it must be told from one: some of its files are dead.

use crate::EngineError;

/// The error for a URL of a database; `None` where it is of something else.
pub(super) fn database(scheme: &str) -> Option<EngineError> {
    let way = match scheme {
        "postgres" | "postgresql" | "redshift" => {
            "`psql URL -c \"COPY (SELECT …) TO STDOUT (FORMAT csv, HEADER)\" | driftline … -`"
        }
        "mysql" | "mariadb" => "`mysql --batch -e \"SELECT …\" DATABASE | driftline … -`",
        "sqlite" => "`sqlite3 -csv -header FILE \"SELECT …\" | driftline … -`",
        "snowflake" => {
            "`COPY INTO @stage FROM (SELECT …) FILE_FORMAT = (TYPE = PARQUET) HEADER = TRUE`"
        }
        "bigquery" | "bq" => {
            "`EXPORT DATA OPTIONS (uri = 'gs://…/*.parquet', format = 'PARQUET') AS SELECT …`"
        }
        "mssql" | "sqlserver" | "oracle" | "jdbc" | "odbc" | "duckdb" | "clickhouse"
        | "mongodb" | "mongodb+srv" | "trino" | "databricks" | "hive" => {
            "its own COPY, UNLOAD or EXPORT writes Parquet or CSV"
        }
        _ => return None,
    };
    Some(EngineError::Database {
        scheme: scheme.into(),
        way: way.into(),
    })
}

/// The error for a folder with a file of this name in it; `None` where that says nothing. The name
/// is relative to the folder, with `/` between its steps.
pub(super) fn lake_table(directory: &str, name: &str) -> Option<EngineError> {
    let (folder, file) = name.rsplit_once('/')?;
    let is_below = |log: &str| folder.split('/').any(|step| step == log);
    let (log, format, way) = if is_below("_delta_log") {
        (
            "_delta_log",
            "Delta Lake",
            "in DuckDB `COPY (FROM delta_scan('…')) TO 'now.parquet'`, in Spark \
             `spark.read.format(\"delta\").load(…).write.parquet(…)`",
        )
    } else if is_below(".hoodie") {
        (
            ".hoodie",
            "Hudi",
            "in Spark `spark.read.format(\"hudi\").load(…).write.parquet(…)`",
        )
    } else if folder.ends_with("metadata") && file.ends_with(".metadata.json") {
        (
            "metadata",
            "Iceberg",
            "in DuckDB `COPY (FROM iceberg_scan('…')) TO 'now.parquet'`, in Spark \
             `spark.table(…).write.parquet(…)`",
        )
    } else {
        return None;
    };
    let table = folder.split('/').take_while(|step| *step != log);
    let steps: Vec<&str> = std::iter::once(directory.trim_end_matches('/'))
        .chain(table)
        .collect();
    Some(EngineError::LakeTable {
        directory: steps.join("/"),
        format: format.into(),
        way: way.into(),
    })
}
