//! The different units of a table, with their texts.

use super::position;
use crate::units::UnitKind;

/// Units by number. In a table they stand in the order of their hashes, so that two
/// tables of the same n-grams are the same, however they came to be.
#[derive(Debug, Clone, Default)]
pub(super) struct UnitTexts {
    hashes: Vec<u64>,
    kinds: Vec<UnitKind>,
    /// Where the text of each ends in `text`.
    ends: Vec<u32>,
    text: String,
}

/// The units of two tables together, and the number that each has there.
pub(super) struct Union {
    pub(super) units: UnitTexts,
    pub(super) of_first: Vec<u32>,
    pub(super) of_second: Vec<u32>,
}

impl UnitTexts {
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Adds a unit and returns its number.
    pub(super) fn push(&mut self, hash: u64, kind: UnitKind, text: &str) -> u32 {
        let number = position(self.len());
        self.hashes.push(hash);
        self.kinds.push(kind);
        self.text.push_str(text);
        self.ends.push(position(self.text.len()));
        number
    }

    #[inline]
    pub(super) fn hash(&self, unit: u32) -> u64 {
        self.hashes[unit as usize]
    }

    #[inline]
    pub(super) fn kind(&self, unit: u32) -> UnitKind {
        self.kinds[unit as usize]
    }

    pub(super) fn is_word(&self, unit: u32) -> bool {
        self.kind(unit) == UnitKind::Word
    }

    pub(super) fn text(&self, unit: u32) -> &str {
        let start = match unit {
            0 => 0,
            unit => self.ends[unit as usize - 1],
        };
        self.text
            .get(start as usize..self.ends[unit as usize] as usize)
            .expect("units begin and end between characters")
    }

    /// The unit with this hash, of units in the order of their hashes.
    pub(super) fn find(&self, hash: u64) -> Option<u32> {
        // Hashes are spread evenly, so it stands near where they would be if they were so
        // exactly.
        let guess = (u128::from(hash) * self.hashes.len() as u128) >> u64::BITS;
        let (below, above) = self.hashes.split_at(guess as usize);
        let (at, found) = if above.first().is_some_and(|&first| first <= hash) {
            let further = above.iter().take_while(|&&other| other < hash).count();
            (below.len() + further, above.get(further))
        } else {
            let back = below
                .iter()
                .rev()
                .take_while(|&&other| other >= hash)
                .count();
            let at = below.len() - back;
            (at, below.get(at))
        };
        (found == Some(&hash)).then(|| position(at))
    }

    /// The numbers of the units in the order of their hashes.
    pub(super) fn by_hash(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..position(self.len())).collect();
        order.sort_unstable_by_key(|&unit| self.hash(unit));
        order
    }

    /// Those of the units that `numbers` names, in its order.
    pub(super) fn select(&self, numbers: impl IntoIterator<Item = u32>) -> Self {
        let mut selected = Self::default();
        for unit in numbers {
            selected.push(self.hash(unit), self.kind(unit), self.text(unit));
        }
        selected
    }

    /// The units of both, which are in the order of their hashes, as is the union.
    pub(super) fn union(first: &Self, second: &Self) -> Union {
        let mut union = Union {
            units: Self::default(),
            of_first: Vec::with_capacity(first.len()),
            of_second: Vec::with_capacity(second.len()),
        };
        loop {
            let (mine, theirs) = (
                position(union.of_first.len()),
                position(union.of_second.len()),
            );
            let hashes = [
                first.hashes.get(mine as usize),
                second.hashes.get(theirs as usize),
            ];
            let Some(least) = hashes.into_iter().flatten().min() else {
                return union;
            };
            let (in_first, in_second) = (hashes[0] == Some(least), hashes[1] == Some(least));
            let (from, unit) = if in_first {
                (first, mine)
            } else {
                (second, theirs)
            };
            let number = union.units.push(*least, from.kind(unit), from.text(unit));
            if in_first {
                union.of_first.push(number);
            }
            if in_second {
                union.of_second.push(number);
            }
        }
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.hashes.shrink_to_fit();
        self.kinds.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.text.shrink_to_fit();
    }

    /// Bytes held.
    pub(super) fn size_bytes(&self) -> usize {
        self.hashes.capacity() * size_of::<u64>()
            + self.kinds.capacity() * size_of::<UnitKind>()
            + self.ends.capacity() * size_of::<u32>()
            + self.text.capacity()
    }
}
