//! Thinning: a smaller sample out of counts, without replacement.
//!
//! Replayed windows must have as many rows as the live one, because every distance
//! shrinks as samples grow. Rows are drawn by the multivariate hypergeometric
//! distribution, which is what picking rows by lot does to their counts, and text by
//! whole documents: words of one document belong together, and drawing them one by
//! one makes a null so narrow that ordinary weeks alarm.

use driftline_statistics::text::SampledText;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::sync::LazyLock;

/// Documents of a text column in one block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Documents<'a> {
    /// Sampled texts, each with the cells of its units.
    pub(crate) sample: &'a [SampledText],
    /// All documents, sampled or not.
    pub(crate) count: u64,
    /// Unit counts of all documents.
    pub(crate) units: &'a [u64],
}

/// ln n!, by a table and Stirling's series past it (both exact to rounding).
fn ln_factorial(n: u64) -> f64 {
    const TABLE: usize = 4_096;
    static LN: LazyLock<Vec<f64>> = LazyLock::new(|| {
        let terms = (0..TABLE).scan(0.0, |sum, n| {
            *sum += (n.max(1) as f64).ln();
            Some(*sum)
        });
        terms.collect()
    });
    usize::try_from(n)
        .ok()
        .and_then(|n| LN.get(n).copied())
        .unwrap_or_else(|| {
            let x = n as f64;
            (x + 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + 1.0 / (12.0 * x)
                - 1.0 / (360.0 * x * x * x)
        })
}

/// How many of `marked` are among `drawn` picked from `marked + unmarked`.
///
/// Inversion outwards from the mode, so that the steps are a few standard deviations
/// and not the whole range.
fn hypergeometric(rng: &mut ChaCha8Rng, marked: u64, unmarked: u64, drawn: u64) -> u64 {
    let all = marked + unmarked;
    let low = drawn.saturating_sub(unmarked);
    let high = drawn.min(marked);
    if low >= high {
        return low;
    }
    if marked == 1 {
        return u64::from(rng.random::<f64>() * (all as f64) < drawn as f64);
    }
    let (k, u, n) = (marked as f64, unmarked as f64, drawn as f64);
    let mode = (((n + 1.0) * (k + 1.0) / (all as f64 + 2.0)) as u64).clamp(low, high);
    let choose = |n: u64, r: u64| ln_factorial(n) - ln_factorial(r) - ln_factorial(n - r);
    let at_mode =
        (choose(marked, mode) + choose(unmarked, drawn - mode) - choose(all, drawn)).exp();
    let mut left = rng.random::<f64>() - at_mode;
    if left < 0.0 {
        return mode;
    }
    // Probabilities of the next value up and the next one down, by their ratios.
    let up = |x: f64| (k - x) * (n - x) / ((x + 1.0) * (u - n + x + 1.0));
    let down = |x: f64| x * (u - n + x) / ((k - x + 1.0) * (n - x + 1.0));
    let (mut above, mut below) = (mode, mode);
    let (mut p_above, mut p_below) = (at_mode, at_mode);
    loop {
        let mut moved = false;
        if above < high {
            p_above *= up(above as f64);
            above += 1;
            left -= p_above;
            if left < 0.0 {
                return above;
            }
            moved = p_above > 1e-18;
        }
        if below > low {
            p_below *= down(below as f64);
            below -= 1;
            left -= p_below;
            if left < 0.0 {
                return below;
            }
            moved |= p_below > 1e-18;
        }
        // What is left then is the rounding of the sum.
        if !moved {
            return mode;
        }
    }
}

/// Counts of `keep` rows picked by lot from all rows; all of them where there are
/// no more than that.
pub(crate) fn rows(rng: &mut ChaCha8Rng, counts: &[u64], keep: u64) -> Vec<u64> {
    let mut all: u64 = counts.iter().sum();
    let mut keep = keep;
    if all <= keep {
        return counts.to_vec();
    }
    counts
        .iter()
        .map(|&count| {
            all -= count;
            let taken = hypergeometric(rng, count, all, keep);
            keep -= taken;
            taken
        })
        .collect()
}

/// Unit counts of `keep` documents picked by lot.
///
/// Exact where all documents, all kept ones or all dropped ones are in the sample. A
/// block of which only a part is sampled, and which keeps and drops more than that,
/// is scaled: what is lost is the sampling noise of a share of a large number of
/// documents, small beside that between blocks.
pub(crate) fn documents(
    rng: &mut ChaCha8Rng,
    blocks: &[Documents<'_>],
    keep: u64,
    cells: usize,
) -> Vec<u64> {
    let available: Vec<u64> = blocks.iter().map(|block| block.count).collect();
    let kept = rows(rng, &available, keep);
    let mut counts = vec![0_u64; cells];
    for (block, &keep) in blocks.iter().zip(&kept) {
        let occurrences: Vec<u64> = block.sample.iter().map(|text| text.count.into()).collect();
        let sampled: u64 = occurrences.iter().sum();
        let dropped = block.count - keep;
        if dropped == 0 {
            add(&mut counts, block.units);
        } else if keep <= sampled {
            let picked = rows(rng, &occurrences, keep);
            for_each_unit(block.sample, &picked, |cell, times| {
                if let Some(count) = counts.get_mut(cell) {
                    *count += times;
                }
            });
        } else if dropped <= sampled {
            let picked = rows(rng, &occurrences, dropped);
            let mut rest = block.units.to_vec();
            for_each_unit(block.sample, &picked, |cell, times| {
                if let Some(count) = rest.get_mut(cell) {
                    *count = count.saturating_sub(times);
                }
            });
            add(&mut counts, &rest);
        } else {
            let share = keep as f64 / block.count as f64;
            for (count, &units) in counts.iter_mut().zip(block.units) {
                // Rounded by lot, so that rare units keep their expectation.
                *count += (units as f64 * share + rng.random::<f64>()) as u64;
            }
        }
    }
    counts
}

/// Calls `found` with each cell of the picked texts and how often the text was picked.
fn for_each_unit(sample: &[SampledText], picked: &[u64], mut found: impl FnMut(usize, u64)) {
    for (text, &times) in sample.iter().zip(picked).filter(|&(_, &times)| times > 0) {
        for &cell in &text.cells {
            found(usize::from(cell), times);
        }
    }
}

fn add(counts: &mut [u64], more: &[u64]) {
    for (count, &n) in counts.iter_mut().zip(more) {
        *count += n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;

    #[test]
    fn ln_factorials_are_right_on_both_sides_of_the_table() {
        // math.lgamma(n + 1), Python 3.11.
        for (n, expected) in [
            (0, 0.0),
            (10, 15.104_412_573_075_518),
            (4_095, 29_970.330_294_677_33),
            (4_096, 29_978.648_060_844_047),
            (1_000_000, 12_815_518.384_658_169),
        ] {
            assert!(
                (ln_factorial(n) - expected).abs() <= 1e-12 * expected.max(1.0),
                "{n}"
            );
        }
    }

    #[test]
    fn picked_rows_are_hypergeometric() {
        // scipy.stats.hypergeom(50, 20, 10).pmf(range(11)), SciPy 1.17.1.
        let expected = [
            0.002_924_863_842_545_261,
            0.027_855_846_119_478_677,
            0.108_257_947_418_883_05,
            0.225_929_629_395_929_84,
            0.280_058_603_105_371_34,
            0.215_085_007_184_925_2,
            0.103_406_253_454_291_04,
            0.030_638_889_912_382_505,
            0.005_334_449_582_959_454,
            0.000_490_524_099_582_478_7,
            0.000_017_985_883_651_357_55,
        ];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let draws = 200_000;
        let mut seen = [0_u32; 11];
        for _ in 0..draws {
            seen[hypergeometric(&mut rng, 20, 30, 10) as usize] += 1;
        }
        for (x, p) in expected.into_iter().enumerate() {
            let share = f64::from(seen[x]) / f64::from(draws);
            // Four standard errors of the simulation.
            assert!(
                (share - p).abs() < 4.0 * (p / f64::from(draws)).sqrt(),
                "{x}: {share} {p}"
            );
        }
    }

    #[test]
    fn whole_documents_are_picked() {
        // Each document holds its own cell three times: counts are multiples of three.
        let sample: Vec<SampledText> = (0..20)
            .map(|cell| SampledText {
                count: 1,
                cells: vec![cell; 3],
            })
            .collect();
        let units = [3_u64; 20];
        let block = Documents {
            sample: &sample,
            count: 20,
            units: &units,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for keep in [0, 5, 15, 20, 30] {
            let counts = documents(&mut rng, &[block], keep, 20);
            assert!(counts.iter().all(|n| n % 3 == 0));
            assert_eq!(counts.iter().sum::<u64>(), 3 * keep.min(20));
        }
    }

    #[test]
    fn a_block_sampled_in_part_keeps_its_expected_units() {
        let sample = [0, 1].map(|cell| SampledText {
            count: 1,
            cells: vec![cell],
        });
        let units = [600_u64, 400];
        let block = Documents {
            sample: &sample,
            count: 1_000,
            units: &units,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let counts = documents(&mut rng, &[block], 500, 2);
        assert!(counts[0].abs_diff(300) <= 1 && counts[1].abs_diff(200) <= 1);
    }

    proptest! {
        #[test]
        fn thinning_keeps_the_number_asked_for(counts in prop::collection::vec(0..5_000_u64, 0..30), keep in 0..20_000_u64, seed: u64) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let thinned = rows(&mut rng, &counts, keep);
            prop_assert_eq!(thinned.iter().sum::<u64>(), keep.min(counts.iter().sum()));
            prop_assert!(thinned.iter().zip(&counts).all(|(a, b)| a <= b));
        }

        #[test]
        fn large_counts_stay_within_their_range(marked in 0..u64::from(u32::MAX), unmarked in 0..u64::from(u32::MAX), share in 0.0..1.0_f64, seed: u64) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let drawn = ((marked + unmarked) as f64 * share) as u64;
            let x = hypergeometric(&mut rng, marked, unmarked, drawn);
            prop_assert!(x <= marked.min(drawn) && drawn - x <= unmarked);
        }
    }
}
