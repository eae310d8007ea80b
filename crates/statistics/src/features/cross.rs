//! How two columns of numbers go together, row by row.

use super::{FeaturePath, nested};
use arrow_array::{Array, RecordBatch};

/// Covariance and correlation of two columns, over the rows where both have exactly
/// one number.
///
/// Chan, Golub and LeVeque (1983): products of deviations of two parts add up with
/// that of their means. TFDV keeps sums of squares, which lose their digits where the
/// mean is large beside the deviation.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cross {
    /// Rows where both have a number.
    pub count: u64,
    mean_x: f64,
    mean_y: f64,
    squares_x: f64,
    squares_y: f64,
    products: f64,
}

impl Cross {
    /// Adds the rows of a batch: one number, or none, for each row.
    pub fn update(&mut self, x: &[Option<f64>], y: &[Option<f64>]) {
        for (x, y) in x.iter().zip(y) {
            if let (Some(x), Some(y)) = (x, y) {
                self.count += 1;
                let n = self.count as f64;
                let (apart_x, apart_y) = (x - self.mean_x, y - self.mean_y);
                self.mean_x += apart_x / n;
                self.mean_y += apart_y / n;
                self.squares_x += apart_x * (x - self.mean_x);
                self.squares_y += apart_y * (y - self.mean_y);
                self.products += apart_x * (y - self.mean_y);
            }
        }
    }

    /// Adds the rows of another.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        let (mine, theirs) = (self.count as f64, other.count as f64);
        let share = mine * theirs / (mine + theirs);
        let (apart_x, apart_y) = (other.mean_x - self.mean_x, other.mean_y - self.mean_y);
        self.squares_x += other.squares_x + apart_x * apart_x * share;
        self.squares_y += other.squares_y + apart_y * apart_y * share;
        self.products += other.products + apart_x * apart_y * share;
        self.mean_x += apart_x * theirs / (mine + theirs);
        self.mean_y += apart_y * theirs / (mine + theirs);
        self.count += other.count;
    }

    /// Covariance of the population; `None` without rows.
    pub fn covariance(&self) -> Option<f64> {
        (self.count > 0).then(|| self.products / self.count as f64)
    }

    /// Pearson's correlation; `None` where a column does not vary.
    pub fn correlation(&self) -> Option<f64> {
        let scale = self.squares_x.sqrt() * self.squares_y.sqrt();
        (scale > 0.0).then(|| self.products / scale)
    }
}

/// The columns of numbers of a batch that have a row with exactly one value, by name:
/// the number of each row that has exactly one.
pub fn single_numbers(batch: &RecordBatch) -> Vec<(String, Vec<Option<f64>>)> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    let mut found: Vec<(String, Vec<Option<f64>>)> = columns
        .filter_map(|(field, column)| {
            let path = FeaturePath::column(field.name());
            let column = nested::normalised(&path, column).ok()?;
            let rows = nested::Nested::of(&column);
            let values = nested::numbers(&rows.values)?;
            let [level] = rows.levels.as_slice() else {
                return None;
            };
            let mut at = 0;
            let mut single = false;
            let numbers = (0..level.len())
                .map(|row| {
                    let length = level.length(row);
                    let first = at;
                    at += length;
                    single |= length == 1;
                    let value =
                        (length == 1 && values.is_valid(first)).then(|| values.value(first));
                    value.filter(|value| !value.is_nan())
                })
                .collect();
            single.then(|| (field.name().clone(), numbers))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cross(pairs: &[(f64, f64)]) -> Cross {
        let mut cross = Cross::default();
        let (x, y): (Vec<_>, Vec<_>) = pairs.iter().map(|(x, y)| (Some(*x), Some(*y))).unzip();
        cross.update(&x, &y);
        cross
    }

    #[test]
    fn a_line_correlates_fully_and_a_constant_not_at_all() {
        let line = cross(&[(1.0, 3.0), (2.0, 5.0), (4.0, 9.0)]);
        assert!((line.correlation().unwrap() - 1.0).abs() < 1e-12);
        let constant = cross(&[(1.0, 3.0), (2.0, 3.0)]);
        assert_eq!(constant.correlation(), None);
        assert_eq!(constant.covariance(), Some(0.0));
        assert_eq!(Cross::default().covariance(), None);
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(
            pairs in prop::collection::vec((-1e3..1e3_f64, -1e3..1e3_f64), 1..200),
            cut in any::<prop::sample::Index>(),
        ) {
            let (head, tail) = pairs.split_at(cut.index(pairs.len() + 1));
            let mut merged = cross(head);
            merged.merge(&cross(tail));
            let whole = cross(&pairs);
            prop_assert_eq!(merged.count, whole.count);
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + a.abs().max(b.abs()));
            prop_assert!(close(merged.covariance().unwrap(), whole.covariance().unwrap()));
        }
    }
}
