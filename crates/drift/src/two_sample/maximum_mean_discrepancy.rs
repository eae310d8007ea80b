//! Maximum mean discrepancy with a Gaussian kernel.

use rand::seq::SliceRandom;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// The unbiased estimate of MMD² of two samples, and the kernel's width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Discrepancy {
    /// MMD²; may be below zero without a difference.
    pub squared: f64,
    /// Width of the kernel: the root of half the median squared distance within the first
    /// sample (a number with itself included), √½ where that is zero.
    pub sigma: f64,
    /// Share of the permutations whose MMD² is at least as great; `None` without any.
    pub p_value: Option<f64>,
}

/// MMD² with exp(−(x − y)² / 2σ²), and its p-value by permutations of the rows from a seed.
/// Takes memory for every pair of numbers. `None` where a sample has fewer than two.
///
/// Gretton et al. (2012), "A kernel two-sample test", lemma 6.
pub fn maximum_mean_discrepancy(
    a: &[f64],
    b: &[f64],
    permutations: usize,
    seed: u64,
) -> Option<Discrepancy> {
    if a.len() < 2 || b.len() < 2 {
        return None;
    }
    let sigma = median_width(a);
    let all: Vec<f64> = a.iter().chain(b).copied().collect();
    let gamma = 1.0 / (2.0 * sigma * sigma);
    let size = all.len();
    let mut kernel = vec![0.0_f64; size * size];
    for (i, x) in all.iter().enumerate() {
        for (j, y) in all.iter().enumerate().take(i) {
            let value = (-gamma * (x - y).powi(2)).exp();
            kernel[i * size + j] = value;
            kernel[j * size + i] = value;
        }
    }
    let mut order: Vec<usize> = (0..size).collect();
    // A number is never compared with itself, across the samples neither when permuted.
    let squared = of_order(&kernel, &order, a.len());
    let p_value = (permutations > 0).then(|| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let beyond = (0..permutations)
            .filter(|_| {
                order.shuffle(&mut rng);
                squared <= of_order(&kernel, &order, a.len())
            })
            .count();
        beyond as f64 / permutations as f64
    });
    Some(Discrepancy {
        squared,
        sigma,
        p_value,
    })
}

fn median_width(values: &[f64]) -> f64 {
    let mut squares: Vec<f64> = values
        .iter()
        .flat_map(|x| values.iter().map(move |y| (x - y).powi(2)))
        .collect();
    let middle = ((squares.len() - 1) as f64 / 2.0).round_ties_even() as usize;
    let (_, median, _) = squares.select_nth_unstable_by(middle, f64::total_cmp);
    let sigma = (0.5 * *median).sqrt();
    if sigma == 0.0 { 0.5_f64.sqrt() } else { sigma }
}

fn of_order(kernel: &[f64], order: &[usize], first: usize) -> f64 {
    let size = order.len();
    let (n, m) = (first as f64, (size - first) as f64);
    let (mut within_a, mut within_b, mut across) = (0.0, 0.0, 0.0);
    for (i, x) in order.iter().enumerate() {
        for (j, y) in order.iter().enumerate() {
            let value = kernel[x * size + y];
            match (i < first, j < first) {
                (true, true) => within_a += value,
                (false, false) => within_b += value,
                (true, false) => across += value,
                (false, true) => {}
            }
        }
    }
    within_a / (n * (n - 1.0)) + within_b / (m * (m - 1.0)) - 2.0 * across / (n * m)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_is_seen_and_an_equal_sample_is_not() {
        let a: Vec<f64> = (0..60).map(|n| f64::from(n % 20)).collect();
        let far: Vec<f64> = a.iter().map(|x| x + 15.0).collect();
        let shifted = maximum_mean_discrepancy(&a, &far, 100, 1).unwrap();
        let same = maximum_mean_discrepancy(&a, &a, 100, 1).unwrap();
        assert!(
            shifted.p_value.unwrap() < 0.02 && shifted.squared > 0.3,
            "{shifted:?}"
        );
        assert!(same.p_value.unwrap() > 0.9, "{same:?}");
        assert_eq!(maximum_mean_discrepancy(&[1.0], &far, 1, 1), None);
    }
}
