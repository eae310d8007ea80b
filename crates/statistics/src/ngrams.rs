//! Counts of n-grams of units: the raw material of vocabulary.
//!
//! N-grams share their beginnings, so they are kept as a trie: a node stands below its prefix
//! (all but the last unit) and knows its last unit, and no n-gram has a string of its own.
//! What follows an n-gram that occurs once is not spread over nodes, but listed as its tail.
//! Texts wait in a batch until there are many or somebody asks, and are then counted
//! together by sorting (`count.rs`), since a table of millions of n-grams waits for memory
//! at each one that is counted by itself. The nodes stand in an order that depends on the
//! n-grams alone: the table of sixteen parts is, byte for byte, that of the whole.
//!
//! Two n-grams of equal 64-bit hash are told apart here, not where only hashes are kept
//! (a frozen vocabulary): among the four million n-grams of a full table that happens
//! once in two million tables.
//!
//! Counts are exact up to [`NgramConfig::max_ngrams`]. Past that, n-grams pass a
//! gate first: a count-min sketch with conservative update (Estan, Varghese 2002)
//! counts each until it is frequent, and one whose prefix is not in the table is
//! not even looked at, since it cannot be more frequent than its prefix (Apriori).
//! The table says that it is no longer exact, and by how much counts can be short.

mod batch;
mod count;
mod gate;
mod merge;
mod ngram;
mod preceding;
mod table;
#[cfg(test)]
mod tests;
mod unit_texts;
mod wire;

pub use ngram::{Ngram, NgramId, source_count};
pub use preceding::Preceding;

use crate::units::{UnitReader, mix};
use batch::Batch;
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;
use table::Table;

/// Parts of the time that a table covers: sixteenths of a baseline, days of a week.
pub const FOLDS: usize = 16;

/// Texts past this many are no longer checked for being a copy of an earlier one.
const MAX_REMEMBERED_TEXTS: usize = 1 << 20;

/// Of a text so many units are counted, so that one text of many megabytes cannot take the
/// memory of all others; a novel has about a million.
const MAX_TEXT_UNITS: usize = 1 << 16;

/// Texts are counted together once their units are this part of the n-grams that a table
/// may hold: more at a time is faster, and takes more memory while they are counted.
const BATCH_SHARE: usize = 4;

const NONE: u32 = u32::MAX;

/// What a table counts and how much it may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NgramConfig {
    /// Units of the longest n-gram.
    pub max_units: u8,
    /// Words of the longest n-gram, where units are words.
    pub max_words: u8,
    /// N-grams up to which the table is exact, and which it never holds more of.
    pub max_ngrams: u32,
}

impl NgramConfig {
    /// For a window: at most 512 Ki n-grams and 40 MiB, and a gate of 16 MiB past that.
    pub fn window() -> Self {
        Self {
            max_units: 6,
            max_words: 4,
            max_ngrams: 1 << 19,
        }
    }

    /// For a baseline: at most 4 Mi n-grams and 300 MiB, and a gate of 16 MiB past that.
    pub fn baseline() -> Self {
        Self {
            max_ngrams: 1 << 22,
            ..Self::window()
        }
    }
}

impl Default for NgramConfig {
    fn default() -> Self {
        Self::window()
    }
}

/// How often each n-gram of units stands in some texts: a mergeable value.
///
/// A *document* is a distinct text, by [`UnitReader::document_hash`]: of copies of a
/// text only the first counts, as far as one table sees them. Tables of parts merge
/// to the table of the whole if no text is in two parts; shard by text or author.
#[derive(Debug, Clone)]
pub struct NgramCounts {
    totals: Totals,
    fold_units: [u64; FOLDS],
    /// Without the texts of `batch`.
    table: Table,
    batch: Batch,
    /// With the texts of `batch`, once somebody has asked.
    counted: OnceLock<Table>,
    remembered: FxHashSet<u64>,
    reader: UnitReader,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Totals {
    texts: u64,
    documents: u64,
    units: u64,
}

/// Where a document comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Origin {
    fold: u8,
    source_bit: u8,
}

impl NgramCounts {
    /// An empty table.
    pub fn new(config: NgramConfig) -> Self {
        Self {
            totals: Totals::default(),
            fold_units: [0; FOLDS],
            table: Table::new(config),
            batch: Batch::default(),
            counted: OnceLock::new(),
            remembered: FxHashSet::default(),
            reader: UnitReader::default(),
        }
    }

    /// Adds one text. `fold` is the part of the table's span it belongs to (beyond the
    /// last counts as the last); `source` is a hash of who wrote it, or `None` where
    /// nobody knows, and then every document is a source of its own. Of a text of more than
    /// 65,536 units the rest is left out.
    pub fn update(&mut self, text: &str, fold: u8, source: Option<u64>) {
        self.totals.texts += 1;
        self.reader.read(text);
        let document = self.reader.document_hash();
        let units = self.reader.unit_count().min(MAX_TEXT_UNITS) as u64;
        if units == 0 || !self.is_first(document) {
            return;
        }
        let origin = Origin {
            fold: fold.min(FOLDS as u8 - 1),
            source_bit: (mix(source.unwrap_or(document)) >> 58) as u8,
        };
        self.totals.documents += 1;
        self.totals.units += units;
        self.fold_units[usize::from(origin.fold)] += units;
        self.take_counted();
        self.batch.add(&self.reader, origin);
        if self.batch.len() >= self.config().max_ngrams as usize / BATCH_SHARE {
            self.settle();
        }
    }

    fn is_first(&mut self, document: u64) -> bool {
        if self.remembered.len() < MAX_REMEMBERED_TEXTS {
            self.remembered.insert(document)
        } else {
            !self.remembered.contains(&document)
        }
    }

    /// The n-grams of all texts.
    fn table(&self) -> &Table {
        if self.batch.is_empty() {
            return &self.table;
        }
        self.counted.get_or_init(|| {
            let counted = count::count(&self.batch, self.config());
            together(self.table.clone(), counted)
        })
    }

    /// Keeps what was counted because somebody asked.
    fn take_counted(&mut self) {
        if let Some(counted) = self.counted.take() {
            self.table = counted;
            self.batch = Batch::default();
        }
    }

    /// Counts the texts that wait.
    fn settle(&mut self) {
        self.take_counted();
        if !self.batch.is_empty() {
            let batch = std::mem::take(&mut self.batch);
            let counted = count::count(&batch, self.config());
            drop(batch);
            self.table = together(self.take_table(), counted);
        }
    }

    fn take_table(&mut self) -> Table {
        let empty = Table::new(self.config());
        std::mem::replace(&mut self.table, empty)
    }

    /// Adds the n-grams of another table, whose folds cover the same time.
    ///
    /// Exact where both are and the sum fits; else counts can be short by the sum of
    /// both tables' [`shortfall`](Self::shortfall).
    pub fn merge(&mut self, other: &Self) {
        self.totals.texts += other.totals.texts;
        self.totals.documents += other.totals.documents;
        self.totals.units += other.totals.units;
        for (mine, theirs) in self.fold_units.iter_mut().zip(other.fold_units) {
            *mine += theirs;
        }
        self.settle();
        self.table = self.take_table().merged(other.table());
    }

    /// What the table counts and may hold.
    pub fn config(&self) -> NgramConfig {
        self.table.config
    }

    /// Texts added, copies and texts without units too.
    pub fn texts(&self) -> u64 {
        self.totals.texts
    }

    /// Distinct texts with units.
    pub fn documents(&self) -> u64 {
        self.totals.documents
    }

    /// Units of the documents.
    pub fn units(&self) -> u64 {
        self.totals.units
    }

    /// Units of the documents of each fold.
    pub fn fold_units(&self) -> [u64; FOLDS] {
        self.fold_units
    }

    /// Different n-grams in the table.
    pub fn len(&self) -> usize {
        self.table().len()
    }

    /// Whether no n-gram was counted.
    pub fn is_empty(&self) -> bool {
        self.table().is_empty()
    }

    /// Whether every n-gram of every document is in the table, with its count.
    pub fn is_exact(&self) -> bool {
        self.table().gate.is_none()
    }

    /// How many occurrences a count can be short of the truth; 0 where exact.
    pub fn shortfall(&self) -> u32 {
        self.table().shortfall()
    }

    /// The most occurrences that an n-gram which is not in the table can have.
    pub fn absent_bound(&self) -> u32 {
        let table = self.table();
        table.shortfall().saturating_add(table.waiting())
    }

    /// The n-gram that `text` is, if the table has it.
    pub fn find(&self, text: &str) -> Option<Ngram<'_>> {
        let mut reader = UnitReader::default();
        reader.read(text);
        let mut runs = reader.runs();
        let (run, None) = (runs.next()?, runs.next()) else {
            return None;
        };
        let hashes: Vec<u64> = run.units().iter().map(|unit| unit.hash).collect();
        self.find_units(&hashes)
    }

    /// Counts what waits, gives back memory that is held for more texts, and forgets those
    /// of which a later text could be a copy: for a table that is complete.
    pub fn shrink_to_fit(&mut self) {
        self.settle();
        self.table.shrink_to_fit();
        self.remembered = FxHashSet::default();
        self.reader = UnitReader::default();
    }

    /// Bytes held, for a memory pool.
    pub fn size_bytes(&self) -> usize {
        self.table.size_bytes()
            + self.counted.get().map_or(0, Table::size_bytes)
            + self.batch.size_bytes()
            + self.remembered.capacity() * 9
    }
}

/// A table and that of a batch.
fn together(table: Table, mut counted: Table) -> Table {
    if table.is_empty() && table.gate.is_none() {
        counted.shrink();
        return counted;
    }
    table.merged(&counted)
}

impl Default for NgramCounts {
    fn default() -> Self {
        Self::new(NgramConfig::default())
    }
}

/// A length or position as the numbers of this module are kept.
fn position(length: usize) -> u32 {
    u32::try_from(length)
        .ok()
        .filter(|&id| id != NONE)
        .expect("a table holds fewer than 2³² n-grams and bytes")
}
