//! The whole loop: from drift, over retraining, to a baseline that fits again.

use crate::desk::{DEARER, Desk, Ended, Shop, TRAINING};
use crate::serve::Server;
use serde_json::{Value, json};

const STORE: [&str; 2] = ["--store", "sqlite://s.db"];

/// Eight weeks at the new prices.
const RETRAINED: Shop = Shop {
    seed: 5,
    mean: 150.0,
    ..TRAINING
};

fn baseline(desk: &Desk, arguments: &[&str]) -> Ended {
    desk.driftline(&[&["baseline"], arguments, &STORE].concat())
}

fn alerts(desk: &Desk) -> Vec<(String, String)> {
    let list = ["alert", "list", "--format", "json"];
    let list = desk
        .driftline(&[&list[..], &STORE].concat())
        .ends_with(0)
        .json();
    let of = |alert: &Value, key: &str| alert[key].as_str().unwrap_or_default().to_owned();
    let mut alerts: Vec<(String, String)> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| (of(alert, "column"), of(alert, "state")))
        .collect();
    alerts.sort();
    alerts.dedup();
    alerts
}

#[test]
fn drift_asks_for_retraining_and_the_new_baseline_closes_the_alert() {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", DEARER.csv());
    desk.write("new.csv", RETRAINED.csv());
    desk.pipeline("base.csv", "live.csv", "");
    let mut server = Server::start(&desk);
    crate::desk::until("the drift is found", || {
        server.json("/api/v1/monitors/shop/status")["verdict"] == "fail"
    });
    assert_eq!(alerts(&desk), [("amount".to_owned(), "firing".to_owned())]);

    // The orchestrator polls, claims, trains, and says on what.
    let requests = server.json("/api/v1/retraining-requests?state=requested&wait=30s");
    let id = requests["items"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/retraining-requests/{id}");
    let claim = server.post(&format!("{path}/claim"), &json!({"claimed_by": "airflow"}));
    let claim = claim["claim"].clone();
    server.post(&format!("{path}/heartbeat"), &json!({"claim": claim}));
    let end = json!({
        "claim": claim, "state": "succeeded", "outcome": "F1 0.91",
        "new_baseline": {"source": "new.csv", "prepare": null},
    });
    assert_eq!(
        server.post(&format!("{path}/complete"), &end)["state"],
        "succeeded"
    );

    crate::desk::until("the new baseline is in force and fits", || {
        let status = server.json("/api/v1/monitors/shop/status");
        status["baseline_version"] == 1 && status["verdict"] == "pass"
    });
    assert_eq!(
        alerts(&desk),
        [("amount".to_owned(), "resolved".to_owned())]
    );
    let versions = server.json("/api/v1/baselines?monitor=shop");
    let version = &versions["items"][0];
    assert_eq!(
        (&version["state"], &version["in_force"], &version["author"]),
        (&"ready".into(), &true.into(), &"airflow".into())
    );
    assert_eq!(version["retraining_request_id"], id.as_str());
    let status = server.json("/api/v1/monitors/shop/status");
    assert_eq!(status["baseline_id"], version["baseline_id"]);

    // A person goes back, and the alert is there again.
    server.post("/api/v1/monitors/shop/baseline/rollback", &json!({}));
    crate::desk::until("the old baseline is in force", || {
        let status = server.json("/api/v1/monitors/shop/status");
        status["baseline_version"] == 0 && status["verdict"] == "fail"
    });
    assert_eq!(alerts(&desk), [("amount".to_owned(), "firing".to_owned())]);
    server.running.signal("TERM");
    assert_eq!(server.running.wait(), Some(143));
}

#[test]
fn versions_are_proposed_refused_compared_pinned_and_put_in_force() {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", DEARER.csv());
    desk.write("new.csv", RETRAINED.csv());
    desk.pipeline("base.csv", "live.csv", "");
    let of_shop = ["--monitor", "shop"];
    let propose = |source: &str| {
        let fixed = ["propose", source, "--author", "ada", "--monitor", "shop"];
        baseline(&desk, &fixed)
    };
    propose("new.csv").ends_with(3).says("no monitor `shop`");
    desk.run(&[]).ends_with(1);
    assert_eq!(propose("gone.csv").ends_with(0).out.trim(), "1");
    assert_eq!(propose("new.csv").ends_with(0).out.trim(), "2");
    assert_eq!(propose("base.csv").ends_with(0).out.trim(), "3");
    baseline(&desk, &["promote", "2", "--monitor", "shop"])
        .ends_with(2)
        .says("it is waiting");
    baseline(&desk, &[&["pin"], &of_shop[..]].concat()).ends_with(0);
    desk.run(&[]).ends_with(1);
    let list = baseline(&desk, &["list"]).ends_with(0).out.clone();
    assert!(
        list.contains("refused") && list.contains("gone.csv"),
        "{list}"
    );
    assert!(!list.contains("in force"), "{list}");

    let compare = baseline(&desk, &["compare", "2", "3", "--monitor", "shop"]);
    let compared = compare.ends_with(0).out.clone();
    assert!(compared.contains("2240 rows of new.csv"), "{compared}");
    assert!(compared.contains("drift: amount"), "{compared}");
    assert!(!compared.contains("drift: colour"), "{compared}");
    baseline(&desk, &["compare", "1", "3", "--monitor", "shop"])
        .ends_with(3)
        .says("is not built");
    let promoted = baseline(&desk, &["promote", "2", "--monitor", "shop"]);
    assert_eq!(promoted.ends_with(0).out.trim(), "version 2 is in force");
    desk.run(&[]);
    let newest = desk.json("out/verdict.json")["windows"][6]["verdict"].clone();
    assert_eq!(newest, "pass");
    // On another machine, that has neither the folder nor the data.
    std::fs::remove_dir_all(desk.path("shop.baselines")).unwrap();
    std::fs::remove_file(desk.path("new.csv")).unwrap();
    desk.run(&[]);
    let newest = desk.json("out/verdict.json")["windows"][6]["verdict"].clone();
    assert_eq!(newest, "pass");
    let back = baseline(&desk, &[&["rollback"], &of_shop[..]].concat());
    assert_eq!(back.ends_with(0).out.trim(), "version 0 is in force");
    desk.run(&[]).ends_with(1);
    baseline(&desk, &[&["unpin"], &of_shop[..]].concat()).ends_with(0);
}
