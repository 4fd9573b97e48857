use accounts::store::{AddressAdded, CodeSaved, CodeSignIn, Lookup, PendingCode};

use crate::*;

on_both! {
    a_code_registers_then_signs_in,
    a_code_is_good_once_and_for_its_time,
    a_code_bears_so_many_guesses,
    strangers_do_not_spend_a_code,
    many_guesses_at_once_count_each,
    of_many_right_guesses_at_once_one_signs_in,
    codes_are_limited,
    of_many_first_requests_at_once_one_is_saved,
    a_code_that_was_not_sent_is_withdrawn,
    without_registration_only_accounts_get_in,
    addresses_are_added_and_replaced,
    readable_codes_are_listed_while_they_last,
}

const RIGHT: u8 = 1;
const WRONG: u8 = 2;

async fn save(store: &Store, address: &Address, now: i64) {
    assert_eq!(store.save_code(new_code(address, RIGHT, now)).await.unwrap(), CodeSaved::Saved);
}

/// Tries `code`; a stranger gets an account.
async fn sign_in(store: &Store, address: &Address, code: u8, now: i64) -> CodeSignIn {
    let newcomer = new_user(None, Some(address));
    let attempt = attempt(address, code, now);
    store.sign_in_with_code(attempt, Some(newcomer), new_session(now), MAX_DEVICES).await.unwrap()
}

/// The user who signed in and whether they were new.
fn signed_in(outcome: CodeSignIn) -> (UserId, bool) {
    match outcome {
        CodeSignIn::SignedIn { user, registered, .. } => (user.id, registered),
        other => panic!("{other:?}"),
    }
}

async fn a_code_registers_then_signs_in(store: Store) {
    for address in [email("bob@example.org"), Address::phone("+4915123456789").unwrap()] {
        save(&store, &address, START).await;
        let (user, registered) = signed_in(sign_in(&store, &address, RIGHT, START).await);
        assert!(registered);
        let found = store.find(&Lookup::Address(address.clone())).await.unwrap().unwrap();
        assert_eq!((found.id, found.username), (user, None));
        for round in 1..=4 {
            let now = START + round * 3_600_000;
            save(&store, &address, now).await;
            assert_eq!(signed_in(sign_in(&store, &address, RIGHT, now).await), (user, false));
        }
        assert_eq!(store.sessions(user).await.unwrap().len(), MAX_DEVICES as usize);
    }
}

async fn a_code_is_good_once_and_for_its_time(store: Store) {
    let (bob, eve) = (email("bob@example.org"), email("eve@example.org"));
    assert_eq!(sign_in(&store, &bob, RIGHT, START).await, CodeSignIn::WrongCode, "never asked for");
    save(&store, &bob, START).await;
    assert_eq!(sign_in(&store, &eve, RIGHT, START).await, CodeSignIn::WrongCode, "another's");
    signed_in(sign_in(&store, &bob, RIGHT, START + 599_999).await);
    assert_eq!(sign_in(&store, &bob, RIGHT, START + 599_999).await, CodeSignIn::WrongCode, "used");
    save(&store, &eve, START).await;
    assert_eq!(sign_in(&store, &eve, RIGHT, START + 600_000).await, CodeSignIn::WrongCode, "expired");
}

async fn a_code_bears_so_many_guesses(store: Store) {
    let bob = email("bob@example.org");
    save(&store, &bob, START).await;
    for _ in 0..5 {
        assert_eq!(sign_in(&store, &bob, WRONG, START).await, CodeSignIn::WrongCode);
    }
    assert_eq!(sign_in(&store, &bob, RIGHT, START).await, CodeSignIn::WrongCode);
    // A new code has its own.
    save(&store, &bob, START + 60_000).await;
    for _ in 0..4 {
        assert_eq!(sign_in(&store, &bob, WRONG, START + 60_000).await, CodeSignIn::WrongCode);
    }
    signed_in(sign_in(&store, &bob, RIGHT, START + 60_000).await);
}

async fn strangers_do_not_spend_a_code(store: Store) {
    let bob = email("bob@example.org");
    let guess = async |code: u8, from: u8, now: i64| {
        let attempt = CodeAttempt { asker: digest(from), ..attempt(&bob, code, now) };
        let newcomer = new_user(None, Some(&bob));
        store.sign_in_with_code(attempt, Some(newcomer), new_session(now), MAX_DEVICES).await.unwrap()
    };
    save(&store, &bob, START).await;
    for number in 0..40 {
        assert_eq!(guess(WRONG, number % 4, START).await, CodeSignIn::WrongCode);
    }
    assert_eq!(guess(RIGHT, 1, START).await, CodeSignIn::WrongCode, "others have had their fifteen");
    for _ in 0..4 {
        assert_eq!(guess(WRONG, HOME, START).await, CodeSignIn::WrongCode);
    }
    signed_in(guess(RIGHT, HOME, START).await);
    // Whoever reads it elsewhere gets in too, and a new code has its own tries.
    let later = START + 60_000;
    save(&store, &bob, later).await;
    for _ in 0..14 {
        assert_eq!(guess(WRONG, 1, later).await, CodeSignIn::WrongCode);
    }
    signed_in(guess(RIGHT, 2, later).await);
    // The one who asked has spent theirs, and the code is not open to others for longer.
    let last = START + 120_000;
    save(&store, &bob, last).await;
    for _ in 0..5 {
        assert_eq!(guess(WRONG, HOME, last).await, CodeSignIn::WrongCode);
    }
    assert_eq!(guess(RIGHT, HOME, last).await, CodeSignIn::WrongCode);
}

async fn many_guesses_at_once_count_each(store: Store) {
    for (guesses, still_good) in [(4, true), (5, false), (20, false)] {
        let address = email(&format!("bob{guesses}@example.org"));
        save(&store, &address, START).await;
        let tasks: Vec<_> = (0..guesses)
            .map(|_| {
                let (store, address) = (store.clone(), address.clone());
                tokio::spawn(async move { sign_in(&store, &address, WRONG, START).await })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), CodeSignIn::WrongCode);
        }
        let last = sign_in(&store, &address, RIGHT, START).await;
        assert_eq!(last != CodeSignIn::WrongCode, still_good, "after {guesses}");
    }
}

async fn of_many_right_guesses_at_once_one_signs_in(store: Store) {
    let bob = email("bob@example.org");
    save(&store, &bob, START).await;
    let tasks: Vec<_> = (0..5)
        .map(|_| {
            let (store, bob) = (store.clone(), bob.clone());
            tokio::spawn(async move { sign_in(&store, &bob, RIGHT, START).await })
        })
        .collect();
    let mut winners = 0;
    for task in tasks {
        winners += usize::from(task.await.unwrap() != CodeSignIn::WrongCode);
    }
    assert_eq!(winners, 1);
}

async fn codes_are_limited(store: Store) {
    let bob = email("bob@example.org");
    let save = async |now| store.save_code(new_code(&bob, RIGHT, now)).await.unwrap();
    let minute = 60_000;
    assert_eq!(save(START).await, CodeSaved::Saved);
    assert_eq!(save(START + minute - 1).await, CodeSaved::TooSoon(START + minute));
    assert_eq!(save(START + minute).await, CodeSaved::Saved);
    assert_eq!(save(START + 2 * minute).await, CodeSaved::Saved);
    assert_eq!(save(START + 4 * minute).await, CodeSaved::TooSoon(START + 60 * minute));
    // A sweep does not forget the count.
    store.expire(START + 59 * minute, START - DAY, 10).await.unwrap();
    assert_eq!(save(START + 59 * minute).await, CodeSaved::TooSoon(START + 60 * minute));
    assert_eq!(save(START + 60 * minute).await, CodeSaved::Saved);
    assert_eq!(save(START + 61 * minute).await, CodeSaved::Saved);
    // Each address counts for itself.
    let eve = new_code(&email("eve@example.org"), RIGHT, START + 61 * minute);
    assert_eq!(store.save_code(eve).await.unwrap(), CodeSaved::Saved);
}

async fn of_many_first_requests_at_once_one_is_saved(store: Store) {
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                store.save_code(new_code(&email("bob@example.org"), RIGHT, START)).await.unwrap()
            })
        })
        .collect();
    let mut saved = 0;
    for task in tasks {
        saved += usize::from(task.await.unwrap() == CodeSaved::Saved);
    }
    assert_eq!(saved, 1);
}

async fn a_code_that_was_not_sent_is_withdrawn(store: Store) {
    let bob = email("bob@example.org");
    save(&store, &bob, START).await;
    store.withdraw_code(&bob, digest(WRONG)).await.unwrap(); // another's failure
    assert_eq!(
        store.save_code(new_code(&bob, RIGHT, START)).await.unwrap(),
        CodeSaved::TooSoon(START + 60_000)
    );
    store.withdraw_code(&bob, digest(RIGHT)).await.unwrap();
    assert_eq!(sign_in(&store, &bob, RIGHT, START).await, CodeSignIn::WrongCode);
    save(&store, &bob, START).await;
    signed_in(sign_in(&store, &bob, RIGHT, START).await);
}

async fn without_registration_only_accounts_get_in(store: Store) {
    let bob = email("bob@example.org");
    let closed = async |now| {
        save(&store, &bob, now).await;
        let (attempt, session) = (attempt(&bob, RIGHT, now), new_session(now));
        store.sign_in_with_code(attempt, None, session, MAX_DEVICES).await.unwrap()
    };
    assert_eq!(closed(START).await, CodeSignIn::NoAccount);
    save(&store, &bob, START + DAY).await;
    let (user, _) = signed_in(sign_in(&store, &bob, RIGHT, START + DAY).await);
    assert_eq!(signed_in(closed(START + 2 * DAY).await), (user, false));
}

async fn addresses_are_added_and_replaced(store: Store) {
    let (alice, _) = registered(&store, "alice").await;
    let (bob, _) = registered(&store, "bob").await;
    let (old, new) = (email("old@example.org"), email("new@example.org"));
    let phone = Address::phone("+4915123456789").unwrap();
    let mut now = START;
    let mut add = async |user, address: &Address, code| {
        now += DAY;
        save(&store, address, now).await;
        store.add_address(user, attempt(address, code, now)).await.unwrap()
    };
    let owner = async |address: &Address| {
        store.find(&Lookup::Address(address.clone())).await.unwrap().map(|user| user.id)
    };
    assert_eq!(add(alice, &old, WRONG).await, AddressAdded::WrongCode);
    assert_eq!(owner(&old).await, None);
    assert_eq!(add(alice, &old, RIGHT).await, AddressAdded::Added);
    assert_eq!(add(alice, &phone, RIGHT).await, AddressAdded::Added);
    assert_eq!(add(alice, &old, RIGHT).await, AddressAdded::Added, "again");
    assert_eq!(add(bob, &old, RIGHT).await, AddressAdded::Taken);
    assert_eq!(add(alice, &new, RIGHT).await, AddressAdded::Added);
    assert_eq!((owner(&old).await, owner(&new).await), (None, Some(alice)));
    assert_eq!(owner(&phone).await, Some(alice), "the other channel's stays");
    assert_eq!(add(bob, &old, RIGHT).await, AddressAdded::Added, "free again");
    let nobody = UserId::compose(START, unique());
    assert_eq!(add(nobody, &email("x@example.org"), RIGHT).await, AddressAdded::UnknownUser);
    // Three ways into one account.
    save(&store, &phone, now + DAY).await;
    assert_eq!(signed_in(sign_in(&store, &phone, RIGHT, now + DAY).await), (alice, false));
    assert_eq!(store.login("alice").await.unwrap().unwrap().user.id, alice);
}

async fn readable_codes_are_listed_while_they_last(store: Store) {
    let (bob, phone) = (email("bob@example.org"), Address::phone("+4915123456789").unwrap());
    save(&store, &email("hidden@example.org"), START).await;
    for (address, code, now) in [(&bob, "111111", START), (&phone, "222222", START + 1_000)] {
        let code = NewCode { readable: Some(code.to_owned()), ..new_code(address, RIGHT, now) };
        store.save_code(code).await.unwrap();
    }
    let pending = |address: &Address, code: &str, created_at| PendingCode {
        address: address.clone(),
        code: code.to_owned(),
        created_at,
        expires_at: created_at + 600_000,
    };
    let (first, second) = (pending(&bob, "111111", START), pending(&phone, "222222", START + 1_000));
    assert_eq!(store.pending_codes(START + 2_000).await.unwrap(), [second.clone(), first]);
    signed_in(sign_in(&store, &bob, RIGHT, START + 2_000).await);
    assert_eq!(store.pending_codes(START + 2_000).await.unwrap(), [second]);
    assert_eq!(store.pending_codes(START + 601_000).await.unwrap(), []);
}
