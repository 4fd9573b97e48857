//! What a batch of commands makes of their conversations: rules, repeats, sequence numbers. No I/O.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use protocol::{
    Body, Content, ConversationId, ConversationKind, DeviceId, MemberChange, Message, MessageId, MessageKind,
    OutgoingDeviceMessage, Role, Seq, Timestamp, UserId,
};

use super::encode;
use crate::conversation::{Conversation, Members, Recent, Snapshot};
use crate::store::{Commit, HeadUpdate, Info, Member, MembershipChange, NewDeviceMessage, NewEntry};
use crate::{Appended, ChatError, Policy};

/// A message to append; its body is within bounds.
#[derive(Debug, Clone)]
pub(crate) struct NewMessage {
    pub(crate) sender: UserId,
    pub(crate) device: DeviceId,
    pub(crate) id: MessageId,
    pub(crate) kind: MessageKind,
    pub(crate) epoch: Option<u64>,
    pub(crate) body: Body,
    pub(crate) stored: Bytes,
    pub(crate) devices: Vec<OutgoingDeviceMessage>,
    pub(crate) origin: Option<u64>,
}

/// A change of a group to record.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) actor: UserId,
    pub(crate) device: DeviceId,
    pub(crate) id: MessageId,
    pub(crate) what: GroupChange,
}

#[derive(Debug, Clone)]
pub(crate) enum GroupChange {
    Add(Vec<UserId>),
    Remove(UserId),
    Leave,
    Promote(UserId),
    Demote(UserId),
    Info { name: Option<String>, description: Option<String>, picture: Option<String> },
    Delete,
}

#[derive(Debug, Clone)]
pub(crate) enum Operation {
    Append(NewMessage),
    Change(Change),
}

/// Where an operation's entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) seq: Seq,
    pub(crate) time: Timestamp,
}

pub(crate) type SentKey = (ConversationId, DeviceId, MessageId);

/// What is to be committed, and what it will mean once it is.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) commit: Commit,
    /// One for each operation, in order; `true` beside it if an entry of this plan stands behind it.
    pub(crate) outcomes: Vec<(Result<Outcome, ChatError>, bool)>,
    pub(crate) appended: Vec<Appended>,
    pub(crate) snapshots: HashMap<ConversationId, Snapshot>,
}

/// What the planner knows before it begins.
pub(crate) struct Known<'a> {
    pub(crate) conversations: &'a HashMap<ConversationId, Arc<Conversation>>,
    /// Sends that were found in the store.
    pub(crate) sent: &'a HashMap<SentKey, Outcome>,
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
        let before = plan.commit.entries.len();
        let outcome = match known.conversations.get(&id) {
            None => Err(ChatError::NotFound("conversation")),
            Some(conversation) => match operation {
                Operation::Append(message) => append(&mut plan, known, conversation, message, &mut in_batch),
                Operation::Change(change) => apply(&mut plan, known, conversation, change),
            },
        };
        let wrote = plan.commit.entries.len() > before;
        plan.outcomes.push((outcome, wrote));
    }
    for (conversation, snapshot) in &plan.snapshots {
        if plan.commit.heads.iter().any(|head| head.conversation == *conversation) {
            continue;
        }
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
    if let Some(first) = in_batch.get(&key).or_else(|| known.sent.get(&key)) {
        return Ok(*first);
    }
    if let Some(first) = in_memory(conversation, message) {
        return Ok(first);
    }
    let snapshot = plan.snapshots.entry(conversation.id).or_insert_with(|| conversation.snapshot());
    if snapshot.info.deleted || snapshot.members.get(message.sender).is_none() {
        return Err(ChatError::NotFound("conversation"));
    }
    check_kind(conversation.kind, snapshot.epoch, message)?;
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

fn in_memory(conversation: &Conversation, message: &NewMessage) -> Option<Outcome> {
    let state = conversation.state();
    let same = |recent: &&Recent| recent.device == message.device && recent.id == message.id;
    state.recent.iter().rev().find(same).map(|recent| Outcome { seq: recent.seq, time: recent.time })
}

fn check_kind(kind: ConversationKind, current: u64, message: &NewMessage) -> Result<(), ChatError> {
    let invalid = |why: &str| Err(ChatError::Invalid(why.into()));
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
            let old_content = message.kind == MessageKind::Content && epoch < current;
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

struct Entry {
    sender: UserId,
    device: DeviceId,
    id: MessageId,
    kind: MessageKind,
    epoch: Option<u64>,
    body: Body,
    stored: Bytes,
}

/// The next entry of the log: the only place that gives out sequence numbers.
fn write(
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

fn apply(
    plan: &mut Plan,
    known: &Known<'_>,
    conversation: &Conversation,
    change: &Change,
) -> Result<Outcome, ChatError> {
    let snapshot = plan.snapshots.entry(conversation.id).or_insert_with(|| conversation.snapshot());
    let unchanged = Outcome { seq: snapshot.last_seq, time: snapshot.last_time };
    let actor = snapshot.members.get(change.actor).ok_or(ChatError::NotFound("conversation"))?;
    if snapshot.info.deleted {
        return Err(ChatError::NotFound("conversation"));
    }
    if !conversation.id.is_group() {
        return Err(ChatError::Forbidden("a direct conversation has its two members and no name of its own"));
    }
    if actor.role != Role::Admin && !matches!(change.what, GroupChange::Leave) {
        return Err(ChatError::Forbidden("only an admin may do that"));
    }
    let Some(Effect { content, users, moved }) = effect(snapshot, change, known.policy)? else {
        return Ok(unchanged);
    };
    let entry = Entry {
        sender: change.actor,
        device: change.device,
        id: change.id.clone(),
        kind: MessageKind::System,
        epoch: None,
        stored: encode(&content)?,
        body: Body::Open(content),
    };
    let (outcome, mut appended) = write(&mut plan.commit, snapshot, conversation.id, entry, known.now);
    let mut info = (*snapshot.info).clone();
    info.updated_by = Some(change.actor);
    info.updated_at = outcome.time;
    rename(&mut info, &change.what);
    snapshot.info = Arc::new(info);
    if let Some(moved) = moved {
        snapshot.membership_version += 1;
        let mut members = snapshot.members.as_slice().to_vec();
        for user in &users {
            let role = change_member(&mut members, *user, moved, change.actor, outcome);
            plan.commit.memberships.push(MembershipChange {
                conversation: conversation.id,
                user: *user,
                change: moved,
                role,
                actor: change.actor,
                time: outcome.time,
                seq: outcome.seq,
                version: snapshot.membership_version,
            });
        }
        snapshot.members = Arc::new(Members::new(members));
        match moved {
            MemberChange::Added => appended.joined = users,
            MemberChange::Removed | MemberChange::Left => appended.departed = users,
            MemberChange::Promoted | MemberChange::Demoted => {}
        }
    }
    appended.members = Arc::clone(&snapshot.members);
    plan.appended.push(appended);
    Ok(outcome)
}

/// What a change does, if it is allowed and does anything.
struct Effect {
    content: Content,
    users: Vec<UserId>,
    moved: Option<MemberChange>,
}

impl Effect {
    fn on(change: MemberChange, users: Vec<UserId>) -> Option<Self> {
        let content = Content::Members { change, users: users.clone() };
        Some(Self { content, users, moved: Some(change) })
    }
}

fn effect(snapshot: &Snapshot, change: &Change, policy: &Policy) -> Result<Option<Effect>, ChatError> {
    let members = &snapshot.members;
    let role_of = |user: UserId| {
        members.get(user).map(|member| member.role).ok_or(ChatError::NotFound("member of this group"))
    };
    let admins = members.as_slice().iter().filter(|member| member.role == Role::Admin).count();
    Ok(match &change.what {
        GroupChange::Add(users) => {
            let mut new: Vec<_> = users.iter().copied().filter(|user| members.get(*user).is_none()).collect();
            new.sort_unstable();
            new.dedup();
            if members.len() + new.len() > policy.group_members {
                return Err(ChatError::GroupFull { limit: policy.group_members });
            }
            if new.is_empty() { None } else { Effect::on(MemberChange::Added, new) }
        }
        GroupChange::Remove(user) if *user == change.actor => {
            return Err(ChatError::Invalid("to remove yourself, leave the group".into()));
        }
        GroupChange::Remove(user) => {
            role_of(*user)?;
            Effect::on(MemberChange::Removed, vec![*user])
        }
        GroupChange::Leave => {
            if admins == 1 && members.len() > 1 && role_of(change.actor)? == Role::Admin {
                return Err(ChatError::LastAdmin);
            }
            Effect::on(MemberChange::Left, vec![change.actor])
        }
        GroupChange::Promote(user) => match role_of(*user)? {
            Role::Admin => None,
            Role::Member => Effect::on(MemberChange::Promoted, vec![*user]),
        },
        GroupChange::Demote(user) => match role_of(*user)? {
            Role::Member => None,
            Role::Admin if admins == 1 => return Err(ChatError::LastAdmin),
            Role::Admin => Effect::on(MemberChange::Demoted, vec![*user]),
        },
        GroupChange::Info { name, description, picture } => {
            let (name, description, picture) = (name.clone(), description.clone(), picture.clone());
            if name.is_none() && description.is_none() && picture.is_none() {
                None
            } else {
                let content = Content::Info { name, description, picture };
                Some(Effect { content, users: Vec::new(), moved: None })
            }
        }
        GroupChange::Delete => {
            let users = members.as_slice().iter().map(|member| member.user).collect();
            Some(Effect { content: Content::Deleted, users, moved: Some(MemberChange::Removed) })
        }
    })
}

fn rename(info: &mut Info, change: &GroupChange) {
    match change {
        GroupChange::Info { name, description, picture } => {
            if let Some(name) = name {
                info.name.clone_from(name);
            }
            if let Some(description) = description {
                info.description.clone_from(description);
            }
            if let Some(picture) = picture {
                info.picture = Some(picture.clone());
            }
        }
        GroupChange::Delete => info.deleted = true,
        _ => {}
    }
}

/// Moves one member, and tells the role they have afterwards or had last.
fn change_member(
    members: &mut Vec<Member>,
    user: UserId,
    change: MemberChange,
    actor: UserId,
    outcome: Outcome,
) -> Role {
    let place = members.iter().position(|member| member.user == user);
    match (change, place) {
        (MemberChange::Added, _) => {
            let (from_seq, added_at) = (outcome.seq, outcome.time);
            members.push(Member { user, role: Role::Member, from_seq, added_at, added_by: actor });
            Role::Member
        }
        (MemberChange::Removed | MemberChange::Left, Some(place)) => members.swap_remove(place).role,
        (MemberChange::Promoted, Some(place)) => {
            members[place].role = Role::Admin;
            Role::Admin
        }
        (MemberChange::Demoted, Some(place)) => {
            members[place].role = Role::Member;
            Role::Member
        }
        (_, None) => Role::Member,
    }
}
