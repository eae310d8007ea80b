//! The baseline's most frequent values.

use super::{NULL, OTHER, SPECIAL};
use driftline_statistics::ColumnProfile;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The baseline's most frequent values. Cells: null, other, the values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CategoryGrid {
    pub(super) cells: BTreeMap<String, usize>,
}

impl CategoryGrid {
    pub(super) fn counts(&self, profile: &ColumnProfile) -> Option<Vec<u64>> {
        let values = profile.categorical()?;
        let mut cells = vec![0; SPECIAL + self.cells.len()];
        cells[NULL] = profile.nulls;
        let mut known = 0;
        for value in values.values() {
            if let Some(&cell) = self.cells.get(&value.value) {
                cells[cell] = value.count;
                known += value.count;
            }
        }
        // A sketch's counts are upper bounds and may add up to more than all values.
        cells[OTHER] = values.count().saturating_sub(known);
        Some(cells)
    }

    pub(super) fn label(&self, cell: usize) -> String {
        match cell {
            NULL => "null".into(),
            OTHER => "other".into(),
            _ => self
                .cells
                .iter()
                .find(|&(_, &at)| at == cell)
                .map_or_else(|| "other".into(), |(value, _)| value.clone()),
        }
    }
}
