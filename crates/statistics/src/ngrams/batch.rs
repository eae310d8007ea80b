//! Texts that wait to be counted together.

use super::{MAX_TEXT_UNITS, Origin, position, unit_texts::UnitTexts};
use crate::units::UnitReader;
use rustc_hash::FxHashMap;

/// Units of texts, one after the other, with an end after each run.
#[derive(Debug, Clone, Default)]
pub(super) struct Batch {
    /// The different units, in the order of first sight.
    pub(super) units: UnitTexts,
    numbers: FxHashMap<u64, u32>,
    pub(super) places: Vec<Place>,
    /// Where the documents come from, by their number.
    pub(super) documents: Vec<Origin>,
}

/// One unit of a text, or the end of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// One more than the unit's number; 0 ends a run.
    pub(super) unit: u32,
    /// Number of the document in its batch.
    pub(super) document: u32,
}

impl Batch {
    /// Adds the text that `reader` has read.
    pub(super) fn add(&mut self, reader: &UnitReader, origin: Origin) {
        let document = position(self.documents.len());
        self.documents.push(origin);
        let mut left = MAX_TEXT_UNITS;
        for run in reader.runs() {
            let units = run.units();
            for (at, unit) in units.iter().take(left).enumerate() {
                let number = *self
                    .numbers
                    .entry(unit.hash)
                    .or_insert_with(|| self.units.push(unit.hash, unit.kind, run.text(at, at + 1)));
                self.places.push(Place {
                    unit: number + 1,
                    document,
                });
            }
            self.places.push(Place { unit: 0, document });
            left = left.saturating_sub(units.len());
            if left == 0 {
                break;
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// Units and ends of runs.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Bytes held.
    pub(super) fn size_bytes(&self) -> usize {
        self.units.size_bytes()
            + self.numbers.capacity() * 18
            + self.places.capacity() * size_of::<Place>()
            + self.documents.capacity() * size_of::<Origin>()
    }
}
