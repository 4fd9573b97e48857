use accounts::store::Rotation;

use crate::*;

on_both! {
    sessions_come_and_go,
    one_device_too_many_ends_the_idlest,
    activity_never_goes_backwards,
    a_refresh_rotates_and_reuse_ends_the_session,
    idle_and_old_sessions_are_not_refreshed,
    of_many_refreshes_at_once_one_rotates_and_the_session_ends,
    expired_sessions_are_swept,
    sessions_of_several_users_are_read_at_once,
}

async fn sessions_come_and_go(store: Store) {
    let (alice, phone) = registered(&store, "alice").await;
    let (bob, _) = registered(&store, "bob").await;
    let laptop = new_session(START + 5);
    assert_eq!(store.open_session(alice, laptop.clone(), MAX_DEVICES, None).await.unwrap(), Some(vec![]));
    let nobody = UserId::compose(START, unique());
    assert_eq!(store.open_session(nobody, new_session(START), MAX_DEVICES, None).await.unwrap(), None);

    let stored = store.session(laptop.device).await.unwrap().unwrap();
    assert_eq!((stored.user, stored.name.as_str()), (alice, "laptop"));
    assert_eq!((stored.created_at, stored.last_active_at), (START + 5, START + 5));
    assert_eq!(stored.expires_at, laptop.expires_at);
    let listed: Vec<_> = store.sessions(alice).await.unwrap().iter().map(|one| one.device).collect();
    assert_eq!(listed, [laptop.device, phone]);

    assert!(!store.end_session(bob, phone).await.unwrap(), "not his");
    assert!(store.end_session(alice, phone).await.unwrap());
    assert!(!store.end_session(alice, phone).await.unwrap());
    assert_eq!(store.session(phone).await.unwrap(), None);

    let tablet = new_session(START + 6);
    store.open_session(alice, tablet.clone(), MAX_DEVICES, None).await.unwrap();
    assert_eq!(store.end_sessions(alice, Some(tablet.device)).await.unwrap(), [laptop.device]);
    assert_eq!(store.end_sessions(alice, None).await.unwrap(), [tablet.device]);
    assert_eq!(store.end_sessions(alice, None).await.unwrap(), []);
    assert_eq!(store.sessions(bob).await.unwrap().len(), 1);
}

async fn one_device_too_many_ends_the_idlest(store: Store) {
    let (alice, first) = registered(&store, "alice").await;
    let (second, third) = (new_session(START + 1), new_session(START + 2));
    store.open_session(alice, second.clone(), MAX_DEVICES, None).await.unwrap();
    store.open_session(alice, third, MAX_DEVICES, None).await.unwrap();
    store.touch(&[(first, START + 10)]).await.unwrap();
    // An old clock does not make the newcomer the idlest.
    let fourth = new_session(START - 50);
    let evicted = store.open_session(alice, fourth.clone(), MAX_DEVICES, None).await.unwrap();
    assert_eq!(evicted, Some(vec![second.device]));
    assert_eq!(store.sessions(alice).await.unwrap().len(), 3);
    let mut evicted = store.open_session(alice, new_session(START + 20), 1, None).await.unwrap().unwrap();
    evicted.sort();
    assert_eq!(evicted.len(), 3);
    assert!(evicted.contains(&fourth.device));
}

async fn activity_never_goes_backwards(store: Store) {
    let (_, device) = registered(&store, "alice").await;
    let gone = DeviceId::compose(START, unique());
    let seen = async || store.session(device).await.unwrap().unwrap().last_active_at;
    store.touch(&[(device, START + 100), (gone, START + 100)]).await.unwrap();
    assert_eq!(seen().await, START + 100);
    store.touch(&[(device, START + 50)]).await.unwrap();
    assert_eq!(seen().await, START + 100);
    store.touch(&[]).await.unwrap();
}

async fn a_refresh_rotates_and_reuse_ends_the_session(store: Store) {
    let (alice, device) = registered(&store, "alice").await;
    let (bob, _) = registered(&store, "bob").await;
    let rotate = async |user, generation, now| {
        store.rotate(user, device, generation, now, now - 30 * DAY).await.unwrap()
    };
    for generation in 0..3 {
        let now = START + 1_000 * (i64::from(generation) + 1);
        let Rotation::Rotated { session, generation: next } = rotate(alice, generation, now).await else {
            panic!("generation {generation} is the current one")
        };
        assert_eq!((next, session.device, session.user), (generation + 1, device, alice));
        assert_eq!(session.last_active_at, now);
        assert_eq!(Some(session), store.session(device).await.unwrap());
    }
    assert_eq!(rotate(bob, 3, START + 9_000).await, Rotation::Unknown, "not his");
    assert_eq!(rotate(alice, 1, START + 9_000).await, Rotation::Reused);
    assert_eq!(store.session(device).await.unwrap(), None);
    assert_eq!(rotate(alice, 3, START + 9_000).await, Rotation::Unknown);
}

async fn idle_and_old_sessions_are_not_refreshed(store: Store) {
    let (alice, idle) = registered(&store, "alice").await;
    // Idle for as long as it may be is idle for too long.
    let now = START + 30 * DAY;
    assert_eq!(store.rotate(alice, idle, 0, now, now - 30 * DAY).await.unwrap(), Rotation::Expired);
    assert_eq!(store.session(idle).await.unwrap(), None);
    let (bob, in_time) = registered(&store, "bob").await;
    let rotation = store.rotate(bob, in_time, 0, now - 1, now - 1 - 30 * DAY).await.unwrap();
    assert!(matches!(rotation, Rotation::Rotated { .. }), "{rotation:?}");

    let old = new_session(START);
    store.open_session(alice, old.clone(), MAX_DEVICES, None).await.unwrap();
    let now = old.expires_at;
    store.touch(&[(old.device, now - 1)]).await.unwrap();
    assert_eq!(store.rotate(alice, old.device, 0, now, now - 30 * DAY).await.unwrap(), Rotation::Expired);
    assert_eq!(store.session(old.device).await.unwrap(), None);
}

async fn of_many_refreshes_at_once_one_rotates_and_the_session_ends(store: Store) {
    let (alice, device) = registered(&store, "alice").await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.rotate(alice, device, 0, START + 1, START - 1).await.unwrap() })
        })
        .collect();
    let (mut rotated, mut reused) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Rotation::Rotated { .. } => rotated += 1,
            Rotation::Reused => reused += 1,
            Rotation::Unknown => {}
            Rotation::Expired => panic!("it has not expired"),
        }
    }
    assert_eq!((rotated, reused), (1, 1));
    assert_eq!(store.session(device).await.unwrap(), None);
}

async fn expired_sessions_are_swept(store: Store) {
    let (alice, idle) = registered(&store, "alice").await;
    let (busy, old) = (new_session(START), new_session(START - 400 * DAY));
    for session in [&busy, &old] {
        store.open_session(alice, session.clone(), 10, None).await.unwrap();
    }
    // Before that, none is idle for too long.
    let now = START + 30 * DAY - 1;
    store.touch(&[(old.device, now)]).await.unwrap();
    let swept = store.expire(now, now - 30 * DAY, 9).await.unwrap();
    assert_eq!(swept, [(alice, old.device)], "past its end");
    let now = now + 1;
    store.touch(&[(busy.device, now)]).await.unwrap();
    let mut swept = Vec::new();
    for expected in [1, 0] {
        let some = store.expire(now, now - 30 * DAY, 1).await.unwrap();
        assert_eq!(some.len(), expected);
        swept.extend(some);
    }
    assert_eq!(swept, [(alice, idle)]);
    assert_eq!(store.sessions(alice).await.unwrap().len(), 1);
}

async fn sessions_of_several_users_are_read_at_once(store: Store) {
    let (alice, phone) = registered(&store, "alice").await;
    let (bob, tablet) = registered(&store, "bob").await;
    let (_, _) = registered(&store, "carol").await;
    let laptop = new_session(START + 5);
    store.open_session(alice, laptop.clone(), MAX_DEVICES, None).await.unwrap();
    let nobody = UserId::compose(START, unique());
    let mut found: Vec<_> = store.sessions_of(&[alice, nobody, bob]).await.unwrap();
    let mut expected = store.sessions(alice).await.unwrap();
    expected.extend(store.sessions(bob).await.unwrap());
    for list in [&mut found, &mut expected] {
        list.sort_by_key(|one| one.device);
    }
    assert_eq!(found, expected);
    let mut devices: Vec<_> = found.iter().map(|one| (one.user, one.device)).collect();
    let mut all = vec![(alice, phone), (alice, laptop.device), (bob, tablet)];
    devices.sort();
    all.sort();
    assert_eq!(devices, all);
    assert_eq!(store.sessions_of(&[]).await.unwrap(), []);
    let many: Vec<_> = (0..1_000).map(|_| UserId::compose(START, unique())).chain([bob]).collect();
    assert_eq!(store.sessions_of(&many).await.unwrap().len(), 1);
}
