//! Why a schema had to change: the reasons of an anomaly and how grave they are.

use super::anomaly_info::{Reason, Severity, Type};

/// One reason, in the words of the anomaly.
pub(crate) fn reason(
    kind: Type,
    short: impl Into<String>,
    description: impl Into<String>,
) -> Reason {
    Reason {
        r#type: Some(kind.into()),
        short_description: Some(short.into()),
        description: Some(description.into()),
    }
}

/// What a check of a domain found, and whether the domain has to go.
#[derive(Default)]
pub(crate) struct Repair {
    pub(crate) reasons: Vec<Reason>,
    pub(crate) clear: bool,
}

/// The graver of two severities: unknown, warning, error.
pub(crate) fn graver(a: Severity, b: Severity) -> Severity {
    let rank = |severity| match severity {
        Severity::Unknown => 0,
        Severity::Warning => 1,
        Severity::Error => 2,
    };
    if rank(a) > rank(b) { a } else { b }
}
