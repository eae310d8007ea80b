//! What a schema says that statistics depend on.

use crate::tfmd::{
    Feature, FeatureType, Path, Schema, SparseFeature, feature::DomainInfo,
    string_domain::Categorical,
};
use driftline_statistics::features::{self, Claims, FeaturePath};
use std::collections::BTreeMap;

/// What statistics read of a schema: which features are opaque bytes, which numbers are
/// categories, which strings are and which are not, sparse and weighted features.
///
/// Bytes are those with an image domain; whole numbers are categories by
/// `int_domain.is_categorical` and under a boolean or natural-language domain,
/// floating-point numbers by `float_domain.is_categorical`, as in TFDV's `schema_util`.
pub fn claims(schema: &Schema) -> Claims {
    let mut claims = Claims::default();
    let domains: BTreeMap<&str, Categorical> = schema
        .string_domain
        .iter()
        .map(|domain| (domain.name(), domain.is_categorical()))
        .collect();
    add_container(
        &FeaturePath::default(),
        &schema.feature,
        &schema.sparse_feature,
        &domains,
        &mut claims,
    );
    let weighted = schema.weighted_feature.iter();
    claims.weighted = weighted
        .map(|feature| features::WeightedFeature {
            path: FeaturePath::column(feature.name()),
            value: path(feature.feature.as_ref()),
            weight: path(feature.weight_feature.as_ref()),
        })
        .collect();
    claims
}

fn path(path: Option<&Path>) -> FeaturePath {
    FeaturePath::new(path.into_iter().flat_map(|path| path.step.iter().cloned()))
}

fn add_container(
    parent: &FeaturePath,
    features: &[Feature],
    sparse: &[SparseFeature],
    domains: &BTreeMap<&str, Categorical>,
    claims: &mut Claims,
) {
    for feature in sparse {
        let value = feature.value_feature.as_ref();
        let indices = feature.index_feature.iter();
        claims.sparse.push(features::SparseFeature {
            path: parent.child(feature.name()),
            value: parent.child(value.map_or("", |value| value.name())),
            indices: indices.map(|index| parent.child(index.name())).collect(),
        });
    }
    for feature in features {
        let path = parent.child(feature.name());
        if feature.r#type() == FeatureType::Struct {
            if let Some(DomainInfo::StructDomain(domain)) = &feature.domain_info {
                let sparse = &domain.sparse_feature;
                add_container(&path, &domain.feature, sparse, domains, claims);
            }
        } else {
            add_leaf(path, feature, domains, claims);
        }
    }
}

fn add_leaf(
    path: FeaturePath,
    feature: &Feature,
    domains: &BTreeMap<&str, Categorical>,
    claims: &mut Claims,
) {
    let feature_type = feature.r#type();
    match (&feature.domain_info, feature_type) {
        (Some(DomainInfo::ImageDomain(_)), _) => {
            claims.bytes.insert(path);
        }
        (Some(DomainInfo::IntDomain(domain)), FeatureType::Int) if domain.is_categorical() => {
            claims.categorical_int.insert(path);
        }
        (
            Some(DomainInfo::BoolDomain(_) | DomainInfo::NaturalLanguageDomain(_)),
            FeatureType::Int,
        ) => {
            claims.categorical_int.insert(path);
        }
        (Some(DomainInfo::FloatDomain(domain)), FeatureType::Float) if domain.is_categorical() => {
            claims.categorical_float.insert(path);
        }
        (Some(DomainInfo::StringDomain(domain)), _) => {
            add_string(path, domain.is_categorical(), claims);
        }
        (Some(DomainInfo::Domain(name)), _) => {
            if let Some(categorical) = domains.get(name.as_str()) {
                add_string(path, *categorical, claims);
            }
        }
        _ => {}
    }
}

fn add_string(path: FeaturePath, categorical: Categorical, claims: &mut Claims) {
    match categorical {
        Categorical::Yes => claims.categorical_string.insert(path),
        Categorical::No => claims.free_string.insert(path),
        Categorical::Unspecified => false,
    };
}
