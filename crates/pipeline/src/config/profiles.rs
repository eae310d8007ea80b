//! Live data that comes as profiles: `profiles:` of a pipeline's `live`.

use super::Duration;
use schemars::JsonSchema;
use serde::Deserialize;

/// Where profiles come from that stand for live rows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProfilesConfig {
    /// Profile files: a path, a pattern or a folder, read against the pipeline's folder.
    Files(String),
    /// Those that are posted to `driftline serve`.
    Posted(PostedConfig),
}

/// Profiles that are posted to the server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PostedConfig {
    /// How long after its end a window takes profiles that come. Later ones are kept and counted,
    /// and not judged.
    pub allowed_lateness: Duration,
    /// What they may take in the store, in MiB; above it no more are taken until old ones are
    /// pruned.
    pub max_state_mib: u64,
}

impl Default for PostedConfig {
    fn default() -> Self {
        Self {
            allowed_lateness: Duration::from_minutes(24 * 60),
            max_state_mib: 4_096,
        }
    }
}

impl ProfilesConfig {
    /// The sentence of what no single value shows to be wrong.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        match self {
            Self::Files(files) if files == "-" || files.contains("://") => Some(
                "profiles are files of this machine: fetch them first, or have them posted to \
                 `driftline serve` (`posted: {}`)",
            ),
            Self::Files(_) | Self::Posted(_) => None,
        }
    }
}
