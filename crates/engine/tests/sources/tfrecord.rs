//! TFRecords of `tf.Example` and `tf.SequenceExample`, whole and damaged.
//!
//! The files are written here from the format's description, not by the reader's own
//! code: messages as tags, lengths and bytes, checksums by the plain definition.

use super::{compressed, engine, error_of, lines, open, types, write};
use driftline_engine::{EngineError, Source};
use tempfile::TempDir;

/// CRC-32C bit by bit: polynomial 0x1edc6f41, reflected, all ones before and after
/// (RFC 3720, section 12.1), then TensorFlow's mask.
fn masked_crc(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    (!crc).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn framed(records: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for record in records {
        let length = (record.len() as u64).to_le_bytes();
        file.extend(length);
        file.extend(masked_crc(&length).to_le_bytes());
        file.extend(record);
        file.extend(masked_crc(record).to_le_bytes());
    }
    file
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A field of bytes: strings, messages, packed numbers.
fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    [
        varint(number << 3 | 2),
        varint(bytes.len() as u64),
        bytes.to_vec(),
    ]
    .concat()
}

enum Values<'a> {
    Nothing,
    Bytes(&'a [&'a [u8]]),
    Text(&'a [&'a str]),
    Floats(&'a [f32]),
    Ints(&'a [i64]),
}

fn feature(values: &Values) -> Vec<u8> {
    match values {
        Values::Nothing => Vec::new(),
        Values::Bytes(values) => {
            let list: Vec<u8> = values.iter().flat_map(|value| field(1, value)).collect();
            field(1, &list)
        }
        Values::Text(values) => {
            let bytes: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
            feature(&Values::Bytes(&bytes))
        }
        Values::Floats(values) => {
            let packed: Vec<u8> = values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            field(2, &field(1, &packed))
        }
        Values::Ints(values) => {
            let packed: Vec<u8> = values
                .iter()
                .flat_map(|value| varint(*value as u64))
                .collect();
            field(3, &field(1, &packed))
        }
    }
}

fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    entries
        .iter()
        .flat_map(|(name, value)| field(1, &[field(1, name.as_bytes()), field(2, value)].concat()))
        .collect()
}

fn example(features: &[(&str, Values)]) -> Vec<u8> {
    let features: Vec<(&str, Vec<u8>)> = features
        .iter()
        .map(|(name, values)| (*name, feature(values)))
        .collect();
    field(1, &map(&features))
}

fn sequence_example(context: &[(&str, Values)], lists: &[(&str, &[Values])]) -> Vec<u8> {
    let lists: Vec<(&str, Vec<u8>)> = lists
        .iter()
        .map(|(name, features)| {
            let list = features
                .iter()
                .flat_map(|values| field(1, &feature(values)));
            (*name, list.collect())
        })
        .collect();
    [example(context), field(2, &map(&lists))].concat()
}

fn three() -> Vec<Vec<u8>> {
    vec![
        example(&[
            ("age", Values::Ints(&[31])),
            ("name", Values::Text(&["ann"])),
            ("score", Values::Floats(&[0.5])),
            ("tags", Values::Text(&["a", "b"])),
        ]),
        example(&[
            ("age", Values::Ints(&[-7])),
            ("score", Values::Nothing),
            ("tags", Values::Text(&[])),
        ]),
        example(&[
            ("name", Values::Text(&["bob"])),
            ("score", Values::Floats(&[1.25])),
            ("void", Values::Nothing),
        ]),
    ]
}

/// A small whole file.
pub(super) fn three_records() -> Vec<u8> {
    framed(&three())
}

const THREE: [&str; 3] = ["31|ann|0.5|[a, b]|", "-7|||[]|", "|bob|1.25||"];

#[tokio::test]
async fn examples_are_rows_plain_and_compressed_whatever_the_name() {
    let directory = TempDir::new().unwrap();
    let file = framed(&three());
    for (name, compression) in [
        ("train.tfrecord", "none"),
        ("data_tfrecord-00000-of-00001.gz", "gz"),
        ("rows.bin", "none"),
        ("rows.zst", "zst"),
    ] {
        let path = write(&directory, name, compressed(&file, compression));
        let rows = open(&path).await.unwrap();
        assert_eq!(
            types(&rows),
            [
                "age: Int64",
                "name: Utf8",
                "score: Float32",
                "tags: List(Utf8)",
                "void: Null"
            ],
            "{name}"
        );
        assert_eq!(lines(&rows).await, THREE, "{name}");
    }
}

#[tokio::test]
async fn an_empty_list_is_there_and_a_feature_without_kind_is_not() {
    let directory = TempDir::new().unwrap();
    let file = framed(&[
        example(&[("x", Values::Ints(&[]))]),
        example(&[("x", Values::Nothing)]),
        example(&[]),
        Vec::new(),
        example(&[("x", Values::Ints(&[1]))]),
    ]);
    let rows = open(&write(&directory, "x.tfrecord", file)).await.unwrap();
    let counted = rows
        .prepare(
            "SELECT count(*) AS n, count(x) AS present, sum(array_length(x)) AS total FROM source",
        )
        .await
        .unwrap();
    assert_eq!(lines(&counted).await, ["5|2|1"]);
    assert_eq!(lines(&rows).await, ["[]", "", "", "", "[1]"]);
}

#[tokio::test]
async fn feature_lists_are_one_struct_of_lists_of_lists() {
    let directory = TempDir::new().unwrap();
    let file = framed(&[
        sequence_example(
            &[("id", Values::Ints(&[1]))],
            &[
                (
                    "clicks",
                    &[Values::Ints(&[1, 2]), Values::Nothing, Values::Ints(&[])],
                ),
                ("unknown", &[Values::Nothing]),
            ],
        ),
        sequence_example(&[("id", Values::Ints(&[2]))], &[("clicks", &[])]),
        example(&[("id", Values::Ints(&[3]))]),
        // Beyond 32 bits, where the decoder of TFDV cuts.
        sequence_example(&[], &[("clicks", &[Values::Ints(&[1 << 40])])]),
    ]);
    let rows = open(&write(&directory, "s.tfrecord", file)).await.unwrap();
    assert_eq!(rows.columns()[1].name, "##SEQUENCE##");
    assert_eq!(
        lines(&rows).await,
        [
            "1|{clicks: [[1, 2], , []], unknown: []}",
            "2|{clicks: [], unknown: }",
            "3|{clicks: , unknown: }",
            "|{clicks: [[1099511627776]], unknown: }",
        ]
    );
}

#[tokio::test]
async fn bytes_that_are_no_text_stay_bytes() {
    let directory = TempDir::new().unwrap();
    let file = framed(&[
        example(&[("b", Values::Text(&["text"]))]),
        example(&[("b", Values::Bytes(&[b"\xff\xd8"]))]),
    ]);
    let rows = open(&write(&directory, "b.tfrecord", file)).await.unwrap();
    assert_eq!(types(&rows), ["b: Binary"]);
    assert_eq!(lines(&rows).await, ["74657874", "ffd8"]);
}

#[tokio::test]
async fn parts_of_a_set_are_one_table_even_where_one_is_empty() {
    let directory = TempDir::new().unwrap();
    let parts = [
        framed(&[example(&[
            ("x", Values::Ints(&[1])),
            ("t", Values::Text(&["a"])),
        ])]),
        framed(&[example(&[
            ("x", Values::Ints(&[2, 3])),
            ("t", Values::Bytes(&[b"\xff"])),
        ])]),
        Vec::new(),
        framed(&[sequence_example(&[], &[("s", &[Values::Floats(&[1.5])])])]),
    ];
    for (place, part) in parts.iter().enumerate() {
        write(
            &directory,
            &format!("set_tfrecord-0000{place}-of-00004.gz"),
            compressed(part, "gz"),
        );
    }
    let rows = open(directory.path()).await.unwrap();
    let mut found = lines(&rows).await;
    found.sort();
    assert_eq!(
        found,
        ["61|[1]|", "ff|[2, 3]|", "||{s: [[1.5]]}"],
        "{:?}",
        types(&rows)
    );
}

#[tokio::test]
async fn a_feature_that_changes_its_kind_is_named_with_both_places() {
    let directory = TempDir::new().unwrap();
    let int = || example(&[("x", Values::Ints(&[1]))]);
    let float = || example(&[("x", Values::Floats(&[1.0]))]);
    let one = write(&directory, "one.tfrecord", framed(&[int(), int(), float()]));
    let name = one.display();
    assert_eq!(
        error_of(&one).await,
        format!(
            "`{name}` record 3 at byte 60: feature `x` is a float_list here, but a int64_list in record 1; write one kind of value under a name"
        )
    );
    let lists = |values| sequence_example(&[], &[("s", &[values])]);
    let two = write(
        &directory,
        "two.tfrecord",
        framed(&[lists(Values::Ints(&[1])), lists(Values::Text(&["a"]))]),
    );
    assert!(
        error_of(&two)
            .await
            .contains("feature list `s` is a bytes_list here")
    );
    // Between files it is the files that are named.
    let many = TempDir::new().unwrap();
    write(&many, "a.tfrecord", framed(&[int()]));
    write(
        &many,
        "b.tfrecord",
        framed(&[example(&[("x", Values::Text(&["a"]))])]),
    );
    let error = open(many.path()).await.unwrap_err();
    assert!(
        matches!(&error, EngineError::ColumnClash { column, .. } if column == "x"),
        "{error}"
    );
}

#[tokio::test]
async fn damage_is_an_error_with_number_and_place_or_skipped() {
    let directory = TempDir::new().unwrap();
    let whole = framed(&three());
    let second = 16 + three()[0].len();
    let cases = [
        (
            "data",
            second + 14,
            "record 2 at byte",
            "the checksum of its data is wrong",
        ),
        (
            "length",
            second,
            "record 2 at byte",
            "the checksum of its length is wrong",
        ),
    ];
    for (what, at, place, how) in cases {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        for compression in ["none", "gz"] {
            let path = write(
                &directory,
                &format!("{what}-{compression}.tfrecord"),
                compressed(&damaged, compression),
            );
            let error = error_of(&path).await;
            assert!(
                error.contains(&format!("{place} {second}: {how}")),
                "{error}"
            );
            assert!(error.contains("--skip-corrupt 1"), "{error}");
            let source = Source {
                skip_corrupt: 1,
                ..Source::new(path.display().to_string())
            };
            let rows = engine().open(&source).await.unwrap();
            assert_eq!(
                lines(&rows).await,
                ["31|ann|0.5|[a, b]|", "|bob|1.25||"],
                "{what} {compression}"
            );
        }
    }
    // Two damaged records are one more than one.
    let mut damaged = whole.clone();
    damaged[13] ^= 1;
    damaged[second + 13] ^= 1;
    let path = write(&directory, "both.tfrecord", damaged);
    let source = Source {
        skip_corrupt: 1,
        ..Source::new(path.display().to_string())
    };
    let error = engine().open(&source).await.unwrap_err().to_string();
    assert!(error.contains("one more than the 1 that"), "{error}");
}

#[tokio::test]
async fn a_cut_file_and_a_first_record_that_is_damaged_are_told() {
    let directory = TempDir::new().unwrap();
    let whole = framed(&three());
    let cut = write(&directory, "cut.tfrecord", &whole[..whole.len() - 3]);
    let error = error_of(&cut).await;
    assert!(error.contains("record 3 at byte"), "{error}");
    assert!(error.contains("the file ends within it"), "{error}");
    let mut first = whole.clone();
    first[8] ^= 1;
    let path = write(&directory, "first.tfrecord", first);
    let error = error_of(&path).await;
    assert!(error.contains("record 1 at byte 0"), "{error}");
    let cut = write(
        &directory,
        "cut.tfrecord.gz",
        &compressed(&whole, "gz")[..40],
    );
    let error = error_of(&cut).await;
    assert!(error.contains("gzip"), "{error}");
}

#[tokio::test]
async fn records_of_something_else_are_told() {
    let directory = TempDir::new().unwrap();
    let path = write(
        &directory,
        "text.tfrecord",
        framed(&[b"no message at all".to_vec()]),
    );
    let error = error_of(&path).await;
    assert!(
        error.contains("record 1 at byte 0: it is neither a tf.Example nor a tf.SequenceExample"),
        "{error}"
    );
}

#[tokio::test]
async fn many_rows_come_in_batches_and_in_order() {
    let directory = TempDir::new().unwrap();
    let records: Vec<Vec<u8>> = (0..20_000)
        .map(|n| example(&[("n", Values::Ints(&[n])), ("m", Values::Ints(&[n, n]))]))
        .collect();
    let rows = open(&write(&directory, "n.tfrecord", framed(&records)))
        .await
        .unwrap();
    let sums = rows
        .prepare("SELECT count(*) AS c, sum(n) AS s, sum(m[2]) AS t FROM source")
        .await
        .unwrap();
    assert_eq!(lines(&sums).await, ["20000|199990000|199990000"]);
    let head = rows.head(3).await.unwrap();
    assert_eq!(head[0].num_rows(), 3);
}
