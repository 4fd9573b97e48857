//! What must hold in the end.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chats::store::Stay;
use protocol::{Body, Content, HistoryRequest, Message, OutgoingMessage, SyncRequest};

use super::actions::{World, text_of};
use super::life::{Life, Recorder, caller, policy};
use super::model::Model;
use crate::*;

struct Log {
    model: Model,
    messages: Vec<Message>,
}

/// All logs, after the model has accepted them.
pub(crate) struct Verified(HashMap<ConversationId, Log>);

impl Verified {
    pub(crate) fn read(world: &World, life: &Life) -> Self {
        life.runtime.block_on(Self::read_all(world, life))
    }

    async fn read_all(world: &World, life: &Life) -> Self {
        let mut logs = HashMap::new();
        let ids = world.conversations.lock().unwrap().clone();
        for (index, id) in ids.into_iter().enumerate() {
            // Each entry is seen by its sender at least.
            let mut seen: BTreeMap<Seq, (Seq, Message)> = BTreeMap::new();
            let mut by_user = HashMap::new();
            for user in &world.users {
                let messages = history(life, *user, id, 1 + index as u32 * 3).await;
                by_user.insert(*user, messages.iter().map(|message| message.seq).collect::<Vec<_>>());
                let stays = life.raw.stays(*user, Some(id)).await.unwrap();
                for message in messages {
                    let holds = |stay: &&Stay| {
                        stay.from_seq <= message.seq && stay.to_seq.is_none_or(|to| message.seq <= to)
                    };
                    let until = stays.iter().find(holds).unwrap().to_seq.unwrap_or(Seq::MAX);
                    let (last, known) = seen.entry(message.seq).or_insert_with(|| (until, message.clone()));
                    if until == Seq::MAX && *last == Seq::MAX {
                        assert_eq!(*known, message, "all members see the same");
                    }
                    let bare =
                        |it: &Message| (it.seq, it.id.clone(), it.sender, it.device, it.sent_at, it.kind);
                    assert_eq!(bare(known), bare(&message), "everybody sees the same entry");
                    // Whoever has gone sees it as it was then: who was there for longest knows what became of it.
                    if until > *last {
                        (*last, *known) = (until, message);
                    }
                }
            }
            let messages: Vec<_> = seen.into_values().map(|(_, message)| message).collect();
            let mut model = world.model(index);
            model.read(&messages, policy().group_members);
            let last = messages.len() as Seq;
            let head = head(&life.raw, id).await;
            assert_eq!(head.last_seq, last);
            let (members, admins) = (head.members.iter(), head.members.iter());
            assert_eq!(members.map(|member| member.user).collect::<BTreeSet<_>>(), model.members);
            let admins = admins.filter(|member| member.role == Role::Admin);
            assert_eq!(admins.map(|member| member.user).collect::<BTreeSet<_>>(), model.admins);
            assert_eq!((head.epoch, head.info.deleted), (model.epoch, model.deleted));
            if let Some(name) = &model.name {
                assert_eq!(*head.info.name, **name);
            }
            for user in &world.users {
                assert_eq!(by_user[user], model.visible(*user, last), "history shows {user} what is theirs");
                let mut stays = life.raw.stays(*user, Some(id)).await.unwrap();
                stays.sort_by_key(|stay| stay.from_seq);
                let stays: Vec<_> = stays.iter().map(|stay| (stay.from_seq, stay.to_seq)).collect();
                assert_eq!(stays, model.intervals.get(user).cloned().unwrap_or_default());
            }
            let pins = life.raw.pins(id).await.unwrap();
            assert_eq!(pins.iter().map(|pin| pin.seq).collect::<BTreeSet<_>>(), model.pins, "pinned");
            logs.insert(id, Log { model, messages });
        }
        let verified = Self(logs);
        for user in &world.users {
            verified.check_sync(life, *user).await;
            verified.check_new(life, *user).await;
        }
        for (user, id, seq) in &world.record.lock().unwrap().shown {
            assert!(verified.0[id].model.may_see(*user, *seq), "{user} was shown {seq} of {id}");
        }
        verified
    }

    pub(crate) fn entries(&self) -> u64 {
        self.0.values().map(|log| log.messages.len() as u64).sum()
    }

    /// Entries about earlier ones.
    pub(crate) fn annotations(&self) -> usize {
        let all = self.0.values().flat_map(|log| &log.messages);
        all.filter(|message| message.kind == MessageKind::Annotation).count()
    }

    fn expected(&self, user: UserId, but_from: Option<DeviceId>) -> BTreeMap<ConversationId, Vec<Seq>> {
        let mut all = BTreeMap::new();
        for (id, log) in &self.0 {
            let messages = log.messages.iter().filter(|message| Some(message.device) != but_from);
            let seqs: Vec<_> =
                messages.map(|message| message.seq).filter(|seq| log.model.may_see(user, *seq)).collect();
            if !seqs.is_empty() {
                all.insert(*id, seqs);
            }
        }
        all
    }

    /// A new device that holds nothing gets all that its user may see, in order.
    async fn check_sync(&self, life: &Life, user: UserId) {
        let me = caller(user, new_device());
        let mut positions: BTreeMap<ConversationId, Seq> = self.0.keys().map(|id| (*id, 0)).collect();
        let mut got: BTreeMap<ConversationId, Vec<Seq>> = BTreeMap::new();
        loop {
            let after = positions.iter().map(|(id, seq)| (*id, *seq)).collect();
            let request = SyncRequest { after, ..SyncRequest::default() };
            let page = life.chats.sync(me, request).await.unwrap();
            for message in page.messages {
                got.entry(message.conversation).or_default().push(message.seq);
                positions.insert(message.conversation, message.seq);
            }
            if !page.more {
                break;
            }
        }
        assert_eq!(got, self.expected(user, None), "sync of {user}");
    }

    /// The same through `ReadNewMessages` and acknowledgements.
    async fn check_new(&self, life: &Life, user: UserId) {
        let me = caller(user, new_device());
        let mut got: BTreeMap<ConversationId, Vec<Seq>> = BTreeMap::new();
        loop {
            let page = life.chats.read_new(me, Some(5)).await.unwrap();
            assert!(!page.messages.is_empty() || !page.more);
            for message in page.messages {
                got.entry(message.conversation).or_default().push(message.seq);
                life.chats.acknowledge(me, message.conversation, message.seq).await.unwrap();
            }
            if !page.more {
                break;
            }
        }
        assert_eq!(got, self.expected(user, None), "new messages of {user}");
    }

    /// What was told in one life was told in order and without a gap, to those who were members then.
    pub(crate) fn check_told(&self, audience: &Recorder) {
        for (id, entries) in audience.told() {
            let Log { model, messages } = &self.0[&id];
            let first = entries[0].message.seq;
            for (told, expected) in entries.into_iter().zip(first..) {
                assert_eq!(told.message.seq, expected, "told in order in {id}");
                let place = usize::try_from(expected - 1).unwrap();
                let (told_then, now) = (&*told.message, &messages[place]);
                let rewritten = now.edited_at.is_some() || now.body == Body::Open(Content::Removed);
                let body = if rewritten { now.body.clone() } else { told_then.body.clone() };
                let (edited_at, reactions) = (now.edited_at, now.reactions.clone());
                assert_eq!(Message { body, edited_at, reactions, ..told_then.clone() }, *now);
                let members: BTreeSet<_> = told.members.as_slice().iter().map(|member| member.user).collect();
                assert_eq!(members, model.after[place], "members after {place}");
                let nobody = BTreeSet::new();
                let (before, after) = match place {
                    0 if told.message.kind != MessageKind::System => (&model.after[0], &model.after[0]),
                    0 => (&nobody, &model.after[0]),
                    _ => (&model.after[place - 1], &model.after[place]),
                };
                let set = |users: &[UserId]| users.iter().copied().collect::<BTreeSet<_>>();
                assert_eq!(set(&told.joined), after.difference(before).copied().collect());
                assert_eq!(set(&told.departed), before.difference(after).copied().collect());
            }
        }
    }

    /// What was acknowledged stands where it was said to; what stands was sent, and not refused each time.
    pub(crate) fn check_sends(&self, world: &World) {
        let record = world.record.lock().unwrap();
        for ((id, device, message), (seq, time)) in &record.acknowledged {
            let found = &self.0[id].messages[usize::try_from(seq - 1).unwrap()];
            assert_eq!((&found.device, &found.id, &found.sent_at), (device, message, time));
        }
        for (id, log) in &self.0 {
            for message in log.messages.iter().filter(|message| message.kind != MessageKind::System) {
                let said = match &message.body {
                    // The model knows what these say.
                    _ if message.kind == MessageKind::Annotation || message.edited_at.is_some() => None,
                    Body::Open(Content::Removed) => None,
                    Body::Open(Content::Text { text, .. }) => Some(text.clone().into_bytes()),
                    Body::Sealed(bytes) => Some(bytes.0.clone()),
                    other => panic!("{other:?}"),
                };
                if let Some(said) = said {
                    assert_eq!(said, text_of(message.device, &message.id).into_bytes());
                }
                let key = (*id, message.device, message.id.clone());
                if message.kind == MessageKind::Annotation && !message.id.as_str().starts_with('a') {
                    // The server chose the id.
                    continue;
                }
                let refused = record.refusals.get(&key).copied().unwrap_or(0);
                assert!(record.attempts[&key] > refused, "{key:?} was refused");
            }
        }
    }

    /// Welcomes wait in the order of their commits, one for each.
    pub(crate) fn check_devices(&self, world: &World, life: &Life) {
        let waiting = life.runtime.block_on(waiting(&life.raw, world.welcomed, 10_000));
        let waiting: Vec<_> = waiting.into_iter().map(|(_, message)| message.body.0).collect();
        let mls = world.conversations.lock().unwrap()[1];
        let commits = self.0[&mls].messages.iter().filter(|message| message.kind == MessageKind::Commit);
        let expected: Vec<_> =
            commits.map(|message| text_of(message.device, &message.id).into_bytes()).collect();
        assert_eq!(waiting, expected);
    }
}

/// All that `user` may see, oldest first, page by page.
async fn history(life: &Life, user: UserId, id: ConversationId, limit: u32) -> Vec<Message> {
    let mut all: Vec<Message> = Vec::new();
    loop {
        let before = all.last().map(|message| message.seq);
        let request = HistoryRequest { before, limit: Some(limit), ..HistoryRequest::default() };
        let page = match life.chats.history(caller(user, new_device()), id, request).await {
            Err(chats::ChatError::NotFound(_)) => return Vec::new(),
            page => page.unwrap(),
        };
        assert!(page.messages.len() <= limit as usize && (!page.more || !page.messages.is_empty()));
        all.extend(page.messages);
        if !page.more {
            break;
        }
    }
    assert!(all.is_sorted_by(|one, next| one.seq > next.seq), "the newest first, each once");
    all.reverse();
    all
}

impl World {
    /// Each send that was acknowledged is still the same one; and every conversation gets one more entry.
    pub(crate) fn send_again(&self, life: &Life, verified: &Verified) {
        let acknowledged = self.record.lock().unwrap().acknowledged.clone();
        life.runtime.block_on(async {
            for ((id, device, message), place) in acknowledged {
                let found = &verified.0[&id].messages[usize::try_from(place.0 - 1).unwrap()];
                let mut again = OutgoingMessage::text(message.clone(), text_of(device, &message));
                if let Body::Sealed(_) = &found.body {
                    again.text = None;
                    again.body = Some(found.body.clone());
                    again.epoch = found.epoch;
                    again.kind = found.kind;
                }
                let sent = life.chats.send(caller(found.sender, device), id, again).await.unwrap();
                assert_eq!((sent.seq, sent.sent_at), place, "a repeat returns the first result");
            }
            for (id, log) in &verified.0 {
                let Some(user) = log.model.members.first() else { continue };
                if log.messages.iter().any(|message| matches!(message.body, Body::Sealed(_)))
                    || *id == self.conversations.lock().unwrap()[1]
                {
                    continue;
                }
                let (device, message) = (new_device(), message_id("last"));
                let key = (*id, device, message.clone());
                self.record.lock().unwrap().attempts.insert(key.clone(), 1);
                let new = OutgoingMessage::text(message.clone(), text_of(device, &message));
                let sent = life.chats.send(caller(*user, device), *id, new).await.unwrap();
                assert_eq!(sent.seq, log.messages.len() as Seq + 1);
                self.record.lock().unwrap().acknowledged.insert(key, (sent.seq, sent.sent_at));
            }
        });
    }
}
