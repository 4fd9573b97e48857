//! What both backends of the chats store share: how values are written down.

use chats::store::{CreationKey, ReceiptKind, StoreError};
use protocol::{ConversationId, ConversationKind, MarkKind, MessageKind, Role, Seq};

use crate::Failure;

/// Turns a kind into its number and back.
macro_rules! numbered {
    ($write:ident, $read:ident, $type:ty, $($value:path = $number:literal),+) => {
        pub(crate) const fn $write(value: $type) -> i16 {
            match value { $($value => $number,)+ }
        }

        pub(crate) fn $read(number: i16) -> Option<$type> {
            match number { $($number => Some($value),)+ _ => None }
        }
    };
}

numbered!(
    conversation_kind,
    read_conversation_kind,
    ConversationKind,
    ConversationKind::Plain = 0,
    ConversationKind::Mls = 1
);
numbered!(
    message_kind,
    read_message_kind,
    MessageKind,
    MessageKind::Content = 0,
    MessageKind::Proposal = 1,
    MessageKind::Commit = 2,
    MessageKind::System = 3,
    MessageKind::Annotation = 4,
    // Planners refuse it: nobody writes one.
    MessageKind::Unsupported = 255
);
numbered!(role, read_role, Role, Role::Member = 0, Role::Admin = 1);
numbered!(receipt_kind, read_receipt_kind, ReceiptKind, ReceiptKind::Delivered = 1, ReceiptKind::Seen = 2);

/// The bytes under which a creation is found again.
pub(crate) fn key(key: &CreationKey, kind: ConversationKind) -> Vec<u8> {
    match key {
        CreationKey::Pair(low, high) => {
            let kind = match kind {
                ConversationKind::Plain => b'p',
                ConversationKind::Mls => b'm',
            };
            [&[b'd', kind], low.as_bytes().as_slice(), high.as_bytes()].concat()
        }
        CreationKey::Group(creator, id) => {
            [b"g".as_slice(), creator.as_bytes(), id.as_str().as_bytes()].concat()
        }
    }
}

/// What stands for a conversation among the words of its messages. No word has an underscore.
pub(crate) fn place_word(conversation: ConversationId) -> String {
    conversation.as_bytes().iter().fold(String::from("_"), |word, byte| format!("{word}{byte:02x}"))
}

/// A mark as stored: its kind, and whether it is there.
pub(crate) const fn mark(kind: MarkKind) -> Option<(i16, bool)> {
    match kind {
        MarkKind::Hidden => Some((1, true)),
        MarkKind::Starred => Some((2, true)),
        MarkKind::Unstarred => Some((2, false)),
        MarkKind::Unsupported => None,
    }
}

/// A mark from what is stored.
pub(crate) const fn read_mark(kind: i16, present: bool) -> MarkKind {
    match (kind, present) {
        (1, _) => MarkKind::Hidden,
        (2, true) => MarkKind::Starred,
        (2, false) => MarkKind::Unstarred,
        _ => MarkKind::Unsupported,
    }
}

/// A sequence number as both databases keep it.
pub(crate) fn signed(seq: Seq) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// A stored number that is never negative.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
        use tokio_postgres::error::SqlState;
        match &failure {
            Failure::Sqlite(rusqlite::Error::SqliteFailure(error, _))
                if [SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_PRIMARYKEY]
                    .contains(&error.extended_code) =>
            {
                Self::Conflict
            }
            Failure::Postgres(error)
                if matches!(
                    error.code(),
                    Some(
                        &SqlState::UNIQUE_VIOLATION
                            | &SqlState::T_R_SERIALIZATION_FAILURE
                            | &SqlState::T_R_DEADLOCK_DETECTED
                    )
                ) =>
            {
                Self::Conflict
            }
            Failure::MovedOn => Self::Conflict,
            _ => Self::Unavailable(failure.to_string()),
        }
    }
}
