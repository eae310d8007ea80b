//! Fisher's exact test of a table of two by two.

use statrs::function::factorial::ln_binomial;

/// The two-sided p-value: the probability, with the margins given, of all tables that are
/// at most as probable as the one seen. 1 where a margin is empty.
///
/// Fisher (1935), "The logic of inductive inference".
pub fn fisher_exact(table: [[u64; 2]; 2]) -> f64 {
    let [[a, b], [c, d]] = table;
    let (row, column, all) = (a + b, a + c, a + b + c + d);
    if row == 0 || column == 0 || row == all || column == all {
        return 1.0;
    }
    let ln_probability = |x: u64| {
        ln_binomial(column, x) + ln_binomial(all - column, row - x) - ln_binomial(all, row)
    };
    let seen = ln_probability(a);
    let (least, greatest) = (row.saturating_sub(all - column), row.min(column));
    (least..=greatest)
        .map(ln_probability)
        // Tables that are equally probable but for rounding count too.
        .filter(|ln| *ln <= seen + 1e-9)
        .map(f64::exp)
        .sum::<f64>()
        .min(1.0)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn the_tea_of_the_lady() {
        // SciPy 1.17.1: fisher_exact([[3, 1], [1, 3]]), [[8, 2], [1, 5]].
        assert!((fisher_exact([[3, 1], [1, 3]]) - 0.485_714_285_714_286).abs() < 1e-12);
        assert!((fisher_exact([[8, 2], [1, 5]]) - 0.034_965_034_965_034_95).abs() < 1e-12);
        assert_eq!(fisher_exact([[3, 1], [0, 0]]), 1.0);
    }
}
