//! What waits to enter a full table.

use crate::units::mix;

/// An n-gram enters a full table once the gate has counted it this often; doubled
/// whenever the table is full again. Most n-grams of a full table were counted once, so what
/// was counted twice has room for long.
const FIRST_PROMOTION: u32 = 2;

/// Cells of a row of the gate per n-gram that the table holds, and the most cells.
const CELLS_PER_NGRAM: usize = 8;
pub(super) const MAX_CELLS: usize = 1 << 22;

/// Count-min sketch of two rows with conservative update (Estan, Varghese 2002).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gate {
    /// The two rows, one after the other.
    pub(super) cells: Vec<u16>,
    /// Occurrences from which an n-gram enters the table.
    pub(super) promotion: u32,
}

impl Gate {
    pub(super) fn new(max_ngrams: u32) -> Self {
        let row = (max_ngrams as usize * CELLS_PER_NGRAM)
            .next_power_of_two()
            .clamp(64, MAX_CELLS);
        Self {
            cells: vec![0; 2 * row],
            promotion: FIRST_PROMOTION,
        }
    }

    fn places(&self, hash: u64) -> [usize; 2] {
        let row = self.cells.len() / 2;
        let hash = mix(hash);
        [
            (hash as usize) & (row - 1),
            row + ((hash >> 32) as usize & (row - 1)),
        ]
    }

    /// At least as often as the n-gram with this hash was counted.
    pub(super) fn get(&self, hash: u64) -> u32 {
        let [a, b] = self.places(hash);
        u32::from(self.cells[a].min(self.cells[b]))
    }

    /// Conservative update: cells that already say more stay as they are.
    pub(super) fn raise(&mut self, hash: u64, count: u32) {
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        for place in self.places(hash) {
            self.cells[place] = self.cells[place].max(count);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.promotion = self.promotion.max(other.promotion);
        // Tables of one pipeline have one size; folding a greater gate onto a smaller
        // one keeps every count an upper bound.
        let (mine, theirs) = (self.cells.len() / 2, other.cells.len() / 2);
        if theirs < mine {
            let mut small = other.clone();
            small.merge(self);
            *self = small;
            return;
        }
        for (place, &count) in other.cells.iter().enumerate() {
            let row = place / theirs;
            let cell = &mut self.cells[row * mine + (place % theirs) % mine];
            *cell = cell.saturating_add(count);
        }
    }
}
