//! Data as it comes: rows in days, days that resemble the day before.
//!
//! Every column has an effect of the day that follows an AR(1) process, so that rows
//! of one day are alike and so are days that follow each other. The generator knows
//! nothing of grids, blocks or draws. Some columns may wander: their days resemble
//! those of weeks ago.

use arrow_array::{ArrayRef, Float64Array, StringArray};
use driftline_drift::{Block, ColumnKey, Profiles};
use driftline_statistics::ColumnProfile;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// How like the day before a day is.
const PERSISTENCE: f64 = 0.5;
/// The same of a column that wanders, and by how much greater its effect of a day is.
const WANDERING: f64 = 0.95;
const WANDERING_EFFECT: f64 = 4.0;

/// A process that days are drawn from.
pub(crate) struct Days {
    rng: ChaCha8Rng,
    effects: Vec<f64>,
    /// Standard deviation of the effect of a day, in standard deviations of a row.
    pub(crate) effect: f64,
    /// Rows of a day.
    pub(crate) rows: usize,
    /// Columns, from the first, that wander.
    pub(crate) wandering: usize,
    /// Added to every number of a column that does not wander, in standard deviations of a row.
    pub(crate) shift: f64,
}

impl Days {
    pub(crate) fn new(seed: u64, columns: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let effects = (0..columns).map(|_| normal(&mut rng)).collect();
        Self {
            rng,
            effects,
            effect: 0.2,
            rows: 100,
            wandering: 0,
            shift: 0.0,
        }
    }

    /// The next day: of three columns, two are numbers with nulls and one is a category.
    pub(crate) fn next_day(&mut self) -> Block {
        let mut block = Block::default();
        let rng = &mut self.rng;
        for (column, effect) in self.effects.iter_mut().enumerate() {
            let (persistence, size, shift) = match column < self.wandering {
                true => (WANDERING, WANDERING_EFFECT, 0.0),
                false => (PERSISTENCE, 1.0, self.shift),
            };
            let fresh = (1.0 - persistence * persistence).sqrt() * normal(rng);
            *effect = persistence * *effect + fresh;
            let mean = *effect * self.effect * size + shift;
            let array: ArrayRef = if column % 3 == 2 {
                let names = ["a", "b", "c", "d", "e", "f", "g"];
                Arc::new(StringArray::from_iter_values((0..self.rows).map(|_| {
                    let place = 2.0 * (normal(rng) + mean) + 3.5;
                    names[place.clamp(0.0, 6.0) as usize]
                })))
            } else {
                Arc::new(Float64Array::from_iter((0..self.rows).map(|_| {
                    let value = ((normal(rng) + mean) * 8.0).round();
                    (rng.random::<f64>() >= 0.05).then_some(value)
                })))
            };
            block.profiles.insert(
                ColumnKey::whole(format!("column {column:02}")),
                ColumnProfile::of(&array, false),
            );
        }
        block
    }

    pub(crate) fn next_days(&mut self, days: usize) -> Vec<Block> {
        (0..days).map(|_| self.next_day()).collect()
    }
}

/// The blocks' rows as one window.
pub(crate) fn window_of(blocks: &[Block]) -> Profiles {
    let mut window = Profiles::new();
    for block in blocks {
        for (key, profile) in &block.profiles {
            window
                .entry(key.clone())
                .and_modify(|merged| {
                    merged
                        .merge(profile)
                        .expect("days of one process have the same columns")
                })
                .or_insert_with(|| profile.clone());
        }
    }
    window
}

/// Box and Muller's normal deviate.
pub(crate) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}
