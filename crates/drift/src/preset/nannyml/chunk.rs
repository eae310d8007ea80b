//! Chunks of rows, and limits learnt from their values.

use std::ops::Range;

/// Standard deviations from the mean to a limit.
const DEVIATIONS: f64 = 3.0;

/// How rows are cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunks {
    /// Into this many of equal size; a remainder is one more.
    Count(usize),
    /// Into chunks of this many rows; a remainder is one more.
    Size(usize),
    /// Into ranges that are known, such as the rows of each week.
    Ranges(Vec<Range<usize>>),
}

impl Default for Chunks {
    fn default() -> Self {
        Self::Count(10)
    }
}

impl Chunks {
    /// The ranges of `rows` rows; fewer rows than chunks are one row each. Known ranges
    /// are cut to the rows.
    pub fn of(&self, rows: usize) -> Vec<Range<usize>> {
        let size = match self {
            Self::Count(count) => rows / (*count).max(1),
            Self::Size(size) => *size,
            Self::Ranges(ranges) => {
                return ranges
                    .iter()
                    .map(|range| range.start.min(rows)..range.end.min(rows))
                    .collect();
            }
        };
        let size = size.max(1);
        (0..rows)
            .step_by(size)
            .map(|start| start..rows.min(start + size))
            .collect()
    }
}

/// How the rows of the baseline are cut, and those of the window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cut {
    /// The baseline.
    pub baseline: Chunks,
    /// The window.
    pub window: Chunks,
}

impl From<Chunks> for Cut {
    /// Both in the same way.
    fn from(chunks: Chunks) -> Self {
        Self {
            baseline: chunks.clone(),
            window: chunks,
        }
    }
}

/// Values beyond which a chunk is an alert.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// The least value that is none.
    pub lower: Option<f64>,
    /// The greatest value that is none.
    pub upper: Option<f64>,
}

impl Limits {
    /// Three standard deviations (of all the values, not of a sample) to either side of the
    /// mean. A chunk without a value (NaN) is left out; `None` without any.
    pub fn learnt(values: &[f64]) -> Option<Self> {
        let known: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
        if known.is_empty() {
            return None;
        }
        let count = known.len() as f64;
        let mean = known.iter().sum::<f64>() / count;
        let variance = known.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        let reach = DEVIATIONS * variance.sqrt();
        Some(Self {
            lower: Some(mean - reach),
            upper: Some(mean + reach),
        })
    }

    /// Whether a value is beyond them; NaN is not.
    pub fn are_crossed(&self, value: f64) -> bool {
        self.lower.is_some_and(|lower| value < lower)
            || self.upper.is_some_and(|upper| value > upper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remainder_is_a_chunk_of_its_own() {
        let chunks = Chunks::default().of(105);
        assert_eq!(chunks.len(), 11);
        assert_eq!(chunks[10], 100..105);
        assert_eq!(Chunks::Size(50).of(105)[2], 100..105);
        assert_eq!(Chunks::default().of(3), [0..1, 1..2, 2..3]);
        assert!(Chunks::default().of(0).is_empty());
        let known = Chunks::Ranges(vec![0..4, 4..9]);
        assert_eq!(known.of(7), [0..4, 4..7]);
    }

    #[test]
    fn limits_are_three_deviations_away() {
        let limits = Limits::learnt(&[1.0, 3.0, f64::NAN]).unwrap();
        assert_eq!((limits.lower, limits.upper), (Some(-1.0), Some(5.0)));
        assert!(limits.are_crossed(5.1) && limits.are_crossed(-2.0));
        assert!(!limits.are_crossed(f64::NAN));
        assert_eq!(Limits::learnt(&[f64::NAN]), None);
    }
}
