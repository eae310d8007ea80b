//! A plan is believed when eight rows score together as each does among its own copies.

use tract_onnx::prelude::{DatumType, Tensor};

use super::{Runtime, has_free_length, tensor, values};
use crate::onnx::{Axis, Element};

/// How far values of a row may differ between batches, relative to 1 plus their size.
/// Rounding may; the graph may not.
const TOLERANCE: f64 = 1e-4;
/// The same, of numbers of 16 bits.
const HALF_TOLERANCE: f64 = 1e-2;
/// Rows that are run together.
const ROWS: usize = 8;

/// What inputs may hold, and which lengths are tried.
#[derive(Debug, Clone)]
pub(crate) struct Ranges {
    /// For each input of the graph its least and greatest integer; fractions are between
    /// −1 and 1.
    pub(crate) integers: Vec<(i64, i64)>,
    /// Lengths of free axes.
    pub(crate) lengths: Vec<usize>,
}

/// How far a row's values differ at most between batches.
pub(super) fn trial(runtime: &Runtime, ranges: &Ranges) -> Result<f64, String> {
    let graph = runtime.graph();
    let lengths: &[usize] = match graph.inputs.iter().any(has_free_length) {
        true => &ranges.lengths,
        false => &ranges.lengths[..1],
    };
    let half = |element: Option<Element>| element == Some(Element::Float16);
    let tolerance = match graph
        .inputs
        .iter()
        .chain(&graph.outputs)
        .any(|t| half(t.element))
    {
        true => HALF_TOLERANCE,
        false => TOLERANCE,
    };
    let mut largest: f64 = 0.0;
    let count = match runtime.axes.free_batch {
        true => ROWS,
        false => ROWS.min(runtime.batch_size),
    };
    for &length in lengths {
        let seen = Seeded {
            runtime,
            ranges,
            length,
        };
        let together = seen.run(&Vec::from_iter(0..count))?;
        for alone in [0, 1.min(count - 1), count - 1] {
            let copies = seen.run(&[alone])?;
            largest = largest.max(difference(&together, alone, &copies, 0));
        }
        if count > 1 {
            let two = seen.run(&[0, 1])?;
            largest = largest.max(difference(&together, 1, &two, 1));
        }
        if largest > tolerance && !graph.shares_scales() {
            return Err(format!(
                "a row's score depends on the other rows of its batch (by {largest:.1e})"
            ));
        }
    }
    Ok(largest)
}

/// A graph with made-up rows of one length.
pub(crate) struct Seeded<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) ranges: &'a Ranges,
    pub(crate) length: usize,
}

impl Seeded<'_> {
    /// Values of each output for some rows; a batch that must be full repeats them.
    fn run(&self, rows: &[usize]) -> Result<Vec<Output>, String> {
        let size = match self.runtime.axes.free_batch {
            true => rows.len(),
            false => self.runtime.batch_size,
        };
        let rows: Vec<usize> = rows.iter().copied().cycle().take(size).collect();
        let outputs = self.runtime.run(self.inputs(&rows)?)?;
        outputs
            .iter()
            .map(|output| {
                Ok(Output {
                    rows: output.shape()[0],
                    values: values(output)?,
                })
            })
            .collect()
    }

    /// The inputs of a batch of these rows.
    pub(crate) fn inputs(&self, rows: &[usize]) -> Result<Vec<Tensor>, String> {
        (0..self.runtime.graph.inputs.len())
            .map(|input| self.input(input, rows))
            .collect()
    }

    fn input(&self, number: usize, rows: &[usize]) -> Result<Tensor, String> {
        let spec = &self.runtime.graph.inputs[number];
        let mut shape = vec![rows.len()];
        for axis in spec.axes.iter().flatten().skip(1) {
            shape.push(match axis {
                Axis::Fixed(length) => *length,
                Axis::Free(_) => self.length,
            });
        }
        let width: usize = shape[1..].iter().product();
        let wanted = spec.datum_type();
        let made: Vec<f64> = rows
            .iter()
            .flat_map(|&row| (0..width).map(move |at| (row, at)))
            .map(|(row, at)| self.value(number, row, at, wanted))
            .collect();
        tensor(&shape, &made, wanted)
    }

    fn value(&self, number: usize, row: usize, at: usize, wanted: DatumType) -> f64 {
        let (least, greatest) = self.ranges.integers[number];
        let seed = (number as u64) << 40 | (row as u64) << 32 | at as u64;
        let random = mixed(seed);
        if wanted.is_float() {
            (random >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
        } else if row == 0 {
            // The greatest goes wrong first.
            greatest as f64
        } else {
            least as f64 + (random % (greatest.abs_diff(least) + 1)) as f64
        }
    }
}

/// Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators": the
/// output function of SplitMix64.
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

struct Output {
    rows: usize,
    values: Vec<f32>,
}

impl Output {
    fn row(&self, row: usize) -> &[f32] {
        let width = self.values.len() / self.rows.max(1);
        &self.values[row * width..(row + 1) * width]
    }
}

fn difference(a: &[Output], row_a: usize, b: &[Output], row_b: usize) -> f64 {
    let pairs = a
        .iter()
        .zip(b)
        .flat_map(|(a, b)| a.row(row_a).iter().zip(b.row(row_b)));
    pairs
        .map(|(a, b)| relative_difference(*a, *b))
        .fold(0.0, f64::max)
}

/// Difference relative to 1 plus the greater size; none between two that are no numbers.
pub(crate) fn relative_difference(a: f32, b: f32) -> f64 {
    if a.is_nan() && b.is_nan() || a.total_cmp(&b).is_eq() {
        return 0.0;
    }
    let difference = f64::from((a - b).abs()) / (1.0 + f64::from(a.abs().max(b.abs())));
    if difference.is_nan() {
        f64::INFINITY
    } else {
        difference
    }
}
