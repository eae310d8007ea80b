//! A profile checked against a schema, in TFDV's order.
//!
//! For each column: is it there, has it values, how many a row, how often, of which
//! type, which values, how many different ones. A column without values is told as
//! that and not checked further, and values of another type are not compared with
//! what the schema says of the expected ones.
//!
//! Where a profile is a sketch, a check errs on the side of silence and its
//! description says so: what the sketch holds was really seen, what it dropped is rare.

mod numbers;
mod strings;

use crate::{Anomaly, AnomalyType, Bounds, Column, ColumnType, Schema, check::is_list, tfmd};
use driftline_statistics::{ColumnProfile, Summary, ValueType};
use std::collections::{HashMap, HashSet};

/// Checks the profiles of a table's columns, made of `rows` rows, against a schema.
///
/// Anomalies about the rows as a whole come first, then those of the schema's columns
/// in its order, then new columns in the order of the data. A
/// table without rows gives [`AnomalyType::DataMissing`] and nothing else. Of columns
/// with the same name the first counts.
pub fn validate(schema: &Schema, columns: &[(String, &ColumnProfile)], rows: u64) -> Vec<Anomaly> {
    let mut check = Check {
        schema,
        column: None,
        anomalies: Vec::new(),
    };
    if rows == 0 {
        check.raise(
            AnomalyType::DataMissing,
            "no rows",
            "there are no rows to check".into(),
        );
        return check.anomalies;
    }
    check.row_count(rows);
    let mut profiles: HashMap<&str, &ColumnProfile> = HashMap::with_capacity(columns.len());
    for (name, profile) in columns {
        profiles.entry(name).or_insert(profile);
    }
    for column in &schema.columns {
        // As in TFDV, what is planned or out of use is not checked.
        if tfmd::feature_is_deprecated(&column.other) {
            continue;
        }
        check.column = Some(&column.name);
        check.column(column, profiles.get(column.name.as_str()).copied(), rows);
    }
    let mut known: HashSet<&str> = schema.columns.iter().map(|c| c.name.as_str()).collect();
    for (name, profile) in columns {
        if known.insert(name) {
            check.column = Some(name);
            let kind = profile.value_type.name();
            check.raise(
                AnomalyType::SchemaNewColumn,
                "new column",
                format!("the data has this column, of type {kind}, and the schema does not"),
            );
        }
    }
    check.anomalies
}

struct Check<'a> {
    schema: &'a Schema,
    column: Option<&'a str>,
    anomalies: Vec<Anomaly>,
}

impl Check<'_> {
    fn raise(&mut self, kind: AnomalyType, short: &str, description: String) -> &mut Anomaly {
        self.anomalies.push(Anomaly::new(
            kind,
            self.column.map(str::to_owned),
            self.schema.severity(kind),
            short,
            description,
        ));
        self.anomalies.last_mut().expect("one was pushed just now")
    }

    fn raise_numbers(
        &mut self,
        kind: AnomalyType,
        short: &str,
        description: String,
        (expected, actual): (f64, f64),
    ) {
        let anomaly = self.raise(kind, short, description);
        anomaly.expected = Some(expected);
        // JSON has no infinity; the description names it.
        anomaly.actual = Some(actual).filter(|value| value.is_finite());
    }

    fn unavailable(&mut self, key: &str, why: &str) {
        self.raise(
            AnomalyType::StatsNotAvailable,
            "not evaluated",
            format!("`{key}` could not be checked: {why}"),
        );
    }

    fn row_count(&mut self, rows: u64) {
        let Some(Bounds { min, max }) = self.schema.rows else {
            return;
        };
        if let Some(min) = min.filter(|&min| rows < min) {
            self.raise_numbers(
                AnomalyType::DatasetLowNumExamples,
                "too few rows",
                format!("there are {rows} rows, fewer than the least of {min}"),
                (min as f64, rows as f64),
            );
        }
        if let Some(max) = max.filter(|&max| rows > max) {
            self.raise_numbers(
                AnomalyType::DatasetHighNumExamples,
                "too many rows",
                format!("there are {rows} rows, more than the most of {max}"),
                (max as f64, rows as f64),
            );
        }
    }

    fn column(&mut self, column: &Column, profile: Option<&ColumnProfile>, rows: u64) {
        let Some(profile) = profile else {
            if column.is_required() {
                self.raise(
                    AnomalyType::SchemaMissingColumn,
                    "column missing",
                    "the schema requires this column and the data does not have it".into(),
                );
            }
            return;
        };
        let present = profile.present();
        if present == 0 {
            if column.is_required() {
                self.raise_numbers(
                    AnomalyType::FeatureTypeNotPresent,
                    "column without values",
                    format!("the column is there, but all of its {rows} rows are null"),
                    (1.0, 0.0),
                );
            }
            return;
        }
        if profile.value_type == ValueType::Nested
            && is_list(column)
            && !matches!(column.column_type, ColumnType::Nested | ColumnType::Any)
        {
            self.presence(column, present, rows);
            self.unavailable(
                "type",
                "a profile of the whole column does not tell what is inside of it",
            );
            return;
        }
        self.valency(column, profile);
        self.presence(column, present, rows);
        if !self.data_type(column, profile.value_type) {
            return;
        }
        match &profile.summary {
            Summary::Numeric(numeric) => self.numbers(column, profile.value_type, numeric),
            Summary::Categorical(values) => self.strings(column, values),
            Summary::Text(text) => {
                for (key, set) in [
                    ("domain", column.domain.is_some()),
                    ("boolean", column.boolean.is_some()),
                    ("holds", column.holds.is_some()),
                ] {
                    if set {
                        self.unavailable(
                            key,
                            "the column was profiled as text, which keeps no single values",
                        );
                    }
                }
                let characters = text.characters();
                if let Some((min, max)) = characters.min().zip(characters.max()) {
                    self.length(column, Bounds::new(min as u64, max as u64));
                }
            }
            Summary::Counts => {
                for (key, set) in [
                    ("domain", column.domain.is_some()),
                    ("boolean", column.boolean.is_some()),
                    ("holds", column.holds.is_some()),
                    ("range", column.range.is_some()),
                    ("length", column.length.is_some()),
                ] {
                    if set {
                        self.unavailable(key, "values of this type are counted, not summarised");
                    }
                }
            }
        }
        self.unique(column, profile);
    }

    fn valency(&mut self, column: &Column, profile: &ColumnProfile) {
        let Some(Bounds { min, max }) = column.valency else {
            return;
        };
        if profile.value_type == ValueType::Nested {
            // A flat column that became a list is told by its type.
            if matches!(column.column_type, ColumnType::Nested | ColumnType::Any) {
                self.unavailable("valency", "the profile does not hold the lengths of lists");
            }
            return;
        }
        if let Some(min) = min.filter(|&min| min > 1) {
            self.raise_numbers(
                AnomalyType::FeatureTypeLowNumberValues,
                "too few values in a row",
                format!("a row has 1 value, fewer than the least of {min}"),
                (min as f64, 1.0),
            );
        }
        if let Some(max) = max.filter(|&max| max < 1) {
            self.raise_numbers(
                AnomalyType::FeatureTypeHighNumberValues,
                "too many values in a row",
                format!("a row has 1 value, more than the most of {max}"),
                (max as f64, 1.0),
            );
        }
    }

    fn presence(&mut self, column: &Column, present: u64, rows: u64) {
        let Some(presence) = column.presence else {
            return;
        };
        if let Some(min) = presence.min_count.filter(|&min| present < min) {
            self.raise_numbers(
                AnomalyType::FeatureTypeLowNumberPresent,
                "too few rows with a value",
                format!("{present} rows have a value, fewer than the least of {min}"),
                (min as f64, present as f64),
            );
        }
        let Some(min) = presence.min_fraction else {
            return;
        };
        let fraction = present as f64 / rows as f64;
        let missing = rows.saturating_sub(present);
        // A share of 1 is not left to rounding: one missing value in 10¹⁵ counts.
        if fraction < min || (min >= 1.0 && missing > 0) {
            let description = if min >= 1.0 {
                format!("every row should have a value, and {missing} of {rows} have none")
            } else {
                format!(
                    "{present} of {rows} rows have a value: a share of {}, below the least of {}",
                    short_number(fraction),
                    short_number(min),
                )
            };
            self.raise_numbers(
                AnomalyType::FeatureTypeLowFractionPresent,
                "values missing",
                description,
                (min, fraction),
            );
        }
    }

    /// Whether the data are of the expected type. As in TFDV, strings and bytes are one.
    fn data_type(&mut self, column: &Column, found: ValueType) -> bool {
        let bytes = |kind| matches!(kind, ColumnType::String | ColumnType::Bytes);
        let (expected, actual) = (column.column_type, ColumnType::from(found));
        let fits = expected == actual
            || expected == ColumnType::Any
            || actual == ColumnType::Any
            || (bytes(expected) && bytes(actual));
        if !fits {
            self.raise(
                AnomalyType::UnexpectedDataType,
                "unexpected type",
                format!(
                    "the schema expects {} and the data is {}",
                    expected.name(),
                    actual.name()
                ),
            );
        }
        fits
    }

    fn unique(&mut self, column: &Column, profile: &ColumnProfile) {
        let Some(Bounds { min, max }) = column.unique else {
            return;
        };
        let Some(distinct) = profile.distinct() else {
            self.raise(
                AnomalyType::FeatureTypeNoUnique,
                "distinct values not counted",
                "`unique` is set, and distinct values of this type are not counted".into(),
            );
            return;
        };
        // Of an estimate, the end of its interval that speaks for the data.
        let (least, most) = (
            distinct.value * (1.0 - distinct.error),
            distinct.value * (1.0 + distinct.error),
        );
        let about = if distinct.exact {
            format!("{:.0}", distinct.value)
        } else {
            format!(
                "about {:.0} (± {:.1} %)",
                distinct.value,
                100.0 * distinct.error
            )
        };
        if let Some(min) = min.filter(|&min| most < min as f64) {
            self.raise_numbers(
                AnomalyType::FeatureTypeLowUnique,
                "too few distinct values",
                format!("there are {about} distinct values, fewer than the least of {min}"),
                (min as f64, distinct.value),
            );
        }
        if let Some(max) = max.filter(|&max| least > max as f64) {
            self.raise_numbers(
                AnomalyType::FeatureTypeHighUnique,
                "too many distinct values",
                format!("there are {about} distinct values, more than the most of {max}"),
                (max as f64, distinct.value),
            );
        }
    }
}

/// Up to six digits, without trailing zeros.
fn short_number(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
