//! YAML read into a tree that knows where everything stands.

use crate::SchemaError;
use miette::SourceSpan;
use serde::de::{self, Deserialize, Deserializer};
use serde_saphyr::Spanned;
use std::fmt;

/// The most nodes of a file: a hundred times those of a table of 10,000 columns with
/// the usual constraints.
const MAX_NODES: usize = 20_000_000;

/// The most events that aliases may stand for, in all.
const MAX_REPLAYED: usize = 200_000;

/// A piece of YAML and where it stands, in bytes.
pub(super) struct Node {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) value: Value,
}

pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

pub(super) struct Key {
    pub(super) name: String,
    pub(super) at: SourceSpan,
}

impl Node {
    /// The same as JSON; NaN and infinities, which JSON does not have, as words.
    pub(super) fn into_json(self) -> serde_json::Value {
        match self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(flag) => flag.into(),
            Value::Integer(number) => match (i64::try_from(number), u64::try_from(number)) {
                (Ok(number), _) => number.into(),
                (_, Ok(number)) => number.into(),
                _ => number.to_string().into(),
            },
            Value::Float(number) => serde_json::Number::from_f64(number)
                .map_or_else(|| number.to_string().into(), Into::into),
            Value::Text(text) => text.into(),
            Value::List(nodes) => nodes.into_iter().map(Self::into_json).collect(),
            Value::Map(entries) => serde_json::Value::Object(
                entries
                    .into_iter()
                    .map(|(key, node)| (key.name, node.into_json()))
                    .collect(),
            ),
        }
    }

    pub(super) fn at(&self) -> SourceSpan {
        (self.start, self.end - self.start).into()
    }

    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Integer(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

impl Node {
    /// Takes the closing bracket of `{…}` and `[…]` in, which no part reaches to.
    fn close(&mut self, text: &str) {
        let nodes: &mut dyn Iterator<Item = &mut Self> = match &mut self.value {
            Value::List(nodes) => &mut nodes.iter_mut(),
            Value::Map(entries) => &mut entries.iter_mut().map(|(_, node)| node),
            _ => return,
        };
        let mut inner = self.end;
        for node in nodes {
            node.close(text);
            inner = inner.max(node.end);
        }
        let bracket = match text.as_bytes().get(self.start) {
            Some(b'{') => '}',
            Some(b'[') => ']',
            _ => return,
        };
        let rest = text.get(inner..).unwrap_or_default();
        let gap = rest.len() - rest.trim_start_matches([' ', '\n', ',']).len();
        let closed = rest
            .get(gap..)
            .is_some_and(|rest| rest.starts_with(bracket));
        self.end = inner + if closed { gap + 1 } else { 0 };
    }
}

pub(super) fn parse(text: &str) -> Result<Node, SchemaError> {
    let budget = serde_saphyr::budget! {
        max_nodes: MAX_NODES,
        max_events: 2 * MAX_NODES,
        max_documents: 1,
    };
    let options = serde_saphyr::options! {
        budget: budget,
        // An alias may stand for constraints that columns share, not for a bomb.
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPLAYED,
        },
        // A second key is a mistake like others, noted by the reader.
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
        // `no` and `on` are words in YAML 1.2, and values that columns really have.
        strict_booleans: true,
        // Where a number must be finite, the reader says so in its own words.
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
    };
    let root = serde_saphyr::from_str_with_options::<Node>(text, options);
    let mut root = root.map_err(|error| {
        let message = error.without_snippet().to_string();
        // The place is shown in the text itself.
        let message = match message.rsplit_once(" at line ") {
            Some((what, _)) => what.to_owned(),
            None => message,
        };
        let at = error
            .location()
            .map_or(0, |place| byte_of(text, place.line(), place.column()));
        SchemaError::Syntax {
            message,
            at: at.into(),
        }
    })?;
    root.close(text);
    Ok(root)
}

/// Where a line and a column, both from 1 and in characters, are in bytes.
fn byte_of(text: &str, line: u64, column: u64) -> usize {
    let before = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1) as usize);
    let start: usize = before.map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let mut characters = rest.char_indices();
    let inside = characters.nth(column.saturating_sub(1) as usize);
    start + inside.map_or(rest.len(), |(index, _)| index)
}

/// Start and length in bytes.
fn span(location: &serde_saphyr::Location) -> (usize, usize) {
    let span = location.span();
    let start = span.byte_offset().unwrap_or(0) as usize;
    (start, span.byte_len().unwrap_or(0) as usize)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        let (start, length) = span(&spanned.referenced);
        // A list or map reaches to the end of its last part.
        let inner = match &spanned.value {
            Value::List(nodes) => nodes.last().map(|node| node.end),
            Value::Map(entries) => entries.last().map(|(_, node)| node.end),
            _ => None,
        };
        Ok(Self {
            start,
            end: inner.unwrap_or(0).max(start + length),
            value: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any YAML")
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(Value::Integer(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(Value::Integer(value.into()))
            }

            fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
                Ok(Value::Integer(value))
            }

            fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
                Ok(i128::try_from(value).map_or(Value::Float(value as f64), Value::Integer))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(Value::Float(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<Value, E> {
                Ok(Value::Text(value.to_owned()))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                let mut nodes = Vec::new();
                while let Some(node) = seq.next_element()? {
                    nodes.push(node);
                }
                Ok(Value::List(nodes))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, node)) = map.next_entry::<Spanned<String>, Node>()? {
                    let at = span(&key.referenced).into();
                    entries.push((
                        Key {
                            name: key.value,
                            at,
                        },
                        node,
                    ));
                }
                Ok(Value::Map(entries))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
