//! Counting by sorting.
//!
//! Where the n-grams of a text begin is sorted by what follows, up to the longest
//! n-gram: a suffix array (Manber, Myers 1993) cut off at a few units. The places of
//! an n-gram then stand together, and so do those of its prefix around them. One walk
//! over them counts the n-grams of all lengths, and every memory access goes forwards
//! or stays within the places of one first unit. A hash table of n-grams waits for
//! memory at every one of them instead: this was measured three to five times as fast.
//!
//! A document that holds an n-gram twice is told as Yamamoto and Church (2001) do: it
//! is new to an n-gram if its last place in sorted order was before the first of the
//! n-gram.

use super::{
    NONE, NgramConfig, Origin,
    batch::{Batch, Place},
    position,
    table::{Node, Spread, Table},
    unit_texts::UnitTexts,
};
use crate::units::extend_hash;

/// The table of a batch: exact, whatever it takes.
pub(super) fn count(batch: &Batch, config: NgramConfig) -> Table {
    let order = batch.units.by_hash();
    let units = batch.units.select(order.iter().copied());
    let mut codes = vec![END; order.len() + 1];
    for (rank, &unit) in (0..).zip(&order) {
        codes[unit as usize + 1] = code(rank, units.is_word(rank));
    }
    let places: Vec<Place> = (batch.places.iter())
        .map(|place| Place {
            unit: codes[place.unit as usize],
            ..*place
        })
        .collect();
    let mut sorter = Sorter::new(config, units.len(), places.len());
    let (mut by_first, ends) = by_first_unit(&places, units.len());
    let mut counter = Counter::new(config, &units, &batch.documents);
    let mut begin = 0;
    for end in ends {
        let bucket = &mut by_first[begin..end as usize];
        sorter.sort(bucket, &places);
        for &at in bucket.iter() {
            counter.add(longest(&places, at, config));
        }
        begin = end as usize;
    }
    let Counter {
        levels, spreads, ..
    } = counter.finished();
    Table {
        units,
        levels,
        spreads,
        ..Table::new(config)
    }
}

/// A unit in a place that is sorted: its rank by hash from 1 on, and in the lowest bit
/// whether it is a word; so units compare as their ranks do and an end is the least.
const END: u32 = 0;

fn code(rank: u32, is_word: bool) -> u32 {
    (rank + 1) << 1 | u32::from(is_word)
}

fn rank(code: u32) -> u32 {
    (code >> 1) - 1
}

/// The longest n-gram that is counted and begins at `at`.
fn longest(places: &[Place], at: u32, config: NgramConfig) -> &[Place] {
    let rest = &places[at as usize..];
    let mut words = 0;
    let length = (rest.iter().take(config.max_units.into()))
        .take_while(|place| {
            words += place.unit & 1;
            place.unit != END && words <= config.max_words.into()
        })
        .count();
    &rest[..length]
}

/// Where units stand, by unit and then from front to back, and where each unit's places end.
fn by_first_unit(places: &[Place], units: usize) -> (Vec<u32>, Vec<u32>) {
    let mut ends = vec![0; units];
    let occupied = || (0..).zip(places).filter(|(_, place)| place.unit != END);
    for (_, place) in occupied() {
        ends[rank(place.unit) as usize] += 1;
    }
    let mut total = 0;
    for end in &mut ends {
        total += std::mem::replace(end, total);
    }
    let mut sorted = vec![0; total as usize];
    for (at, place) in occupied() {
        let next = &mut ends[rank(place.unit) as usize];
        sorted[*next as usize] = at;
        *next += 1;
    }
    (sorted, ends)
}

/// Sorts places of one first unit by the units that follow.
struct Sorter {
    config: NgramConfig,
    unit_bits: u32,
    place_bits: u32,
    keys: Vec<u128>,
}

impl Sorter {
    fn new(config: NgramConfig, units: usize, places: usize) -> Self {
        let bits = |values: usize| usize::BITS - values.leading_zeros();
        Self {
            config,
            unit_bits: bits(units),
            place_bits: bits(places),
            keys: Vec::new(),
        }
    }

    fn following(&self) -> u32 {
        u32::from(self.config.max_units).saturating_sub(1)
    }

    /// Whether the units that follow and the place are one number. Those of a million
    /// places always are, with n-grams of six units.
    fn packs(&self) -> bool {
        self.following() * self.unit_bits + self.place_bits <= u128::BITS
    }

    fn sort(&mut self, bucket: &mut [u32], places: &[Place]) {
        if bucket.len() < 2 {
            return;
        }
        if !self.packs() {
            let units = |at: u32| {
                longest(places, at, self.config)
                    .iter()
                    .map(|place| place.unit)
            };
            bucket.sort_by(|&a, &b| units(a).cmp(units(b)));
            return;
        }
        self.keys.clear();
        for &at in bucket.iter() {
            let ngram = longest(places, at, self.config);
            let mut key = 0_u128;
            for follows in ngram.iter().skip(1) {
                key = key << self.unit_bits | u128::from(follows.unit >> 1);
            }
            // An end is the least of all units.
            let missing = self.following() + 1 - (ngram.len() as u32).max(1);
            key <<= missing * self.unit_bits;
            self.keys.push(key << self.place_bits | u128::from(at));
        }
        self.keys.sort_unstable();
        let place = (1_u128 << self.place_bits) - 1;
        for (at, key) in bucket.iter_mut().zip(&self.keys) {
            *at = (key & place) as u32;
        }
    }
}

/// Counts n-grams whose places come in sorted order.
struct Counter<'b> {
    units: &'b UnitTexts,
    documents: &'b [Origin],
    levels: Vec<Vec<Node>>,
    spreads: Vec<Spread>,
    /// The n-grams that the place before is of, by length.
    open: Vec<Open>,
    previous: &'b [Place],
    /// Places so far.
    serial: u32,
    /// By document the last place that was of it, from 1; 0 for none.
    last: Vec<u32>,
}

/// An n-gram of which more places may come.
#[derive(Debug, Clone, Copy)]
struct Open {
    hash: u64,
    /// Its first place.
    since: u32,
    count: u32,
    documents: u32,
    first: Origin,
    /// From the second document on.
    spread: Spread,
}

impl<'b> Counter<'b> {
    fn new(config: NgramConfig, units: &'b UnitTexts, documents: &'b [Origin]) -> Self {
        let nothing = Open {
            hash: 0,
            since: 0,
            count: 0,
            documents: 0,
            first: Origin::default(),
            spread: Spread::default(),
        };
        Self {
            units,
            documents,
            levels: vec![Vec::new(); config.max_units.into()],
            spreads: Vec::new(),
            open: vec![nothing; config.max_units.into()],
            previous: &[],
            serial: 0,
            last: vec![0; documents.len()],
        }
    }

    /// Counts the longest n-gram of a place, and all that it begins with.
    fn add(&mut self, ngram: &'b [Place]) {
        let Some(first) = ngram.first() else {
            return;
        };
        let common = (self.previous.iter().zip(ngram))
            .take_while(|(before, now)| before.unit == now.unit)
            .count();
        self.close(common);
        self.previous = ngram;
        self.serial += 1;
        let mut hash = match common {
            0 => 0,
            common => self.open[common - 1].hash,
        };
        for (open, place) in self.open[common..].iter_mut().zip(&ngram[common..]) {
            hash = extend_hash(hash, self.units.hash(rank(place.unit)));
            (open.hash, open.since) = (hash, self.serial);
            (open.count, open.documents) = (0, 0);
        }
        let open = &mut self.open[..ngram.len()];
        for ngram in open.iter_mut() {
            ngram.count += 1;
        }
        let origin = self.documents[first.document as usize];
        let last = std::mem::replace(&mut self.last[first.document as usize], self.serial);
        // What is new to an n-gram is new to all that it begins.
        for ngram in open.iter_mut().rev().take_while(|ngram| last < ngram.since) {
            ngram.documents += 1;
            match ngram.documents {
                1 => ngram.first = origin,
                2 => {
                    ngram.spread = Spread::of(ngram.first);
                    ngram.spread.add_document(origin);
                }
                _ => ngram.spread.add_document(origin),
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
                unit: rank(self.previous[level].unit),
                count: open.count,
                documents: open.documents,
                spread,
                first: open.first,
            });
        }
    }

    fn finished(mut self) -> Self {
        self.close(0);
        self
    }
}
