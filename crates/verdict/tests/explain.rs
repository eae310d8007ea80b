//! Findings put into words, with numbers that can be redone.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes helpers of tests for code that is none"
)]

use driftline_verdict::{
    ActionKind, Evidence, Finding, FindingKind, LimitWorkings, Run, Severity, TermClass, TermTier,
    Verdict, Window, Workings,
    explain::{Selector, explain, explanation_table},
};

fn cell(label: &str, baseline: f64, window: f64, contribution: f64) -> Evidence {
    Evidence {
        label: label.into(),
        baseline,
        window,
        contribution,
    }
}

/// (q − p) ln(q / p) of counts, with half a count added to each of `cells` cells.
fn stability_part((x, b): (f64, f64), (y, w): (f64, f64), cells: f64) -> f64 {
    let (p, q) = ((x + 0.5) / (b + 0.5 * cells), (y + 0.5) / (w + 0.5 * cells));
    (q - p) * (q / p).ln()
}

/// Four cells of 1,000 and 100 rows: one is told, three are the rest.
fn stability() -> Finding {
    let counts = [(0.0, 40.0), (400.0, 20.0), (600.0, 40.0), (0.0, 0.0)];
    let parts = counts.map(|(x, y)| stability_part((x, 1_000.0), (y, 100.0), 4.0));
    Finding {
        column: Some("amount".into()),
        measure: Some("population_stability_index".into()),
        value: Some(parts.iter().sum()),
        threshold: Some(0.12),
        unit: Some("nats".into()),
        p_value: Some(1e-5),
        effect: Some(1.8),
        effect_lower: Some(1.7),
        min_effect: Some(0.1),
        evidence: vec![cell("> 120", 0.0, 0.4, parts[0])],
        workings: Some(Box::new(Workings {
            cells: 4,
            baseline_total: 1_000,
            window_total: 100,
            rest: Some(cell("3 others", 1.0, 0.6, parts[1..].iter().sum())),
            widest_gap: None,
            baseline_mean: None,
            window_mean: None,
            limit: Some(LimitWorkings {
                p_limit: 0.0021,
                rate: 0.01,
                draws: 400,
                blocks_per_window: 7,
                windows_in_baseline: 8,
                independent_windows: 7.5,
                seed: 1,
                null_median: 0.02,
                null_upper: 0.05,
                null_greatest: 0.08,
                extrapolated: true,
            }),
        })),
        action: Some(ActionKind::Retrain),
        ..Finding::new(FindingKind::Drift, Severity::Error, "`amount`: it moved")
    }
}

fn workings(baseline_total: u64, window_total: u64) -> Workings {
    Workings {
        cells: 3,
        baseline_total,
        window_total,
        rest: None,
        widest_gap: None,
        baseline_mean: None,
        window_mean: None,
        limit: None,
    }
}

fn drift(measure: &str, value: f64, evidence: Vec<Evidence>, workings: Workings) -> Finding {
    Finding {
        column: Some("x".into()),
        measure: Some(measure.into()),
        value: Some(value),
        evidence,
        workings: Some(Box::new(workings)),
        ..Finding::new(FindingKind::Drift, Severity::Warning, "`x`: it moved")
    }
}

fn term() -> Finding {
    Finding {
        measure: Some("ln_bayes_factor".into()),
        value: Some(10.0),
        effect_lower: Some(26.0),
        window_rows: Some(2_202),
        evidence: vec![
            cell("documents", 1.0, 9.0, 10.0),
            cell("units of text", 939_378.0, 21_294.0, 0.0),
            cell("probability of a new word", 0.0, 0.6, 0.0),
            cell("stands alone", 0.0, 0.25, -1.675),
        ],
        action: Some(ActionKind::Notify),
        term: Some("南方小土豆".into()),
        class: Some(TermClass::Coinage),
        tier: Some(TermTier::Alarm),
        first_seen: Some("2023-12-18T00:00:00+08:00".into()),
        count: Some(9),
        examples: vec!["南方小土豆的倔强".into()],
        ..Finding::new(FindingKind::Term, Severity::Warning, "new term 南方小土豆")
    }
}

fn anomaly() -> Finding {
    Finding {
        column: Some("state".into()),
        measure: Some("ENUM_TYPE_UNEXPECTED_STRING_VALUES".into()),
        value: Some(0.03),
        threshold: Some(0.0),
        window_rows: Some(100),
        evidence: vec![cell("returned?", 0.0, 3.0, 0.03)],
        ..Finding::new(
            FindingKind::Anomaly,
            Severity::Error,
            "`state`: an unexpected value",
        )
    }
}

fn run(findings: Vec<Finding>) -> Run {
    let window = |start: &str, end: &str, findings| Window {
        start: Some(start.into()),
        end: Some(end.into()),
        rows: 100,
        verdict: Verdict::Fail,
        findings,
        not_evaluated: Vec::new(),
    };
    Run {
        format_version: Run::FORMAT_VERSION,
        verdict: Verdict::Fail,
        pipeline: "shop".into(),
        run_id: "r1".into(),
        created_at: "2024-03-12T00:00:00Z".into(),
        baseline_id: "b1".into(),
        windows: vec![
            window("2024-02-26T00:00:00Z", "2024-03-04T00:00:00Z", Vec::new()),
            window("2024-03-04T00:00:00Z", "2024-03-11T00:00:00Z", findings),
        ],
        actions: Vec::new(),
        notes: Vec::new(),
    }
}

fn table(finding: Finding) -> String {
    explanation_table(&explain(&run(vec![finding]), &Selector::default()).unwrap())
}

#[test]
fn a_sum_of_cells_is_redone_with_its_numbers() {
    insta::assert_snapshot!(table(stability()));
}

#[test]
fn a_term_is_told_with_its_counts() {
    insta::assert_snapshot!(table(term()));
}

#[test]
fn an_anomaly_is_told_with_its_condition_and_values() {
    insta::assert_snapshot!(table(anomaly()));
}

#[test]
fn every_deciding_measure_has_its_formula_and_an_example() {
    let gap = Workings {
        widest_gap: Some(cell("≤ 100", 0.5, 0.2, 0.3)),
        ..workings(1_000, 100)
    };
    let means = Workings {
        baseline_mean: Some(0.125),
        window_mean: Some(0.5),
        ..workings(1_000, 100)
    };
    let one = |contribution| vec![cell("a", 0.25, 0.75, contribution)];
    let cases = [
        (
            "kolmogorov_smirnov",
            0.3,
            one(0.5),
            gap,
            "|0.2 − 0.5| = 0.3.",
        ),
        (
            "out_of_vocabulary",
            0.375,
            one(0.5),
            means,
            "0.5 − 0.125 = 0.375.",
        ),
        (
            "l_infinity",
            0.5,
            one(0.5),
            workings(1_000, 100),
            "|75 / 100 − 250 / 1000| = 0.5.",
        ),
        (
            "null_share",
            0.5,
            vec![cell("null", 0.25, 0.75, 0.5)],
            workings(1_000, 100),
            "|75 / 100 − 250 / 1000| = 0.5.",
        ),
        // scipy: p = 0.25, q = 0.75, m = 0.5: (0.25 log2 0.5 + 0.75 log2 1.5) / 2.
        (
            "jensen_shannon",
            0.0943609,
            one(0.0943609),
            workings(1_000, 100),
            "the part is ½ (-0.25 + 0.438722) = 0.0943609.",
        ),
        // x = 250 of 1,000, y = 75 of 100: X = 325 · 1000 / 1100, Y = 325 · 100 / 1100.
        (
            "g_test",
            0.664,
            one(0.664),
            workings(1_000, 100),
            "x = 250, y = 75, X = 295.455, Y = 29.5455, and the part is 0.405446.",
        ),
    ];
    for (measure, value, evidence, workings, words) in cases {
        let text = table(drift(measure, value, evidence, workings));
        assert!(text.contains(words), "{measure}:\n{text}");
        assert!(
            text.contains("There is none: the baseline is too short"),
            "{text}"
        );
    }
}

#[test]
fn a_finding_without_workings_says_what_it_knows() {
    let foreign = Finding {
        workings: None,
        ..drift("wasserstein", 0.31, Vec::new(), workings(1, 1))
    };
    let text = table(foreign);
    assert!(text.contains("wasserstein is 0.31."), "{text}");
    assert!(text.contains("keeps no bins of it"), "{text}");
}

#[test]
fn findings_are_chosen_by_number_name_and_window() {
    let run = run(vec![stability(), term(), anomaly()]);
    let chosen = |window: Option<&str>, finding: &str| {
        let selector = Selector {
            window: window.map(str::to_owned),
            finding: Some(finding.to_owned()),
        };
        explain(&run, &selector)
            .map(|all| all.iter().map(|one| one.number).collect::<Vec<_>>())
            .map_err(|error| error.to_string())
    };
    for (name, number) in [
        ("2", 2),
        ("amount", 1),
        ("amount:population_stability_index", 1),
        ("南方小土豆", 2),
        ("ENUM_TYPE_UNEXPECTED_STRING_VALUES", 3),
    ] {
        assert_eq!(chosen(None, name), Ok(vec![number]), "{name}");
    }
    assert_eq!(chosen(Some("2"), "state"), Ok(vec![3]));
    assert_eq!(chosen(Some("2024-03-04"), "state"), Ok(vec![3]));
    let missing = chosen(None, "price").unwrap_err();
    assert!(
        missing.contains("it has 1 amount (population stability index), 2 南方小土豆"),
        "{missing}"
    );
    let window = chosen(Some("9"), "state").unwrap_err();
    assert!(
        window.contains("1 to 2, from 2024-02-26 to 2024-03-04"),
        "{window}"
    );
    assert!(chosen(Some("1"), "1").unwrap_err().ends_with("it has none"));
}
