//! Typed ids: 128 bits each, written as a prefix and 26 characters of Crockford's base32 in lower case, so
//! that they sort as text in the order of their making and survive being read aloud.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text does not begin with the prefix of the kind asked for.
    #[error("expected an id that begins with {0}")]
    Prefix(&'static str),
    /// What follows the prefix is not 26 characters of Crockford's base32.
    #[error("an id is its prefix and 26 characters of 0-9 a-z without i, l, o, u")]
    Malformed,
    /// A message id's length or characters are out of bounds.
    #[error("a message id is 1 to 64 printable ASCII characters")]
    MessageId,
}

static CROCKFORD: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("0123456789abcdefghjkmnpqrstvwxyz");
    specification.check_trailing_bits = true;
    specification.encoding().expect("a valid alphabet of 32")
});

/// Characters that 128 bits take in base32.
const TEXT_LEN: usize = 26;

/// A prefix has two characters.
const PREFIX_LEN: usize = 2;

/// An id as text, on the stack.
struct Text([u8; PREFIX_LEN + TEXT_LEN]);

impl Text {
    fn of(prefix: &str, bytes: &[u8; 16]) -> Self {
        let mut text = [0u8; PREFIX_LEN + TEXT_LEN];
        text[..PREFIX_LEN].copy_from_slice(prefix.as_bytes());
        CROCKFORD.encode_mut(bytes, &mut text[PREFIX_LEN..]);
        Self(text)
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).expect("base32 is ASCII")
    }
}

fn read_id(text: &str) -> Result<[u8; 16], IdError> {
    if text.len() != TEXT_LEN {
        return Err(IdError::Malformed);
    }
    let mut bytes = [0u8; 16];
    CROCKFORD.decode_mut(text.as_bytes(), &mut bytes).map_err(|_| IdError::Malformed)?;
    Ok(bytes)
}

/// 48 bits of time, then 80 random ones: ids made one after another lie beside each other on disk.
fn compose(now: crate::Timestamp, random: [u8; 10]) -> [u8; 16] {
    let mut bytes = [0u8; 16];
    bytes[..6].copy_from_slice(&now.max(0).to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&random);
    bytes
}

/// Serde through the text form, without an allocation on the way out.
macro_rules! serde_as_text {
    ($name:ident, $expecting:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.text())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                        formatter.write_str($expecting)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }
    };
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $expecting:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// A new id, made of the time and ten random bytes.
            pub fn compose(now: crate::Timestamp, random: [u8; 10]) -> Self {
                Self(compose(now, random))
            }

            /// The id with these 16 bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes a store keeps.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            fn text(&self) -> Text {
                Text::of($prefix, &self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.text())
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                read_id(text.strip_prefix($prefix).ok_or(IdError::Prefix($prefix))?).map(Self)
            }
        }

        serde_as_text!($name, $expecting);
    };
}

id!(
    /// A registered user: `u_…`.
    UserId, "u_", "a user id (u_…)"
);
id!(
    /// A signed-in device, which is also a session: `d_…`.
    DeviceId, "d_", "a device id (d_…)"
);
id!(
    /// Somebody's wish to talk: `i_…`.
    InviteId, "i_", "an invite's id (i_…)"
);
id!(
    /// Something reported to moderators: `r_…`.
    ReportId, "r_", "a report's id (r_…)"
);

id!(
    /// A notification that is kept: `n_…`.
    NoticeId, "n_", "a notification's id (n_…)"
);

/// What admits to a group, 16 random bytes: `l_…`. Whoever has it may join.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkCode([u8; 16]);

impl LinkCode {
    /// The code of these bytes, all of them random.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes a store keeps.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    fn text(&self) -> Text {
        Text::of("l_", &self.0)
    }
}

impl fmt::Display for LinkCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text())
    }
}

impl FromStr for LinkCode {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        read_id(text.strip_prefix("l_").ok_or(IdError::Prefix("l_"))?).map(Self)
    }
}

serde_as_text!(LinkCode, "a group link's code (l_…)");

/// How many may take part in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConversationShape {
    /// Two users, for good.
    Direct,
    /// A group with a changing membership.
    Group,
}

/// Whether the server can read a conversation. Never changes after its birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConversationKind {
    /// Bodies are readable by the server: for bots, scripts and server-side search.
    #[default]
    Plain,
    /// Bodies are MLS ciphertext (RFC 9420); the server orders commits and stores what it cannot read.
    Mls,
}

/// A conversation: `c_…` if direct, `g_…` if a group. The last bit says which.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConversationId([u8; 16]);

impl ConversationId {
    /// A new id, made of the time and ten random bytes.
    pub fn compose(shape: ConversationShape, now: crate::Timestamp, random: [u8; 10]) -> Self {
        let mut bytes = compose(now, random);
        bytes[15] = (bytes[15] & !1) | u8::from(shape == ConversationShape::Group);
        Self(bytes)
    }

    /// The id with these 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes a store keeps.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Direct or group.
    pub const fn shape(&self) -> ConversationShape {
        if self.0[15] & 1 == 1 { ConversationShape::Group } else { ConversationShape::Direct }
    }

    /// Whether this is a group.
    pub fn is_group(&self) -> bool {
        self.shape() == ConversationShape::Group
    }

    fn text(&self) -> Text {
        Text::of(if self.is_group() { "g_" } else { "c_" }, &self.0)
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text())
    }
}

impl FromStr for ConversationId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let (group, rest) = match (text.strip_prefix("c_"), text.strip_prefix("g_")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err(IdError::Prefix("c_ or g_")),
        };
        let id = Self(read_id(rest)?);
        if id.is_group() == group { Ok(id) } else { Err(IdError::Malformed) }
    }
}

serde_as_text!(ConversationId, "a conversation id (c_… or g_…)");

/// A message's id, chosen by the sending device: 1 to 64 printable ASCII characters, unique per device and
/// conversation. Sending the same one again is the same message.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(Box<str>);

impl MessageId {
    /// The longest message id, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// A new id, `m_…`, for a message whose sender did not choose one.
    pub fn compose(now: crate::Timestamp, random: [u8; 10]) -> Self {
        let mut text = [0u8; TEXT_LEN];
        CROCKFORD.encode_mut(&compose(now, random), &mut text);
        Self(format!("m_{}", String::from_utf8_lossy(&text)).into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    const fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for MessageId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let fits = (1..=Self::MAX_BYTES).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.into()))
        } else {
            Err(IdError::MessageId)
        }
    }
}

serde_as_text!(MessageId, "a message id (1 to 64 printable ASCII characters)");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_and_sort_by_time() {
        let early = UserId::compose(1_000, [255; 10]);
        let late = UserId::compose(2_000, [0; 10]);
        assert!(early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse(), Ok(early));
        assert_eq!(early.to_string().len(), 28);
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let device = DeviceId::compose(1, [7; 10]).to_string();
        assert_eq!(device.parse::<UserId>(), Err(IdError::Prefix("u_")));
        assert_eq!("u_0".parse::<UserId>(), Err(IdError::Malformed));
        assert_eq!("u_ilouilouilouilouilouilouil".parse::<UserId>(), Err(IdError::Malformed));
    }

    #[test]
    fn a_conversation_id_tells_its_shape() {
        for (shape, prefix, wrong) in
            [(ConversationShape::Direct, "c_", "g_"), (ConversationShape::Group, "g_", "c_")]
        {
            let id = ConversationId::compose(shape, 5, [9; 10]);
            let text = id.to_string();
            assert_eq!(id.shape(), shape);
            assert!(text.starts_with(prefix));
            assert_eq!(text.parse(), Ok(id));
            assert_eq!(text.replace(prefix, wrong).parse::<ConversationId>(), Err(IdError::Malformed));
        }
    }

    #[test]
    fn message_ids_have_bounds() {
        assert!("a".repeat(64).parse::<MessageId>().is_ok());
        for bad in ["", "with space", "tab\t", "ünicode", &"a".repeat(65)] {
            assert_eq!(bad.parse::<MessageId>(), Err(IdError::MessageId), "{bad:?}");
        }
    }
}
