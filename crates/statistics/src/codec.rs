//! Profile state as bytes: a version byte, then the value in postcard's format.
//!
//! The version is the first byte so that a reader can refuse a newer format
//! before it looks at anything else. A new field is a new version; older
//! versions stay readable.

use crate::StatisticsError;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, DeserializeOwned},
};
use std::fmt;

/// The format version that this build writes.
pub const FORMAT_VERSION: u8 = 1;

/// Bytes of a mergeable value, led by [`FORMAT_VERSION`].
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_extend(value, vec![FORMAT_VERSION])
        .expect("profile state holds no type that postcard cannot write")
}

/// The value that [`encode`] wrote.
///
/// # Errors
/// [`StatisticsError::Version`] for a newer format, [`StatisticsError::Corrupt`]
/// for bytes that are cut, padded or no state at all.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StatisticsError> {
    let Some((&version, body)) = bytes.split_first() else {
        return Err(StatisticsError::Corrupt {
            reason: "no bytes".into(),
        });
    };
    if version == 0 || version > FORMAT_VERSION {
        return Err(StatisticsError::Version {
            found: version,
            supported: FORMAT_VERSION,
        });
    }
    let (value, rest) =
        postcard::take_from_bytes(body).map_err(|error| StatisticsError::Corrupt {
            reason: error.to_string(),
        })?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(StatisticsError::Corrupt {
            reason: format!("{} bytes too many", rest.len()),
        })
    }
}

/// Bytes within a state. Serde reads `Vec<u8>` number by number, this at once.
pub(crate) struct ByteBuffer(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for ByteBuffer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl de::Visitor<'_> for Bytes {
            type Value = ByteBuffer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<ByteBuffer, E> {
                Ok(ByteBuffer(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let bytes = encode(&vec![1_u32, 2, 3]);
        assert_eq!(decode::<Vec<u32>>(&bytes), Ok(vec![1, 2, 3]));
    }

    #[test]
    fn cut_padded_empty_and_newer_bytes_are_errors() {
        let bytes = encode(&vec![1_u32, 2, 3]);
        assert!(decode::<Vec<u32>>(&bytes[..bytes.len() - 1]).is_err());
        assert!(decode::<Vec<u32>>(&[bytes.clone(), vec![0]].concat()).is_err());
        assert!(decode::<Vec<u32>>(&[]).is_err());
        let newer = [vec![FORMAT_VERSION + 1], bytes[1..].to_vec()].concat();
        assert_eq!(
            decode::<Vec<u32>>(&newer),
            Err(StatisticsError::Version {
                found: FORMAT_VERSION + 1,
                supported: FORMAT_VERSION
            })
        );
    }
}
