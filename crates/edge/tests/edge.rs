//! The binary, on rows of both formats.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use driftline_statistics::ColumnProfile;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const MANIFEST: &str = "format_version: 1
name: grade
version: 1
task: multiclass_classification
labels: [high, low, middle]
inputs:
  - name: features
    from: columns
    columns: [{column: a}, {column: b}, {column: c}, {column: d, missing: 0}]
outputs: [{name: output_probability, holds: probabilities}]
";

fn desk() -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scorer/tests/models");
    let bundle = desk.path().join("grade");
    std::fs::create_dir(&bundle).unwrap();
    std::fs::copy(models.join("forest-names.onnx"), bundle.join("model.onnx")).unwrap();
    std::fs::write(bundle.join("manifest.yaml"), MANIFEST).unwrap();
    desk
}

fn rows(json: bool) -> String {
    let mut text = String::new();
    if !json {
        text.push_str("a,b,c,d,name\n");
    }
    for row in 0..1000_u32 {
        let [a, b, c, d] = [7, 11, 13, 29].map(|by| f64::from((row * by) % 97) / 25.0 - 2.0);
        let name = ["left", "right"][(row % 2) as usize];
        text.push_str(&match json {
            true => format!("{{\"a\":{a},\"b\":{b},\"c\":{c},\"d\":{d},\"name\":\"{name}\"}}\n"),
            false => format!("{a},{b},{c},{d},{name}\n"),
        });
    }
    text
}

fn edge(desk: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_driftline-edge"))
        .args(arguments)
        .current_dir(desk)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // One that refuses its arguments reads nothing.
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap_or_default();
    child.wait_with_output().unwrap()
}

fn profiles(path: &Path) -> Vec<(String, ColumnProfile)> {
    let file = std::fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    let mut found = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        let names = batch
            .column_by_name("column")
            .unwrap()
            .as_string::<i32>()
            .clone();
        let states = batch
            .column_by_name("state")
            .unwrap()
            .as_binary::<i32>()
            .clone();
        for row in 0..batch.num_rows() {
            let profile = ColumnProfile::from_bytes(states.value(row)).unwrap();
            found.push((names.value(row).to_owned(), profile));
        }
    }
    found
}

#[test]
fn csv_and_json_lines_give_the_same_profile_of_rows_and_scores() {
    let desk = desk();
    for (json, file) in [(false, "csv.parquet"), (true, "json.parquet")] {
        let arguments = ["--model", "grade", "--ignore", "a", "-o", file];
        let ended = edge(desk.path(), &arguments, &rows(json));
        assert!(
            ended.status.success(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
    }
    let mut of_csv = profiles(&desk.path().join("csv.parquet"));
    let mut of_json = profiles(&desk.path().join("json.parquet"));
    of_csv.sort_by(|a, b| a.0.cmp(&b.0));
    of_json.sort_by(|a, b| a.0.cmp(&b.0));
    let names: Vec<&str> = of_csv.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "b",
            "c",
            "d",
            "grade_confidence",
            "grade_entropy",
            "grade_label",
            "grade_margin",
            "name"
        ]
    );
    for ((name, one), (_, other)) in of_csv.iter().zip(&of_json) {
        assert_eq!(one.to_bytes(), other.to_bytes(), "{name}");
        assert_eq!(one.rows, 1000);
    }
    let labels = of_csv[5].1.categorical().unwrap();
    assert!(labels.values().len() > 1);
}

/// Of each window and column the profile.
fn windows(path: &Path) -> BTreeMap<(Option<i64>, String), ColumnProfile> {
    let file = std::fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let batch = reader.build().unwrap().next().unwrap().unwrap();
    let starts = batch.column_by_name("window_start").unwrap().clone();
    let starts = starts.as_primitive::<TimestampMicrosecondType>();
    let ends = batch.column_by_name("window_end").unwrap().clone();
    let ends = ends.as_primitive::<TimestampMicrosecondType>();
    for row in 0..batch.num_rows() {
        assert_eq!(starts.is_valid(row), ends.is_valid(row));
        assert!(starts.is_null(row) || ends.value(row) - starts.value(row) == 3_600_000_000);
    }
    let starts = (0..batch.num_rows()).map(|row| starts.is_valid(row).then(|| starts.value(row)));
    let profiles = profiles(path).into_iter();
    let found = starts.zip(profiles);
    found
        .map(|(start, (name, profile))| ((start, name), profile))
        .collect()
}

#[test]
fn windows_of_several_edges_add_up_to_those_of_all_rows() {
    let desk = desk();
    let all = rows(false);
    let (head, rest) = all.split_once('\n').unwrap();
    // Times go to and fro over three hours, and some rows have none.
    let timed = rest.lines().enumerate().map(|(row, line)| match row % 10 {
        9 => format!(",{line}\n"),
        _ => format!("2024-05-01T{:02}:{:02}:00Z,{line}\n", row % 3, row % 60),
    });
    let timed: Vec<String> = timed.collect();
    let of = |part: &[String], file: &str| {
        let rows = format!("at,{head}\n{}", part.concat());
        let arguments = [
            "--model", "grade", "--window", "1h", "--time", "at", "-o", file,
        ];
        let ended = edge(desk.path(), &arguments, &rows);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{said}");
        windows(&desk.path().join(file))
    };
    let whole = of(&timed, "all.parquet");
    let starts: BTreeSet<Option<i64>> = whole.keys().map(|(start, _)| *start).collect();
    assert_eq!(starts.len(), 4);
    assert_eq!(whole[&(None, "grade_label".to_owned())].rows, 100);
    let (first, second) = timed.split_at(333);
    let (mut merged, second) = (of(first, "1.parquet"), of(second, "2.parquet"));
    for (key, profile) in second {
        merged.get_mut(&key).unwrap().merge(&profile).unwrap();
    }
    for (key, profile) in &whole {
        let merged = &merged[key];
        let counts = |one: &ColumnProfile| (one.rows, one.present());
        assert_eq!(counts(merged), counts(profile), "{key:?}");
        let values = |one: &ColumnProfile| one.categorical().map(|own| own.values());
        assert_eq!(values(merged), values(profile), "{key:?}");
    }
}

#[test]
fn windows_need_times_that_are_some() {
    let desk = desk();
    for (arguments, input, says) in [
        (
            ["--window", "1h", "--time", "at"],
            "a\n1\n",
            "the rows have no column `at`",
        ),
        (
            ["--window", "1h", "--time", "a"],
            "a\nsoon\n",
            "`soon` in the column `a` is no time",
        ),
        (
            ["--window", "1x", "--time", "a"],
            "a\n1\n",
            "`1x` is no width of a window",
        ),
    ] {
        let ended = edge(
            desk.path(),
            &[&arguments[..], &["-o", "o.parquet"]].concat(),
            input,
        );
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(2), "{said}");
        assert!(said.contains(says), "{says}: {said}");
    }
}

#[test]
fn what_is_missing_is_said_and_leaves_no_file() {
    let desk = desk();
    let rows = rows(false);
    let renamed = rows.replacen("a,b", "x,b", 1);
    for (arguments, input, code, says) in [
        (
            vec!["--model", "grade"],
            renamed.as_str(),
            2,
            "the column `a`, which the rows do not have",
        ),
        (
            vec!["--model", "gone"],
            rows.as_str(),
            3,
            "no such model bundle",
        ),
        (vec!["gone.csv"], "", 3, "gone.csv"),
        (vec![], "\n", 3, "there are no rows"),
        (
            vec!["--model", "grade", "--column", "z=a"],
            rows.as_str(),
            2,
            "a, b, c, d",
        ),
    ] {
        let ended = edge(
            desk.path(),
            &[&arguments[..], &["-o", "out.parquet"]].concat(),
            input,
        );
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(code), "{said}");
        assert!(said.contains(says), "{says}: {said}");
        assert!(!desk.path().join("out.parquet").exists());
    }
    let renamed = edge(
        desk.path(),
        &["--model", "grade", "--column", "a=x", "-o", "o.parquet"],
        &renamed,
    );
    assert!(renamed.status.success());
}
