//! Arguments of statistics in TFDV's forms.

use clap::Args;
use driftline_pipeline::feature_statistics::StatisticsOptions;
use std::path::{Path, PathBuf};

/// How statistics in TFDV's forms are made; other formats take none of these.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Statistics for TFDV (--format tfdv-pbtxt, tfdv-pb, tfrecord)")]
pub(crate) struct FeatureStatistics {
    /// A file of options, as YAML; flags have precedence.
    #[arg(long, value_name = "FILE")]
    pub(crate) options: Option<PathBuf>,
    /// A schema of TensorFlow Metadata, as `.pbtxt` or `.pb`: it says which numbers are categories,
    /// which strings are bytes, which features are sparse or weighted.
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,
    /// The column that weighs rows.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) weight: Option<String>,
    /// The column that weighs one feature; may be repeated.
    #[arg(long, value_name = "FEATURE=COLUMN")]
    pub(crate) feature_weight: Vec<String>,
    /// Look at these columns only; may be repeated.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) column: Vec<String>,
    /// Slice by values: `country`, `country,device` for every combination, `country=PL` for one
    /// value; may be repeated.
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) slice: Vec<String>,
    /// A slice of the rows that meet a condition: `KEY:=SQL`, or SQL alone, which then is the
    /// key; may be repeated.
    #[arg(long, value_name = "KEY:=SQL")]
    pub(crate) slice_sql: Vec<String>,
    /// Look at a share of the rows, such as 0.1, or at a number of them.
    #[arg(long, value_name = "SHARE|N")]
    pub(crate) sample: Option<f64>,
    /// Correlate two columns of numbers, `a,b`, or `all` pairs; may be repeated.
    #[arg(long, value_name = "A,B")]
    pub(crate) cross: Vec<String>,
    /// How much likelier each value of this column is beside each value of the others.
    #[arg(long, value_name = "FEATURE")]
    pub(crate) lift_label: Option<String>,
    /// Lift beside these features only [default: all columns of categories]; may be repeated.
    #[arg(long, value_name = "FEATURE")]
    pub(crate) lift_feature: Vec<String>,
    /// Cut a label of numbers into buckets here; may be repeated.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub(crate) lift_boundary: Vec<f64>,
    /// No lift of values in so few rows [default: 0].
    #[arg(long, value_name = "N")]
    pub(crate) lift_min_count: Option<u64>,
    /// The N greatest lifts of each label only.
    #[arg(long, value_name = "N")]
    pub(crate) lift_top: Option<usize>,
    /// The N least lifts of each label only.
    #[arg(long, value_name = "N")]
    pub(crate) lift_bottom: Option<usize>,
    /// Write lifts as custom statistics, too.
    #[arg(long)]
    pub(crate) lift_custom: bool,
    /// A number of your own: an SQL aggregate over all rows and every slice, as a custom statistic
    /// of a column; may be repeated.
    #[arg(long, value_name = "COLUMN:NAME=SQL")]
    pub(crate) statistic: Vec<String>,
    /// Top values listed [default: 20].
    #[arg(long, value_name = "N")]
    pub(crate) top_values: Option<usize>,
    /// Buckets of the rank histogram [default: 1000].
    #[arg(long, value_name = "N")]
    pub(crate) rank_buckets: Option<usize>,
    /// Least count of a top value [default: 1].
    #[arg(long, value_name = "N")]
    pub(crate) frequency_threshold: Option<u64>,
    /// Least weight of a weighted top value [default: 1].
    #[arg(long, value_name = "WEIGHT")]
    pub(crate) weighted_frequency_threshold: Option<f64>,
    /// Bins of the histogram of list lengths [default: 10].
    #[arg(long, value_name = "N")]
    pub(crate) length_buckets: Option<usize>,
    /// Bins of equal width [default: 10].
    #[arg(long, value_name = "N")]
    pub(crate) histogram_buckets: Option<usize>,
    /// Bins of equal weight [default: 10].
    #[arg(long, value_name = "N")]
    pub(crate) quantile_buckets: Option<usize>,
    /// Rank error of quantiles, as a share of the rows [default: 0.01].
    #[arg(long, value_name = "SHARE")]
    pub(crate) epsilon: Option<f64>,
    /// Count values of more than 1,024 bytes one by one, not as one.
    #[arg(long)]
    pub(crate) whole_values: bool,
    /// Leave the default statistics out.
    #[arg(long)]
    pub(crate) no_default_statistics: bool,
    /// No histograms and no median of a feature; may be repeated.
    #[arg(long, value_name = "FEATURE")]
    pub(crate) without_histograms: Vec<String>,
    /// Histograms and median of these features only; may be repeated.
    #[arg(long, value_name = "FEATURE")]
    pub(crate) only_histograms: Vec<String>,
    /// Look for times, prose and images among the values, and propose them as domains.
    #[arg(long)]
    pub(crate) semantic_domains: bool,
    /// The words of a vocabulary that the schema names, one a line; may be repeated.
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) vocabulary: Vec<String>,
    /// Count values that stand for nothing: -1, empty strings, empty lists in lists.
    #[arg(long)]
    pub(crate) empty_values: bool,
    /// Write the error bound of every number that is not exact as a custom statistic beside it.
    #[arg(long)]
    pub(crate) bounds: bool,
}

impl FeatureStatistics {
    /// The options of the file, where one is given, with the flags on top.
    pub(crate) fn options(
        &self,
        by: &[String],
        read: impl FnOnce(&Path) -> miette::Result<StatisticsOptions>,
    ) -> miette::Result<StatisticsOptions> {
        let mut options = match &self.options {
            Some(file) => read(file)?,
            None => StatisticsOptions::default(),
        };
        options.slices.extend(by.iter().chain(&self.slice).cloned());
        options.cross.extend(self.cross.iter().cloned());
        for text in &self.slice_sql {
            let (key, condition) = match text.split_once(":=") {
                Some((key, sql)) => (key.trim(), sql.trim()),
                None => (text.as_str(), text.as_str()),
            };
            options
                .slice_sql
                .insert(key.to_owned(), condition.to_owned());
        }
        for text in &self.feature_weight {
            let (feature, column) = pair("--feature-weight", "FEATURE=COLUMN", text)?;
            options.feature_weights.insert(feature, column);
        }
        for text in &self.statistic {
            let (name, sql) = pair("--statistic", "COLUMN:NAME=SQL", text)?;
            options.statistics.insert(name, sql);
        }
        if !self.lift_feature.is_empty() {
            options.lift_features = Some(self.lift_feature.clone());
        }
        options
            .lift_boundaries
            .extend(self.lift_boundary.iter().copied());
        options.lift_label = self.lift_label.clone().or(options.lift_label);
        options.lift_custom |= self.lift_custom;
        set(&mut options.lift_min_count, self.lift_min_count);
        set(&mut options.lift_top, self.lift_top);
        set(&mut options.lift_bottom, self.lift_bottom);
        if !self.column.is_empty() {
            options.columns = Some(self.column.clone());
        }
        if !self.only_histograms.is_empty() {
            options.only_histograms = Some(self.only_histograms.clone());
        }
        options
            .without_histograms
            .extend(self.without_histograms.iter().cloned());
        options.whole_values |= self.whole_values;
        options.bounds |= self.bounds;
        options.semantic_domains |= self.semantic_domains;
        options.empty_values |= self.empty_values;
        for text in &self.vocabulary {
            let (name, file) = pair("--vocabulary", "NAME=FILE", text)?;
            options.vocabularies.insert(name, file.into());
        }
        options.default_statistics &= !self.no_default_statistics;
        options.schema = self.schema.clone().or(options.schema);
        options.weight = self.weight.clone().or(options.weight);
        options.sample = self.sample.or(options.sample);
        set(&mut options.top_values, self.top_values);
        set(&mut options.rank_buckets, self.rank_buckets);
        set(&mut options.frequency_threshold, self.frequency_threshold);
        set(
            &mut options.weighted_frequency_threshold,
            self.weighted_frequency_threshold,
        );
        set(&mut options.length_buckets, self.length_buckets);
        set(&mut options.histogram_buckets, self.histogram_buckets);
        set(&mut options.quantile_buckets, self.quantile_buckets);
        set(&mut options.epsilon, self.epsilon);
        Ok(options)
    }

    /// Whether anything is asked for that only statistics in TFDV's forms know.
    pub(crate) fn is_given(&self) -> bool {
        let options = self.options(&[], |_| Ok(StatisticsOptions::default()));
        self.options.is_some() || options.is_ok_and(|o| o != StatisticsOptions::default())
    }
}

fn set<T>(field: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *field = given;
    }
}

pub(crate) fn pair(
    argument: &'static str,
    form: &str,
    text: &str,
) -> Result<(String, String), crate::command::CommandError> {
    match text.split_once('=') {
        Some((left, right)) if !left.is_empty() && !right.is_empty() => {
            Ok((left.to_owned(), right.to_owned()))
        }
        _ => Err(crate::command::CommandError::Usage {
            argument,
            reason: format!("`{text}` is not {form}"),
        }),
    }
}
