//! Histograms as NumPy makes them.

use crate::two_sample::Sample;

/// How the number of bins is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// log₂ n + 1 bins (Sturges 1926).
    Sturges,
    /// More bins for a skewed sample (Doane 1976).
    Doane,
}

/// Bin edges over the sample's range by a rule. `whole` says that the numbers are whole
/// numbers, for which NumPy (from version 2) makes no bin narrower than 1. `None` without
/// numbers.
pub fn edges(sample: &Sample, rule: Rule, whole: bool) -> Option<Vec<f64>> {
    let (least, greatest) = sample.range()?;
    let width = width(sample, rule);
    let width = if whole && width < 1.0 { 1.0 } else { width };
    let bins = if width > 0.0 {
        ((greatest - least) / width).ceil().max(1.0) as usize
    } else {
        1
    };
    Some(if least < greatest {
        equal(least, greatest, bins)
    } else {
        equal(least - 0.5, greatest + 0.5, bins)
    })
}

fn width(sample: &Sample, rule: Rule) -> f64 {
    let Some((least, greatest)) = sample.range() else {
        return 0.0;
    };
    let (n, range) = (sample.size() as f64, greatest - least);
    match rule {
        Rule::Sturges => range / (n.log2() + 1.0),
        Rule::Doane => {
            let deviation = sample.standard_deviation(0);
            if sample.size() <= 2 || deviation.is_nan() || deviation <= 0.0 {
                return 0.0;
            }
            let mean = sample.mean();
            let skew = sample.mean_of(|x| ((x - mean) / deviation).powi(3));
            let error = (6.0 * (n - 2.0) / ((n + 1.0) * (n + 3.0))).sqrt();
            range / (1.0 + n.log2() + (1.0 + skew.abs() / error).log2())
        }
    }
}

/// `bins` bins of equal width between two edges, computed as NumPy's `linspace` does, so
/// that values on an edge fall on the same side.
pub fn equal(first: f64, last: f64, bins: usize) -> Vec<f64> {
    let step = (last - first) / bins as f64;
    let mut edges: Vec<f64> = (0..=bins).map(|i| i as f64 * step + first).collect();
    edges[bins] = last;
    edges
}

/// Numbers in each bin; bins hold their lower edge, the last one its upper edge too.
/// Numbers outside of the edges are in none.
pub fn counts(sample: &Sample, edges: &[f64]) -> Vec<u64> {
    let bins = edges.len().saturating_sub(1);
    let mut counts = vec![0; bins];
    let mut bin = 0;
    for (value, count) in sample.counted() {
        if value < edges[0] || value > edges[bins] {
            continue;
        }
        while bin + 1 < bins && value >= edges[bin + 1] {
            bin += 1;
        }
        counts[bin] += count;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whole_numbers_have_no_bin_narrower_than_one() {
        // NumPy 2.4.6: histogram_bin_edges over 300 whole numbers from 0 to 3, "sturges".
        let sample = Sample::of((0..300).map(|n| f64::from(n % 4)));
        assert_eq!(edges(&sample, Rule::Sturges, true).unwrap().len(), 4);
        assert_eq!(edges(&sample, Rule::Sturges, false).unwrap().len(), 11);
    }

    #[test]
    fn one_value_gets_a_bin_of_width_one() {
        let sample = Sample::of([3.0; 5]);
        assert_eq!(edges(&sample, Rule::Doane, false), Some(vec![2.5, 3.5]));
        assert_eq!(counts(&sample, &[2.5, 3.5]), [5]);
        assert_eq!(edges(&Sample::default(), Rule::Sturges, true), None);
    }

    proptest! {
        #[test]
        fn every_number_is_in_one_bin_of_its_own_edges(values in prop::collection::vec(-1e3..1e3_f64, 1..200)) {
            let sample = Sample::of(values.iter().copied());
            for rule in [Rule::Sturges, Rule::Doane] {
                let edges = edges(&sample, rule, false).unwrap();
                prop_assert_eq!(counts(&sample, &edges).iter().sum::<u64>(), sample.size());
            }
        }
    }
}
