//! Two values: 0 and 1, or two strings.

use crate::tfmd::anomaly_info::{Reason, Type};
use crate::tfmd::feature::DomainInfo;
use crate::tfmd::feature_name_statistics::Type as Kind;
use crate::tfmd::histogram::HistogramType;
use crate::tfmd::number_text::six_digits;
use crate::tfmd::reason::reason;
use crate::tfmd::view::FeatureView;
use crate::tfmd::{BoolDomain, Feature, FloatDomain, IntDomain};
use std::collections::BTreeSet;

const NOT_BOOLEAN: &str = "Non-boolean values";

/// Strings that are taken for true and for false; none is in both.
const TRUE: [&str; 6] = ["TRUE", "true", "SET", "set", "1", ""];
const FALSE: [&str; 5] = ["FALSE", "false", "CLEAR", "clear", "0"];

/// Whether the values are whole numbers of which the greatest is 1 and none is below 0,
/// or one or two strings of which at most one means true and at most one means false.
/// A column that is 0 throughout says too little.
pub(crate) fn is_candidate(view: FeatureView<'_>) -> bool {
    match view.kind() {
        Ok(Kind::Int) => {
            let (min, max) = view.range();
            min >= 0.0 && max.to_bits() == 1.0_f64.to_bits()
        }
        Ok(Kind::String) => {
            let labels = view.string_counts();
            let mean = |words: &[&str]| labels.keys().filter(|label| words.contains(label)).count();
            let (yes, no) = (mean(&TRUE), mean(&FALSE));
            !labels.is_empty() && yes <= 1 && no <= 1 && yes + no == labels.len()
        }
        _ => false,
    }
}

/// The domain of a candidate: of strings, with the words that were seen.
pub(crate) fn infer(view: FeatureView<'_>) -> BoolDomain {
    if view.kind() != Ok(Kind::String) {
        return BoolDomain::default();
    }
    let labels = view.string_counts();
    let seen = |words: &[&str]| {
        labels
            .keys()
            .find(|label| words.contains(label))
            .map(|&label| label.to_owned())
    };
    BoolDomain {
        name: None,
        true_value: seen(&TRUE),
        false_value: seen(&FALSE),
    }
}

/// Takes out a word for false that is also the one for true.
pub(crate) fn update_self(domain: &mut BoolDomain) -> Vec<Reason> {
    match &domain.true_value {
        Some(word) if domain.false_value.as_ref() == Some(word) => {
            let description = format!(
                "True and false value equal for BoolDomain:{word}. The suggested change is to \
                 clear the false_value, but a domain expert should review this change."
            );
            domain.false_value = None;
            vec![reason(
                Type::InvalidDomainSpecification,
                "Malformed BoolDomain",
                description,
            )]
        }
        _ => Vec::new(),
    }
}

/// Replaces the domain by one of numbers, or takes it away, where other values were seen.
pub(crate) fn update(view: FeatureView<'_>, feature: &mut Feature) -> Vec<Reason> {
    match view.kind() {
        Ok(Kind::Int) => integers(view, feature),
        Ok(Kind::Float) => floats(view, feature),
        Ok(Kind::String) => strings(view, feature),
        _ => Vec::new(),
    }
}

fn integers(view: FeatureView<'_>, feature: &mut Feature) -> Vec<Reason> {
    let (min, max) = view.range();
    let (kind, example) = if min < 0.0 {
        (Type::BoolTypeSmallInt, min)
    } else if max > 1.0 {
        (Type::BoolTypeBigInt, max)
    } else {
        return Vec::new();
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "these are whole numbers; the cast saturates"
    )]
    let domain = IntDomain {
        min: Some(min as i64),
        max: Some(max as i64),
        ..IntDomain::default()
    };
    feature.domain_info = Some(DomainInfo::IntDomain(domain));
    vec![reason(
        kind,
        NOT_BOOLEAN,
        format!(
            "Integers (such as {}) not in {{0, 1}}: converting to an integer.",
            six_digits(example)
        ),
    )]
}

fn floats(view: FeatureView<'_>, feature: &mut Feature) -> Vec<Reason> {
    let Some(description) = not_boolean(view) else {
        return Vec::new();
    };
    let (min, max) = view.range();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the bounds of a domain are of single precision"
    )]
    let domain = FloatDomain {
        min: Some(min as f32),
        max: Some(max as f32),
        ..FloatDomain::default()
    };
    feature.domain_info = Some(DomainInfo::FloatDomain(domain));
    vec![reason(
        Type::BoolTypeUnexpectedFloat,
        NOT_BOOLEAN,
        description,
    )]
}

/// What of the numbers is neither 0 nor 1, as far as statistics tell: the ends, and
/// buckets that hold values and neither number.
fn not_boolean(view: FeatureView<'_>) -> Option<String> {
    let is_boolean = |value: f64| value == 0.0 || value.to_bits() == 1.0_f64.to_bits();
    let (min, max) = view.range();
    for end in [min, max] {
        if !is_boolean(end) {
            return Some(format!(
                "Floats (such as {}) not in {{0, 1}}: converting to float_domain.",
                six_digits(end)
            ));
        }
    }
    for histogram in view
        .numeric()
        .iter()
        .flat_map(|numeric| &numeric.histograms)
    {
        if histogram.num_nan > 0 {
            return Some(
                "Floats (such as NaN) not in {0, 1}: converting to float_domain.".to_owned(),
            );
        }
        for bucket in histogram
            .buckets
            .iter()
            .filter(|bucket| bucket.sample_count > 0.0)
        {
            if bucket.high_value < 0.0 {
                return Some(
                    "Float values < 0 not in {0, 1}: converting to float_domain.".to_owned(),
                );
            }
            if bucket.low_value > 1.0 {
                return Some(
                    "Float values > 1 not in {0, 1}: converting to float_domain.".to_owned(),
                );
            }
            // Only a quantile is a value that was seen.
            if histogram.r#type() == HistogramType::Quantiles
                && bucket.high_value < 1.0
                && bucket.low_value > 0.0
            {
                return Some(
                    "Float values falling between 0 and 1: converting to float_domain.".to_owned(),
                );
            }
        }
    }
    None
}

fn strings(view: FeatureView<'_>, feature: &mut Feature) -> Vec<Reason> {
    let Some(DomainInfo::BoolDomain(domain)) = &feature.domain_info else {
        return Vec::new();
    };
    let known: BTreeSet<&str> = [&domain.true_value, &domain.false_value]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let Some(other) = view
        .string_counts()
        .into_keys()
        .find(|label| !known.contains(label))
    else {
        return Vec::new();
    };
    let known = if known.is_empty() {
        "{}".to_owned()
    } else {
        let known: Vec<&str> = known.into_iter().collect();
        format!("{{\"{}\"}}", known.join("\", \""))
    };
    feature.domain_info = None;
    vec![reason(
        Type::BoolTypeUnexpectedString,
        NOT_BOOLEAN,
        format!("Saw unexpected value \"{other}\" instead of {known}."),
    )]
}
