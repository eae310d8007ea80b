//! Where a feature is: the names of the fields that lead to it.

use crate::StatisticsError;
use std::{fmt, str::FromStr};

/// The steps to a feature: a column, then fields of structs.
///
/// Lists between the steps have no name and take no step, as in TFDV.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeaturePath(Vec<String>);

impl FeaturePath {
    /// The path of a column.
    pub fn column(name: impl Into<String>) -> Self {
        Self(vec![name.into()])
    }

    /// The path with these steps.
    pub fn new(steps: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(steps.into_iter().map(Into::into).collect())
    }

    /// The path of a field of this feature.
    #[must_use]
    pub fn child(&self, field: impl Into<String>) -> Self {
        let mut steps = self.0.clone();
        steps.push(field.into());
        Self(steps)
    }

    /// The path without its last step; the empty path is its own parent.
    #[must_use]
    pub fn parent(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    /// The names in order.
    pub fn steps(&self) -> &[String] {
        &self.0
    }

    /// The last name.
    pub fn last(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }
}

/// Steps joined by dots; a step that holds a dot or a quote is quoted as SQL would,
/// so that two paths never read the same.
impl fmt::Display for FeaturePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            if step.contains(['.', '\'', '"']) || step.is_empty() {
                write!(f, "'{}'", step.replace('\'', "''"))?;
            } else {
                f.write_str(step)?;
            }
        }
        Ok(())
    }
}

impl FromStr for FeaturePath {
    type Err = StatisticsError;

    /// Reads what [`Display`](fmt::Display) writes.
    fn from_str(text: &str) -> Result<Self, StatisticsError> {
        let wrong = |reason: &str| StatisticsError::Path {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        let mut steps = Vec::new();
        let mut rest = text.chars().peekable();
        loop {
            let mut step = String::new();
            if rest.next_if_eq(&'\'').is_some() {
                loop {
                    match rest.next() {
                        Some('\'') if rest.next_if_eq(&'\'').is_some() => step.push('\''),
                        Some('\'') => break,
                        Some(other) => step.push(other),
                        None => return Err(wrong("a quote is not closed")),
                    }
                }
            } else {
                while let Some(other) = rest.next_if(|next| *next != '.') {
                    step.push(other);
                }
                if step.is_empty() {
                    return Err(wrong("a step is empty"));
                }
            }
            steps.push(step);
            match rest.next() {
                None => return Ok(Self(steps)),
                Some('.') => {}
                Some(_) => return Err(wrong("a quoted step is followed by more than a dot")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_its_steps() {
        let path = FeaturePath::column("a").child("b.c").child("it's");
        assert_eq!(path.to_string(), "a.'b.c'.'it''s'");
        assert_eq!(path.parent().to_string(), "a.'b.c'");
        assert_eq!(path.last(), "it's");
        assert_eq!(FeaturePath::default().parent(), FeaturePath::default());
    }

    #[test]
    fn a_path_is_read_back_as_it_was_written() {
        for steps in [vec!["a"], vec!["a", "b.c", "it's", ""], vec!["字", "x y"]] {
            let path = FeaturePath::new(steps);
            assert_eq!(path.to_string().parse::<FeaturePath>().unwrap(), path);
        }
        for wrong in ["", "a..b", "'a", "'a'b", "a."] {
            assert!(wrong.parse::<FeaturePath>().is_err(), "{wrong}");
        }
    }
}
