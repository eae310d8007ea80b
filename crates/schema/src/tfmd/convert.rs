//! The own schema from TensorFlow Metadata's and back, without loss.
//!
//! Whatever the own form can say is said in it; the rest stays in its own message
//! ([`Schema::other`](crate::Schema::other), [`Column::other`](crate::Column::other)). A
//! piece is moved into the own form only where the way back gives the very same piece, so
//! a schema that came as protobuf leaves as the same protobuf, mistakes included.
//!
//! | own | TensorFlow Metadata |
//! |---|---|
//! | `columns` | `feature`, `struct_domain.feature` |
//! | `rows` | `dataset_constraints.min_examples_count`, `max_examples_count` |
//! | `type` | `type`: `integer` and `boolean` are `INT`, `float` is `FLOAT`, `string` and `bytes` are `BYTES`, `struct` is `STRUCT`, `any` has none |
//! | `valency` | `value_count` |
//! | `domain: […]` | a `string_domain` of the schema that only this feature uses |
//! | `domain: NAME`, `domains` | `domain`, `string_domain` |
//! | `boolean` | `bool_domain` |
//! | `range`, `holds`, `disallow_nan`, `disallow_inf` | `int_domain`, `float_domain` |
//! | `min_domain_mass` | `distribution_constraints` |
//! | `unique` | `unique_constraints` |
//!
//! What TensorFlow Metadata has no words for (roles, lengths, severities …) travels as a
//! piece of YAML in `annotation.extra_metadata`, where other programs leave it alone.

mod domain;
mod from_tfmd;
mod own_keys;
mod to_tfmd;

use super::FeatureType;
use crate::ColumnType;

/// What TensorFlow Metadata calls a type; `None` where it has no word.
fn feature_type(column_type: ColumnType) -> Option<FeatureType> {
    match column_type {
        ColumnType::Integer | ColumnType::Boolean => Some(FeatureType::Int),
        // Points in time are numbers to TensorFlow Metadata.
        ColumnType::Timestamp | ColumnType::Date => Some(FeatureType::Int),
        ColumnType::Float => Some(FeatureType::Float),
        ColumnType::String | ColumnType::Bytes => Some(FeatureType::Bytes),
        ColumnType::Struct => Some(FeatureType::Struct),
        ColumnType::Nested | ColumnType::Any => None,
    }
}

/// The own type where nothing more is known.
fn column_type(feature_type: FeatureType) -> Option<ColumnType> {
    match feature_type {
        FeatureType::Int => Some(ColumnType::Integer),
        FeatureType::Float => Some(ColumnType::Float),
        FeatureType::Bytes => Some(ColumnType::String),
        FeatureType::Struct => Some(ColumnType::Struct),
        FeatureType::TypeUnknown => None,
    }
}

/// A path as TFDV writes it: a step that holds a dot, a quote or nothing at all is quoted.
fn join(prefix: &str, step: &str) -> String {
    let plain = !step.is_empty() && !step.contains(['.', '\'', '(', ')']);
    let step = if plain {
        step.to_owned()
    } else {
        format!("'{}'", step.replace('\'', "''"))
    };
    if prefix.is_empty() {
        step
    } else {
        format!("{prefix}.{step}")
    }
}
