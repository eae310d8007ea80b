//! What is surely not there.

/// Bits for hashes: most of what is asked for is not there, and so few bits stay in the
/// cache.
#[derive(Debug)]
pub(crate) struct Present(Vec<u64>);

impl Present {
    /// Nothing, with room for about so many hashes.
    pub(crate) fn with_room_for(hashes: usize) -> Self {
        Self(vec![0; (hashes / 8).next_power_of_two()])
    }

    pub(crate) fn add(&mut self, hash: u64) {
        let (word, bit) = self.place(hash);
        self.0[word] |= bit;
    }

    fn place(&self, hash: u64) -> (usize, u64) {
        ((hash >> 6) as usize & (self.0.len() - 1), 1 << (hash % 64))
    }

    /// Whether a hash may have been added; `false` is certain.
    pub(crate) fn may_hold(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        self.0[word] & bit != 0
    }
}
