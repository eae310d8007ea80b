//! Vocabularies on their way to executors: by value, since a baseline that was just learnt is in
//! no file.

use super::Vocabularies;
use crate::EngineError;
use driftline_vocabulary::BaselineVocabulary;
use prost::Message;
use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex, PoisonError, RwLock},
};
use xxhash_rust::xxh3::xxh3_128;

/// Bytes of vocabularies in a plan, compressed, at most: each task carries them.
const MOST_BYTES: usize = 64 << 20;
/// Sets of vocabularies that an executor keeps; all are forgotten when there is one more.
const MOST_KEPT: usize = 8;
/// Quick, and a third of the size: a vocabulary is mostly hashes.
const LEVEL: i32 = 1;

#[derive(Clone, PartialEq, Message)]
struct VocabulariesMessage {
    #[prost(btree_map = "string, bytes", tag = "1")]
    vocabularies: BTreeMap<String, Vec<u8>>,
}

static READ: LazyLock<Mutex<BTreeMap<u128, Arc<Vocabularies>>>> = LazyLock::new(Mutex::default);

impl Vocabularies {
    /// Writes them all.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) -> Result<(), EngineError> {
        let vocabularies = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let written = vocabularies.iter().map(|(name, vocabulary)| {
            let compressed = zstd::bulk::compress(&vocabulary.to_bytes(), LEVEL);
            compressed.map(|bytes| (name.clone(), bytes))
        });
        let failed = |reason: String| EngineError::Query { reason };
        let message = VocabulariesMessage {
            vocabularies: written
                .collect::<Result<_, _>>()
                .map_err(|error| failed(error.to_string()))?,
        };
        if message.encoded_len() > MOST_BYTES {
            return Err(failed(format!(
                "the vocabulary of the baseline takes {} MiB, and a plan for a cluster carries {} \
                 at most; learn it from fewer texts",
                message.encoded_len() >> 20,
                MOST_BYTES >> 20
            )));
        }
        message
            .encode(bytes)
            .map_err(|error| failed(error.to_string()))
    }

    /// What [`write`](Self::write) wrote; once, however many tasks bring the same.
    pub(crate) fn read(bytes: &[u8]) -> Result<Arc<Self>, EngineError> {
        let hash = xxh3_128(bytes);
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(vocabularies) = read.get(&hash) {
            return Ok(Arc::clone(vocabularies));
        }
        let damaged = |error: String| EngineError::Query {
            reason: format!("vocabularies arrived damaged: {error}"),
        };
        let message =
            VocabulariesMessage::decode(bytes).map_err(|error| damaged(error.to_string()))?;
        let vocabularies = message.vocabularies.into_iter().map(|(name, compressed)| {
            let plain = zstd::stream::decode_all(compressed.as_slice())
                .map_err(|error| damaged(error.to_string()))?;
            let vocabulary = BaselineVocabulary::from_bytes(&plain)
                .map_err(|error| damaged(error.to_string()))?;
            Ok((name, Arc::new(vocabulary)))
        });
        let vocabularies = vocabularies.collect::<Result<BTreeMap<_, _>, EngineError>>()?;
        let vocabularies = Arc::new(Self(RwLock::new(vocabularies)));
        if read.len() >= MOST_KEPT {
            read.clear();
        }
        read.insert(hash, Arc::clone(&vocabularies));
        Ok(vocabularies)
    }
}
