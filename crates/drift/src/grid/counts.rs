//! Counts in cells, which add up.

use super::NULL;
use serde::{Deserialize, Serialize};

/// Counts of one column's rows in the cells of its grid.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// One count a row: nulls first, then by the grid's kind.
    pub cells: Vec<u64>,
    /// Counts of text units by hashed cell; empty where the column is no text.
    pub units: Vec<u64>,
}

impl Counts {
    /// Rows counted.
    pub fn rows(&self) -> u64 {
        self.cells.iter().sum()
    }

    /// Rows without a value.
    pub fn nulls(&self) -> u64 {
        self.cells.get(NULL).copied().unwrap_or(0)
    }

    /// Adds the counts of more rows.
    pub fn add(&mut self, other: &Self) {
        add(&mut self.cells, &other.cells);
        add(&mut self.units, &other.units);
    }

    /// The counts of the rows that are not among `part`.
    pub(crate) fn less(&self, part: &Self) -> Self {
        Self {
            cells: subtract(&self.cells, &part.cells),
            units: subtract(&self.units, &part.units),
        }
    }

    /// The counts of so many times the rows, to the nearest row.
    pub(crate) fn times(&self, factor: f64) -> Self {
        let times = |counts: &[u64]| {
            let counts = counts.iter();
            counts
                .map(|&count| (count as f64 * factor).round() as u64)
                .collect()
        };
        Self {
            cells: times(&self.cells),
            units: times(&self.units),
        }
    }
}

pub(crate) fn subtract(all: &[u64], part: &[u64]) -> Vec<u64> {
    all.iter()
        .zip(part)
        .map(|(a, b)| a.saturating_sub(*b))
        .collect()
}

fn add(mine: &mut Vec<u64>, theirs: &[u64]) {
    if mine.len() < theirs.len() {
        mine.resize(theirs.len(), 0);
    }
    for (a, b) in mine.iter_mut().zip(theirs) {
        *a += b;
    }
}
