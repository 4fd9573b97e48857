//! What one connection costs in the directory and in presence together, beside its handle: measured as the growth of
//! this process, so this file holds a single test.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use platform::{Randomness, SeededRandomness, SystemClock};
use presence::{Change, Directory, Policy, Presence, PresenceError, PresenceStore};
use protocol::{DeviceId, Timestamp, UserId};

/// Just past 64 × 1,792, where the maps have doubled: the dearest number there is.
const CONNECTIONS: usize = 120_000;
/// Measured: 199 here, 116 to 121 at 100,000 and 110,000.
const BYTES_MAX: usize = 250;

struct Nowhere;

#[async_trait]
impl PresenceStore for Nowhere {
    async fn save(&self, _: &str, _: Vec<Change>) -> Result<(), PresenceError> {
        Ok(())
    }
    async fn last_seen(&self, _: Vec<UserId>) -> Result<Vec<(UserId, Timestamp)>, PresenceError> {
        Ok(Vec::new())
    }
    async fn beat(&self, _: &str, _: Timestamp) -> Result<(), PresenceError> {
        Ok(())
    }
    async fn recover(&self, _: &str) -> Result<u64, PresenceError> {
        Ok(0)
    }
    async fn forget(&self, _: UserId) -> Result<(), PresenceError> {
        Ok(())
    }
}

fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4_096
}

#[tokio::test]
async fn a_connection_is_cheap() {
    let random = SeededRandomness::new(1);
    let user = |_| {
        let mut bytes = [0; 10];
        random.fill(&mut bytes);
        UserId::compose(1_700_000_000_000, bytes)
    };
    let users: Vec<UserId> = (0..CONNECTIONS).map(user).collect();
    let handle = Arc::new(());
    let before = resident_bytes();
    let directory = Directory::new(64);
    let presence = Presence::open(Arc::new(Nowhere), Arc::new(SystemClock), Policy::default()).await.unwrap();
    for (number, user) in (0..).zip(&users) {
        directory.register(*user, DeviceId::from_bytes([9; 16]), number, Arc::clone(&handle)).unwrap();
        presence.connected(*user, number);
        if number % 1_000 == 0 {
            presence.flush().await.unwrap();
        }
    }
    presence.flush().await.unwrap();
    let each = (resident_bytes() - before) / CONNECTIONS;
    println!("{each} bytes per connection");
    assert!(each <= BYTES_MAX, "{each} bytes per connection");

    let start = Instant::now();
    let mut visited = 0;
    for user in &users {
        directory
            .for_each(*user, |_, number, handle| visited += usize::from(black_box((number, handle)).0 > 0));
    }
    println!("{} ns per look at a user", start.elapsed().as_nanos() / CONNECTIONS as u128);
    assert_eq!(visited, CONNECTIONS - 1);
}
