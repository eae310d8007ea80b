//! Messages of TensorFlow Metadata read from YAML, by their descriptors.
//!
//! Nothing here knows a field by name but for the messages that are about one field, so
//! a field that TensorFlow Metadata adds is read as soon as its definition is there.

use super::{
    read::{Entries, Reader},
    suggestion::suggestion,
    tree::{Node, Value},
};
use crate::SchemaError;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use miette::SourceSpan;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value as Proto,
};
use std::collections::HashMap;

/// Messages that are about one field: a person writes that field's value in their place.
const PRINCIPAL: [(&str, &str); 12] = [
    ("Path", "step"),
    ("FixedShape", "dim"),
    ("FixedShape.Dim", "size"),
    ("ValueCountList", "value_count"),
    ("SparseFeature.IndexFeature", "name"),
    ("SparseFeature.ValueFeature", "name"),
    ("FeaturePresenceWithinGroup", "required"),
    ("InfinityNorm", "threshold"),
    ("JensenShannonDivergence", "threshold"),
    ("NormalizedAbsoluteDifference", "threshold"),
    ("HistogramSelection", "type"),
    ("StringDomain", "value"),
];

/// The field that a message is about, if it is about one.
pub(crate) fn principal(descriptor: &MessageDescriptor) -> Option<FieldDescriptor> {
    let name = descriptor
        .full_name()
        .strip_prefix("tensorflow.metadata.v0.")?;
    let (_, field) = PRINCIPAL.iter().find(|(message, _)| *message == name)?;
    descriptor.get_field_by_name(field)
}

pub(super) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

impl Reader {
    /// Reads a whole message; `None` where nothing of it could be read.
    pub(super) fn message(
        &mut self,
        place: &str,
        key: &str,
        node: &Node,
        descriptor: &MessageDescriptor,
    ) -> Option<DynamicMessage> {
        let mut message = DynamicMessage::new(descriptor.clone());
        if let Value::Map(_) = node.value {
            let mut entries = self.entries(place, key, node)?;
            self.fields(&mut entries, &format!("{key}."), &mut message, |_| true);
            self.unknown(entries, descriptor);
            return Some(message);
        }
        let Some(field) = principal(descriptor) else {
            self.wrong_type(place, key, "a map", node);
            return None;
        };
        let value = self.field(place, key, node, &field)?;
        message.set_field(&field, value);
        Some(message)
    }

    /// Takes the fields of a message that `wanted` accepts out of a map.
    pub(super) fn fields(
        &mut self,
        entries: &mut Entries<'_>,
        prefix: &str,
        message: &mut DynamicMessage,
        wanted: impl Fn(&str) -> bool,
    ) {
        let descriptor = prost_reflect::ReflectMessage::descriptor(message);
        let place = entries.place.clone();
        let mut left = Vec::with_capacity(entries.left.len());
        for (key, node) in std::mem::take(&mut entries.left) {
            let field = descriptor
                .get_field_by_name(&key.name)
                .filter(|field| wanted(field.name()));
            let Some(field) = field else {
                left.push((key, node));
                continue;
            };
            if message.has_field(&field) {
                self.twice(&place, &key.name, key.at);
                continue;
            }
            let group = field.containing_oneof();
            let first = group.and_then(|group| group.fields().find(|f| message.has_field(f)));
            if let Some(first) = first {
                self.either(&place, first.name(), field.name(), key.at);
                continue;
            }
            let name = format!("{prefix}{}", key.name);
            if let Some(value) = self.field(&place, &name, node, &field) {
                message.set_field(&field, value);
            }
        }
        entries.left = left;
    }

    fn twice(&mut self, place: &str, key: &str, at: SourceSpan) {
        self.mistakes.push(SchemaError::DuplicateKey {
            place: place.to_owned(),
            key: key.to_owned(),
            at,
        });
    }

    /// Notes that two keys stand for the same thing.
    pub(super) fn either(&mut self, place: &str, first: &str, second: &str, at: SourceSpan) {
        self.mistakes.push(SchemaError::Contradiction {
            place: place.to_owned(),
            problem: format!("`{first}` and `{second}` exclude each other"),
            help: "keep one of them".to_owned(),
            at,
        });
    }

    /// Notes the keys that are no field of a message.
    pub(super) fn unknown(&mut self, entries: Entries<'_>, descriptor: &MessageDescriptor) {
        let names: Vec<String> = descriptor.fields().map(|f| f.name().to_owned()).collect();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        for (key, _) in entries.left {
            self.mistakes.push(SchemaError::UnknownKey {
                place: entries.place.clone(),
                key: key.name.clone(),
                help: suggestion(&key.name, &known),
                at: key.at,
            });
        }
    }

    fn field(
        &mut self,
        place: &str,
        key: &str,
        node: &Node,
        field: &FieldDescriptor,
    ) -> Option<Proto> {
        if field.is_map() {
            return self.map(place, key, node, field);
        }
        if !field.is_list() {
            return self.single(place, key, node, &field.kind());
        }
        let parts = match &node.value {
            Value::List(parts) => parts.as_slice(),
            // One value stands for a list of one, where it cannot be taken for another thing.
            Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Bool(_) => {
                std::slice::from_ref(node)
            }
            Value::Null | Value::Map(_) => {
                self.wrong_type(place, key, "a list", node);
                return None;
            }
        };
        let kind = field.kind();
        let read = parts.iter().enumerate().filter_map(|(index, part)| {
            self.single(place, &format!("{key}[{index}]"), part, &kind)
        });
        Some(Proto::List(read.collect()))
    }

    fn map(
        &mut self,
        place: &str,
        key: &str,
        node: &Node,
        field: &FieldDescriptor,
    ) -> Option<Proto> {
        let Kind::Message(entry) = field.kind() else {
            unreachable!("a map field is of its entry's type")
        };
        let kind = entry.map_entry_value_field().kind();
        let entries = self.entries(place, key, node)?;
        let mut map = HashMap::with_capacity(entries.left.len());
        for (name, node) in entries.left {
            let read = self.single(place, &format!("{key}.{}", name.name), node, &kind);
            if let Some(value) = read {
                // TensorFlow Metadata has no map with other keys.
                map.insert(MapKey::String(name.name.clone()), value);
            }
        }
        Some(Proto::Map(map))
    }

    fn single(&mut self, place: &str, key: &str, node: &Node, kind: &Kind) -> Option<Proto> {
        Some(match kind {
            Kind::Message(descriptor) => {
                Proto::Message(self.message(place, key, node, descriptor)?)
            }
            Kind::Enum(descriptor) => {
                if let Value::Integer(number) = node.value
                    && let Ok(number) = i32::try_from(number)
                {
                    return Some(Proto::EnumNumber(number));
                }
                let Value::Text(found) = &node.value else {
                    self.wrong_type(place, key, "a word", node);
                    return None;
                };
                let values: Vec<_> = descriptor.values().collect();
                let value = values.iter().find(|v| v.name().eq_ignore_ascii_case(found));
                let Some(value) = value else {
                    let names: Vec<String> =
                        values.iter().map(|v| v.name().to_lowercase()).collect();
                    let known: Vec<&str> = names.iter().map(String::as_str).collect();
                    self.mistakes.push(SchemaError::UnknownName {
                        place: place.to_owned(),
                        key: key.to_owned(),
                        found: found.clone(),
                        help: suggestion(found, &known),
                        at: node.at(),
                    });
                    return None;
                };
                Proto::EnumNumber(value.number())
            }
            Kind::String => Proto::String(self.text(place, key, node)?),
            Kind::Bytes => Proto::Bytes(self.bytes(place, key, node)?.into()),
            Kind::Bool => Proto::Bool(self.flag(place, key, node)?),
            Kind::Double => Proto::F64(self.any_number(place, key, node)?),
            Kind::Float => {
                let value = self.any_number(place, key, node)?;
                let single = value as f32;
                if single.is_infinite() && value.is_finite() {
                    let allowed = "within what 32 bits hold";
                    self.out_of_range(place, key, value.to_string(), allowed, node);
                    return None;
                }
                Proto::F32(single)
            }
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                Proto::I32(self.whole(place, key, node, "within what 32 bits hold")?)
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                Proto::I64(self.whole(place, key, node, "within what 64 bits hold")?)
            }
            Kind::Uint32 | Kind::Fixed32 => {
                Proto::U32(self.whole(place, key, node, "0 or more and within 32 bits")?)
            }
            Kind::Uint64 | Kind::Fixed64 => {
                Proto::U64(self.whole(place, key, node, "0 or more and within 64 bits")?)
            }
        })
    }

    fn whole<T: TryFrom<i128>>(
        &mut self,
        place: &str,
        key: &str,
        node: &Node,
        allowed: &'static str,
    ) -> Option<T> {
        let Value::Integer(value) = node.value else {
            self.wrong_type(place, key, "a whole number", node);
            return None;
        };
        let read = T::try_from(value).ok();
        if read.is_none() {
            self.out_of_range(place, key, value.to_string(), allowed, node);
        }
        read
    }

    /// Any number, NaN and infinities included.
    fn any_number(&mut self, place: &str, key: &str, node: &Node) -> Option<f64> {
        match node.value {
            Value::Integer(value) => Some(value as f64),
            Value::Float(value) => Some(value),
            _ => {
                self.wrong_type(place, key, "a number", node);
                None
            }
        }
    }

    /// Text stands for its bytes in UTF-8, `{base64: …}` for any.
    fn bytes(&mut self, place: &str, key: &str, node: &Node) -> Option<Vec<u8>> {
        if let Value::Text(text) = &node.value {
            return Some(text.clone().into_bytes());
        }
        if let Value::Map(entries) = &node.value
            && let [(name, value)] = entries.as_slice()
            && name.name == "base64"
            && let Value::Text(text) = &value.value
            && let Ok(bytes) = STANDARD.decode(text)
        {
            return Some(bytes);
        }
        self.wrong_type(place, key, "text, or `{base64: …}`", node);
        None
    }
}
