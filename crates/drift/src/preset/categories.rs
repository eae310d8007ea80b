//! Categories with their counts, and two of them side by side.

use std::collections::BTreeMap;

/// How often each category occurs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Categories {
    counts: BTreeMap<String, u64>,
    size: u64,
}

impl Categories {
    /// Counts of values.
    pub fn of<T: Into<String>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::of_counted(values.into_iter().map(|value| (value, 1)))
    }

    /// Counts of values that occur several times.
    pub fn of_counted<T: Into<String>>(counted: impl IntoIterator<Item = (T, u64)>) -> Self {
        let mut categories = Self::default();
        for (value, count) in counted {
            if count > 0 {
                *categories.counts.entry(value.into()).or_default() += count;
                categories.size += count;
            }
        }
        categories
    }

    /// Values in all.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Distinct values.
    pub fn distinct(&self) -> usize {
        self.counts.len()
    }

    /// Each value with its count, in order.
    pub fn counted(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts
            .iter()
            .map(|(value, count)| (value.as_str(), *count))
    }

    /// How often a value occurs.
    pub fn count(&self, value: &str) -> u64 {
        self.counts.get(value).copied().unwrap_or(0)
    }
}

/// The counts of two sides over the same categories, in order: all that either side has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CategoryPair {
    /// The values.
    pub values: Vec<String>,
    /// Their counts in the baseline.
    pub baseline: Vec<u64>,
    /// Their counts in the window.
    pub window: Vec<u64>,
}

impl CategoryPair {
    /// Both sides beside each other.
    pub fn of(baseline: &Categories, window: &Categories) -> Self {
        let mut pair = Self::default();
        for (value, count) in baseline.counted() {
            pair.values.push(value.to_owned());
            pair.baseline.push(count);
            pair.window.push(window.count(value));
        }
        for (value, count) in window.counted() {
            if baseline.count(value) == 0 {
                pair.values.push(value.to_owned());
                pair.baseline.push(0);
                pair.window.push(count);
            }
        }
        pair
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_of_one_side_counts_zero_on_the_other() {
        let pair = CategoryPair::of(&Categories::of(["b", "a", "b"]), &Categories::of(["c"]));
        assert_eq!(pair.values, ["a", "b", "c"]);
        assert_eq!((pair.baseline, pair.window), (vec![1, 2, 0], vec![0, 0, 1]));
    }
}
