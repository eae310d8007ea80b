//! `data-stats.jsonl`: statistics of real tables beside TFDV's own of the same tables.
//!
//! What TFDV computes exactly must be equal. Its quantiles, medians and histograms come
//! from a sketch, as do its top values of columns with more than 1,024 distinct ones:
//! there ours are held to the rows themselves, within the error that both state.

use crate::{
    cases::{self, SHARED, Tally, text},
    tree::Tree,
};
use arrow_array::{
    Array, ArrayRef, Float64Array, RecordBatch, RecordBatchOptions, StringArray, cast::AsArray,
};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Schema};
use driftline_schema::tfmd::{
    DatasetFeatureStatistics, FeatureNameStatistics, Histogram, Path, StringStatistics,
    feature_name_statistics::{FieldId, Stats},
    from_text, statistics,
};
use driftline_statistics::features::{DatasetStatistics, FeatureOptions, tokens::LARGE_VALUE};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    path::PathBuf,
    sync::Arc,
};

/// TFDV's `epsilon`; both sides keep it.
const EPSILON: f64 = 0.01;

/// The rows of a case, with the types that its pandas frame had.
fn rows(case: &Value) -> Option<RecordBatch> {
    let input = text(case, "input");
    let (file, part) = input.split_once(' ').unwrap_or((input, ""));
    let path = PathBuf::from(SHARED)
        .join("data")
        .join(text(case, "dataset"))
        .join(file);
    let Ok(file) = File::open(&path) else {
        eprintln!("SKIPPED {input}: {} is not there", path.display());
        return None;
    };
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let schema = Arc::clone(builder.schema());
    let batches: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
    let whole = arrow_select::concat::concat_batches(&schema, &batches).unwrap();
    let part = if let Some(range) = part.strip_prefix("rows ") {
        let (from, to) = range.split_once("..").unwrap();
        let from: usize = from.parse().unwrap();
        let to = to.parse().map_or(whole.num_rows(), |last: usize| last + 1);
        whole.slice(from, to - from)
    } else if let Some(month) = part.strip_prefix("where month(date) = ") {
        let dates = whole.column_by_name("date").unwrap();
        let dates = cast(dates, &DataType::Utf8).unwrap();
        let dates = dates.as_string::<i32>();
        let of_month = dates.iter().map(|date| Some(date?.get(5..7)? == month));
        let wanted = arrow_array::BooleanArray::from_iter(of_month);
        arrow_select::filter::filter_record_batch(&whole, &wanted).unwrap()
    } else {
        whole
    };
    let (mut fields, mut columns) = (Vec::new(), Vec::<ArrayRef>::new());
    for (name, column) in part
        .schema()
        .fields()
        .iter()
        .map(|f| f.name())
        .zip(part.columns())
    {
        // A pandas frame has no nulls among whole numbers: it makes doubles of them.
        let data_type = match case["dtypes"][name].as_str() {
            Some("float64") => DataType::Float64,
            Some("object") => DataType::Utf8,
            Some("bool") => DataType::Boolean,
            Some(whole) if whole.contains("int") => DataType::Int64,
            _ => continue,
        };
        fields.push(Field::new(name, data_type.clone(), true));
        let mut column = cast(column, &data_type).unwrap();
        if matches!(
            part.column_by_name(name).unwrap().data_type(),
            DataType::Timestamp(_, _)
        ) {
            column = times(column.as_string());
        }
        columns.push(column);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(part.num_rows()));
    let schema = Arc::new(Schema::new(fields));
    Some(RecordBatch::try_new_with_options(schema, columns, &options).unwrap())
}

/// Times as pandas writes them: with milliseconds everywhere, or nowhere.
fn times(column: &StringArray) -> ArrayRef {
    let fractions = column.iter().flatten().any(|text| text.contains('.'));
    let texts = column.iter().map(|text| {
        let text = text?.replace('T', " ");
        let whole = fractions && !text.contains('.');
        Some(if whole { text + ".000" } else { text })
    });
    Arc::new(StringArray::from_iter(texts))
}

/// Both sides without what a sketch decides.
fn exact_part(feature: &FeatureNameStatistics, sketch: bool) -> Tree {
    let mut left_out = vec!["histograms", "median"];
    if sketch {
        left_out.extend(["unique", "top_values", "rank_histogram"]);
    }
    Tree::of(feature).without(&left_out)
}

/// Shares of the values below and up to a number.
struct Ranks(Vec<f64>);

impl Ranks {
    fn of(column: &ArrayRef) -> Self {
        let numbers = cast(column, &DataType::Float64).unwrap();
        let numbers: &Float64Array = numbers.as_primitive();
        let mut numbers: Vec<f64> = numbers.iter().flatten().filter(|v| !v.is_nan()).collect();
        numbers.sort_by(f64::total_cmp);
        Self(numbers)
    }

    /// How far a share is from those of the values around a number.
    fn distance(&self, number: f64, share: f64) -> f64 {
        let all = self.0.len() as f64;
        let below = self.0.partition_point(|value| *value < number) as f64 / all;
        let up_to = self.0.partition_point(|value| *value <= number) as f64 / all;
        (below - share).max(share - up_to).max(0.0)
    }

    fn between(&self, low: f64, high: f64, first: bool) -> f64 {
        let below = self.0.partition_point(|value| *value < low);
        let low = if first {
            below
        } else {
            self.0.partition_point(|value| *value <= low)
        };
        (self.0.partition_point(|value| *value <= high) - low) as f64 / self.0.len() as f64
    }
}

fn check_numbers(
    name: &str,
    column: &ArrayRef,
    median: f64,
    mine: &[Histogram],
    theirs: &[Histogram],
) -> Vec<String> {
    let ranks = Ranks::of(column);
    let mut wrong = Vec::new();
    if ranks.0.is_empty() {
        return wrong;
    }
    if ranks.distance(median, 0.5) > EPSILON {
        wrong.push(format!("{name}: median {median}"));
    }
    for (mine, theirs) in mine.iter().zip(theirs) {
        if mine.buckets.len() != theirs.buckets.len() || mine.r#type != theirs.r#type {
            wrong.push(format!("{name}: another form of histogram"));
        }
        let parts = mine.buckets.len() as f64;
        for (place, bucket) in mine.buckets.iter().enumerate() {
            if mine.r#type == 1 {
                let share = (place + 1) as f64 / parts;
                let off = ranks.distance(bucket.high_value, share);
                if off > EPSILON {
                    wrong.push(format!("{name}: quantile {share} is off by {off}"));
                }
            } else {
                let share = bucket.sample_count / ranks.0.len() as f64;
                let is = ranks.between(bucket.low_value, bucket.high_value, place == 0);
                if (share - is).abs() > 2.0 * EPSILON {
                    wrong.push(format!("{name}: bin {place} holds {is}, we say {share}"));
                }
            }
        }
        let total: f64 = mine.buckets.iter().map(|bucket| bucket.sample_count).sum();
        if (total - ranks.0.len() as f64).abs() > 1e-6 * total {
            wrong.push(format!("{name}: bins hold {total} of {}", ranks.0.len()));
        }
    }
    wrong
}

/// Where TFDV's counts are those of a sketch, ours must be those of the rows.
fn check_counts(name: &str, column: &ArrayRef, mine: &StringStatistics) -> Vec<String> {
    let values = cast(column, &DataType::Utf8).unwrap();
    let values = values.as_string::<i32>();
    let distinct: BTreeSet<&str> = values.iter().flatten().collect();
    let mut counts = BTreeMap::<&str, u64>::new();
    for value in values.iter().flatten() {
        let value = if value.len() > 1_024 {
            LARGE_VALUE
        } else {
            value
        };
        *counts.entry(value).or_default() += 1;
    }
    let mut expected: Vec<(&str, u64)> = counts.iter().map(|(v, n)| (*v, *n)).collect();
    expected.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| b.0.cmp(a.0)));
    let listed: Vec<(String, u64)> = mine
        .rank_histogram
        .iter()
        .flat_map(|ranks| &ranks.buckets)
        .map(|bucket| (bucket.label.clone(), bucket.sample_count as u64))
        .collect();
    let mut wrong = Vec::new();
    if mine.unique != distinct.len() as u64 {
        wrong.push(format!(
            "{name}: {} distinct, not {}",
            mine.unique,
            distinct.len()
        ));
    }
    let expected: Vec<(String, u64)> = expected
        .into_iter()
        .take(1_000)
        .map(|(value, count)| (value.to_owned(), count))
        .collect();
    if listed != expected {
        wrong.push(format!("{name}: other top values than the rows have"));
    }
    wrong
}

fn check(case: &Value, batch: &RecordBatch) -> Vec<String> {
    let mut statistics = DatasetStatistics::new(Arc::new(FeatureOptions::default()));
    for start in (0..batch.num_rows()).step_by(8_192) {
        let part = batch.slice(start, (batch.num_rows() - start).min(8_192));
        statistics.update(&part).unwrap();
    }
    let mine = statistics::message(&statistics, "").unwrap();
    let expected: DatasetFeatureStatistics =
        from_text("case", text(case, "expected_statistics_pbtxt")).unwrap();
    let mut wrong = Vec::new();
    if mine.num_examples != expected.num_examples {
        wrong.push(format!("{} rows", mine.num_examples));
    }
    let name_of = |feature: &FeatureNameStatistics| match &feature.field_id {
        Some(FieldId::Path(Path { step })) => step.join("."),
        _ => String::new(),
    };
    let names: Vec<String> = mine.features.iter().map(name_of).collect();
    let expected_names: Vec<String> = expected.features.iter().map(name_of).collect();
    if names != expected_names {
        wrong.push(format!("features {names:?}, expected {expected_names:?}"));
        return wrong;
    }
    for (mine, expected) in mine.features.iter().zip(&expected.features) {
        let name = name_of(mine);
        let column = batch.column_by_name(&name).unwrap();
        let sketches = case["sketch_features"].as_array().into_iter().flatten();
        let sketch = sketches.into_iter().any(|path| path[0] == name.as_str());
        let mut differences = Vec::new();
        let at = format!("/{name}");
        exact_part(mine, sketch).differences(&exact_part(expected, sketch), &at, &mut differences);
        wrong.extend(differences);
        match (&mine.stats, &expected.stats) {
            (Some(Stats::NumStats(mine)), Some(Stats::NumStats(expected))) => {
                wrong.extend(check_numbers(
                    &name,
                    column,
                    mine.median,
                    &mine.histograms,
                    &expected.histograms,
                ));
            }
            (Some(Stats::StringStats(mine)), _) if sketch => {
                wrong.extend(check_counts(&name, column, mine));
            }
            _ => {}
        }
    }
    wrong
}

#[test]
fn statistics_of_real_tables_are_tfdvs() {
    let Some(cases) = cases::read("data-stats.jsonl") else {
        return;
    };
    let mut tally = Tally::default();
    for case in &cases {
        if let Some(batch) = rows(case) {
            tally.add(text(case, "id"), check(case, &batch));
        }
    }
    tally.report("data-stats.jsonl");
    assert!(tally.share() >= 0.98, "{}", tally.share());
}
