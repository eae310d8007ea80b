//! The statistics of a feature as values that SQL can reach: every field is there, with
//! its default where it is not set, as SQL over protobufs has it.

use crate::tfmd::{FeatureNameStatistics, descriptor, dynamic};
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _, Value as Field,
};
use serde_json::{Map, Value};

/// A field of a message: its name, what it holds, and whether it is a list of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ShapeKind,
    /// Whether it is a list.
    pub repeated: bool,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShapeKind {
    /// True or false.
    Boolean,
    /// A signed integer.
    Integer,
    /// An unsigned integer.
    Unsigned,
    /// A floating-point number.
    Float,
    /// A text, or the name of a value of an enum.
    Text,
    /// Other fields; null where the message is not set.
    Message(Vec<Shape>),
}

/// How deep messages hold messages; those of statistics stay well above.
const DEEPEST: usize = 12;

/// The fields of the statistics of a feature.
pub fn statistics_shape() -> Vec<Shape> {
    fields(&descriptor::<FeatureNameStatistics>(), DEEPEST)
}

/// The statistics of a feature, in that shape.
pub(super) fn of(statistics: &FeatureNameStatistics) -> Value {
    message(&dynamic(statistics), DEEPEST)
}

fn fields(message: &MessageDescriptor, depth: usize) -> Vec<Shape> {
    message
        .fields()
        .filter_map(|field| {
            Some(Shape {
                name: field.name().to_owned(),
                kind: kind(&field, depth)?,
                repeated: field.is_list(),
            })
        })
        .collect()
}

/// `None` for maps, and for messages that reach too deep or hold nothing.
fn kind(field: &FieldDescriptor, depth: usize) -> Option<ShapeKind> {
    if field.is_map() {
        return None;
    }
    Some(match field.kind() {
        Kind::Bool => ShapeKind::Boolean,
        Kind::Double | Kind::Float => ShapeKind::Float,
        Kind::Int32
        | Kind::Int64
        | Kind::Sint32
        | Kind::Sint64
        | Kind::Sfixed32
        | Kind::Sfixed64 => ShapeKind::Integer,
        Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => ShapeKind::Unsigned,
        Kind::String | Kind::Bytes | Kind::Enum(_) => ShapeKind::Text,
        Kind::Message(inner) => {
            let inner = match depth.checked_sub(1) {
                Some(depth) => fields(&inner, depth),
                None => Vec::new(),
            };
            (!inner.is_empty()).then_some(ShapeKind::Message(inner))?
        }
    })
}

fn message(message: &DynamicMessage, depth: usize) -> Value {
    let mut object = Map::new();
    for field in message.descriptor().fields() {
        if kind(&field, depth).is_none() {
            continue;
        }
        let unset = matches!(field.kind(), Kind::Message(_)) && !field.is_list();
        let value = if unset && !message.has_field(&field) {
            Value::Null
        } else {
            self::value(&field, &message.get_field(&field), depth)
        };
        object.insert(field.name().to_owned(), value);
    }
    Value::Object(object)
}

fn value(field: &FieldDescriptor, value: &Field, depth: usize) -> Value {
    match value {
        Field::Bool(flag) => (*flag).into(),
        Field::I32(number) => (*number).into(),
        Field::I64(number) => (*number).into(),
        Field::U32(number) => (*number).into(),
        Field::U64(number) => (*number).into(),
        Field::F32(number) => (*number).into(),
        // NaN and infinities, which JSON does not have, are null.
        Field::F64(number) => (*number).into(),
        Field::String(text) => text.as_str().into(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes).into(),
        Field::EnumNumber(number) => match field.kind() {
            Kind::Enum(names) => match names.get_value(*number) {
                Some(name) => name.name().into(),
                None => number.to_string().into(),
            },
            _ => Value::Null,
        },
        Field::Message(inner) => message(inner, depth.saturating_sub(1)),
        Field::List(parts) => parts
            .iter()
            .map(|part| self::value(field, part, depth))
            .collect(),
        Field::Map(_) => Value::Null,
    }
}
