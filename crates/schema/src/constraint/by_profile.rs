//! What a profile answers without rows.

use super::{Between, Constraint, End, Rule, Scalar};
use crate::infer::lengths;
use driftline_statistics::{ColumnProfile, Summary, ValueType};
use std::collections::BTreeSet;

/// Whether the profile of its column shows that every value keeps a constraint.
///
/// `false` says only that rows must be asked: which ones break it, how many, or whether
/// any does where the profile is a sketch.
pub fn profile_holds(constraint: &Constraint, profile: &ColumnProfile) -> bool {
    if constraint.filter.is_some() || profile.present() == 0 {
        return false;
    }
    match &constraint.rule {
        Rule::Between(between) => within(between, profile),
        Rule::InSet(values) => among(values, profile),
        Rule::Length(bounds) => {
            let found = match &profile.summary {
                Summary::Text(text) => {
                    let characters = text.characters();
                    characters.min().zip(characters.max())
                }
                Summary::Categorical(values) => {
                    lengths(values).and_then(|found| Some((found.min? as f64, found.max? as f64)))
                }
                _ => None,
            };
            found.is_some_and(|(least, most)| {
                bounds.min.is_none_or(|min| least >= min as f64)
                    && bounds.max.is_none_or(|max| most <= max as f64)
            })
        }
        _ => false,
    }
}

fn within(between: &Between, profile: &ColumnProfile) -> bool {
    let numbers = matches!(profile.value_type, ValueType::Integer | ValueType::Float);
    let Some(numeric) = profile.numeric().filter(|n| numbers && n.non_finite() == 0) else {
        return false;
    };
    let Some((least, most)) = numeric.min().zip(numeric.max()) else {
        return false;
    };
    // A profile holds numbers as floats, which are exact for integers up to here.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if least < -EXACT || most > EXACT {
        return false;
    }
    between.ends().all(|(key, end)| {
        let End::Value(Scalar::Number(end)) = end else {
            return false;
        };
        let end = end.as_f64();
        match key {
            "min" => least >= end,
            "above" => least > end,
            "max" => most <= end,
            _ => most < end,
        }
    })
}

fn among(allowed: &[Scalar], profile: &ColumnProfile) -> bool {
    let Some(values) = profile.categorical().filter(|values| values.is_exact()) else {
        return false;
    };
    let allowed: BTreeSet<String> = allowed.iter().map(Scalar::to_string).collect();
    values
        .values()
        .iter()
        .all(|value| allowed.contains(&value.value))
}
