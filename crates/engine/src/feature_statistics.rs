//! Statistics of features, as TFDV defines them, over rows, slices and samples.
//!
//! Every stream of the plan has accumulators of its own; they are merged in the order
//! of the streams, so that the same rows give the same bytes in every run.

use crate::{
    EngineError, Rows,
    rows::{RowStreams, spawn_all},
};
use datafusion::{
    arrow::{
        array::{AsArray, RecordBatch},
        compute::concat_batches,
        datatypes::DataType,
    },
    execution::{SendableRecordBatchStream, memory_pool::MemoryConsumer},
    logical_expr::{Expr, cast},
    prelude::ident,
};
use driftline_statistics::{
    StatisticsError,
    features::{DatasetStatistics, FeatureOptions, SliceFeatures, slices::take_rows},
};
use futures::StreamExt;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Rows that are cut into slices at once: with few rows a slice, most of the time would
/// go into looking at batches of a row or two.
const SLICED_ROWS: usize = 65_536;
/// Batches between two looks at the memory taken.
const BATCHES_BETWEEN_CHECKS: usize = 16;

/// What statistics to make.
#[derive(Debug, Clone, Default)]
pub struct FeatureRequest {
    /// How.
    pub options: FeatureOptions,
    /// Slices by values of features.
    pub slices: Vec<SliceFeatures>,
    /// Slices by SQL: the key of each and the condition that its rows meet.
    pub conditions: Vec<(String, String)>,
    /// Which rows to look at.
    pub sample: Option<Sample>,
}

/// A part of the rows, chosen by a seed: the same rows every time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sample {
    /// Each row with this chance.
    Share(f64),
    /// This many rows, each as likely as another, or all where there are fewer.
    Rows(u64),
}

/// The statistics of all rows and of the slices.
#[derive(Debug)]
pub struct SlicedStatistics {
    /// Those of all rows looked at.
    pub all: DatasetStatistics,
    /// Those of the slices, by key; empty where none were asked for.
    pub slices: BTreeMap<String, DatasetStatistics>,
}

impl SlicedStatistics {
    fn new(options: &Arc<FeatureOptions>) -> Self {
        Self {
            all: DatasetStatistics::new(Arc::clone(options)),
            slices: BTreeMap::new(),
        }
    }

    fn merge(&mut self, other: Self) -> Result<(), StatisticsError> {
        self.all.merge(other.all)?;
        for (key, theirs) in other.slices {
            match self.slices.get_mut(&key) {
                Some(mine) => mine.merge(theirs)?,
                None => {
                    self.slices.insert(key, theirs);
                }
            }
        }
        Ok(())
    }

    fn size_bytes(&self) -> usize {
        let slices = self.slices.values().map(DatasetStatistics::size_bytes);
        self.all.size_bytes() + slices.sum::<usize>()
    }
}

/// What a stream needs to know.
#[derive(Debug)]
struct Job {
    options: Arc<FeatureOptions>,
    slices: Vec<SliceFeatures>,
    /// Keys of the conditions, whose values are the last columns of a batch.
    conditions: Vec<String>,
    sampler: Option<Sampler>,
    max_slices: usize,
}

impl Rows {
    /// Statistics of features over the rows and each slice, in one pass; two where a
    /// number of rows is to be sampled, which counts them first.
    ///
    /// # Errors
    /// [`EngineError::UnknownColumn`] for a slice or weight, [`EngineError::Sql`] for a
    /// condition, [`EngineError::TooManyGroups`] for too many slices,
    /// [`EngineError::OutOfMemory`], [`EngineError::Statistics`] for features that have
    /// no one form, and what the rows' query fails with.
    pub async fn feature_statistics(
        &self,
        request: &FeatureRequest,
    ) -> Result<SlicedStatistics, EngineError> {
        let options = Arc::new(request.options.clone());
        self.check_columns(options.weights.columns())?;
        for slice in &request.slices {
            self.check_columns(slice.0.keys())?;
        }
        if let Some(columns) = &options.columns {
            self.check_columns(columns)?;
        }
        let sampler = match request.sample {
            None => None,
            Some(Sample::Share(share)) => Some(Sampler::Share(share)),
            Some(Sample::Rows(wanted)) => Some(Sampler::Rows {
                wanted,
                rows: self.count().await?,
            }),
        };
        let job = Arc::new(Job {
            slices: request.slices.clone(),
            conditions: request
                .conditions
                .iter()
                .map(|(key, _)| key.clone())
                .collect(),
            // Which rows are sampled must not depend on how streams share them.
            max_slices: self.max_groups(),
            sampler,
            options: Arc::clone(&options),
        });
        let streams = self
            .streams(sampler.is_none(), |frame| {
                let mut selected: Vec<Expr> = needed(request, frame.schema().fields())
                    .into_iter()
                    .map(ident)
                    .collect();
                for (place, (_, condition)) in request.conditions.iter().enumerate() {
                    let condition = frame.parse_sql_expr(condition)?;
                    let name = format!("driftline_condition_{place}");
                    selected.push(cast(condition, DataType::Boolean).alias(name));
                }
                Ok(frame.select(selected)?)
            })
            .await?;
        let RowStreams { streams, pool } = streams;
        let parts = spawn_all(streams, |place, stream| {
            let job = Arc::clone(&job);
            let consumer = MemoryConsumer::new(format!("feature statistics {place}"));
            let reservation = consumer.register(&pool);
            async move { run(stream, &job, reservation).await }
        })
        .await?;
        let mut whole = SlicedStatistics::new(&options);
        for part in parts {
            whole.merge(part)?;
        }
        if whole.slices.len() > job.max_slices {
            return Err(EngineError::TooManyGroups {
                limit: job.max_slices,
            });
        }
        Ok(whole)
    }
}

/// The columns that a request reads, in the order of the rows.
fn needed<'a>(
    request: &FeatureRequest,
    fields: impl IntoIterator<Item = &'a Arc<datafusion::arrow::datatypes::Field>>,
) -> Vec<String> {
    let options = &request.options;
    let claims = &options.claims;
    let sparse = claims.sparse.iter();
    let parts = sparse
        .flat_map(|feature| feature.indices.iter().chain([&feature.value]))
        .chain(claims.weighted.iter().flat_map(|f| [&f.value, &f.weight]));
    let wanted: BTreeSet<&str> = parts
        .filter_map(|path| path.steps().first().map(String::as_str))
        .chain(options.weights.columns())
        .chain(options.lift.iter().flat_map(|lift| lift.columns()))
        .chain(
            request
                .slices
                .iter()
                .flat_map(|slice| slice.0.keys().map(String::as_str)),
        )
        .collect();
    fields
        .into_iter()
        .map(|field| field.name().clone())
        .filter(|name| options.looks_at(name) || wanted.contains(name.as_str()))
        .collect()
}

async fn run(
    mut stream: SendableRecordBatchStream,
    job: &Job,
    reservation: datafusion::execution::memory_pool::MemoryReservation,
) -> Result<SlicedStatistics, EngineError> {
    let mut statistics = SlicedStatistics::new(&job.options);
    let mut row = 0;
    let mut sampled = 0;
    let mut waiting: Vec<RecordBatch> = Vec::new();
    let mut batches = 0;
    while let Some(batch) = stream.next().await {
        let mut batch = batch?;
        if let Some(sampler) = job.sampler {
            let places = sampler.places(row, batch.num_rows(), &mut sampled);
            row += batch.num_rows() as u64;
            if places.is_empty() {
                continue;
            }
            batch = take_rows(&batch, &places)?;
        }
        let sliced = !job.slices.is_empty() || !job.conditions.is_empty();
        let rows = batch.num_columns() - job.conditions.len();
        statistics.all.update(&project(&batch, rows)?)?;
        if sliced {
            waiting.push(batch);
            if waiting.iter().map(RecordBatch::num_rows).sum::<usize>() >= SLICED_ROWS {
                slice(&mut statistics, &std::mem::take(&mut waiting), job)?;
            }
        }
        batches += 1;
        if batches % BATCHES_BETWEEN_CHECKS == 0 {
            reservation.try_resize(statistics.size_bytes())?;
            // Statistics of a batch take long: others, Ctrl-C among them, come first.
            tokio::task::yield_now().await;
        }
    }
    if !waiting.is_empty() {
        slice(&mut statistics, &waiting, job)?;
    }
    reservation.try_resize(statistics.size_bytes())?;
    Ok(statistics)
}

/// The columns that are no values of conditions.
fn project(batch: &RecordBatch, columns: usize) -> Result<RecordBatch, EngineError> {
    if columns == batch.num_columns() {
        return Ok(batch.clone());
    }
    let columns: Vec<usize> = (0..columns).collect();
    Ok(batch.project(&columns)?)
}

fn slice(
    statistics: &mut SlicedStatistics,
    batches: &[RecordBatch],
    job: &Job,
) -> Result<(), EngineError> {
    let Some(first) = batches.first() else {
        return Ok(());
    };
    let batch = concat_batches(&first.schema(), batches)?;
    let columns = batch.num_columns() - job.conditions.len();
    let rows = project(&batch, columns)?;
    let mut slices = Vec::new();
    for features in &job.slices {
        slices.extend(features.rows(&rows)?);
    }
    for (place, key) in job.conditions.iter().enumerate() {
        let met = batch.column(columns + place).as_boolean();
        let places = met.iter().enumerate().filter(|(_, met)| *met == Some(true));
        let places: Vec<u64> = places.map(|(place, _)| place as u64).collect();
        if !places.is_empty() {
            slices.push((key.clone(), places));
        }
    }
    for (key, places) in slices {
        let part = take_rows(&rows, &places)?;
        let slice = statistics
            .slices
            .entry(key)
            .or_insert_with(|| DatasetStatistics::new(Arc::clone(&job.options)));
        slice.update(&part)?;
    }
    if statistics.slices.len() > job.max_slices {
        return Err(EngineError::TooManyGroups {
            limit: job.max_slices,
        });
    }
    Ok(())
}

/// Chooses rows by their number: the same rows whatever a batch holds.
#[derive(Debug, Clone, Copy)]
enum Sampler {
    Share(f64),
    /// Selection sampling (Knuth, The Art of Computer Programming, volume 2, 3.4.2,
    /// algorithm S): each row with the chance that what is still wanted bears to what
    /// is still to come.
    Rows {
        wanted: u64,
        rows: u64,
    },
}

impl Sampler {
    fn places(self, first: u64, rows: usize, sampled: &mut u64) -> Vec<u64> {
        let mut places = Vec::new();
        for place in 0..rows as u64 {
            let row = first + place;
            let hash = xxhash_rust::xxh3::xxh3_64(&row.to_le_bytes());
            let chance = hash as f64 / u64::MAX as f64;
            let taken = match self {
                Self::Share(share) => chance < share,
                Self::Rows { wanted, rows } => {
                    let left = rows.saturating_sub(row) as f64;
                    chance * left < wanted.saturating_sub(*sampled) as f64
                }
            };
            if taken {
                places.push(place);
                *sampled += 1;
            }
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_rows_are_sampled_as_were_asked_for() {
        for (wanted, rows) in [(0, 100), (10, 100), (100, 100), (200, 100), (777, 10_000)] {
            let mut sampled = 0;
            let mut places = 0;
            for first in (0..rows).step_by(64) {
                let length = usize::try_from(rows - first).unwrap().min(64);
                let sampler = Sampler::Rows { wanted, rows };
                places += sampler.places(first, length, &mut sampled).len() as u64;
            }
            assert_eq!((places, sampled), (wanted.min(rows), wanted.min(rows)));
        }
    }

    #[test]
    fn a_share_takes_about_its_share_of_rows() {
        let taken = Sampler::Share(0.1).places(0, 100_000, &mut 0).len();
        assert!((9_500..10_500).contains(&taken), "{taken}");
    }
}
