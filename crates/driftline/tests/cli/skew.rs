//! `skew`: the same rows in two sources.

use crate::desk::Desk;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write(
        "base.csv",
        "id,day,price,colour,only\n1,a,1.00,red,x\n2,a,2.00,,x\n3,a,3.00,blue,x\n4,a,4.00,blue,x\n,a,9.00,red,x\n",
    );
    desk.write(
        "test.csv",
        "id,day,price,colour\n1,a,1.004,red\n2,a,2.50,red\n3,a,3.00,\n5,a,5.00,blue\n",
    );
    desk
}

#[test]
fn values_of_the_same_key_are_counted_as_tfdv_counts_them() {
    let desk = desk();
    let fixed = [
        "skew", "base.csv", "test.csv", "--key", "id,day", "--format", "json",
    ];
    let skew = |more: &[&str]| desk.driftline(&[&fixed[..], more].concat());
    let ended = skew(&["--samples", "2"]);
    let found = ended.ends_with(0).json();
    assert_eq!(found["verdict"], "warn");
    assert_eq!(
        found["match_stats"],
        serde_json::json!({
            "base_with_id_count": 4,
            "test_with_id_count": 4,
            "identifiers_count": 5,
            "ids_missing_in_base_count": 1,
            "ids_missing_in_test_count": 1,
            "matching_pairs_count": 3,
            "base_missing_id_count": 1,
            "test_missing_id_count": 0,
            "duplicate_id_count": 0,
        })
    );
    let counts = |name: &str, found: &serde_json::Value| -> Vec<u64> {
        let features = found["features"].as_array().unwrap();
        let feature = features.iter().find(|f| f["feature_name"] == name).unwrap();
        [
            "base_count",
            "test_count",
            "match_count",
            "base_only",
            "test_only",
            "mismatch_count",
            "diff_count",
        ]
        .map(|count| feature[count].as_u64().unwrap())
        .to_vec()
    };
    assert_eq!(counts("price", &found), [3, 3, 1, 0, 0, 2, 2]);
    assert_eq!(counts("colour", &found), [2, 2, 1, 1, 1, 0, 2]);
    assert_eq!(counts("only", &found), [3, 0, 0, 3, 0, 0, 3]);
    assert_eq!(found["samples"].as_array().unwrap().len(), 2);
    let rounded = skew(&["--float-digits", "1", "--ignore", "only"]);
    let rounded = rounded.ends_with(0).json();
    assert_eq!(counts("price", &rounded), [3, 3, 2, 0, 0, 1, 1]);
    skew(&["--max-share", "0.5"]).ends_with(1);
    skew(&["--max-share", "1"]).ends_with(0);
    // The same in every run, whatever the number of threads.
    let one = skew(&["--samples", "2", "--threads", "1"]);
    assert_eq!(one.out, ended.out);
}

#[test]
fn a_key_that_names_several_rows_is_refused_or_paired_with_each() {
    let desk = desk();
    let fixed = ["skew", "base.csv", "test.csv", "--key", "day"];
    desk.driftline(&fixed)
        .ends_with(3)
        .says("name several rows");
    let each = [&fixed[..], &["--allow-duplicate-keys"]].concat();
    let ended = desk.driftline(&each);
    // Five rows with each of four.
    assert!(
        ended.ends_with(0).out.contains("of 20 pairs"),
        "{}",
        ended.out
    );
    desk.driftline(&["skew", "base.csv", "test.csv", "--key", "nope"])
        .ends_with(2)
        .says("nope");
    desk.driftline(&["skew", "base.csv", "test.csv"])
        .ends_with(2);
}

#[test]
fn without_a_pair_the_verdict_is_unknown() {
    let desk = desk();
    desk.write("other.csv", "id,day,price\n77,z,1.0\n");
    let ended = desk.driftline(&["skew", "base.csv", "other.csv", "--key", "id"]);
    assert!(
        ended.ends_with(3).out.starts_with("unknown: 0 of 0"),
        "{}",
        ended.out
    );
}

#[test]
fn whole_and_broken_numbers_lists_and_texts_are_compared_by_value() {
    let desk = Desk::new();
    desk.write(
        "a.jsonl",
        "{\"k\": 1, \"n\": 1, \"l\": [1.0, 2.0], \"t\": \"x\"}\n{\"k\": 2, \"n\": 2, \"l\": [1.0], \"t\": \"y\"}\n",
    );
    desk.write(
        "b.jsonl",
        "{\"k\": 1, \"n\": 1.0, \"l\": [1.0, 2.01], \"t\": \"x\"}\n{\"k\": 2, \"n\": 2.5, \"l\": [1.0], \"t\": \"y\"}\n",
    );
    let skew = |digits: &[&str]| {
        let fixed = [
            "skew", "a.jsonl", "b.jsonl", "--key", "k", "--format", "json",
        ];
        let found = desk.driftline(&[&fixed[..], digits].concat()).json();
        let features = found["features"].as_array().unwrap().clone();
        features
            .iter()
            .map(|feature| feature["diff_count"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(skew(&[]), [1, 1, 0]);
    assert_eq!(skew(&["--float-digits", "1"]), [1, 0, 0]);
}
