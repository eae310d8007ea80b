//! What each column is for, and why.

use driftline_schema::Role;
use driftline_statistics::{ColumnProfile, Summary, ValueType};

/// A column and what it is taken for.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub(super) name: String,
    pub(super) role: Option<Role>,
    /// Why, for people.
    pub(super) reason: String,
    /// What was seen, for people.
    pub(super) seen: String,
}

/// Names of columns that count on with the calendar: they move by nature.
const CALENDAR: [(&str, f64); 12] = [
    ("year", 9_999.0),
    ("yr", 9_999.0),
    ("quarter", 4.0),
    ("season", 4.0),
    ("month", 12.0),
    ("mnth", 12.0),
    ("mon", 12.0),
    ("week", 53.0),
    ("day", 366.0),
    ("dayofyear", 366.0),
    ("day_of_year", 366.0),
    ("weekofyear", 53.0),
];

pub(super) fn choose(profiles: &[(String, ColumnProfile)], time: Option<&str>) -> Vec<Chosen> {
    profiles
        .iter()
        .map(|(name, profile)| {
            let (role, reason) = role(name, profile, time);
            Chosen {
                name: name.clone(),
                role,
                reason,
                seen: seen(profile),
            }
        })
        .collect()
}

fn role(name: &str, profile: &ColumnProfile, time: Option<&str>) -> (Option<Role>, String) {
    if time == Some(name) {
        return (Some(Role::Time), "when the row happened".into());
    }
    if let Some(numbers) = profile
        .numeric()
        .filter(|_| profile.value_type == ValueType::Integer)
        && let Some((least, most)) = numbers.min().zip(numbers.max())
    {
        let lower = name.to_lowercase();
        let calendar = CALENDAR
            .iter()
            .any(|(word, limit)| lower == *word && most <= *limit);
        if time.is_some() && calendar && least >= 0.0 {
            return (
                Some(Role::Time),
                "it goes with the calendar, so that it drifts says nothing".into(),
            );
        }
        let distinct = profile.distinct();
        let unique = distinct.is_some_and(|distinct| {
            distinct.value >= profile.present() as f64 * (1.0 - distinct.error)
        });
        let named = lower == "id" || lower.ends_with("_id") || lower.ends_with("index");
        let numbered = driftline_schema::infer_role(profile) == Some(Role::Id);
        if numbered || unique && profile.present() > 1 && named {
            return (
                Some(Role::Id),
                "every row has another number, as names of rows do".into(),
            );
        }
    }
    let role = driftline_schema::infer_role(profile);
    let reason = match (role, profile.value_type) {
        (Some(Role::Text), _) => "long strings, most of them different: its words are counted",
        (Some(Role::Id), _) => "every value is different and a single token",
        (Some(Role::Category), ValueType::Boolean) => "true or false",
        (Some(Role::Category), _) => "strings that come again",
        (Some(Role::Number), _) => "numbers",
        (Some(Role::Time), _) => "times, which move by nature: drift is not judged",
        _ => "values of this type are counted, not summarised",
    };
    (role, reason.into())
}

fn seen(profile: &ColumnProfile) -> String {
    let mut seen = Vec::new();
    if let Some(distinct) = profile.distinct() {
        let about = if distinct.exact { "" } else { "about " };
        seen.push(format!("{about}{:.0} values", distinct.value));
    }
    match &profile.summary {
        Summary::Numeric(numbers)
            if matches!(profile.value_type, ValueType::Integer | ValueType::Float) =>
        {
            if let Some((least, most)) = numbers.min().zip(numbers.max()) {
                let number = crate::findings::number;
                seen.push(format!("from {} to {}", number(least), number(most)));
            }
        }
        Summary::Text(text) => {
            let lengths = text.characters();
            if let Some((least, most)) = lengths.min().zip(lengths.max()) {
                seen.push(format!("{least:.0} to {most:.0} characters"));
            }
        }
        _ => {}
    }
    match profile.null_share() {
        Some(share) if profile.nulls > 0 => {
            seen.push(format!("{} null", crate::findings::percent(share)));
        }
        _ => seen.push("no nulls".into()),
    }
    seen.join(", ")
}

/// The text column of the longest texts.
pub(super) fn text(profiles: &[(String, ColumnProfile)], columns: &[Chosen]) -> Option<String> {
    profiles
        .iter()
        .zip(columns)
        .filter(|(_, column)| column.role == Some(Role::Text))
        .filter_map(|((name, profile), _)| Some((name, profile.text()?.characters().mean()?)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(name, _)| name.clone())
}

/// The first category of few values, each of which is common.
pub(super) fn slice(profiles: &[(String, ColumnProfile)], columns: &[Chosen]) -> Option<String> {
    let few = |profile: &ColumnProfile| {
        profile.categorical().is_some_and(|values| {
            let found = values.values();
            let least = found.iter().map(|value| value.count).min().unwrap_or(0);
            (2..=6).contains(&found.len()) && least * 20 >= values.count()
        })
    };
    profiles
        .iter()
        .zip(columns)
        .find(|((_, profile), column)| column.role == Some(Role::Category) && few(profile))
        .map(|((name, _), _)| name.clone())
}
