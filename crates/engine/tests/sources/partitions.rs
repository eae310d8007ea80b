//! Folders named `key=value` are columns, in every format.

use super::{engine, lines, open, types};
use datafusion::{
    arrow::array::{ArrayRef, Int64Array, RecordBatch},
    parquet::arrow::ArrowWriter,
};
use driftline_engine::{
    EngineError, PartitionRange, ProfileColumn, ProfileRequest, ProfileRow, Rows, Source,
};
use std::{fs, path::Path, sync::Arc};
use tempfile::TempDir;

const DAY_US: i64 = 86_400_000_000;

/// Two days of two shops each, with two rows; the files' own column is `x`.
fn shops(directory: &Path, ending: &str) {
    for (day, shop) in [
        (1, "a%20b"),
        (1, "c"),
        (2, "a%20b"),
        (2, "__HIVE_DEFAULT_PARTITION__"),
    ] {
        let folder = directory.join(format!("day=2024-01-0{day}/store={day}/shop={shop}"));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("rows.{ending}"));
        let rows = [day, 10 * day];
        match ending {
            "csv" => fs::write(file, format!("x\n{}\n{}\n", rows[0], rows[1])).unwrap(),
            "jsonl" => {
                let text = format!("{{\"x\":{}}}\n{{\"x\":{}}}\n", rows[0], rows[1]);
                fs::write(file, text).unwrap();
            }
            _ => {
                let column: ArrayRef = Arc::new(Int64Array::from(rows.to_vec()));
                let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
                let file = fs::File::create(file).unwrap();
                let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
                writer.write(&batch).unwrap();
                writer.close().unwrap();
            }
        }
    }
}

async fn profiles(rows: &Rows) -> Vec<ProfileRow> {
    let column = |name: &str| ProfileColumn {
        name: name.into(),
        text: false,
    };
    let request = ProfileRequest {
        columns: ["x", "day", "store", "shop"].map(column).to_vec(),
        windows: None,
        slices: vec!["shop".into()],
    };
    rows.profile(&request).await.unwrap()
}

#[tokio::test]
async fn folders_are_columns_in_every_format() {
    let mut seen = Vec::new();
    for ending in ["csv", "jsonl", "parquet"] {
        let directory = TempDir::new().unwrap();
        shops(directory.path(), ending);
        let rows = open(directory.path()).await.unwrap();
        assert_eq!(
            types(&rows),
            ["x: Int64", "day: Date32", "store: Int64", "shop: Utf8"],
            "{ending}"
        );
        let mut read = lines(&rows).await;
        read.sort();
        assert_eq!(read[0], "10|2024-01-01|1|a b", "{ending}");
        assert_eq!(read[7], "2|2024-01-02|2|a b", "{ending}");
        let found: Vec<String> = profiles(&rows)
            .await
            .iter()
            .map(|row| {
                let (slice, profile) = (&row.slice, &row.profile);
                format!(
                    "{slice:?} {} {} {}",
                    row.column, profile.rows, profile.nulls
                )
            })
            .collect();
        seen.push((read, found));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

#[tokio::test]
async fn one_file_of_a_folder_has_its_columns_too() {
    let directory = TempDir::new().unwrap();
    shops(directory.path(), "parquet");
    let file = directory
        .path()
        .join("day=2024-01-01/store=1/shop=c/rows.parquet");
    let rows = open(&file).await.unwrap();
    assert_eq!(
        lines(&rows).await,
        ["1|2024-01-01|1|c", "10|2024-01-01|1|c"]
    );
}

#[tokio::test]
async fn a_column_of_the_files_is_not_taken_from_the_folders() {
    let directory = TempDir::new().unwrap();
    let folder = directory.path().join("x=9");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.csv"), "x\n1\n").unwrap();
    let rows = open(directory.path()).await.unwrap();
    assert_eq!(lines(&rows).await, ["1"]);
}

#[tokio::test]
async fn folders_of_another_time_are_not_opened() {
    let directory = TempDir::new().unwrap();
    for day in 1..9 {
        let folder = directory.path().join(format!("day=2024-01-0{day}"));
        fs::create_dir(&folder).unwrap();
        // A file that would be an error if it were looked at.
        let text = if day == 8 { "" } else { "x\n1\n" };
        fs::write(folder.join("a.csv"), text).unwrap();
    }
    let at = |day: i64| (19_722 + day) * DAY_US;
    let within = |start_us: i64, end_us: i64| Source {
        within: Some(PartitionRange {
            column: "day".into(),
            start_us,
            end_us,
        }),
        ..Source::new(directory.path().display().to_string())
    };
    let rows = engine().open(&within(at(3), at(5))).await.unwrap();
    let mut days = lines(&rows).await;
    days.sort();
    // A day around, for zones.
    assert_eq!(
        days,
        [
            "1|2024-01-02",
            "1|2024-01-03",
            "1|2024-01-04",
            "1|2024-01-05"
        ]
    );
    let nothing = engine().open(&within(at(300), at(301))).await;
    let error = nothing.unwrap_err();
    assert!(matches!(error, EngineError::NoPartition { .. }), "{error}");
}
