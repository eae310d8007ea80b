//! From the own schema to TensorFlow Metadata's.

use super::{feature_type, join, own_keys};
use crate::{
    BooleanDomain, Bounds, Column, ColumnType, Number, Schema, SpelledNumber,
    tfmd::{
        self, BoolDomain, DatasetConstraints, DistributionConstraints, FeaturePresence,
        FloatDomain, IntDomain, StringDomain, StructDomain, UniqueConstraints, ValueCount,
        feature::{DomainInfo, PresenceConstraints, ShapeType},
    },
};
use std::collections::HashSet;

impl From<&Schema> for tfmd::Schema {
    fn from(schema: &Schema) -> Self {
        let mut out = schema.other.clone();
        if let Some(rows) = schema.rows {
            let constraints = out
                .dataset_constraints
                .get_or_insert_with(DatasetConstraints::default);
            let (min, max) = ends(rows);
            constraints.min_examples_count = min.or(constraints.min_examples_count);
            constraints.max_examples_count = max.or(constraints.max_examples_count);
        }
        let mut domains = Domains {
            taken: out
                .string_domain
                .iter()
                .filter_map(|domain| domain.name.clone())
                .collect(),
            added: Vec::new(),
        };
        let features = schema.columns.iter();
        out.feature = features
            .map(|column| feature(column, "", &mut domains))
            .collect();
        out.string_domain.append(&mut domains.added);
        own_keys::put(&mut out.annotation, &schema.own_keys_to_yaml());
        out
    }
}

/// The domains of the schema to come, those of single columns after the shared ones.
struct Domains {
    taken: HashSet<String>,
    added: Vec<StringDomain>,
}

impl Domains {
    /// Adds a domain under the name of its column, or one like it that is free.
    fn add(&mut self, path: &str, values: &[String]) -> String {
        let mut name = path.to_owned();
        while !self.taken.insert(name.clone()) {
            name.push('_');
        }
        self.added.push(StringDomain {
            name: Some(name.clone()),
            value: values.to_vec(),
            is_categorical: None,
        });
        name
    }
}

fn feature(column: &Column, prefix: &str, domains: &mut Domains) -> tfmd::Feature {
    let mut feature = column.other.clone();
    if column.unnamed {
        feature.name = None;
    } else if feature.name.is_none() {
        feature.name = Some(column.name.clone());
    }
    let path = join(prefix, feature.name.as_deref().unwrap_or(&column.name));
    let base = feature_type(column.column_type);
    if feature.r#type.is_none() {
        feature.r#type = base.map(i32::from);
    }
    if let Some(presence) = column.presence {
        feature.presence_constraints = Some(PresenceConstraints::Presence(FeaturePresence {
            min_fraction: presence.min_fraction,
            min_count: presence.min_count.map(signed),
        }));
    }
    if let Some(valency) = column.valency {
        let (min, max) = ends(valency);
        feature.shape_type = Some(ShapeType::ValueCount(ValueCount { min, max }));
    }
    if let Some(unique) = column.unique {
        let (min, max) = ends(unique);
        feature.unique_constraints = Some(UniqueConstraints { min, max });
    }
    if let Some(mass) = column.min_domain_mass {
        feature.distribution_constraints = Some(DistributionConstraints {
            min_domain_mass: Some(mass),
        });
    }
    if let Some(domain) = own_domain(column, &path, domains) {
        feature.domain_info = Some(domain);
    }
    if !column.columns.is_empty() {
        let mut inner = match feature.domain_info.take() {
            Some(DomainInfo::StructDomain(domain)) => domain,
            _ => StructDomain::default(),
        };
        let children = column.columns.iter();
        inner
            .feature
            .extend(children.map(|child| self::feature(child, &path, domains)));
        feature.domain_info = Some(DomainInfo::StructDomain(inner));
    }
    let derived = base.and_then(super::column_type).unwrap_or(ColumnType::Any);
    let text = column.own_keys_to_yaml(derived != column.column_type);
    own_keys::put(&mut feature.annotation, &text);
    feature
}

fn own_domain(column: &Column, path: &str, domains: &mut Domains) -> Option<DomainInfo> {
    if let Some(values) = &column.domain {
        return Some(DomainInfo::Domain(domains.add(path, values)));
    }
    if let Some(BooleanDomain {
        true_value,
        false_value,
    }) = &column.boolean
    {
        return Some(DomainInfo::BoolDomain(BoolDomain {
            name: None,
            true_value: true_value.clone(),
            false_value: false_value.clone(),
        }));
    }
    let limited = column.range.is_some() || column.disallow_nan || column.disallow_inf;
    if !limited && column.holds.is_none() {
        // A boolean column of no stated words is one of 0 and 1.
        let boolean = column.column_type == ColumnType::Boolean;
        return (boolean && column.other.domain_info.is_none())
            .then(|| DomainInfo::BoolDomain(BoolDomain::default()));
    }
    let range = column.range.unwrap_or(Bounds {
        min: None,
        max: None,
    });
    let whole = |number: Option<Number>| matches!(number, None | Some(Number::Integer(_)));
    let integers = match (column.holds, column.column_type) {
        (Some(holds), _) => holds == SpelledNumber::Integer,
        (None, ColumnType::Integer) => true,
        (None, ColumnType::Float) => false,
        _ => whole(range.min) && whole(range.max) && !column.disallow_nan && !column.disallow_inf,
    };
    Some(if integers {
        DomainInfo::IntDomain(IntDomain {
            min: range.min.map(|min| rounded(min, f64::ceil)),
            max: range.max.map(|max| rounded(max, f64::floor)),
            ..IntDomain::default()
        })
    } else {
        DomainInfo::FloatDomain(FloatDomain {
            min: range.min.map(|min| min.as_f64() as f32),
            max: range.max.map(|max| max.as_f64() as f32),
            disallow_nan: column.disallow_nan.then_some(true),
            disallow_inf: column.disallow_inf.then_some(true),
            ..FloatDomain::default()
        })
    })
}

/// The integer that limits integers as the number does; the cast saturates.
fn rounded(number: Number, round: fn(f64) -> f64) -> i64 {
    match number {
        Number::Integer(value) => value,
        Number::Float(value) => round(value) as i64,
    }
}

fn ends(bounds: Bounds<u64>) -> (Option<i64>, Option<i64>) {
    (bounds.min.map(signed), bounds.max.map(signed))
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
