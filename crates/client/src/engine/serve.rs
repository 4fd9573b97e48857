//! One connection's life: what comes in, what goes out, what is awaited.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use protocol::{
    Body, Content, ConversationId, DeviceId, Message, MessageId, OutgoingMessage, Sent, Seq, SyncPage,
    SyncRequest, UserId,
};

use super::{End, Engine, hand_over};
use crate::runtime::{self, BoxFuture, Instant};
use crate::session::{Command, Connector, Link, Pushes, Update};
use crate::{Error, Inbox, Push};

/// A gap that answers of one's own sends may close is given this long.
const GAP_GRACE: Duration = Duration::from_millis(250);
/// The wait before repeating what the server refused for the moment.
const REFUSED_WAIT: Duration = Duration::from_secs(1);

/// Something asked of the server came to an end, or a wait did.
enum Done {
    Sent(ConversationId, MessageId, Result<Sent, Error>),
    Resume(ConversationId),
    Page(Result<SyncPage, Error>),
    SyncAgain,
    Acknowledged(ConversationId, Seq, Result<(), Error>),
    CheckedIn(Result<(), Error>),
}

/// What belongs to one connection.
struct Current<L> {
    link: L,
    under_way: FuturesUnordered<BoxFuture<'static, Done>>,
    /// A sync was refused for the moment.
    sync_paused: bool,
    /// The run of syncs goes on with another page, once there is room for it.
    page_wanted: bool,
    /// When a gap alone is reason enough.
    gap_until: Option<Instant>,
    /// When gathered acknowledgements go.
    acknowledge_at: Option<Instant>,
}

impl<C: Connector> Engine<C> {
    /// Works over one connection until it breaks or the session ends.
    pub(super) async fn serve(
        &mut self,
        link: C::Link,
        mut pushes: Box<dyn Pushes>,
    ) -> ControlFlow<End, Error> {
        let mut current = Current {
            link,
            under_way: FuturesUnordered::new(),
            sync_paused: false,
            page_wanted: false,
            gap_until: None,
            acknowledge_at: None,
        };
        self.ready.push_back(Update::Connected);
        self.inbox.lose();
        if self.options.check_in {
            let call = current.link.check_in();
            current.under_way.push(Box::pin(async { Done::CheckedIn(call.await) }));
        }
        if !self.unconfirmed.is_empty() {
            current.acknowledge_at = Some(Instant::now());
        }
        for conversation in self.outbox.conversations() {
            self.send_next(&mut current, conversation);
        }
        let taken = Arc::clone(&self.taken);
        loop {
            self.sync_if_due(&mut current);
            let timer = [current.gap_until, current.acknowledge_at].into_iter().flatten().min();
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(Command::Send(conversation, message, waiting)) => {
                        self.outbox.add(conversation, message, waiting);
                        self.send_next(&mut current, conversation);
                    }
                    Some(Command::Close(done)) => return ControlFlow::Break(End::Closed(Some(done))),
                    None => return ControlFlow::Break(End::Closed(None)),
                },
                Some(done) = current.under_way.next() => {
                    if let Err(error) = self.done(&mut current, done) {
                        return ended(error);
                    }
                }
                push = pushes.next(), if self.ready.len() < self.options.ready_max => match push {
                    Ok(push) => self.push(push),
                    Err(error) => return ended(error),
                },
                () = hand_over(&mut self.ready, &self.updates), if !self.ready.is_empty() => (),
                () = taken.changed.notified(), if current.acknowledge_at.is_none() => {
                    current.acknowledge_at = Some(Instant::now() + self.options.acknowledge_after);
                }
                () = wait_for(timer), if timer.is_some() => {
                    if current.acknowledge_at.is_some_and(|at| at <= Instant::now()) {
                        self.acknowledge(&mut current);
                    }
                }
            }
        }
    }

    fn push(&mut self, push: Push) {
        if !self.options.receive {
            return;
        }
        self.ready.extend(match push {
            Push::Message(message) => return self.let_through(|inbox, out| inbox.push(message, out)),
            Push::Resync => return self.inbox.lose(),
            Push::Receipts(conversation, receipts) => Some(Update::Receipts(conversation, receipts)),
            Push::Typing(conversation, user, typing) => Some(Update::Typing(conversation, user, typing)),
            Push::Conversation(summary) => Some(Update::Conversation(summary)),
            Push::Invite(invite) => Some(Update::Invite(invite)),
            Push::Presence(presence) => Some(Update::Presence(presence)),
            Push::Hidden(conversation, seq) => Some(Update::Hidden(conversation, seq)),
            Push::Starred(conversation, seq, starred) => Some(self.own.starred(conversation, seq, starred)),
            Push::Settings(conversation, settings) => Some(self.own.set(conversation, settings)),
            Push::Seen(conversation, seq) => Some(self.own.seen(conversation, seq)),
            Push::Own(what) => Some(Update::Own(what)),
            Push::Device(message) => Some(Update::Device(Box::new(message))),
        });
    }

    fn let_through<T>(&mut self, put: impl FnOnce(&mut Inbox, &mut Vec<Message>) -> T) -> T {
        let mut out = Vec::new();
        let result = put(&mut self.inbox, &mut out);
        let only = self.options.only;
        out.retain(|message| only.is_none_or(|only| only == message.conversation));
        self.ready.extend(out.into_iter().map(|message| Update::Message(Box::new(message))));
        result
    }

    fn done(&mut self, current: &mut Current<C::Link>, done: Done) -> Result<(), Error> {
        match done {
            Done::Sent(conversation, id, result) => self.sent(current, conversation, id, result)?,
            Done::Resume(conversation) => {
                if self.outbox.resume(conversation) {
                    self.send_next(current, conversation);
                } else {
                    resume_later(current, conversation);
                }
            }
            Done::Page(Ok(page)) => {
                self.remind(current, &page);
                let (own, mark) = (self.own.page(&page), page.mark);
                current.page_wanted = self.let_through(|inbox, out| inbox.page(page, out));
                // After the messages: they may be about them.
                self.ready.extend(own);
                if !current.page_wanted {
                    self.ready.push_back(Update::Synced { mark });
                }
            }
            Done::Page(Err(error)) if error.is_temporary() => {
                self.inbox.abandon();
                current.sync_paused = true;
                current.under_way.push(Box::pin(async {
                    runtime::sleep(REFUSED_WAIT).await;
                    Done::SyncAgain
                }));
            }
            Done::Page(Err(error)) => return Err(error),
            Done::SyncAgain => current.sync_paused = false,
            Done::Acknowledged(conversation, seq, Ok(())) => {
                if self.unconfirmed.get(&conversation) == Some(&seq) {
                    self.unconfirmed.remove(&conversation);
                }
                let confirmed = self.confirmed.entry(conversation).or_default();
                *confirmed = seq.max(*confirmed);
            }
            Done::Acknowledged(_, _, Err(error)) if error.is_temporary() => {
                current.acknowledge_at.get_or_insert(Instant::now() + REFUSED_WAIT);
            }
            Done::Acknowledged(conversation, seq, Err(error @ Error::Refused { .. })) => {
                // Such as a group one was removed from meanwhile: nobody waits for it.
                tracing::debug!(%conversation, seq, %error, "an acknowledgement was refused");
                self.unconfirmed.remove(&conversation);
            }
            Done::Acknowledged(_, _, Err(error)) => return Err(error),
            Done::CheckedIn(Err(error)) if error.breaks_connection() => return Err(error),
            Done::CheckedIn(_) => (),
        }
        Ok(())
    }

    fn sent(
        &mut self,
        current: &mut Current<C::Link>,
        conversation: ConversationId,
        id: MessageId,
        result: Result<Sent, Error>,
    ) -> Result<(), Error> {
        match result {
            Err(error) if error.is_temporary() => {
                self.outbox.refused_for_now(conversation, &id);
                resume_later(current, conversation);
                return Ok(());
            }
            // The message stays in the outbox and goes again over the next connection.
            Err(error) if error.breaks_connection() || error == Error::SignedOut => return Err(error),
            result => {
                if let Some((message, waiting)) = self.outbox.answered(conversation, &id) {
                    if let (Ok(sent), true) = (&result, self.options.receive) {
                        let own = own_message(self.connector.identity(), conversation, message, sent);
                        self.let_through(|inbox, out| inbox.push(own, out));
                    }
                    let _ = waiting.answer.send(result);
                }
            }
        }
        self.send_next(current, conversation);
        Ok(())
    }

    fn send_next(&mut self, current: &mut Current<C::Link>, conversation: ConversationId) {
        while let Some(message) = self.outbox.next(conversation) {
            let Some(id) = message.id.clone() else { continue };
            let call = current.link.send(conversation, message);
            current.under_way.push(Box::pin(async move { Done::Sent(conversation, id, call.await) }));
        }
    }

    fn sync_if_due(&mut self, current: &mut Current<C::Link>) {
        if current.page_wanted && self.ready.len() < self.options.ready_max {
            current.page_wanted = false;
            self.ask_for_page(current);
        }
        if !self.options.receive || current.sync_paused || !self.inbox.is_due() {
            current.gap_until = None;
            return;
        }
        if self.inbox.is_due_for_gaps_only() && self.outbox.is_under_way() {
            let until = *current.gap_until.get_or_insert(Instant::now() + GAP_GRACE);
            if Instant::now() < until {
                return;
            }
        }
        current.gap_until = None;
        self.ask_for_page(current);
    }

    fn ask_for_page(&mut self, current: &mut Current<C::Link>) {
        self.own.asked();
        let request = SyncRequest { after_mark: self.own.mark, ..self.inbox.request() };
        let call = current.link.sync(request);
        current.under_way.push(Box::pin(async { Done::Page(call.await) }));
    }

    fn acknowledge(&mut self, current: &mut Current<C::Link>) {
        current.acknowledge_at = None;
        for (conversation, seq) in self.taken.drain() {
            let known = self.unconfirmed.entry(conversation).or_default();
            *known = seq.max(*known);
        }
        for (&conversation, &seq) in &self.unconfirmed {
            let call = current.link.acknowledge(conversation, seq);
            current
                .under_way
                .push(Box::pin(async move { Done::Acknowledged(conversation, seq, call.await) }));
        }
    }

    /// Acknowledges again what the server has forgotten.
    fn remind(&mut self, current: &mut Current<C::Link>, page: &SyncPage) {
        for summary in &page.conversations {
            let confirmed = self.confirmed.get(&summary.id).copied().unwrap_or_default();
            if confirmed > summary.delivered && confirmed <= summary.last_seq {
                self.unconfirmed.entry(summary.id).or_insert(confirmed);
                current.acknowledge_at.get_or_insert_with(Instant::now);
            }
        }
    }
}

fn ended(error: Error) -> ControlFlow<End, Error> {
    ControlFlow::Continue(error)
}

fn resume_later<L>(current: &mut Current<L>, conversation: ConversationId) {
    current.under_way.push(Box::pin(async move {
        runtime::sleep(REFUSED_WAIT).await;
        Done::Resume(conversation)
    }));
}

async fn wait_for(until: Option<Instant>) {
    if let Some(until) = until {
        runtime::sleep_until(until).await;
    }
}

fn own_message(
    (sender, device): (UserId, DeviceId),
    conversation: ConversationId,
    message: OutgoingMessage,
    sent: &Sent,
) -> Message {
    let text = message.text;
    Message {
        conversation,
        seq: sent.seq,
        sender,
        device,
        id: sent.id.clone(),
        sent_at: sent.sent_at,
        kind: message.kind,
        epoch: message.epoch,
        body: message.body.unwrap_or_else(|| Body::Open(Content::text(text.unwrap_or_default()))),
        edited_at: None,
        reactions: Vec::new(),
    }
}
