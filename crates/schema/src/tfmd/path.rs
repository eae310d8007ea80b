//! Where a feature is: the steps from the root, and their one-line form.
//!
//! A step may be any string, also one with dots and quotes, so joining steps by dots
//! needs a quoting that can be undone: a step stands as it is where it has no dot, no
//! quote and no parenthesis, or where it is one pair of parentheses with none inside
//! (the name of an extension); else it is put in single quotes, its own doubled. That
//! is the form of the keys in `Anomalies.anomaly_info` (TFDV, `anomalies/path.h`).

use super::Path;
use crate::SchemaError;
use std::fmt;

/// The steps from the root of an example to a feature; ordered step by step.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeaturePath(Vec<String>);

impl FeaturePath {
    /// The path of these steps.
    pub fn new<S: Into<String>>(steps: impl IntoIterator<Item = S>) -> Self {
        Self(steps.into_iter().map(Into::into).collect())
    }

    /// Reads the one-line form that [`fmt::Display`] writes; the empty text is the root.
    ///
    /// # Errors
    /// [`SchemaError::Path`] where a step neither stands as it is nor is quoted.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            // The last step is whatever is left, so that its fault is told there.
            let (step, after) = match split_step(rest) {
                Some((step, after)) if after.starts_with('.') && after.len() > 1 => {
                    (step, after.strip_prefix('.').expect("it starts with a dot"))
                }
                _ => (rest, ""),
            };
            steps.push(unquote(step).ok_or_else(|| SchemaError::Path {
                path: text.to_owned(),
                step: step.to_owned(),
            })?);
            rest = after;
        }
        Ok(Self(steps))
    }

    /// The steps.
    pub fn steps(&self) -> &[String] {
        &self.0
    }

    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this is the root.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The last step; none for the root.
    pub fn last(&self) -> Option<&str> {
        self.0.last().map(String::as_str)
    }

    /// The path without its last step; none for the root.
    pub fn parent(&self) -> Option<Self> {
        let (_, parent) = self.0.split_last()?;
        Some(Self(parent.to_vec()))
    }

    /// The path of one more step.
    pub fn child(&self, step: impl Into<String>) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.into());
        Self(steps)
    }

    /// The message of this path.
    pub fn to_message(&self) -> Path {
        Path {
            step: self.0.clone(),
        }
    }
}

impl From<&Path> for FeaturePath {
    fn from(path: &Path) -> Self {
        Self(path.step.clone())
    }
}

impl fmt::Display for FeaturePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            if stands_alone(step) {
                f.write_str(step)?;
            } else {
                write!(f, "'{}'", step.replace('\'', "''"))?;
            }
        }
        Ok(())
    }
}

fn stands_alone(step: &str) -> bool {
    if let Some(inner) = step
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    {
        return !inner.contains(['(', ')']);
    }
    !step.is_empty() && !step.contains(['(', ')', '.', '\''])
}

/// The step at the head of `text` in its written form, and what follows it.
fn split_step(text: &str) -> Option<(&str, &str)> {
    let end = match text.chars().next()? {
        '\'' => end_of_quoted(text)?,
        '(' => {
            let end = text.find(')')? + 1;
            let (step, _) = text.split_at_checked(end)?;
            if !stands_alone(step) {
                return None;
            }
            end
        }
        _ => text.find(['(', ')', '.', '\'']).unwrap_or(text.len()),
    };
    if end == 0 {
        return None;
    }
    text.split_at_checked(end)
}

/// The offset after the quote that closes the one at the head of `text`.
fn end_of_quoted(text: &str) -> Option<usize> {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\'' {
            match characters.peek() {
                Some((_, '\'')) => {
                    characters.next();
                }
                _ => return Some(at + 1),
            }
        }
    }
    None
}

fn unquote(step: &str) -> Option<String> {
    if stands_alone(step) {
        return Some(step.to_owned());
    }
    if end_of_quoted(step)? != step.len() || !step.starts_with('\'') {
        return None;
    }
    let inner = step.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(inner.replace("''", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(steps in prop::collection::vec("[a.'()字\n]{0,5}", 0..4)) {
            let path = FeaturePath::new(steps);
            prop_assert_eq!(FeaturePath::parse(&path.to_string()).unwrap(), path);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[a.'()]{0,9}") {
            if let Ok(path) = FeaturePath::parse(&text) {
                prop_assert_eq!(FeaturePath::parse(&path.to_string()).unwrap(), path);
            }
        }
    }

    #[test]
    fn a_step_that_is_neither_plain_nor_quoted_is_named() {
        let error = FeaturePath::parse("a.b'c").unwrap_err();
        let SchemaError::Path { step, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(step, "b'c");
    }
}
