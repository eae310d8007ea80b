//! The distribution of Kolmogorov's Dₙ, the distance of the distribution function of n
//! numbers from the one that they were drawn from.
//!
//! Which of four methods is used where is as SciPy's `kstwo` has it, so that p-values are
//! the same to the last digits, after Simard and L'Ecuyer (2011), "Computing the two-sided
//! Kolmogorov–Smirnov distribution": exact by a matrix power (Durbin 1973, in the form of
//! Marsaglia, Tsang and Wang 2003) where Dₙ is small, twice the one-sided tail (Smirnov
//! 1944, Birnbaum and Tingey 1951) where it is great, and an expansion in 1/√n between
//! (Pelz and Good 1976).

use nalgebra::DMatrix;
use statrs::function::gamma::ln_gamma;
use std::f64::consts::PI;

/// P(Dₙ ≥ x).
pub fn tail(n: u64, x: f64) -> f64 {
    if n == 0 || x.is_nan() {
        return f64::NAN;
    }
    let size = n as f64;
    let (t, z_squared) = (size * x, size * x * x);
    if x >= 1.0 || z_squared >= 370.0 {
        return 0.0;
    }
    if t <= 0.5 {
        return 1.0;
    }
    let p = if t <= 1.0 {
        // Ruben and Gambino (1982): n! (2x − 1/n)ⁿ.
        1.0 - (ln_gamma(size + 1.0) - size * size.ln() + size * (2.0 * t - 1.0).ln()).exp()
    } else if t >= size - 1.0 {
        2.0 * (1.0 - x).powf(size)
    } else if x >= 0.5 || (n <= 140 && z_squared > 4.0) || (n > 140 && z_squared >= 2.2) {
        2.0 * one_sided(n, x)
    } else if n <= 140 || (n <= 100_000 && size * x.powf(1.5) <= 1.4) {
        1.0 - by_matrix_power(n, x)
    } else {
        1.0 - by_expansion(size, x)
    };
    p.clamp(0.0, 1.0)
}

/// P(Dₙ⁺ ≥ x): x Σ C(n, j) (x + j/n)^(j−1) (1 − x − j/n)^(n−j) over j ≤ n (1 − x).
fn one_sided(n: u64, x: f64) -> f64 {
    let size = n as f64;
    let last = (size * (1.0 - x)).floor() as u64;
    let mut sum = 0.0;
    let mut ln_choose = 0.0;
    for j in 0..=last {
        let up = x + j as f64 / size;
        let down = 1.0 - up;
        let rest = (n - j) as f64;
        if down > 0.0 {
            sum += (ln_choose + (j as f64 - 1.0) * up.ln() + rest * down.ln()).exp();
        } else if n == j {
            sum += (ln_choose + (j as f64 - 1.0) * up.ln()).exp();
        }
        ln_choose += (rest / (j + 1) as f64).ln();
    }
    x * sum
}

/// P(Dₙ < x) as the middle entry of the n-th power of a matrix of 2k − 1 rows, where
/// k = ⌈n x⌉, times n!/nⁿ.
fn by_matrix_power(n: u64, x: f64) -> f64 {
    const HUGE: f64 = 1e140;
    let t = n as f64 * x;
    let k = t.ceil() as usize;
    let h = k as f64 - t;
    let rows = 2 * k - 1;
    let mut factorials = vec![1.0_f64];
    for i in 1..=rows {
        factorials.push(factorials[i - 1] / i as f64);
    }
    let mut step = DMatrix::from_fn(rows, rows, |row, column| {
        if row + 1 < column {
            0.0
        } else {
            factorials[row + 1 - column]
        }
    });
    for i in 0..rows {
        let edge = (1.0 - h.powi(i as i32 + 1)) * factorials[i + 1];
        step[(i, 0)] = edge;
        step[(rows - 1, rows - 1 - i)] = edge;
    }
    let power = i32::try_from(rows).unwrap_or(i32::MAX);
    let both = (2.0 * h - 1.0).max(0.0).powi(power);
    step[(rows - 1, 0)] = (1.0 - 2.0 * h.powi(power) + both) * factorials[rows];
    // Powers by squaring, with logarithms of scale so that nothing overflows.
    let mut result = DMatrix::<f64>::identity(rows, rows);
    let (mut ln_result, mut ln_step, mut left) = (0.0, 0.0, n);
    while left > 0 {
        if left % 2 == 1 {
            result = &result * &step;
            ln_result += ln_step;
            if result[(k - 1, k - 1)] > HUGE {
                result /= HUGE;
                ln_result += HUGE.ln();
            }
        }
        step = &step * &step;
        ln_step *= 2.0;
        if step[(k - 1, k - 1)] > HUGE {
            step /= HUGE;
            ln_step += HUGE.ln();
        }
        left /= 2;
    }
    let size = n as f64;
    (result[(k - 1, k - 1)].ln() + ln_result + ln_gamma(size + 1.0) - size * size.ln()).exp()
}

/// P(Dₙ < x) by the first four terms of Pelz and Good's expansion, in the form that
/// converges for small z = x √n (Simard and L'Ecuyer 2011, equation 11 and following).
fn by_expansion(n: f64, x: f64) -> f64 {
    let z = x * n.sqrt();
    let [z2, z4, z6, z8] = [2, 4, 6, 8].map(|power| z.powi(power));
    let (pi2, pi4, pi6) = (PI.powi(2), PI.powi(4), PI.powi(6));
    let terms = (16.0 * z / PI).ceil() as i32;
    let mut sums = [0.0_f64; 4];
    for k in (1..=terms).rev() {
        // Over half-odd numbers: m = 2k − 1 stands for (k − 1/2) twice.
        let m2 = f64::from(2 * k - 1).powi(2);
        let decay = (-pi2 * m2 / (8.0 * z2)).exp();
        sums[0] += decay;
        sums[1] += (pi2 * m2 / 4.0 - z2) * decay;
        sums[2] += (6.0 * z6
            + 2.0 * z4
            + pi2 * (2.0 * z4 - 5.0 * z2) * m2 / 4.0
            + pi4 * (1.0 - 2.0 * z2) * m2 * m2 / 16.0)
            * decay;
        sums[3] += (pi6 * m2.powi(3) * (5.0 - 30.0 * z2) / 64.0
            + pi4 * m2 * m2 * (-60.0 * z2 + 212.0 * z4) / 16.0
            + pi2 * m2 * (135.0 * z4 - 96.0 * z6) / 4.0
            - 30.0 * z6
            - 90.0 * z8)
            * decay;
    }
    let mut whole = [0.0_f64; 2];
    for k in (1..=terms).rev() {
        let k2 = f64::from(k).powi(2);
        let decay = (-pi2 * k2 / (2.0 * z2)).exp();
        whole[0] += k2 * decay;
        whole[1] += (3.0 * z2 - pi2 * k2) * k2 * decay;
    }
    let root = (2.0 * PI).sqrt();
    let k0 = root / z * sums[0];
    let k1 = root / (6.0 * z4) * sums[1];
    let k2 = root / (72.0 * z.powi(7)) * sums[2] - pi2 * root / (36.0 * z.powi(3)) * whole[0];
    let k3 = root / (6480.0 * z.powi(10)) * sums[3] + pi2 * root / (216.0 * z6) * whole[1];
    k0 + k1 / n.sqrt() + k2 / n + k3 / n.powf(1.5)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    /// `scipy.stats.kstwo.sf(x, n)` of SciPy 1.17.1, some for each method.
    const SCIPY: [(u64, f64, f64); 25] = [
        (5, 0.1, 1.0),
        (5, 0.18, 0.987417088),
        (5, 0.35, 0.46975),
        (5, 0.7, 0.005560000000000004),
        (5, 0.85, 0.0001518750000000001),
        (50, 0.05, 0.9990238098461883),
        (50, 0.12, 0.4337679661310233),
        (50, 0.2, 0.03143877776953241),
        (50, 0.3, 0.00017353260202718738),
        (50, 0.45, 9.261187857225947e-10),
        (140, 0.1, 0.11353657290090946),
        (141, 0.1, 0.11128445516467944),
        (500, 0.02, 0.9859871786857471),
        (500, 0.05, 0.15866260223815387),
        (500, 0.08, 0.0031305058199356268),
        (1000, 0.0008, 1.0),
        (5000, 0.01, 0.6954557253913853),
        (5000, 0.02, 0.03613941395325637),
        (25000, 0.0013, 0.9999999999966112),
        (25000, 0.00498, 0.563029597386491),
        (25000, 0.0101, 0.012104758623813569),
        (25000, 0.05, 9.332872223744622e-55),
        (200000, 0.001, 0.9881500208855729),
        (200000, 0.003, 0.0545369786611305),
        (200000, 0.01, 8.433125699870092e-18),
    ];

    #[test]
    fn tails_are_those_of_scipy() {
        for (n, x, expected) in SCIPY {
            let ours = tail(n, x);
            assert!(
                (ours - expected).abs() <= 1e-8 * expected,
                "n = {n}, x = {x}: {ours} instead of {expected}"
            );
        }
    }

    #[test]
    fn the_tail_falls_from_one_to_nothing() {
        for n in [1, 2, 7, 139, 1_000, 150_000] {
            let mut last = 1.0;
            for step in 0..=200 {
                let p = tail(n, f64::from(step) / 200.0);
                assert!(p <= last + 1e-7, "n = {n}, x = {}", f64::from(step) / 200.0);
                last = p;
            }
            assert_eq!(last, 0.0);
        }
    }
}
