//! Writes messages as protobuf's text, the same text for the same message every time.
//!
//! The library that reads the text also writes it, but it keeps maps in hash order and
//! puts repeated messages in brackets, which few people and few tools expect. Here maps
//! are in the order of their keys, fields in that of their numbers, one field a line.

use prost_reflect::{DynamicMessage, FieldDescriptor, MapKey, ReflectMessage as _, Value};
use std::fmt::Write as _;

const ANY: &str = "google.protobuf.Any";

/// The text of a message.
pub(super) fn write(message: &DynamicMessage) -> String {
    let mut text = String::new();
    message_into(message, 0, &mut text);
    text
}

fn message_into(message: &DynamicMessage, depth: usize, into: &mut String) {
    if message.descriptor().full_name() == ANY && any_into(message, depth, into) {
        return;
    }
    let mut fields: Vec<(FieldDescriptor, &Value)> = message.fields().collect();
    fields.sort_by_key(|(field, _)| field.number());
    for (field, value) in fields {
        match value {
            Value::List(values) => {
                for value in values {
                    field_into(field.name(), &field, value, depth, into);
                }
            }
            Value::Map(entries) => {
                let mut entries: Vec<(&MapKey, &Value)> = entries.iter().collect();
                entries.sort_by_key(|(key, _)| *key);
                for (key, value) in entries {
                    entry_into(&field, key, value, depth, into);
                }
            }
            value => field_into(field.name(), &field, value, depth, into),
        }
    }
}

/// A message of a known type inside another: `[type.googleapis.com/NAME] { … }`.
fn any_into(any: &DynamicMessage, depth: usize, into: &mut String) -> bool {
    let text = |name: &str| any.get_field_by_name(name).map(|value| value.into_owned());
    let (Some(Value::String(url)), Some(Value::Bytes(bytes))) = (text("type_url"), text("value"))
    else {
        return false;
    };
    let Some((_, name)) = url.rsplit_once('/') else {
        return false;
    };
    let Some(descriptor) = any.descriptor().parent_pool().get_message_by_name(name) else {
        return false;
    };
    let Ok(inner) = DynamicMessage::decode(descriptor, bytes) else {
        return false;
    };
    block_into(&format!("[{url}]"), depth, into, |into| {
        message_into(&inner, depth + 1, into);
    });
    true
}

fn indent(depth: usize, into: &mut String) {
    for _ in 0..depth {
        into.push_str("  ");
    }
}

fn block_into(name: &str, depth: usize, into: &mut String, body: impl FnOnce(&mut String)) {
    indent(depth, into);
    into.push_str(name);
    into.push_str(" {\n");
    body(into);
    indent(depth, into);
    into.push_str("}\n");
}

fn entry_into(
    field: &FieldDescriptor,
    key: &MapKey,
    value: &Value,
    depth: usize,
    into: &mut String,
) {
    let kind = field.kind();
    let Some(entry) = kind.as_message() else {
        return;
    };
    let (key_field, value_field) = (entry.map_entry_key_field(), entry.map_entry_value_field());
    block_into(field.name(), depth, into, |into| {
        let key = Value::from(key.clone());
        field_into("key", &key_field, &key, depth + 1, into);
        field_into("value", &value_field, value, depth + 1, into);
    });
}

fn field_into(name: &str, field: &FieldDescriptor, value: &Value, depth: usize, into: &mut String) {
    if let Value::Message(message) = value {
        block_into(name, depth, into, |into| {
            message_into(message, depth + 1, into);
        });
        return;
    }
    indent(depth, into);
    into.push_str(name);
    into.push_str(": ");
    scalar_into(field, value, into);
    into.push('\n');
}

fn scalar_into(field: &FieldDescriptor, value: &Value, into: &mut String) {
    const FITS: &str = "a string takes any text";
    match value {
        Value::Bool(value) => write!(into, "{value}").expect(FITS),
        Value::I32(value) => write!(into, "{value}").expect(FITS),
        Value::I64(value) => write!(into, "{value}").expect(FITS),
        Value::U32(value) => write!(into, "{value}").expect(FITS),
        Value::U64(value) => write!(into, "{value}").expect(FITS),
        Value::F32(value) if value.is_nan() => into.push_str("nan"),
        Value::F64(value) if value.is_nan() => into.push_str("nan"),
        // The shortest digits that are read as the same number; `inf` and `-inf`.
        Value::F32(value) => write!(into, "{value:?}").expect(FITS),
        Value::F64(value) => write!(into, "{value:?}").expect(FITS),
        Value::EnumNumber(number) => {
            let kind = field.kind();
            let known = kind.as_enum().and_then(|kind| kind.get_value(*number));
            match known {
                Some(known) => into.push_str(known.name()),
                None => write!(into, "{number}").expect(FITS),
            }
        }
        Value::String(text) => quoted_into(text.bytes(), true, into),
        Value::Bytes(bytes) => quoted_into(bytes.iter().copied(), false, into),
        // Taken apart by the callers.
        Value::Message(_) | Value::List(_) | Value::Map(_) => {}
    }
}

/// C's escapes; of a string the bytes of other scripts stay as they are.
fn quoted_into(bytes: impl Iterator<Item = u8>, utf8: bool, into: &mut String) {
    let mut raw = vec![b'"'];
    for byte in bytes {
        match byte {
            b'\n' => raw.extend(b"\\n"),
            b'\r' => raw.extend(b"\\r"),
            b'\t' => raw.extend(b"\\t"),
            b'"' | b'\\' => raw.extend([b'\\', byte]),
            b' '..=b'~' => raw.push(byte),
            0x80.. if utf8 => raw.push(byte),
            _ => raw.extend(format!("\\{byte:03o}").bytes()),
        }
    }
    raw.push(b'"');
    into.push_str(&String::from_utf8_lossy(&raw));
}

#[cfg(test)]
mod tests {
    use crate::tfmd::{Anomalies, FeatureNameStatistics, Schema, from_text, to_text};

    #[test]
    fn a_message_has_one_text() {
        let text = r#"anomaly_info {
  key: "a"
  value {
    severity: ERROR
    reason {
      type: SCHEMA_NEW_COLUMN
    }
    reason {
      description: "字 \"quoted\"\n\001"
    }
  }
}
anomaly_info {
  key: "b"
  value {
  }
}
anomaly_info {
  key: "c"
  value {
  }
}
data_missing: true
"#;
        let anomalies: Anomalies = from_text("a", text).unwrap();
        assert_eq!(to_text(&anomalies), text);
    }

    #[test]
    fn numbers_are_read_as_they_were() {
        let text = r#"name: "x"
type: FLOAT
num_stats {
  mean: nan
  std_dev: 0.1
  min: -inf
  median: 1e300
  max: 3.0
}
custom_stats {
  name: "nl_statistics"
  any {
    [type.googleapis.com/tensorflow.metadata.v0.NaturalLanguageStatistics] {
      feature_coverage: 0.25
    }
  }
}
"#;
        let feature: FeatureNameStatistics = from_text("f", text).unwrap();
        assert_eq!(to_text(&feature), text);
    }

    #[test]
    fn nothing_is_no_text() {
        assert_eq!(to_text(&Schema::default()), "");
    }
}
