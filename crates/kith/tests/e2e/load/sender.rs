//! One who sends all the time, with several sends unanswered, and sends those again under the same ids when the
//! connection breaks or the server says that it cannot.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use protocol::{ConversationId, MessageId, OutgoingMessage, Sent};
use signalr::client::{Connection, InvokeError, Options, connect};
use signalr::{Payload, Protocol};
use testkit::server::Account;

use super::Dice;
use crate::support::within;

const WINDOW: usize = 12;

type Answer = std::pin::Pin<Box<dyn Future<Output = Result<Payload, InvokeError>> + Send>>;

/// What the senders share.
#[derive(Default)]
pub(crate) struct Sending {
    pub(super) answered: AtomicU64,
    pub(super) refused: AtomicU64,
    finishing: AtomicBool,
}

impl Sending {
    /// Nothing new is sent from now on.
    pub(crate) fn finish(&self) {
        self.finishing.store(true, Ordering::SeqCst);
    }

    fn finishing(&self) -> bool {
        self.finishing.load(Ordering::SeqCst)
    }
}

/// One message, as its sender knows it.
pub(crate) struct Message {
    pub(crate) id: String,
    conversation: String,
    /// How many of this sender's messages had been answered when it was first sent.
    answered_before: usize,
    answer: Option<u64>,
}

/// What a sender has to tell.
pub(crate) struct Record {
    pub(crate) user: String,
    /// In the order of sending.
    pub(crate) sent: Vec<Message>,
    /// Indices into `sent`, in the order of the answers.
    answered: Vec<usize>,
    /// Whether the server ever said that it cannot. Then what was sent behind may have been stored before.
    pub(crate) told_to_repeat: bool,
}

impl Record {
    /// Holds the log to what was answered. `places` is where each (sender, id) is.
    pub(crate) fn judge(&self, places: &HashMap<(String, String), (String, u64)>) {
        let place = |message: &Message| places.get(&(self.user.clone(), message.id.clone()));
        for message in &self.sent {
            match (message.answer, place(message)) {
                (Some(answer), Some((conversation, seq))) => {
                    assert_eq!((conversation, *seq), (&message.conversation, answer), "{}", message.id);
                }
                (Some(answer), None) => panic!("{} was answered {answer} and is lost", message.id),
                (None, Some((conversation, _))) => assert_eq!(conversation, &message.conversation),
                (None, None) => {}
            }
        }
        let mut highest: HashMap<&str, (u64, &str)> = HashMap::new();
        if !self.told_to_repeat {
            // Never told otherwise, the sender's order is the log's.
            for message in &self.sent {
                let Some((conversation, seq)) = place(message) else { continue };
                let before = highest.insert(conversation, (*seq, &message.id));
                assert!(before.is_none_or(|before| before.0 < *seq), "{} after {before:?}", message.id);
            }
        }
        // In any case: what was sent after an answer comes after it.
        let mut highest: HashMap<&str, u64> = HashMap::new();
        let mut answers = self.answered.iter();
        let mut taken = 0;
        for message in &self.sent {
            while taken < message.answered_before {
                let earlier = &self.sent[*answers.next().expect("counted")];
                let seq = highest.entry(&earlier.conversation).or_default();
                *seq = earlier.answer.expect("answered").max(*seq);
                taken += 1;
            }
            if let Some((conversation, seq)) = place(message) {
                let before = highest.get(conversation.as_str()).copied().unwrap_or_default();
                assert!(*seq > before, "{} at {seq} was sent after {before} was answered", message.id);
            }
        }
    }
}

/// See the module.
pub(crate) struct Sender {
    account: Account,
    number: usize,
    conversations: Vec<String>,
    dice: Dice,
    abandons: bool,
    record: Record,
    /// Indices of what has no answer yet, in the order of sending.
    unanswered: VecDeque<usize>,
}

impl Sender {
    pub(crate) fn new(
        account: Account,
        number: usize,
        conversations: Vec<String>,
        dice: Dice,
        abandons: bool,
    ) -> Self {
        let user = account.user.clone();
        let record = Record { user, sent: Vec::new(), answered: Vec::new(), told_to_repeat: false };
        Self { account, number, conversations, dice, abandons, record, unanswered: VecDeque::new() }
    }

    /// Sends until it is over.
    pub(crate) async fn run(mut self, url: String, sending: Arc<Sending>) -> Record {
        loop {
            let connection = self.connect(&url).await;
            if sending.finishing() && self.abandons {
                return self.record;
            }
            let mut answers: VecDeque<(usize, Answer)> = VecDeque::new();
            for index in self.unanswered.clone() {
                answers.push_back((index, self.post(&connection, index)));
            }
            loop {
                while answers.len() < WINDOW && !sending.finishing() {
                    let index = self.compose();
                    self.unanswered.push_back(index);
                    answers.push_back((index, self.post(&connection, index)));
                }
                let Some((index, answer)) = answers.pop_front() else { return self.record };
                let answer = within("an answer, or an end", answer).await;
                if !self.take(index, answer, &sending) {
                    break;
                }
            }
            // What was answered behind one that was not counts too.
            for (index, answer) in answers {
                let answer = within("an answer, or an end", answer).await;
                self.take(index, answer, &sending);
            }
        }
    }

    async fn connect(&self, url: &str) -> Connection {
        let token = Some(self.account.access_token.as_str());
        let options = Options { connect_timeout: Duration::from_secs(5), ..Options::default() };
        // A plain loop: what an async closure borrows cannot be spawned.
        let connecting = async {
            loop {
                if let Ok((connection, _)) = connect(url, token, Protocol::MessagePack, options.clone()).await
                {
                    return connection;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        within("a connection", connecting).await
    }

    fn compose(&mut self) -> usize {
        let index = self.record.sent.len();
        let which = usize::try_from(self.dice.below(self.conversations.len() as u64)).expect("small");
        self.record.sent.push(Message {
            id: format!("s{}-{index}", self.number),
            conversation: self.conversations[which].clone(),
            answered_before: self.record.answered.len(),
            answer: None,
        });
        index
    }

    /// The send is on its way when this returns.
    fn post(&self, connection: &Connection, index: usize) -> Answer {
        let message = &self.record.sent[index];
        let id: MessageId = message.id.parse().expect("an id");
        let conversation: ConversationId = message.conversation.parse().expect("an id");
        let outgoing = OutgoingMessage::text(id, message.id.as_str());
        Box::pin(connection.invoke_raw("SendMessage", (conversation, outgoing)))
    }

    /// Whether it was answered.
    fn take(&mut self, index: usize, answer: Result<Payload, InvokeError>, sending: &Sending) -> bool {
        let message = &mut self.record.sent[index];
        match answer {
            Ok(payload) => {
                let sent: Sent = payload.decode().expect("what a send answers");
                assert_eq!(sent.id.as_str(), message.id);
                message.answer = Some(sent.seq);
                self.record.answered.push(index);
                self.unanswered.retain(|waiting| *waiting != index);
                sending.answered.fetch_add(1, Ordering::SeqCst);
                true
            }
            Err(InvokeError::Closed) => false,
            Err(InvokeError::Server(error)) if error.starts_with("unavailable: ") => {
                self.record.told_to_repeat = true;
                sending.refused.fetch_add(1, Ordering::SeqCst);
                false
            }
            Err(error) => panic!("{}: {error}", message.id),
        }
    }
}
