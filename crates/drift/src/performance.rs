//! How well a model performs, estimated before the true labels are known.
//!
//! If a model's scores are probabilities, they say themselves how often it is right: a
//! window of scores near 0 and 1 has few mistakes, one of scores near 1/2 has many. Scores
//! are first made probabilities on the baseline, where the labels are known
//! ([`calibration`]); then the expected confusion matrix of a window gives every metric
//! that is made of one ([`confidence`]). A regression has no scores, so a second model
//! learns its loss ([`loss`]). Where rows are not held, counts of them by level of probability
//! do ([`levels`]), and say as well what labels show that come late.
//!
//! This holds as long as the relation of features and label does. Where that changes
//! (concept drift), labels are needed.

pub mod calibration;
pub mod classification;
pub mod confidence;
pub mod levels;
pub mod loss;

pub use confidence::{Estimate, Estimator, Metric, PerformanceError, Scored, realised};
pub use levels::Amount;
