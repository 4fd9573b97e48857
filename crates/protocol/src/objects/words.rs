//! Readable bodies, and words out of a few.

use super::{Choice, objects};
use crate::{MemberChange, Retention, Seq, UserId};

objects! { pub BODIES:
    /// What a readable body may be: the words of its `type`.

    /// A text.
    text {
        /// 1 byte to the server's `limits.max_message_bytes`, UTF-8.
        text: String,
        /// The entry it answers.
        replyTo: Option<Seq>,
        /// Members it speaks to, at most 64.
        mentions: Option<Vec<UserId>>,
        /// Whether it was said elsewhere first.
        forwarded: Option<bool>,
    }
    /// The author of an earlier message says it differently: `EditMessage`. Where that message is read again, it is changed.
    edit {
        /// The message.
        target: Seq,
        /// What it says from now on.
        text: String,
        /// Members it speaks to from now on.
        mentions: Option<Vec<UserId>>,
    }
    /// An earlier message was deleted for everyone: `DeleteMessage`. Where it is read again, its body is `removed`.
    delete {
        /// The message.
        target: Seq,
    }
    /// A member reacts to an earlier message: `React`. A new reaction takes the place of their last one.
    reaction {
        /// The message.
        target: Seq,
        /// At most 64 bytes; absent if the reaction was taken back.
        emoji: Option<String>,
    }
    /// A member pins an earlier message for everyone, or takes the pin out: `PinMessage`.
    pin {
        /// The message.
        target: Seq,
        /// Whether it is pinned from now on.
        pinned: bool,
    }
    /// Stands in place of what a deleted message said, and of an edit that a later one or a deletion has overtaken.
    removed {}
    /// Recorded by the server: the conversation was created.
    created {}
    /// Recorded by the server: the membership changed. Those added see the log from this entry on, those removed up to
    /// and including it.
    members {
        /// What happened to whom.
        change: MemberChange,
        /// Whom it happened to.
        users: Vec<UserId>,
    }
    /// Recorded by the server: name, description, picture or retention changed. What is absent stayed.
    info {
        /// The new name.
        name: Option<String>,
        /// The new description.
        description: Option<String>,
        /// The new picture's reference; empty for none.
        picture: Option<String>,
        /// How long bodies are kept from now on.
        retention: Option<Retention>,
    }
    /// Recorded by the server: the group was deleted; nothing follows.
    deleted {}
    /// In the place of what a member wrote: its time had come, and the body is gone. In `mls` conversations too.
    expired {}
}

/// Every choice, in the order of the document.
pub const CHOICES: &[Choice] = &[
    Choice {
        name: "ConversationKind",
        about: "Whether the server can read a conversation.",
        words: &[
            ("plain", "Bodies are readable by the server: for bots, scripts and server-side search."),
            ("mls", "Bodies are MLS ciphertext (RFC 9420): the server orders what it cannot read."),
        ],
    },
    Choice {
        name: "MessageKind",
        about: "What kind of entry of the log a message is.",
        words: &[
            ("content", "Something a member says."),
            ("proposal", "An MLS proposal. Only in `mls` conversations."),
            (
                "commit",
                "An MLS commit: accepted only if it names the current epoch, which it ends. Only in `mls` conversations.",
            ),
            ("system", "Recorded by the server: creation, membership, name. Not for clients to send."),
            (
                "annotation",
                "About an earlier entry: an edit, a deletion, a reaction, a pin. It does not count as unread. In `plain` conversations \
                 commands make them; in `mls` ones they are sealed, and clients say that they are.",
            ),
        ],
    },
    Choice {
        name: "MessageStatus",
        about: "How far a message has come: the least over all other members. While one of a direct conversation's two blocks the other, \
                neither is told more than `sent`.",
        words: &[
            ("sent", "On the server's disk."),
            ("delivered", "Acknowledged by a device of every other member."),
            ("seen", "Seen by every other member."),
        ],
    },
    Choice {
        name: "MarkKind",
        about: "What one did with a message for oneself alone. Pass over words that you do not know.",
        words: &[
            ("hidden", "Deleted it for oneself: none of one's devices shows it any more."),
            ("starred", "Starred it."),
            ("unstarred", "Took the star away."),
        ],
    },
    Choice {
        name: "Role",
        about: "What a member may do in a conversation.",
        words: &[("member", "Reads and writes."), ("admin", "Also changes the group and its membership.")],
    },
    Choice {
        name: "MemberChange",
        about: "A change of membership.",
        words: &[
            ("added", "An admin added them."),
            ("joined", "They joined by a link."),
            ("removed", "An admin removed them."),
            ("left", "They left."),
            ("promoted", "An admin made them admins."),
            ("demoted", "An admin made them ordinary members."),
        ],
    },
    Choice {
        name: "ServerRole",
        about: "What a user may do on a server.",
        words: &[
            ("user", "Uses the server."),
            ("moderator", "Also looks after its users."),
            ("admin", "Also decides about accounts, and who is what."),
        ],
    },
    Choice {
        name: "NotificationKind",
        about: "What a notification is about.",
        words: &[
            (
                "messages",
                "Messages of a conversation that one has not seen: one notification for each conversation.",
            ),
            ("mention", "Somebody named one in a message."),
            ("group", "One is in a group now."),
            ("invite", "Somebody asks to talk with one."),
            ("invite_answer", "Somebody answered one's invite."),
            ("sign_in", "The account was signed in to on another device."),
            ("credentials", "The account's username, password or addresses changed."),
            ("role", "The account's role on the server changed."),
        ],
    },
    Choice {
        name: "AccountState",
        about: "Where an account stands.",
        words: &[
            ("active", "In use."),
            ("suspended", "Nobody signs in to it until it is reinstated."),
            ("deleting", "Erased; other parts of the server have yet to forget it."),
            ("deleted", "Erased. Its id remains, for what others hold of it."),
        ],
    },
    Choice {
        name: "LastSeenTo",
        about: "Who is told when a user was last online, and whether they are.",
        words: &[("everyone", "Everybody."), ("contacts", "Their contacts."), ("nobody", "Nobody.")],
    },
    Choice {
        name: "MessagesFrom",
        about: "Who may begin a direct conversation with a user.",
        words: &[("everyone", "Everybody."), ("invite", "Those whose invite they accepted.")],
    },
    Choice {
        name: "GroupsFrom",
        about: "Who may add a user to a group without asking.",
        words: &[("everyone", "Everybody."), ("contacts", "Their contacts.")],
    },
    Choice {
        name: "InviteDirection",
        about: "Who invited.",
        words: &[("received", "The other did."), ("sent", "Oneself did.")],
    },
    Choice {
        name: "InviteStatus",
        about: "How an invite stands.",
        words: &[
            ("pending", "It waits for an answer."),
            ("accepted", "The two have a conversation."),
            ("rejected", "The invitee does not want to talk."),
            ("withdrawn", "The inviter has taken it back."),
            ("expired", "Nobody answered in time."),
        ],
    },
];
