//! The pages in a real Chromium: `tests/browser/look.mjs` says what is looked at.

use crate::support::{FakeEvaluator, Outcome, World, action, concludes, window};
use driftline_monitor::{Evaluator, ServeOptions};
use driftline_verdict::report::model::{
    BaselineSummary, Distribution, DistributionBin, TermRow, Trend, TrendPoint,
};
use driftline_verdict::{ActionKind, Report, Run, TermClass, TermTier, Verdict, Window};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

const DAYS: u32 = 20;

fn windows() -> Vec<Window> {
    let verdict = |day| match day {
        7 => Verdict::Warn,
        12 => Verdict::Unknown,
        18.. => Verdict::Fail,
        _ => Verdict::Pass,
    };
    (1..=DAYS).map(|day| window(day, verdict(day))).collect()
}

fn trend(group: &str, name: &str, unit: &str, limit: Option<f64>) -> Trend {
    let points = (1..=DAYS).map(|day| {
        let value = 0.2 + 0.02 * f64::from(day) + 0.05 * f64::from(day % 3);
        TrendPoint {
            window: format!("2024-01-{day:02}T00:00:00Z"),
            value: (day != 12).then_some(value),
            limit,
            lower_limit: None,
            baseline: Some(0.3),
            alarm: limit.is_some_and(|limit| value > limit),
        }
    });
    Trend {
        group: group.to_owned(),
        name: name.to_owned(),
        measure: (group == "drift").then(|| "jensen_shannon".to_owned()),
        unit: unit.to_owned(),
        limit_label: limit.map(|_| "limit of the rule".to_owned()),
        points: points.collect(),
    }
}

fn term(term: &str, class: TermClass, tier: TermTier) -> TermRow {
    TermRow {
        term: term.to_owned(),
        class,
        tier,
        first_seen: "2024-01-09T00:00:00Z".to_owned(),
        first_alarm: "2024-01-15T00:00:00Z".to_owned(),
        count: 314,
        baseline_count: 2,
        score: 41.5,
        series: (0..u64::from(DAYS)).map(|day| day * day).collect(),
        origin: None,
        examples: vec![
            "大家都在说<这个>词 & more".to_owned(),
            "a longer example, such as people write when nobody stops them".to_owned(),
        ],
    }
}

/// A run in which everything that the pages draw occurs.
fn report() -> Report {
    let windows = windows();
    let retrain = action(ActionKind::Retrain, &windows[19]);
    let run = Run {
        format_version: Run::FORMAT_VERSION,
        verdict: Verdict::Fail,
        pipeline: "titles".to_owned(),
        run_id: String::new(),
        created_at: "2024-01-21T00:00:00Z".to_owned(),
        baseline_id: "sha256:0".to_owned(),
        windows,
        actions: vec![retrain],
        notes: Vec::new(),
    };
    let bin = |label: &str, baseline, window| DistributionBin {
        label: label.to_owned(),
        baseline,
        window,
    };
    Report {
        run,
        baseline: BaselineSummary {
            source: "titles of 2023".to_owned(),
            start: Some("2023-01-01T00:00:00Z".to_owned()),
            end: Some("2024-01-01T00:00:00Z".to_owned()),
            rows: 100_000,
            blocks: 52,
            calibration: "a window of 2,300 rows differs this much in 1 of 100 weeks".to_owned(),
        },
        trends: vec![
            trend("drift", "title", "bits", Some(0.6)),
            trend("rule", "negative share", "share", Some(0.58)),
            trend(
                "confidence",
                "sentiment: mean confidence",
                "probability",
                None,
            ),
        ],
        distributions: vec![Distribution {
            column: "label".to_owned(),
            window: "2024-01-20T00:00:00Z".to_owned(),
            axis: "values".to_owned(),
            bins: vec![bin("negative", 0.4, 0.6), bin("positive", 0.6, 0.4)],
        }],
        terms: vec![
            term("绝绝子", TermClass::Coinage, TermTier::Confirmed),
            term("ChatGPT", TermClass::Entity, TermTier::Alarm),
            term("退钱", TermClass::Surge, TermTier::Watch),
        ],
        models: Vec::new(),
    }
}

/// The browser, node, and whether its packages are there; `None`, said loudly, where one is not.
fn tools() -> Option<(PathBuf, PathBuf, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let program = |names: &[&str]| {
        let path = std::env::var_os("PATH")?;
        let found = std::env::split_paths(&path)
            .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
            .find(|program| program.is_file());
        if found.is_none() {
            eprintln!("SKIPPED: {} is not installed", names[0]);
        }
        found
    };
    let chromium = program(&["chromium", "chromium-browser", "google-chrome"])?;
    let node = program(&["node"])?;
    if !folder.join("node_modules").is_dir() {
        eprintln!("SKIPPED: run `npm ci` in {}", folder.display());
        return None;
    }
    Some((chromium, node, folder))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_hold_in_a_browser_in_every_form_and_are_live_and_usable_by_keyboard() {
    let Some((chromium, node, folder)) = tools() else {
        return;
    };
    let world = World::new().await;
    let shown = Outcome::Reported(Box::new(report()));
    let chat = world.target("chat", "http://127.0.0.1:9/hook");
    let evaluators: Vec<Arc<dyn Evaluator>> = vec![
        FakeEvaluator::new(shown, vec![chat]),
        FakeEvaluator::named("posts", concludes(1, Verdict::Pass), Vec::new()),
        FakeEvaluator::named(
            "商店",
            Outcome::Error("`live.csv`: no such file"),
            Vec::new(),
        ),
    ];
    let options = ServeOptions {
        every: Duration::from_secs(3_600),
        ..world.options()
    };
    let running = world.serve_with(evaluators, options).await;
    running.until("fail", "fresh").await;
    let run = running.status().await["last_run_id"].clone();
    let mut look = std::process::Command::new(node);
    look.arg(folder.join("look.mjs"))
        .arg(chromium)
        .arg(format!("http://{}", running.address))
        .arg(run.as_str().unwrap())
        .stdin(Stdio::null());
    let looked = tokio::task::spawn_blocking(move || look.output());
    let looked = looked.await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&looked.stderr);
    assert!(looked.status.success(), "{said}");
    running.stop().await;
}
