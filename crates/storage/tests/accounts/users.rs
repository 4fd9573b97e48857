use accounts::store::Lookup;
use protocol::UserInfo;

use crate::*;

on_both! {
    a_username_is_taken_once,
    of_many_registrations_at_once_one_wins,
    users_are_found_exactly,
}

async fn a_username_is_taken_once(store: Store) {
    let (user, session) = (new_user(Some("alice"), None), new_session(START));
    assert!(store.register(user.clone(), session).await.unwrap());
    let refused = new_session(START);
    assert!(!store.register(new_user(Some("alice"), None), refused.clone()).await.unwrap());
    assert_eq!(store.session(refused.device).await.unwrap(), None, "nothing of the second is kept");
    let login = store.login("alice").await.unwrap().unwrap();
    assert_eq!(login.user.id, user.id);
    assert_eq!(login.password_hash, user.password_hash);
    assert_eq!(store.login("bob").await.unwrap(), None);
    assert_eq!(store.sessions(user.id).await.unwrap().len(), 1);
}

async fn of_many_registrations_at_once_one_wins(store: Store) {
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (store, user) = (store.clone(), new_user(Some("alice"), None));
            tokio::spawn(async move {
                let id = user.id;
                store.register(user, new_session(START)).await.unwrap().then_some(id)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        winners.extend(task.await.unwrap());
    }
    let login = store.login("alice").await.unwrap().unwrap();
    assert_eq!(winners, [login.user.id]);
}

async fn users_are_found_exactly(store: Store) {
    let (alice, _) = registered(&store, "alice").await;
    let (bob, _) = registered(&store, "bob").await;
    let nobody = UserId::compose(START, unique());
    let mut found = store.users(&[bob, nobody, alice]).await.unwrap();
    found.sort_by_key(|user| user.id);
    let info = |id, username: &str| UserInfo { id, username: Some(username.into()), name: "Somebody".into() };
    assert_eq!(found, [info(alice, "alice"), info(bob, "bob")]);
    assert_eq!(store.users(&[]).await.unwrap(), []);
    let by_name = |name: &str| Lookup::Username(name.to_owned());
    assert_eq!(store.find(&by_name("alice")).await.unwrap(), Some(info(alice, "alice")));
    assert_eq!(store.find(&by_name("alic")).await.unwrap(), None);
    assert_eq!(store.find(&Lookup::Address(email("alice@example.org"))).await.unwrap(), None);
}
