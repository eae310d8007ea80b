//! The HTML report, as a reader and a browser get it.

mod demo;

use driftline_verdict::report::{self, MAX_SIZE_BYTES};
use driftline_verdict::{
    Concentration, Evidence, Finding, FindingKind, Severity, Window, window_verdict,
};

/// Writes the page for a look in a browser where `DRIFTLINE_REPORT_DIR` names a folder.
fn keep(name: &str, page: &str) {
    if let Some(folder) = std::env::var_os("DRIFTLINE_REPORT_DIR") {
        std::fs::write(std::path::Path::new(&folder).join(name), page)
            .expect("the folder can be written");
    }
}

#[test]
fn a_year_of_weeks_is_one_page_without_script_or_network() {
    let page = report::html(&demo::report(52)).unwrap();
    keep("year.html", &page);
    assert!(page.len() < 600_000, "{} bytes", page.len());
    for forbidden in [
        "<script",
        "<link",
        "<img",
        "<iframe",
        "http:",
        "https:",
        "url(",
        "@import",
        "onclick",
        "javascript:",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn the_first_screen_says_what_moved_since_when_and_what_to_do() {
    let page = report::html(&demo::report(52)).unwrap();
    let first = page.split("id=\"timeline\"").next().unwrap();
    for said in [
        "No, the data has changed.",
        "title (out of vocabulary)",
        "in each window since 2023-",
        "Retrain the model",
    ] {
        assert!(first.contains(said), "{said}");
    }
}

#[test]
fn the_slices_that_hold_a_drift_stand_with_its_evidence() {
    let mut report = demo::report(52);
    assert!(!report::html(&report).unwrap().contains("Where it is"));
    let newest = report.run.windows.last_mut().unwrap();
    let mut drift = newest.findings.iter_mut();
    let drift = drift.find(|f| f.kind == FindingKind::Drift).unwrap();
    drift.concentrations.push(Concentration {
        slice: "country=德国, device=phone".into(),
        window_rows: 310,
        window_share: 0.25,
        baseline_share: 0.2,
        value: 0.5,
        value_lower: 0.4,
        rest: 0.01,
    });
    let page = report::html(&report).unwrap();
    for said in ["Where it is", "country=德国, device=phone", "25 %", "20 %"] {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn broken_data_is_named_before_any_drift() {
    let mut run = demo::report(12);
    run.run.actions.clear();
    let page = report::html(&run).unwrap();
    keep("broken.html", &page);
    assert!(page.contains("The data is broken."));
    assert!(page.contains("Repair the data first."));
}

#[test]
fn a_window_without_rows_is_unknown_on_the_page() {
    let page = report::html(&demo::report(18)).unwrap();
    keep("unknown.html", &page);
    assert!(page.contains("It cannot be said."));
    assert!(page.contains("This is not a pass."));
    assert!(!page.contains("nothing is beyond"));
}

#[test]
fn a_quiet_window_says_yes() {
    let page = report::html(&demo::report(10)).unwrap();
    keep("pass.html", &page);
    assert!(page.contains("Yes, still the same data."));
    assert!(page.contains("nothing is beyond"));
}

#[test]
fn a_run_without_windows_is_drawn() {
    let mut empty = demo::report(1);
    empty.run.windows.clear();
    empty.trends.clear();
    empty.terms.clear();
    let page = report::html(&empty).unwrap();
    assert!(page.contains("No window of live data was evaluated."));
}

/// Text that tries to leave its element, attribute or line, or to turn the page around.
const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</title></svg></style><b>",
    "\u{202e}txet desrever\u{0} مرحبا بالعالم",
    "{{ 7 * 7 }} {% raw %}",
];

#[test]
fn hostile_text_stays_text() {
    let mut hostile = demo::report(6);
    let text = HOSTILE.join(" ");
    hostile.run.pipeline = text.clone();
    hostile.run.run_id = text.clone();
    hostile.run.notes = vec![text.clone()];
    hostile.baseline.source = text.clone();
    hostile.baseline.calibration = text.clone();
    for term in &mut hostile.terms {
        term.term = text.clone();
        term.examples = vec![text.clone()];
        term.first_seen = text.clone();
    }
    for trend in &mut hostile.trends {
        trend.name = text.clone();
        trend.unit = text.clone();
        trend.limit_label = Some(text.clone());
        for point in &mut trend.points {
            point.window = text.clone();
            point.alarm = true;
        }
    }
    for shown in &mut hostile.distributions {
        shown.column = text.clone();
        shown.axis = text.clone();
        for bin in &mut shown.bins {
            bin.label = text.clone();
        }
    }
    for window in &mut hostile.run.windows {
        window.start = Some(text.clone());
        let mut finding = Finding::new(FindingKind::Anomaly, Severity::Error, text.clone());
        finding.column = Some(text.clone());
        finding.slice = Some(text.clone());
        window.findings = vec![finding];
        window.not_evaluated[0].check = text.clone();
        window.not_evaluated[0].reason = text.clone();
        window.verdict = window_verdict(window.rows, &window.findings, &window.not_evaluated);
    }
    let page = report::html(&hostile).unwrap();
    keep("hostile.html", &page);
    for forbidden in ["<script", "<img", "</title></svg>", "\u{0}"] {
        assert!(!page.contains(forbidden), "{forbidden:?}");
    }
    assert!(page.contains("{{ 7 * 7 }}"));
    // Every quote of the text is escaped, so no attribute can begin in it.
    assert!(!page.contains("' onmouseover="));
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
}

/// A report in which every list is far longer than what is shown.
fn huge(text: &str) -> driftline_verdict::Report {
    let mut huge = demo::report(52);
    huge.run.windows = (0..2_000)
        .map(|number| Window {
            start: Some(demo::week(number)),
            end: Some(demo::week(number + 1)),
            ..huge.run.windows[number % 52].clone()
        })
        .collect();
    for number in 0..5_000 {
        let mut finding = Finding::new(FindingKind::Drift, Severity::Error, text);
        finding.column = Some(format!("column_{number}"));
        finding.value = Some(0.25);
        if number < 300 {
            finding.evidence = vec![
                Evidence {
                    label: text.to_owned(),
                    baseline: 0.1,
                    window: 0.2,
                    contribution: 0.05,
                };
                20
            ];
        }
        let place = if number < 2_000 {
            1_999
        } else {
            number % 2_000
        };
        huge.run.windows[place].findings.push(finding);
    }
    for window in &mut huge.run.windows {
        window.verdict = window_verdict(window.rows, &window.findings, &window.not_evaluated);
    }
    for trend in &mut huge.trends {
        trend.points = trend.points.iter().cycle().take(2_000).cloned().collect();
    }
    huge.trends = huge.trends.iter().cycle().take(400).cloned().collect();
    for term in &mut huge.terms {
        term.series = term.series.iter().cycle().take(2_000).copied().collect();
        term.examples = vec![text.to_owned(); 50];
    }
    huge.terms = huge.terms.iter().cycle().take(5_000).cloned().collect();
    for shown in &mut huge.distributions {
        shown.bins = shown.bins.iter().cycle().take(1_000).cloned().collect();
    }
    huge.distributions = huge
        .distributions
        .iter()
        .cycle()
        .take(500)
        .cloned()
        .collect();
    huge.run.notes = vec![text.to_owned(); 5_000];
    huge
}

#[test]
fn five_thousand_findings_in_two_thousand_windows_fit() {
    let page = report::html(&huge("the distribution of this column is another one")).unwrap();
    keep("huge.html", &page);
    println!("{} bytes", page.len());
    assert!(page.len() <= MAX_SIZE_BYTES, "{} bytes", page.len());
    assert!(page.contains("… and 1,801 more findings"));
    assert!(page.contains("… and 1,600 more earlier windows, not drawn"));
}

#[test]
fn text_that_grows_sixfold_when_escaped_fits() {
    let page = report::html(&huge(&"'<\"&".repeat(200))).unwrap();
    println!("{} bytes", page.len());
    assert!(page.len() <= MAX_SIZE_BYTES, "{} bytes", page.len());
}
