//! Every format, compression and kind of path; every kind of bad file.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod arbitrary;
mod nested;
mod partitions;
mod serving;
mod tfrecord;

use datafusion::{
    arrow::{
        array::{ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray},
        ipc::writer::{FileWriter, StreamWriter},
        util::pretty::pretty_format_batches,
    },
    parquet::arrow::ArrowWriter,
};
use driftline_engine::{
    CsvOptions, Engine, EngineConfig, EngineError, ProfileColumn, ProfileRequest, Rows, Source,
};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;

fn engine() -> Engine {
    Engine::new(EngineConfig::default()).unwrap()
}

async fn open(location: &Path) -> Result<Rows, EngineError> {
    engine()
        .open(&Source::new(location.display().to_string()))
        .await
}

async fn error_of(location: &Path) -> String {
    open(location).await.unwrap_err().to_string()
}

/// The rows as text, one line each, cells joined by `|`.
async fn lines(rows: &Rows) -> Vec<String> {
    let batches = rows.collect().await.unwrap();
    let table = pretty_format_batches(&batches).unwrap().to_string();
    let mut lines: Vec<String> = table
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            cells.join("|")
        })
        .collect();
    if !lines.is_empty() {
        lines.remove(0);
    }
    lines
}

fn types(rows: &Rows) -> Vec<String> {
    rows.columns()
        .iter()
        .map(|column| format!("{}: {}", column.name, column.data_type))
        .collect()
}

fn write(directory: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn sample() -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        (
            "share",
            Arc::new(Float64Array::from(vec![Some(0.5), None, Some(1.5)])),
        ),
        (
            "title",
            Arc::new(StringArray::from(vec![Some("早安"), Some("a,\"b\""), None])),
        ),
        (
            "day",
            Arc::new(Date32Array::from(vec![19_023, 19_024, 19_025])),
        ),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

const SAMPLE_LINES: [&str; 3] = [
    "1|0.5|早安|2022-01-31",
    "2||a,\"b\"|2022-02-01",
    "3|1.5||2022-02-02",
];

fn encoded(format: &str) -> Vec<u8> {
    let batch = sample();
    let mut bytes = Vec::new();
    match format {
        "parquet" => {
            let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
        }
        "arrow" => {
            let mut writer = FileWriter::try_new(&mut bytes, &batch.schema()).unwrap();
            writer.write(&batch).unwrap();
            writer.finish().unwrap();
        }
        "arrows" => {
            let mut writer = StreamWriter::try_new(&mut bytes, &batch.schema()).unwrap();
            writer.write(&batch).unwrap();
            writer.finish().unwrap();
        }
        "csv" => bytes.extend(
            "id,share,title,day\n1,0.5,早安,2022-01-31\n2,,\"a,\"\"b\"\"\",2022-02-01\n3,1.5,,2022-02-02\n"
                .as_bytes(),
        ),
        "jsonl" => bytes.extend(
            "{\"id\":1,\"share\":0.5,\"title\":\"早安\",\"day\":\"2022-01-31\"}\n\n{\"id\":2,\"share\":null,\"title\":\"a,\\\"b\\\"\",\"day\":\"2022-02-01\"}\n{\"id\":3,\"share\":1.5,\"day\":\"2022-02-02\"}"
                .as_bytes(),
        ),
        other => panic!("{other}"),
    }
    bytes
}

fn compressed(bytes: &[u8], compression: &str) -> Vec<u8> {
    match compression {
        "gz" => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        "zst" => zstd::stream::encode_all(bytes, 1).unwrap(),
        _ => bytes.to_vec(),
    }
}

#[tokio::test]
async fn every_format_is_read_plain_and_compressed_whatever_its_name() {
    let directory = TempDir::new().unwrap();
    for format in ["parquet", "arrow", "arrows", "csv", "jsonl"] {
        for compression in ["", "gz", "zst"] {
            // The bytes tell the format: the name says nothing.
            let name = format!("{format}_{compression}_data");
            let path = write(&directory, &name, compressed(&encoded(format), compression));
            let rows = open(&path).await.unwrap();
            let selected = rows
                .prepare("SELECT id, share, title, CAST(day AS DATE) AS day FROM source")
                .await
                .unwrap();
            assert_eq!(lines(&selected).await, SAMPLE_LINES, "{name}");
            let counted = rows
                .prepare("SELECT count(*) AS n FROM source")
                .await
                .unwrap();
            assert_eq!(lines(&counted).await, ["3"], "{name}");
        }
    }
}

#[tokio::test]
async fn a_directory_a_pattern_and_a_file_give_the_same_rows() {
    let directory = TempDir::new().unwrap();
    write(&directory, "data/b/part-2.csv", "id\n3\n");
    write(&directory, "data/part-1.csv", "id\n1\n2\n");
    write(&directory, "data/README.md", "not data");
    write(&directory, "data/_SUCCESS.csv", "");
    write(&directory, "data/.hidden.csv", "");
    let whole = directory.path().join("data");
    let mut all = lines(&open(&whole).await.unwrap()).await;
    all.sort();
    assert_eq!(all, ["1", "2", "3"]);
    let mut matched = lines(&open(&whole.join("**/part-*.csv")).await.unwrap()).await;
    matched.sort();
    assert_eq!(matched, ["1", "2", "3"]);
}

#[tokio::test]
async fn a_table_with_a_log_of_its_own_is_no_folder_of_files() {
    for (log, format) in [
        ("_delta_log/00000000000000000000.json", "Delta Lake"),
        ("metadata/v1.metadata.json", "Iceberg"),
        (".hoodie/hoodie.properties", "Hudi"),
    ] {
        let directory = TempDir::new().unwrap();
        write(&directory, "lake/events/part-0.parquet", encoded("parquet"));
        write(&directory, &format!("lake/events/{log}"), "{}");
        let error = error_of(&directory.path().join("lake")).await;
        assert!(
            error.contains(&format!("lake/events` is a table of {format}"))
                && error.contains("write.parquet"),
            "{error}"
        );
    }
    // A folder that is only called so.
    let directory = TempDir::new().unwrap();
    write(&directory, "data/metadata/a.csv", "id\n1\n");
    let rows = open(&directory.path().join("data")).await.unwrap();
    assert_eq!(lines(&rows).await, ["1"]);
}

#[tokio::test]
async fn a_database_says_how_its_rows_are_written_and_keeps_its_password() {
    for scheme in ["postgres", "postgresql", "mysql", "snowflake", "jdbc"] {
        let url = format!("{scheme}://user:secret@host/db");
        let error = error_of(Path::new(&url)).await;
        assert!(
            error.contains(&format!("`{scheme}://…`")) && !error.contains("secret"),
            "{error}"
        );
    }
    let error = error_of(Path::new("postgres://host/db")).await;
    assert!(error.contains("COPY (SELECT …) TO STDOUT"), "{error}");
}

#[tokio::test]
async fn a_file_whose_name_looks_like_a_pattern_is_a_file() {
    let directory = TempDir::new().unwrap();
    let path = write(&directory, "week [1] 50%25 é.parquet", encoded("parquet"));
    assert_eq!(lines(&open(&path).await.unwrap()).await.len(), 3);
}

#[tokio::test]
async fn files_of_different_columns_and_widths_are_one_table() {
    let directory = TempDir::new().unwrap();
    write(&directory, "1.parquet", encoded("parquet"));
    write(&directory, "2.csv", "id,share,extra\n4,7,x\n");
    write(&directory, "3.jsonl", "{\"id\": 5.5, \"extra\": \"y\"}\n");
    let rows = open(directory.path()).await.unwrap();
    assert_eq!(
        types(&rows),
        [
            "id: Float64",
            "share: Float64",
            "title: Utf8",
            "day: Date32",
            "extra: Utf8"
        ]
    );
    let sorted = rows
        .prepare("SELECT id, share, title, extra FROM source ORDER BY id")
        .await
        .unwrap();
    assert_eq!(
        lines(&sorted).await,
        [
            "1.0|0.5|早安|",
            "2.0||a,\"b\"|",
            "3.0|1.5||",
            "4.0|7.0||x",
            "5.5|||y"
        ]
    );
}

#[tokio::test]
async fn two_parquet_files_of_whole_numbers_and_fractions_are_fractions() {
    let directory = TempDir::new().unwrap();
    let file = |name: &str, column: ArrayRef| {
        let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        write(&directory, name, bytes)
    };
    file("1.parquet", Arc::new(Int64Array::from(vec![1, 2])));
    file("2.parquet", Arc::new(Float64Array::from(vec![2.5])));
    let rows = open(directory.path()).await.unwrap();
    assert_eq!(types(&rows), ["x: Float64"]);
    assert_eq!(lines(&rows).await, ["1.0", "2.0", "2.5"]);

    file("3.parquet", Arc::new(StringArray::from(vec!["three"])));
    let error = error_of(directory.path()).await;
    assert!(
        error.contains("3.parquet") && error.contains("column `x` holds Utf8"),
        "{error}"
    );
}

#[tokio::test]
async fn csv_types_fit_all_rows_and_not_only_the_first() {
    let directory = TempDir::new().unwrap();
    let mut text = String::from("n,when,flag,code,empty\n");
    for row in 0..5_000 {
        text.push_str(&format!("{row},2022-01-31,true,{row},\n"));
    }
    text.push_str("0.5,2022-01-31 10:00:00,FALSE,x1,\n");
    let rows = open(&write(&directory, "late.csv", text)).await.unwrap();
    assert_eq!(
        types(&rows),
        [
            "n: Float64",
            "when: Timestamp(µs)",
            "flag: Boolean",
            "code: Utf8",
            "empty: Null"
        ]
    );
    assert_eq!(
        rows.collect()
            .await
            .unwrap()
            .iter()
            .map(RecordBatch::num_rows)
            .sum::<usize>(),
        5_001
    );
}

#[tokio::test]
async fn csv_columns_of_several_files_fit_each_other_as_in_one_file() {
    let directory = TempDir::new().unwrap();
    write(&directory, "1.csv", "code,n\n007,1\n");
    write(&directory, "2.csv", "n,code\n2.5,x\n");
    let rows = open(directory.path()).await.unwrap();
    assert_eq!(types(&rows), ["code: Utf8", "n: Float64"]);
    let sorted = rows
        .prepare("SELECT * FROM source ORDER BY n")
        .await
        .unwrap();
    assert_eq!(lines(&sorted).await, ["007|1.0", "x|2.5"]);
}

#[tokio::test]
async fn the_way_a_csv_file_is_written_is_detected_or_told() {
    let directory = TempDir::new().unwrap();
    let semicolons = write(
        &directory,
        "a.csv",
        "\u{feff}name;price\r\nAnn;1,5\r\n\"B;b\";2,5\r\n",
    );
    assert_eq!(
        lines(&open(&semicolons).await.unwrap()).await,
        ["Ann|1,5", "B;b|2,5"]
    );
    assert_eq!(open(&semicolons).await.unwrap().columns()[0].name, "name");

    let nameless = write(
        &directory,
        "b.csv",
        "39, State-gov, 77516\n50, Private, 83311\n",
    );
    let rows = open(&nameless).await.unwrap();
    assert_eq!(
        types(&rows),
        ["column_1: Int64", "column_2: Utf8", "column_3: Int64"]
    );
    assert_eq!(lines(&rows).await[0], "39|State-gov|77516");

    let told = Source {
        csv: CsvOptions {
            delimiter: Some(b'|'),
            header: Some(true),
            null_values: vec!["NA".into()],
            ..CsvOptions::default()
        },
        ..Source::new(
            write(&directory, "c.csv", "1|2\nNA|3\n")
                .display()
                .to_string(),
        )
    };
    let rows = engine().open(&told).await.unwrap();
    assert_eq!(types(&rows), ["1: Null", "2: Int64"]);

    let multiline = write(&directory, "d.csv", "id,text\n1,\"two\nlines\"\n2,x\n");
    let counted = open(&multiline)
        .await
        .unwrap()
        .prepare("SELECT count(*) AS n FROM source")
        .await
        .unwrap();
    assert_eq!(lines(&counted).await, ["2"]);
}

#[tokio::test]
async fn a_header_without_rows_is_a_table_of_no_rows() {
    let directory = TempDir::new().unwrap();
    for text in ["id,title\n", "id,title"] {
        let rows = open(&write(&directory, "empty.csv", text)).await.unwrap();
        assert_eq!(types(&rows), ["id: Null", "title: Null"]);
        assert_eq!(lines(&rows).await, Vec::<String>::new());
        assert_eq!(
            rows.time_range("title", driftline_engine::Tz::UTC)
                .await
                .unwrap(),
            None
        );
    }
}

#[tokio::test]
async fn missing_empty_and_odd_files_are_named_with_the_way_out() {
    let directory = TempDir::new().unwrap();
    let at = |name: &str| directory.path().join(name);
    let parquet = encoded("parquet");
    let cases: Vec<(PathBuf, &str)> = vec![
        (at("gone.csv"), "no such file or directory; check the path"),
        (at("gone-*.csv"), "matches no file; check the pattern"),
        (write(&directory, "zero.csv", ""), "is empty (0 bytes)"),
        (
            write(&directory, "zero.csv.gz", compressed(b"", "gz")),
            "is empty (0 bytes)",
        ),
        (
            write(&directory, "cut.parquet", &parquet[..parquet.len() - 9]),
            "is no complete Parquet file",
        ),
        (
            write(&directory, "head.parquet", &parquet[..20]),
            "is no complete Parquet file",
        ),
        (
            write(&directory, "fake.parquet", "id\n1\n"),
            "does not begin with `PAR1`",
        ),
        (
            write(&directory, "cut.arrow", &encoded("arrow")[..300]),
            "is no complete Arrow IPC file",
        ),
        (
            write(
                &directory,
                "cut.csv.gz",
                &compressed(&encoded("csv"), "gz")[..40],
            ),
            "is no complete gzip file",
        ),
        (
            write(
                &directory,
                "cut.csv.zst",
                &compressed(&vec![b'a'; 100_000], "zst")[..12],
            ),
            "is no complete zstd file",
        ),
        (
            write(
                &directory,
                "gbk.csv",
                b"id,title\n1,ok\n2,\xc4\xe3\xba\xc3\n",
            ),
            "line 3: not UTF-8; convert it first",
        ),
        (
            write(
                &directory,
                "gbk.jsonl",
                b"{\"a\":\"ok\"}\n{\"a\":\"\xc4\xe3\"}\n",
            ),
            "line 2: not UTF-8",
        ),
        (
            write(&directory, "ragged.csv", "a,b\n1,2\n3\n"),
            "line 3: 1 cell where the first line has 2 cells",
        ),
        (
            write(&directory, "broken.jsonl", "{\"a\":1}\n{\"a\":\n"),
            "line 2: not JSON at column",
        ),
        (
            write(&directory, "list.jsonl", "{\"a\":1}\n[1]\n"),
            "line 2: not a JSON object",
        ),
        (
            write(
                &directory,
                "kinds.jsonl",
                "{\"a\":1}\n{\"a\":2}\n{\"a\":{\"b\":1}}\n",
            ),
            "line 3: a value of another kind than in the lines before",
        ),
        (
            write(&directory, "array.json", "[{\"a\":1}]"),
            "write one object a line",
        ),
        (
            write(&directory, "twice.csv", "a,a\n1,2\n"),
            "two columns are named `a`",
        ),
        (
            write(&directory, "image.png", b"\x89PNG\r\n\x1a\n\0\0"),
            "in no format that can be read",
        ),
        (
            write(&directory, "wide.csv", b"\xff\xfea\0,\0b\0"),
            "UTF-16; convert it to UTF-8",
        ),
    ];
    for (path, expected) in cases {
        let message = error_of(&path).await;
        assert!(message.contains(expected), "{message}");
        assert!(
            message.contains(path.file_name().unwrap().to_str().unwrap()),
            "{message}"
        );
    }
    fs::create_dir(at("none")).unwrap();
    assert!(
        error_of(&at("none"))
            .await
            .contains("holds no data file (.parquet, .csv")
    );
    let url = engine()
        .open(&Source::new("ftp://host/x.parquet"))
        .await
        .unwrap_err();
    assert!(url.to_string().contains("no `ftp` URLs"), "{url}");
}

#[tokio::test]
async fn columns_may_be_called_anything() {
    let directory = TempDir::new().unwrap();
    let text = "a.b,\"say \"\"hi\"\"\",A,a,select,字\n1,2,3,4,5,6\n";
    let rows = open(&write(&directory, "names.csv", text)).await.unwrap();
    let names: Vec<String> = rows
        .columns()
        .into_iter()
        .map(|column| column.name)
        .collect();
    assert_eq!(names, ["a.b", "say \"hi\"", "A", "a", "select", "字"]);
    let request = ProfileRequest {
        columns: (names.iter())
            .map(|name| ProfileColumn {
                name: name.clone(),
                text: false,
            })
            .collect(),
        slices: names.clone(),
        windows: None,
    };
    let profiles = rows.profile(&request).await.unwrap();
    for (row, number) in profiles.iter().zip(1_u32..=6) {
        assert_eq!(
            row.profile.numeric().unwrap().max(),
            Some(f64::from(number))
        );
    }
    assert_eq!(profiles.len(), 6 + 6 * 6);
    let selected = rows
        .prepare("SELECT \"a.b\" + A * a AS x FROM source")
        .await
        .unwrap();
    assert_eq!(lines(&selected).await, ["13"]);
    let more = rows
        .with_columns(&[("a.b".into(), "字 * 2".into())])
        .await
        .unwrap();
    assert_eq!(more.columns().len(), 6);
    assert_eq!(lines(&more).await, ["2|3|4|5|6|12"]);
}

#[tokio::test]
async fn objects_without_values_and_blank_lines_are_rows_without_columns() {
    let directory = TempDir::new().unwrap();
    let rows = open(&write(&directory, "none.jsonl", "{}\n\n{}\n"))
        .await
        .unwrap();
    assert!(rows.columns().is_empty());
    let counted = rows
        .prepare("SELECT count(*) AS n FROM source")
        .await
        .unwrap();
    assert_eq!(lines(&counted).await, ["2"]);
    let error = error_of(&write(&directory, "blank.csv", "\n \n")).await;
    assert!(
        error.contains("blank.csv") && error.contains("nothing but white space"),
        "{error}"
    );
    let gaps = open(&write(&directory, "gaps.csv", "x,y\n\n1,2\n\n"))
        .await
        .unwrap();
    assert_eq!(lines(&gaps).await, ["1|2"]);
}

#[tokio::test]
async fn a_file_that_changes_between_the_readings_is_an_error_with_its_line() {
    let directory = TempDir::new().unwrap();
    let path = write(&directory, "moving.csv", "n\n1\n2\n");
    let rows = open(&path).await.unwrap();
    fs::write(&path, "n\n1\ntwo\n").unwrap();
    let error = rows.collect().await.unwrap_err().to_string();
    assert!(
        error.contains("moving.csv` line 3, column `n`: `two` is no Int64"),
        "{error}"
    );
}

#[tokio::test]
async fn standard_input_like_files_are_told_by_their_bytes() {
    // Standard input itself is tested through the command line; it takes this way.
    let directory = TempDir::new().unwrap();
    let path = write(&directory, "spool", encoded("jsonl"));
    assert_eq!(lines(&open(&path).await.unwrap()).await.len(), 3);
}
