//! Few distinct numbers with how often each occurs.
//!
//! An open table rather than a sorted list: most columns of few values are long, and a
//! look-up costs a row two nanoseconds where sorting costs ten.

/// No finite value has these bits.
const VACANT: u64 = u64::MAX;
const LEAST_SLOTS: usize = 8;

/// Distinct finite values with their counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExactCounts {
    /// Bits of a value and its count; none, or a power of two of them.
    slots: Vec<(u64, u64)>,
    len: usize,
    /// Bits to shift a product by for its slot.
    shift: u32,
}

impl ExactCounts {
    /// The counts of distinct values.
    ///
    /// # Errors
    /// Where the values are not finite or the counts no counts.
    pub(crate) fn of(values: &[(f64, u64)]) -> Result<Self, &'static str> {
        let mut counts = Self::default();
        let mut total = 0_u64;
        for &(value, count) in values {
            if !value.is_finite() {
                return Err("a value of the quantiles is not finite");
            }
            total = total.checked_add(count).ok_or("counts are too large")?;
            if count > 0 {
                counts.add(key(value), count);
            }
        }
        Ok(counts)
    }

    /// Adds finite values for as long as there are at most `limit` different ones;
    /// returns the others.
    pub(crate) fn update_batch<'a>(&mut self, values: &'a [f64], limit: usize) -> &'a [f64] {
        let mut rest = values;
        while let [value, after @ ..] = rest {
            let key = key(*value);
            if self.slots.is_empty() || !self.count_known(key) {
                if self.len == limit {
                    break;
                }
                self.add(key, 1);
            }
            rest = after;
        }
        rest
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for &(key, count) in &other.slots {
            if key != VACANT {
                self.add(key, count);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The values, in no order.
    pub(crate) fn values(&self) -> impl Iterator<Item = f64> {
        self.entries().map(|(value, _)| value)
    }

    /// Values and counts by value.
    pub(crate) fn sorted(&self) -> Vec<(f64, u64)> {
        let mut sorted: Vec<(f64, u64)> = self.entries().collect();
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        sorted
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<(u64, u64)>()
    }

    fn entries(&self) -> impl Iterator<Item = (f64, u64)> {
        let used = self.slots.iter().filter(|(key, _)| *key != VACANT);
        used.map(|&(key, count)| (f64::from_bits(key), count))
    }

    /// Counts a value if it is there.
    #[inline]
    fn count_known(&mut self, key: u64) -> bool {
        let mask = self.slots.len() - 1;
        let mut at = self.first_slot(key);
        loop {
            let slot = &mut self.slots[at & mask];
            if slot.0 == key {
                slot.1 += 1;
                return true;
            }
            if slot.0 == VACANT {
                return false;
            }
            at += 1;
        }
    }

    fn add(&mut self, key: u64, count: u64) {
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut at = self.first_slot(key);
        loop {
            let slot = &mut self.slots[at & mask];
            if slot.0 == key {
                slot.1 += count;
                return;
            }
            if slot.0 == VACANT {
                *slot = (key, count);
                self.len += 1;
                return;
            }
            at += 1;
        }
    }

    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(LEAST_SLOTS);
        let old = std::mem::replace(&mut self.slots, vec![(VACANT, 0); slots]);
        self.shift = u64::BITS - slots.ilog2();
        self.len = 0;
        for (key, count) in old {
            if key != VACANT {
                self.add(key, count);
            }
        }
    }

    /// The upper bits of a product depend on all bits of the key (Knuth, "The Art of
    /// Computer Programming" 3, 6.4: multiplicative hashing).
    #[inline]
    fn first_slot(&self, key: u64) -> usize {
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }
}

/// The bits of a value; those of one zero, so that -0.0 and 0.0 are one value.
#[inline]
fn key(value: f64) -> u64 {
    (value + 0.0).to_bits()
}
