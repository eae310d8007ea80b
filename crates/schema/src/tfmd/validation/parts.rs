//! The part of a schema that the check of one path reads and changes.

use crate::tfmd::draft::{fields, fields_mut};
use crate::tfmd::feature::DomainInfo;
use crate::tfmd::path::FeaturePath;
use crate::tfmd::{Feature, Schema, StructDomain};
use std::collections::{BTreeSet, HashMap};

/// Where in a schema the things of a name are.
pub(super) struct Parts {
    features: HashMap<String, usize>,
    sparse: HashMap<String, usize>,
    weighted: HashMap<String, usize>,
    string_domains: HashMap<String, usize>,
}

/// The first of each name: of two that share one, TFDV sees the first.
fn by_name<'n>(
    names: impl DoubleEndedIterator<Item = &'n str> + ExactSizeIterator,
) -> HashMap<String, usize> {
    names
        .enumerate()
        .rev()
        .map(|(index, name)| (name.to_owned(), index))
        .collect()
}

impl Parts {
    pub(super) fn of(schema: &Schema) -> Self {
        Self {
            features: by_name(schema.feature.iter().map(|feature| feature.name())),
            sparse: by_name(schema.sparse_feature.iter().map(|sparse| sparse.name())),
            weighted: by_name(
                schema
                    .weighted_feature
                    .iter()
                    .map(|weighted| weighted.name()),
            ),
            string_domains: by_name(schema.string_domain.iter().map(|domain| domain.name())),
        }
    }

    /// The feature of the path with all that is below it, its parents by name only, what
    /// else has its name, and the string domains that are used.
    pub(super) fn for_path(&self, schema: &Schema, path: &FeaturePath) -> Schema {
        let mut part = Schema {
            default_environment: schema.default_environment.clone(),
            ..Schema::default()
        };
        let Some((root, below)) = path.steps().split_first() else {
            return part;
        };
        if let Some(feature) = self.features.get(root).map(|&at| &schema.feature[at]) {
            let feature = along(feature, below);
            let mut used = BTreeSet::new();
            string_domains_of(&feature, &mut used);
            for name in used {
                if let Some(&at) = self.string_domains.get(&name) {
                    part.string_domain.push(schema.string_domain[at].clone());
                }
            }
            part.feature.push(feature);
        }
        if below.is_empty() {
            if let Some(&at) = self.sparse.get(root) {
                part.sparse_feature.push(schema.sparse_feature[at].clone());
            }
            if let Some(&at) = self.weighted.get(root) {
                part.weighted_feature
                    .push(schema.weighted_feature[at].clone());
            }
        }
        part
    }
}

/// The feature, with only those fields that the steps go through; whole at their end.
fn along(feature: &Feature, steps: &[String]) -> Feature {
    let Some((step, below)) = steps.split_first() else {
        return feature.clone();
    };
    let mut stub = Feature {
        name: feature.name.clone(),
        r#type: feature.r#type,
        domain_info: Some(DomainInfo::StructDomain(StructDomain::default())),
        ..Feature::default()
    };
    let Some(all) = fields(feature) else {
        stub.domain_info = None;
        return stub;
    };
    if let Some(kept) = fields_mut(&mut stub) {
        kept.feature.extend(
            all.feature
                .iter()
                .find(|field| field.name() == step)
                .map(|field| along(field, below)),
        );
        if below.is_empty() {
            kept.sparse_feature.extend(
                all.sparse_feature
                    .iter()
                    .find(|sparse| sparse.name() == step)
                    .cloned(),
            );
        }
    }
    stub
}

fn string_domains_of(feature: &Feature, into: &mut BTreeSet<String>) {
    match &feature.domain_info {
        Some(DomainInfo::Domain(name)) => {
            into.insert(name.clone());
        }
        Some(DomainInfo::StructDomain(fields)) => {
            for field in &fields.feature {
                string_domains_of(field, into);
            }
        }
        _ => {}
    }
}
