//! C2, C3, C5: kill -9 under load, again and again. Whatever was answered is in the log, once, at the place that was
//! answered and in its sender's order; what was never answered is there at most once.
//!
//! A run follows a seed, which is printed; `KITH_TEST_SEED` repeats it. Timing stays the machine's.

use std::collections::{HashMap, HashSet};
use std::env;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use protocol::{ConversationId, Seq};
use testkit::server::{Account, Store, TestServer};
use tokio::task::{JoinSet, block_in_place};

use crate::support::{Client, UNLIMITED, start_with, text, until};

mod follower;
mod sender;

use follower::{Positions, follow};
use sender::{Sender, Sending};

const SENDERS: usize = 6;
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

/// Numbers that follow a seed (SplitMix64).
pub(crate) struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn seed() -> u64 {
    let given = env::var("KITH_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| RandomState::new().hash_one(()))
}

async fn survives(store: Store, victims: &[Victim], kills: u32) {
    let seed = seed();
    println!("KITH_TEST_SEED={seed}");
    let mut dice = Dice(seed);
    let mut server = start_with(store, UNLIMITED);
    let world = World::make(&server).await;

    let answered = Arc::new(AtomicU64::new(0));
    let sending = Arc::new(Sending::new(Arc::clone(&answered)));
    let positions = Positions::default();
    let mut followers = JoinSet::new();
    followers.spawn(follow(server.hub_url(), world.follower.clone(), Arc::clone(&positions)));
    let mut senders = JoinSet::new();
    for (number, account) in world.senders.iter().enumerate() {
        // Half of them give up what was never answered, when all is over; the others send it until it is.
        let abandons = number % 2 == 1;
        let conversations = world.conversations_of(number);
        let sender = Sender::new(account.clone(), number, conversations, Dice(dice.next()), abandons);
        senders.spawn(sender.run(server.hub_url(), Arc::clone(&sending)));
    }

    for round in 0..kills {
        let started = tokio::time::Instant::now();
        let before = answered.load(Ordering::SeqCst);
        until("answers between two kills", async || {
            (answered.load(Ordering::SeqCst) >= before + ANSWERS_BETWEEN_KILLS).then_some(())
        })
        .await;
        println!("round {round}: answers after {:?}", started.elapsed());
        tokio::time::sleep(Duration::from_millis(dice.below(KILL_WITHIN_MS))).await;
        let mut victim = victims[usize::try_from(dice.below(victims.len() as u64)).expect("small")];
        if round + 1 == kills {
            sending.finish();
            // Those who listen on then hear of what came to be just before, though nobody says anything more.
            victim = if victims.contains(&Victim::Database) { Victim::Database } else { victim };
        }
        let killed = tokio::time::Instant::now();
        block_in_place(|| kill(&mut server, victim, &mut dice));
        // For whoever wonders where the time went; nothing is asserted of it.
        println!("round {round}: {victim:?}, back after {:?}", killed.elapsed());
    }

    let mut records = Vec::new();
    while let Some(done) = senders.join_next().await {
        records.push(done.expect("a sender that ends"));
    }
    let total: usize = records.iter().map(|record| record.sent.len()).sum();
    let told = records.iter().filter(|record| record.told_to_repeat).count();
    let answered = answered.load(Ordering::SeqCst);
    println!("{kills} kills: {total} sent, {answered} answered, {told} senders were told to repeat");
    let ends = world.judge(&server, &records).await;
    // Who listened has it all too, without another word from anybody.
    until("the follower to have everything", async || {
        if let Some(ended) = followers.try_join_next() {
            ended.expect("it follows until it is dropped");
        }
        (*positions.lock().expect("not poisoned") == ends).then_some(())
    })
    .await;
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

/// Who talks where.
struct World {
    senders: Vec<Account>,
    /// In every group and never there until the end.
    absent: Account,
    /// In every group and there whenever the server is.
    follower: Account,
    /// All senders are in the first; each of the others belongs to two of them and the two listeners.
    conversations: Vec<String>,
}

impl World {
    async fn make(server: &TestServer) -> Self {
        let absent = Client::register(server, "absent").await;
        let follower = Client::register(server, "follower").await;
        let mut clients = Vec::new();
        for number in 0..SENDERS {
            clients.push(Client::register(server, &format!("sender-{number}")).await);
        }
        let everyone: Vec<_> = clients.iter().chain([&absent, &follower]).collect();
        let mut conversations = vec![clients[0].group("all", &everyone[1..]).await];
        for pair in clients.chunks(2) {
            conversations.push(pair[0].group("four", &[&pair[1], &absent, &follower]).await);
        }
        let senders = clients.iter().map(|client| client.account.clone()).collect();
        let (absent, follower) = (absent.account.clone(), follower.account.clone());
        Self { senders, absent, follower, conversations }
    }

    fn conversations_of(&self, sender: usize) -> Vec<String> {
        vec![self.conversations[0].clone(), self.conversations[1 + sender / 2].clone()]
    }

    /// Answers where each log ends.
    async fn judge(&self, server: &TestServer, records: &[sender::Record]) -> HashMap<ConversationId, Seq> {
        let mut ends = HashMap::new();
        let reader = Client::connect(server, &self.absent).await;
        let mut place: HashMap<(String, String), (String, u64)> = HashMap::new();
        for conversation in &self.conversations {
            let log = reader.history(conversation).await;
            let seqs: Vec<_> = log.iter().map(|message| message["seq"].as_u64().expect("a seq")).collect();
            assert_eq!(seqs, (1..=log.len() as u64).collect::<Vec<_>>(), "gapless and in order");
            ends.insert(conversation.parse().expect("an id"), log.len() as u64);
            for message in log.iter().filter(|message| message["kind"] == "content") {
                let key = (text(&message["sender"]), text(&message["id"]));
                assert_eq!(message["body"]["text"], message["id"], "the body that was sent under this id");
                let here = (conversation.clone(), message["seq"].as_u64().expect("a seq"));
                let twice = place.insert(key.clone(), here);
                assert_eq!(twice, None, "{key:?} is in the log twice");
            }
        }
        let mut known = HashSet::new();
        for record in records {
            record.judge(&place);
            known.extend(record.sent.iter().map(|sent| (record.user.clone(), sent.id.clone())));
        }
        let strange: Vec<_> = place.keys().filter(|key| !known.contains(*key)).collect();
        assert!(strange.is_empty(), "nobody sent {strange:?}");
        self.read_what_waits(&reader, place.len()).await;
        ends
    }

    /// C5: who was away all the time gets every message of every log, once and in order.
    async fn read_what_waits(&self, reader: &Client, messages: usize) {
        let mut next: HashMap<String, u64> = HashMap::new();
        let mut contents = 0;
        loop {
            let page = reader.call("ReadNewMessages", ()).await;
            let got = page["messages"].as_array().expect("messages");
            for message in got {
                let conversation = text(&message["conversation"]);
                let expected = next.entry(conversation).or_insert(1);
                assert_eq!(message["seq"].as_u64(), Some(*expected), "once and in order");
                *expected += 1;
                contents += usize::from(message["kind"] == "content");
            }
            for (conversation, after) in &next {
                reader.call("Acknowledge", (conversation, after - 1)).await;
            }
            if page["more"] != true {
                break;
            }
        }
        assert_eq!(contents, messages);
    }
}
