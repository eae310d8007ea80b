//! Errors on their way from an executor to who asked.
//!
//! Ballista carries an error as the debugging form of what it was, in quotes in quotes. So an
//! error of ours goes as letters that no quoting changes, and is itself again where it arrives.

use crate::EngineError;
use std::fmt;

const BEGIN: &str = "driftline-error-";
const END: char = '.';

/// An error as text.
fn to_text(error: &EngineError) -> String {
    use fmt::Write;
    // Some say nothing but words: theirs are kept.
    let json = serde_json::to_string(error).or_else(|_| {
        serde_json::to_string(&EngineError::Query {
            reason: error.to_string(),
        })
    });
    let mut text = BEGIN.to_owned();
    for byte in json.unwrap_or_default().bytes() {
        write!(text, "{byte:02x}").expect("a string takes any text");
    }
    text.push(END);
    text
}

/// The error that is somewhere in a text.
pub(super) fn from_text(text: &str) -> Option<EngineError> {
    let (_, rest) = text.split_once(BEGIN)?;
    let (digits, _) = rest.split_once(END)?;
    let bytes: Vec<u8> = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect::<Option<_>>()?;
    serde_json::from_slice(&bytes).ok()
}

/// An error of ours among DataFusion's: its debugging form is [`to_text`].
pub(crate) struct Carried(pub(crate) EngineError);

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_text(&self.0))
    }
}

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Carried {}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::error::DataFusionError;

    #[test]
    fn an_error_arrives_as_what_it_was() {
        for error in [
            EngineError::TooManyGroups { limit: 7 },
            EngineError::Malformed {
                file: "a \"b\".csv".into(),
                format: "CSV".into(),
                reason: "cut\noff".into(),
            },
        ] {
            let among_theirs = DataFusionError::from(error.clone());
            assert_eq!(EngineError::from(among_theirs), error);
            let among_theirs = DataFusionError::from(error.clone());
            let carried = format!("{:?}", format!("task failed: {among_theirs:?}"));
            assert_eq!(from_text(&carried), Some(error));
        }
        assert_eq!(from_text("something else"), None);
    }
}
