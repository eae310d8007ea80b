//! What the values of a feature mean: times, prose, images, marks for "nothing", tokens.
//!
//! Each of these is a small mergeable count, fed feature by feature as
//! `features::walk` shows them. Definitions and defaults are those of the
//! generators of TensorFlow Data Validation named in each file, so that a domain is
//! proposed here where it is proposed there. Feeding the parts of a table and merging
//! gives what feeding the table gives, but for the ends of its batches where a count
//! looks at the first values of a batch only, as TFDV does.

mod empty;
mod generators;
mod image;
mod language;
mod time;
mod tokens;

pub use empty::EmptyValues;
pub use generators::{
    EmptyValueGenerator, ImageGenerator, LanguageGenerator, ProseTest, TimeGenerator,
};
pub use image::{ImageFormats, ImageReader, MagicBytes};
pub use language::{LanguageShare, is_prose};
pub use time::{IntegerTimeFormat, TimeFormat, TimeFormats};
pub use tokens::{
    ReportedSequence, SequenceCounts, SequenceRules, Token, TokenStatistics, Vocabulary,
};

use arrow_array::{
    Array, ArrayRef,
    cast::AsArray,
    types::{Int64Type, UInt64Type},
};
use arrow_schema::DataType;

/// How many of the values a domain needs to be proposed, where nothing else is asked.
pub const MATCH_SHARE: f64 = 0.8;

/// How many values a domain needs to be proposed, where nothing else is asked.
pub const LEAST_VALUES: u64 = 100;

/// Whether an array holds text rather than bytes that may be text.
fn is_text(values: &ArrayRef) -> bool {
    matches!(values.data_type(), DataType::Utf8 | DataType::LargeUtf8)
}

/// The strings that are there, as bytes; nothing for other types.
fn byte_values(values: &ArrayRef) -> Vec<&[u8]> {
    match values.data_type() {
        DataType::Utf8 => {
            let texts = values.as_string::<i32>().iter().flatten();
            texts.map(str::as_bytes).collect()
        }
        DataType::LargeUtf8 => {
            let texts = values.as_string::<i64>().iter().flatten();
            texts.map(str::as_bytes).collect()
        }
        DataType::Binary => values.as_binary::<i32>().iter().flatten().collect(),
        DataType::LargeBinary => values.as_binary::<i64>().iter().flatten().collect(),
        _ => Vec::new(),
    }
}

/// The integers that are there and fit 64 bits with a sign; nothing for other types.
fn integers(values: &ArrayRef) -> Vec<i64> {
    match values.data_type() {
        DataType::Int64 => values
            .as_primitive::<Int64Type>()
            .iter()
            .flatten()
            .collect(),
        DataType::UInt64 => {
            let values = values.as_primitive::<UInt64Type>().iter().flatten();
            values
                .filter_map(|value| i64::try_from(value).ok())
                .collect()
        }
        _ => Vec::new(),
    }
}
