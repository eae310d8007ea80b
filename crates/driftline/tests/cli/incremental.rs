//! Live data to which files are added.

use crate::desk::{DEARER, Desk, TRAINING};
use serde_json::Value;
use std::collections::BTreeMap;

/// The days of a week of sales, each as a file of its own would hold it.
fn days() -> BTreeMap<String, String> {
    let mut days: BTreeMap<String, String> = BTreeMap::new();
    for line in DEARER.csv().lines().skip(1) {
        let day = line.split(',').next().unwrap().to_owned();
        let file = days
            .entry(day)
            .or_insert_with(|| "day,amount,colour\n".into());
        *file += line;
        *file += "\n";
    }
    days
}

fn desk(incremental: bool) -> Desk {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    std::fs::create_dir(desk.path("live")).unwrap();
    let more = if incremental {
        ", incremental: true"
    } else {
        ""
    };
    desk.write(
        "p.yaml",
        format!(
            "name: shop\nbaseline: {{source: base.csv}}\nlive: {{source: live{more}}}\n\
             time: {{column: day, window: 1d, block: 1d}}\n"
        ),
    );
    desk
}

/// Days of the windows of a run, and its notes.
fn run(desk: &Desk) -> (Vec<String>, Vec<Value>, String) {
    desk.run(&[]).ends_with(1);
    let verdict = desk.json("out/verdict.json");
    let windows = verdict["windows"].as_array().unwrap().clone();
    let starts = windows.iter().map(|window| {
        let start = window["start"].as_str().unwrap();
        start.split('T').next().unwrap().to_owned()
    });
    (
        starts.collect(),
        windows.clone(),
        verdict["notes"].to_string(),
    )
}

#[test]
fn only_files_of_windows_that_changed_are_read() {
    let days = days();
    let desk = desk(true);
    let names: Vec<&String> = days.keys().collect();
    for day in &names[..4] {
        desk.write(&format!("live/{day}.csv"), &days[*day]);
    }
    let (first, _, notes) = run(&desk);
    assert_eq!(first.len(), 4);
    assert!(!notes.contains("files were read"), "{notes}");

    // One file is new, and one is an old one under another name.
    desk.write(&format!("live/{}.csv", names[4]), &days[names[4]]);
    desk.write("live/again.csv", &days[names[0]]);
    let (second, windows, notes) = run(&desk);
    assert_eq!(second, [names[4].as_str()]);
    assert_eq!(windows[0]["rows"], 40);
    assert!(notes.contains("1 of 6 files were read"), "{notes}");

    // Nothing is new: the newest window is judged again.
    let (third, _, _) = run(&desk);
    assert_eq!(third, [names[4].as_str()]);

    // More rows of a day that was judged.
    desk.write(
        "live/late.csv",
        format!("day,amount,colour\n{},150,red\n", names[2]),
    );
    let (fourth, windows, _) = run(&desk);
    assert_eq!(fourth, [names[2].as_str()]);
    assert_eq!(windows[0]["rows"], 41);

    // A file that is taken away changes its window as well, but not while its content is
    // there under another name.
    std::fs::remove_file(desk.path(&format!("live/{}.csv", names[0]))).unwrap();
    let (fifth, _, _) = run(&desk);
    assert_eq!(fifth, [names[4].as_str()]);
    std::fs::remove_file(desk.path("live/late.csv")).unwrap();
    let (sixth, windows, _) = run(&desk);
    assert_eq!(sixth, [names[2].as_str()]);
    assert_eq!(windows[0]["rows"], 40);
}

#[test]
fn a_window_is_judged_as_in_a_run_over_everything() {
    let days = days();
    let (some, all) = (desk(true), desk(false));
    let names: Vec<&String> = days.keys().collect();
    for day in &names[..6] {
        some.write(&format!("live/{day}.csv"), &days[*day]);
        all.write(&format!("live/{day}.csv"), &days[*day]);
    }
    run(&some);
    for desk in [&some, &all] {
        desk.write(&format!("live/{}.csv", names[6]), &days[names[6]]);
    }
    let ((_, new, _), (_, whole, _)) = (run(&some), run(&all));
    let by_itself = |window: &Value| {
        let mut window = window.clone();
        let findings = window["findings"].as_array_mut().unwrap();
        findings.retain(|finding| finding["measure"] != "slow_drift");
        window
    };
    assert_eq!(by_itself(&new[0]), by_itself(&whole[6]));
}

#[test]
fn incremental_data_has_times() {
    let desk = desk(true);
    let text = desk.read("p.yaml");
    desk.write("p.yaml", text.split("time:").next().unwrap());
    let ended = desk.run(&[]);
    ended
        .ends_with(2)
        .says("`incremental` needs files that can be read again, and `time`");
}
