//! Reading the log: what a device has missed, and the past.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::{
    ConversationId, DeviceMessage, HistoryRequest, LATEST, Mark, Message, MessagePage, Receipt, Seq,
    SyncPage, SyncRequest, UserId,
};

use crate::conversation::Conversation;
use crate::log::message_of;
use crate::receipts::fold;
use crate::service::{READINGS, Sight, Visible, settings_of};
use crate::store::{
    Marked, MemberSettings, NewDeviceMessage, NewEntry, Overview, Range, ReceiptStep, Return, Stay,
};
use crate::{Caller, ChatError, Chats};

/// How many a page holds that may be asked for so many.
///
/// # Errors
/// None were asked for.
pub(crate) fn at_most(limit: Option<u32>, default: usize, most: usize) -> Result<usize, ChatError> {
    match limit {
        Some(0) => Err(ChatError::Invalid("limit is 1 or more".into())),
        Some(limit) => Ok(most.min(limit as usize)),
        None => Ok(default),
    }
}

/// How much of a page is left.
pub(crate) struct Room {
    messages: usize,
    bytes: usize,
}

impl Room {
    /// What to read to fill it, oldest first: one entry more than it holds tells whether there is more.
    fn range(&self, conversation: ConversationId, after: Seq, before: Seq) -> Range {
        Range { bytes: self.bytes, ..Range::between(conversation, after, before, self.messages + 1) }
    }

    pub(crate) fn take(&mut self, entry: &NewEntry, nothing_yet: bool) -> bool {
        let bytes = as_text(entry);
        if self.messages == 0 || (bytes > self.bytes && !nothing_yet) {
            return false;
        }
        self.messages -= 1;
        self.bytes = self.bytes.saturating_sub(bytes);
        true
    }
}

/// The bytes that an entry takes in JSON, about: what is sealed in base64, of a text what is escaped there.
fn as_text(entry: &NewEntry) -> usize {
    // Reactions are longer in text than they are stored.
    let reactions = entry.reactions.as_ref().map_or(0, |stored| stored.len() * 3);
    if entry.epoch.is_some() {
        return entry.body.len().div_ceil(3) * 4 + reactions;
    }
    let escaped = |byte: &u8| match byte {
        0..0x20 => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    };
    entry.body.iter().map(escaped).sum::<usize>() + reactions
}

impl Chats {
    /// Brings a device up to date: its conversations, and one page of what it has missed, in order.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn sync(&self, caller: Caller, request: SyncRequest) -> Result<SyncPage, ChatError> {
        if let Some(number) = request.after_device_message {
            self.store.drop_device_messages(caller.device, number).await?;
        }
        let after: HashMap<_, _> = request.after.into_iter().collect();
        let (user, device, after_mark) = (caller.user, caller.device, request.after_mark);
        let most = self.policy.page_device_messages;
        let back = Return { user, device, after_mark, limit: most + 1 };
        let Overview { stays, device_messages: found, last_mark, marks } = self.store.overview(back).await?;
        let (marks, mark, more_marks) = marks_of(marks, last_mark, most);
        let mine = self.conversations_by(caller.user, stays).await?;
        let (messages, more) = self.missed(caller, &mine, &after, request.limit, |_| true).await?;
        let (device_messages, more_device) = device_messages(found, most);
        let listed =
            if request.without_conversations { 0 } else { self.policy.page_conversations.min(mine.len()) };
        let summaries = self.summaries(caller.user, &mine[..listed], false).await?;
        let more = more || more_device || more_marks;
        Ok(SyncPage { conversations: summaries, messages, device_messages, marks, mark, more })
    }

    /// One page of the messages from other devices, one's own among them, that this device has not acknowledged, in order.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn read_new(&self, caller: Caller, limit: Option<u32>) -> Result<MessagePage, ChatError> {
        let mine = self.conversations_of(caller.user).await?;
        let others = |entry: &NewEntry| entry.device != caller.device;
        let (messages, more) = self.missed(caller, &mine, &HashMap::new(), limit, others).await?;
        Ok(MessagePage { messages, more })
    }

    /// The past of a conversation, the newest first.
    ///
    /// # Errors
    /// The caller has no part in the conversation, or the store did not answer.
    pub async fn history(
        &self,
        caller: Caller,
        id: ConversationId,
        request: HistoryRequest,
    ) -> Result<MessagePage, ChatError> {
        self.history_within(caller, id, request, usize::MAX).await
    }

    /// The same, on a page of at most so many bytes of bodies if that is less than any page's, and one message at least.
    ///
    /// # Errors
    /// The caller has no part in the conversation, or the store did not answer.
    pub async fn history_within(
        &self,
        caller: Caller,
        id: ConversationId,
        request: HistoryRequest,
        bytes: usize,
    ) -> Result<MessagePage, ChatError> {
        let mut room = self.room(request.limit)?;
        room.bytes = room.bytes.min(bytes);
        let (conversation, visible) = self.visible(caller.user, id).await?;
        let mut before = request.before.unwrap_or(Seq::MAX);
        if let Some(time) = request.before_time {
            if !(0..=LATEST).contains(&time) {
                return Err(ChatError::Invalid(format!("a time is 0 to {LATEST} milliseconds since 1970")));
            }
            before = before.min(self.store.seq_before(id, time).await? + 1);
        }
        let mut messages = Vec::new();
        for part in visible.iter().rev() {
            let mut before = before.min(part.to.saturating_add(1));
            while part.after + 1 < before {
                let range = Range {
                    newest_first: true,
                    reader: Some(caller.user),
                    ..room.range(id, part.after, before)
                };
                let entries = self.store.read(range).await?;
                let Some(last) = entries.last().map(|entry| entry.seq) else { break };
                for entry in self.shown(&conversation, &visible, entries).await? {
                    if !room.take(&entry, messages.is_empty()) {
                        return Ok(MessagePage { messages, more: true });
                    }
                    messages.push(message_of(conversation.kind, entry));
                }
                before = last;
            }
        }
        Ok(MessagePage { messages, more: false })
    }

    /// The entries after `after` and up to `to` that the caller may see, the oldest first.
    ///
    /// # Errors
    /// The caller has no part in the conversation, or the store did not answer.
    pub async fn page_after(
        &self,
        caller: Caller,
        id: ConversationId,
        after: Seq,
        to: Seq,
    ) -> Result<MessagePage, ChatError> {
        let (conversation, visible) = self.visible(caller.user, id).await?;
        let mut room = self.room(None)?;
        let mut messages = Vec::new();
        for part in &visible {
            let (mut after, before) = (after.max(part.after), to.min(part.to).saturating_add(1));
            while after + 1 < before {
                let range = Range { reader: Some(caller.user), ..room.range(id, after, before) };
                let entries = self.store.read(range).await?;
                let Some(last) = entries.last().map(|entry| entry.seq) else { break };
                for entry in self.shown(&conversation, &visible, entries).await? {
                    if !room.take(&entry, messages.is_empty()) {
                        return Ok(MessagePage { messages, more: true });
                    }
                    messages.push(message_of(conversation.kind, entry));
                }
                after = last;
            }
        }
        Ok(MessagePage { messages, more: false })
    }

    /// Drops this device's own messages up to `number`.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn acknowledge_device_messages(&self, caller: Caller, number: u64) -> Result<(), ChatError> {
        Ok(self.store.drop_device_messages(caller.device, number).await?)
    }

    pub(crate) fn room(&self, limit: Option<u32>) -> Result<Room, ChatError> {
        let most = self.policy.page_messages;
        Ok(Room { messages: at_most(limit, most, most)?, bytes: self.policy.page_bytes })
    }

    /// The conversations a user has or had a part in.
    pub(crate) async fn conversations_of(&self, user: UserId) -> Result<Vec<Mine>, ChatError> {
        let stays = self.store.stays(user, None).await?;
        self.conversations_by(user, stays).await
    }

    /// The same, by the user's stays as the store had them a moment ago.
    async fn conversations_by(&self, user: UserId, mut stays: Vec<Stay>) -> Result<Vec<Mine>, ChatError> {
        for _ in 0..READINGS {
            let in_one = || stays.chunk_by(|one, other| one.conversation == other.conversation);
            let ids: Vec<_> = in_one().map(|stays| stays[0].conversation).collect();
            let loaded = self.cache.load_each(&*self.store, &ids).await?;
            let mine: Option<Vec<_>> = in_one()
                .zip(loaded)
                .filter_map(|(stays, conversation)| Some(Mine::of(user, conversation?, stays)))
                .collect();
            if let Some(mut mine) = mine {
                mine.retain(|mine| !mine.visible.is_empty());
                mine.sort_by_key(|mine| (std::cmp::Reverse(mine.last_time), mine.conversation.id));
                return Ok(mine);
            }
            stays = self.store.stays(user, None).await?;
        }
        tracing::warn!("memberships change faster than they can be read");
        Err(ChatError::Unavailable)
    }

    async fn missed(
        &self,
        caller: Caller,
        mine: &[Mine],
        positions: &HashMap<ConversationId, Seq>,
        limit: Option<u32>,
        wanted: impl Fn(&NewEntry) -> bool,
    ) -> Result<(Vec<Message>, bool), ChatError> {
        // A client that comes back says of each conversation where it stands.
        let cursors = if mine.iter().all(|mine| positions.contains_key(&mine.conversation.id)) {
            HashMap::new()
        } else {
            self.cursors_of(caller).await?
        };
        let mut room = self.room(limit)?;
        let mut messages = Vec::new();
        for mine in mine {
            let id = mine.conversation.id;
            let start = match positions.get(&id).or_else(|| cursors.get(&id)) {
                Some(seq) => *seq,
                None => self.first_start(caller, mine).await?,
            };
            for part in &mine.visible {
                let mut after = start.max(part.after);
                while after < part.to {
                    let range = Range { reader: Some(caller.user), ..room.range(id, after, part.to + 1) };
                    let entries = self.store.read(range).await?;
                    let entries = self.shown(&mine.conversation, &mine.visible, entries).await?;
                    let Some(last) = entries.last().map(|entry| entry.seq) else { break };
                    for entry in entries.into_iter().filter(&wanted) {
                        if !room.take(&entry, messages.is_empty()) {
                            return Ok((messages, true));
                        }
                        messages.push(message_of(mine.conversation.kind, entry));
                    }
                    after = last;
                }
            }
        }
        Ok((messages, false))
    }

    /// Where a device begins that has never acknowledged anything in a conversation: with what came after it signed in,
    /// and with what no other device had acknowledged by then.
    async fn first_start(&self, caller: Caller, mine: &Mine) -> Result<Seq, ChatError> {
        let conversation = &mine.conversation;
        self.load_receipts(conversation, &[caller.user]).await?;
        let (delivered, last, last_time) = {
            let state = conversation.state();
            let receipt = state.receipts.get(&caller.user).copied().unwrap_or_default();
            (receipt.delivered, state.now.last_seq, state.now.last_time)
        };
        if delivered == 0 {
            return Ok(0);
        }
        let at_sign_in = if last_time < caller.since {
            last
        } else {
            self.store.seq_before(conversation.id, caller.since).await?
        };
        Ok(delivered.min(at_sign_in))
    }

    /// Up to where a device has acknowledged.
    async fn cursors_of(&self, caller: Caller) -> Result<HashMap<ConversationId, Seq>, ChatError> {
        let mut known = self.receipts.cursors(caller.user, caller.device);
        known.extend(self.store.device_cursors(caller.user, caller.device).await?);
        let mut cursors: HashMap<ConversationId, Seq> = HashMap::new();
        for cursor in known {
            let highest = cursors.entry(cursor.conversation).or_default();
            *highest = cursor.seq.max(*highest);
        }
        Ok(cursors)
    }

    /// The latest receipts of one user in each of these, from memory or from the store.
    pub(crate) async fn receipts_of(&self, user: UserId, mine: &[Mine]) -> Result<Vec<Receipt>, ChatError> {
        let known = |mine: &Mine| mine.conversation.state().receipts.get(&user).copied();
        if let Some(receipts) = mine.iter().map(known).collect() {
            return Ok(receipts);
        }
        self.load_receipts_of(user, mine).await?;
        Ok(mine.iter().map(|mine| known(mine).unwrap_or_default()).collect())
    }

    /// Brings one user's receipts into the memory of all these conversations.
    async fn load_receipts_of(&self, user: UserId, mine: &[Mine]) -> Result<(), ChatError> {
        let mut steps = self.receipts.steps(user, None);
        steps.extend(self.store.receipts_of(user).await?);
        let mut by_conversation: HashMap<ConversationId, Vec<ReceiptStep>> = HashMap::new();
        for step in steps {
            by_conversation.entry(step.conversation).or_default().push(step);
        }
        for mine in mine {
            let steps = by_conversation.remove(&mine.conversation.id).unwrap_or_default();
            // Whoever was faster may already have moved it.
            mine.conversation.state().receipts.entry(user).or_insert_with(|| fold(steps));
        }
        Ok(())
    }
}

/// The messages to one device that a page holds, and whether there are more.
fn device_messages(found: Vec<(u64, NewDeviceMessage)>, most: usize) -> (Vec<DeviceMessage>, bool) {
    let more = found.len() > most;
    let messages = found
        .into_iter()
        .take(most)
        .map(|(number, message)| DeviceMessage {
            number,
            conversation: message.conversation,
            sender: message.sender,
            sender_device: message.sender_device,
            sent_at: message.time,
            body: message.body,
        })
        .collect();
    (messages, more)
}

/// The marks that a page holds, where to go on, and whether there are more.
fn marks_of(mut found: Vec<Marked>, last: u64, most: usize) -> (Vec<Mark>, u64, bool) {
    let more = found.len() > most;
    found.truncate(most);
    let mark = match found.last() {
        Some(told) if more => told.number,
        // More may have come while they were read.
        Some(told) => told.number.max(last),
        None => last,
    };
    let marks = found.into_iter().map(|Marked { place: (conversation, seq), kind, .. }| Mark {
        conversation,
        seq,
        kind,
    });
    (marks.collect(), mark, more)
}

/// A conversation from one user's side.
pub(crate) struct Mine {
    pub(crate) conversation: Arc<Conversation>,
    pub(crate) visible: Vec<Visible>,
    pub(crate) settings: MemberSettings,
    last_time: protocol::Timestamp,
}

impl Mine {
    /// None if the store is to be asked again.
    fn of(user: UserId, conversation: Arc<Conversation>, stays: &[Stay]) -> Option<Self> {
        let (visible, last_time) = {
            let now = &conversation.state().now;
            let visible = Visible::parts(user, stays, now)?;
            // Whoever has gone sees nothing of what goes on, not even that it does.
            let ended_at = visible.last().and_then(|part| part.ended_at);
            (visible, ended_at.unwrap_or_else(|| now.last_time.max(now.info.created_at)))
        };
        Some(Self { conversation, visible, settings: settings_of(stays), last_time })
    }

    pub(crate) fn one((conversation, visible, settings): Sight) -> Self {
        Self { conversation, visible, settings, last_time: 0 }
    }

    /// The last entry of whoever has gone.
    pub(crate) fn left(&self) -> Option<Seq> {
        self.visible.last().filter(|part| part.ended_at.is_some()).map(|part| part.to)
    }

    /// The first and the last entry the user may see.
    pub(crate) fn bounds(&self) -> (Seq, Seq) {
        let first = self.visible.first().map_or(0, |part| part.after + 1);
        let last = self.visible.last().map_or(0, |part| part.to);
        (first, last)
    }
}
