//! A silence that somebody asks for, over the API or on the command line.

use crate::clock::later;
use chrono::{DateTime, Utc};
use driftline_store::Silence;
use driftline_verdict::FindingKind;
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;
use uuid::Uuid;

/// The longest silence: one that nobody remembers hides alerts for ever.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// Characters of an author or a comment.
const TEXT_CHARACTERS: usize = 1_000;

/// Which alerts nobody shall be told of, and for how long. What is left out matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = example())]
pub struct SilenceRequest {
    /// Only this monitor's.
    pub monitor: Option<String>,
    /// Only those of this kind.
    pub kind: Option<FindingKind>,
    /// Only those of this column.
    pub column: Option<String>,
    /// Only those of this slice.
    pub slice: Option<String>,
    /// Only those of this measure, anomaly or rule.
    pub measure: Option<String>,
    /// Only those of this term.
    pub term: Option<String>,
    /// When it begins; now if left out.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub starts_at: Option<DateTime<Utc>>,
    /// When it ends.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub ends_at: Option<DateTime<Utc>>,
    /// How long it lasts, in place of `ends_at`.
    #[schemars(range(min = 1, max = 31_622_400))]
    pub duration_seconds: Option<u64>,
    /// Who wants it.
    #[schemars(length(min = 1, max = 1_000), regex(pattern = r"\S"))]
    pub author: String,
    /// Why.
    #[schemars(length(min = 1, max = 1_000), regex(pattern = r"\S"))]
    pub comment: String,
}

fn example() -> serde_json::Value {
    serde_json::json!({
        "kind": "drift",
        "column": "amount",
        "duration_seconds": 604_800,
        "author": "ada",
        "comment": "autumn sale",
    })
}

/// What is wrong with a request for a silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilenceMistake {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub message: String,
}

impl SilenceRequest {
    /// The silence, with an identity of its own.
    ///
    /// # Errors
    /// [`SilenceMistake`]: no end, or one that is past or more than a year away; an author or a
    /// comment that is empty or longer than 1,000 characters.
    pub fn checked(self, now: DateTime<Utc>) -> Result<Silence, SilenceMistake> {
        let wrong = |field, message: &str| {
            Err(SilenceMistake {
                field,
                message: message.to_owned(),
            })
        };
        let starts_at = self.starts_at.unwrap_or(now);
        let ends_at = match (self.ends_at, self.duration_seconds) {
            (Some(ends_at), None) => ends_at,
            (None, Some(seconds)) => later(starts_at, Duration::from_secs(seconds)),
            (None, None) => {
                return wrong("ends_at", "a silence ends: give this or `duration_seconds`");
            }
            (Some(_), Some(_)) => return wrong("ends_at", "give this or `duration_seconds`"),
        };
        if ends_at <= starts_at || ends_at <= now {
            return wrong("ends_at", "is not after its beginning and the present");
        }
        if ends_at > later(starts_at, LONGEST) {
            return wrong("ends_at", "is more than a year after its beginning");
        }
        if self.kind == Some(FindingKind::Other) {
            return wrong("kind", "is no kind of finding that this release knows");
        }
        for (field, text) in [("author", &self.author), ("comment", &self.comment)] {
            if text.trim().is_empty() || text.chars().count() > TEXT_CHARACTERS {
                return wrong(field, "says something in at most 1,000 characters");
            }
        }
        Ok(Silence {
            id: format!("silence_{}", Uuid::new_v4().simple()),
            monitor: self.monitor,
            kind: self.kind,
            column: self.column,
            slice: self.slice,
            measure: self.measure,
            term: self.term,
            starts_at,
            ends_at,
            author: self.author,
            comment: self.comment,
            created_at: now,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(seconds: u64) -> SilenceRequest {
        SilenceRequest {
            duration_seconds: Some(seconds),
            author: "ada".to_owned(),
            comment: "known".to_owned(),
            ..SilenceRequest::default()
        }
    }

    #[test]
    fn a_silence_has_an_end_an_author_and_a_reason() {
        let now = DateTime::UNIX_EPOCH;
        let silence = request(60).checked(now).unwrap();
        assert_eq!((silence.ends_at - now).num_seconds(), 60);
        let field = |request: SilenceRequest| request.checked(now).unwrap_err().field;
        let without_end = SilenceRequest {
            duration_seconds: None,
            ..request(1)
        };
        assert_eq!(field(without_end), "ends_at");
        assert_eq!(field(request(0)), "ends_at");
        assert_eq!(field(request(367 * 86_400)), "ends_at");
        let nobody = SilenceRequest {
            author: " ".to_owned(),
            ..request(1)
        };
        assert_eq!(field(nobody), "author");
        let silent = SilenceRequest {
            comment: String::new(),
            ..request(1)
        };
        assert_eq!(field(silent), "comment");
    }
}
