//! Users and messages, as people read them.

use std::collections::{HashMap, HashSet};

use client::Hub;
use protocol::{
    Body, Content, ConversationSummary, Invite, InviteDirection, InviteStatus, MemberChange, Message,
    MessageKind, MessageStatus, UserId, UserInfo,
};

use super::output::{clean, clean_line};
use super::{Failure, time};

/// A longer name is cut.
const NAME_WIDTH: usize = 40;
/// What an inviter says is cut here.
const INVITE_WIDTH: usize = 300;

/// `Alice (@alice)`, or just the username where that is the name.
pub(super) fn user(user: &UserInfo) -> String {
    let name = clean_line(&user.name, NAME_WIDTH);
    match &user.username {
        Some(username) if *username == user.name => name,
        Some(username) => format!("{name} (@{username})"),
        None => name,
    }
}

/// A conversation's name for a list.
pub(super) fn name(summary: &ConversationSummary) -> String {
    clean_line(&summary.name, NAME_WIDTH)
}

/// One tick: on the server; two: with everyone; and seen by everyone.
pub(super) fn ticks(status: MessageStatus) -> &'static str {
    match status {
        MessageStatus::Sent => "✓",
        MessageStatus::Delivered => "✓✓",
        MessageStatus::Seen => "✓✓ seen",
    }
}

/// How an invite stands, in a sentence.
pub(super) fn invite(invite: &Invite) -> String {
    let other = user(&invite.user);
    let received = invite.direction == InviteDirection::Received;
    match invite.status {
        InviteStatus::Pending if received => {
            let said = invite.message.as_deref().map(|said| format!(": {}", clean_line(said, INVITE_WIDTH)));
            format!("{other} wants to talk{} (kith invite accept {})", said.unwrap_or_default(), invite.id)
        }
        InviteStatus::Pending => format!("{other} has been asked to talk"),
        InviteStatus::Accepted if received => format!("you talk with {other} now"),
        InviteStatus::Accepted => format!("{other} has accepted your invite"),
        InviteStatus::Rejected if received => format!("you have rejected {other}'s invite"),
        InviteStatus::Rejected => format!("{other} has rejected your invite"),
        InviteStatus::Withdrawn if received => format!("{other} has withdrawn the invite"),
        InviteStatus::Withdrawn => format!("you have withdrawn your invite to {other}"),
        InviteStatus::Expired => format!("the invite between you and {other} has expired"),
    }
}

/// The names of users met so far.
#[derive(Debug)]
pub(super) struct Names {
    own: UserId,
    names: HashMap<UserId, String>,
}

impl Names {
    /// `own` is called "you".
    pub(super) fn new(own: UserId) -> Self {
        Self { own, names: HashMap::new() }
    }

    /// Learns the names of members.
    pub(super) fn learn(&mut self, summary: &ConversationSummary) {
        for member in &summary.members {
            self.names.insert(member.user, clean_line(&member.name, NAME_WIDTH));
        }
    }

    /// Asks the server for those that are not known.
    pub(super) async fn fetch(
        &mut self,
        hub: &Hub,
        users: impl IntoIterator<Item = UserId>,
    ) -> Result<(), Failure> {
        let unknown = |user: &UserId| *user != self.own && !self.names.contains_key(user);
        let missing: HashSet<UserId> = users.into_iter().filter(unknown).collect();
        if !missing.is_empty() {
            for user in hub.get_users(missing.into_iter().collect()).await? {
                self.names.insert(user.id, clean_line(&user.name, NAME_WIDTH));
            }
        }
        Ok(())
    }

    /// Asks for the names of all whom a message speaks of.
    pub(super) async fn fetch_for(&mut self, hub: &Hub, messages: &[Message]) -> Result<(), Failure> {
        let mut users: Vec<UserId> = messages.iter().map(|message| message.sender).collect();
        for message in messages {
            if let Body::Open(Content::Members { users: named, .. } | Content::Text { mentions: named, .. }) =
                &message.body
            {
                users.extend(named);
            }
            users.extend(message.reactions.iter().map(|reaction| reaction.user));
        }
        self.fetch(hub, users).await
    }

    /// The name of a user: "you", what is known, or the id.
    pub(super) fn of(&self, user: UserId) -> String {
        if user == self.own {
            return "you".to_owned();
        }
        self.names.get(&user).cloned().unwrap_or_else(|| user.to_string())
    }

    /// What a message says, after who says it: `alice: hello`, `alice added bob`.
    pub(super) fn sentence(&self, message: &Message) -> String {
        let who = self.of(message.sender);
        match &message.body {
            Body::Open(Content::Text { text, reply_to, mentions, forwarded }) => {
                let answers = reply_to.map_or_else(String::new, |seq| format!("(to {seq}) "));
                let forwarded = if *forwarded { "(forwarded) " } else { "" };
                let edited = if message.edited_at.is_some() { " (edited)" } else { "" };
                let (mentions, reactions) = (self.mentions(mentions), self.reactions(message));
                format!("{who}: {answers}{forwarded}{}{edited}{mentions}{reactions}", clean(text))
            }
            Body::Open(Content::Edit { target, text, .. }) => {
                format!("{who} edited message {target}: {}", clean(text))
            }
            Body::Open(Content::Delete { target }) => format!("{who} deleted message {target}"),
            Body::Open(Content::Reaction { target, emoji: Some(emoji) }) => {
                format!("{who} reacted {} to message {target}", clean_line(emoji, 40))
            }
            Body::Open(Content::Reaction { target, .. }) => {
                format!("{who} took back the reaction to message {target}")
            }
            Body::Open(Content::Pin { target, pinned: true }) => format!("{who} pinned message {target}"),
            Body::Open(Content::Pin { target, .. }) => format!("{who} unpinned message {target}"),
            Body::Open(Content::Removed) if message.kind == MessageKind::Annotation => {
                format!("{who} edited a message [overtaken]")
            }
            Body::Open(Content::Removed) => format!("{who}: [deleted]"),
            Body::Open(Content::Created) => format!("{who} created the conversation"),
            Body::Open(Content::Members { change, users }) => self.change(&who, *change, users),
            Body::Open(Content::Info { name: Some(name), .. }) => {
                format!("{who} named the group {:?}", clean_line(name, 100))
            }
            Body::Open(Content::Info { description: Some(_), .. }) => {
                format!("{who} changed the description")
            }
            Body::Open(Content::Info { retention: Some(retention), .. }) => {
                format!("{who} set how long messages are kept: {}", time::retention(*retention))
            }
            Body::Open(Content::Info { .. }) => format!("{who} changed the picture"),
            Body::Open(Content::Expired) => format!("{who}: [expired]"),
            Body::Open(Content::Deleted) => format!("{who} deleted the group"),
            Body::Open(Content::Unsupported) => format!("{who}: [not supported by this version of kith]"),
            Body::Sealed(bytes) => format!("{who}: [encrypted, {} bytes]", bytes.0.len()),
        }
    }

    fn mentions(&self, users: &[UserId]) -> String {
        let names: Vec<_> = users.iter().map(|user| format!("@{}", self.of(*user))).collect();
        if names.is_empty() { String::new() } else { format!("  [to {}]", names.join(", ")) }
    }

    fn reactions(&self, message: &Message) -> String {
        let one = |it: &protocol::Reaction| format!("{} {}", clean_line(&it.emoji, 40), self.of(it.user));
        let all: Vec<_> = message.reactions.iter().map(one).collect();
        if all.is_empty() { String::new() } else { format!("  [{}]", all.join(", ")) }
    }

    fn change(&self, who: &str, change: MemberChange, users: &[UserId]) -> String {
        let users: Vec<String> = users.iter().map(|user| self.of(*user)).collect();
        let users = users.join(", ");
        match change {
            MemberChange::Added => format!("{who} added {users}"),
            MemberChange::Joined => format!("{who} joined by a link"),
            MemberChange::Removed => format!("{who} removed {users}"),
            MemberChange::Left => format!("{who} left"),
            MemberChange::Promoted => format!("{who} made {users} admin"),
            MemberChange::Demoted => format!("{who} made {users} an ordinary member"),
        }
    }
}

/// A text of several lines under a head: the following lines are moved in, so that nobody can forge a message.
pub(super) fn indent(head: &str, text: &str) -> String {
    format!("{head}{}", text.replace('\n', "\n        "))
}

#[cfg(test)]
mod tests {
    use protocol::{ConversationId, ConversationShape, DeviceId, MessageId};

    use super::*;

    fn message(body: Body) -> Message {
        Message {
            conversation: ConversationId::compose(ConversationShape::Group, 1, [1; 10]),
            seq: 1,
            sender: UserId::compose(1, [1; 10]),
            device: DeviceId::compose(1, [1; 10]),
            id: MessageId::compose(1, [1; 10]),
            sent_at: 1,
            kind: MessageKind::Content,
            epoch: None,
            body,
            edited_at: None,
            reactions: Vec::new(),
        }
    }

    #[test]
    fn messages_read_as_sentences() {
        let own = UserId::compose(1, [2; 10]);
        let mut names = Names::new(own);
        names.names.insert(UserId::compose(1, [1; 10]), "alice".to_owned());
        let say = |content| names.sentence(&message(Body::Open(content)));
        assert_eq!(say(Content::text("hi\x1b[1m")), "alice: hi\u{fffd}[1m");
        assert_eq!(
            say(Content::Members { change: MemberChange::Added, users: vec![own] }),
            "alice added you"
        );
        assert_eq!(say(Content::Members { change: MemberChange::Left, users: Vec::new() }), "alice left");
        assert_eq!(say(Content::Expired), "alice: [expired]");
        let mut edited = message(Body::Open(Content::Text {
            text: "hi".into(),
            reply_to: Some(3),
            mentions: vec![UserId::compose(1, [1; 10]), own],
            forwarded: true,
        }));
        edited.edited_at = Some(2);
        edited.reactions = vec![protocol::Reaction { user: own, emoji: "👍".into() }];
        assert_eq!(
            names.sentence(&edited),
            "alice: (to 3) (forwarded) hi (edited)  [to @alice, @you]  [👍 you]"
        );
        let edit = Content::Edit { target: 3, text: "ho".into(), mentions: Vec::new() };
        assert_eq!(say(edit), "alice edited message 3: ho");
        assert_eq!(say(Content::Delete { target: 3 }), "alice deleted message 3");
        assert_eq!(say(Content::Removed), "alice: [deleted]");
        assert_eq!(say(Content::Pin { target: 3, pinned: false }), "alice unpinned message 3");
        let reaction = |emoji| Content::Reaction { target: 3, emoji };
        assert_eq!(say(reaction(Some("👍".into()))), "alice reacted 👍 to message 3");
        assert_eq!(say(reaction(None)), "alice took back the reaction to message 3");
        assert_eq!(say(Content::Unsupported), "alice: [not supported by this version of kith]");
        assert_eq!(indent("14:05 ", "a\n14:06 bob: b"), "14:05 a\n        14:06 bob: b");
    }
}
