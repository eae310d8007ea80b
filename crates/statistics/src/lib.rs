//! Mergeable column profiles: what Driftline knows about a column of data.
//!
//! A profile is a small value that keeps the merge law
//! `merge(profile(A), profile(B)) = profile(A ∪ B)`: exactly where a statistic is
//! exact, within its stated error where it is a sketch. Every statistic is exact
//! while it is small and bounded when it is large, and says which:
//!
//! | statistic | exact up to | bound of the state past that |
//! |---|---|---|
//! | quantiles, histograms | 1,024 distinct values | about 2,700 numbers (21 KiB), rank error 0.55 % |
//! | distinct values | 2,048 | 4 KiB, standard error 1.6 % |
//! | top values | 4,096 | 4,096 values of at most 256 bytes, error 0.033 % of the rows |
//!
//! This crate knows Arrow arrays and nothing of files, queries or the network:
//! an edge device links it as it is.

mod accumulator;
pub mod categorical;
pub mod codec;
pub mod column;
mod column_reader;
pub mod distinct;
mod error;
mod exact_counts;
pub mod features;
pub mod heavy_hitters;
mod hyperloglog;
mod kll;
mod moments;
pub mod ngrams;
pub mod numeric;
pub mod quantiles;
pub mod semantic;
pub mod text;
pub mod units;

pub use accumulator::ColumnAccumulator;
pub use categorical::CategoricalProfile;
pub use column::{ColumnProfile, Summary, ValueType};
pub use column_reader::ColumnReader;
pub use distinct::{DistinctCount, DistinctEstimate};
pub use error::StatisticsError;
pub use heavy_hitters::{HeavyHitters, ValueCount};
pub use numeric::{Bin, NumericProfile};
pub use quantiles::{QuantileView, Quantiles};
pub use text::TextProfile;

/// Bytes that an allocator takes for a few: those of the GNU C library are given out in steps
/// of 16, at least 32, with 8 that it keeps for itself.
fn allocated(bytes: usize) -> usize {
    (bytes + 8).next_multiple_of(16).max(32)
}

/// Bytes of a hash table of the standard library that has room for `capacity` entries of
/// `entry` bytes: a power of two of slots, of which 7 of 8 are used at most, and a byte of
/// control for each. Of a table that much was taken out of, the capacity falls short.
fn table(capacity: usize, entry: usize) -> usize {
    match capacity {
        0 => 0,
        _ => (capacity * 8 / 7).next_power_of_two() * (entry + 1),
    }
}
