//! The arrows between the crates point one way.

use crate::desk::root;
use cargo_metadata::{DependencyKind, MetadataCommand, Package};
use std::collections::{BTreeMap, BTreeSet};

/// What each crate may depend on by name; and so on whatever these may.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("statistics", &[]),
    ("scorer", &[]),
    ("schema", &["statistics"]),
    ("drift", &["statistics"]),
    ("vocabulary", &["statistics"]),
    ("verdict", &["schema", "drift", "vocabulary"]),
    ("engine", &["statistics", "scorer", "vocabulary"]),
    (
        "pipeline",
        &["engine", "schema", "drift", "vocabulary", "verdict"],
    ),
    ("store", &["statistics", "verdict"]),
    ("monitor", &["pipeline", "store"]),
    ("driftline", &["monitor"]),
    ("edge", &["statistics", "scorer"]),
    ("benches", &["driftline"]),
];

/// Heavy crates, and the only one of ours that may name each.
const ONLY: &[(&str, &str)] = &[
    ("datafusion", "engine"),
    ("ballista", "engine"),
    ("sqlx", "store"),
    ("tract-onnx", "scorer"),
    ("tract-core", "scorer"),
    ("reqwest", "monitor"),
    ("axum", "monitor"),
];

/// Crates of which a second version does not type-check with the first.
const SINGLE: &[&str] = &[
    "arrow",
    "arrow-array",
    "arrow-schema",
    "parquet",
    "datafusion",
    "sqlx",
];

fn packages() -> Vec<Package> {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap();
    metadata.packages
}

fn short(package: &str) -> &str {
    package.strip_prefix("driftline-").unwrap_or(package)
}

/// Crates named for building and running, not for tests.
fn named(package: &Package) -> impl Iterator<Item = &str> {
    let dependencies = package.dependencies.iter();
    dependencies
        .filter(|dependency| dependency.kind == DependencyKind::Normal)
        .map(|dependency| dependency.name.as_str())
}

fn may_reach(table: &BTreeMap<&str, &[&str]>, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut left = vec![from.to_owned()];
    while let Some(name) = left.pop() {
        for next in table.get(name.as_str()).copied().unwrap_or_default() {
            if reached.insert((*next).to_owned()) {
                left.push((*next).to_owned());
            }
        }
    }
    reached
}

#[test]
fn a_crate_names_only_those_below_it() {
    let table: BTreeMap<&str, &[&str]> = MAY_DEPEND_ON.iter().copied().collect();
    let packages = packages();
    let ours: BTreeSet<&str> = packages.iter().map(|p| p.name.as_str()).collect();
    let mut wrong = Vec::new();
    for package in &packages {
        let name = short(&package.name);
        if !table.contains_key(name) {
            wrong.push(format!("`{name}` has no row in this test"));
        }
        let allowed = may_reach(&table, name);
        for dependency in named(package).filter(|dependency| ours.contains(dependency)) {
            if !allowed.contains(short(dependency)) {
                wrong.push(format!("`{name}` may not depend on `{dependency}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_heavy_crate_is_named_by_one_of_ours() {
    let mut wrong = Vec::new();
    for package in packages().iter().filter(|p| short(&p.name) != "benches") {
        for dependency in named(package) {
            let owner = ONLY.iter().find(|(heavy, _)| *heavy == dependency);
            if let Some((heavy, owner)) = owner
                && *owner != short(&package.name)
            {
                wrong.push(format!(
                    "`{}` names {heavy}, only `{owner}` may",
                    package.name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_pure_crates_name_nothing_that_waits() {
    let pure = ["statistics", "schema", "drift", "vocabulary", "verdict"];
    let mut wrong = Vec::new();
    for package in packages().iter().filter(|p| pure.contains(&short(&p.name))) {
        for dependency in named(package) {
            if [
                "tokio",
                "futures",
                "async-trait",
                "reqwest",
                "datafusion",
                "object_store",
                "uuid",
            ]
            .contains(&dependency)
            {
                wrong.push(format!("`{}` names {dependency}", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_lock_file_has_one_arrow_and_one_of_each_crate_that_must_be_single() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for name in SINGLE {
        let wanted = format!("name = \"{name}\"");
        let versions = lock.lines().filter(|line| **line == wanted).count();
        assert_eq!(versions, 1, "{versions} versions of {name}");
    }
}
