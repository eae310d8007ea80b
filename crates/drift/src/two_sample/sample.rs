//! A sample of numbers: its distinct values in order, with how often each occurs.

/// Finite numbers without their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    values: Vec<f64>,
    counts: Vec<u64>,
    size: u64,
}

impl Sample {
    /// The sample of some numbers; NaN and ±∞ are left out, and −0 is 0.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values
            .into_iter()
            .filter(|value| value.is_finite())
            .map(|value| if value == 0.0 { 0.0 } else { value })
            .collect();
        values.sort_unstable_by(f64::total_cmp);
        Self::of_sorted(values.into_iter().map(|value| (value, 1)))
    }

    /// The sample of numbers that occur several times.
    pub fn of_counted(counted: impl IntoIterator<Item = (f64, u64)>) -> Self {
        let mut counted: Vec<(f64, u64)> = counted
            .into_iter()
            .filter(|(value, count)| value.is_finite() && *count > 0)
            .collect();
        counted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        Self::of_sorted(counted)
    }

    fn of_sorted(counted: impl IntoIterator<Item = (f64, u64)>) -> Self {
        let mut sample = Self::default();
        for (value, count) in counted {
            match (sample.values.last(), sample.counts.last_mut()) {
                (Some(last), Some(total)) if last.total_cmp(&value).is_eq() => *total += count,
                _ => {
                    sample.values.push(value);
                    sample.counts.push(count);
                }
            }
            sample.size += count;
        }
        sample
    }

    /// Numbers in it.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Distinct numbers in it.
    pub fn distinct(&self) -> usize {
        self.values.len()
    }

    /// Its distinct numbers in order, with their counts.
    pub fn counted(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        self.values.iter().copied().zip(self.counts.iter().copied())
    }

    /// Least and greatest number; `None` without any.
    pub fn range(&self) -> Option<(f64, f64)> {
        Some((*self.values.first()?, *self.values.last()?))
    }

    /// Arithmetic mean; NaN without any number.
    pub fn mean(&self) -> f64 {
        self.mean_of(|value| value)
    }

    /// Mean of a function of the numbers.
    pub fn mean_of(&self, f: impl Fn(f64) -> f64) -> f64 {
        // Neumaier's sum: as good as the pairwise sums of numerical libraries, in one pass.
        let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
        for (value, count) in self.counted() {
            let term = f(value) * count as f64;
            let next = sum + term;
            lost += if sum.abs() >= term.abs() {
                (sum - next) + term
            } else {
                (term - next) + sum
            };
            sum = next;
        }
        (sum + lost) / self.size as f64
    }

    /// Variance, divided by the size less `ddof`.
    pub fn variance(&self, ddof: u64) -> f64 {
        let mean = self.mean();
        let divided_by_size = self.mean_of(|value| (value - mean).powi(2));
        divided_by_size * self.size as f64 / (self.size as f64 - ddof as f64)
    }

    /// Standard deviation, with the variance divided by the size less `ddof`.
    pub fn standard_deviation(&self, ddof: u64) -> f64 {
        self.variance(ddof).sqrt()
    }

    /// Both samples together.
    pub fn merged(&self, other: &Self) -> Self {
        let mut merged = Self::default();
        for (value, mine, theirs) in self.beside(other) {
            merged.values.push(value);
            merged.counts.push(mine + theirs);
        }
        merged.size = self.size + other.size;
        merged
    }

    /// Every distinct number of either sample in order, with its count in each.
    pub fn beside<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (f64, u64, u64)> + 'a {
        let (mut i, mut j) = (0, 0);
        std::iter::from_fn(move || {
            let order = match (self.values.get(i), other.values.get(j)) {
                (None, None) => return None,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(a), Some(b)) => a.total_cmp(b),
            };
            let (mut mine, mut theirs, mut value) = (0, 0, 0.0);
            if order.is_le() {
                (value, mine) = (self.values[i], self.counts[i]);
                i += 1;
            }
            if order.is_ge() {
                (value, theirs) = (other.values[j], other.counts[j]);
                j += 1;
            }
            Some((value, mine, theirs))
        })
    }

    /// The number of a 0-based rank in the sorted sample.
    pub fn at_rank(&self, rank: u64) -> Option<f64> {
        let mut before = 0;
        self.counted().find_map(|(value, count)| {
            before += count;
            (rank < before).then_some(value)
        })
    }

    /// Quantile by linear interpolation between the two nearest ranks (type 7 of Hyndman
    /// and Fan 1996, the default of NumPy); `None` without numbers.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let position = q * self.size.checked_sub(1)? as f64;
        let low = position.floor();
        let below = self.at_rank(low as u64)?;
        let above = self.at_rank(position.ceil() as u64)?;
        Some(below + (above - below) * (position - low))
    }

    /// How many numbers are below `value`.
    pub fn below(&self, value: f64) -> u64 {
        let place = self.values.partition_point(|v| *v < value);
        self.counts[..place].iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_counted_and_what_is_not_finite_is_left_out() {
        let sample = Sample::of([2.0, f64::NAN, -0.0, 0.0, f64::INFINITY, 2.0]);
        assert_eq!(sample.counted().collect::<Vec<_>>(), [(0.0, 2), (2.0, 2)]);
        assert_eq!((sample.size(), sample.range()), (4, Some((0.0, 2.0))));
        assert_eq!(sample.quantile(0.5), Some(1.0));
        assert_eq!(sample.below(2.0), 2);
    }

    #[test]
    fn nothing_has_no_range_and_no_quantile() {
        let none = Sample::of([]);
        assert_eq!((none.range(), none.quantile(0.5)), (None, None));
        assert!(none.mean().is_nan());
    }
}
