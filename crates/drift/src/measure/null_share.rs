//! Difference of the shares of rows without a value.

/// |window's share of nulls − baseline's|, 0 to 1; `None` where a side has no rows.
pub fn null_share(baseline: (u64, u64), window: (u64, u64)) -> Option<f64> {
    let share = |(nulls, rows): (u64, u64)| (rows > 0).then(|| nulls as f64 / rows as f64);
    Some((share(window)? - share(baseline)?).abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fall_counts_as_a_rise() {
        assert_eq!(null_share((50, 100), (0, 10)), Some(0.5));
        assert_eq!(null_share((0, 100), (5, 10)), Some(0.5));
        assert_eq!(null_share((0, 0), (5, 10)), None);
    }
}
