//! The schema that TFDV's engine gets, and what statistics must know for it.

use super::Data;
use crate::{
    ColumnType, Schema,
    tfmd::{
        self, DatasetView, Feature, FeatureComparator, FeaturePath, FeatureType,
        feature::DomainInfo, statistics,
    },
};
use driftline_statistics::features::{self, Claims};

/// The schema in TFDV's form, without what its engine cannot see: features of types that
/// have no statistics, a type that the own schema leaves open, distinct values of numbers.
pub(super) fn schema(own: &Schema, data: &Data<'_>) -> tfmd::Schema {
    let mut theirs = tfmd::Schema::from(own);
    remove(&mut theirs.feature, &FeaturePath::default(), data);
    let view = DatasetView::new(data.statistics).ok();
    for (column, feature) in named(own, &mut theirs.feature) {
        let open = matches!(column.column_type, ColumnType::Any | ColumnType::Nested);
        let path = FeaturePath::new([feature.name()]);
        let found = view.as_ref().and_then(|view| view.feature(&path));
        // Only a source tells that the type was left open on purpose.
        if open
            && feature.r#type.is_none()
            && !data.types.is_empty()
            && let Some(found) = found
        {
            feature.r#type = Some(found.feature_type().into());
        }
        if super::own::counts_distinct(column, data) {
            feature.unique_constraints = None;
        }
    }
    theirs
}

/// Every column of the own schema with its feature.
fn named<'a>(
    own: &'a Schema,
    features: &'a mut [Feature],
) -> impl Iterator<Item = (&'a crate::Column, &'a mut Feature)> {
    features.iter_mut().filter_map(|feature| {
        let column = own.column(feature.name.as_deref()?)?;
        Some((column, feature))
    })
}

fn remove(features: &mut Vec<Feature>, above: &FeaturePath, data: &Data<'_>) {
    features.retain(|feature| !data.skipped.contains(&above.child(feature.name())));
    for feature in features {
        let path = above.child(feature.name());
        if let Some(DomainInfo::StructDomain(fields)) = &mut feature.domain_info {
            remove(&mut fields.feature, &path, data);
        }
    }
}

/// What statistics read of a schema so that they can be checked against it.
///
/// As [`statistics::claims`], but for whole numbers: a domain of 0 and 1 is checked on
/// their range, so they stay numbers, unless a comparator asks for the share of each
/// value. TFDV compares numbers without labels as if all were the same.
pub fn claims(schema: &tfmd::Schema) -> Claims {
    let mut claims = statistics::claims(schema);
    walk(
        &schema.feature,
        &FeaturePath::default(),
        &mut |path, feature| {
            if feature.r#type() != FeatureType::Int {
                return;
            }
            let path = features::FeaturePath::new(path.steps().iter().cloned());
            if by_value(feature) {
                claims.categorical_int.insert(path);
            } else if matches!(feature.domain_info, Some(DomainInfo::BoolDomain(_))) {
                claims.categorical_int.remove(&path);
            }
        },
    );
    claims
}

/// Whether a comparator asks how often each value occurs.
pub(super) fn by_value(feature: &Feature) -> bool {
    let asks = |comparator: &Option<FeatureComparator>| {
        comparator.as_ref().is_some_and(|comparator| {
            let set = |norm: &Option<tfmd::InfinityNorm>| {
                norm.as_ref().is_some_and(|norm| norm.threshold.is_some())
            };
            set(&comparator.infinity_norm)
                || comparator
                    .normalized_abs_difference
                    .as_ref()
                    .is_some_and(|norm| norm.threshold.is_some())
        })
    };
    asks(&feature.drift_comparator) || asks(&feature.skew_comparator)
}

/// Shows every feature, those in structs too.
pub(super) fn walk(
    features: &[Feature],
    above: &FeaturePath,
    see: &mut dyn FnMut(FeaturePath, &Feature),
) {
    for feature in features {
        let path = above.child(feature.name());
        see(path.clone(), feature);
        if let Some(DomainInfo::StructDomain(fields)) = &feature.domain_info {
            walk(&fields.feature, &path, see);
        }
    }
}
