//! Columns into the numbers that a graph reads.
//!
//! A row is kept as one number for each feature and its text until it is run: a category
//! that becomes one of a thousand places takes no more memory than its number.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array, StringArray, StructArray};
use arrow_cast::cast;
use arrow_schema::DataType;
use rustc_hash::FxHashMap;
use tract_onnx::prelude::{DatumType, Tensor};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::ScorerError;
use crate::manifest::{Encoding, Feature, InputSource, Manifest};
use crate::onnx::{Axis, Graph};
use crate::runtime::{Ranges, tensor};
use crate::token_statistics;
use crate::tokenizer::Tokenizer;

/// How columns become the inputs of a graph.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The columns' names, in the order in which they are given.
    columns: Vec<String>,
    /// Place of the column of texts.
    text: Option<usize>,
    tokenizer: Option<Tokenizer>,
    /// Length that texts are filled up to with zeros, where the graph fixes it.
    padded_to: Option<usize>,
    features: Vec<Encoder>,
    /// For each input of the graph.
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    holds: Holds,
    wanted: DatumType,
    /// Shape of a row's values behind the axis of rows; texts have their length.
    shape: Vec<usize>,
}

#[derive(Debug)]
enum Holds {
    Tokens,
    Mask,
    Types,
    /// Features, by their place.
    Numbers(std::ops::Range<usize>),
}

#[derive(Debug)]
struct Encoder {
    feature: Feature,
    /// Place of its column.
    column: usize,
    /// Place of each known category.
    places: FxHashMap<String, u64>,
}

/// Rows of some columns, encoded.
pub(crate) struct Encoded {
    rows: usize,
    texts: Option<StringArray>,
    /// Row after row, one number a feature; NaN where a place is not known.
    codes: Vec<f64>,
    width: usize,
    /// Whether a row has all that the model needs.
    whole: Vec<bool>,
}

impl Layout {
    /// Fits a manifest to a graph; free axes whose length the manifest knows become fixed.
    pub(crate) fn new(
        manifest: &Manifest,
        graph: &mut Graph,
        tokenizer: Option<Tokenizer>,
    ) -> Result<Self, String> {
        let columns: Vec<String> = manifest.columns().into_iter().map(str::to_owned).collect();
        let place = |name: &str| columns.iter().position(|column| column == name);
        for input in &manifest.inputs {
            if !graph.inputs.iter().any(|spec| spec.name == input.name) {
                let known: Vec<&str> = graph.inputs.iter().map(|s| s.name.as_str()).collect();
                return Err(format!(
                    "it has no input `{}`; its inputs are {}",
                    input.name,
                    known.join(", ")
                ));
            }
        }
        let (mut features, mut slots, mut padded_to) = (Vec::new(), Vec::new(), None);
        for spec in &mut graph.inputs {
            let input = manifest.inputs.iter().find(|input| input.name == spec.name);
            let input = input.ok_or_else(|| {
                format!(
                    "it has an input `{}` that the manifest's `inputs` do not name",
                    spec.name
                )
            })?;
            let wanted = spec.datum_type();
            let Some(axes) = &mut spec.axes else {
                return Err(format!(
                    "the input `{}` has no shape; export it with one",
                    spec.name
                ));
            };
            let holds = match input.from {
                InputSource::Columns => {
                    let from = features.len();
                    for feature in &input.columns {
                        features.push(Encoder::new(feature, place(&feature.column).unwrap_or(0)));
                    }
                    let width: usize = input.columns.iter().map(Feature::width).sum();
                    fit_width(&spec.name, axes, width)?;
                    Holds::Numbers(from..features.len())
                }
                of_text => {
                    match axes.as_slice() {
                        [_, Axis::Fixed(length)] => padded_to = Some(*length),
                        [_, Axis::Free(_)] => {}
                        _ => {
                            return Err(format!(
                                "the input `{}` is {spec}; of texts it must be [rows, length]",
                                spec.name
                            ));
                        }
                    }
                    match of_text {
                        InputSource::Tokenizer => Holds::Tokens,
                        InputSource::AttentionMask => Holds::Mask,
                        _ => Holds::Types,
                    }
                }
            };
            let shape = axes.iter().skip(1).filter_map(|axis| match axis {
                Axis::Fixed(length) => Some(*length),
                Axis::Free(_) => None,
            });
            let shape = shape.collect();
            slots.push(Slot {
                holds,
                wanted,
                shape,
            });
        }
        Ok(Self {
            text: manifest.text_column().and_then(place),
            columns,
            tokenizer,
            padded_to,
            features,
            slots,
        })
    }

    /// What the graph's inputs may hold, for the trial.
    pub(crate) fn ranges(&self, manifest: &Manifest, graph: &Graph) -> Result<Ranges, String> {
        let greatest_token = self.tokenizer.as_ref().map_or(0, Tokenizer::greatest_id);
        let mut integers = Vec::new();
        for (slot, spec) in self.slots.iter().zip(&graph.inputs) {
            let (least, greatest) = match &slot.holds {
                Holds::Tokens => (0, greatest_token),
                Holds::Mask => (1, 1),
                Holds::Types => (0, 0),
                Holds::Numbers(features) => {
                    let own = &self.features[features.clone()];
                    (
                        0,
                        own.iter().map(|e| e.feature.greatest()).min().unwrap_or(1),
                    )
                }
            };
            if let Some(table) = graph.greatest_index(&spec.name)
                && table < greatest
            {
                return Err(format!(
                    "the input `{}` is a place in a table of {} rows, and the bundle makes numbers \
                     up to {greatest} for it: they belong to another model",
                    spec.name,
                    table + 1
                ));
            }
            integers.push((least, greatest));
        }
        let longest = manifest.max_length;
        Ok(Ranges {
            integers,
            lengths: vec![1, 2.min(longest), 5.min(longest)],
        })
    }

    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Reads columns, in the order of [`columns`](Self::columns).
    pub(crate) fn encode(&self, columns: &[ArrayRef]) -> Result<Encoded, ScorerError> {
        if columns.len() != self.columns.len() {
            return Err(ScorerError::Columns {
                wanted: self.columns.clone(),
                given: columns.len(),
            });
        }
        let rows = columns.first().map_or(0, |column| column.len());
        let mut whole = vec![true; rows];
        let texts = match self.text {
            Some(at) => {
                let texts = texts(&columns[at])?;
                for (row, whole) in whole.iter_mut().enumerate() {
                    *whole = texts.is_valid(row);
                }
                Some(texts)
            }
            None => None,
        };
        let width = self.features.len();
        let mut codes = vec![0.0; rows * width];
        for (at, encoder) in self.features.iter().enumerate() {
            let read = encoder.read(&columns[encoder.column], &self.columns[encoder.column])?;
            for row in 0..rows {
                match encoder.code(&read, row) {
                    Some(code) => codes[row * width + at] = code,
                    None => whole[row] = false,
                }
            }
        }
        Ok(Encoded {
            rows,
            texts,
            codes,
            width,
            whole,
        })
    }

    /// Token numbers of a row's text; nothing for a model that reads none.
    pub(crate) fn tokens(&self, encoded: &Encoded, row: usize) -> Vec<i64> {
        match (&encoded.texts, &self.tokenizer) {
            (Some(texts), Some(tokenizer)) => {
                let mut tokens = tokenizer.encode(texts.value(row));
                tokens.truncate(self.padded_to.unwrap_or(usize::MAX));
                tokens
            }
            _ => Vec::new(),
        }
    }

    /// How the texts of a column fare in the model's tokens; none of a model that reads none.
    pub(crate) fn token_statistics(&self, column: &ArrayRef) -> Result<StructArray, ScorerError> {
        let texts = texts(column)?;
        let of = |text: &str| self.tokenizer.as_ref()?.statistics(text);
        Ok(token_statistics::column(&texts, of))
    }

    /// Whether a row without tokens cannot be scored.
    pub(crate) fn reads_text(&self) -> bool {
        self.text.is_some()
    }

    /// Length of the batches that a text belongs into.
    pub(crate) fn length(&self, tokens: &[i64]) -> usize {
        self.padded_to.unwrap_or(tokens.len())
    }

    /// The inputs of a batch; each row by its tokens and its number.
    pub(crate) fn tensors(
        &self,
        encoded: &Encoded,
        batch: &[(&[i64], usize)],
        length: usize,
    ) -> Result<Vec<Tensor>, String> {
        let of_text = |wanted, value: &dyn Fn(i64) -> f64| {
            let mut values = Vec::with_capacity(batch.len() * length);
            for (tokens, _) in batch {
                values.extend(tokens.iter().map(|token| value(*token)));
                values.resize(values.len() + length - tokens.len(), 0.0);
            }
            tensor(&[batch.len(), length], &values, wanted)
        };
        self.slots
            .iter()
            .map(|slot| match &slot.holds {
                Holds::Tokens => of_text(slot.wanted, &|token| token as f64),
                Holds::Mask => of_text(slot.wanted, &|_| 1.0),
                Holds::Types => of_text(slot.wanted, &|_| 0.0),
                Holds::Numbers(features) => {
                    let mut values = Vec::new();
                    for (_, row) in batch {
                        self.numbers(encoded, *row, features.clone(), &mut values);
                    }
                    let shape: Vec<usize> = std::iter::once(batch.len())
                        .chain(slot.shape.iter().copied())
                        .collect();
                    tensor(&shape, &values, slot.wanted)
                }
            })
            .collect()
    }

    /// A row's numbers of the first input, which a reconstruction is compared with.
    pub(crate) fn first_input(&self, encoded: &Encoded, row: usize) -> Vec<f64> {
        let mut values = Vec::new();
        if let Some(Slot {
            holds: Holds::Numbers(features),
            ..
        }) = self.slots.first()
        {
            self.numbers(encoded, row, features.clone(), &mut values);
        }
        values
    }

    /// How many those are.
    pub(crate) fn first_width(&self) -> usize {
        self.slots
            .first()
            .map_or(0, |slot| slot.shape.iter().product())
    }

    fn numbers(
        &self,
        encoded: &Encoded,
        row: usize,
        features: std::ops::Range<usize>,
        into: &mut Vec<f64>,
    ) {
        for at in features {
            let (feature, code) = (
                &self.features[at].feature,
                encoded.codes[row * encoded.width + at],
            );
            match (feature.is_category(), feature.encode) {
                (true, Encoding::OneHot) => {
                    let from = into.len();
                    into.resize(from + feature.width(), 0.0);
                    // Without a place, which is NaN here, all stay zero.
                    if code >= 0.0 {
                        into[from + code as usize] = 1.0;
                    }
                }
                _ => into.push(code),
            }
        }
    }
}

impl Encoded {
    /// What tells a row from others; none for a row that has no score.
    pub(crate) fn keys(&self) -> Vec<Option<u128>> {
        (0..self.rows)
            .map(|row| {
                self.whole[row].then(|| {
                    let mut hash = Xxh3::new();
                    if let Some(texts) = &self.texts {
                        hash.update(texts.value(row).as_bytes());
                    }
                    for code in &self.codes[row * self.width..(row + 1) * self.width] {
                        hash.update(&code.to_bits().to_le_bytes());
                    }
                    hash.digest128()
                })
            })
            .collect()
    }
}

enum Read {
    Numbers(Float64Array),
    Values(StringArray),
}

impl Encoder {
    fn new(feature: &Feature, column: usize) -> Self {
        let places = feature.categories.iter().cloned().zip(0..).collect();
        Self {
            feature: feature.clone(),
            column,
            places,
        }
    }

    fn read(&self, column: &ArrayRef, name: &str) -> Result<Read, ScorerError> {
        let unfit = |wanted| ScorerError::ColumnType {
            column: name.to_owned(),
            data_type: column.data_type().clone(),
            wanted,
        };
        if self.feature.is_category() {
            let values = cast(column, &DataType::Utf8).map_err(|_| unfit("categories"))?;
            return Ok(Read::Values(values.as_string::<i32>().clone()));
        }
        let is_number = column.data_type().is_numeric()
            || matches!(column.data_type(), DataType::Boolean | DataType::Null);
        if !is_number {
            return Err(unfit("numbers"));
        }
        let numbers = cast(column, &DataType::Float64).map_err(|_| unfit("numbers"))?;
        Ok(Read::Numbers(numbers.as_primitive::<Float64Type>().clone()))
    }

    fn code(&self, read: &Read, row: usize) -> Option<f64> {
        let feature = &self.feature;
        match read {
            Read::Numbers(numbers) => {
                let number = match numbers.is_valid(row) {
                    true => numbers.value(row),
                    false => feature.missing?,
                };
                Some((number - feature.mean) / feature.deviation)
            }
            Read::Values(values) => {
                let value = values.is_valid(row).then(|| values.value(row));
                let place = value.and_then(|value| match feature.buckets {
                    Some(buckets) => Some(xxh3_64(value.as_bytes()) % buckets),
                    None => self.places.get(value).copied(),
                });
                match (feature.encode, place) {
                    (Encoding::OneHot, None) => Some(f64::NAN),
                    (Encoding::OneHot, Some(place)) => Some(place as f64),
                    (Encoding::Index, Some(place)) => {
                        Some(feature.first_index.saturating_add(place) as f64)
                    }
                    (Encoding::Index, None) => feature.unknown_index.map(|number| number as f64),
                }
            }
        }
    }
}

/// A column of texts.
fn texts(column: &ArrayRef) -> Result<StringArray, ScorerError> {
    let values = match column.data_type() {
        DataType::Dictionary(_, values) => values,
        own => own,
    };
    let is_text = matches!(
        values,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null
    );
    let texts = is_text
        .then(|| cast(column, &DataType::Utf8).ok())
        .flatten();
    let texts = texts.ok_or_else(|| ScorerError::NotText {
        data_type: column.data_type().clone(),
    })?;
    Ok(texts.as_string::<i32>().clone())
}

/// Holds the axes behind the rows to the numbers that a manifest makes of a row.
fn fit_width(name: &str, axes: &mut [Axis], width: usize) -> Result<(), String> {
    if let [_, free @ Axis::Free(_)] = axes {
        *free = Axis::Fixed(width);
    }
    let mut wanted = 1;
    for axis in &axes[1.min(axes.len())..] {
        match axis {
            Axis::Fixed(length) => wanted *= length,
            Axis::Free(_) => {
                return Err(format!(
                    "the input `{name}` has a free axis behind the second; export it with fixed ones"
                ));
            }
        }
    }
    if wanted == width {
        Ok(())
    } else {
        Err(format!(
            "the input `{name}` takes {wanted} numbers of a row, and the manifest's columns make {width}"
        ))
    }
}
