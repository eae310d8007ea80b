//! An n-gram table as bytes: the version, then numbers as LEB128.
//!
//! Written by hand rather than by serde since a node is mostly small distances (to
//! its prefix and suffix), and a table holds millions: about 12 bytes each. Reading
//! trusts nothing: every reference must point backwards and every length must fit
//! the bytes that are left.

use super::{
    FOLDS, Gate, MAX_GATE_CELLS, NONE, NgramConfig, NgramCounts, Node, Spread, Totals, position,
};
use crate::{
    StatisticsError,
    units::{UnitKind, UnitReader, extend_hash},
};

const VERSION: u8 = 1;

impl NgramCounts {
    /// The table as bytes. What was remembered to know copies of texts is left out.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer(vec![VERSION]);
        out.byte(self.config.max_units);
        out.byte(self.config.max_words);
        out.number(self.config.max_ngrams.into());
        for total in [self.totals.texts, self.totals.documents, self.totals.units] {
            out.number(total);
        }
        for units in self.fold_units {
            out.number(units);
        }
        out.number(self.merged_shortfall.into());
        out.number(self.units.len() as u64);
        for unit in 0..self.units.len() {
            let text = self.unit_text(position(unit));
            out.byte(self.units[unit].kind as u8);
            out.number(text.len() as u64);
            out.0.extend_from_slice(text.as_bytes());
        }
        out.number(self.nodes.len() as u64);
        for (id, node) in self.nodes.iter().enumerate() {
            out.back_reference(id, node.prefix);
            out.back_reference(id, node.suffix);
            out.number(node.unit.into());
            out.number(node.count.into());
            out.number(node.documents.into());
            if node.documents <= 1 {
                out.byte(node.first_fold);
                out.byte(node.first_source);
            } else {
                out.spread(&self.spread(node));
            }
        }
        match &self.gate {
            None => out.number(0),
            Some(gate) => {
                out.number(gate.cells.len() as u64);
                out.number(gate.promotion.into());
                for run in gate.cells.chunk_by(|a, b| (*a == 0) == (*b == 0)) {
                    // Empty stretches as their length, others as length and counts.
                    out.number(run.len() as u64);
                    if run[0] == 0 {
                        out.byte(0);
                    } else {
                        out.byte(1);
                        run.iter().for_each(|&count| out.number(count.into()));
                    }
                }
            }
        }
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
        if version == 0 || version > VERSION {
            return Err(StatisticsError::Version {
                found: version,
                supported: VERSION,
            });
        }
        let mut table = Self::new(NgramConfig {
            max_units: bytes.byte()?,
            max_words: bytes.byte()?,
            max_ngrams: bytes.small()?,
        });
        table.totals = Totals {
            texts: bytes.number()?,
            documents: bytes.number()?,
            units: bytes.number()?,
        };
        for units in &mut table.fold_units {
            *units = bytes.number()?;
        }
        table.merged_shortfall = bytes.small()?;
        table.read_units(&mut bytes)?;
        table.read_nodes(&mut bytes)?;
        table.read_gate(&mut bytes)?;
        match bytes.0 {
            [] => Ok(table),
            rest => Err(corrupt(format!("{} bytes too many", rest.len()))),
        }
    }

    fn read_units(&mut self, bytes: &mut Reader<'_>) -> Result<(), StatisticsError> {
        let mut reader = UnitReader::default();
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
            reader.read(text);
            let mut runs = reader.runs();
            let hash = match (runs.next(), runs.next()) {
                (Some(run), None) if run.units().len() == 1 => run.units()[0].hash,
                _ => return Err(corrupt(format!("`{text}` is no unit"))),
            };
            let known = self.units.len();
            self.intern(hash, kind, text);
            if self.units.len() == known {
                return Err(corrupt(format!("the unit `{text}` stands twice")));
            }
        }
        Ok(())
    }

    fn read_nodes(&mut self, bytes: &mut Reader<'_>) -> Result<(), StatisticsError> {
        let nodes = bytes.length(7)?;
        self.nodes.reserve(nodes);
        for id in 0..nodes {
            let prefix = bytes.back_reference(id)?;
            let suffix = bytes.back_reference(id)?;
            let unit = bytes.small()?;
            let Some(last) = self.units.get(unit as usize).copied() else {
                return Err(corrupt(format!(
                    "n-gram {id} ends with a unit that is not there"
                )));
            };
            let (hash, length, words) = match self.nodes.get(prefix as usize) {
                None => (0, 0, 0),
                Some(prefix) => (prefix.hash, prefix.length, prefix.words),
            };
            let hash = extend_hash(hash, last.hash);
            if length >= self.config.max_units {
                return Err(corrupt(format!("n-gram {id} is too long")));
            }
            let (count, documents) = (bytes.small()?, bytes.small()?);
            let (mut first_fold, mut first_source, mut spread) = (0, 0, NONE);
            if documents <= 1 {
                (first_fold, first_source) = (bytes.byte()?, bytes.byte()?);
                if usize::from(first_fold) >= FOLDS || first_source >= 64 {
                    return Err(corrupt(format!(
                        "n-gram {id} is in a fold that is not there"
                    )));
                }
            } else {
                spread = position(self.spreads.len());
                self.spreads.push(bytes.spread()?);
            }
            if self.node(hash).is_some() {
                return Err(corrupt(format!("n-gram {id} stands twice")));
            }
            self.nodes.push(Node {
                hash,
                prefix,
                suffix,
                unit,
                count,
                documents,
                last_document: 0,
                spread,
                first_fold,
                first_source,
                length: length + 1,
                words: words + u8::from(last.kind == UnitKind::Word),
            });
            self.node_ids.insert(hash, position(id));
        }
        Ok(())
    }

    fn read_gate(&mut self, bytes: &mut Reader<'_>) -> Result<(), StatisticsError> {
        let cells = bytes.number()?;
        if cells == 0 {
            return Ok(());
        }
        if cells > 2 * MAX_GATE_CELLS as u64 || !cells.is_power_of_two() || cells < 128 {
            return Err(corrupt(format!("a gate of {cells} cells")));
        }
        let mut gate = Gate {
            cells: vec![0; cells as usize],
            promotion: bytes.small()?.max(1),
        };
        let mut at = 0;
        while at < gate.cells.len() {
            let run = bytes.number()?;
            let Some(run) = usize::try_from(run)
                .ok()
                .and_then(|run| gate.cells.get_mut(at..at.checked_add(run)?))
                .filter(|run| !run.is_empty())
            else {
                return Err(corrupt("a gate longer than it says".into()));
            };
            at += run.len();
            if bytes.byte()? != 0 {
                for cell in run {
                    *cell = u16::try_from(bytes.number()?)
                        .map_err(|_| corrupt("a count of the gate above 65535".into()))?;
                }
            }
        }
        self.gate = Some(gate);
        Ok(())
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

    /// How far back an n-gram's prefix or suffix is; 0 for none.
    fn back_reference(&mut self, id: usize, other: u32) {
        self.number(if other == NONE {
            0
        } else {
            id as u64 - u64::from(other)
        });
    }

    fn spread(&mut self, spread: &Spread) {
        let occupied = (0..FOLDS).filter(|&fold| spread.folds[fold] > 0);
        self.number(occupied.clone().fold(0, |mask, fold| mask | 1 << fold));
        for fold in occupied {
            self.number(spread.folds[fold].into());
        }
        self.0.extend_from_slice(&spread.sources.to_le_bytes());
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

    fn back_reference(&mut self, id: usize) -> Result<u32, StatisticsError> {
        match self.number()? {
            0 => Ok(NONE),
            back => usize::try_from(back)
                .ok()
                .and_then(|back| id.checked_sub(back))
                .map(position)
                .ok_or_else(|| corrupt(format!("n-gram {id} refers to one before the first"))),
        }
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
}

fn corrupt(reason: String) -> StatisticsError {
    StatisticsError::Corrupt { reason }
}
