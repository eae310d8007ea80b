//! Where queries run: `engine:` of a pipeline.

use driftline_engine::ClusterAddress;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error as _};

/// Where queries run.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSettings {
    /// The scheduler of a cluster, `df://HOST:PORT`, whose executors see the sources by the same
    /// paths; the machine that evaluates the pipeline by default. `--cluster` goes before it.
    pub cluster: Option<ClusterUrl>,
}

/// Where a scheduler is.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct ClusterUrl(pub ClusterAddress);

impl<'de> Deserialize<'de> for ClusterUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}
