//! What statistics are made and how: TFDV's `StatsOptions`, without its machinery.

use super::{FeaturePath, LiftOptions, generator::NewGenerator};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How statistics of features are made. The default is TFDV's.
#[derive(Debug, Clone)]
pub struct FeatureOptions {
    /// Whether common, numeric, string, bytes and struct statistics are made.
    pub basic: bool,
    /// Whether distinct and top values are made.
    pub tokens: bool,
    /// Which columns weigh the rows.
    pub weights: Weights,
    /// What a schema says of the features.
    pub claims: Claims,
    /// Top values listed (`num_top_values`).
    pub top_values: usize,
    /// Buckets of the rank histogram (`num_rank_histogram_buckets`).
    pub rank_buckets: usize,
    /// Least count of a top value (`frequency_threshold`).
    pub frequency_threshold: u64,
    /// Least weight of a weighted top value (`weighted_frequency_threshold`).
    pub weighted_frequency_threshold: f64,
    /// Bins of the histogram of list lengths (`num_values_histogram_buckets`).
    pub length_buckets: usize,
    /// Bins of equal width (`num_histogram_buckets`).
    pub standard_buckets: usize,
    /// Bins of equal weight (`num_quantiles_histogram_buckets`).
    pub quantile_buckets: usize,
    /// Rank error of quantiles, as a share of the weight (`epsilon`).
    pub epsilon: f64,
    /// Whether values longer than 1,024 bytes are counted one by one as well, and
    /// values that are no UTF-8 told apart: TFDV without `use_sketch_based_topk_uniques`.
    pub whole_values: bool,
    /// Whether distinct and top values become custom statistics rather than fields
    /// (`store_output_in_custom_stats` of TFDV's generator).
    pub tokens_as_custom: bool,
    /// Which features have histograms and a median (`per_feature_stats_config`).
    pub histograms: HistogramFeatures,
    /// The only columns that are looked at (`feature_allowlist`).
    pub columns: Option<BTreeSet<String>>,
    /// Which pairs of columns have cross-feature statistics.
    pub crosses: Crosses,
    /// How much likelier a label is beside each value (`LiftStatsGenerator`).
    pub lift: Option<Arc<LiftOptions>>,
    /// Further statistics.
    pub generators: Vec<Arc<dyn NewGenerator>>,
}

impl Default for FeatureOptions {
    fn default() -> Self {
        Self {
            basic: true,
            tokens: true,
            weights: Weights::default(),
            claims: Claims::default(),
            top_values: 20,
            rank_buckets: 1_000,
            frequency_threshold: 1,
            weighted_frequency_threshold: 1.0,
            length_buckets: 10,
            standard_buckets: 10,
            quantile_buckets: 10,
            epsilon: 0.01,
            whole_values: false,
            tokens_as_custom: false,
            histograms: HistogramFeatures::default(),
            columns: None,
            crosses: Crosses::default(),
            lift: None,
            generators: Vec::new(),
        }
    }
}

impl FeatureOptions {
    /// Whether statistics of a column are wanted.
    pub fn looks_at(&self, column: &str) -> bool {
        let columns = self.columns.as_ref();
        columns.is_none_or(|columns| columns.contains(column))
    }

    /// The rank error asked for, where a feature has histograms.
    pub(crate) fn epsilon_of(&self, path: &FeaturePath) -> Option<f64> {
        let wanted = match &self.histograms {
            HistogramFeatures::AllBut(features) => !features.contains(path),
            HistogramFeatures::Only(features) => features.contains(path),
        };
        wanted.then_some(self.epsilon)
    }
}

/// Features that have histograms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistogramFeatures {
    /// All but these.
    AllBut(BTreeSet<FeaturePath>),
    /// Only these.
    Only(BTreeSet<FeaturePath>),
}

impl Default for HistogramFeatures {
    fn default() -> Self {
        Self::AllBut(BTreeSet::new())
    }
}

/// Which column weighs the rows for which feature.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Weights {
    /// The column that weighs rows and all features without one of their own.
    pub column: Option<String>,
    /// Columns that weigh single features.
    pub per_feature: BTreeMap<FeaturePath, String>,
}

impl Weights {
    /// The column that weighs a feature.
    pub fn of(&self, path: &FeaturePath) -> Option<&str> {
        let own = self.per_feature.get(path);
        own.or(self.column.as_ref()).map(String::as_str)
    }

    /// All columns that weigh something.
    pub fn columns(&self) -> BTreeSet<&str> {
        let columns = self.per_feature.values().chain(&self.column);
        columns.map(String::as_str).collect()
    }
}

/// What a schema says of features, as far as statistics depend on it. A claim counts
/// only where the values have the claimed type.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    /// Strings that are opaque bytes, such as images.
    pub bytes: BTreeSet<FeaturePath>,
    /// Whole numbers that are categories.
    pub categorical_int: BTreeSet<FeaturePath>,
    /// Floating-point numbers that are categories.
    pub categorical_float: BTreeSet<FeaturePath>,
    /// Strings said to be categories: long values are kept whole.
    pub categorical_string: BTreeSet<FeaturePath>,
    /// Strings said not to be categories: no top values.
    pub free_string: BTreeSet<FeaturePath>,
    /// Sparse features.
    pub sparse: Vec<SparseFeature>,
    /// Weighted features.
    pub weighted: Vec<WeightedFeature>,
}

/// A feature kept as values and the indices of where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SparseFeature {
    /// The path that its statistics get.
    pub path: FeaturePath,
    /// Where its values are.
    pub value: FeaturePath,
    /// Where its indices are.
    pub indices: BTreeSet<FeaturePath>,
}

/// A feature whose values have weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightedFeature {
    /// The path that its statistics get.
    pub path: FeaturePath,
    /// Where its values are.
    pub value: FeaturePath,
    /// Where their weights are.
    pub weight: FeaturePath,
}

/// Pairs of columns whose numbers are compared row by row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Crosses {
    /// None.
    #[default]
    None,
    /// Every pair of columns of numbers.
    All,
    /// These pairs, where both are columns of numbers.
    Pairs(BTreeSet<(String, String)>),
}

impl Crosses {
    /// Whether a pair is wanted.
    pub fn wants(&self, x: &str, y: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Pairs(pairs) => pairs.contains(&(x.to_owned(), y.to_owned())),
        }
    }
}
