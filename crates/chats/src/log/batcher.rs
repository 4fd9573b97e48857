//! The tasks that decide: one for each share of the conversations.

use std::collections::HashMap;
use std::sync::Arc;

use platform::Clock;
use protocol::{ConversationId, Seq};
use tokio::sync::{mpsc, oneshot};

use super::message_of;
use super::plan::{Known, Operation, Outcome, Plan, SentKey, plan};
use crate::cache::Cache;
use crate::conversation::{Conversation, Recent};
use crate::store::{ChatStore, Range, StoreError};
use crate::{Appended, ChatError, Policy};

/// How often a batch is planned anew when somebody else was first.
const ATTEMPTS: usize = 5;
/// Batches that may wait to be brought to those connected; the batcher then waits.
const ROUTED_BATCHES: usize = 64;
/// Entries read at once when finding out what a failed commit left behind.
const RECOVERED_ENTRIES: usize = 1_000;

/// What a batch leaves for those who bring the news.
type Routed = Vec<Appended>;

struct Command {
    conversation: ConversationId,
    operation: Operation,
    answer: oneshot::Sender<Result<Outcome, ChatError>>,
}

/// All batchers.
pub(crate) struct Batchers {
    queues: Vec<mpsc::Sender<Command>>,
}

impl Batchers {
    /// Starts them. Each one's news, in order, come out of the receiver beside.
    pub(crate) fn start(
        store: &Arc<dyn ChatStore>,
        cache: &Arc<Cache>,
        clock: &Arc<dyn Clock>,
        policy: &Policy,
    ) -> (Self, Vec<mpsc::Receiver<Routed>>) {
        let mut queues = Vec::new();
        let mut news = Vec::new();
        for _ in 0..policy.batchers.max(1) {
            let (queue, commands) = mpsc::channel(policy.queued_commands);
            let (routed, receiver) = mpsc::channel(ROUTED_BATCHES);
            let batcher = Batcher {
                store: Arc::clone(store),
                cache: Arc::clone(cache),
                clock: Arc::clone(clock),
                policy: policy.clone(),
                routed,
                uncertain: HashMap::new(),
            };
            tokio::spawn(batcher.run(commands));
            queues.push(queue);
            news.push(receiver);
        }
        (Self { queues }, news)
    }

    /// Hands over an operation and waits until it is on disk, or refused. Whoever calls first is first.
    pub(crate) async fn run(
        &self,
        conversation: ConversationId,
        operation: Operation,
    ) -> Result<Outcome, ChatError> {
        let shard = usize::from(conversation.as_bytes()[13]) % self.queues.len();
        let (answer, outcome) = oneshot::channel();
        let command = Command { conversation, operation, answer };
        self.queues[shard].send(command).await.map_err(|_| ChatError::Unavailable)?;
        outcome.await.map_err(|_| ChatError::Unavailable)?
    }
}

struct Batcher {
    store: Arc<dyn ChatStore>,
    cache: Arc<Cache>,
    clock: Arc<dyn Clock>,
    policy: Policy,
    routed: mpsc::Sender<Routed>,
    /// Conversations of which a commit may or may not have happened, and the last entry known before it.
    uncertain: HashMap<ConversationId, Seq>,
}

impl Batcher {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut batch = Vec::new();
        while commands.recv_many(&mut batch, self.policy.batch_commands).await > 0 {
            self.process(&mut batch).await;
        }
    }

    async fn process(&mut self, batch: &mut Vec<Command>) {
        let mut sent = HashMap::new();
        for attempt in 1..=ATTEMPTS {
            match self.attempt(batch, &mut sent, attempt).await {
                Ok(()) => return,
                Err(StoreError::Conflict) => {
                    tracing::debug!(attempt, "planning again: the log has moved on, or a send was repeated");
                }
                Err(error @ StoreError::Unavailable(_)) => {
                    tracing::warn!(%error, commands = batch.len(), "a batch was not committed");
                    break;
                }
            }
        }
        for command in batch.drain(..) {
            let _ = command.answer.send(Err(ChatError::Unavailable));
        }
    }

    /// Plans and commits the batch, and answers it. Leaves it as it was on an error.
    async fn attempt(
        &mut self,
        batch: &mut Vec<Command>,
        sent: &mut HashMap<SentKey, Outcome>,
        attempt: usize,
    ) -> Result<(), StoreError> {
        let ids = batch.iter().map(|command| command.conversation);
        let conversations = self.cache.load(&*self.store, ids).await?;
        self.settle(&conversations).await?;
        if attempt > 1 {
            self.look_up(batch, sent).await?;
        }
        let operations = || batch.iter().map(|command| (command.conversation, &command.operation));
        let now = self.clock.now();
        let known = Known { conversations: &conversations, sent, now, policy: &self.policy };
        let mut plan_made = plan(operations(), &known);
        if attempt == 1 && refuses_a_send(&plan_made, batch) {
            // It may be the repeat of one that was fine when it came first.
            self.look_up(batch, sent).await?;
            let known = Known { conversations: &conversations, sent, now, policy: &self.policy };
            plan_made = plan(operations(), &known);
        }
        let Plan { commit, outcomes, mut appended, snapshots } = plan_made;
        if !commit.entries.is_empty() {
            match self.store.commit(commit).await {
                Ok(numbers) => number(&mut appended, numbers),
                Err(error) => {
                    self.disown(&conversations, matches!(error, StoreError::Unavailable(_)));
                    return Err(error);
                }
            }
        }
        for (id, snapshot) in snapshots {
            if let Some(conversation) = conversations.get(&id) {
                conversation.state().now = snapshot;
            }
        }
        remember(&conversations, &appended);
        for (command, (outcome, _)) in batch.drain(..).zip(outcomes) {
            // Whoever asked may be gone; the entry stays.
            let _ = command.answer.send(outcome);
        }
        if !appended.is_empty() && self.routed.send(appended).await.is_err() {
            tracing::debug!("nobody is left to bring the news to");
        }
        Ok(())
    }

    /// Finds the sends of this batch that have an entry already.
    async fn look_up(
        &self,
        batch: &[Command],
        sent: &mut HashMap<SentKey, Outcome>,
    ) -> Result<(), StoreError> {
        let keys: Vec<SentKey> = batch
            .iter()
            .filter_map(|command| match &command.operation {
                Operation::Append(message) => {
                    Some((command.conversation, message.device, message.id.clone()))
                }
                Operation::Change(_) => None,
            })
            .collect();
        let found = self.store.find_sent(keys.clone()).await?;
        for (key, place) in keys.into_iter().zip(found) {
            if let Some((seq, time)) = place {
                sent.insert(key, Outcome { seq, time });
            }
        }
        Ok(())
    }

    /// After a failed commit nothing in memory can be trusted.
    fn disown(&mut self, conversations: &HashMap<ConversationId, Arc<Conversation>>, uncertain: bool) {
        for (id, conversation) in conversations {
            self.cache.forget(*id);
            if uncertain {
                let last = conversation.state().now.last_seq;
                self.uncertain.entry(*id).or_insert(last);
            }
        }
    }

    /// Brings the news of entries whose commit seemed to have failed but had not.
    async fn settle(
        &mut self,
        conversations: &HashMap<ConversationId, Arc<Conversation>>,
    ) -> Result<(), StoreError> {
        if self.uncertain.is_empty() {
            return Ok(());
        }
        for (id, conversation) in conversations {
            let Some(&known) = self.uncertain.get(id) else { continue };
            let members = conversation.members();
            let range = Range {
                conversation: *id,
                after: known,
                before: Seq::MAX,
                limit: RECOVERED_ENTRIES,
                newest_first: false,
            };
            let entries = self.store.read(range).await?;
            self.uncertain.remove(id);
            let news: Routed = entries
                .into_iter()
                .map(|entry| Appended {
                    message: Arc::new(message_of(conversation.kind, entry)),
                    members: Arc::clone(&members),
                    departed: Vec::new(),
                    joined: Vec::new(),
                    origin: None,
                    device_messages: Vec::new(),
                })
                .collect();
            if !news.is_empty() {
                let _ = self.routed.send(news).await;
            }
        }
        Ok(())
    }
}

fn refuses_a_send(plan: &Plan, batch: &[Command]) -> bool {
    let refused = |outcome: &Result<Outcome, ChatError>| {
        matches!(outcome, Err(ChatError::NotFound(_) | ChatError::WrongEpoch { .. }))
    };
    plan.outcomes
        .iter()
        .zip(batch)
        .any(|((outcome, _), command)| refused(outcome) && matches!(command.operation, Operation::Append(_)))
}

fn number(appended: &mut [Appended], numbers: Vec<u64>) {
    let slots = appended.iter_mut().flat_map(|entry| &mut entry.device_messages);
    for (slot, number) in slots.zip(numbers) {
        slot.0 = number;
    }
}

fn remember(conversations: &HashMap<ConversationId, Arc<Conversation>>, appended: &[Appended]) {
    for entry in appended {
        let message = &entry.message;
        if let Some(conversation) = conversations.get(&message.conversation) {
            let mut state = conversation.state();
            state.remember(Recent {
                seq: message.seq,
                time: message.sent_at,
                sender: message.sender,
                device: message.device,
                id: message.id.clone(),
            });
            state.last = Some(Arc::clone(message));
        }
    }
}
