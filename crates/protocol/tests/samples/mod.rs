//! A value of each type on the wire, with every field.

use protocol::*;

use crate::Area;

mod accounts;
mod conversations;
mod messages;
mod people;

const AT: Timestamp = 1_700_000_000_000;

pub(crate) struct Samples {
    alice: UserId,
    bob: UserId,
    phone: DeviceId,
    direct: ConversationId,
    group: ConversationId,
}

type Fill = fn(&Samples, &mut Area);

impl Samples {
    /// The snapshots, by what they are about.
    pub(crate) const AREAS: &[(&str, Fill)] = &[
        ("users", accounts::users),
        ("accounts", accounts::accounts),
        ("people", people::people),
        ("conversations", conversations::conversations),
        ("links", conversations::links),
        ("messages", messages::messages),
        ("actions", messages::actions),
        ("sync", messages::sync),
        ("notifications", people::notifications),
        ("receipts", messages::receipts),
        ("sign_in", accounts::sign_in),
    ];

    pub(crate) fn new() -> Self {
        Self {
            alice: UserId::compose(AT, [1; 10]),
            bob: UserId::compose(AT, [2; 10]),
            phone: DeviceId::compose(AT, [3; 10]),
            direct: ConversationId::compose(ConversationShape::Direct, AT, [4; 10]),
            group: ConversationId::compose(ConversationShape::Group, AT, [5; 10]),
        }
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn id(text: &str) -> MessageId {
    text.parse().unwrap()
}
