//! One n-gram of a table.

use super::{
    FOLDS, NONE, NgramCounts,
    table::{Node, Table},
};
use crate::units::UnitKind;
use std::ops::Range;

/// One n-gram of a table.
#[derive(Debug, Clone, Copy)]
pub struct Ngram<'a> {
    table: &'a Table,
    node: &'a Node,
    level: usize,
    at: u32,
}

impl NgramCounts {
    /// The n-grams in the order of their identifiers.
    pub fn ngrams(&self) -> impl Iterator<Item = Ngram<'_>> {
        let table = self.table();
        (table.levels.iter().enumerate()).flat_map(move |(level, nodes)| {
            (0..).zip(nodes).map(move |(at, node)| Ngram {
                table,
                node,
                level,
                at,
            })
        })
    }

    /// The n-grams of so many units, in the order of their identifiers.
    pub fn ngrams_of_length(&self, units: usize) -> impl ExactSizeIterator<Item = Ngram<'_>> {
        let table = self.table();
        let level = units.wrapping_sub(1);
        let nodes = table.level(level).iter().enumerate();
        nodes.map(move |(at, node)| Ngram {
            table,
            node,
            level,
            at: at as u32,
        })
    }

    /// The n-gram with this identifier, below [`len`](Self::len). A longer n-gram has a
    /// greater identifier than a shorter one, and tables of equal n-grams give them equal
    /// identifiers.
    ///
    /// # Panics
    /// If `id` is not below the number of n-grams.
    pub fn ngram(&self, id: u32) -> Ngram<'_> {
        let table = self.table();
        let (level, at) = (table.place(id)).unwrap_or_else(|| panic!("no n-gram {id}"));
        Ngram::new(table, level, at)
    }

    /// Identifiers of the n-grams of so many units.
    pub fn ids_of_length(&self, units: usize) -> Range<u32> {
        let table = self.table();
        let level = |length: usize| table.first_id(length.min(table.levels.len()));
        level(units.saturating_sub(1))..level(units)
    }

    /// The n-gram of units with these hashes, if the table has it.
    pub fn find_units(&self, hashes: &[u64]) -> Option<Ngram<'_>> {
        let table = self.table();
        let units: Option<Vec<u32>> = hashes.iter().map(|&hash| table.units.find(hash)).collect();
        let (level, at) = table.find(units?)?;
        Some(Ngram::new(table, level, at))
    }
}

impl<'a> Ngram<'a> {
    fn new(table: &'a Table, level: usize, at: u32) -> Self {
        Self {
            table,
            node: &table.levels[level][at as usize],
            level,
            at,
        }
    }

    fn units(&self) -> Vec<u32> {
        self.table.units_of(self.level, self.at)
    }

    /// Its identifier in its table.
    pub fn id(&self) -> u32 {
        self.table.first_id(self.level) + self.at
    }

    /// Hash of its units; see [`extend_hash`](crate::units::extend_hash).
    #[inline]
    pub fn hash(&self) -> u64 {
        self.node.hash
    }

    /// Identifier of all but its last unit; `None` for a single unit.
    pub fn prefix(&self) -> Option<u32> {
        let above = self.level.checked_sub(1)?;
        Some(self.table.first_id(above) + self.node.prefix)
    }

    /// Identifier of all but its first unit; `None` for a single unit, or where a table
    /// that is not exact does not hold it.
    pub fn suffix(&self) -> Option<u32> {
        let (level, at) = self.table.find(self.units().into_iter().skip(1))?;
        Some(self.table.first_id(level) + at)
    }

    /// The n-grams that it begins and that are one unit longer.
    pub fn extensions(&self) -> impl Iterator<Item = Ngram<'a>> {
        let (table, level) = (self.table, self.level + 1);
        let nodes = table.level(level);
        let begin = first_extension(nodes, self.at, table.level(self.level).len());
        let prefix = self.at;
        (begin as u32..)
            .zip(&nodes[begin..])
            .take_while(move |(_, node)| node.prefix == prefix)
            .map(move |(at, node)| Ngram {
                table,
                node,
                level,
                at,
            })
    }

    /// Number of units.
    #[inline]
    pub fn length(&self) -> usize {
        self.level + 1
    }

    /// Number of units that are words.
    pub fn words(&self) -> usize {
        let is_word = |unit: &u32| self.table.units.is_word(*unit);
        self.units().iter().filter(|unit| is_word(unit)).count()
    }

    /// Text of the last unit.
    pub fn last_unit(&self) -> &'a str {
        self.table.units.text(self.node.unit)
    }

    /// What the last unit is made of.
    pub fn last_kind(&self) -> UnitKind {
        self.table.units.kind(self.node.unit)
    }

    /// Hashes of its units, in order.
    pub fn unit_hashes(&self) -> Vec<u64> {
        let units = self.units().into_iter();
        units.map(|unit| self.table.units.hash(unit)).collect()
    }

    /// The n-gram as people read it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut after_word = false;
        for unit in self.units() {
            let is_word = self.table.units.is_word(unit);
            if is_word && after_word {
                text.push(' ');
            }
            text.push_str(self.table.units.text(unit));
            after_word = is_word;
        }
        text
    }

    /// Occurrences.
    #[inline]
    pub fn count(&self) -> u32 {
        self.node.count
    }

    /// Documents that hold it.
    #[inline]
    pub fn documents(&self) -> u32 {
        self.node.documents
    }

    /// Documents that hold it, by fold.
    pub fn folds(&self) -> [u16; FOLDS] {
        self.table.spread(self.node).folds
    }

    /// The folds with documents that hold it, one bit for each.
    pub fn fold_bits(&self) -> u16 {
        match self.node.spread {
            NONE => 1 << self.node.first.fold,
            spread => (self.table.spreads[spread as usize].folds.iter().enumerate())
                .fold(0, |bits, (fold, documents)| {
                    bits | u16::from(*documents > 0) << fold
                }),
        }
    }

    /// A bit for each group of 64 of the sources that used it.
    pub fn source_bits(&self) -> u64 {
        self.table.spread(self.node).sources
    }
}

/// Where the nodes begin whose prefix is at `at`, or would: looked for outwards from where
/// they would be if all of `prefixes` began equally many.
fn first_extension(nodes: &[Node], at: u32, prefixes: usize) -> usize {
    let is_before = |place: usize| nodes.get(place).is_some_and(|node| node.prefix < at);
    let guess = (at as usize * nodes.len()) / prefixes.max(1);
    let mut step = 8;
    let (mut low, mut high) = (guess, guess);
    while low > 0 && !is_before(low - 1) {
        low = low.saturating_sub(step);
        step *= 2;
    }
    step = 8;
    while is_before(high) {
        high += step;
        step *= 2;
    }
    let (low, high) = (low.min(nodes.len()), high.min(nodes.len()));
    low + nodes[low..high].partition_point(|node| node.prefix < at)
}

/// Number of sources behind a set of [`Ngram::source_bits`], by linear counting; `None` where
/// the bits are full and all that is known is that there are many.
///
/// Whang, Vander-Zanden, Taylor (1990), equation 1.
pub fn source_count(bits: u64) -> Option<f64> {
    let empty = f64::from(bits.count_zeros());
    (bits != u64::MAX).then(|| 64.0 * (64.0 / empty).ln())
}
