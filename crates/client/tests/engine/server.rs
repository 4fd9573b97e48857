//! The server that breaks connections, loses pushes and answers, and says no for the moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::{BoxFuture, Connector, Error, Halves, Link, Push, Pushes};
use platform::{Randomness, SeededRandomness};
use protocol::{
    Body, Content, ConversationId, ConversationKind, ConversationShape, ConversationSummary, DeviceId,
    ErrorCode, Message, MessageId, MessageKind, OutgoingMessage, Sent, Seq, SyncPage, SyncRequest, UserId,
};
use tokio::sync::mpsc;

/// The one user whose client is tested, and the device.
pub(crate) const ALICE: (u8, u8) = (1, 1);

pub(crate) fn user(number: u8) -> UserId {
    UserId::compose(1, [number; 10])
}

pub(crate) fn device(number: u8) -> DeviceId {
    DeviceId::compose(1, [number; 10])
}

pub(crate) fn conversation(number: u8) -> ConversationId {
    ConversationId::compose(ConversationShape::Direct, 1, [number; 10])
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) logs: BTreeMap<ConversationId, Vec<Message>>,
    pub(crate) acknowledged: BTreeMap<ConversationId, Seq>,
    /// The one connection's pushes and number.
    pub(crate) connected: Option<(u64, mpsc::UnboundedSender<Push>)>,
    pub(crate) connections: u64,
    /// Of 256, how often something goes wrong.
    pub(crate) trouble: u8,
    pub(crate) signed_out: bool,
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) state: Arc<Mutex<State>>,
    randomness: Arc<SeededRandomness>,
}

impl Server {
    /// Repeatable by its seed; of 256 things, `trouble` go wrong.
    pub(crate) fn new(seed: u64, trouble: u8) -> Self {
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

    /// Bob says so many messages.
    pub(crate) fn others_say(&self, conversation: ConversationId, count: usize) {
        for _ in 0..count {
            let next = self.state.lock().unwrap().logs.get(&conversation).map_or(0, Vec::len);
            self.append(conversation, 2, format!("b{next}").parse().unwrap(), false);
        }
    }
}

#[derive(Clone)]
pub(crate) struct FakeLink {
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
