//! Sources that need a word of their own: TFRecords, nested columns, many columns, and
//! what a run will cost.

use crate::desk::Desk;
use serde_json::Value;
use std::fmt::Write;

/// CRC-32C bit by bit (RFC 3720, section 12.1), with TensorFlow's mask.
fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    let masked = (!crc).rotate_right(15).wrapping_add(0xa282_ead8);
    masked.to_le_bytes()
}

/// A `tf.Example` of one feature of one word, below 100 bytes: every length is a byte.
fn example(name: &str, word: &str) -> Vec<u8> {
    let field = |number: u8, bytes: &[u8]| {
        [
            &[number << 3 | 2, u8::try_from(bytes.len()).unwrap()],
            bytes,
        ]
        .concat()
    };
    let feature = field(1, &field(1, word.as_bytes()));
    let entry = [field(1, name.as_bytes()), field(2, &feature)].concat();
    field(1, &field(1, &entry))
}

fn records(words: &[&str]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in words {
        let record = example("word", word);
        let length = (record.len() as u64).to_le_bytes();
        file.extend(length);
        file.extend(masked_crc(&length));
        file.extend(&record);
        file.extend(masked_crc(&record));
    }
    file
}

#[test]
fn a_damaged_record_ends_with_3_or_is_left_out_and_told() {
    let desk = Desk::new();
    let mut file = records(&["a", "b", "a"]);
    let second = file.len() / 3 + 14;
    file[second] ^= 1;
    desk.write("words.tfrecord", &file);
    let refused = desk.driftline(&["profile", "words.tfrecord"]);
    refused
        .ends_with(3)
        .says("record 2 at byte 33: the checksum of its data is wrong");
    let skipped = desk.driftline(&[
        "profile",
        "words.tfrecord",
        "--skip-corrupt",
        "1",
        "--format",
        "json",
    ]);
    let profile = skipped
        .ends_with(0)
        .says("record 2 at byte 33 is skipped")
        .json();
    assert_eq!(profile["columns"][0]["rows"], 2);
    assert_eq!(
        profile["columns"][0]["top_values"]["values"][0]["value"],
        "a"
    );
}

#[test]
fn statistics_of_tfrecords_propose_a_domain() {
    let desk = Desk::new();
    desk.write("days.tfrecord", records(&["2024-01-31"; 100]));
    let printed = desk.driftline(&[
        "profile",
        "days.tfrecord",
        "--format",
        "tfdv-pbtxt",
        "--semantic-domains",
    ]);
    printed.ends_with(0);
    assert!(
        printed.out.contains("num_non_missing: 100"),
        "{}",
        printed.out
    );
    assert!(printed.out.contains("%Y-%m-%d"), "{}", printed.out);
    assert!(printed.out.contains("time_match_ratio"), "{}", printed.out);
}

#[test]
fn a_natural_language_domain_needs_its_vocabulary() {
    let desk = Desk::new();
    desk.write("words.tfrecord", records(&["a", "b", "c"]));
    desk.write(
        "s.pbtxt",
        "feature { name: \"word\" type: BYTES natural_language_domain { vocabulary: \"v\" coverage { oov_string_tokens: \"c\" } } }",
    );
    desk.write("v.txt", "a\nb\n");
    let arguments = [
        "profile",
        "words.tfrecord",
        "--format",
        "tfdv-pbtxt",
        "--schema",
        "s.pbtxt",
    ];
    desk.driftline(&arguments)
        .ends_with(2)
        .says("--vocabulary v=FILE");
    let printed = desk.driftline(&[&arguments[..], &["--vocabulary", "v=v.txt"]].concat());
    printed.ends_with(0);
    assert!(printed.out.contains("nl_statistics"), "{}", printed.out);
    assert!(
        printed.out.contains("feature_coverage: 0.666"),
        "{}",
        printed.out
    );
}

#[test]
fn nested_columns_are_profiled_to_their_leaves() {
    let desk = Desk::new();
    desk.write(
        "orders.jsonl",
        "{\"to\":{\"city\":\"Bern\"},\"tags\":[\"x\",\"y\"]}\n{\"to\":null,\"tags\":[]}\n",
    );
    let profile = desk.driftline(&["profile", "orders.jsonl", "--format", "json"]);
    let profile = profile.ends_with(0).json();
    let said: Vec<(&Value, &Value, &Value)> = profile["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| (&column["name"], &column["rows"], &column["nulls"]))
        .collect();
    let expected = [
        ("to", 2, 1),
        ("tags", 2, 0),
        ("to.city", 2, 1),
        ("tags[]", 2, 0),
    ];
    assert_eq!(said.len(), expected.len(), "{said:?}");
    for (name, rows, nulls) in expected {
        let found = said.iter().find(|(found, _, _)| *found == name);
        let wanted = (&Value::from(rows), &Value::from(nulls));
        assert_eq!(
            found.map(|(_, rows, nulls)| (*rows, *nulls)),
            Some(wanted),
            "{name}"
        );
    }
}

#[test]
fn an_estimate_tells_rows_time_and_memory_and_reads_no_more() {
    let desk = Desk::new();
    let mut rows = String::from("n,word\n");
    for n in 0..40_000 {
        writeln!(rows, "{n},w{}", n % 7).unwrap();
    }
    // A mistake behind what is looked at: an estimate does not come that far.
    let mut long = rows.clone();
    for n in 0..40_000 {
        writeln!(long, "{n},w{}", n % 7).unwrap();
    }
    long.push_str("1,2,3\n");
    desk.write("short.csv", &rows);
    desk.write("long.csv", &long);
    let estimate = desk.driftline(&["profile", "short.csv", "--estimate", "--format", "json"]);
    let estimate = estimate.ends_with(0).json();
    assert_eq!(estimate["columns"], 2);
    let told = estimate["rows"]["value"].as_f64().unwrap();
    assert!((told / 40_000.0 - 1.0).abs() < 0.05, "{estimate}");
    assert!(estimate["time_s"].as_f64().unwrap() > 0.0);
    assert!(estimate["memory_bytes"].as_u64().unwrap() > 1 << 20);
    desk.driftline(&["profile", "long.csv"]).ends_with(3);
    let table = desk.driftline(&["profile", "long.csv", "--estimate"]);
    table.ends_with(0);
    assert!(table.out.contains("profiling the first 6"), "{}", table.out);
    desk.driftline(&["profile", "short.csv", "--estimate", "--format", "tfdv-pb"])
        .ends_with(2);
    desk.driftline(&["profile", "none.csv", "--estimate"])
        .ends_with(3);
}

#[test]
fn ten_thousand_columns_are_profiled() {
    let desk = Desk::new();
    let line =
        |cell: &dyn Fn(usize) -> String| (0..10_000).map(cell).collect::<Vec<_>>().join(",") + "\n";
    let mut file = line(&|column| format!("c{column}"));
    for row in 0..3 {
        file.push_str(&line(&|column| (column * row).to_string()));
    }
    desk.write("wide.csv", &file);
    let profile = desk.driftline(&["profile", "wide.csv", "--format", "json"]);
    let profile = profile.ends_with(0).json();
    let columns = profile["columns"].as_array().unwrap();
    assert_eq!(columns.len(), 10_000);
    assert_eq!(columns[9_999]["max"], 19_998.0);
}

#[test]
fn more_slices_than_the_limit_are_refused_with_the_way_out() {
    let desk = Desk::new();
    let mut rows = String::from("id,n\n");
    for n in 0..21_000 {
        writeln!(rows, "u{n},{n}").unwrap();
    }
    desk.write("a.csv", &rows);
    desk.driftline(&["profile", "a.csv", "--by", "id"])
        .ends_with(2)
        .says("more than 20000 groups");
}
