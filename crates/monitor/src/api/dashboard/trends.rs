//! One trend of each monitor, small enough for the table of all of them.
//!
//! A report is large and never changes, so what is drawn of one is kept until its monitor has
//! another.

use driftline_store::{MonitorState, Store, StoreError};
use driftline_verdict::report::chart;
use driftline_verdict::report::model::Trend;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Monitors whose trend is kept; with more of them all are drawn again.
const KEPT: usize = 4_096;
/// Windows that are drawn.
const POINTS: usize = 72;

/// The drawn trends of monitors, by monitor.
#[derive(Clone, Default)]
pub(crate) struct SmallTrends(Arc<Mutex<BTreeMap<String, OfRun>>>);

#[derive(Clone)]
struct OfRun {
    run: String,
    trend: Option<SmallTrend>,
}

/// A trend for a cell of a table.
#[derive(Clone, Serialize)]
pub(super) struct SmallTrend {
    name: String,
    svg: String,
}

impl SmallTrends {
    /// The trend of a monitor's last run that says most at a glance, if there is one.
    pub(super) async fn of(
        &self,
        store: &Store,
        state: &MonitorState,
    ) -> Result<Option<SmallTrend>, StoreError> {
        let Some(run) = &state.last_run_id else {
            return Ok(None);
        };
        if let Some(kept) = self.lock().get(&state.id)
            && kept.run == *run
        {
            return Ok(kept.trend.clone());
        }
        let report = store.report(run).await?;
        let trend = report.and_then(|report| {
            let trend = telling(&report.trends)?;
            Some(SmallTrend {
                name: trend.name.clone(),
                svg: chart::small_trend(trend, POINTS),
            })
        });
        let mut kept = self.lock();
        if kept.len() >= KEPT {
            kept.clear();
        }
        let of_run = OfRun {
            run: run.clone(),
            trend: trend.clone(),
        };
        kept.insert(state.id.clone(), of_run);
        Ok(trend)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, OfRun>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A rate with its limit, such as the share of negative texts; else what has a limit, else the
/// most important one.
fn telling(trends: &[Trend]) -> Option<&Trend> {
    let has_limit = |trend: &&Trend| trend.points.iter().any(|point| point.limit.is_some());
    let is_rate = |trend: &&Trend| trend.group == "rule" && trend.unit.starts_with("share");
    trends
        .iter()
        .find(|trend| is_rate(trend) && has_limit(trend))
        .or_else(|| trends.iter().find(has_limit))
        .or(trends.first())
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftline_verdict::report::model::TrendPoint;

    fn trend(group: &str, unit: &str, limit: Option<f64>) -> Trend {
        Trend {
            group: group.to_owned(),
            name: format!("{group} {unit}"),
            measure: None,
            unit: unit.to_owned(),
            limit_label: None,
            points: vec![TrendPoint {
                window: "0".to_owned(),
                value: Some(0.5),
                limit,
                lower_limit: None,
                baseline: None,
                alarm: false,
            }],
        }
    }

    #[test]
    fn a_rate_with_its_limit_is_shown_before_anything_else() {
        let mut trends = vec![
            trend("confidence", "probability", None),
            trend("drift", "bits", Some(0.1)),
            trend("rule", "share", Some(0.6)),
        ];
        let shown = |trends: &[Trend]| telling(trends).map(|trend| trend.group.clone());
        assert_eq!(shown(&trends).as_deref(), Some("rule"));
        trends.pop();
        assert_eq!(shown(&trends).as_deref(), Some("drift"));
        trends.pop();
        assert_eq!(shown(&trends).as_deref(), Some("confidence"));
        assert_eq!(shown(&[]), None);
    }
}
