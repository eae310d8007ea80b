//! Draws as NumPy's older generator makes them, for splits that a tool seeds.
//!
//! A tool that seeds its split prints the same number in every run; with another split
//! the number is another one. The generator is the Mersenne Twister (Matsumoto and
//! Nishimura 1998); bounded numbers are drawn by masking and rejecting.

use rand_mt::Mt;

/// NumPy's `RandomState` of a seed.
pub(crate) struct NumpyRandom(Mt);

impl NumpyRandom {
    pub(crate) fn new(seed: u32) -> Self {
        Self(Mt::new(seed))
    }

    /// A whole number from 0 to `greatest`, which included.
    pub(crate) fn up_to(&mut self, greatest: u32) -> u32 {
        if greatest == 0 {
            return 0;
        }
        let mask = u32::MAX >> greatest.leading_zeros();
        loop {
            let drawn = self.0.next_u32() & mask;
            if drawn <= greatest {
                return drawn;
            }
        }
    }

    /// A number from 0 up to but without 1, of 53 bits.
    pub(crate) fn unit(&mut self) -> f64 {
        let high = f64::from(self.0.next_u32() >> 5);
        let low = f64::from(self.0.next_u32() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// The places 0 to `size` − 1 in random order.
    pub(crate) fn permutation(&mut self, size: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..size).collect();
        for place in (1..size).rev() {
            let other = self.up_to(place as u32) as usize;
            order.swap(place, other);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_those_of_numpy() {
        // NumPy 2.4.6: RandomState(42).permutation(10), RandomState(42).randint(2**31 - 1),
        // RandomState(42).randint(0, 10_000, size=5), RandomState(7270).rand(1).
        let order = NumpyRandom::new(42).permutation(10);
        assert_eq!(order, [8, 1, 5, 0, 7, 2, 9, 4, 3, 6]);
        assert_eq!(NumpyRandom::new(42).up_to((1 << 31) - 2), 1_608_637_542);
        let mut random = NumpyRandom::new(42);
        let drawn: Vec<u32> = (0..5).map(|_| random.up_to(9_999)).collect();
        assert_eq!(drawn, [7_270, 860, 5_390, 5_191, 5_734]);
    }
}
