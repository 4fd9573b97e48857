//! What a batch of commands makes of their conversations: rules, repeats, sequence numbers. No I/O.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use protocol::{
    Body, Content, ConversationId, ConversationKind, DeviceId, Message, MessageId, MessageKind, Seq,
    Timestamp, UserId,
};

use super::addressed::{Addressees, address};
use super::annotate::{Targets, amendments, annotate, check_mentions};
use super::join::Admissions;
use super::membership;
use super::operation::{NewMessage, Operation, Outcome, SentKey};
use crate::consent::{Barred, refusal};
use crate::conversation::{Conversation, Recent, Snapshot};
use crate::store::{Commit, DeviceQueue, HeadUpdate, NewDeviceMessage, NewEntry, Place};
use crate::{Appended, ChatError, Policy};

/// What is to be committed, and what it will mean once it is.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) commit: Commit,
    /// One for each operation, in order.
    pub(crate) outcomes: Vec<Result<Outcome, ChatError>>,
    pub(crate) appended: Vec<Appended>,
    pub(crate) snapshots: HashMap<ConversationId, Snapshot>,
    /// Earlier entries that something is said about.
    pub(super) targets: Targets,
    /// What will wait for those devices that something was planned for.
    pub(super) queues: HashMap<DeviceId, DeviceQueue>,
}

/// What the planner knows before it begins.
pub(crate) struct Known<'a> {
    pub(crate) conversations: &'a HashMap<ConversationId, Arc<Conversation>>,
    /// Sends that were found in the store.
    pub(crate) sent: &'a HashMap<SentKey, Outcome>,
    /// What speaks for and against those who would join.
    pub(crate) admissions: &'a Admissions,
    /// Devices that messages are addressed to.
    pub(crate) addressees: &'a Addressees,
    /// Direct conversations in which nothing is taken.
    pub(crate) barred: &'a Barred,
    /// What annotations are about, as the store has it.
    pub(crate) targets: &'a HashMap<Place, NewEntry>,
    /// What is pinned where something is to be pinned.
    pub(crate) pins: &'a HashMap<ConversationId, Vec<Seq>>,
    pub(crate) now: Timestamp,
    pub(crate) policy: &'a Policy,
}

/// Plans `operations`, in order.
pub(crate) fn plan<'a>(
    operations: impl Iterator<Item = (ConversationId, &'a Operation)>,
    known: &Known<'_>,
) -> Plan {
    let mut plan = Plan::default();
    let mut in_batch = HashMap::new();
    for (id, operation) in operations {
        let outcome = match known.conversations.get(&id) {
            None => Err(ChatError::NotFound("conversation")),
            Some(conversation) => match operation {
                Operation::Append(message) => append(&mut plan, known, conversation, message, &mut in_batch),
                Operation::Annotate(note) => match refusal(known.barred, id, note.actor) {
                    Some(refusal) => Err(refusal),
                    None => annotate(&mut plan, known, conversation, note, &mut in_batch),
                },
                Operation::Change(change) => match refusal(known.barred, id, change.actor) {
                    Some(refusal) => Err(refusal),
                    None => membership::apply(&mut plan, known, conversation, change),
                },
            },
        };
        plan.outcomes.push(outcome);
    }
    plan.commit.amendments.extend(amendments(std::mem::take(&mut plan.targets)));
    for (conversation, snapshot) in &plan.snapshots {
        let Some(known) = known.conversations.get(conversation) else { continue };
        let before = known.snapshot();
        if before.epoch != snapshot.epoch
            || before.membership_version != snapshot.membership_version
            || !Arc::ptr_eq(&before.info, &snapshot.info)
        {
            plan.commit.heads.push(HeadUpdate {
                conversation: *conversation,
                info: (*snapshot.info).clone(),
                epoch: snapshot.epoch,
                membership_version: snapshot.membership_version,
            });
        }
    }
    plan
}

fn append(
    plan: &mut Plan,
    known: &Known<'_>,
    conversation: &Conversation,
    message: &NewMessage,
    in_batch: &mut HashMap<SentKey, Outcome>,
) -> Result<Outcome, ChatError> {
    let key = (conversation.id, message.device, message.id.clone());
    if let Some(first) = repeated(known, conversation, &key, in_batch) {
        return Ok(first);
    }
    let snapshot = plan.snapshots.entry(conversation.id).or_insert_with(|| conversation.snapshot());
    if snapshot.info.deleted || snapshot.members.get(message.sender).is_none() {
        return Err(ChatError::NotFound("conversation"));
    }
    if let Some(refusal) = refusal(known.barred, conversation.id, message.sender) {
        return Err(refusal);
    }
    check_kind(conversation.kind, snapshot.epoch, message)?;
    if let Body::Open(Content::Text { reply_to, mentions, .. }) = &message.body {
        check_mentions(&snapshot.members, mentions)?;
        let first = snapshot.members.get(message.sender).map_or(0, |member| member.from_seq);
        if reply_to.is_some_and(|seq| seq < first || snapshot.last_seq < seq) {
            return Err(ChatError::Invalid("a reply answers a message that its sender may see".into()));
        }
    }
    if !message.devices.is_empty() {
        let members = Arc::clone(&snapshot.members);
        address(plan, known, &members, message)?;
    }
    let snapshot = plan.snapshots.entry(conversation.id).or_insert_with(|| conversation.snapshot());
    if message.kind == MessageKind::Commit {
        snapshot.epoch += 1;
    }
    let entry = Entry {
        sender: message.sender,
        device: message.device,
        id: message.id.clone(),
        kind: message.kind,
        epoch: message.epoch,
        body: message.body.clone(),
        stored: message.stored.clone(),
    };
    let (outcome, mut appended) = write(&mut plan.commit, snapshot, conversation.id, entry, known.now);
    appended.origin = message.origin;
    for addressed in &message.devices {
        let new = NewDeviceMessage {
            user: addressed.user,
            device: addressed.device,
            conversation: conversation.id,
            sender: message.sender,
            sender_device: message.device,
            time: outcome.time,
            body: addressed.body.clone(),
        };
        // The store gives the number.
        appended.device_messages.push((0, new.clone()));
        plan.commit.device_messages.push(new);
    }
    plan.appended.push(appended);
    in_batch.insert(key, outcome);
    Ok(outcome)
}

/// The first result of what was asked before.
pub(super) fn repeated(
    known: &Known<'_>,
    conversation: &Conversation,
    key: &SentKey,
    in_batch: &HashMap<SentKey, Outcome>,
) -> Option<Outcome> {
    let (_, device, id) = key;
    if let Some(first) = in_batch.get(key).or_else(|| known.sent.get(key)) {
        return Some(*first);
    }
    let state = conversation.state();
    let same = |recent: &&Recent| recent.device == *device && recent.id == *id;
    state.recent.iter().rev().find(same).map(|recent| Outcome { seq: recent.seq, time: recent.time })
}

fn check_kind(kind: ConversationKind, current: u64, message: &NewMessage) -> Result<(), ChatError> {
    let invalid = |why: &str| Err(ChatError::Invalid(why.into()));
    match message.kind {
        MessageKind::System => return invalid("only the server records such an entry"),
        MessageKind::Unsupported => return invalid("this server does not know that kind of message"),
        MessageKind::Content | MessageKind::Proposal | MessageKind::Commit | MessageKind::Annotation => {}
    }
    match kind {
        ConversationKind::Plain => {
            if message.kind != MessageKind::Content || message.epoch.is_some() || !message.devices.is_empty()
            {
                return invalid("a plain conversation takes content, without epoch and device messages");
            }
            if !matches!(message.body, Body::Open(_)) {
                return invalid("a plain conversation takes readable bodies; this one is sealed");
            }
        }
        ConversationKind::Mls => {
            if !matches!(message.body, Body::Sealed(_)) {
                return invalid("an mls conversation takes sealed bodies only");
            }
            let Some(epoch) = message.epoch else {
                return invalid("a message in an mls conversation names its epoch");
            };
            let said = matches!(message.kind, MessageKind::Content | MessageKind::Annotation);
            let old_content = said && epoch < current;
            if epoch != current && !old_content {
                return Err(ChatError::WrongEpoch { current });
            }
            if !message.devices.is_empty() && message.kind != MessageKind::Commit {
                return invalid("only a commit carries messages for single devices");
            }
        }
    }
    Ok(())
}

pub(super) struct Entry {
    pub(super) sender: UserId,
    pub(super) device: DeviceId,
    pub(super) id: MessageId,
    pub(super) kind: MessageKind,
    pub(super) epoch: Option<u64>,
    pub(super) body: Body,
    pub(super) stored: Bytes,
}

/// The next entry of the log: the only place that gives out sequence numbers.
pub(super) fn write(
    commit: &mut Commit,
    snapshot: &mut Snapshot,
    conversation: ConversationId,
    entry: Entry,
    now: Timestamp,
) -> (Outcome, Appended) {
    snapshot.last_seq += 1;
    snapshot.last_time = snapshot.last_time.max(now);
    let outcome = Outcome { seq: snapshot.last_seq, time: snapshot.last_time };
    commit.entries.push(NewEntry {
        conversation,
        seq: outcome.seq,
        time: outcome.time,
        sender: entry.sender,
        device: entry.device,
        id: entry.id.clone(),
        kind: entry.kind,
        epoch: entry.epoch,
        body: entry.stored,
        target: None,
        edited_at: None,
        reactions: None,
    });
    let message = Arc::new(Message {
        conversation,
        seq: outcome.seq,
        sender: entry.sender,
        device: entry.device,
        id: entry.id,
        sent_at: outcome.time,
        kind: entry.kind,
        epoch: entry.epoch,
        body: entry.body,
        edited_at: None,
        reactions: Vec::new(),
    });
    let appended = Appended {
        message,
        members: Arc::clone(&snapshot.members),
        departed: Vec::new(),
        joined: Vec::new(),
        origin: None,
        device_messages: Vec::new(),
    };
    (outcome, appended)
}
