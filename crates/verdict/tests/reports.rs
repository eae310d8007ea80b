//! Every report of one small run, as its reader gets it.

mod demo;

use driftline_verdict::report::{self, model::BaselineSummary, model::Report};
use driftline_verdict::{
    ActionPolicy, Evidence, Finding, FindingKind, NotEvaluated, Run, Severity, TermClass, TermTier,
    Verdict, Window, decide_actions, run_verdict, window_verdict,
};
use unicode_width::UnicodeWidthStr;

fn window(number: usize, findings: Vec<Finding>, not_evaluated: Vec<NotEvaluated>) -> Window {
    Window {
        start: Some(demo::week(number)),
        end: Some(demo::week(number + 1)),
        rows: 2_310,
        verdict: window_verdict(2_310, &findings, &not_evaluated),
        findings,
        not_evaluated,
    }
}

fn drift(value: f64) -> Finding {
    Finding {
        column: Some("title".into()),
        slice: Some("site=weibo".into()),
        measure: Some("jensen_shannon".into()),
        value: Some(value),
        threshold: Some(0.12),
        unit: Some("bits".into()),
        p_value: Some(0.0004),
        evidence: vec![Evidence {
            label: "退钱 | <b>".into(),
            baseline: 0.001,
            window: 0.02,
            contribution: 0.011,
        }],
        action: Some(driftline_verdict::ActionKind::Retrain),
        ..Finding::new(
            FindingKind::Drift,
            Severity::Error,
            "`title`: the words are others | than in <2022>",
        )
    }
}

/// Three weeks: a passing one, a failing one, and one that fails with all there is to say.
fn small() -> Report {
    let rule = Finding {
        measure: Some("negative share".into()),
        value: Some(0.434),
        threshold: Some(0.4),
        unit: Some("share".into()),
        ..Finding::new(
            FindingKind::Rule,
            Severity::Warning,
            "negative share: 43.4 % is above the limit 40 %",
        )
    };
    let term = Finding {
        term: Some("情绪价值".into()),
        class: Some(TermClass::Coinage),
        tier: Some(TermTier::Alarm),
        count: Some(9),
        ..Finding::new(FindingKind::Term, Severity::Info, "new term 情绪价值")
    };
    let checks = vec![
        NotEvaluated {
            check: "region".into(),
            reason: "under-powered: 38 rows".into(),
            required: false,
        },
        NotEvaluated {
            check: "schema".into(),
            reason: "column `rank` could not be read".into(),
            required: true,
        },
    ];
    let windows = vec![
        window(0, Vec::new(), Vec::new()),
        window(1, vec![drift(0.15)], Vec::new()),
        window(2, vec![rule, term, drift(0.31)], checks),
    ];
    Report {
        run: Run {
            format_version: Run::FORMAT_VERSION,
            verdict: run_verdict(&windows),
            pipeline: "titles & tags".into(),
            run_id: "run-1".into(),
            created_at: "2023-01-23T06:30:00Z".into(),
            baseline_id: "sha256:5f3c".into(),
            actions: decide_actions(&windows, &ActionPolicy::default()),
            windows,
            notes: vec!["Copies were left out.".into()],
        },
        baseline: BaselineSummary {
            source: "titles of 2022".into(),
            start: Some("2022-01-01T00:00:00Z".into()),
            end: Some("2023-01-01T00:00:00Z".into()),
            rows: 88_912,
            blocks: 365,
            calibration: "A stationary week goes beyond a limit in 1 of 100 weeks.".into(),
        },
        trends: Vec::new(),
        distributions: Vec::new(),
        terms: demo::report(20).terms.into_iter().take(2).collect(),
        models: Vec::new(),
    }
}

#[test]
fn markdown_of_a_small_run() {
    insta::assert_snapshot!(report::markdown(&small()));
}

#[test]
fn junit_of_a_small_run() {
    insta::assert_snapshot!(report::junit(&small().run).unwrap());
}

#[test]
fn table_of_a_small_run() {
    insta::assert_snapshot!(report::table(&small(), false));
}

#[test]
fn json_of_a_small_run() {
    insta::assert_snapshot!(report::json(&small().run).unwrap());
}

#[test]
fn html_of_a_small_run() {
    let page = report::html(&small()).unwrap();
    let body = page.split_once("<body>").unwrap().1;
    insta::assert_snapshot!(body);
}

#[test]
fn json_reads_back_as_the_same_run() {
    let run = demo::report(52).run;
    let json = report::json(&run).unwrap();
    let read: Run = serde_json::from_str(&json).unwrap();
    assert_eq!(read, run);
}

#[test]
fn colours_change_nothing_but_colours() {
    let report = demo::report(52);
    let painted = report::table(&report, true);
    let mut pieces = painted.split('\u{1b}');
    let mut coloured = pieces.next().unwrap().to_owned();
    for piece in pieces {
        coloured.push_str(piece.split_once('m').unwrap().1);
    }
    assert_eq!(coloured, report::table(&report, false));
}

#[test]
fn no_line_of_the_table_is_wider_than_a_hundred_columns() {
    let mut report = demo::report(52);
    let long = "情绪价值 ".repeat(60) + &"很".repeat(300);
    report.run.pipeline = long.clone();
    for term in &mut report.terms {
        term.term = long.clone();
    }
    for window in &mut report.run.windows {
        window.start = Some(long.clone());
        for finding in &mut window.findings {
            finding.column = Some(long.clone());
            finding.unit = Some(long.clone());
        }
        for check in &mut window.not_evaluated {
            check.check = long.clone();
        }
    }
    for line in report::table(&report, false).lines() {
        assert!(line.width() <= 100, "{} columns: {line}", line.width());
    }
}

#[test]
fn a_table_without_windows_says_unknown() {
    let mut report = small();
    report.run.windows.clear();
    report.run.verdict = Verdict::Unknown;
    assert!(report::table(&report, false).starts_with("unknown"));
}

/// The characters that XML 1.0 allows (section 2.2).
fn is_xml(character: char) -> bool {
    matches!(character,
        '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[test]
fn junit_has_no_character_that_xml_forbids() {
    let mut run = small().run;
    let bad: String = (0..32_u8)
        .map(char::from)
        .chain(['\u{fffe}', '\u{ffff}', '<', '&', '"'])
        .collect();
    run.pipeline.push_str(&bad);
    for window in &mut run.windows {
        for finding in &mut window.findings {
            finding.message.push_str(&bad);
            finding.measure = Some(bad.clone());
            finding.term = finding.term.as_ref().map(|term| format!("{term}{bad}"));
        }
        for check in &mut window.not_evaluated {
            check.check.push_str(&bad);
            check.reason.push_str(&bad);
        }
    }
    let xml = report::junit(&run).unwrap();
    assert!(xml.chars().all(is_xml));
}

#[test]
fn junit_is_red_exactly_where_the_gate_is() {
    for weeks in 1..=52 {
        let run = demo::report(weeks).run;
        let xml = report::junit(&run).unwrap();
        let red = xml.contains("<failure") || xml.contains("<error");
        let bad = matches!(run.verdict, Verdict::Fail | Verdict::Unknown);
        assert_eq!(red, bad, "after {weeks} weeks");
    }
    let mut empty = small().run;
    empty.windows.clear();
    assert!(report::junit(&empty).unwrap().contains("<error"));
}

#[test]
fn sarif_of_a_small_run() {
    let sarif = report::sarif(&small().run).unwrap();
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    insta::assert_snapshot!(sarif.replace(&version, "\"version\": \"…\""));
}

#[test]
fn sarif_tells_what_could_not_be_evaluated_and_never_as_a_pass() {
    let log: serde_json::Value =
        serde_json::from_str(&report::sarif(&small().run).unwrap()).unwrap();
    let told = log["runs"][0]["invocations"][0]["toolExecutionNotifications"].to_string();
    assert!(
        told.contains("schema: column `rank` could not be read"),
        "{told}"
    );
    assert!(told.contains("under-powered"), "{told}");
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert!(results.iter().all(|result| result["kind"] != "pass"));
    let mut empty = small().run;
    empty.windows.clear();
    let log: serde_json::Value = serde_json::from_str(&report::sarif(&empty).unwrap()).unwrap();
    assert_eq!(
        log["runs"][0]["invocations"][0]["executionSuccessful"],
        false
    );
}

/// A host follows an alert from window to window by its fingerprint.
#[test]
fn the_same_finding_in_two_runs_has_the_same_fingerprint_in_sarif() {
    let prints = |weeks| {
        let run = demo::report(weeks).run;
        let log: serde_json::Value = serde_json::from_str(&report::sarif(&run).unwrap()).unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap().clone();
        results
            .iter()
            .map(|result| result["partialFingerprints"]["driftline/v1"].to_string())
            .collect::<std::collections::BTreeSet<String>>()
    };
    let (before, after) = (prints(51), prints(52));
    assert!(before.is_subset(&after), "{:?}", before.difference(&after));
}

#[test]
fn markdown_stays_below_what_a_job_summary_may_hold() {
    let mut report = demo::report(52);
    let text = "|<`*".repeat(2_000);
    report.run.windows = report
        .run
        .windows
        .iter()
        .cycle()
        .take(2_000)
        .cloned()
        .collect();
    let newest = report.run.windows.last_mut().unwrap();
    newest.findings = vec![Finding::new(FindingKind::Drift, Severity::Error, text.clone()); 5_000];
    report.run.notes = vec![text; 2_000];
    let page = report::markdown(&report);
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
    assert!(page.contains("… and 4,950 more"));
}
