//! How long bodies are kept.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How long the bodies of a conversation's messages are kept. When one's time has come the body is gone, and
/// [`Content::Expired`](crate::Content::Expired) stands in its place; the entry, its number, id, sender and time, stays.
///
/// On the wire and in settings a text: `default`, `forever`, `until_delivered`, `days:N`, `seconds:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Retention {
    /// As the server is set.
    #[default]
    Default,
    /// For good.
    Forever,
    /// Until every signed-in device of every member has acknowledged it.
    UntilDelivered,
    /// So many days from when it was sent, 1 to 36,500.
    Days(u32),
    /// So many seconds from when it was sent, 1 to 86,400.
    Seconds(u32),
}

impl Retention {
    /// The most days that can be asked for.
    pub const MAX_DAYS: u32 = 36_500;
    /// The most seconds that can be asked for.
    pub const MAX_SECONDS: u32 = 86_400;

    /// For how long a body is kept from when it was sent, in milliseconds; none if it is not a matter of time.
    pub fn milliseconds(self) -> Option<i64> {
        match self {
            Self::Days(days) => Some(i64::from(days) * 86_400_000),
            Self::Seconds(seconds) => Some(i64::from(seconds) * 1_000),
            Self::Default | Self::Forever | Self::UntilDelivered => None,
        }
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::Forever => formatter.write_str("forever"),
            Self::UntilDelivered => formatter.write_str("until_delivered"),
            Self::Days(days) => write!(formatter, "days:{days}"),
            Self::Seconds(seconds) => write!(formatter, "seconds:{seconds}"),
        }
    }
}

/// The text is no [`Retention`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "retention is default, forever, until_delivered, days:N (1 to {}) or seconds:N (1 to {})",
    Retention::MAX_DAYS,
    Retention::MAX_SECONDS
)]
pub struct RetentionError;

impl FromStr for Retention {
    type Err = RetentionError;

    fn from_str(text: &str) -> Result<Self, RetentionError> {
        let number = |text: &str, most: u32| {
            let plain = text.bytes().all(|byte| byte.is_ascii_digit());
            let number: u32 = text.parse().map_err(|_| RetentionError)?;
            if plain && (1..=most).contains(&number) { Ok(number) } else { Err(RetentionError) }
        };
        match (text, text.split_once(':')) {
            ("default", _) => Ok(Self::Default),
            ("forever", _) => Ok(Self::Forever),
            ("until_delivered", _) => Ok(Self::UntilDelivered),
            (_, Some(("days", days))) => number(days, Self::MAX_DAYS).map(Self::Days),
            (_, Some(("seconds", seconds))) => number(seconds, Self::MAX_SECONDS).map(Self::Seconds),
            _ => Err(RetentionError),
        }
    }
}

impl Serialize for Retention {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Retention {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_read_back_and_have_bounds() {
        for text in ["default", "forever", "until_delivered", "days:1", "days:36500", "seconds:86400"] {
            assert_eq!(text.parse::<Retention>().map(|it| it.to_string()).as_deref(), Ok(text));
        }
        for bad in [
            "",
            "never",
            "days",
            "days:",
            "days:0",
            "days:36501",
            "days:+1",
            "days:-1",
            "days:1.5",
            "seconds:0",
        ] {
            assert_eq!(bad.parse::<Retention>(), Err(RetentionError), "{bad}");
        }
        assert_eq!(Retention::Days(2).milliseconds(), Some(172_800_000));
    }
}
