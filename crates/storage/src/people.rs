//! What both backends decide alike when they keep people, without SQL.

use accounts::people::store::{InviteState, Invited, NewInvite, StoredInvite};
use protocol::{InviteId, UserId};

/// The numbers of [`InviteState`].
pub(crate) const fn invite_state(state: InviteState) -> i16 {
    match state {
        InviteState::Open => 0,
        InviteState::Accepted => 1,
        InviteState::Rejected => 2,
        InviteState::Withdrawn => 3,
    }
}

pub(crate) fn read_invite_state(number: i16) -> Option<InviteState> {
    use InviteState::{Accepted, Open, Rejected, Withdrawn};
    [Open, Accepted, Rejected, Withdrawn].into_iter().find(|state| invite_state(*state) == number)
}

/// The key of what is between two users.
pub(crate) fn pair(one: UserId, other: UserId) -> (UserId, UserId) {
    (one.min(other), one.max(other))
}

/// What to do with an invite, by what is between the two so far.
pub(crate) enum Next {
    /// It takes the place of what there is, if there is room.
    Keep,
    /// What there is becomes accepted.
    Agree(InviteId),
    /// Nothing changes.
    Answer(Invited),
}

pub(crate) fn next(invite: &NewInvite, before: Option<StoredInvite>) -> Next {
    let Some(before) = before else { return Next::Keep };
    let same_way = before.inviter == invite.inviter;
    match before.state {
        InviteState::Open if before.is_open(invite.now) && same_way => Next::Answer(Invited::Open(before)),
        InviteState::Open if before.is_open(invite.now) => Next::Agree(before.id),
        InviteState::Accepted if before.conversation.is_none() => Next::Answer(Invited::Agreed(before)),
        InviteState::Rejected if same_way => match before.answered_at {
            Some(at) if at > invite.rejected_since => Next::Answer(Invited::Rejected(at)),
            _ => Next::Keep,
        },
        _ => Next::Keep,
    }
}

/// The row that a new invite becomes.
pub(crate) fn kept(invite: NewInvite) -> StoredInvite {
    StoredInvite {
        id: invite.id,
        inviter: invite.inviter,
        invitee: invite.invitee,
        message: invite.message,
        state: InviteState::Open,
        created_at: invite.now,
        expires_at: invite.expires_at,
        answered_at: None,
        conversation: None,
    }
}
