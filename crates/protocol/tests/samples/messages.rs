//! Messages, what is said about them, and how they come to devices.

use protocol::*;

use super::{AT, Samples, id, some};
use crate::Area;

pub(super) fn messages(it: &Samples, area: &mut Area) {
    area.object("OutgoingMessage", &it.outgoing());
    area.object("OutgoingDeviceMessage", &it.outgoing().devices[0]);
    area.object("Sent", &Sent { id: id("m1"), seq: 7, sent_at: AT });
    area.object("Message", &it.message());
    area.object("Reaction", &it.message().reactions[0]);
    area.object("DeviceMessage", &it.device_message());
    area.object("MessagePage", &MessagePage { messages: vec![it.message()], more: true });
    let request = HistoryRequest { before: Some(7), before_time: Some(AT), limit: Some(50) };
    area.object("HistoryRequest", &request);
}

pub(super) fn actions(it: &Samples, area: &mut Area) {
    let edit = MessageEdit { text: "Hello".into(), mentions: vec![it.bob], id: Some(id("m1")) };
    area.object("MessageEdit", &edit);
    let pinned = PinnedMessage { message: it.message(), pinned_by: it.bob, pinned_at: AT };
    area.object("PinnedMessage", &pinned);
    area.object("StarredRequest", &StarredRequest { before: Some(7), limit: Some(50) });
    area.object("StarredPage", &StarredPage { messages: vec![it.message()], next: Some(7) });
    let (conversation, before) = (Some(it.group), some("7"));
    area.object("MessageSearch", &MessageSearch { conversation, before, limit: Some(50) });
    area.object("SearchPage", &SearchPage { messages: vec![it.message()], next: some("7") });
}

pub(super) fn sync(it: &Samples, area: &mut Area) {
    let after = vec![(it.direct, 7), (it.group, 0)];
    let mark = Mark { conversation: it.group, seq: 5, kind: MarkKind::Hidden };
    area.object(
        "SyncRequest",
        &SyncRequest {
            after,
            after_device_message: Some(3),
            after_mark: Some(8),
            limit: Some(100),
            without_conversations: true,
        },
    );
    area.object(
        "SyncPage",
        &SyncPage {
            conversations: vec![it.summary()],
            messages: vec![it.message()],
            device_messages: vec![it.device_message()],
            marks: vec![mark],
            mark: 9,
            more: false,
        },
    );
    area.object("Mark", &mark);
}

pub(super) fn receipts(it: &Samples, area: &mut Area) {
    let receipt = it.receipt();
    area.object("MemberReceipt", &receipt);
    area.object(
        "MessageInfo",
        &MessageInfo {
            conversation: it.direct,
            seq: 7,
            sender: it.alice,
            sent_at: AT,
            status: MessageStatus::Delivered,
            receipts: vec![receipt],
        },
    );
}

impl Samples {
    /// One of each, in the order of `protocol::objects::BODIES`.
    pub(crate) fn contents(&self) -> Vec<Content> {
        vec![
            Content::Text {
                text: "Grüße 🦉".into(),
                reply_to: Some(3),
                mentions: vec![self.bob],
                forwarded: true,
            },
            Content::Edit { target: 4, text: "Gruß".into(), mentions: vec![self.bob] },
            Content::Delete { target: 4 },
            Content::Reaction { target: 4, emoji: some("🦉") },
            Content::Pin { target: 4, pinned: true },
            Content::Removed,
            Content::Created,
            Content::Members { change: MemberChange::Added, users: vec![self.alice, self.bob] },
            Content::Info {
                name: some("Us"),
                description: some("Two"),
                picture: some("p1"),
                retention: Some(Retention::Days(30)),
            },
            Content::Deleted,
            Content::Expired,
        ]
    }

    pub(super) fn outgoing(&self) -> OutgoingMessage {
        let welcome =
            OutgoingDeviceMessage { user: self.bob, device: self.phone, body: ByteString(vec![1, 2, 3]) };
        OutgoingMessage {
            id: Some(id("m1")),
            text: some("Hello"),
            body: Some(Body::Sealed(ByteString(vec![9, 8, 7]))),
            kind: MessageKind::Commit,
            epoch: Some(4),
            devices: vec![welcome],
        }
    }

    pub(super) fn message(&self) -> Message {
        Message {
            conversation: self.group,
            seq: 7,
            sender: self.alice,
            device: self.phone,
            id: id("m1"),
            sent_at: AT,
            kind: MessageKind::Content,
            epoch: Some(4),
            body: Body::Sealed(ByteString(vec![9, 8, 7])),
            edited_at: Some(AT + 5),
            reactions: vec![Reaction { user: self.bob, emoji: "🦉".into() }],
        }
    }

    pub(super) fn device_message(&self) -> DeviceMessage {
        DeviceMessage {
            number: 3,
            conversation: self.group,
            sender: self.alice,
            sender_device: self.phone,
            sent_at: AT,
            body: ByteString(vec![1, 2, 3]),
        }
    }

    pub(super) fn receipt(&self) -> MemberReceipt {
        MemberReceipt {
            user: self.bob,
            name: "Bob".into(),
            delivered_at: Some(AT),
            seen_at: Some(AT + 1_000),
        }
    }
}
