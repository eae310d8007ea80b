//! What a schema states that profiles of whole columns do not tell.

use crate::{
    Column, ColumnType, Role, Schema,
    tfmd::{self, feature::DomainInfo},
};

/// Whether [`validate`](crate::validate()) leaves a part of this schema unchecked, so that
/// [`check`](super::check()) is needed: comparators, shapes, further domains, sparse and
/// weighted features, the values inside lists and structs.
pub fn needs_statistics(schema: &Schema) -> bool {
    let other = &schema.other;
    !other.sparse_feature.is_empty()
        || !other.weighted_feature.is_empty()
        || other.dataset_constraints.is_some()
        || schema.columns.iter().any(is_beyond)
}

#[expect(deprecated, reason = "files in use still set `deprecated`")]
fn is_beyond(column: &Column) -> bool {
    if tfmd::feature_is_deprecated(&column.other) {
        return false;
    }
    let stated = &column.other;
    let shared = matches!(stated.domain_info, Some(DomainInfo::Domain(_)));
    let constraints = tfmd::Feature {
        name: None,
        annotation: None,
        lifecycle_stage: None,
        deprecated: None,
        in_environment: Vec::new(),
        not_in_environment: Vec::new(),
        domain_info: stated.domain_info.clone().filter(|_| !shared),
        ..stated.clone()
    };
    // A text keeps no single values.
    let values = column.domain.is_some() || column.boolean.is_some() || column.holds.is_some();
    constraints != tfmd::Feature::default()
        || (column.role == Some(Role::Text) && (values || shared))
        || is_list(column)
}

/// Whether a column is one of lists or structs, whose values are in no profile of it.
pub(crate) fn is_list(column: &Column) -> bool {
    let several = column
        .valency
        .is_some_and(|valency| valency.max.is_none_or(|max| max > 1));
    let nested = column.column_type == ColumnType::Struct || !column.columns.is_empty();
    nested || several || column.other.shape_type.is_some()
}
