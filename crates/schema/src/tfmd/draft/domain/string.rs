//! Strings out of a list.

use crate::tfmd::StringDomain;
use crate::tfmd::anomaly_info::{Reason, Type};
use crate::tfmd::data_validation::EnumsSimilarConfig;
use crate::tfmd::reason::{Repair, reason};
use crate::tfmd::rules::Rules;
use crate::tfmd::view::FeatureView;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;

/// Whether the strings are few enough, and strings at all.
pub(crate) fn is_candidate(view: FeatureView<'_>, rules: &Rules) -> bool {
    !view.has_invalid_utf8() && rules.makes_a_domain(view.string_counts().len())
}

/// Takes out values that are there twice, and says which.
pub(crate) fn update_self(domain: &mut StringDomain) -> Vec<Reason> {
    let mut seen = HashSet::new();
    let mut repeated = Vec::new();
    domain.value.retain(|value| {
        let new = seen.insert(value.clone());
        if !new {
            repeated.push(value.clone());
        }
        new
    });
    if repeated.is_empty() {
        return Vec::new();
    }
    vec![reason(
        Type::InvalidDomainSpecification,
        "Malformed StringDomain",
        format!("Repeated values in StringDomain:{}", repeated.join(", ")),
    )]
}

/// Adds the values that the domain lacks where they are more than the share
/// `max_off_domain` of all values, or are there at all if that is zero.
pub(crate) fn update(
    view: FeatureView<'_>,
    rules: &Rules,
    max_off_domain: f64,
    domain: &mut StringDomain,
) -> Repair {
    let mut repair = Repair::default();
    if view.has_invalid_utf8() {
        repair.reasons.push(reason(
            Type::EnumTypeInvalidUtf8,
            "Invalid UTF8 strings",
            "Found strings that were not valid UTF8 strings.",
        ));
        repair.clear = true;
        return repair;
    }
    let mut unexpected = view.string_counts();
    if !unexpected.is_empty() {
        let known: HashSet<&str> = domain.value.iter().map(String::as_str).collect();
        unexpected.retain(|value, _| !known.contains(value));
    }
    let total = view.total_values();
    let off: f64 = unexpected.values().sum();
    if off / total > max_off_domain || (max_off_domain == 0.0 && !unexpected.is_empty()) {
        repair.reasons.push(reason(
            Type::EnumTypeUnexpectedStringValues,
            "Unexpected string values",
            unexpected_text(&unexpected, total),
        ));
        domain
            .value
            .extend(unexpected.into_keys().map(str::to_owned));
    }
    if rules.domain_too_large(domain.value.len()) {
        repair.clear = true;
        repair.reasons.push(reason(
            Type::InvalidDomainSpecification,
            "String domain has too many values",
            format!(
                "String domain has too many values ({}).",
                domain.value.len()
            ),
        ));
    }
    repair
}

fn unexpected_text(unexpected: &BTreeMap<&str, f64>, total: f64) -> String {
    let mut text = "Examples contain values missing from the schema: ".to_owned();
    for (index, (value, &count)) in unexpected.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        escape_into(value, &mut text);
        text.push_str(" (");
        text.push_str(&percentage(count, total));
        text.push(')');
    }
    text.push_str(". ");
    text
}

/// A share of whole per cent, rounded down; `?` of nothing.
#[expect(
    clippy::cast_possible_truncation,
    reason = "per cent are rounded down; the cast saturates"
)]
fn percentage(count: f64, total: f64) -> String {
    if total == 0.0 {
        return "?".to_owned();
    }
    let percent = 100.0 * count.trunc() / total;
    if percent < 1.0 {
        "<1%".to_owned()
    } else {
        format!("~{}%", percent.floor() as i64)
    }
}

/// `value` so that it stays on one line: C's escapes, and what is not printable in octal.
fn escape_into(value: &str, into: &mut String) {
    for character in value.chars() {
        match character {
            '\n' => into.push_str("\\n"),
            '\r' => into.push_str("\\r"),
            '\t' => into.push_str("\\t"),
            '"' | '\'' | '\\' => {
                into.push('\\');
                into.push(character);
            }
            control if control.is_ascii_control() => {
                write!(into, "\\{:03o}", u32::from(control)).expect("a string takes any text");
            }
            other => into.push(other),
        }
    }
}

/// Whether two domains seem to be one: all but equal where they are large (Jaccard
/// similarity), wholly equal where they are small.
#[expect(clippy::cast_precision_loss, reason = "numbers of values of a domain")]
pub(crate) fn similar(a: &StringDomain, b: &StringDomain, config: &EnumsSimilarConfig) -> bool {
    let a: BTreeSet<&String> = a.value.iter().collect();
    let b: BTreeSet<&String> = b.value.iter().collect();
    let overlap = a.intersection(&b).count();
    let union = a.len() + b.len() - overlap;
    let large = |size: usize| i32::try_from(size).map_or(true, |size| size > config.min_count());
    overlap == union && union > 0
        || (large(a.len())
            && large(b.len())
            && overlap as f64 / union as f64 > config.min_jaccard_similarity())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_with_a_newline_stays_on_one_line() {
        let mut text = String::new();
        escape_into("a\n\"b'\\\u{1}\u{7f}字", &mut text);
        assert_eq!(text, "a\\n\\\"b\\'\\\\\\001\\177字");
    }

    #[test]
    fn shares_are_rounded_down() {
        assert_eq!(percentage(3.0, 10.0), "~30%");
        assert_eq!(percentage(0.05, 124.0), "<1%");
        assert_eq!(percentage(1.0, 0.0), "?");
    }
}
