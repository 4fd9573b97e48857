//! What a user lets others know and do.

use serde::{Deserialize, Serialize};

use crate::word::words;

words! {
    /// Who is told when a user was last online, and whether they are.
    LastSeenTo {
        /// Everybody.
        Everyone = "everyone",
        /// Their contacts.
        Contacts = "contacts",
        /// Nobody.
        Nobody = "nobody",
    }
}

words! {
    /// Who may begin a direct conversation with a user.
    MessagesFrom {
        /// Everybody.
        Everyone = "everyone",
        /// Those whose invite they accepted.
        Invite = "invite",
    }
}

words! {
    /// Who may add a user to a group without asking.
    GroupsFrom {
        /// Everybody.
        Everyone = "everyone",
        /// Their contacts.
        Contacts = "contacts",
    }
}

/// What a user lets others know and do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Privacy {
    /// Who is told when they were last online, and whether they are.
    pub last_seen: LastSeenTo,
    /// Who may begin a direct conversation with them.
    pub messages: MessagesFrom,
    /// Who may add them to a group without asking.
    pub groups: GroupsFrom,
    /// Whether a search finds them by their name or the beginning of their username. Who knows the whole username
    /// always finds them.
    pub findable_by_name: bool,
    /// Whether who knows their email address or phone number finds them by it.
    pub findable_by_address: bool,
}

impl Default for Privacy {
    fn default() -> Self {
        Self {
            last_seen: LastSeenTo::Everyone,
            messages: MessagesFrom::Everyone,
            groups: GroupsFrom::Everyone,
            findable_by_name: true,
            findable_by_address: true,
        }
    }
}

/// What to change about one's privacy; what is absent stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PrivacyChanges {
    /// Who is told when one was last online, and whether one is.
    pub last_seen: Option<LastSeenTo>,
    /// Who may begin a direct conversation.
    pub messages: Option<MessagesFrom>,
    /// Who may add one to a group without asking.
    pub groups: Option<GroupsFrom>,
    /// Whether a search finds one by name.
    pub findable_by_name: Option<bool>,
    /// Whether one is found by an email address or a phone number.
    pub findable_by_address: Option<bool>,
}

impl PrivacyChanges {
    /// `before` with these changes.
    pub fn applied_to(self, before: Privacy) -> Privacy {
        Privacy {
            last_seen: self.last_seen.unwrap_or(before.last_seen),
            messages: self.messages.unwrap_or(before.messages),
            groups: self.groups.unwrap_or(before.groups),
            findable_by_name: self.findable_by_name.unwrap_or(before.findable_by_name),
            findable_by_address: self.findable_by_address.unwrap_or(before.findable_by_address),
        }
    }
}
