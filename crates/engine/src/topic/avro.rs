//! Messages in Avro: one record each, whose schema a registry or a file has.
//!
//! The schema that a message was written with is needed to read a single byte of it. A registry
//! gives schemas numbers, and a message begins with that of its own: a zero byte, and four with
//! the number ([wire format](https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format)).

use super::decode::Unreadable;
use crate::EngineError;
use arrow_avro::{
    reader::{Decoder, ReaderBuilder},
    schema::{AvroSchema, Fingerprint, FingerprintAlgorithm, SchemaStore},
};
use arrow_json::LineDelimitedWriter;
use serde_json::{Map, Value};
use std::{
    collections::HashMap,
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

/// Where the schemas of messages are, by their number.
pub trait SchemaRegistry: Debug + Send + Sync {
    /// The schema of this number, as JSON; `None` where there is none.
    ///
    /// # Errors
    /// [`EngineError::Topic`] where the registry cannot be asked: nothing is wrong with the
    /// message.
    fn schema(&self, id: u32) -> Result<Option<String>, EngineError>;
}

/// Bytes before a record: a zero and the number of its schema.
const HEADER: usize = 5;
/// Schemas that are kept ready.
const MOST_SCHEMAS: usize = 1_000;
/// Messages of an unknown schema after which the registry is asked for it again: it may have
/// been slow to tell.
const ASK_AGAIN_AFTER: u32 = 1_000;

/// Reads records of Avro.
#[derive(Debug, Clone)]
pub struct Avro(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Source,
    known: Mutex<HashMap<u32, Known>>,
}

#[derive(Debug)]
enum Source {
    Registry(Arc<dyn SchemaRegistry>),
    /// One schema for all; with whether messages begin with the number of one even so.
    File {
        schema: String,
        framed: bool,
    },
}

#[derive(Debug)]
enum Known {
    Schema(Box<Decoder>),
    /// What is wrong with the schema, and how many messages ask for it yet before it is looked
    /// for again.
    Wrong(String, u32),
}

impl Avro {
    /// Messages that begin with the number of their schema in a registry.
    pub fn with_registry(registry: Arc<dyn SchemaRegistry>) -> Self {
        Self::of(Source::Registry(registry))
    }

    /// Messages of one schema, in JSON. Those that are `framed` begin with the number that a
    /// registry gave it, which is not looked at.
    ///
    /// # Errors
    /// What is wrong with the schema.
    pub fn with_schema(schema: String, framed: bool) -> Result<Self, String> {
        decoder(0, &schema)?;
        Ok(Self::of(Source::File { schema, framed }))
    }

    fn of(source: Source) -> Self {
        Self(Arc::new(Inner {
            source,
            known: Mutex::default(),
        }))
    }

    pub(super) fn row(&self, payload: &[u8]) -> Result<Map<String, Value>, Unreadable> {
        let (id, record) = match &self.0.source {
            Source::File { framed: false, .. } => (0, payload),
            Source::File { framed: true, .. } => (0, unframed(payload)?.1),
            Source::Registry(_) => unframed(payload)?,
        };
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Known::Wrong(_, left)) = known.get_mut(&id) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                known.remove(&id);
            }
        }
        if !known.contains_key(&id) {
            if known.len() >= MOST_SCHEMAS {
                known.clear();
            }
            let found = match self.schema(id)? {
                Ok(schema) => decoder(id, &schema),
                Err(reason) => Err(reason),
            };
            let found = match found {
                Ok(decoder) => Known::Schema(Box::new(decoder)),
                Err(reason) => Known::Wrong(reason, ASK_AGAIN_AFTER),
            };
            known.insert(id, found);
        }
        let decoder = match known.get_mut(&id) {
            Some(Known::Schema(decoder)) => decoder,
            Some(Known::Wrong(reason, _)) => return Err(Unreadable::Message(reason.clone())),
            None => return Err(Unreadable::Message(format!("schema {id} is not known"))),
        };
        let mut framed = Vec::with_capacity(HEADER + record.len());
        framed.push(0);
        framed.extend_from_slice(&id.to_be_bytes());
        framed.extend_from_slice(record);
        // Bytes that are no record of the schema may be anything.
        let read = catch_unwind(AssertUnwindSafe(|| row(decoder, &framed)));
        let read = read.unwrap_or_else(|_| Err("it breaks the decoder".to_owned()));
        read.map_err(|reason| {
            // What a broken record leaves behind in a decoder is not for the next one.
            known.remove(&id);
            Unreadable::Message(format!("no record of its Avro schema: {reason}"))
        })
    }

    /// The schema of that number, or what is wrong with it.
    fn schema(&self, id: u32) -> Result<Result<String, String>, Unreadable> {
        match &self.0.source {
            Source::File { schema, .. } => Ok(Ok(schema.clone())),
            Source::Registry(registry) => {
                let found = registry.schema(id).map_err(Unreadable::Away)?;
                Ok(found.ok_or_else(|| format!("the registry has no schema {id}")))
            }
        }
    }
}

/// The number of the schema, and what follows it.
fn unframed(payload: &[u8]) -> Result<(u32, &[u8]), Unreadable> {
    match payload {
        [0, a, b, c, d, record @ ..] => Ok((u32::from_be_bytes([*a, *b, *c, *d]), record)),
        _ => Err(Unreadable::Message(
            "it does not begin with the number of a schema".to_owned(),
        )),
    }
}

fn decoder(id: u32, schema: &str) -> Result<Decoder, String> {
    let mut store = SchemaStore::new_with_type(FingerprintAlgorithm::Id);
    store
        .set(Fingerprint::Id(id), AvroSchema::new(schema.to_owned()))
        .and_then(|fingerprint| {
            ReaderBuilder::new()
                .with_batch_size(1)
                .with_writer_schema_store(store)
                .with_active_fingerprint(fingerprint)
                .build_decoder()
        })
        .map_err(|error| format!("schema {id} cannot be used: {error}"))
}

fn row(decoder: &mut Decoder, framed: &[u8]) -> Result<Map<String, Value>, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let consumed = decoder.decode(framed).map_err(|error| said(&error))?;
    if consumed < framed.len() {
        return Err(format!(
            "{} of its {} bytes",
            consumed.saturating_sub(HEADER),
            framed.len() - HEADER
        ));
    }
    let batch = decoder.flush().map_err(|error| said(&error))?;
    let batch = batch.ok_or("it is empty")?;
    let mut writer = LineDelimitedWriter::new(Vec::new());
    writer.write(&batch).map_err(|error| said(&error))?;
    serde_json::from_slice(&writer.into_inner()).map_err(|error| said(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use std::sync::atomic::{AtomicU32, Ordering};

    const SCHEMA: &str = r#"{"type":"record","name":"Order","fields":[
        {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
        {"name":"amount","type":"double"},
        {"name":"colour","type":["null","string"]},
        {"name":"state","type":{"type":"enum","name":"State","symbols":["NEW","PAID"]}}]}"#;

    /// 2024-01-01T10:00:00Z, 12.5, red, PAID.
    fn record() -> Vec<u8> {
        let mut bytes = zigzag(1_704_103_200_000);
        bytes.extend(12.5_f64.to_le_bytes());
        bytes.extend([2, 6]);
        bytes.extend(b"red");
        bytes.push(2);
        bytes
    }

    fn zigzag(value: i64) -> Vec<u8> {
        let mut left = ((value << 1) ^ (value >> 63)) as u64;
        let mut bytes = Vec::new();
        while left >= 0x80 {
            bytes.push(left as u8 | 0x80);
            left >>= 7;
        }
        bytes.push(left as u8);
        bytes
    }

    fn framed(id: u32) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend(id.to_be_bytes());
        bytes.extend(record());
        bytes
    }

    /// Has schema 7, and counts how often it is asked.
    #[derive(Debug, Default)]
    struct Registry(AtomicU32);

    impl SchemaRegistry for Registry {
        fn schema(&self, id: u32) -> Result<Option<String>, EngineError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            match id {
                7 => Ok(Some(SCHEMA.to_owned())),
                8 => Ok(Some("{\"type\":".to_owned())),
                9 => Err(EngineError::Topic {
                    topic: "t".into(),
                    reason: "the registry is away".into(),
                }),
                _ => Ok(None),
            }
        }
    }

    fn said(read: Result<Map<String, Value>, Unreadable>) -> String {
        match read.unwrap_err() {
            Unreadable::Message(reason) => reason,
            Unreadable::Away(error) => format!("away: {error}"),
        }
    }

    #[test]
    fn a_record_is_read_by_the_schema_that_it_names() {
        let registry = Arc::new(Registry::default());
        let avro = Avro::with_registry(Arc::clone(&registry) as Arc<dyn SchemaRegistry>);
        for _ in 0..3 {
            let row = Value::from(avro.row(&framed(7)).unwrap());
            let expected = json!({
                "at": "2024-01-01T10:00:00Z", "amount": 12.5, "colour": "red", "state": "PAID",
            });
            assert_eq!(row, expected);
        }
        assert_eq!(registry.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_schema_that_is_not_there_is_the_messages_and_a_registry_that_is_away_is_not() {
        let registry = Arc::new(Registry::default());
        let avro = Avro::with_registry(Arc::clone(&registry) as Arc<dyn SchemaRegistry>);
        for _ in 0..5 {
            assert_eq!(said(avro.row(&framed(6))), "the registry has no schema 6");
        }
        assert_eq!(registry.0.load(Ordering::Relaxed), 1);
        assert!(said(avro.row(&framed(8))).starts_with("schema 8 cannot be used"));
        assert_eq!(
            said(avro.row(&framed(9))),
            "away: topic `t`: the registry is away"
        );
        let plain = said(avro.row(&record()));
        assert_eq!(plain, "it does not begin with the number of a schema");
        // A message that is broken does not spoil the next.
        let cut = &framed(7)[..9];
        assert!(said(avro.row(cut)).starts_with("no record of its Avro schema"));
        avro.row(&framed(7)).unwrap();
    }

    #[test]
    fn a_file_has_the_schema_of_messages_without_a_registry() {
        let avro = Avro::with_schema(SCHEMA.to_owned(), false).unwrap();
        assert_eq!(avro.row(&record()).unwrap()["colour"], "red");
        let avro = Avro::with_schema(SCHEMA.to_owned(), true).unwrap();
        assert_eq!(avro.row(&framed(3)).unwrap()["colour"], "red");
        Avro::with_schema("{}".to_owned(), false).unwrap_err();
    }

    proptest! {
        #[test]
        fn damaged_records_are_told_of(mut bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let avro = Avro::with_schema(SCHEMA.to_owned(), false).unwrap();
            drop(avro.row(&bytes));
            bytes.extend(record());
            drop(avro.row(&bytes));
            prop_assert!(avro.row(&record()).is_ok());
        }
    }
}
