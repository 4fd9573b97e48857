//! How long to wait before trying again.

use std::time::Duration;

use platform::Randomness;

/// Waits that double from `min` to `max`, each taken at random between half of it and all of it, so that a thousand
/// clients of a restarted server do not come back in the same instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait. More than nothing.
    pub min: Duration,
    /// No wait is longer.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { min: Duration::from_millis(500), max: Duration::from_secs(30) }
    }
}

impl Backoff {
    /// The wait before try number `attempt`, counted from 0 for the first repeat.
    pub fn wait(&self, attempt: u32, randomness: &dyn Randomness) -> Duration {
        let ceiling = self.min.saturating_mul(1 << attempt.min(20)).min(self.max);
        let mut bytes = [0; 4];
        randomness.fill(&mut bytes);
        let share = f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX);
        ceiling.mul_f64(0.5 + share / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::SeededRandomness;

    #[test]
    fn waits_double_up_to_the_bound_and_vary() {
        let backoff = Backoff { min: Duration::from_millis(100), max: Duration::from_secs(3) };
        let randomness = SeededRandomness::new(1);
        for attempt in 0..40 {
            let ceiling = Duration::from_millis(100 << attempt.min(10)).min(Duration::from_secs(3));
            let wait = backoff.wait(attempt, &randomness);
            assert!(wait <= ceiling && wait >= ceiling / 2, "{attempt}: {wait:?}");
        }
        assert_ne!(backoff.wait(3, &randomness), backoff.wait(3, &randomness));
    }
}
