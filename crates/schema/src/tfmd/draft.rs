//! A copy of a schema that is made to fit statistics, each change with its reason.
//!
//! Validation and update are one walk: compare each feature with the schema and, where
//! it does not fit, change the copy so that it does. The reasons of the changes are the
//! anomalies; the changed copy is the updated schema.
//!
//! | what is checked | file |
//! |---|---|
//! | the schema against itself | `self_check` |
//! | one feature, in order | `feature` |
//! | presence, list lengths, shape, distinct values | `presence`, `lengths`, `shape`, `distinct` |
//! | each kind of domain | `domain/` |
//! | drift and skew of a feature | `comparator` |
//! | sparse and weighted features | `composite` |
//! | the number of examples | `dataset` |
//! | a feature that is new | `new_feature` |

pub(crate) mod comparator;
pub(crate) mod composite;
pub(crate) mod dataset;
pub(crate) mod distinct;
pub(crate) mod domain;
mod feature;
pub(crate) mod lengths;
pub(crate) mod new_feature;
pub(crate) mod presence;
mod self_check;
pub(crate) mod shape;

use super::anomaly_info::{Reason, Severity, Type};
use super::feature::DomainInfo;
use super::path::FeaturePath;
use super::reason::{graver, reason};
use super::rules::Rules;
use super::view::{DatasetView, FeatureView};
use super::{
    DriftSkewInfo, Feature, FeatureType, LifecycleStage, Schema, SparseFeature, StringDomain,
    WeightedFeature,
};
use std::collections::BTreeSet;

pub(crate) use comparator::Comparison;
pub(crate) use domain::string::similar as similar_string_domains;

/// The copy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    schema: Schema,
}

/// What a walk over one feature found.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) reasons: Vec<Reason>,
    pub(crate) severity: Severity,
    pub(crate) drift_skew: Option<DriftSkewInfo>,
}

impl Draft {
    pub(crate) fn new(schema: Schema) -> Self {
        Self { schema }
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    pub(crate) fn into_schema(self) -> Schema {
        self.schema
    }

    /// Makes the copy fit all statistics, or those of `paths`.
    pub(crate) fn update(
        &mut self,
        rules: &Rules,
        statistics: &DatasetView<'_>,
        paths: Option<&BTreeSet<FeaturePath>>,
    ) {
        for root in statistics.roots() {
            self.update_recursively(rules, root, paths);
        }
        for path in self.missing(statistics) {
            if paths.is_none_or(|paths| paths.contains(&path)) {
                self.deprecate(&path);
            }
        }
    }

    /// Makes the copy fit one feature and the fields below it.
    pub(crate) fn update_recursively(
        &mut self,
        rules: &Rules,
        view: FeatureView<'_>,
        paths: Option<&BTreeSet<FeaturePath>>,
    ) -> Findings {
        if paths.is_some_and(|paths| !paths.contains(view.path())) {
            return Findings::default();
        }
        let mut findings = self.update_feature(rules, view);
        if !self.is_deprecated(view.path()) {
            for child in view.children() {
                let below = self.update_recursively(rules, child, paths);
                findings.reasons.extend(below.reasons);
                findings.severity = graver(below.severity, findings.severity);
            }
        }
        findings
    }

    /// Makes the copy fit one feature.
    pub(crate) fn update_feature(&mut self, rules: &Rules, view: FeatureView<'_>) -> Findings {
        let path = view.path();
        let mut drift_skew = None;
        let feature = feature_at(&self.schema, path);
        let has_feature = feature.is_some();
        let feature_is_live = feature.is_some_and(|feature| !feature_is_deprecated(feature));
        let sparse = sparse_at(&self.schema, path);
        let has_sparse = sparse.is_some();
        let sparse_is_live = sparse.is_some_and(|sparse| !sparse_is_deprecated(sparse));
        let reasons = if let Some(weighted) = weighted_at_mut(&mut self.schema, path) {
            if (has_feature || has_sparse) && !stage_is_deprecated(weighted.lifecycle_stage()) {
                weighted.set_lifecycle_stage(LifecycleStage::Deprecated);
                self.deprecate_feature_and_sparse(path);
                vec![reason(
                    Type::WeightedFeatureNameCollision,
                    "Weighted feature name collision",
                    "Weighted feature name collision.",
                )]
            } else {
                composite::update_weighted(view, weighted)
            }
        } else if sparse_is_live && feature_is_live {
            self.deprecate_feature_and_sparse(path);
            vec![reason(
                Type::SparseFeatureNameCollision,
                "Sparse feature name collision",
                "Sparse feature name collision.",
            )]
        } else if sparse_is_live {
            sparse_at_mut(&mut self.schema, path)
                .map(|sparse| composite::update_sparse(view, sparse))
                .unwrap_or_default()
        } else if has_feature {
            self.update_present(rules, view, &mut drift_skew)
        } else {
            self.add_feature(rules, view);
            vec![reason(
                Type::SchemaNewColumn,
                "New column",
                "New column (column in data but not in schema)",
            )]
        };
        Findings {
            severity: rules.severity(&reasons),
            reasons,
            drift_skew,
        }
    }

    fn deprecate_feature_and_sparse(&mut self, path: &FeaturePath) {
        if let Some(feature) = feature_at_mut(&mut self.schema, path) {
            feature.set_lifecycle_stage(LifecycleStage::Deprecated);
        }
        if let Some(sparse) = sparse_at_mut(&mut self.schema, path) {
            sparse.set_lifecycle_stage(LifecycleStage::Deprecated);
        }
    }

    /// Whether the schema has anything of this path.
    pub(crate) fn has(&self, path: &FeaturePath) -> bool {
        has(&self.schema, path)
    }

    /// Whether the feature or sparse feature of this path is not to be checked.
    pub(crate) fn is_deprecated(&self, path: &FeaturePath) -> bool {
        is_deprecated(&self.schema, path)
    }

    /// Takes the feature of this path out of use.
    pub(crate) fn deprecate(&mut self, path: &FeaturePath) {
        if let Some(feature) = feature_at_mut(&mut self.schema, path) {
            feature.set_lifecycle_stage(LifecycleStage::Deprecated);
        }
    }

    /// Paths that the schema requires and the statistics do not have.
    fn missing(&self, statistics: &DatasetView<'_>) -> Vec<FeaturePath> {
        let mut paths = required(&self.schema, statistics.environment());
        paths.retain(|path| !statistics.has(path));
        paths
    }

    /// Checks the schema's skew comparator of one feature, and nothing else.
    pub(crate) fn update_skew(&mut self, view: FeatureView<'_>) -> Comparison {
        feature_at_mut(&mut self.schema, view.path())
            .and_then(|feature| feature.skew_comparator.as_mut())
            .map(|comparator| comparator::update(view, comparator::Role::Skew, comparator))
            .unwrap_or_default()
    }

    /// Checks the number of examples.
    pub(crate) fn update_dataset(&mut self, statistics: &DatasetView<'_>) -> Vec<Reason> {
        self.schema
            .dataset_constraints
            .as_mut()
            .map(|constraints| dataset::update(statistics, constraints))
            .unwrap_or_default()
    }

    fn string_domain(&mut self, name: &str) -> Option<&mut StringDomain> {
        self.schema
            .string_domain
            .iter_mut()
            .find(|domain| domain.name() == name)
    }

    /// A new domain, called `name` or, where that is taken, `name2`, `name3`, ….
    fn new_string_domain(&mut self, name: &str) -> &mut StringDomain {
        let mut free = name.to_owned();
        let mut number = 1;
        while self.string_domain(&free).is_some() {
            number += 1;
            free = format!("{name}{number}");
        }
        self.schema.string_domain.push(StringDomain {
            name: Some(free),
            ..StringDomain::default()
        });
        self.schema
            .string_domain
            .last_mut()
            .expect("one was just pushed")
    }

    /// Takes a domain out of the schema, and off every feature that uses it.
    fn remove_string_domain(&mut self, name: &str) {
        fn forget(features: &mut [Feature], name: &str) {
            for feature in features {
                match &mut feature.domain_info {
                    Some(DomainInfo::Domain(used)) if used == name => feature.domain_info = None,
                    Some(DomainInfo::StructDomain(fields)) => forget(&mut fields.feature, name),
                    _ => {}
                }
            }
        }
        forget(&mut self.schema.feature, name);
        self.schema
            .string_domain
            .retain(|domain| domain.name() != name);
    }
}

/// Whether a stage takes a feature out of validation.
pub(crate) fn stage_is_deprecated(stage: LifecycleStage) -> bool {
    match stage {
        LifecycleStage::Planned
        | LifecycleStage::Alpha
        | LifecycleStage::Deprecated
        | LifecycleStage::DebugOnly
        | LifecycleStage::Disabled => true,
        LifecycleStage::UnknownStage
        | LifecycleStage::Beta
        | LifecycleStage::Production
        | LifecycleStage::ValidationDerived => false,
    }
}

/// Whether a feature is not to be checked: by its old flag, or by its stage.
pub(crate) fn feature_is_deprecated(feature: &Feature) -> bool {
    feature.deprecated() || stage_is_deprecated(feature.lifecycle_stage())
}

/// Whether a sparse feature is not to be checked: by its old flag, or by its stage.
pub(crate) fn sparse_is_deprecated(sparse: &SparseFeature) -> bool {
    sparse.deprecated() || stage_is_deprecated(sparse.lifecycle_stage())
}

pub(crate) fn fields(feature: &Feature) -> Option<&super::StructDomain> {
    match &feature.domain_info {
        Some(DomainInfo::StructDomain(fields)) => Some(fields),
        _ => None,
    }
}

pub(crate) fn fields_mut(feature: &mut Feature) -> Option<&mut super::StructDomain> {
    match &mut feature.domain_info {
        Some(DomainInfo::StructDomain(fields)) => Some(fields),
        _ => None,
    }
}

pub(crate) fn feature_at<'s>(schema: &'s Schema, path: &FeaturePath) -> Option<&'s Feature> {
    let (last, parents) = path.steps().split_last()?;
    let mut features = &schema.feature;
    for step in parents {
        let parent = features.iter().find(|feature| feature.name() == step)?;
        features = &fields(parent)?.feature;
    }
    features.iter().find(|feature| feature.name() == last)
}

pub(crate) fn feature_at_mut<'s>(
    schema: &'s mut Schema,
    path: &FeaturePath,
) -> Option<&'s mut Feature> {
    let (last, parents) = path.steps().split_last()?;
    let mut features = &mut schema.feature;
    for step in parents {
        let parent = features.iter_mut().find(|feature| feature.name() == step)?;
        features = &mut fields_mut(parent)?.feature;
    }
    features.iter_mut().find(|feature| feature.name() == last)
}

fn sparse_at_mut<'s>(schema: &'s mut Schema, path: &FeaturePath) -> Option<&'s mut SparseFeature> {
    let (last, parents) = path.steps().split_last()?;
    let sparse = match path.parent().filter(|_| !parents.is_empty()) {
        None => &mut schema.sparse_feature,
        Some(parent) => &mut fields_mut(feature_at_mut(schema, &parent)?)?.sparse_feature,
    };
    sparse.iter_mut().find(|sparse| sparse.name() == last)
}

/// Weighted features are at the root, always.
fn weighted_at_mut<'s>(
    schema: &'s mut Schema,
    path: &FeaturePath,
) -> Option<&'s mut WeightedFeature> {
    let [name] = path.steps() else { return None };
    schema
        .weighted_feature
        .iter_mut()
        .find(|weighted| weighted.name() == name)
}

pub(crate) fn has(schema: &Schema, path: &FeaturePath) -> bool {
    if feature_at(schema, path).is_some() || sparse_at(schema, path).is_some() {
        return true;
    }
    matches!(path.steps(), [name]
        if schema.weighted_feature.iter().any(|weighted| weighted.name() == name))
}

fn sparse_at<'s>(schema: &'s Schema, path: &FeaturePath) -> Option<&'s SparseFeature> {
    let (last, parents) = path.steps().split_last()?;
    let sparse = match path.parent().filter(|_| !parents.is_empty()) {
        None => &schema.sparse_feature,
        Some(parent) => &fields(feature_at(schema, &parent)?)?.sparse_feature,
    };
    sparse.iter().find(|sparse| sparse.name() == last)
}

pub(crate) fn is_deprecated(schema: &Schema, path: &FeaturePath) -> bool {
    match feature_at(schema, path) {
        Some(feature) => feature_is_deprecated(feature),
        None => sparse_at(schema, path).is_some_and(sparse_is_deprecated),
    }
}

/// Whether a feature belongs to the environment; without one, every feature does.
pub(crate) fn is_in_environment(
    feature: &Feature,
    default_environment: &[String],
    environment: Option<&str>,
) -> bool {
    let Some(environment) = environment else {
        return true;
    };
    let names = |list: &[String]| list.iter().any(|name| name == environment);
    names(&feature.in_environment)
        || (!names(&feature.not_in_environment) && names(default_environment))
}

/// Whether a feature has to be there.
fn is_required(
    feature: &Feature,
    default_environment: &[String],
    environment: Option<&str>,
) -> bool {
    use super::feature::PresenceConstraints;
    let asked = match &feature.presence_constraints {
        Some(PresenceConstraints::Presence(presence)) => {
            presence.min_count() > 0 || presence.min_fraction() > 0.0
        }
        _ => false,
    };
    asked
        && !feature_is_deprecated(feature)
        && is_in_environment(feature, default_environment, environment)
}

/// Every path that the schema requires, parents before their fields. A field may be
/// required below a parent that is not, but not below a deprecated one.
pub(crate) fn required(schema: &Schema, environment: Option<&str>) -> Vec<FeaturePath> {
    fn walk(
        features: &[Feature],
        above: &FeaturePath,
        defaults: &[String],
        environment: Option<&str>,
        into: &mut Vec<FeaturePath>,
    ) {
        for feature in features {
            let path = above.child(feature.name());
            let below = (!feature_is_deprecated(feature))
                .then(|| fields(feature))
                .flatten();
            if is_required(feature, defaults, environment) {
                into.push(path.clone());
            }
            if let Some(below) = below {
                walk(&below.feature, &path, defaults, environment, into);
            }
        }
    }
    let mut paths = Vec::new();
    walk(
        &schema.feature,
        &FeaturePath::default(),
        &schema.default_environment,
        environment,
        &mut paths,
    );
    paths
}

/// The type's name in protobuf's text.
fn type_name(kind: FeatureType) -> &'static str {
    kind.as_str_name()
}
