//! After a commit of which nobody knows whether it happened: the log is asked, memory follows it, and whoever is
//! connected hears of what had happened after all.
//!
//! Messages to single devices are not told again: their devices find them when they sync.

use std::collections::HashSet;
use std::sync::Arc;

use protocol::{ConversationId, MembershipRecord, MessageKind, Seq, UserId};

use super::batcher::{Batcher, Routed};
use super::message_of;
use crate::Appended;
use crate::caught::caught;
use crate::conversation::Members;
use crate::store::{Head, Member, NewEntry, Range, StoreError};

/// Entries read at once.
const READ_ENTRIES: usize = 1_000;
/// Conversations looked at in one go when no command asks for them.
const SETTLED_AT_ONCE: usize = 256;

impl Batcher {
    /// Looks at those conversations for which no command comes.
    pub(super) async fn settle_all(&mut self) {
        let some: HashSet<_> = self.uncertain.keys().copied().take(SETTLED_AT_ONCE).collect();
        if let Some(Err(error)) = caught("looking after a failed commit", self.settle(some)).await {
            tracing::debug!(%error, "what a failed commit left behind is not known yet");
        }
    }

    /// Makes certain what stands in the logs of `ids`.
    pub(super) async fn settle(&mut self, ids: HashSet<ConversationId>) -> Result<(), StoreError> {
        let doubtful: Vec<_> = ids.into_iter().filter(|id| self.uncertain.contains_key(id)).collect();
        if doubtful.is_empty() {
            return Ok(());
        }
        // Held while the heads are read: nobody else can then bring an older one into memory.
        let conversations = self.cache.load(&*self.store, doubtful.iter().copied()).await?;
        let heads = self.store.load(doubtful.clone()).await?;
        for id in doubtful {
            if !heads.iter().any(|head| head.id == id) {
                // It was to be created, and was not.
                self.uncertain.remove(&id);
            }
        }
        for head in heads {
            let id = head.id;
            let Some(&told) = self.uncertain.get(&id) else { continue };
            let news = if head.last_seq > told { self.news(&head, told).await? } else { Routed::new() };
            if let Some(conversation) = conversations.get(&id) {
                conversation.renew(head, &news);
            }
            self.uncertain.remove(&id);
            self.route(news).await;
        }
        Ok(())
    }

    /// The entries after `told`, each with those who were members after it.
    async fn news(&self, head: &Head, told: Seq) -> Result<Routed, StoreError> {
        let history = self.store.membership_history(head.id).await?;
        let mut news = Routed::new();
        let mut last = told;
        let mut members = Arc::new(members_after(&history, told));
        while last < head.last_seq {
            let range = Range::between(head.id, last, head.last_seq + 1, READ_ENTRIES);
            let entries = self.store.read(range).await?;
            let Some(newest) = entries.last() else { break };
            last = newest.seq;
            for entry in entries {
                if entry.kind == MessageKind::System {
                    members = Arc::new(members_after(&history, entry.seq));
                }
                news.push(told_again(head, &history, Arc::clone(&members), entry));
            }
        }
        Ok(news)
    }
}

fn told_again(head: &Head, history: &[MembershipRecord], members: Arc<Members>, entry: NewEntry) -> Appended {
    let (seq, changes) = (entry.seq, entry.kind == MessageKind::System);
    let whose = |wanted: &dyn Fn(&MembershipRecord) -> bool| -> Vec<UserId> {
        history.iter().filter(|stay| changes && wanted(stay)).map(|stay| stay.user).collect()
    };
    Appended {
        departed: whose(&|stay| stay.to_seq == Some(seq)),
        joined: whose(&|stay| stay.from_seq == seq),
        message: Arc::new(message_of(head.kind, entry)),
        members,
        origin: None,
        device_messages: Vec::new(),
    }
}

/// Who was a member once the entry `seq` stood, with the role they have now or had last.
fn members_after(history: &[MembershipRecord], seq: Seq) -> Members {
    let there =
        |stay: &&MembershipRecord| stay.from_seq <= seq.max(1) && stay.to_seq.is_none_or(|to| seq < to);
    let member = |stay: &MembershipRecord| Member {
        user: stay.user,
        role: stay.role,
        from_seq: stay.from_seq,
        added_at: stay.added_at,
        added_by: stay.added_by,
    };
    Members::new(history.iter().filter(there).map(member).collect())
}
