//! Messages of any shape, by walking their descriptors from a seed.

use driftline_schema::tfmd;
use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value,
};
use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

/// A message that this seed stands for.
pub(crate) fn arbitrary<M: tfmd::Named>(seed: u64) -> M {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let message = message(&mut random, &tfmd::descriptor::<M>(), 0);
    message.transcode_to().unwrap()
}

/// What is equal where every bit is; NaN too.
pub(crate) fn bytes<M: tfmd::Named>(message: &M) -> Vec<u8> {
    tfmd::to_binary(message)
}

fn message(random: &mut impl Rng, descriptor: &MessageDescriptor, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    // One field in so many: deep messages hold less, so that a walk ends.
    let sparse = random.random_range(1..=3) + 2 * depth as u32;
    for field in descriptor.fields() {
        let alternatives = field
            .containing_oneof()
            .map_or(1, |group| group.fields().len());
        if random.random_ratio(1, sparse + (alternatives as u32).isqrt()) {
            let value = value(random, &field, depth);
            message.set_field(&field, value);
        }
    }
    message
}

fn value(random: &mut impl Rng, field: &FieldDescriptor, depth: usize) -> Value {
    if field.is_map() {
        let Kind::Message(entry) = field.kind() else {
            panic!("a map is of entries");
        };
        let kind = entry.map_entry_value_field().kind();
        let map: HashMap<MapKey, Value> = (0..random.random_range(1..4))
            .map(|_| (MapKey::String(text(random)), single(random, &kind, depth)))
            .collect();
        return Value::Map(map);
    }
    if field.is_list() {
        let kind = field.kind();
        let most = if depth == 0 { 6 } else { 4 };
        let length = random.random_range(0..most);
        return Value::List((0..length).map(|_| single(random, &kind, depth)).collect());
    }
    single(random, &field.kind(), depth)
}

fn single(random: &mut impl Rng, kind: &Kind, depth: usize) -> Value {
    match kind {
        Kind::Message(descriptor) => Value::Message(message(random, descriptor, depth + 1)),
        Kind::Enum(descriptor) => Value::EnumNumber(enumerated(random, descriptor)),
        Kind::String => Value::String(text(random)),
        Kind::Bytes => Value::Bytes(match random.random_range(0..3) {
            0 => text(random).into_bytes().into(),
            _ => (0..random.random_range(0..9))
                .map(|_| random.random())
                .collect::<Vec<u8>>()
                .into(),
        }),
        Kind::Bool => Value::Bool(random.random()),
        Kind::Double => Value::F64(double(random)),
        Kind::Float => Value::F32(match random.random_range(0..4) {
            // Any bits at all, but for the payload of NaN, which no text keeps.
            0 => Some(f32::from_bits(random.random()))
                .filter(|x| !x.is_nan())
                .unwrap_or(f32::NAN),
            _ => double(random) as f32,
        }),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(random.random()),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(random.random()),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(random.random()),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            Value::I64(match random.random_range(0..4) {
                0 => random.random(),
                1 => *choose(random, &[i64::MIN, -1, 0, i64::MAX]),
                _ => random.random_range(0..10),
            })
        }
    }
}

fn enumerated(random: &mut impl Rng, descriptor: &EnumDescriptor) -> i32 {
    let numbers: Vec<i32> = descriptor.values().map(|value| value.number()).collect();
    *choose(random, &numbers)
}

fn double(random: &mut impl Rng) -> f64 {
    let odd = [
        0.0,
        -0.0,
        1.0,
        0.1,
        1.5,
        -2.0,
        1e-7,
        1e300,
        -1e-300,
        f64::MIN_POSITIVE,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        9_007_199_254_740_993.0,
    ];
    match random.random_range(0..3) {
        0 => *choose(random, &odd),
        1 => random.random(),
        _ => Some(f64::from_bits(random.random()))
            .filter(|x| !x.is_nan())
            .unwrap_or(0.5),
    }
}

/// Few different names, so that they meet each other, and every kind of odd character.
fn text(random: &mut impl Rng) -> String {
    let names = [
        "",
        "a",
        "b",
        "a.b",
        "payment type",
        "支付 \"方式\"",
        "it's",
        "no",
        "12",
        "~",
        "null",
        "1e5",
        "a\nb",
        "\t",
        "- a",
        "{a: b}",
        "a: b",
        "#x",
        "\u{0}",
        "\u{85}\u{2028}",
        "\u{FEFF}",
        "🚕",
        " a ",
        "a[1]",
        "name",
        "type: x",
        "&x",
        "*x",
        "!t",
        "%",
        "@",
        "`",
        "'",
        "\\",
        "\r\n",
        "<<",
    ];
    match random.random_range(0..3) {
        0 => (0..random.random_range(0..5))
            .map(|_| random.random::<char>())
            .collect(),
        _ => (*choose(random, &names)).to_owned(),
    }
}

fn choose<'a, T>(random: &mut impl Rng, parts: &'a [T]) -> &'a T {
    &parts[random.random_range(0..parts.len())]
}
