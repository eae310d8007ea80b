//! Rules about rows, held to a count by hand.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use driftline_engine::{
    Engine, EngineConfig, EngineError, RowRule, Rows, RuleCount, RuleTest, Source, Windows,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tempfile::TempDir;

fn engine() -> Engine {
    Engine::new(EngineConfig::default()).unwrap()
}

async fn rows_of(engine: &Engine, text: &str) -> (TempDir, Rows) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("rows.csv");
    std::fs::write(&path, text).unwrap();
    let source = Source::new(path.display().to_string());
    let rows = engine.open(&source).await.unwrap();
    (directory, rows)
}

fn rule(test: RuleTest) -> RowRule {
    RowRule { test, filter: None }
}

fn predicate(sql: &str) -> RowRule {
    rule(RuleTest::Predicate(sql.into()))
}

fn key(columns: &[&str], nulls_equal: bool) -> RowRule {
    rule(RuleTest::Key {
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        nulls_equal,
    })
}

fn monotone(by: &[&str], increasing: bool, strict: bool) -> RowRule {
    rule(RuleTest::Monotone {
        column: "n".into(),
        increasing,
        strict,
        by: by.iter().map(|c| (*c).to_owned()).collect(),
        per: Vec::new(),
    })
}

fn count(rows: u64, judged: u64, broken: u64) -> RuleCount {
    RuleCount {
        rows,
        judged,
        broken,
    }
}

const TRIPS: &str = "day,vendor,trip,n\n2024-01-01,A,1,5\n2024-01-01,A,1,6\n2024-01-02,B,,4\n2024-01-02,B,,7\n2024-01-08,A,1,\n2024-01-09,C,2,-1\n";

async fn whole(rows: &Rows, rules: &[RowRule]) -> Vec<RuleCount> {
    let counts = rows.count_broken(rules, None).await;
    counts.into_iter().map(|c| c.unwrap()[&None]).collect()
}

#[tokio::test]
async fn rows_that_lack_a_value_say_nothing() {
    let (_directory, rows) = rows_of(&engine(), TRIPS).await;
    let rules = [
        predicate("n > 0"),
        RowRule {
            filter: Some("vendor = 'A'".into()),
            ..predicate("n > 5")
        },
        key(&["vendor", "trip"], false),
        key(&["vendor", "trip"], true),
        RowRule {
            filter: Some("vendor <> 'B'".into()),
            ..monotone(&["day"], false, false)
        },
        RowRule {
            filter: Some("day < '2024-01-08'".into()),
            ..key(&["vendor", "trip"], false)
        },
    ];
    assert_eq!(
        whole(&rows, &rules).await,
        [
            count(6, 5, 1),
            count(3, 2, 1),
            count(6, 4, 3),
            count(6, 6, 5),
            count(4, 3, 0),
            count(4, 2, 2),
        ]
    );
}

#[tokio::test]
async fn windows_are_judged_by_themselves() {
    let (_directory, rows) = rows_of(&engine(), TRIPS).await;
    let windows = Windows::new("day", "1w".parse().unwrap());
    let rules = [
        key(&["vendor", "trip"], false),
        monotone(&["day"], true, false),
    ];
    let counts = rows.count_broken(&rules, Some(&windows)).await;
    let of = |index: usize| -> Vec<RuleCount> {
        counts[index].as_ref().unwrap().values().copied().collect()
    };
    // The key of 2024-01-08 was there a week before, which is another window.
    assert_eq!(of(0), [count(4, 2, 2), count(2, 2, 0)]);
    // 4 follows 6; on one day rows may stand in any order.
    assert_eq!(of(1), [count(4, 4, 1), count(2, 1, 0)]);
}

#[tokio::test]
async fn a_series_may_follow_the_order_of_the_file() {
    let (_directory, rows) = rows_of(&engine(), "n,x\n1,a\n2,a\n2,a\n,a\n1,a\n3,a\n").await;
    let rules = [
        monotone(&[], true, false),
        monotone(&[], true, true),
        monotone(&[], false, false),
    ];
    assert_eq!(
        whole(&rows, &rules).await,
        [count(6, 5, 1), count(6, 5, 2), count(6, 5, 2)]
    );
}

#[tokio::test]
async fn what_another_source_lacks_is_counted_and_shown() {
    let engine = engine();
    let (_directory, rows) =
        rows_of(&engine, "code,to\nUA,1\nXX,2\nXX,3\n,4\nAA,13800138000\n").await;
    let (_other, carriers) =
        rows_of(&engine, "carrier,name\nUA,United\nUA,twice\nAA,American\n").await;
    let reference = rule(RuleTest::Reference {
        columns: vec!["code".into()],
        rows: Box::new(carriers),
        key: vec!["carrier".into()],
    });
    let counts = whole(&rows, std::slice::from_ref(&reference)).await;
    assert_eq!(counts, [count(5, 4, 2)]);
    let shown = rows.broken_values(&reference, None, 3).await.unwrap();
    assert_eq!(shown[&None].len(), 1);
    assert_eq!(
        (shown[&None][0].value.as_str(), shown[&None][0].rows),
        ("XX", 2)
    );
    // What could be a telephone number is not shown.
    let shown = rows.broken_values(&predicate("\"to\" <> 4"), None, 3).await;
    assert_eq!(shown.unwrap()[&None][0].value, "4");
    let shown = rows.broken_values(&predicate("\"to\" < 5"), None, 3).await;
    assert_eq!(shown.unwrap()[&None][0].value, "[number]");
}

#[tokio::test]
async fn a_rule_that_is_wrong_leaves_the_others_alone() {
    let (_directory, rows) = rows_of(&engine(), TRIPS).await;
    let rules = [
        predicate("n > 0"),
        predicate("n >"),
        predicate("m > 0"),
        predicate("n + 1"),
        predicate("sum(n) > 1"),
        predicate("CAST(vendor AS BIGINT) > 0"),
        key(&["nobody"], false),
        predicate("vendor <> 'C'"),
    ];
    let counts = rows.count_broken(&rules, None).await;
    assert_eq!(counts[0].as_ref().unwrap()[&None], count(6, 5, 1));
    assert_eq!(counts[7].as_ref().unwrap()[&None], count(6, 6, 1));
    assert!(
        matches!(&counts[1], Err(EngineError::Sql { .. })),
        "{:?}",
        counts[1]
    );
    assert!(matches!(&counts[2], Err(EngineError::UnknownColumn { .. })));
    assert!(
        matches!(&counts[3], Err(EngineError::Sql { message, .. }) if message.contains("Int64"))
    );
    assert!(
        matches!(&counts[4], Err(EngineError::Sql { message, .. }) if message.contains("many rows"))
    );
    assert!(matches!(&counts[5], Err(EngineError::Query { .. })));
    assert!(matches!(&counts[6], Err(EngineError::UnknownColumn { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn keys_and_series_are_counted_as_by_hand(
        rows in prop::collection::vec((0..4_u8, prop::option::of(0..3_u8), prop::option::of(0..9_i64)), 1..40),
    ) {
        let mut csv = "a,b,n\n".to_owned();
        let text = |value: Option<i64>| value.map_or_else(String::new, |v| v.to_string());
        for (a, b, n) in &rows {
            csv.push_str(&format!("{a},{},{}\n", text(b.map(i64::from)), text(*n)));
        }
        // Columns of nothing but nulls have no type to compare by.
        prop_assume!(rows.iter().any(|r| r.1.is_some()) && rows.iter().any(|r| r.2.is_some()));
        let mut groups: BTreeMap<(u8, Option<u8>), u64> = BTreeMap::new();
        for (a, b, _) in &rows {
            *groups.entry((*a, *b)).or_default() += 1;
        }
        let total = rows.len() as u64;
        let with = |keep: &dyn Fn(Option<u8>) -> bool, least: u64| -> u64 {
            groups.iter().filter(|((_, b), n)| keep(*b) && **n >= least).map(|(_, n)| n).sum()
        };
        let mut series: Vec<(u8, i64)> = rows.iter().filter_map(|(a, _, n)| Some((*a, (*n)?))).collect();
        series.sort_unstable();
        let turns = series.windows(2).filter(|pair| pair[1].1 < pair[0].1).count() as u64;
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let counts = runtime.block_on(async {
            let (_directory, rows) = rows_of(&engine(), &csv).await;
            whole(&rows, &[key(&["a", "b"], false), key(&["a", "b"], true), monotone(&["a"], true, false)]).await
        });
        prop_assert_eq!(counts[0], count(total, with(&|b| b.is_some(), 0), with(&|b| b.is_some(), 2)));
        prop_assert_eq!(counts[1], count(total, total, with(&|_| true, 2)));
        prop_assert_eq!(counts[2], count(total, series.len() as u64, turns));
    }
}
