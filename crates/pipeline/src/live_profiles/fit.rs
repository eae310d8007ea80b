//! What a profile must be to stand for live rows: of the pipeline's windows and models.

use super::LiveProfile;
use crate::{
    PipelineError,
    config::{Name, Pipeline, ProfilesConfig},
    rows::scored_name,
};
use driftline_engine::{Slice, Span, Windows};
use driftline_scorer::{Manifest, TOKEN_FIELDS};
use driftline_statistics::ColumnProfile;
use std::collections::{BTreeMap, BTreeSet};

/// The place of a profile: a window of the pipeline, a slice and a column.
pub(super) type Key = (Option<Span>, Option<Slice>, String);

/// What a profile has to fit.
pub(super) struct Fit<'a> {
    pipeline: &'a Pipeline,
    windows: Option<Windows>,
    /// The models whose scores columns hold, by column.
    pub(super) scores: BTreeMap<String, String>,
}

impl<'a> Fit<'a> {
    pub(super) fn new(
        pipeline: &'a Pipeline,
        models: &[(Name, Manifest)],
    ) -> Result<Self, PipelineError> {
        Ok(Self {
            pipeline,
            windows: match &pipeline.time {
                Some(time) => Some(time.windows()?),
                None => None,
            },
            scores: scores(models),
        })
    }

    /// Whether a window took no more profiles when this one came.
    pub(super) fn is_late(&self, profile: &LiveProfile, span: Option<Span>) -> bool {
        let Some(ProfilesConfig::Posted(posted)) = &self.pipeline.live.profiles else {
            return false;
        };
        let allowed = posted.allowed_lateness.micros();
        let end = span.map(|span| span.end_us.saturating_add(allowed));
        profile
            .received_us
            .zip(end)
            .is_some_and(|(came, end)| came > end)
    }

    /// The profiles that count, each with its place; or why none of them does.
    pub(super) fn placed<'p>(
        &self,
        profile: &'p LiveProfile,
    ) -> Result<Vec<(Key, &'p ColumnProfile)>, String> {
        let has_windows = profile.rows.iter().any(|row| row.span.is_some());
        if self.windows.is_some() && !has_windows && !profile.rows.is_empty() {
            return Err(
                "it has no windows of time, of which the pipeline has: profile the rows with \
                 `--time COLUMN --window 1d`"
                    .to_owned(),
            );
        }
        let mut placed = Vec::new();
        for row in &profile.rows {
            if let (Some(wanted), Some(found)) = (self.scores.get(&row.column), &row.model)
                && wanted != found
            {
                return Err(format!(
                    "its column `{}` holds scores of the model {found}, and the pipeline's is {wanted}",
                    row.column
                ));
            }
            let is_asked = |slice: &Slice| self.pipeline.slices.contains(&slice.column);
            if self.pipeline.ignore.contains(&row.column)
                || !row.slice.as_ref().is_none_or(is_asked)
            {
                continue;
            }
            let span = match (&self.windows, row.span) {
                (None, _) => None,
                // Rows without a time belong to no window.
                (Some(_), None) => continue,
                (Some(windows), Some(span)) => Some(self.window(windows, span)?),
            };
            let key = (span, row.slice.clone(), row.column.clone());
            placed.push((key, &row.profile));
        }
        Ok(placed)
    }

    /// The window in which a profile's own lies.
    fn window(&self, windows: &Windows, span: Span) -> Result<Span, String> {
        let window = windows.span_of(span.start_us);
        let window =
            window.filter(|window| span.start_us < span.end_us && span.end_us <= window.end_us);
        window.ok_or_else(|| {
            let zone = windows.time_zone;
            format!(
                "it has a window from {} to {}, which lies in none of the pipeline's: those are {} \
                 long, in {zone}",
                crate::report::instant(span.start_us, zone),
                crate::report::instant(span.end_us, zone),
                windows.width
            )
        })
    }

    /// The pipeline's windows in which a profile has rows; `None` where it is in none of them.
    pub(super) fn windows_of(&self, profile: &LiveProfile) -> BTreeSet<Option<Span>> {
        let Some(windows) = &self.windows else {
            return BTreeSet::from([None]);
        };
        let starts = profile.rows.iter().filter_map(|row| row.span);
        let found: BTreeSet<Option<Span>> =
            starts.map(|span| windows.span_of(span.start_us)).collect();
        match found.is_empty() {
            true => BTreeSet::from([None]),
            false => found,
        }
    }
}

/// The models whose scores columns hold, by column.
fn scores(models: &[(Name, Manifest)]) -> BTreeMap<String, String> {
    let mut scores = BTreeMap::new();
    for (name, manifest) in models {
        let fields = driftline_scorer::monitored_fields(manifest).into_iter();
        let fields = fields.chain(TOKEN_FIELDS.map(str::to_owned));
        scores.extend(fields.map(|field| (scored_name(name, &field), manifest.id())));
    }
    scores
}

/// Rows of each window: the most that one of its columns counts.
pub(super) fn window_rows(rows: &[(Key, &ColumnProfile)]) -> BTreeMap<Option<Span>, u64> {
    // A window may be made of several of the profile's.
    let mut columns: BTreeMap<(Option<Span>, &str), u64> = BTreeMap::new();
    for ((span, slice, column), profile) in rows {
        let rows = columns.entry((*span, column.as_str())).or_default();
        if slice.is_none() {
            *rows += profile.rows;
        }
    }
    let mut counted: BTreeMap<Option<Span>, u64> = BTreeMap::new();
    for ((span, _), rows) in columns {
        let most = counted.entry(span).or_default();
        *most = (*most).max(rows);
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftline_engine::DataType;

    #[test]
    fn hours_of_a_day_add_up_and_columns_do_not() {
        let of = |rows: u64| ColumnProfile {
            rows,
            ..ColumnProfile::new(&DataType::Int64, false)
        };
        let day = Some(Span {
            start_us: 0,
            end_us: 24,
        });
        let slice = Some(Slice {
            column: "s".into(),
            value: None,
        });
        let (two, three, nine) = (of(2), of(3), of(9));
        let rows = [
            ((day, None, "a".to_owned()), &two),
            ((day, None, "a".to_owned()), &three),
            ((day, None, "b".to_owned()), &three),
            ((day, slice, "a".to_owned()), &nine),
        ];
        assert_eq!(window_rows(&rows), BTreeMap::from([(day, 5)]));
    }
}
