//! Drift and skew: a feature against the same one of another dataset.

use crate::tfmd::FeatureComparator;
use crate::tfmd::anomaly_info::{Reason, Type};
use crate::tfmd::distance::{Greatest, jensen_shannon, l_infinity, normalized_absolute_difference};
use crate::tfmd::drift_skew_info::{Measurement, measurement};
use crate::tfmd::number_text::six_digits;
use crate::tfmd::reason::reason;
use crate::tfmd::view::FeatureView;

/// What a feature is compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// The span before.
    Drift,
    /// What is served.
    Skew,
}

impl Role {
    /// What the data and the control are called in messages.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Drift => ("current", "previous"),
            Self::Skew => ("training", "serving"),
        }
    }
}

/// What was measured, and what of it was too much.
#[derive(Default)]
pub(crate) struct Comparison {
    pub(crate) reasons: Vec<Reason>,
    pub(crate) measurements: Vec<Measurement>,
}

/// Compares on every measure that has a threshold, in the order of TFDV; a threshold that
/// is passed becomes what was measured.
pub(crate) fn update(
    view: FeatureView<'_>,
    role: Role,
    comparator: &mut FeatureComparator,
) -> Comparison {
    let thresholds = [
        comparator.infinity_norm.and_then(|norm| norm.threshold),
        comparator
            .normalized_abs_difference
            .and_then(|difference| difference.threshold),
        comparator
            .jensen_shannon_divergence
            .and_then(|divergence| divergence.threshold),
    ];
    if thresholds.iter().all(Option::is_none) {
        return Comparison::default();
    }
    let (has_control, control) = match role {
        Role::Drift => (
            view.dataset().previous_span().is_some(),
            view.in_previous_span(),
        ),
        Role::Skew => (view.dataset().serving().is_some(), view.in_serving()),
    };
    let Some(control) = control else {
        return if has_control {
            control_is_missing(role, comparator)
        } else {
            Comparison::default()
        };
    };
    let mut comparison = Comparison::default();
    infinity_norm(view, control, role, comparator, &mut comparison);
    absolute_difference(view, control, role, comparator, &mut comparison);
    divergence(view, control, role, comparator, &mut comparison);
    comparison
}

fn control_is_missing(role: Role, comparator: &mut FeatureComparator) -> Comparison {
    if let Some(norm) = &mut comparator.infinity_norm {
        norm.threshold = None;
    }
    if let Some(divergence) = &mut comparator.jensen_shannon_divergence {
        divergence.threshold = None;
    }
    let (_, control) = role.names();
    Comparison {
        reasons: vec![reason(
            Type::ComparatorControlDataMissing,
            format!("{control} data missing"),
            format!("{control} data is missing."),
        )],
        measurements: Vec::new(),
    }
}

fn measured(kind: measurement::Type, value: f64, threshold: f64) -> Measurement {
    Measurement {
        r#type: Some(kind.into()),
        value: Some(value),
        threshold: Some(threshold),
    }
}

/// The sentence that all measures share.
fn too_far(name: &str, role: Role, value: f64, threshold: f64) -> String {
    let (data, control) = role.names();
    format!(
        "The {name} between {data} and {control} is {} (up to six significant digits), above the \
         threshold {}.",
        six_digits(value),
        six_digits(threshold)
    )
}

fn with_value(sentence: String, greatest: &Greatest) -> String {
    format!(
        "{sentence} The feature value with maximum difference is: {}",
        greatest.value
    )
}

fn short(name: &str, role: Role) -> String {
    let (data, control) = role.names();
    format!("High {name} between {data} and {control}")
}

fn infinity_norm(
    view: FeatureView<'_>,
    control: FeatureView<'_>,
    role: Role,
    comparator: &mut FeatureComparator,
    into: &mut Comparison,
) {
    let Some(norm) = &mut comparator.infinity_norm else {
        return;
    };
    let Some(threshold) = norm.threshold else {
        return;
    };
    let found = l_infinity(view, control);
    into.measurements.push(measured(
        measurement::Type::LInfty,
        found.distance,
        threshold,
    ));
    if found.distance > threshold {
        norm.threshold = Some(found.distance);
        into.reasons.push(reason(
            Type::ComparatorLInftyHigh,
            short("Linfty distance", role),
            with_value(
                too_far("Linfty distance", role, found.distance, threshold),
                &found,
            ),
        ));
    }
}

fn absolute_difference(
    view: FeatureView<'_>,
    control: FeatureView<'_>,
    role: Role,
    comparator: &mut FeatureComparator,
    into: &mut Comparison,
) {
    const NAME: &str = "normalized absolute difference";
    let Some(difference) = &mut comparator.normalized_abs_difference else {
        return;
    };
    let Some(threshold) = difference.threshold else {
        return;
    };
    let found = normalized_absolute_difference(view, control);
    into.measurements.push(measured(
        measurement::Type::NormalizedAbsoluteDifference,
        found.distance,
        threshold,
    ));
    if found.distance > threshold {
        difference.threshold = Some(found.distance);
        into.reasons.push(reason(
            Type::ComparatorNormalizedAbsoluteDifferenceHigh,
            short(NAME, role),
            with_value(too_far(NAME, role, found.distance, threshold), &found),
        ));
    }
}

/// Where the two cannot be compared there is no measurement and, as in TFDV, no anomaly.
fn divergence(
    view: FeatureView<'_>,
    control: FeatureView<'_>,
    role: Role,
    comparator: &mut FeatureComparator,
    into: &mut Comparison,
) {
    const NAME: &str = "approximate Jensen-Shannon divergence";
    let Some(divergence) = &mut comparator.jensen_shannon_divergence else {
        return;
    };
    let Some(threshold) = divergence.threshold else {
        return;
    };
    let source = divergence.source.unwrap_or_default();
    let Ok(found) = jensen_shannon(view, control, source) else {
        return;
    };
    into.measurements.push(measured(
        measurement::Type::JensenShannonDivergence,
        found,
        threshold,
    ));
    if found > threshold {
        divergence.threshold = Some(found);
        into.reasons.push(reason(
            Type::ComparatorJensenShannonDivergenceHigh,
            short(NAME, role),
            too_far(NAME, role, found, threshold),
        ));
    }
}
