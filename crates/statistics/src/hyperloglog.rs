//! HyperLogLog registers that take a batch of hashes at once.
//!
//! The registers, their hash and their bytes are those of the HLL_8 sketch of Apache
//! DataSketches, so that its readers, and states that were written by its Rust crate,
//! go on working; estimates and bounds are that crate's. What is our own is the way of
//! a value into a register: the crate's costs several times as much, because it keeps
//! an estimate up to date after every value, which depends on the order of the values
//! and is void after a merge. Here an estimate is made when it is asked for, and the
//! same values give the same one in any order.

use crate::codec;
use datasketches::{common::NumStdDev, hll::HllSketch};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Registers of a sketch, as a power of two: 4096, standard error 1.04/√4096 = 1.6 %.
const LG_REGISTERS: u8 = 12;
const REGISTERS: usize = 1 << LG_REGISTERS;

/// How the bytes of an HLL_8 sketch begin: words of the preamble, version of the
/// format, family, registers, two unused, least register (always 0), and the mode.
const PREAMBLE_BYTES: usize = 40;
const PREAMBLE_WORDS: u8 = 10;
const SERIAL_VERSION: u8 = 1;
const FAMILY: u8 = 7;
/// The order of the values is not known: estimate from the registers alone.
const OUT_OF_ORDER: u8 = 16;
/// An array of registers (2), of one byte each (2).
const MODE: u8 = 2 | 2 << 2;

/// The greatest number of leading zeros that each register's hashes had, plus one.
#[derive(Debug, Clone)]
pub(crate) struct HyperLogLog(Box<[u8; REGISTERS]>);

impl HyperLogLog {
    pub(crate) fn new() -> Self {
        Self(Box::new([0; REGISTERS]))
    }

    /// Takes a value by a hash of it.
    #[inline]
    pub(crate) fn update(&mut self, hash: u64) {
        let (low, high) = murmur3(hash);
        let register = &mut self.0[low as usize % REGISTERS];
        let value = high.leading_zeros().min(62) as u8 + 1;
        if value > *register {
            *register = value;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0.iter()) {
            *mine = (*mine).max(*theirs);
        }
    }

    /// The estimate, and the half width of its 95 % interval as a share of it.
    pub(crate) fn estimate(&self) -> (f64, f64) {
        let sketch = HllSketch::deserialize(&self.to_bytes()).expect("the bytes of a sketch");
        let value = sketch.estimate();
        let bound = sketch.upper_bound(NumStdDev::Two);
        (
            value,
            if value > 0.0 {
                (bound - value) / value
            } else {
                0.0
            },
        )
    }

    pub(crate) fn size_bytes(&self) -> usize {
        REGISTERS
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(PREAMBLE_BYTES + REGISTERS);
        bytes.extend([PREAMBLE_WORDS, SERIAL_VERSION, FAMILY, LG_REGISTERS]);
        bytes.extend([0, OUT_OF_ORDER, 0, MODE]);
        // The sums of 2^-register, those of registers from 32 on apart.
        let (mut near, mut far, mut zeros) = (0.0, 0.0, 0_u32);
        for &value in self.0.iter() {
            zeros += u32::from(value == 0);
            let share = 1.0 / (1_u64 << value) as f64;
            *(if value < 32 { &mut near } else { &mut far }) += share;
        }
        for number in [0.0, near, far] {
            bytes.extend(f64::to_le_bytes(number));
        }
        bytes.extend(zeros.to_le_bytes());
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend(self.0.iter());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, &'static str> {
        let head = [PREAMBLE_WORDS, SERIAL_VERSION, FAMILY, LG_REGISTERS];
        if bytes.len() != PREAMBLE_BYTES + REGISTERS || bytes[..4] != head || bytes[7] != MODE {
            return Err("a count of distinct values is no HLL_8 sketch of 4096 registers");
        }
        let registers: Box<[u8]> = bytes[PREAMBLE_BYTES..].into();
        if registers.iter().any(|&value| value > 63) {
            return Err("a register of a count of distinct values is above 63");
        }
        Ok(Self(registers.try_into().expect("the length was checked")))
    }
}

impl Serialize for HyperLogLog {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.to_bytes())
    }
}

impl<'de> Deserialize<'de> for HyperLogLog {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = codec::ByteBuffer::deserialize(deserializer)?;
        Self::from_bytes(&bytes.0).map_err(D::Error::custom)
    }
}

/// MurmurHash3 x64 128 of eight bytes, seeded with 9001 as DataSketches does.
///
/// Appleby (2011), public domain: `MurmurHash3_x64_128`.
#[inline]
fn murmur3(key: u64) -> (u64, u64) {
    const SEED: u64 = 9_001;
    const LENGTH: u64 = 8;
    const C1: u64 = 0x87c3_7b91_1142_53d5;
    const C2: u64 = 0x4cf5_ad43_2745_937f;
    #[inline]
    fn finish(mut hash: u64) -> u64 {
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^ (hash >> 33)
    }
    let key = key.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
    let first = (SEED ^ key) ^ LENGTH;
    let second = SEED ^ LENGTH;
    let first = first.wrapping_add(second);
    let second = second.wrapping_add(first);
    let (first, second) = (finish(first), finish(second));
    let first = first.wrapping_add(second);
    (first, second.wrapping_add(first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datasketches::hll::{HllType, HllUnion};
    use proptest::prelude::*;

    proptest! {
        /// What the crate makes of the same values, registers and estimate, is what we make.
        #[test]
        fn registers_are_those_of_datasketches(first in any::<u64>(), count in 3_000_u64..20_000) {
            let mut ours = HyperLogLog::new();
            let mut theirs = HllSketch::new(LG_REGISTERS, HllType::Hll8).unwrap();
            for hash in (0..count).map(|n| first.wrapping_add(n.wrapping_mul(0x9e37_79b9))) {
                ours.update(hash);
                theirs.update(hash);
            }
            let read = HyperLogLog::from_bytes(&theirs.serialize()).unwrap();
            prop_assert_eq!(&read.0, &ours.0);
            // A union forgets the order as we do.
            let mut union = HllUnion::new(LG_REGISTERS).unwrap();
            union.update(&theirs);
            union.update(&theirs);
            let union = union.to_sketch(HllType::Hll8);
            prop_assert!((union.composite_estimate() - ours.estimate().0).abs() < 1e-6);
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(HyperLogLog::from_bytes(&bytes).is_err());
        }
    }

    #[test]
    fn a_register_beyond_the_hash_is_refused() {
        let mut bytes = HyperLogLog::new().to_bytes();
        bytes[PREAMBLE_BYTES] = 64;
        assert!(HyperLogLog::from_bytes(&bytes).is_err());
    }
}
