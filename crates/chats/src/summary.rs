//! Conversations as a member's list shows them.

use std::sync::Arc;

use protocol::{
    ConversationFilter, ConversationId, ConversationKind, ConversationSummary, GroupInfo, MemberInfo,
    Message, Receipt, Retention, Seq, UserId,
};

use crate::conversation::{Conversation, Snapshot};
use crate::log::message_of;
use crate::read::{Mine, at_most};
use crate::service::Visible;
use crate::settings::shown;
use crate::shown::{empty_message, is_due};
use crate::store::{PastHead, Range};
use crate::{Caller, ChatError, Chats};

/// How much a summary tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// No members, no last message.
    Bare,
    /// The first members, the last message and its status.
    Listed,
    /// All members.
    Full,
}

impl Chats {
    /// A page of the caller's conversations, the one with the latest entry first.
    ///
    /// # Errors
    /// The page is to begin after a conversation that is none of the caller's, or the store did not answer.
    pub async fn list(
        &self,
        caller: Caller,
        filter: ConversationFilter,
    ) -> Result<Vec<ConversationSummary>, ChatError> {
        let most = self.policy.page_conversations;
        let limit = at_most(filter.limit, most, most)?;
        let mut mine = self.conversations_of(caller.user).await?;
        if let Some(after) = filter.after {
            // It is found before the others are left out: it may have been put away since.
            let place = mine.iter().position(|mine| mine.conversation.id == after);
            mine.drain(..=place.ok_or(ChatError::NotFound("conversation"))?);
        }
        mine.retain(|mine| filter.archived.is_none_or(|archived| mine.settings.archived == archived));
        mine.truncate(limit);
        self.summaries(caller.user, &mine, true).await
    }

    /// One conversation with all its members.
    ///
    /// # Errors
    /// The caller has no part in it, or the store did not answer.
    pub async fn get(&self, caller: Caller, id: ConversationId) -> Result<ConversationSummary, ChatError> {
        let mine = Mine::one(self.sight(caller.user, id).await?);
        let receipts = self.receipts_in(&mine.conversation, caller.user).await?;
        let past = self.past_of(std::slice::from_ref(&mine)).await?.pop().flatten();
        let mut summary = self.summary(caller.user, &mine, receipts, Detail::Full, past).await?;
        summary.unread = self.unread(caller.user, [(&mine, receipts.seen)].into_iter()).await?.iter().sum();
        let (mine, one) = (std::slice::from_ref(&mine), std::slice::from_mut(&mut summary));
        self.pass_over_hidden(caller.user, mine, one).await?;
        self.withhold_receipts(mine, one).await?;
        self.name(caller.user, one).await?;
        Ok(summary)
    }

    /// A conversation as somebody is shown it who has just become a member: with its first members.
    ///
    /// # Errors
    /// The user has no part in it, or the store did not answer.
    pub async fn announcement(
        &self,
        user: UserId,
        id: ConversationId,
    ) -> Result<ConversationSummary, ChatError> {
        let mine = Mine::one(self.sight(user, id).await?);
        let receipt = self.receipts_in(&mine.conversation, user).await?;
        let past = self.past_of(std::slice::from_ref(&mine)).await?.pop().flatten();
        let mut summary = self.summary(user, &mine, receipt, Detail::Listed, past).await?;
        summary.unread = self.unread(user, [(&mine, receipt.seen)].into_iter()).await?.iter().sum();
        self.name(user, std::slice::from_mut(&mut summary)).await?;
        Ok(summary)
    }

    /// Those of `users` who have been in it before, as far as they have acknowledged anything.
    ///
    /// # Errors
    /// There is no such conversation, or the store did not answer.
    pub async fn returning(&self, id: ConversationId, users: &[UserId]) -> Result<Vec<UserId>, ChatError> {
        let conversation = self.conversation(id).await?;
        self.load_receipts(&conversation, users).await?;
        let state = conversation.state();
        let before = |user: &&UserId| state.receipts.get(user).is_some_and(|receipt| receipt.delivered > 0);
        Ok(users.iter().filter(before).copied().collect())
    }

    /// A group with all its members.
    ///
    /// # Errors
    /// The caller has no part in it, it is no group, or the store did not answer.
    pub async fn group(&self, caller: Caller, id: ConversationId) -> Result<GroupInfo, ChatError> {
        if !id.is_group() {
            return Err(ChatError::NotFound("group"));
        }
        let summary = self.get(caller, id).await?;
        let membership_version = match summary.role {
            Some(_) => self.conversation(id).await?.snapshot().membership_version,
            None => {
                let past = self.store.past_heads(vec![(id, summary.last_seq)]).await?.pop().flatten();
                past.map_or(0, |past| past.membership_version)
            }
        };
        Ok(GroupInfo { summary, membership_version })
    }

    /// The members of a conversation in which `user` is one: whom to tell that somebody types.
    ///
    /// # Errors
    /// The user is no member, or the store did not answer.
    pub async fn members_for(
        &self,
        user: UserId,
        id: ConversationId,
    ) -> Result<Arc<crate::Members>, ChatError> {
        let members = self.conversation(id).await?.members();
        match members.get(user) {
            Some(_) => Ok(members),
            None => Err(ChatError::NotFound("conversation")),
        }
    }

    pub(crate) async fn summaries(
        &self,
        user: UserId,
        mine: &[Mine],
        listed: bool,
    ) -> Result<Vec<ConversationSummary>, ChatError> {
        let receipts = self.receipts_of(user, mine).await?;
        let detail = if listed { Detail::Listed } else { Detail::Bare };
        let seen = receipts.iter().map(|receipt| receipt.seen);
        let unread = self.unread(user, mine.iter().zip(seen)).await?;
        let mut summaries = Vec::with_capacity(mine.len());
        let mut past = self.past_of(mine).await?.into_iter();
        for ((mine, receipt), unread) in mine.iter().zip(receipts).zip(unread) {
            let summary = self.summary(user, mine, receipt, detail, past.next().flatten()).await?;
            summaries.push(ConversationSummary { unread, ..summary });
        }
        self.pass_over_hidden(user, mine, &mut summaries).await?;
        self.withhold_receipts(mine, &mut summaries).await?;
        self.name(user, &mut summaries).await?;
        Ok(summaries)
    }

    /// The conversations that the user has gone from, as they were then; none for the others. Asks the store only if there
    /// are such.
    async fn past_of(&self, mine: &[Mine]) -> Result<Vec<Option<PastHead>>, ChatError> {
        let left: Vec<_> = mine.iter().filter_map(|it| Some((it.conversation.id, it.left()?))).collect();
        if left.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = self.store.past_heads(left).await?.into_iter();
        Ok(mine.iter().map(|it| it.left().and_then(|_| found.next().flatten())).collect())
    }

    pub(crate) async fn receipts_in(
        &self,
        conversation: &Conversation,
        user: UserId,
    ) -> Result<Receipt, ChatError> {
        self.load_receipts(conversation, &[user]).await?;
        Ok(conversation.state().receipts.get(&user).copied().unwrap_or_default())
    }

    /// All of a summary but the names and the count of unread messages.
    async fn summary(
        &self,
        user: UserId,
        mine: &Mine,
        receipt: Receipt,
        detail: Detail,
        past: Option<PastHead>,
    ) -> Result<ConversationSummary, ChatError> {
        let conversation = &mine.conversation;
        let mut now = conversation.snapshot();
        let whole_log = now.last_seq;
        let left = mine.left().is_some();
        let mut member_count = u32::try_from(now.members.len()).unwrap_or(u32::MAX);
        if left {
            member_count = past.as_ref().map_or(0, |past| past.members);
            as_it_was(&mut now, past);
        }
        let (first_seq, last_seq) = mine.bounds();
        let last_message = match detail {
            Detail::Bare => None,
            Detail::Listed | Detail::Full => match mine.visible.last() {
                Some(part) => self.last_message(conversation, whole_log, *part, &mine.visible).await?,
                None => None,
            },
        };
        let shown_message = last_message.as_ref().filter(|_| !left);
        let status = self.status_of_own(user, conversation, shown_message).await?;
        let kept = match detail {
            // The other one of a direct conversation gives it its name.
            Detail::Bare if conversation.id.is_group() => 0,
            Detail::Bare => 2,
            Detail::Listed => self.policy.listed_members,
            Detail::Full => usize::MAX,
        };
        let role = now.members.get(user).filter(|_| !left).map(|member| member.role);
        let visible_members = if role.is_some() { now.members.as_slice() } else { &[] };
        let nameless: Arc<str> = Arc::default();
        let members = visible_members
            .iter()
            .take(kept)
            .map(|member| MemberInfo {
                user: member.user,
                name: Arc::clone(&nameless),
                role: member.role,
                joined_at: member.added_at,
            })
            .collect();
        let creator = now.info.created_by.unwrap_or(user);
        let settings = shown(mine.settings, self.clock.now());
        let retention = self.policy.retention(now.info.retention);
        Ok(ConversationSummary {
            id: conversation.id,
            kind: conversation.kind,
            name: now.info.name.clone(),
            description: now.info.description.clone(),
            picture: now.info.picture.clone(),
            created_by: creator,
            created_at: now.info.created_at,
            updated_by: now.info.updated_by.unwrap_or(creator),
            updated_at: now.info.updated_at,
            member_count,
            members,
            role,
            epoch: (conversation.kind == ConversationKind::Mls).then_some(now.epoch),
            first_seq,
            last_seq,
            delivered: receipt.delivered,
            seen: receipt.seen,
            unread: 0,
            last_message,
            status,
            archived: settings.archived,
            muted_until: settings.muted_until,
            retention: (retention != Retention::Forever).then_some(retention),
        })
    }

    /// Fills in the names of members, and the name of direct conversations.
    async fn name(&self, user: UserId, summaries: &mut [ConversationSummary]) -> Result<(), ChatError> {
        let members = summaries.iter().flat_map(|summary| &summary.members);
        let mut wanted: Vec<_> = members.map(|member| member.user).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let names = self.names(wanted).await?;
        for summary in summaries {
            for member in &mut summary.members {
                member.name = names.get(&member.user).cloned().unwrap_or_else(|| "deleted account".into());
            }
            if !summary.id.is_group() {
                let other = summary.members.iter().find(|member| member.user != user);
                let shown = other.or(summary.members.first());
                summary.name = shown.map(|member| Arc::clone(&member.name)).unwrap_or_default();
            }
        }
        Ok(())
    }

    /// The last entry in `part` that is no annotation, whoever has hidden it.
    async fn last_message(
        &self,
        conversation: &Conversation,
        last_seq: Seq,
        part: Visible,
        visible: &[Visible],
    ) -> Result<Option<Message>, ChatError> {
        let whole = part.to == last_seq && part.ended_at.is_none();
        if part.to == 0 {
            return Ok(None);
        }
        let mut known = None;
        if whole
            && let Some(message) = &conversation.state().last
            && message.seq <= part.to
        {
            known = Some((**message).clone());
        }
        if let Some(mut message) = known {
            if is_due(message.kind, message.sent_at, self.cutoff(conversation)) {
                empty_message(&mut message);
            }
            return Ok(Some(message));
        }
        let message = self.newest(conversation, part, visible, None).await?.map(Arc::new);
        if let Some(message) = &message {
            // If nothing was appended meanwhile, nothing was said about this one either.
            if whole {
                conversation.state().keep_last(message, part.to);
            }
        }
        Ok(message.map(|message| (*message).clone()))
    }

    async fn newest(
        &self,
        conversation: &Conversation,
        part: Visible,
        visible: &[Visible],
        reader: Option<UserId>,
    ) -> Result<Option<Message>, ChatError> {
        let mut range = Range::between(conversation.id, part.after, part.to + 1, 1);
        (range.newest_first, range.no_annotations, range.reader) = (true, true, reader);
        let entries = self.store.read(range).await?;
        let entry = self.shown(conversation, visible, entries).await?.pop();
        Ok(entry.map(|entry| message_of(conversation.kind, entry)))
    }

    /// Where the last message is one that `user` has hidden, the one before it stands in its place.
    async fn pass_over_hidden(
        &self,
        user: UserId,
        mine: &[Mine],
        summaries: &mut [ConversationSummary],
    ) -> Result<(), ChatError> {
        let last = |summary: &ConversationSummary| summary.last_message.as_ref().map(|it| it.seq);
        let places: Vec<_> = summaries.iter().filter_map(|it| Some((it.id, last(it)?))).collect();
        if places.is_empty() {
            return Ok(());
        }
        let hidden = self.store.hidden(user, places).await?;
        let shown = summaries.iter_mut().zip(mine).filter(|(summary, _)| summary.last_message.is_some());
        for ((summary, mine), _) in shown.zip(hidden).filter(|(_, hidden)| *hidden) {
            let (mut found, conversation) = (None, &mine.conversation);
            for part in mine.visible.iter().rev() {
                found = self.newest(conversation, *part, &mine.visible, Some(user)).await?;
                if found.is_some() {
                    break;
                }
            }
            let shown = found.as_ref().filter(|_| mine.left().is_none());
            summary.status = self.status_of_own(user, conversation, shown).await?;
            summary.last_message = found;
        }
        Ok(())
    }
}

/// Of a conversation that somebody has gone from, what it was then. In doubt, nothing.
fn as_it_was(now: &mut Snapshot, past: Option<PastHead>) {
    let mut info = (*now.info).clone();
    let past = past.unwrap_or_else(|| PastHead {
        conversation: ConversationId::from_bytes([0; 16]),
        seq: 0,
        name: Arc::default(),
        description: String::new(),
        picture: None,
        updated_by: info.created_by,
        updated_at: info.created_at,
        retention: None,
        epoch: 0,
        membership_version: 0,
        members: 0,
    });
    (info.name, info.description, info.picture) = (past.name, past.description, past.picture);
    (info.updated_by, info.updated_at, info.retention) = (past.updated_by, past.updated_at, past.retention);
    (now.info, now.epoch) = (Arc::new(info), past.epoch);
}
