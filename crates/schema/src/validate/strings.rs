//! Strings: domains, numbers that they spell, and lengths.

use super::{Check, short_number};
use crate::{
    Anomaly, AnomalyType, BooleanDomain, Bounds, Column, SpelledNumber, UnexpectedValue,
    infer::{MAX_WHOLE_BYTES, lengths, spells_integer},
};
use driftline_statistics::{CategoricalProfile, ValueCount};
use std::collections::BTreeSet;

impl Check<'_> {
    pub(super) fn strings(&mut self, column: &Column, values: &CategoricalProfile) {
        let found = values.values();
        if let Some(domain) = &column.domain {
            self.domain(column, domain, values, &found);
        }
        // A column of Arrow booleans holds `true` and `false` and nothing else.
        if let Some(boolean) = column
            .boolean
            .as_ref()
            .filter(|b| **b != BooleanDomain::default())
        {
            let allowed = [
                boolean.true_value.as_deref(),
                boolean.false_value.as_deref(),
            ];
            let unexpected = |value: &str| !allowed.contains(&Some(value));
            let allowed: Vec<String> = allowed.iter().flatten().map(|v| format!("`{v}`")).collect();
            let head = format!("values other than {}: ", allowed.join(" and "));
            let kind = AnomalyType::BoolTypeUnexpectedString;
            self.unexpected_strings(kind, "unexpected values", &head, values, &found, unexpected);
        }
        if let Some(holds) = column.holds {
            self.spelled(column, holds, values, &found);
        }
        if column.length.is_some() {
            match lengths(values) {
                Some(found) => self.length(column, found),
                None => self.length_of_sketch(column, values, &found),
            }
        }
    }

    fn domain(
        &mut self,
        column: &Column,
        domain: &[String],
        values: &CategoricalProfile,
        found: &[ValueCount],
    ) {
        let allowed: BTreeSet<&str> = domain.iter().map(String::as_str).collect();
        let outside: u64 = found
            .iter()
            .filter(|v| !allowed.contains(v.value.as_str()))
            .map(|v| v.count)
            .sum();
        let total = values.count();
        let inside_share = total.saturating_sub(outside) as f64 / total as f64;
        let min_mass = column.min_domain_mass.unwrap_or(1.0);
        if outside > 0 && (min_mass >= 1.0 || inside_share < min_mass) {
            let head = if min_mass < 1.0 {
                format!(
                    "a share of {} of the values is in the domain, below the least of {}; outside it: ",
                    short_number(inside_share),
                    short_number(min_mass),
                )
            } else {
                "values outside the domain: ".to_owned()
            };
            let kind = AnomalyType::EnumTypeUnexpectedStringValues;
            let unexpected = |value: &str| !allowed.contains(value);
            self.unexpected_strings(kind, "unexpected values", &head, values, found, unexpected);
            if let Some(anomaly) = self.anomalies.last_mut() {
                anomaly.expected = Some(min_mass);
                anomaly.actual = Some(inside_share);
            }
            return;
        }
        // A sketch drops rare values, but their number tells that there are others.
        let distinct = values.distinct();
        let at_least = distinct.value * (1.0 - distinct.error);
        if outside == 0 && min_mass >= 1.0 && !values.is_exact() && at_least > domain.len() as f64 {
            self.raise_numbers(
                AnomalyType::EnumTypeUnexpectedStringValues,
                "unexpected values",
                format!(
                    "the domain has {} values and the column about {:.0}; the others are too rare to name",
                    domain.len(),
                    distinct.value,
                ),
                (domain.len() as f64, distinct.value),
            );
        }
    }

    /// Raises one anomaly that names the values for which `unexpected` holds.
    fn unexpected_strings(
        &mut self,
        kind: AnomalyType,
        short: &str,
        head: &str,
        values: &CategoricalProfile,
        found: &[ValueCount],
        unexpected: impl Fn(&str) -> bool,
    ) {
        let total = values.count();
        let odd: Vec<&ValueCount> = found.iter().filter(|v| unexpected(&v.value)).collect();
        if odd.is_empty() {
            return;
        }
        let evidence: Vec<UnexpectedValue> = odd
            .iter()
            .take(Anomaly::MAX_EVIDENCE)
            .map(|v| UnexpectedValue {
                value: v.value.clone(),
                count: v.count,
                share: v.count as f64 / total as f64,
            })
            .collect();
        let mut description = head.to_owned();
        let named: Vec<String> = evidence
            .iter()
            .map(|v| format!("{} ({})", shown(&v.value), percent(v.count, total)))
            .collect();
        description.push_str(&named.join(", "));
        if odd.len() > evidence.len() {
            description.push_str(&format!(" and {} more", odd.len() - evidence.len()));
        }
        if !values.is_exact() {
            description.push_str(&format!(
                "; the counts come from a sketch and are off by at most {} each, rarer values can be missing",
                values.count_error(),
            ));
        }
        let share = odd.iter().map(|v| v.count).sum::<u64>() as f64 / total as f64;
        let anomaly = self.raise(kind, short, description);
        anomaly.expected = Some(0.0);
        anomaly.actual = Some(share);
        anomaly.evidence = evidence;
    }

    /// Strings that should spell numbers.
    fn spelled(
        &mut self,
        column: &Column,
        holds: SpelledNumber,
        values: &CategoricalProfile,
        found: &[ValueCount],
    ) {
        let integer = holds == SpelledNumber::Integer;
        let spells = |text: &str| match holds {
            SpelledNumber::Integer => spells_integer(text).map(|value| value as f64),
            SpelledNumber::Float => text.trim().parse::<f64>().ok(),
        };
        let (kind, what) = if integer {
            (AnomalyType::IntTypeNotIntString, "whole number")
        } else {
            (AnomalyType::FloatTypeStringNotFloat, "number")
        };
        let head = format!("strings that spell no {what}: ");
        self.unexpected_strings(kind, "not a number", &head, values, found, |v| {
            spells(v).is_none()
        });
        let numbers = || {
            found
                .iter()
                .filter_map(|v| Some((spells(&v.value)?, v.count)))
        };
        if let Some(range) = column.range {
            let proper = || {
                numbers()
                    .map(|(value, _)| value)
                    .filter(|value| !value.is_nan())
            };
            let least = proper().min_by(f64::total_cmp);
            let greatest = proper().max_by(f64::total_cmp);
            self.outside_range(integer, range, (least, greatest));
        }
        let count = |which: fn(f64) -> bool| -> u64 {
            numbers()
                .filter(|(value, _)| which(*value))
                .map(|(_, count)| count)
                .sum()
        };
        let (nan, infinite) = (count(f64::is_nan), count(f64::is_infinite));
        if column.disallow_nan && nan > 0 {
            self.not_a_number(nan);
        }
        if column.disallow_inf && infinite > 0 {
            self.infinite(infinite);
        }
    }

    pub(super) fn length(&mut self, column: &Column, found: Bounds<u64>) {
        let Some(length) = column.length else {
            return;
        };
        if let Some((min, shortest)) = length.min.zip(found.min).filter(|(min, v)| v < min) {
            self.raise_numbers(
                AnomalyType::LengthTooShort,
                "too short",
                format!("the shortest value has {shortest} characters, below the least of {min}"),
                (min as f64, shortest as f64),
            );
        }
        if let Some((max, longest)) = length.max.zip(found.max).filter(|(max, v)| v > max) {
            self.raise_numbers(
                AnomalyType::LengthTooLong,
                "too long",
                format!("the longest value has {longest} characters, above the most of {max}"),
                (max as f64, longest as f64),
            );
        }
    }

    /// Lengths where the profile does not hold every value whole: what is certain is
    /// said, and the rest is said to be unknown.
    fn length_of_sketch(
        &mut self,
        column: &Column,
        values: &CategoricalProfile,
        found: &[ValueCount],
    ) {
        let Some(Bounds { min, max }) = column.length else {
            return;
        };
        // A value that is cut stands for a longer one, so it counts for neither end.
        let whole = || {
            let sizes = found.iter().map(|v| v.value.as_str());
            sizes
                .filter(|v| !may_be_cut(v))
                .map(|v| v.chars().count() as u64)
        };
        // A character takes one to four bytes.
        let longest = whole().max().unwrap_or(0).max(values.max_bytes.div_ceil(4));
        let shortest = if values.empty > 0 {
            Some(0)
        } else {
            whole().min()
        };
        let before = self.anomalies.len();
        self.length(
            column,
            Bounds {
                min: shortest,
                max: Some(longest),
            },
        );
        let long_is_certain = max.is_none_or(|max| values.max_bytes <= max || longest > max);
        let short_is_certain =
            min.is_none_or(|min| min <= 1 || shortest.is_some_and(|shortest| shortest < min));
        if self.anomalies.len() == before && !(long_is_certain && short_is_certain) {
            self.unavailable(
                "length",
                "the profile does not hold every value of this column whole; give it the role `text` to have lengths counted",
            );
        }
    }
}

/// Whether a profile may have cut this value: it then ends in `…` and 16 hexadecimal digits.
fn may_be_cut(value: &str) -> bool {
    value.len() as u64 + 32 > MAX_WHOLE_BYTES
        && value.rsplit_once('…').is_some_and(|(_, hash)| {
            hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit())
        })
}

/// The longest part of a value that a description shows, in characters.
const MAX_SHOWN: usize = 60;

/// A value on one line of a description; the whole of it is in the evidence.
fn shown(value: &str) -> String {
    let mut shown = String::new();
    for (index, character) in value.chars().enumerate() {
        if index == MAX_SHOWN {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_debug());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Whole percents as TFDV prints them: `~5%`, rounded down, or `<1%`.
fn percent(count: u64, total: u64) -> String {
    match u128::from(count) * 100 / u128::from(total.max(1)) {
        0 => "<1%".to_owned(),
        percent => format!("~{percent}%"),
    }
}
