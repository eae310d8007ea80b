//! Histograms out of cuts: equal shares of the weight, or equal widths.
//!
//! As TFDV defines them (`quantiles_util`): a bin's weight is the difference of the
//! cumulative weights at its ends, bins with the same upper end share theirs evenly,
//! and bins of equal width are filled from a hundred times finer cuts as if values lay
//! evenly inside each of those. Counts are therefore not whole numbers.

use super::quantiles::Cuts;

/// How a histogram's bins are laid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistogramKind {
    /// Bins of equal width.
    Standard,
    /// Bins of equal weight.
    Quantiles,
}

/// One bin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Weight of the values in it.
    pub weight: f64,
}

/// A histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// How its bins are laid.
    pub kind: HistogramKind,
    /// Values that are no number, which lie in no bin.
    pub nan: u64,
    /// The bins in order.
    pub buckets: Vec<Bucket>,
}

/// The middle cut; the mean of the two middle ones where their number is even.
pub fn median(cuts: &Cuts) -> Option<f64> {
    let middle = cuts.values.len() / 2;
    if cuts.values.is_empty() {
        None
    } else if cuts.values.len().is_multiple_of(2) {
        Some((cuts.values[middle - 1] + cuts.values[middle]) / 2.0)
    } else {
        Some(cuts.values[middle])
    }
}

/// Every `factor`-th cut.
pub fn coarser(cuts: &Cuts, factor: usize) -> Cuts {
    let every = |values: &[f64]| values.iter().step_by(factor.max(1)).copied().collect();
    Cuts {
        values: every(&cuts.values),
        cumulative: every(&cuts.cumulative),
    }
}

/// Bins between neighbouring cuts.
pub fn quantiles_histogram(cuts: &Cuts) -> Histogram {
    Histogram {
        kind: HistogramKind::Quantiles,
        nan: 0,
        buckets: bins(cuts),
    }
}

fn bins(cuts: &Cuts) -> Vec<Bucket> {
    let mut bins: Vec<Bucket> = cuts
        .values
        .windows(2)
        .zip(cuts.cumulative.windows(2))
        .map(|(ends, weights)| Bucket {
            low: ends[0],
            high: ends[1],
            weight: weights[1] - weights[0],
        })
        .collect();
    for same in bins.chunk_by_mut(|a, b| same(a.high, b.high)) {
        let share = same.iter().map(|bin| bin.weight).sum::<f64>() / same.len() as f64;
        same.iter_mut().for_each(|bin| bin.weight = share);
    }
    // The least value itself belongs to the first bin, and to all that look like it.
    if let Some(first) = bins.first().copied() {
        let like = bins
            .iter()
            .take_while(|bin| same(bin.low, first.low) && same(bin.high, first.high))
            .count();
        let share = cuts.cumulative[0] / like as f64;
        bins[..like].iter_mut().for_each(|bin| bin.weight += share);
    }
    bins
}

/// Ends of bins are cuts handed on: equal means the very same number.
fn same(a: f64, b: f64) -> bool {
    a.total_cmp(&b).is_eq()
}

/// What a histogram of equal widths needs to know of its values beside the cuts.
#[derive(Debug, Clone, Copy)]
pub struct FiniteRange {
    /// The least finite value; +∞ where there is none.
    pub min: f64,
    /// The greatest finite value; -∞ where there is none.
    pub max: f64,
    /// Weight of the values that are +∞.
    pub positive_infinities: f64,
}

/// `buckets` bins of equal width between the finite extremes, filled from fine cuts.
///
/// One bin where the extremes are equal, a bin of its own at either end for each
/// infinity, one bin in all where nothing is finite, none where the width overflows.
pub fn standard_histogram(cuts: &Cuts, range: FiniteRange, buckets: usize) -> Histogram {
    let mut histogram = Histogram {
        kind: HistogramKind::Standard,
        nan: 0,
        buckets: Vec::new(),
    };
    let Some(&total) = cuts.cumulative.last() else {
        return histogram;
    };
    if !range.min.is_finite() || !range.max.is_finite() {
        histogram.buckets.push(Bucket {
            low: range.min,
            high: range.max,
            weight: total,
        });
        return histogram;
    }
    let (finite, negative_infinities) = without_infinities(cuts, range);
    let fine = bins(&finite);
    let edges: Vec<f64> = if same(range.min, range.max) {
        vec![range.min, range.max]
    } else {
        let width = (range.max - range.min) / buckets.max(1) as f64;
        let inner = (0..buckets.max(1)).map(|bin| range.min + width * bin as f64);
        inner.chain([range.max]).collect()
    };
    if !edges.iter().all(|edge| edge.is_finite()) {
        return histogram;
    }
    if negative_infinities > 0.0 {
        histogram.buckets.push(Bucket {
            low: f64::NEG_INFINITY,
            high: f64::NEG_INFINITY,
            weight: negative_infinities,
        });
    }
    let mut start = 0;
    for (place, ends) in edges.windows(2).enumerate() {
        let mut weight = 0.0;
        for (index, bin) in fine.iter().enumerate().skip(start) {
            match overlap(bin, ends[0], ends[1], place == 0) {
                Overlap::Share(share) => weight += share * bin.weight,
                Overlap::Before => start = index,
                Overlap::After => break,
            }
        }
        histogram.buckets.push(Bucket {
            low: ends[0],
            high: ends[1],
            weight,
        });
    }
    if range.positive_infinities > 0.0 {
        histogram.buckets.push(Bucket {
            low: f64::INFINITY,
            high: f64::INFINITY,
            weight: range.positive_infinities,
        });
    }
    histogram
}

/// The cuts of the finite values, and the weight of those that are -∞.
fn without_infinities(cuts: &Cuts, range: FiniteRange) -> (Cuts, f64) {
    let from = cuts
        .values
        .partition_point(|value| *value <= f64::NEG_INFINITY);
    let negative = if from == 0 {
        0.0
    } else {
        cuts.cumulative[from - 1]
    };
    let mut finite = Cuts {
        values: cuts.values[from..].to_vec(),
        cumulative: cuts.cumulative[from..]
            .iter()
            .map(|weight| weight - negative)
            .collect(),
    };
    // A bin that ends at +∞ can hold finite values too: their number is known apart.
    if range.positive_infinities > 0.0
        && let Some(&total) = finite.cumulative.last()
    {
        let to = finite
            .values
            .partition_point(|value| *value < f64::INFINITY);
        finite.values.truncate(to);
        finite.cumulative.truncate(to);
        finite.values.push(range.max);
        finite.cumulative.push(total - range.positive_infinities);
    }
    (finite, negative)
}

enum Overlap {
    /// Which share of the bin lies in the interval.
    Share(f64),
    /// The bin lies before the interval.
    Before,
    /// The bin lies after it.
    After,
}

/// A point at the left end counts for the first interval only: for the others it is
/// the right end of the interval before.
fn overlap(bin: &Bucket, low: f64, high: f64, first: bool) -> Overlap {
    if same(bin.low, bin.high) && same(bin.low, low) {
        if first {
            Overlap::Share(1.0)
        } else {
            Overlap::Before
        }
    } else if bin.high < low {
        Overlap::Before
    } else if bin.low > high {
        Overlap::After
    } else if low <= bin.low && high >= bin.high {
        Overlap::Share(1.0)
    } else {
        let shared = bin.high.min(high) - bin.low.max(low);
        Overlap::Share(shared / (bin.high - bin.low))
    }
}

/// For each value that is a number, its place and its bin: 0 below the first boundary,
/// then one more for each boundary that is not above the value.
pub fn bin_places(
    values: impl IntoIterator<Item = Option<f64>>,
    boundaries: &[f64],
) -> Vec<(usize, usize)> {
    let numbers = values.into_iter().enumerate();
    let numbers = numbers.filter_map(|(place, value)| Some((place, value?)));
    numbers
        .filter(|(_, value)| !value.is_nan())
        .map(|(place, value)| (place, boundaries.partition_point(|edge| *edge <= value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_middle_of_an_even_number_of_cuts_is_their_mean() {
        let cuts = |values: &[f64]| Cuts {
            values: values.to_vec(),
            cumulative: vec![0.0; values.len()],
        };
        assert_eq!(median(&cuts(&[1.0, 2.0, 4.0])), Some(2.0));
        assert_eq!(median(&cuts(&[1.0, 2.0, 4.0, 9.0])), Some(3.0));
        assert_eq!(median(&Cuts::default()), None);
    }

    proptest! {
        /// Whatever the values, the bins of equal width hold all of the weight.
        #[test]
        fn no_weight_is_lost(values in prop::collection::vec(-1e6..1e6_f64, 1..300)) {
            let mut quantiles = super::super::WeightedQuantiles::new(0.01);
            values.iter().for_each(|value| quantiles.update(*value, 1.0));
            let range = FiniteRange {
                min: values.iter().copied().fold(f64::INFINITY, f64::min),
                max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                positive_infinities: 0.0,
            };
            let histogram = standard_histogram(&quantiles.cuts(1_000), range, 10);
            let total: f64 = histogram.buckets.iter().map(|bucket| bucket.weight).sum();
            prop_assert!((total - values.len() as f64).abs() < 1e-6 * values.len() as f64, "{total}");
        }
    }
}
