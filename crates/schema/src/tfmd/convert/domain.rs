//! Which shared domains are one column's own.

use super::join;
use crate::tfmd::{Feature, FeatureType, Schema, StringDomain, feature::DomainInfo};
use std::collections::{BTreeSet, HashMap};

/// The domains of a schema, told apart: those that a column states itself, and those that
/// stay shared.
///
/// The way back puts the first after the second, in the order of their columns. So a domain
/// is a column's own only where nothing but other such domains follow it.
pub(super) fn split(schema: &Schema) -> (Vec<StringDomain>, HashMap<String, Vec<String>>) {
    let mut uses = Uses::default();
    uses.walk(&schema.feature, "");
    let mut names: HashMap<&str, usize> = HashMap::new();
    for domain in &schema.string_domain {
        *names.entry(domain.name()).or_default() += 1;
    }
    let mut before = usize::MAX;
    let mut shared = schema.string_domain.len();
    let mut own = HashMap::new();
    for (index, domain) in schema.string_domain.iter().enumerate().rev() {
        let name = domain.name();
        let position = uses.of_its_own_name.get(name).copied();
        let values: BTreeSet<&String> = domain.value.iter().collect();
        let plain = domain.is_categorical.is_none()
            && !domain.value.is_empty()
            && values.len() == domain.value.len();
        let alone = names.get(name) == Some(&1) && uses.count.get(name) == Some(&1);
        match position {
            Some(position) if position < before && plain && alone => before = position,
            _ => break,
        }
        shared = index;
        own.insert(name.to_owned(), domain.value.clone());
    }
    let rest = schema.string_domain.get(..shared).unwrap_or_default();
    (rest.to_vec(), own)
}

/// Which features use which domain.
#[derive(Default)]
struct Uses {
    count: HashMap<String, usize>,
    /// Features whose domain has the name of their own path, and their place.
    of_its_own_name: HashMap<String, usize>,
    visited: usize,
}

impl Uses {
    fn walk(&mut self, features: &[Feature], prefix: &str) {
        for feature in features {
            let path = join(prefix, feature.name());
            self.visited += 1;
            match &feature.domain_info {
                Some(DomainInfo::Domain(name)) => {
                    *self.count.entry(name.clone()).or_default() += 1;
                    let named = feature.name.is_some() && *name == path;
                    let bytes = Some(i32::from(FeatureType::Bytes));
                    let string = feature.r#type.is_none() || feature.r#type == bytes;
                    if named && string {
                        self.of_its_own_name.insert(path, self.visited);
                    }
                }
                Some(DomainInfo::StructDomain(inner)) => self.walk(&inner.feature, &path),
                _ => {}
            }
        }
    }
}
