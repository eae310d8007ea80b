//! Kolmogorov–Smirnov distance, on ordered cells and on whole distributions.

use super::shares;
use driftline_statistics::QuantileView;

/// Greatest distance of the two distribution functions at the ends of ordered cells,
/// 0 to 1. `None` where a side has no counts.
///
/// On a grid of 256 baseline quantiles it is at most 1/256 below the true distance
/// where the window's values follow the baseline within each cell.
pub fn kolmogorov_smirnov(baseline: &[u64], window: &[u64]) -> Option<f64> {
    Some(gaps(baseline, window)?.fold(0.0, |most, gap| gap.abs().max(most)))
}

/// Baseline's distribution function less the window's, at the end of each cell.
pub fn parts(baseline: &[u64], window: &[u64]) -> Option<Vec<f64>> {
    Some(gaps(baseline, window)?.collect())
}

fn gaps<'a>(baseline: &'a [u64], window: &'a [u64]) -> Option<impl Iterator<Item = f64> + 'a> {
    Some(shares(baseline, window)?.scan(0.0, |gap, (p, q)| {
        *gap += p - q;
        Some(*gap)
    }))
}

/// The distance of two distributions, at every value that either keeps: exact where
/// both are, else within the sum of their [rank errors](QuantileView::rank_error).
///
/// `None` where a side has no values.
pub fn of_distributions(baseline: &QuantileView, window: &QuantileView) -> Option<f64> {
    let (b, w) = (baseline.count(), window.count());
    if b == 0 || w == 0 {
        return None;
    }
    let values = baseline
        .values()
        .chain(window.values())
        .map(|(value, _)| value);
    Some(values.fold(0.0, |most, x| {
        let gap = baseline.count_at_or_below(x) as f64 / b as f64
            - window.count_at_or_below(x) as f64 / w as f64;
        gap.abs().max(most)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftline_statistics::Quantiles;

    fn view(values: impl Iterator<Item = f64>) -> QuantileView {
        let mut quantiles = Quantiles::default();
        values.for_each(|value| quantiles.update(value));
        quantiles.view()
    }

    #[test]
    fn it_equals_scipy() {
        // scipy.stats.ks_2samp(arange(1, 101), arange(1, 51) * 1.5 + 10), SciPy 1.17.1.
        let baseline = view((1..101).map(f64::from));
        let window = view((1..51).map(|n| f64::from(n) * 1.5 + 10.0));
        assert!((of_distributions(&baseline, &window).unwrap() - 0.15).abs() < 1e-14);
    }

    #[test]
    fn no_values_have_no_distance() {
        assert_eq!(
            of_distributions(&view([1.0].into_iter()), &view([].into_iter())),
            None
        );
    }
}
