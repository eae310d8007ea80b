//! An n-gram table as bytes: the version, then numbers as LEB128.
//!
//! Written by hand rather than by serde since the nodes stand in an order, so that a node
//! is mostly small distances from the one before, and a table holds millions. Reading
//! trusts nothing: the order must hold, every reference must lead to what was read, and
//! every length must fit the bytes that are left.

use super::{
    FOLDS, NONE, NgramConfig, NgramCounts, Origin, Totals,
    gate::{Gate, MAX_CELLS},
    position,
    table::{Level, Node, Spread, Table},
};
use crate::{
    StatisticsError,
    units::{UnitKind, extend_hash, hash_unit},
};

/// 1 and 2 listed every n-gram; no release wrote them.
const VERSION: u8 = 3;

impl NgramCounts {
    /// The table as bytes: the same for the same texts, in whatever order and parts they
    /// were counted, while the table is exact. What was remembered to know copies of texts
    /// is left out.
    pub fn to_bytes(&self) -> Vec<u8> {
        let table = self.table();
        let mut out = Writer(vec![VERSION]);
        out.byte(table.config.max_units);
        out.byte(table.config.max_words);
        out.number(table.config.max_ngrams.into());
        for total in [self.totals.texts, self.totals.documents, self.totals.units] {
            out.number(total);
        }
        for units in self.fold_units {
            out.number(units);
        }
        out.number(table.merged_shortfall.into());
        out.number(table.units.len() as u64);
        for unit in 0..position(table.units.len()) {
            let text = table.units.text(unit);
            out.byte(table.units.kind(unit) as u8);
            out.number(text.len() as u64);
            out.0.extend_from_slice(text.as_bytes());
        }
        for level in 0..usize::from(table.config.max_units) {
            let nodes = table.level(level);
            out.number(nodes.len() as u64);
            let above = level
                .checked_sub(1)
                .map_or(&[][..], |above| table.level(above));
            let (mut prefix, mut unit) = (0, 0);
            for (at, node) in (0..).zip(nodes) {
                let before = prefix;
                while (above.get(prefix + 1)).is_some_and(|after| after.extensions <= at) {
                    prefix += 1;
                }
                if before != prefix {
                    unit = 0;
                }
                out.number((prefix - before) as u64);
                out.number((node.unit - unit).into());
                unit = node.unit;
                out.node(table, node);
            }
        }
        out.gate(table.gate.as_ref());
        out.0
    }

    /// The table that [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`StatisticsError::Version`] for a newer format, [`StatisticsError::Corrupt`] for
    /// bytes that are cut, padded, or no table.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatisticsError> {
        let mut bytes = Reader(bytes);
        let version = bytes.byte()?;
        if version > VERSION {
            return Err(StatisticsError::Version {
                found: version,
                supported: VERSION,
            });
        }
        if version < VERSION {
            return Err(corrupt(format!(
                "no table was ever stored as version {version}"
            )));
        }
        let mut counts = Self::new(NgramConfig {
            max_units: bytes.byte()?,
            max_words: bytes.byte()?,
            max_ngrams: bytes.small()?,
        });
        counts.totals = Totals {
            texts: bytes.number()?,
            documents: bytes.number()?,
            units: bytes.number()?,
        };
        for units in &mut counts.fold_units {
            *units = bytes.number()?;
        }
        let table = &mut counts.table;
        table.merged_shortfall = bytes.small()?;
        table.read_units(&mut bytes)?;
        for level in 0..table.config.max_units.into() {
            table.read_level(level, &mut bytes)?;
        }
        table.gate = bytes.gate()?;
        match bytes.0 {
            [] => Ok(counts),
            rest => Err(corrupt(format!("{} bytes too many", rest.len()))),
        }
    }
}

impl Table {
    fn read_units(&mut self, bytes: &mut Reader<'_>) -> Result<(), StatisticsError> {
        let mut before = None;
        for _ in 0..bytes.length(3)? {
            let kind = match bytes.byte()? {
                0 => UnitKind::Ideograph,
                1 => UnitKind::Word,
                2 => UnitKind::Grapheme,
                3 => UnitKind::Emoji,
                other => return Err(corrupt(format!("no kind of unit is {other}"))),
            };
            let length = bytes.length(1)?;
            let text = std::str::from_utf8(bytes.take(length)?)
                .map_err(|error| corrupt(format!("a unit's text: {error}")))?;
            if text.is_empty() {
                return Err(corrupt("a unit without text".into()));
            }
            // Not read again: a unit by itself may be cut otherwise than within its text.
            let hash = hash_unit(text);
            if before.is_some_and(|before| before >= hash) {
                return Err(corrupt(format!("the unit `{text}` is out of order")));
            }
            before = Some(hash);
            self.units.push(hash, kind, text);
        }
        Ok(())
    }

    fn read_level(&mut self, level: usize, bytes: &mut Reader<'_>) -> Result<(), StatisticsError> {
        let count = bytes.length(6)?;
        let mut nodes = Level::with_capacity(count);
        let (mut prefix, mut unit) = (0_u32, 0_u32);
        for at in 0..count {
            let (further, distance) = (bytes.small()?, bytes.small()?);
            if further > 0 {
                unit = 0;
            } else if distance == 0 && at > 0 {
                return Err(corrupt(format!(
                    "an n-gram of {} units stands twice",
                    level + 1
                )));
            }
            let missing = || corrupt("an n-gram of a unit or a prefix that is not there".into());
            prefix = prefix.checked_add(further).ok_or_else(missing)?;
            unit = unit.checked_add(distance).ok_or_else(missing)?;
            if unit as usize >= self.units.len() {
                return Err(missing());
            }
            let (prefix, before) = match level.checked_sub(1) {
                None if prefix > 0 => return Err(missing()),
                None => (NONE, 0),
                Some(above) => match self.level(above).get(prefix as usize) {
                    None => return Err(missing()),
                    Some(node) if node.tail > 0 => {
                        return Err(corrupt(
                            "an n-gram that occurs once is made longer twice".into(),
                        ));
                    }
                    Some(node) => (prefix, node.hash),
                },
            };
            let (count, documents) = (bytes.small()?, bytes.small()?);
            if count == 0 || documents == 0 {
                return Err(corrupt("an n-gram that does not occur".into()));
            }
            let (first, mut place) = match documents {
                1 => (bytes.origin()?, NONE),
                _ => {
                    self.spreads.push(bytes.spread()?);
                    (Origin::default(), position(self.spreads.len() - 1))
                }
            };
            let tail = match (count, documents) {
                (1, 1) => self.read_tail(level, bytes)?,
                _ => 0,
            };
            if tail > 0 {
                place = position(self.tails.len() - usize::from(tail));
            }
            let node = Node {
                hash: extend_hash(before, self.units.hash(unit)),
                unit,
                count,
                documents,
                extensions: 0,
                place,
                first,
                tail,
            };
            nodes.add((prefix, unit), node);
        }
        self.add_level(nodes);
        Ok(())
    }

    /// Reads the units that follow an n-gram, and tells how many there are.
    fn read_tail(&mut self, level: usize, bytes: &mut Reader<'_>) -> Result<u8, StatisticsError> {
        let units = bytes.byte()?;
        if level + 1 + usize::from(units) > self.config.max_units.into() {
            return Err(corrupt("an n-gram of too many units".into()));
        }
        for _ in 0..units {
            let unit = bytes.small()?;
            if unit as usize >= self.units.len() {
                return Err(corrupt("an n-gram of a unit that is not there".into()));
            }
            self.tails.push(unit);
        }
        Ok(units)
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// How often an n-gram stands, and where.
    fn node(&mut self, table: &Table, node: &Node) {
        self.number(node.count.into());
        self.number(node.documents.into());
        if node.documents == 1 {
            self.byte(node.first.fold);
            self.byte(node.first.source_bit);
            if node.count == 1 {
                self.byte(node.tail);
                for &unit in table.tail(node) {
                    self.number(unit.into());
                }
            }
            return;
        }
        let spread = table.spread(node);
        let occupied = (0..FOLDS).filter(|&fold| spread.folds[fold] > 0);
        self.number(occupied.clone().fold(0, |mask, fold| mask | 1 << fold));
        for fold in occupied {
            self.number(spread.folds[fold].into());
        }
        self.0.extend_from_slice(&spread.sources.to_le_bytes());
    }

    fn gate(&mut self, gate: Option<&Gate>) {
        let Some(gate) = gate else {
            return self.number(0);
        };
        self.number(gate.cells.len() as u64);
        self.number(gate.promotion.into());
        for run in gate.cells.chunk_by(|a, b| (*a == 0) == (*b == 0)) {
            // Empty stretches as their length, others as length and counts.
            self.number(run.len() as u64);
            if run[0] == 0 {
                self.byte(0);
            } else {
                self.byte(1);
                run.iter().for_each(|&count| self.number(count.into()));
            }
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], StatisticsError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or_else(|| corrupt("the bytes end too early".into()))?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, StatisticsError> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u64, StatisticsError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(corrupt("a number of more than 64 bits".into()))
    }

    fn small(&mut self) -> Result<u32, StatisticsError> {
        u32::try_from(self.number()?).map_err(|_| corrupt("a number of more than 32 bits".into()))
    }

    /// A number of things of which each takes at least `size` bytes.
    fn length(&mut self, size: usize) -> Result<usize, StatisticsError> {
        let length = self.number()?;
        usize::try_from(length)
            .ok()
            .filter(|length| {
                length
                    .checked_mul(size)
                    .is_some_and(|bytes| bytes <= self.0.len())
            })
            .ok_or_else(|| corrupt(format!("{length} entries in {} bytes", self.0.len())))
    }

    fn origin(&mut self) -> Result<Origin, StatisticsError> {
        let (fold, source_bit) = (self.byte()?, self.byte()?);
        if usize::from(fold) >= FOLDS || source_bit >= 64 {
            return Err(corrupt("a document of a fold that is not there".into()));
        }
        Ok(Origin { fold, source_bit })
    }

    fn spread(&mut self) -> Result<Spread, StatisticsError> {
        let mask = self.number()?;
        let mut spread = Spread::default();
        for (fold, documents) in spread.folds.iter_mut().enumerate() {
            if mask >> fold & 1 == 1 {
                *documents = u16::try_from(self.number()?)
                    .map_err(|_| corrupt("a fold of more than 65535 documents".into()))?;
            }
        }
        let sources = self.take(8)?;
        spread.sources = u64::from_le_bytes(sources.try_into().expect("eight bytes were taken"));
        Ok(spread)
    }

    fn gate(&mut self) -> Result<Option<Gate>, StatisticsError> {
        let cells = self.number()?;
        if cells == 0 {
            return Ok(None);
        }
        if cells > 2 * MAX_CELLS as u64 || !cells.is_power_of_two() || cells < 128 {
            return Err(corrupt(format!("a gate of {cells} cells")));
        }
        let mut gate = Gate {
            cells: vec![0; cells as usize],
            promotion: self.small()?.max(1),
        };
        let mut at = 0;
        while at < gate.cells.len() {
            let run = self.number()?;
            let Some(run) = usize::try_from(run)
                .ok()
                .and_then(|run| gate.cells.get_mut(at..at.checked_add(run)?))
                .filter(|run| !run.is_empty())
            else {
                return Err(corrupt("a gate longer than it says".into()));
            };
            at += run.len();
            if self.byte()? != 0 {
                for cell in run {
                    *cell = u16::try_from(self.number()?)
                        .map_err(|_| corrupt("a count of the gate above 65535".into()))?;
                }
            }
        }
        Ok(Some(gate))
    }
}

fn corrupt(reason: String) -> StatisticsError {
    StatisticsError::Corrupt { reason }
}
