//! Lists and structs, to their leaves: what profiles of whole columns do not tell.

use super::Ranges;
use crate::{
    Bounds, Column, ColumnType, Number, Schema, SchemaError,
    tfmd::{
        self, DatasetFeatureStatistics, DatasetView, FeaturePath,
        data_validation::FeatureStatisticsToProtoConfig, feature_name_statistics::Type,
    },
};

/// Puts what TFDV infers from the statistics of nested columns in place of what is in the
/// schema: types and lengths of lists, fields of structs, domains. Columns that the schema
/// lacks are passed over; the role of a column stays.
///
/// # Errors
/// [`SchemaError::Statistics`] for statistics that contradict themselves.
pub fn infer_nested(
    schema: &mut Schema,
    statistics: &DatasetFeatureStatistics,
    config: &FeatureStatisticsToProtoConfig,
    ranges: Ranges,
) -> Result<(), SchemaError> {
    let inferred = Schema::from(&tfmd::infer(statistics, config)?);
    let view = DatasetView::new(statistics)?;
    for mut column in inferred.columns {
        let known = schema.columns.iter_mut().find(|c| c.name == column.name);
        let Some(known) = known else { continue };
        if ranges == Ranges::Observed {
            observe(&mut column, &FeaturePath::default(), &view);
        }
        column.role = known.role;
        *known = column;
    }
    Ok(())
}

/// Adds the range of the numbers seen, leaf by leaf.
fn observe(column: &mut Column, above: &FeaturePath, view: &DatasetView<'_>) {
    let path = above.child(&column.name);
    for field in &mut column.columns {
        observe(field, &path, view);
    }
    let limited = column.boolean.is_some() || column.range.is_some();
    let Some(feature) = view.feature(&path).filter(|_| !limited) else {
        return;
    };
    let Some(numbers) = feature.numeric().filter(|n| !n.histograms.is_empty()) else {
        return;
    };
    let float = feature.kind() == Ok(Type::Float);
    let fits = column.column_type == ColumnType::Float && float
        || column.column_type == ColumnType::Integer && !float;
    // A domain that is said in TFDV's words is the only one there can be.
    if !fits || column.other.domain_info.is_some() {
        return;
    }
    let end = |value: f64| {
        let number = if float {
            Number::Float(value)
        } else {
            // Exact to 2^53, as the statistics are; the cast saturates.
            Number::Integer(value as i64)
        };
        value.is_finite().then_some(number)
    };
    let nan = numbers.histograms.iter().any(|h| h.num_nan > 0);
    // Of nothing but NaN there is no range.
    let empty = numbers.histograms.iter().all(|h| h.buckets.is_empty());
    if !empty {
        column.range = Some(Bounds {
            min: end(numbers.min),
            max: end(numbers.max),
        });
    }
    let infinite = numbers.min.is_infinite() || numbers.max.is_infinite();
    column.disallow_nan = float && !nan;
    column.disallow_inf = float && !infinite;
}
