//! Counting by sorting.
//!
//! Where the n-grams of a text begin is sorted by what follows, up to the longest
//! n-gram: a suffix array (Manber, Myers 1993) cut off at a few units. The places of
//! an n-gram then stand together, and so do those of its prefix around them, so one walk
//! over them counts the n-grams of all lengths. What is sorted is a number that holds
//! the units that follow and the document: nothing has to be looked up in the texts
//! again, where a hash table of n-grams waits for memory at each of them.
//!
//! A document that holds an n-gram twice is told as Yamamoto and Church (2001) do: it
//! is new to an n-gram if its last place in sorted order was before the first of the
//! n-gram.

use super::{
    NONE, NgramConfig, Origin,
    batch::Batch,
    position,
    table::{Node, Spread, Table},
    unit_texts::UnitTexts,
};
use crate::units::extend_hash;

/// The table of a batch: exact, whatever it takes.
pub(super) fn count(batch: &Batch, config: NgramConfig) -> Table {
    let order = batch.units.by_hash();
    let units = batch.units.select(order.iter().copied());
    let texts = Texts::new(batch, &order, &units, config);
    let mut counter = Counter::new(config, &units, &batch.documents);
    match Packing::new(config, units.len(), batch.documents.len()) {
        Some(packing) => packing.count(&texts, &mut counter),
        None => texts.count(&mut counter),
    }
    let (levels, spreads) = counter.finished();
    Table {
        units,
        levels,
        spreads,
        ..Table::new(config)
    }
}

/// The texts of a batch, unit by unit.
struct Texts<'b> {
    batch: &'b Batch,
    config: NgramConfig,
    units: usize,
    /// Twice the rank of a unit by hash, counted from 1, and one more for a word: so units
    /// compare as their ranks do. [`END`] after each run.
    codes: Vec<u32>,
}

/// Less than any unit.
const END: u32 = 0;

impl<'b> Texts<'b> {
    fn new(batch: &'b Batch, order: &[u32], units: &UnitTexts, config: NgramConfig) -> Self {
        let mut code_of = vec![END; order.len() + 1];
        for (rank, &unit) in (0..).zip(order) {
            code_of[unit as usize + 1] = (rank + 1) << 1 | u32::from(units.is_word(rank));
        }
        let places = batch.places.iter();
        Self {
            batch,
            config,
            units: units.len(),
            codes: places.map(|place| code_of[place.unit as usize]).collect(),
        }
    }

    /// Codes of the longest n-gram that is counted and begins at a place.
    fn longest(&self, at: usize) -> &[u32] {
        let rest = &self.codes[at..];
        let mut words = 0;
        let length = (rest.iter().take(self.config.max_units.into()))
            .take_while(|code| {
                words += *code & 1;
                **code != END && words <= self.config.max_words.into()
            })
            .count();
        &rest[..length]
    }

    /// What begins at each place, and the document of it.
    fn ngrams(&self) -> impl Iterator<Item = (&[u32], u32)> {
        let places = self.batch.places.iter().enumerate();
        places
            .map(|(at, place)| (self.longest(at), place.document))
            .filter(|(ngram, _)| !ngram.is_empty())
    }

    /// Counts by comparing unit by unit: for what has no room in a number.
    fn count(&self, counter: &mut Counter<'_>) {
        let mut ngrams: Vec<(&[u32], u32)> = self.ngrams().collect();
        ngrams.sort_unstable();
        let mut ranks = Vec::new();
        for (ngram, document) in ngrams {
            ranks.clear();
            ranks.extend(ngram.iter().map(|code| code >> 1));
            counter.add(&ranks, document);
        }
    }
}

/// How an n-gram and its document are one number, by which it is sorted.
#[derive(Debug, Clone, Copy)]
struct Packing {
    /// Units after the first.
    following: u32,
    unit_bits: u32,
    document_bits: u32,
}

impl Packing {
    /// `None` if it has no room in a number; with n-grams of six units, those of a million
    /// places always have.
    fn new(config: NgramConfig, units: usize, documents: usize) -> Option<Self> {
        let bits = |values: usize| usize::BITS - values.leading_zeros();
        let packing = Self {
            following: u32::from(config.max_units.max(1)) - 1,
            unit_bits: bits(units),
            document_bits: bits(documents),
        };
        let all = packing.following * packing.unit_bits + packing.document_bits;
        (all < u128::BITS).then_some(packing)
    }

    fn pack(self, following: &[u32], document: u32) -> u128 {
        let units = following.iter().fold(0, |units, code| {
            units << self.unit_bits | u128::from(code >> 1)
        });
        // An end is less than any unit.
        let missing = self.following - following.len() as u32;
        units << (missing * self.unit_bits) << self.document_bits | u128::from(document)
    }

    /// Ranks of the units, counted from 1, into `ngram` after the first; and the document.
    fn unpack(self, number: u128, ngram: &mut Vec<u32>) -> u32 {
        let low = |number: u128, bits: u32| (number & ((1 << bits) - 1)) as u32;
        let document = low(number, self.document_bits);
        let mut left = number >> self.document_bits;
        ngram.resize(self.following as usize + 1, END);
        for rank in ngram[1..].iter_mut().rev() {
            *rank = low(left, self.unit_bits);
            left >>= self.unit_bits;
        }
        let length = ngram.iter().take_while(|rank| **rank != END).count();
        ngram.truncate(length);
        document
    }

    fn count(self, texts: &Texts<'_>, counter: &mut Counter<'_>) {
        // Dealt out by the first unit, whose places are then sorted in the cache.
        let mut next = vec![0_u32; texts.units + 2];
        for (ngram, _) in texts.ngrams() {
            next[(ngram[0] >> 1) as usize + 1] += 1;
        }
        for rank in 1..next.len() {
            next[rank] += next[rank - 1];
        }
        let mut numbers = vec![0_u128; next[texts.units + 1] as usize];
        for (ngram, document) in texts.ngrams() {
            let at = &mut next[(ngram[0] >> 1) as usize];
            numbers[*at as usize] = self.pack(&ngram[1..], document);
            *at += 1;
        }
        // The places of each unit now end where those of the next began.
        let mut begin = 0;
        for &end in &next[..=texts.units] {
            numbers[begin..end as usize].sort_unstable();
            begin = end as usize;
        }
        counter.reserve(&self.different(&numbers, &next[..=texts.units]));
        let (mut begin, mut ngram) = (0, Vec::new());
        for (first, &end) in (0..).zip(&next[..=texts.units]) {
            for &number in &numbers[begin..end as usize] {
                ngram.clear();
                ngram.push(first);
                let document = self.unpack(number, &mut ngram);
                counter.add(&ngram, document);
            }
            begin = end as usize;
        }
    }

    /// How many different n-grams of each length there are in sorted places, so that the
    /// table need not grow: that would touch twice its memory.
    fn different(self, numbers: &[u128], ends: &[u32]) -> Vec<usize> {
        let mut different = vec![0; self.following as usize + 1];
        let all_bits = self.following * self.unit_bits;
        let mut begin = 0;
        for &end in ends {
            let mut before = None;
            for &number in &numbers[begin..end as usize] {
                let units = number >> self.document_bits;
                // Units that follow, and those of them that the place before has too.
                let length = match units {
                    0 => 0,
                    units => self.following - units.trailing_zeros() / self.unit_bits,
                };
                let new = match before.replace(units).map(|before: u128| before ^ units) {
                    None => 0,
                    Some(0) => length + 1,
                    Some(differing) => {
                        let common_bits = all_bits - (u128::BITS - differing.leading_zeros());
                        common_bits / self.unit_bits + 1
                    }
                };
                for level in new..=length {
                    different[level as usize] += 1;
                }
            }
            begin = end as usize;
        }
        different
    }
}

/// Counts n-grams whose places come in sorted order.
struct Counter<'b> {
    units: &'b UnitTexts,
    documents: Vec<Document>,
    levels: Vec<Vec<Node>>,
    spreads: Vec<Spread>,
    /// The n-grams that the place before is of, by length.
    open: Vec<Open>,
    /// Units of the longest of them.
    previous: Vec<u32>,
    /// Places so far.
    serial: u32,
}

#[derive(Debug, Clone, Copy)]
struct Document {
    origin: Origin,
    /// Its last place, from 1; 0 for none.
    last: u32,
}

/// An n-gram of which more places may come.
#[derive(Debug, Clone, Copy)]
struct Open {
    hash: u64,
    /// Its first place: all from there on are its places.
    since: u32,
    documents: u32,
    first: Origin,
    /// From the second document on.
    spread: Spread,
}

impl<'b> Counter<'b> {
    fn new(config: NgramConfig, units: &'b UnitTexts, documents: &[Origin]) -> Self {
        let nothing = Open {
            hash: 0,
            since: 0,
            documents: 0,
            first: Origin::default(),
            spread: Spread::default(),
        };
        Self {
            units,
            documents: (documents.iter())
                .map(|&origin| Document { origin, last: 0 })
                .collect(),
            levels: vec![Vec::new(); config.max_units.into()],
            spreads: Vec::new(),
            open: vec![nothing; config.max_units.into()],
            previous: Vec::new(),
            serial: 0,
        }
    }

    /// Makes room for so many n-grams of each length.
    fn reserve(&mut self, ngrams: &[usize]) {
        for (level, &ngrams) in self.levels.iter_mut().zip(ngrams) {
            level.reserve_exact(ngrams);
        }
    }

    /// Counts the longest n-gram of a place, given by the ranks of its units from 1 on, and
    /// all that it begins with.
    fn add(&mut self, ngram: &[u32], document: u32) {
        let common = (self.previous.iter().zip(ngram))
            .take_while(|(before, now)| before == now)
            .count();
        self.close(common);
        self.previous.truncate(common);
        self.previous.extend_from_slice(&ngram[common..]);
        self.serial += 1;
        let mut hash = match common {
            0 => 0,
            common => self.open[common - 1].hash,
        };
        for (open, rank) in self.open[common..].iter_mut().zip(&ngram[common..]) {
            hash = extend_hash(hash, self.units.hash(rank - 1));
            (open.hash, open.since) = (hash, self.serial);
            open.documents = 0;
        }
        let open = &mut self.open[..ngram.len()];
        let document = &mut self.documents[document as usize];
        let last = std::mem::replace(&mut document.last, self.serial);
        // What is new to an n-gram is new to all that it begins.
        for ngram in open.iter_mut().rev().take_while(|ngram| last < ngram.since) {
            ngram.documents += 1;
            match ngram.documents {
                1 => ngram.first = document.origin,
                2 => {
                    ngram.spread = Spread::of(ngram.first);
                    ngram.spread.add_document(document.origin);
                }
                _ => ngram.spread.add_document(document.origin),
            }
        }
    }

    /// Ends the n-grams of more than `length` units.
    fn close(&mut self, length: usize) {
        for level in length..self.previous.len() {
            let open = &self.open[level];
            let prefix = match level {
                0 => NONE,
                // The prefix has no node yet if it goes on, and is the last else.
                level if level > length => position(self.levels[level - 1].len()) - 1,
                level => position(self.levels[level - 1].len()),
            };
            let spread = match open.documents {
                0 | 1 => NONE,
                _ => {
                    self.spreads.push(open.spread);
                    position(self.spreads.len() - 1)
                }
            };
            self.levels[level].push(Node {
                hash: open.hash,
                prefix,
                unit: self.previous[level] - 1,
                count: self.serial + 1 - open.since,
                documents: open.documents,
                spread,
                first: open.first,
            });
        }
    }

    fn finished(mut self) -> (Vec<Vec<Node>>, Vec<Spread>) {
        self.close(0);
        (self.levels, self.spreads)
    }
}
