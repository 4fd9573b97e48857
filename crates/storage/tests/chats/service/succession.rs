//! Leaving one group, and leaving them all.

use std::sync::atomic::Ordering;

use chats::ChatError;
use protocol::{Body, Content, HistoryRequest};

use super::faulty::Rates;
use super::life::{Backend, Life, caller};
use super::stories::{group_of, stories, text};
use crate::*;

stories! {
    a_successor_takes_over_in_one_write,
    who_leaves_for_good_leaves_every_group_and_no_group_without_an_admin,
    leaving_for_good_goes_on_after_failures,
    two_last_admins_leave_at_once,
}

async fn last_contents(life: &Life, who: chats::Caller, id: ConversationId, count: u32) -> Vec<Content> {
    let request = HistoryRequest { limit: Some(count), ..HistoryRequest::default() };
    let page = life.chats.history(who, id, request).await.unwrap();
    let open = page.messages.into_iter().rev().map(|message| match message.body {
        Body::Open(content) => content,
        Body::Sealed(_) => panic!("sealed"),
    });
    open.collect()
}

fn members(change: MemberChange, user: UserId) -> Content {
    Content::Members { change, users: vec![user] }
}

fn a_successor_takes_over_in_one_write(backend: &Backend) {
    let life = Life::start(backend, Rates::default(), 1);
    let (alice, bob) = (caller(new_user(), new_device()), caller(new_user(), new_device()));
    life.runtime.block_on(async {
        let id = life.chats.start_group(alice, group_of(&[bob.user])).await.unwrap();
        assert_eq!(life.chats.leave(alice, id, None).await, Err(ChatError::LastAdmin));
        assert_eq!(life.chats.leave(alice, id, Some(bob.user)).await, Ok(3));
        let said = last_contents(&life, bob, id, 2).await;
        assert_eq!(
            said,
            [members(MemberChange::Promoted, bob.user), members(MemberChange::Left, alice.user)]
        );
        let now = head(&life.raw, id).await;
        assert_eq!((now.members.len(), now.members[0].role, now.info.deleted), (1, Role::Admin, false));
        // The last one out closes it.
        assert_eq!(life.chats.leave(bob, id, None).await, Ok(4));
        assert!(head(&life.raw, id).await.info.deleted);
        assert_eq!(life.chats.send(bob, id, text("a")).await, Err(ChatError::NotFound("conversation")));
    });
    life.stop();
}

/// Groups of every sort, and what has to become of them without `gone`.
async fn groups(
    life: &Life,
    gone: chats::Caller,
    other: chats::Caller,
) -> Vec<(ConversationId, Vec<UserId>)> {
    let (chats, third) = (&life.chats, new_user());
    let alone = chats.start_group(gone, group_of(&[])).await.unwrap();
    let last_admin = chats.start_group(gone, group_of(&[other.user])).await.unwrap();
    chats.add_members(gone, last_admin, vec![third]).await.unwrap();
    let one_of_two = chats.start_group(gone, group_of(&[other.user, third])).await.unwrap();
    chats.promote(gone, one_of_two, third).await.unwrap();
    let member = chats.start_group(other, group_of(&[gone.user])).await.unwrap();
    vec![
        (alone, vec![]),
        // There from the beginning.
        (last_admin, vec![other.user]),
        (one_of_two, vec![third]),
        (member, vec![other.user]),
    ]
}

async fn check(life: &Life, gone: UserId, groups: &[(ConversationId, Vec<UserId>)]) {
    for (index, (id, admins)) in groups.iter().enumerate() {
        let now = head(&life.raw, *id).await;
        assert!(now.members.iter().all(|member| member.user != gone), "group {index}");
        let found = now.members.iter().filter(|member| member.role == Role::Admin);
        assert_eq!(found.map(|member| member.user).collect::<Vec<_>>(), *admins, "group {index}");
        assert_eq!(now.info.deleted, admins.is_empty(), "group {index}");
    }
}

fn who_leaves_for_good_leaves_every_group_and_no_group_without_an_admin(backend: &Backend) {
    let life = Life::start(backend, Rates::default(), 1);
    let (gone, other) = (caller(new_user(), new_device()), caller(new_user(), new_device()));
    life.runtime.block_on(async {
        let groups = groups(&life, gone, other).await;
        let kind = ConversationKind::Plain;
        let direct = life.chats.start_direct(gone, other.user, kind).await.unwrap();
        assert_eq!(life.chats.leave_all(gone.user).await, Ok(groups.len()));
        check(&life, gone.user, &groups).await;
        assert_eq!(head(&life.raw, direct).await.members.len(), 2, "it has always its two");
        assert_eq!(life.chats.leave_all(gone.user).await, Ok(0), "once is enough");
        let told = life.audience.told();
        for (id, _) in &groups {
            assert_eq!(told[id].last().unwrap().departed, [gone.user]);
        }
    });
    life.stop();
}

fn leaving_for_good_goes_on_after_failures(backend: &Backend) {
    let rates = Rates { lost: 200, done: 200, late: 0, read: 50 };
    let life = Life::start(backend, rates, 7);
    let (gone, other) = (caller(new_user(), new_device()), caller(new_user(), new_device()));
    let gate = |on| life.faulty.on.store(on, Ordering::SeqCst);
    gate(false);
    life.runtime.block_on(async {
        let mut all = Vec::new();
        for _ in 0..6 {
            all.extend(groups(&life, gone, other).await);
        }
        gate(true);
        while life.chats.leave_all(gone.user).await.is_err() {}
        gate(false);
        check(&life, gone.user, &all).await;
    });
    life.stop();
}

fn two_last_admins_leave_at_once(backend: &Backend) {
    let life = Life::start(backend, Rates::default(), 1);
    let (one, two) = (caller(new_user(), new_device()), caller(new_user(), new_device()));
    let third = new_user();
    life.runtime.block_on(async {
        for _ in 0..10 {
            let id = life.chats.start_group(one, group_of(&[two.user, third])).await.unwrap();
            life.chats.promote(one, id, two.user).await.unwrap();
            let leaving = tokio::join!(life.chats.leave_all(one.user), life.chats.leave_all(two.user));
            assert_eq!(leaving, (Ok(1), Ok(1)));
            check(&life, one.user, &[(id, vec![third])]).await;
        }
    });
    life.stop();
}
