//! Lift: how much likelier a label is beside a value than it is by itself.
//!
//! `lift(x, y) = P(Y = y | X = x) / P(Y = y)`, as TFDV's `LiftStatsGenerator` defines it:
//! 1 where they are independent, 0 where they never meet. A row with several values has
//! each of them once. What TFDV does with weights is done here too: the rate of the label
//! is its weight divided by the number of rows, not by their weight.

use super::{
    FeatureOptions, FeaturePath, FeatureType, Weights,
    nested::{Nested, each_bytes, feature_type, fields, normalised, weight_values},
    tokens::INVALID_VALUE,
};
use crate::{StatisticsError, allocated, table};
use arrow_array::{Array, ArrayRef, RecordBatch, cast::AsArray, types};
use arrow_schema::DataType;
use rustc_hash::FxHashMap;
use std::{collections::BTreeMap, sync::Arc};

/// Which lifts are computed, and which of them are told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LiftOptions {
    /// The label, Y (`y_path`).
    pub label: FeaturePath,
    /// The features beside it, X (`x_paths`); `None` for all columns of categories: strings,
    /// and numbers that a schema calls categories.
    pub features: Option<Vec<FeaturePath>>,
    /// Where a label of numbers is cut into buckets, ascending (`y_boundaries`).
    pub boundaries: Vec<f64>,
    /// Values in no more rows, or of no more weight, than this are left out (`min_x_count`).
    pub min_count: u64,
    /// Greatest lifts told for each label; with [`bottom`](Self::bottom) 0 and this 0, all
    /// (`top_k_per_y`).
    pub top: usize,
    /// Least lifts told for each label (`bottom_k_per_y`).
    pub bottom: usize,
    /// Whether lifts are custom statistics of the features as well (`output_custom_stats`).
    pub custom: bool,
}

impl LiftOptions {
    /// The columns that are named: the label's and those of the features.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let features = self.features.iter().flatten();
        let paths = std::iter::once(&self.label).chain(features);
        paths.filter_map(|path| path.steps().first().map(String::as_str))
    }
}

/// A value of a feature, or a label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LiftValue {
    /// A bucket of a label, by its place.
    Bucket(usize),
    /// A whole number.
    Int(i64),
    /// Text.
    Text(Box<str>),
}

/// The lifts of a feature's values for one label.
#[derive(Debug, Clone, PartialEq)]
pub struct LiftSeries {
    /// The label.
    pub label: LiftValue,
    /// Rows that have it, or their weight.
    pub label_count: f64,
    /// The greatest first, equal ones by value.
    pub lifts: Vec<ValueLift>,
}

/// The lift of a value.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueLift {
    /// The value.
    pub value: LiftValue,
    /// Its lift.
    pub lift: f64,
    /// Rows that have the value, or their weight.
    pub count: f64,
    /// Rows that have it and the label, or their weight.
    pub both: f64,
}

/// Counts of labels, values and pairs of them: a mergeable state.
#[derive(Debug, Clone)]
pub struct Lift {
    options: Arc<LiftOptions>,
    rows: u64,
    counts: Counts,
    /// By weight, where there are weights.
    weights: Option<Counts>,
}

#[derive(Debug, Clone, Default)]
struct Counts {
    labels: FxHashMap<LiftValue, f64>,
    features: BTreeMap<FeaturePath, FeatureCounts>,
}

#[derive(Debug, Clone, Default)]
struct FeatureCounts {
    values: FxHashMap<LiftValue, f64>,
    /// Values and labels that are in one row.
    pairs: FxHashMap<(LiftValue, LiftValue), f64>,
}

/// The different values of each row.
type RowValues = Vec<Vec<LiftValue>>;

impl Lift {
    /// No rows.
    pub fn new(options: Arc<LiftOptions>, weights: &Weights) -> Self {
        let weighted = weights.column.is_some() || !weights.per_feature.is_empty();
        Self {
            options,
            rows: 0,
            counts: Counts::default(),
            weights: weighted.then(Counts::default),
        }
    }

    /// Adds the rows of a batch.
    ///
    /// # Errors
    /// [`StatisticsError::Lift`] for a label or a feature that is absent or has no values
    /// that can be counted, [`StatisticsError::Weight`].
    pub fn update(
        &mut self,
        batch: &RecordBatch,
        made: &FeatureOptions,
    ) -> Result<(), StatisticsError> {
        let (options, weights) = (Arc::clone(&self.options), &made.weights);
        self.rows += batch.num_rows() as u64;
        let labels = row_values(batch, &options.label, &options.boundaries)?;
        self.counts.add_labels(&labels, None);
        if let Some(counts) = &mut self.weights {
            counts.add_labels(
                &labels,
                weights_of(batch, weights, &options.label)?.as_deref(),
            );
        }
        let features = match &options.features {
            Some(features) => features.clone(),
            None => categories(batch, made, &options.label),
        };
        for path in features {
            let values = row_values(batch, &path, &[])?;
            self.counts.add_feature(&path, &values, &labels, None);
            if let Some(counts) = &mut self.weights {
                let weights = weights_of(batch, weights, &path)?;
                counts.add_feature(&path, &values, &labels, weights.as_deref());
            }
        }
        Ok(())
    }

    /// Adds the rows of another, made with the same options.
    pub fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        self.counts.merge(other.counts);
        match (&mut self.weights, other.weights) {
            (Some(mine), Some(theirs)) => mine.merge(theirs),
            (mine, theirs) => *mine = theirs.or(mine.take()),
        }
    }

    /// How it was made.
    pub fn options(&self) -> &LiftOptions {
        &self.options
    }

    /// Features and the lifts of their values, by label.
    pub fn series(&self) -> Vec<(&FeaturePath, Vec<LiftSeries>)> {
        self.series_of(&self.counts)
    }

    /// The same by weight; `None` without weights.
    pub fn weighted_series(&self) -> Option<Vec<(&FeaturePath, Vec<LiftSeries>)>> {
        self.weights.as_ref().map(|counts| self.series_of(counts))
    }

    fn series_of<'a>(&self, counts: &'a Counts) -> Vec<(&'a FeaturePath, Vec<LiftSeries>)> {
        let mut labels: Vec<(&LiftValue, f64)> =
            counts.labels.iter().map(|(label, &n)| (label, n)).collect();
        labels.sort_by(|a, b| a.0.cmp(b.0));
        let of_feature = |feature: &FeatureCounts| {
            let of_label = labels.iter().map(|&(label, label_count)| LiftSeries {
                label: label.clone(),
                label_count,
                lifts: self.lifts(feature, label, label_count / self.rows as f64),
            });
            of_label.filter(|series| !series.lifts.is_empty()).collect()
        };
        let features = counts.features.iter();
        features
            .map(|(path, feature)| (path, of_feature(feature)))
            .collect()
    }

    fn lifts(&self, feature: &FeatureCounts, label: &LiftValue, rate: f64) -> Vec<ValueLift> {
        let least = self.options.min_count as f64;
        let values = feature.values.iter();
        let values = values.filter(|(_, count)| self.options.min_count == 0 || **count > least);
        let mut lifts: Vec<ValueLift> = values
            .map(|(value, &count)| {
                let both = feature.pairs.get(&(value.clone(), label.clone()));
                let both = both.copied().unwrap_or(0.0);
                ValueLift {
                    value: value.clone(),
                    lift: (both / count) / rate,
                    count,
                    both,
                }
            })
            .collect();
        let (top, bottom) = (self.options.top, self.options.bottom);
        if top + bottom > 0 && lifts.len() > top + bottom {
            // Which of equal lifts are told depends on their value, from above as from below.
            lifts.sort_by(|a, b| {
                let lift = a.lift.total_cmp(&b.lift);
                lift.then_with(|| a.value.cmp(&b.value))
            });
            lifts.drain(bottom..lifts.len() - top);
        }
        lifts.sort_by(|a, b| {
            let lift = b.lift.total_cmp(&a.lift);
            lift.then_with(|| a.value.cmp(&b.value))
        });
        lifts
    }

    /// Bytes held, for a memory pool.
    pub fn size_bytes(&self) -> usize {
        let weights = self.weights.as_ref().map_or(0, Counts::size_bytes);
        size_of::<Self>() + self.counts.size_bytes() + weights
    }
}

impl Counts {
    fn add_labels(&mut self, labels: &RowValues, weights: Option<&[f64]>) {
        for (row, labels) in labels.iter().enumerate() {
            let weight = weights.map_or(1.0, |weights| weights[row]);
            for label in labels {
                add(&mut self.labels, label, weight);
            }
        }
    }

    fn add_feature(
        &mut self,
        path: &FeaturePath,
        values: &RowValues,
        labels: &RowValues,
        weights: Option<&[f64]>,
    ) {
        if !self.features.contains_key(path) {
            self.features.insert(path.clone(), FeatureCounts::default());
        }
        let feature = self.features.get_mut(path).expect("inserted above");
        for (row, (values, labels)) in values.iter().zip(labels).enumerate() {
            let weight = weights.map_or(1.0, |weights| weights[row]);
            for value in values {
                add(&mut feature.values, value, weight);
                for label in labels {
                    add(&mut feature.pairs, &(value.clone(), label.clone()), weight);
                }
            }
        }
    }

    fn merge(&mut self, other: Self) {
        merge(&mut self.labels, other.labels);
        for (path, theirs) in other.features {
            let mine = self.features.entry(path).or_default();
            merge(&mut mine.values, theirs.values);
            merge(&mut mine.pairs, theirs.pairs);
        }
    }

    fn size_bytes(&self) -> usize {
        let features = self.features.values().map(|feature| {
            table_bytes(&feature.values, LiftValue::text_bytes)
                + table_bytes(&feature.pairs, |(a, b)| a.text_bytes() + b.text_bytes())
        });
        table_bytes(&self.labels, LiftValue::text_bytes) + features.sum::<usize>()
    }
}

fn add<K: Clone + Eq + std::hash::Hash>(counts: &mut FxHashMap<K, f64>, key: &K, weight: f64) {
    match counts.get_mut(key) {
        Some(count) => *count += weight,
        None => {
            counts.insert(key.clone(), weight);
        }
    }
}

fn merge<K: Eq + std::hash::Hash>(mine: &mut FxHashMap<K, f64>, theirs: FxHashMap<K, f64>) {
    // Every key is added to once: their order does not matter.
    theirs
        .into_iter()
        .for_each(|(key, count)| *mine.entry(key).or_default() += count);
}

/// Bytes of a table and of the texts in it.
fn table_bytes<K>(counts: &FxHashMap<K, f64>, text: impl Fn(&K) -> usize) -> usize {
    table(counts.capacity(), size_of::<(K, f64)>()) + counts.keys().map(text).sum::<usize>()
}

impl LiftValue {
    fn text_bytes(&self) -> usize {
        match self {
            Self::Text(text) => allocated(text.len()),
            _ => 0,
        }
    }
}

/// The weight of each row for a feature; `None` where it has none.
fn weights_of(
    batch: &RecordBatch,
    weights: &Weights,
    path: &FeaturePath,
) -> Result<Option<Vec<f64>>, StatisticsError> {
    let column = weights.of(path);
    column
        .map(|column| weight_values(batch, column))
        .transpose()
}

/// Columns of strings, and of numbers that a schema calls categories.
fn categories(batch: &RecordBatch, made: &FeatureOptions, label: &FeaturePath) -> Vec<FeaturePath> {
    let claims = &made.claims;
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    let columns = columns.filter_map(|(field, column)| {
        let path = FeaturePath::column(field.name());
        if !made.looks_at(field.name()) || path == *label {
            return None;
        }
        let array = normalised(&path, column).ok()?;
        let category = match feature_type(Nested::of(&array).values.data_type())? {
            FeatureType::String => {
                !claims.bytes.contains(&path) && !claims.free_string.contains(&path)
            }
            FeatureType::Int => claims.categorical_int.contains(&path),
            FeatureType::Float | FeatureType::Struct => false,
        };
        category.then_some(path)
    });
    columns.collect()
}

/// The different values that each row has under a path, through lists and structs.
fn row_values(
    batch: &RecordBatch,
    path: &FeaturePath,
    boundaries: &[f64],
) -> Result<RowValues, StatisticsError> {
    let wrong = |reason: &str| StatisticsError::Lift {
        feature: path.to_string(),
        reason: reason.to_owned(),
    };
    let (first, rest) = path
        .steps()
        .split_first()
        .ok_or_else(|| wrong("it has no name"))?;
    let column = batch.column_by_name(first);
    let mut array = Arc::clone(column.ok_or_else(|| wrong("there is no such column"))?);
    let mut rows: Vec<usize> = (0..batch.num_rows()).collect();
    let mut found = vec![Vec::new(); batch.num_rows()];
    let mut rest = rest.iter();
    let values = loop {
        let nested = Nested::of(&normalised(path, &array)?);
        if nested.is_unknown() {
            return Ok(found);
        }
        rows = nested.spread(&rows);
        let Some(step) = rest.next() else {
            break nested.values;
        };
        let structs = nested.values.as_struct_opt();
        let mut children = structs.map(fields).into_iter().flatten();
        let child = children.find(|(name, _)| *name == step);
        array = child.ok_or_else(|| wrong("there is no such field"))?.1;
    };
    each_value(&values, boundaries, &mut |place, value| {
        let of_row: &mut Vec<LiftValue> = &mut found[rows[place]];
        if !of_row.contains(&value) {
            of_row.push(value);
        }
    })
    .map_err(wrong)?;
    Ok(found)
}

/// Calls `found` with the place and the value of everything that is not null.
///
/// # Errors
/// Where values are of a kind that cannot be counted one by one.
fn each_value(
    values: &ArrayRef,
    boundaries: &[f64],
    found: &mut dyn FnMut(usize, LiftValue),
) -> Result<(), &'static str> {
    if !boundaries.is_empty() {
        let numbers = match feature_type(values.data_type()) {
            Some(FeatureType::Int | FeatureType::Float) => {
                arrow_cast::cast(values, &DataType::Float64).map_err(|_| "it is no number")?
            }
            _ => return Err("boundaries cut numbers, and it has none"),
        };
        let numbers = numbers.as_primitive::<types::Float64Type>();
        for (place, number) in numbers.iter().enumerate() {
            // NaN is in no bucket.
            if let Some(number) = number.filter(|number| !number.is_nan()) {
                let bucket = boundaries.partition_point(|boundary| *boundary <= number);
                found(place, LiftValue::Bucket(bucket));
            }
        }
        return Ok(());
    }
    let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => LiftValue::Text(text.into()),
        Err(_) => LiftValue::Text(INVALID_VALUE.into()),
    };
    match values.data_type() {
        DataType::Int64 => {
            let numbers = values.as_primitive::<types::Int64Type>().iter().enumerate();
            for (place, number) in numbers {
                if let Some(number) = number {
                    found(place, LiftValue::Int(number));
                }
            }
        }
        DataType::UInt64 => {
            let numbers = values
                .as_primitive::<types::UInt64Type>()
                .iter()
                .enumerate();
            for (place, number) in numbers {
                if let Some(number) = number {
                    found(
                        place,
                        i64::try_from(number).map_or_else(
                            |_| LiftValue::Text(number.to_string().into()),
                            LiftValue::Int,
                        ),
                    );
                }
            }
        }
        DataType::Float64 => return Err("fractions are cut by boundaries, or are no categories"),
        _ if feature_type(values.data_type()) == Some(FeatureType::String) => {
            each_bytes(values, &mut |place, bytes| found(place, text(bytes)));
        }
        _ => return Err("it has fields, not values; name one of them"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Float64Array, Int64Array, ListArray, StringArray};
    use proptest::prelude::*;

    fn options(label: &str, features: &[&str]) -> LiftOptions {
        LiftOptions {
            label: FeaturePath::column(label),
            features: Some(features.iter().map(|f| FeaturePath::column(*f)).collect()),
            ..LiftOptions::default()
        }
    }

    fn lift(options: LiftOptions, weights: &Weights, batches: &[RecordBatch]) -> Lift {
        let mut lift = Lift::new(Arc::new(options), weights);
        let made = FeatureOptions {
            weights: weights.clone(),
            ..FeatureOptions::default()
        };
        for batch in batches {
            lift.update(batch, &made).unwrap();
        }
        lift
    }

    fn text(value: &str) -> LiftValue {
        LiftValue::Text(value.into())
    }

    fn of(series: &[LiftSeries], label: &LiftValue) -> Vec<(String, f64)> {
        let series = series.iter().find(|series| series.label == *label).unwrap();
        let name = |value: &LiftValue| match value {
            LiftValue::Text(text) => text.to_string(),
            other => format!("{other:?}"),
        };
        let lifts = series.lifts.iter();
        lifts.map(|lift| (name(&lift.value), lift.lift)).collect()
    }

    fn animals() -> RecordBatch {
        RecordBatch::try_from_iter([
            (
                "x",
                Arc::new(StringArray::from(vec!["a", "a", "b", "a"])) as ArrayRef,
            ),
            (
                "y",
                Arc::new(StringArray::from(vec!["cat", "dog", "cat", "dog"])),
            ),
            ("n", Arc::new(Float64Array::from(vec![1.1, 2.2, 3.3, 4.4]))),
            ("w", Arc::new(Float64Array::from(vec![0.5, 0.5, 1.0, 2.0]))),
        ])
        .unwrap()
    }

    /// By hand: P(cat) is 2/4, P(cat | b) 1/1, P(cat | a) 1/3.
    #[test]
    fn lifts_are_rates_beside_a_value_over_rates_of_all() {
        let lift = lift(options("y", &["x"]), &Weights::default(), &[animals()]);
        let series = lift.series();
        let (path, series) = &series[0];
        assert_eq!(path.to_string(), "x");
        assert_eq!(
            of(series, &text("cat")),
            [("b".into(), 2.0), ("a".into(), 1.0 / 3.0 / 0.5)]
        );
        assert_eq!(
            of(series, &text("dog")),
            [("a".into(), 2.0 / 3.0 / 0.5), ("b".into(), 0.0)]
        );
        assert_eq!(series[0].label_count.to_bits(), 2.0_f64.to_bits());
        assert!(lift.weighted_series().is_none());
    }

    /// By hand: rows of `a` weigh 3.0, of them 2.5 with a dog; dogs weigh 2.5 in 4 rows.
    #[test]
    fn weighted_lifts_take_the_rate_of_the_label_by_rows() {
        let weights = Weights {
            column: Some("w".into()),
            ..Weights::default()
        };
        let lift = lift(options("y", &["x"]), &weights, &[animals()]);
        let weighted = lift.weighted_series().unwrap();
        let lifts = of(&weighted[0].1, &text("dog"));
        assert_eq!(lifts[0], ("a".into(), (2.5 / 3.0) / (2.5 / 4.0)));
    }

    #[test]
    fn labels_of_numbers_are_cut_into_buckets() {
        let cut = LiftOptions {
            boundaries: vec![2.0, 4.0],
            ..options("n", &["x"])
        };
        let lift = lift(cut, &Weights::default(), &[animals()]);
        let series = lift.series();
        let buckets: Vec<_> = series[0].1.iter().map(|series| &series.label).collect();
        let bucket = LiftValue::Bucket;
        assert_eq!(buckets, [&bucket(0), &bucket(1), &bucket(2)]);
        assert_eq!(
            of(&series[0].1, &bucket(1)),
            [("b".into(), 2.0), ("a".into(), 1.0 / 3.0 / 0.5)]
        );
    }

    #[test]
    fn a_value_counts_once_in_its_row() {
        let lists = vec![
            Some(vec![Some(1), Some(1), Some(2)]),
            None,
            Some(vec![Some(2)]),
        ];
        let x = ListArray::from_iter_primitive::<types::Int64Type, _, _>(lists);
        let batch = RecordBatch::try_from_iter([
            ("x", Arc::new(x) as ArrayRef),
            (
                "y",
                Arc::new(Int64Array::from(vec![Some(7), Some(7), None])),
            ),
        ])
        .unwrap();
        let lift = lift(options("y", &["x"]), &Weights::default(), &[batch]);
        let series = lift.series();
        let found = &series[0].1[0];
        assert_eq!(
            (&found.label, found.label_count as u64),
            (&LiftValue::Int(7), 2)
        );
        let counts: Vec<_> = found
            .lifts
            .iter()
            .map(|lift| (lift.value.clone(), lift.count as u64, lift.both as u64))
            .collect();
        assert_eq!(
            counts,
            [(LiftValue::Int(1), 1, 1), (LiftValue::Int(2), 2, 1)]
        );
    }

    #[test]
    fn few_and_middling_values_can_be_left_out() {
        let batch = RecordBatch::try_from_iter([
            (
                "x",
                Arc::new(StringArray::from(vec!["a", "a", "b", "b", "c", "d", "d"])) as ArrayRef,
            ),
            ("y", Arc::new(Int64Array::from(vec![1, 1, 1, 0, 0, 0, 0]))),
        ])
        .unwrap();
        let some = LiftOptions {
            min_count: 1,
            top: 1,
            bottom: 1,
            ..options("y", &["x"])
        };
        let lift = lift(some, &Weights::default(), &[batch]);
        let names = of(&lift.series()[0].1, &LiftValue::Int(1));
        assert_eq!(
            names.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(),
            ["a", "d"]
        );
    }

    #[test]
    fn what_cannot_be_counted_says_so() {
        let mut none = Lift::new(Arc::new(options("z", &["x"])), &Weights::default());
        let error = none.update(&animals(), &FeatureOptions::default());
        assert_eq!(
            error.unwrap_err().to_string(),
            "lift of `z`: there is no such column"
        );
        let mut fractions = Lift::new(Arc::new(options("n", &["x"])), &Weights::default());
        assert!(
            fractions
                .update(&animals(), &FeatureOptions::default())
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(
            rows in prop::collection::vec((0..4_i64, 0..3_i64, 1..4_u8), 1..60),
            cut in any::<prop::sample::Index>(),
        ) {
            let batch = |rows: &[(i64, i64, u8)]| RecordBatch::try_from_iter([
                ("x", Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.0))) as ArrayRef),
                ("y", Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.1)))),
                ("w", Arc::new(Float64Array::from_iter_values(rows.iter().map(|r| f64::from(r.2))))),
            ])
            .unwrap();
            let weights = Weights { column: Some("w".into()), ..Weights::default() };
            let (head, tail) = rows.split_at(cut.index(rows.len()));
            let mut merged = lift(options("y", &["x"]), &weights, &[batch(head)]);
            merged.merge(lift(options("y", &["x"]), &weights, &[batch(tail)]));
            let whole = lift(options("y", &["x"]), &weights, &[batch(&rows)]);
            prop_assert_eq!(merged.series(), whole.series());
            prop_assert_eq!(merged.weighted_series(), whole.weighted_series());
        }
    }
}
