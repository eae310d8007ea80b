//! Where a wave of negative texts comes from.

use crate::desk::Desk;

const PIPELINE: &str = "name: wave\nbaseline: {source: train.csv}\nlive: {source: live.csv}\n\
    time: {column: at, window: 1d}\nroles: {text: text, user: author, label: category}\n\
    terms: {column: text}\nrules:\n  - name: negative share\n    \
    sql: avg(CASE WHEN label = 'negative' THEN 1.0 ELSE 0.0 END)\n    max: 0.4\n    unit: share\n    \
    about: label = 'negative'\n";

/// So many comments a day, of which so many are negative: each of words of its own, or all much the
/// same, by three accounts, within minutes.
fn comments(first: u32, days: u32, negative: u32, by_three: bool) -> String {
    let mut text = String::from("at,user,label,text\n");
    for day in first..first + days {
        for row in 0..100 {
            let number = day * 100 + row;
            let (user, minute) = match by_three && row < negative {
                true => (row % 3, row % 7),
                false => (number, row * 13 % 1_440),
            };
            let (label, said) = match (row < negative, by_three) {
                (true, true) => (
                    "negative",
                    format!("give us our money back now you thieves {row}"),
                ),
                (true, false) => (
                    "negative",
                    format!("w{number} is x{number} and y{number} so bad"),
                ),
                (false, _) => (
                    "positive",
                    format!("a{number} is b{number} and c{number} so fine"),
                ),
            };
            text.push_str(&format!(
                "2024-03-{day:02}T{:02}:{:02}:00Z,u{user},{label},{said}\n",
                minute / 60,
                minute % 60
            ));
        }
    }
    text
}

#[test]
fn a_wave_of_three_accounts_looks_unlike_one_of_many() {
    let desk = Desk::new();
    desk.write("train.csv", comments(1, 20, 20, false));
    desk.write("pipeline.yaml", PIPELINE);
    let origin = |by_three: bool| {
        desk.write("live.csv", comments(21, 2, 60, by_three));
        desk.driftline(&["run", "pipeline.yaml"]).ends_with(1);
        let run = desk.json("driftline-out/wave/verdict.json");
        let findings = run["windows"][1]["findings"].as_array().unwrap().clone();
        let broken = findings
            .into_iter()
            .find(|f| f["measure"] == "negative share");
        broken.unwrap()
    };
    let found = origin(true);
    assert_eq!(found["origin"]["coordinated"], true, "{found}");
    assert_eq!(found["origin"]["texts"], 60);
    assert!(found["origin"]["top_authors"].as_f64().unwrap() > 0.99);
    assert!(
        found["examples"][0]
            .as_str()
            .unwrap()
            .contains("money back")
    );
    let message = found["message"].as_str().unwrap();
    assert!(
        message.contains("where label = 'negative': looks coordinated"),
        "{message}"
    );
    let found = origin(false);
    assert_eq!(found["origin"]["coordinated"], false, "{found}");
}

#[test]
fn a_condition_that_is_none_is_told_before_the_rule_breaks() {
    let desk = Desk::new();
    desk.write("train.csv", comments(1, 20, 20, false));
    desk.write("live.csv", comments(21, 1, 20, false));
    desk.write(
        "pipeline.yaml",
        PIPELINE.replace("about: label", "about: labell"),
    );
    desk.driftline(&["run", "pipeline.yaml"])
        .ends_with(2)
        .says("`about` of the rule `negative share`")
        .says("labell");
    desk.write(
        "pipeline.yaml",
        PIPELINE.replace("terms: {column: text}\n", ""),
    );
    desk.driftline(&["run", "pipeline.yaml"])
        .ends_with(2)
        .says("`about` needs `terms`");
}
