//! C2, C3, C5: kill -9 under load, again and again. Whatever was answered is in the log, once, at the place that was
//! answered and in its sender's order; what was never answered is there at most once.
//!
//! A run follows a seed, which is printed; `KITH_TEST_SEED` repeats it. Timing stays the machine's.

use std::time::Duration;

use testkit::server::{Store, TestServer};
use tokio::task::block_in_place;

use crate::load::{Dice, Load};
use crate::support::{UNLIMITED, start_with};

/// What has to be answered between two kills, at least.
const ANSWERS_BETWEEN_KILLS: u64 = 40;
/// A kill comes at most this long after that, in milliseconds.
const KILL_WITHIN_MS: u64 = 150;

/// What is killed in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Server,
    Database,
    Both,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load_on_sqlite() {
    survives(Store::Sqlite, &[Victim::Server], 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load_on_postgres() {
    survives(Store::CrashablePostgres, &[Victim::Server, Victim::Database, Victim::Both], 12).await;
}

async fn survives(store: Store, victims: &[Victim], kills: u32) {
    let mut server = start_with(store, UNLIMITED);
    let mut load = Load::start(&server, true).await;
    for round in 0..kills {
        let started = tokio::time::Instant::now();
        load.answers(ANSWERS_BETWEEN_KILLS).await;
        println!("round {round}: answers after {:?}", started.elapsed());
        tokio::time::sleep(Duration::from_millis(load.dice.below(KILL_WITHIN_MS))).await;
        let mut victim = victims[usize::try_from(load.dice.below(victims.len() as u64)).expect("small")];
        if round + 1 == kills {
            load.finish();
            // Those who listen on then hear of what came to be just before, though nobody says anything more.
            victim = if victims.contains(&Victim::Database) { Victim::Database } else { victim };
        }
        let killed = tokio::time::Instant::now();
        block_in_place(|| kill(&mut server, victim, &mut load.dice));
        // For whoever wonders where the time went; nothing is asserted of it.
        println!("round {round}: {victim:?}, back after {:?}", killed.elapsed());
    }
    load.judge(&server).await;
}

fn kill(server: &mut TestServer, victim: Victim, dice: &mut Dice) {
    match victim {
        Victim::Server => server.kill().expect("killed"),
        Victim::Database => {
            server.crash_database().expect("crashed");
            // The server goes on without, and has to find it again.
            return server.restart_database().expect("the database");
        }
        Victim::Both if dice.below(2) == 0 => {
            server.crash_database().expect("crashed");
            server.kill().expect("killed");
        }
        Victim::Both => {
            server.kill().expect("killed");
            server.crash_database().expect("crashed");
        }
    }
    server.restart().expect("started again");
}
