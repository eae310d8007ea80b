//! Counts what is within tolerance, and lists what is not.

use serde_json::Value;

/// The least share that must hold.
const SHARE: f64 = 0.98;

#[derive(Default)]
pub(crate) struct Tally {
    checked: usize,
    misses: Vec<String>,
}

/// A golden number; NaN and infinities are strings.
fn number(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("inf") => Some(f64::INFINITY),
        Some("-inf") => Some(f64::NEG_INFINITY),
        _ => value.as_f64(),
    }
}

fn is_close(ours: f64, expected: f64, relative: f64) -> bool {
    if expected.is_nan() {
        return ours.is_nan();
    }
    // Below this, only that it is tiny.
    if expected.abs() < 1e-300 && relative > 0.0 {
        return ours.abs() < 1e-12;
    }
    ours.total_cmp(&expected).is_eq() || (ours - expected).abs() <= relative * expected.abs()
}

impl Tally {
    pub(crate) fn holds(&mut self, at: &str, holds: bool, why: impl FnOnce() -> String) {
        self.checked += 1;
        if !holds {
            self.misses.push(format!("{at}: {}", why()));
        }
    }

    /// Within a relative tolerance.
    pub(crate) fn close(&mut self, at: &str, ours: f64, expected: &Value, relative: f64) {
        let holds = number(expected).is_some_and(|expected| is_close(ours, expected, relative));
        self.holds(at, holds, || format!("{ours:e} instead of {expected}"));
    }

    /// Within an absolute tolerance.
    pub(crate) fn near(&mut self, at: &str, ours: f64, expected: &Value, absolute: f64) {
        let holds = number(expected).is_some_and(|expected| {
            ours.total_cmp(&expected).is_eq() || (ours - expected).abs() <= absolute
        });
        self.holds(at, holds, || format!("{ours} instead of {expected}"));
    }

    pub(crate) fn close_all(&mut self, at: &str, ours: &[f64], expected: &Value, relative: f64) {
        self.each(at, ours, expected, |tally, at, ours, expected| {
            tally.close(at, *ours, expected, relative);
        });
    }

    pub(crate) fn near_all(&mut self, at: &str, ours: &[f64], expected: &Value, absolute: f64) {
        self.each(at, ours, expected, |tally, at, ours, expected| {
            tally.near(at, *ours, expected, absolute);
        });
    }

    pub(crate) fn close_or_none(
        &mut self,
        at: &str,
        ours: Option<f64>,
        expected: &Value,
        relative: f64,
    ) {
        match ours {
            Some(ours) => self.close(at, ours, expected, relative),
            None => self.holds(at, expected.is_null(), || {
                format!("none instead of {expected}")
            }),
        }
    }

    pub(crate) fn same(&mut self, at: &str, ours: &[bool], expected: &Value) {
        self.each(at, ours, expected, |tally, at, ours, expected| {
            tally.holds(at, expected == ours, || {
                format!("{ours} instead of {expected}")
            });
        });
    }

    fn each<T>(
        &mut self,
        at: &str,
        ours: &[T],
        expected: &Value,
        mut check: impl FnMut(&mut Self, &str, &T, &Value),
    ) {
        let all = expected.as_array().unwrap();
        self.holds(at, ours.len() == all.len(), || {
            format!("{} values instead of {}", ours.len(), all.len())
        });
        for (place, (ours, expected)) in ours.iter().zip(all).enumerate() {
            check(self, &format!("{at}[{place}]"), ours, expected);
        }
    }

    pub(crate) fn finish(self, file: &str) {
        let held = self.checked - self.misses.len();
        eprintln!("{file}: {held} of {} within tolerance", self.checked);
        for miss in &self.misses {
            eprintln!("  {miss}");
        }
        assert!(self.checked > 0, "{file}: nothing was checked");
        assert!(
            held as f64 >= SHARE * self.checked as f64,
            "{file}: only {held} of {} within tolerance",
            self.checked
        );
    }
}
