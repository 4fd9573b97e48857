//! What both backends decide alike when they keep accounts, without SQL.

use accounts::store::{
    CODE_WINDOW_MS, CodeSaved, CredentialsChanged, NewCode, NewCredentials, Reach, Rotation, StoredAccount,
    StoredSession,
};
use accounts::{Address, Channel, StoreError};
use platform::Timestamp;
use protocol::{Privacy, UserId, UserInfo};

use crate::Failure;

/// Readable codes that one answer lists.
pub(crate) const PENDING_CODES: i64 = 1_000;

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        Self::Unavailable(failure.to_string())
    }
}

/// What is remembered of an address's codes.
pub(crate) struct CodeHistory {
    pub(crate) resend_at: Timestamp,
    pub(crate) hour_began_at: Timestamp,
    pub(crate) sent_in_hour: i64,
}

impl CodeHistory {
    /// What it becomes with the new code, or when that may come.
    pub(crate) fn allow(previous: Option<&Self>, code: &NewCode) -> Result<Self, CodeSaved> {
        let fresh = Self { resend_at: code.resend_at, hour_began_at: code.created_at, sent_in_hour: 1 };
        let Some(previous) = previous else { return Ok(fresh) };
        if code.created_at < previous.resend_at {
            return Err(CodeSaved::TooSoon(previous.resend_at));
        }
        let hour_ends_at = previous.hour_began_at + CODE_WINDOW_MS;
        if code.created_at >= hour_ends_at {
            Ok(fresh)
        } else if previous.sent_in_hour >= i64::from(code.max_per_hour) {
            Err(CodeSaved::TooSoon(hour_ends_at))
        } else {
            Ok(Self {
                hour_began_at: previous.hour_began_at,
                sent_in_hour: previous.sent_in_hour + 1,
                ..fresh
            })
        }
    }
}

/// Whether a password takes the place of another.
pub(crate) fn replaces(change: &NewCredentials) -> bool {
    change.password.as_ref().is_some_and(|password| password.replaces.is_some())
}

/// The refusal if there is a password to be set, but not in the place of the user's current one.
pub(crate) fn refuse_password(change: &NewCredentials, current: Option<&str>) -> Option<CredentialsChanged> {
    let expected = change.password.as_ref()?.replaces.as_deref();
    (expected != current).then_some(CredentialsChanged::PasswordChanged)
}

/// What a refresh with a token of generation `given` makes of a session.
pub(crate) fn rotate(
    session: StoredSession,
    current: i64,
    given: u32,
    now: Timestamp,
    idle_since: Timestamp,
) -> Rotation {
    if session.last_active_at <= idle_since || session.expires_at <= now {
        Rotation::Expired
    } else if current != i64::from(given) {
        Rotation::Reused
    } else {
        let last_active_at = session.last_active_at.max(now);
        Rotation::Rotated {
            session: StoredSession { last_active_at, ..session },
            generation: given.saturating_add(1),
        }
    }
}

/// The email and the phone column of a user with that one address.
pub(crate) fn columns(address: Option<&Address>) -> (Option<&str>, Option<&str>) {
    match address {
        Some(address) if address.channel() == Channel::Email => (Some(address.as_str()), None),
        Some(address) => (None, Some(address.as_str())),
        None => (None, None),
    }
}

/// The address that a row of codes is about.
pub(crate) fn address(channel: &str, text: &str) -> Result<Address, StoreError> {
    let read = if channel == Channel::Phone.as_str() { Address::phone(text) } else { Address::email(text) };
    read.map_err(|_| StoreError::Corrupt(format!("one_time_codes: {channel} {text:?}")))
}

/// A user's privacy as columns.
pub(crate) struct PrivacyWords {
    pub(crate) last_seen: String,
    pub(crate) messages: String,
    pub(crate) groups: String,
    pub(crate) findable_by_name: bool,
    pub(crate) findable_by_address: bool,
}

impl PrivacyWords {
    pub(crate) fn read(self) -> Result<Privacy, StoreError> {
        Ok(Privacy {
            last_seen: word(&self.last_seen)?,
            messages: word(&self.messages)?,
            groups: word(&self.groups)?,
            findable_by_name: self.findable_by_name,
            findable_by_address: self.findable_by_address,
        })
    }
}

/// What a column's word stands for.
pub(crate) fn word<T: std::str::FromStr>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt(format!("users: {text:?}")))
}

/// What stands before a beginning's range, and behind all that begins so: no text goes on with a greater character.
pub(crate) fn range(beginning: &str) -> (String, String) {
    (beginning.to_owned(), format!("{beginning}\u{10ffff}"))
}

/// A word's reach as a column.
pub(crate) fn reach(reach: Reach) -> i64 {
    match reach {
        Reach::Administration => 0,
        Reach::Whole => 1,
        Reach::Beginning => 2,
    }
}

/// An account as columns.
pub(crate) struct AccountRow {
    pub(crate) user: UserInfo,
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) about: String,
    pub(crate) picture: Option<String>,
    pub(crate) date_of_birth: Option<String>,
    pub(crate) role: String,
    pub(crate) state: String,
    pub(crate) created_at: Timestamp,
    pub(crate) created_by: UserId,
    pub(crate) updated_at: Timestamp,
    pub(crate) updated_by: UserId,
}

impl AccountRow {
    pub(crate) fn read(self) -> Result<StoredAccount, StoreError> {
        Ok(StoredAccount {
            role: word(&self.role)?,
            state: word(&self.state)?,
            user: self.user,
            email: self.email,
            phone: self.phone,
            about: self.about,
            picture: self.picture,
            date_of_birth: self.date_of_birth,
            created_at: self.created_at,
            created_by: self.created_by,
            updated_at: self.updated_at,
            updated_by: self.updated_by,
        })
    }
}
