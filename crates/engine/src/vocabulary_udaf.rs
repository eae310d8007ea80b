//! `vocabulary(text, fold, author, 'window' | 'baseline')`: the n-grams of a column
//! of text as a SQL aggregate, whose value and state are the bytes of [`NgramCounts`].
//!
//! A copy of a text counts once in a table, so tables of parts are those of the
//! whole only if no text is in two parts. Here the rows go through one table per
//! window, in one stream.

use crate::{
    EngineError, Rows,
    rows::collect,
    state::{Groups, Summary, Whole},
    text_udf,
    window::{Span, WINDOW, Windows, event_time, instants, literal_of},
};
use chrono_tz::Tz;
use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, Int64Array, StringArray},
        compute::cast,
        datatypes::{DataType, Field, FieldRef, Int64Type, TimestampMicrosecondType},
    },
    common::{ScalarValue, exec_err, plan_err},
    error::Result,
    logical_expr::{
        Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Expr, GroupsAccumulator,
        ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, bitwise_and,
        cast as cast_expr,
        function::{AccumulatorArgs, StateFieldsArgs},
        utils::{AggregateOrderSensitivity, format_state_name},
    },
    physical_expr::expressions::Literal,
    prelude::{ident, lit},
};
use driftline_statistics::ngrams::{FOLDS, NgramConfig, NgramCounts};
use std::sync::{Arc, LazyLock};
use xxhash_rust::xxh3::xxh3_64;

/// The column of a query that holds the time of a text.
const TIME: &str = "driftline_time";

/// What to count the n-grams of.
#[derive(Debug, Clone)]
pub struct VocabularyRequest {
    /// The column of text.
    pub text: String,
    /// The column that says who wrote a text, if there is one.
    pub author: Option<String>,
    /// Room for the many n-grams of a baseline, in place of those of a window.
    pub baseline: bool,
    /// Over which time.
    pub over: VocabularyTime,
}

/// How rows are told apart by time when their n-grams are counted.
#[derive(Debug, Clone)]
pub enum VocabularyTime {
    /// Not at all: one table, texts dealt out to 16 folds by their hash, as
    /// `seeded_hash(text, 0) & 15` says in SQL.
    Unknown,
    /// One table for a span of time, whose folds are equal parts of it.
    Span {
        /// The time column.
        column: String,
        /// As in [`Windows::time_zone`].
        time_zone: Tz,
        /// The time that the folds divide; rows outside count to the nearest.
        span: Span,
        /// Number of folds, at most 16.
        folds: u8,
    },
    /// A table for every window, whose folds are equal parts of the window.
    Windows {
        /// The windows.
        windows: Windows,
        /// Number of folds, at most 16: 7 for the days of a week.
        folds: u8,
    },
}

impl Rows {
    /// Counts the n-grams of a column of text, in a table for each window or in one.
    /// Rows without a time are left out where times are asked for; windows without
    /// rows are not listed.
    ///
    /// # Errors
    /// As [`profile`](Rows::profile).
    pub async fn vocabulary(
        &self,
        request: &VocabularyRequest,
    ) -> Result<Vec<(Option<Span>, NgramCounts)>, EngineError> {
        let text = self.text_expr(&request.text)?;
        let author = match &request.author {
            Some(author) => self.text_expr(author)?,
            None => lit(ScalarValue::Utf8(None)),
        };
        let texts = vec![text.alias("text"), author.alias("author")];
        let (window, frame, fold) = match &request.over {
            VocabularyTime::Unknown => {
                let hash = text_udf::seeded_hash_udf().call(vec![ident("text"), lit(0_i64)]);
                let fold = bitwise_and(hash, lit(FOLDS as i64 - 1));
                (None, self.ordered_frame(texts)?, fold)
            }
            VocabularyTime::Span {
                column,
                time_zone,
                span,
                folds,
            } => {
                self.check_columns([column])?;
                let time = event_time(ident(column), column, *time_zone);
                let frame = self.ordered_frame([texts, vec![time.alias(TIME)]].concat())?;
                let fold = fold(ident(TIME), lit(span.start_us), lit(span.end_us), *folds);
                (None, frame, fold)
            }
            VocabularyTime::Windows { windows, folds } => {
                self.check_columns([&windows.column])?;
                let column = ident(&windows.column);
                let time = event_time(column, &windows.column, windows.time_zone);
                let selected = [texts, vec![time.alias(TIME)]].concat();
                let frame = windows.select(self.ordered_rows(), selected)?;
                let micros = |time| cast_expr(time, DataType::Int64);
                let (start, end) = (micros(ident(WINDOW)), micros(windows.end_expr()));
                (Some(windows), frame, fold(ident(TIME), start, end, *folds))
            }
        };
        let mut selected = vec![ident("text"), fold.alias("fold"), ident("author")];
        selected.extend(window.map(|_| ident(WINDOW)));
        let frame = frame.select(selected)?;
        let frame = match request.over {
            VocabularyTime::Unknown => frame,
            _ => frame.filter(ident("fold").is_not_null())?,
        };
        let kind = if request.baseline {
            "baseline"
        } else {
            "window"
        };
        let vocabulary = frame.registry().udaf("vocabulary")?;
        let table = vocabulary.call(vec![
            ident("text"),
            ident("fold"),
            ident("author"),
            lit(kind),
        ]);
        let groups: Vec<Expr> = window.iter().map(|_| ident(WINDOW)).collect();
        let frame = frame.aggregate(groups, vec![table.alias("table")])?;
        let batches = collect(frame).await?;
        let mut tables = Vec::new();
        for batch in batches {
            let states = batch.column(batch.num_columns() - 1).as_binary::<i32>();
            for row in 0..batch.num_rows() {
                let span = window.and_then(|windows| {
                    let starts = batch.column(0).as_primitive::<TimestampMicrosecondType>();
                    windows.span_of(starts.value(row))
                });
                tables.push((span, NgramCounts::from_bytes(states.value(row))?));
            }
        }
        tables.sort_by_key(|(span, _)| *span);
        Ok(tables)
    }
}

/// The aggregate, which refuses more than `max_groups` groups.
pub(crate) fn vocabulary_udaf(max_groups: usize) -> AggregateUDF {
    AggregateUDF::new_from_impl(VocabularyFunction {
        signature: Signature::any(4, Volatility::Immutable),
        max_groups,
    })
}

/// The limit of groups of a function `vocabulary`.
#[cfg(feature = "cluster")]
pub(crate) fn max_groups_of(function: &AggregateUDF) -> Option<usize> {
    Some(
        function
            .inner()
            .downcast_ref::<VocabularyFunction>()?
            .max_groups,
    )
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct VocabularyFunction {
    signature: Signature,
    max_groups: usize,
}

impl AggregateUDFImpl for VocabularyFunction {
    fn name(&self) -> &str {
        "vocabulary"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [_, fold, _, _] if fold.is_integer() || fold.is_null() => Ok(DataType::Binary),
            _ => plan_err!(
                "vocabulary takes a text, a fold (0 to 15), an author or NULL, and 'window' or 'baseline'"
            ),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Whole::new(summary(&args)?)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "vocabulary");
        Ok(vec![Arc::new(Field::new(name, DataType::Binary, true))])
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::new(summary(&args)?, self.max_groups)))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

fn summary(args: &AccumulatorArgs) -> Result<VocabularySummary> {
    let kind = args
        .exprs
        .get(3)
        .and_then(|kind| kind.downcast_ref::<Literal>());
    match kind.map(|kind| literal_of(kind.value())) {
        Some(Some("window")) => Ok(VocabularySummary(NgramConfig::window())),
        Some(Some("baseline")) => Ok(VocabularySummary(NgramConfig::baseline())),
        _ => exec_err!("the last argument of vocabulary is 'window' or 'baseline'"),
    }
}

#[derive(Debug, Clone)]
struct VocabularySummary(NgramConfig);

struct TextReader {
    texts: StringArray,
    folds: Int64Array,
    authors: StringArray,
}

impl Summary for VocabularySummary {
    type State = NgramCounts;
    type Reader = TextReader;

    fn empty(&self) -> NgramCounts {
        NgramCounts::new(self.0)
    }

    fn reader(&self, columns: &[ArrayRef]) -> Result<TextReader, EngineError> {
        let text = |index: usize| -> Result<StringArray, EngineError> {
            Ok(cast(&columns[index], &DataType::Utf8)?.as_string().clone())
        };
        Ok(TextReader {
            texts: text(0)?,
            folds: cast(&columns[1], &DataType::Int64)?.as_primitive().clone(),
            authors: text(2)?,
        })
    }

    fn update_all(state: &mut NgramCounts, reader: &TextReader, rows: usize) {
        (0..rows).for_each(|row| reader.count(state, row));
    }

    fn update_rows(state: &mut NgramCounts, reader: &TextReader, rows: &[u32]) {
        rows.iter()
            .for_each(|&row| reader.count(state, row as usize));
    }

    fn merge(state: &mut NgramCounts, other: &NgramCounts) -> Result<(), EngineError> {
        state.merge(other);
        Ok(())
    }

    fn encode(mut state: NgramCounts) -> Vec<u8> {
        state.shrink_to_fit();
        state.to_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<NgramCounts, EngineError> {
        Ok(NgramCounts::from_bytes(bytes)?)
    }

    fn size_bytes(state: &NgramCounts) -> usize {
        state.size_bytes()
    }
}

impl TextReader {
    fn count(&self, state: &mut NgramCounts, row: usize) {
        if self.texts.is_null(row) {
            return;
        }
        let fold = if self.folds.is_valid(row) {
            self.folds.value(row)
        } else {
            0
        };
        let last = FOLDS as i64 - 1;
        let fold = u8::try_from(fold.clamp(0, last)).unwrap_or_default();
        let author = self
            .authors
            .is_valid(row)
            .then(|| xxh3_64(self.authors.value(row).as_bytes()));
        state.update(self.texts.value(row), fold, author);
    }
}

fn fold(time: Expr, start: Expr, end: Expr, folds: u8) -> Expr {
    TIME_FOLD.call(vec![time, start, end, lit(i64::from(folds))])
}

/// `time_fold(time, start, end, folds)`: in which of so many equal parts of
/// `[start, end)`, in microseconds since 1970, a time is; times outside are in the
/// first or last part.
pub(crate) static TIME_FOLD: LazyLock<ScalarUDF> = LazyLock::new(|| {
    ScalarUDF::new_from_impl(TimeFold {
        signature: Signature::any(4, Volatility::Immutable),
    })
});

#[derive(Debug, PartialEq, Eq, Hash)]
struct TimeFold {
    signature: Signature,
}

impl ScalarUDFImpl for TimeFold {
    fn name(&self) -> &str {
        "time_fold"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let column = |index: usize| args.args[index].to_array(args.number_rows);
        let integers =
            |index: usize| Ok::<_, EngineError>(cast(&column(index)?, &DataType::Int64)?);
        let times = instants(&column(0)?, "the first argument of time_fold", Tz::UTC)?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let (starts, ends, folds) = (integers(1)?, integers(2)?, integers(3)?);
        let (starts, ends, folds) = (
            starts.as_primitive::<Int64Type>(),
            ends.as_primitive::<Int64Type>(),
            folds.as_primitive::<Int64Type>(),
        );
        let parts: Int64Array = (0..args.number_rows)
            .map(|row| {
                let known = times.is_valid(row) && starts.is_valid(row) && ends.is_valid(row);
                known.then(|| {
                    let (time, start, end) = (times.value(row), starts.value(row), ends.value(row));
                    part(time, start, end, folds.value(row))
                })
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(parts)))
    }
}

fn part(time: i64, start: i64, end: i64, parts: i64) -> i64 {
    let width = i128::from(end) - i128::from(start);
    let parts = i128::from(parts.clamp(1, FOLDS as i64));
    if width <= 0 {
        return 0;
    }
    let part = (i128::from(time) - i128::from(start)) * parts / width;
    i64::try_from(part.clamp(0, parts - 1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_outside_the_span_are_in_the_nearest_fold() {
        let folds: Vec<i64> = [-5, 0, 9, 10, 69, 70, 1_000]
            .into_iter()
            .map(|time| part(time, 0, 70, 7))
            .collect();
        assert_eq!(folds, [0, 0, 0, 1, 6, 6, 6]);
        assert_eq!(part(5, 10, 10, 7), 0, "a span of nothing");
        assert_eq!(part(i64::MAX, i64::MIN, i64::MAX, 16), 15);
    }
}
