//! Chance, seeded, so that a test can be run again. It spreads retries and names runs;
//! nothing secret is made of it.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

/// Where chance comes from.
pub trait Randomness: Send + Sync + Debug {
    /// A number, evenly spread over `[0, 1)`.
    fn unit(&self) -> f64;
}

/// A seeded stream of numbers.
#[derive(Debug)]
pub struct SeededRandomness {
    stream: Mutex<ChaCha8Rng>,
}

impl SeededRandomness {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self {
            stream: Mutex::new(ChaCha8Rng::seed_from_u64(seed)),
        }
    }

    /// A stream that no other process has.
    pub fn from_system() -> Self {
        Self::new(uuid::Uuid::new_v4().as_u64_pair().0)
    }
}

impl Randomness for SeededRandomness {
    fn unit(&self) -> f64 {
        self.stream
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .random()
    }
}
