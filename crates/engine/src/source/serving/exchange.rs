//! A request to a model with its response, and the rows in it.

use super::super::tfrecord::example;
use prost::Message;
use std::collections::BTreeMap;

/// Values and rows of a tensor that are read, at most: a shape may promise any number.
pub(super) const MOST_VALUES: usize = 1 << 24;

/// A value: of a row, or within one.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    /// Bytes that are no UTF-8.
    Bytes(Vec<u8>),
    /// Microseconds since 1970.
    Time(i64),
    List(Vec<Cell>),
}

impl Cell {
    /// Text where the bytes are UTF-8.
    pub(super) fn of_bytes(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Bytes(error.into_bytes()),
        }
    }
}

/// Whose a column is. The order is that of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    /// What the log says of the request.
    Log,
    Input,
    Output,
}

/// A row, by whose its cells are and what they are called.
pub(super) type Row = BTreeMap<(Part, String), Cell>;

/// Named tensors.
pub(super) type Tensors = Vec<(String, Tensor)>;

/// A tensor, cut along its first dimension.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tensor {
    /// One value without a dimension.
    Scalar(Cell),
    /// A cell for each step of the first dimension.
    Rows(Vec<Cell>),
}

impl Tensor {
    /// A tensor of these values, which lie as in C: the last dimension is the densest.
    ///
    /// # Errors
    /// Where the shape is of another number of values, or of too many rows.
    pub(super) fn new(shape: &[usize], values: Vec<Cell>) -> Result<Self, String> {
        let of_shape = shape
            .iter()
            .try_fold(1_usize, |all, size| all.checked_mul(*size));
        if of_shape != Some(values.len()) {
            return Err(format!(
                "holds {} values, which its shape {shape:?} does not",
                values.len()
            ));
        }
        if shape.first().is_some_and(|rows| *rows > MOST_VALUES) {
            return Err(format!("has more than {MOST_VALUES} rows"));
        }
        let mut cells = values;
        // From the innermost dimension out; the first stays.
        for size in shape.iter().skip(1).rev() {
            if *size == 0 {
                let rows = shape.first().copied().unwrap_or_default();
                return Ok(Self::Rows(vec![Cell::List(Vec::new()); rows]));
            }
            let mut values = cells.into_iter();
            cells = Vec::new();
            loop {
                let list: Vec<Cell> = values.by_ref().take(*size).collect();
                if list.is_empty() {
                    break;
                }
                cells.push(Cell::List(list));
            }
        }
        Ok(match shape {
            [] => cells.pop().map_or(Self::Rows(Vec::new()), Self::Scalar),
            _ => Self::Rows(cells),
        })
    }
}

/// A request and its response.
#[derive(Debug, Clone, Default)]
pub(super) struct Exchange {
    pub(super) id: Option<String>,
    /// When it was, in microseconds since 1970.
    pub(super) time_us: Option<i64>,
    pub(super) model_name: Option<String>,
    pub(super) model_version: Option<String>,
    /// `None` where the request was not logged.
    pub(super) inputs: Option<Tensors>,
    /// `None` where the response was not logged.
    pub(super) outputs: Option<Tensors>,
}

impl Exchange {
    /// The rows: as many as the first dimension of the inputs, or of the outputs where there are
    /// none. A tensor of one row, or without a dimension, is every row's; of a request of one row
    /// an output of more is a list.
    ///
    /// # Errors
    /// What does not fit together.
    pub(super) fn rows(self) -> Result<Vec<Row>, String> {
        let inputs = self.inputs.filter(|tensors| !tensors.is_empty());
        let outputs = self.outputs.unwrap_or_default();
        let count = match &inputs {
            Some(tensors) => row_count(tensors),
            None => row_count(&outputs),
        };
        let mut rows = vec![Row::new(); count];
        let said = [
            ("request_id", self.id.map(Cell::Text)),
            ("request_time", self.time_us.map(Cell::Time)),
            ("model_name", self.model_name.map(Cell::Text)),
            ("model_version", self.model_version.map(Cell::Text)),
        ];
        for (name, cell) in said {
            if let Some(cell) = cell {
                fill(&mut rows, Part::Log, name, vec![cell]);
            }
        }
        let parts = [
            (Part::Input, inputs.unwrap_or_default()),
            (Part::Output, outputs),
        ];
        for (part, tensors) in parts {
            for (name, tensor) in tensors {
                let cells = match tensor {
                    Tensor::Scalar(cell) => vec![cell],
                    Tensor::Rows(cells) if cells.len() == count || cells.len() == 1 => cells,
                    Tensor::Rows(cells) if count == 1 => vec![Cell::List(cells)],
                    Tensor::Rows(cells) => {
                        return Err(format!(
                            "`{name}` has {} rows, where the request has {count}",
                            cells.len()
                        ));
                    }
                };
                fill(&mut rows, part, &name, cells);
            }
        }
        // An error without an id says nothing of any column.
        rows.retain(|row| !row.is_empty());
        Ok(rows)
    }
}

/// Gives each row its cell, or all of them the only one.
fn fill(rows: &mut [Row], part: Part, name: &str, cells: Vec<Cell>) {
    let key = (part, name.to_owned());
    if let [cell] = cells.as_slice() {
        for row in rows {
            row.insert(key.clone(), cell.clone());
        }
        return;
    }
    for (row, cell) in rows.iter_mut().zip(cells) {
        row.insert(key.clone(), cell);
    }
}

/// The rows of tensors that have as many each, those of one row aside; one, where they have not.
fn row_count(tensors: &[(String, Tensor)]) -> usize {
    let mut count = None;
    for (_, tensor) in tensors {
        let Tensor::Rows(cells) = tensor else {
            continue;
        };
        match (cells.len(), count) {
            (1, _) => {}
            (rows, None) => count = Some(rows),
            (rows, Some(known)) if rows == known => {}
            _ => return 1,
        }
    }
    count.unwrap_or(1)
}

/// The features of serialised `tf.Example`s, a row each; `None` where the bytes are none.
pub(super) fn examples(serialised: &[Vec<u8>]) -> Option<Tensors> {
    let decoded = serialised.iter().map(|bytes| {
        let record = example::Record::decode(bytes.as_slice()).ok()?;
        let features = record.features.as_ref()?;
        // Text may decode by chance, but not to a feature with values.
        let is_one =
            record.feature_lists.is_none() && features.feature.values().any(|f| f.values.is_some());
        is_one.then_some(record)
    });
    let records: Vec<example::Record> = decoded.collect::<Option<_>>()?;
    (!records.is_empty()).then(|| features(&records))
}

/// The features of examples, a row each.
pub(super) fn features(records: &[example::Record]) -> Tensors {
    let mut tensors: BTreeMap<&str, Vec<Cell>> = BTreeMap::new();
    for (row, record) in records.iter().enumerate() {
        let features = record.features.iter().flat_map(|all| &all.feature);
        for (name, feature) in features {
            let cells = tensors.entry(name).or_default();
            cells.resize(row, Cell::Null);
            cells.push(cell_of(feature));
        }
    }
    let tensors = tensors.into_iter().map(|(name, mut cells)| {
        cells.resize(records.len(), Cell::Null);
        (name.to_owned(), Tensor::Rows(cells))
    });
    tensors.collect()
}

/// A feature with one value is that value.
fn cell_of(feature: &example::Feature) -> Cell {
    use example::Values;
    let cells: Vec<Cell> = match &feature.values {
        None => return Cell::Null,
        Some(Values::Int64(list)) => list.value.iter().copied().map(Cell::Integer).collect(),
        Some(Values::Float(list)) => {
            let values = list.value.iter();
            values.map(|value| Cell::Float(f64::from(*value))).collect()
        }
        Some(Values::Bytes(list)) => list.value.iter().cloned().map(Cell::of_bytes).collect(),
    };
    match <[Cell; 1]>::try_from(cells) {
        Ok([cell]) => cell,
        Err(cells) => Cell::List(cells),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integers(values: impl IntoIterator<Item = i64>) -> Vec<Cell> {
        values.into_iter().map(Cell::Integer).collect()
    }

    fn tensor(shape: &[usize]) -> Tensor {
        let size = shape.iter().product::<usize>() as i64;
        Tensor::new(shape, integers(0..size)).unwrap()
    }

    #[test]
    fn a_tensor_is_cut_along_its_first_dimension() {
        assert_eq!(tensor(&[]), Tensor::Scalar(Cell::Integer(0)));
        assert_eq!(tensor(&[3]), Tensor::Rows(integers(0..3)));
        let list = |values| Cell::List(integers(values));
        assert_eq!(tensor(&[2, 2]), Tensor::Rows(vec![list(0..2), list(2..4)]));
        assert_eq!(
            tensor(&[1, 2, 1]),
            Tensor::Rows(vec![Cell::List(vec![list(0..1), list(1..2)])])
        );
        assert_eq!(tensor(&[0, 4]), Tensor::Rows(Vec::new()));
        assert_eq!(
            tensor(&[2, 0]),
            Tensor::Rows(vec![Cell::List(Vec::new()); 2])
        );
        let wrong = Tensor::new(&[2, 3], integers(0..5)).unwrap_err();
        assert_eq!(wrong, "holds 5 values, which its shape [2, 3] does not");
        assert!(Tensor::new(&[usize::MAX, 2], Vec::new()).is_err());
        assert!(Tensor::new(&[usize::MAX, 0], Vec::new()).is_err());
    }

    fn rows(inputs: &[&[usize]], outputs: &[&[usize]]) -> Result<Vec<String>, String> {
        let named = |shapes: &[&[usize]], letter: &str| {
            let shapes = shapes.iter().enumerate();
            let named = shapes.map(|(place, shape)| (format!("{letter}{place}"), tensor(shape)));
            Some(named.collect::<Tensors>())
        };
        let exchange = Exchange {
            inputs: named(inputs, "x"),
            outputs: named(outputs, "y"),
            ..Exchange::default()
        };
        let rows = exchange.rows()?.into_iter().map(|row| {
            let cells = row.into_iter().map(|((_, name), cell)| match cell {
                Cell::Integer(value) => format!("{name}={value}"),
                Cell::List(cells) => format!("{name}=[{}]", cells.len()),
                other => format!("{name}={other:?}"),
            });
            cells.collect::<Vec<_>>().join(" ")
        });
        Ok(rows.collect())
    }

    #[test]
    fn a_request_has_the_rows_of_its_inputs() {
        let two = rows(&[&[2], &[2, 3], &[], &[1]], &[&[2]]).unwrap();
        assert_eq!(
            two,
            ["x0=0 x1=[3] x2=0 x3=0 y0=0", "x0=1 x1=[3] x2=0 x3=0 y0=1"]
        );
        // What is found in one image is no row of its own.
        assert_eq!(rows(&[&[1, 4]], &[&[7, 2]]).unwrap(), ["x0=[4] y0=[7]"]);
        // Inputs that do not agree are one row of whole tensors.
        assert_eq!(
            rows(&[&[2], &[3]], &[&[1]]).unwrap(),
            ["x0=[2] x1=[3] y0=0"]
        );
        assert_eq!(rows(&[], &[&[2]]).unwrap(), ["y0=0", "y0=1"]);
        assert!(rows(&[&[0]], &[]).unwrap().is_empty());
        let wrong = rows(&[&[2]], &[&[3]]).unwrap_err();
        assert_eq!(wrong, "`y0` has 3 rows, where the request has 2");
    }
}
