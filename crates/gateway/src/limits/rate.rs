//! Rates as an operator writes them.

use std::fmt;
use std::str::FromStr;

use super::ledger::Bucket;

const SECOND_NS: u64 = 1_000_000_000;
/// Units of time by their names, in seconds.
const UNITS: &[(&str, u64)] = &[("s", 1), ("min", 60), ("h", 3_600)];

/// So many per unit of time, and so many at once after a pause: `100/s 1000`. `0` is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    tokens: u32,
    per_s: u64,
    burst: u32,
}

impl Rate {
    /// No bound.
    pub const NONE: Self = Self { tokens: 0, per_s: 1, burst: 0 };

    /// So many times as much.
    pub(super) fn times(self, factor: u32) -> Self {
        let (tokens, burst) = (self.tokens.saturating_mul(factor), self.burst.saturating_mul(factor));
        Self { tokens, burst, ..self }
    }

    pub(super) fn bucket(self) -> Option<Bucket> {
        Bucket::new(self.tokens, self.per_s * SECOND_NS, self.burst)
    }
}

impl FromStr for Rate {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.trim() == "0" {
            return Ok(Self::NONE);
        }
        let (rate, burst) = text.trim().split_once(' ').ok_or(())?;
        let (tokens, unit) = rate.split_once('/').ok_or(())?;
        let (_, per_s) = *UNITS.iter().find(|(name, _)| *name == unit).ok_or(())?;
        let number = |text: &str| text.trim().parse::<u32>().ok().filter(|number| *number > 0).ok_or(());
        Ok(Self { tokens: number(tokens)?, per_s, burst: number(burst)? })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, per_s)| *per_s == self.per_s) {
            Some((unit, _)) if self.tokens > 0 => {
                write!(formatter, "{}/{unit} {}", self.tokens, self.burst)
            }
            _ => formatter.write_str("0"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_they_are_written() {
        for text in ["100/s 1000", "5/min 20", "1/h 1", "0"] {
            assert_eq!(text.parse::<Rate>().map(|rate| rate.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "5", "5/s", "5/d 1", "0/s 5", "5/s 0", "-1/s 5", "5/s x", "99999999999/s 1"] {
            assert_eq!(text.parse::<Rate>(), Err(()), "{text}");
        }
        assert!(Rate::NONE.bucket().is_none());
    }
}
