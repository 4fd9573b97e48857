//! Unpredictable bytes.

use std::sync::Mutex;

/// A source of random bytes.
pub trait Randomness: Send + Sync + 'static {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator: what secrets and ids come from.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, bytes: &mut [u8]) {
        // Without a working generator no secret can be made: stopping is the only safe answer.
        getrandom::fill(bytes).expect("the operating system's random generator answers");
    }
}

/// The same bytes for the same seed (SplitMix64). For tests and simulations only: it is predictable.
#[derive(Debug)]
pub struct SeededRandomness(Mutex<u64>);

impl SeededRandomness {
    /// A generator started at `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Randomness for SeededRandomness {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_the_system_does_not() {
        let take = |source: &dyn Randomness| {
            let mut bytes = [0; 20];
            source.fill(&mut bytes);
            bytes
        };
        assert_eq!(take(&SeededRandomness::new(7)), take(&SeededRandomness::new(7)));
        assert_ne!(take(&SeededRandomness::new(7)), take(&SeededRandomness::new(8)));
        assert_ne!(take(&SystemRandomness), take(&SystemRandomness));
    }
}
