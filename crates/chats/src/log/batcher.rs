//! The tasks that decide: one for each share of the conversations.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use platform::Clock;
use protocol::{ConversationId, Seq};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::create::Creation;
use super::operation::{Note, Operation, Outcome, SentKey};
use super::plan::{Known, Plan, plan};
use crate::cache::Cache;
use crate::caught::caught;
use crate::consent::barred;
use crate::conversation::Conversation;
use crate::store::{ChatStore, NewConversation, NewEntry, Place, StoreError};
use crate::{Appended, ChatError, Policy, Users};

/// How often a batch is planned anew when somebody else was first.
const ATTEMPTS: usize = 5;
/// Batches that may wait to be brought to those connected; the batcher then waits.
const ROUTED_BATCHES: usize = 64;
/// How soon to look again at what a failed commit left behind, if no command comes first.
const SETTLE_AFTER: Duration = Duration::from_secs(1);

/// What annotations are about, and what is pinned where they pin.
type Facts = (HashMap<Place, NewEntry>, HashMap<ConversationId, Vec<Seq>>);

/// What a batch leaves for those who bring the news.
pub(super) type Routed = Vec<Appended>;

pub(super) struct Command {
    conversation: ConversationId,
    pub(super) operation: Operation,
    answer: oneshot::Sender<Result<Outcome, ChatError>>,
}

#[expect(clippy::large_enum_variant, reason = "nearly all are the large one")]
enum Request {
    Run(Command),
    Create(Creation),
    /// Nothing: it is answered once what came before it is done.
    Pass(oneshot::Sender<()>),
}

/// All batchers.
pub(crate) struct Batchers {
    queues: Vec<mpsc::Sender<Request>>,
}

impl Batchers {
    /// Starts them. Each one's news, in order, come out of the receiver beside.
    pub(crate) fn start(
        store: &Arc<dyn ChatStore>,
        users: &Arc<dyn Users>,
        cache: &Arc<Cache>,
        clock: &Arc<dyn Clock>,
        policy: &Policy,
        failed_at: &Arc<AtomicI64>,
    ) -> (Self, Vec<mpsc::Receiver<Routed>>) {
        let mut queues = Vec::new();
        let mut news = Vec::new();
        for _ in 0..policy.batchers.max(1) {
            let (queue, requests) = mpsc::channel(policy.queued_commands);
            let (routed, receiver) = mpsc::channel(ROUTED_BATCHES);
            let batcher = Batcher {
                store: Arc::clone(store),
                users: Arc::clone(users),
                cache: Arc::clone(cache),
                clock: Arc::clone(clock),
                policy: policy.clone(),
                failed_at: Arc::clone(failed_at),
                routed,
                in_flight: HashMap::new(),
                uncertain: HashMap::new(),
                settle_at: Instant::now(),
            };
            tokio::spawn(batcher.run(requests));
            queues.push(queue);
            news.push(receiver);
        }
        (Self { queues }, news)
    }

    fn queue(&self, conversation: ConversationId) -> &mpsc::Sender<Request> {
        &self.queues[usize::from(conversation.as_bytes()[13]) % self.queues.len()]
    }

    /// Hands over an operation and waits until it is on disk, or refused. Whoever calls first is first.
    pub(crate) async fn run(
        &self,
        conversation: ConversationId,
        operation: Operation,
    ) -> Result<Outcome, ChatError> {
        let (answer, outcome) = oneshot::channel();
        let request = Request::Run(Command { conversation, operation, answer });
        self.queue(conversation).send(request).await.map_err(|_| ChatError::Unavailable)?;
        outcome.await.map_err(|_| ChatError::Unavailable)?
    }

    /// Waits until everything that was handed over for this conversation before is done, and so is every batch that was
    /// being planned.
    pub(crate) async fn pass(&self, conversation: ConversationId) -> Result<(), ChatError> {
        let (answer, passed) = oneshot::channel();
        self.queue(conversation).send(Request::Pass(answer)).await.map_err(|_| ChatError::Unavailable)?;
        passed.await.map_err(|_| ChatError::Unavailable)
    }

    /// Creates a conversation with its first entry, or finds it. The batcher does this, too, so that news of the
    /// creation come before news of anything that is then said there.
    pub(crate) async fn create(&self, new: NewConversation) -> Result<ConversationId, ChatError> {
        let (answer, outcome) = oneshot::channel();
        let queue = self.queue(new.id);
        let request = Request::Create(Creation { new: Box::new(new), answer });
        queue.send(request).await.map_err(|_| ChatError::Unavailable)?;
        outcome.await.map_err(|_| ChatError::Unavailable)?
    }
}

pub(super) struct Batcher {
    pub(super) store: Arc<dyn ChatStore>,
    pub(super) users: Arc<dyn Users>,
    pub(super) cache: Arc<Cache>,
    clock: Arc<dyn Clock>,
    policy: Policy,
    /// When the last commit failed; 0 if it did not.
    failed_at: Arc<AtomicI64>,
    routed: mpsc::Sender<Routed>,
    /// What is being committed and told: conversations, and the last entry known before it.
    in_flight: HashMap<ConversationId, Seq>,
    /// Conversations of which a commit may or may not have happened, and the last entry told of.
    pub(super) uncertain: HashMap<ConversationId, Seq>,
    settle_at: Instant,
}

impl Batcher {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut received = Vec::new();
        loop {
            tokio::select! {
                count = requests.recv_many(&mut received, self.policy.batch_commands) => {
                    if count == 0 {
                        break;
                    }
                    self.take(&mut received).await;
                }
                () = tokio::time::sleep_until(self.settle_at), if !self.uncertain.is_empty() => {
                    self.settle_all().await;
                    self.settle_at = Instant::now() + SETTLE_AFTER;
                }
            }
        }
        self.settle_all().await;
    }

    async fn take(&mut self, received: &mut Vec<Request>) {
        let (mut batch, mut bytes, mut creations, mut passing) = (Vec::new(), 0, Vec::new(), Vec::new());
        for request in received.drain(..) {
            match request {
                Request::Create(creation) => creations.push(creation),
                Request::Pass(answer) => passing.push(answer),
                Request::Run(command) => {
                    bytes += command.operation.bytes();
                    batch.push(command);
                    if bytes >= self.policy.batch_bytes {
                        self.process(&mut batch).await;
                        bytes = 0;
                    }
                }
            }
        }
        if !batch.is_empty() {
            self.process(&mut batch).await;
        }
        for answer in passing {
            let _ = answer.send(());
        }
        if !creations.is_empty() && caught("creating groups", self.create(creations)).await.is_none() {
            self.doubt();
        }
    }

    /// Answers all of the batch and leaves it empty, whatever happens.
    async fn process(&mut self, batch: &mut Vec<Command>) {
        if caught("a batch of the log", self.plan_and_commit(batch)).await.is_none() {
            self.doubt();
        }
        for command in batch.drain(..) {
            let _ = command.answer.send(Err(ChatError::Unavailable));
        }
    }

    async fn plan_and_commit(&mut self, batch: &mut Vec<Command>) {
        let mut sent = HashMap::new();
        for attempt in 1..=ATTEMPTS {
            match self.attempt(batch, &mut sent, attempt).await {
                Ok(()) => return,
                Err(StoreError::Conflict) => {
                    tracing::debug!(attempt, "planning again: the log has moved on, or a send was repeated");
                }
                Err(error @ StoreError::Unavailable(_)) => {
                    tracing::warn!(%error, commands = batch.len(), "a batch was not committed");
                    return;
                }
            }
        }
        tracing::warn!(commands = batch.len(), "a batch gave way to others again and again");
    }

    /// Plans and commits the batch, and answers it. Leaves it as it was on an error.
    async fn attempt(
        &mut self,
        batch: &mut Vec<Command>,
        sent: &mut HashMap<SentKey, Outcome>,
        attempt: usize,
    ) -> Result<(), StoreError> {
        let ids: HashSet<_> = batch.iter().map(|command| command.conversation).collect();
        let conversations = self.cache.load(&*self.store, ids.iter().copied()).await?;
        self.settle(ids).await?;
        let barred = barred(&*self.users, &conversations).await?;
        if attempt > 1 {
            self.look_up(batch.iter(), sent).await?;
        }
        let admissions = self.admissions(batch).await?;
        let addressees = &self.addressees(batch).await?;
        let annotations = batch.iter().filter(|it| matches!(it.operation, Operation::Annotate(_)));
        let (targets, pins) = self.facts(annotations, sent, attempt).await?;
        let operations = || batch.iter().map(|command| (command.conversation, &command.operation));
        let now = self.clock.now();
        let policy = &self.policy;
        let (barred, admissions) = (&barred, &admissions);
        let known = Known {
            conversations: &conversations,
            sent,
            barred,
            admissions,
            addressees,
            targets: &targets,
            pins: &pins,
            now,
            policy,
        };
        let mut plan_made = plan(operations(), &known);
        if attempt == 1 {
            let refused = refused_sends(&plan_made, batch);
            if !refused.is_empty() {
                // One may be the repeat of a send that was fine when it came first.
                self.look_up(refused.into_iter(), sent).await?;
                let known = Known {
                    conversations: &conversations,
                    sent,
                    barred,
                    admissions,
                    addressees,
                    targets: &targets,
                    pins: &pins,
                    now,
                    policy,
                };
                plan_made = plan(operations(), &known);
            }
        }
        let Plan { commit, outcomes, mut appended, snapshots, .. } = plan_made;
        let amended: Vec<_> = commit.amendments.iter().map(|it| (it.conversation, it.seq)).collect();
        if !commit.entries.is_empty() {
            self.in_flight = before(&conversations, &appended);
            match self.store.commit(commit).await {
                Ok(numbers) => {
                    self.failed_at.store(0, Ordering::Relaxed);
                    number(&mut appended, numbers);
                }
                Err(error) => {
                    // Where somebody else was first, it can be written.
                    if !matches!(error, StoreError::Conflict) {
                        self.failed_at.store(self.clock.now().max(1), Ordering::Relaxed);
                    }
                    self.doubt();
                    return Err(error);
                }
            }
        }
        remember(&conversations, &appended);
        forget(&conversations, &amended);
        for (id, snapshot) in snapshots {
            if let Some(conversation) = conversations.get(&id) {
                conversation.state().now = snapshot;
            }
        }
        for (command, outcome) in batch.drain(..).zip(outcomes) {
            // Whoever asked may be gone; the entry stays.
            let _ = command.answer.send(outcome);
        }
        self.route(appended).await;
        self.in_flight.clear();
        Ok(())
    }

    /// What the planner has to know of the entries that these annotations are about, and which of them are repeats.
    async fn facts<'a>(
        &self,
        annotations: impl Iterator<Item = &'a Command> + Clone,
        sent: &mut HashMap<SentKey, Outcome>,
        attempt: usize,
    ) -> Result<Facts, StoreError> {
        let (mut targets, mut pins) = (HashMap::new(), HashMap::new());
        let mut places: Vec<Place> = Vec::new();
        for command in annotations.clone() {
            let Operation::Annotate(annotation) = &command.operation else { continue };
            places.push(annotation.place(command.conversation));
            if let Note::Pin(_) = annotation.what {
                pins.entry(command.conversation).or_insert_with(Vec::new);
            }
        }
        if places.is_empty() {
            return Ok((targets, pins));
        }
        if attempt == 1 {
            self.look_up(annotations, sent).await?;
        }
        places.sort_unstable();
        places.dedup();
        for (place, entry) in places.iter().zip(self.store.entries_at(places.clone()).await?) {
            targets.extend(entry.map(|entry| (*place, entry)));
        }
        for (conversation, pinned) in &mut pins {
            *pinned = self.store.pins(*conversation).await?.iter().map(|pin| pin.seq).collect();
        }
        Ok((targets, pins))
    }

    /// Finds those of these sends that have an entry already.
    async fn look_up<'a>(
        &self,
        commands: impl Iterator<Item = &'a Command>,
        sent: &mut HashMap<SentKey, Outcome>,
    ) -> Result<(), StoreError> {
        let keys: Vec<SentKey> = commands
            .filter_map(|command| match &command.operation {
                Operation::Append(message) => {
                    Some((command.conversation, message.device, message.id.clone()))
                }
                Operation::Annotate(annotation) => {
                    Some((command.conversation, annotation.device, annotation.id.clone()))
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

    /// After a failed commit, memory is not trusted until the log has been asked.
    fn doubt(&mut self) {
        for (id, last) in std::mem::take(&mut self.in_flight) {
            self.doubt_about(id, last);
        }
    }

    /// The log of `id` may hold entries after `told` that nobody was told of.
    pub(super) fn doubt_about(&mut self, id: ConversationId, told: Seq) {
        self.uncertain.entry(id).or_insert(told);
        self.settle_at = Instant::now() + SETTLE_AFTER;
    }

    pub(super) async fn route(&self, news: Routed) {
        if !news.is_empty() && self.routed.send(news).await.is_err() {
            tracing::error!("nobody is left to bring the news to");
        }
    }
}

fn refused_sends<'a>(plan: &Plan, batch: &'a [Command]) -> Vec<&'a Command> {
    let refused = |outcome: &Result<Outcome, ChatError>| {
        matches!(
            outcome,
            Err(ChatError::NotFound(_) | ChatError::Forbidden(_) | ChatError::WrongEpoch { .. })
        )
    };
    let answered = plan.outcomes.iter().zip(batch);
    answered
        .filter(|(outcome, command)| refused(outcome) && matches!(command.operation, Operation::Append(_)))
        .map(|(_, command)| command)
        .collect()
}

/// The last entries of the conversations that get new ones.
fn before(
    conversations: &HashMap<ConversationId, Arc<Conversation>>,
    appended: &[Appended],
) -> HashMap<ConversationId, Seq> {
    let changed: HashSet<_> = appended.iter().map(|entry| entry.message.conversation).collect();
    let last = |id| conversations.get(&id).map(|conversation| (id, conversation.state().now.last_seq));
    changed.into_iter().filter_map(last).collect()
}

fn number(appended: &mut [Appended], numbers: Vec<u64>) {
    let slots = appended.iter_mut().flat_map(|entry| &mut entry.device_messages);
    for (slot, number) in slots.zip(numbers) {
        slot.0 = number;
    }
}

fn remember(conversations: &HashMap<ConversationId, Arc<Conversation>>, appended: &[Appended]) {
    for entry in appended {
        if let Some(conversation) = conversations.get(&entry.message.conversation) {
            conversation.state().remember(&entry.message);
        }
    }
}

/// The last message that is kept in memory, if it is not what it was.
fn forget(conversations: &HashMap<ConversationId, Arc<Conversation>>, amended: &[Place]) {
    for (id, seq) in amended {
        if let Some(conversation) = conversations.get(id) {
            let mut state = conversation.state();
            if state.last.as_ref().is_some_and(|last| last.seq == *seq) {
                state.last = None;
            }
        }
    }
}
