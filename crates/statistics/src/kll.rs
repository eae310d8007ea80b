//! The KLL sketch of quantiles, for values that come in batches.
//!
//! Karnin, Lang, Liberty (2016), "Optimal Quantile Approximation in Streams". Level `h`
//! holds values that stand for `2^h` each; a level that is full is sorted, every second
//! value goes one level up, and a coin says whether the first or the second of each pair.
//! What is done here beside that:
//!
//! - The coin is a hash of the number of compactions so far: the same rows give the same
//!   bytes. (The sketch of the `datasketches` crate draws from a per-thread generator.)
//! - Values are collected before they are sorted, many at once, and levels are kept in
//!   order, so that one is merged into the next and never sorted again.
//! - Of a long column not every value is looked at: past [`SAMPLED_FROM`] values, one of
//!   two is drawn, past twice as many one of four, and so on (section 5 of the paper).
//!   Such a draw stands for a whole block of values that follow one another, and which of
//!   them it is, is as likely as any other, so that no rank is biased.

use crate::units::mix;

/// Parameter of the sketch: about three times as many values are kept.
const K: usize = 880;
/// Rank error, 99 % of the time. That of the levels is 0.0051, by the constants that
/// Apache DataSketches fitted by simulation, 2.296 / k^0.9021. That of the draws is
/// 2.576 times the standard deviation of a rank: while one of `2^j` is drawn, as many
/// values come as came before, and a block of `2^j` of them adds a variance of at most
/// `4^j / 4`; of `n` values in all that is never more than `3 n² / (16 SAMPLED_FROM)`, a
/// share of 0.0022. Both together, as they are independent: the root of the squares.
pub(crate) const RANK_ERROR: f64 = 0.005_52;
const MIN_LEVEL_CAPACITY: usize = 8;
/// From this many values on, not every value is looked at.
const SAMPLED_FROM: u64 = 1 << 18;
/// At least one of `2^6` values is looked at: fewer would save nothing.
const MAX_RATE: u32 = 6;
/// Values that are sorted at once.
const BUFFERED: usize = 1_024;
/// More levels than this are no state of ours: they would stand for more than 2^58 values.
const MAX_LEVELS: usize = 58;

/// A sketch of finite values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kll {
    /// `levels[h]` holds values that stand for `2^h` each, sorted.
    levels: Vec<Vec<f64>>,
    compactions: u64,
    /// Values seen.
    count: u64,
    /// Values that stand for `2^rate` each and are not sorted in yet.
    buffer: Vec<f64>,
    rate: u32,
    /// The beginning of a block of `2^rate` values of which one will be drawn.
    block: Vec<f64>,
}

impl Kll {
    /// A sketch from its levels, sorted or not.
    ///
    /// # Errors
    /// Where values are not finite, or there are too many levels.
    pub(crate) fn of(levels: Vec<Vec<f64>>, compactions: u64) -> Result<Self, &'static str> {
        if levels.len() > MAX_LEVELS {
            return Err("the quantiles have too many levels");
        }
        let mut kll = Self {
            levels,
            compactions,
            ..Self::default()
        };
        for (level, values) in kll.levels.iter_mut().enumerate() {
            if !values.iter().all(|value| value.is_finite()) {
                return Err("a value of the quantiles is not finite");
            }
            values.sort_unstable_by(f64::total_cmp);
            let weight = (values.len() as u64).checked_mul(1 << level);
            kll.count = weight
                .and_then(|weight| kll.count.checked_add(weight))
                .ok_or("counts are too large")?;
        }
        kll.rate = rate(kll.count);
        Ok(kll)
    }

    /// How many values there are.
    pub(crate) fn count(&self) -> u64 {
        self.count + self.block.len() as u64
    }

    /// Adds finite values.
    pub(crate) fn update_batch(&mut self, mut values: &[f64]) {
        while !values.is_empty() {
            if self.block.is_empty() && self.rate != rate(self.count) {
                self.settle();
                self.rate = rate(self.count);
            }
            values = if self.rate == 0 {
                self.take_all(values)
            } else {
                self.draw(values)
            };
            if self.buffer.len() == BUFFERED {
                self.sort_in();
            }
        }
    }

    /// Adds values to the buffer until it is full; returns the others.
    fn take_all<'a>(&mut self, values: &'a [f64]) -> &'a [f64] {
        let (taken, rest) = values.split_at(values.len().min(BUFFERED - self.buffer.len()));
        // One zero, so that -0.0 and 0.0 are one value.
        self.buffer.extend(taken.iter().map(|value| value + 0.0));
        self.count += taken.len() as u64;
        rest
    }

    /// Adds one value of each block to the buffer until it is full or the rate is to
    /// change; returns the others.
    fn draw<'a>(&mut self, values: &'a [f64]) -> &'a [f64] {
        let size = 1_usize << self.rate;
        let mut rest = values;
        if !self.block.is_empty() {
            let missing = rest.len().min(size - self.block.len());
            self.block.extend_from_slice(&rest[..missing]);
            rest = &rest[missing..];
            if self.block.len() < size {
                return rest;
            }
            let drawn = self.block[drawn(self.count, self.rate)];
            self.block.clear();
            self.buffer.push(drawn + 0.0);
            self.count += size as u64;
        }
        let mut blocks = (rest.len() / size).min(BUFFERED - self.buffer.len());
        if self.rate < MAX_RATE {
            // The block that was finished above may have ended behind it.
            let until = (SAMPLED_FROM << self.rate).saturating_sub(self.count);
            blocks = blocks.min(until.div_ceil(size as u64) as usize);
        }
        let (whole, after) = rest.split_at(blocks * size);
        for block in whole.chunks_exact(size) {
            let drawn = block[drawn(self.count, self.rate)];
            self.buffer.push(drawn + 0.0);
            self.count += size as u64;
        }
        if after.len() < size {
            self.block.extend_from_slice(after);
            return &[];
        }
        after
    }

    /// Adds sorted values with counts: a value that occurred `count` times stands once on
    /// each level whose bit is set.
    pub(crate) fn add_counted(&mut self, values: &[(f64, u64)]) {
        self.settle();
        let bits = values.iter().fold(0, |bits, (_, count)| bits | count);
        for level in 0..u64::BITS - bits.leading_zeros() {
            let here = values.iter().filter(|(_, count)| count >> level & 1 == 1);
            self.raise(level as usize, here.map(|(value, _)| *value).collect());
        }
        self.count += values.iter().map(|(_, count)| count).sum::<u64>();
        self.rate = rate(self.count);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.settle();
        let mut other = other.clone();
        other.settle();
        for (level, values) in other.levels.into_iter().enumerate() {
            self.merge_level(level, values);
        }
        self.compactions = self.compactions.wrapping_add(other.compactions);
        self.count += other.count;
        self.rate = rate(self.count);
        self.compact();
    }

    /// Values with their weights, by value.
    pub(crate) fn weighted(&self) -> Vec<(f64, u64)> {
        let mut settled = self.clone();
        settled.settle();
        let mut weighted: Vec<(f64, u64)> = settled
            .levels
            .iter()
            .enumerate()
            .flat_map(|(level, values)| values.iter().map(move |&value| (value, 1 << level)))
            .collect();
        weighted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        weighted
    }

    /// The levels, and the number of compactions.
    pub(crate) fn into_levels(mut self) -> (Vec<Vec<f64>>, u64) {
        self.settle();
        (self.levels, self.compactions)
    }

    pub(crate) fn size_bytes(&self) -> usize {
        let levels = self.levels.iter().map(|level| level.capacity());
        let values = levels.sum::<usize>() + self.buffer.capacity() + self.block.capacity();
        values * size_of::<f64>() + self.levels.capacity() * size_of::<Vec<f64>>()
    }

    /// Brings what waits into the levels. No value is drawn from an unfinished block: its
    /// values stand for themselves.
    fn settle(&mut self) {
        let mut waiting = std::mem::take(&mut self.buffer);
        waiting.sort_unstable_by(f64::total_cmp);
        self.raise(self.rate as usize, waiting);
        let mut waiting = std::mem::take(&mut self.block);
        self.count += waiting.len() as u64;
        waiting.iter_mut().for_each(|value| *value += 0.0);
        waiting.sort_unstable_by(f64::total_cmp);
        self.raise(0, waiting);
    }

    /// Sorts a full buffer and brings half of it one level above its own.
    fn sort_in(&mut self) {
        let mut values = std::mem::take(&mut self.buffer);
        values.sort_unstable_by(f64::total_cmp);
        let half = self.halve(&values);
        values.clear();
        self.buffer = values;
        self.raise(self.rate as usize + 1, half);
    }

    /// Adds sorted values to a level, and halves it into the next where it is full.
    fn raise(&mut self, level: usize, values: Vec<f64>) {
        if values.is_empty() {
            return;
        }
        let levels = self.levels.len();
        self.merge_level(level, values);
        if self.levels.len() > levels {
            // There is a new level at the top: those below have less room than before.
            self.compact();
        } else if self.levels[level].len() > self.capacity(level) {
            let half = self.halve_level(level);
            self.raise(level + 1, half);
        }
    }

    /// Halves full levels, lowest first, until the whole fits.
    fn compact(&mut self) {
        let mut level = 0;
        while level < self.levels.len() {
            if self.levels[level].len() > self.capacity(level) {
                let half = self.halve_level(level);
                self.merge_level(level + 1, half);
            }
            level += 1;
        }
    }

    fn merge_level(&mut self, level: usize, values: Vec<f64>) {
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Vec::new);
        }
        let there = &mut self.levels[level];
        *there = if there.is_empty() {
            values
        } else {
            merged(there, &values)
        };
    }

    fn halve_level(&mut self, level: usize) -> Vec<f64> {
        let mut values = std::mem::take(&mut self.levels[level]);
        // An odd one out stays, so that no weight is lost.
        if values.len() % 2 == 1 {
            self.levels[level].extend(values.pop());
        }
        self.halve(&values)
    }

    fn halve(&mut self, values: &[f64]) -> Vec<f64> {
        self.compactions = self.compactions.wrapping_add(1);
        let coin =
            usize::from(xxhash_rust::xxh3::xxh3_64(&self.compactions.to_le_bytes()) & 1 == 1);
        values.iter().skip(coin).step_by(2).copied().collect()
    }

    fn capacity(&self, level: usize) -> usize {
        let below_top = (self.levels.len() - 1 - level) as i32;
        ((K as f64 * (2.0_f64 / 3.0).powi(below_top)).ceil() as usize).max(MIN_LEVEL_CAPACITY)
    }
}

/// Of how many values one is drawn after `count` of them, as a power of two.
fn rate(count: u64) -> u32 {
    (count / SAMPLED_FROM)
        .checked_ilog2()
        .map_or(0, |doublings| (doublings + 1).min(MAX_RATE))
}

/// The place in its block of `2^rate` values of the one that is drawn, `count` values in.
#[inline]
fn drawn(count: u64, rate: u32) -> usize {
    (mix(count) >> (u64::BITS - rate)) as usize
}

/// Two sorted lists as one.
fn merged(left: &[f64], right: &[f64]) -> Vec<f64> {
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        let from_left = left[i] <= right[j];
        merged.push(if from_left { left[i] } else { right[j] });
        i += usize::from(from_left);
        j += usize::from(!from_left);
    }
    merged.extend_from_slice(&left[i..]);
    merged.extend_from_slice(&right[j..]);
    merged
}
