//! The run as `verdict.json`.

use crate::{Run, VerdictError};

/// The run as JSON for people and machines: indented, fields in the order of the types, one
/// newline at the end. Its JSON Schema is [`crate::json_schema`].
///
/// # Errors
/// [`VerdictError::Render`] if a value cannot be written as JSON.
pub fn json(run: &Run) -> Result<String, VerdictError> {
    let mut text = serde_json::to_string_pretty(run).map_err(|error| VerdictError::Render {
        format: "JSON",
        reason: error.to_string(),
    })?;
    text.push('\n');
    Ok(text)
}
