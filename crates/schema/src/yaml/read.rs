//! The schema taken out of the tree key by key; every mistake is noted with its place.

use super::{
    constraint::Owner,
    suggestion::{suggestion, suggestion_of},
    tree::{Key, Node, Value},
};
use crate::{AnomalyType, Bounds, Column, Number, Schema, SchemaError, Severity, tfmd};
use miette::SourceSpan;
use prost_reflect::DynamicMessage;
use std::collections::{BTreeMap, BTreeSet};

/// Keys of a table that are read and written as TensorFlow Metadata names them.
pub(crate) const GENERIC_KEYS: [&str; 10] = [
    "sparse_feature",
    "weighted_feature",
    "string_domain",
    "float_domain",
    "int_domain",
    "default_environment",
    "represent_variable_length_as_ragged",
    "annotation",
    "dataset_constraints",
    "tensor_representation_group",
];

#[derive(Default)]
pub(super) struct Reader {
    pub(super) mistakes: Vec<SchemaError>,
}

/// The entries of a map, taken out one by one.
pub(super) struct Entries<'a> {
    pub(super) place: String,
    pub(super) at: SourceSpan,
    pub(super) left: Vec<(&'a Key, &'a Node)>,
    pub(super) known: Vec<&'static str>,
}

impl<'a> Entries<'a> {
    /// What a key has, without taking it.
    pub(super) fn peek(&self, key: &str) -> Option<&'a Node> {
        let entry = self.left.iter().find(|(k, _)| k.name == key);
        entry.map(|(_, node)| *node)
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        let index = self.left.iter().position(|(k, _)| k.name == key)?;
        Some(self.left.remove(index).1)
    }
}

impl Reader {
    pub(super) fn schema(&mut self, root: &Node) -> Schema {
        let mut schema = Schema::default();
        let empty = Node {
            value: Value::Map(Vec::new()),
            ..*root
        };
        let root = if matches!(root.value, Value::Null) {
            &empty
        } else {
            root
        };
        let Some(mut entries) = self.entries("the schema", "top level", root) else {
            return schema;
        };
        match entries.take("format_version") {
            None => self.mistakes.push(SchemaError::MissingKey {
                place: entries.place.clone(),
                key: "format_version",
                example: "`format_version: 1` at the top",
                at: (entries.at.offset(), 0).into(),
            }),
            Some(node) => match node.value {
                Value::Integer(version) if version == i128::from(Schema::FORMAT_VERSION) => {}
                Value::Integer(found) => self.mistakes.push(SchemaError::FormatVersion {
                    found,
                    at: node.at(),
                }),
                _ => self.wrong_type(&entries.place, "format_version", "a whole number", node),
            },
        }
        schema.rows = self.bounds(&mut entries, "rows", Self::count);
        self.own_keys(&mut entries, &mut schema);
        self.other(&mut entries, &mut schema);
        match entries.take("columns") {
            None => self.mistakes.push(SchemaError::MissingKey {
                place: entries.place.clone(),
                key: "columns",
                example: "`columns:` with one entry a column",
                at: (entries.at.offset(), 0).into(),
            }),
            Some(node) => schema.columns = self.columns("the schema", "", node),
        }
        if self.mistakes.is_empty() {
            self.known_columns(&schema);
        }
        self.finish(entries);
        schema
    }

    /// Keys that TensorFlow Metadata has no words for.
    fn own_keys(&mut self, entries: &mut Entries<'_>, schema: &mut Schema) {
        schema.severity_overrides = entries
            .take("severity_overrides")
            .map(|node| self.severity_overrides(node))
            .unwrap_or_default();
        schema.constraints = self.constraints(entries, Owner::Table);
    }

    /// Reads a map of nothing but own keys; `None` where it is no map.
    pub(super) fn own_keys_of_schema(&mut self, root: &Node) -> Option<Schema> {
        let mut entries = self.entries("the schema", "top level", root)?;
        let mut schema = Schema::default();
        self.own_keys(&mut entries, &mut schema);
        self.finish(entries);
        Some(schema)
    }

    /// The columns of a table or a struct, whose name with a dot is `prefix`.
    pub(super) fn columns(&mut self, place: &str, prefix: &str, node: &Node) -> Vec<Column> {
        let Some(columns) = self.entries(place, "columns", node) else {
            return Vec::new();
        };
        let columns = columns.left.into_iter();
        columns
            .map(|(key, node)| self.column(prefix, key, node))
            .collect()
    }

    /// Keys that are those of TensorFlow Metadata.
    fn other(&mut self, entries: &mut Entries<'_>, schema: &mut Schema) {
        let constraints = entries.peek("dataset_constraints");
        let mut message = DynamicMessage::new(tfmd::descriptor::<tfmd::Schema>());
        let domains = entries.take("domains");
        entries.known.extend(GENERIC_KEYS);
        self.fields(entries, "", &mut message, |name| {
            GENERIC_KEYS.contains(&name)
        });
        schema.other = message
            .transcode_to()
            .expect("a message of this descriptor has this type");
        if let Some(node) = domains {
            let shared = self.domains(node);
            schema.other.string_domain.splice(0..0, shared);
        }
        let twice = |own: Option<u64>, other: Option<i64>| own.is_some() && other.is_some();
        if let (Some(node), Some(other), Some(own)) =
            (constraints, &schema.other.dataset_constraints, schema.rows)
            && (twice(own.min, other.min_examples_count)
                || twice(own.max, other.max_examples_count))
        {
            let at = node.at();
            self.either("the schema", "rows", "dataset_constraints", at);
        }
    }

    /// The domains that columns share, by their names.
    fn domains(&mut self, node: &Node) -> Vec<tfmd::StringDomain> {
        let place = "the schema";
        let Some(entries) = self.entries(place, "domains", node) else {
            return Vec::new();
        };
        let descriptor = tfmd::descriptor::<tfmd::StringDomain>();
        let mut domains = Vec::with_capacity(entries.left.len());
        for (key, node) in entries.left {
            let label = format!("domains.{}", key.name);
            let Some(read) = self.message(place, &label, node, &descriptor) else {
                continue;
            };
            let mut domain: tfmd::StringDomain = read
                .transcode_to()
                .expect("a message of this descriptor has this type");
            if domain.name.is_some() {
                self.either(place, &key.name, "name", key.at);
            }
            domain.name = Some(key.name.clone());
            domains.push(domain);
        }
        domains
    }

    fn severity_overrides(&mut self, node: &Node) -> BTreeMap<AnomalyType, Severity> {
        let mut overrides = BTreeMap::new();
        let place = "the schema";
        let Some(entries) = self.entries(place, "severity_overrides", node) else {
            return overrides;
        };
        for (key, node) in entries.left {
            let kind = AnomalyType::ALL.iter().find(|kind| kind.name() == key.name);
            if kind.is_none() {
                self.mistakes.push(SchemaError::UnknownName {
                    place: place.to_owned(),
                    key: "anomaly type".to_owned(),
                    found: key.name.clone(),
                    help: suggestion_of(&key.name, AnomalyType::ALL, AnomalyType::name),
                    at: key.at,
                });
            }
            let severity = self.name(place, "severity", node, &Severity::ALL, Severity::name);
            if let (Some(&kind), Some(severity)) = (kind, severity) {
                overrides.insert(kind, severity);
            }
        }
        overrides
    }

    /// Reads `{min, max}`, whose ends are read by `read`.
    pub(super) fn bounds<T: Copy + Into<Number>>(
        &mut self,
        entries: &mut Entries<'_>,
        key: &'static str,
        read: fn(&mut Self, &str, &str, &Node) -> Option<T>,
    ) -> Option<Bounds<T>> {
        let node = entries.take(key)?;
        let place = entries.place.clone();
        let mut ends = self.entries(&place, key, node)?;
        let (min, max) = (ends.take("min"), ends.take("max"));
        let bounds = Bounds {
            min: min.and_then(|n| read(self, &place, &format!("{key}.min"), n)),
            max: max.and_then(|n| read(self, &place, &format!("{key}.max"), n)),
        };
        self.finish(ends);
        if let (Some(min), Some(max)) = (bounds.min, bounds.max) {
            let (min, max): (Number, Number) = (min.into(), max.into());
            if min.is_above(max) {
                self.mistakes.push(SchemaError::EmptyRange {
                    place,
                    key: key.to_owned(),
                    min: min.to_string(),
                    max: max.to_string(),
                    at: node.at(),
                });
            }
        }
        Some(bounds)
    }

    pub(super) fn entries<'a>(
        &mut self,
        place: &str,
        key: &str,
        node: &'a Node,
    ) -> Option<Entries<'a>> {
        let Value::Map(map) = &node.value else {
            self.wrong_type(place, key, "a map", node);
            return None;
        };
        let mut seen = BTreeSet::new();
        let mut left = Vec::with_capacity(map.len());
        for (key, node) in map {
            if seen.insert(key.name.as_str()) {
                left.push((key, node));
            } else {
                self.mistakes.push(SchemaError::DuplicateKey {
                    place: place.to_owned(),
                    key: key.name.clone(),
                    at: key.at,
                });
            }
        }
        Some(Entries {
            place: place.to_owned(),
            at: node.at(),
            left,
            known: Vec::new(),
        })
    }

    /// Notes the keys that nobody took.
    pub(super) fn finish(&mut self, entries: Entries<'_>) {
        for (key, _) in entries.left {
            self.mistakes.push(SchemaError::UnknownKey {
                place: entries.place.clone(),
                key: key.name.clone(),
                help: suggestion(&key.name, &entries.known),
                at: key.at,
            });
        }
    }

    pub(super) fn name<T: Copy>(
        &mut self,
        place: &str,
        key: &'static str,
        node: &Node,
        all: &[T],
        name: fn(T) -> &'static str,
    ) -> Option<T> {
        let Value::Text(found) = &node.value else {
            self.wrong_type(place, key, "a word", node);
            return None;
        };
        let value = all.iter().copied().find(|&value| name(value) == found);
        if value.is_none() {
            self.mistakes.push(SchemaError::UnknownName {
                place: place.to_owned(),
                key: key.to_owned(),
                found: found.clone(),
                help: suggestion_of(found, all, name),
                at: node.at(),
            });
        }
        value
    }

    pub(super) fn text(&mut self, place: &str, key: &str, node: &Node) -> Option<String> {
        if let Value::Text(text) = &node.value {
            return Some(text.clone());
        }
        self.wrong_type(place, key, "text in quotes", node);
        None
    }

    pub(super) fn flag(&mut self, place: &str, key: &str, node: &Node) -> Option<bool> {
        if let Value::Bool(flag) = node.value {
            return Some(flag);
        }
        self.wrong_type(place, key, "true or false", node);
        None
    }

    pub(super) fn count(&mut self, place: &str, key: &str, node: &Node) -> Option<u64> {
        let Value::Integer(value) = node.value else {
            self.wrong_type(place, key, "a whole number", node);
            return None;
        };
        let count = u64::try_from(value).ok();
        if count.is_none() {
            self.out_of_range(place, key, value.to_string(), "0 or more", node);
        }
        count
    }

    pub(super) fn share(&mut self, place: &str, key: &str, node: &Node) -> Option<f64> {
        let value = self.number(place, key, node)?.as_f64();
        if (0.0..=1.0).contains(&value) {
            return Some(value);
        }
        self.out_of_range(place, key, value.to_string(), "from 0 to 1", node);
        None
    }

    pub(super) fn number(&mut self, place: &str, key: &str, node: &Node) -> Option<Number> {
        match node.value {
            Value::Integer(value) => {
                Some(i64::try_from(value).map_or(Number::Float(value as f64), Number::Integer))
            }
            Value::Float(value) if value.is_finite() => Some(Number::Float(value)),
            Value::Float(value) => {
                self.out_of_range(place, key, value.to_string(), "finite", node);
                None
            }
            _ => {
                self.wrong_type(place, key, "a number", node);
                None
            }
        }
    }

    pub(super) fn out_of_range(
        &mut self,
        place: &str,
        key: &str,
        value: String,
        allowed: &'static str,
        node: &Node,
    ) {
        self.mistakes.push(SchemaError::OutOfRange {
            place: place.to_owned(),
            key: key.to_owned(),
            value,
            allowed,
            at: node.at(),
        });
    }

    pub(super) fn wrong_type(
        &mut self,
        place: &str,
        key: &str,
        expected: &'static str,
        node: &Node,
    ) {
        self.mistakes.push(SchemaError::WrongType {
            place: place.to_owned(),
            key: key.to_owned(),
            expected,
            found: node.kind(),
            at: node.at(),
        });
    }
}
