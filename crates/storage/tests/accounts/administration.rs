use accounts::store::{
    AccountCounts, AccountQuery, Change, Changed, CodeSignIn, DeletionBegun, DeletionProof, PasswordReset,
    UserSearch,
};
use protocol::{AccountState, ServerRole};

use crate::*;

on_both! {
    one_admin_remains,
    there_is_one_first_admin,
    who_is_suspended_opens_no_session,
    a_one_time_password_opens_one_session,
    accounts_are_listed_and_searched,
    a_deletion_frees_and_erases,
    a_deletion_takes_its_proof,
}

fn change(user: UserId) -> Change {
    Change { user, by: user, now: START + 5 }
}

async fn one_admin_remains(store: Store) {
    let (ann, _) = registered(&store, "ann").await;
    let (bob, _) = registered(&store, "bob").await;
    let (user, admin) = (ServerRole::User, ServerRole::Admin);
    assert_eq!(store.set_role(change(ann), admin).await.unwrap(), Changed::Done(()));
    assert_eq!(store.set_role(change(ann), user).await.unwrap(), Changed::LastAdmin);
    assert_eq!(store.suspend(change(ann)).await.unwrap(), Changed::LastAdmin);
    let deletion = store.begin_deletion(change(ann), DeletionProof::None, "Gone").await.unwrap();
    assert_eq!(deletion, DeletionBegun::LastAdmin);
    assert_eq!(store.account(ann).await.unwrap().unwrap().role, admin);
    let nobody = UserId::compose(START, unique());
    assert_eq!(store.set_role(change(nobody), admin).await.unwrap(), Changed::UnknownUser);
    assert_eq!(store.suspend(change(nobody)).await.unwrap(), Changed::UnknownUser);
    assert!(!store.reinstate(change(nobody)).await.unwrap());

    // A suspended admin does not count.
    store.set_role(change(bob), admin).await.unwrap();
    assert!(matches!(store.suspend(change(bob)).await.unwrap(), Changed::Done(_)));
    assert_eq!(store.set_role(change(ann), user).await.unwrap(), Changed::LastAdmin);
    assert!(store.reinstate(change(bob)).await.unwrap());

    // Of two who step down at once, one stays.
    for _ in 0..5 {
        let (one, other) = tokio::join!(store.set_role(change(ann), user), store.set_role(change(bob), user));
        let outcomes = [one.unwrap(), other.unwrap()];
        assert!(
            outcomes.contains(&Changed::LastAdmin) && outcomes.contains(&Changed::Done(())),
            "{outcomes:?}"
        );
        store.set_role(change(ann), admin).await.unwrap();
        store.set_role(change(bob), admin).await.unwrap();
    }
}

async fn there_is_one_first_admin(store: Store) {
    let mut tasks = Vec::new();
    for number in 0..8 {
        let (user, _) = registered(&store, &format!("user{number}")).await;
        tasks.push((user, store.clone()));
    }
    assert!(!store.has_admin().await.unwrap());
    let tasks: Vec<_> = tasks
        .into_iter()
        .map(|(user, store)| {
            tokio::spawn(async move { store.make_first_admin(change(user)).await.unwrap().then_some(user) })
        })
        .collect();
    let mut made = Vec::new();
    for task in tasks {
        made.extend(task.await.unwrap());
    }
    assert_eq!(made.len(), 1);
    assert!(store.has_admin().await.unwrap());
    assert_eq!(store.account(made[0]).await.unwrap().unwrap().role, ServerRole::Admin);
}

async fn who_is_suspended_opens_no_session(store: Store) {
    let (ann, device) = registered(&store, "ann").await;
    let address = email("ann@example.org");
    store.save_code(new_code(&address, 7, START)).await.unwrap();
    store.add_address(ann, attempt(&address, 7, START)).await.unwrap();
    assert_eq!(store.suspend(change(ann)).await.unwrap(), Changed::Done(vec![device]));
    assert_eq!(store.sessions(ann).await.unwrap(), []);
    assert!(store.login("ann").await.unwrap().unwrap().suspended);
    let hash = Some("hash of ann");
    assert_eq!(store.open_session(ann, new_session(START), MAX_DEVICES, hash).await.unwrap(), None);
    assert_eq!(store.open_session(ann, new_session(START), MAX_DEVICES, None).await.unwrap(), None);
    let later = START + 120_000;
    store.save_code(new_code(&address, 8, later)).await.unwrap();
    let signed_in =
        store.sign_in_with_code(attempt(&address, 8, later), None, new_session(later), MAX_DEVICES).await;
    assert_eq!(signed_in.unwrap(), CodeSignIn::Suspended);
    assert_eq!(store.sessions(ann).await.unwrap(), []);
    let search = UserSearch { words: vec!["ann".to_owned()], username: false, after: None, limit: 5 };
    assert_eq!(store.search(&search).await.unwrap(), [], "nor is found");
    let lookup = accounts::store::Lookup::Username("ann".to_owned());
    assert_eq!(store.find(&lookup).await.unwrap(), None);

    assert!(store.reinstate(change(ann)).await.unwrap());
    assert_eq!(store.open_session(ann, new_session(START), MAX_DEVICES, hash).await.unwrap(), Some(vec![]));
    assert_eq!(store.search(&search).await.unwrap().len(), 1);
}

async fn a_one_time_password_opens_one_session(store: Store) {
    let (ann, device) = registered(&store, "ann").await;
    let until = START + DAY;
    let reset = store.reset_password(change(ann), "once", until).await.unwrap();
    assert_eq!(reset, PasswordReset::Reset { username: "ann".to_owned(), ended: vec![device] });
    let login = store.login("ann").await.unwrap().unwrap();
    assert_eq!((login.password_hash.as_deref(), login.one_time_until), (Some("once"), Some(until)));
    let open = || store.open_session(ann, new_session(START), MAX_DEVICES, Some("once"));
    let (one, other) = tokio::join!(open(), open());
    let opened = [one.unwrap().is_some(), other.unwrap().is_some()];
    assert!(opened == [true, false] || opened == [false, true], "{opened:?}");
    let login = store.login("ann").await.unwrap().unwrap();
    assert_eq!((login.password_hash, login.one_time_until), (None, None));

    let codes_only = new_user(None, Some(&email("bob@example.org")));
    let bob = codes_only.id;
    assert!(store.register(codes_only, new_session(START)).await.unwrap());
    let reset = store.reset_password(change(bob), "once", until).await.unwrap();
    assert_eq!(reset, PasswordReset::NoUsername);
    let nobody = UserId::compose(START, unique());
    let reset = store.reset_password(change(nobody), "once", until).await.unwrap();
    assert_eq!(reset, PasswordReset::UnknownUser);
}

async fn accounts_are_listed_and_searched(store: Store) {
    let mut all = Vec::new();
    for number in 0..7 {
        all.push(registered(&store, &format!("user{number}")).await.0);
    }
    all.sort();
    store.set_role(change(all[2]), ServerRole::Moderator).await.unwrap();
    store.suspend(change(all[4])).await.unwrap();
    let everybody = AccountQuery { role: None, state: None, address: None, after: None, limit: 3 };
    let listed = async |query: &AccountQuery| -> Vec<UserId> {
        store.accounts(query).await.unwrap().into_iter().map(|account| account.user.id).collect()
    };
    assert_eq!(listed(&everybody).await, all[..3]);
    let after = AccountQuery { after: Some(all[2]), limit: 10, ..everybody.clone() };
    assert_eq!(listed(&after).await, all[3..]);
    let moderators = AccountQuery { role: Some(ServerRole::Moderator), ..everybody.clone() };
    assert_eq!(listed(&moderators).await, [all[2]]);
    let suspended = AccountQuery { state: Some(AccountState::Suspended), ..everybody.clone() };
    assert_eq!(listed(&suspended).await, [all[4]]);
    let address = AccountQuery { address: Some(email("nobody@example.org")), ..everybody };
    assert_eq!(listed(&address).await, []);

    // Also those whom others do not find.
    let search = UserSearch { words: vec!["user".to_owned()], username: true, after: None, limit: 50 };
    assert_eq!(store.search(&search).await.unwrap().len(), 6);
    let found = async |role, state| store.search_accounts(&search, role, state).await.unwrap();
    assert_eq!(found(None, None).await.len(), 7);
    assert_eq!(found(None, Some(AccountState::Suspended)).await[0].1.user.id, all[4]);
    assert_eq!(found(Some(ServerRole::Admin), None).await, []);
    let counts = AccountCounts { users: 7, suspended: 1, sessions: 6 };
    assert_eq!(store.count_accounts().await.unwrap(), counts);
}

async fn a_deletion_frees_and_erases(store: Store) {
    let (ann, device) = registered(&store, "ann").await;
    let address = email("ann@example.org");
    store.save_code(new_code(&address, 7, START)).await.unwrap();
    store.add_address(ann, attempt(&address, 7, START)).await.unwrap();
    let begun = store.begin_deletion(change(ann), DeletionProof::None, "Gone").await.unwrap();
    assert_eq!(begun, DeletionBegun::Begun(vec![device]));
    let account = store.account(ann).await.unwrap().unwrap();
    assert_eq!(account.state, AccountState::Deleting);
    assert_eq!((&*account.user.name, account.user.username, account.email), ("Gone", None, None));
    assert_eq!(store.sessions(ann).await.unwrap(), []);
    assert_eq!(store.privacies(&[ann]).await.unwrap(), []);
    assert_eq!(store.open_session(ann, new_session(START), MAX_DEVICES, None).await.unwrap(), None);
    assert_eq!(store.deleting(5).await.unwrap(), [ann]);
    // Once more does no harm, and nothing is given to who is gone.
    let again = store.begin_deletion(change(ann), DeletionProof::None, "Gone").await.unwrap();
    assert_eq!(again, DeletionBegun::Begun(vec![]));
    assert_eq!(store.set_role(change(ann), ServerRole::Admin).await.unwrap(), Changed::UnknownUser);
    assert!(!store.reinstate(change(ann)).await.unwrap());
    let later = START + 120_000;
    store.save_code(new_code(&address, 8, later)).await.unwrap();
    let added = store.add_address(ann, attempt(&address, 8, later)).await.unwrap();
    assert_eq!(added, accounts::store::AddressAdded::UnknownUser);

    store.finish_deletion(ann).await.unwrap();
    assert_eq!(store.deleting(5).await.unwrap(), []);
    assert_eq!(store.account(ann).await.unwrap().unwrap().state, AccountState::Deleted);
    // Name and address are free.
    let successor = new_user(Some("ann"), Some(&address));
    assert!(store.register(successor, new_session(START)).await.unwrap());
    let search = UserSearch { words: vec!["gone".to_owned()], username: false, after: None, limit: 5 };
    assert_eq!(store.search_accounts(&search, None, None).await.unwrap(), []);
    let counts = AccountCounts { users: 1, suspended: 0, sessions: 1 };
    assert_eq!(store.count_accounts().await.unwrap(), counts);
}

async fn a_deletion_takes_its_proof(store: Store) {
    let (ann, _) = registered(&store, "ann").await;
    let (bob, _) = registered(&store, "bob").await;
    let (address, others) = (email("ann@example.org"), email("bob@example.org"));
    for (user, address) in [(ann, &address), (bob, &others)] {
        store.save_code(new_code(address, 7, START)).await.unwrap();
        store.add_address(user, attempt(address, 7, START)).await.unwrap();
    }
    let later = START + 120_000;
    store.save_code(new_code(&address, 8, later)).await.unwrap();
    store.save_code(new_code(&others, 8, later)).await.unwrap();
    for wrong in [
        DeletionProof::Password("hash of bob".to_owned()),
        DeletionProof::Code(attempt(&address, 9, later)),
        DeletionProof::Code(attempt(&others, 8, later)),
    ] {
        let begun = store.begin_deletion(change(ann), wrong, "Gone").await.unwrap();
        assert_eq!(begun, DeletionBegun::Unproven);
    }
    assert_eq!(store.account(ann).await.unwrap().unwrap().state, AccountState::Active);
    let right = DeletionProof::Code(attempt(&address, 8, later));
    let begun = store.begin_deletion(change(ann), right, "Gone").await.unwrap();
    assert!(matches!(begun, DeletionBegun::Begun(_)), "{begun:?}");
    let right = DeletionProof::Password("hash of bob".to_owned());
    let begun = store.begin_deletion(change(bob), right, "Gone").await.unwrap();
    assert!(matches!(begun, DeletionBegun::Begun(_)), "{begun:?}");
}
