//! One n-gram of a table.

use super::{
    FOLDS, NgramCounts,
    table::{Node, Table},
};
use crate::units::{UnitKind, extend_hash};

/// One n-gram of a table.
#[derive(Debug, Clone, Copy)]
pub struct Ngram<'a> {
    table: &'a Table,
    /// The longest n-gram it begins with that has a node; its own, where it has one.
    node: &'a Node,
    id: NgramId,
    hash: u64,
}

/// Which n-gram of its table one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NgramId {
    /// Place of the node in its level.
    pub(super) at: u32,
    pub(super) level: u8,
    /// Units of the node's tail that the n-gram has besides.
    pub(super) tail: u8,
}

impl NgramCounts {
    /// All n-grams; each comes before what it begins.
    #[inline]
    pub fn ngrams(&self) -> impl Iterator<Item = Ngram<'_>> {
        let table = self.table();
        (0..table.levels.len())
            .flat_map(move |level| Ngram::of_level(table, level))
            .flat_map(|ngram| std::iter::successors(Some(ngram), Ngram::further))
    }

    /// The n-grams of so many units.
    pub fn ngrams_of_length(&self, units: usize) -> impl Iterator<Item = Ngram<'_>> {
        let table = self.table();
        (0..units).rev().flat_map(move |level| {
            let more = units - 1 - level;
            Ngram::of_level(table, level)
                .filter(move |ngram| usize::from(ngram.node.tail) >= more)
                .filter_map(move |ngram| (0..more).try_fold(ngram, |ngram, _| ngram.further()))
        })
    }

    /// Tells hash and documents of every n-gram of at most so many units: what
    /// [`ngrams`](Self::ngrams) does, faster.
    pub fn for_each(&self, longest: usize, mut tell: impl FnMut(u64, u32)) {
        let table = self.table();
        for (level, nodes) in table.levels.iter().enumerate().take(longest) {
            for node in nodes {
                tell(node.hash, node.documents);
                let mut hash = node.hash;
                for &unit in table.tail(node).iter().take(longest - 1 - level) {
                    hash = extend_hash(hash, table.units.hash(unit));
                    tell(hash, 1);
                }
            }
        }
    }

    /// The n-gram of this table that an identifier is of.
    ///
    /// # Panics
    /// If the identifier is of another table.
    pub fn ngram(&self, id: NgramId) -> Ngram<'_> {
        let node = Ngram::new(self.table(), id.level.into(), id.at);
        (0..id.tail)
            .try_fold(node, |ngram, _| ngram.further())
            .expect("a tail is as long as it was")
    }

    /// The n-gram of units with these hashes, if the table has it.
    pub fn find_units(&self, hashes: &[u64]) -> Option<Ngram<'_>> {
        let table = self.table();
        let (first, rest) = hashes.split_first()?;
        let first = table.single(table.units.find(*first)?)?;
        rest.iter()
            .try_fold(Ngram::new(table, 0, first), |ngram, &hash| {
                ngram.extension(table.units.find(hash)?)
            })
    }
}

impl<'a> Ngram<'a> {
    #[inline]
    fn new(table: &'a Table, level: usize, at: u32) -> Self {
        let node = &table.levels[level][at as usize];
        Self {
            table,
            node,
            id: NgramId {
                at,
                level: level as u8,
                tail: 0,
            },
            hash: node.hash,
        }
    }

    #[inline]
    fn of_level(table: &'a Table, level: usize) -> impl Iterator<Item = Self> {
        (0..).zip(table.level(level)).map(move |(at, node)| Self {
            table,
            node,
            id: NgramId {
                at,
                level: level as u8,
                tail: 0,
            },
            hash: node.hash,
        })
    }

    /// With the next unit of the tail.
    #[inline]
    fn further(&self) -> Option<Self> {
        let unit = *(self.table.tail(self.node)).get(usize::from(self.id.tail))?;
        let mut further = *self;
        further.id.tail += 1;
        further.hash = extend_hash(self.hash, self.table.units.hash(unit));
        Some(further)
    }

    /// Numbers of its units, in order.
    pub(super) fn units(&self) -> Vec<u32> {
        let mut units = self.table.units_of(self.id.level.into(), self.id.at);
        units.extend_from_slice(&self.table.tail(self.node)[..self.id.tail.into()]);
        units
    }

    /// Number of the last unit.
    #[inline]
    pub(super) fn last(&self) -> u32 {
        match self.id.tail {
            0 => self.node.unit,
            tail => self.table.tail(self.node)[usize::from(tail) - 1],
        }
    }

    /// Its identifier in its table.
    #[inline]
    pub fn id(&self) -> NgramId {
        self.id
    }

    /// Hash of its units; see [`extend_hash`](crate::units::extend_hash).
    #[inline]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The n-grams that it begins and that are one unit longer.
    #[inline]
    pub fn extensions(&self) -> impl Iterator<Item = Ngram<'a>> + use<'a> {
        let (table, level) = (self.table, usize::from(self.id.level));
        let nodes = match self.node.tail {
            0 => table.extensions(level, self.id.at),
            _ => 0..0,
        };
        let of_nodes = nodes.map(move |at| Ngram::new(table, level + 1, at));
        self.further().into_iter().chain(of_nodes)
    }

    /// The n-gram that it begins and that ends in the unit of this number.
    #[inline]
    pub(super) fn extension(&self, unit: u32) -> Option<Self> {
        if self.node.tail > 0 {
            return self.further().filter(|further| further.last() == unit);
        }
        let level = usize::from(self.id.level);
        let at = self.table.extension(level, self.id.at, unit)?;
        Some(Self::new(self.table, level + 1, at))
    }

    /// Number of units.
    #[inline]
    pub fn length(&self) -> usize {
        usize::from(self.id.level) + 1 + usize::from(self.id.tail)
    }

    /// Number of units that are words.
    pub fn words(&self) -> usize {
        let is_word = |unit: &u32| self.table.units.is_word(*unit);
        self.units().iter().filter(|unit| is_word(unit)).count()
    }

    /// Text of the last unit.
    pub fn last_unit(&self) -> &'a str {
        self.table.units.text(self.last())
    }

    /// What the last unit is made of.
    #[inline]
    pub fn last_kind(&self) -> UnitKind {
        self.table.units.kind(self.last())
    }

    /// Hash of the last unit.
    #[inline]
    pub fn last_hash(&self) -> u64 {
        self.table.units.hash(self.last())
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
    #[inline]
    pub fn fold_bits(&self) -> u16 {
        match self.table.known_spread(self.node) {
            None => 1 << self.node.first.fold,
            Some(spread) => (spread.folds.iter().enumerate()).fold(0, |bits, (fold, documents)| {
                bits | u16::from(*documents > 0) << fold
            }),
        }
    }

    /// A bit for each group of 64 of the sources that used it.
    pub fn source_bits(&self) -> u64 {
        self.table.spread(self.node).sources
    }
}

/// Number of sources behind a set of [`Ngram::source_bits`], by linear counting; `None` where
/// the bits are full and all that is known is that there are many.
///
/// Whang, Vander-Zanden, Taylor (1990), equation 1.
pub fn source_count(bits: u64) -> Option<f64> {
    let empty = f64::from(bits.count_zeros());
    (bits != u64::MAX).then(|| 64.0 * (64.0 / empty).ln())
}
