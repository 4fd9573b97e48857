use accounts::people::store::Listed;

use crate::*;

on_both! {
    contacts_are_listed_once_in_pages_and_bounded,
    of_many_at_once_no_more_than_the_bound_are_listed,
    who_lists_whom_is_found_both_ways,
    blocks_are_kept_apart_and_bounded,
    forgetting_leaves_nothing_on_either_side,
}

async fn contacts_are_listed_once_in_pages_and_bounded(store: Store) {
    let (ann, bob, others) = (user(), user(), sorted(vec![user(), user(), user()]));
    assert_eq!(store.contacts(ann, None, 10).await.unwrap(), []);
    for (other, now) in others.iter().zip(START..) {
        assert_eq!(store.add_contact(ann, *other, now, 3).await.unwrap(), Listed::Added);
    }
    assert_eq!(store.add_contact(ann, others[0], START + 99, 3).await.unwrap(), Listed::Already);
    assert_eq!(store.add_contact(ann, bob, START, 3).await.unwrap(), Listed::Full);
    assert_eq!(store.add_contact(bob, ann, START, 3).await.unwrap(), Listed::Added, "lists are apart");
    let all: Vec<_> = others.iter().copied().zip(START..).collect();
    assert_eq!(store.contacts(ann, None, 10).await.unwrap(), all, "the first time stays");
    assert_eq!(store.contacts(ann, None, 2).await.unwrap(), all[..2]);
    assert_eq!(store.contacts(ann, Some(others[1]), 2).await.unwrap(), all[2..]);
    assert!(store.remove_contact(ann, others[1]).await.unwrap());
    assert!(!store.remove_contact(ann, others[1]).await.unwrap());
    assert_eq!(store.add_contact(ann, bob, START, 3).await.unwrap(), Listed::Added, "there is room again");
    assert_eq!(store.contacts(bob, None, 10).await.unwrap(), [(ann, START)]);
}

async fn of_many_at_once_no_more_than_the_bound_are_listed(store: Store) {
    let ann = user();
    let adding: Vec<_> = (0..12)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.add_contact(ann, user(), START, 5).await.unwrap() })
        })
        .collect();
    let mut added = 0;
    for one in adding {
        added += u32::from(one.await.unwrap() == Listed::Added);
    }
    assert_eq!((added, store.contacts(ann, None, 100).await.unwrap().len()), (5, 5));
}

async fn who_lists_whom_is_found_both_ways(store: Store) {
    let (ann, bob, eve) = (user(), user(), user());
    store.add_contact(ann, bob, START, 9).await.unwrap();
    store.add_contact(eve, bob, START, 9).await.unwrap();
    assert_eq!(store.listed_of(ann, &[bob, eve]).await.unwrap(), [bob]);
    assert_eq!(store.listed_of(bob, &[ann, eve]).await.unwrap(), []);
    assert_eq!(sorted(store.listing(&[ann, bob, eve], bob).await.unwrap()), sorted(vec![ann, eve]));
    assert_eq!(store.listing(&[], bob).await.unwrap(), []);
}

async fn blocks_are_kept_apart_and_bounded(store: Store) {
    let (ann, bob, eve) = (user(), user(), user());
    assert_eq!(store.block(ann, bob, START, 2).await.unwrap(), (Listed::Added, None));
    assert_eq!(store.block(ann, bob, START + 9, 2).await.unwrap(), (Listed::Already, None));
    store.block(ann, eve, START + 1, 2).await.unwrap();
    assert_eq!(store.block(ann, user(), START, 2).await.unwrap(), (Listed::Full, None));
    store.block(bob, eve, START, 2).await.unwrap();
    let found = sorted(store.blocked(&[ann, bob, eve]).await.unwrap());
    let expected = vec![(ann, bob, START), (ann, eve, START + 1), (bob, eve, START)];
    assert_eq!(found, sorted(expected));
    assert!(store.unblock(ann, bob).await.unwrap());
    assert!(!store.unblock(ann, bob).await.unwrap());
    assert_eq!(store.blocked(&[ann]).await.unwrap(), [(ann, eve, START + 1)]);
}

async fn forgetting_leaves_nothing_on_either_side(store: Store) {
    let (ann, bob, eve) = (user(), user(), user());
    for (owner, other) in [(ann, bob), (bob, ann), (bob, eve), (eve, ann)] {
        store.add_contact(owner, other, START, 9).await.unwrap();
        store.block(owner, other, START, 9).await.unwrap();
    }
    store.unblock(bob, ann).await.unwrap();
    store.unblock(ann, bob).await.unwrap();
    store.invite(invites::new_invite(ann, bob, START)).await.unwrap();
    store.block(bob, ann, START, 9).await.unwrap();
    assert_eq!(sorted(store.forget(ann).await.unwrap()), sorted(vec![bob, eve]), "who had blocked her");
    assert_eq!(store.forget(ann).await.unwrap(), [], "it may be repeated");
    assert_eq!(store.contacts(ann, None, 9).await.unwrap(), []);
    assert_eq!(store.contacts(eve, None, 9).await.unwrap(), []);
    assert_eq!(store.contacts(bob, None, 9).await.unwrap(), [(eve, START)]);
    assert_eq!(store.blocked(&[ann, bob, eve]).await.unwrap(), [(bob, eve, START)]);
    for received in [true, false] {
        assert_eq!(store.invites(ann, received, START, 9).await.unwrap(), []);
        assert_eq!(store.invites(bob, received, START, 9).await.unwrap(), []);
    }
}
