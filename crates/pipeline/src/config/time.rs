//! How rows are laid out in time.

use super::Duration;
use crate::PipelineError;
use chrono::NaiveDate;
use driftline_engine::{Width, Windows};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How rows are laid out in time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeConfig {
    /// The column with the time of a row.
    pub column: String,
    /// Length of a live window: `1h`, `1d`, `7d`.
    pub window: Duration,
    /// Length of a baseline block, from which usual turnover is learnt; a whole
    /// fraction of `window`. By default a day, or an hour for windows under two days.
    #[serde(default)]
    pub block: Option<Duration>,
    /// Time zone of windows and of times without one, as in the IANA database.
    #[serde(default = "default_time_zone")]
    pub time_zone: String,
    /// Days that are like Sundays, whatever day of the week they are on. Windows shorter than
    /// a week are compared with the same hours of the week, so it matters for those.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub holidays: BTreeSet<NaiveDate>,
    /// Which live windows are evaluated.
    #[serde(default)]
    pub evaluate: EvaluateConfig,
}

/// Which live windows are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvaluateConfig {
    /// Every window that holds live data.
    #[default]
    All,
    /// The newest window that has ended: what a gate rests on.
    Newest,
}

fn default_time_zone() -> String {
    "UTC".into()
}

impl TimeConfig {
    /// Windows by a column, in UTC.
    pub fn of(column: String, window: Duration) -> Self {
        Self {
            column,
            window,
            block: None,
            time_zone: default_time_zone(),
            holidays: BTreeSet::new(),
            evaluate: EvaluateConfig::All,
        }
    }

    /// The live windows.
    pub fn windows(&self) -> Result<Windows, PipelineError> {
        self.of_width(self.window)
    }

    /// The baseline's blocks.
    pub fn blocks(&self) -> Result<Windows, PipelineError> {
        self.of_width(self.block())
    }

    fn of_width(&self, width: Duration) -> Result<Windows, PipelineError> {
        let width: Width = width.to_string().parse()?;
        let mut windows = Windows::new(&self.column, width);
        windows.time_zone = driftline_engine::time_zone(&self.time_zone)?;
        Ok(windows)
    }

    /// Length of a block: as given, else a day, or an hour for windows under two days.
    pub fn block(&self) -> Duration {
        self.block.unwrap_or_else(|| {
            let day = Duration::from_minutes(1_440);
            let hour = Duration::from_minutes(60);
            if self.window.seconds() >= 2 * day.seconds() {
                day
            } else if self.window >= hour {
                hour
            } else {
                self.window
            }
        })
    }
}
