//! A protobuf message as YAML that a person would write.
//!
//! Fields under their names, enums as words in lower case. A message that is about one
//! field is written as that field alone (`infinity_norm: 0.01`, `shape: [3, 4]`), and
//! whatever fits in a line is written in a line.

use super::{
    message::principal,
    write::{MAX_LINE, put_key, scalar},
};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage as _, Value};
use std::fmt::{self, Write as _};

/// A piece of YAML to be written; scalars and keys are as they stand in the file.
pub(super) enum Tree {
    Scalar(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// Writes `key: …` at an indentation.
    pub(super) fn put(&self, out: &mut String, indent: &str, key: &str) -> fmt::Result {
        put_key(out, indent, key)?;
        self.put_value(out, indent, indent.len() + key.chars().count() + 2)
    }

    /// Writes what follows a colon or a dash, `column` characters into the line.
    fn put_value(&self, out: &mut String, indent: &str, column: usize) -> fmt::Result {
        // What is empty has no long form.
        let empty = match self {
            Self::Scalar(_) => false,
            Self::List(parts) => parts.is_empty(),
            Self::Map(entries) => entries.is_empty(),
        };
        let most = MAX_LINE
            .saturating_sub(column)
            .max(if empty { 2 } else { 0 });
        if let Some(flow) = self.flow(most) {
            return writeln!(out, " {flow}");
        }
        let inner = format!("{indent}  ");
        match self {
            Self::Scalar(text) => writeln!(out, " {text}"),
            Self::List(parts) => {
                writeln!(out)?;
                for part in parts {
                    write!(out, "{inner}-")?;
                    part.put_value(out, &inner, inner.len() + 2)?;
                }
                Ok(())
            }
            Self::Map(entries) => {
                writeln!(out)?;
                for (key, part) in entries {
                    part.put(out, &inner, key)?;
                }
                Ok(())
            }
        }
    }

    /// The short form, where it is no longer than `most` characters.
    fn flow(&self, most: usize) -> Option<String> {
        let text = match self {
            Self::Scalar(text) => text.clone(),
            Self::List(parts) => {
                let parts: Option<Vec<String>> = parts.iter().map(|part| part.flow(most)).collect();
                format!("[{}]", parts?.join(", "))
            }
            Self::Map(entries) => {
                let entries: Option<Vec<String>> = entries
                    .iter()
                    .map(|(key, part)| Some(format!("{key}: {}", part.flow(most)?)))
                    .collect();
                format!("{{{}}}", entries?.join(", "))
            }
        };
        (text.chars().count() <= most).then_some(text)
    }
}

/// A message as a map of its fields, or as the one field that it is about.
pub(super) fn message(message: &DynamicMessage) -> Tree {
    let descriptor = message.descriptor();
    let fields = fields(message);
    match principal(&descriptor) {
        Some(field) if fields.is_empty() && field.is_list() => Tree::List(Vec::new()),
        Some(field) if fields.len() == 1 && fields[0].0 == field.name() => {
            let (_, tree) = fields.into_iter().next().expect("there is one field");
            tree
        }
        _ => Tree::Map(fields),
    }
}

/// The fields of a message that are set, in the order of their numbers.
pub(super) fn fields(message: &DynamicMessage) -> Vec<(String, Tree)> {
    message
        .fields()
        .map(|(field, value)| (field.name().to_owned(), value_of(&field, value)))
        .collect()
}

/// A field in the short form; `None` where it is not set.
pub(crate) fn field_text(message: &DynamicMessage, field: &FieldDescriptor) -> Option<String> {
    if !message.has_field(field) {
        return None;
    }
    value_of(field, &message.get_field(field)).flow(usize::MAX)
}

fn value_of(field: &FieldDescriptor, value: &Value) -> Tree {
    match value {
        Value::List(parts) => Tree::List(
            parts
                .iter()
                .map(|part| single(field.kind(), part))
                .collect(),
        ),
        Value::Map(entries) => {
            let Kind::Message(entry) = field.kind() else {
                unreachable!("a map field is of its entry's type")
            };
            let kind = entry.map_entry_value_field().kind();
            let mut entries: Vec<(&MapKey, &Value)> = entries.iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
            Tree::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| (map_key(key), single(kind.clone(), value)))
                    .collect(),
            )
        }
        value => single(field.kind(), value),
    }
}

fn map_key(key: &MapKey) -> String {
    match key {
        MapKey::String(text) => scalar(text),
        MapKey::Bool(flag) => flag.to_string(),
        MapKey::I32(n) => n.to_string(),
        MapKey::I64(n) => n.to_string(),
        MapKey::U32(n) => n.to_string(),
        MapKey::U64(n) => n.to_string(),
    }
}

fn single(kind: Kind, value: &Value) -> Tree {
    Tree::Scalar(match value {
        Value::Message(part) => return message(part),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => scalar(text),
            Err(_) => {
                return Tree::Map(vec![(
                    "base64".to_owned(),
                    Tree::Scalar(scalar(&super::message::encode_base64(bytes))),
                )]);
            }
        },
        Value::String(text) => scalar(text),
        Value::Bool(flag) => flag.to_string(),
        Value::I32(n) => n.to_string(),
        Value::I64(n) => n.to_string(),
        Value::U32(n) => n.to_string(),
        Value::U64(n) => n.to_string(),
        Value::F32(n) => float32(*n),
        Value::F64(n) => float64(*n),
        Value::EnumNumber(number) => {
            let Kind::Enum(descriptor) = kind else {
                unreachable!("an enum's number is in an enum field")
            };
            match descriptor.get_value(*number) {
                Some(value) => scalar(&value.name().to_lowercase()),
                // From a newer version of the format: the number is all there is.
                None => number.to_string(),
            }
        }
        Value::List(_) | Value::Map(_) => unreachable!("lists and maps are not nested"),
    })
}

fn float64(value: f64) -> String {
    if value.is_nan() {
        ".nan".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { ".inf" } else { "-.inf" }.to_owned()
    } else {
        format!("{value:?}")
    }
}

/// The shortest digits that read back as the same number.
fn float32(value: f32) -> String {
    if !value.is_finite() {
        return float64(value.into());
    }
    let mut short = String::new();
    write!(short, "{value:?}").expect("writing to a string cannot fail");
    // Read as a double and then rounded, as the reader does it.
    let again = short.parse::<f64>().ok().map(|double| double as f32);
    match again {
        Some(again) if again.to_bits() == value.to_bits() => short,
        _ => float64(value.into()),
    }
}
