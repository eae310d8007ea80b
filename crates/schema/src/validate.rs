//! A profile checked against a schema, in TFDV's order.
//!
//! For each column: is it there, has it values, how many a row, how often, of which
//! type, which values, how many different ones. A column without values is told as
//! that and not checked further, and values of another type are not compared with
//! what the schema says of the expected ones.
//!
//! Where a profile is a sketch, a check errs on the side of silence and its
//! description says so: what the sketch holds was really seen, what it dropped is rare.

use crate::{
    Anomaly, AnomalyType, BooleanDomain, Bounds, Column, ColumnType, Number, Schema, SpelledNumber,
    UnexpectedValue,
    check::is_list,
    infer::{MAX_WHOLE_BYTES, lengths, spells_integer},
    tfmd,
};
use driftline_statistics::{
    CategoricalProfile, ColumnProfile, NumericProfile, Summary, ValueCount, ValueType,
};
use std::collections::{BTreeSet, HashMap, HashSet};

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

    fn numbers(&mut self, column: &Column, found: ValueType, numeric: &NumericProfile) {
        let integer = found == ValueType::Integer;
        if column.boolean.is_some() {
            self.boolean_numbers(integer, numeric);
        }
        if !matches!(found, ValueType::Integer | ValueType::Float) {
            return;
        }
        if let Some(range) = column.range {
            // Infinities are counted apart and lie outside every range.
            let least = if numeric.negative_infinity > 0 {
                Some(f64::NEG_INFINITY)
            } else {
                numeric.min()
            };
            let greatest = if numeric.positive_infinity > 0 {
                Some(f64::INFINITY)
            } else {
                numeric.max()
            };
            let low = range
                .min
                .zip(least)
                .filter(|(min, value)| *value < min.as_f64());
            let high = range
                .max
                .zip(greatest)
                .filter(|(max, value)| *value > max.as_f64());
            self.outside_range(integer, low, high);
        }
        if column.disallow_nan && numeric.nan > 0 {
            self.not_a_number(numeric.nan);
        }
        let infinite = numeric.positive_infinity + numeric.negative_infinity;
        if column.disallow_inf && infinite > 0 {
            self.infinite(infinite);
        }
    }

    fn not_a_number(&mut self, count: u64) {
        self.raise_numbers(
            AnomalyType::FloatTypeHasNan,
            "NaN",
            format!("NaN is not allowed, and {} it", have(count)),
            (0.0, count as f64),
        );
    }

    fn infinite(&mut self, count: u64) {
        self.raise_numbers(
            AnomalyType::FloatTypeHasInf,
            "infinity",
            format!("infinities are not allowed, and {} one", have(count)),
            (0.0, count as f64),
        );
    }

    fn outside_range(
        &mut self,
        integer: bool,
        low: Option<(Number, f64)>,
        high: Option<(Number, f64)>,
    ) {
        if let Some((min, least)) = low {
            let kind = if integer {
                AnomalyType::IntTypeSmallInt
            } else {
                AnomalyType::FloatTypeSmallFloat
            };
            self.raise_numbers(
                kind,
                "value too small",
                format!("the least value is {least}, below the minimum of {min}"),
                (min.as_f64(), least),
            );
        }
        if let Some((max, greatest)) = high {
            let kind = if integer {
                AnomalyType::IntTypeBigInt
            } else {
                AnomalyType::FloatTypeBigFloat
            };
            self.raise_numbers(
                kind,
                "value too large",
                format!("the greatest value is {greatest}, above the maximum of {max}"),
                (max.as_f64(), greatest),
            );
        }
    }

    fn boolean_numbers(&mut self, integer: bool, numeric: &NumericProfile) {
        let (min, max) = (numeric.min(), numeric.max());
        if integer {
            if let Some(min) = min.filter(|&min| min < 0.0) {
                self.raise_numbers(
                    AnomalyType::BoolTypeSmallInt,
                    "not 0 or 1",
                    format!("the least value is {min}, below 0, in a column of 0 and 1"),
                    (0.0, min),
                );
            }
            if let Some(max) = max.filter(|&max| max > 1.0) {
                self.raise_numbers(
                    AnomalyType::BoolTypeBigInt,
                    "not 0 or 1",
                    format!("the greatest value is {max}, above 1, in a column of 0 and 1"),
                    (1.0, max),
                );
            }
            return;
        }
        let is_boolean = |value: f64| [0.0, 1.0].contains(&value);
        let view = numeric.quantiles();
        let odd = min
            .into_iter()
            .chain(max)
            .chain(view.values().map(|(value, _)| value))
            .find(|&value| !is_boolean(value));
        let description = match odd {
            Some(value) => format!("there is {value} in a column of 0 and 1"),
            None if numeric.non_finite() > 0 => {
                format!(
                    "{} NaN or an infinity in a column of 0 and 1",
                    have(numeric.non_finite())
                )
            }
            None => return,
        };
        let anomaly = self.raise(
            AnomalyType::BoolTypeUnexpectedFloat,
            "not 0 or 1",
            description,
        );
        anomaly.actual = odd.filter(|value| value.is_finite());
    }

    fn strings(&mut self, column: &Column, values: &CategoricalProfile) {
        let found = values.values();
        if let Some(domain) = &column.domain {
            self.domain(column, domain, values, &found);
        }
        // A column of Arrow booleans holds `true` and `false` and nothing else.
        if let Some(boolean) = column
            .boolean
            .as_ref()
            .filter(|b| **b != BooleanDomain::default())
        {
            let allowed = [
                boolean.true_value.as_deref(),
                boolean.false_value.as_deref(),
            ];
            let unexpected = |value: &str| !allowed.contains(&Some(value));
            let allowed: Vec<String> = allowed.iter().flatten().map(|v| format!("`{v}`")).collect();
            let head = format!("values other than {}: ", allowed.join(" and "));
            let kind = AnomalyType::BoolTypeUnexpectedString;
            self.unexpected_strings(kind, "unexpected values", &head, values, &found, unexpected);
        }
        if let Some(holds) = column.holds {
            self.spelled(column, holds, values, &found);
        }
        if column.length.is_some() {
            match lengths(values) {
                Some(found) => self.length(column, found),
                None => self.length_of_sketch(column, values, &found),
            }
        }
    }

    fn domain(
        &mut self,
        column: &Column,
        domain: &[String],
        values: &CategoricalProfile,
        found: &[ValueCount],
    ) {
        let allowed: BTreeSet<&str> = domain.iter().map(String::as_str).collect();
        let outside: u64 = found
            .iter()
            .filter(|v| !allowed.contains(v.value.as_str()))
            .map(|v| v.count)
            .sum();
        let total = values.count();
        let inside_share = total.saturating_sub(outside) as f64 / total as f64;
        let min_mass = column.min_domain_mass.unwrap_or(1.0);
        if outside > 0 && (min_mass >= 1.0 || inside_share < min_mass) {
            let head = if min_mass < 1.0 {
                format!(
                    "a share of {} of the values is in the domain, below the least of {}; outside it: ",
                    short_number(inside_share),
                    short_number(min_mass),
                )
            } else {
                "values outside the domain: ".to_owned()
            };
            let kind = AnomalyType::EnumTypeUnexpectedStringValues;
            let unexpected = |value: &str| !allowed.contains(value);
            self.unexpected_strings(kind, "unexpected values", &head, values, found, unexpected);
            if let Some(anomaly) = self.anomalies.last_mut() {
                anomaly.expected = Some(min_mass);
                anomaly.actual = Some(inside_share);
            }
            return;
        }
        // A sketch drops rare values, but their number tells that there are others.
        let distinct = values.distinct();
        let at_least = distinct.value * (1.0 - distinct.error);
        if outside == 0 && min_mass >= 1.0 && !values.is_exact() && at_least > domain.len() as f64 {
            self.raise_numbers(
                AnomalyType::EnumTypeUnexpectedStringValues,
                "unexpected values",
                format!(
                    "the domain has {} values and the column about {:.0}; the others are too rare to name",
                    domain.len(),
                    distinct.value,
                ),
                (domain.len() as f64, distinct.value),
            );
        }
    }

    /// Raises one anomaly that names the values for which `unexpected` holds.
    fn unexpected_strings(
        &mut self,
        kind: AnomalyType,
        short: &str,
        head: &str,
        values: &CategoricalProfile,
        found: &[ValueCount],
        unexpected: impl Fn(&str) -> bool,
    ) {
        let total = values.count();
        let odd: Vec<&ValueCount> = found.iter().filter(|v| unexpected(&v.value)).collect();
        if odd.is_empty() {
            return;
        }
        let evidence: Vec<UnexpectedValue> = odd
            .iter()
            .take(Anomaly::MAX_EVIDENCE)
            .map(|v| UnexpectedValue {
                value: v.value.clone(),
                count: v.count,
                share: v.count as f64 / total as f64,
            })
            .collect();
        let mut description = head.to_owned();
        let named: Vec<String> = evidence
            .iter()
            .map(|v| format!("{} ({})", shown(&v.value), percent(v.count, total)))
            .collect();
        description.push_str(&named.join(", "));
        if odd.len() > evidence.len() {
            description.push_str(&format!(" and {} more", odd.len() - evidence.len()));
        }
        if !values.is_exact() {
            description.push_str(&format!(
                "; the counts come from a sketch and are off by at most {} each, rarer values can be missing",
                values.count_error(),
            ));
        }
        let share = odd.iter().map(|v| v.count).sum::<u64>() as f64 / total as f64;
        let anomaly = self.raise(kind, short, description);
        anomaly.expected = Some(0.0);
        anomaly.actual = Some(share);
        anomaly.evidence = evidence;
    }

    /// Strings that should spell numbers.
    fn spelled(
        &mut self,
        column: &Column,
        holds: SpelledNumber,
        values: &CategoricalProfile,
        found: &[ValueCount],
    ) {
        let integer = holds == SpelledNumber::Integer;
        let spells = |text: &str| match holds {
            SpelledNumber::Integer => spells_integer(text).map(|value| value as f64),
            SpelledNumber::Float => text.trim().parse::<f64>().ok(),
        };
        let (kind, what) = if integer {
            (AnomalyType::IntTypeNotIntString, "whole number")
        } else {
            (AnomalyType::FloatTypeStringNotFloat, "number")
        };
        let head = format!("strings that spell no {what}: ");
        self.unexpected_strings(kind, "not a number", &head, values, found, |v| {
            spells(v).is_none()
        });
        let numbers = || {
            found
                .iter()
                .filter_map(|v| Some((spells(&v.value)?, v.count)))
        };
        if let Some(range) = column.range {
            let proper = || {
                numbers()
                    .map(|(value, _)| value)
                    .filter(|value| !value.is_nan())
            };
            let least = proper().min_by(f64::total_cmp);
            let greatest = proper().max_by(f64::total_cmp);
            let low = range
                .min
                .zip(least)
                .filter(|(min, value)| *value < min.as_f64());
            let high = range
                .max
                .zip(greatest)
                .filter(|(max, value)| *value > max.as_f64());
            self.outside_range(integer, low, high);
        }
        let count = |which: fn(f64) -> bool| -> u64 {
            numbers()
                .filter(|(value, _)| which(*value))
                .map(|(_, count)| count)
                .sum()
        };
        let (nan, infinite) = (count(f64::is_nan), count(f64::is_infinite));
        if column.disallow_nan && nan > 0 {
            self.not_a_number(nan);
        }
        if column.disallow_inf && infinite > 0 {
            self.infinite(infinite);
        }
    }

    fn length(&mut self, column: &Column, found: Bounds<u64>) {
        let Some(length) = column.length else {
            return;
        };
        if let Some((min, shortest)) = length.min.zip(found.min).filter(|(min, v)| v < min) {
            self.raise_numbers(
                AnomalyType::LengthTooShort,
                "too short",
                format!("the shortest value has {shortest} characters, below the least of {min}"),
                (min as f64, shortest as f64),
            );
        }
        if let Some((max, longest)) = length.max.zip(found.max).filter(|(max, v)| v > max) {
            self.raise_numbers(
                AnomalyType::LengthTooLong,
                "too long",
                format!("the longest value has {longest} characters, above the most of {max}"),
                (max as f64, longest as f64),
            );
        }
    }

    /// Lengths where the profile does not hold every value whole: what is certain is
    /// said, and the rest is said to be unknown.
    fn length_of_sketch(
        &mut self,
        column: &Column,
        values: &CategoricalProfile,
        found: &[ValueCount],
    ) {
        let Some(Bounds { min, max }) = column.length else {
            return;
        };
        // A value that is cut stands for a longer one, so it counts for neither end.
        let whole = || {
            let sizes = found.iter().map(|v| v.value.as_str());
            sizes
                .filter(|v| !may_be_cut(v))
                .map(|v| v.chars().count() as u64)
        };
        // A character takes one to four bytes.
        let longest = whole().max().unwrap_or(0).max(values.max_bytes.div_ceil(4));
        let shortest = if values.empty > 0 {
            Some(0)
        } else {
            whole().min()
        };
        let before = self.anomalies.len();
        self.length(
            column,
            Bounds {
                min: shortest,
                max: Some(longest),
            },
        );
        let long_is_certain = max.is_none_or(|max| values.max_bytes <= max || longest > max);
        let short_is_certain =
            min.is_none_or(|min| min <= 1 || shortest.is_some_and(|shortest| shortest < min));
        if self.anomalies.len() == before && !(long_is_certain && short_is_certain) {
            self.unavailable(
                "length",
                "the profile does not hold every value of this column whole; give it the role `text` to have lengths counted",
            );
        }
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

/// Whether a profile may have cut this value: it then ends in `…` and 16 hexadecimal digits.
fn may_be_cut(value: &str) -> bool {
    value.len() as u64 + 32 > MAX_WHOLE_BYTES
        && value.rsplit_once('…').is_some_and(|(_, hash)| {
            hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit())
        })
}

/// The longest part of a value that a description shows, in characters.
const MAX_SHOWN: usize = 60;

/// A value on one line of a description; the whole of it is in the evidence.
fn shown(value: &str) -> String {
    let mut shown = String::new();
    for (index, character) in value.chars().enumerate() {
        if index == MAX_SHOWN {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_debug());
        } else {
            shown.push(character);
        }
    }
    shown
}

fn have(count: u64) -> String {
    if count == 1 {
        "1 row has".to_owned()
    } else {
        format!("{count} rows have")
    }
}

/// Whole percents as TFDV prints them: `~5%`, rounded down, or `<1%`.
fn percent(count: u64, total: u64) -> String {
    match u128::from(count) * 100 / u128::from(total.max(1)) {
        0 => "<1%".to_owned(),
        percent => format!("~{percent}%"),
    }
}

/// Up to six digits, without trailing zeros.
fn short_number(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
