use protocol::{GroupsFrom, LastSeenTo, MessagesFrom, Privacy, PrivacyChanges};

use crate::*;

on_both! {
    privacy_is_open_until_it_is_changed,
}

async fn privacy_is_open_until_it_is_changed(store: Store) {
    let (alice, _) = registered(&store, "alice").await;
    let (bob, _) = registered(&store, "bob").await;
    let nobody = UserId::compose(START, unique());
    let mut found = store.privacies(&[bob, nobody, alice]).await.unwrap();
    found.sort_by_key(|(user, _)| *user);
    assert_eq!(found, [(alice, Privacy::default()), (bob, Privacy::default())]);

    let changes = PrivacyChanges {
        last_seen: Some(LastSeenTo::Nobody),
        messages: Some(MessagesFrom::Invite),
        groups: Some(GroupsFrom::Contacts),
        findable_by_name: Some(false),
        findable_by_address: Some(false),
    };
    let closed = changes.applied_to(Privacy::default());
    assert_eq!(store.set_privacy(alice, changes, START).await.unwrap(), Some(closed));
    // What is absent stays.
    let changes = PrivacyChanges { last_seen: Some(LastSeenTo::Contacts), ..PrivacyChanges::default() };
    let changed = Privacy { last_seen: LastSeenTo::Contacts, ..closed };
    assert_eq!(store.set_privacy(alice, changes, START).await.unwrap(), Some(changed));
    assert_eq!(store.privacies(&[alice]).await.unwrap(), [(alice, changed)]);
    assert_eq!(store.privacies(&[bob]).await.unwrap(), [(bob, Privacy::default())]);
    assert_eq!(store.set_privacy(nobody, changes, START).await.unwrap(), None);
}
