//! Edges that count rows where they are: one late, one that repeats itself, one that sends garbage.

use crate::desk::{DEARER, Desk, Shop, TRAINING, until};
use crate::serve::Server;
use chrono::{Days, NaiveDate, Utc};
use serde_json::Value;
use std::{collections::BTreeMap, ffi::OsString, process::ExitCode};

const PROFILES: &str = "/api/v1/profiles?monitor=shop";
const BYTES: (&str, &str) = ("Content-Type", "application/octet-stream");
/// The days of the live rows before today.
const LIVE: u64 = 8;
/// A day of which nothing is taken any more.
const LONG_AGO: u64 = 40;

/// The rows of a shop, the first of which are of so many days ago.
fn rows(shop: &Shop, days_ago: u64) -> Vec<String> {
    let first: NaiveDate = shop.from.parse().unwrap();
    let from = Utc::now().date_naive() - Days::new(days_ago);
    let text = shop.csv();
    let shifted = text.lines().skip(1).map(|line| {
        let (day, rest) = line.split_once(',').unwrap();
        let day: NaiveDate = day.parse().unwrap();
        format!("{},{rest}", from + (day - first))
    });
    shifted.collect()
}

fn csv(rows: impl IntoIterator<Item = String>) -> String {
    let rows = rows.into_iter().collect::<Vec<_>>().join("\n");
    format!("day,amount,colour\n{rows}\n")
}

/// Profiles and sends a file's rows as an edge does.
fn send(desk: &Desk, server: &Server, edge: &str, file: &str) {
    let path = |name: &str| desk.path(name).into_os_string();
    let mut arguments: Vec<OsString> = vec!["driftline-edge".into(), path(file)];
    for given in [
        ["--time", "day"],
        ["--window", "1d"],
        ["--server", &server.url()],
        ["--monitor", "shop"],
        ["--edge", edge],
    ] {
        arguments.extend(given.map(OsString::from));
    }
    for (argument, name) in [("--spool", "spool"), ("-o", "sent.parquet")] {
        arguments.extend([argument.into(), path(name)]);
    }
    let ended = driftline_edge::main_with(arguments);
    assert_eq!(format!("{ended:?}"), format!("{:?}", ExitCode::SUCCESS));
}

fn pipeline(live: &str) -> String {
    format!(
        "name: shop\nbaseline: {{source: base.csv}}\nlive: {{profiles: {live}}}\n\
         time: {{column: day, window: 1d, block: 1d}}\n"
    )
}

/// What a window says, apart from what it says of other windows.
fn told(window: &Value) -> Value {
    let mut window = window.clone();
    let findings = window["findings"].as_array_mut().unwrap();
    findings.retain(|finding| finding["measure"] != "slow_drift");
    window
}

/// Every window by its start, as the newest run says that judged it.
fn judged(server: &Server) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let windows = server.json("/api/v1/windows?monitor=shop&page_size=1000");
    for window in windows["items"].as_array().unwrap() {
        let Some(start) = window["start"].as_str() else {
            continue;
        };
        if found.contains_key(start) {
            continue;
        }
        let run = server.json(&format!(
            "/api/v1/runs/{}",
            window["run_id"].as_str().unwrap()
        ));
        let all = run["windows"].as_array().unwrap();
        let own = all.iter().find(|one| one["start"] == start).unwrap();
        found.insert(start.to_owned(), told(own));
    }
    found
}

/// Waits until runs have judged all profiles, of which there are so many.
fn all_are_judged(server: &Server, profiles: usize) {
    until("all profiles are judged", || {
        let listed = server.json(PROFILES);
        let listed = listed["items"].as_array().unwrap();
        assert_eq!(listed.len(), profiles);
        listed.iter().all(|profile| profile["is_judged"] == true)
    });
}

#[test]
fn windows_of_edges_are_those_of_one_profile_over_all_their_rows() {
    let desk = Desk::new();
    desk.write("base.csv", csv(rows(&TRAINING, 120)));
    let live = rows(&DEARER, LIVE);
    for (part, edge) in ["left", "right", "late"].into_iter().enumerate() {
        let own = live.iter().skip(part).step_by(3).cloned();
        desk.write(&format!("{edge}.csv"), csv(own));
    }
    desk.write("p.yaml", pipeline("{posted: {allowed_lateness: 30d}}"));
    let server = Server::start(&desk);
    send(&desk, &server, "left", "left.csv");
    std::fs::copy(desk.path("sent.parquet"), desk.path("left.parquet")).unwrap();
    send(&desk, &server, "right", "right.csv");
    all_are_judged(&server, 2);
    let before = judged(&server);
    assert_eq!(before.len(), 7);
    assert!(
        before
            .values()
            .all(|window| window["rows"] == 27 || window["rows"] == 26)
    );

    // One repeats itself, and is given the first answer again.
    let listed = server.json(&format!("{PROFILES}&edge=left"));
    let first = listed["items"][0].clone();
    let as_left = format!("{PROFILES}&edge=left&id={}", first["id"].as_str().unwrap());
    let again = std::fs::read(desk.path("left.parquet")).unwrap();
    let answer = server.send("POST", &as_left, &[BYTES], &again);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json(), first);
    // What it means by its id does not change.
    let other = std::fs::read(desk.path("sent.parquet")).unwrap();
    refuses(&server, &as_left, BYTES, &other, 409, "id_taken");

    garbage(&desk, &server, &again);

    // Within the lateness, windows that were judged are judged again.
    send(&desk, &server, "late", "late.csv");
    // After it, rows are counted apart.
    let old = rows(&DEARER, LONG_AGO).into_iter().take(40);
    desk.write("old.csv", csv(old));
    send(&desk, &server, "right", "old.csv");
    all_are_judged(&server, 4);
    let old = server.json(&format!("{PROFILES}&edge=right&page_size=1"));
    assert_eq!(
        (&old["items"][0]["rows"], &old["items"][0]["late_rows"]),
        (&40.into(), &40.into())
    );

    desk.write("all.csv", csv(live));
    let asked = [
        "profile",
        "all.csv",
        "--time",
        "day",
        "--window",
        "1d",
        "-o",
        "all.parquet",
    ];
    desk.driftline(&asked).ends_with(0);
    desk.write("one.yaml", pipeline("{files: all.parquet}"));
    desk.driftline(&[
        "run",
        "one.yaml",
        "--out",
        "out",
        "--store",
        "sqlite://one.db",
    ])
    .ends_with(1);
    let one = desk.json("out/verdict.json");
    let one = one["windows"].as_array().unwrap().iter();
    let one: BTreeMap<String, Value> = one
        .map(|window| (window["start"].as_str().unwrap().to_owned(), told(window)))
        .collect();
    assert_eq!(one.len(), 7);
    until("the newest windows have all rows", || {
        judged(&server).values().all(|window| window["rows"] == 40)
    });
    assert_eq!(judged(&server), one);
}

#[track_caller]
fn refuses(server: &Server, path: &str, kind: (&str, &str), body: &[u8], status: u16, code: &str) {
    let answer = server.send("POST", path, &[kind], body);
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.json()["code"], code, "{answer:?}");
}

/// What is no profile for this monitor is refused, and leaves no trace.
fn garbage(desk: &Desk, server: &Server, profile: &[u8]) {
    let path = format!("{PROFILES}&edge=broken");
    let half = &profile[..profile.len() / 2];
    for garbage in [&b""[..], b"PAR1 garbage PAR1", half] {
        refuses(server, &path, BYTES, garbage, 400, "bad_profile");
    }
    let asked = ["profile", "left.csv", "--time", "day", "--window", "7d"];
    desk.driftline(&[&asked[..], &["-o", "week.parquet"]].concat())
        .ends_with(0);
    let week = std::fs::read(desk.path("week.parquet")).unwrap();
    refuses(server, &path, BYTES, &week, 422, "profile_unfit");
    let json = ("Content-Type", "application/json");
    refuses(server, &path, json, b"{}", 415, "not_bytes");
    let elsewhere = "/api/v1/profiles?monitor=nobody&edge=broken";
    refuses(server, elsewhere, BYTES, profile, 404, "not_found");
    let unnamed = format!("{PROFILES}&edge=a/b");
    refuses(server, &unnamed, BYTES, profile, 400, "bad_parameter");
}
