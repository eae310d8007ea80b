//! One feature that is in the schema, check by check, in the order of TFDV.

use super::domain::{boolean, float, image, integer, natural_language, semantic, string};
use super::{
    Draft, comparator, distinct, feature_at_mut, feature_is_deprecated, fields_mut,
    is_in_environment, is_required, lengths, presence, self_check, shape, type_name,
};
use crate::tfmd::anomaly_info::{Reason, Type};
use crate::tfmd::feature::{DomainInfo, PresenceConstraints};
use crate::tfmd::feature_name_statistics::Type as Kind;
use crate::tfmd::path::FeaturePath;
use crate::tfmd::reason::{Repair, reason};
use crate::tfmd::rules::Rules;
use crate::tfmd::view::FeatureView;
use crate::tfmd::{DriftSkewInfo, Feature, LifecycleStage, Schema, to_text};

impl Draft {
    /// Makes a feature of the schema fit. It is taken out of the schema meanwhile, so
    /// that the schema's domains can be changed beside it.
    pub(super) fn update_present(
        &mut self,
        rules: &Rules,
        view: FeatureView<'_>,
        drift_skew: &mut Option<DriftSkewInfo>,
    ) -> Vec<Reason> {
        let Some((siblings, at)) = position(&mut self.schema, view.path()) else {
            return Vec::new();
        };
        let mut feature = std::mem::take(&mut siblings[at]);
        let reasons = self.update_taken(rules, view, &mut feature, drift_skew);
        if let Some(siblings) = siblings_of(&mut self.schema, view.path()) {
            siblings[at] = feature;
        }
        reasons
    }

    fn update_taken(
        &mut self,
        rules: &Rules,
        view: FeatureView<'_>,
        feature: &mut Feature,
        drift_skew: &mut Option<DriftSkewInfo>,
    ) -> Vec<Reason> {
        if feature_is_deprecated(feature) {
            return Vec::new();
        }
        let mut reasons = self_check::update(feature, |name| {
            self.schema
                .string_domain
                .iter()
                .any(|domain| domain.name() == name)
        });
        if feature_is_deprecated(feature) {
            return reasons;
        }
        let environment = view.dataset().environment();
        if view.is_absent() {
            if is_required(feature, &self.schema.default_environment, environment) {
                reasons.push(reason(
                    Type::FeatureTypeNotPresent,
                    "Column dropped",
                    "The feature was not present in any examples.",
                ));
                feature.set_lifecycle_stage(LifecycleStage::Deprecated);
            }
            return reasons;
        }
        reasons.extend(self.update_environment(view, feature));
        reasons.extend(lengths::update(view, feature));
        reasons.extend(shape::update(view, false, feature));
        if let Some(PresenceConstraints::Presence(presence)) = &mut feature.presence_constraints {
            reasons.extend(presence::update(view, presence));
        }
        reasons.extend(update_type(view, feature));
        reasons.extend(self.update_domain(rules, view, feature));
        reasons.extend(distinct::update(view, feature));
        reasons.extend(compare(view, feature, drift_skew));
        reasons.extend(update_derivation(view, feature));
        reasons
    }

    /// A feature of the data belongs to its environment.
    fn update_environment(&self, view: FeatureView<'_>, feature: &mut Feature) -> Option<Reason> {
        let environment = view.dataset().environment()?;
        let defaults = &self.schema.default_environment;
        if is_in_environment(feature, defaults, Some(environment)) {
            return None;
        }
        feature
            .not_in_environment
            .retain(|name| name != environment);
        if !is_in_environment(feature, defaults, Some(environment)) {
            feature.in_environment.push(environment.to_owned());
        }
        Some(reason(
            Type::SchemaNewColumn,
            "Column missing in environment",
            format!(
                "New column {} found in data but not in the environment {environment} in the \
                 schema.",
                view.path()
            ),
        ))
    }

    fn update_domain(
        &mut self,
        rules: &Rules,
        view: FeatureView<'_>,
        feature: &mut Feature,
    ) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if let Some(unfit) = unfit_for_bytes(view, feature) {
            feature.domain_info = None;
            reasons.push(unfit);
        }
        let max_off_domain = feature
            .distribution_constraints
            .and_then(|constraints| constraints.min_domain_mass)
            .map_or(0.0, |mass| 1.0 - mass);
        let repair = match &mut feature.domain_info {
            Some(DomainInfo::Domain(name)) => {
                let name = name.clone();
                let repair = self
                    .string_domain(&name)
                    .map(|domain| string::update(view, rules, max_off_domain, domain))
                    .unwrap_or_default();
                if repair.clear {
                    self.remove_string_domain(&name);
                }
                repair
            }
            Some(DomainInfo::StringDomain(domain)) => {
                string::update(view, rules, max_off_domain, domain)
            }
            Some(DomainInfo::IntDomain(domain)) => integer::update(view, domain),
            Some(DomainInfo::FloatDomain(domain)) => float::update(view, domain),
            Some(DomainInfo::BoolDomain(_)) => keep(boolean::update(view, feature)),
            Some(DomainInfo::ImageDomain(domain)) => keep(image::update(view, domain)),
            Some(DomainInfo::NaturalLanguageDomain(_)) => {
                keep(natural_language::update(view, feature))
            }
            // Fields are walked by themselves; of the other kinds statistics say nothing.
            Some(_) => Repair::default(),
            None => {
                let mut found = Vec::new();
                if semantic::adopt(view.custom(), feature) {
                    found.push(reason(
                        Type::SemanticDomainUpdate,
                        "Updated semantic domain",
                        format!("Updated semantic domain for feature: {}", feature.name()),
                    ));
                }
                keep(found)
            }
        };
        if repair.clear {
            feature.domain_info = None;
        }
        reasons.extend(repair.reasons);
        reasons
    }
}

/// The list that holds the feature of this path.
fn siblings_of<'s>(schema: &'s mut Schema, path: &FeaturePath) -> Option<&'s mut Vec<Feature>> {
    match path.parent().filter(|parent| !parent.is_empty()) {
        None => Some(&mut schema.feature),
        Some(parent) => Some(&mut fields_mut(feature_at_mut(schema, &parent)?)?.feature),
    }
}

fn position<'s>(
    schema: &'s mut Schema,
    path: &FeaturePath,
) -> Option<(&'s mut Vec<Feature>, usize)> {
    let siblings = siblings_of(schema, path)?;
    let at = siblings
        .iter()
        .position(|feature| Some(feature.name()) == path.last())?;
    Some((siblings, at))
}

/// Reasons after which the domain stays as the check left it.
fn keep(reasons: Vec<Reason>) -> Repair {
    Repair {
        reasons,
        clear: false,
    }
}

/// Takes a feature of another type out of use. The checks go on, for more to be told.
fn update_type(view: FeatureView<'_>, feature: &mut Feature) -> Option<Reason> {
    if view.feature_type() == feature.r#type() {
        return None;
    }
    feature.set_lifecycle_stage(LifecycleStage::Deprecated);
    let found = match view.kind() {
        Ok(kind) => kind.as_str_name().to_owned(),
        Err(number) => format!("unknown({number})"),
    };
    Some(reason(
        Type::UnexpectedDataType,
        "Unexpected data type",
        format!(
            "Expected data of type: {} but got {found}",
            type_name(feature.r#type())
        ),
    ))
}

/// Bytes that are no strings fit few domains.
fn unfit_for_bytes(view: FeatureView<'_>, feature: &Feature) -> Option<Reason> {
    let fits = matches!(
        feature.domain_info,
        None | Some(
            DomainInfo::NaturalLanguageDomain(_)
                | DomainInfo::ImageDomain(_)
                | DomainInfo::UrlDomain(_)
        )
    );
    (view.kind() == Ok(Kind::Bytes) && !fits).then(|| {
        reason(
            Type::DomainInvalidForType,
            "Invalid domain type",
            format!(
                "Data is marked as BYTES with incompatible domain_info: {}",
                to_text(feature)
            ),
        )
    })
}

fn compare(
    view: FeatureView<'_>,
    feature: &mut Feature,
    drift_skew: &mut Option<DriftSkewInfo>,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let roles = [
        (comparator::Role::Drift, &mut feature.drift_comparator),
        (comparator::Role::Skew, &mut feature.skew_comparator),
    ];
    for (role, comparator) in roles {
        let Some(comparator) = comparator else {
            continue;
        };
        let comparison = comparator::update(view, role, comparator);
        reasons.extend(comparison.reasons);
        if comparison.measurements.is_empty() {
            continue;
        }
        let info = drift_skew.get_or_insert_with(|| DriftSkewInfo {
            path: Some(view.path().to_message()),
            ..DriftSkewInfo::default()
        });
        match role {
            comparator::Role::Drift => info.drift_measurements.extend(comparison.measurements),
            comparator::Role::Skew => info.skew_measurements.extend(comparison.measurements),
        }
    }
    reasons
}

/// A feature that validation derived says from what, and is of that stage.
fn update_derivation(view: FeatureView<'_>, feature: &mut Feature) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if let Some(source) = view.derived_from()
        && feature.validation_derived_source.is_none()
    {
        feature.validation_derived_source = Some(source.clone());
        feature.set_lifecycle_stage(LifecycleStage::ValidationDerived);
        const TEXT: &str = "Derived source not set in schema.";
        reasons.push(reason(Type::DerivedFeatureInvalidSource, TEXT, TEXT));
    }
    if feature.validation_derived_source.is_some()
        && feature.lifecycle_stage() != LifecycleStage::ValidationDerived
        && !feature_is_deprecated(feature)
    {
        feature.set_lifecycle_stage(LifecycleStage::ValidationDerived);
        const TEXT: &str = "Derived feature has wrong lifecycle.";
        reasons.push(reason(Type::DerivedFeatureBadLifecycle, TEXT, TEXT));
    }
    reasons
}
