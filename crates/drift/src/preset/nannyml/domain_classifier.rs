//! Drift of columns together: how well a classifier tells a chunk's rows from the baseline's.
//!
//! For each chunk, boosted trees learn which rows are the chunk's and which the baseline's,
//! on four fifths of both, and score the fifth they have not seen; the value is the area under the
//! curve of all these scores (NannyML's documentation, "domain classifier"). Of equal rows only
//! one counts, and it is the chunk's where the chunk has it. A half means that nothing tells the
//! sides apart.
//!
//! NannyML's trees are LightGBM's; ours have the same settings and other arithmetic, and take
//! a category for the number of its rank by frequency, so that values differ by a hundredth or so.

use super::{Cut, Limits};
use crate::{
    boosted::{Boosted, Objective},
    performance::classification::area_under_curve,
    preset::{Column, PresetError},
};
use std::{collections::HashMap, ops::Range};

/// The name of the measure.
pub const NAME: &str = "domain_classifier";
/// Values beyond which a chunk is an alert.
pub const LIMITS: Limits = Limits {
    lower: Some(0.45),
    upper: Some(0.65),
};
/// Parts, of which each is scored by what was learnt on the others.
const FOLDS: usize = 5;

/// The area under the curve of every chunk of the window, from the same columns of both
/// sides in the same order; NaN where a side has too few different rows to be parted.
///
/// # Errors
/// [`PresetError::Undefined`] where the columns differ, or hold texts.
pub fn compare(
    baseline: &[Column],
    window: &[Column],
    cut: impl Into<Cut>,
) -> Result<Vec<f64>, PresetError> {
    let undefined = |reason: &str| PresetError::Undefined {
        measure: NAME,
        reason: reason.to_owned(),
    };
    let kinds = |columns: &[Column]| columns.iter().map(Column::kind).collect::<Vec<_>>();
    if baseline.is_empty() || kinds(baseline) != kinds(window) {
        return Err(undefined("both sides need the same columns"));
    }
    let pairs = baseline.iter().zip(window);
    let features: Vec<[Vec<f64>; 2]> = pairs
        .map(|(ours, theirs)| numbers(ours, theirs))
        .collect::<Option<_>>()
        .ok_or_else(|| undefined("a column is text"))?;
    let cut: Cut = cut.into();
    let rows = window.first().map_or(0, Column::rows);
    let chunks = cut.window.of(rows).into_iter();
    let area = |chunk| {
        let told = Told::new(&features, chunk).different();
        told.apart().map_or(f64::NAN, |apart| apart.area)
    };
    Ok(chunks.map(area).collect())
}

/// How well two sides are told apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Apart {
    /// The area under the curve of what each fifth is scored by the trees of the others.
    pub(crate) area: f64,
    /// For each column, what its splits won in the trees.
    pub(crate) gains: Vec<f64>,
}

/// How well all rows of both sides are told apart, equal ones too; `None` where the columns are not
/// the same numbers and categories, or a side has too few rows to be parted.
pub(crate) fn told_apart(baseline: &[Column], window: &[Column]) -> Option<Apart> {
    let pairs = baseline.iter().zip(window);
    let features: Vec<[Vec<f64>; 2]> = pairs
        .map(|(ours, theirs)| numbers(ours, theirs))
        .collect::<Option<_>>()?;
    let rows = window.first().map_or(0, Column::rows);
    Told::new(&features, 0..rows).apart()
}

/// The values of both sides as numbers; `None` for texts.
fn numbers(ours: &Column, theirs: &Column) -> Option<[Vec<f64>; 2]> {
    match (ours, theirs) {
        (Column::Numbers { values: ours, .. }, Column::Numbers { values: theirs, .. }) => {
            Some([ours.clone(), theirs.clone()])
        }
        (Column::Categories { .. }, Column::Categories { .. }) => {
            let ranks = ranks([ours, theirs]);
            Some([ours, theirs].map(|side| {
                let labels = labels(side);
                let rank = |label: Option<&str>| label.map_or(f64::NAN, |label| ranks[label]);
                labels.map(rank).collect()
            }))
        }
        _ => None,
    }
}

/// The category of each row.
fn labels(column: &Column) -> impl Iterator<Item = Option<&str>> {
    let (codes, labels): (&[Option<u32>], &[String]) = match column {
        Column::Categories { codes, labels } => (codes, labels),
        _ => (&[], &[]),
    };
    let codes = codes.iter();
    codes.map(move |code| code.map(|code| labels[code as usize].as_str()))
}

/// The rank of each category by its frequency on both sides; of equally frequent ones by name.
fn ranks(sides: [&Column; 2]) -> HashMap<&str, f64> {
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for label in sides.into_iter().flat_map(labels).flatten() {
        *counts.entry(label).or_default() += 1;
    }
    let mut order: Vec<(&str, u64)> = counts.into_iter().collect();
    order.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let labels = order.into_iter().map(|(label, _)| label);
    labels.zip((0..).map(f64::from)).collect()
}

/// Rows of both sides, those of the baseline first.
struct Told {
    /// Column by column.
    features: Vec<Vec<f64>>,
    /// Whether each is the chunk's.
    is_chunk: Vec<bool>,
}

impl Told {
    fn new(features: &[[Vec<f64>; 2]], chunk: Range<usize>) -> Self {
        let ours = features.first().map_or(0, |sides| sides[0].len());
        let column = |[ours, theirs]: &[Vec<f64>; 2]| [ours, &theirs[chunk.clone()]].concat();
        Self {
            features: features.iter().map(column).collect(),
            is_chunk: [vec![false; ours], vec![true; chunk.len()]].concat(),
        }
    }

    /// Of equal rows the last one.
    fn different(self) -> Self {
        let mut last: HashMap<Vec<u64>, usize> = HashMap::new();
        for row in 0..self.is_chunk.len() {
            // All that are no value are equal, and so are 0 and -0.
            let bits = |value: f64| match value.is_nan() {
                true => u64::MAX,
                false => (value + 0.0).to_bits(),
            };
            let values = self.features.iter().map(|column| bits(column[row]));
            last.insert(values.collect(), row);
        }
        let mut kept: Vec<usize> = last.into_values().collect();
        kept.sort_unstable();
        let column = |column: &Vec<f64>| kept.iter().map(|row| column[*row]).collect();
        Self {
            features: self.features.iter().map(column).collect(),
            is_chunk: kept.iter().map(|row| self.is_chunk[*row]).collect(),
        }
    }

    /// The part that each row is of: the rows of either side are cut in their order into
    /// parts of equal size, as far as they can be.
    fn folds(&self) -> Option<Vec<usize>> {
        let chunk = self.is_chunk.iter().filter(|is_chunk| **is_chunk).count();
        let sizes = [self.is_chunk.len() - chunk, chunk];
        if sizes.into_iter().any(|size| size < FOLDS) {
            return None;
        }
        let mut seen = [0; 2];
        let fold = |is_chunk: &bool| {
            let side = usize::from(*is_chunk);
            seen[side] += 1;
            (seen[side] - 1) * FOLDS / sizes[side]
        };
        Some(self.is_chunk.iter().map(fold).collect())
    }

    /// Some rows, column by column, and 1 for each that is the chunk's.
    fn rows(&self, rows: &[usize]) -> (Vec<Vec<f64>>, Vec<f64>) {
        let of = |column: &Vec<f64>| rows.iter().map(|row| column[*row]).collect();
        let target = rows
            .iter()
            .map(|row| f64::from(u8::from(self.is_chunk[*row])));
        (self.features.iter().map(of).collect(), target.collect())
    }

    /// How well the sides are told apart; `None` where one has too few rows.
    fn apart(&self) -> Option<Apart> {
        let folds = self.folds()?;
        let mut scores = vec![0.0; folds.len()];
        let mut gains = vec![0.0; self.features.len()];
        for fold in 0..FOLDS {
            let (held, learnt): (Vec<usize>, Vec<usize>) =
                (0..folds.len()).partition(|row| folds[*row] == fold);
            let (columns, target) = self.rows(&learnt);
            let trees = Boosted::fit(&columns, &target, Objective::LogLoss);
            let (columns, _) = self.rows(&held);
            for (row, score) in held.into_iter().zip(trees.predict(&columns)) {
                scores[row] = score;
            }
            for (all, gain) in gains.iter_mut().zip(trees.gains()) {
                *all += gain;
            }
        }
        let area = area_under_curve(&self.is_chunk, &scores)?;
        Some(Apart { area, gains })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::nannyml::Chunks;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn numbers(values: impl Iterator<Item = f64>) -> Column {
        Column::Numbers {
            values: values.collect(),
            whole: false,
            nan: 0,
        }
    }

    fn categories(labels: &[&str], codes: impl Iterator<Item = u32>) -> Column {
        Column::Categories {
            codes: codes.map(Some).collect(),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        }
    }

    #[test]
    fn a_broken_relation_is_told_though_each_column_is_as_before() {
        let x = |seed: u64| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            (0..1_000).map(move |_| random.random::<f64>())
        };
        let ours = [numbers(x(1)), numbers(x(1).map(|v| 2.0 * v))];
        let alike = [numbers(x(2)), numbers(x(2).map(|v| 2.0 * v))];
        let apart = [numbers(x(2)), numbers(x(3).map(|v| 2.0 * v))];
        let cut = || Cut::from(Chunks::Count(2));
        let alike = compare(&ours, &alike, cut()).unwrap();
        assert!(
            alike.iter().all(|area| !LIMITS.are_crossed(*area)),
            "{alike:?}"
        );
        let apart = compare(&ours, &apart, cut()).unwrap();
        assert!(apart.iter().all(|area| *area > 0.8), "{apart:?}");
    }

    #[test]
    fn equal_rows_count_once_and_are_the_chunks() {
        let ours = categories(&["a", "b", "c"], [0, 0, 1, 2].into_iter());
        let theirs = categories(&["b", "d"], [0, 0, 1].into_iter());
        let features = [super::numbers(&ours, &theirs).unwrap()];
        let told = Told::new(&features, 0..3).different();
        assert_eq!(told.is_chunk, [false, false, true, true]);
        let none = compare(&[ours], &[theirs], Chunks::Count(1)).unwrap();
        assert!(none[0].is_nan());
    }

    #[test]
    fn parts_are_of_equal_size() {
        let told = Told {
            features: Vec::new(),
            is_chunk: [vec![false; 12], vec![true; 5]].concat(),
        };
        let folds = told.folds().unwrap();
        let sizes = (0..FOLDS).map(|fold| folds.iter().filter(|of| **of == fold).count());
        assert_eq!(sizes.collect::<Vec<_>>(), [4, 3, 4, 3, 3]);
        assert_eq!(folds[12..], [0, 1, 2, 3, 4]);
    }

    #[test]
    fn texts_are_refused() {
        let texts = [Column::Texts(vec![Some("a".into())])];
        assert!(compare(&texts, &texts, Chunks::default()).is_err());
    }
}
