//! New terms and watched words: `terms` of a pipeline.

use schemars::JsonSchema;
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf};

/// New terms and watched words.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TermsConfig {
    /// The text column.
    pub column: String,
    /// Words whose documents are counted in every window and held against the baseline.
    #[serde(default)]
    pub watch: Vec<String>,
    /// By watched word how often it may stand in a window.
    #[serde(default)]
    pub watch_limits: BTreeMap<String, WatchLimit>,
    /// The greatest number of terms a window reports.
    #[serde(default = "default_terms_per_window")]
    pub per_window: usize,
    /// A file of what people said of terms, as `driftline term` writes it: which are ignored,
    /// and which are of another class than the one found.
    #[serde(default)]
    pub decisions: Option<PathBuf>,
}

fn default_terms_per_window() -> usize {
    30
}

/// How often a watched word may stand in a window.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WatchLimit {
    /// The greatest share of a window's documents with it.
    #[serde(default)]
    pub max_share: Option<f64>,
    /// The greatest number of documents with it.
    #[serde(default)]
    pub max_documents: Option<u32>,
    /// How bad more are.
    #[serde(default = "default_severity")]
    pub severity: driftline_verdict::Severity,
}

fn default_severity() -> driftline_verdict::Severity {
    driftline_verdict::Severity::Error
}

impl TermsConfig {
    /// Terms of a column, nothing watched.
    pub fn of(column: String) -> Self {
        Self {
            column,
            watch: Vec::new(),
            watch_limits: BTreeMap::new(),
            per_window: default_terms_per_window(),
            decisions: None,
        }
    }

    /// The key and the sentence of what no single value shows to be wrong.
    pub(super) fn mistake(&self) -> Option<(&str, String)> {
        self.watch_limits.iter().find_map(|(word, limit)| {
            let problem = if !self.watch.contains(word) {
                "has a limit and is not watched: name it in `watch`, too"
            } else if limit.max_share.is_none() && limit.max_documents.is_none() {
                "has no limit: give `max_share` or `max_documents`"
            } else if limit
                .max_share
                .is_some_and(|share| !(0.0..=1.0).contains(&share))
            {
                "has a `max_share` that is no share: write a number from 0 to 1"
            } else {
                return None;
            };
            Some((
                word.as_str(),
                format!("the watched word `{word}` {problem}"),
            ))
        })
    }
}
