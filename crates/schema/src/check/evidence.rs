//! The limit, the number and the values behind an anomaly that TFDV's engine tells in words.

use crate::{
    Anomaly, AnomalyType, UnexpectedValue,
    infer::spells_integer,
    tfmd::{
        self, Anomalies, BoolDomain, DatasetView, Feature, FeaturePath, FeatureView,
        drift_skew_info::measurement,
        feature::{DomainInfo, PresenceConstraints, ShapeType},
    },
};

/// Adds what the statistics tell beside the words; an anomaly of which they tell nothing
/// more stays as it is.
pub(super) fn add(
    mut anomaly: Anomaly,
    schema: &tfmd::Schema,
    view: &DatasetView<'_>,
    tfdv: &Anomalies,
) -> Anomaly {
    let numbers = match anomaly.column.as_deref().map(FeaturePath::parse) {
        None => of_rows(anomaly.kind, schema, view),
        Some(Ok(path)) => match (tfmd::feature_at(schema, &path), view.feature(&path)) {
            (Some(feature), Some(found)) => {
                let mut odd = unexpected(anomaly.kind, schema, feature, found);
                let share = odd.iter().map(|value| value.share).sum();
                odd.truncate(Anomaly::MAX_EVIDENCE);
                anomaly.evidence = odd;
                compared(&anomaly, feature, &path, tfdv)
                    .or_else(|| of_feature(anomaly.kind, share, feature, found))
            }
            _ => None,
        },
        Some(Err(_)) => None,
    };
    if let Some((expected, actual)) = numbers {
        // JSON has no infinity; the description names it.
        anomaly.expected = Some(expected).filter(|value| value.is_finite());
        anomaly.actual = Some(actual).filter(|value| value.is_finite());
    }
    anomaly
}

#[expect(clippy::cast_precision_loss, reason = "shown, not counted with")]
fn of_rows(kind: AnomalyType, schema: &tfmd::Schema, view: &DatasetView<'_>) -> Option<(f64, f64)> {
    let constraints = schema.dataset_constraints.as_ref()?;
    let bound = match kind {
        AnomalyType::DatasetLowNumExamples => constraints.min_examples_count,
        AnomalyType::DatasetHighNumExamples => constraints.max_examples_count,
        _ => None,
    };
    Some((bound? as f64, view.examples()))
}

#[expect(clippy::cast_precision_loss, reason = "shown, not counted with")]
fn of_feature(
    kind: AnomalyType,
    odd_share: f64,
    feature: &Feature,
    found: FeatureView<'_>,
) -> Option<(f64, f64)> {
    let presence = match &feature.presence_constraints {
        Some(PresenceConstraints::Presence(presence)) => Some(presence),
        _ => None,
    };
    let lengths = || match (
        &feature.shape_type,
        found.lengths_at_each_level().as_slice(),
    ) {
        (Some(ShapeType::ValueCount(bounds)), [only]) => Some((*bounds, *only)),
        _ => None,
    };
    let (least, greatest) = found.range();
    Some(match kind {
        AnomalyType::FeatureTypeLowFractionPresent => {
            (presence?.min_fraction?, found.fraction_present()?)
        }
        AnomalyType::FeatureTypeLowNumberPresent => (presence?.min_count? as f64, found.present()),
        AnomalyType::FeatureTypeNotPresent => (1.0, 0.0),
        AnomalyType::FeatureTypeLowNumberValues => {
            let (bounds, (min, _)) = lengths()?;
            (bounds.min? as f64, min as f64)
        }
        AnomalyType::FeatureTypeHighNumberValues => {
            let (bounds, (_, max)) = lengths()?;
            (bounds.max? as f64, max as f64)
        }
        AnomalyType::IntTypeSmallInt => (
            integers(feature)?.min? as f64,
            spelled(found, least, f64::min)?,
        ),
        AnomalyType::IntTypeBigInt => (
            integers(feature)?.max? as f64,
            spelled(found, greatest, f64::max)?,
        ),
        AnomalyType::FloatTypeSmallFloat => (
            f64::from(floats(feature)?.min?),
            spelled(found, least, f64::min)?,
        ),
        AnomalyType::FloatTypeBigFloat => (
            f64::from(floats(feature)?.max?),
            spelled(found, greatest, f64::max)?,
        ),
        AnomalyType::FloatTypeHasNan => {
            let histograms = &found.numeric()?.histograms;
            let nan = histograms.iter().map(|h| h.num_nan).max()?;
            (0.0, nan as f64)
        }
        AnomalyType::BoolTypeSmallInt => (0.0, least),
        AnomalyType::BoolTypeBigInt => (1.0, greatest),
        AnomalyType::EnumTypeUnexpectedStringValues => {
            let mass = feature.distribution_constraints.as_ref();
            let mass = mass.and_then(|mass| mass.min_domain_mass).unwrap_or(1.0);
            (mass, 1.0 - odd_share)
        }
        AnomalyType::BoolTypeUnexpectedString
        | AnomalyType::IntTypeNotIntString
        | AnomalyType::FloatTypeStringNotFloat => (0.0, odd_share),
        AnomalyType::FeatureTypeLowUnique => (
            feature.unique_constraints.as_ref()?.min() as f64,
            found.distinct()? as f64,
        ),
        AnomalyType::FeatureTypeHighUnique => (
            feature.unique_constraints.as_ref()?.max() as f64,
            found.distinct()? as f64,
        ),
        _ => return None,
    })
}

fn integers(feature: &Feature) -> Option<&tfmd::IntDomain> {
    match &feature.domain_info {
        Some(DomainInfo::IntDomain(domain)) => Some(domain),
        _ => None,
    }
}

fn floats(feature: &Feature) -> Option<&tfmd::FloatDomain> {
    match &feature.domain_info {
        Some(DomainInfo::FloatDomain(domain)) => Some(domain),
        _ => None,
    }
}

/// The end of the range of numbers, or of the numbers that strings spell.
fn spelled(found: FeatureView<'_>, of_numbers: f64, end: fn(f64, f64) -> f64) -> Option<f64> {
    let labels = found.string_counts();
    if labels.is_empty() {
        return Some(of_numbers);
    }
    let values = labels
        .into_keys()
        .filter_map(|label| label.trim().parse().ok());
    values.reduce(end)
}

/// Threshold and measured value of a comparison.
fn compared(
    anomaly: &Anomaly,
    feature: &Feature,
    path: &FeaturePath,
    tfdv: &Anomalies,
) -> Option<(f64, f64)> {
    let kind = match anomaly.kind {
        AnomalyType::ComparatorLInftyHigh => measurement::Type::LInfty,
        AnomalyType::ComparatorJensenShannonDivergenceHigh => {
            measurement::Type::JensenShannonDivergence
        }
        AnomalyType::ComparatorNormalizedAbsoluteDifferenceHigh => {
            measurement::Type::NormalizedAbsoluteDifference
        }
        _ => return None,
    };
    let message = path.to_message();
    let info = tfdv
        .drift_skew_info
        .iter()
        .find(|info| info.path.as_ref() == Some(&message))?;
    // The words say which of the two it was.
    let (measurements, comparator) = if anomaly.description.contains("previous") {
        (&info.drift_measurements, &feature.drift_comparator)
    } else {
        (&info.skew_measurements, &feature.skew_comparator)
    };
    let comparator = comparator.as_ref()?;
    let threshold = match anomaly.kind {
        AnomalyType::ComparatorLInftyHigh => comparator.infinity_norm.as_ref()?.threshold,
        AnomalyType::ComparatorJensenShannonDivergenceHigh => {
            comparator.jensen_shannon_divergence.as_ref()?.threshold
        }
        _ => comparator.normalized_abs_difference.as_ref()?.threshold,
    };
    let measured = measurements.iter().find(|m| m.r#type() == kind)?;
    Some((threshold?, measured.value?))
}

/// The values behind an anomaly of strings, most frequent first.
fn unexpected(
    kind: AnomalyType,
    schema: &tfmd::Schema,
    feature: &Feature,
    found: FeatureView<'_>,
) -> Vec<UnexpectedValue> {
    let odd: Box<dyn Fn(&str) -> bool + '_> = match (kind, &feature.domain_info) {
        (AnomalyType::EnumTypeUnexpectedStringValues, Some(DomainInfo::Domain(name))) => {
            let mut shared = schema.string_domain.iter();
            match shared.find(|domain| domain.name() == name) {
                Some(domain) => not_in(&domain.value),
                None => return Vec::new(),
            }
        }
        (AnomalyType::EnumTypeUnexpectedStringValues, Some(DomainInfo::StringDomain(domain))) => {
            not_in(&domain.value)
        }
        (AnomalyType::BoolTypeUnexpectedString, Some(DomainInfo::BoolDomain(domain))) => {
            let BoolDomain {
                true_value,
                false_value,
                ..
            } = domain;
            Box::new(move |value| {
                let allowed = [true_value.as_deref(), false_value.as_deref()];
                !allowed.contains(&Some(value))
            })
        }
        (AnomalyType::IntTypeNotIntString, _) => Box::new(|value| spells_integer(value).is_none()),
        (AnomalyType::FloatTypeStringNotFloat, _) => {
            Box::new(|value| value.trim().parse::<f32>().is_err())
        }
        _ => return Vec::new(),
    };
    let total = found.total_values();
    let mut values: Vec<UnexpectedValue> = found
        .string_counts()
        .into_iter()
        .filter(|(value, _)| odd(value))
        .map(|(value, count)| UnexpectedValue {
            value: value.to_owned(),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count; the cast saturates"
            )]
            count: count as u64,
            share: if total > 0.0 { count / total } else { 0.0 },
        })
        .collect();
    values.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    values
}

fn not_in(allowed: &[String]) -> Box<dyn Fn(&str) -> bool + '_> {
    let allowed: std::collections::HashSet<&str> = allowed.iter().map(String::as_str).collect();
    Box::new(move |value| !allowed.contains(value))
}
