//! Trends and distributions, drawn and captioned.

use super::Caps;
use crate::report::chart;
use crate::report::format::{clip, instant, quantity, words};
use crate::report::model::{Distribution, Report, Trend};
use crate::report::summary::worst_first;
use crate::{FindingKind, Severity};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct TrendGroup {
    id: &'static str,
    title: &'static str,
    says: &'static str,
    charts: Vec<ChartView>,
    /// What all limits of the group mean, where it is the same.
    limit_label: String,
    has_limit: bool,
    has_baseline: bool,
    has_alarm: bool,
}

#[derive(Serialize)]
pub(super) struct ChartView {
    title: String,
    subtitle: String,
    /// The newest value against its limit.
    newest: String,
    alarm: bool,
    limit_label: String,
    has_limit: bool,
    has_baseline: bool,
    has_alarm: bool,
    more: usize,
    svg: String,
}

/// The trend that tells the story: that of the worst finding of the newest window, else the
/// first.
pub(super) fn lead_trend(report: &Report) -> Option<&Trend> {
    let worst = report.run.windows.last().and_then(|window| {
        worst_first(window)
            .into_iter()
            .filter(|finding| finding.severity >= Severity::Warning)
            .find_map(|finding| {
                // A rule's trend bears the rule's name, a measure's that of its column.
                let (name, measure) = match finding.kind {
                    FindingKind::Rule => (finding.measure.clone()?, &None),
                    _ => (finding.column.clone()?, &finding.measure),
                };
                let name = match &finding.slice {
                    Some(slice) => format!("{name} where {slice}"),
                    None => name,
                };
                report
                    .trends
                    .iter()
                    .find(|trend| trend.name == name && trend.measure == *measure)
            })
    });
    worst
        .or_else(|| report.trends.first())
        .filter(|trend| trend.points.len() > 1)
}

/// Groups of trends as a reader looks for them; what no group knows is shown last.
const GROUPS: [(&str, &str, &str, &[&str]); 4] = [
    (
        "drift",
        "Drift",
        "How far each window is from the baseline. A value above the dashed line is one that \
         the baseline itself does not reach as often as the stated rate.",
        &["drift", "length", "volume"],
    ),
    (
        "rules",
        "Rules and keywords",
        "Quantities that the pipeline watches by name.",
        &["rule", "keyword"],
    ),
    (
        "confidence",
        "Model confidence",
        "What the models make of the rows, how sure they are, and how right.",
        &[
            "confidence",
            "label",
            "score",
            "model",
            "performance",
            "challenger",
        ],
    ),
    ("more", "More trends", "", &[]),
];

pub(super) fn trend_groups(trends: &[Trend], caps: Caps) -> Vec<TrendGroup> {
    let mut groups: Vec<TrendGroup> = GROUPS
        .iter()
        .map(|(id, title, says, _)| TrendGroup {
            id,
            title,
            says,
            charts: Vec::new(),
            limit_label: "limit".to_owned(),
            has_limit: false,
            has_baseline: false,
            has_alarm: false,
        })
        .collect();
    for trend in trends.iter().take(caps.trends) {
        let place = GROUPS
            .iter()
            .position(|(_, _, _, names)| names.contains(&trend.group.as_str()))
            .unwrap_or(GROUPS.len() - 1);
        groups[place].charts.push(trend_view(trend, caps.points));
    }
    groups.retain(|group| !group.charts.is_empty());
    for group in &mut groups {
        let any = |has: fn(&ChartView) -> bool| group.charts.iter().any(has);
        group.has_limit = any(|chart| chart.has_limit);
        group.has_baseline = any(|chart| chart.has_baseline);
        group.has_alarm = any(|chart| chart.has_alarm);
        let mut labels = group
            .charts
            .iter()
            .filter(|chart| chart.has_limit)
            .map(|chart| &chart.limit_label);
        if let Some(label) = labels.next()
            && labels.all(|other| other == label)
        {
            group.limit_label.clone_from(label);
        }
    }
    groups
}

pub(super) fn trend_view(trend: &Trend, points: usize) -> ChartView {
    let newest = trend.points.last();
    let value = newest.and_then(|point| point.value);
    let limit = newest.and_then(|point| point.nearest_limit());
    ChartView {
        title: clip(&trend.name, 60),
        subtitle: match &trend.measure {
            Some(measure) => clip(&words(measure), 60),
            None => String::new(),
        },
        newest: match (value, limit) {
            (Some(value), Some(limit)) => format!(
                "{}, limit {}",
                quantity(value, &trend.unit),
                quantity(limit, &trend.unit)
            ),
            (Some(value), None) => quantity(value, &trend.unit),
            (None, _) => "not evaluated".to_owned(),
        },
        alarm: newest.is_some_and(|point| point.alarm),
        limit_label: match trend.limit_label.as_deref().unwrap_or("limit") {
            label if label.contains("limit") => clip(label, 80),
            label => format!("limit: {}", clip(label, 80)),
        },
        has_limit: trend.points.iter().any(|point| point.limit.is_some()),
        has_baseline: trend.points.iter().any(|point| point.baseline.is_some()),
        has_alarm: trend.points.iter().any(|point| point.alarm),
        more: trend.points.len().saturating_sub(points),
        svg: chart::trend(trend, points),
    }
}

pub(super) fn distribution_view(distribution: &Distribution, bins: usize) -> ChartView {
    ChartView {
        title: clip(&distribution.column, 60),
        subtitle: clip(&distribution.axis, 60),
        newest: clip(&instant(&distribution.window), 40),
        alarm: false,
        limit_label: String::new(),
        has_limit: false,
        has_baseline: true,
        has_alarm: false,
        more: distribution.bins.len().saturating_sub(bins),
        svg: chart::distribution(distribution, bins),
    }
}
