//! Rows drawn at random out of stretches of time: what is measured on many columns together takes
//! rows, and as many are enough whatever the size of the data.
//!
//! Every row has a number at random that depends on the seed and on its place alone; a sample is the rows
//! with the least numbers (bottom-k), so one pass draws all samples, and draws them again the same.

use crate::{
    EngineError, Rows,
    window::{Span, event_time},
};
use chrono_tz::Tz;
use datafusion::{
    arrow::{
        array::{Array, AsArray, RecordBatch, UInt32Array},
        compute::{concat_batches, interleave_record_batch, take_record_batch},
        datatypes::TimestampMicrosecondType,
        error::ArrowError,
        ipc::{reader::FileReader, writer::FileWriter},
    },
    prelude::ident,
};
use driftline_statistics::units::mix;
use futures::StreamExt;
use std::{collections::BinaryHeap, io::Cursor};

/// What to draw.
#[derive(Debug, Clone)]
pub struct RowSampleRequest {
    /// The columns to keep.
    pub columns: Vec<String>,
    /// The time column.
    pub time: String,
    /// The zone of times without one.
    pub time_zone: Tz,
    /// What the draw depends on, beside the rows.
    pub seed: u64,
}

/// Rows of one stretch.
#[derive(Debug, Clone)]
pub struct RowSample {
    /// The columns asked for; rows in random order.
    pub rows: RecordBatch,
    /// Their times, in microseconds.
    pub times: Vec<i64>,
    /// Rows of the stretch that they were drawn from.
    pub of: u64,
}

/// A row that was drawn: its number at random, and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Drawn {
    number: u64,
    batch: usize,
    row: usize,
}

/// What was drawn of one stretch so far.
struct Draw {
    span: Span,
    most: usize,
    /// The greatest number on top.
    drawn: BinaryHeap<Drawn>,
    of: u64,
}

impl Draw {
    /// Whether a row with this number belongs to the sample of what was seen so far.
    fn wants(&self, number: u64) -> bool {
        match self.drawn.peek() {
            Some(greatest) if self.drawn.len() >= self.most => number < greatest.number,
            _ => self.most > 0,
        }
    }

    fn add(&mut self, drawn: Drawn) {
        self.drawn.push(drawn);
        if self.drawn.len() > self.most {
            self.drawn.pop();
        }
    }
}

impl Rows {
    /// A sample of at most so many rows of each stretch; stretches may overlap. Rows without a time are
    /// left out.
    ///
    /// # Errors
    /// [`EngineError::UnknownColumn`], [`EngineError::NotATime`], and what the rows'
    /// query fails with.
    pub async fn row_samples(
        &self,
        request: &RowSampleRequest,
        stretches: &[(Span, usize)],
    ) -> Result<Vec<RowSample>, EngineError> {
        self.check_columns(&request.columns)?;
        let spans = || stretches.iter().map(|(span, _)| span);
        let (Some(first), Some(last)) = (
            spans().map(|span| span.start_us).min(),
            spans().map(|span| span.end_us).max(),
        ) else {
            return Ok(Vec::new());
        };
        let all = Span {
            start_us: first,
            end_us: last,
        };
        let rows = self.within(&request.time, request.time_zone, all)?;
        let time = event_time(ident(&request.time), &request.time, request.time_zone);
        let kept = request.columns.iter().enumerate();
        let mut columns: Vec<_> = kept
            .map(|(at, column)| ident(column).alias(format!("column_{at}")))
            .collect();
        columns.push(time.alias("time"));
        let mut stream = rows.ordered_frame(columns)?.execute_stream().await?;
        let schema = stream.schema();
        let mut draws: Vec<Draw> = stretches
            .iter()
            .map(|&(span, most)| Draw {
                span,
                most,
                drawn: BinaryHeap::new(),
                of: 0,
            })
            .collect();
        let mut batches = vec![RecordBatch::new_empty(schema)];
        let mut before = 0;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            let wanted = draw(&mut draws, &batch, (before, request.seed), batches.len());
            before += batch.num_rows() as u64;
            if !wanted.is_empty() {
                batches.push(take_record_batch(&batch, &UInt32Array::from(wanted))?);
            }
        }
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        draws
            .into_iter()
            .map(|draw| {
                let drawn = draw.drawn.into_sorted_vec();
                let places: Vec<(usize, usize)> =
                    drawn.iter().map(|drawn| (drawn.batch, drawn.row)).collect();
                let found = match places.is_empty() {
                    true => batches[0].clone(),
                    false => interleave_record_batch(&batches, &places)?,
                };
                let width = request.columns.len();
                let times = found.column(width);
                let times = times.as_primitive::<TimestampMicrosecondType>();
                Ok(RowSample {
                    times: times.values().to_vec(),
                    rows: found.project(&(0..width).collect::<Vec<_>>())?,
                    of: draw.of,
                })
            })
            .collect()
    }
}

/// Draws from a batch whose first row has the place `before`: the rows that any sample wants,
/// which will be the batch number `at` of those that are kept.
fn draw(
    draws: &mut [Draw],
    batch: &RecordBatch,
    (before, seed): (u64, u64),
    at: usize,
) -> Vec<u32> {
    let times = batch.column(batch.num_columns() - 1);
    let times = times.as_primitive::<TimestampMicrosecondType>();
    let known = || times.iter().flatten();
    let (Some(first), Some(last)) = (known().min(), known().max()) else {
        return Vec::new();
    };
    // Most batches are of a short time, and most stretches are elsewhere.
    let mut near: Vec<&mut Draw> = draws
        .iter_mut()
        .filter(|draw| draw.span.start_us <= last && draw.span.end_us > first)
        .collect();
    let mut wanted = Vec::new();
    for row in (0..batch.num_rows()).filter(|row| times.is_valid(*row)) {
        let time = times.value(row);
        let number = mix(seed ^ mix(before + row as u64));
        let mut is_wanted = false;
        for draw in &mut near {
            if !(draw.span.start_us..draw.span.end_us).contains(&time) {
                continue;
            }
            draw.of += 1;
            if draw.wants(number) {
                draw.add(Drawn {
                    number,
                    batch: at,
                    row: wanted.len(),
                });
                is_wanted = true;
            }
        }
        if is_wanted {
            wanted.push(u32::try_from(row).unwrap_or(u32::MAX));
        }
    }
    wanted
}

impl RowSample {
    /// Some of its rows, by their places.
    ///
    /// # Errors
    /// [`EngineError::Query`] for places that are not there.
    pub fn some_rows(&self, places: &[u32]) -> Result<RecordBatch, EngineError> {
        let places = UInt32Array::from(places.to_vec());
        Ok(take_record_batch(&self.rows, &places)?)
    }
}

/// Rows as the bytes of an Arrow IPC file.
///
/// # Errors
/// [`EngineError::Query`] for what that format has not.
pub fn rows_to_bytes(rows: &RecordBatch) -> Result<Vec<u8>, EngineError> {
    let mut writer = FileWriter::try_new(Vec::new(), &rows.schema())?;
    writer.write(rows)?;
    Ok(writer.into_inner()?)
}

/// The rows that [`rows_to_bytes`] wrote into a file of this name.
///
/// # Errors
/// [`EngineError::Malformed`] for other bytes.
pub fn rows_from_bytes(bytes: &[u8], file: &str) -> Result<RecordBatch, EngineError> {
    let malformed = |error: ArrowError| EngineError::Malformed {
        file: file.to_owned(),
        format: "Arrow IPC".into(),
        reason: error.to_string(),
    };
    let reader = FileReader::try_new(Cursor::new(bytes), None).map_err(malformed)?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(malformed)?;
    concat_batches(&schema, &batches).map_err(malformed)
}
