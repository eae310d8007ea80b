//! What another table says of each row, by key.

use crate::{EngineError, Rows};
use datafusion::{
    arrow::datatypes::DataType,
    functions_aggregate::expr_fn::{max, min},
    logical_expr::{Expr, JoinType, cast, when},
    prelude::ident,
};

const OWN_KEY: &str = "driftline_own_key_";
const THEIR_KEY: &str = "driftline_their_key_";
const LEAST: &str = "driftline_least";
const GREATEST: &str = "driftline_greatest";

impl Rows {
    /// The rows with a column `name` added: what the column `column` of another table says of
    /// the row's keys, columns that both have. Null where it says nothing, and where it says
    /// different things. No row is lost or doubled.
    ///
    /// # Errors
    /// [`EngineError::UnknownColumn`], [`EngineError::NoKey`].
    pub fn with_joined(
        &self,
        other: &Rows,
        keys: &[String],
        column: &str,
        name: &str,
    ) -> Result<Self, EngineError> {
        if keys.is_empty() {
            return Err(EngineError::NoKey);
        }
        self.check_columns(keys)?;
        other.check_columns(keys)?;
        other.check_columns([column])?;
        let names = |prefix: &str| -> Vec<String> {
            (0..keys.len()).map(|at| format!("{prefix}{at}")).collect()
        };
        let (own, their) = (names(OWN_KEY), names(THEIR_KEY));
        let context = self.session();
        let mut selected = key_exprs(other, self, keys, &their);
        selected.push(ident(column).alias(name));
        let mut said: Vec<Expr> = their.iter().map(ident).collect();
        said.push(
            when(ident(LEAST).eq(ident(GREATEST)), ident(LEAST))
                .end()?
                .alias(name),
        );
        let said = other
            .frame(&context)
            .select(selected)?
            .aggregate(
                their.iter().map(ident).collect(),
                vec![
                    min(ident(name)).alias(LEAST),
                    max(ident(name)).alias(GREATEST),
                ],
            )?
            .select(said)?;
        let kept: Vec<Expr> = self
            .columns()
            .into_iter()
            .filter(|column| column.name != name)
            .map(|column| ident(column.name))
            .collect();
        let mut asked = kept.clone();
        asked.extend(key_exprs(self, other, keys, &own));
        let joined = self.frame(&context).select(asked)?.join(
            said,
            JoinType::Left,
            &own.iter().map(String::as_str).collect::<Vec<_>>(),
            &their.iter().map(String::as_str).collect::<Vec<_>>(),
            None,
        )?;
        let mut result = kept;
        result.push(ident(name));
        self.derive(joined.select(result)?)
    }
}

/// The keys of one side in a type that both have: their own, or text.
fn key_exprs(own: &Rows, other: &Rows, keys: &[String], names: &[String]) -> Vec<Expr> {
    let type_of = |rows: &Rows, name: &str| {
        let mut columns = rows.columns().into_iter();
        columns
            .find(|column| column.name == name)
            .map(|column| column.data_type)
    };
    keys.iter()
        .zip(names)
        .map(|(key, name)| {
            let value = match type_of(own, key) == type_of(other, key) {
                true => ident(key),
                false => cast(ident(key), DataType::Utf8),
            };
            value.alias(name)
        })
        .collect()
}
