//! Show and change a profile (A4, A9).

use platform::Timestamp;
use protocol::{Profile, ProfileChanges, UserId};

use crate::administration::{audit, lives};
use crate::roles::Permission;
use crate::store::{NewProfile, ProfileChanged, StoredAccount};
use crate::{AccountError, Accounts, dates, names};

const ABOUT_MAX_CHARS: usize = 500;
/// As of groups' pictures.
const PICTURE_MAX_BYTES: usize = 300;

impl Accounts {
    /// A user's profile as `asker` may see it. Of a deleted account only the name for those is left.
    ///
    /// # Errors
    /// [`AccountError::NoSuchUser`], [`AccountError::Unavailable`].
    pub async fn profile(&self, asker: UserId, user: UserId) -> Result<Profile, AccountError> {
        let stored = self.0.store.account(user).await?.ok_or(AccountError::NoSuchUser)?;
        let edits = asker == user || self.edits(asker).await?;
        Ok(shown(stored, asker, edits))
    }

    /// Whether they change the profiles of others, and so may know who did last.
    async fn edits(&self, asker: UserId) -> Result<bool, AccountError> {
        match self.authorize(asker, Permission::EditProfiles).await {
            Ok(_) => Ok(true),
            Err(AccountError::Forbidden(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Changes what is given of a user's profile. `by` is the user or somebody who may. With `unchanged_since`, only if
    /// the account was last changed then.
    ///
    /// # Errors
    /// [`AccountError::Invalid`], [`AccountError::NoSuchUser`], [`AccountError::Changed`],
    /// [`AccountError::Unavailable`].
    pub async fn update_profile(
        &self,
        by: UserId,
        user: UserId,
        changes: ProfileChanges,
        unchanged_since: Option<Timestamp>,
    ) -> Result<Profile, AccountError> {
        let now = self.0.now();
        let profile = NewProfile { now, unchanged_since, ..checked(by, user, changes, now)? };
        let changed = self.0.store.update_profile(profile).await;
        // Whether it did or failed: then it may have been done all the same.
        self.0.names.remove(&user);
        match changed? {
            ProfileChanged::Changed(stored) => {
                if by != user {
                    audit(by, user, "profile changed");
                }
                Ok(shown(*stored, by, true))
            }
            ProfileChanged::Meanwhile => Err(AccountError::Changed),
            ProfileChanged::UnknownUser => Err(AccountError::NoSuchUser),
        }
    }
}

fn checked(
    by: UserId,
    user: UserId,
    changes: ProfileChanges,
    now: Timestamp,
) -> Result<NewProfile, AccountError> {
    if changes == ProfileChanges::default() {
        return Err(AccountError::invalid("expected something to change"));
    }
    let ProfileChanges { name, about, picture, date_of_birth } = changes;
    let name = name.map(|name| names::given_name(&name)).transpose()?;
    if let Some(about) = &about {
        // Lines are welcome, other control characters are not.
        if about.chars().any(|c| c.is_control() && c != '\n') {
            return Err(AccountError::invalid("about: control characters are not allowed"));
        }
        if about.chars().count() > ABOUT_MAX_CHARS {
            return Err(AccountError::Invalid(format!("about: at most {ABOUT_MAX_CHARS} characters")));
        }
    }
    if let Some(picture) = &picture
        && (picture.len() > PICTURE_MAX_BYTES || picture.chars().any(char::is_control))
    {
        let why = format!("picture: a reference has at most {PICTURE_MAX_BYTES} bytes, on one line");
        return Err(AccountError::Invalid(why));
    }
    if let Some(date) = date_of_birth.as_deref().filter(|date| !date.is_empty()) {
        dates::past(date, now)?;
    }
    Ok(NewProfile { user, by, name, about, picture, date_of_birth, now, unchanged_since: None })
}

/// When and by whom it was changed last is for those who change it: it tells of moderation, and of changes that nobody else
/// sees.
fn shown(stored: StoredAccount, asker: UserId, edits: bool) -> Profile {
    let own = stored.user.id == asker && lives(stored.state);
    Profile {
        about: stored.about,
        picture: stored.picture,
        date_of_birth: stored.date_of_birth.filter(|_| own),
        email: stored.email.filter(|_| own),
        phone: stored.phone.filter(|_| own),
        role: own.then_some(stored.role),
        created_at: stored.created_at,
        created_by: stored.created_by,
        updated_at: edits.then_some(stored.updated_at),
        updated_by: edits.then_some(stored.updated_by),
        user: stored.user,
    }
}
