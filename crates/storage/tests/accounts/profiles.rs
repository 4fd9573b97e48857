use accounts::store::{Lookup, NewCredentials, NewProfile, ProfileChanged, StoredAccount, UserSearch};
use protocol::{
    AccountState, GroupsFrom, LastSeenTo, MessagesFrom, Privacy, PrivacyChanges, ServerRole, UserInfo,
};

use crate::*;

on_both! {
    privacy_is_open_until_it_is_changed,
    a_profile_is_changed_in_part,
    a_profile_changed_meanwhile_is_left_alone,
    searches_go_by_the_beginnings_of_words,
    pages_hold_everybody_once,
    who_is_hidden_is_found_by_the_whole_username_alone,
    words_follow_names_and_usernames,
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

fn profile(user: UserId, now: i64) -> NewProfile {
    NewProfile {
        user,
        by: user,
        name: None,
        about: None,
        picture: None,
        date_of_birth: None,
        now,
        unchanged_since: None,
    }
}

async fn named(store: &Store, user: UserId, name: &str) -> StoredAccount {
    let changes = NewProfile { name: Some(name.to_owned()), ..profile(user, START + 1) };
    match store.update_profile(changes).await.unwrap() {
        ProfileChanged::Changed(account) => *account,
        other => panic!("{other:?}"),
    }
}

async fn a_profile_is_changed_in_part(store: Store) {
    let (alice, _) = registered(&store, "alice").await;
    let (admin, _) = registered(&store, "admin").await;
    let fresh = StoredAccount {
        user: UserInfo { id: alice, username: Some("alice".into()), name: "Somebody".into() },
        email: None,
        phone: None,
        about: String::new(),
        picture: None,
        date_of_birth: None,
        role: ServerRole::User,
        state: AccountState::Active,
        created_at: START,
        created_by: alice,
        updated_at: START,
        updated_by: alice,
    };
    assert_eq!(store.account(alice).await.unwrap(), Some(fresh.clone()));
    let text = |text: &str| Some(text.to_owned());
    let changes = NewProfile {
        about: text("Here"),
        picture: text("p1"),
        date_of_birth: text("1980-02-29"),
        by: admin,
        ..profile(alice, START + 5)
    };
    let changed = StoredAccount {
        about: "Here".to_owned(),
        picture: text("p1"),
        date_of_birth: text("1980-02-29"),
        updated_at: START + 5,
        updated_by: admin,
        ..fresh
    };
    let answer = store.update_profile(changes).await.unwrap();
    assert_eq!(answer, ProfileChanged::Changed(Box::new(changed.clone())));
    // An empty text is none, and the time of a change never stands still.
    let changes = NewProfile {
        about: text(""),
        picture: text(""),
        date_of_birth: text(""),
        name: text("Alice"),
        ..profile(alice, START + 5)
    };
    store.update_profile(changes).await.unwrap();
    let user = UserInfo { name: "Alice".into(), ..changed.user.clone() };
    let emptied = StoredAccount {
        user: user.clone(),
        about: String::new(),
        picture: None,
        date_of_birth: None,
        updated_at: START + 6,
        updated_by: alice,
        ..changed
    };
    assert_eq!(store.account(alice).await.unwrap(), Some(emptied));
    assert_eq!(store.users(&[alice]).await.unwrap(), [user]);
    let nobody = UserId::compose(START, unique());
    assert_eq!(store.account(nobody).await.unwrap(), None);
    let answer = store.update_profile(profile(nobody, START)).await.unwrap();
    assert_eq!(answer, ProfileChanged::UnknownUser);
}

async fn a_profile_changed_meanwhile_is_left_alone(store: Store) {
    let (alice, _) = registered(&store, "alice").await;
    // Of many who read the same, one changes it.
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let changes = NewProfile {
                    about: Some(format!("I am number {number}")),
                    unchanged_since: Some(START),
                    ..profile(alice, START + 1)
                };
                store.update_profile(changes).await.unwrap()
            })
        })
        .collect();
    let mut changed = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            ProfileChanged::Changed(account) => changed.push(*account),
            other => assert_eq!(other, ProfileChanged::Meanwhile),
        }
    }
    assert_eq!(changed.len(), 1);
    assert_eq!(store.account(alice).await.unwrap(), changed.pop());
}

fn words(words: &[&str]) -> UserSearch {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    UserSearch { words, username: false, after: None, limit: 50 }
}

async fn found(store: &Store, search: &UserSearch) -> Vec<(String, UserId)> {
    let found = store.search(search).await.unwrap();
    found.into_iter().map(|(term, user)| (term, user.id)).collect()
}

fn pair(term: &str, user: UserId) -> (String, UserId) {
    (term.to_owned(), user)
}

async fn searches_go_by_the_beginnings_of_words(store: Store) {
    let (alice, _) = registered(&store, "al.smith").await;
    let (bob, _) = registered(&store, "bob").await;
    let (carol, _) = registered(&store, "carol").await;
    named(&store, alice, "Alice Al SMITH").await;
    named(&store, bob, "Bob Ållison-Smith").await;
    named(&store, carol, "李小龍 100%_").await;

    // The first of the words that fit, in the order of words; everybody once.
    assert_eq!(found(&store, &words(&["al"])).await, [pair("al", alice), pair("allison", bob)]);
    assert_eq!(found(&store, &words(&["smi"])).await, {
        let mut both = [pair("smith", alice), pair("smith", bob)];
        both.sort();
        both
    });
    assert_eq!(found(&store, &words(&["smi", "bo"])).await, [pair("smith", bob)]);
    assert_eq!(found(&store, &words(&["smi", "bo", "al"])).await, [pair("smith", bob)]);
    assert_eq!(found(&store, &words(&["smi", "bo", "ca"])).await, []);
    assert_eq!(found(&store, &words(&["al.sm"])).await, [pair("al.smith", alice)]);
    assert_eq!(found(&store, &words(&["李"])).await, [pair("李小龍", carol)]);
    // Nothing is a pattern.
    for none in ["%", "_", "mith", "alicea", "SMI", "' OR 1=1"] {
        assert_eq!(found(&store, &words(&[none])).await, [], "{none}");
    }
    // By usernames alone.
    let username = |text| UserSearch { username: true, ..words(&[text]) };
    assert_eq!(found(&store, &username("al")).await, [pair("al.smith", alice)]);
    assert_eq!(found(&store, &username("smith")).await, []);
    assert_eq!(found(&store, &username("carol")).await, [pair("carol", carol)]);
}

async fn pages_hold_everybody_once(store: Store) {
    let mut everybody = Vec::new();
    for number in 0..23 {
        let (user, _) = registered(&store, &format!("user{number:02}")).await;
        named(&store, user, &format!("Sam Sammy {}", ["Samuel", "Sad", "Sea"][number % 3])).await;
        everybody.push(user);
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = found(&store, &UserSearch { after: after.clone(), limit: 5, ..words(&["sa"]) }).await;
        assert!(page.len() <= 5);
        let Some(last) = page.last().cloned() else { break };
        assert!(after.is_none_or(|after| after < page[0]), "in order");
        after = Some(last);
        seen.extend(page);
    }
    // Whose name has an earlier word stands there.
    assert_eq!(seen.iter().filter(|(term, _)| term == "sad").count(), 8);
    assert_eq!(seen.iter().filter(|(term, _)| term == "sam").count(), 15);
    let mut users: Vec<_> = seen.into_iter().map(|(_, user)| user).collect();
    users.sort();
    everybody.sort();
    assert_eq!(users, everybody);
}

async fn who_is_hidden_is_found_by_the_whole_username_alone(store: Store) {
    let (alice, _) = registered(&store, "alice").await;
    named(&store, alice, "Alice Smith").await;
    let address = email("alice@example.org");
    store.save_code(new_code(&address, 7, START)).await.unwrap();
    store.add_address(alice, attempt(&address, 7, START)).await.unwrap();
    let by_address = Lookup::Address(address);
    assert_eq!(store.find(&by_address).await.unwrap().map(|user| user.id), Some(alice));

    let hide = |by_name, by_address| PrivacyChanges {
        findable_by_name: by_name,
        findable_by_address: by_address,
        ..PrivacyChanges::default()
    };
    store.set_privacy(alice, hide(Some(false), Some(false)), START).await.unwrap();
    for beginning in ["ali", "smith", "a"] {
        assert_eq!(found(&store, &words(&[beginning])).await, [], "{beginning}");
    }
    assert_eq!(found(&store, &words(&["alice"])).await, [pair("alice", alice)]);
    assert_eq!(found(&store, &words(&["alice", "smith"])).await, [], "the name is not told by trying");
    assert_eq!(store.find(&by_address).await.unwrap(), None);
    let by_username = Lookup::Username("alice".to_owned());
    assert_eq!(store.find(&by_username).await.unwrap().map(|user| user.id), Some(alice));
    // A new name is hidden as well.
    named(&store, alice, "Carol").await;
    assert_eq!(found(&store, &words(&["carol"])).await, []);

    store.set_privacy(alice, hide(Some(true), Some(true)), START).await.unwrap();
    assert_eq!(found(&store, &words(&["car"])).await, [pair("carol", alice)]);
    assert_eq!(store.find(&by_address).await.unwrap().map(|user| user.id), Some(alice));
}

async fn words_follow_names_and_usernames(store: Store) {
    let (alice, device) = registered(&store, "alice").await;
    assert_eq!(found(&store, &words(&["some"])).await, [pair("somebody", alice)]);
    named(&store, alice, "Carol").await;
    assert_eq!(found(&store, &words(&["some"])).await, []);
    let change =
        NewCredentials { user: alice, device, username: Some("zoe".to_owned()), password: None, now: START };
    store.change_credentials(change).await.unwrap();
    assert_eq!(found(&store, &words(&["ali"])).await, []);
    assert_eq!(found(&store, &words(&["zo"])).await, [pair("zoe", alice)]);
    assert_eq!(found(&store, &words(&["car"])).await, [pair("carol", alice)]);
    assert_eq!(store.make_terms(10).await.unwrap(), 0, "everybody has theirs");
}
