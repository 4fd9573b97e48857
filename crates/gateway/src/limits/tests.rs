use std::collections::BTreeSet;
use std::sync::Arc;

use protocol::DeviceId;

use super::*;
use crate::rest::ROUTES;

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1));

fn rate(text: &str) -> Rate {
    text.parse().expect(text)
}

/// Nothing comes back while a test runs.
fn limits(set: impl FnOnce(&mut Policy)) -> Arc<Limits> {
    let mut policy = Policy::default();
    set(&mut policy);
    Arc::new(Limits::new(policy))
}

fn user(number: u8) -> UserId {
    UserId::compose(0, [number; 10])
}

fn count(limits: &Limits, name: &str) -> u64 {
    limits.refused().find(|(limit, _)| *limit == name).expect(name).1
}

/// How many of many pass.
fn passes(mut act: impl FnMut() -> bool) -> usize {
    (0..1_000).filter(|_| act()).count()
}

#[test]
fn each_kind_of_a_key_has_a_column_of_its_own() {
    let per = |key: &str| Limit::ALL.iter().filter(|limit| limit.name().contains(key)).collect::<Vec<_>>();
    for (group, width) in [("_per_account", EXCESS), ("_per_address", 7), ("_per_name", 4)] {
        let group = per(group);
        let columns: BTreeSet<_> = group.iter().map(|limit| limit.column()).collect();
        assert_eq!(columns.len(), group.len(), "{group:?}");
        assert!(columns.iter().all(|column| (1..width).contains(column)), "{group:?}");
    }
    for (index, limit) in Limit::ALL.iter().enumerate() {
        assert_eq!(*limit as usize, index);
    }
}

#[test]
fn the_routes_that_cost_more_are_there_and_open() {
    for (path, limits) in door::OPEN {
        let route = ROUTES.iter().find(|route| route.path == *path).expect(path);
        assert!(!route.signed_in && limits.contains(&Limit::OpenRequests), "{path}");
    }
    let doors = doors();
    let of = |method, path| doors.get(&(method, path)).copied();
    assert!(matches!(of("post", "/api/messages/send"), Some(door::Door::SignedIn(Some(Limit::Messages)))));
    assert!(matches!(of("get", "/api/users/find"), Some(door::Door::SignedIn(Some(Limit::Searches)))));
    assert!(matches!(of("get", "/api/users/me"), Some(door::Door::SignedIn(None))));
    assert!(matches!(of("post", "/api/auth/code"), Some(door::Door::Open([_, Limit::Codes]))));
    assert_eq!(doors.len(), ROUTES.len());
}

#[test]
fn an_account_has_so_many_requests_and_fewer_of_some_kinds() {
    let limits = limits(|policy| {
        policy.rates.requests_per_account = rate("1/h 50");
        policy.rates.messages_per_account = rate("1/h 20");
    });
    assert_eq!(passes(|| limits.account(user(1), Some(Limit::Messages)).is_ok()), 20);
    let error = limits.account(user(1), Some(Limit::Messages)).expect_err("too many");
    assert_eq!(error.code, ErrorCode::RateLimited);
    assert!(error.message.starts_with("too many messages: try again in "), "{}", error.message);
    assert!((3_500..=3_600).contains(&error.wait_s().expect("a wait")), "{error:?}");
    // What was refused was not counted as a request.
    assert_eq!(passes(|| limits.account(user(1), None).is_ok()), 30);
    assert_eq!(passes(|| limits.account(user(2), None).is_ok()), 50);
    assert_eq!(passes(|| limits.account(user(2), Some(Limit::Searches)).is_ok()), 0);
    assert_eq!((count(&limits, "messages_per_account"), count(&limits, "searches_per_account")), (981, 0));
}

#[test]
fn without_a_rate_there_is_no_bound() {
    let limits = limits(|_| {});
    assert_eq!(passes(|| limits.account(user(1), Some(Limit::Messages)).is_ok()), 1_000);
    assert_eq!(passes(|| limits.address(HOME, &[Limit::OpenRequests, Limit::Codes]).is_ok()), 1_000);
    assert_eq!(passes(|| limits.guess("ann", HOME).is_ok()), 1_000);
    let places: Vec<_> = (0..1_000).map(|_| limits.socket(HOME)).collect();
    assert!(places.iter().all(|place| matches!(place, Ok(None))));
}

#[test]
fn several_count_as_many() {
    let limits = limits(|policy| policy.rates.invitations_per_account = rate("1/h 10"));
    assert!(limits.several(user(1), Limit::Invitations, 7).is_ok());
    assert!(limits.several(user(1), Limit::Invitations, 4).is_err());
    assert!(limits.several(user(1), Limit::Invitations, 3).is_ok());
    assert!(limits.several(user(1), Limit::Invitations, 0).is_ok());
}

fn guessing() -> Arc<Limits> {
    limits(|policy| {
        policy.rates.failed_sign_ins_per_address = rate("1/h 30");
        policy.rates.failed_sign_ins_per_name = rate("1/h 15");
        policy.rates.failed_sign_ins_per_name_and_address = rate("1/h 5");
    })
}

fn address(number: u8) -> IpAddr {
    IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, number))
}

#[test]
fn guessing_is_bounded_by_name_and_by_address() {
    let limits = guessing();
    assert_eq!(passes(|| limits.guess("ann", HOME).is_ok()), 5);
    assert!(limits.guess(" ANN ", HOME).is_err(), "the same name");
    // Another name from the same address, until that has failed too often.
    assert_eq!(
        (0..10).map(|name| passes(|| limits.guess(&format!("n{name}"), HOME).is_ok())).sum::<usize>(),
        25
    );
    // The same name from other addresses.
    assert_eq!(
        (0..10).map(|number| passes(|| limits.guess("ann", address(number)).is_ok())).sum::<usize>(),
        10
    );
    assert!(limits.guess("bob", ELSEWHERE).is_ok());
}

#[test]
fn whoever_knows_the_password_does_not_use_it_up() {
    let limits = guessing();
    assert_eq!(passes(|| limits.guess("ann", HOME).map(|guess| guess.was_none(true)).is_ok()), 1_000);
}

#[test]
fn whoever_is_attacked_still_gets_in_from_where_they_have_signed_in() {
    let limits = guessing();
    limits.guess("ann", HOME).expect("a guess").was_none(true);
    for number in 0..10 {
        passes(|| limits.guess("ann", address(number)).is_ok());
    }
    assert!(limits.guess("ann", ELSEWHERE).is_err(), "a new address waits");
    limits.guess("ann", HOME).expect("a guess").was_none(true);
    // Also there, guesses are few.
    assert_eq!(passes(|| limits.guess("ann", HOME).is_ok()), 5);
}

#[test]
fn an_address_has_so_many_connections() {
    let limits = limits(|policy| {
        policy.connections_per_address = 3;
        policy.proxies = "127.0.0.1".parse().expect("a proxy");
    });
    let mut places: Vec<_> = (0..3).map(|_| limits.socket(HOME).expect("a place")).collect();
    assert!(limits.socket(HOME).is_err());
    assert!(limits.socket(ELSEWHERE).is_ok());
    assert!(places.pop().is_some_and(|place| place.is_some()));
    let again = limits.socket(HOME);
    assert!(again.is_ok());
    assert!(limits.socket("::ffff:192.0.2.1".parse().expect("an address")).is_err(), "the same address");
    // A proxy's sockets are not counted, those who come through it are.
    let proxy = address_of("127.0.0.1");
    assert_eq!((0..10).filter(|_| matches!(limits.socket(proxy), Ok(None))).count(), 10);
    let through: Vec<_> = (0..10).map(|_| limits.place(address(1))).collect();
    assert_eq!(through.iter().filter(|place| place.is_ok()).count(), 3);
    assert_eq!(count(&limits, "max_connections_per_address"), 9);
    drop((places, again, through));
    assert!(limits.open.lock().expect("open").is_empty());
}

fn address_of(text: &str) -> IpAddr {
    text.parse().expect(text)
}

#[test]
fn the_server_sends_so_many_codes() {
    let limits = limits(|policy| policy.rates.codes_per_server = rate("1/h 7"));
    assert_eq!(passes(|| limits.code().is_ok()), 7);
    limits.no_code();
    assert_eq!(passes(|| limits.code().is_ok()), 1);
    let error = limits.code().expect_err("too many");
    assert!(error.message.starts_with("too many one-time codes from this server"), "{}", error.message);
}

#[test]
fn one_password_of_an_account_and_few_of_an_address_are_hashed_at_once() {
    let limits = limits(|policy| policy.hashes_per_address = 3);
    let held = [1, 2, 3].map(|number| limits.hash(Some(user(number)), HOME).expect("a place"));
    let crowded = limits.hash(Some(user(4)), HOME).map(drop).expect_err("the address has three");
    assert_eq!((crowded.code, crowded.wait_s()), (ErrorCode::RateLimited, Some(1)));
    assert!(limits.hash(None, HOME).is_err());
    assert!(limits.hash(Some(user(1)), ELSEWHERE).is_err(), "the account has one");
    let other = limits.hash(Some(user(4)), ELSEWHERE).expect("another's place");
    drop(held);
    assert!(limits.hash(Some(user(1)), ELSEWHERE).is_ok());
    drop(other);
    assert!(limits.hashing.lock().expect("hashing").is_empty(), "nothing is remembered of those that ended");
}

#[test]
fn proofs_of_ones_own_account_count_by_device() {
    use accounts::AccountError::{Unavailable, WrongPassword};
    let limits = limits(|policy| policy.rates.failed_sign_ins_per_name_and_address = rate("1/h 5"));
    let device = |number: u8| DeviceId::compose(0, [number; 10]);
    let proof = |number: u8, result: Result<(), accounts::AccountError>| {
        limits.own_guess(user(1), device(number), HOME).map(|guess| guess.judge(result))
    };
    for result in [Ok(()), Err(Unavailable(String::new()))] {
        assert_eq!(passes(|| proof(1, result.clone()).is_ok()), 1_000, "only wrong ones count");
    }
    assert_eq!(passes(|| proof(1, Err(WrongPassword)).is_ok()), 5);
    assert!(proof(1, Ok(())).is_err(), "the right one waits too");
    assert_eq!(passes(|| proof(2, Err(WrongPassword)).is_ok()), 5, "another device is another");
}

#[test]
fn messages_that_call_nothing_are_requests_and_far_too_many_are_refused() {
    let limits = limits(|policy| policy.rates.requests_per_account = rate("1/h 10"));
    // With what it may ask for used up, a client that says a word now and then goes on.
    assert_eq!(limits.idle_messages(user(1), 4), Ok(()));
    assert_eq!(passes(|| limits.account(user(1), None).is_ok()), 6);
    assert_eq!(passes(|| limits.idle_messages(user(1), 1).is_ok()), 96);
    assert_eq!(limits.excess(user(1), 1).expect_err("enough").code, ErrorCode::RateLimited);
    assert_eq!(limits.idle_messages(user(2), 1), Ok(()), "another's are another's");
    // Many at once are as many.
    let limits = limits_of("1/h 10");
    assert_eq!(passes(|| limits.idle_messages(user(1), 20).is_ok()), 5);
    let limits = limits_of("0");
    assert_eq!(passes(|| limits.idle_messages(user(1), 1_000_000).is_ok()), 1_000);
}

fn limits_of(requests: &str) -> Arc<Limits> {
    limits(|policy| policy.rates.requests_per_account = rate(requests))
}
