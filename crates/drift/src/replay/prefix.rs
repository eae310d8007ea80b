//! Counts of any stretch of blocks, and of all but a stretch.

use super::Series;
use crate::grid::{Counts, subtract};

/// The blocks of a season, from which a stretch with its guards is taken out.
pub(super) struct Rest<'a> {
    series: &'a Series,
    compared: &'a [bool],
    total: Counts,
}

impl<'a> Rest<'a> {
    pub(super) fn of(series: &'a Series, compared: &'a [bool]) -> Self {
        let held = (0..compared.len()).filter(|&block| compared[block]);
        Self {
            series,
            compared,
            total: series.sum(held),
        }
    }

    /// Without `length` blocks from `first`, going round at the end.
    pub(super) fn without(&self, first: usize, length: usize) -> Counts {
        let blocks = self.compared.len();
        let near = (0..length).map(|at| (first + at) % blocks);
        let near = near.filter(|&block| self.compared[block]);
        self.total.less(&self.series.sum(near))
    }
}

/// Counts of the first 0, 1, … blocks, so that any stretch is one subtraction.
pub(super) struct Prefix {
    width: usize,
    sums: Vec<u64>,
}

impl Prefix {
    pub(super) fn of<'a>(width: usize, blocks: impl Iterator<Item = &'a [u64]>) -> Self {
        let mut sums = vec![0; width];
        for block in blocks {
            let last = sums.len() - width;
            for (cell, count) in block.iter().enumerate() {
                sums.push(sums[last + cell] + count);
            }
        }
        Self { width, sums }
    }

    fn up_to(&self, block: usize) -> &[u64] {
        &self.sums[block * self.width..(block + 1) * self.width]
    }

    /// Counts of `length` blocks from `start`, going round at the end.
    pub(super) fn sum(&self, start: usize, length: usize) -> Vec<u64> {
        if self.width == 0 {
            return Vec::new();
        }
        let blocks = self.sums.len() / self.width - 1;
        let end = start + length;
        let mut counts = subtract(self.up_to(end.min(blocks)), self.up_to(start));
        if end > blocks {
            for (count, more) in counts.iter_mut().zip(self.up_to(end - blocks)) {
                *count += more;
            }
        }
        counts
    }
}
