//! Where in the schema file a rule stands whose text is wrong.

use super::SchemaOrigin;
use crate::PipelineError;
use driftline_engine::EngineError;
use driftline_schema::constraint::Placed;

/// The mistake of a rule, with its line and column in the schema file where that is known.
pub(super) fn mistake(
    origin: &SchemaOrigin,
    placed: Placed<'_>,
    error: &EngineError,
) -> PipelineError {
    let message = format!("constraint `{}`: {error}", placed.label());
    let place = placed.constraint.place;
    let text = origin
        .file
        .as_ref()
        .and_then(|file| std::fs::read_to_string(file).ok());
    let (Some(file), Some(text), Some((start, _))) = (&origin.file, text, place.constraint) else {
        return PipelineError::Configuration { message };
    };
    let at = match (error, place.sql) {
        (
            EngineError::Sql {
                line: Some(1),
                column: Some(column),
                message,
            },
            Some(sql),
        ) if !message.starts_with("in `where`") => {
            let inside: usize = text
                .get(sql..)
                .unwrap_or_default()
                .chars()
                .take(column.saturating_sub(1) as usize)
                .map(char::len_utf8)
                .sum();
            sql + inside
        }
        (EngineError::Sql { .. }, Some(sql)) => sql,
        _ => start,
    };
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    PipelineError::at(&text, &file.display().to_string(), line, column, message)
}
