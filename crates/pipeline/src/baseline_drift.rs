//! How far two frozen baselines lie apart, column by column, from their profiles alone.
//!
//! There are no limits here: the values are those of the measures that decide about windows, of
//! all rows of one baseline against all of the other, beside the least effect that matters by
//! default. Two training sets differ; the question is by how much.

use crate::{PipelineError, baseline::stored_profiles};
use driftline_drift::Grid;
use serde::Serialize;
use std::path::Path;

/// How one column differs by one measure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BaselineDrift {
    /// The column.
    pub column: String,
    /// The measure.
    pub measure: &'static str,
    /// Its value, of the new baseline against the old one.
    pub value: f64,
    /// Its unit; empty for a share or a plain number.
    pub unit: &'static str,
    /// The least effect that matters where a pipeline states none.
    pub min_effect: f64,
    /// What moved most, in words.
    pub moved: Vec<String>,
}

/// Parts that are named of what moved.
const PARTS: usize = 3;

/// Each column that both baselines have, by the measures that decide, those that moved most
/// beyond what matters first. A column of another kind is told by the schemas, not here.
///
/// # Errors
/// [`PipelineError::Unreadable`] for a folder that is none, or is damaged.
pub fn baseline_drift(old: &Path, new: &Path) -> Result<Vec<BaselineDrift>, PipelineError> {
    let read = |folder: &Path| Ok::<_, PipelineError>(stored_profiles(folder)?.unwrap_or_default());
    let (old, new) = (read(old)?, read(new)?);
    let mut found = Vec::new();
    for (column, before) in &old {
        let Some(after) = new.get(column) else {
            continue;
        };
        let grid = Grid::from_baseline(before);
        let (Some(before), Some(after)) = (grid.counts(before), grid.counts(after)) else {
            continue;
        };
        for (measure, decides) in grid.role().measures() {
            let value = grid.value(*measure, &before, &after);
            let Some(value) = value.filter(|_| *decides) else {
                continue;
            };
            let moved = grid.evidence(*measure, &before, &after, PARTS);
            found.push(BaselineDrift {
                column: column.clone(),
                measure: measure.name(),
                value,
                unit: measure.unit(),
                min_effect: measure.default_min_effect(),
                moved: moved.into_iter().map(|part| part.label).collect(),
            });
        }
    }
    let beyond = |one: &BaselineDrift| one.value / one.min_effect;
    found.sort_by(|a, b| {
        let by_size = beyond(b).total_cmp(&beyond(a));
        by_size.then_with(|| (&a.column, a.measure).cmp(&(&b.column, b.measure)))
    });
    Ok(found)
}
