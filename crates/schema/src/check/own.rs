//! What Driftline checks beside TFDV's engine.
//!
//! Lengths of strings, distinct values of numbers, times and dates come from profiles;
//! types that TensorFlow Metadata does not tell apart, and ranges beyond its single
//! precision, from what is known anyway.

use super::Data;
use crate::{
    Anomaly, AnomalyType, Bounds, Column, ColumnType, Schema, SchemaError,
    tfmd::{self, DatasetView, FeaturePath, FeatureView, Inputs},
};
use driftline_statistics::{ColumnProfile, ValueType};
use std::collections::{BTreeMap, BTreeSet};

/// The part of a schema that profiles have to be made for: its columns that are in the
/// data and state what statistics do not tell.
///
/// A column whose type has no statistics is there with all that it states.
pub fn own_part(
    schema: &Schema,
    environment: Option<&str>,
    types: &BTreeMap<String, ValueType>,
    skipped: &BTreeSet<FeaturePath>,
) -> Schema {
    let columns = checked(schema, environment)
        .filter_map(|column| {
            let found = *types.get(&column.name)?;
            if skipped.contains(&FeaturePath::new([&column.name])) {
                return Some(column.clone());
            }
            let part = Column {
                length: column
                    .length
                    .filter(|_| matches!(found, ValueType::String | ValueType::Nested)),
                unique: column.unique.filter(|_| is_own_unique(column, found)),
                role: column.role,
                ..Column::new(&column.name, found.into())
            };
            (part.length.is_some() || part.unique.is_some()).then_some(part)
        })
        .collect();
    Schema {
        columns,
        rows: schema
            .rows
            // TFDV looks at the most only where there is a least.
            .filter(|rows| rows.min.is_none())
            .filter(|rows| rows.max.is_some()),
        severity_overrides: schema.severity_overrides.clone(),
        constraints: Vec::new(),
        other: tfmd::Schema::default(),
    }
}

/// The schema of one environment: without the columns that are not in it.
///
/// # Errors
/// [`SchemaError::Environment`] for one that the schema never mentions.
pub fn in_environment(schema: &Schema, environment: &str) -> Result<Schema, SchemaError> {
    tfmd::check_environment(&schema.into(), environment)?;
    let columns = checked(schema, Some(environment)).cloned().collect();
    Ok(Schema {
        columns,
        ..schema.clone()
    })
}

/// The columns that are in use, and in the environment.
fn checked<'a>(
    schema: &'a Schema,
    environment: Option<&'a str>,
) -> impl Iterator<Item = &'a Column> {
    let defaults = &schema.other.default_environment;
    schema.columns.iter().filter(move |column| {
        !tfmd::feature_is_deprecated(&column.other)
            && tfmd::is_in_environment(&column.other, defaults, environment)
    })
}

/// Whether distinct values are taken from a profile: TFDV counts those of strings and
/// categories only, and reads a most that is not stated as zero.
fn is_own_unique(column: &Column, found: ValueType) -> bool {
    column
        .unique
        .is_some_and(|unique| unique.max.is_none() || found != ValueType::String)
}

/// The same, for the check of a schema.
pub(super) fn counts_distinct(column: &Column, data: &Data<'_>) -> bool {
    let found = data.types.get(&column.name);
    found.is_some_and(|found| is_own_unique(column, *found))
}

/// Whether an anomaly is about fields of a column that the schema leaves open.
pub(super) fn is_left_open(schema: &Schema, data: &Data<'_>, anomaly: &Anomaly) -> bool {
    if anomaly.kind != AnomalyType::SchemaNewColumn || data.types.is_empty() {
        return false;
    }
    let path = anomaly.column.as_deref().map(FeaturePath::parse);
    let Some(Ok(path)) = path else {
        return false;
    };
    path.len() > 1
        && path
            .steps()
            .first()
            .and_then(|root| schema.column(root))
            .is_some_and(|column| {
                column.columns.is_empty()
                    && matches!(column.column_type, ColumnType::Any | ColumnType::Nested)
            })
}

/// Every anomaly that TFDV's engine does not see.
pub(super) fn check(
    schema: &Schema,
    data: &Data<'_>,
    inputs: &Inputs<'_>,
    view: &DatasetView<'_>,
) -> Vec<Anomaly> {
    let environment = inputs.environment;
    let part = own_part(schema, environment, data.types, data.skipped);
    let profiled: BTreeSet<&str> = data
        .profiles
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let part = Schema {
        // Where there is no profile, that is told as not evaluated.
        columns: part
            .columns
            .into_iter()
            .filter(|column| profiled.contains(column.name.as_str()))
            .collect(),
        ..part
    };
    let profiles: Vec<(String, &ColumnProfile)> = data
        .profiles
        .iter()
        .filter(|(name, _)| part.column(name).is_some())
        .cloned()
        .collect();
    let mut anomalies = crate::validate(&part, &profiles, data.statistics.num_examples);
    let mut raise = |kind, column: &str, short: &str, description: String| {
        anomalies.push(Anomaly::new(
            kind,
            Some(column.to_owned()),
            schema.severity(kind),
            short,
            description,
        ));
    };
    for column in checked(schema, environment) {
        let path = FeaturePath::new([&column.name]);
        let name = path.to_string();
        let Some(feature) = view.feature(&path).filter(|feature| !feature.is_absent()) else {
            continue;
        };
        if let Some(found) = data.types.get(&column.name)
            && !fits(column, *found)
        {
            raise(
                AnomalyType::UnexpectedDataType,
                &name,
                "Unexpected data type",
                format!(
                    "Expected data of type: {} but got {}",
                    column.column_type.name(),
                    found.name()
                ),
            );
            continue;
        }
        for (kind, value, bound) in outside(column, feature) {
            let side = if value < bound { "below" } else { "above" };
            raise(
                kind,
                &name,
                "Out-of-range values",
                format!("There is {value}, {side} {bound}."),
            );
        }
        if let Some((kind, label)) = no_boolean(column, feature) {
            raise(
                kind,
                &name,
                "Non-boolean values",
                format!("Integers (such as {label}) not in {{0, 1}}: converting to an integer."),
            );
        }
        if let Some((allowed, distinct)) = rare(schema, column, feature) {
            raise(
                AnomalyType::EnumTypeUnexpectedStringValues,
                &name,
                "Unexpected string values",
                format!(
                    "The domain has {allowed} values and the column about {distinct}; the \
                     others are too rare to name."
                ),
            );
        }
    }
    for name in data.types.keys() {
        let path = FeaturePath::new([name]);
        let needed = inputs.features_needed.filter(|needed| !needed.is_empty());
        if data.skipped.contains(&path)
            && schema.column(name).is_none()
            && needed.is_none_or(|needed| needed.contains(&path))
        {
            raise(
                AnomalyType::SchemaNewColumn,
                &path.to_string(),
                "New column",
                "New column (column in data but not in schema)".to_owned(),
            );
        }
    }
    anomalies
}

/// Whether the data are of a type that the schema expects, as far as TensorFlow Metadata
/// does not tell: whole numbers, truth values and times are one to it.
fn fits(column: &Column, found: ValueType) -> bool {
    let found = ColumnType::from(found);
    let whole = |kind| {
        matches!(
            kind,
            ColumnType::Integer | ColumnType::Boolean | ColumnType::Timestamp | ColumnType::Date
        )
    };
    let expected = column.column_type;
    expected == found
        || !whole(expected)
        || !whole(found)
        // A truth value is 0 or 1 to a column of these two.
        || (expected == ColumnType::Integer
            && found == ColumnType::Boolean
            && column.boolean.is_some())
}

/// Values beyond a bound that has more digits than TFDV's single precision.
fn outside(column: &Column, feature: FeatureView<'_>) -> Vec<(AnomalyType, f64, f64)> {
    let Some(Bounds { min, max }) = column.range else {
        return Vec::new();
    };
    let float = column.column_type == ColumnType::Float
        && feature.kind() == Ok(tfmd::feature_name_statistics::Type::Float);
    if !float || feature.numeric().is_none_or(|n| n.histograms.is_empty()) {
        return Vec::new();
    }
    let (least, greatest) = feature.range();
    let small = min.map(|min| min.as_f64()).filter(|min| least < *min);
    let big = max.map(|max| max.as_f64()).filter(|max| greatest > *max);
    let small = small.map(|min| (AnomalyType::FloatTypeSmallFloat, least, min));
    let big = big.map(|max| (AnomalyType::FloatTypeBigFloat, greatest, max));
    small.into_iter().chain(big).collect()
}

/// A whole number other than 0 and 1, where a comparator made the numbers categories.
fn no_boolean<'v>(column: &Column, feature: FeatureView<'v>) -> Option<(AnomalyType, &'v str)> {
    let is_boolean = column.boolean.is_some() || column.column_type == ColumnType::Boolean;
    let integer = feature.kind() == Ok(tfmd::feature_name_statistics::Type::Int);
    if !is_boolean || !integer {
        return None;
    }
    let labels = feature.string_counts().into_keys();
    let odd = labels
        .into_iter()
        .find(|label| !["0", "1"].contains(label))?;
    let kind = if odd.starts_with('-') {
        AnomalyType::BoolTypeSmallInt
    } else {
        AnomalyType::BoolTypeBigInt
    };
    Some((kind, odd))
}

/// The size of a domain and the number of distinct values, where statistics hold no value
/// outside the domain but there must be some.
fn rare(schema: &Schema, column: &Column, feature: FeatureView<'_>) -> Option<(usize, u64)> {
    let domain = schema.domain(column)?;
    if column.min_domain_mass.is_some_and(|mass| mass < 1.0) {
        return None;
    }
    let held = feature.string_counts().len() as u64;
    let distinct = feature.distinct()?;
    // An estimate is believed only well beyond its error.
    let surely = distinct > held && distinct as f64 * 0.9 > domain.len() as f64;
    (surely && !feature.has_invalid_utf8()).then_some((domain.len(), distinct))
}
