//! An expression of SQL over one row of given values, read from no source.

use crate::{EngineError, constraint::condition, engine::Engine, rows::collect};
use datafusion::arrow::{
    array::{Array, AsArray},
    datatypes::{FieldRef, Schema},
    json::ReaderBuilder,
};
use serde_json::Value;
use std::sync::Arc;

impl Engine {
    /// Whether an expression is true of a row, which is an object with a member for
    /// each field; `None` where the expression is null. A member of a struct is named
    /// `column.member`.
    ///
    /// # Errors
    /// [`EngineError::Sql`] with the place in the expression;
    /// [`EngineError::UnknownColumn`]; [`EngineError::Query`] for values that do not fit
    /// the fields.
    pub async fn is_true(
        &self,
        fields: Vec<FieldRef>,
        row: &Value,
        sql: &str,
    ) -> Result<Option<bool>, EngineError> {
        let schema = Arc::new(Schema::new(fields));
        let mut decoder = ReaderBuilder::new(schema).build_decoder()?;
        decoder.serialize(std::slice::from_ref(row))?;
        let batch = decoder.flush()?.ok_or_else(|| EngineError::Query {
            reason: "there is no row".into(),
        })?;
        let frame = self.ordered_session().read_batch(batch)?;
        let holds = condition(&frame, sql)?;
        let answer = collect(frame.select(vec![holds.alias("holds")])?).await?;
        let first = answer.first().map(|batch| batch.column(0));
        Ok(first.and_then(|answer| {
            let answer = answer.as_boolean_opt()?;
            (!answer.is_empty() && answer.is_valid(0)).then(|| answer.value(0))
        }))
    }
}
