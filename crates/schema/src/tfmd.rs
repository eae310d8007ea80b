//! TensorFlow Metadata and TFDV: schema, statistics, anomalies, and what follows from what.
//!
//! The types of the messages are generated from `proto/` at build time, the text format
//! goes by the same descriptors. The engine works on them: TFDV's functions with TFDV's
//! conditions and words.
//!
//! | form | read | write |
//! |---|---|---|
//! | text (`.pbtxt`) | [`from_text`] | [`to_text`] |
//! | binary (`.pb`) | [`from_binary`] | [`to_binary`] |
//!
//! | from | to | function |
//! |---|---|---|
//! | statistics | schema | [`infer`](fn@infer), with [`inference_config`] |
//! | schema, statistics | schema that fits | [`update`], of a [`Scope`] |
//! | schema, statistics, [`Inputs`] | anomalies | [`validate`] |
//! | the same, step by step | anomalies | [`Validation`] |
//! | a schema | the own [`Schema`](crate::Schema), and back | [`convert`] |
//! | a file | statistics, or any message | [`read_statistics`], [`read_message`] |
//! | statistics in parts | the whole | [`merge_shards`] |
//! | statistics, SQL of one's own | anomalies | [`custom_validation`] |
//! | two features | their distance | [`distance`] |
//! | schema, path | feature, domain | [`lookup`] |
//! | list of slices | the slice of all examples | [`of_all_examples`] |
//!
//! [`DatasetView`] and [`FeatureView`] read statistics; a [`FeaturePath`] says where a
//! feature is, `a.'b.c'` on one line.

pub mod convert;
pub mod custom_validation;
pub mod distance;
mod draft;
mod features_needed;
mod files;
mod infer;
pub mod lookup;
mod number_text;
mod path;
mod reason;
mod rules;
mod shards;
mod text;
mod validation;
mod view;

#[cfg(test)]
mod ported;

pub(crate) use draft::{feature_at, feature_is_deprecated, is_in_environment};
pub use features_needed::FeaturesNeeded;
pub use files::{anomalies_table, gravest, read_message, read_statistics, schema_diff};
pub use infer::{Scope, infer, relate_string_domains, update};
pub use path::FeaturePath;
pub use rules::inference_config;
pub use shards::merge_shards;
pub(crate) use validation::check_environment;
pub use validation::{Inputs, Validation, validate};
pub use view::{DEFAULT_SLICE, DatasetView, FeatureView, of_all_examples};

pub mod statistics;

use crate::SchemaError;
use miette::{Diagnostic as _, NamedSource, SourceSpan};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use std::sync::LazyLock;

#[expect(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated; what the fields mean is told by TensorFlow Metadata"
)]
mod messages {
    include!(concat!(env!("OUT_DIR"), "/messages.rs"));
}

pub use messages::tensorflow::{data_validation, metadata::v0::*};

static DESCRIPTORS: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(&include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"))[..])
        .expect("the build wrote a complete set of descriptors")
});

/// A message that has a text form.
pub trait Named: prost::Message + Default {
    /// Its full name, such as `tensorflow.metadata.v0.Schema`.
    const FULL_NAME: &'static str;
}

macro_rules! named {
    ($($name:literal => $message:ty,)+) => {
        $(impl Named for $message {
            const FULL_NAME: &'static str = $name;
        })+
    };
}

named! {
    "tensorflow.metadata.v0.Schema" => Schema,
    "tensorflow.metadata.v0.Feature" => Feature,
    "tensorflow.metadata.v0.Path" => Path,
    "tensorflow.metadata.v0.StringDomain" => StringDomain,
    "tensorflow.metadata.v0.BoolDomain" => BoolDomain,
    "tensorflow.metadata.v0.IntDomain" => IntDomain,
    "tensorflow.metadata.v0.FloatDomain" => FloatDomain,
    "tensorflow.metadata.v0.FeaturePresence" => FeaturePresence,
    "tensorflow.metadata.v0.FeatureComparator" => FeatureComparator,
    "tensorflow.metadata.v0.DatasetConstraints" => DatasetConstraints,
    "tensorflow.metadata.v0.NumericValueComparator" => NumericValueComparator,
    "tensorflow.metadata.v0.DriftSkewInfo" => DriftSkewInfo,
    "tensorflow.metadata.v0.DatasetFeatureStatisticsList" => DatasetFeatureStatisticsList,
    "tensorflow.metadata.v0.DatasetFeatureStatistics" => DatasetFeatureStatistics,
    "tensorflow.metadata.v0.FeatureNameStatistics" => FeatureNameStatistics,
    "tensorflow.metadata.v0.CrossFeatureStatistics" => CrossFeatureStatistics,
    "tensorflow.metadata.v0.Anomalies" => Anomalies,
    "tensorflow.data_validation.ValidationConfig" => data_validation::ValidationConfig,
    "tensorflow.data_validation.FeatureStatisticsToProtoConfig" => data_validation::FeatureStatisticsToProtoConfig,
    "tensorflow.data_validation.FeaturesNeededProto" => data_validation::FeaturesNeededProto,
    "tensorflow.data_validation.CustomValidationConfig" => data_validation::CustomValidationConfig,
}

/// The description of a message's fields, for those that walk them without names.
pub fn descriptor<M: Named>() -> MessageDescriptor {
    DESCRIPTORS
        .get_message_by_name(M::FULL_NAME)
        .expect("every named message is in `proto/`")
}

/// Reads the text form of a message; `name` is what messages call the file.
///
/// # Errors
/// [`SchemaError::Protobuf`] with the place of the first mistake.
pub fn from_text<M: Named>(name: &str, text: &str) -> Result<M, SchemaError> {
    let read = DynamicMessage::parse_text_format(descriptor::<M>(), text);
    let message = read.map_err(|error| SchemaError::Protobuf {
        kind: M::FULL_NAME,
        reason: error.to_string(),
        text: NamedSource::new(name, text.to_owned()),
        at: error
            .labels()
            .and_then(|mut labels| labels.next())
            .map_or_else(|| last_of(text), |label| *label.inner()),
    })?;
    Ok(message
        .transcode_to()
        .expect("a message of this descriptor has this type"))
}

/// The last character of a text: where one that ends too early is at fault.
fn last_of(text: &str) -> SourceSpan {
    let last = text.trim_end().char_indices().next_back();
    let (at, length) = last.map_or((0, 0), |(at, last)| (at, last.len_utf8()));
    (at, length).into()
}

/// The text form of a message, one field a line, maps in the order of their keys.
pub fn to_text<M: Named>(message: &M) -> String {
    text::write(&dynamic(message))
}

/// A message whose fields can be walked without their names.
pub(crate) fn dynamic<M: Named>(message: &M) -> DynamicMessage {
    let mut dynamic = DynamicMessage::new(descriptor::<M>());
    dynamic
        .transcode_from(message)
        .expect("a message of this type has this descriptor");
    dynamic
}

/// The binary form of a message.
pub fn to_binary<M: Named>(message: &M) -> Vec<u8> {
    message.encode_to_vec()
}

/// Reads the binary form of a message; `name` is what messages call the file.
///
/// # Errors
/// [`SchemaError::Binary`] where the bytes are no such message.
pub fn from_binary<M: Named>(name: &str, bytes: &[u8]) -> Result<M, SchemaError> {
    M::decode(bytes).map_err(|error| SchemaError::Binary {
        name: name.to_owned(),
        kind: M::FULL_NAME,
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_binary_say_the_same() {
        let text = "feature {\n  name: \"字\"\n  type: BYTES\n  presence {\n    min_fraction: 1.0\n    min_count: 1\n  }\n}\n";
        let schema: Schema = from_text("schema.pbtxt", text).unwrap();
        assert_eq!(schema.feature[0].r#type(), FeatureType::Bytes);
        let back: Schema =
            from_binary("schema.pb", &prost::Message::encode_to_vec(&schema)).unwrap();
        assert_eq!(back, schema);
        assert_eq!(
            from_text::<Schema>("again", &to_text(&back)).unwrap(),
            schema
        );
    }

    #[test]
    fn a_mistake_in_the_text_is_told_with_its_place() {
        let error = from_text::<Schema>("s.pbtxt", "feature {\n  nam: \"a\"\n}\n").unwrap_err();
        let SchemaError::Protobuf { at, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(at.offset(), 12);
        for (early, last) in [("feature {\n  name: \"a\"\n", 20), ("feature", 6)] {
            let error = from_text::<Schema>("s.pbtxt", early).unwrap_err();
            let SchemaError::Protobuf { at, .. } = &error else {
                panic!("{error:?}");
            };
            assert_eq!((at.offset(), at.len()), (last, 1), "{error}");
        }
    }

    #[test]
    fn bytes_that_are_no_message_are_an_error() {
        assert!(from_binary::<Schema>("s.pb", b"\xff\xff\xff").is_err());
    }
}
