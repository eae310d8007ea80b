//! From TensorFlow Metadata's schema to the own one.

use super::{column_type, domain, feature_type, join, own_keys};
use crate::{
    BooleanDomain, Bounds, Column, ColumnType, Number, Presence, Schema, SpelledNumber,
    tfmd::{
        self, BoolDomain, Feature, FeaturePresence, FeatureType, FloatDomain, IntDomain,
        StructDomain, ValueCount,
        feature::{DomainInfo, PresenceConstraints, ShapeType},
    },
};
use std::collections::{HashMap, HashSet};

impl From<&tfmd::Schema> for Schema {
    fn from(from: &tfmd::Schema) -> Self {
        let (shared, own) = domain::split(from);
        let mut schema = Schema {
            columns: columns(&from.feature, "", &own),
            other: tfmd::Schema {
                feature: Vec::new(),
                string_domain: shared,
                ..from.clone()
            },
            ..Schema::default()
        };
        schema.take_rows();
        let mut annotation = schema.other.annotation.clone();
        if let Some(text) = own_keys::take(&mut annotation) {
            let mut read = schema.clone();
            if read.read_own_keys(&text).is_some() && read.own_keys_to_yaml() == text {
                read.other.annotation = annotation;
                schema = read;
            }
        }
        schema
    }
}

impl Schema {
    /// Moves the bounds of the row count into the own form.
    fn take_rows(&mut self) {
        let Some(constraints) = &mut self.other.dataset_constraints else {
            return;
        };
        let (min, max) = (
            constraints.min_examples_count,
            constraints.max_examples_count,
        );
        if min.is_none() && max.is_none() {
            return;
        }
        let Some(rows) = bounds(min, max) else { return };
        self.rows = Some(rows);
        constraints.min_examples_count = None;
        constraints.max_examples_count = None;
        if *constraints == tfmd::DatasetConstraints::default() {
            self.other.dataset_constraints = None;
        }
    }

    /// Takes over the keys that TensorFlow Metadata has no words for.
    pub(crate) fn take_own_keys(&mut self, read: Schema) {
        self.severity_overrides = read.severity_overrides;
        self.constraints = read.constraints;
    }
}

fn columns(features: &[Feature], prefix: &str, own: &HashMap<String, Vec<String>>) -> Vec<Column> {
    let names: HashSet<&str> = features.iter().map(Feature::name).collect();
    let mut seen = HashSet::new();
    let mut columns = Vec::with_capacity(features.len());
    for (index, feature) in features.iter().enumerate() {
        let plain = feature.name.is_some() && seen.insert(feature.name().to_owned());
        let label = if plain {
            feature.name().to_owned()
        } else {
            // Any label will do, as long as no other column has it.
            let mut label = format!("{}[{index}]", feature.name.as_deref().unwrap_or("feature"));
            while names.contains(label.as_str()) || !seen.insert(label.clone()) {
                label.push('\'');
            }
            label
        };
        let mut column = column(label, feature, prefix, own);
        if feature.name.is_none() {
            column.unnamed = true;
        } else if !plain {
            column.other.name = feature.name.clone();
        }
        columns.push(column);
    }
    columns
}

fn column(
    label: String,
    feature: &Feature,
    prefix: &str,
    own: &HashMap<String, Vec<String>>,
) -> Column {
    let path = join(prefix, feature.name.as_deref().unwrap_or(&label));
    let mut column = Column::new(label, ColumnType::Any);
    let mut rest = feature.clone();
    rest.name = None;
    let known = rest
        .r#type
        .and_then(|number| FeatureType::try_from(number).ok());
    if let Some(kind) = known.and_then(column_type) {
        column.column_type = kind;
        rest.r#type = None;
    }
    if let Some(PresenceConstraints::Presence(presence)) = &rest.presence_constraints
        && let Some(presence) = self::presence(presence)
    {
        column.presence = Some(presence);
        rest.presence_constraints = None;
    }
    if let Some(ShapeType::ValueCount(ValueCount { min, max })) = rest.shape_type
        && let Some(valency) = bounds(min, max)
    {
        column.valency = Some(valency);
        rest.shape_type = None;
    }
    if let Some(unique) = &rest.unique_constraints
        && let Some(unique) = bounds(unique.min, unique.max)
    {
        column.unique = Some(unique);
        rest.unique_constraints = None;
    }
    if let Some(domain) = rest.domain_info.take() {
        rest.domain_info = take_domain(&mut column, domain, &path, own);
    }
    let has_domain = column.domain.is_some()
        || (matches!(rest.domain_info, Some(DomainInfo::Domain(_)))
            && matches!(column.column_type, ColumnType::String | ColumnType::Any));
    if let Some(distribution) = &rest.distribution_constraints
        && let Some(mass) = distribution.min_domain_mass
        && (0.0..=1.0).contains(&mass)
        && has_domain
    {
        column.min_domain_mass = Some(mass);
        rest.distribution_constraints = None;
    }
    take_own_keys(&mut column, &mut rest);
    column.other = rest;
    column
}

/// Takes over the keys that TensorFlow Metadata has no words for, where they fit what it
/// says.
fn take_own_keys(column: &mut Column, rest: &mut Feature) {
    let mut annotation = rest.annotation.clone();
    let Some(text) = own_keys::take(&mut annotation) else {
        return;
    };
    let Some((read, kind)) = Column::from_own_keys(&text) else {
        return;
    };
    let base = feature_type(column.column_type);
    let fits = kind.is_none_or(|kind| feature_type(kind) == base && rest.r#type.is_none());
    let mut whole = Column {
        column_type: kind.unwrap_or(column.column_type),
        ..column.clone()
    };
    whole.take_own_keys(read);
    let derived = base.and_then(column_type).unwrap_or(ColumnType::Any);
    let again = whole.own_keys_to_yaml(derived != whole.column_type);
    if !fits || again != text {
        return;
    }
    // A boolean column says by its type that it holds 0 and 1.
    if whole.column_type == ColumnType::Boolean && whole.boolean == Some(BooleanDomain::default()) {
        whole.boolean = None;
    }
    *column = whole;
    rest.annotation = annotation;
}

impl Column {
    fn take_own_keys(&mut self, read: Column) {
        self.role = read.role;
        self.length = read.length;
        self.drift = read.drift;
        self.constraints = read.constraints;
    }
}

fn presence(presence: &FeaturePresence) -> Option<Presence> {
    let share = presence.min_fraction;
    if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
        return None;
    }
    Some(Presence {
        min_fraction: share,
        min_count: unsigned(presence.min_count)?,
    })
}

/// Bounds that the own form has: neither below 0 nor empty.
fn bounds(min: Option<i64>, max: Option<i64>) -> Option<Bounds<u64>> {
    let (min, max) = (unsigned(min)?, unsigned(max)?);
    let empty = min.zip(max).is_some_and(|(min, max)| min > max);
    (!empty).then_some(Bounds { min, max })
}

/// The count as it is in the own form; `None` where it is below 0.
fn unsigned(count: Option<i64>) -> Option<Option<u64>> {
    match count {
        None => Some(None),
        Some(count) => u64::try_from(count).ok().map(Some),
    }
}

/// Moves a domain into the own form; what cannot be said there is given back.
fn take_domain(
    column: &mut Column,
    domain: DomainInfo,
    path: &str,
    own: &HashMap<String, Vec<String>>,
) -> Option<DomainInfo> {
    let taken = match &domain {
        DomainInfo::Domain(name) => match own.get(name).filter(|_| name == path) {
            Some(values) => {
                column.domain = Some(values.clone());
                true
            }
            None => false,
        },
        DomainInfo::BoolDomain(domain) => take_boolean(column, domain),
        DomainInfo::IntDomain(domain) => take_integers(column, domain),
        DomainInfo::FloatDomain(domain) => take_floats(column, domain),
        DomainInfo::StructDomain(domain) => {
            let fits = matches!(column.column_type, ColumnType::Struct | ColumnType::Any);
            if !fits || domain.feature.is_empty() {
                return Some(DomainInfo::StructDomain(domain.clone()));
            }
            column.columns = columns(&domain.feature, path, own);
            let rest = StructDomain {
                feature: Vec::new(),
                sparse_feature: domain.sparse_feature.clone(),
            };
            return (!rest.sparse_feature.is_empty()).then_some(DomainInfo::StructDomain(rest));
        }
        _ => false,
    };
    (!taken).then_some(domain)
}

fn take_boolean(column: &mut Column, domain: &BoolDomain) -> bool {
    let (yes, no) = (&domain.true_value, &domain.false_value);
    let named = yes.is_some() || no.is_some();
    let fits = match column.column_type {
        ColumnType::String => named,
        ColumnType::Integer | ColumnType::Float => !named,
        ColumnType::Any => true,
        _ => false,
    };
    let taken = fits && domain.name.is_none() && (yes.is_none() || yes != no);
    if taken {
        column.boolean = Some(BooleanDomain {
            true_value: yes.clone(),
            false_value: no.clone(),
        });
    }
    taken
}

fn take_integers(column: &mut Column, domain: &IntDomain) -> bool {
    let IntDomain {
        name: None,
        min,
        max,
        is_categorical: None,
    } = *domain
    else {
        return false;
    };
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        return false;
    }
    let range = Bounds {
        min: min.map(Number::Integer),
        max: max.map(Number::Integer),
    };
    match column.column_type {
        ColumnType::Integer => column.range = Some(range),
        ColumnType::String => {
            column.holds = Some(SpelledNumber::Integer);
            column.range = (min.is_some() || max.is_some()).then_some(range);
        }
        _ => return false,
    }
    true
}

fn take_floats(column: &mut Column, domain: &FloatDomain) -> bool {
    let plain = FloatDomain {
        min: domain.min,
        max: domain.max,
        disallow_nan: domain.disallow_nan,
        disallow_inf: domain.disallow_inf,
        ..FloatDomain::default()
    };
    let stated_false = domain.disallow_nan == Some(false) || domain.disallow_inf == Some(false);
    let empty = domain
        .min
        .zip(domain.max)
        .is_some_and(|(min, max)| min > max);
    // NaN is not equal to itself, so a domain with one is not taken either.
    if *domain != plain || stated_false || empty {
        return false;
    }
    let (Some(min), Some(max)) = (double(domain.min), double(domain.max)) else {
        return false;
    };
    let range = Bounds { min, max };
    let some = min.is_some() || max.is_some();
    let flags = domain.disallow_nan.is_some() || domain.disallow_inf.is_some();
    match column.column_type {
        ColumnType::Float => column.range = (some || !flags).then_some(range),
        ColumnType::String => {
            column.holds = Some(SpelledNumber::Float);
            column.range = some.then_some(range);
        }
        _ => return false,
    }
    column.disallow_nan = domain.disallow_nan.is_some();
    column.disallow_inf = domain.disallow_inf.is_some();
    true
}

/// The number of the fewest digits that is the same in 32 bits: 0.1 is not to become
/// 0.10000000149. `None` where there is none, as for infinities.
fn double(single: Option<f32>) -> Option<Option<Number>> {
    let Some(single) = single else {
        return Some(None);
    };
    let short: f64 = format!("{single:?}").parse().ok()?;
    let number = if (short as f32).to_bits() == single.to_bits() {
        short
    } else {
        f64::from(single)
    };
    number.is_finite().then_some(Some(Number::Float(number)))
}
