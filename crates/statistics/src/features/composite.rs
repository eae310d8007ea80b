//! Sparse and weighted features: parts that must be there together and fit in length.
//!
//! Rows where every part is null say nothing. In the others a part that is null is
//! missing, and the lengths of two parts are compared, as TFDV's
//! `CountMissingGenerator` and `LengthDiffGenerator` do.

use super::{FeaturePath, nested};
use crate::StatisticsError;
use arrow_array::RecordBatch;
use std::collections::BTreeMap;

/// How the parts of a feature fit together.
#[derive(Debug, Clone)]
pub struct Composite {
    value: FeaturePath,
    /// Rows where the value is missing and another part is there.
    pub missing_value: u64,
    /// The other parts, in order of their paths.
    pub parts: BTreeMap<FeaturePath, Part>,
}

/// A part that belongs to the value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Rows where it is missing and another part is there.
    pub missing: u64,
    difference: Option<(i64, i64)>,
}

impl Part {
    /// Least of its length less that of the value; 0 where no row tells.
    pub fn min_difference(&self) -> i64 {
        self.difference.map_or(0, |(min, _)| min)
    }

    /// Greatest of its length less that of the value; 0 where no row tells.
    pub fn max_difference(&self) -> i64 {
        self.difference.map_or(0, |(_, max)| max)
    }

    fn see(&mut self, min: i64, max: i64) {
        let (low, high) = self.difference.unwrap_or((min, max));
        self.difference = Some((low.min(min), high.max(max)));
    }
}

/// Presence and lengths of one part in a batch.
struct Lists {
    present: Vec<bool>,
    lengths: Vec<i64>,
}

impl Composite {
    /// A value and the parts that belong to it.
    pub fn new(value: FeaturePath, parts: impl IntoIterator<Item = FeaturePath>) -> Self {
        Self {
            value,
            missing_value: 0,
            parts: parts
                .into_iter()
                .map(|path| (path, Part::default()))
                .collect(),
        }
    }

    /// Adds the rows of a batch.
    ///
    /// # Errors
    /// [`StatisticsError::Parts`] where parts have different numbers of rows, being in
    /// lists of their own.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<(), StatisticsError> {
        let value = lists(batch, &self.value)?;
        let parts = self
            .parts
            .keys()
            .map(|path| lists(batch, path))
            .collect::<Result<Vec<Lists>, _>>()?;
        let rows = value.present.len();
        for (path, part) in self.parts.keys().zip(&parts) {
            if part.present.len() != rows {
                return Err(StatisticsError::Parts {
                    value: self.value.to_string(),
                    part: path.to_string(),
                });
            }
        }
        for row in 0..rows {
            if !value.present[row] && parts.iter().all(|part| !part.present[row]) {
                continue;
            }
            self.missing_value += u64::from(!value.present[row]);
            for (kept, part) in self.parts.values_mut().zip(&parts) {
                kept.missing += u64::from(!part.present[row]);
                let difference = part.lengths[row] - value.lengths[row];
                kept.see(difference, difference);
            }
        }
        Ok(())
    }

    /// Adds the rows of another.
    pub fn merge(&mut self, other: &Self) {
        self.missing_value += other.missing_value;
        for (path, theirs) in &other.parts {
            let mine = self.parts.entry(path.clone()).or_default();
            mine.missing += theirs.missing;
            if let Some((min, max)) = theirs.difference {
                mine.see(min, max);
            }
        }
    }
}

fn lists(batch: &RecordBatch, path: &FeaturePath) -> Result<Lists, StatisticsError> {
    let rows = batch.num_rows();
    let Some(found) = nested::find(batch, path)? else {
        return Ok(Lists {
            present: vec![false; rows],
            lengths: vec![0; rows],
        });
    };
    let level = &found.levels[0];
    Ok(Lists {
        present: (0..level.len()).map(|at| level.is_present(at)).collect(),
        lengths: (0..level.len()).map(|at| level.length(at) as i64).collect(),
    })
}
