//! What a command counts as, besides a command.

use crate::limits::Limit;

/// The commands of which an account may do less than of others; they are the same over REST.
const CLASSES: &[(&str, Limit)] = &[
    ("SendMessage", Limit::Messages),
    ("EditMessage", Limit::Messages),
    ("DeleteMessage", Limit::Messages),
    ("React", Limit::Messages),
    ("PinMessage", Limit::Messages),
    ("ForwardMessage", Limit::Messages),
    ("SearchMessages", Limit::Searches),
    ("FindUser", Limit::Searches),
    ("SearchUsers", Limit::Searches),
    // Their codes are not to be found by trying.
    ("PreviewGroupLink", Limit::Searches),
    ("JoinGroup", Limit::Searches),
    ("AddUserToGroup", Limit::Invitations),
    ("AddUsersToGroup", Limit::Invitations),
    ("SendInvite", Limit::Invitations),
    ("InitiateGroupChatSession", Limit::Groups),
    ("Report", Limit::Reports),
];

/// What a command counts as.
pub(crate) fn class(command: &str) -> Option<Limit> {
    CLASSES.iter().find(|(name, _)| *name == command).map(|(_, limit)| *limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TABLE;

    #[test]
    fn the_commands_are_there() {
        for (name, _) in CLASSES {
            assert!(TABLE.iter().any(|command| command.name == *name), "{name}");
        }
        assert_eq!((class("SendMessage"), class("Sync")), (Some(Limit::Messages), None));
    }
}
