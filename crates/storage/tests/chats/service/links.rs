//! Joining by links, and what is set for conversations.

use std::sync::atomic::Ordering;

use chats::{Caller, ChatError, Policy};
use protocol::{ConversationFilter, ConversationSettings, GroupLink, NewGroupLink, Retention, SyncRequest};

use super::faulty::Rates;
use super::life::{Backend, Life, caller, policy};
use super::stories::{group_of, stories, text};
use crate::*;

stories! {
    a_link_admits_as_many_as_it_says_under_a_race,
    joining_is_exactly_once_though_answers_are_lost,
    who_was_removed_needs_a_newer_link,
    links_end,
    settings_follow_a_user_to_their_devices,
    retention_is_set_by_those_who_may,
}

const NO_LINK: ChatError = ChatError::NotFound("link, or it admits nobody any more");

fn wide(backend: &Backend, rates: Rates) -> Life {
    Life::with(backend, rates, 3, Policy { group_members: 100, ..policy() })
}

fn somebody() -> Caller {
    caller(new_user(), new_device())
}

async fn link(life: &Life, admin: Caller, id: ConversationId, max_uses: Option<u32>) -> GroupLink {
    life.chats.create_link(admin, id, NewGroupLink { max_uses, ..NewGroupLink::default() }).await.unwrap()
}

async fn uses(life: &Life, admin: Caller, id: ConversationId) -> Vec<u32> {
    life.chats.list_links(admin, id).await.unwrap().iter().map(|link| link.uses).collect()
}

fn a_link_admits_as_many_as_it_says_under_a_race(backend: &Backend) {
    let life = wide(backend, Rates::default());
    life.runtime.block_on(async {
        let alice = somebody();
        let id = life.chats.start_group(alice, group_of(&[])).await.unwrap();
        let link = link(&life, alice, id, Some(10)).await;
        let joining: Vec<_> = (0..30)
            .map(|_| {
                let (chats, user) = (Arc::clone(&life.chats), somebody());
                tokio::spawn(async move {
                    // Twice at once: one user takes one use.
                    let (one, two) =
                        tokio::join!(chats.join_group(user, link.code), chats.join_group(user, link.code));
                    assert_eq!(one.is_ok(), two.is_ok());
                    one
                })
            })
            .collect();
        let mut admitted = 0;
        for join in joining {
            match join.await.unwrap() {
                Ok(joined) => {
                    assert_eq!(joined.group, id);
                    admitted += 1;
                }
                Err(error) => assert_eq!(error, NO_LINK),
            }
        }
        assert_eq!((admitted, head(&life.raw, id).await.members.len()), (10, 11));
        assert_eq!(uses(&life, alice, id).await, [10]);
    });
    life.stop();
}

fn joining_is_exactly_once_though_answers_are_lost(backend: &Backend) {
    let life = wide(backend, Rates { lost: 150, done: 150, late: 100, read: 50 });
    let gate = |on| life.faulty.on.store(on, Ordering::SeqCst);
    gate(false);
    life.runtime.block_on(async {
        let alice = somebody();
        let id = life.chats.start_group(alice, group_of(&[])).await.unwrap();
        let link = link(&life, alice, id, Some(20)).await;
        gate(true);
        let joining: Vec<_> = (0..20)
            .map(|_| {
                let (chats, user) = (Arc::clone(&life.chats), somebody());
                tokio::spawn(async move {
                    loop {
                        match chats.join_group(user, link.code).await {
                            Ok(_) => return,
                            Err(error) => assert_eq!(error, ChatError::Unavailable),
                        }
                    }
                })
            })
            .collect();
        for join in joining {
            join.await.unwrap();
        }
        gate(false);
        assert_eq!(uses(&life, alice, id).await, [20]);
        let stays = life.raw.membership_history(id).await.unwrap();
        assert_eq!(stays.len(), 21, "nobody joined twice");
        assert!(stays.iter().all(|stay| stay.added_by == stay.user));
    });
    life.stop();
}

fn who_was_removed_needs_a_newer_link(backend: &Backend) {
    let life = wide(backend, Rates::default());
    life.runtime.block_on(async {
        let (alice, bob) = (somebody(), somebody());
        let id = life.chats.start_group(alice, group_of(&[])).await.unwrap();
        let old = link(&life, alice, id, None).await;
        assert_eq!(life.chats.join_group(bob, old.code).await.unwrap().seq, 2);
        assert_eq!(life.chats.join_group(bob, old.code).await.unwrap().seq, 2, "a member already");
        // Who left of their own comes back.
        life.chats.leave(bob, id, None).await.unwrap();
        life.chats.join_group(bob, old.code).await.unwrap();
        // Removed and back at the same moment: whatever comes first, removed stays removed.
        let (removed, joined) =
            tokio::join!(life.chats.remove_member(alice, id, bob.user), life.chats.join_group(bob, old.code));
        removed.unwrap();
        assert!(joined.is_ok() || matches!(joined, Err(ChatError::Forbidden(_))));
        assert!(matches!(life.chats.join_group(bob, old.code).await, Err(ChatError::Forbidden(_))));
        assert!(life.chats.preview_link(bob, old.code).await.unwrap().group.is_none());
        life.clock.advance(1);
        let new = link(&life, alice, id, None).await;
        life.chats.join_group(bob, new.code).await.unwrap();
        assert_eq!(uses(&life, alice, id).await, [2, 1]);
    });
    life.stop();
}

fn links_end(backend: &Backend) {
    let life = Life::start(backend, Rates::default(), 1);
    life.runtime.block_on(async {
        let (alice, bob, carol) = (somebody(), somebody(), somebody());
        let id = life.chats.start_group(alice, group_of(&[carol.user])).await.unwrap();
        let until = |end| NewGroupLink { expires_at: Some(end), ..NewGroupLink::default() };
        let none = NewGroupLink { max_uses: Some(0), ..NewGroupLink::default() };
        // What a JavaScript number does not hold, no client reads as it is.
        for refused in [until(START), until(1 << 53), until(i64::MAX), none] {
            let answer = life.chats.create_link(alice, id, refused).await;
            assert!(matches!(answer, Err(ChatError::Invalid(_))));
        }
        let longest = life.chats.create_link(alice, id, until((1 << 53) - 1)).await.unwrap();
        life.chats.revoke_link(alice, id, longest.code).await.unwrap();
        let short = life.chats.create_link(alice, id, until(START + 1_000)).await.unwrap();
        assert_eq!(life.chats.preview_link(bob, short.code).await.unwrap().member_count, 2);
        life.clock.advance(1_000);
        assert_eq!(life.chats.preview_link(bob, short.code).await, Err(NO_LINK));
        assert_eq!(life.chats.join_group(bob, short.code).await, Err(NO_LINK));
        assert_eq!(life.chats.preview_link(carol, short.code).await.unwrap().group, Some(id), "a member");

        let revoked = link(&life, alice, id, None).await;
        assert_eq!(
            life.chats.revoke_link(carol, id, revoked.code).await,
            Err(ChatError::Forbidden("only an admin may do that"))
        );
        let outsider = life.chats.revoke_link(bob, id, revoked.code).await;
        assert_eq!(outsider, Err(ChatError::NotFound("conversation")));
        life.chats.revoke_link(alice, id, revoked.code).await.unwrap();
        assert_eq!(life.chats.join_group(bob, revoked.code).await, Err(NO_LINK));
        assert_eq!(life.chats.revoke_link(alice, id, revoked.code).await, Err(NO_LINK));

        // A full group, and one that is gone.
        let open = link(&life, alice, id, Some(9)).await;
        for _ in 0..3 {
            life.chats.join_group(somebody(), open.code).await.unwrap();
        }
        assert_eq!(life.chats.join_group(bob, open.code).await, Err(ChatError::GroupFull { limit: 5 }));
        assert_eq!(uses(&life, alice, id).await, [0, 3], "who is refused takes no use");
        life.chats.delete_group(alice, id).await.unwrap();
        assert_eq!(life.chats.join_group(bob, open.code).await, Err(NO_LINK));
        let lonely = life.chats.start_group(alice, group_of(&[])).await.unwrap();
        let left = link(&life, alice, lonely, None).await;
        life.chats.leave(alice, lonely, None).await.unwrap();
        assert_eq!(life.chats.join_group(bob, left.code).await, Err(NO_LINK), "nobody is there");

        let many = life.chats.start_group(alice, group_of(&[])).await.unwrap();
        for _ in 0..20 {
            link(&life, alice, many, None).await;
        }
        let answer = life.chats.create_link(alice, many, NewGroupLink::default()).await;
        assert!(matches!(answer, Err(ChatError::Invalid(_))), "{answer:?}");
    });
    life.stop();
}

fn settings_follow_a_user_to_their_devices(backend: &Backend) {
    let life = Life::start(backend, Rates::default(), 1);
    life.runtime.block_on(async {
        let (alice, bob) = (somebody(), somebody());
        let kind = ConversationKind::Plain;
        let id = life.chats.start_direct(alice, bob.user, kind).await.unwrap();
        let other = life.chats.start_group(alice, group_of(&[bob.user])).await.unwrap();
        assert_eq!(life.chats.direct_with(bob, alice.user).await, Ok(id));
        assert_eq!(life.chats.direct_with(bob, bob.user).await, Err(ChatError::NotFound("conversation")));
        let set = life.chats.set_archived(bob, id, true).await.unwrap();
        assert_eq!(set, ConversationSettings { archived: true, muted_until: None });
        let until = Some(START + 1_000);
        let set = life.chats.set_muted(bob, id, until).await.unwrap();
        assert_eq!(set, ConversationSettings { archived: true, muted_until: until });
        assert_eq!(life.audience.settings.lock().unwrap().last(), Some(&(bob.user, Some(1), id, set)));
        // What comes later leaves it where it is.
        life.chats.send(alice, id, text("a")).await.unwrap();
        let listed = async |who: Caller, archived| -> Vec<ConversationId> {
            let list = life
                .chats
                .list(who, ConversationFilter { archived, ..ConversationFilter::default() })
                .await
                .unwrap();
            list.iter().map(|summary| summary.id).collect()
        };
        assert_eq!(listed(bob, Some(true)).await, [id]);
        assert_eq!(listed(bob, Some(false)).await, [other]);
        assert_eq!(listed(bob, None).await.len(), 2);
        assert_eq!(listed(alice, Some(true)).await, []);
        let page = life.chats.sync(bob, SyncRequest::default()).await.unwrap();
        let shown = page.conversations.iter().find(|summary| summary.id == id).unwrap();
        assert_eq!((shown.archived, shown.muted_until), (true, until));
        life.clock.advance(1_000);
        assert_eq!(life.chats.get(bob, id).await.unwrap().muted_until, None, "that is past");
        let nobody = life.chats.set_archived(somebody(), id, true).await;
        assert_eq!(nobody, Err(ChatError::NotFound("conversation")));
        let strange = life.chats.set_muted(bob, id, Some(-1)).await;
        assert!(matches!(strange, Err(ChatError::Invalid(_))));
    });
    life.stop();
}

fn retention_is_set_by_those_who_may(backend: &Backend) {
    let life = Life::start(backend, Rates::default(), 1);
    life.runtime.block_on(async {
        let (alice, bob) = (somebody(), somebody());
        let kind = ConversationKind::Plain;
        let direct = life.chats.start_direct(alice, bob.user, kind).await.unwrap();
        let group = life.chats.start_group(alice, group_of(&[bob.user])).await.unwrap();
        let set = async |who, id, retention| life.chats.set_retention(who, id, retention).await;
        assert_eq!(set(bob, direct, Retention::Days(1)).await, Ok(1));
        assert_eq!(set(alice, direct, Retention::Days(1)).await, Ok(1), "it is so already");
        assert_eq!(
            set(bob, group, Retention::Days(1)).await,
            Err(ChatError::Forbidden("only an admin may do that"))
        );
        assert_eq!(set(alice, group, Retention::UntilDelivered).await, Ok(2));
        let outsider = set(somebody(), group, Retention::Forever).await;
        assert_eq!(outsider, Err(ChatError::NotFound("conversation")));
        let shown = async |id| life.chats.get(bob, id).await.unwrap().retention;
        assert_eq!(shown(direct).await, Some(Retention::Days(1)));
        assert_eq!(shown(group).await, Some(Retention::UntilDelivered));
        assert_eq!(set(alice, group, Retention::Default).await, Ok(3));
        assert_eq!(shown(group).await, None, "the server keeps for good");
    });
    life.stop();
}
