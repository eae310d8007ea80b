//! Free text: lengths in characters, and the hashed cells of its units.

use super::{Counts, NumericGrid};
use crate::measure::{Measure, g_test};
use driftline_statistics::TextProfile;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Lengths in characters, and the hashed cells of text units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextGrid {
    pub(super) characters: NumericGrid,
    /// The baseline's most frequent hashed cells, most frequent first.
    pub(super) top: Vec<u16>,
}

impl TextGrid {
    pub(super) fn of(text: &TextProfile) -> Self {
        let lengths = text.characters();
        let mut ranked: Vec<(u32, u16)> = text
            .cells()
            .iter()
            .zip(0_u16..)
            .filter(|&(&count, _)| count > 0)
            .map(|(&count, cell)| (count, cell))
            .collect();
        ranked.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        Self {
            characters: NumericGrid::of(&lengths.quantiles(), lengths.std_dev()),
            top: ranked
                .into_iter()
                .take(g_test::TOP_CELLS)
                .map(|(_, cell)| cell)
                .collect(),
        }
    }

    /// The unit counts that a measure takes: the frequent cells and the rest for G,
    /// all cells for the others.
    pub(super) fn units_for<'a>(
        &self,
        measure: Measure,
        baseline: &'a Counts,
        window: &'a Counts,
    ) -> (Cow<'a, [u64]>, Cow<'a, [u64]>) {
        if measure == Measure::GTest {
            (
                g_test::top_and_rest(&baseline.units, &self.top).into(),
                g_test::top_and_rest(&window.units, &self.top).into(),
            )
        } else {
            (Cow::from(&baseline.units), Cow::from(&window.units))
        }
    }
}
