//! One column of two schemas.

use super::{
    Differ,
    effect::{Effect, Kind},
};
use crate::{
    Column, ColumnType, Number, Presence,
    tfmd::{self, LifecycleStage},
    yaml,
};
use prost_reflect::DynamicMessage;
use std::collections::BTreeSet;

impl Differ<'_> {
    pub(super) fn compare(&mut self, old: &Column, new: &Column) {
        self.column_type(old.column_type, new.column_type);
        if old.role != new.role {
            let name = |column: &Column| column.role.map(|role| role.name().to_owned());
            self.change("role", name(old), name(new), Effect::None);
        }
        if old.drift != new.drift {
            let text = |column: &Column| {
                column.drift.map(|drift| {
                    let effect = drift
                        .min_effect
                        .map(|effect| format!("min_effect: {effect:?}"));
                    let required = drift.required.then(|| "required: true".to_owned());
                    let parts: Vec<String> = [effect, required].into_iter().flatten().collect();
                    format!("{{{}}}", parts.join(", "))
                })
            };
            self.change("drift", text(old), text(new), Effect::None);
        }
        self.presence(old.presence, new.presence);
        self.bounds("valency", old.valency, new.valency);
        self.values(old, new);
        self.bounds("length", old.length, new.length);
        self.bounds("unique", old.unique, new.unique);
        self.constraints(&old.constraints, &new.constraints);
        for (key, before, after) in [
            ("disallow_nan", old.disallow_nan, new.disallow_nan),
            ("disallow_inf", old.disallow_inf, new.disallow_inf),
        ] {
            if before != after {
                let text = |flag: bool| flag.then(|| "true".to_owned());
                let effect = Effect::of(after, before);
                self.change(key, text(before), text(after), effect);
            }
        }
        self.other(old, new);
        let path = self.column.clone().unwrap_or_default();
        if !old.columns.is_empty() || !new.columns.is_empty() {
            self.columns(&old.columns, &new.columns, &format!("{path}."));
        }
    }

    fn column_type(&mut self, old: ColumnType, new: ColumnType) {
        if old == new {
            return;
        }
        let effect = match (old, new) {
            (ColumnType::Any, _) => Effect::Writers,
            (_, ColumnType::Any) => Effect::Readers,
            // The same to every check.
            (ColumnType::String, ColumnType::Bytes) | (ColumnType::Bytes, ColumnType::String) => {
                Effect::None
            }
            _ => Effect::Both,
        };
        let name = |kind: ColumnType| Some(kind.name().to_owned());
        self.change("type", name(old), name(new), effect);
    }

    fn presence(&mut self, old: Option<Presence>, new: Option<Presence>) {
        if old == new {
            return;
        }
        let least = |presence: Option<Presence>| {
            let presence = presence.unwrap_or_default();
            let share = presence.min_fraction.unwrap_or(0.0);
            (share, presence.min_count.unwrap_or(0))
        };
        let ((old_share, old_count), (new_share, new_count)) = (least(old), least(new));
        let effect = Effect::of(
            new_share > old_share || new_count > old_count,
            new_share < old_share || new_count < old_count,
        );
        let text = |presence: Option<Presence>| {
            presence.map(|presence| {
                let share = presence
                    .min_fraction
                    .map(|s| format!("min_fraction: {s:?}"));
                let count = presence
                    .min_count
                    .map(|count| format!("min_count: {count}"));
                let parts: Vec<String> = [share, count].into_iter().flatten().collect();
                format!("{{{}}}", parts.join(", "))
            })
        };
        self.change("presence", text(old), text(new), effect);
    }

    /// Which values are allowed: by a list, as two words, as a range.
    fn values(&mut self, old: &Column, new: &Column) {
        let domain = |schema: &crate::Schema, column: &Column| {
            schema
                .domain(column)
                .map(|values| values.iter().cloned().collect::<BTreeSet<String>>())
        };
        let (before, after) = (domain(self.old, old), domain(self.new, new));
        if before != after {
            let effect = match (&before, &after) {
                (Some(before), Some(after)) => {
                    Effect::of(!before.is_subset(after), !after.is_subset(before))
                }
                (before, after) => Effect::of(after.is_some(), before.is_some()),
            };
            let only = |these: &Option<BTreeSet<String>>, those: &Option<BTreeSet<String>>| {
                let these = these.as_ref()?;
                Some(listed(these, those.as_ref()))
            };
            self.change(
                "domain",
                only(&before, &after),
                only(&after, &before),
                effect,
            );
        }
        let mass = |column: &Column| column.min_domain_mass.unwrap_or(1.0);
        if mass(old).total_cmp(&mass(new)).is_ne() {
            let text = |column: &Column| Some(format!("{:?}", mass(column)));
            let effect = Effect::of(mass(new) > mass(old), mass(new) < mass(old));
            self.change("min_domain_mass", text(old), text(new), effect);
        }
        if old.boolean != new.boolean {
            let text = |column: &Column| {
                column.boolean.as_ref().map(|boolean| {
                    let word = |key: &str, word: &Option<String>| {
                        word.as_ref().map(|word| format!("{key}: {word}"))
                    };
                    let yes = word("true_value", &boolean.true_value);
                    let no = word("false_value", &boolean.false_value);
                    let parts: Vec<String> = [yes, no].into_iter().flatten().collect();
                    format!("{{{}}}", parts.join(", "))
                })
            };
            let effect = Effect::of(new.boolean.is_some(), old.boolean.is_some());
            self.change("boolean", text(old), text(new), effect);
        }
        if old.holds != new.holds {
            let text = |column: &Column| column.holds.map(|holds| holds.name().to_owned());
            let effect = Effect::of(new.holds.is_some(), old.holds.is_some());
            self.change("holds", text(old), text(new), effect);
        }
        self.bounds::<Number>("range", old.range, new.range);
    }

    /// What only TensorFlow Metadata names.
    fn other(&mut self, old: &Column, new: &Column) {
        let (before, after) = (in_use(old), in_use(new));
        let usage = Effect::of(after && !before, before && !after);
        let message = |column: &Column| {
            let mut other = column.other.clone();
            if column.shared_domain().is_some() {
                // Told by its values.
                other.domain_info = None;
            }
            tfmd::dynamic(&other)
        };
        self.fields(&message(old), &message(new), |field| {
            Some(match field {
                "annotation" | "drift_comparator" | "skew_comparator" | "sequence_metadata"
                | "name" => Kind::Describes,
                "in_environment" | "not_in_environment" => Kind::Either,
                "lifecycle_stage" | "deprecated" => Kind::Use(usage),
                _ => Kind::Constrains,
            })
        });
    }

    /// The fields in which two messages differ, and what that means.
    pub(super) fn fields(
        &mut self,
        old: &DynamicMessage,
        new: &DynamicMessage,
        kind: impl Fn(&str) -> Option<Kind>,
    ) {
        for field in prost_reflect::ReflectMessage::descriptor(old).fields() {
            let text = |message: &DynamicMessage| yaml::field_text(message, &field);
            let (before, after) = (text(old), text(new));
            if before == after {
                continue;
            }
            if let Some(kind) = kind(field.name()) {
                let effect = kind.effect(before.is_some(), after.is_some());
                self.change(field.name(), before, after, effect);
            }
        }
    }
}

/// Whether a column is checked at all: TFDV leaves those alone that are planned, being
/// tried out, or on their way out.
fn in_use(column: &Column) -> bool {
    let deprecated = column.other.deprecated();
    let stage = column.other.lifecycle_stage();
    !deprecated
        && !matches!(
            stage,
            LifecycleStage::Planned
                | LifecycleStage::Alpha
                | LifecycleStage::DebugOnly
                | LifecycleStage::Deprecated
                | LifecycleStage::Disabled
        )
}

/// The values that only one side has; all of them where there is no other side.
fn listed(these: &BTreeSet<String>, those: Option<&BTreeSet<String>>) -> String {
    /// The most values that are named.
    const MOST: usize = 10;
    let only: Vec<&str> = these
        .iter()
        .filter(|value| those.is_none_or(|those| !those.contains(*value)))
        .map(String::as_str)
        .collect();
    let named = only
        .get(..MOST.min(only.len()))
        .unwrap_or_default()
        .join(", ");
    match only.len().checked_sub(MOST) {
        Some(more) if more > 0 => format!("{named} and {more} more"),
        _ if only.is_empty() => "nothing".to_owned(),
        _ => named,
    }
}
