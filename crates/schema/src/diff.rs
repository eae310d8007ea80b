//! What changes between two schemas, and for whom the change breaks something.
//!
//! A schema is a promise between those who write data and those who read it:
//!
//! - **Writers** can go on as they are where whatever the old schema accepted the new one
//!   accepts: it is nowhere narrower. In the words of schema registries: the change is
//!   backward compatible.
//! - **Readers** can go on as they are where whatever the new schema accepts the old one
//!   accepted: it is nowhere wider. The change is forward compatible.
//!
//! Readers take columns by name and leave alone those they do not know. Writers are
//! checked by `validate`, to which a column that the schema does not know is an anomaly.
//! What judges one span of data by another (drift, skew, row counts by comparison) and
//! what only describes (roles, annotations) changes nothing for either.
//!
//! | change | breaks |
//! |---|---|
//! | a required column is added | writers |
//! | a column that may be missing is added | nobody |
//! | a column is removed | writers, unless `SCHEMA_NEW_COLUMN` is no error; readers, if it was required |
//! | another type | both; from or to `any` only one |
//! | a limit is tightened, a value leaves a domain, a constraint is added | writers |
//! | a limit is loosened, a value joins a domain, a constraint is dropped | readers |
//! | one kind of constraint in place of another, environments | both |
//! | a column is taken out of use (`lifecycle_stage`, `deprecated`) | readers |
//! | a column is put to use | writers |
//! | tensor representations | readers |

mod column;
mod effect;

pub use effect::Effect;

use crate::{Bounds, Column, Constraint, Schema, Severity, tfmd};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// One difference between two schemas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The path of the column; absent where the table as a whole is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The key that changed; `column` where a whole column came or went.
    pub key: String,
    /// What it was, as YAML; absent where it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What it is now, as YAML; absent where it is no longer there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// For whom it breaks something.
    pub effect: Effect,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(column) = &self.column {
            write!(f, "{column}: ")?;
        }
        match (&self.before, &self.after) {
            (None, Some(after)) => write!(f, "{} added: {after}", self.key),
            (Some(before), None) => write!(f, "{} removed: {before}", self.key),
            (before, after) => write!(
                f,
                "{} changed: {} → {}",
                self.key,
                before.as_deref().unwrap_or_default(),
                after.as_deref().unwrap_or_default()
            ),
        }
    }
}

/// Every difference, of the table first, then of its columns in the order of the old
/// schema, then new columns.
pub fn diff(old: &Schema, new: &Schema) -> Vec<Change> {
    let mut differ = Differ {
        old,
        new,
        column: None,
        changes: Vec::new(),
    };
    differ.table();
    differ.columns(&old.columns, &new.columns, "");
    differ.changes
}

/// The least change that does what all of some changes do.
pub fn effect(changes: &[Change]) -> Effect {
    changes
        .iter()
        .fold(Effect::None, |all, change| all.and(change.effect))
}

struct Differ<'a> {
    old: &'a Schema,
    new: &'a Schema,
    column: Option<String>,
    changes: Vec<Change>,
}

impl Differ<'_> {
    fn change(&mut self, key: &str, before: Option<String>, after: Option<String>, effect: Effect) {
        self.changes.push(Change {
            column: self.column.clone(),
            key: key.to_owned(),
            before,
            after,
            effect,
        });
    }

    fn table(&mut self) {
        let (old, new) = (self.old, self.new);
        self.bounds("rows", old.rows, new.rows);
        self.severities();
        self.constraints(&old.constraints, &new.constraints);
        self.domain_names();
        let (old, new) = (tfmd::dynamic(&old.other), tfmd::dynamic(&new.other));
        self.fields(&old, &new, |field| match field {
            // Domains are told where columns use them, or above.
            "string_domain" => None,
            "annotation" | "dataset_constraints" => Some(effect::Kind::Describes),
            "tensor_representation_group" | "represent_variable_length_as_ragged" => {
                Some(effect::Kind::Read)
            }
            "default_environment" => Some(effect::Kind::Either),
            _ => Some(effect::Kind::Constrains),
        });
    }

    fn severities(&mut self) {
        let (old, new) = (self.old, self.new);
        let kinds: BTreeSet<_> = old
            .severity_overrides
            .keys()
            .chain(new.severity_overrides.keys())
            .collect();
        for kind in kinds {
            let (before, after) = (old.severity(*kind), new.severity(*kind));
            let error = |severity| severity == Severity::Error;
            let effect = match (error(before), error(after)) {
                (false, true) => Effect::Writers,
                (true, false) => Effect::Readers,
                _ => Effect::None,
            };
            if before != after {
                self.change(
                    &format!("severity of {kind}"),
                    Some(before.name().to_owned()),
                    Some(after.name().to_owned()),
                    effect,
                );
            }
        }
    }

    /// Rules come and go as wholes: which of two is narrower nobody can tell of SQL.
    fn constraints(&mut self, old: &[Constraint], new: &[Constraint]) {
        for gone in old.iter().filter(|rule| !new.contains(rule)) {
            let text = Some(crate::yaml::constraint_text(gone));
            self.change("constraint", text, None, Effect::Readers);
        }
        for added in new.iter().filter(|rule| !old.contains(rule)) {
            let text = Some(crate::yaml::constraint_text(added));
            self.change("constraint", None, text, Effect::Writers);
        }
    }

    /// Shared domains that no column uses change nothing, but are told.
    fn domain_names(&mut self) {
        fn names(schema: &Schema) -> BTreeMap<&str, &[String]> {
            let domains = schema.other.string_domain.iter();
            domains
                .map(|domain| (domain.name(), domain.value.as_slice()))
                .collect()
        }
        let (old, new) = (names(self.old), names(self.new));
        for name in old.keys().filter(|name| !new.contains_key(*name)) {
            self.change("domains", Some((*name).to_owned()), None, Effect::None);
        }
        for name in new.keys().filter(|name| !old.contains_key(*name)) {
            self.change("domains", None, Some((*name).to_owned()), Effect::None);
        }
    }

    fn columns(&mut self, old: &[Column], new: &[Column], prefix: &str) {
        let found: BTreeMap<&str, &Column> = new.iter().map(|c| (c.name.as_str(), c)).collect();
        for before in old {
            self.column = Some(format!("{prefix}{}", before.name));
            match found.get(before.name.as_str()) {
                Some(after) => self.compare(before, after),
                None => {
                    let unknown = crate::AnomalyType::SchemaNewColumn;
                    let checked = self.new.severity(unknown) == Severity::Error;
                    let writers = if checked {
                        Effect::Writers
                    } else {
                        Effect::None
                    };
                    let readers = if before.is_required() {
                        Effect::Readers
                    } else {
                        Effect::None
                    };
                    let kind = before.column_type.name().to_owned();
                    self.change("column", Some(kind), None, writers.and(readers));
                }
            }
        }
        let known: BTreeSet<&str> = old.iter().map(|c| c.name.as_str()).collect();
        for after in new.iter().filter(|c| !known.contains(c.name.as_str())) {
            self.column = Some(format!("{prefix}{}", after.name));
            let effect = if after.is_required() {
                Effect::Writers
            } else {
                Effect::None
            };
            let kind = after.column_type.name().to_owned();
            self.change("column", None, Some(kind), effect);
        }
        self.column = None;
    }

    fn bounds<T: Copy + Into<crate::Number>>(
        &mut self,
        key: &str,
        old: Option<Bounds<T>>,
        new: Option<Bounds<T>>,
    ) {
        let ends = |bounds: Option<Bounds<T>>| {
            let number = |end: Option<T>| end.map(Into::into);
            bounds.map(|b| (number(b.min), number(b.max)))
        };
        let (old, new) = (ends(old), ends(new));
        if old != new {
            let effect = effect::of_range(old.unwrap_or_default(), new.unwrap_or_default());
            self.change(key, old.map(range_text), new.map(range_text), effect);
        }
    }
}

/// A range as it stands in the file.
fn range_text((min, max): effect::Range) -> String {
    let end = |key: &str, end: Option<crate::Number>| end.map(|end| format!("{key}: {end}"));
    let ends: Vec<String> = [end("min", min), end("max", max)]
        .into_iter()
        .flatten()
        .collect();
    format!("{{{}}}", ends.join(", "))
}
