//! SQL aggregates of every slice, under the keys that statistics of slices have.

use crate::{EngineError, Rows, rows::collect};
use datafusion::arrow::{
    array::{Array, AsArray, RecordBatch},
    compute::concat_batches,
    datatypes::{DataType, Float64Type},
};
use driftline_statistics::features::SliceFeatures;
use std::collections::BTreeMap;

/// Values of aggregates by the key of a slice, in the order of the expressions.
pub type SliceValues = BTreeMap<String, Vec<Option<f64>>>;

impl Rows {
    /// SQL aggregates (name and expression of each) over the rows of every slice: by values
    /// of columns, where a row with a list belongs to the slice of each of its values, and by
    /// conditions (key and SQL of each). A slice without rows has no values.
    ///
    /// # Errors
    /// [`EngineError::UnknownColumn`] for a column to slice by, [`EngineError::Sql`] for an
    /// expression or a condition, [`EngineError::TooManyGroups`], and what the rows' query
    /// fails with.
    pub async fn aggregate_slices(
        &self,
        expressions: &[(String, String)],
        slices: &[SliceFeatures],
        conditions: &[(String, String)],
    ) -> Result<SliceValues, EngineError> {
        let mut found = SliceValues::new();
        for slice in slices {
            self.check_columns(slice.0.keys())?;
            self.by_values(expressions, slice, &mut found).await?;
        }
        for (key, condition) in conditions {
            let frame = self.frame(&self.session());
            let condition = frame.parse_sql_expr(condition)?;
            let met = self.derive(frame.filter(condition)?)?;
            let rows = ("driftline_rows".to_owned(), "count(*)".to_owned());
            let asked: Vec<(String, String)> = std::iter::once(rows)
                .chain(expressions.iter().cloned())
                .collect();
            let values = met.aggregate(&asked, None).await?;
            let values = values.into_iter().next().map(|row| row.values);
            if let Some([Some(rows), values @ ..]) = values.as_deref()
                && *rows > 0.0
            {
                found.insert(key.clone(), values.to_vec());
            }
        }
        if found.len() > self.max_groups() {
            return Err(EngineError::TooManyGroups {
                limit: self.max_groups(),
            });
        }
        Ok(found)
    }

    async fn by_values(
        &self,
        expressions: &[(String, String)],
        slice: &SliceFeatures,
        found: &mut SliceValues,
    ) -> Result<(), EngineError> {
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let columns = self.columns();
        let keys: Vec<String> = (0..slice.0.len())
            .map(|place| format!("driftline_slice_{place}"))
            .collect();
        let values = slice.0.keys().zip(&keys).map(|(name, key)| {
            let list = columns.iter().any(|column| {
                column.name == *name
                    && matches!(
                        column.data_type,
                        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)
                    )
            });
            match list {
                true => format!("unnest(array_distinct({})) AS {key}", quoted(name)),
                false => format!("{} AS {key}", quoted(name)),
            }
        });
        let values: Vec<String> = values.collect();
        let spread = self
            .prepare(&format!("SELECT *, {} FROM source", values.join(", ")))
            .await?;
        let frame = spread.frame(&spread.session());
        let mut selected: Vec<String> = keys.clone();
        for (place, (_, expression)) in expressions.iter().enumerate() {
            // Parsed alone first, so that a mistake is placed in the user's own text.
            frame.parse_sql_expr(expression)?;
            selected.push(format!("CAST(({expression}\n) AS DOUBLE) AS value_{place}"));
        }
        let query = format!(
            "SELECT {} FROM source GROUP BY {}",
            selected.join(", "),
            keys.join(", ")
        );
        let grouped = spread.prepare(&query).await?;
        let batches = collect(grouped.frame(&grouped.session())).await?;
        let Some(first) = batches.first() else {
            return Ok(());
        };
        let groups = concat_batches(&first.schema(), &batches)?;
        let named = slice
            .0
            .keys()
            .enumerate()
            .map(|(place, name)| (name.as_str(), groups.column(place).clone()));
        for (key, rows) in slice.rows(&RecordBatch::try_from_iter_with_nullable(
            named.map(|(name, column)| (name, column, true)),
        )?)? {
            // Two values that make one key, such as `a_b` of one column and `b` of another,
            // have no aggregate in common.
            let [row] = rows[..] else { continue };
            let value = |place: usize| {
                let values = groups
                    .column(slice.0.len() + place)
                    .as_primitive::<Float64Type>();
                let row = row as usize;
                values.is_valid(row).then(|| values.value(row))
            };
            found.insert(key, (0..expressions.len()).map(value).collect());
        }
        Ok(())
    }
}
