use accounts::store::{CredentialsChanged, Lookup, NewCredentials, NewPassword};

use crate::*;

on_both! {
    a_username_and_a_first_password_are_set,
    replacing_a_password_ends_the_other_sessions,
    a_taken_username_changes_nothing,
    whoever_is_signed_out_changes_nothing,
    of_many_changes_at_once_one_wins,
    no_login_outlives_the_password_it_was_made_with,
}

fn change(user: UserId, device: DeviceId) -> NewCredentials {
    NewCredentials { user, device, username: None, password: None, now: START + 7 }
}

fn password(hash: &str, replaces: Option<&str>) -> Option<NewPassword> {
    Some(NewPassword { hash: hash.to_owned(), replaces: replaces.map(str::to_owned) })
}

/// Somebody who came by code, with two devices.
async fn came_by_code(store: &Store) -> (UserId, DeviceId, DeviceId) {
    let address = email("bob@example.org");
    store.save_code(new_code(&address, 1, START)).await.unwrap();
    let (user, phone, laptop) = (new_user(None, Some(&address)), new_session(START), new_session(START));
    let (id, devices) = (user.id, (phone.device, laptop.device));
    store.sign_in_with_code(attempt(&address, 1, START), Some(user), phone, MAX_DEVICES).await.unwrap();
    store.open_session(id, laptop, MAX_DEVICES, None).await.unwrap().unwrap();
    (id, devices.0, devices.1)
}

async fn a_username_and_a_first_password_are_set(store: Store) {
    let (bob, phone, _) = came_by_code(&store).await;
    let before = store.credentials(bob).await.unwrap().unwrap();
    assert_eq!((before.user.username.as_deref(), before.password_hash), (None, None));
    let username = Some("bob".to_owned());
    let set = NewCredentials { username, password: password("first", None), ..change(bob, phone) };
    let CredentialsChanged::Changed { user, ended } = store.change_credentials(set).await.unwrap() else {
        panic!("nothing speaks against it")
    };
    assert_eq!((user.id, user.username.as_deref(), ended), (bob, Some("bob"), vec![]));
    assert_eq!(store.sessions(bob).await.unwrap().len(), 2, "a first password ends none");
    let login = store.login("bob").await.unwrap().unwrap();
    assert_eq!((&login.user, login.password_hash.as_deref()), (&user, Some("first")));
    assert_eq!(store.find(&Lookup::Address(email("bob@example.org"))).await.unwrap(), Some(user));
    assert_eq!(store.credentials(UserId::compose(START, unique())).await.unwrap(), None);

    let renamed = NewCredentials { username: Some("robert".to_owned()), ..change(bob, phone) };
    store.change_credentials(renamed).await.unwrap();
    assert_eq!(store.login("bob").await.unwrap(), None, "the old name is free");
    let login = store.login("robert").await.unwrap().unwrap();
    assert_eq!(login.password_hash.as_deref(), Some("first"), "what is absent stays");
}

async fn replacing_a_password_ends_the_other_sessions(store: Store) {
    let (alice, phone) = registered(&store, "alice").await;
    let (_, bobs) = registered(&store, "bob").await;
    let laptop = new_session(START);
    store.open_session(alice, laptop.clone(), MAX_DEVICES, None).await.unwrap();
    for stale in [None, Some("another")] {
        let refused = NewCredentials { password: password("new", stale), ..change(alice, phone) };
        assert_eq!(store.change_credentials(refused).await.unwrap(), CredentialsChanged::PasswordChanged);
    }
    assert_eq!(store.sessions(alice).await.unwrap().len(), 2);
    let set = NewCredentials { password: password("new", Some("hash of alice")), ..change(alice, phone) };
    let CredentialsChanged::Changed { user, ended } = store.change_credentials(set).await.unwrap() else {
        panic!("it replaces the current one")
    };
    assert_eq!((user.username.as_deref(), ended), (Some("alice"), vec![laptop.device]));
    assert_eq!(store.session(laptop.device).await.unwrap(), None);
    assert!(store.session(phone).await.unwrap().is_some());
    assert!(store.session(bobs).await.unwrap().is_some());
    assert_eq!(store.login("alice").await.unwrap().unwrap().password_hash.as_deref(), Some("new"));
}

async fn a_taken_username_changes_nothing(store: Store) {
    let (alice, phone) = registered(&store, "alice").await;
    registered(&store, "bob").await;
    let other = new_session(START);
    store.open_session(alice, other.clone(), MAX_DEVICES, None).await.unwrap();
    let username = Some("bob".to_owned());
    let taken =
        NewCredentials { username, password: password("new", Some("hash of alice")), ..change(alice, phone) };
    assert_eq!(store.change_credentials(taken).await.unwrap(), CredentialsChanged::UsernameTaken);
    let login = store.login("alice").await.unwrap().unwrap();
    assert_eq!(login.password_hash.as_deref(), Some("hash of alice"));
    assert!(store.session(other.device).await.unwrap().is_some());
    let own = NewCredentials { username: Some("alice".to_owned()), ..change(alice, phone) };
    assert!(matches!(store.change_credentials(own).await.unwrap(), CredentialsChanged::Changed { .. }));
}

async fn whoever_is_signed_out_changes_nothing(store: Store) {
    let (alice, phone) = registered(&store, "alice").await;
    let (_, bobs) = registered(&store, "bob").await;
    let renamed = |device| NewCredentials { username: Some("eve".to_owned()), ..change(alice, device) };
    assert_eq!(store.change_credentials(renamed(bobs)).await.unwrap(), CredentialsChanged::NoSession);
    store.end_session(alice, phone).await.unwrap();
    assert_eq!(store.change_credentials(renamed(phone)).await.unwrap(), CredentialsChanged::NoSession);
    assert_eq!(store.login("eve").await.unwrap(), None);
}

async fn of_many_changes_at_once_one_wins(store: Store) {
    let mut tasks = Vec::new();
    for number in 0..8 {
        let (user, device) = registered(&store, &format!("user{number}")).await;
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let change = NewCredentials { username: Some("alice".to_owned()), ..change(user, device) };
            let outcome = store.change_credentials(change).await.unwrap();
            matches!(outcome, CredentialsChanged::Changed { .. }).then_some(user)
        }));
    }
    let mut winners = Vec::new();
    for task in tasks {
        winners.extend(task.await.unwrap());
    }
    assert_eq!(winners, [store.login("alice").await.unwrap().unwrap().user.id]);
}

async fn no_login_outlives_the_password_it_was_made_with(store: Store) {
    let (alice, _) = registered(&store, "alice").await;
    let open =
        async |hash| store.open_session(alice, new_session(START), MAX_DEVICES, Some(hash)).await.unwrap();
    assert_eq!(open("hash of alice").await, Some(vec![]));
    assert_eq!(open("an older one").await, None);
    assert_eq!(store.sessions(alice).await.unwrap().len(), 2);
}
