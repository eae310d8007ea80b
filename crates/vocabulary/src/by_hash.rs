//! Things found by a 64-bit hash, in the order of their hashes.
//!
//! Hashes are spread evenly, so to deal them out by their upper bits all but sorts them,
//! and a search looks at the few of equal upper bits. What asks in the order of hashes,
//! too, goes through memory from front to back.

use std::ops::Range;

/// What is found by a hash.
pub(crate) trait Hashed: Copy {
    /// The hash.
    fn hash(&self) -> u64;
}

/// Things of equal upper bits, about.
const OF_A_STRETCH: usize = 2;

/// Things in the order of their hashes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ByHash<T> {
    entries: Vec<T>,
    /// Upper bits by which the entries were dealt out.
    bits: u32,
    /// Where the entries of equal upper bits begin, and at last where all end.
    starts: Vec<u32>,
}

impl<T: Hashed> ByHash<T> {
    /// Sorts entries; those of equal hash stay in their order.
    pub(crate) fn new(entries: &[T]) -> Self {
        let bits = (entries.len() / OF_A_STRETCH)
            .next_power_of_two()
            .trailing_zeros();
        let stretch = |entry: &T| upper_bits(entry.hash(), bits);
        let mut starts = vec![0_u32; (1 << bits) + 1];
        for entry in entries {
            starts[stretch(entry) + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut sorted = entries.to_vec();
        for entry in entries {
            let at = &mut next[stretch(entry)];
            sorted[*at as usize] = *entry;
            *at += 1;
        }
        for range in starts.windows(2) {
            if range[1] - range[0] > 1 {
                let stretch = &mut sorted[range[0] as usize..range[1] as usize];
                stretch.sort_by_key(T::hash);
            }
        }
        Self {
            entries: sorted,
            bits,
            starts,
        }
    }

    /// The first entry of each hash.
    pub(crate) fn without_repeats(self) -> Self {
        let repeats = |pair: &[T]| pair[0].hash() == pair[1].hash();
        if !self.entries.windows(2).any(repeats) {
            return self;
        }
        let mut entries = self.entries;
        entries.dedup_by_key(|entry| entry.hash());
        Self::new(&entries)
    }

    pub(crate) fn entries(&self) -> &[T] {
        &self.entries
    }

    /// The first entry with this hash.
    pub(crate) fn get(&self, hash: u64) -> Option<&T> {
        let stretch = &self.entries[self.range(hash)];
        stretch.iter().find(|entry| entry.hash() == hash)
    }

    fn range(&self, hash: u64) -> Range<usize> {
        let at = upper_bits(hash, self.bits);
        self.starts[at] as usize..self.starts[at + 1] as usize
    }
}

fn upper_bits(hash: u64, bits: u32) -> usize {
    hash.checked_shr(u64::BITS - bits).unwrap_or(0) as usize
}
