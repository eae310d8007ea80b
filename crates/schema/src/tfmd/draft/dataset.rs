//! How many examples a dataset may have, by itself and against another one.

use crate::tfmd::anomaly_info::{Reason, Type};
use crate::tfmd::number_text::six_digits;
use crate::tfmd::reason::reason;
use crate::tfmd::view::DatasetView;
use crate::tfmd::{DatasetConstraints, NumericValueComparator};

/// What the number of examples is compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Against {
    PreviousSpan,
    PreviousVersion,
}

impl Against {
    fn name(self) -> &'static str {
        match self {
            Self::PreviousSpan => "previous span",
            Self::PreviousVersion => "previous version",
        }
    }

    /// The comparator of this role, where the constraints have one.
    pub(crate) fn comparator(
        self,
        constraints: &mut DatasetConstraints,
    ) -> Option<&mut NumericValueComparator> {
        match self {
            Self::PreviousSpan => constraints.num_examples_drift_comparator.as_mut(),
            Self::PreviousVersion => constraints.num_examples_version_comparator.as_mut(),
        }
    }
}

pub(crate) fn update(
    statistics: &DatasetView<'_>,
    constraints: &mut DatasetConstraints,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for against in [Against::PreviousSpan, Against::PreviousVersion] {
        if let Some(comparator) = against.comparator(constraints) {
            reasons.extend(compare(statistics, against, comparator));
        }
    }
    // As in TFDV the upper bound is looked at only beside a lower one.
    if constraints.min_examples_count.is_some() {
        reasons.extend(bound(statistics, constraints));
    }
    reasons
}

pub(crate) fn compare(
    statistics: &DatasetView<'_>,
    against: Against,
    comparator: &mut NumericValueComparator,
) -> Vec<Reason> {
    let control = match against {
        Against::PreviousSpan => statistics.previous_span(),
        Against::PreviousVersion => statistics.previous_version(),
    };
    let Some(control) = control else {
        return Vec::new();
    };
    let name = against.name();
    let ratio = (control.examples() > 0.0).then(|| statistics.examples() / control.examples());
    let mut reasons = Vec::new();
    if let Some(limit) = comparator.max_fraction_threshold {
        match ratio {
            None => {
                comparator.max_fraction_threshold = None;
                reasons.push(reason(
                    Type::ComparatorHighNumExamples,
                    format!("High num examples in current dataset versus the {name}, which has 0."),
                    format!(
                        "The {name} has 0 examples, so there is a high number of examples in the \
                         current dataset versus the {name}."
                    ),
                ));
            }
            Some(ratio) if ratio > limit => {
                comparator.max_fraction_threshold = Some(ratio);
                reasons.push(reason(
                    Type::ComparatorHighNumExamples,
                    format!("High num examples in current dataset versus the {name}."),
                    ratio_text(name, ratio, "above", limit),
                ));
            }
            Some(_) => {}
        }
    }
    if let (Some(limit), Some(ratio)) = (comparator.min_fraction_threshold, ratio)
        && ratio < limit
    {
        comparator.min_fraction_threshold = Some(ratio);
        reasons.push(reason(
            Type::ComparatorLowNumExamples,
            format!("Low num examples in current dataset versus the {name}."),
            ratio_text(name, ratio, "below", limit),
        ));
    }
    reasons
}

fn ratio_text(name: &str, ratio: f64, side: &str, limit: f64) -> String {
    format!(
        "The ratio of num examples in the current dataset versus the {name} is {} (up to six \
         significant digits), which is {side} the threshold {}.",
        six_digits(ratio),
        six_digits(limit)
    )
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "numbers of examples; weights are cut to whole ones, as in TFDV"
)]
pub(crate) fn bound(
    statistics: &DatasetView<'_>,
    constraints: &mut DatasetConstraints,
) -> Vec<Reason> {
    let examples = statistics.examples();
    let mut reasons = Vec::new();
    if constraints
        .min_examples_count
        .is_some_and(|min| examples < min as f64)
    {
        constraints.min_examples_count = Some(examples as i64);
        reasons.push(reason(
            Type::DatasetLowNumExamples,
            "Low num examples in dataset.",
            format!(
                "The dataset has {} examples, which is fewer than expected.",
                six_digits(examples)
            ),
        ));
    }
    if constraints
        .max_examples_count
        .is_some_and(|max| examples > max as f64)
    {
        constraints.max_examples_count = Some(examples as i64);
        reasons.push(reason(
            Type::DatasetHighNumExamples,
            "High num examples in dataset.",
            format!(
                "The dataset has {} examples, which is more than expected.",
                six_digits(examples)
            ),
        ));
    }
    reasons
}
