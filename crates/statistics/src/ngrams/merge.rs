//! Two tables as one, and one made small enough.

use super::{
    NONE,
    gate::Gate,
    position,
    table::{Node, Spread, Table},
    unit_texts::{Union, UnitTexts},
};
use std::cmp::Ordering;

impl Table {
    /// The n-grams of this table and of another.
    ///
    /// Both are in order, so one walk over each level finds what is in both, and each level
    /// of this table is given back once it was walked. Past the cap, what this table does
    /// not have enters it only after its prefix and once it was seen often enough.
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
            merged_shortfall: self.merged_shortfall,
            ..Self::new(self.config)
        };
        let (mut mine_above, mut theirs_above) = (Vec::new(), Vec::new());
        for level in 0..self.levels.len().max(other.levels.len()) {
            let nodes_of_mine = match self.levels.get_mut(level) {
                Some(nodes) => std::mem::take(nodes),
                None => Vec::new(),
            };
            let mut mine = Side::new(&nodes_of_mine, &of_first, &mine_above);
            let mut theirs = Side::new(other.level(level), &of_second, &theirs_above);
            let mut nodes = Vec::with_capacity(mine.nodes.len().max(theirs.nodes.len()));
            loop {
                let (at, order) = match (mine.next(), theirs.next()) {
                    (None, None) => break,
                    (Some(a), None) => (a, Ordering::Less),
                    (None, Some(b)) => (b, Ordering::Greater),
                    (Some(a), Some(b)) => (a.min(b), a.cmp(&b)),
                };
                let number = position(nodes.len());
                nodes.push(match order {
                    Ordering::Less => {
                        let node = mine.take(number);
                        let seen = other.gate.as_ref().map_or(0, |gate| gate.get(node.hash));
                        merged.one(at, &self.spreads, node, seen)
                    }
                    Ordering::Equal => {
                        merged.both(at, (&self, mine.take(number)), (other, theirs.take(number)))
                    }
                    Ordering::Greater => match merged.admit(theirs.peek()) {
                        Some(seen) => merged.one(at, &other.spreads, theirs.take(number), seen),
                        None => {
                            theirs.take(NONE);
                            continue;
                        }
                    },
                });
            }
            (mine_above, theirs_above) = (mine.moved, theirs.moved);
            merged.levels.push(nodes);
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
    fn one(
        &mut self,
        (prefix, unit): (u32, u32),
        spreads: &[Spread],
        node: &Node,
        seen: u32,
    ) -> Node {
        let spread = match spreads.get(node.spread as usize) {
            None => NONE,
            Some(spread) => {
                self.spreads.push(*spread);
                position(self.spreads.len() - 1)
            }
        };
        Node {
            prefix,
            unit,
            count: node.count.saturating_add(seen),
            documents: node.documents.saturating_add(seen),
            spread,
            ..*node
        }
    }

    fn both(
        &mut self,
        (prefix, unit): (u32, u32),
        (first, a): (&Self, &Node),
        (second, b): (&Self, &Node),
    ) -> Node {
        let mut spread = first.spread(a);
        spread.add(&second.spread(b));
        self.spreads.push(spread);
        Node {
            prefix,
            unit,
            count: a.count.saturating_add(b.count),
            documents: a.documents.saturating_add(b.documents),
            spread: position(self.spreads.len() - 1),
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
            nodes.filter(|node| node.count >= promotion).count()
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
        let mut above = Vec::new();
        let mut used = vec![NONE; whole.units.len()];
        let units: Vec<u32> = (0..position(whole.units.len())).collect();
        for nodes in std::mem::take(&mut whole.levels) {
            let mut side = Side::new(&nodes, &units, &above);
            let mut kept = Vec::new();
            while let Some(at) = side.next() {
                let node = side.peek();
                if node.count < gate.promotion {
                    gate.raise(node.hash, node.count);
                    side.take(NONE);
                    continue;
                }
                used[node.unit as usize] = 0;
                let node = side.take(position(kept.len()));
                kept.push(self.one(at, &whole.spreads, node, 0));
            }
            above = side.moved;
            self.levels.push(kept);
        }
        let kept = (0..).zip(&used).filter(|(_, used)| **used != NONE);
        self.units = whole.units.select(kept.map(|(unit, _)| unit));
        let mut count = 0;
        for number in used.iter_mut().filter(|number| **number != NONE) {
            (*number, count) = (count, count + 1);
        }
        for node in self.levels.iter_mut().flatten() {
            node.unit = used[node.unit as usize];
        }
        self.merged_shortfall = whole.merged_shortfall;
        self.gate = Some(gate);
    }
}

/// The nodes of a level of one table on their way into another.
struct Side<'a> {
    nodes: &'a [Node],
    /// New numbers of units.
    units: &'a [u32],
    /// New places of the level above, `NONE` for what did not get there.
    above: &'a [u32],
    /// New places of the nodes before the next.
    moved: Vec<u32>,
}

impl<'a> Side<'a> {
    fn new(nodes: &'a [Node], units: &'a [u32], above: &'a [u32]) -> Self {
        Self {
            nodes,
            units,
            above,
            moved: Vec::with_capacity(nodes.len()),
        }
    }

    /// Prefix and last unit of the next node, as they are there; those whose prefix is
    /// not there are passed over.
    fn next(&mut self) -> Option<(u32, u32)> {
        loop {
            let node = self.nodes.get(self.moved.len())?;
            let unit = self.units[node.unit as usize];
            match self.above.get(node.prefix as usize) {
                Some(&NONE) => self.moved.push(NONE),
                Some(&prefix) => return Some((prefix, unit)),
                None => return Some((NONE, unit)),
            }
        }
    }

    fn peek(&self) -> &'a Node {
        &self.nodes[self.moved.len()]
    }

    /// The next node, which goes to that place.
    fn take(&mut self, place: u32) -> &'a Node {
        let node = self.peek();
        self.moved.push(place);
        node
    }
}
