//! The messages `tf.Example` and `tf.SequenceExample`.
//!
//! On the wire a `tf.Example` is a `tf.SequenceExample` without feature lists: both
//! hold their features in field 1. So there is one record type for both, and nobody
//! has to say which a file holds.
//!
//! Source of the field numbers: TensorFlow's `example.proto` and `feature.proto`.

use prost::Message;
use std::collections::BTreeMap;

/// A record of either kind.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Record {
    /// `Example.features`, `SequenceExample.context`.
    #[prost(message, optional, tag = "1")]
    pub(crate) features: Option<Features>,
    /// `SequenceExample.feature_lists`.
    #[prost(message, optional, tag = "2")]
    pub(crate) feature_lists: Option<FeatureLists>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Features {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(crate) feature: BTreeMap<String, Feature>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FeatureLists {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(crate) feature_list: BTreeMap<String, FeatureList>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FeatureList {
    #[prost(message, repeated, tag = "1")]
    pub(crate) feature: Vec<Feature>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Feature {
    /// `None` where the feature is named and no kind is set: no value.
    #[prost(oneof = "Values", tags = "1, 2, 3")]
    pub(crate) values: Option<Values>,
}

/// The values of a feature, of one kind.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Values {
    #[prost(message, tag = "1")]
    Bytes(BytesList),
    #[prost(message, tag = "2")]
    Float(FloatList),
    #[prost(message, tag = "3")]
    Int64(Int64List),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct BytesList {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(crate) value: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FloatList {
    #[prost(float, repeated, tag = "1")]
    pub(crate) value: Vec<f32>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Int64List {
    #[prost(int64, repeated, tag = "1")]
    pub(crate) value: Vec<i64>,
}

/// What values are, as TensorFlow calls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bytes,
    Float,
    Int64,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes_list",
            Self::Float => "float_list",
            Self::Int64 => "int64_list",
        }
    }
}

impl Values {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Bytes(_) => Kind::Bytes,
            Self::Float(_) => Kind::Float,
            Self::Int64(_) => Kind::Int64,
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Bytes(list) => list.value.len(),
            Self::Float(list) => list.value.len(),
            Self::Int64(list) => list.value.len(),
        }
    }

    /// Whether all its bytes are UTF-8.
    pub(crate) fn is_text(&self) -> bool {
        match self {
            Self::Bytes(list) => list.value.iter().all(|v| std::str::from_utf8(v).is_ok()),
            _ => false,
        }
    }
}
