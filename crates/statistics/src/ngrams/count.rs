//! Counting by sorting.
//!
//! Where the n-grams of a text begin is sorted by what follows, up to the longest
//! n-gram: a suffix array (Manber, Myers 1993) cut off at a few units. The places of
//! an n-gram then stand together, and so do those of its prefix around them, so one walk
//! over them counts the n-grams of all lengths, each from how many units a place shares
//! with the one before. What is sorted is a number that holds
//! the units that follow and the document: nothing has to be looked up in the texts
//! again, where a hash table of n-grams waits for memory at each of them.
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
use std::iter::once;

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
    let Counter {
        levels,
        spreads,
        tails,
        ..
    } = counter.finished();
    Table {
        units,
        levels,
        spreads,
        tails,
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

    /// Whether an n-gram begins at a place of this code.
    fn begins(&self, code: u32) -> bool {
        code != END && (code & 1 == 0 || self.config.max_words > 0)
    }

    /// Units up to the word that is one too many, where the bits of words are set, the first
    /// in the lowest bit; `None` if none is too many.
    fn longest_by_words(&self, words: u128) -> Option<u32> {
        let most = u32::from(self.config.max_words);
        if words.count_ones() <= most {
            return None;
        }
        let without_lowest = |words: u128, _| words & (words - 1);
        Some((0..most).fold(words, without_lowest).trailing_zeros())
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
        let mut before: &[u32] = &[];
        for (ngram, document) in ngrams {
            let pairs = before.iter().zip(ngram);
            let common = pairs.take_while(|(before, now)| before == now).count();
            counter.add(
                common,
                ngram[common..].iter().map(|code| code >> 1),
                document,
            );
            before = ngram;
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

    fn document(self, number: u128) -> u32 {
        (number & ((1 << self.document_bits) - 1)) as u32
    }

    /// Rank of a unit after the first, counted from 1; [`END`] behind the last.
    fn rank(self, number: u128, at: u32) -> u32 {
        let behind = (self.following - 1 - at) * self.unit_bits + self.document_bits;
        (number >> behind & ((1 << self.unit_bits) - 1)) as u32
    }

    /// Ranks of the units from one after the first on.
    fn ranks(self, number: u128, from: usize) -> impl Iterator<Item = u32> {
        let from = u32::try_from(from).unwrap_or(self.following);
        let ranks = (from..self.following).map(move |at| self.rank(number, at));
        ranks.take_while(|rank| *rank != END)
    }

    /// Units after the first that two places of the same first unit share.
    fn common(self, one: u128, other: u128) -> usize {
        let all = self.following * self.unit_bits;
        let common = match (one ^ other) >> self.document_bits {
            // All that are there; what is missing at the end is 0.
            0 => {
                let missing = (one >> self.document_bits).trailing_zeros() / self.unit_bits;
                self.following - missing.min(self.following)
            }
            differing => (all - (u128::BITS - differing.leading_zeros())) / self.unit_bits,
        };
        common as usize
    }

    fn count(self, texts: &Texts<'_>, counter: &mut Counter<'_>) {
        // Dealt out by the first unit, whose places are then sorted in the cache.
        let mut next = vec![0_u32; texts.units + 2];
        for &code in texts.codes.iter().filter(|code| texts.begins(**code)) {
            next[(code >> 1) as usize + 1] += 1;
        }
        for rank in 1..next.len() {
            next[rank] += next[rank - 1];
        }
        let mut numbers = vec![0_u128; next[texts.units + 1] as usize];
        self.deal_out(texts, |first, number| {
            let at = &mut next[first as usize];
            numbers[*at as usize] = number;
            *at += 1;
        });
        // The places of each unit now end where those of the next began.
        let mut begin = 0;
        for (first, &end) in (0..).zip(&next[..=texts.units]) {
            let of_first = &mut numbers[begin..end as usize];
            begin = end as usize;
            of_first.sort_unstable();
            let mut before = None;
            for &number in &*of_first {
                let document = self.document(number);
                match before.replace(number) {
                    None => counter.add(0, once(first).chain(self.ranks(number, 0)), document),
                    Some(before) => {
                        let following = self.common(before, number);
                        counter.add(1 + following, self.ranks(number, following), document);
                    }
                }
            }
        }
    }

    /// The first unit of each place, and the number that the rest and the document make.
    fn deal_out(self, texts: &Texts<'_>, mut place: impl FnMut(u32, u128)) {
        let whole = (1_u128 << self.following) << 1;
        let highest = self.following.saturating_sub(1) * self.unit_bits;
        // Backwards, so that what follows a place is what follows the one behind it, and one
        // unit more. An end is less than any unit, so what is missing at the end is 0.
        let (mut following, mut words) = (0_u128, 0_u128);
        let places = texts.codes.iter().zip(&texts.batch.places);
        for (&code, Place { document, .. }) in places.rev() {
            if code == END {
                (following, words) = (0, 0);
                continue;
            }
            words = (words << 1 | u128::from(code & 1)) & (whole - 1);
            if texts.begins(code) {
                let units = match texts.longest_by_words(words) {
                    Some(longest) if longest <= self.following => {
                        let behind = (self.following + 1 - longest) * self.unit_bits;
                        following >> behind << behind
                    }
                    _ => following,
                };
                place(
                    code >> 1,
                    units << self.document_bits | u128::from(*document),
                );
            }
            if self.following > 0 {
                following = u128::from(code >> 1) << highest | following >> self.unit_bits;
            }
        }
    }
}

/// Counts n-grams whose places come in sorted order.
struct Counter<'b> {
    units: &'b UnitTexts,
    documents: Vec<Document>,
    levels: Vec<Vec<Node>>,
    spreads: Vec<Spread>,
    tails: Vec<u32>,
    /// The n-grams that the place before is of, by length.
    open: Vec<Open>,
    /// How many of them are: the longest of those that occur more than once so far, and one
    /// more, of which the rest is the tail.
    depth: usize,
    /// Ranks of the units of the place before.
    previous: Vec<u32>,
    /// Where its document comes from.
    origin: Origin,
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
    /// Where the nodes of what it begins begin.
    extensions: u32,
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
            extensions: 0,
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
            tails: Vec::new(),
            open: vec![nothing; config.max_units.into()],
            depth: 0,
            previous: Vec::new(),
            origin: Origin::default(),
            serial: 0,
        }
    }

    /// Counts the longest n-gram of a place and all that it begins with. It is given by how
    /// many units it shares with the place before, and the ranks of the rest from 1 on.
    fn add(&mut self, common: usize, rest: impl Iterator<Item = u32>, document: u32) {
        self.share(common);
        self.close(common);
        self.previous.truncate(common);
        self.previous.extend(rest);
        self.serial += 1;
        self.depth = self.previous.len().min(common + 1);
        if common < self.depth {
            self.begin(common);
        }
        let document = &mut self.documents[document as usize];
        let last = std::mem::replace(&mut document.last, self.serial);
        self.origin = document.origin;
        // What is new to an n-gram is new to all that it begins.
        let open = self.open[..self.depth].iter_mut().rev();
        for ngram in open.take_while(|ngram| last < ngram.since) {
            ngram.add_document(document.origin);
        }
    }

    /// Opens what the place before, until now the only one, shares with the next, and what
    /// follows that.
    fn share(&mut self, common: usize) {
        if common < self.depth {
            return;
        }
        let depth = self.previous.len().min(common + 1);
        for level in self.depth..depth {
            self.begin(level);
            self.open[level].add_document(self.origin);
        }
        self.depth = depth;
    }

    /// Opens the n-gram of one unit more than `level` at the newest place.
    fn begin(&mut self, level: usize) {
        let prefix = match level.checked_sub(1) {
            None => 0,
            Some(above) => self.open[above].hash,
        };
        let unit = self.units.hash(self.previous[level] - 1);
        let longer = self.levels.get(level + 1).map_or(0, Vec::len);
        let open = &mut self.open[level];
        open.hash = extend_hash(prefix, unit);
        open.since = self.serial;
        open.extensions = position(longer);
        open.documents = 0;
    }

    /// Ends the n-grams of more than `length` units.
    fn close(&mut self, length: usize) {
        for level in length..self.depth {
            let open = &self.open[level];
            let count = self.serial + 1 - open.since;
            let rest = match count {
                1 => &self.previous[level + 1..],
                _ => &[],
            };
            let place = if !rest.is_empty() {
                self.tails.extend(rest.iter().map(|rank| rank - 1));
                position(self.tails.len() - rest.len())
            } else if open.documents > 1 {
                self.spreads.push(open.spread);
                position(self.spreads.len() - 1)
            } else {
                NONE
            };
            self.levels[level].push(Node {
                hash: open.hash,
                unit: self.previous[level] - 1,
                count,
                documents: open.documents,
                extensions: open.extensions,
                place,
                first: open.first,
                tail: rest.len() as u8,
            });
        }
        self.depth = self.depth.min(length);
    }

    fn finished(mut self) -> Self {
        self.close(0);
        self.levels.iter_mut().for_each(Vec::shrink_to_fit);
        self.spreads.shrink_to_fit();
        self.tails.shrink_to_fit();
        self
    }
}

impl Open {
    fn add_document(&mut self, origin: Origin) {
        self.documents += 1;
        match self.documents {
            1 => self.first = origin,
            2 => {
                self.spread = Spread::of(self.first);
                self.spread.add_document(origin);
            }
            _ => self.spread.add_document(origin),
        }
    }
}
