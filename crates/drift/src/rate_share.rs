//! How a pipeline's rate of false alarms is shared out among kinds of tests.
//!
//! The rate is the pipeline's, so each kind has a fixed part of it; the cards have what
//! the others leave.

/// The part of [slow drift](crate::sequence).
pub const SUMS: f64 = 0.1;
/// The part of a [novel stretch](crate::Measure::NovelStretch), where a pipeline has that
/// test.
pub const NOVEL_STRETCH: f64 = 0.6;

/// The part of several columns [together](crate::multivariate), where a pipeline asks for that.
pub const MULTIVARIATE: f64 = 0.2;

/// The part of the [cards](crate::ThresholdCard), beside the tests that a pipeline has.
pub fn of_cards(novel_stretch: bool, multivariate: bool) -> f64 {
    let part = |asked: bool, share: f64| if asked { share } else { 0.0 };
    1.0 - SUMS - part(novel_stretch, NOVEL_STRETCH) - part(multivariate, MULTIVARIATE)
}
