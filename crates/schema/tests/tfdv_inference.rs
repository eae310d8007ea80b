//! The schemas that TFDV inferred from real tables, compared with ours.
//!
//! The tables and TFDV's answers lie beside the repository and are not part of it: where
//! they are absent the test says so and passes.

use arrow_array::{ArrayRef, cast::AsArray};
use arrow_schema::DataType;
use driftline_schema::{Column, ColumnType, InferConfig, Role, Schema, SpelledNumber, infer};
use driftline_statistics::ColumnProfile;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::{collections::BTreeMap, fs::File, path::Path};

const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");

/// What TFDV says of a feature, as far as a profile of flat columns can say it too.
#[derive(Debug, Default, PartialEq)]
struct Feature {
    min_fraction: Option<String>,
    min_count: Option<String>,
    boolean: Option<(Option<String>, Option<String>)>,
    spells_integers: bool,
    domain: Option<Vec<String>>,
}

/// Reads the text form of a `Schema` message, whose lines are `key: value`, `key {` and `}`.
fn features(pbtxt: &str) -> BTreeMap<String, Feature> {
    let mut features: BTreeMap<String, Feature> = BTreeMap::new();
    let mut domains: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut references: Vec<(String, String)> = Vec::new();
    let (mut path, mut name): (Vec<&str>, String) = (Vec::new(), String::new());
    for line in pbtxt.lines().map(str::trim) {
        if let Some(opened) = line.strip_suffix(" {") {
            path.push(opened);
        } else if line == "}" {
            path.pop();
        }
        let (key, value) = line.split_once(": ").unwrap_or((line, ""));
        let value = || value.trim_matches('"').to_owned();
        let feature = features.entry(name.clone()).or_default();
        match (path.as_slice(), key) {
            (["feature"] | ["string_domain"], "name") => name = value(),
            (["feature"], "domain") => references.push((name.clone(), value())),
            (["string_domain"], "value") => domains.entry(name.clone()).or_default().push(value()),
            (["feature", "presence"], "min_fraction") => feature.min_fraction = Some(value()),
            (["feature", "presence"], "min_count") => feature.min_count = Some(value()),
            (["feature", "bool_domain"], "bool_domain {") => feature.boolean = Some((None, None)),
            (["feature", "bool_domain"], "true_value") => {
                feature.boolean.get_or_insert_default().0 = Some(value());
            }
            (["feature", "bool_domain"], "false_value") => {
                feature.boolean.get_or_insert_default().1 = Some(value());
            }
            (["feature", "int_domain"], "int_domain {") => feature.spells_integers = true,
            _ => {}
        }
    }
    for (feature, domain) in references {
        features.entry(feature).or_default().domain = domains.get(&domain).cloned();
    }
    features.remove("");
    features
}

fn ours(column: &Column) -> Feature {
    let presence = column.presence.expect("infer states the presence");
    Feature {
        min_fraction: presence.min_fraction.map(|share| format!("{share:?}")),
        // A proto leaves a count of 0 out or writes it; neither asks for anything.
        min_count: presence
            .min_count
            .filter(|&count| count > 0)
            .map(|count| count.to_string()),
        // TFDV has no boolean type: such a column is INT with an empty bool_domain.
        boolean: match &column.boolean {
            Some(boolean) => Some((boolean.true_value.clone(), boolean.false_value.clone())),
            None => (column.column_type == ColumnType::Boolean).then_some((None, None)),
        },
        spells_integers: column.holds == Some(SpelledNumber::Integer),
        domain: column.domain.clone(),
    }
}

/// The profile of each column over the rows that an `input` of the cases names:
/// `FILE`, `FILE rows A..B` or `FILE where month(date) = MM`.
fn profiles(folder: &Path, input: &str) -> Vec<(String, ColumnProfile)> {
    let (file, part) = input.split_once(' ').unwrap_or((input, ""));
    let (from, to) = match part
        .strip_prefix("rows ")
        .and_then(|rows| rows.split_once(".."))
    {
        Some((from, to)) => (
            from.parse().expect("a row number"),
            to.parse().map_or(usize::MAX, |to: usize| to + 1),
        ),
        None => (0, usize::MAX),
    };
    let month = part.strip_prefix("where month(date) = ");
    let file = File::open(folder.join(file)).expect("the table is there");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(ParquetRecordBatchReaderBuilder::build)
        .expect("the table is Parquet");
    let mut profiles: Vec<(String, ColumnProfile)> = Vec::new();
    let mut row = 0;
    for batch in reader.map(|batch| batch.expect("the table is whole")) {
        // TFDV was given dates as text.
        let columns = batch
            .columns()
            .iter()
            .map(|column| match column.data_type() {
                DataType::Date32 => {
                    arrow_cast::cast(column, &DataType::Utf8).expect("a date can be written")
                }
                _ => column.clone(),
            });
        let columns: Vec<ArrayRef> = columns.collect();
        let schema = batch.schema();
        if profiles.is_empty() {
            let of = |(name, column): (&String, &ArrayRef)| {
                (name.clone(), ColumnProfile::new(column.data_type(), false))
            };
            let names: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
            profiles = names.iter().zip(&columns).map(of).collect();
        }
        let rows: Vec<usize> = match month {
            None => (0..batch.num_rows())
                .filter(|i| (from..to).contains(&(row + i)))
                .collect(),
            Some(month) => {
                let dates =
                    columns[schema.index_of("date").expect("there is a date")].as_string::<i32>();
                let of_month = |i: &usize| dates.value(*i).get(5..7) == Some(month);
                (0..batch.num_rows()).filter(of_month).collect()
            }
        };
        for ((_, profile), column) in profiles.iter_mut().zip(&columns) {
            profile.update(column, rows.iter().copied());
        }
        row += batch.num_rows();
    }
    profiles
}

#[test]
fn schemas_of_real_tables_are_those_of_tfdv() {
    let cases = Path::new(SHARED).join("tfdv-cases/data-infer.jsonl");
    let Ok(cases) = std::fs::read_to_string(&cases) else {
        eprintln!("SKIPPED: {} is not there", cases.display());
        return;
    };
    let (mut compared, mut wrong) = (0, Vec::new());
    let mut read: BTreeMap<String, Vec<(String, ColumnProfile)>> = BTreeMap::new();
    for line in cases.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| case[key].as_str().unwrap();
        let folder = Path::new(SHARED).join("data").join(text("dataset"));
        let input = text("input");
        let profiles = read
            .entry(input.to_owned())
            .or_insert_with(|| profiles(&folder, input));
        let columns: Vec<(String, &ColumnProfile)> = profiles
            .iter()
            .map(|(name, profile)| (name.clone(), profile))
            .collect();
        let config = InferConfig {
            max_string_domain_size: case["max_string_domain_size"].as_u64().unwrap() as usize,
            // TFDV knows no roles.
            roles: columns
                .iter()
                .map(|(name, _)| (name.clone(), Role::Category))
                .collect(),
            ..InferConfig::default()
        };
        let schema = infer(&columns, &config);
        let theirs = features(text("expected_schema_pbtxt"));
        for (name, mut expected) in theirs {
            expected.min_count = expected.min_count.filter(|count| count != "0");
            let column = schema.column(&name).unwrap();
            compared += 1;
            if ours(column) != expected {
                wrong.push(format!(
                    "{} {name}:\n  {:?}\n  {expected:?}",
                    text("id"),
                    ours(column)
                ));
            }
        }
        assert_eq!(
            Schema::from_yaml("s.yaml", &schema.to_yaml()).unwrap(),
            schema
        );
    }
    eprintln!("{compared} features compared, {} differ", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
