//! `infer`, `validate` and `schema update` of TFDV's statistics.

use crate::desk::Desk;

const STATISTICS: &str = r#"datasets {
  num_examples: 4
  features {
    name: "colour"
    type: STRING
    string_stats {
      common_stats { num_non_missing: 4 min_num_values: 1 max_num_values: 1 tot_num_values: 4 }
      unique: 2
      rank_histogram {
        buckets { label: "red" sample_count: 3 }
        buckets { label: "blue" sample_count: 1 }
      }
    }
  }
}
"#;

const SCHEMA: &str = r#"feature {
  name: "colour"
  type: BYTES
  string_domain {
    value: "red"
  }
}
"#;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("s.pbtxt", STATISTICS);
    desk.write("schema.pbtxt", SCHEMA);
    desk
}

#[test]
fn a_schema_is_inferred_and_its_statistics_fit_it() {
    let desk = desk();
    let inferred = desk.driftline(&[
        "infer",
        "--statistics",
        "s.pbtxt",
        "--format",
        "tfdv-pbtxt",
        "-o",
        "t.pbtxt",
    ]);
    inferred.ends_with(0);
    let found = desk.driftline(&["validate", "--statistics", "s.pbtxt", "--schema", "t.pbtxt"]);
    assert!(found.ends_with(0).out.contains("no anomaly in 4 rows"));
}

#[test]
fn an_unexpected_value_fails_and_a_warning_passes() {
    let desk = desk();
    let with = [
        "validate",
        "--statistics",
        "s.pbtxt",
        "--schema",
        "schema.pbtxt",
    ];
    let anomalies = desk.driftline(&[&with[..], &["--format", "tfdv-pbtxt"]].concat());
    let anomalies = anomalies.ends_with(1);
    assert!(
        anomalies
            .out
            .contains("type: ENUM_TYPE_UNEXPECTED_STRING_VALUES")
    );
    assert!(anomalies.out.contains("blue (~25%)"));
    desk.write(
        "config.pbtxt",
        "severity_overrides { type: ENUM_TYPE_UNEXPECTED_STRING_VALUES severity: WARNING }",
    );
    let lowered = [&with[..], &["--validation-config", "config.pbtxt"]].concat();
    desk.driftline(&lowered).ends_with(0);
    desk.driftline(&[&lowered[..], &["--fail-on", "warn"]].concat())
        .ends_with(1);
}

#[test]
fn an_update_is_shown_as_a_diff() {
    let desk = desk();
    let update = [
        "schema",
        "update",
        "--schema",
        "schema.pbtxt",
        "--statistics",
        "s.pbtxt",
    ];
    let diff = desk.driftline(&update);
    assert!(diff.ends_with(0).out.contains("+    value: \"blue\""));
    let whole = desk.driftline(&[&update[..], &["--format", "tfdv-pbtxt"]].concat());
    assert!(whole.ends_with(0).out.contains("value: \"blue\""));
}

#[test]
fn bad_input_is_told_by_its_exit_code() {
    let desk = desk();
    let validate = |statistics: &str, schema: &str| {
        desk.driftline(&["validate", "--statistics", statistics, "--schema", schema])
    };
    desk.write("broken.pbtxt", "datasets {\n  num_exampels: 1\n}\n");
    desk.write("empty.pbtxt", "datasets {}");
    validate("broken.pbtxt", "schema.pbtxt").ends_with(3);
    validate("s.pbtxt", "broken.pbtxt").ends_with(2);
    validate("nowhere.pbtxt", "schema.pbtxt").ends_with(3);
    // No examples: not evaluable, never passed.
    validate("empty.pbtxt", "schema.pbtxt").ends_with(3);
    let environment = [
        "validate",
        "--statistics",
        "s.pbtxt",
        "--schema",
        "schema.pbtxt",
    ];
    desk.driftline(&[&environment[..], &["--environment", "MOON"]].concat())
        .ends_with(2);
    desk.driftline(&["validate", "--schema", "schema.pbtxt"])
        .ends_with(2);
}

#[test]
fn validations_of_ones_own_join_those_of_the_schema() {
    let desk = Desk::new();
    let of = |zeros: u32, max: u32| {
        format!(
            "datasets {{ name: 'All Examples' num_examples: 10 features {{ path {{ step: 'fare' }} type: INT num_stats {{ common_stats {{ num_non_missing: 10 min_num_values: 1 max_num_values: 1 }} num_zeros: {zeros} max: {max} }} }} }}\n"
        )
    };
    desk.write("today.pbtxt", of(5, 25));
    desk.write("yesterday.pbtxt", of(1, 10));
    desk.write("schema.pbtxt", "feature { name: 'fare' type: INT }\n");
    let custom = |expression: &str| {
        format!(
            "feature_validations {{ feature_path {{ step: 'fare' }} validations {{ sql_expression: \"{expression}\" severity: WARNING description: 'odd' }} }}\n"
        )
    };
    let told = |more: &[&str]| {
        let fixed = [
            "validate",
            "--statistics",
            "today.pbtxt",
            "--schema",
            "schema.pbtxt",
            "--custom-validation-config",
            "custom.pbtxt",
        ];
        desk.driftline(&[&fixed[..], more].concat())
    };
    desk.write("custom.pbtxt", custom("feature.num_stats.num_zeros < 3"));
    let broken = told(&[]);
    broken.ends_with(0);
    assert!(
        broken.out.contains("CUSTOM_VALIDATION") && broken.out.contains("warning"),
        "{}",
        broken.out
    );
    told(&["--fail-on", "warn"]).ends_with(1);
    // The fields of a single feature can be named alone.
    for holds in [
        "feature.num_stats.max > 10 AND num_stats.common_stats.num_non_missing = 10",
        "feature.type = 'INT' AND string_stats IS NULL",
    ] {
        desk.write("custom.pbtxt", custom(holds));
        let held = told(&["--fail-on", "warn"]);
        held.ends_with(0);
        assert!(held.out.starts_with("pass: no anomaly"), "{}", held.out);
    }
    for (wrong, what) in [
        ("feature.num_stats.max >", "is wrong"),
        ("feature.num_stats.maximum > 1", "is wrong"),
        ("feature.string_stats.unique > 1", "is null"),
        ("feature.num_stats.max", "not true or false"),
    ] {
        desk.write("custom.pbtxt", custom(wrong));
        told(&[]).ends_with(2).says(what);
    }
    let pair = "feature_pair_validations { feature_test_path { step: 'fare' } feature_base_path { step: 'fare' } validations { sql_expression: 'feature_test.num_stats.max < 2 * feature_base.num_stats.max' severity: ERROR description: 'grew' } }\n";
    desk.write("custom.pbtxt", pair);
    told(&[]).ends_with(2).says("--previous");
    told(&["--previous", "yesterday.pbtxt"]).ends_with(1);
    desk.write("yesterday.pbtxt", of(1, 20));
    told(&["--previous", "yesterday.pbtxt"]).ends_with(0);
}

/// Values of a custom statistic by the name of the slice, in TFDV's text.
fn by_slice(text: &str, statistic: &str) -> Vec<(String, f64)> {
    let mut found = Vec::new();
    let mut slice = String::new();
    let mut next = false;
    for line in text.lines() {
        let word = |key: &str| {
            line.trim()
                .strip_prefix(key)
                .map(|rest| rest.trim_matches('"'))
        };
        // The name of a dataset is two blanks deep, that of a statistic deeper.
        if let Some(name) = word("name: ").filter(|_| line.starts_with("  name: ")) {
            name.clone_into(&mut slice);
        }
        next |= word("name: ") == Some(statistic);
        if let Some(value) = word("num: ").filter(|_| next) {
            found.push((slice.clone(), value.parse().unwrap()));
            next = false;
        }
    }
    found
}

#[test]
fn a_statistic_of_one_s_own_is_made_for_every_slice() {
    let desk = Desk::new();
    desk.write(
        "a.jsonl",
        "{\"n\": 1, \"c\": \"red\", \"tags\": [\"x\", \"y\"]}\n\
         {\"n\": 3, \"c\": \"red\", \"tags\": [\"x\", \"x\"]}\n\
         {\"n\": 8, \"c\": \"blue\", \"tags\": []}\n",
    );
    let ended = desk.driftline(&[
        "profile",
        "a.jsonl",
        "--format",
        "tfdv-pbtxt",
        "--slice",
        "c",
        "--slice",
        "tags=x",
        "--slice",
        "c,tags",
        "--slice-sql",
        "big:=n > 2",
        "--slice-sql",
        "huge:=n > 99",
        "--statistic",
        "n:total=sum(n)",
        "--statistic",
        "n:none=sum(CASE WHEN n > 99 THEN n END)",
    ]);
    ended.ends_with(0);
    let mut found = by_slice(&ended.out, "total");
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("All Examples", 12.0),
        ("big", 11.0),
        ("c_blue", 8.0),
        ("c_red", 4.0),
        ("c_red_tags_x", 4.0),
        ("c_red_tags_y", 1.0),
        ("tags_x", 4.0),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(found, expected, "{}", ended.out);
    assert!(by_slice(&ended.out, "none").is_empty());
}
