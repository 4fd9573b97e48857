//! Those who talk all the time while something happens to the server, and who afterwards hold it to every answer they got.

use std::collections::{HashMap, HashSet};
use std::env;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use protocol::{ConversationId, Seq};
use testkit::server::{Account, TestServer};
use tokio::task::JoinSet;

use crate::support::{Client, text, until};

mod follower;
mod sender;

use follower::{Positions, follow};
use sender::{Record, Sender, Sending};

const SENDERS: usize = 6;

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

/// Senders and a follower at work.
pub(crate) struct Load {
    world: World,
    sending: Arc<Sending>,
    positions: Positions,
    followers: JoinSet<()>,
    senders: JoinSet<Record>,
    /// For whoever decides by the same seed.
    pub(crate) dice: Dice,
}

impl Load {
    /// Registers everybody and starts. With `abandons`, half of the senders give up what was never answered when all is over;
    /// the others send it until it is.
    pub(crate) async fn start(server: &TestServer, abandons: bool) -> Self {
        let seed = seed();
        println!("KITH_TEST_SEED={seed}");
        let mut dice = Dice(seed);
        let world = World::make(server).await;
        let sending = Arc::new(Sending::default());
        let positions = Positions::default();
        let mut followers = JoinSet::new();
        followers.spawn(follow(server.hub_url(), world.follower.clone(), Arc::clone(&positions)));
        let mut senders = JoinSet::new();
        for (number, account) in world.senders.iter().enumerate() {
            let abandons = abandons && number % 2 == 1;
            let conversations = world.conversations_of(number);
            let sender = Sender::new(account.clone(), number, conversations, Dice(dice.next()), abandons);
            senders.spawn(sender.run(server.hub_url(), Arc::clone(&sending)));
        }
        Self { world, sending, positions, followers, senders, dice }
    }

    /// How many sends were answered.
    pub(crate) fn answered(&self) -> u64 {
        self.sending.answered.load(Ordering::SeqCst)
    }

    /// How often the server said that it cannot.
    pub(crate) fn refused(&self) -> u64 {
        self.sending.refused.load(Ordering::SeqCst)
    }

    /// Waits until that many more were answered.
    pub(crate) async fn answers(&self, more: u64) {
        let before = self.answered();
        until("answers", async || (self.answered() >= before + more).then_some(())).await;
    }

    /// Waits until the server has said that many more times that it cannot.
    pub(crate) async fn refusals(&self, more: u64) {
        let before = self.refused();
        until("refusals", async || (self.refused() >= before + more).then_some(())).await;
    }

    /// Nothing new is sent from now on.
    pub(crate) fn finish(&self) {
        self.sending.finish();
    }

    /// Waits until everybody has the answers they wait for, and holds the logs to them.
    pub(crate) async fn judge(mut self, server: &TestServer) {
        let mut records = Vec::new();
        while let Some(done) = self.senders.join_next().await {
            records.push(done.expect("a sender that ends"));
        }
        let total: usize = records.iter().map(|record| record.sent.len()).sum();
        let told = records.iter().filter(|record| record.told_to_repeat).count();
        println!("{total} sent, {} answered, {told} senders were told to repeat", self.answered());
        let ends = self.world.judge(server, &records).await;
        // Who listened has it all too, without another word from anybody.
        until("the follower to have everything", async || {
            if let Some(ended) = self.followers.try_join_next() {
                ended.expect("it follows until it is dropped");
            }
            (*self.positions.lock().expect("not poisoned") == ends).then_some(())
        })
        .await;
    }
}

/// Who talks where.
pub(crate) struct World {
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
