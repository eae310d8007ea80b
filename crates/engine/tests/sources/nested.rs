//! Columns of every Arrow type: each is profiled, or told with a reason, and none takes
//! the others down.

use super::{engine, open};
use datafusion::{
    arrow::{
        array::*,
        buffer::{NullBuffer, OffsetBuffer, ScalarBuffer},
        compute::cast,
        datatypes::*,
        ipc::writer::StreamWriter,
    },
    parquet::arrow::ArrowWriter,
};
use driftline_engine::{Leaves, ProfileColumn, ProfileRequest, ProfileRow};
use driftline_statistics::{ColumnProfile, Summary};
use std::{collections::BTreeMap, fs::File, path::Path, sync::Arc};
use tempfile::TempDir;

async fn profiles(leaves: &Leaves) -> BTreeMap<String, ColumnProfile> {
    let mut found = BTreeMap::new();
    for part in &leaves.parts {
        let request = ProfileRequest {
            columns: part
                .columns
                .iter()
                .map(|name| ProfileColumn {
                    name: name.clone(),
                    text: false,
                })
                .collect(),
            ..ProfileRequest::default()
        };
        for ProfileRow {
            column, profile, ..
        } in part.rows.profile(&request).await.unwrap()
        {
            assert!(
                found.insert(column.clone(), profile).is_none(),
                "{column} twice"
            );
        }
    }
    found
}

async fn leaves_of(path: &Path) -> Leaves {
    open(path).await.unwrap().leaves(&[]).unwrap()
}

fn stream(path: &Path, batch: &RecordBatch) {
    let mut writer = StreamWriter::try_new(File::create(path).unwrap(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn ints(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

/// An array of three rows, the second null where the type has nulls.
fn every_type() -> Vec<(&'static str, ArrayRef)> {
    let text = || vec![Some("a"), None, Some("b")];
    let bytes = || vec![Some(&b"a"[..]), None, Some(&b"b"[..])];
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
        Some(vec![Some(1), Some(2)]),
        None,
        Some(vec![Some(3)]),
    ]);
    let item = Arc::new(Field::new_list_field(DataType::Int64, true));
    let large = LargeListArray::from_iter_primitive::<Int64Type, _, _>(vec![
        Some(vec![Some(1), Some(2)]),
        None,
        Some(vec![Some(3)]),
    ]);
    let fixed = FixedSizeListArray::from_iter_primitive::<Int64Type, _, _>(
        vec![
            Some(vec![Some(1), Some(2)]),
            None,
            Some(vec![Some(3), None]),
        ],
        2,
    );
    let view = ListViewArray::new(
        Arc::clone(&item),
        ScalarBuffer::from(vec![0, 0, 1]),
        ScalarBuffer::from(vec![2, 0, 1]),
        ints(&[Some(1), Some(2)]),
        Some(NullBuffer::from(vec![true, false, true])),
    );
    let fields: Fields = vec![
        Field::new("x", DataType::Int64, true),
        Field::new("y.z", DataType::Utf8, true),
    ]
    .into();
    let structs = StructArray::new(
        fields.clone(),
        vec![
            ints(&[Some(1), Some(2), None]),
            Arc::new(StringArray::from(text())),
        ],
        Some(NullBuffer::from(vec![true, false, true])),
    );
    let in_list = ListArray::new(
        Arc::new(Field::new_list_field(DataType::Struct(fields), true)),
        OffsetBuffer::from_lengths([2, 0, 1]),
        Arc::new(structs.clone()),
        None,
    );
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    map.keys().append_value("k");
    map.values().append_value(5);
    map.append(true).unwrap();
    map.append(false).unwrap();
    map.append(true).unwrap();
    let union = UnionArray::try_new(
        UnionFields::try_new(
            vec![0, 1],
            vec![
                Field::new("i", DataType::Int64, true),
                Field::new("s", DataType::Utf8, true),
            ],
        )
        .unwrap(),
        ScalarBuffer::from(vec![0_i8, 1, 0]),
        None,
        vec![
            ints(&[Some(1), None, Some(3)]),
            Arc::new(StringArray::from(vec![None, Some("u"), None])),
        ],
    )
    .unwrap();
    let runs = RunArray::<Int32Type>::try_new(
        &Int32Array::from(vec![1, 2, 3]),
        &StringArray::from(text()),
    )
    .unwrap();
    let dictionary: DictionaryArray<Int8Type> = text().into_iter().collect();
    let numbers = DictionaryArray::<Int8Type>::new(
        Int8Array::from(vec![Some(0), None, Some(1)]),
        ints(&[Some(10), Some(20)]),
    );
    let one = |value: i128| vec![Some(value), None, Some(3)];
    vec![
        ("null", Arc::new(NullArray::new(3))),
        (
            "boolean",
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        ),
        (
            "int8",
            Arc::new(Int8Array::from(vec![Some(-1), None, Some(3)])),
        ),
        (
            "int16",
            Arc::new(Int16Array::from(vec![Some(-1), None, Some(3)])),
        ),
        (
            "int32",
            Arc::new(Int32Array::from(vec![Some(-1), None, Some(3)])),
        ),
        ("int64", ints(&[Some(-1), None, Some(3)])),
        (
            "uint8",
            Arc::new(UInt8Array::from(vec![Some(1), None, Some(3)])),
        ),
        (
            "uint16",
            Arc::new(UInt16Array::from(vec![Some(1), None, Some(3)])),
        ),
        (
            "uint32",
            Arc::new(UInt32Array::from(vec![Some(1), None, Some(3)])),
        ),
        (
            "uint64",
            Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(3)])),
        ),
        (
            "float16",
            cast(
                &Float32Array::from(vec![Some(1.0), None, Some(2.5)]),
                &DataType::Float16,
            )
            .unwrap(),
        ),
        (
            "float32",
            Arc::new(Float32Array::from(vec![Some(f32::NAN), None, Some(3.0)])),
        ),
        (
            "float64",
            Arc::new(Float64Array::from(vec![Some(0.5), None, Some(3.0)])),
        ),
        (
            "decimal32",
            Arc::new(
                Decimal32Array::from(vec![Some(15), None, Some(3)])
                    .with_precision_and_scale(4, 1)
                    .unwrap(),
            ),
        ),
        (
            "decimal64",
            Arc::new(
                Decimal64Array::from(vec![Some(15), None, Some(3)])
                    .with_precision_and_scale(4, 1)
                    .unwrap(),
            ),
        ),
        (
            "decimal128",
            Arc::new(
                Decimal128Array::from(one(15))
                    .with_precision_and_scale(20, 1)
                    .unwrap(),
            ),
        ),
        (
            "decimal256",
            Arc::new(
                Decimal256Array::from(vec![Some(i256::from(15)), None, Some(i256::from(3))])
                    .with_precision_and_scale(40, 1)
                    .unwrap(),
            ),
        ),
        ("utf8", Arc::new(StringArray::from(text()))),
        ("large_utf8", Arc::new(LargeStringArray::from(text()))),
        ("utf8_view", Arc::new(StringViewArray::from(text()))),
        ("binary", Arc::new(BinaryArray::from(bytes()))),
        ("large_binary", Arc::new(LargeBinaryArray::from(bytes()))),
        ("binary_view", Arc::new(BinaryViewArray::from(bytes()))),
        (
            "fixed_size_binary",
            Arc::new(
                FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes().into_iter(), 1)
                    .unwrap(),
            ),
        ),
        (
            "date32",
            Arc::new(Date32Array::from(vec![Some(1), None, Some(3)])),
        ),
        (
            "date64",
            Arc::new(Date64Array::from(vec![Some(86_400_000), None, Some(0)])),
        ),
        (
            "time32_s",
            Arc::new(Time32SecondArray::from(vec![Some(60), None, Some(3)])),
        ),
        (
            "time32_ms",
            Arc::new(Time32MillisecondArray::from(vec![
                Some(60_000),
                None,
                Some(3),
            ])),
        ),
        (
            "time64_us",
            Arc::new(Time64MicrosecondArray::from(vec![
                Some(60_000_000),
                None,
                Some(3),
            ])),
        ),
        (
            "time64_ns",
            Arc::new(Time64NanosecondArray::from(vec![
                Some(60_000_000_000),
                None,
                Some(3),
            ])),
        ),
        (
            "timestamp_s",
            Arc::new(TimestampSecondArray::from(vec![Some(60), None, Some(3)])),
        ),
        (
            "timestamp_ns_utc",
            Arc::new(
                TimestampNanosecondArray::from(vec![Some(60), None, Some(3)]).with_timezone("UTC"),
            ),
        ),
        (
            "duration_s",
            Arc::new(DurationSecondArray::from(vec![Some(60), None, Some(3)])),
        ),
        (
            "duration_ns",
            Arc::new(DurationNanosecondArray::from(vec![
                Some(60_000_000_000),
                None,
                Some(3),
            ])),
        ),
        (
            "interval_ym",
            Arc::new(IntervalYearMonthArray::from(vec![Some(1), None, Some(3)])),
        ),
        (
            "interval_dt",
            Arc::new(IntervalDayTimeArray::from(vec![
                Some(IntervalDayTime::new(1, 0)),
                None,
                Some(IntervalDayTime::new(0, 1)),
            ])),
        ),
        (
            "interval_mdn",
            Arc::new(IntervalMonthDayNanoArray::from(vec![
                Some(IntervalMonthDayNano::new(1, 0, 0)),
                None,
                Some(IntervalMonthDayNano::new(0, 1, 1)),
            ])),
        ),
        ("list", Arc::new(list)),
        ("large_list", Arc::new(large)),
        ("fixed_size_list", Arc::new(fixed)),
        ("list_view", Arc::new(view)),
        ("struct", Arc::new(structs)),
        ("list_of_structs", Arc::new(in_list)),
        ("map", Arc::new(map.finish())),
        ("union", Arc::new(union)),
        ("runs", Arc::new(runs)),
        ("dictionary", Arc::new(dictionary)),
        ("dictionary_of_numbers", Arc::new(numbers)),
    ]
}

/// How the profile of a column reads: rows, nulls, and what its values say.
fn said(profile: &ColumnProfile) -> String {
    let values = match &profile.summary {
        Summary::Counts => "-".to_owned(),
        Summary::Numeric(numbers) => format!("{:?}..{:?}", numbers.min(), numbers.max()),
        Summary::Categorical(values) => {
            let values = values.values();
            let mut names: Vec<&str> = values.iter().map(|v| v.value.as_str()).collect();
            names.sort_unstable();
            names.join(" ")
        }
        Summary::Text(_) => "text".to_owned(),
    };
    format!(
        "{} {}/{} {values}",
        profile.value_type.name(),
        profile.nulls,
        profile.rows
    )
}

#[tokio::test]
async fn a_column_of_any_type_is_profiled_or_told_and_the_rest_stands() {
    let directory = TempDir::new().unwrap();
    // One at a time, so that a type that cannot even be read is known by its name, and
    // then all at once, so that none disturbs another.
    let mut alone = BTreeMap::new();
    for (name, array) in every_type() {
        let path = directory.path().join(format!("{name}.arrow"));
        stream(&path, &batch(vec![(name, array)]));
        alone.extend(profiles(&leaves_of(&path).await).await);
    }
    let path = directory.path().join("all.arrow");
    stream(&path, &batch(every_type()));
    let leaves = leaves_of(&path).await;
    let together = profiles(&leaves).await;
    let said_by = |profiles: &BTreeMap<String, ColumnProfile>| -> Vec<String> {
        profiles
            .iter()
            .map(|(name, profile)| format!("{name}: {}", said(profile)))
            .collect()
    };
    assert_eq!(said_by(&alone), said_by(&together));
    insta::assert_snapshot!(said_by(&together).join("\n"));
    let skipped: Vec<String> = leaves
        .skipped
        .iter()
        .map(|skipped| {
            format!(
                "{} ({}): {}",
                skipped.column, skipped.data_type, skipped.reason
            )
        })
        .collect();
    insta::assert_snapshot!(skipped.join("\n"));
    // Whatever says nothing about its values says why.
    for (name, profile) in &together {
        let silent = matches!(profile.summary, Summary::Counts) && profile.nulls < profile.rows;
        let told = leaves.skipped.iter().any(|skipped| skipped.column == *name);
        let inside = together.keys().any(|other| {
            other.starts_with(&format!("{name}[]")) || other.starts_with(&format!("{name}."))
        });
        assert!(!silent || told || inside, "{name} is silent");
    }
}

#[tokio::test]
async fn nested_parquet_and_json_lines_are_profiled_to_their_leaves() {
    let directory = TempDir::new().unwrap();
    let json = directory.path().join("orders.jsonl");
    std::fs::write(
        &json,
        concat!(
            r#"{"id":1,"to":{"city":"Bern","geo":{"lat":46.9}},"items":[{"sku":"a","tags":["x","y"]},{"sku":"b","tags":[]}]}"#,
            "\n",
            r#"{"id":2,"to":null,"items":[]}"#,
            "\n",
            r#"{"id":3,"to":{"city":"Uri"},"items":[{"sku":"a","tags":["x"]}]}"#,
            "\n",
        ),
    )
    .unwrap();
    let rows = open(&json).await.unwrap();
    let parquet = directory.path().join("orders.parquet");
    rows.write_parquet(&parquet).await.unwrap();
    let of_json = profiles(&rows.leaves(&[]).unwrap()).await;
    let of_parquet = profiles(&leaves_of(&parquet).await).await;
    let said_by = |profiles: &BTreeMap<String, ColumnProfile>| -> Vec<String> {
        profiles
            .iter()
            .map(|(name, p)| format!("{name}: {}", said(p)))
            .collect()
    };
    assert_eq!(said_by(&of_json), said_by(&of_parquet));
    assert_eq!(
        said_by(&of_json),
        [
            "id: integer 0/3 Some(1.0)..Some(3.0)",
            "items: nested 0/3 -",
            "items[].sku: string 0/3 a b",
            "items[].tags[]: string 0/3 x y",
            "to: nested 1/3 -",
            "to.city: string 1/3 Bern Uri",
            "to.geo.lat: float 2/3 Some(46.9)..Some(46.9)",
        ]
    );
}

#[tokio::test]
async fn structs_that_gained_a_field_are_one_table() {
    let directory = TempDir::new().unwrap();
    let structs = |names: &[&str]| -> ArrayRef {
        let fields: Fields = names
            .iter()
            .map(|n| Field::new(*n, DataType::Int64, true))
            .collect();
        let columns = names.iter().map(|_| ints(&[Some(1)])).collect();
        Arc::new(StructArray::new(fields, columns, None))
    };
    for (kind, ending) in [
        ("parquet", "parquet"),
        ("arrow", "arrow"),
        ("json", "jsonl"),
    ] {
        let folder = directory.path().join(kind);
        std::fs::create_dir(&folder).unwrap();
        for (file, names) in [("old", &["a"][..]), ("new", &["b", "a"])] {
            let path = folder.join(format!("{file}.{ending}"));
            let batch = batch(vec![("s", structs(names))]);
            match kind {
                "parquet" => {
                    let file = File::create(&path).unwrap();
                    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
                    writer.write(&batch).unwrap();
                    writer.close().unwrap();
                }
                "arrow" => stream(&path, &batch),
                _ => {
                    let fields: Vec<String> =
                        names.iter().map(|name| format!(r#""{name}":1"#)).collect();
                    let line = format!(r#"{{"s":{{{}}}}}"#, fields.join(","));
                    std::fs::write(&path, line).unwrap();
                }
            }
        }
        let found = profiles(&leaves_of(&folder).await).await;
        assert_eq!(
            said(&found["s.a"]),
            "integer 0/2 Some(1.0)..Some(1.0)",
            "{kind}"
        );
        assert_eq!(
            said(&found["s.b"]),
            "integer 1/2 Some(1.0)..Some(1.0)",
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_struct_field_called_like_a_column_does_not_hide_it() {
    let directory = TempDir::new().unwrap();
    let fields: Fields = vec![Field::new("b", DataType::Int64, true)].into();
    let inner: ArrayRef = Arc::new(StructArray::new(fields, vec![ints(&[Some(7)])], None));
    let path = directory.path().join("x.arrow");
    stream(&path, &batch(vec![("a.b", ints(&[Some(1)])), ("a", inner)]));
    let found = profiles(&leaves_of(&path).await).await;
    assert_eq!(said(&found["a.b"]), "integer 0/1 Some(1.0)..Some(1.0)");
    assert_eq!(said(&found["a.'b'"]), "integer 0/1 Some(7.0)..Some(7.0)");
}

#[tokio::test]
async fn values_of_lists_keep_the_time_and_the_slices_of_their_rows() {
    let directory = TempDir::new().unwrap();
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
        Some(vec![Some(1), Some(2)]),
        Some(vec![Some(3)]),
    ]);
    let path = directory.path().join("x.arrow");
    stream(
        &path,
        &batch(vec![
            ("kind", Arc::new(StringArray::from(vec!["p", "q"]))),
            ("list", Arc::new(list)),
        ]),
    );
    let rows = open(&path).await.unwrap();
    let leaves = rows.leaves(&["kind".to_owned()]).unwrap();
    let values = &leaves.parts[1];
    assert_eq!(values.columns, ["list[]"]);
    let request = ProfileRequest {
        columns: vec![ProfileColumn {
            name: "list[]".into(),
            text: false,
        }],
        slices: vec!["kind".into()],
        ..ProfileRequest::default()
    };
    let found = values.rows.profile(&request).await.unwrap();
    let rows: Vec<u64> = found.iter().map(|row| row.profile.rows).collect();
    assert_eq!(rows, [3, 2, 1]);
    assert!(
        rows_error(&path)
            .await
            .contains("there is no column `nope`")
    );
}

async fn rows_error(path: &Path) -> String {
    let rows = engine()
        .open(&driftline_engine::Source::new(path.display().to_string()))
        .await
        .unwrap();
    rows.leaves(&["nope".to_owned()]).unwrap_err().to_string()
}
