//! A schema file of any form: YAML, or TFDV's as text or binary.

use crate::{Schema, SchemaError, tfmd};
use prost_reflect::{DynamicMessage, Value};
use std::path::Path;

/// The forms in which a schema is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Yaml,
    Text,
    Binary,
}

impl Schema {
    /// Reads a schema from the content of a file. Its form is told by the ending of the
    /// name: `.pbtxt`, `.textproto` and `.prototxt` are protobuf's text, `.pb`, `.binpb`
    /// and `.bin` its binary format, anything else is YAML.
    ///
    /// # Errors
    /// [`SchemaError`], with the place of each mistake where the file is text.
    pub fn from_file(name: &str, content: &[u8]) -> Result<Self, SchemaError> {
        let form = form(name);
        if form == Form::Binary {
            return Ok(Self::from(&from_binary(name, content)?));
        }
        let text = std::str::from_utf8(content).map_err(|error| SchemaError::NotText {
            name: name.to_owned(),
            at: error.valid_up_to(),
        })?;
        match form {
            Form::Text => Ok(Self::from(&tfmd::from_text::<tfmd::Schema>(name, text)?)),
            _ => Self::from_yaml(name, text),
        }
    }
}

fn form(name: &str) -> Form {
    let ending = Path::new(name).extension().unwrap_or_default();
    let is = |known: &[&str]| known.iter().any(|known| ending.eq_ignore_ascii_case(known));
    if is(&["pbtxt", "textproto", "prototxt"]) {
        Form::Text
    } else if is(&["pb", "binpb", "bin"]) {
        Form::Binary
    } else {
        Form::Yaml
    }
}

/// Reads the binary form. A field that this version does not know would be lost on the
/// way to YAML, so it is an error: nothing is dropped in silence.
fn from_binary(name: &str, content: &[u8]) -> Result<tfmd::Schema, SchemaError> {
    let schema: tfmd::Schema = tfmd::from_binary(name, content)?;
    let dynamic = DynamicMessage::decode(tfmd::descriptor::<tfmd::Schema>(), content);
    let unknown = dynamic.ok().and_then(|message| unknown_field(&message, ""));
    match unknown {
        None => Ok(schema),
        Some(field) => Err(SchemaError::UnknownField {
            name: name.to_owned(),
            field,
        }),
    }
}

/// The path of the first field whose number is not in the definitions.
fn unknown_field(message: &DynamicMessage, path: &str) -> Option<String> {
    if let Some(unknown) = message.unknown_fields().next() {
        return Some(format!("{path}{}", unknown.number()));
    }
    message.fields().find_map(|(field, value)| {
        let path = format!("{path}{}", field.name());
        match value {
            Value::Message(inner) => unknown_field(inner, &format!("{path}.")),
            Value::List(parts) => parts.iter().enumerate().find_map(|(index, part)| {
                unknown_field(part.as_message()?, &format!("{path}[{index}]."))
            }),
            Value::Map(entries) => {
                let mut found: Vec<String> = entries
                    .values()
                    .filter_map(|part| unknown_field(part.as_message()?, &format!("{path}.")))
                    .collect();
                found.sort_unstable();
                found.into_iter().next()
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;

    #[test]
    fn the_form_is_told_by_the_ending() {
        let text = "feature { name: \"a\" type: INT }";
        let schema = Schema::from_file("dir.pb/s.PBTXT", text.as_bytes()).unwrap();
        assert_eq!(schema.columns[0].name, "a");
        let bytes = tfmd::Schema::from(&schema).encode_to_vec();
        assert_eq!(Schema::from_file("s.pb", &bytes).unwrap(), schema);
        let yaml = schema.to_yaml();
        assert_eq!(Schema::from_file("s", yaml.as_bytes()).unwrap(), schema);
        assert!(Schema::from_file("s.yaml", &[0xff]).is_err());
    }

    #[test]
    fn a_field_of_a_newer_version_is_refused_and_named() {
        let mut feature = tfmd::Feature::default().encode_to_vec();
        feature.extend([0xf8, 0x3f, 1]); // Field 1023.
        let mut schema = vec![0x0a, feature.len() as u8];
        schema.extend(feature);
        let error = Schema::from_file("s.pb", &schema).unwrap_err();
        assert!(error.to_string().contains("feature[0].1023"), "{error}");
    }
}
