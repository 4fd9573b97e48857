//! The planner's rules, one by one. What they make of a real log is tested with the stores.

mod annotations;
mod changes;
mod messages;

use std::collections::HashMap;
use std::sync::Arc;

use protocol::{
    Body, ByteString, Content, ConversationId, ConversationKind, ConversationShape, DeviceId, MessageKind,
    OutgoingDeviceMessage, Role, Seq, Timestamp, UserId,
};

use super::addressed::Addressees;
use super::encode;
use super::join::Admissions;
use super::operation::{Change, GroupChange, Heir, NewMessage, Operation, Outcome, SentKey};
use super::plan::{Known, Plan, plan};
use crate::consent::Barred;
use crate::conversation::Conversation;
use crate::store::{DeviceQueue, Head, Info, Member, NewEntry, Place};
use crate::{ChatError, Policy};

const ALICE: u8 = 1;
const BOB: u8 = 2;
const CAROL: u8 = 3;
const DAVE: u8 = 4;
const NOW: Timestamp = 1_000_000;

fn user(number: u8) -> UserId {
    UserId::from_bytes([number; 16])
}

/// A user's only device.
fn device(number: u8) -> DeviceId {
    DeviceId::from_bytes([number; 16])
}

fn id(shape: ConversationShape) -> ConversationId {
    ConversationId::compose(shape, 1, [9; 10])
}

/// One conversation at entry 10 and epoch 3, and what was sent before.
struct World {
    conversation: Arc<Conversation>,
    sent: HashMap<SentKey, Outcome>,
    admissions: Admissions,
    addressees: Addressees,
    barred: Barred,
    targets: HashMap<Place, NewEntry>,
    pins: HashMap<ConversationId, Vec<Seq>>,
    policy: Policy,
    now: Timestamp,
}

impl World {
    fn new(shape: ConversationShape, kind: ConversationKind, members: &[(u8, Role)]) -> Self {
        let head = Head {
            id: id(shape),
            kind,
            info: Info { name: "a group".into(), ..Info::default() },
            last_seq: 10,
            last_time: 500,
            epoch: 3,
            membership_version: 7,
            members: members.iter().map(|(number, role)| member(*number, *role)).collect(),
        };
        let policy = Policy { group_members: 4, ..Policy::default() };
        let conversation = Arc::new(Conversation::new(head));
        let (sent, barred, admissions) = (HashMap::new(), Barred::new(), HashMap::new());
        let (targets, pins) = (HashMap::new(), HashMap::new());
        let devices = [ALICE, BOB, CAROL, DAVE].map(|number| (user(number), device(number)));
        let addressees = devices.map(|it| (it, DeviceQueue::default())).into();
        Self { conversation, sent, barred, admissions, addressees, targets, pins, policy, now: NOW }
    }

    /// Alice is its admin, Bob and Carol are members.
    fn group() -> Self {
        let members = [(ALICE, Role::Admin), (BOB, Role::Member), (CAROL, Role::Member)];
        Self::new(ConversationShape::Group, ConversationKind::Plain, &members)
    }

    fn mls() -> Self {
        let members = [(ALICE, Role::Admin), (BOB, Role::Member)];
        Self::new(ConversationShape::Group, ConversationKind::Mls, &members)
    }

    fn plan(&self, operations: &[Operation]) -> Plan {
        let conversations = HashMap::from([(self.conversation.id, Arc::clone(&self.conversation))]);
        let Self { sent, barred, admissions, addressees, targets, pins, policy, now, .. } = self;
        let (conversations, now) = (&conversations, *now);
        let known = Known { conversations, sent, barred, admissions, addressees, targets, pins, now, policy };
        plan(operations.iter().map(|operation| (self.conversation.id, operation)), &known)
    }

    /// What one operation is answered; a refusal must leave nothing behind.
    fn one(&self, operation: Operation) -> Result<Seq, ChatError> {
        let mut plan = self.plan(&[operation]);
        let outcome = plan.outcomes.remove(0);
        if outcome.is_err() {
            assert_eq!(plan.commit, crate::store::Commit::default());
            assert!(plan.appended.is_empty());
        }
        outcome.map(|outcome| outcome.seq)
    }
}

fn member(number: u8, role: Role) -> Member {
    Member { user: user(number), role, from_seq: 1, added_at: 1, added_by: user(ALICE) }
}

fn message(sender: u8, id: &str) -> NewMessage {
    let content = Content::text("hello");
    NewMessage {
        sender: user(sender),
        device: device(sender),
        id: id.parse().unwrap(),
        kind: MessageKind::Content,
        epoch: None,
        stored: encode(&content).unwrap(),
        body: Body::Open(content),
        devices: Vec::new(),
        origin: Some(u64::from(sender)),
    }
}

fn says(sender: u8, id: &str) -> Operation {
    Operation::Append(message(sender, id))
}

fn sealed(sender: u8, id: &str, kind: MessageKind, epoch: u64) -> NewMessage {
    let (body, stored) = (Body::Sealed(ByteString(vec![1, 2])), vec![1, 2].into());
    NewMessage { kind, epoch: Some(epoch), body, stored, ..message(sender, id) }
}

fn welcome(to: u8) -> OutgoingDeviceMessage {
    OutgoingDeviceMessage { user: user(to), device: device(to), body: ByteString(vec![to]) }
}

fn changes(actor: u8, what: GroupChange) -> Operation {
    let id = format!("change-{actor}").parse().unwrap();
    Operation::Change(Change { actor: user(actor), device: device(actor), id, what })
}

fn seqs(plan: &Plan) -> Vec<Seq> {
    plan.commit.entries.iter().map(|entry| entry.seq).collect()
}

fn answers(plan: &Plan) -> Vec<Result<Seq, ChatError>> {
    plan.outcomes.iter().map(|outcome| outcome.clone().map(|outcome| outcome.seq)).collect()
}

const NOT_THERE: ChatError = ChatError::NotFound("conversation");
