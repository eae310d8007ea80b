//! Statistics of features of one source, as TFDV makes and writes them.

use crate::{PipelineError, single::SingleSource, tfdv_files::read_message};
use driftline_engine::{Engine, FeatureRequest, Sample, SlicedStatistics};
use driftline_schema::tfmd::{
    self, CustomStatistic, DatasetFeatureStatisticsList,
    custom_statistic::Val,
    feature_name_statistics::FieldId,
    statistics::{self, NaturalLanguageGenerator},
};
use driftline_statistics::{
    features::{
        Crosses, DatasetStatistics, FeatureOptions, FeaturePath, HistogramFeatures, LiftOptions,
        NewGenerator, Numbers, PerFeature, SliceFeatures, Weights,
    },
    semantic::{EmptyValueGenerator, ImageGenerator, LanguageGenerator, TimeGenerator, Vocabulary},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

/// How statistics are made: TFDV's `StatsOptions` as a file or as flags.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "Options of TFDV statistics")]
pub struct StatisticsOptions {
    /// A schema of TensorFlow Metadata, as `.pbtxt` or `.pb`: which numbers are
    /// categories and which strings bytes, sparse and weighted features.
    pub schema: Option<PathBuf>,
    /// The column that weighs rows.
    pub weight: Option<String>,
    /// Columns that weigh single features, by the path of the feature.
    pub feature_weights: BTreeMap<String, String>,
    /// The only columns to look at.
    pub columns: Option<Vec<String>>,
    /// Slices by value: `country`, `country,device` for every combination,
    /// `country=PL` for one value.
    pub slices: Vec<String>,
    /// Slices by SQL condition, by key.
    pub slice_sql: BTreeMap<String, String>,
    /// Rows to look at: a share below 1, or a number.
    pub sample: Option<f64>,
    /// Pairs of columns of numbers to correlate, `a,b`, or `all`.
    pub cross: Vec<String>,
    /// The label whose lift beside the values of other features is told.
    pub lift_label: Option<String>,
    /// The features beside the label; without them, all columns of categories.
    pub lift_features: Option<Vec<String>>,
    /// Where a label of numbers is cut into buckets.
    pub lift_boundaries: Vec<f64>,
    /// Values in no more rows, or of no more weight, than this have no lift.
    pub lift_min_count: u64,
    /// Greatest lifts of each label; all of them where this and `lift_bottom` are 0.
    pub lift_top: usize,
    /// Least lifts of each label.
    pub lift_bottom: usize,
    /// Write lifts as custom statistics of the features, too.
    pub lift_custom: bool,
    /// Further numbers by SQL over all rows and every slice: `column:name` and an aggregate.
    pub statistics: BTreeMap<String, String>,
    /// Top values listed.
    pub top_values: usize,
    /// Buckets of the rank histogram.
    pub rank_buckets: usize,
    /// Least count of a top value.
    pub frequency_threshold: u64,
    /// Least weight of a weighted top value.
    pub weighted_frequency_threshold: f64,
    /// Bins of the histogram of list lengths.
    pub length_buckets: usize,
    /// Bins of equal width.
    pub histogram_buckets: usize,
    /// Bins of equal weight.
    pub quantile_buckets: usize,
    /// Rank error of quantiles, as a share of the rows.
    pub epsilon: f64,
    /// Count values of more than 1,024 bytes one by one.
    pub whole_values: bool,
    /// Make the default statistics.
    pub default_statistics: bool,
    /// Features without histograms and median.
    pub without_histograms: Vec<String>,
    /// The only features with histograms and median.
    pub only_histograms: Option<Vec<String>>,
    /// Look for times, prose and images among the values, and propose them as domains.
    pub semantic_domains: bool,
    /// Files of the words that a schema's vocabularies have, one a line, or TFRecords.
    pub vocabularies: BTreeMap<String, PathBuf>,
    /// Count values that stand for nothing: -1, empty strings and lists.
    pub empty_values: bool,
    /// Write the error bound of every number that is not exact as a custom statistic.
    pub bounds: bool,
}

impl Default for StatisticsOptions {
    fn default() -> Self {
        let options = FeatureOptions::default();
        Self {
            schema: None,
            weight: None,
            feature_weights: BTreeMap::new(),
            columns: None,
            slices: Vec::new(),
            slice_sql: BTreeMap::new(),
            sample: None,
            cross: Vec::new(),
            lift_label: None,
            lift_features: None,
            lift_boundaries: Vec::new(),
            lift_min_count: 0,
            lift_top: 0,
            lift_bottom: 0,
            lift_custom: false,
            statistics: BTreeMap::new(),
            top_values: options.top_values,
            rank_buckets: options.rank_buckets,
            frequency_threshold: options.frequency_threshold,
            weighted_frequency_threshold: options.weighted_frequency_threshold,
            length_buckets: options.length_buckets,
            histogram_buckets: options.standard_buckets,
            quantile_buckets: options.quantile_buckets,
            epsilon: options.epsilon,
            whole_values: options.whole_values,
            default_statistics: true,
            without_histograms: Vec::new(),
            only_histograms: None,
            semantic_domains: false,
            vocabularies: BTreeMap::new(),
            empty_values: false,
            bounds: false,
        }
    }
}

/// Statistics as messages, and what is to be said of them.
#[derive(Debug)]
pub struct FeatureStatistics {
    /// One message for all rows, and one for each slice.
    pub list: DatasetFeatureStatisticsList,
    /// Columns without statistics, with the reason.
    pub skipped: Vec<String>,
    /// Numbers of all rows that are not exact, with their bound.
    pub bounds: Vec<String>,
}

fn configuration(message: String) -> PipelineError {
    PipelineError::Configuration { message }
}

impl StatisticsOptions {
    /// Reads a YAML file of options.
    ///
    /// # Errors
    /// [`PipelineError::Unreadable`], and [`PipelineError::Yaml`] with the place.
    pub fn read(path: &Path) -> Result<Self, PipelineError> {
        let text = std::fs::read_to_string(path).map_err(|error| PipelineError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        serde_saphyr::from_str(&text)
            .map_err(|error| PipelineError::yaml(&text, &path.display().to_string(), &error))
    }

    fn request(&self) -> Result<FeatureRequest, PipelineError> {
        let schema: Option<tfmd::Schema> = match &self.schema {
            Some(path) => Some(read_message(path)?),
            None => None,
        };
        self.request_for(schema.as_ref())
    }

    fn request_for(&self, schema: Option<&tfmd::Schema>) -> Result<FeatureRequest, PipelineError> {
        let claims = schema.map(statistics::claims).unwrap_or_default();
        if !(self.epsilon > 0.0 && self.epsilon < 1.0) {
            let epsilon = self.epsilon;
            return Err(configuration(format!(
                "`epsilon` is a share of the rows between 0 and 1, not {epsilon}"
            )));
        }
        let per_feature = self.feature_weights.iter();
        let weights = Weights {
            column: self.weight.clone(),
            per_feature: per_feature
                .map(|(path, column)| Ok((path.parse()?, column.clone())))
                .collect::<Result<_, PipelineError>>()?,
        };
        let histograms = match &self.only_histograms {
            Some(only) if self.without_histograms.is_empty() => {
                HistogramFeatures::Only(paths(only)?)
            }
            Some(_) => {
                return Err(configuration(
                    "give `only_histograms` or `without_histograms`, not both".into(),
                ));
            }
            None => HistogramFeatures::AllBut(paths(&self.without_histograms)?),
        };
        let mut options = FeatureOptions {
            basic: self.default_statistics,
            tokens: self.default_statistics,
            weights,
            claims,
            top_values: self.top_values,
            rank_buckets: self.rank_buckets,
            frequency_threshold: self.frequency_threshold,
            weighted_frequency_threshold: self.weighted_frequency_threshold,
            length_buckets: positive("length_buckets", self.length_buckets)?,
            standard_buckets: positive("histogram_buckets", self.histogram_buckets)?,
            quantile_buckets: positive("quantile_buckets", self.quantile_buckets)?,
            epsilon: self.epsilon,
            whole_values: self.whole_values,
            histograms,
            columns: self.columns.as_ref().map(|c| c.iter().cloned().collect()),
            crosses: crosses(&self.cross)?,
            lift: self.lift()?.map(Arc::new),
            ..FeatureOptions::default()
        };
        options.generators = self.generators(schema, &options)?;
        let conditions = self.slice_sql.iter();
        Ok(FeatureRequest {
            options,
            slices: self
                .slices
                .iter()
                .map(|slice| slice_features(slice))
                .collect(),
            conditions: conditions
                .map(|(key, sql)| (key.clone(), sql.clone()))
                .collect(),
            sample: self.sample.map(sample).transpose()?,
        })
    }
}

impl StatisticsOptions {
    fn lift(&self) -> Result<Option<LiftOptions>, PipelineError> {
        let none = Self::default();
        let details = Self {
            lift_features: self.lift_features.clone(),
            lift_boundaries: self.lift_boundaries.clone(),
            lift_min_count: self.lift_min_count,
            lift_top: self.lift_top,
            lift_bottom: self.lift_bottom,
            lift_custom: self.lift_custom,
            ..Self::default()
        };
        let Some(label) = &self.lift_label else {
            return match details == none {
                true => Ok(None),
                false => Err(configuration(
                    "lift is that of a label: name its column by `--lift-label COLUMN` or `lift_label`"
                        .into(),
                )),
            };
        };
        let features = self.lift_features.as_ref();
        let features = features.map(|features| features.iter().map(|path| Ok(path.parse()?)));
        if self
            .lift_boundaries
            .iter()
            .any(|boundary| boundary.is_nan())
        {
            return Err(configuration("a boundary of lift is no number".into()));
        }
        let mut boundaries = self.lift_boundaries.clone();
        boundaries.sort_by(f64::total_cmp);
        boundaries.dedup_by(|a, b| a.total_cmp(b).is_eq());
        Ok(Some(LiftOptions {
            label: label.parse()?,
            features: features
                .map(Iterator::collect::<Result<_, PipelineError>>)
                .transpose()?,
            boundaries,
            min_count: self.lift_min_count,
            top: self.lift_top,
            bottom: self.lift_bottom,
            custom: self.lift_custom,
        }))
    }

    /// What is made beside the fixed statistics, in TFDV's order.
    fn generators(
        &self,
        schema: Option<&tfmd::Schema>,
        options: &FeatureOptions,
    ) -> Result<Vec<Arc<dyn NewGenerator>>, PipelineError> {
        let mut generators: Vec<Arc<dyn NewGenerator>> = Vec::new();
        if self.empty_values {
            generators.push(Arc::new(PerFeature(EmptyValueGenerator)));
        }
        if self.semantic_domains {
            generators.push(Arc::new(PerFeature(ImageGenerator::default())));
            generators.push(Arc::new(PerFeature(LanguageGenerator::default())));
            generators.push(Arc::new(PerFeature(TimeGenerator::default())));
        }
        if let Some(schema) = schema {
            let mut vocabularies = BTreeMap::new();
            for (name, path) in &self.vocabularies {
                vocabularies.insert(name.clone(), vocabulary(path)?);
            }
            let language = NaturalLanguageGenerator::new(schema, &vocabularies, options)
                .map_err(|name| {
                    configuration(format!(
                        "the schema asks for the vocabulary `{name}`; name its file by `--vocabulary {name}=FILE`"
                    ))
                })?;
            if !language.is_empty() {
                generators.push(Arc::new(PerFeature(language)));
            }
        } else if !self.vocabularies.is_empty() {
            return Err(configuration(
                "a vocabulary is that of a schema's natural language domain; give the schema by `--schema FILE`"
                    .into(),
            ));
        }
        Ok(generators)
    }
}

/// The words of a vocabulary's file, in the order of their numbers.
pub(crate) fn vocabulary(path: &Path) -> Result<Vocabulary, PipelineError> {
    let words = driftline_engine::words(path)?;
    Ok(Vocabulary::new(words))
}

fn positive(name: &str, buckets: usize) -> Result<usize, PipelineError> {
    if buckets == 0 {
        return Err(configuration(format!("`{name}` must be at least 1")));
    }
    Ok(buckets)
}

fn paths(texts: &[String]) -> Result<BTreeSet<FeaturePath>, PipelineError> {
    let parsed = texts.iter().map(|text| Ok(text.parse()?));
    parsed.collect()
}

fn sample(given: f64) -> Result<Sample, PipelineError> {
    if given > 0.0 && given < 1.0 {
        Ok(Sample::Share(given))
    } else if given >= 1.0 && given.fract() == 0.0 && given < 9e15 {
        Ok(Sample::Rows(given as u64))
    } else {
        Err(configuration(format!(
            "a sample is a share between 0 and 1 or a whole number of rows, not {given}"
        )))
    }
}

fn crosses(given: &[String]) -> Result<Crosses, PipelineError> {
    if given.is_empty() {
        return Ok(Crosses::None);
    }
    if given.iter().any(|pair| pair == "all") {
        return Ok(Crosses::All);
    }
    let mut pairs = BTreeSet::new();
    for pair in given {
        let Some((x, y)) = pair.split_once(',') else {
            return Err(configuration(format!(
                "a pair of columns to correlate is written `a,b`, not `{pair}`; `all` takes every pair"
            )));
        };
        // Either order means the same pair.
        let (x, y) = (x.trim().to_owned(), y.trim().to_owned());
        pairs.insert(if x <= y { (x, y) } else { (y, x) });
    }
    Ok(Crosses::Pairs(pairs))
}

fn slice_features(text: &str) -> SliceFeatures {
    let mut features = BTreeMap::<String, Option<BTreeSet<String>>>::new();
    for part in text.split(',') {
        match part.split_once('=') {
            Some((name, value)) => {
                let wanted = features.entry(name.trim().to_owned()).or_default();
                wanted
                    .get_or_insert_default()
                    .insert(value.trim().to_owned());
            }
            None => {
                features.insert(part.trim().to_owned(), None);
            }
        }
    }
    SliceFeatures(features)
}

impl SingleSource {
    /// Statistics of features over all rows and every slice.
    ///
    /// # Errors
    /// Those of the engine, of the schema file, and [`PipelineError::Configuration`]
    /// for options that make no sense.
    pub async fn feature_statistics(
        &self,
        engine: &Engine,
        options: &StatisticsOptions,
    ) -> Result<FeatureStatistics, PipelineError> {
        let request = options.request()?;
        let rows = self.rows(engine).await?;
        let found = rows.feature_statistics(&request).await?;
        let bounds = bounds(&found.all);
        let sliced = !options.slices.is_empty() || !options.slice_sql.is_empty();
        let mut made = messages(&found, sliced)?;
        if options.bounds {
            let slices = std::iter::once(&found.all).chain(found.slices.values());
            for (dataset, statistics) in made.datasets.iter_mut().zip(slices) {
                for (path, name, bound) in bounds_of(statistics) {
                    add_number(dataset, &path, &format!("driftline_{name}_error"), bound);
                }
            }
        }
        let given: Vec<(String, String)> = options
            .statistics
            .iter()
            .map(|(name, sql)| (name.clone(), sql.clone()))
            .collect();
        if !given.is_empty() {
            let values = rows.aggregate(&given, None).await?;
            let of_all = values.into_iter().next().map(|row| row.values);
            let of_slices = rows
                .aggregate_slices(&given, &request.slices, &request.conditions)
                .await?;
            for (place, dataset) in made.datasets.iter_mut().enumerate() {
                let values = match place {
                    0 => of_all.as_ref(),
                    _ => of_slices.get(&dataset.name),
                };
                add_values(dataset, &given, values)?;
            }
        }
        let skipped = found.all.skipped().values();
        Ok(FeatureStatistics {
            list: made,
            skipped: skipped.map(ToString::to_string).collect(),
            bounds,
        })
    }
}

/// The statistics of all rows have a name only beside slices, as in TFDV.
pub(crate) fn messages(
    found: &SlicedStatistics,
    sliced: bool,
) -> Result<DatasetFeatureStatisticsList, PipelineError> {
    let name = if sliced { statistics::ALL_EXAMPLES } else { "" };
    let mut datasets = vec![statistics::message(&found.all, name)?];
    for (key, slice) in &found.slices {
        datasets.push(statistics::message(slice, key)?);
    }
    Ok(DatasetFeatureStatisticsList { datasets })
}

/// Numbers of one's own, by `column:name`. Null is no number, and 0 would be a claim.
fn add_values(
    dataset: &mut tfmd::DatasetFeatureStatistics,
    given: &[(String, String)],
    values: Option<&Vec<Option<f64>>>,
) -> Result<(), PipelineError> {
    for (place, (name, _)) in given.iter().enumerate() {
        let Some((path, name)) = name.split_once(':') else {
            return Err(configuration(format!(
                "a statistic by SQL is named `column:name`, not `{name}`"
            )));
        };
        if let Some(Some(value)) = values.and_then(|values| values.get(place)) {
            add_number(dataset, &path.parse()?, name, *value);
        }
    }
    Ok(())
}

fn add_number(
    dataset: &mut tfmd::DatasetFeatureStatistics,
    path: &FeaturePath,
    name: &str,
    value: f64,
) {
    let id = FieldId::Path(statistics::path_message(path));
    let known = dataset
        .features
        .iter()
        .position(|f| f.field_id.as_ref() == Some(&id));
    let place = known.unwrap_or_else(|| {
        dataset.features.push(tfmd::FeatureNameStatistics {
            field_id: Some(id),
            ..tfmd::FeatureNameStatistics::default()
        });
        dataset.features.len() - 1
    });
    dataset.features[place].custom_stats.push(CustomStatistic {
        name: name.to_owned(),
        val: Some(Val::Num(value)),
    });
}

/// Numbers that are not exact: of which feature, what, and by how much.
fn bounds_of(statistics: &DatasetStatistics) -> Vec<(FeaturePath, &'static str, f64)> {
    let mut bounds = Vec::new();
    for feature in statistics.features() {
        let mut add = |name, bound: f64| {
            if bound > 0.0 {
                bounds.push((feature.path.clone(), name, bound));
            }
        };
        add(
            "rank",
            feature.numbers.as_ref().map_or(0.0, Numbers::rank_error),
        );
        if let Some(tokens) = &feature.tokens {
            add("distinct", tokens.distinct().1);
            add("count", tokens.top(0, 0.0).error);
            add(
                "weight",
                tokens.weighted_top(0, 0.0).map_or(0.0, |top| top.error),
            );
        }
    }
    bounds
}

fn bounds(statistics: &DatasetStatistics) -> Vec<String> {
    let bounds = bounds_of(statistics).into_iter();
    bounds
        .map(|(path, name, bound)| match name {
            "rank" => format!(
                "{path}: quantiles are within {:.2} % of rank",
                100.0 * bound
            ),
            "distinct" => format!("{path}: distinct values are within {:.1} %", 100.0 * bound),
            "count" => format!("{path}: counts of top values are at most {bound} too low"),
            _ => format!("{path}: weights of top values are at most {bound:.6} too low"),
        })
        .collect()
}
