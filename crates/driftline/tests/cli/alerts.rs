//! Alerts and silences on the command line.

use crate::desk::{DEARER, Desk, TRAINING};

const STORE: [&str; 2] = ["--store", "sqlite://s.db"];

#[test]
fn alerts_are_listed_and_silenced() {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", DEARER.csv());
    desk.pipeline(
        "base.csv",
        "live.csv",
        "alerts: {for: {windows: 2, of: 3}}\n",
    );
    desk.run(&[]).ends_with(1);
    let list = |more: &[&str]| {
        let ended = desk.driftline(&[&["alert", "list"], more, &STORE].concat());
        ended.ends_with(0);
        ended
    };
    let firing = list(&["--state", "firing", "--format", "json"]).json();
    let alerts = firing["items"].as_array().unwrap();
    let amount = alerts
        .iter()
        .find(|alert| alert["column"] == "amount")
        .unwrap_or_else(|| panic!("{firing}"));
    assert_eq!(
        (&amount["kind"], &amount["silenced_by"]),
        (&"drift".into(), &serde_json::Value::Null)
    );
    assert_eq!(list(&["--monitor", "shoe"]).out.trim(), "no alerts");

    let silence = |more: &[&str]| {
        let fixed = ["alert", "silence", "--author", "ada", "--comment", "a sale"];
        desk.driftline(&[&fixed, more, &STORE].concat())
    };
    silence(&["--for", "soon"]).ends_with(2).says("--for");
    silence(&["--for", "800d"]).ends_with(2).says("a year");
    silence(&["--for", "1h", "--kind", "mood"])
        .ends_with(2)
        .says("the kinds are anomaly");
    let made = silence(&["--for", "1h", "--monitor", "shop", "--column", "amount"]);
    let id = made.ends_with(0).out.trim().to_owned();
    assert!(list(&[]).out.contains("(silenced)"), "{}", list(&[]).out);

    let silences = |more: &[&str]| {
        let ended = desk.driftline(&[&["alert", "silences"], more, &STORE].concat());
        ended.ends_with(0);
        ended.out
    };
    assert!(silences(&[]).contains("ada: a sale"), "{}", silences(&[]));
    let end = |id: &str| desk.driftline(&[&["alert", "unsilence", id][..], &STORE].concat());
    end(&id).ends_with(0);
    end("nope").ends_with(3).says("no silence `nope`");
    assert_eq!(silences(&[]).trim(), "no silences");
    assert!(silences(&["--all"]).contains(&id));
    assert!(!list(&[]).out.contains("(silenced)"));
}
