//! Where the drift of a failing window is: which of its slices hold it.
//!
//! Only asked of windows that fail, the newest first, and only where the training data are
//! at hand: a stored baseline has profiles of whole columns.

use crate::{
    PipelineError,
    baseline::{Baseline, column_key},
    config::Pipeline,
    judge::JudgedWindow,
    rows::quoted,
};
use driftline_drift::{Concentration, Judgement, Measurement, SlicedProfiles};
use driftline_engine::{ProfileColumn, ProfileRequest, Rows};
use driftline_schema::Role;
use driftline_statistics::ColumnProfile;
use std::collections::BTreeMap;

/// Newest failing windows that are looked into, and columns of each.
const WINDOWS: usize = 3;
const COLUMNS: usize = 6;
/// A column is taken apart where it has at most so many values.
const MOST_VALUES: u64 = 32;
/// Columns that rows are sliced by, and those of them that are paired.
const FEATURES: usize = 12;
const PAIRED: usize = 4;
/// Slices that are told of a finding.
const TOLD: usize = 3;
const HOUR: &str = "hour of the day";

/// The slices that hold a column's drift, by column and measure.
pub(crate) type Concentrations = BTreeMap<(String, &'static str), Vec<Concentration>>;

/// Looks for slices that hold the drift of failing windows; by window.
pub(crate) async fn find(
    rows: &Rows,
    pipeline: &Pipeline,
    baseline: &Baseline,
    windows: &[JudgedWindow],
) -> Result<BTreeMap<usize, Concentrations>, PipelineError> {
    let mut found = BTreeMap::new();
    let Some(training) = &baseline.source_rows else {
        return Ok(found);
    };
    let failing = windows.iter().enumerate().rev();
    let failing = failing.filter_map(|(index, window)| {
        let failing: Vec<&Measurement> = strongest(&window.measurements);
        (!failing.is_empty()).then_some((index, window, failing))
    });
    for (index, window, failing) in failing.take(WINDOWS) {
        let live = match (&pipeline.time, window.live.span) {
            (Some(time), Some(span)) => rows.within(&time.column, window.live.zone, span)?,
            _ => rows.clone(),
        };
        let search = Search {
            pipeline,
            baseline,
            window,
            training,
            live: &live,
        };
        found.insert(index, search.find(&failing).await?);
    }
    Ok(found)
}

/// Of each column that fails over all rows the measurement that is furthest beyond its
/// least effect, greatest first.
fn strongest(measurements: &[Measurement]) -> Vec<&Measurement> {
    let beyond = |m: &Measurement| m.effect_lower.unwrap_or(0.0) / m.min_effect.max(1e-12);
    let mut failing: Vec<&Measurement> = measurements
        .iter()
        .filter(|m| m.judgement == Judgement::Fail && m.slice.is_none())
        .filter(|m| m.design_effect.is_some())
        .collect();
    failing.sort_by(|a, b| beyond(b).total_cmp(&beyond(a)));
    let mut strongest: Vec<&Measurement> = Vec::new();
    for measurement in failing {
        if strongest.iter().all(|s| s.column != measurement.column) && strongest.len() < COLUMNS {
            strongest.push(measurement);
        }
    }
    strongest
}

/// One window that is looked into.
struct Search<'a> {
    pipeline: &'a Pipeline,
    baseline: &'a Baseline,
    window: &'a JudgedWindow,
    training: &'a Rows,
    live: &'a Rows,
}

/// Profiles of both sides, by slice, then column.
type Sides = BTreeMap<String, BTreeMap<String, [Option<ColumnProfile>; 2]>>;

impl Search<'_> {
    async fn find(&self, failing: &[&Measurement]) -> Result<Concentrations, PipelineError> {
        let features = self.features();
        let single = |name: &String| (name.clone(), format!("{name}="), quoted(name));
        let mut by: Vec<(String, String, String)> = features.iter().map(single).collect();
        if let Some(time) = &self.pipeline.time {
            let at = format!(
                "event_time({}, '{}', '{}')",
                quoted(&time.column),
                time.column.replace('\'', "''"),
                time.time_zone
            );
            let hour = format!("CAST(date_part('hour', {at}) AS BIGINT)");
            by.push((HOUR.to_owned(), format!("{HOUR} (UTC)="), hour));
        }
        let mut sides = self.profiles(failing, &by).await?;
        let mut found = self.concentrations(failing, &sides);
        // Pairs of what holds drift by itself with what else there is.
        let holds = |feature: &String| {
            let prefix = format!("{feature}=");
            let mut all = found.values().flatten();
            all.any(|held| held.slice.starts_with(&prefix))
        };
        let holding = features
            .iter()
            .filter(|feature| holds(feature))
            .take(PAIRED);
        let pairs: Vec<(String, String, String)> = holding
            .flat_map(|one| features.iter().map(move |other| (one, other)))
            .filter(|(one, other)| one != other)
            .map(|(one, other)| {
                let name = format!("{one} and {other}");
                let part =
                    |column: &str| format!("coalesce(CAST({} AS VARCHAR), 'null')", quoted(column));
                let both = format!(
                    "concat({}, ', {}=', {})",
                    part(one),
                    other.replace('\'', "''"),
                    part(other)
                );
                (name, format!("{one}="), both)
            })
            .collect();
        if !pairs.is_empty() {
            sides.extend(self.profiles(failing, &pairs).await?);
            found = self.concentrations(failing, &sides);
        }
        Ok(found)
    }

    /// Columns of few values that rows are sliced by.
    fn features(&self) -> Vec<String> {
        let few = |profile: &ColumnProfile| match profile.categorical() {
            Some(values) => (2..=MOST_VALUES).contains(&(values.values().len() as u64)),
            None => false,
        };
        let live = self.live.columns();
        let profiles = self.baseline.profiles.iter();
        let role = |name: &String| self.baseline.roles.get(name);
        profiles
            .filter(|(name, profile)| few(profile) && role(name) != Some(&Role::Text))
            .map(|(name, _)| name.clone())
            .filter(|name| live.iter().any(|column| column.name == *name))
            .take(FEATURES)
            .collect()
    }

    /// Profiles of the failing columns in every slice. Slices are given by the name of a
    /// column to make, what their values are told with, and the SQL of the column.
    async fn profiles(
        &self,
        failing: &[&Measurement],
        by: &[(String, String, String)],
    ) -> Result<Sides, PipelineError> {
        // Names of their own, since rows may have columns of any name.
        let slice = |at: usize| format!("driftline_slice_{at}");
        let made: Vec<(String, String)> = by
            .iter()
            .enumerate()
            .map(|(at, (_, _, sql))| (slice(at), sql.clone()))
            .collect();
        let is_text = |m: &Measurement| self.baseline.roles.get(&m.column) == Some(&Role::Text);
        let request = ProfileRequest {
            columns: failing
                .iter()
                .map(|m| ProfileColumn {
                    name: m.column.clone(),
                    text: is_text(m),
                })
                .collect(),
            windows: None,
            slices: made.iter().map(|(name, _)| name.clone()).collect(),
        };
        let mut sides = Sides::new();
        for (side, rows) in [self.training, self.live].into_iter().enumerate() {
            let rows = rows.with_columns(&made).await?;
            for row in rows.profile(&request).await? {
                let Some(of) = row.slice else { continue };
                let Some(at) = made.iter().position(|(name, _)| *name == of.column) else {
                    continue;
                };
                let label = format!("{}{}", by[at].1, of.value.as_deref().unwrap_or("null"));
                let columns = sides.entry(label).or_default();
                columns.entry(row.column).or_default()[side] = Some(row.profile);
            }
        }
        Ok(sides)
    }

    fn concentrations(&self, failing: &[&Measurement], sides: &Sides) -> Concentrations {
        let mut found = Concentrations::new();
        for measurement in failing {
            let own = format!("{}=", measurement.column);
            let slices: Vec<SlicedProfiles> = sides
                .iter()
                // A value of the column itself holds the drift of its own share by definition.
                .filter(|(slice, _)| {
                    !slice.starts_with(&own) && !slice.contains(&format!(", {own}"))
                })
                .filter_map(|(slice, columns)| {
                    let [baseline, window] = columns.get(&measurement.column)?;
                    Some(SlicedProfiles {
                        slice: slice.clone(),
                        baseline: baseline.clone()?,
                        window: window.clone()?,
                    })
                })
                .collect();
            let key = column_key(None, &measurement.column);
            let Some(whole) = self.window.live.profiles.get(&key) else {
                continue;
            };
            let all = self
                .baseline
                .calibrator
                .concentrations(measurement, whole, &slices);
            let told = without_needless_pairs(all);
            if !told.is_empty() {
                let place = (measurement.column.clone(), measurement.measure.name());
                found.insert(place, told);
            }
        }
        found
    }
}

/// The first few slices, without pairs that say no more than one of their parts does.
fn without_needless_pairs(all: Vec<Concentration>) -> Vec<Concentration> {
    let part_of = |pair: &Concentration, single: &Concentration| {
        let mut parts = pair.slice.split(", ");
        pair.slice != single.slice && parts.any(|part| part == single.slice)
    };
    let needless = |slice: &Concentration| {
        let mut singles = all.iter().filter(|single| part_of(slice, single));
        singles.any(|single| slice.lower <= single.value)
    };
    let told = all.iter().filter(|slice| !needless(slice));
    told.take(TOLD).cloned().collect()
}
