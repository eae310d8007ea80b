//! Lists: the rows that a filter lets through, from a place on.

use crate::column::word;
use crate::database::Row;
use crate::{Store, StoreError};
use serde::Serialize;
use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;

type Statement<'q> = Query<'q, Any, AnyArguments>;

/// What is bound to the parameters of a list.
pub(crate) trait List<'q>: Sized {
    /// A text of the filter: `$n = '' OR column = $n` lets everything through where there is none.
    fn wanted(self, text: Option<&'q str>) -> Self;
    /// The same of an enum's value.
    fn wanted_word<T: Serialize>(self, value: Option<&T>) -> Self;
    /// Instant and identity of the row after which a list goes on that has the newest first; without it
    /// the instant is one after all others.
    fn after(self, position: Option<(i64, &'q str)>) -> Self;
}

impl<'q> List<'q> for Statement<'q> {
    fn wanted(self, text: Option<&'q str>) -> Self {
        self.bind(text.unwrap_or(""))
    }

    fn wanted_word<T: Serialize>(self, value: Option<&T>) -> Self {
        self.bind(value.map(word).unwrap_or_default())
    }

    fn after(self, position: Option<(i64, &'q str)>) -> Self {
        let (at_ms, id) = position.unwrap_or((i64::MAX, ""));
        self.bind(at_ms).bind(id)
    }
}

impl Store {
    /// The rows of a statement that only reads.
    pub(crate) async fn rows<T>(
        &self,
        operation: &'static str,
        statement: Statement<'_>,
        read: impl Fn(&Row) -> sqlx::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        statement
            .fetch_all(self.reader())
            .await
            .and_then(|rows| rows.iter().map(read).collect())
            .map_err(|error| self.error(operation, error))
    }
}
