//! Counts of n-grams of units: the raw material of vocabulary.
//!
//! N-grams share their beginnings, so they are kept as a trie: a node knows its
//! prefix (all but the last unit) and its last unit, and no n-gram has a string of
//! its own. It knows its suffix (all but the first unit) too, so that what stands
//! before and after an n-gram can be read off the longer ones.
//!
//! A node is found by the 64-bit hash of its units, not by way of its prefix: the
//! hashes of all n-grams of a text are known before the first is looked up, so the
//! processor waits for many places of memory at once rather than for one after the
//! other. Two n-grams of equal hash would be counted as one; among the four million
//! of a full table that happens once in two million tables.
//!
//! Counts are exact up to [`NgramConfig::max_ngrams`]. Past that, n-grams pass a
//! gate first: a count-min sketch with conservative update (Estan, Varghese 2002)
//! counts each until it is frequent, and one whose prefix is not in the table is
//! not even looked at, since it cannot be more frequent than its prefix (Apriori).
//! The table says that it is no longer exact, and by how much counts can be short.

mod index;
mod wire;

use crate::units::{Run, Unit, UnitKind, UnitReader, extend_hash, mix};
use index::HashIndex;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

/// Parts of the time that a table covers: sixteenths of a baseline, days of a week.
pub const FOLDS: usize = 16;

/// Texts past this many are no longer checked for being a copy of an earlier one.
const MAX_REMEMBERED_TEXTS: usize = 1 << 20;

/// An n-gram enters a full table once the gate has counted it this often; doubled
/// whenever the table is full again.
const FIRST_PROMOTION: u32 = 8;

/// Cells of a row of the gate per n-gram that the table holds, and the most cells.
const GATE_CELLS_PER_NGRAM: usize = 8;
const MAX_GATE_CELLS: usize = 1 << 22;

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
    /// For a window: at most 512 Ki n-grams, about 45 MiB, and a gate of 16 MiB past that.
    pub fn window() -> Self {
        Self {
            max_units: 6,
            max_words: 4,
            max_ngrams: 1 << 19,
        }
    }

    /// For a baseline: at most 4 Mi n-grams, about 360 MiB, and a gate of 16 MiB past that.
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
    config: NgramConfig,
    totals: Totals,
    fold_units: [u64; FOLDS],
    units: Vec<UnitText>,
    unit_ids: FxHashMap<u64, u32>,
    text: String,
    nodes: Vec<Node>,
    node_ids: HashIndex,
    spreads: Vec<Spread>,
    gate: Option<Gate>,
    merged_shortfall: u32,
    remembered: FxHashSet<u64>,
    serial: u32,
    reader: UnitReader,
    scratch: Scratch,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Totals {
    texts: u64,
    documents: u64,
    units: u64,
}

#[derive(Debug, Clone, Copy)]
struct UnitText {
    hash: u64,
    start: u32,
    end: u32,
    kind: UnitKind,
}

/// Where a document comes from.
#[derive(Debug, Clone, Copy)]
struct Origin {
    fold: u8,
    source_bit: u8,
}

/// What counting a text needs for a moment; kept for its memory.
#[derive(Debug, Clone, Default)]
struct Scratch {
    /// Of the run's units, `NONE` where not known yet.
    units: Vec<u32>,
    /// Of the run's n-grams, by beginning and then by length.
    hashes: Vec<u64>,
    /// The node of each, or `NONE`, when the run began.
    known: Vec<u32>,
    /// Nodes of the n-grams that begin at the unit after the current one, by length.
    after: Vec<u32>,
    here: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    hash: u64,
    prefix: u32,
    suffix: u32,
    unit: u32,
    count: u32,
    documents: u32,
    /// Serial number of the last document, so that it counts once.
    last_document: u32,
    /// Where its spread is; `NONE` while one document has it.
    spread: u32,
    /// Fold of that one document.
    first_fold: u8,
    /// Bit of that one document's source.
    first_source: u8,
    length: u8,
    words: u8,
}

/// Over what the documents of an n-gram are spread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Spread {
    folds: [u16; FOLDS],
    /// Linear counting of sources (Whang et al. 1990) on 64 bits.
    sources: u64,
}

/// One n-gram of a table.
#[derive(Debug, Clone, Copy)]
pub struct Ngram<'a> {
    table: &'a NgramCounts,
    id: u32,
}

impl NgramCounts {
    /// An empty table.
    pub fn new(config: NgramConfig) -> Self {
        Self {
            config,
            totals: Totals::default(),
            fold_units: [0; FOLDS],
            units: Vec::new(),
            unit_ids: FxHashMap::default(),
            text: String::new(),
            nodes: Vec::new(),
            node_ids: HashIndex::default(),
            spreads: Vec::new(),
            gate: None,
            merged_shortfall: 0,
            remembered: FxHashSet::default(),
            serial: 0,
            reader: UnitReader::default(),
            scratch: Scratch::default(),
        }
    }

    /// Adds one text. `fold` is the part of the table's span it belongs to (beyond the
    /// last counts as the last); `source` is a hash of who wrote it, or `None` where
    /// nobody knows, and then every document is a source of its own.
    pub fn update(&mut self, text: &str, fold: u8, source: Option<u64>) {
        self.totals.texts += 1;
        let mut reader = std::mem::take(&mut self.reader);
        reader.read(text);
        let document = reader.document_hash();
        if reader.unit_count() > 0 && self.is_first(document) {
            self.count(
                &reader,
                fold.min(FOLDS as u8 - 1),
                source.unwrap_or(document),
            );
        }
        self.reader = reader;
    }

    fn is_first(&mut self, document: u64) -> bool {
        if self.remembered.len() < MAX_REMEMBERED_TEXTS {
            self.remembered.insert(document)
        } else {
            !self.remembered.contains(&document)
        }
    }

    fn count(&mut self, reader: &UnitReader, fold: u8, source: u64) {
        let origin = Origin {
            fold,
            source_bit: (mix(source) >> 58) as u8,
        };
        self.serial = self.serial.wrapping_add(1);
        self.totals.documents += 1;
        self.totals.units += reader.unit_count() as u64;
        self.fold_units[usize::from(fold)] += reader.unit_count() as u64;
        let mut scratch = std::mem::take(&mut self.scratch);
        for run in reader.runs() {
            self.count_run(&run, origin, &mut scratch);
        }
        self.scratch = scratch;
        if self.nodes.len() > self.config.max_ngrams as usize {
            self.shrink();
        }
    }

    fn count_run(&mut self, run: &Run<'_>, origin: Origin, scratch: &mut Scratch) {
        let Scratch {
            units,
            hashes,
            known,
            after,
            here,
        } = scratch;
        units.clear();
        units.resize(run.units().len(), NONE);
        after.clear();
        self.look_up(run, hashes, known);
        let mut ngrams = hashes.iter().copied().zip(known.iter().copied());
        // From the end, so that a node's suffix is there before the node.
        for begin in (0..run.units().len()).rev() {
            here.clear();
            let (mut prefix, mut is_new) = (NONE, false);
            for length in 0..ngrams_from(&self.config, &run.units()[begin..]) {
                let (hash, known) = ngrams.next().expect("every n-gram has a hash");
                // Where the prefix was not let in, neither is what it begins.
                if length > here.len() {
                    continue;
                }
                let suffix = match length {
                    0 => NONE,
                    _ => after.get(length - 1).copied().unwrap_or(NONE),
                };
                let node = match known {
                    NONE if is_new => None,
                    // The run may hold it twice.
                    NONE => self.node(hash),
                    known => Some(known),
                };
                is_new = node.is_none();
                let node = match node {
                    Some(node) => node,
                    None => {
                        let Some(seen) = self.admit(hash) else {
                            continue;
                        };
                        let at = begin + length;
                        if units[at] == NONE {
                            let unit = &run.units()[at];
                            units[at] = self.intern(unit.hash, unit.kind, run.text(at, at + 1));
                        }
                        self.insert(prefix, suffix, units[at], seen, origin)
                    }
                };
                if length == 0 {
                    units[begin] = self.nodes[node as usize].unit;
                }
                self.count_node(node, suffix, origin);
                here.push(node);
                prefix = node;
            }
            std::mem::swap(after, here);
        }
    }

    /// Hashes of the n-grams of a run, and the node of each that has one: those that begin
    /// last come first, and of those the shortest.
    ///
    /// All are looked up before any is counted, so that none waits for another. To stop at
    /// the first that is not there saves look-ups, and yet measured slower: it waits again,
    /// and the places where new ones go are not in the cache by then.
    fn look_up(&self, run: &Run<'_>, hashes: &mut Vec<u64>, known: &mut Vec<u32>) {
        hashes.clear();
        known.clear();
        for begin in (0..run.units().len()).rev() {
            let units = &run.units()[begin..];
            let mut hash = 0;
            for unit in &units[..ngrams_from(&self.config, units)] {
                hash = extend_hash(hash, unit.hash);
                hashes.push(hash);
            }
        }
        known.extend(hashes.iter().map(|&hash| self.node(hash).unwrap_or(NONE)));
    }

    /// Whether an n-gram that is not in the table may enter it, and how often it was
    /// seen before.
    fn admit(&mut self, hash: u64) -> Option<u32> {
        match &mut self.gate {
            None => Some(0),
            Some(gate) => {
                let seen = gate.add(hash);
                (seen >= gate.promotion).then(|| seen - 1)
            }
        }
    }

    fn intern(&mut self, hash: u64, kind: UnitKind, text: &str) -> u32 {
        *self.unit_ids.entry(hash).or_insert_with(|| {
            let start = position(self.text.len());
            self.text.push_str(text);
            self.units.push(UnitText {
                hash,
                start,
                end: position(self.text.len()),
                kind,
            });
            position(self.units.len() - 1)
        })
    }

    /// The n-gram with this hash.
    fn node(&self, hash: u64) -> Option<u32> {
        self.node_ids.get(hash, |id| self.nodes[id as usize].hash)
    }

    fn insert(&mut self, prefix: u32, suffix: u32, unit: u32, seen: u32, origin: Origin) -> u32 {
        let id = position(self.nodes.len());
        let last = &self.units[unit as usize];
        let is_word = u8::from(last.kind == UnitKind::Word);
        let (hash, length, words) = match self.nodes.get(prefix as usize) {
            Some(prefix) => (prefix.hash, prefix.length + 1, prefix.words + is_word),
            None => (0, 1, is_word),
        };
        let hash = extend_hash(hash, last.hash);
        self.nodes.push(Node {
            hash,
            prefix,
            suffix,
            unit,
            count: seen,
            documents: seen,
            last_document: self.serial.wrapping_sub(1),
            spread: NONE,
            first_fold: origin.fold,
            first_source: origin.source_bit,
            length,
            words,
        });
        self.node_ids.insert(hash, id);
        id
    }

    fn count_node(&mut self, id: u32, suffix: u32, origin: Origin) {
        let node = &mut self.nodes[id as usize];
        node.count = node.count.saturating_add(1);
        if node.suffix == NONE {
            node.suffix = suffix;
        }
        if node.last_document == self.serial {
            return;
        }
        node.last_document = self.serial;
        node.documents = node.documents.saturating_add(1);
        if node.documents > 1 {
            let spread = self.spread_mut(id);
            let cell = &mut spread.folds[usize::from(origin.fold)];
            *cell = cell.saturating_add(1);
            spread.sources |= 1 << origin.source_bit;
        }
    }

    /// The n-gram's spread, made from its one document so far if it has none.
    fn spread_mut(&mut self, id: u32) -> &mut Spread {
        let node = &mut self.nodes[id as usize];
        if node.spread == NONE {
            node.spread = position(self.spreads.len());
            self.spreads.push(first_spread(node));
        }
        &mut self.spreads[node.spread as usize]
    }

    /// Makes room: n-grams that are not frequent go into the gate.
    fn shrink(&mut self) {
        let gate = self
            .gate
            .get_or_insert_with(|| Gate::new(self.config.max_ngrams));
        // At least a third must go, or the next n-grams would soon shrink it again.
        let goal = self.config.max_ngrams as usize * 2 / 3;
        let mut promotion = gate.promotion;
        while self
            .nodes
            .iter()
            .filter(|node| node.count >= promotion)
            .count()
            > goal
        {
            promotion = promotion.saturating_mul(2);
        }
        gate.promotion = promotion;
        for node in &self.nodes {
            if node.count < promotion {
                gate.raise(node.hash, node.count);
            }
        }
        gate.promotion = promotion.max(FIRST_PROMOTION);

        // A prefix and a suffix are at least as frequent and so stay with what stays;
        // where estimates broke that order, the n-gram goes with its prefix.
        let (nodes, units) = (
            std::mem::take(&mut self.nodes),
            std::mem::take(&mut self.units),
        );
        let (text, spreads) = (
            std::mem::take(&mut self.text),
            std::mem::take(&mut self.spreads),
        );
        self.unit_ids.clear();
        self.node_ids.clear();
        let mut moved = vec![NONE; nodes.len()];
        for (id, node) in nodes.iter().enumerate() {
            let prefix = match node.prefix {
                NONE => NONE,
                prefix => match moved[prefix as usize] {
                    NONE => continue,
                    prefix => prefix,
                },
            };
            if node.count < promotion {
                continue;
            }
            let unit = units[node.unit as usize];
            let piece = text
                .get(unit.start as usize..unit.end as usize)
                .unwrap_or("");
            let unit = self.intern(unit.hash, unit.kind, piece);
            let suffix = moved.get(node.suffix as usize).copied().unwrap_or(NONE);
            let spread = match spreads.get(node.spread as usize) {
                Some(spread) => {
                    self.spreads.push(*spread);
                    position(self.spreads.len() - 1)
                }
                None => NONE,
            };
            let new = position(self.nodes.len());
            self.nodes.push(Node {
                prefix,
                suffix,
                unit,
                spread,
                ..*node
            });
            self.node_ids.insert(node.hash, new);
            moved[id] = new;
        }
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
        let mut in_other = vec![false; self.nodes.len()];
        let mut mine_of_theirs = vec![NONE; other.nodes.len()];
        for (id, theirs) in other.nodes.iter().enumerate() {
            let prefix = match theirs.prefix {
                NONE => NONE,
                prefix => mine_of_theirs[prefix as usize],
            };
            let suffix = mine_of_theirs
                .get(theirs.suffix as usize)
                .copied()
                .unwrap_or(NONE);
            let unit = &other.units[theirs.unit as usize];
            let unit = self.intern(unit.hash, unit.kind, other.unit_text(theirs.unit));
            let mine = match self.node(theirs.hash) {
                Some(mine) => mine,
                None => {
                    in_other.push(true);
                    let seen = self.gate.as_ref().map_or(0, |gate| gate.get(theirs.hash));
                    let origin = Origin {
                        fold: theirs.first_fold,
                        source_bit: theirs.first_source,
                    };
                    self.insert(prefix, suffix, unit, seen, origin)
                }
            };
            mine_of_theirs[id] = mine;
            in_other[mine as usize] = true;
            self.merge_node(mine, suffix, theirs, other.spread(theirs));
        }
        if let Some(gate) = &other.gate {
            for (node, _) in self
                .nodes
                .iter_mut()
                .zip(&in_other)
                .filter(|(_, in_other)| !**in_other)
            {
                let seen = gate.get(node.hash);
                node.count = node.count.saturating_add(seen);
                node.documents = node.documents.saturating_add(seen);
            }
            self.merged_shortfall = self.merged_shortfall.saturating_add(other.shortfall());
            match &mut self.gate {
                Some(mine) => mine.merge(gate),
                None => self.gate = Some(gate.clone()),
            }
        }
        if self.nodes.len() > self.config.max_ngrams as usize {
            self.shrink();
        }
    }

    fn merge_node(&mut self, id: u32, suffix: u32, theirs: &Node, their_spread: Spread) {
        let node = &mut self.nodes[id as usize];
        if node.suffix == NONE {
            node.suffix = suffix;
        }
        let had_documents = node.documents > 0;
        node.count = node.count.saturating_add(theirs.count);
        if !had_documents && theirs.documents <= 1 {
            node.documents = theirs.documents;
            return;
        }
        if had_documents {
            self.spread_mut(id).add(&their_spread);
        } else {
            let node = &mut self.nodes[id as usize];
            node.spread = position(self.spreads.len());
            self.spreads.push(their_spread);
        }
        let node = &mut self.nodes[id as usize];
        node.documents = node.documents.saturating_add(theirs.documents);
    }

    /// What the table counts and may hold.
    pub fn config(&self) -> NgramConfig {
        self.config
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
        self.nodes.len()
    }

    /// Whether no n-gram was counted.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether every n-gram of every document is in the table, with its count.
    pub fn is_exact(&self) -> bool {
        self.gate.is_none()
    }

    /// How many occurrences a count can be short of the truth; 0 where exact. An
    /// n-gram that is not in the table has at most this and one promotion more.
    ///
    /// An n-gram of n units was passed over at most while one of its n − 1 prefixes
    /// was waiting at the gate.
    pub fn shortfall(&self) -> u32 {
        let waiting = self.gate.as_ref().map_or(0, |gate| gate.promotion - 1);
        let levels = u32::from(self.config.max_units.saturating_sub(1));
        self.merged_shortfall
            .saturating_add(waiting.saturating_mul(levels))
    }

    /// The most occurrences that an n-gram which is not in the table can have.
    pub fn absent_bound(&self) -> u32 {
        let waiting = self.gate.as_ref().map_or(0, |gate| gate.promotion - 1);
        self.shortfall().saturating_add(waiting)
    }

    /// Gives back memory that is held for more texts, and forgets those of which a later
    /// text could be a copy: for a table that is complete.
    pub fn shrink_to_fit(&mut self) {
        self.nodes.shrink_to_fit();
        self.spreads.shrink_to_fit();
        self.remembered = FxHashSet::default();
        self.reader = UnitReader::default();
        self.scratch = Scratch::default();
    }

    /// Bytes held, for a memory pool.
    pub fn size_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
            + self.node_ids.size_bytes()
            + self.spreads.capacity() * size_of::<Spread>()
            + self.units.capacity() * (size_of::<UnitText>() + 18)
            + self.remembered.capacity() * 9
            + self.text.capacity()
            + self.gate.as_ref().map_or(0, |gate| gate.cells.len() * 2)
    }

    /// The n-gram with this identifier, below [`len`](Self::len). A longer n-gram has
    /// a greater identifier than its prefix and its suffix; else the order is that of
    /// first sight, and differs between tables.
    ///
    /// # Panics
    /// If `id` is not below the number of n-grams.
    pub fn ngram(&self, id: u32) -> Ngram<'_> {
        assert!((id as usize) < self.nodes.len(), "no n-gram {id}");
        Ngram { table: self, id }
    }

    /// The n-grams in the order of their identifiers.
    pub fn ngrams(&self) -> impl ExactSizeIterator<Item = Ngram<'_>> {
        (0..position(self.nodes.len())).map(|id| Ngram { table: self, id })
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

    /// The n-gram of units with these hashes, if the table has it.
    pub fn find_units(&self, hashes: &[u64]) -> Option<Ngram<'_>> {
        self.find_hash(hashes.iter().fold(0, |hash, &unit| extend_hash(hash, unit)))
    }

    /// The n-gram with this hash, which [`extend_hash`] makes, if the table has it.
    pub fn find_hash(&self, hash: u64) -> Option<Ngram<'_>> {
        let id = self.node(hash)?;
        Some(Ngram { table: self, id })
    }

    fn unit_text(&self, unit: u32) -> &str {
        let unit = &self.units[unit as usize];
        self.text
            .get(unit.start as usize..unit.end as usize)
            .expect("units begin and end between characters")
    }

    fn spread(&self, node: &Node) -> Spread {
        match self.spreads.get(node.spread as usize) {
            Some(spread) => *spread,
            None => first_spread(node),
        }
    }
}

impl Default for NgramCounts {
    fn default() -> Self {
        Self::new(NgramConfig::default())
    }
}

impl<'a> Ngram<'a> {
    fn node(&self) -> &'a Node {
        &self.table.nodes[self.id as usize]
    }

    /// Its identifier in its table.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Hash of its units; see [`extend_hash`].
    pub fn hash(&self) -> u64 {
        self.node().hash
    }

    /// All but its last unit; `None` for a single unit.
    pub fn prefix(&self) -> Option<u32> {
        Some(self.node().prefix).filter(|&id| id != NONE)
    }

    /// All but its first unit; `None` for a single unit, or where a table that is not
    /// exact does not hold it.
    pub fn suffix(&self) -> Option<u32> {
        Some(self.node().suffix).filter(|&id| id != NONE)
    }

    /// Number of units.
    pub fn length(&self) -> usize {
        usize::from(self.node().length)
    }

    /// Number of units that are words.
    pub fn words(&self) -> usize {
        usize::from(self.node().words)
    }

    /// Text of the last unit.
    pub fn last_unit(&self) -> &'a str {
        self.table.unit_text(self.node().unit)
    }

    /// What the last unit is made of.
    pub fn last_kind(&self) -> UnitKind {
        self.table.units[self.node().unit as usize].kind
    }

    /// Hashes of its units, in order.
    pub fn unit_hashes(&self) -> Vec<u64> {
        let mut hashes = vec![0; self.length()];
        let mut at = Some(*self);
        for hash in hashes.iter_mut().rev() {
            let ngram = at.expect("an n-gram has as many prefixes as units");
            *hash = self.table.units[ngram.node().unit as usize].hash;
            at = ngram.prefix().map(|id| self.table.ngram(id));
        }
        hashes
    }

    /// The n-gram as people read it.
    pub fn text(&self) -> String {
        let mut units = Vec::with_capacity(self.length());
        let mut at = Some(*self);
        while let Some(ngram) = at {
            units.push(ngram);
            at = ngram.prefix().map(|id| self.table.ngram(id));
        }
        let mut text = String::new();
        let mut after_word = false;
        for unit in units.iter().rev() {
            let is_word = unit.last_kind() == UnitKind::Word;
            if is_word && after_word {
                text.push(' ');
            }
            text.push_str(unit.last_unit());
            after_word = is_word;
        }
        text
    }

    /// Occurrences.
    pub fn count(&self) -> u32 {
        self.node().count
    }

    /// Documents that hold it.
    pub fn documents(&self) -> u32 {
        self.node().documents
    }

    /// Documents that hold it, by fold.
    pub fn folds(&self) -> [u16; FOLDS] {
        self.table.spread(self.node()).folds
    }

    /// A bit for each group of 64 of the sources that used it.
    pub fn source_bits(&self) -> u64 {
        self.table.spread(self.node()).sources
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

impl Spread {
    fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.folds.iter_mut().zip(other.folds) {
            *mine = mine.saturating_add(theirs);
        }
        self.sources |= other.sources;
    }
}

fn first_spread(node: &Node) -> Spread {
    let mut spread = Spread::default();
    if node.documents > 0 {
        spread.folds[usize::from(node.first_fold)] = 1;
        spread.sources = 1 << node.first_source;
    }
    spread
}

/// How many n-grams that are counted begin at the first of these units.
fn ngrams_from(config: &NgramConfig, units: &[Unit]) -> usize {
    let mut words = 0;
    units
        .iter()
        .take(config.max_units.into())
        .take_while(|unit| {
            words += u8::from(unit.kind == UnitKind::Word);
            words <= config.max_words
        })
        .count()
}

fn position(length: usize) -> u32 {
    u32::try_from(length)
        .ok()
        .filter(|&id| id != NONE)
        .expect("a table holds fewer than 2³² n-grams and bytes")
}

/// Count-min sketch of two rows: what waits to enter a full table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Gate {
    /// The two rows, one after the other.
    cells: Vec<u16>,
    promotion: u32,
}

impl Gate {
    fn new(max_ngrams: u32) -> Self {
        let row = (max_ngrams as usize * GATE_CELLS_PER_NGRAM)
            .next_power_of_two()
            .clamp(64, MAX_GATE_CELLS);
        Self {
            cells: vec![0; 2 * row],
            promotion: FIRST_PROMOTION,
        }
    }

    fn places(&self, hash: u64) -> [usize; 2] {
        let row = self.cells.len() / 2;
        let hash = mix(hash);
        [
            (hash as usize) & (row - 1),
            row + ((hash >> 32) as usize & (row - 1)),
        ]
    }

    fn get(&self, hash: u64) -> u32 {
        let [a, b] = self.places(hash);
        u32::from(self.cells[a].min(self.cells[b]))
    }

    /// Counts one more and returns how many.
    fn add(&mut self, hash: u64) -> u32 {
        let count = self.get(hash) + 1;
        self.raise(hash, count);
        count
    }

    /// Conservative update: cells that already say more stay as they are.
    fn raise(&mut self, hash: u64, count: u32) {
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        for place in self.places(hash) {
            self.cells[place] = self.cells[place].max(count);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.promotion = self.promotion.max(other.promotion);
        // Tables of one pipeline have one size; folding a greater gate onto a smaller
        // one keeps every count an upper bound.
        let (mine, theirs) = (self.cells.len() / 2, other.cells.len() / 2);
        if theirs < mine {
            let small = std::mem::replace(self, other.clone());
            self.promotion = small.promotion;
            return self.merge(&small);
        }
        for (place, &count) in other.cells.iter().enumerate() {
            let row = place / theirs;
            let cell = &mut self.cells[row * mine + (place % theirs) % mine];
            *cell = cell.saturating_add(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Row = (u32, u32, [u16; FOLDS], u64);

    fn rows(table: &NgramCounts) -> BTreeMap<String, Row> {
        table
            .ngrams()
            .map(|n| {
                (
                    n.text(),
                    (n.count(), n.documents(), n.folds(), n.source_bits()),
                )
            })
            .collect()
    }

    fn table(texts: &[(String, u8)], config: NgramConfig) -> NgramCounts {
        let mut table = NgramCounts::new(config);
        for (text, fold) in texts {
            table.update(text, *fold, None);
        }
        table
    }

    fn small_texts() -> impl Strategy<Value = Vec<(String, u8)>> {
        prop::collection::vec(("[甲乙丙丁，a b]{1,9}", 0..7_u8), 0..30)
    }

    #[test]
    fn counts_are_those_made_by_hand() {
        let mut table = NgramCounts::default();
        table.update("班味，班味重", 0, None);
        table.update("没有班味", 3, Some(7));
        table.update("没有 班味!", 3, Some(7));
        table.update("没有班味！！", 4, Some(8));
        let ngram = table.find("班味").unwrap();
        // The last text is a copy of the second; the third is cut otherwise.
        assert_eq!((ngram.count(), ngram.documents()), (4, 3));
        assert_eq!(ngram.folds()[..4], [1, 0, 0, 2]);
        assert_eq!(ngram.source_bits().count_ones(), 2);
        assert_eq!(
            (table.texts(), table.documents(), table.units()),
            (4, 3, 13)
        );
        assert_eq!(table.find("有班味").map(|n| n.documents()), Some(1));
        assert!(table.find("味班").is_none() && table.find("味，班").is_none());
        assert!(table.is_exact() && table.absent_bound() == 0);
    }

    #[test]
    fn a_unit_that_is_new_and_stands_twice_in_a_text_is_one_ngram() {
        let mut table = NgramCounts::default();
        table.update("丁丁", 0, None);
        assert_eq!(table.len(), 2);
        assert_eq!(
            table.find("丁").map(|n| (n.count(), n.documents())),
            Some((2, 1))
        );
    }

    #[test]
    fn ngrams_end_at_six_units_and_at_four_words() {
        let mut table = NgramCounts::default();
        table.update("一二三四五六七", 0, None);
        table.update("one two three four five", 0, None);
        assert_eq!(table.ngrams().map(|n| n.length()).max(), Some(6));
        assert!(table.find("two three four five").is_some());
        assert_eq!(table.ngrams().map(|n| n.words()).max(), Some(4));
        assert_eq!(table.find("one two").unwrap().text(), "one two");
    }

    #[test]
    fn ten_thousand_copies_of_a_text_are_one_document() {
        let mut table = NgramCounts::default();
        for _ in 0..10_000 {
            table.update("全网最低价", 0, None);
        }
        assert_eq!((table.texts(), table.documents()), (10_000, 1));
        assert_eq!(table.find("最低价").unwrap().count(), 1);
    }

    #[test]
    fn sources_are_counted_until_there_are_many() {
        assert_eq!(source_count(0), Some(0.0));
        assert_eq!(source_count(1).map(f64::round), Some(1.0));
        // 64 ln 2, where half of the bits are set.
        assert!((source_count(u64::MAX >> 32).unwrap() - 44.361_419_555_836_5).abs() < 1e-9);
        assert_eq!(source_count(u64::MAX), None);
    }

    #[test]
    fn tables_past_their_cap_stay_within_it_and_tell_by_how_much_they_are_short() {
        let config = NgramConfig {
            max_ngrams: 500,
            ..NgramConfig::default()
        };
        let texts: Vec<(String, u8)> = (0..4_000_u64)
            .map(|i| {
                // A few frequent words among characters that hardly repeat.
                let noise =
                    |k: u64| char::from_u32(0x4e00 + (mix(i * 7 + k) % 5_000) as u32).unwrap();
                let word = ["班味", "硬控", "搭子"][(mix(i) % 3) as usize];
                (
                    format!("{}{}{word}{}", noise(1), noise(2), noise(3)),
                    (i % 7) as u8,
                )
            })
            .collect();
        let exact = table(&texts, NgramConfig::baseline());
        let (left, right) = texts.split_at(1_500);
        let mut merged = table(left, config);
        merged.merge(&table(right, config));
        for short in [table(&texts, config), merged] {
            assert!(short.len() <= 500 && !short.is_exact());
            for ngram in exact.ngrams() {
                match short.find(&ngram.text()) {
                    Some(found) => assert!(found.count() + short.shortfall() >= ngram.count()),
                    None => assert!(ngram.count() <= short.absent_bound(), "{}", ngram.text()),
                }
            }
            for word in ["班味", "硬控", "搭子"] {
                let (found, truth) = (short.find(word).unwrap(), exact.find(word).unwrap());
                assert!(found.count() > truth.count() * 9 / 10, "{word}");
            }
            let copy = NgramCounts::from_bytes(&short.to_bytes()).unwrap();
            assert_eq!(
                (rows(&copy), copy.absent_bound()),
                (rows(&short), short.absent_bound())
            );
        }
    }

    proptest! {
        #[test]
        fn counts_equal_those_of_a_plain_search(texts in small_texts()) {
            let table = table(&texts, NgramConfig::default());
            let mut seen = std::collections::BTreeSet::new();
            let mut expected: BTreeMap<String, (u32, u32)> = BTreeMap::new();
            let mut reader = UnitReader::default();
            for (text, _) in &texts {
                reader.read(text);
                if !seen.insert(reader.document_hash()) {
                    continue;
                }
                let mut of_text: BTreeMap<String, u32> = BTreeMap::new();
                for run in reader.runs() {
                    for from in 0..run.units().len() {
                        for to in from + 1..=run.units().len().min(from + 6) {
                            let words = run.units()[from..to].iter().filter(|u| u.kind == UnitKind::Word);
                            if words.count() <= 4 {
                                *of_text.entry(run.text(from, to).into()).or_default() += 1;
                            }
                        }
                    }
                }
                for (ngram, count) in of_text {
                    let row = expected.entry(ngram).or_default();
                    *row = (row.0 + count, row.1 + 1);
                }
            }
            let found: BTreeMap<_, _> = rows(&table).into_iter().map(|(k, v)| (k, (v.0, v.1))).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn parts_merge_to_the_whole(texts in small_texts(), parts in 1..4_u64) {
            let whole = table(&texts, NgramConfig::default());
            let mut reader = UnitReader::default();
            let mut shards = vec![NgramCounts::default(); parts as usize];
            for (text, fold) in &texts {
                reader.read(text);
                shards[(mix(reader.document_hash()) % parts) as usize].update(text, *fold, None);
            }
            let mut merged = NgramCounts::default();
            shards.iter().for_each(|shard| merged.merge(shard));
            let mut reversed = NgramCounts::default();
            shards.iter().rev().for_each(|shard| reversed.merge(shard));
            prop_assert_eq!(rows(&merged), rows(&whole));
            prop_assert_eq!(rows(&reversed), rows(&whole));
            prop_assert_eq!(merged.totals, whole.totals);
            prop_assert_eq!(merged.fold_units, whole.fold_units);
        }

        #[test]
        fn links_lead_to_the_prefix_and_the_suffix(texts in small_texts(), cut in 0..30_usize) {
            let (head, tail) = texts.split_at(cut.min(texts.len()));
            let mut table = table(head, NgramConfig::default());
            table.merge(&self::table(tail, NgramConfig::default()));
            for ngram in table.ngrams().filter(|n| n.length() > 1) {
                let text = ngram.text();
                let (prefix, suffix) = (table.ngram(ngram.prefix().unwrap()), table.ngram(ngram.suffix().unwrap()));
                prop_assert!(text.starts_with(&prefix.text()) && text.ends_with(&suffix.text()));
                prop_assert_eq!((prefix.length(), suffix.length()), (ngram.length() - 1, ngram.length() - 1));
                prop_assert!(prefix.id() < ngram.id() && suffix.id() < ngram.id());
                prop_assert_eq!(Some(ngram.hash()), crate::units::ngram_hash(&text));
            }
        }

        #[test]
        fn bytes_are_read_back_whole_and_refused_cut(texts in small_texts(), cut in any::<prop::sample::Index>()) {
            let table = table(&texts, NgramConfig::default());
            let bytes = table.to_bytes();
            let copy = NgramCounts::from_bytes(&bytes).unwrap();
            prop_assert_eq!(rows(&copy), rows(&table));
            prop_assert_eq!(copy.to_bytes(), bytes.clone());
            prop_assert!(NgramCounts::from_bytes(&bytes[..cut.index(bytes.len())]).is_err());
        }

        #[test]
        fn changed_bytes_never_panic(texts in small_texts(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = table(&texts, NgramConfig::default()).to_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(table) = NgramCounts::from_bytes(&bytes) {
                prop_assert_eq!(rows(&table).len(), table.len());
            }
        }
    }
}
