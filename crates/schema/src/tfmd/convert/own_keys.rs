//! Keys that TensorFlow Metadata has no words for, in its `extra_metadata`.
//!
//! They are a piece of YAML in a `google.protobuf.StringValue`: a type that every program
//! may meet and none of TFDV's looks into.

use crate::tfmd::Annotation;
use prost::Message as _;

const TYPE_URL: &str = "type.googleapis.com/google.protobuf.StringValue";
/// What the text begins with, so that no other program's text is taken for ours.
const MARK: &str = "# driftline\n";

/// Adds own keys to an annotation, where there are any.
pub(super) fn put(annotation: &mut Option<Annotation>, yaml: &str) {
    if yaml.is_empty() {
        return;
    }
    let text = format!("{MARK}{yaml}");
    annotation
        .get_or_insert_with(Annotation::default)
        .extra_metadata
        .push(prost_types::Any {
            type_url: TYPE_URL.to_owned(),
            value: text.encode_to_vec(),
        });
}

/// Takes own keys out of an annotation; `None` where it has none at its end.
pub(super) fn take(annotation: &mut Option<Annotation>) -> Option<String> {
    let inner = annotation.as_mut()?;
    let last = inner.extra_metadata.last()?;
    if last.type_url != TYPE_URL {
        return None;
    }
    let text = String::decode(last.value.as_slice()).ok()?;
    let yaml = text.strip_prefix(MARK)?.to_owned();
    inner.extra_metadata.pop();
    if *inner == Annotation::default() {
        *annotation = None;
    }
    Some(yaml)
}
