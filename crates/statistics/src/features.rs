//! Statistics of features, as TensorFlow Data Validation defines them.
//!
//! A [`ColumnProfile`](crate::ColumnProfile) answers what Driftline itself asks of a
//! column. This module answers what TFDV asks, which is more of its own kind: lists
//! inside lists, structs, weights, sparse features, pairs of columns, slices. One
//! accumulator, [`DatasetStatistics`], takes record batches and merges with others;
//! `driftline-schema` writes it as the messages of TensorFlow Metadata.
//!
//! | statistic | exact while | past that |
//! |---|---|---|
//! | counts, valency, mean, deviation, extremes, zeros, lengths | always | |
//! | quantiles, median, histograms | 4,000 values, or as many distinct ones | a rank error that is known, below `epsilon` |
//! | distinct values | 100,000 | 1.6 % standard error |
//! | top values, rank histogram | 100,000 distinct values of 16 MiB | a count is too low by a known error, never too high |

pub mod composite;
pub mod cross;
pub mod dataset;
pub mod generator;
pub mod histogram;
pub mod lift;
pub mod nested;
pub mod numbers;
pub mod options;
mod path;
pub mod presence;
pub mod quantiles;
pub mod slices;
pub mod strings;
pub mod tokens;

pub use composite::Composite;
pub use cross::Cross;
pub use dataset::{DatasetStatistics, FeatureStatistics};
pub use generator::{
    CustomStatistic, CustomValue, FeatureGenerator, Generator, NewGenerator, PerFeature,
};
pub use histogram::{Bucket, Histogram, HistogramKind};
pub use lift::{Lift, LiftOptions, LiftSeries, LiftValue, ValueLift};
pub use nested::{FeatureRows, FeatureType, Level, Nested};
pub use numbers::Numbers;
pub use options::{
    Claims, Crosses, FeatureOptions, HistogramFeatures, SparseFeature, WeightedFeature, Weights,
};
pub use path::FeaturePath;
pub use presence::{LevelPresence, Presence};
pub use quantiles::WeightedQuantiles;
pub use slices::SliceFeatures;
pub use strings::Strings;
pub use tokens::{Counted, Tokens, TopValues};
