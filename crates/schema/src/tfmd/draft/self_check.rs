//! The schema against itself: what of one feature contradicts the rest.

use super::domain::{allows, boolean, field_name, string};
use super::type_name;
use crate::tfmd::anomaly_info::{Reason, Type};
use crate::tfmd::feature::{DomainInfo, PresenceConstraints, ShapeType};
use crate::tfmd::reason::reason;
use crate::tfmd::{Feature, FeatureType, LifecycleStage, ValueCount};

/// Mends a live feature, whatever the statistics say; `has_string_domain` tells whether
/// the schema has a domain of a name. Most mistakes have no long description in TFDV.
pub(super) fn update(
    feature: &mut Feature,
    has_string_domain: impl Fn(&str) -> bool,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if !name_and_type(feature, &mut reasons) {
        return reasons;
    }
    presence(feature, &mut reasons);
    lengths(feature, &mut reasons);
    domain_for_type(feature, &mut reasons);
    domain(feature, has_string_domain, &mut reasons);
    reasons
}

fn short(kind: Type, text: impl Into<String>) -> Reason {
    reason(kind, text, "")
}

/// Without a name or a type there is nothing to check: the feature goes out of use.
fn name_and_type(feature: &mut Feature, reasons: &mut Vec<Reason>) -> bool {
    if feature.name.is_none() {
        reasons.push(short(
            Type::FeatureMissingName,
            "unspecified name (maybe meant to be the empty string): find name rather than \
             deprecating.",
        ));
        feature.set_lifecycle_stage(LifecycleStage::Deprecated);
        return false;
    }
    if feature.r#type.is_some() {
        return true;
    }
    if matches!(
        feature.domain_info,
        Some(DomainInfo::Domain(_) | DomainInfo::StringDomain(_))
    ) {
        reasons.push(short(
            Type::FeatureMissingType,
            "unspecified type: inferring the type to be BYTES, given the domain specified.",
        ));
        feature.set_type(FeatureType::Bytes);
        return true;
    }
    reasons.push(short(
        Type::FeatureMissingType,
        "unspecified type: determine the type and set it, rather than deprecating.",
    ));
    feature.set_lifecycle_stage(LifecycleStage::Deprecated);
    false
}

fn presence(feature: &mut Feature, reasons: &mut Vec<Reason>) {
    let Some(PresenceConstraints::Presence(presence)) = &mut feature.presence_constraints else {
        return;
    };
    if presence.min_fraction() < 0.0 {
        presence.min_fraction = None;
        reasons.push(short(
            Type::InvalidSchemaSpecification,
            "min_fraction should not be negative: clear is equal to zero",
        ));
    }
    if presence.min_fraction() > 1.0 {
        presence.min_fraction = Some(1.0);
        reasons.push(short(
            Type::InvalidSchemaSpecification,
            "min_fraction should not greater than 1",
        ));
    }
}

fn min_is_negative(bounds: &mut ValueCount) -> bool {
    let negative = bounds.min() < 0;
    if negative {
        bounds.min = None;
    }
    negative
}

fn max_is_below_min(bounds: &mut ValueCount) -> bool {
    let below = bounds.max.is_some_and(|max| max < bounds.min());
    if below {
        bounds.max = Some(bounds.min());
    }
    below
}

fn lengths(feature: &mut Feature, reasons: &mut Vec<Reason>) {
    const KIND: Type = Type::InvalidSchemaSpecification;
    match &mut feature.shape_type {
        Some(ShapeType::ValueCount(bounds)) => {
            if min_is_negative(bounds) {
                reasons.push(short(KIND, "ValueCount.min should not be negative"));
            }
            if max_is_below_min(bounds) {
                reasons.push(short(KIND, "ValueCount.max should not be less than min"));
            }
        }
        Some(ShapeType::ValueCounts(levels)) => {
            for (level, bounds) in levels.value_count.iter_mut().enumerate() {
                if min_is_negative(bounds) {
                    reasons.push(reason(
                        KIND,
                        "ValueCounts.min should not be negative",
                        format!("ValueCounts.min at level {level} should not be negative."),
                    ));
                }
                if max_is_below_min(bounds) {
                    reasons.push(reason(
                        KIND,
                        "ValueCounts.max should not be less than min",
                        format!("ValueCounts.max at level {level} should not be less than min."),
                    ));
                }
            }
        }
        Some(ShapeType::Shape(shape)) if shape.dim.iter().any(|dim| dim.size() <= 0) => {
            feature.shape_type = None;
            reasons.push(short(KIND, "Shape.dim.size must be a positive integer"));
        }
        Some(ShapeType::Shape(_)) | None => {}
    }
}

fn domain_for_type(feature: &mut Feature, reasons: &mut Vec<Reason>) {
    let kind = feature.r#type();
    let unfit = match &feature.domain_info {
        Some(domain) => (!allows(domain, kind)).then(|| field_name(domain)),
        // A type that is said to be unknown has no domain that fits it, not even none.
        None => feature
            .r#type
            .filter(|_| kind == FeatureType::TypeUnknown)
            .map(|_| "UNSET"),
    };
    if let Some(domain) = unfit {
        reasons.push(reason(
            Type::DomainInvalidForType,
            "The domain does not match the type",
            format!(
                "The domain \"{domain}\" does not match the type: {}",
                type_name(kind)
            ),
        ));
        feature.domain_info = None;
    }
}

fn domain(
    feature: &mut Feature,
    has_string_domain: impl Fn(&str) -> bool,
    reasons: &mut Vec<Reason>,
) {
    let without_distribution = match &mut feature.domain_info {
        Some(DomainInfo::Domain(name)) => {
            if !has_string_domain(name) {
                reasons.push(short(
                    Type::InvalidDomainSpecification,
                    format!("missing domain: {name}"),
                ));
                feature.domain_info = None;
            }
            return;
        }
        Some(DomainInfo::StringDomain(domain)) => {
            // Mended in silence, as in TFDV: the data is not at fault.
            string::update_self(domain);
            return;
        }
        Some(DomainInfo::BoolDomain(domain)) => {
            boolean::update_self(domain);
            "not supported for bool domains."
        }
        Some(DomainInfo::IntDomain(_)) => "not supported for int domains.",
        Some(DomainInfo::FloatDomain(_)) => "not supported for float domains.",
        Some(DomainInfo::StructDomain(_)) => "not supported for struct domains.",
        Some(
            DomainInfo::NaturalLanguageDomain(_)
            | DomainInfo::ImageDomain(_)
            | DomainInfo::MidDomain(_)
            | DomainInfo::UrlDomain(_)
            | DomainInfo::TimeDomain(_),
        ) => "not supported for semantic domains.",
        Some(
            DomainInfo::AudioDomain(_)
            | DomainInfo::VideoDomain(_)
            | DomainInfo::ContentChunkDomain(_)
            | DomainInfo::TimeOfDayDomain(_),
        ) => {
            reasons.push(short(
                Type::InvalidDomainSpecification,
                "internal issue: unknown domain_info type",
            ));
            feature.domain_info = None;
            return;
        }
        None => "require domain or string domain.",
    };
    if feature.distribution_constraints.take().is_some() {
        reasons.push(short(
            Type::InvalidSchemaSpecification,
            format!("distribution constraints {without_distribution}"),
        ));
    }
}
