//! Features and domains of a schema by path, and anomalies without some of their reasons.

use super::anomaly_info::{Reason, Type};
use super::draft::{feature_at, feature_at_mut};
use super::feature::DomainInfo;
use super::path::FeaturePath;
use super::validation::summary;
use super::{Anomalies, Feature, FeatureType, Schema, StringDomain};
use crate::SchemaError;

/// A domain as it applies to a feature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DomainOf<'s> {
    /// One of the feature's own.
    Own(&'s DomainInfo),
    /// A string domain of the schema, which features share.
    Shared(&'s StringDomain),
}

fn no_feature(path: &FeaturePath, reason: &str) -> SchemaError {
    SchemaError::NoFeature {
        path: path.to_string(),
        reason: reason.to_owned(),
    }
}

/// The feature of a path.
///
/// # Errors
/// [`SchemaError::NoFeature`] where the schema has none.
///
/// TFDV's `get_feature`.
pub fn feature<'s>(schema: &'s Schema, path: &FeaturePath) -> Result<&'s Feature, SchemaError> {
    feature_at(schema, path).ok_or_else(|| no_feature(path, "it is not in the schema"))
}

/// The domain of a feature.
///
/// # Errors
/// [`SchemaError::NoFeature`] where the schema has no such feature, the feature no
/// domain, or the schema not the domain that it names.
///
/// TFDV's `get_domain`.
pub fn domain<'s>(schema: &'s Schema, path: &FeaturePath) -> Result<DomainOf<'s>, SchemaError> {
    match &feature(schema, path)?.domain_info {
        None => Err(no_feature(path, "it has no domain")),
        Some(DomainInfo::Domain(name)) => schema
            .string_domain
            .iter()
            .find(|domain| domain.name() == name)
            .map(DomainOf::Shared)
            .ok_or_else(|| no_feature(path, "it names a domain that is not in the schema")),
        Some(own) => Ok(DomainOf::Own(own)),
    }
}

/// Gives a feature a domain in the stead of the one that it has.
///
/// # Errors
/// [`SchemaError::NoFeature`] where the schema has no such feature, the feature is a
/// struct, or the domain is named and not in the schema.
///
/// TFDV's `set_domain`.
pub fn set_domain(
    schema: &mut Schema,
    path: &FeaturePath,
    domain: DomainInfo,
) -> Result<(), SchemaError> {
    if let DomainInfo::Domain(name) = &domain
        && !schema
            .string_domain
            .iter()
            .any(|known| known.name() == name)
    {
        return Err(no_feature(path, "the new domain is not in the schema"));
    }
    let feature =
        feature_at_mut(schema, path).ok_or_else(|| no_feature(path, "it is not in the schema"))?;
    if feature.r#type() == FeatureType::Struct {
        return Err(no_feature(path, "a struct takes no other domain"));
    }
    feature.domain_info = Some(domain);
    Ok(())
}

/// Takes reasons of these types out; a feature without any left is no anomaly. What the
/// schema would have to look like is not told apart by reason, so it is dropped.
///
/// TFDV's `remove_anomaly_types`; severities stay as they are.
pub fn remove_reasons(anomalies: &mut Anomalies, types: &[Type]) {
    anomalies.anomaly_info.retain(|_, info| {
        info.diff_regions.clear();
        info.reason
            .retain(|reason| !types.contains(&reason.r#type()));
        let (short_description, description) = summary(first_if_all_new(&info.reason));
        info.short_description = Some(short_description);
        info.description = Some(description);
        !info.reason.is_empty()
    });
}

/// A new feature with fields has one reason for each, and reads as one.
pub(crate) fn first_if_all_new(reasons: &[Reason]) -> &[Reason] {
    let all_new = reasons
        .iter()
        .all(|reason| reason.r#type() == Type::SchemaNewColumn);
    match reasons {
        [first, ..] if all_new => std::slice::from_ref(first),
        _ => reasons,
    }
}

/// A key for each reason of each feature, `FEATURE_TYPE`: the slices into which TFDV
/// sorts the examples that have an anomaly.
pub fn slice_keys(anomalies: &Anomalies) -> Vec<String> {
    anomalies
        .anomaly_info
        .iter()
        .flat_map(|(feature, info)| {
            info.reason
                .iter()
                .map(move |reason| format!("{feature}_{}", reason.r#type().as_str_name()))
        })
        .collect()
}
