//! Any interleaving of appends, repeats, receipts, membership changes, failed commits and restarts leaves a log that
//! the model accepts, and everybody with exactly what is theirs.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::actions::{Rng, World};
use super::faulty::Rates;
use super::life::{Backend, Life};
use super::verify::Verified;
use crate::*;

/// Lives of the service in one case; the last one goes well.
const LIVES: u64 = 4;
const ROUNDS: u64 = 3;
const ACTIONS: u64 = 40;

fn rates(rng: &mut Rng) -> Rates {
    match rng.below(5) {
        0 => Rates::default(),
        1 => Rates { lost: 150, ..Rates::default() },
        2 => Rates { done: 200, ..Rates::default() },
        3 => Rates { late: 150, read: 20, ..Rates::default() },
        _ => Rates { lost: 60, done: 100, late: 60, read: 50 },
    }
}

/// How many entries it made, and how many of them are annotations.
fn case(backend: &Backend, seed: u64) -> (u64, usize) {
    let mut rng = Rng(seed);
    let world = World::new();
    let mut told = Vec::new();
    for number in 1..=LIVES {
        let last = number == LIVES;
        let rates = if last { Rates::default() } else { rates(&mut rng) };
        let life = Life::start(backend, rates, rng.next());
        if number == 1 {
            world.create(&life);
        }
        let before = world.ends(&life);
        let crash_in = if last || rng.chance(50) { ROUNDS + 1 } else { 1 + rng.below(ROUNDS) };
        for round in 1..=ROUNDS {
            let running: Vec<_> = (0..ACTIONS)
                .map(|_| {
                    let (world, chats, seed) = (Arc::clone(&world), Arc::clone(&life.chats), rng.next());
                    life.runtime.spawn(async move { world.act(&chats, seed).await })
                })
                .collect();
            if round == crash_in {
                std::thread::sleep(Duration::from_micros(rng.below(8_000)));
                break;
            }
            life.runtime.block_on(async {
                for action in running {
                    action.await.expect("no action panics");
                }
            });
            world.look(&life, &mut rng);
            life.clock.advance(i64::try_from(rng.below(2_000)).unwrap());
        }
        told.push(Arc::clone(&life.audience));
        world.check_receipts_told(&life.audience);
        if crash_in <= ROUNDS {
            life.crash();
            world.crashed();
            continue;
        }
        life.faulty.on.store(false, Ordering::SeqCst);
        if last {
            let verified = Verified::read(&world, &life);
            world.send_again(&life, &verified);
            let verified = Verified::read(&world, &life);
            told.iter().for_each(|audience| verified.check_told(audience));
            verified.check_sends(&world);
            verified.check_devices(&world, &life);
            life.stop();
            return (verified.entries(), verified.annotations());
        }
        life.runtime.block_on(life.chats.stop());
        if !life.faulty.was_late.load(Ordering::SeqCst) {
            world.check_all_told(&life, &before);
        }
        world.stopped();
        life.stop();
    }
    unreachable!("the last life returns")
}

fn cases(count: u64, first: u64, backend: impl Fn() -> Backend) {
    let (first, count) = match std::env::var("KITH_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => (seed, 1),
        None => (first, count),
    };
    let (mut entries, mut annotations) = (0, 0);
    for seed in first..first + count {
        eprintln!("seed {seed}: to run it alone, set KITH_SEED={seed}");
        let made = case(&backend(), seed);
        (entries, annotations) = (entries + made.0, annotations + made.1);
    }
    eprintln!("{count} cases, {entries} entries, {annotations} of them annotations");
    assert!(count == 1 || annotations > 0, "nothing was said about anything");
}

#[test]
fn sqlite() {
    cases(40, 1, Backend::sqlite);
}

#[test]
fn postgres() {
    cases(12, 1_001, Backend::postgres);
}
