//! What users may do on a server beyond using it (A6): one table, which the documents show too.

use protocol::{AccountState, ServerRole, UserId};

use crate::{AccountError, Accounts};

/// Something that not everybody may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// See the list of accounts and where each stands.
    ListAccounts,
    /// See the email addresses and phone numbers of accounts.
    SeeAddresses,
    /// See how much the server holds.
    SeeStatistics,
    /// Read reports and close them.
    HandleReports,
    /// Suspend accounts and reinstate them.
    SuspendAccounts,
    /// See and end the sessions of others.
    EndSessions,
    /// Give an account a one-time password.
    ResetPasswords,
    /// Change the profiles of others.
    EditProfiles,
    /// Delete accounts of others.
    DeleteAccounts,
    /// Decide who is a moderator or an admin.
    ChangeRoles,
}

/// A line of the table.
#[derive(Debug, Clone, Copy)]
pub struct PermissionDoc {
    /// What is permitted.
    pub permission: Permission,
    /// What to call it.
    pub name: &'static str,
    /// What it means.
    pub about: &'static str,
    /// To whom.
    pub roles: &'static [ServerRole],
}

const STAFF: &[ServerRole] = &[ServerRole::Moderator, ServerRole::Admin];
const ADMINS: &[ServerRole] = &[ServerRole::Admin];

macro_rules! permissions {
    ($($permission:ident / $name:literal / $roles:ident: $about:literal,)*) => {
        /// Every permission.
        pub const PERMISSIONS: &[PermissionDoc] = &[$(PermissionDoc {
            permission: Permission::$permission, name: $name, about: $about, roles: $roles,
        },)*];

        impl Permission {
            fn roles(self) -> &'static [ServerRole] {
                match self { $(Self::$permission => $roles,)* }
            }

            /// What to call it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$permission => $name,)* }
            }
        }
    };
}

permissions! {
    ListAccounts / "list_accounts" / STAFF: "See the list of accounts and where each stands.",
    SeeStatistics / "see_statistics" / STAFF: "See how much the server holds.",
    HandleReports / "handle_reports" / STAFF: "Read reports and close them.",
    SuspendAccounts / "suspend_accounts" / STAFF:
        "Suspend accounts and reinstate them: a moderator those with the role `user`, an admin all but their own.",
    SeeAddresses / "see_addresses" / ADMINS: "See the email addresses and phone numbers of accounts.",
    EndSessions / "end_sessions" / ADMINS: "See the devices of others, and sign them out.",
    ResetPasswords / "reset_passwords" / ADMINS: "Give the account of another a one-time password.",
    EditProfiles / "edit_profiles" / ADMINS: "Change the profiles of others.",
    DeleteAccounts / "delete_accounts" / ADMINS: "Delete the accounts of others.",
    ChangeRoles / "change_roles" / ADMINS: "Decide who else is a moderator or an admin.",
}

impl Permission {
    /// Whether that role has it.
    pub fn is_of(self, role: ServerRole) -> bool {
        self.roles().contains(&role)
    }
}

impl Accounts {
    /// The role of a user, who must have that permission. Always asks the store: who lost a role has lost it at once,
    /// on every node.
    ///
    /// # Errors
    /// [`AccountError::Forbidden`], [`AccountError::Unavailable`].
    pub async fn authorize(&self, user: UserId, permission: Permission) -> Result<ServerRole, AccountError> {
        let account = self.0.store.account(user).await?;
        let role =
            account.filter(|account| account.state == AccountState::Active).map(|account| account.role);
        role.filter(|role| permission.is_of(*role)).ok_or(AccountError::Forbidden(permission.name()))
    }

    /// The same, for what nobody does to their own account: whoever holds an admin's token, but not their password, must not
    /// take or end the account with it.
    pub(crate) async fn authorize_on_another(
        &self,
        by: UserId,
        user: UserId,
        permission: Permission,
    ) -> Result<ServerRole, AccountError> {
        let role = self.authorize(by, permission).await?;
        if by == user { Err(AccountError::OnOneself(permission.name())) } else { Ok(role) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_none_and_admins_all() {
        for line in PERMISSIONS {
            assert!(!line.permission.is_of(ServerRole::User), "{}", line.name);
            assert!(line.permission.is_of(ServerRole::Admin), "{}", line.name);
            assert_eq!(line.permission.is_of(ServerRole::Moderator), line.roles.len() == 2, "{}", line.name);
        }
    }
}
