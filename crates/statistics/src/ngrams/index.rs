//! Where the node of an n-gram is, by the n-gram's hash.
//!
//! A slot holds the upper half of the hash beside the node's number, so that a search
//! seldom looks at the wrong node, and a place is told by the upper bits alone, so
//! that a full index grows in one walk from end to end that looks at no node. A map of
//! the standard library would hold the whole hash, which the node has already.

use super::NONE;

/// Slots of the smallest index.
const LEAST_SLOTS: usize = 1 << 10;

const EMPTY: u64 = u64::MAX;

/// Open addressing with linear probing; never more than three quarters full.
#[derive(Debug, Clone, Default)]
pub(super) struct HashIndex {
    /// Upper half of the hash above the node's number; a power of two of them, or none.
    slots: Vec<u64>,
    used: usize,
}

impl HashIndex {
    /// The node with this hash; `hash_of` tells the hash of a node.
    pub(super) fn get(&self, hash: u64, hash_of: impl Fn(u32) -> u64) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let mut at = self.first_slot(hash);
        loop {
            let slot = self.slots[at];
            if slot == EMPTY {
                return None;
            }
            if slot >> 32 == hash >> 32 && hash_of(slot as u32) == hash {
                return Some(slot as u32);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// Adds a node that is not there yet.
    pub(super) fn insert(&mut self, hash: u64, id: u32) {
        debug_assert_ne!(id, NONE, "no node has this number");
        if self.used + 1 > self.slots.len() / 4 * 3 {
            self.grow();
        }
        self.place(hash >> 32 << 32 | u64::from(id));
        self.used += 1;
    }

    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(LEAST_SLOTS);
        let old = std::mem::replace(&mut self.slots, vec![EMPTY; slots]);
        for slot in old.into_iter().filter(|&slot| slot != EMPTY) {
            self.place(slot);
        }
    }

    fn place(&mut self, slot: u64) {
        let mut at = self.first_slot(slot);
        while self.slots[at] != EMPTY {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = slot;
    }

    /// By the upper bits, which a multiplication mixes best; there are never 2³² slots.
    fn first_slot(&self, hash: u64) -> usize {
        (hash >> (64 - self.slots.len().trailing_zeros())) as usize
    }

    pub(super) fn clear(&mut self) {
        self.slots.fill(EMPTY);
        self.used = 0;
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u64>()
    }
}
