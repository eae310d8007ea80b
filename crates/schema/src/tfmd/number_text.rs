//! Numbers as C++ tools write them, so that messages read the same.

/// `value` to six significant digits, as C's `%g`: no trailing zeros, an exponent below
/// 1e-4 and from 1e6.
pub(crate) fn six_digits(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    // Rounded first, because rounding can carry into the exponent (999999.9).
    let scientific = format!("{value:.5e}");
    let (digits, exponent) = scientific
        .split_once('e')
        .expect("the `e` form has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a small integer");
    if (-4..6).contains(&exponent) {
        let decimals = usize::try_from(5 - exponent).expect("at most 9, at least 0");
        return without_trailing_zeros(&format!("{value:.decimals$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!(
        "{}e{sign}{:02}",
        without_trailing_zeros(digits),
        exponent.abs()
    )
}

fn without_trailing_zeros(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

/// `value` with six decimals, as C's `%f`.
pub(crate) fn six_decimals(value: f64) -> String {
    if value.is_finite() {
        format!("{value:.6}")
    } else {
        six_digits(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected texts: `printf "%g"` of the shell.
    #[test]
    fn six_digits_are_those_of_printf() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.2, "0.2"),
            (0.199_999_999_999_999_98, "0.2"),
            (123_456.0, "123456"),
            (1_234_567.0, "1.23457e+06"),
            (999_999.9, "1e+06"),
            (0.000_1, "0.0001"),
            (0.000_012_345_678, "1.23457e-05"),
            (1e300, "1e+300"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(six_digits(value), text);
        }
    }
}
