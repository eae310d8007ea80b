//! Counted n-grams: a trie, level by level.

use super::{FOLDS, NONE, NgramConfig, Origin, gate::Gate, position, unit_texts::UnitTexts};
use crate::units::extend_hash;
use std::ops::Range;

/// N-grams with their counts.
///
/// A level holds the n-grams of one length, in the order of their prefixes and, of one
/// prefix, of the hashes of their last units. So equal tables are equal number by
/// number, two tables merge in one walk, and what extends an n-gram stands together.
///
/// Most n-grams occur once, and so does all that they begin, which adds one unit at a time:
/// such a path is no chain of nodes but the tail of its first, as in Morrison's Patricia
/// trie (1968). A node therefore stands for one n-gram, and for each unit of its tail for
/// one more.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) config: NgramConfig,
    /// In the order of their hashes.
    pub(super) units: UnitTexts,
    pub(super) levels: Vec<Vec<Node>>,
    pub(super) spreads: Vec<Spread>,
    /// Units of all tails.
    pub(super) tails: Vec<u32>,
    /// Of a table that is no longer exact.
    pub(super) gate: Option<Gate>,
    pub(super) merged_shortfall: u32,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Node {
    /// Of all units.
    pub(super) hash: u64,
    /// Number of the last unit.
    pub(super) unit: u32,
    pub(super) count: u32,
    pub(super) documents: u32,
    /// Where the nodes of what it begins begin in the next level.
    pub(super) extensions: u32,
    /// Where its tail is, if it has one; else its spread, or `NONE` while one document has it.
    pub(super) place: u32,
    /// Where that one document comes from.
    pub(super) first: Origin,
    /// Units that follow where it occurs once: no node stands for what they make longer.
    pub(super) tail: u8,
}

/// Over what the documents of an n-gram are spread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spread {
    pub(super) folds: [u16; FOLDS],
    /// Linear counting of sources (Whang et al. 1990) on 64 bits.
    pub(super) sources: u64,
}

impl Node {
    /// What is left of a node that occurs once, and of the first unit of its tail.
    pub(super) fn further(&self, units: &UnitTexts, tails: &[u32]) -> Option<Self> {
        let tail = self.tail.checked_sub(1)?;
        let unit = tails[self.place as usize];
        Some(Self {
            hash: extend_hash(self.hash, units.hash(unit)),
            unit,
            place: if tail > 0 { self.place + 1 } else { NONE },
            tail,
            ..*self
        })
    }
}

/// Nodes of one level, with the places of their prefixes.
pub(super) struct Level {
    nodes: Vec<Node>,
    prefixes: Vec<u32>,
}

/// Place of the prefix, `NONE` for single units, and number of the last unit: by these the
/// nodes of a level are in order.
pub(super) type At = (u32, u32);

/// Behind the last node.
pub(super) const END: At = (NONE, NONE);

impl Level {
    pub(super) fn with_capacity(nodes: usize) -> Self {
        Self {
            nodes: Vec::with_capacity(nodes),
            prefixes: Vec::with_capacity(nodes),
        }
    }

    /// Adds the next node and returns its place.
    pub(super) fn add(&mut self, (prefix, _): At, node: Node) -> u32 {
        self.nodes.push(node);
        self.prefixes.push(prefix);
        position(self.nodes.len() - 1)
    }
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
            tails: Vec::new(),
            gate: None,
            merged_shortfall: 0,
        }
    }

    /// N-grams, with those of tails.
    pub(super) fn len(&self) -> usize {
        self.levels.iter().map(Vec::len).sum::<usize>() + self.tails.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.levels.iter().all(Vec::is_empty)
    }

    #[inline]
    pub(super) fn level(&self, level: usize) -> &[Node] {
        self.levels.get(level).map_or(&[], Vec::as_slice)
    }

    /// Puts the nodes of the next level behind those that they extend.
    pub(super) fn add_level(&mut self, level: Level) {
        if let Some(above) = self.levels.last_mut() {
            let mut at = 0;
            for (place, node) in (0..).zip(above) {
                node.extensions = position(at);
                let own = level.prefixes[at..].iter();
                at += own.take_while(|prefix| **prefix == place).count();
            }
        }
        self.levels.push(level.nodes);
    }

    /// Where what the node at a place begins stands in the next level.
    #[inline]
    pub(super) fn extensions(&self, level: usize, at: u32) -> Range<u32> {
        let nodes = self.level(level);
        let end = match nodes.get(at as usize + 1) {
            Some(next) => next.extensions,
            None => position(self.level(level + 1).len()),
        };
        nodes[at as usize].extensions..end
    }

    /// The node of a unit.
    pub(super) fn single(&self, unit: u32) -> Option<u32> {
        // All units are there, unless a gate holds some.
        let nodes = self.level(0);
        match nodes.get(unit as usize) {
            Some(node) if node.unit == unit => Some(unit),
            _ => (nodes.binary_search_by_key(&unit, |node| node.unit))
                .ok()
                .map(position),
        }
    }

    /// The node that makes one at a place longer by a unit.
    #[inline]
    pub(super) fn extension(&self, level: usize, at: u32, unit: u32) -> Option<u32> {
        let Range { start, end } = self.extensions(level, at);
        let nodes = &self.level(level + 1)[start as usize..end as usize];
        let found = nodes.binary_search_by_key(&unit, |node| node.unit).ok()?;
        Some(start + position(found))
    }

    /// Units of a node's n-gram, in order.
    pub(super) fn units_of(&self, level: usize, at: u32) -> Vec<u32> {
        let mut units = vec![0; level + 1];
        let mut at = at;
        for level in (0..=level).rev() {
            units[level] = self.levels[level][at as usize].unit;
            if let Some(above) = level.checked_sub(1) {
                let begin_before = |node: &Node| node.extensions <= at;
                at = position(self.levels[above].partition_point(begin_before)) - 1;
            }
        }
        units
    }

    #[inline]
    pub(super) fn tail(&self, node: &Node) -> &[u32] {
        match node.tail {
            0 => &[],
            units => &self.tails[node.place as usize..][..units.into()],
        }
    }

    pub(super) fn spread(&self, node: &Node) -> Spread {
        match self.known_spread(node) {
            Some(spread) => *spread,
            None => Spread::of(node.first),
        }
    }

    /// The spread of a node that more than one document has.
    #[inline]
    pub(super) fn known_spread(&self, node: &Node) -> Option<&Spread> {
        match node.tail {
            0 => self.spreads.get(node.place as usize),
            _ => None,
        }
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
        self.tails.shrink_to_fit();
    }

    /// Bytes held.
    pub(super) fn size_bytes(&self) -> usize {
        let nodes: usize = self.levels.iter().map(Vec::capacity).sum();
        nodes * size_of::<Node>()
            + self.spreads.capacity() * size_of::<Spread>()
            + self.tails.capacity() * size_of::<u32>()
            + self.units.size_bytes()
            + self.gate.as_ref().map_or(0, |gate| gate.cells.len() * 2)
    }
}
