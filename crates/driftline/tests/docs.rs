//! The book stays true: its links lead somewhere, the command line is told as the program
//! tells it, and every key of a pipeline is explained.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes helpers of tests for code that is none"
)]

use driftline_pipeline::Pipeline;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Verbs in the order of the book.
const VERBS: [&str; 69] = [
    "init",
    "run",
    "backfill",
    "profile",
    "merge",
    "infer",
    "validate",
    "schema",
    "schema show",
    "schema diff",
    "schema update",
    "schema import",
    "schema export",
    "drift",
    "skew",
    "terms",
    "term",
    "term accept",
    "term ignore",
    "term class",
    "usage",
    "score",
    "model",
    "model verify",
    "model init",
    "model calibrate",
    "model adapt",
    "calibrate",
    "calibrate plan",
    "calibrate verify",
    "report",
    "explain",
    "serve",
    "gate",
    "baseline",
    "baseline list",
    "baseline propose",
    "baseline compare",
    "baseline promote",
    "baseline rollback",
    "baseline pin",
    "baseline unpin",
    "alert",
    "alert list",
    "alert silence",
    "alert silences",
    "alert unsilence",
    "key",
    "key create",
    "key list",
    "key rotate",
    "key revoke",
    "webhook",
    "webhook test",
    "webhook keys",
    "outbox",
    "outbox list",
    "outbox deliver",
    "outbox replay",
    "topic",
    "store",
    "store migrate",
    "store check",
    "store prune",
    "store backup",
    "store restore",
    "cluster",
    "cluster scheduler",
    "cluster executor",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The pages of the book, the README and the other pages at the root.
fn pages() -> Vec<PathBuf> {
    let root = root();
    let mut pages = vec![
        root.join("README.md"),
        root.join("CONTRIBUTING.md"),
        root.join("fixtures/README.md"),
    ];
    let mut folders = vec![root.join("docs/src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

/// Text outside of blocks of code.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// Targets of `[text](target)`.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let mut links = Vec::new();
    let mut rest = prose.as_str();
    while let Some((_, after)) = rest.split_once("](") {
        let (target, _) = after.split_once(')').unwrap_or((after, ""));
        links.push(target.to_owned());
        rest = after;
    }
    links
}

/// A heading as the anchor that mdBook and GitHub make of it.
fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

#[test]
fn every_link_leads_to_something() {
    let mut dead = Vec::new();
    for page in pages() {
        for link in links(&read(&page)) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, part) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            let known = target.exists()
                && (part.is_empty()
                    || prose(&read(&target))
                        .lines()
                        .any(|line| line.starts_with('#') && anchor(line) == part));
            if !known {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

#[test]
fn every_page_of_the_book_is_in_its_summary() {
    let book = root().join("docs/src");
    let summary = read(&book.join("SUMMARY.md"));
    let listed: BTreeSet<PathBuf> = links(&summary).iter().map(|link| book.join(link)).collect();
    let missing: Vec<PathBuf> = pages()
        .into_iter()
        .filter(|page| page.starts_with(&book) && !page.ends_with("SUMMARY.md"))
        .filter(|page| !listed.contains(page))
        .collect();
    assert!(missing.is_empty(), "not in SUMMARY.md: {missing:?}");
}

/// What `driftline VERB --help` prints.
fn help(verb: &str) -> String {
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_driftline"))
        .args(verb.split_whitespace())
        .arg("--help")
        // The width and the value of a default must not depend on who runs the test.
        .env_remove("COLUMNS")
        .env_remove("DRIFTLINE_STORE")
        .output()
        .unwrap();
    assert!(output.status.success(), "driftline {verb} --help");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}

/// Run with `UPDATE_DOCS=1` after a change of the command line, then read the diff.
#[test]
fn the_command_line_is_told_as_the_program_tells_it() {
    let mut page = String::from(
        "# Command line\n\n\
         What every verb says of itself, written by a test from `--help`. Verbs end with the same\n\
         [exit codes](exit-codes.md). Results go to standard output, everything else to standard\n\
         error; a file named by `-o` is written beside its place and renamed.\n\n",
    );
    page.push_str(&format!("```text\n{}\n```\n", help("")));
    for verb in VERBS {
        page.push_str(&format!(
            "\n## driftline {verb}\n\n```text\n{}\n```\n",
            help(verb)
        ));
    }
    let path = root().join("docs/src/reference/command-line.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert!(
        read(&path) == page,
        "{} is not what `--help` says: run this test with UPDATE_DOCS=1",
        path.display()
    );
}

#[test]
fn every_verb_has_its_section() {
    let listed: Vec<String> = help("")
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.trim().is_empty())
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .filter(|verb| verb != "help")
        .collect();
    assert!(!listed.is_empty());
    for verb in listed {
        assert!(VERBS.contains(&verb.as_str()), "`{verb}` has no section");
    }
}

/// Names of the keys in a JSON Schema, its definitions included.
fn keys(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Object(properties)) = object.get("properties") {
                found.extend(properties.keys().cloned());
            }
            object.values().for_each(|value| keys(value, found));
        }
        Value::Array(array) => array.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

#[test]
fn every_key_of_a_pipeline_is_explained() {
    let page = read(&root().join("docs/src/reference/pipeline.md"));
    let words: BTreeSet<&str> = page
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .collect();
    let mut known = BTreeSet::new();
    keys(&Pipeline::json_schema(), &mut known);
    assert!(known.contains("false_alarm_rate"));
    let missing: Vec<&String> = known
        .iter()
        .filter(|key| !words.contains(key.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "pipeline.md says nothing of {missing:?}"
    );
}

#[test]
fn every_folder_of_the_fixtures_says_where_it_comes_from() {
    for entry in fs::read_dir(root().join("fixtures")).unwrap() {
        let folder = entry.unwrap().path();
        if folder.is_dir() {
            let page = read(&folder.join("README.md"));
            for word in ["**Origin", "icence.**", "place"] {
                assert!(page.contains(word), "{}: no {word}", folder.display());
            }
        }
    }
}
