//! What the checks ask of statistics: features by path, weighted or not.
//!
//! Statistics name features in two ways, by a `path` of steps or, in older files, by a
//! `name` in which a struct and its field are joined by a dot. Both become paths here,
//! once, and nothing after this has to know. Whether counts are weighted is decided
//! once, too: when every feature has weighted counts, all that is compared is weighted.

use super::feature_name_statistics::{FieldId, Stats, Type};
use super::path::FeaturePath;
use super::{
    BytesStatistics, CommonStatistics, CustomStatistic, DatasetFeatureStatistics,
    DatasetFeatureStatisticsList, DerivedFeatureSource, FeatureNameStatistics, FeatureType,
    Histogram, HistogramSelection, NumericStatistics, histogram::HistogramType,
    histogram_selection,
};
use crate::SchemaError;
use std::collections::{BTreeMap, HashMap};

/// How many steps a path may have: what a schema of nested structs can be encoded and
/// read again with (protobuf readers stop at 100 messages in one another, two a step).
const DEEPEST: usize = 45;

/// What TFDV calls the slice that holds every example.
pub const DEFAULT_SLICE: &str = "All Examples";

/// The statistics of all examples: the only ones of the list, or those of the slice
/// [`DEFAULT_SLICE`].
///
/// # Errors
/// [`SchemaError::NoDefaultSlice`] where the list is empty, or holds several slices and
/// none is of all examples.
pub fn of_all_examples(
    list: &DatasetFeatureStatisticsList,
) -> Result<&DatasetFeatureStatistics, SchemaError> {
    if let [only] = list.datasets.as_slice() {
        return Ok(only);
    }
    list.datasets
        .iter()
        .find(|dataset| dataset.name == DEFAULT_SLICE)
        .ok_or_else(|| SchemaError::NoDefaultSlice {
            slices: list
                .datasets
                .iter()
                .map(|dataset| dataset.name.clone())
                .collect(),
        })
}

struct Place {
    path: FeaturePath,
    parent: Option<usize>,
    children: Vec<usize>,
}

/// The statistics of one dataset, with the datasets that it is compared with.
pub struct DatasetView<'a> {
    data: &'a DatasetFeatureStatistics,
    /// Parallel to `data.features`; none where a feature says nothing at all.
    places: Vec<Option<Place>>,
    by_path: HashMap<FeaturePath, usize>,
    by_weight: bool,
    environment: Option<&'a str>,
    previous_span: Option<Box<DatasetView<'a>>>,
    previous_version: Option<Box<DatasetView<'a>>>,
    serving: Option<Box<DatasetView<'a>>>,
}

impl<'a> DatasetView<'a> {
    /// A view by count, in no environment, compared with nothing.
    ///
    /// # Errors
    /// [`SchemaError::Statistics`] where features have both names and paths, none of
    /// them, or where two are of the same path.
    pub fn new(data: &'a DatasetFeatureStatistics) -> Result<Self, SchemaError> {
        let with_path = data
            .features
            .iter()
            .filter(|feature| matches!(feature.field_id, Some(FieldId::Path(_))))
            .count();
        let paths = if with_path == 0 {
            paths_of_names(data)
        } else if with_path == data.features.len() {
            paths_of_paths(data)?
        } else {
            return Err(statistics_error(
                data,
                "some features have a name and others a path",
            ));
        };
        let mut by_path = HashMap::with_capacity(paths.len());
        for (index, path) in paths.iter().enumerate() {
            let Some(path) = path else { continue };
            if path.len() > DEEPEST {
                return Err(statistics_error(
                    data,
                    &format!("a feature is nested deeper than {DEEPEST} levels"),
                ));
            }
            if by_path.insert(path.clone(), index).is_some() {
                return Err(statistics_error(
                    data,
                    &format!("feature `{path}` is there twice"),
                ));
            }
        }
        let mut places: Vec<Option<Place>> = paths
            .into_iter()
            .map(|path| {
                path.map(|path| Place {
                    parent: path
                        .parent()
                        .and_then(|parent| by_path.get(&parent).copied()),
                    path,
                    children: Vec::new(),
                })
            })
            .collect();
        // Children come in the order of their paths, as their anomalies do.
        let mut in_order: Vec<usize> = (0..places.len()).collect();
        in_order.sort_by(|&a, &b| path_at(&places, a).cmp(&path_at(&places, b)));
        for index in in_order {
            let parent = places[index].as_ref().and_then(|place| place.parent);
            if let Some(parent) = parent.and_then(|parent| places[parent].as_mut()) {
                parent.children.push(index);
            }
        }
        Ok(Self {
            data,
            places,
            by_path,
            by_weight: false,
            environment: None,
            previous_span: None,
            previous_version: None,
            serving: None,
        })
    }

    /// The same view, weighted or not.
    pub fn by_weight(mut self, by_weight: bool) -> Self {
        self.by_weight = by_weight;
        self
    }

    /// The same view, in an environment.
    pub fn in_environment(mut self, environment: Option<&'a str>) -> Self {
        self.environment = environment;
        self
    }

    /// The same view, compared with the span before (drift).
    pub fn after(mut self, previous_span: Option<DatasetView<'a>>) -> Self {
        self.previous_span = previous_span.map(Box::new);
        self
    }

    /// The same view, compared with an earlier version of the same span.
    pub fn instead_of(mut self, previous_version: Option<DatasetView<'a>>) -> Self {
        self.previous_version = previous_version.map(Box::new);
        self
    }

    /// The same view, compared with what is served (skew).
    pub fn served_by(mut self, serving: Option<DatasetView<'a>>) -> Self {
        self.serving = serving.map(Box::new);
        self
    }

    /// Examples, or their weight; zero also where the statistics do not say.
    pub fn examples(&self) -> f64 {
        if self.by_weight {
            self.data.weighted_num_examples
        } else {
            count(self.data.num_examples)
        }
    }

    /// Whether counts are weighted.
    pub fn is_by_weight(&self) -> bool {
        self.by_weight
    }

    /// The environment asked for.
    pub fn environment(&self) -> Option<&str> {
        self.environment
    }

    /// The span before.
    pub fn previous_span(&self) -> Option<&DatasetView<'a>> {
        self.previous_span.as_deref()
    }

    /// The earlier version of the same span.
    pub fn previous_version(&self) -> Option<&DatasetView<'a>> {
        self.previous_version.as_deref()
    }

    /// What is served.
    pub fn serving(&self) -> Option<&DatasetView<'a>> {
        self.serving.as_deref()
    }

    /// Whether everything that is compared has a weighted twin. Features without common
    /// statistics (sparse and weighted ones) have nothing to weigh and are not asked.
    pub fn has_weights(&self) -> bool {
        self.data.weighted_num_examples != 0.0
            && self.features().all(|feature| {
                feature.data().stats.is_none() || {
                    let common = feature.common();
                    common.weighted_common_stats.is_some()
                        && common.presence_and_valency_stats.len()
                            == common.weighted_presence_and_valency_stats.len()
                }
            })
    }

    /// Every feature that says something, in the order of the file.
    pub fn features(&self) -> impl Iterator<Item = FeatureView<'_>> {
        self.places
            .iter()
            .enumerate()
            .filter(|(_, place)| place.is_some())
            .map(|(index, _)| FeatureView {
                dataset: self,
                index,
            })
    }

    /// The features that are no field of another one.
    pub fn roots(&self) -> impl Iterator<Item = FeatureView<'_>> {
        self.features().filter(|feature| feature.parent().is_none())
    }

    /// The feature of this path.
    pub fn feature(&self, path: &FeaturePath) -> Option<FeatureView<'_>> {
        self.by_path.get(path).map(|&index| FeatureView {
            dataset: self,
            index,
        })
    }

    /// Whether there is a feature of this path.
    pub fn has(&self, path: &FeaturePath) -> bool {
        self.by_path.contains_key(path)
    }
}

fn path_at(places: &[Option<Place>], index: usize) -> Option<&FeaturePath> {
    places[index].as_ref().map(|place| &place.path)
}

fn statistics_error(data: &DatasetFeatureStatistics, reason: &str) -> SchemaError {
    SchemaError::Statistics {
        dataset: data.name.clone(),
        reason: reason.to_owned(),
    }
}

fn paths_of_paths(
    data: &DatasetFeatureStatistics,
) -> Result<Vec<Option<FeaturePath>>, SchemaError> {
    data.features
        .iter()
        .map(|feature| match &feature.field_id {
            Some(FieldId::Path(path)) if !path.step.is_empty() => Ok(Some(path.into())),
            _ => Err(statistics_error(data, "a feature has a path of no step")),
        })
        .collect()
}

fn name_of(feature: &FeatureNameStatistics) -> &str {
    match &feature.field_id {
        Some(FieldId::Name(name)) => name,
        _ => "",
    }
}

/// A name is the field of a struct where the name of the struct and a dot begin it; the
/// longest such struct is the parent. A feature without any statistics says nothing.
fn paths_of_names(data: &DatasetFeatureStatistics) -> Vec<Option<FeaturePath>> {
    let structs: HashMap<&str, usize> = data
        .features
        .iter()
        .enumerate()
        .filter(|(_, feature)| feature.r#type() == Type::Struct && says_something(feature))
        .map(|(index, feature)| (name_of(feature), index))
        .collect();
    data.features
        .iter()
        .map(|feature| says_something(feature).then(|| path_of_name(name_of(feature), &structs)))
        .collect()
}

fn path_of_name(name: &str, structs: &HashMap<&str, usize>) -> FeaturePath {
    let mut steps = Vec::new();
    let mut rest = name;
    'parent: loop {
        for (at, _) in rest.rmatch_indices('.') {
            let (head, tail) = rest.split_at(at);
            if structs.contains_key(head) {
                steps.push(tail.strip_prefix('.').expect("split at a dot").to_owned());
                rest = head;
                continue 'parent;
            }
        }
        steps.push(rest.to_owned());
        break;
    }
    steps.reverse();
    FeaturePath::new(steps)
}

fn says_something(feature: &FeatureNameStatistics) -> bool {
    feature.stats.is_some() || !feature.custom_stats.is_empty()
}

/// A count as a number that can be divided.
#[expect(
    clippy::cast_precision_loss,
    reason = "TFDV compares counts as doubles, too"
)]
fn count(value: u64) -> f64 {
    value as f64
}

/// A length as a number that can be negated.
fn length(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The statistics of one feature.
#[derive(Clone, Copy)]
pub struct FeatureView<'v> {
    dataset: &'v DatasetView<'v>,
    index: usize,
}

static NO_COMMON: CommonStatistics = CommonStatistics {
    num_non_missing: 0,
    num_missing: 0,
    min_num_values: 0,
    max_num_values: 0,
    avg_num_values: 0.0,
    tot_num_values: 0,
    num_values_histogram: None,
    weighted_common_stats: None,
    feature_list_length_histogram: None,
    presence_and_valency_stats: Vec::new(),
    weighted_presence_and_valency_stats: Vec::new(),
};

impl<'v> FeatureView<'v> {
    /// The message.
    pub fn data(&self) -> &'v FeatureNameStatistics {
        &self.dataset.data.features[self.index]
    }

    /// The dataset.
    pub fn dataset(&self) -> &'v DatasetView<'v> {
        self.dataset
    }

    fn place(&self) -> &'v Place {
        self.dataset.places[self.index]
            .as_ref()
            .expect("views are only made of features that have a place")
    }

    /// Where the feature is.
    pub fn path(&self) -> &'v FeaturePath {
        &self.place().path
    }

    /// The struct that it is a field of.
    pub fn parent(&self) -> Option<FeatureView<'v>> {
        self.place().parent.map(|index| FeatureView {
            dataset: self.dataset,
            index,
        })
    }

    /// Its fields.
    pub fn children(&self) -> impl Iterator<Item = FeatureView<'v>> + use<'v> {
        let dataset = self.dataset;
        self.place()
            .children
            .iter()
            .map(move |&index| FeatureView { dataset, index })
    }

    /// The same feature in the span before.
    pub fn in_previous_span(&self) -> Option<FeatureView<'v>> {
        self.dataset.previous_span()?.feature(self.path())
    }

    /// The same feature in what is served.
    pub fn in_serving(&self) -> Option<FeatureView<'v>> {
        self.dataset.serving()?.feature(self.path())
    }

    /// The type that the statistics name; unknown numbers are told by `Err`.
    pub fn kind(&self) -> Result<Type, i32> {
        Type::try_from(self.data().r#type).map_err(|unknown| unknown.0)
    }

    /// The type that a schema names: strings and bytes are one.
    pub fn feature_type(&self) -> FeatureType {
        match self.kind() {
            Ok(Type::Bytes | Type::String) => FeatureType::Bytes,
            Ok(Type::Int) => FeatureType::Int,
            Ok(Type::Float) => FeatureType::Float,
            Ok(Type::Struct) => FeatureType::Struct,
            Err(_) => FeatureType::TypeUnknown,
        }
    }

    /// The common statistics; all zero where a feature has none.
    pub fn common(&self) -> &'v CommonStatistics {
        let common = match &self.data().stats {
            Some(Stats::NumStats(stats)) => stats.common_stats.as_ref(),
            Some(Stats::StringStats(stats)) => stats.common_stats.as_ref(),
            Some(Stats::BytesStats(stats)) => stats.common_stats.as_ref(),
            Some(Stats::StructStats(stats)) => stats.common_stats.as_ref(),
            None => None,
        };
        common.unwrap_or(&NO_COMMON)
    }

    /// The numeric statistics.
    pub fn numeric(&self) -> Option<&'v NumericStatistics> {
        match &self.data().stats {
            Some(Stats::NumStats(stats)) => Some(stats),
            _ => None,
        }
    }

    /// The least and the greatest number; zero where there are no numeric statistics.
    pub fn range(&self) -> (f64, f64) {
        self.numeric()
            .map_or((0.0, 0.0), |numeric| (numeric.min, numeric.max))
    }

    /// The statistics of bytes.
    pub fn bytes(&self) -> Option<&'v BytesStatistics> {
        match &self.data().stats {
            Some(Stats::BytesStats(stats)) => Some(stats),
            _ => None,
        }
    }

    fn strings(&self) -> Option<&'v super::StringStatistics> {
        match &self.data().stats {
            Some(Stats::StringStats(stats)) => Some(stats),
            _ => None,
        }
    }

    /// Examples that have the feature, or their weight.
    pub fn present(&self) -> f64 {
        let common = self.common();
        if self.dataset.by_weight {
            common
                .weighted_common_stats
                .as_ref()
                .map_or(0.0, |weighted| weighted.num_non_missing)
        } else {
            count(common.num_non_missing)
        }
    }

    /// Whether no example has the feature. Where neither presence nor absence was counted,
    /// values that were counted say that it was there.
    pub fn is_absent(&self) -> bool {
        self.present() == 0.0 && !(self.missing() == 0.0 && self.has_values())
    }

    fn has_values(&self) -> bool {
        let of_numbers = self.numeric().is_some_and(|numeric| {
            numeric
                .histograms
                .iter()
                .flat_map(|histogram| &histogram.buckets)
                .any(|bucket| bucket.sample_count > 0.0)
        });
        of_numbers || self.string_counts().values().any(|&count| count > 0.0)
    }

    /// Examples that lack the feature, or their weight.
    pub fn missing(&self) -> f64 {
        let common = self.common();
        if self.dataset.by_weight {
            common
                .weighted_common_stats
                .as_ref()
                .map_or(0.0, |weighted| weighted.num_missing)
        } else {
            count(common.num_missing)
        }
    }

    /// What is missing at each level of nesting, the outermost first.
    pub fn missing_at_each_level(&self) -> Vec<f64> {
        let common = self.common();
        let levels: Vec<f64> = if self.dataset.by_weight {
            common
                .weighted_presence_and_valency_stats
                .iter()
                .map(|level| level.num_missing)
                .collect()
        } else {
            common
                .presence_and_valency_stats
                .iter()
                .map(|level| count(level.num_missing))
                .collect()
        };
        if levels.is_empty() {
            vec![self.missing()]
        } else {
            levels
        }
    }

    /// The shortest and longest list at each level of nesting, the outermost first.
    pub fn lengths_at_each_level(&self) -> Vec<(i64, i64)> {
        let common = self.common();
        if common.presence_and_valency_stats.is_empty() {
            return vec![(length(common.min_num_values), length(common.max_num_values))];
        }
        common
            .presence_and_valency_stats
            .iter()
            .map(|level| (length(level.min_num_values), length(level.max_num_values)))
            .collect()
    }

    /// Whether its values are lists of lists.
    pub fn is_nested(&self) -> bool {
        self.common().presence_and_valency_stats.len() > 1
    }

    /// The share of examples that have the feature; none where there are no examples.
    pub fn fraction_present(&self) -> Option<f64> {
        let examples = self.dataset.examples();
        if examples <= 0.0 {
            return None;
        }
        if self.missing() == 0.0 {
            // Whatever the rounding of the division says.
            return Some(1.0);
        }
        Some(self.present() / examples)
    }

    /// How many values there are in all examples.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the product is of single precision in TFDV, too"
    )]
    pub fn total_values(&self) -> f64 {
        let common = self.common();
        if self.dataset.by_weight {
            return common
                .weighted_common_stats
                .as_ref()
                .map_or(0.0, |weighted| weighted.tot_num_values);
        }
        if common.tot_num_values == 0 {
            // Older statistics lack the total.
            return f64::from(common.num_non_missing as f32 * common.avg_num_values);
        }
        count(common.tot_num_values)
    }

    /// The strings that occur and how often, or with what weight; empty where the
    /// feature has no statistics of strings.
    pub fn string_counts(&self) -> BTreeMap<&'v str, f64> {
        let histogram = self.strings().and_then(|strings| {
            if self.dataset.by_weight {
                strings
                    .weighted_string_stats
                    .as_ref()
                    .and_then(|weighted| weighted.rank_histogram.as_ref())
            } else {
                strings.rank_histogram.as_ref()
            }
        });
        let mut counts = BTreeMap::new();
        for bucket in histogram.iter().flat_map(|histogram| &histogram.buckets) {
            counts
                .entry(bucket.label.as_str())
                .or_insert(bucket.sample_count);
        }
        counts
    }

    /// The histogram of this kind, weighted or not.
    pub fn histogram(&self, selection: HistogramSelection) -> Option<&'v Histogram> {
        let numeric = self.numeric()?;
        let histograms = if self.dataset.by_weight {
            &numeric.weighted_numeric_stats.as_ref()?.histograms
        } else {
            &numeric.histograms
        };
        let wanted = match selection.r#type() {
            histogram_selection::Type::Quantiles => HistogramType::Quantiles,
            _ => HistogramType::Standard,
        };
        histograms
            .iter()
            .find(|histogram| histogram.r#type() == wanted)
    }

    /// Whether there are strings that are not UTF-8.
    pub fn has_invalid_utf8(&self) -> bool {
        self.strings()
            .is_some_and(|strings| strings.invalid_utf8_count > 0)
    }

    /// How many distinct strings (or categories) there are; none where not counted.
    pub fn distinct(&self) -> Option<u64> {
        self.strings().map(|strings| strings.unique)
    }

    /// The custom statistics.
    pub fn custom(&self) -> &'v [CustomStatistic] {
        &self.data().custom_stats
    }

    /// The custom statistic of this name.
    pub fn custom_named(&self, name: &str) -> Option<&'v CustomStatistic> {
        self.custom()
            .iter()
            .find(|statistic| statistic.name == name)
    }

    /// What a derived feature was made from.
    pub fn derived_from(&self) -> Option<&'v DerivedFeatureSource> {
        self.data().validation_derived_source.as_ref()
    }
}
