//! Profiles in the place of live rows.

use crate::desk::{DEARER, Desk, PURPLE, SAME, Shop, TRAINING};
use driftline_engine::profile_file;
use serde_json::Value;

const PROFILES: &str = "name: shop\nbaseline: {source: base.csv}\n\
                        live: {profiles: {files: edges/*.parquet}}\n\
                        time: {column: day, window: 1d, block: 1d}\n";

/// Training data, and live rows in as many parts, each of which was profiled by somebody else.
fn desk(live: &Shop, parts: usize, window: &str) -> Desk {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", live.csv());
    std::fs::create_dir(desk.path("edges")).unwrap();
    let text = live.csv();
    let (head, rows) = text.split_once('\n').unwrap();
    for part in 0..parts {
        let mut own = format!("{head}\n");
        for row in rows.lines().skip(part).step_by(parts) {
            own.push_str(&format!("{row}\n"));
        }
        let name = format!("part-{part}.csv");
        desk.write(&name, own);
        profile(&desk, &name, window, &format!("edges/{part}.parquet"));
    }
    desk.write("p.yaml", PROFILES);
    desk
}

fn profile(desk: &Desk, rows: &str, window: &str, into: &str) {
    let asked = ["profile", rows, "--time", "day", "--window", window];
    desk.driftline(&[&asked[..], &["-o", into]].concat())
        .ends_with(0);
}

/// Of each window its start, rows, verdict, and what it found, without where it was looked for.
fn told(desk: &Desk) -> Vec<Value> {
    let verdict = desk.json("out/verdict.json");
    let mut windows = verdict["windows"].as_array().unwrap().clone();
    for window in &mut windows {
        for finding in window["findings"].as_array_mut().unwrap() {
            // The slices that hold a drift are sought among rows.
            let finding = finding.as_object_mut().unwrap();
            finding.retain(|key, _| key != "concentrations" && key != "message");
        }
    }
    windows
}

fn reasons(desk: &Desk) -> String {
    let windows = told(desk);
    let missing = windows.iter().map(|window| &window["not_evaluated"]);
    missing.map(Value::to_string).collect()
}

#[test]
fn profiles_of_parts_give_the_findings_of_all_rows() {
    for live in [DEARER, PURPLE] {
        let desk = desk(&live, 3, "1d");
        let of_profiles = desk.run(&[]).code;
        let profiled = told(&desk);
        assert_eq!(profiled.len(), 7);
        assert_eq!(profiled[0]["rows"], 40);
        desk.pipeline("base.csv", "live.csv", "");
        let of_rows = desk.run(&[]).code;
        assert_eq!(profiled, told(&desk));
        assert_eq!((of_profiles, of_rows), (Some(1), Some(1)));
    }
}

#[test]
fn short_windows_become_those_of_the_pipeline_and_others_are_refused_by_name() {
    let desk = desk(&DEARER, 2, "6h");
    desk.run(&[]).ends_with(1);
    assert_eq!(told(&desk)[0]["rows"], 40);

    profile(&desk, "part-0.csv", "7d", "edges/week.parquet");
    desk.run(&[]).ends_with(1);
    let first = &told(&desk)[0];
    assert_eq!(first["rows"], 40, "what fits is judged");
    let said = first["not_evaluated"].to_string();
    assert!(said.contains("week.parquet"), "{said}");
    assert!(said.contains("lies in none of the pipeline's"), "{said}");

    // The same file under another name counts once.
    std::fs::copy(
        desk.path("edges/0.parquet"),
        desk.path("edges/again.parquet"),
    )
    .unwrap();
    std::fs::remove_file(desk.path("edges/week.parquet")).unwrap();
    desk.run(&[]).ends_with(1);
    assert_eq!(told(&desk)[0]["rows"], 40);

    desk.driftline(&["profile", "part-0.csv", "-o", "edges/0.parquet"])
        .ends_with(0);
    std::fs::remove_file(desk.path("edges/again.parquet")).unwrap();
    desk.run(&[]);
    assert!(reasons(&desk).contains("it has no windows of time"));
}

#[test]
fn a_profile_whose_columns_are_of_another_kind_leaves_the_others_standing() {
    let desk = desk(&DEARER, 2, "1d");
    let other = "day,amount,colour\n2024-03-04,much,red\n2024-03-04,little,red\n";
    desk.write("other.csv", other);
    // Its name comes first, and yet it is the one that is left out.
    profile(&desk, "other.csv", "1d", "edges/-.parquet");
    desk.run(&[]).ends_with(1);
    let first = &told(&desk)[0];
    assert_eq!(first["rows"], 40);
    let said = first["not_evaluated"].to_string();
    assert!(
        said.contains("`amount` does not fit that of the others"),
        "{said}"
    );
}

#[test]
fn a_profile_that_counts_what_cannot_be_is_named_and_ends_with_3() {
    let desk = desk(&DEARER, 2, "1d");
    let mut rows = profile_file::read(&desk.path("edges/1.parquet")).unwrap();
    rows[0].profile.nulls = rows[0].profile.rows + 1;
    profile_file::write(&desk.path("edges/1.parquet"), rows.iter().map(Ok)).unwrap();
    desk.run(&[])
        .ends_with(3)
        .says("1.parquet")
        .says("counts more than its 20 rows");
    desk.has_no_output();
}

#[test]
fn what_needs_rows_is_not_evaluated_and_says_so() {
    let desk = desk(&DEARER, 1, "1d");
    let more = "rules: [{name: dear, sql: avg(amount), max: 1000}]\n\
                drift: {multivariate: {columns: [amount, colour]}}\n\
                freshness: {max_age: 1d}\n";
    desk.write("p.yaml", format!("{PROFILES}{more}"));
    desk.run(&[]);
    let windows = told(&desk);
    let said = windows[6]["not_evaluated"].to_string();
    for missing in ["dear", "multivariate", "it needs rows"] {
        assert!(said.contains(missing), "{missing}: {said}");
    }
    // The profile of the time column tells how old the newest row is.
    let stale = windows[6]["findings"].to_string();
    assert!(stale.contains(r#""kind":"freshness""#), "{stale}");

    // Rows that are like the training data pass, and are unknown where a rule could not be asked.
    let same = super::live_profiles::desk(&SAME, 1, "1d");
    same.run(&[]).ends_with(0);
    let rules = more.lines().next().unwrap();
    same.write("p.yaml", format!("{PROFILES}{rules}\n"));
    same.run(&[]).ends_with(3);
    assert_eq!(same.json("out/verdict.json")["verdict"], "unknown");
}

#[test]
fn scores_of_another_version_of_the_model_are_refused_by_name() {
    let desk = crate::models::desk();
    let score = [
        "score", "rows.csv", "--model", "grade", "--column", "d=wide",
    ];
    desk.driftline(&[&score[..], &["-o", "scored.parquet"]].concat())
        .ends_with(0);
    std::fs::create_dir(desk.path("edges")).unwrap();
    profile(&desk, "scored.parquet", "1d", "scored.profile.parquet");
    let by = |version: &str, into: &str| {
        let mut rows = profile_file::read(&desk.path("scored.profile.parquet")).unwrap();
        for row in &mut rows {
            if let Some(field) = row.column.strip_prefix("model_") {
                row.column = format!("grade_{field}");
                row.model = Some(format!("grade/{version}"));
            }
        }
        profile_file::write(&desk.path(into), rows.iter().map(Ok)).unwrap();
    };
    by("1", "edges/one.parquet");
    by("2", "edges/two.parquet");
    desk.write(
        "p.yaml",
        "name: shop\nbaseline: {source: rows.csv}\nmodels: {grade: {bundle: grade, columns: {d: wide}}}\n\
         live: {profiles: {files: edges/*.parquet}}\n\
         time: {column: day, window: 1d, block: 1d}\n",
    );
    desk.run(&[]);
    let first = &told(&desk)[0];
    assert_eq!(first["rows"], 20);
    let said = first["not_evaluated"].to_string();
    assert!(said.contains("two.parquet"), "{said}");
    assert!(
        said.contains("scores of the model grade/2, and the pipeline's is grade/1"),
        "{said}"
    );
    // Nor do the two merge by themselves.
    let merged = desk.driftline(&[
        "merge",
        "edges/one.parquet",
        "edges/two.parquet",
        "-o",
        "both.parquet",
    ]);
    merged.ends_with(2).says("only those of one model merge");
}
