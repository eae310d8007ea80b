//! Texts in tokens: coverage of the vocabulary, and how often single tokens occur.

use crate::tfmd::anomaly_info::{Reason, Type};
use crate::tfmd::custom_statistic::Val;
use crate::tfmd::feature::DomainInfo;
use crate::tfmd::natural_language_statistics::{TokenStatistics, token_statistics::Token};
use crate::tfmd::number_text::six_digits;
use crate::tfmd::reason::reason;
use crate::tfmd::sequence_value_constraints::Value;
use crate::tfmd::view::FeatureView;
use crate::tfmd::{
    Feature, FeatureCoverageConstraints, NaturalLanguageStatistics, SequenceValueConstraints,
};
use prost::Message as _;

/// The custom statistic, and the message in it.
const STATISTICS: &str = "nl_statistics";
const MESSAGE: &str = "tensorflow.metadata.v0.NaturalLanguageStatistics";

/// Loosens the domain to what the statistics show; without statistics it is taken away
/// where it asks for anything.
pub(crate) fn update(view: FeatureView<'_>, feature: &mut Feature) -> Vec<Reason> {
    let Some(DomainInfo::NaturalLanguageDomain(domain)) = &mut feature.domain_info else {
        return Vec::new();
    };
    let statistics = match view.custom_named(STATISTICS) {
        None => None,
        Some(custom) => match unpack(custom.val.as_ref()) {
            Some(statistics) => Some(statistics),
            // Another message under this name: nothing can be said.
            None => return Vec::new(),
        },
    };
    let asks_something = !domain.token_constraints.is_empty()
        || domain.coverage.as_ref().is_some_and(|coverage| {
            coverage.min_coverage.is_some() || coverage.min_avg_token_length.is_some()
        });
    let Some(statistics) = statistics else {
        if asks_something {
            feature.domain_info = None;
            return vec![not_available()];
        }
        return Vec::new();
    };
    let mut reasons = Vec::new();
    if let Some(coverage) = &mut domain.coverage {
        update_coverage(&statistics, coverage, &mut reasons);
    }
    for constraint in &mut domain.token_constraints {
        let (name, wanted) = match &constraint.value {
            Some(Value::IntValue(token)) => (token.to_string(), Token::IntToken(*token)),
            Some(Value::StringValue(token)) => (token.clone(), Token::StringToken(token.clone())),
            None => continue,
        };
        let found = statistics
            .token_statistics
            .iter()
            .find(|token| token.token.as_ref() == Some(&wanted));
        let Some(found) = found else {
            reasons.push(not_available());
            feature.domain_info = None;
            return reasons;
        };
        update_token(found, &name, constraint, &mut reasons);
    }
    reasons
}

fn unpack(value: Option<&Val>) -> Option<NaturalLanguageStatistics> {
    let Some(Val::Any(any)) = value else {
        return None;
    };
    let (_, name) = any.type_url.rsplit_once('/')?;
    (name == MESSAGE).then_some(())?;
    NaturalLanguageStatistics::decode(any.value.as_slice()).ok()
}

fn not_available() -> Reason {
    reason(
        Type::StatsNotAvailable,
        "Natural language stats are not computed.",
        "Constraints specified in natural language domain cannot be verified because natural \
         language stats have not been computed.",
    )
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the constraint is of single precision"
)]
fn update_coverage(
    statistics: &NaturalLanguageStatistics,
    coverage: &mut FeatureCoverageConstraints,
    reasons: &mut Vec<Reason>,
) {
    if let Some(limit) = coverage.min_coverage
        && f64::from(limit) > statistics.feature_coverage
    {
        reasons.push(reason(
            Type::FeatureCoverageTooLow,
            "Feature coverage is too low.",
            format!(
                "Fraction of tokens in the vocabulary: {} is lower than the threshold set in the \
                 Schema: {}.",
                six_digits(statistics.feature_coverage),
                six_digits(f64::from(limit))
            ),
        ));
        coverage.min_coverage = Some(statistics.feature_coverage as f32);
    }
    if let Some(limit) = coverage.min_avg_token_length
        && f64::from(limit) > statistics.avg_token_length
    {
        reasons.push(reason(
            Type::FeatureCoverageTooShortAvgTokenLength,
            "Average token length is too short.",
            format!(
                "Average token length is: {} which is lower than the threshold set in the Schema: \
                 {}.",
                six_digits(statistics.avg_token_length),
                six_digits(f64::from(limit))
            ),
        ));
        coverage.min_avg_token_length = Some(statistics.avg_token_length as f32);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "fractions are of single precision; numbers of occurrences are small"
)]
fn update_token(
    found: &TokenStatistics,
    name: &str,
    constraint: &mut SequenceValueConstraints,
    reasons: &mut Vec<Reason>,
) {
    let fraction = found.fraction_of_sequences;
    let fraction_text = |side: &str, limit: f32| {
        format!(
            "Fraction of sequences with value: {name} is: {} which is {side} than the threshold \
             set in the Schema: {}.",
            six_digits(fraction),
            six_digits(f64::from(limit))
        )
    };
    if let Some(limit) = constraint.min_fraction_of_sequences
        && f64::from(limit) > fraction
    {
        reasons.push(reason(
            Type::SequenceValueTooSmallFraction,
            "Value occurs in too small a fraction of sequences.",
            fraction_text("lower", limit),
        ));
        constraint.min_fraction_of_sequences = Some(fraction as f32);
    }
    if let Some(limit) = constraint.max_fraction_of_sequences
        && f64::from(limit) < fraction
    {
        reasons.push(reason(
            Type::SequenceValueTooLargeFraction,
            "Value occurs in too large a fraction of sequences.",
            fraction_text("higher", limit),
        ));
        constraint.max_fraction_of_sequences = Some(fraction as f32);
    }
    let occurs = |side: &str, times: f64, than: &str, limit: i64| {
        format!(
            "Value: {name} occurs at {side}: {} times within a sequence, which is {than} than the \
             threshold set in the Schema: {limit}.",
            six_digits(times)
        )
    };
    if let Some(limit) = constraint.min_per_sequence
        && limit as f64 > found.per_sequence_min_frequency
    {
        reasons.push(reason(
            Type::SequenceValueTooFewOccurrences,
            "Value has too few per-sequence occurrences.",
            occurs("least", found.per_sequence_min_frequency, "lower", limit),
        ));
        constraint.min_per_sequence = Some(found.per_sequence_min_frequency as i64);
    }
    if let Some(limit) = constraint.max_per_sequence
        && (limit as f64) < found.per_sequence_max_frequency
    {
        reasons.push(reason(
            Type::SequenceValueTooManyOccurrences,
            "Value has too many per-sequence occurrences.",
            occurs("most", found.per_sequence_max_frequency, "higher", limit),
        ));
        constraint.max_per_sequence = Some(found.per_sequence_max_frequency as i64);
    }
}
