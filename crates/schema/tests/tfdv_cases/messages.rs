//! Messages compared as messages: text by text, numbers to a relative 1e-6.

use driftline_schema::tfmd::{Named, from_text, to_text};

/// The message of a text.
pub(crate) fn read<M: Named>(text: &str) -> Result<M, String> {
    from_text("case", text).map_err(|error| error.to_string())
}

/// Says where two messages differ; nothing where they do not.
pub(crate) fn difference<M: Named>(expected: &M, found: &M) -> Option<String> {
    let (expected, found) = (to_text(expected), to_text(found));
    let (mut a, mut b) = (expected.lines(), found.lines());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return None,
            (Some(a), Some(b)) if same(a, b) => {}
            (a, b) => {
                return Some(format!(
                    "expected `{}`, found `{}`\n--- expected\n{expected}--- found\n{found}",
                    a.unwrap_or("the end"),
                    b.unwrap_or("the end")
                ));
            }
        }
    }
}

fn same(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let number = |line: &str| {
        let (key, value) = line.split_once(": ")?;
        Some((key.to_owned(), value.parse::<f64>().ok()?))
    };
    match (number(a), number(b)) {
        (Some((key_a, a)), Some((key_b, b))) => key_a == key_b && close(a, b, 1e-6),
        _ => false,
    }
}

/// Whether two numbers are equal to a relative error.
pub(crate) fn close(a: f64, b: f64, relative: f64) -> bool {
    a.total_cmp(&b).is_eq()
        || (a - b).abs() <= relative * a.abs().max(b.abs())
        || (a - b).abs() <= f64::MIN_POSITIVE
}
