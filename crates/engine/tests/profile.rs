//! Profiles by window and slice: the same from any number of threads and in every run.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use datafusion::{
    arrow::array::{
        ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    },
    parquet::{arrow::ArrowWriter, file::properties::WriterProperties},
};
use driftline_engine::{
    Engine, EngineConfig, EngineError, ProfileColumn, ProfileRequest, ProfileRow, Rows, Slice,
    Source, Span, Tz, Windows, profile_file, time_zone,
};
use driftline_statistics::ColumnProfile;
use std::{num::NonZeroUsize, path::Path, sync::Arc};
use tempfile::TempDir;

const DAY_US: i64 = 86_400_000_000;

fn engine(threads: usize) -> Engine {
    Engine::new(EngineConfig {
        threads: NonZeroUsize::new(threads),
        ..EngineConfig::default()
    })
    .unwrap()
}

async fn open(engine: &Engine, path: &Path) -> Rows {
    let source = Source::new(path.display().to_string());
    engine.open(&source).await.unwrap()
}

fn columns(names: &[&str]) -> Vec<ProfileColumn> {
    names
        .iter()
        .map(|name| ProfileColumn {
            name: (*name).into(),
            text: *name == "title",
        })
        .collect()
}

fn windows(width: &str) -> Windows {
    Windows::new("at", width.parse().unwrap())
}

/// Rows of a week, one every 30 seconds: numbers, a category, a title.
fn batch(first: usize, rows: usize, distinct: usize) -> RecordBatch {
    let range = || first..first + rows;
    let mixed = |row: usize| (row * 7_919 + 13) % distinct;
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from_iter_values(
                range().map(|row| row as i64 * 30_000_000),
            )),
        ),
        (
            "x",
            Arc::new(Float64Array::from_iter(
                range().map(|row| (row % 11 != 0).then(|| mixed(row) as f64 / 4.0)),
            )),
        ),
        (
            "n",
            Arc::new(Int64Array::from_iter_values(
                range().map(|row| mixed(row) as i64),
            )),
        ),
        (
            "city",
            Arc::new(StringArray::from_iter(range().map(|row| {
                (row % 5 != 0).then(|| ["北京", "上海", "Berlin"][row % 3])
            }))),
        ),
        (
            "title",
            Arc::new(StringArray::from_iter_values(
                range().map(|row| format!("第{}条热搜 topic", mixed(row))),
            )),
        ),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn write_parquet(path: &Path, batch: &RecordBatch) {
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(1_000))
        .build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

fn one<'a>(rows: &'a [ProfileRow], column: &str) -> &'a ColumnProfile {
    &rows
        .iter()
        .find(|row| row.column == column && row.slice.is_none())
        .unwrap()
        .profile
}

fn assert_equal(a: &ColumnProfile, b: &ColumnProfile) {
    assert_eq!(
        (a.rows, a.nulls, a.value_type),
        (b.rows, b.nulls, b.value_type)
    );
    assert_eq!(a.distinct(), b.distinct());
    let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{a} {b}"),
        (a, b) => assert_eq!(a, b),
    };
    if let (Some(a), Some(b)) = (a.numeric(), b.numeric()) {
        assert_eq!(a.quantiles(), b.quantiles());
        close(a.mean(), b.mean());
        close(a.std_dev(), b.std_dev());
    }
    assert_eq!(
        a.categorical().map(|c| c.values()),
        b.categorical().map(|c| c.values())
    );
    if let (Some(a), Some(b)) = (a.text(), b.text()) {
        assert_eq!(a.characters().quantiles(), b.characters().quantiles());
        assert_eq!(a.cells(), b.cells());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_streams_give_what_one_gives_while_profiles_are_exact() {
    let directory = TempDir::new().unwrap();
    for part in 0..5 {
        let path = directory.path().join(format!("{part}.parquet"));
        write_parquet(&path, &batch(part * 4_000, 4_000, 700));
    }
    let request = ProfileRequest {
        columns: columns(&["x", "n", "city", "title"]),
        windows: Some(windows("1d")),
        slices: vec!["city".into()],
    };
    let single = open(&engine(1), directory.path())
        .await
        .profile(&request)
        .await
        .unwrap();
    let many = open(&engine(8), directory.path())
        .await
        .profile(&request)
        .await
        .unwrap();
    assert_eq!(single.len(), many.len());
    for (a, b) in single.iter().zip(&many) {
        assert_eq!((a.span, &a.slice, &a.column), (b.span, &b.slice, &b.column));
        assert_equal(&a.profile, &b.profile);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_runs_give_the_same_bytes_although_sketches_depend_on_order() {
    let directory = TempDir::new().unwrap();
    write_parquet(
        &directory.path().join("0.parquet"),
        &batch(0, 30_000, 9_000),
    );
    write_parquet(
        &directory.path().join("1.parquet"),
        &batch(30_000, 30_000, 20_000),
    );
    let request = ProfileRequest {
        columns: columns(&["x", "n", "city", "title"]),
        windows: Some(windows("7d")),
        slices: vec![],
    };
    let mut runs = Vec::new();
    for _ in 0..3 {
        let engine = engine(4);
        let prepared = open(&engine, directory.path())
            .await
            .prepare("SELECT DISTINCT * FROM source WHERE n > 10")
            .await
            .unwrap()
            .materialise()
            .await
            .unwrap();
        let profiles = prepared.profile(&request).await.unwrap();
        runs.push(
            profiles
                .iter()
                .map(|row| row.profile.to_bytes())
                .collect::<Vec<_>>(),
        );
    }
    assert!(runs.iter().all(|run| *run == runs[0]));
}

#[tokio::test]
async fn a_slice_of_a_window_is_profiled_as_if_it_were_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("rows.parquet");
    write_parquet(&path, &batch(0, 9_000, 300));
    let rows = open(&engine(2), &path).await;
    let request = ProfileRequest {
        columns: columns(&["x", "title"]),
        windows: Some(windows("1d")),
        slices: vec!["city".into(), "n".into()],
    };
    let profiles = rows.profile(&request).await.unwrap();
    let second_day = Span {
        start_us: DAY_US,
        end_us: 2 * DAY_US,
    };
    for (value, condition) in [(Some("Berlin"), "city = 'Berlin'"), (None, "city IS NULL")] {
        let slice = Slice {
            column: "city".into(),
            value: value.map(Into::into),
        };
        let alone = rows
            .within("at", Tz::UTC, second_day)
            .unwrap()
            .prepare(&format!("SELECT * FROM source WHERE {condition}"))
            .await
            .unwrap()
            .profile(&ProfileRequest {
                columns: columns(&["x", "title"]),
                ..ProfileRequest::default()
            })
            .await
            .unwrap();
        for column in ["x", "title"] {
            let sliced = profiles
                .iter()
                .find(|row| {
                    row.span == Some(second_day)
                        && row.slice.as_ref() == Some(&slice)
                        && row.column == column
                })
                .unwrap();
            assert_equal(&sliced.profile, one(&alone, column));
            assert!(sliced.profile.rows > 100);
        }
    }
    // Numbers slice as text; every window has all rows first.
    assert!(profiles.iter().any(|row| row.slice
        == Some(Slice {
            column: "n".into(),
            value: Some("7".into())
        })));
    assert_eq!(profiles[0].slice, None);
    let whole: u64 = profiles
        .iter()
        .filter(|r| r.slice.is_none() && r.column == "x")
        .map(|r| r.profile.rows)
        .sum();
    assert_eq!(whole, 9_000);
}

#[tokio::test]
async fn windows_without_rows_are_there_and_rows_without_a_time_are_apart() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("rows.csv");
    std::fs::write(
        &path,
        "at,x\n2022-01-01,1\n2022-01-04,2\n,3\n2022-01-04,4\n",
    )
    .unwrap();
    let rows = open(&engine(2), &path).await;
    let request = ProfileRequest {
        columns: columns(&["x"]),
        windows: Some(windows("1d")),
        slices: vec![],
    };
    let profiles = rows.profile(&request).await.unwrap();
    let counts: Vec<(bool, u64)> = profiles
        .iter()
        .map(|r| (r.span.is_some(), r.profile.rows))
        .collect();
    assert_eq!(
        counts,
        [(true, 1), (true, 0), (true, 0), (true, 2), (false, 1)]
    );
    assert_eq!(profiles[1].profile.numeric().unwrap().mean(), None);
}

#[tokio::test]
async fn days_of_a_time_zone_hold_the_rows_of_its_people() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("rows.csv");
    let text = "at,x\n2022-03-26T22:59:00Z,1\n2022-03-26T23:00:00Z,2\n2022-03-27T21:59:00Z,3\n2022-03-27T22:00:00Z,4\n";
    std::fs::write(&path, text).unwrap();
    let request = ProfileRequest {
        columns: columns(&["x"]),
        windows: Some(Windows {
            time_zone: time_zone("Europe/Berlin").unwrap(),
            ..windows("1d")
        }),
        slices: vec![],
    };
    let profiles = open(&engine(2), &path)
        .await
        .profile(&request)
        .await
        .unwrap();
    let rows: Vec<u64> = profiles.iter().map(|row| row.profile.rows).collect();
    assert_eq!(
        rows,
        [1, 2, 1],
        "the day on which the clock goes forward has 23 hours"
    );
    let span = profiles[1].span.unwrap();
    assert_eq!(span.end_us - span.start_us, 23 * 3_600_000_000);
}

#[tokio::test]
async fn no_rows_and_null_columns_have_profiles_too() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("rows.csv");
    std::fs::write(&path, "x,empty\n1,\n2,\n").unwrap();
    let rows = open(&engine(2), &path).await;
    let request = ProfileRequest {
        columns: columns(&["x", "empty"]),
        ..ProfileRequest::default()
    };
    let profiles = rows.profile(&request).await.unwrap();
    assert_eq!(
        (profiles[1].profile.rows, profiles[1].profile.nulls),
        (2, 2)
    );
    let none = rows
        .prepare("SELECT * FROM source WHERE x > 9")
        .await
        .unwrap();
    let sliced = ProfileRequest {
        slices: vec!["x".into()],
        ..request
    };
    for request in [
        &sliced,
        &ProfileRequest {
            slices: vec![],
            ..sliced.clone()
        },
    ] {
        let profiles = none.profile(request).await.unwrap();
        assert_eq!(
            profiles
                .iter()
                .map(|row| row.profile.rows)
                .collect::<Vec<_>>(),
            [0, 0]
        );
        assert!(profiles[0].profile.numeric().is_some());
    }
}

#[tokio::test]
async fn not_a_number_and_infinities_are_counted() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("rows.csv");
    std::fs::write(&path, "x\n1.5\nNaN\ninf\n-inf\n").unwrap();
    let request = ProfileRequest {
        columns: columns(&["x"]),
        ..ProfileRequest::default()
    };
    let profiles = open(&engine(2), &path)
        .await
        .profile(&request)
        .await
        .unwrap();
    let numeric = profiles[0].profile.numeric().unwrap();
    assert_eq!(
        (numeric.nan, numeric.non_finite(), numeric.count()),
        (1, 3, 1)
    );
}

#[tokio::test]
async fn too_many_groups_are_refused_with_the_limit() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("rows.parquet");
    write_parquet(&path, &batch(0, 3_000, 700));
    let engine = Engine::new(EngineConfig {
        max_groups: 100,
        ..EngineConfig::default()
    })
    .unwrap();
    let rows = open(&engine, &path).await;
    let by_slice = ProfileRequest {
        columns: columns(&["x"]),
        slices: vec!["n".into()],
        windows: None,
    };
    assert_eq!(
        rows.profile(&by_slice).await.unwrap_err(),
        EngineError::TooManyGroups { limit: 100 }
    );
    // Two days a century apart: few groups, but very many windows between them.
    let path = directory.path().join("apart.csv");
    std::fs::write(&path, "at,x\n1922-01-01,1\n2022-01-01,1\n").unwrap();
    let by_hour = ProfileRequest {
        columns: columns(&["x"]),
        windows: Some(windows("1h")),
        slices: vec![],
    };
    let error = open(&engine, &path)
        .await
        .profile(&by_hour)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("more than 100 groups (windows × slices); use wider windows"),
        "{error}"
    );
}

#[tokio::test]
async fn a_full_memory_pool_is_an_error_that_says_what_to_do() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("rows.parquet");
    write_parquet(&path, &batch(0, 20_000, 20_000));
    let engine = Engine::new(EngineConfig {
        memory_limit_bytes: 200_000,
        threads: NonZeroUsize::new(1),
        ..EngineConfig::default()
    })
    .unwrap();
    let request = ProfileRequest {
        columns: columns(&["x", "n", "title"]),
        ..ProfileRequest::default()
    };
    let error = open(&engine, &path)
        .await
        .profile(&request)
        .await
        .unwrap_err();
    assert!(matches!(error, EngineError::OutOfMemory { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("raise it (`--memory`), use wider windows or fewer slices"),
        "{error}"
    );
    assert_eq!(
        engine.reserved_bytes(),
        0,
        "what was reserved is given back"
    );
}

/// Columns are read some at a time, and files need not have the same.
#[tokio::test]
async fn very_many_columns_are_each_profiled_as_if_alone() {
    let directory = TempDir::new().unwrap();
    let numbers = |place: usize| -> ArrayRef {
        let values = (0..50).map(|row| (row * place) as i64 % 97);
        Arc::new(Int64Array::from_iter_values(values))
    };
    let words = |place: usize| -> ArrayRef {
        let values = (0..50).map(|row| format!("{}", row % (place + 1)));
        Arc::new(StringArray::from_iter_values(values))
    };
    let column = |place: usize| match place % 2 {
        0 => (format!("number {place}"), numbers(place)),
        _ => (format!("word {place}"), words(place)),
    };
    let all: Vec<usize> = (0..150).collect();
    let odd: Vec<usize> = (0..150).rev().filter(|place| place % 3 > 0).collect();
    for (name, places) in [("all", &all), ("odd", &odd)] {
        let file = RecordBatch::try_from_iter(places.iter().map(|&place| column(place)));
        let path = directory.path().join(format!("{name}.parquet"));
        write_parquet(&path, &file.unwrap());
    }
    let rows = open(&engine(2), directory.path()).await;
    let names: Vec<String> = all.iter().map(|&place| column(place).0).collect();
    let names: Vec<&str> = names.iter().rev().map(String::as_str).collect();
    let request = ProfileRequest {
        columns: columns(&names),
        ..ProfileRequest::default()
    };
    let profiles = rows.profile(&request).await.unwrap();
    assert_eq!(profiles.len(), 150);
    let sample = rows.roles_sample().await.unwrap();
    assert_eq!(sample.len(), 150);
    for (row, place) in profiles.iter().zip((0..150).rev()) {
        let (name, values) = column(place);
        assert_eq!(row.column, name);
        let mut alone = ColumnProfile::of(&values, false);
        let empty = ColumnProfile::new(values.data_type(), false);
        let other = if place % 3 > 0 {
            &alone.clone()
        } else {
            &empty
        };
        alone.merge(other).unwrap();
        let missing = u64::from(place % 3 == 0) * 50;
        assert_eq!((row.profile.rows, row.profile.nulls), (100, missing));
        assert_eq!(row.profile.distinct(), alone.distinct());
        assert_eq!(
            row.profile.categorical().map(|c| c.values()),
            alone.categorical().map(|c| c.values())
        );
        let in_sample = sample.iter().find(|(column, _)| column.name == name);
        let strings = u64::from(place % 2 == 1) * 100;
        assert_eq!(in_sample.unwrap().1.rows, strings);
    }
}

#[tokio::test]
async fn groups_that_do_not_fit_memory_go_to_disk_and_come_back_the_same() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("rows.parquet");
    write_parquet(&path, &batch(0, 40_000, 300));
    let request = ProfileRequest {
        columns: columns(&["x", "title"]),
        windows: Some(windows("1d")),
        slices: vec!["n".into()],
    };
    let profile = async |memory_limit_bytes| {
        let engine = Engine::new(EngineConfig {
            memory_limit_bytes,
            threads: NonZeroUsize::new(2),
            ..EngineConfig::default()
        })
        .unwrap();
        let profiles = open(&engine, &path).await.profile(&request).await;
        assert_eq!(engine.reserved_bytes(), 0, "it is the caller's now");
        profiles
    };
    let whole = profile(1 << 30).await.unwrap();
    let bytes: usize = whole.iter().map(|row| row.profile.size_bytes()).sum();
    eprintln!("{} profiles of {bytes} bytes", whole.len());
    let from_disk = profile(bytes + (2 << 20)).await.unwrap();
    assert_eq!(whole.len(), from_disk.len());
    for (a, b) in whole.iter().zip(&from_disk) {
        assert_eq!((a.span, &a.slice, &a.column), (b.span, &b.slice, &b.column));
        assert_equal(&a.profile, &b.profile);
    }
    // What the query holds at a time fits, what it gives does not.
    let error = profile(24 << 20).await.unwrap_err();
    assert!(
        matches!(&error, EngineError::OutOfMemory { reason }
            if reason.contains("the profiles of all windows and slices")),
        "{error}"
    );
    // One after the other they need not fit.
    let engine = Engine::new(EngineConfig {
        memory_limit_bytes: 24 << 20,
        threads: NonZeroUsize::new(2),
        ..EngineConfig::default()
    })
    .unwrap();
    let one_by_one = open(&engine, &path).await.profiles(&request).await.unwrap();
    let mut expected = whole.iter();
    for row in one_by_one {
        let (row, expected) = (row.unwrap(), expected.next().unwrap());
        assert_eq!(
            (row.span, &row.slice, &row.column),
            (expected.span, &expected.slice, &expected.column)
        );
        assert_equal(&row.profile, &expected.profile);
    }
    assert!(expected.next().is_none());
}

#[tokio::test]
async fn a_dropped_query_stops() {
    let directory = TempDir::new().unwrap();
    write_parquet(
        &directory.path().join("0.parquet"),
        &batch(0, 20_000, 20_000),
    );
    for link in 1..1_000 {
        let path = directory.path().join(format!("{link}.parquet"));
        std::fs::hard_link(directory.path().join("0.parquet"), path).unwrap();
    }
    // 20 million rows: far more than can be read in the time given.
    let engine = engine(1);
    let rows = open(&engine, directory.path()).await;
    let request = ProfileRequest {
        columns: columns(&["title", "n"]),
        ..ProfileRequest::default()
    };
    let query = tokio::time::timeout(std::time::Duration::from_millis(50), rows.profile(&request));
    assert!(query.await.is_err());
    for _ in 0..800 {
        if engine.reserved_bytes() == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{} bytes are still reserved", engine.reserved_bytes());
}

#[tokio::test]
async fn the_sample_for_roles_has_every_column_and_the_values_of_strings() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("rows.parquet");
    write_parquet(&path, &batch(0, 70_000, 700));
    let sample = open(&engine(2), &path).await.roles_sample().await.unwrap();
    let names: Vec<&str> = sample
        .iter()
        .map(|(column, _)| column.name.as_str())
        .collect();
    assert_eq!(names, ["at", "x", "n", "city", "title"]);
    let rows: Vec<u64> = sample.iter().map(|(_, profile)| profile.rows).collect();
    assert_eq!(rows, [0, 0, 0, 65_536, 65_536]);
    assert!(sample[3].1.categorical().is_some() && sample[4].1.categorical().is_some());
}

#[tokio::test]
async fn a_profile_file_round_trips_and_merges_to_the_whole() {
    let directory = TempDir::new().unwrap();
    let whole = batch(0, 6_000, 500);
    for (name, part) in [
        ("a", whole.slice(0, 2_000)),
        ("b", whole.slice(2_000, 4_000)),
        ("w", whole),
    ] {
        write_parquet(&directory.path().join(name), &part);
    }
    let request = ProfileRequest {
        columns: columns(&["title", "x", "city"]),
        windows: Some(windows("1d")),
        slices: vec!["city".into()],
    };
    let engine = engine(2);
    let mut profiles = Vec::new();
    for name in ["a", "b", "w"] {
        let rows = open(&engine, &directory.path().join(name))
            .await
            .profile(&request)
            .await
            .unwrap();
        let path = directory.path().join(format!("{name}.profile.parquet"));
        profile_file::write(&path, rows.iter().map(Ok)).unwrap();
        let back = profile_file::read(&path).unwrap();
        assert_eq!(back.len(), rows.len());
        for (a, b) in rows.iter().zip(&back) {
            assert_eq!((a.span, &a.slice, &a.column), (b.span, &b.slice, &b.column));
            assert_eq!(a.profile.to_bytes(), b.profile.to_bytes());
        }
        profiles.push(back);
    }
    let whole = profiles.pop().unwrap();
    let merged = profile_file::merge(profiles.into_iter().flatten()).unwrap();
    assert_eq!(merged.len(), whole.len());
    for (a, b) in merged.iter().zip(&whole) {
        assert_eq!((a.span, &a.slice, &a.column), (b.span, &b.slice, &b.column));
        assert_equal(&a.profile, &b.profile);
    }
    // It is Parquet that anybody can query.
    let sql = "SELECT column, rows, nulls, characters_mean, top_values[1]['value'] AS most FROM source WHERE slice_column IS NULL ORDER BY window_start, column LIMIT 2";
    let file = open(&engine, &directory.path().join("w.profile.parquet")).await;
    let batches = file.prepare(sql).await.unwrap().collect().await.unwrap();
    let shown = datafusion::arrow::util::pretty::pretty_format_batches(&batches)
        .unwrap()
        .to_string();
    assert!(
        shown.contains("| city   | 2880 | 576   |                    | Berlin |"),
        "{shown}"
    );
    let left: Vec<String> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(".tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn other_files_are_no_profile_files() {
    let directory = TempDir::new().unwrap();
    let at = |name: &str| directory.path().join(name);
    write_parquet(&at("rows.parquet"), &batch(0, 10, 5));
    std::fs::write(at("text.parquet"), "no Parquet at all").unwrap();
    std::fs::write(at("empty.parquet"), "").unwrap();
    for (name, expected) in [
        (
            "rows.parquet",
            "is no profile file: it has no column `format_version`",
        ),
        ("text.parquet", "is no complete Parquet file"),
        ("empty.parquet", "is empty (0 bytes)"),
        ("gone.parquet", "no such file or directory"),
    ] {
        let message = profile_file::read(&at(name)).unwrap_err().to_string();
        assert!(
            message.contains(expected) && message.contains(name),
            "{message}"
        );
    }
    // Written by a build of the future: the same columns, a greater version.
    let engine = engine(1);
    let rows = open(&engine, &at("rows.parquet")).await;
    let request = ProfileRequest {
        columns: columns(&["x"]),
        ..ProfileRequest::default()
    };
    profile_file::write(&at("now.parquet"), rows.profiles(&request).await.unwrap()).unwrap();
    let newer = open(&engine, &at("now.parquet")).await;
    let newer = newer
        .with_columns(&[("format_version".into(), "99".into())])
        .await
        .unwrap();
    newer.write_parquet(&at("newer.parquet")).await.unwrap();
    let message = profile_file::read(&at("newer.parquet"))
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("has format version 99, this build reads up to 1"),
        "{message}"
    );
    let target = at("no/such/folder/x.parquet");
    let message = profile_file::write::<ProfileRow>(&target, [])
        .unwrap_err()
        .to_string();
    assert!(message.contains("cannot be written"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nycflights_is_profiled_as_numpy_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/nycflights13/nycflights13.parquet");
    if !path.exists() {
        eprintln!("SKIPPED: {} is not there", path.display());
        return;
    }
    let rows = open(&engine(2), &path).await;
    let all: Vec<ProfileColumn> = rows
        .columns()
        .into_iter()
        .map(|column| ProfileColumn {
            name: column.name,
            text: false,
        })
        .collect();
    let profiles = rows
        .profile(&ProfileRequest {
            columns: all,
            ..ProfileRequest::default()
        })
        .await
        .unwrap();
    let delay = one(&profiles, "dep_delay");
    // pyarrow reads the column, numpy gives: size, nulls, mean(), std(), min(), max(), unique()
    assert_eq!((delay.rows, delay.nulls), (336_776, 8_255));
    let numeric = delay.numeric().unwrap();
    assert!((numeric.mean().unwrap() - 12.639_070_257_304_708).abs() < 1e-9);
    assert!((numeric.std_dev().unwrap() - 40.209_999_693_467_63).abs() < 1e-9);
    assert_eq!((numeric.min(), numeric.max()), (Some(-43.0), Some(1_301.0)));
    assert_eq!(numeric.distinct().value as u64, 527);
    let carriers = one(&profiles, "carrier").categorical().unwrap().values();
    assert_eq!(
        (
            carriers.len(),
            carriers[0].value.as_str(),
            carriers[0].count
        ),
        (16, "UA", 58_665)
    );
}
