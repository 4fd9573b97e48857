//! One's own account.

use chats::Caller;
use protocol::{Privacy, PrivacyChanges};

use crate::CommandError;
use crate::state::Shared;

pub(crate) async fn get_privacy(shared: &Shared, caller: Caller) -> Result<Privacy, CommandError> {
    Ok(shared.services.accounts.privacy(caller.user).await?)
}

pub(crate) async fn set_privacy(
    shared: &Shared,
    caller: Caller,
    changes: PrivacyChanges,
) -> Result<Privacy, CommandError> {
    Ok(shared.services.accounts.set_privacy(caller.user, changes).await?)
}
