//! What people said of terms, in a file beside the pipeline that others can review.

use crate::PipelineError;
use driftline_statistics::units::normalize_text;
use driftline_vocabulary::{Term, TermClass};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::ErrorKind,
    path::Path,
};

/// What people said of terms. Terms are in normal form, as reports have them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TermDecisions {
    /// Terms that are words of their own: what `terms --accepted` exports.
    pub accept: BTreeSet<String>,
    /// Terms that nobody wants to hear of: never reported again.
    pub ignore: BTreeSet<String>,
    /// Terms whose class is another than the one that was found.
    pub class: BTreeMap<String, TermClass>,
}

/// What one person says of one term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermDecision {
    /// It is a word of its own.
    Accept,
    /// It is not worth a report.
    Ignore,
    /// It is of this class.
    Class(TermClass),
}

impl TermDecisions {
    /// Reads a file of decisions.
    ///
    /// # Errors
    /// [`PipelineError::Unreadable`] where it cannot be read, [`PipelineError::Yaml`] with
    /// line and column where its content is wrong.
    pub fn read(path: &Path) -> Result<Self, PipelineError> {
        let text = fs::read_to_string(path).map_err(|error| PipelineError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads a file of decisions, which need not be there yet.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_or_new(path: &Path) -> Result<Self, PipelineError> {
        match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            _ => Self::read(path),
        }
    }

    fn parse(text: &str, file: &str) -> Result<Self, PipelineError> {
        let written: Self = serde_saphyr::from_str(text)
            .map_err(|error| PipelineError::yaml(text, file, &error))?;
        let normal = |terms: BTreeSet<String>| terms.iter().map(|t| normalize_text(t)).collect();
        let class = written.class.iter();
        Ok(Self {
            accept: normal(written.accept),
            ignore: normal(written.ignore),
            class: class
                .map(|(t, class)| (normalize_text(t), *class))
                .collect(),
        })
    }

    /// The file's content.
    pub fn to_yaml(&self) -> String {
        let yaml = serde_yaml::to_string(self).expect("sets of strings are YAML");
        format!(
            "# What people said of terms; a pipeline names this file as `terms.decisions`.\n{yaml}"
        )
    }

    /// Takes what somebody says of a term; an earlier word on it that says otherwise goes.
    pub fn decide(&mut self, term: &str, decision: TermDecision) {
        let term = normalize_text(term);
        match decision {
            TermDecision::Accept => {
                self.ignore.remove(&term);
                self.accept.insert(term);
            }
            TermDecision::Ignore => {
                self.accept.remove(&term);
                self.ignore.insert(term);
            }
            TermDecision::Class(class) => {
                self.ignore.remove(&term);
                self.class.insert(term, class);
            }
        }
    }

    /// Takes the terms that are ignored away and returns them, and gives the others their class.
    pub(crate) fn apply(&self, terms: &mut Vec<Term>) -> Vec<String> {
        let ignored = terms.extract_if(.., |term| self.ignore.contains(&term.text));
        let ignored = ignored.map(|term| term.text).collect();
        for term in terms {
            if let Some(class) = self.class.get(&term.text) {
                term.class = *class;
            }
        }
        ignored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_a_term_holds_and_is_read_back() {
        let mut decisions = TermDecisions::default();
        decisions.decide("显眼包", TermDecision::Ignore);
        decisions.decide("显眼包", TermDecision::Accept);
        decisions.decide("小米SU7", TermDecision::Class(TermClass::Entity));
        decisions.decide("州站", TermDecision::Accept);
        decisions.decide("州站", TermDecision::Ignore);
        let yaml = decisions.to_yaml();
        assert_eq!(
            yaml,
            "# What people said of terms; a pipeline names this file as `terms.decisions`.\n\
             accept:\n- 显眼包\nignore:\n- 州站\nclass:\n  小米su7: entity\n"
        );
        assert_eq!(
            TermDecisions::parse(&yaml, "terms.yaml").unwrap(),
            decisions
        );
    }

    #[test]
    fn a_wrong_file_is_refused_with_its_place() {
        let wrong = TermDecisions::parse("accept: []\nignored: [甲]\n", "terms.yaml");
        let message = wrong.unwrap_err().to_string();
        assert!(message.starts_with("terms.yaml:2:"), "{message}");
        let unknown = TermDecisions::parse("class: { 甲: verb }\n", "terms.yaml");
        let message = unknown.unwrap_err().to_string();
        assert!(message.starts_with("terms.yaml:1:"), "{message}");
    }
}
