//! Whether pipelines find the columns that drift in NannyML's data sets, and no others.
//!
//! ```text
//! cargo run --release -p driftline-benches --bin known_drift -- [--json FILE]
//! ```
//!
//! Every set has a reference part and an analysis part of which it is known what drifts
//! and from when on (the `README.md` beside each). A pipeline with nothing but defaults is
//! run over them, and the windows in which it says something of a column are counted; then one that
//! judges all columns together, too, and the windows in which each measure of them says something. The
//! sets are read in place; one that is absent is said to be skipped.

use chrono::{DateTime, NaiveDate, Utc};
use clap::Parser;
use driftline_benches::{
    Error,
    output::{Output, line, table},
    process::Circumstances,
    weibo::root,
};
use driftline_engine::EngineConfig;
use driftline_pipeline::{Evaluation, EvaluationRequest, Evaluator, Pipeline};
use driftline_verdict::{Finding, FindingKind, Severity, Window};
use serde::Serialize;
use std::collections::HashMap;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    output: Output,
}

/// A data set, and what is known of it.
struct Set {
    name: &'static str,
    window: &'static str,
    /// The day from which on columns drift: half-way through the analysis part.
    onset: NaiveDate,
    drifting: &'static [&'static str],
    /// Columns that do not drift at all.
    stable: &'static [&'static str],
}

const fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(day) => day,
        None => panic!("a day of the calendar"),
    }
}

/// In the credit cards' set incomes and limits move by a little, which is neither.
const SETS: [Set; 3] = [
    Set {
        name: "work-from-home",
        window: "30d",
        onset: day(2019, 4, 30),
        drifting: &[
            "distance_from_office",
            "salary_range",
            "public_transportation_cost",
            "wfh_prev_workday",
            "y_pred_proba",
        ],
        stable: &["gas_price_per_litre", "workday", "tenure"],
    },
    Set {
        name: "credit-cards",
        window: "3d",
        onset: day(2020, 11, 1),
        drifting: &[
            "app_channel",
            "acq_channel",
            "y_pred",
            "y_pred_proba_highstreet_card",
        ],
        stable: &[],
    },
    Set {
        name: "california-housing",
        window: "7d",
        onset: day(2021, 6, 1),
        drifting: &["y_pred_proba"],
        stable: &[],
    },
];

#[derive(Serialize)]
struct Figures {
    circumstances: Circumstances,
    sets: Vec<Found>,
}

#[derive(Serialize)]
struct Found {
    name: &'static str,
    windows: usize,
    /// Windows that ended before the onset.
    before: usize,
    columns: Vec<Column>,
    /// The measures of several columns together.
    together: Vec<Column>,
    /// Columns that the report calls unstable within the training data.
    unstable: Vec<String>,
}

#[derive(Serialize)]
struct Column {
    name: String,
    drifts: bool,
    /// Windows before the onset with a warning or an error.
    alarms_before: usize,
    /// Windows from the one of the onset on to the first alarm; none where there is none.
    windows_until: Option<usize>,
    alarms_after: usize,
    errors_after: usize,
}

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let circumstances = Circumstances::here();
    line(format!(
        "Columns that are known to drift, pipelines with nothing but defaults; {circumstances}\n"
    ))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let mut sets = Vec::new();
    for set in SETS {
        let alone = runtime.block_on(evaluated(&set, ""))?;
        match alone.zip(runtime.block_on(evaluated(&set, &together(&set)))?) {
            Some((alone, together)) => sets.push(found(&set, &alone, &together)?),
            None => line(format!("SKIPPED: {} is not in ../shared/data.", set.name))?,
        }
    }
    for set in &sets {
        show(set)?;
    }
    arguments.output.write(&Figures {
        circumstances,
        sets,
    })
}

const MEASURES: [&str; 3] = [
    "domain_classifier",
    "reconstruction_error",
    "maximum_mean_discrepancy",
];

/// Columns of both sides, drifting or not, by every measure of several columns.
fn together(set: &Set) -> String {
    let columns = [set.drifting, set.stable].concat().join(", ");
    let measures = MEASURES
        .map(|measure| format!("{measure}: {{}}"))
        .join(", ");
    format!("drift: {{multivariate: {{columns: [{columns}], measures: {{{measures}}}}}}}\n")
}

/// The set by a pipeline with nothing but defaults and what `drift` says.
async fn evaluated(set: &Set, drift: &str) -> Result<Option<Evaluation>, Error> {
    let name = format!("nannyml-{}", set.name);
    let part = |part: &str| root().join(format!("../shared/data/{name}/{name}-{part}.parquet"));
    let (reference, analysis) = (part("reference"), part("analysis"));
    if !reference.exists() || !analysis.exists() {
        return Ok(None);
    }
    // Columns of one side only would break the schema, which is not the question here.
    let yaml = format!(
        "name: {name}\nbaseline: {{source: {}}}\nlive: {{source: {}}}\n\
         time: {{column: timestamp, window: {}}}\nroles: {{id: id}}\n{drift}",
        reference.display(),
        analysis.display(),
        set.window
    );
    let pipeline = Pipeline::parse(&yaml, &name, HashMap::new())?;
    let evaluator = Evaluator::new(pipeline, EngineConfig::default());
    let evaluation = evaluator
        .evaluate(&EvaluationRequest {
            run_id: name,
            now: DateTime::<Utc>::UNIX_EPOCH,
            range: None,
            window: None,
            read: None,
            posted: None,
            progress: &|_| {},
        })
        .await?;
    Ok(Some(evaluation))
}

fn found(set: &Set, alone: &Evaluation, together: &Evaluation) -> Result<Found, Error> {
    let windows = &alone.run.windows;
    let mut before = 0;
    for window in windows {
        let end = window.end.as_deref().ok_or("a window of time has an end")?;
        let end = DateTime::parse_from_rfc3339(end)?.date_naive();
        before += usize::from(end <= set.onset);
    }
    let mut columns = counted(windows, before, set.drifting, true);
    columns.extend(counted(windows, before, set.stable, false));
    let together = counted(&together.run.windows, before, &MEASURES, true);
    let unstable = alone.run.notes.iter();
    Ok(Found {
        name: set.name,
        windows: windows.len(),
        before,
        columns,
        together,
        unstable: unstable
            .filter_map(|note| note.strip_prefix("baseline unstable: `"))
            .filter_map(|note| Some(note.split_once('`')?.0.to_owned()))
            .collect(),
    })
}

/// The windows that tell of each of some columns, or measures.
fn counted(windows: &[Window], before: usize, names: &[&str], drifts: bool) -> Vec<Column> {
    let alarms = |window: &Window, name: &str, least: Severity| {
        let of = |finding: &&Finding| {
            finding.kind == FindingKind::Drift
                && [&finding.column, &finding.measure]
                    .map(|it| it.as_deref())
                    .contains(&Some(name))
                && finding.severity >= least
        };
        window.findings.iter().filter(of).count() > 0
    };
    let count = |windows: &[Window], name: &str, least: Severity| {
        let alarming = windows.iter().filter(|w| alarms(w, name, least));
        alarming.count()
    };
    let of = |&name: &&str| Column {
        name: name.to_owned(),
        drifts,
        alarms_before: count(&windows[..before], name, Severity::Warning),
        windows_until: windows[before..]
            .iter()
            .position(|window| alarms(window, name, Severity::Warning)),
        alarms_after: count(&windows[before..], name, Severity::Warning),
        errors_after: count(&windows[before..], name, Severity::Error),
    };
    names.iter().map(of).collect()
}

fn show(set: &Found) -> Result<(), Error> {
    line(format!(
        "{}: {} windows, {} of them before the onset; unstable within the training data: {}\n",
        set.name,
        set.windows,
        set.before,
        match set.unstable.is_empty() {
            true => "none".to_owned(),
            false => set.unstable.join(", "),
        }
    ))?;
    let after = set.windows - set.before;
    let rows: Vec<Vec<String>> = set
        .columns
        .iter()
        .chain(&set.together)
        .map(|column| {
            vec![
                column.name.clone(),
                if column.drifts { "drifts" } else { "is stable" }.to_owned(),
                format!("{} of {}", column.alarms_before, set.before),
                column
                    .windows_until
                    .map_or("never".to_owned(), |windows| windows.to_string()),
                format!("{} of {after}", column.alarms_after),
                format!("{} of {after}", column.errors_after),
            ]
        })
        .collect();
    table(
        &[
            "column",
            "it",
            "alarms before",
            "windows until the first alarm",
            "alarms after",
            "of these errors",
        ],
        &rows,
    )?;
    line("")
}
