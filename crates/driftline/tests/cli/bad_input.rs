//! What is wrong with files, settings and surroundings: a clear message, the right exit
//! code, and nothing half-written.

use crate::desk::{DEARER, Desk, PURPLE, SAME, TRAINING, names, root, until};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

/// A desk with training data, a week that is like it, and a pipeline of the two.
fn shop() -> Desk {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", SAME.csv());
    desk.pipeline("base.csv", "live.csv", "");
    desk
}

/// The shop with another live file, run.
fn shop_with_live(live: impl AsRef<[u8]>) -> (Desk, crate::desk::Ended) {
    let desk = shop();
    desk.write("live.csv", live);
    let ended = desk.run(&[]);
    (desk, ended)
}

fn cell(row: usize, column: usize, value: &str) -> impl Fn(&str) -> String {
    move |text| {
        let lines = text.lines().enumerate().map(|(at, line)| {
            let mut cells: Vec<&str> = line.split(',').collect();
            if at == row || (row == usize::MAX && at > 0) {
                cells[column] = value;
            }
            cells.join(",") + "\n"
        });
        lines.collect()
    }
}

fn every(column: usize, value: &str) -> impl Fn(&str) -> String {
    cell(usize::MAX, column, value)
}

/// The messages of all findings of the last run.
fn messages(desk: &Desk) -> Vec<String> {
    let verdict = desk.json("out/verdict.json");
    let windows = verdict["windows"].as_array().unwrap();
    windows
        .iter()
        .flat_map(|window| window["findings"].as_array().unwrap())
        .map(|finding| finding["message"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_missing_source_is_named_and_ends_with_3() {
    let desk = shop();
    let ended = desk.driftline(&["profile", "gone.csv"]);
    ended.ends_with(3).says("`gone.csv`: no such file");
    assert_eq!(ended.out, "");
    for (baseline, live) in [("gone.csv", "live.csv"), ("base.csv", "gone.csv")] {
        desk.pipeline(baseline, live, "");
        desk.run(&[]).ends_with(3).says("gone.csv`: no such file");
        desk.has_no_output();
    }
    desk.driftline(&["profile", "*.parquet"])
        .ends_with(3)
        .says("`*.parquet` matches no file");
}

#[test]
fn a_baseline_of_one_row_judges_nothing_which_is_no_pass() {
    let desk = Desk::new();
    desk.write("base.csv", "amount\n100.5\n");
    let rows: String = (0..300).map(|n| format!("{n}.5\n")).collect();
    desk.write("live.csv", format!("amount\n{rows}"));
    desk.write(
        "p.yaml",
        "name: shop\nbaseline: {source: base.csv}\nlive: {source: live.csv}\n",
    );
    desk.run(&[]).ends_with(3);
    let verdict = desk.json("out/verdict.json");
    assert_eq!(verdict["verdict"], "unknown");
    let missing = verdict["windows"][0]["not_evaluated"].as_array().unwrap();
    let drift = missing.iter().find(|check| check["check"] == "drift");
    assert_eq!(drift.unwrap()["reason"], "no column could be judged");
}

#[test]
fn an_empty_file_is_named_and_ends_with_3() {
    let (desk, ended) = shop_with_live("");
    ended.ends_with(3).says("live.csv` is empty (0 bytes)");
    desk.has_no_output();
}

#[test]
fn a_parquet_file_that_is_cut_off_is_named_and_ends_with_3() {
    let desk = shop();
    let whole = std::fs::read(root().join("fixtures/weibo/weibo-hot-search-2023.parquet"));
    desk.write("cut.parquet", &whole.unwrap()[..20_000]);
    desk.pipeline("base.csv", "cut.parquet", "");
    desk.run(&[])
        .ends_with(3)
        .says("cut.parquet` is no complete Parquet file");
    desk.has_no_output();
}

#[test]
fn a_gzip_file_that_is_cut_off_is_named_and_ends_with_3() {
    let desk = shop();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(SAME.csv().as_bytes()).unwrap();
    let whole = gzip.finish().unwrap();
    desk.write("cut.csv.gz", &whole[..whole.len() / 2]);
    desk.pipeline("base.csv", "cut.csv.gz", "");
    desk.run(&[])
        .ends_with(3)
        .says("cut.csv.gz` is no complete gzip file");
    desk.has_no_output();
}

#[test]
fn a_line_of_broken_json_is_named_by_its_number_and_ends_with_3() {
    let desk = shop();
    desk.write("live.jsonl", SAME.json_lines() + "{\"day\": \n");
    desk.pipeline("base.csv", "live.jsonl", "");
    desk.run(&[]).ends_with(3).says("live.jsonl` line 281");
    desk.has_no_output();
}

#[test]
fn live_data_of_a_header_without_rows_is_unknown_and_ends_with_3() {
    let (desk, ended) = shop_with_live("day,amount,colour\n");
    ended.ends_with(3);
    let verdict = desk.json("out/verdict.json");
    assert_eq!(verdict["verdict"], "unknown");
    assert_eq!(verdict["windows"][0]["rows"], 0);
    desk.has_no_parts();
}

#[test]
fn training_data_of_a_header_without_rows_ends_with_3() {
    let desk = shop();
    desk.write("base.csv", "day,amount,colour\n");
    desk.run(&[]).ends_with(3).says("base.csv has no rows");
    desk.has_no_output();
}

#[test]
fn a_column_missing_from_the_live_data_fails_the_windows() {
    let without: String = SAME
        .csv()
        .lines()
        .map(|line| line.rsplit_once(',').unwrap().0.to_owned() + "\n")
        .collect();
    let (desk, ended) = shop_with_live(without);
    ended.ends_with(1);
    assert!(ended.out.contains("SCHEMA_MISSING_COLUMN"), "{}", ended.out);
    let said = messages(&desk);
    let wanted = "`colour`: the schema requires this column and the data does not have it";
    assert!(said.iter().any(|message| message == wanted), "{said:?}");
    desk.has_no_parts();
}

#[test]
fn a_column_of_another_type_fails_the_windows() {
    let (desk, ended) = shop_with_live(every(1, "much")(&SAME.csv()));
    ended.ends_with(1);
    assert!(ended.out.contains("UNEXPECTED_DATA_TYPE"), "{}", ended.out);
    let said = messages(&desk);
    let wanted = "`amount`: the schema expects float and the data is string";
    assert!(said.iter().any(|message| message == wanted), "{said:?}");
    desk.has_no_parts();
}

#[test]
fn a_column_that_turns_all_null_fails_and_one_that_always_was_does_not() {
    let (desk, ended) = shop_with_live(every(1, "")(&SAME.csv()));
    ended.ends_with(1);
    let said = messages(&desk);
    let wanted = "all of its 40 rows are null";
    assert!(
        said.iter().any(|message| message.contains(wanted)),
        "{said:?}"
    );
    desk.write("base.csv", every(1, "")(&TRAINING.csv()));
    desk.run(&[]).ends_with(0);
    desk.has_no_parts();
}

#[test]
fn nan_and_infinities_are_counted_and_reach_no_statistic() {
    let with_nan = cell(1, 1, "NaN")(&SAME.csv());
    let with_both = cell(2, 1, "inf")(&cell(3, 1, "-inf")(&with_nan));
    let (desk, ended) = shop_with_live(with_both);
    assert!(
        matches!(ended.code, Some(0 | 1)),
        "{:?} {}",
        ended.code,
        ended.err
    );
    desk.has_no_parts();
    let profile = desk.driftline(&["profile", "live.csv", "--format", "json"]);
    let amount = profile.ends_with(0).json()["columns"][1].clone();
    assert_eq!(amount["name"], "amount");
    assert_eq!(
        (&amount["nan"], &amount["non_finite"]),
        (&1.into(), &3.into())
    );
    for statistic in ["mean", "std_dev", "min", "max", "median"] {
        assert!(
            amount[statistic].as_f64().unwrap().is_finite(),
            "{statistic}"
        );
    }
}

#[test]
fn text_that_is_not_utf_8_is_named_by_its_line_and_ends_with_3() {
    let (desk, ended) = shop_with_live(b"day,amount,colour\n2024-03-04,1,\xba\xec\n");
    ended.ends_with(3).says("live.csv` line 2: not UTF-8");
    desk.has_no_output();
}

#[test]
fn a_date_that_does_not_parse_is_shown_and_ends_with_3() {
    for text in [
        cell(5, 0, "someday")(&SAME.csv()),
        every(0, "someday")(&SAME.csv()),
    ] {
        let (desk, ended) = shop_with_live(text);
        ended
            .ends_with(3)
            .says("column `day` is no time: it holds `someday`");
        desk.has_no_output();
    }
}

#[test]
fn an_unknown_key_of_a_pipeline_is_shown_with_line_and_column() {
    let desk = shop();
    desk.pipeline("base.csv", "live.csv", "widnow: 7d\n");
    desk.run(&[])
        .ends_with(2)
        .says("p.yaml:5:1: unknown field `widnow`")
        .says("5 │ widnow: 7d");
    desk.has_no_output();
    assert!(!desk.path("s.db").exists(), "no store is made for it");
}

#[test]
fn the_mistakes_of_a_pipeline_are_shown_in_one_go() {
    let desk = shop();
    let mistakes = "widnow: 7d\nseed: many\nalarms: {}\n";
    desk.pipeline("base.csv", "live.csv", mistakes);
    let ended = desk.run(&[]);
    ended.ends_with(2);
    for place in ["p.yaml:5:", "p.yaml:6:", "p.yaml:7:"] {
        ended.says(place);
    }
}

#[test]
fn a_wrong_type_in_a_pipeline_is_shown_with_line_and_column() {
    let desk = shop();
    desk.pipeline("base.csv", "live.csv", "seed: many\n");
    desk.run(&[]).ends_with(2).says("p.yaml:5:7:");
    desk.pipeline("base.csv", "live.csv", "volume:\n  min_rows: [1]\n");
    desk.run(&[]).ends_with(2).says("p.yaml:6:");
    desk.has_no_output();
}

#[test]
fn a_pipeline_that_is_no_yaml_ends_with_2_and_one_that_cannot_be_read_with_3() {
    let desk = shop();
    for text in ["", "name: [", "just words", "- a\n- b\n", "\u{0}"] {
        desk.write("p.yaml", text);
        desk.run(&[]).ends_with(2).says("p.yaml:");
    }
    desk.write("p.yaml", [0xff, 0xfe, 0x00]);
    desk.run(&[]).ends_with(3).says("p.yaml cannot be read");
    desk.driftline(&["run", "gone.yaml"])
        .ends_with(3)
        .says("gone.yaml cannot be read");
    desk.driftline(&["run", "."]).ends_with(3);
    desk.has_no_output();
}

#[test]
fn a_pipeline_that_does_not_fit_its_data_ends_with_2() {
    let desk = shop();
    for (more, said) in [
        ("terms: {column: title}\n", "`title`"),
        ("roles: {title: text}\n", "`title`"),
        ("drift: {columns: {title: {required: true}}}\n", "`title`"),
        ("prepare: SELEC 1\n", "SQL line 1, column 1"),
        (
            "prepare: SELECT day, price FROM source\n",
            "no column `price`",
        ),
        ("rules: [{name: r, sql: avg(price), max: 1}]\n", "price"),
    ] {
        desk.pipeline("base.csv", "live.csv", more);
        desk.run(&[]).ends_with(2).says(said);
        desk.has_no_output();
    }
}

#[test]
fn a_schema_file_with_mistakes_shows_where_and_ends_with_2() {
    let desk = shop();
    desk.write(
        "schema.yaml",
        "format_version: 1\ncolumns:\n  day: {tpye: date}\n",
    );
    let ended = desk.driftline(&["validate", "live.csv", "--schema", "schema.yaml"]);
    ended.ends_with(2).says("schema.yaml:3:").says("tpye");
    desk.driftline(&["validate", "live.csv", "--schema", "gone.yaml"])
        .ends_with(3)
        .says("gone.yaml cannot be read");
}

#[test]
fn a_model_file_that_is_none_ends_with_3_and_writes_nothing() {
    let desk = shop();
    let bundle = root().join("fixtures/models/sentiment/1");
    std::fs::create_dir_all(desk.path("bundle/1")).unwrap();
    for name in ["manifest.yaml", "tokenizer.json"] {
        std::fs::copy(bundle.join(name), desk.path("bundle/1").join(name)).unwrap();
    }
    desk.write("bundle/1/model.onnx", "no model");
    let score = |bundle: &str| {
        desk.driftline(&[
            "score",
            "live.csv",
            "--model",
            bundle,
            "--text",
            "colour",
            "-o",
            "scored.parquet",
        ])
    };
    score("bundle").ends_with(3).says("model.onnx");
    score("gone")
        .ends_with(3)
        .says("gone: no such model bundle");
    desk.pipeline(
        "base.csv",
        "live.csv",
        "models: {mood: {bundle: bundle, text: colour}}\n",
    );
    desk.run(&[]).ends_with(3).says("model.onnx");
    desk.write("bundle/1/manifest.yaml", "x: 1\n");
    score("bundle").ends_with(2).says("manifest.yaml:1:1");
    assert!(!desk.path("scored.parquet").exists());
    desk.has_no_output();
}

#[test]
fn a_webhook_target_that_is_down_leaves_the_verdict_and_waits_in_the_outbox() {
    let desk = shop();
    desk.write("live.csv", DEARER.csv());
    // Nothing listens on port 1.
    desk.pipeline(
        "base.csv",
        "live.csv",
        "actions:\n  webhooks:\n    - {name: pager, on: [notify], url: 'http://127.0.0.1:1/', \
         secret: 'file:secret', allow_http: true, allow_addresses: [127.0.0.0/8]}\n",
    );
    desk.write("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
    let ended = desk.run(&[]);
    ended
        .ends_with(1)
        .says("not delivered to pager")
        .says("it waits in the outbox");
    assert_eq!(desk.json("out/verdict.json")["verdict"], "fail");
    let list = [
        "outbox",
        "list",
        "--store",
        "sqlite://s.db",
        "--format",
        "json",
    ];
    let waiting = desk.driftline(&list).ends_with(0).json();
    let items = waiting["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{waiting}");
    assert_eq!(items[0]["state"], "pending");
    assert_eq!(items[0]["target"], "pager");
    assert_eq!(items[0]["attempt"], 1);
    desk.has_no_parts();
}

#[test]
fn a_webhook_without_its_secret_leaves_the_verdict_and_names_the_secret() {
    let desk = shop();
    desk.write("live.csv", DEARER.csv());
    desk.pipeline(
        "base.csv",
        "live.csv",
        "actions:\n  webhooks:\n    - {name: pager, on: [notify], url: 'https://a.example/', \
         secret: 'env:NO_SUCH_SECRET'}\n",
    );
    desk.run(&[]).ends_with(1).says("NO_SUCH_SECRET");
    let list = desk.driftline(&["outbox", "list", "--store", "sqlite://s.db"]);
    assert_eq!(
        list.ends_with(0).out.matches("pending").count(),
        1,
        "{}",
        list.out
    );
}

/// Starts a run whose live data never ends, and signals it while it reads.
fn signalled(name: &str) -> (Desk, Option<i32>) {
    let desk = shop();
    desk.run(&[]).ends_with(0);
    let before = desk.read("out/verdict.json");
    desk.pipeline("base.csv", "'-'", "");
    let mut running = desk.start(&["run", "p.yaml", "--out", "out", "--store", "sqlite://s.db"]);
    let mut input = running.0.stdin.take().unwrap();
    input.write_all(SAME.csv().as_bytes()).unwrap();
    until("standard input is read", || {
        !names(&desk.path("temporary")).is_empty()
    });
    running.signal(name);
    // As in a terminal, where Ctrl-C ends the other end of a pipe as well.
    drop(input);
    let code = running.wait();
    assert_eq!(
        desk.read("out/verdict.json"),
        before,
        "the old report stays"
    );
    desk.has_no_parts();
    (desk, code)
}

#[test]
fn ctrl_c_in_the_middle_of_a_run_ends_with_130_and_leaves_the_old_report() {
    let (desk, code) = signalled("INT");
    assert_eq!(code, Some(130));
    // The store is whole: the next run writes into it.
    desk.pipeline("base.csv", "live.csv", "");
    desk.run(&[]).ends_with(0);
}

#[test]
fn sigterm_in_the_middle_of_a_run_ends_with_143_and_leaves_the_old_report() {
    assert_eq!(signalled("TERM").1, Some(143));
}

#[test]
fn a_run_that_fails_leaves_the_old_report_as_it_was() {
    let desk = shop();
    desk.run(&[]).ends_with(0);
    let before = desk.read("out/report.html");
    desk.write("live.csv", "");
    desk.run(&[]).ends_with(3);
    assert_eq!(desk.read("out/report.html"), before);
    desk.has_no_parts();
}

#[test]
fn an_output_folder_that_cannot_be_written_ends_with_4() {
    let desk = shop();
    desk.write("file", "mine");
    std::fs::create_dir(desk.path("folder")).unwrap();
    desk.write("folder/mine.txt", "mine");
    for (out, said) in [
        ("file", "file cannot be written: it is no folder"),
        ("file/out", "cannot be written"),
        ("/dev/full", "/dev/full cannot be written"),
        ("/proc/nothing", "cannot be written"),
        ("folder", "it holds other files than a run's"),
    ] {
        let ended = desk.driftline(&["run", "p.yaml", "--out", out, "--store", "sqlite://s.db"]);
        ended.ends_with(4).says(said);
    }
    assert_eq!(desk.read("file"), "mine");
    assert_eq!(names(&desk.path("folder")), ["mine.txt"]);
    desk.has_no_output();
}

#[test]
fn a_result_that_cannot_be_written_ends_with_4() {
    let desk = shop();
    desk.write("file", "mine");
    for to in ["/dev/full", "file/profile.json", "gone/profile.json"] {
        let ended = desk.driftline(&["profile", "base.csv", "--format", "json", "-o", to]);
        ended.ends_with(4).says("cannot be written");
    }
    let ended = desk.driftline(&["profile", "base.csv", "-o", "gone/profile.parquet"]);
    ended.ends_with(4).says("cannot be written");
    assert!(!desk.path("gone").exists());
    desk.has_no_parts();
    // A disk that fills up under standard output.
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let ended = desk
        .command(&["profile", "base.csv"])
        .stdout(full.unwrap())
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(4));
}

#[test]
fn a_reader_that_goes_away_does_not_change_the_exit_code() {
    let desk = shop();
    desk.write("live.csv", PURPLE.csv());
    let mut running = desk.start(&["run", "p.yaml", "--out", "out", "--store", "sqlite://s.db"]);
    drop(running.0.stdout.take());
    drop(running.0.stderr.take());
    assert_eq!(running.wait(), Some(1));
    assert_eq!(desk.json("out/verdict.json")["verdict"], "fail");
}

#[test]
fn a_store_that_cannot_be_used_ends_with_4_and_a_url_that_is_none_with_2() {
    let desk = shop();
    desk.write("file", "mine");
    let run = |store: &str| desk.driftline(&["run", "p.yaml", "--out", "out", "--store", store]);
    run("sqlite://file/s.db")
        .ends_with(4)
        .says("store `file/s.db` cannot be opened");
    run("sqlite://base.csv").ends_with(4).says("not a database");
    run("mysql://somewhere").ends_with(2).says("is no store");
    desk.has_no_output();
    assert_eq!(desk.read("base.csv"), TRAINING.csv());
    for verb in [vec!["report", "some-run"], vec!["outbox", "list"]] {
        let ended = desk.driftline(&[&verb[..], &["--store", "sqlite://none.db"]].concat());
        ended.ends_with(4).says("there is no such file");
    }
    assert!(!desk.path("none.db").exists(), "reading makes no store");
}

#[test]
fn a_run_that_the_store_does_not_have_ends_with_3() {
    let desk = shop();
    desk.run(&[]).ends_with(0);
    desk.driftline(&["report", "no-such-run", "--store", "sqlite://s.db"])
        .ends_with(3)
        .says("has no run `no-such-run`");
}

#[test]
fn wrong_usage_ends_with_2() {
    let desk = shop();
    for (arguments, said) in [
        (&[][..], "Usage:"),
        (&["frobnicate"], "unrecognized subcommand"),
        (&["profile"], "<SOURCE>"),
        (&["profile", "base.csv", "--time", "day"], "--window"),
        (
            &["profile", "base.csv", "--time", "dya", "--window", "1d"],
            "no column `dya`",
        ),
        (
            &["profile", "base.csv", "--by", "color"],
            "no column `color`",
        ),
        (&["profile", "base.csv", "--role", "amount"], "COLUMN=ROLE"),
        (
            &["profile", "base.csv", "--role", "amount=much"],
            "`much` is no role",
        ),
        (
            &["profile", "base.csv", "--role", "price=number"],
            "`price`",
        ),
        (
            &["profile", "base.csv", "--format", "parquet"],
            "-o FILE.parquet",
        ),
        (&["profile", "ftp://host/key"], "`ftp`"),
        (
            &[
                "drift", "base.csv", "live.csv", "--time", "day", "--window", "1y",
            ],
            "`1y`",
        ),
        (
            &[
                "serve",
                "p.yaml",
                "--every",
                "0s",
                "--store",
                "sqlite://s.db",
            ],
            "",
        ),
        (
            &[
                "serve",
                "p.yaml",
                "--listen",
                "0.0.0.0:0",
                "--store",
                "sqlite://s.db",
            ],
            "127.0.0.1",
        ),
    ] {
        let ended = desk.driftline(arguments);
        ended.ends_with(2).says(said);
        assert_eq!(ended.out, "");
    }
}

#[test]
fn a_source_that_is_no_table_ends_with_3() {
    let desk = Desk::new();
    desk.write("picture.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR");
    desk.driftline(&["profile", "picture.png"])
        .ends_with(3)
        .says("picture.png");
    std::fs::create_dir(desk.path("nothing")).unwrap();
    desk.driftline(&["profile", "nothing"])
        .ends_with(3)
        .says("`nothing` holds no data file");
    let ended = desk.driftline_with(&["profile", "-"], &[], "");
    ended.ends_with(3).says("standard input");
    desk.has_no_parts();
}

#[test]
fn files_of_one_source_whose_types_clash_are_both_named() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("days")).unwrap();
    desk.write("days/a.jsonl", "{\"amount\": 1.5}\n");
    desk.write("days/b.jsonl", "{\"amount\": {\"net\": 1.5}}\n");
    let ended = desk.driftline(&["profile", "days"]);
    ended
        .ends_with(3)
        .says("column `amount`")
        .says("a.jsonl")
        .says("b.jsonl");
}
