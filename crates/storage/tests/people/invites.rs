use accounts::people::store::{Answered, InviteState, Invited, NewInvite, StoredInvite};
use protocol::{ConversationId, ConversationShape, InviteId};

use crate::*;

on_both! {
    an_invite_waits_once_and_is_answered_once,
    two_that_cross_agree,
    of_many_at_once_one_is_kept,
    a_rejection_counts_for_a_while,
    what_is_over_makes_room,
    withdrawing_is_for_the_inviter,
    a_block_ends_what_waits,
    an_agreement_waits_for_its_conversation,
    open_ones_are_bounded_and_listed_first,
}

pub(crate) fn new_invite(inviter: UserId, invitee: UserId, now: i64) -> NewInvite {
    NewInvite {
        id: InviteId::compose(now, unique()),
        inviter,
        invitee,
        message: Some("Hello".to_owned()),
        now,
        expires_at: now + 30 * DAY,
        rejected_since: now - 7 * DAY,
        max_sent: 3,
        max_received: 3,
        max_contacts: 9,
    }
}

async fn kept(store: &Store, invite: NewInvite) -> StoredInvite {
    match store.invite(invite).await.unwrap() {
        Invited::Kept(invite) => invite,
        other => panic!("{other:?}"),
    }
}

fn conversation() -> ConversationId {
    ConversationId::compose(ConversationShape::Direct, START, unique())
}

async fn an_invite_waits_once_and_is_answered_once(store: Store) {
    let (ann, bob, eve) = (user(), user(), user());
    let invite = kept(&store, new_invite(ann, bob, START)).await;
    assert_eq!((invite.state, invite.message.as_deref()), (InviteState::Open, Some("Hello")));
    assert_eq!(store.invite(new_invite(ann, bob, START + 1)).await.unwrap(), Invited::Open(invite.clone()));
    assert_eq!(store.invites(bob, true, START, 9).await.unwrap(), std::slice::from_ref(&invite));
    assert_eq!(store.invites(ann, false, START, 9).await.unwrap(), std::slice::from_ref(&invite));
    assert_eq!(store.invites(ann, true, START, 9).await.unwrap(), []);

    for stranger in [ann, eve] {
        let answered = store.answer_invite(invite.id, stranger, true, START, 9).await.unwrap();
        assert_eq!(answered, Answered::Unknown);
    }
    let accepted =
        StoredInvite { state: InviteState::Accepted, answered_at: Some(START + 5), ..invite.clone() };
    let answered = store.answer_invite(invite.id, bob, true, START + 5, 9).await.unwrap();
    assert_eq!(answered, Answered::Now(accepted.clone()));
    let again = store.answer_invite(invite.id, bob, false, START + 6, 9).await.unwrap();
    assert_eq!(again, Answered::Before(accepted));
    assert_eq!(store.contacts(ann, None, 9).await.unwrap(), [(bob, START + 5)]);
    assert_eq!(store.contacts(bob, None, 9).await.unwrap(), [(ann, START + 5)]);
    let missing = store.answer_invite(InviteId::compose(1, unique()), bob, true, START, 9).await.unwrap();
    assert_eq!(missing, Answered::Unknown);
}

async fn two_that_cross_agree(store: Store) {
    for _ in 0..8 {
        let (ann, bob) = (user(), user());
        let invite = |from, to| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.invite(new_invite(from, to, START)).await.unwrap() })
        };
        let (one, other) = (invite(ann, bob), invite(bob, ann));
        match (one.await.unwrap(), other.await.unwrap()) {
            (Invited::Kept(first), Invited::Agreed(agreed))
            | (Invited::Agreed(agreed), Invited::Kept(first)) => {
                assert_eq!((agreed.id, agreed.state), (first.id, InviteState::Accepted));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(store.contacts(ann, None, 9).await.unwrap(), [(bob, START)]);
        assert_eq!(store.contacts(bob, None, 9).await.unwrap(), [(ann, START)]);
    }
}

async fn of_many_at_once_one_is_kept(store: Store) {
    let (ann, bob) = (user(), user());
    let inviting: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.invite(new_invite(ann, bob, START)).await.unwrap() })
        })
        .collect();
    let (mut kept, mut ids) = (0, Vec::new());
    for one in inviting {
        match one.await.unwrap() {
            Invited::Kept(invite) => {
                kept += 1;
                ids.push(invite.id);
            }
            Invited::Open(invite) => ids.push(invite.id),
            other => panic!("{other:?}"),
        }
    }
    ids.dedup();
    assert_eq!((kept, ids.len()), (1, 1));
}

async fn a_rejection_counts_for_a_while(store: Store) {
    let (ann, bob) = (user(), user());
    let invite = kept(&store, new_invite(ann, bob, START)).await;
    store.answer_invite(invite.id, bob, false, START + 5, 9).await.unwrap();
    assert_eq!(store.contacts(bob, None, 9).await.unwrap(), []);
    let soon = store.invite(new_invite(ann, bob, START + 7 * DAY)).await.unwrap();
    assert_eq!(soon, Invited::Rejected(START + 5));
    let later = kept(&store, new_invite(ann, bob, START + 7 * DAY + 6)).await;
    store.answer_invite(later.id, bob, false, START + 8 * DAY, 9).await.unwrap();
    // Whoever rejected may think better of it.
    kept(&store, new_invite(bob, ann, START + 8 * DAY + 1)).await;
    assert_eq!(store.invites(bob, true, START + 9 * DAY, 9).await.unwrap(), [], "one for the two of them");
}

async fn what_is_over_makes_room(store: Store) {
    let (ann, bob) = (user(), user());
    let invite = kept(&store, new_invite(ann, bob, START)).await;
    let late = START + 30 * DAY;
    let answered = store.answer_invite(invite.id, bob, true, late, 9).await.unwrap();
    assert_eq!(answered, Answered::Before(invite.clone()), "it has expired");
    assert_eq!(store.contacts(bob, None, 9).await.unwrap(), []);
    let next = kept(&store, new_invite(ann, bob, late)).await;
    assert_ne!(next.id, invite.id);
    assert_eq!(store.drop_invites(late + 30 * DAY, 10).await.unwrap(), 0);
    assert_eq!(store.drop_invites(late + 30 * DAY + 1, 10).await.unwrap(), 1);
    assert_eq!(store.invites(bob, true, late, 9).await.unwrap(), []);
}

async fn withdrawing_is_for_the_inviter(store: Store) {
    let (ann, bob) = (user(), user());
    let invite = kept(&store, new_invite(ann, bob, START)).await;
    assert_eq!(store.withdraw_invite(invite.id, bob, START).await.unwrap(), Answered::Unknown);
    let gone = StoredInvite { state: InviteState::Withdrawn, answered_at: Some(START + 1), ..invite.clone() };
    let withdrawn = store.withdraw_invite(invite.id, ann, START + 1).await.unwrap();
    assert_eq!(withdrawn, Answered::Now(gone.clone()));
    assert_eq!(
        store.withdraw_invite(invite.id, ann, START + 2).await.unwrap(),
        Answered::Before(gone.clone())
    );
    let answered = store.answer_invite(invite.id, bob, true, START + 2, 9).await.unwrap();
    assert_eq!(answered, Answered::Before(gone));
    kept(&store, new_invite(ann, bob, START + 3)).await;
}

async fn a_block_ends_what_waits(store: Store) {
    let (ann, bob, eve) = (user(), user(), user());
    let sent = kept(&store, new_invite(ann, bob, START)).await;
    let (_, ended) = store.block(ann, bob, START + 1, 9).await.unwrap();
    let ended = ended.unwrap();
    assert_eq!((ended.id, ended.state), (sent.id, InviteState::Withdrawn));
    let received = kept(&store, new_invite(eve, ann, START)).await;
    let (_, ended) = store.block(ann, eve, START + 1, 9).await.unwrap();
    let ended = ended.unwrap();
    assert_eq!((ended.id, ended.state), (received.id, InviteState::Rejected));
    for (inviter, invitee) in [(ann, bob), (bob, ann), (eve, ann)] {
        let refused = store.invite(new_invite(inviter, invitee, START + 2)).await.unwrap();
        assert_eq!(refused, Invited::Blocked);
    }
    // However a block and an invite meet, nothing waits afterwards.
    for _ in 0..8 {
        let (ann, bob) = (user(), user());
        let (one, other) = (Arc::clone(&store), Arc::clone(&store));
        let inviting = tokio::spawn(async move { one.invite(new_invite(bob, ann, START)).await.unwrap() });
        let blocking = tokio::spawn(async move { other.block(ann, bob, START, 9).await.unwrap() });
        inviting.await.unwrap();
        blocking.await.unwrap();
        let left = store.invites(ann, true, START, 9).await.unwrap();
        assert!(left.iter().all(|invite| !invite.is_open(START)), "{left:?}");
    }
}

async fn an_agreement_waits_for_its_conversation(store: Store) {
    let (ann, bob) = (user(), user());
    let invite = kept(&store, new_invite(ann, bob, START)).await;
    let Answered::Now(accepted) = store.answer_invite(invite.id, bob, true, START + 5, 9).await.unwrap()
    else {
        panic!("it was open");
    };
    assert_eq!(store.unconcluded_invites(START + 5, 9).await.unwrap(), []);
    assert_eq!(store.unconcluded_invites(START + 6, 9).await.unwrap(), std::slice::from_ref(&accepted));
    assert_eq!(store.drop_invites(START + 90 * DAY, 9).await.unwrap(), 0, "not before it has one");
    let again = store.invite(new_invite(bob, ann, START + 6)).await.unwrap();
    assert_eq!(again, Invited::Agreed(accepted.clone()));
    let conversation = conversation();
    store.conclude_invite(invite.id, conversation).await.unwrap();
    assert_eq!(store.unconcluded_invites(START + 6, 9).await.unwrap(), []);
    let concluded = StoredInvite { conversation: Some(conversation), ..accepted };
    assert_eq!(store.invites(bob, true, START + 6, 9).await.unwrap(), [concluded]);
    assert_eq!(store.drop_invites(START + 90 * DAY, 9).await.unwrap(), 1);
}

async fn open_ones_are_bounded_and_listed_first(store: Store) {
    let (ann, bob) = (user(), user());
    let mut sent = Vec::new();
    for turn in 0..3 {
        sent.push(kept(&store, new_invite(ann, user(), START + turn)).await.id);
    }
    assert_eq!(store.invite(new_invite(ann, bob, START + 3)).await.unwrap(), Invited::TooManySent);
    store.withdraw_invite(sent[2], ann, START + 4).await.unwrap();
    let listed = store.invites(ann, false, START + 5, 9).await.unwrap();
    let listed: Vec<_> = listed.iter().map(|invite| invite.id).collect();
    assert_eq!(listed, [sent[1], sent[0], sent[2]], "those that wait, the newest first, then the others");
    assert_eq!(store.invites(ann, false, START + 5, 2).await.unwrap().len(), 2);
    for _ in 0..3 {
        kept(&store, new_invite(user(), bob, START)).await;
    }
    assert_eq!(store.invite(new_invite(ann, bob, START + 5)).await.unwrap(), Invited::TooManyReceived);
    // Those that have expired do not count.
    kept(&store, new_invite(ann, bob, START + 31 * DAY)).await;
}
