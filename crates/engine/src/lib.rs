//! Reads sources and runs profiles, scores and text functions as DataFusion plans.
//!
//! This is the only crate that plans queries. A source becomes [`Rows`], rows are
//! prepared by SQL, and what comes out is small: profiles, tables of n-grams,
//! aggregates, a few examples. Nothing downstream reads raw rows again.
//!
//! The same rows give the same bytes in every run. Queries are parallel only where
//! that does not change the order in which a state sees its rows, and states of
//! several threads are merged in an order that does not depend on which was first.

mod aggregate;
mod cluster;
mod constraint;
mod engine;
mod error;
mod feature_statistics;
mod in_order;
mod join;
mod mentions;
mod nested;
mod novelty;
mod offending;
mod one_row;
mod oov_udf;
mod output;
mod panes;
pub mod profile_file;
mod profile_rows;
mod profile_udaf;
mod row_sample;
mod rows;
mod score_udf;
mod skew;
mod slice;
mod sliced_aggregate;
mod source;
mod state;
mod text_udf;
mod tfrecord;
mod tokens_udf;
pub mod topic;
mod usage;
mod vocabulary_udaf;
mod window;

pub use aggregate::{AggregateGroups, AggregateRow};
pub use chrono_tz::Tz;
pub use cluster::{ClusterAddress, ExecutorOptions, SchedulerOptions, run_executor, run_scheduler};
pub use constraint::{BrokenValue, ByWindow, RowRule, RuleCount, RuleTest};
pub use datafusion::arrow::{
    array::RecordBatch,
    datatypes::{DataType, Field},
};
pub use engine::{Engine, EngineConfig};
pub use error::EngineError;
pub use feature_statistics::{FeatureRequest, Sample, SlicedStatistics};
pub use in_order::InOrder;
pub use mentions::{EXAMPLE_CHARS, MentionsRequest, TermTexts};
pub use nested::{LeafRows, Leaves, SkippedColumn};
pub use novelty::{NoveltyRequest, NoveltyWindow};
pub use offending::{
    OffendingRequest, OffendingRow, Parts, RowCheck, RowTable, RowTest, TableRow, ValueTest,
};
pub use output::{Output, write_atomically};
pub use panes::{Pane, PaneWindow, Panes};
pub use profile_rows::ProfileRows;
pub use row_sample::{RowSample, RowSampleRequest, rows_from_bytes, rows_to_bytes};
pub use rows::{ColumnInfo, ProfileColumn, ProfileRequest, ProfileRow, ROLES_SAMPLE_ROWS, Rows};
pub use skew::{FeatureSkew, KeyMatches, RowSkew, SkewPair, SkewRequest, SkewValue};
pub use slice::Slice;
pub use sliced_aggregate::SliceValues;
pub use source::{CsvOptions, FileVersion, PartitionRange, Source, SourceHead, SourceSize, words};
pub use text_udf::AdvertRules;
pub use tfrecord::{tfrecord, tfrecords};
pub use usage::{Usage, UsageRequest, WordUsage};
pub use vocabulary_udaf::{VocabularyRequest, VocabularyTime};
pub use window::{Cut, Span, Width, Windows, time_zone};
