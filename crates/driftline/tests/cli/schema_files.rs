//! `driftline schema show|diff|import|export`.

use crate::desk::Desk;

const TAXI: &str = include_str!("../../../schema/tests/taxi.pbtxt");

#[test]
fn a_schema_goes_from_tfdv_to_yaml_and_back_as_it_was() {
    let desk = Desk::new();
    desk.write("taxi.pbtxt", TAXI);
    desk.driftline(&["schema", "import", "taxi.pbtxt", "-o", "taxi.yaml"])
        .ends_with(0);
    assert!(
        desk.read("taxi.yaml")
            .contains("domain: [Cash, Credit Card]")
    );
    let text = |arguments: &[&str]| {
        let ended = desk.driftline(&[&["schema", "export"], arguments].concat());
        ended.ends_with(0);
        ended.out
    };
    let first = text(&["taxi.pbtxt"]);
    assert_eq!(text(&["taxi.yaml"]), first);
    text(&["taxi.yaml", "--format", "tfdv-pb", "-o", "taxi.pb"]);
    assert_eq!(text(&["taxi.pb"]), first);
    let shown = desk.driftline(&["schema", "show", "taxi.pb", "--format", "yaml"]);
    assert_eq!(shown.ends_with(0).out, desk.read("taxi.yaml"));
}

#[test]
fn a_schema_is_shown_with_a_line_for_each_column() {
    let desk = Desk::new();
    desk.write("taxi.pbtxt", TAXI);
    let shown = desk.driftline(&["schema", "show", "taxi.pbtxt"]);
    shown.ends_with(0);
    for line in [
        "column           type     role  presence        values",
        "payment_type     string         every row       Cash, Credit Card",
        "dropoff_zone     string         may be missing  `zone`: North, South",
        "route.lat        float          may be missing",
    ] {
        assert!(
            shown.out.lines().any(|shown| shown == line),
            "{}",
            shown.out
        );
    }
    let json = desk.driftline(&["schema", "show", "taxi.pbtxt", "--format", "json"]);
    let json = json.ends_with(0).json();
    assert_eq!(json["columns"]["fare"]["range"]["max"], 500.0);
}

#[test]
fn a_change_that_breaks_writers_is_told_and_ends_with_1() {
    let desk = Desk::new();
    let yaml = |domain: &str| {
        format!("format_version: 1\ncolumns:\n  a: {{type: string, domain: [{domain}]}}\n")
    };
    desk.write("old.yaml", yaml("x, y"));
    desk.write("new.yaml", yaml("x"));
    let diff = |more: &[&str]| {
        desk.driftline(&[&["schema", "diff", "old.yaml", "new.yaml"], more].concat())
    };
    let ended = diff(&[]);
    assert_eq!(
        ended.ends_with(1).out,
        "breaks   change\nwriters  a: domain changed: y → nothing\n\n\
         readers of the data: compatible\nwriters of the data: incompatible\n"
    );
    diff(&["--compatible-for", "readers"]).ends_with(0);
    diff(&["--compatible-for", "writers"]).ends_with(1);
    let json = diff(&["--format", "json"]);
    let json = json.ends_with(1).json();
    assert_eq!(json["compatible"]["readers"], true);
    assert_eq!(json["compatible"]["writers"], false);
    assert_eq!(json["changes"][0]["effect"], "writers");
    let same = desk.driftline(&["schema", "diff", "old.yaml", "old.yaml"]);
    assert_eq!(same.ends_with(0).out, "no change\n");
}

#[test]
fn mistakes_in_schema_files_of_any_form_are_told_with_their_place() {
    let desk = Desk::new();
    desk.write("bad.pbtxt", "feature {\n  nam: \"a\"\n}\n");
    desk.write("bad.pb", [0x0a, 0xff]);
    desk.write("bad.yaml", [0xff, 0xfe]);
    desk.write(
        "wrong.yaml",
        "format_version: 1\ncolumns:\n  a:\n    type: string\n    shape: [2]\n    value_counts: [{min: 1}]\n",
    );
    let show = |name: &str| desk.driftline(&["schema", "show", name]);
    show("bad.pbtxt").ends_with(2);
    show("bad.pbtxt").says("bad.pbtxt:2:3");
    show("bad.pb").ends_with(2).says("binary format");
    show("bad.yaml").ends_with(2).says("no text in UTF-8");
    let wrong = show("wrong.yaml");
    wrong.ends_with(2).says("wrong.yaml:6:5");
    wrong.says("`shape` and `value_counts` exclude each other");
    show("nowhere.pbtxt").ends_with(3);
}

/// One schema, whatever it is written in.
#[test]
fn statistics_are_inferred_validated_and_updated_with_yaml_as_with_protobuf() {
    let desk = Desk::new();
    desk.write(
        "s.pbtxt",
        r#"datasets { num_examples: 2 features {
            path { step: "a" } type: INT
            num_stats { max: 7 common_stats { num_non_missing: 2 min_num_values: 1 max_num_values: 1 } }
        } }"#,
    );
    let infer = ["infer", "--statistics", "s.pbtxt"];
    let text = desk.driftline(&infer).ends_with(0).out.clone();
    let yaml = desk.driftline(&[&infer[..], &["--format", "yaml"]].concat());
    assert!(
        yaml.ends_with(0).out.contains("type: integer"),
        "{}",
        yaml.out
    );
    desk.write("inferred.pbtxt", text);
    desk.write("inferred.yaml", &yaml.out);
    let export = |name: &str| desk.driftline(&["schema", "export", name]).out;
    assert_eq!(export("inferred.yaml"), export("inferred.pbtxt"));
    desk.write(
        "narrow.yaml",
        "format_version: 1\ncolumns:\n  a: {type: integer, range: {max: 3}}\n",
    );
    let with = [
        "--schema",
        "narrow.yaml",
        "--statistics",
        "s.pbtxt",
        "--format",
        "tfdv-pbtxt",
    ];
    let anomalies = desk.driftline(&[&["validate"], &with[..]].concat());
    assert!(
        anomalies.ends_with(1).out.contains("INT_TYPE_BIG_INT"),
        "{}",
        anomalies.out
    );
    let updated = desk.driftline(&[&["schema", "update"], &with[..]].concat());
    assert!(
        updated.ends_with(0).out.contains("max: 7"),
        "{}",
        updated.out
    );
}

#[test]
fn data_is_validated_against_a_schema_in_tfdvs_form() {
    let desk = Desk::new();
    desk.write(
        "s.pbtxt",
        "feature { name: \"a\" type: INT int_domain { max: 2 } }",
    );
    desk.write("d.csv", "a\n1\n3\n");
    let ended = desk.driftline(&["validate", "d.csv", "--schema", "s.pbtxt"]);
    assert!(
        ended.ends_with(1).out.contains("INT_TYPE_BIG_INT"),
        "{}",
        ended.out
    );
}
