//! Two tables as one, and one made small enough.

use super::{
    NONE,
    gate::Gate,
    position,
    table::{At, END, Level, Node, Table},
    unit_texts::{Union, UnitTexts},
};
use std::cmp::Ordering;

impl Table {
    /// The n-grams of this table and of another.
    ///
    /// Both are in order, so one walk over each level finds what is in both, and each level
    /// of this table is given back once the next was walked. What was of one place and is now
    /// of more gives up its tail, which goes on in the next level. Past the cap, what this
    /// table does not have enters it only after its prefix and once it was seen often enough.
    pub(super) fn merged(mut self, other: &Self) -> Self {
        let Union {
            units,
            of_first,
            of_second,
        } = UnitTexts::union(&self.units, &other.units);
        let mut merged = Self {
            units,
            gate: self.gate.take(),
            spreads: Vec::with_capacity(self.spreads.len().max(other.spreads.len())),
            tails: Vec::with_capacity(self.tails.len().max(other.tails.len())),
            merged_shortfall: self.merged_shortfall,
            ..Self::new(self.config)
        };
        let mut levels = std::mem::take(&mut self.levels).into_iter();
        let mut above = Vec::new();
        let (mut from_mine, mut from_theirs) = (Passed::default(), Passed::default());
        for level in 0..usize::from(self.config.max_units) {
            let nodes = levels.next().unwrap_or_default();
            let mut mine = Side::new(&self, &of_first, (&above, &nodes), &from_mine);
            let beside = level
                .checked_sub(1)
                .map_or(&[][..], |level| other.level(level));
            let theirs = (beside, other.level(level));
            let mut theirs = Side::new(other, &of_second, theirs, &from_theirs);
            let mut met = Level::with_capacity(mine.nodes.len().max(theirs.nodes.len()));
            loop {
                let at = mine.at.min(theirs.at);
                if at == END {
                    break;
                }
                let node = match mine.at.cmp(&theirs.at) {
                    Ordering::Less => {
                        let seen = match &other.gate {
                            Some(gate) => gate.get(mine.node.hash),
                            None => 0,
                        };
                        merged.one(level, at, &mine, seen)
                    }
                    Ordering::Equal => merged.both(at, &mine, &theirs),
                    Ordering::Greater => match merged.admit(&theirs.node) {
                        Some(seen) => merged.one(level, at, &theirs, seen),
                        None => {
                            theirs.leave();
                            continue;
                        }
                    },
                };
                let place = met.add(at, node);
                for side in [&mut mine, &mut theirs] {
                    if side.at == at {
                        side.pass(place, node.count);
                    }
                }
            }
            (from_mine, from_theirs) = (mine.passed, theirs.passed);
            above = nodes;
            merged.add_level(met);
        }
        if let Some(theirs) = &other.gate {
            merged.merged_shortfall = merged.merged_shortfall.saturating_add(other.shortfall());
            match &mut merged.gate {
                Some(mine) => mine.merge(theirs),
                None => merged.gate = Some(theirs.clone()),
            }
        }
        merged.shrink();
        merged
    }

    /// How often the gate has counted an n-gram that may now enter; else counts it there.
    fn admit(&mut self, node: &Node) -> Option<u32> {
        let Some(gate) = &mut self.gate else {
            return Some(0);
        };
        let seen = gate.get(node.hash);
        let count = seen.saturating_add(node.count);
        if count < gate.promotion {
            gate.raise(node.hash, count);
            return None;
        }
        Some(seen)
    }

    /// A node of one table only, which a gate has `seen` so often besides.
    fn one(&mut self, level: usize, (_, unit): At, side: &Side<'_>, seen: u32) -> Node {
        let count = side.node.count.saturating_add(seen);
        let room = usize::from(self.config.max_units) - 1 - level;
        let tail = match count {
            1 => side.table.tail(&side.node),
            _ => &[],
        };
        let tail = &tail[..tail.len().min(room)];
        let place = if !tail.is_empty() {
            self.tails
                .extend(tail.iter().map(|&unit| side.units[unit as usize]));
            position(self.tails.len() - tail.len())
        } else if let Some(spread) = side.table.known_spread(&side.node) {
            self.spreads.push(*spread);
            position(self.spreads.len() - 1)
        } else {
            NONE
        };
        Node {
            unit,
            count,
            documents: side.node.documents.saturating_add(seen),
            place,
            tail: tail.len() as u8,
            ..side.node
        }
    }

    fn both(&mut self, (_, unit): At, mine: &Side<'_>, theirs: &Side<'_>) -> Node {
        let (a, b) = (&mine.node, &theirs.node);
        let mut spread = mine.table.spread(a);
        spread.add(&theirs.table.spread(b));
        self.spreads.push(spread);
        Node {
            unit,
            count: a.count.saturating_add(b.count),
            documents: a.documents.saturating_add(b.documents),
            place: position(self.spreads.len() - 1),
            tail: 0,
            ..*a
        }
    }

    /// Makes room where there are too many: n-grams that are not frequent go to the gate.
    pub(super) fn shrink(&mut self) {
        let most = self.config.max_ngrams as usize;
        if self.len() <= most {
            return;
        }
        let mut gate = (self.gate.take()).unwrap_or_else(|| Gate::new(self.config.max_ngrams));
        let frequent = |promotion: u32| {
            let nodes = self.levels.iter().flatten();
            let of_tails = if promotion > 1 { 0 } else { self.tails.len() };
            nodes.filter(|node| node.count >= promotion).count() + of_tails
        };
        if frequent(gate.promotion) > most {
            // At least a third must go, or the next n-grams would soon shrink it again.
            while frequent(gate.promotion) > most / 3 * 2 && gate.promotion < u32::MAX {
                gate.promotion = gate.promotion.saturating_mul(2);
            }
        }
        // What an n-gram begins is no more frequent than it and is dropped with it; the
        // shortfall allows for that, and the gate is spared what cannot enter soon.
        let mut whole = std::mem::replace(self, Self::new(self.config));
        let levels = std::mem::take(&mut whole.levels);
        let units: Vec<u32> = (0..position(whole.units.len())).collect();
        let mut used = vec![NONE; units.len()];
        let mut above: &[Node] = &[];
        let mut passed = Passed::default();
        for (level, nodes) in levels.iter().enumerate() {
            let mut side = Side::new(&whole, &units, (above, nodes), &passed);
            let mut kept = Level::with_capacity(0);
            while side.at != END {
                let node = side.node;
                if node.count < gate.promotion {
                    gate.raise(node.hash, node.count);
                    side.leave();
                    continue;
                }
                used[node.unit as usize] = 0;
                for &unit in whole.tail(&node) {
                    used[unit as usize] = 0;
                }
                let place = kept.add(side.at, self.one(level, side.at, &side, 0));
                side.pass(place, node.count);
            }
            passed = side.passed;
            above = nodes;
            self.add_level(kept);
        }
        let kept = (0..).zip(&used).filter(|(_, used)| **used != NONE);
        self.units = whole.units.select(kept.map(|(unit, _)| unit));
        let mut count = 0;
        for number in used.iter_mut().filter(|number| **number != NONE) {
            (*number, count) = (count, count + 1);
        }
        let of_nodes = (self.levels.iter_mut().flatten()).map(|node| &mut node.unit);
        for unit in of_nodes.chain(&mut self.tails) {
            *unit = used[*unit as usize];
        }
        self.merged_shortfall = whole.merged_shortfall;
        self.gate = Some(gate);
    }
}

/// What became of a level of one table on its way into another.
#[derive(Default)]
struct Passed {
    /// New places of its nodes, `NONE` for what did not get there.
    places: Vec<u32>,
    /// What is left of nodes that gave up their tails, each with its prefix's new place.
    given_up: Vec<(u32, Node)>,
}

/// A level of one table on its way into another.
struct Side<'a> {
    table: &'a Table,
    /// New numbers of units.
    units: &'a [u32],
    /// The level above.
    above: &'a [Node],
    nodes: &'a [Node],
    /// What became of the level above.
    before: &'a Passed,
    passed: Passed,
    /// Place above of the prefix of the next of `nodes`.
    prefix: usize,
    /// How many of those given up are gone.
    given_up: usize,
    /// Where the next node comes, and the node.
    at: At,
    node: Node,
}

impl<'a> Side<'a> {
    fn new(
        table: &'a Table,
        units: &'a [u32],
        (above, nodes): (&'a [Node], &'a [Node]),
        before: &'a Passed,
    ) -> Self {
        let mut side = Self {
            table,
            units,
            above,
            nodes,
            before,
            passed: Passed {
                places: Vec::with_capacity(nodes.len()),
                given_up: Vec::new(),
            },
            prefix: 0,
            given_up: 0,
            at: END,
            node: Node::default(),
        };
        side.advance();
        side
    }

    /// Goes to the next node; those whose prefix is not there are passed over.
    fn advance(&mut self) {
        self.at = END;
        while let Some(node) = self.nodes.get(self.passed.places.len()) {
            let prefix = self.prefix_of_next();
            if prefix == Some(NONE) {
                self.passed.places.push(NONE);
                continue;
            }
            self.at = (prefix.unwrap_or(NONE), self.units[node.unit as usize]);
            self.node = *node;
            break;
        }
        if let Some((prefix, node)) = self.before.given_up.get(self.given_up)
            && *prefix < self.at.0
        {
            self.at = (*prefix, self.units[node.unit as usize]);
            self.node = *node;
        }
    }

    /// New place of the prefix of the next of `nodes`.
    fn prefix_of_next(&mut self) -> Option<u32> {
        let next = position(self.passed.places.len());
        while self
            .above
            .get(self.prefix + 1)
            .is_some_and(|after| after.extensions <= next)
        {
            self.prefix += 1;
        }
        self.before.places.get(self.prefix).copied()
    }

    /// The next node goes to that place, where it occurs so often.
    fn pass(&mut self, place: u32, count: u32) {
        if count > 1 {
            let rest = self.node.further(&self.table.units, &self.table.tails);
            self.passed.given_up.extend(rest.map(|rest| (place, rest)));
        }
        self.left(place);
    }

    /// The next node goes nowhere.
    fn leave(&mut self) {
        self.left(NONE);
    }

    fn left(&mut self, place: u32) {
        let is_given_up = (self.before.given_up.get(self.given_up))
            .is_some_and(|(prefix, _)| *prefix == self.at.0);
        if is_given_up {
            self.given_up += 1;
        } else {
            self.passed.places.push(place);
        }
        self.advance();
    }
}
