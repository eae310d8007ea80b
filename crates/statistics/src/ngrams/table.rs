//! Counted n-grams: a trie, level by level.

use super::{FOLDS, NONE, NgramConfig, Origin, gate::Gate, position, unit_texts::UnitTexts};
use crate::units::extend_hash;

/// N-grams with their counts.
///
/// A level holds the n-grams of one length, in the order of their prefixes and, of one
/// prefix, of the hashes of their last units. So equal tables are equal number by
/// number, two tables merge in one walk, and what extends an n-gram stands together.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) config: NgramConfig,
    /// In the order of their hashes.
    pub(super) units: UnitTexts,
    pub(super) levels: Vec<Vec<Node>>,
    pub(super) spreads: Vec<Spread>,
    /// Of a table that is no longer exact.
    pub(super) gate: Option<Gate>,
    pub(super) merged_shortfall: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// Of all units.
    pub(super) hash: u64,
    /// Its prefix's place in the level above; `NONE` for single units.
    pub(super) prefix: u32,
    /// Number of the last unit.
    pub(super) unit: u32,
    pub(super) count: u32,
    pub(super) documents: u32,
    /// Where its spread is; `NONE` while one document has it.
    pub(super) spread: u32,
    /// Where that one document comes from.
    pub(super) first: Origin,
}

/// Over what the documents of an n-gram are spread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spread {
    pub(super) folds: [u16; FOLDS],
    /// Linear counting of sources (Whang et al. 1990) on 64 bits.
    pub(super) sources: u64,
}

impl Spread {
    /// The spread of one document.
    pub(super) fn of(origin: Origin) -> Self {
        let mut spread = Self::default();
        spread.add_document(origin);
        spread
    }

    pub(super) fn add_document(&mut self, origin: Origin) {
        let documents = &mut self.folds[usize::from(origin.fold)];
        *documents = documents.saturating_add(1);
        self.sources |= 1 << origin.source_bit;
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.folds.iter_mut().zip(other.folds) {
            *mine = mine.saturating_add(theirs);
        }
        self.sources |= other.sources;
    }
}

impl Table {
    pub(super) fn new(config: NgramConfig) -> Self {
        Self {
            config,
            units: UnitTexts::default(),
            levels: Vec::new(),
            spreads: Vec::new(),
            gate: None,
            merged_shortfall: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.levels.iter().map(Vec::len).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.levels.iter().all(Vec::is_empty)
    }

    pub(super) fn level(&self, level: usize) -> &[Node] {
        self.levels.get(level).map_or(&[], Vec::as_slice)
    }

    /// Identifier of the first n-gram of a level.
    pub(super) fn first_id(&self, level: usize) -> u32 {
        position(self.levels[..level].iter().map(Vec::len).sum())
    }

    /// Level of an identifier, and place in it.
    pub(super) fn place(&self, id: u32) -> Option<(usize, u32)> {
        let mut at = id as usize;
        for (level, nodes) in self.levels.iter().enumerate() {
            if at < nodes.len() {
                return Some((level, position(at)));
            }
            at -= nodes.len();
        }
        None
    }

    /// Level and place of the n-gram of these units.
    pub(super) fn find(&self, units: impl IntoIterator<Item = u32>) -> Option<(usize, u32)> {
        let mut found = None;
        for (level, unit) in units.into_iter().enumerate() {
            let prefix = found.map_or(NONE, |(_, prefix)| prefix);
            let at = self
                .level(level)
                .binary_search_by_key(&(prefix, unit), |node| (node.prefix, node.unit))
                .ok()?;
            found = Some((level, position(at)));
        }
        found
    }

    /// Units of an n-gram, in order.
    pub(super) fn units_of(&self, level: usize, at: u32) -> Vec<u32> {
        let mut units = vec![0; level + 1];
        let mut at = at;
        for (unit, nodes) in units.iter_mut().zip(&self.levels).rev() {
            let node = &nodes[at as usize];
            (*unit, at) = (node.unit, node.prefix);
        }
        units
    }

    pub(super) fn spread(&self, node: &Node) -> Spread {
        match self.spreads.get(node.spread as usize) {
            Some(spread) => *spread,
            None => Spread::of(node.first),
        }
    }

    /// Hashes of what is left of each n-gram without its first unit, by identifier.
    pub(super) fn suffix_hashes(&self) -> Vec<u64> {
        let mut hashes = vec![0; self.len()];
        let (mut above, mut begin) = (0, self.level(0).len());
        for nodes in self.levels.iter().skip(1) {
            let (done, here) = hashes.split_at_mut(begin);
            for (hash, node) in here.iter_mut().zip(nodes) {
                let prefix = done[above + node.prefix as usize];
                *hash = extend_hash(prefix, self.units.hash(node.unit));
            }
            (above, begin) = (begin, begin + nodes.len());
        }
        hashes
    }

    /// How many occurrences a count can be short of the truth.
    ///
    /// An n-gram of n units was passed over at most while one of its n − 1 prefixes
    /// was waiting at the gate.
    pub(super) fn shortfall(&self) -> u32 {
        let levels = u32::from(self.config.max_units.saturating_sub(1));
        self.merged_shortfall
            .saturating_add(self.waiting().saturating_mul(levels))
    }

    /// The most occurrences that an n-gram has which waits at the gate.
    pub(super) fn waiting(&self) -> u32 {
        self.gate.as_ref().map_or(0, |gate| gate.promotion - 1)
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.units.shrink_to_fit();
        self.levels.iter_mut().for_each(Vec::shrink_to_fit);
        self.spreads.shrink_to_fit();
    }

    /// Bytes held.
    pub(super) fn size_bytes(&self) -> usize {
        let nodes: usize = self.levels.iter().map(Vec::capacity).sum();
        nodes * size_of::<Node>()
            + self.spreads.capacity() * size_of::<Spread>()
            + self.units.size_bytes()
            + self.gate.as_ref().map_or(0, |gate| gate.cells.len() * 2)
    }
}
