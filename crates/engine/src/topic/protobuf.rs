//! Messages in Protocol Buffers, whose type a descriptor set has.
//!
//! As `protoc --include_imports --descriptor_set_out=orders.desc orders.proto` writes one.

use super::decode::Unreadable;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::{Map, Value, value::Serializer};

/// Reads messages of one type.
#[derive(Debug, Clone)]
pub struct Protobuf {
    message: MessageDescriptor,
    framed: bool,
}

impl Protobuf {
    /// Messages of this full name, as `shop.Order`. Those that are `framed` begin as clients of a
    /// schema registry write them.
    ///
    /// # Errors
    /// What is wrong with the descriptor set.
    pub fn new(descriptor_set: &[u8], name: &str, framed: bool) -> Result<Self, String> {
        let pool = DescriptorPool::decode(descriptor_set)
            .map_err(|error| format!("no set of descriptors: {error}"))?;
        let message = pool.get_message_by_name(name).ok_or_else(|| {
            let names: Vec<String> = pool
                .all_messages()
                .map(|message| message.full_name().to_owned())
                .collect();
            format!("it has no message `{name}`, but: {}", names.join(", "))
        })?;
        Ok(Self { message, framed })
    }

    pub(super) fn row(&self, payload: &[u8]) -> Result<Map<String, Value>, Unreadable> {
        let wrong = |reason: String| Unreadable::Message(reason);
        let bytes = match self.framed {
            true => unframed(payload)
                .ok_or_else(|| wrong("it does not begin as a registry's clients write".into()))?,
            false => payload,
        };
        let read = DynamicMessage::decode(self.message.clone(), bytes)
            .map_err(|_| wrong(format!("no message `{}`", self.message.full_name())))?;
        // As columns are: names as they are declared, numbers as numbers, and every field there.
        let options = SerializeOptions::new()
            .stringify_64_bit_integers(false)
            .use_proto_field_name(true)
            .skip_default_fields(false);
        match read.serialize_with_options(Serializer, &options) {
            Ok(Value::Object(row)) => Ok(row),
            Ok(_) => Err(wrong(format!("a `{}` is no row", self.message.full_name()))),
            Err(error) => Err(wrong(error.to_string())),
        }
    }
}

/// What follows the zero byte, the number of the schema, and the path to the message in it: a
/// count and so many indexes, as zigzag variable-length numbers, of which a single zero stands for
/// the first message.
fn unframed(payload: &[u8]) -> Option<&[u8]> {
    let [0, _, _, _, _, rest @ ..] = payload else {
        return None;
    };
    let (count, mut rest) = number(rest)?;
    for _ in 0..count {
        (_, rest) = number(rest)?;
    }
    Some(rest)
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.iter().take(9).position(|byte| byte & 0x80 == 0)?;
    let (number, rest) = bytes.split_at_checked(end + 1)?;
    let parts = number.iter().rev().map(|byte| u64::from(byte & 0x7f));
    let zigzag = parts.fold(0, |sum, part| sum << 7 | part);
    // Only negative numbers are odd, and there are none.
    (zigzag & 1 == 0).then_some((zigzag >> 1, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;
    use prost_reflect::prost_types::{
        DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
        field_descriptor_proto::{Label, Type},
    };
    use serde_json::json;

    fn field(name: &str, number: i32, kind: Type) -> FieldDescriptorProto {
        FieldDescriptorProto {
            name: Some(name.to_owned()),
            number: Some(number),
            label: Some(Label::Optional.into()),
            r#type: Some(kind.into()),
            ..FieldDescriptorProto::default()
        }
    }

    fn descriptors() -> Vec<u8> {
        let order = DescriptorProto {
            name: Some("Order".to_owned()),
            field: vec![
                field("sold_at", 1, Type::String),
                field("item_count", 2, Type::Int64),
                field("is_paid", 3, Type::Bool),
            ],
            ..DescriptorProto::default()
        };
        let file = FileDescriptorProto {
            name: Some("orders.proto".to_owned()),
            package: Some("shop".to_owned()),
            syntax: Some("proto3".to_owned()),
            message_type: vec![order],
            ..FileDescriptorProto::default()
        };
        FileDescriptorSet { file: vec![file] }.encode_to_vec()
    }

    /// `sold_at: "now"`, `item_count: 7`.
    const ORDER: [u8; 7] = [0x0a, 3, b'n', b'o', b'w', 0x10, 7];

    fn said(read: Result<Map<String, Value>, Unreadable>) -> String {
        match read.unwrap_err() {
            Unreadable::Message(reason) => reason,
            Unreadable::Away(error) => format!("away: {error}"),
        }
    }

    #[test]
    fn fields_are_columns_and_what_is_not_sent_has_its_default() {
        let orders = Protobuf::new(&descriptors(), "shop.Order", false).unwrap();
        let row = Value::from(orders.row(&ORDER).unwrap());
        let expected = json!({"sold_at": "now", "item_count": 7, "is_paid": false});
        assert_eq!(row, expected);
        assert_eq!(said(orders.row(&[0x0a, 9])), "no message `shop.Order`");
    }

    #[test]
    fn what_a_registrys_client_puts_before_a_message_is_left_out() {
        let orders = Protobuf::new(&descriptors(), "shop.Order", true).unwrap();
        for header in [&[0, 0, 0, 0, 1, 0][..], &[0, 0, 0, 0, 1, 4, 2, 0]] {
            let row = orders.row(&[header, &ORDER].concat()).unwrap();
            assert_eq!(row["item_count"], 7);
        }
        for wrong in [&ORDER[..], &[0, 0, 0, 0, 1], &[]] {
            assert!(said(orders.row(wrong)).starts_with("it does not begin"));
        }
    }

    #[test]
    fn a_message_that_is_not_described_is_refused_with_those_that_are() {
        let refused = Protobuf::new(&descriptors(), "Order", false).unwrap_err();
        assert_eq!(refused, "it has no message `Order`, but: shop.Order");
        let refused = Protobuf::new(b"no", "Order", false).unwrap_err();
        assert!(refused.starts_with("no set of descriptors"), "{refused}");
    }
}
