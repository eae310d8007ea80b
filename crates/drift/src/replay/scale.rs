//! Draws for other numbers of rows, and of the width that a live window has.

/// The powers of √2 around a number of rows, and how far between them it lies, in
/// logarithms.
pub(super) fn bucket(rows: u64) -> (u64, u64, f64) {
    let at = 2.0 * (rows.max(1) as f64).log2();
    let power = |exponent: f64| (exponent / 2.0).exp2().round() as u64;
    let (low, high) = (power(at.floor()), power(at.floor() + 1.0));
    if rows <= low {
        (low, low, 0.0)
    } else {
        (low, high, at - at.floor())
    }
}

/// Draws between two replays: the order of the first, with quantiles between both.
pub(super) fn interpolate(low: &[f64], high: &[f64], weight: f64) -> Vec<f64> {
    if weight <= 0.0 || low.len() != high.len() {
        return low.to_vec();
    }
    let mut order: Vec<usize> = (0..low.len()).collect();
    order.sort_by(|&a, &b| low[a].total_cmp(&low[b]));
    let mut high = high.to_vec();
    high.sort_unstable_by(f64::total_cmp);
    let mut between = vec![0.0; low.len()];
    for (&draw, &high) in order.iter().zip(&high) {
        let low = low[draw];
        between[draw] = if low > 0.0 && high > 0.0 {
            (low.ln() * (1.0 - weight) + high.ln() * weight).exp()
        } else {
            low * (1.0 - weight) + high * weight
        };
    }
    between
}

/// A draw is measured against the rest of the baseline, a live window against all of
/// it, which varies less. Standard deviations are in this ratio for blocks of equal size.
pub(super) fn variance_factor(length: usize, blocks: usize) -> f64 {
    let (m, all) = (length as f64, blocks as f64);
    let rest = all - 3.0 * m;
    if rest > 0.0 {
        ((1.0 / m + 1.0 / all) / (1.0 / m + 1.0 / rest)).sqrt()
    } else {
        1.0
    }
}

/// Draws pulled towards their median by a factor.
pub(super) fn shrink(values: &mut [f64], factor: f64) {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let Some(&median) = sorted.get(sorted.len() / 2) else {
        return;
    };
    for value in values {
        *value = median + (*value - median) * factor;
    }
}
