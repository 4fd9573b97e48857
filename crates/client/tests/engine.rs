//! The engine against a server that breaks connections, loses pushes and answers, and says no for the moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::{Backoff, BoxFuture, Connector, Error, Halves, Link, Options, Push, Pushes, Session, Update};
use platform::{Randomness, SeededRandomness};
use protocol::{
    Body, Content, ConversationId, ConversationKind, ConversationShape, ConversationSummary, DeviceId,
    ErrorCode, Message, MessageId, MessageKind, OutgoingMessage, Sent, Seq, SyncPage, SyncRequest, UserId,
};
use tokio::sync::mpsc;

const ALICE: (u8, u8) = (1, 1);

fn user(number: u8) -> UserId {
    UserId::compose(1, [number; 10])
}

fn device(number: u8) -> DeviceId {
    DeviceId::compose(1, [number; 10])
}

fn conversation(number: u8) -> ConversationId {
    ConversationId::compose(ConversationShape::Direct, 1, [number; 10])
}

#[derive(Default)]
struct State {
    logs: BTreeMap<ConversationId, Vec<Message>>,
    acknowledged: BTreeMap<ConversationId, Seq>,
    /// The one connection's pushes and number.
    connected: Option<(u64, mpsc::UnboundedSender<Push>)>,
    connections: u64,
    /// Of 256, how often something goes wrong.
    trouble: u8,
    signed_out: bool,
}

#[derive(Clone)]
struct Server {
    state: Arc<Mutex<State>>,
    randomness: Arc<SeededRandomness>,
}

impl Server {
    fn new(seed: u64, trouble: u8) -> Self {
        let state = Arc::new(Mutex::new(State { trouble, ..State::default() }));
        Self { state, randomness: Arc::new(SeededRandomness::new(seed)) }
    }

    fn goes_wrong(&self, state: &State) -> bool {
        let mut byte = [0];
        self.randomness.fill(&mut byte);
        byte[0] < state.trouble
    }

    /// Appends as somebody, unless it is a repeat; pushes to the connection unless it sent it.
    fn append(&self, conversation: ConversationId, from: u8, id: MessageId, own: bool) -> Sent {
        let mut state = self.state.lock().unwrap();
        let log = state.logs.entry(conversation).or_default();
        if let Some(known) = log.iter().find(|known| known.id == id && known.device == device(from)) {
            return Sent { id, seq: known.seq, sent_at: known.sent_at };
        }
        let seq = log.len() as Seq + 1;
        let message = Message {
            conversation,
            seq,
            sender: user(from),
            device: device(from),
            id: id.clone(),
            sent_at: 1,
            kind: MessageKind::Content,
            epoch: None,
            body: Body::Open(Content::text(id.to_string())),
            edited_at: None,
            reactions: Vec::new(),
        };
        log.push(message.clone());
        if !own {
            let lost = self.goes_wrong(&state);
            let breaks = self.goes_wrong(&state) && self.goes_wrong(&state);
            if let Some((_, pushes)) = &state.connected {
                let _ = pushes.send(if lost { Push::Resync } else { Push::Message(message) });
            }
            if breaks {
                state.connected = None;
            }
        }
        Sent { id, seq, sent_at: 1 }
    }

    fn others_say(&self, conversation: ConversationId, count: usize) {
        for _ in 0..count {
            let next = self.state.lock().unwrap().logs.get(&conversation).map_or(0, Vec::len);
            self.append(conversation, 2, format!("b{next}").parse().unwrap(), false);
        }
    }
}

#[derive(Clone)]
struct FakeLink {
    server: Server,
    number: u64,
}

impl FakeLink {
    /// An error if this connection is no more, or breaks now.
    fn check(&self) -> Result<(), Error> {
        let mut state = self.server.state.lock().unwrap();
        let alive = state.connected.as_ref().is_some_and(|(number, _)| *number == self.number);
        if alive && self.server.goes_wrong(&state) && self.server.goes_wrong(&state) {
            state.connected = None;
            return Err(Error::Network("broken".to_owned()));
        }
        if alive { Ok(()) } else { Err(Error::Network("gone".to_owned())) }
    }

    fn refuse_for_now(&self) -> Result<(), Error> {
        if self.server.goes_wrong(&self.server.state.lock().unwrap()) {
            return Err(Error::Refused { code: ErrorCode::Unavailable, message: "Later.".to_owned() });
        }
        Ok(())
    }
}

impl Link for FakeLink {
    fn sync(&self, request: SyncRequest) -> BoxFuture<'static, Result<SyncPage, Error>> {
        let link = self.clone();
        Box::pin(async move {
            link.check()?;
            link.refuse_for_now()?;
            tokio::time::sleep(Duration::from_millis(5)).await;
            let state = link.server.state.lock().unwrap();
            let mut page = SyncPage {
                conversations: Vec::new(),
                messages: Vec::new(),
                device_messages: Vec::new(),
                marks: Vec::new(),
                mark: 0,
                more: false,
            };
            for (id, log) in &state.logs {
                let named = request.after.iter().find(|(named, _)| named == id).map(|(_, seq)| *seq);
                let after = named.unwrap_or(state.acknowledged.get(id).copied().unwrap_or(0));
                let delivered = state.acknowledged.get(id).copied().unwrap_or(0);
                page.conversations.push(ConversationSummary { delivered, ..summary(*id, log.len() as Seq) });
                page.messages.extend(log.iter().filter(|message| message.seq > after).cloned());
            }
            page.more = page.messages.len() > 7;
            page.messages.truncate(7);
            drop(state);
            link.check()?;
            Ok(page)
        })
    }

    fn send(
        &self,
        conversation: ConversationId,
        message: OutgoingMessage,
    ) -> BoxFuture<'static, Result<Sent, Error>> {
        // In the order of the calls, as over a socket.
        let result = self
            .check()
            .and_then(|()| self.refuse_for_now())
            .map(|()| self.server.append(conversation, ALICE.0, message.id.unwrap(), true));
        let link = self.clone();
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(3)).await;
            let sent = result?;
            link.check()?;
            Ok(sent)
        })
    }

    fn acknowledge(&self, conversation: ConversationId, seq: Seq) -> BoxFuture<'static, Result<(), Error>> {
        let link = self.clone();
        Box::pin(async move {
            link.check()?;
            let mut state = link.server.state.lock().unwrap();
            let known = state.acknowledged.entry(conversation).or_default();
            *known = seq.max(*known);
            Ok(())
        })
    }

    fn check_in(&self) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    fn close(&self) {
        self.server.state.lock().unwrap().connected = None;
    }
}

struct FakePushes(mpsc::UnboundedReceiver<Push>);

impl Pushes for FakePushes {
    fn next(&mut self) -> BoxFuture<'_, Result<Push, Error>> {
        Box::pin(async { self.0.recv().await.ok_or_else(|| Error::Network("ended".to_owned())) })
    }
}

impl Connector for Server {
    type Link = FakeLink;

    fn connect(&self) -> BoxFuture<'_, Result<Halves<FakeLink>, Error>> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let mut state = self.state.lock().unwrap();
            if state.signed_out {
                return Err(Error::SignedOut);
            }
            if self.goes_wrong(&state) {
                return Err(Error::Network("refused".to_owned()));
            }
            let (sender, receiver) = mpsc::unbounded_channel();
            state.connections += 1;
            let number = state.connections;
            state.connected = Some((number, sender));
            let link = FakeLink { server: self.clone(), number };
            Ok((link, Box::new(FakePushes(receiver)) as Box<dyn Pushes>))
        })
    }

    fn identity(&self) -> (UserId, DeviceId) {
        (user(ALICE.0), device(ALICE.1))
    }
}

fn summary(id: ConversationId, last_seq: Seq) -> ConversationSummary {
    ConversationSummary {
        id,
        kind: ConversationKind::Plain,
        name: "b".into(),
        description: String::new(),
        picture: None,
        created_by: user(1),
        created_at: 1,
        updated_by: user(1),
        updated_at: 1,
        member_count: 2,
        members: Vec::new(),
        role: None,
        epoch: None,
        first_seq: 1,
        last_seq,
        delivered: 0,
        seen: 0,
        unread: 0,
        last_message: None,
        status: None,
        archived: false,
        muted_until: None,
        retention: None,
    }
}

fn options() -> Options {
    let backoff = Backoff { min: Duration::from_millis(50), max: Duration::from_secs(1) };
    Options { backoff, ready_max: 16, outbox_max: 32, ..Options::default() }
}

async fn next_message(updates: &mut client::Updates) -> Message {
    loop {
        match updates.next().await.expect("the session goes on") {
            Update::Message(message) => return *message,
            Update::Ended(error) => panic!("{error}"),
            _ => (),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn everything_comes_once_and_in_order_and_is_sent_once_whatever_breaks() {
    const EACH: usize = 120;
    let mut connections = 0;
    for seed in 0..40 {
        let server = Server::new(seed, if seed % 4 == 0 { 0 } else { 40 });
        let ids = [conversation(1), conversation(2)];
        server.others_say(ids[0], 20);
        server.others_say(ids[1], 1);
        server.state.lock().unwrap().acknowledged.insert(ids[0], 5);
        let (session, mut updates) = Session::start(server.clone(), options(), SeededRandomness::new(seed));

        let sender = session.clone();
        let sending = tokio::spawn(async move {
            let mut tickets = Vec::new();
            for number in 0..EACH {
                for id in ids {
                    let message = OutgoingMessage::text(format!("a{number}").parse().unwrap(), "x");
                    tickets.push((id, sender.send(id, message).await.unwrap()));
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            for (_, ticket) in &mut tickets {
                ticket.await.unwrap();
            }
        });
        let talker = server.clone();
        let talking = tokio::spawn(async move {
            for number in 0..EACH {
                talker.others_say(ids[number % 2], 1);
                tokio::time::sleep(Duration::from_millis(7)).await;
            }
        });

        let expected = 2 * EACH + EACH + 15 + 1;
        let mut got: BTreeMap<ConversationId, Vec<Message>> = BTreeMap::new();
        for _ in 0..expected {
            let wait = tokio::time::timeout(Duration::from_secs(120), next_message(&mut updates));
            let message = wait.await.unwrap_or_else(|_| panic!("seed {seed}: something is missing"));
            got.entry(message.conversation).or_default().push(message);
        }
        sending.await.unwrap();
        talking.await.unwrap();
        updates.take();
        session.close().await;

        let state = server.state.lock().unwrap();
        connections += state.connections;
        for (id, log) in &state.logs {
            let from = if *id == ids[0] { 5 } else { 0 };
            let ids_of = |messages: &[Message]| -> Vec<_> {
                messages.iter().map(|message| (message.seq, message.device, message.id.clone())).collect()
            };
            assert_eq!(ids_of(&got[id]), ids_of(&log[from..]), "seed {seed}");
            let own: Vec<_> = log.iter().filter(|message| message.device == device(ALICE.1)).collect();
            assert_eq!(own.len(), EACH, "seed {seed}: each of one's own once");
            if state.trouble == 0 {
                let in_order =
                    own.iter().enumerate().all(|(place, message)| message.id.as_str() == format!("a{place}"));
                assert!(in_order, "seed {seed}: in the order of sending");
                assert_eq!(state.acknowledged[id], log.len() as Seq, "seed {seed}");
                assert_eq!(state.connections, 1);
            }
        }
    }
    assert!(connections > 100, "{connections}: the trouble was too little to prove anything");
}

#[tokio::test(start_paused = true)]
async fn only_what_was_taken_is_acknowledged() {
    let server = Server::new(1, 0);
    let id = conversation(1);
    server.others_say(id, 9);
    let (session, mut updates) = Session::start(server.clone(), options(), SeededRandomness::new(1));
    for _ in 0..4 {
        next_message(&mut updates).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    // The fourth is in the consumer's hands.
    assert_eq!(server.state.lock().unwrap().acknowledged.get(&id), Some(&3));
    updates.take();
    session.close().await;
    assert_eq!(server.state.lock().unwrap().acknowledged.get(&id), Some(&4));
    assert!(server.state.lock().unwrap().connected.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_session_is_told_and_answers_who_waits() {
    let server = Server::new(1, 0);
    let (session, mut updates) = Session::start(server.clone(), options(), SeededRandomness::new(1));
    assert_eq!(updates.next().await, Some(Update::Connected));
    {
        let mut state = server.state.lock().unwrap();
        state.signed_out = true;
        state.connected = None;
    }
    let ticket =
        session.send(conversation(1), OutgoingMessage::text("a".parse().unwrap(), "x")).await.unwrap();
    assert_eq!(ticket.await, Err(Error::SignedOut));
    let mut last = None;
    while let Some(update) = updates.next().await {
        last = Some(update);
    }
    assert_eq!(last, Some(Update::Ended(Error::SignedOut)));
    assert_eq!(session.link().await.err(), Some(Error::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_takes_nothing_is_not_flooded() {
    let server = Server::new(1, 0);
    let id = conversation(1);
    server.others_say(id, 2_000);
    let (session, mut updates) = Session::start(server.clone(), options(), SeededRandomness::new(1));
    tokio::time::sleep(Duration::from_secs(5)).await;
    for seq in 1..=2_000 {
        assert_eq!(next_message(&mut updates).await.seq, seq);
    }
    drop(session);
}

#[tokio::test(start_paused = true)]
async fn acknowledgements_that_the_server_lost_are_made_again() {
    let server = Server::new(1, 0);
    let (id, other) = (conversation(1), conversation(2));
    server.others_say(id, 3);
    server.others_say(other, 2);
    // Held since an earlier session of this device.
    let positions = std::collections::HashMap::from([(other, 2)]);
    let options = Options { positions, ..options() };
    let (session, mut updates) = Session::start(server.clone(), options, SeededRandomness::new(1));
    for seq in 1..=3 {
        let message = next_message(&mut updates).await;
        assert_eq!((message.conversation, message.seq), (id, seq));
    }
    updates.take();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(server.state.lock().unwrap().acknowledged, BTreeMap::from([(id, 3), (other, 2)]));
    {
        // A crash that takes the last second of receipts with it.
        let mut state = server.state.lock().unwrap();
        state.acknowledged.clear();
        state.connected = None;
    }
    server.others_say(id, 1);
    assert_eq!(next_message(&mut updates).await.seq, 4);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(server.state.lock().unwrap().acknowledged, BTreeMap::from([(id, 3), (other, 2)]));
    assert_eq!(updates.new_positions(), std::collections::HashMap::from([(id, 3)]));
    session.close().await;
}
