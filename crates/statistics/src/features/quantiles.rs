//! Quantiles of weighted numbers: exact while there are few values, a summary of
//! ranks past that.
//!
//! The crate's KLL counts whole values; a weight is any positive number. Here every
//! kept value carries the least and the greatest rank that it can have, so that the
//! error is known rather than probable, and is what the summary itself states
//! (Zhang and Wang 2007, "A Fast Algorithm for Approximate Quantiles in High Speed
//! Data Streams": buffers are summarised, and summaries of equal height merged like a
//! binary counter, each merge past the size limit adding the same small error).

/// A mergeable summary of weighted numbers, infinities among them; NaN does not enter.
#[derive(Debug, Clone)]
pub struct WeightedQuantiles {
    /// Values not sorted in yet.
    pending: Vec<(f64, f64)>,
    /// `levels[h]` holds a summary of about `2^h` buffers, or nothing.
    levels: Vec<Vec<Entry>>,
    /// Entries of a summary that was cut down.
    block: usize,
}

/// A value, the weight seen at it, and the least and greatest total weight up to and
/// with it.
#[derive(Debug, Clone, Copy)]
struct Entry {
    value: f64,
    weight: f64,
    /// Least weight of all values before this one.
    least: f64,
    /// Greatest weight of all values up to this one.
    greatest: f64,
}

impl Entry {
    fn before(&self) -> f64 {
        self.greatest - self.weight
    }

    fn after(&self) -> f64 {
        self.least + self.weight
    }
}

/// Cuts of a distribution and the weight up to each.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cuts {
    /// The least value, then a cut for each share, the greatest value last.
    pub values: Vec<f64>,
    /// Weight of all values up to each cut.
    pub cumulative: Vec<f64>,
}

impl WeightedQuantiles {
    /// A summary whose rank error stays below `epsilon` of the weight for up to about
    /// a million buffers of `40 / epsilon` values, four thousand million at 0.01.
    pub fn new(epsilon: f64) -> Self {
        // Each of 20 heights adds half a block's share.
        let block = (10.0 / epsilon.clamp(1e-5, 0.5)).ceil() as usize;
        Self {
            pending: Vec::new(),
            levels: Vec::new(),
            block: block.max(64),
        }
    }

    fn room(&self) -> usize {
        4 * self.block
    }

    /// Adds a value that counts as much as its weight; a weight of zero or less, or
    /// NaN, and a value of NaN are ignored.
    pub fn update(&mut self, value: f64, weight: f64) {
        if !value.is_nan() && weight > 0.0 {
            // One zero, so that -0.0 and 0.0 are one value.
            self.pending
                .push((if value == 0.0 { 0.0 } else { value }, weight));
            if self.pending.len() >= self.room() {
                self.flush();
            }
        }
    }

    /// Adds the values of another summary.
    pub fn merge(&mut self, other: &Self) {
        for &(value, weight) in &other.pending {
            self.update(value, weight);
        }
        for (height, level) in other.levels.iter().enumerate() {
            if !level.is_empty() {
                self.carry(level.clone(), height);
            }
        }
    }

    /// Sorts pending values into the summaries.
    fn flush(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        let summary = summary_of(&mut pending);
        pending.clear();
        self.pending = pending;
        if !summary.is_empty() {
            self.carry(summary, 0);
        }
    }

    /// Adds a summary at a height, and what it displaces at the height above.
    fn carry(&mut self, mut summary: Vec<Entry>, mut height: usize) {
        loop {
            if self.levels.len() <= height {
                self.levels.resize(height + 1, Vec::new());
            }
            let there = std::mem::take(&mut self.levels[height]);
            summary = merged(&summary, &there);
            if summary.len() <= self.room() {
                self.levels[height] = summary;
                return;
            }
            summary = pruned(&summary, self.block);
            height += 1;
        }
    }

    fn whole(&self) -> Vec<Entry> {
        let mut whole = summary_of(&mut self.pending.clone());
        for level in &self.levels {
            whole = merged(&whole, level);
        }
        whole
    }

    /// The cuts that part the weight into `parts` equal shares, and the weight up to
    /// each of them; empty where there is nothing.
    pub fn cuts(&self, parts: usize) -> Cuts {
        let whole = self.whole();
        let parts = parts.max(2);
        let Some(last) = whole.last() else {
            return Cuts::default();
        };
        let total = last.greatest;
        let targets = (0..=parts).map(|part| part as f64 * total / parts as f64);
        let chosen = nearest(&whole, targets);
        Cuts {
            values: chosen.iter().map(|&index| whole[index].value).collect(),
            cumulative: chosen.iter().map(|&index| whole[index].greatest).collect(),
        }
    }

    /// The weight of all values.
    pub fn total(&self) -> f64 {
        let pending: f64 = self.pending.iter().map(|(_, weight)| weight).sum();
        let levels = self.levels.iter().filter_map(|level| level.last());
        pending + levels.map(|entry| entry.greatest).sum::<f64>()
    }

    /// Greatest error of a rank, as a share of the weight; 0 while every value is kept.
    pub fn rank_error(&self) -> f64 {
        let whole = self.whole();
        let Some(last) = whole.last() else {
            return 0.0;
        };
        let mut gap = 0.0_f64;
        for pair in whole.windows(2) {
            gap = gap.max(pair[1].before() - pair[0].after());
        }
        for entry in &whole {
            gap = gap.max(entry.greatest - entry.least - entry.weight);
        }
        // Sums of weights in another order differ in their last digits.
        let share = gap / last.greatest;
        if share < 1e-12 { 0.0 } else { share }
    }

    /// Bytes held, for a memory pool.
    pub fn size_bytes(&self) -> usize {
        let levels = self.levels.iter().map(Vec::capacity).sum::<usize>();
        self.pending.capacity() * size_of::<(f64, f64)>() + levels * size_of::<Entry>()
    }
}

/// The summary of values that are all known.
fn summary_of(values: &mut [(f64, f64)]) -> Vec<Entry> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut entries: Vec<Entry> = Vec::new();
    let mut cumulative = 0.0;
    for run in values.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let weight: f64 = run.iter().map(|(_, weight)| weight).sum();
        entries.push(Entry {
            value: run[0].0,
            weight,
            least: cumulative,
            greatest: cumulative + weight,
        });
        cumulative += weight;
    }
    entries
}

/// The summary of the values of two: ranks add up, where a value is in only one of
/// them by the ranks of its neighbours in the other.
fn merged(left: &[Entry], right: &[Entry]) -> Vec<Entry> {
    if left.is_empty() || right.is_empty() {
        return [left, right].concat();
    }
    let mut entries = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    // What of the other side lies surely before, and at most up to, the next value.
    let surely = |side: &[Entry], at: usize| if at == 0 { 0.0 } else { side[at - 1].after() };
    let at_most = |side: &[Entry], at: usize| match side.get(at) {
        Some(entry) => entry.before(),
        None => side[side.len() - 1].greatest,
    };
    while i < left.len() || j < right.len() {
        let order = match (left.get(i), right.get(j)) {
            (Some(a), Some(b)) => a.value.total_cmp(&b.value),
            (Some(_), None) => std::cmp::Ordering::Less,
            _ => std::cmp::Ordering::Greater,
        };
        if order.is_lt() {
            let entry = left[i];
            entries.push(Entry {
                least: entry.least + surely(right, j),
                greatest: entry.greatest + at_most(right, j),
                ..entry
            });
            i += 1;
        } else if order.is_gt() {
            let entry = right[j];
            entries.push(Entry {
                least: entry.least + surely(left, i),
                greatest: entry.greatest + at_most(left, i),
                ..entry
            });
            j += 1;
        } else {
            entries.push(Entry {
                value: left[i].value,
                weight: left[i].weight + right[j].weight,
                least: left[i].least + right[j].least,
                greatest: left[i].greatest + right[j].greatest,
            });
            i += 1;
            j += 1;
        }
    }
    entries
}

/// About `block` entries at equal ranks, the first and the last among them.
fn pruned(entries: &[Entry], block: usize) -> Vec<Entry> {
    let total = entries.last().map_or(0.0, |entry| entry.greatest);
    let targets = (0..=block).map(|part| part as f64 * total / block as f64);
    let mut chosen = nearest(entries, targets);
    chosen.push(entries.len() - 1);
    chosen.insert(0, 0);
    chosen.dedup();
    chosen.into_iter().map(|index| entries[index]).collect()
}

/// For each rank, in ascending order, the entry whose range of ranks lies nearest.
fn nearest(entries: &[Entry], ranks: impl Iterator<Item = f64>) -> Vec<usize> {
    let mut at = 0;
    ranks
        .map(|rank| {
            let twice = 2.0 * rank;
            while let Some(next) = entries.get(at + 1)
                && twice >= next.least + next.greatest
            {
                at += 1;
            }
            match entries.get(at + 1) {
                Some(next) if twice >= entries[at].after() + next.before() => at + 1,
                _ => at,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn summary(values: impl IntoIterator<Item = (f64, f64)>, epsilon: f64) -> WeightedQuantiles {
        let mut quantiles = WeightedQuantiles::new(epsilon);
        for (value, weight) in values {
            quantiles.update(value, weight);
        }
        quantiles
    }

    #[test]
    fn few_values_are_kept_as_they_are() {
        let quantiles = summary([3.0, 1.0, 2.0, 5.0, 4.0].map(|v| (v, 1.0)), 0.01);
        let cuts = quantiles.cuts(4);
        assert_eq!(cuts.values, [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(cuts.cumulative, [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert!(quantiles.rank_error() == 0.0);
    }

    #[test]
    fn nothing_gives_no_cuts() {
        assert_eq!(WeightedQuantiles::new(0.01).cuts(10), Cuts::default());
        let ignored = summary([(f64::NAN, 1.0), (1.0, 0.0), (1.0, -3.0)], 0.01);
        assert_eq!(ignored.cuts(10), Cuts::default());
    }

    #[test]
    fn many_values_keep_the_stated_error_in_any_merge_order() {
        for epsilon in [0.1, 0.01] {
            // A permutation of 0..n, since 7919 has no factor in common with n.
            let n = 200_000_u64;
            let value = |i: u64| (i * 7_919 % n) as f64;
            let parts: Vec<WeightedQuantiles> = (0..7)
                .map(|part| {
                    let of_part = (0..n).filter(|i| i % 7 == part).map(|i| (value(i), 1.0));
                    summary(of_part, epsilon)
                })
                .collect();
            let mut whole = WeightedQuantiles::new(epsilon);
            for part in parts.iter().rev() {
                whole.merge(part);
            }
            assert!(whole.rank_error() > 0.0 && whole.rank_error() < epsilon);
            let cuts = whole.cuts(100);
            for (part, cut) in cuts.values.iter().enumerate() {
                let wanted = part as f64 / 100.0;
                let is = cut / n as f64;
                assert!(
                    (is - wanted).abs() <= whole.rank_error() + 1e-4,
                    "{part}: {is}"
                );
            }
        }
    }

    #[test]
    fn a_long_column_takes_bounded_memory() {
        let quantiles = summary((0..1_000_000).map(|i| (f64::from(i ^ 0x5555), 0.5)), 0.01);
        assert!(
            quantiles.size_bytes() < 2 << 20,
            "{}",
            quantiles.size_bytes()
        );
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(
            values in prop::collection::vec((-1e3..1e3_f64, 0.1..5.0_f64), 0..400),
            cut in any::<prop::sample::Index>(),
        ) {
            let (head, tail) = values.split_at(cut.index(values.len() + 1));
            let mut merged = summary(head.iter().copied(), 0.01);
            merged.merge(&summary(tail.iter().copied(), 0.01));
            let whole = summary(values.iter().copied(), 0.01);
            prop_assert_eq!(merged.cuts(10).values, whole.cuts(10).values);
            prop_assert!((merged.total() - whole.total()).abs() < 1e-9);
        }
    }
}
