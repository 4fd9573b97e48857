//! Chats over real databases: what a store must do, on both backends, and what the service makes of it.

#[path = "../both/mod.rs"]
mod both;
mod create;
mod devices;
mod former;
mod groups;
mod log;
mod marks;
mod members;
mod receipts;
mod search;
mod service;
mod sweep;

use std::sync::Arc;

use chats::store::{
    ChatStore, Commit, CreationKey, Head, HeadUpdate, Info, Member, MembershipChange, NewConversation,
    NewDeviceMessage, NewEntry, Return,
};
use protocol::{
    ConversationId, ConversationKind, ConversationShape, DeviceId, MemberChange, MessageId, MessageKind,
    Role, Seq, UserId,
};
use testkit::unique;

use both::on_both;

/// A time to start from.
const START: i64 = 1_700_000_000_000;

type Store = Arc<dyn ChatStore>;

fn new_user() -> UserId {
    UserId::compose(START, unique())
}

fn new_device() -> DeviceId {
    DeviceId::compose(START, unique())
}

fn new_id(shape: ConversationShape) -> ConversationId {
    // The shape takes the last bit, in which numbers would differ.
    let mut random = unique();
    random.reverse();
    ConversationId::compose(shape, START, random)
}

/// The messages that wait for a device.
async fn waiting(store: &Store, device: DeviceId, limit: usize) -> Vec<(u64, NewDeviceMessage)> {
    let back = Return { user: new_user(), device, after_mark: None, limit };
    store.overview(back).await.unwrap().device_messages
}

fn message_id(text: &str) -> MessageId {
    text.parse().unwrap()
}

fn info(name: &str, creator: UserId) -> Info {
    Info {
        name: name.into(),
        created_by: Some(creator),
        created_at: START,
        updated_by: Some(creator),
        updated_at: START,
        ..Info::default()
    }
}

/// A group to be, of these; the first is its admin. It has no entry yet.
fn new_group(users: &[UserId]) -> NewConversation {
    let member = |user: &UserId| Member {
        user: *user,
        role: if *user == users[0] { Role::Admin } else { Role::Member },
        from_seq: 1,
        added_at: START,
        added_by: users[0],
    };
    let id = new_id(ConversationShape::Group);
    NewConversation {
        id,
        kind: ConversationKind::Plain,
        key: CreationKey::Group(users[0], message_id(&id.to_string())),
        info: info("a group", users[0]),
        members: users.iter().map(member).collect(),
        entry: None,
    }
}

async fn group(store: &Store, users: &[UserId]) -> ConversationId {
    let (id, created) = store.create(new_group(users)).await.unwrap();
    assert!(created);
    id
}

async fn head(store: &Store, id: ConversationId) -> Head {
    let mut heads = store.load(vec![id]).await.unwrap();
    assert_eq!(heads.len(), 1);
    let mut head = heads.remove(0);
    head.members.sort_by_key(|member| member.user);
    head
}

/// Entry `seq`, a second after the one before; its id is its number.
fn entry(conversation: ConversationId, sender: UserId, device: DeviceId, seq: Seq) -> NewEntry {
    NewEntry {
        conversation,
        seq,
        time: START + i64::try_from(seq).unwrap() * 1_000,
        sender,
        device,
        id: message_id(&format!("m{seq}")),
        kind: MessageKind::Content,
        epoch: None,
        body: format!("body {seq}").into_bytes().into(),
        target: None,
        edited_at: None,
        reactions: None,
    }
}

fn entries(entries: Vec<NewEntry>) -> Commit {
    Commit { entries, ..Commit::default() }
}

/// Appends entries `from..=to`, all of one sender and device.
async fn append(store: &Store, id: ConversationId, sender: UserId, device: DeviceId, from: Seq, to: Seq) {
    let new = (from..=to).map(|seq| entry(id, sender, device, seq)).collect();
    assert_eq!(store.commit(entries(new)).await, Ok(vec![]));
}

fn change(
    conversation: ConversationId,
    user: UserId,
    change: MemberChange,
    actor: UserId,
    seq: Seq,
) -> MembershipChange {
    let role = if change == MemberChange::Promoted { Role::Admin } else { Role::Member };
    let time = START + i64::try_from(seq).unwrap() * 1_000;
    MembershipChange { conversation, user, change, role, actor, time, seq, version: seq }
}

fn head_update(conversation: ConversationId, name: &str, creator: UserId, version: u64) -> HeadUpdate {
    HeadUpdate { conversation, info: info(name, creator), epoch: 0, membership_version: version }
}
