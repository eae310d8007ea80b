//! Drift of columns together: how badly the baseline's principal components rebuild rows.
//!
//! Each category becomes its share in the baseline (0 where it is not there), nulls become
//! the mean or the most frequent value, every column is standardised, and the fewest
//! components that explain 65 % of the variance are kept. A chunk's value is the mean
//! distance of its rows from their projections (NannyML's documentation, "data
//! reconstruction with PCA").

use super::{Chunks, Cut, Limits};
use crate::preset::{Categories, Column, PresetError, Values};
use nalgebra::{DMatrix, DVector, SymmetricEigen};

/// Share of the variance that components explain.
const EXPLAINED: f64 = 0.65;
/// The name of the measure.
pub const NAME: &str = "reconstruction_error";

/// The error of every chunk.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconstruction {
    /// Errors of the chunks of the baseline.
    pub baseline: Vec<f64>,
    /// Errors of the chunks of the window.
    pub window: Vec<f64>,
    /// Standard error of each of these.
    pub sampling_errors: Vec<f64>,
    /// Three standard deviations about the mean of the baseline's chunks; a lower limit
    /// that is not above 0 is none.
    pub limits: Limits,
    /// Whether each chunk of the window is at or beyond a limit.
    pub alerts: Vec<bool>,
}

/// How one column becomes a number.
struct Encoding {
    filler: f64,
    shares: Option<Categories>,
    mean: f64,
    scale: f64,
}

/// Compares the columns of two sides together, in the same order on both.
///
/// # Errors
/// [`PresetError::Undefined`] where the columns differ, hold texts, no values or infinities.
pub fn compare(
    baseline: &[Column],
    window: &[Column],
    cut: impl Into<Cut>,
) -> Result<Reconstruction, PresetError> {
    let cut = cut.into();
    let undefined = |reason: &str| PresetError::Undefined {
        measure: NAME,
        reason: reason.to_owned(),
    };
    let kinds = |columns: &[Column]| columns.iter().map(Column::kind).collect::<Vec<_>>();
    if baseline.is_empty() || kinds(baseline) != kinds(window) {
        return Err(undefined("both sides need the same columns"));
    }
    let encodings = baseline
        .iter()
        .map(|column| {
            Encoding::of(column).ok_or_else(|| undefined("a column has no values, or is text"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let matrix = encoded(&encodings, baseline);
    let other = encoded(&encodings, window);
    if !matrix.iter().chain(other.iter()).all(|x| x.is_finite()) {
        return Err(undefined("a column holds infinities"));
    }
    let components = components(&matrix);
    let errors = |matrix: &DMatrix<f64>, chunks: &Chunks| -> Vec<(f64, f64)> {
        chunks
            .of(matrix.nrows())
            .into_iter()
            .map(|rows| mean_error(&components, matrix, rows))
            .collect()
    };
    let learnt: Vec<f64> = errors(&matrix, &cut.baseline)
        .into_iter()
        .map(|(mean, _)| mean)
        .collect();
    let (seen, sampling_errors): (Vec<f64>, Vec<f64>) =
        errors(&other, &cut.window).into_iter().unzip();
    let limits = Limits::learnt(&learnt).ok_or_else(|| undefined("the baseline has no rows"))?;
    let limits = Limits {
        lower: limits.lower.filter(|lower| *lower > 0.0),
        ..limits
    };
    Ok(Reconstruction {
        alerts: seen
            .iter()
            .map(|error| {
                limits.lower.is_some_and(|lower| *error <= lower)
                    || limits.upper.is_some_and(|upper| *error >= upper)
            })
            .collect(),
        baseline: learnt,
        window: seen,
        sampling_errors,
        limits,
    })
}

/// How badly the rows of one side are rebuilt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rest {
    /// Mean distance of rows from their projections.
    pub(crate) mean: f64,
    /// For each column, its share of the squared distances.
    pub(crate) shares: Vec<f64>,
}

/// How badly the baseline's components rebuild the baseline and the window; `None` where there are no
/// rows, or infinities.
pub(crate) fn rebuilt(baseline: &[Column], window: &[Column]) -> Option<[Rest; 2]> {
    let [ours, theirs] = standardised(baseline, window)?;
    let components = components(&ours);
    Some([ours, theirs].map(|matrix| {
        let rest = &matrix - (&matrix * &components) * components.transpose();
        let distances = rest.row_iter().map(|row| row.norm()).sum::<f64>();
        let squares: Vec<f64> = rest.column_iter().map(|c| c.norm_squared()).collect();
        let all: f64 = squares.iter().sum();
        Rest {
            mean: distances / matrix.nrows() as f64,
            shares: squares.iter().map(|part| part / all.max(1e-300)).collect(),
        }
    }))
}

/// Both sides as numbers, one row a row, standardised by the baseline; a column without any value in
/// the baseline is 0. `None` where a side has no rows, or there are infinities or texts.
pub(crate) fn standardised(baseline: &[Column], window: &[Column]) -> Option<[DMatrix<f64>; 2]> {
    let is_text = |column: &Column| matches!(column, Column::Texts(_));
    if baseline.iter().chain(window).any(is_text) {
        return None;
    }
    let encoding = |column| Encoding::of(column).unwrap_or_default();
    let encodings: Vec<Encoding> = baseline.iter().map(encoding).collect();
    let sides = [baseline, window].map(|side| encoded(&encodings, side));
    let usable = |side: &DMatrix<f64>| side.nrows() > 0 && side.iter().all(|x| x.is_finite());
    sides.iter().all(usable).then_some(sides)
}

impl Default for Encoding {
    /// Of a column of which nothing is known.
    fn default() -> Self {
        Self {
            filler: 0.0,
            shares: None,
            mean: 0.0,
            scale: 1.0,
        }
    }
}

impl Encoding {
    fn of(column: &Column) -> Option<Self> {
        let (filler, shares) = match column.values() {
            Values::Numbers(numbers) => (numbers.sample.mean(), None),
            Values::Categories(all) => {
                // Of equally frequent values, the least.
                let (most, _) = all
                    .counted()
                    .max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(a.0)))?;
                (share(&all, most), Some(all))
            }
            Values::Texts(_) => return None,
        };
        let mut encoding = Self {
            filler,
            shares,
            mean: 0.0,
            scale: 1.0,
        };
        let values = encoding.raw(column);
        let count = values.len() as f64;
        encoding.mean = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|v| (v - encoding.mean).powi(2));
        let deviation = (squares.sum::<f64>() / count).sqrt();
        // A constant column is centred and not scaled.
        if deviation > 10.0 * f64::EPSILON * encoding.mean.abs() {
            encoding.scale = deviation;
        }
        encoding.mean.is_finite().then_some(encoding)
    }

    fn raw(&self, column: &Column) -> Vec<f64> {
        let filled = |value: Option<f64>| value.unwrap_or(self.filler);
        match (column, &self.shares) {
            (Column::Categories { codes, labels }, Some(shares)) => {
                let by_code: Vec<f64> = labels.iter().map(|label| share(shares, label)).collect();
                codes
                    .iter()
                    .map(|code| filled(code.map(|code| by_code[code as usize])))
                    .collect()
            }
            (Column::Numbers { values, .. }, _) => values
                .iter()
                .map(|value| filled((!value.is_nan()).then_some(*value)))
                .collect(),
            _ => Vec::new(),
        }
    }
}

fn share(all: &Categories, value: &str) -> f64 {
    all.count(value) as f64 / all.size() as f64
}

/// One row a row, one column a column, standardised.
fn encoded(encodings: &[Encoding], columns: &[Column]) -> DMatrix<f64> {
    let rows = columns.first().map_or(0, Column::rows);
    let mut matrix = DMatrix::zeros(rows, columns.len());
    for (place, (encoding, column)) in encodings.iter().zip(columns).enumerate() {
        for (row, value) in encoding.raw(column).into_iter().enumerate().take(rows) {
            matrix[(row, place)] = (value - encoding.mean) / encoding.scale;
        }
    }
    matrix
}

/// The fewest directions of greatest variance that explain enough, one a column.
fn components(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    let eigen = SymmetricEigen::new(matrix.tr_mul(matrix));
    let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let all: f64 = eigen.eigenvalues.iter().map(|value| value.max(0.0)).sum();
    let mut explained = 0.0;
    let mut kept: Vec<DVector<f64>> = Vec::new();
    for place in order {
        kept.push(eigen.eigenvectors.column(place).into_owned());
        explained += eigen.eigenvalues[place].max(0.0) / all;
        // Constant columns alone have no variance to explain.
        if explained > EXPLAINED || explained.is_nan() {
            break;
        }
    }
    DMatrix::from_columns(&kept)
}

/// Mean distance of some rows from their projections, and its standard error.
fn mean_error(
    components: &DMatrix<f64>,
    matrix: &DMatrix<f64>,
    rows: std::ops::Range<usize>,
) -> (f64, f64) {
    let count = rows.len() as f64;
    let part = matrix.rows(rows.start, rows.len());
    let rest = part - (part * components) * components.transpose();
    let distances: Vec<f64> = rest.row_iter().map(|row| row.norm()).collect();
    let mean = distances.iter().sum::<f64>() / count;
    let squares: f64 = distances.iter().map(|d| (d - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0)).sqrt() / count.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: impl Iterator<Item = f64>) -> Column {
        Column::Numbers {
            values: values.collect(),
            whole: false,
            nan: 0,
        }
    }

    fn pseudo(n: u32) -> f64 {
        f64::from(n.wrapping_mul(2_654_435_761) >> 12) / f64::from(1 << 20)
    }

    #[test]
    fn a_broken_relation_is_an_alert_though_each_column_is_as_before() {
        let x = || (0..2_000).map(pseudo);
        let together = [
            numbers(x()),
            numbers(x().map(|v| 2.0 * v)),
            numbers(x().map(|v| 1.0 - v)),
        ];
        let mut apart = together.clone();
        apart[1] = numbers((0..2_000).map(|n| 2.0 * pseudo(n + 977)));
        let broken = compare(&together, &apart, Chunks::default()).unwrap();
        assert!(broken.alerts.iter().all(|alert| *alert), "{broken:?}");
        let same = compare(&together, &together, Chunks::default()).unwrap();
        assert!(same.window.iter().all(|error| *error < 1e-9));
    }

    #[test]
    fn texts_and_other_columns_are_refused() {
        let texts = [Column::Texts(vec![Some("a".into())])];
        assert!(compare(&texts, &texts, Chunks::default()).is_err());
        assert!(compare(&texts, &[numbers(std::iter::once(1.0))], Chunks::default()).is_err());
    }
}
