//! Bodies whose time has come go; their entries stay.
//!
//! What is left of a swept entry is its number, id, sender, device and time: the log has no gap, and a late repeat of a send
//! is still the same message. Each conversation has a cursor up to where it has been looked after, which is moved in the
//! write that empties bodies: whatever ends the server in between, the next pass goes on from there. Writes are small and
//! have pauses between, so that nobody waits for the sweeper.
//!
//! What the server recorded stays, and so do MLS proposals and commits, without which who comes late could read nothing.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use protocol::{ConversationId, DeviceId, MessageKind, Retention, Seq, Timestamp, UserId};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::caught::caught;
use crate::receipts::fold;
use crate::store::{Outline, Unswept};
use crate::{ChatError, Chats, Conversation};

/// Conversations that one reading names.
const CONVERSATIONS: usize = 256;
/// The least pause after a write. After a slow one it is so many times as long as that took, [`PAUSES`].
const PAUSE: Duration = Duration::from_millis(10);
/// Of five parts of the time, the sweeper leaves four to others.
const PAUSES: u32 = 4;
/// Conversations remembered because somebody acknowledged something there. More are left to the next pass.
const HINTS: usize = 10_000;

/// A signed-in device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedInDevice {
    /// Whose.
    pub user: UserId,
    /// Which.
    pub device: DeviceId,
    /// When it signed in.
    pub since: Timestamp,
}

/// What this service asks about devices.
#[async_trait]
pub trait Devices: Send + Sync + 'static {
    /// Every signed-in device of these users, in any order.
    ///
    /// # Errors
    /// A reason, if it cannot be found out now.
    async fn devices(&self, users: &[UserId]) -> Result<Vec<SignedInDevice>, String>;
}

/// Conversations where something may have been delivered to all.
#[derive(Default)]
pub(crate) struct Hints {
    conversations: Mutex<HashSet<ConversationId>>,
    given: Notify,
}

impl Hints {
    pub(crate) fn give(&self, conversation: ConversationId) {
        let mut conversations = self.conversations.lock().unwrap_or_else(PoisonError::into_inner);
        let first = conversations.is_empty();
        if conversations.len() < HINTS {
            conversations.insert(conversation);
        }
        drop(conversations);
        if first {
            self.given.notify_one();
        }
    }

    fn take(&self) -> Vec<ConversationId> {
        let mut conversations = self.conversations.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *conversations).into_iter().collect()
    }
}

/// Somebody who has to have what they may see before it goes.
struct Holder {
    from: Seq,
    to: Seq,
    /// They have everything up to here.
    holds: Seq,
    /// Besides, what this device sent.
    device: Option<DeviceId>,
}

impl Holder {
    fn waits_for(&self, entry: &Outline) -> bool {
        (self.from..=self.to).contains(&entry.seq)
            && self.holds < entry.seq
            && self.device != Some(entry.device)
    }
}

impl Chats {
    /// Sweeps from now on: everything once in a while, and soon where what waited for delivery was delivered.
    pub fn start_sweeping(self: &Arc<Self>, devices: Arc<dyn Devices>) {
        let (hints, chats) = (Arc::clone(&self.hints), Arc::downgrade(self));
        let every = Duration::from_secs(self.policy.sweep_every_s);
        let soon = Duration::from_millis(self.policy.receipts_flush_ms);
        self.run_behind(async move {
            let mut next = Instant::now();
            loop {
                let hinted = tokio::select! {
                    () = tokio::time::sleep_until(next) => false,
                    () = hints.given.notified() => true,
                };
                if hinted {
                    // A few come together.
                    tokio::time::sleep(soon).await;
                }
                let Some(chats) = Weak::upgrade(&chats) else { return };
                let work = async {
                    if hinted { chats.sweep_hinted(&*devices).await } else { chats.sweep(&*devices).await }
                };
                match caught("sweeping", work).await {
                    Some(Ok(0)) | None => {}
                    Some(Ok(gone)) => tracing::debug!(gone, "bodies whose time had come"),
                    Some(Err(error)) => {
                        tracing::warn!(%error, "sweeping stopped; it goes on with the next pass")
                    }
                }
                if !hinted {
                    next = Instant::now() + every;
                }
            }
        });
    }

    /// One pass over every conversation in which something may be due. Answers how many bodies went.
    ///
    /// # Errors
    /// The store did not answer, or the devices cannot be found out. What went has gone; the next pass goes on.
    pub async fn sweep(&self, devices: &dyn Devices) -> Result<u64, ChatError> {
        let all = self.policy.retention(None) != Retention::Forever;
        let (mut gone, mut after) = (0, None);
        loop {
            let some = self.store.sweepable(after, all, CONVERSATIONS).await?;
            for unswept in &some {
                gone += self.sweep_one(unswept, devices).await?;
            }
            match some.last() {
                Some(last) if some.len() == CONVERSATIONS => after = Some(last.conversation),
                _ => return Ok(gone),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn sweep_hinted(&self, devices: &dyn Devices) -> Result<u64, ChatError> {
        let (mut gone, hinted) = (0, self.hints.take());
        self.flush_receipts().await;
        for some in hinted.chunks(CONVERSATIONS) {
            for unswept in self.store.unswept(some.to_vec()).await? {
                gone += self.sweep_one(&unswept, devices).await?;
            }
        }
        Ok(gone)
    }

    async fn sweep_one(&self, unswept: &Unswept, devices: &dyn Devices) -> Result<u64, ChatError> {
        let Some(next_time) = unswept.next_time else { return Ok(0) };
        let id = unswept.conversation;
        let retention = self.policy.retention(unswept.retention);
        let now = self.clock.now();
        let Some(over) = self.policy.cutoff(unswept.retention, now) else { return Ok(0) };
        let (mut swept, mut gone) = (unswept.swept, 0);
        // Whose time is over, whoever has it.
        let cutoff = over.saturating_add(1);
        if next_time < cutoff {
            let over = self.store.seq_before(id, cutoff).await?;
            while swept < over {
                let to = over.min(swept + self.policy.sweep_entries as u64);
                gone += self.expire(id, swept, to).await?;
                swept = to;
            }
        }
        if retention == Retention::UntilDelivered {
            gone += self.sweep_delivered(id, swept, devices).await?;
        }
        Ok(gone)
    }

    /// What is due in one conversation goes now: whoever keeps bodies for longer from now on gets none of those back.
    pub(crate) async fn sweep_due(&self, conversation: &Conversation) -> Result<(), ChatError> {
        let Some(cutoff) = self.cutoff(conversation) else { return Ok(()) };
        let id = conversation.id;
        let over = self.store.seq_before(id, cutoff.saturating_add(1)).await?;
        let unswept = self.store.unswept(vec![id]).await?;
        let mut swept = unswept.first().map_or(0, |it| it.swept);
        while swept < over {
            let to = over.min(swept + self.policy.sweep_entries as u64);
            self.expire(id, swept, to).await?;
            swept = to;
        }
        Ok(())
    }

    /// Sweeps what everybody has.
    async fn sweep_delivered(
        &self,
        id: ConversationId,
        mut swept: Seq,
        devices: &dyn Devices,
    ) -> Result<u64, ChatError> {
        let mut gone = 0;
        let mut holders: Option<Vec<Holder>> = None;
        loop {
            let outline = self.store.outline(id, swept, self.policy.sweep_entries).await?;
            if outline.is_empty() {
                return Ok(gone);
            }
            if holders.is_none() {
                holders = Some(self.holders(id, swept, devices).await?);
            }
            let holders = holders.as_deref().unwrap_or_default();
            // Entries are members' doing but for those that the server recorded, which wait for nobody.
            let waits = |entry: &&Outline| {
                entry.kind != MessageKind::System && holders.iter().any(|holder| holder.waits_for(entry))
            };
            let to = outline.iter().take_while(|entry| !waits(entry)).last().map_or(swept, |entry| entry.seq);
            if to > swept {
                gone += self.expire(id, swept, to).await?;
            }
            if outline.len() < self.policy.sweep_entries || to < outline.last().map_or(0, |entry| entry.seq) {
                return Ok(gone);
            }
            swept = to;
        }
    }

    /// Who may see anything after `swept`, with each of their devices. A member without any device is one who has nothing.
    async fn holders(
        &self,
        id: ConversationId,
        swept: Seq,
        devices: &dyn Devices,
    ) -> Result<Vec<Holder>, ChatError> {
        let mut stays = self.store.membership_history(id).await?;
        stays.retain(|stay| stay.to_seq.is_none_or(|to| swept < to));
        let users: HashSet<_> = stays.iter().map(|stay| stay.user).collect();
        let users: Vec<_> = users.into_iter().collect();
        let signed_in = devices.devices(&users).await.map_err(|reason| {
            tracing::warn!(reason, "devices cannot be looked up");
            ChatError::Unavailable
        })?;
        let asked = signed_in.iter().map(|it| (it.user, it.device)).collect();
        let cursors = self.store.cursors_at(id, asked).await?;
        let cursors: HashMap<_, _> = cursors.iter().map(|it| ((it.user, it.device), it.seq)).collect();
        let mut by_user: HashMap<UserId, Vec<(DeviceId, Seq)>> = HashMap::new();
        for it in signed_in {
            let holds = match cursors.get(&(it.user, it.device)) {
                Some(seq) => *seq,
                None => self.first_place(id, it).await?,
            };
            by_user.entry(it.user).or_default().push((it.device, holds));
        }
        let mut holders = Vec::new();
        for stay in stays {
            let (from, to) = (stay.from_seq, stay.to_seq.unwrap_or(Seq::MAX));
            match by_user.get(&stay.user) {
                Some(held) => holders.extend(held.iter().map(|(device, holds)| Holder {
                    from,
                    to,
                    holds: *holds,
                    device: Some(*device),
                })),
                None => holders.push(Holder { from, to, holds: 0, device: None }),
            }
        }
        Ok(holders)
    }

    /// Where a device begins that has acknowledged nothing: as `Sync` has it.
    async fn first_place(&self, id: ConversationId, device: SignedInDevice) -> Result<Seq, ChatError> {
        let receipts = self.store.receipts(id, vec![device.user]).await?;
        match fold(receipts).delivered {
            0 => Ok(0),
            delivered => Ok(delivered.min(self.store.seq_before(id, device.since).await?)),
        }
    }

    /// One write, and the pause after it.
    async fn expire(&self, id: ConversationId, after: Seq, to: Seq) -> Result<u64, ChatError> {
        let began = Instant::now();
        let gone = self.store.expire(id, after, to).await?;
        if let Some(conversation) = self.cache.known(id) {
            conversation.state().expire(to);
        }
        tokio::time::sleep(PAUSE.max(began.elapsed() * PAUSES)).await;
        Ok(gone)
    }
}
