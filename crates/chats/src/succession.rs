//! Leaving for good: out of every group at once.
//!
//! Whoever joins a group is looked at again once that is on disk: an account that was deleted while they were being added has
//! left what it was in by then, and leaves this group, too.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use protocol::{ConversationId, DeviceId, UserId};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::caught::caught;
use crate::consent::unknown;
use crate::log::{Change, GroupChange, Heir, Operation};
use crate::service::READINGS;
use crate::{Appended, ChatError, Chats};

/// Groups that are left at the same time.
const GROUPS_AT_ONCE: usize = 64;
/// The device of entries that no device has caused.
const NO_DEVICE: DeviceId = DeviceId::from_bytes([0; 16]);
/// The wait after it could not be found out who has an account.
const REST: Duration = Duration::from_secs(1);

/// Who has just become a member of a group.
#[derive(Default)]
pub(crate) struct Newcomers {
    users: Mutex<HashSet<UserId>>,
    wake: Notify,
}

impl Newcomers {
    /// These entries are on disk.
    pub(crate) fn note(&self, entries: &[Appended]) {
        for entry in entries.iter().filter(|entry| !entry.joined.is_empty()) {
            self.add(entry.joined.iter().copied().filter(|user| *user != entry.message.sender));
        }
    }

    fn add(&self, users: impl Iterator<Item = UserId>) {
        let mut all = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(users);
        if !all.is_empty() {
            self.wake.notify_one();
        }
    }

    fn take(&self) -> Vec<UserId> {
        std::mem::take(&mut *self.users.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }
}

impl Chats {
    pub(crate) fn start_seeing_off(self: &Arc<Self>, newcomers: Arc<Newcomers>) {
        let chats = Arc::downgrade(self);
        self.run_behind(async move {
            loop {
                newcomers.wake.notified().await;
                let Some(chats) = Weak::upgrade(&chats) else { return };
                let users = newcomers.take();
                if !matches!(caught("seeing off", chats.see_off(&users)).await, Some(Ok(()))) {
                    drop(chats);
                    tokio::time::sleep(REST).await;
                    newcomers.add(users.into_iter());
                }
            }
        });
    }

    /// Those of these users whose accounts are deleted leave all their groups.
    async fn see_off(&self, users: &[UserId]) -> Result<(), ChatError> {
        let living: HashSet<_> = self.users.living(users).await.map_err(unknown)?.into_iter().collect();
        for user in users.iter().filter(|user| !living.contains(user)) {
            self.leave_all(*user).await?;
        }
        Ok(())
    }

    /// Leaves every group that `user` is in, and answers how many those were. Where the last admin goes, whoever has been
    /// a member longest becomes one; a group that nobody is left in is closed. Direct conversations stay as they are.
    ///
    /// Each group is left in one write of its own, a few at the same time. Called again after an error or a crash, it
    /// goes on with the groups that are left; called again after that, it does nothing.
    ///
    /// # Errors
    /// The store did not answer, or others keep adding the user to groups.
    pub async fn leave_all(&self, user: UserId) -> Result<usize, ChatError> {
        let mut left = 0;
        for _ in 0..READINGS {
            let stays = self.store.stays(user, None).await?;
            let open = stays.iter().filter(|stay| stay.to_seq.is_none() && stay.conversation.is_group());
            let groups: Vec<_> = open.map(|stay| stay.conversation).collect();
            if groups.is_empty() {
                return Ok(left);
            }
            for some in groups.chunks(GROUPS_AT_ONCE) {
                left += self.leave_some(user, some).await?;
            }
        }
        tracing::warn!(%user, "is added to groups faster than they can be left");
        Err(ChatError::Unavailable)
    }

    async fn leave_some(&self, user: UserId, groups: &[ConversationId]) -> Result<usize, ChatError> {
        let batchers = self.batchers()?;
        let mut leaving = JoinSet::new();
        for &group in groups {
            let what = GroupChange::Leave(Heir::Eldest);
            let change = Change { actor: user, device: NO_DEVICE, id: self.message_id(), what };
            let batchers = Arc::clone(&batchers);
            leaving.spawn(async move { batchers.run(group, Operation::Change(change)).await });
        }
        let mut left = 0;
        while let Some(outcome) = leaving.join_next().await {
            match outcome {
                Ok(Ok(_)) => left += 1,
                // Removed meanwhile, or the group is gone.
                Ok(Err(ChatError::NotFound(_))) => {}
                Ok(Err(error)) => return Err(error),
                Err(error) => {
                    tracing::error!(%error, "leaving a group ended early");
                    return Err(ChatError::Unavailable);
                }
            }
        }
        Ok(left)
    }
}
