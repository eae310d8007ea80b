//! Real data with seasons and with known drift, read in place: they are not shipped, and
//! where they are absent the tests say so.

use crate::desk::{Desk, root};
use std::path::{Path, PathBuf};

fn data(file: &str) -> Option<PathBuf> {
    let path = root().join("../shared/data").join(file);
    if !path.exists() {
        eprintln!("SKIPPED: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// Held-out windows of a pipeline over one file, as baseline and live data alike.
fn held_out(file: &Path, prepare: &str, window: &str) -> (u64, u64, f64) {
    let desk = Desk::new();
    desk.write(
        "pipeline.yaml",
        format!(
            "name: seasonal\nbaseline: {{source: {file}}}\nlive: {{source: {file}}}\n\
             time: {{column: at, window: {window}, block: 6h}}\nprepare: |\n  {prepare}\n",
            file = file.display()
        ),
    );
    let ended = desk.driftline(&["calibrate", "verify", "pipeline.yaml", "--format", "json"]);
    let found = ended.ends_with(0).json();
    let count = |key: &str| found[key].as_u64().unwrap();
    let low = found["interval"][0].as_f64().unwrap();
    (count("alarms"), count("windows"), low)
}

/// Hours of two years of weather and of rides.
#[test]
fn bike_sharing_does_not_alarm_for_its_seasons() {
    let Some(file) = data("bike-sharing/bike-sharing-hour.parquet") else {
        return;
    };
    let prepare = "SELECT to_timestamp_seconds(CAST(date_part('epoch', dteday) AS BIGINT) + hr * 3600) \
                   AS at, temp, hum, windspeed, casual FROM source";
    let (alarms, windows, low) = held_out(&file, prepare, "1d");
    assert!(windows > 700 && low <= 0.01, "{alarms} of {windows}");
}

/// Half hours of demand and price, until the market was widened.
#[test]
fn elec2_does_not_alarm_for_its_seasons() {
    let Some(file) = data("elec2/elec2.parquet") else {
        return;
    };
    // From 1996-05-07 on.
    let prepare = "SELECT to_timestamp_seconds(831427200 + CAST(row AS BIGINT) * 1800) AS at, \
                   nswprice, nswdemand \
                   FROM (SELECT *, row_number() OVER () - 1 AS row FROM source) WHERE row < 17424";
    let (alarms, windows, low) = held_out(&file, prepare, "6h");
    assert!(windows > 1_400 && low <= 0.01, "{alarms} of {windows}");
}

#[test]
fn columns_that_drift_are_found_within_a_window_and_stable_ones_never() {
    let part = |part: &str| {
        data(&format!(
            "nannyml-work-from-home/nannyml-work-from-home-{part}.parquet"
        ))
    };
    let (Some(reference), Some(analysis)) = (part("reference"), part("analysis")) else {
        return;
    };
    let desk = Desk::new();
    desk.write(
        "pipeline.yaml",
        format!(
            "name: wfh\nbaseline: {{source: {}}}\nlive: {{source: {}}}\n\
             time: {{column: timestamp, window: 30d}}\nroles: {{id: id}}\n",
            reference.display(),
            analysis.display()
        ),
    );
    let ended = desk.driftline(&["run", "pipeline.yaml", "--format", "json", "--quiet"]);
    let run = ended.json();
    let windows = run["windows"].as_array().unwrap();
    let first = |column: &str| {
        windows.iter().position(|window| {
            let findings = window["findings"].as_array().unwrap();
            let mut drift = findings.iter().filter(|f| f["kind"] == "drift");
            drift.any(|finding| finding["column"] == column)
        })
    };
    // Half of the rows are before 2019-04-30.
    let onset = windows
        .iter()
        .position(|window| window["end"].as_str().unwrap() > "2019-04-30T08:25:18Z")
        .unwrap();
    for column in [
        "distance_from_office",
        "salary_range",
        "public_transportation_cost",
        "wfh_prev_workday",
        "y_pred_proba",
    ] {
        let first = first(column).expect("it drifts");
        assert!((onset..=onset + 1).contains(&first), "{column} {first}");
    }
    for column in ["gas_price_per_litre", "workday", "tenure"] {
        assert_eq!(first(column), None, "{column}");
    }
}
