//! What stands nowhere else: the scans behind a novel stretch, window by window.

use crate::{
    EngineError, Rows,
    window::{Span, event_time},
};
use chrono_tz::Tz;
use datafusion::{
    arrow::{
        array::{Array, AsArray},
        datatypes::TimestampMicrosecondType,
    },
    prelude::ident,
};
use driftline_vocabulary::{BaselineVocabulary, NoveltyScan};
use futures::StreamExt;
use std::sync::Arc;

/// What to scan.
#[derive(Debug, Clone)]
pub struct NoveltyRequest {
    /// The column of text.
    pub text: String,
    /// The time column.
    pub time: String,
    /// The zone of times without one.
    pub time_zone: Tz,
    /// Blocks of equal length that each window is cut into.
    pub blocks: usize,
    /// What is known.
    pub vocabulary: Arc<BaselineVocabulary>,
}

/// A window to scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoveltyWindow {
    /// Its time.
    pub span: Span,
    /// Folds of the training time that it lies in; 0 for live windows.
    pub own: u16,
}

impl Rows {
    /// A scan of each window; windows may overlap. Rows without a time are left out.
    /// A scan takes at most some 20 MiB, and all are held at once.
    ///
    /// # Errors
    /// [`EngineError::UnknownColumn`], [`EngineError::NotATime`], and what the rows'
    /// query fails with.
    pub async fn novelty(
        &self,
        request: &NoveltyRequest,
        windows: &[NoveltyWindow],
    ) -> Result<Vec<NoveltyScan>, EngineError> {
        let mut scans: Vec<NoveltyScan> = windows
            .iter()
            .map(|_| NoveltyScan::new(request.blocks))
            .collect();
        let spans = || windows.iter().map(|window| window.span);
        let (Some(first), Some(last)) = (
            spans().map(|span| span.start_us).min(),
            spans().map(|span| span.end_us).max(),
        ) else {
            return Ok(scans);
        };
        let all = Span {
            start_us: first,
            end_us: last,
        };
        let rows = self.within(&request.time, request.time_zone, all)?;
        let time = event_time(ident(&request.time), &request.time, request.time_zone);
        let columns = vec![
            rows.text_expr(&request.text)?.alias("text"),
            time.alias("time"),
        ];
        let mut stream = rows.ordered_frame(columns)?.execute_stream().await?;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            let texts = batch.column(0).as_string::<i32>();
            let times = batch.column(1).as_primitive::<TimestampMicrosecondType>();
            for (row, text) in texts.iter().enumerate() {
                let (Some(text), true) = (text, times.is_valid(row)) else {
                    continue;
                };
                let at = times.value(row);
                for (window, scan) in windows.iter().zip(&mut scans) {
                    let Span { start_us, end_us } = window.span;
                    if (start_us..end_us).contains(&at) {
                        let block = i128::from(at - start_us) * request.blocks as i128
                            / i128::from(end_us - start_us);
                        scan.update(&request.vocabulary, window.own, text, block as usize);
                    }
                }
            }
        }
        Ok(scans)
    }
}
