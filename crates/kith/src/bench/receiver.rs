//! One user who receives: what the real client's engine does, without keeping the messages.

use protocol::{Body, Content, ConversationId, Seq, SyncPage, SyncRequest, events};
use signalr::{Arguments, Message, Payload};

use super::mark::Mark;
use super::tally::Tally;
use super::wire::Wire;

#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) wire: Wire,
    conversation: ConversationId,
    /// The conversation's id as it stands in a push.
    encoded: Vec<u8>,
    run: u32,
    /// This user's own number as a sender: what another connection of the same user sent comes here too, and is no
    /// delivery.
    own: Option<u32>,
    pub(super) tally: Tally,
    /// What was there before, or came by a sync: pushes of it may still be on their way, and are no repeats.
    known: Seq,
    acknowledged: Seq,
    /// The call of a sync under way.
    syncing: Option<String>,
    /// Something was dropped after that sync began: another must follow.
    again: bool,
    /// Pushes that came during a sync.
    held: Vec<(Seq, Option<Mark>)>,
    /// Syncs that were needed.
    pub(super) syncs: u64,
}

impl Receiver {
    /// Receives what comes behind `last`.
    pub(super) fn new(
        wire: Wire,
        conversation: ConversationId,
        last: Seq,
        run: u32,
        own: Option<u32>,
    ) -> anyhow::Result<Self> {
        let encoded = Payload::encode(wire.protocol(), &conversation)?.as_bytes().to_vec();
        let tally = Tally::after(last);
        Ok(Self {
            wire,
            conversation,
            encoded,
            run,
            own,
            tally,
            known: last,
            acknowledged: last,
            syncing: None,
            again: false,
            held: Vec::new(),
            syncs: 0,
        })
    }

    /// Takes in everything that was read; each of this run's messages goes to `arrived` once. What is none of a
    /// receiver's business goes to `other`.
    pub(super) fn take_in(
        &mut self,
        mut arrived: impl FnMut(Mark),
        mut other: impl FnMut(Message) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        while let Some(message) = self.wire.next()? {
            match message {
                Message::Invocation(call) if call.target == events::MESSAGE => {
                    if call.arguments.raw(0) == Some(&self.encoded) {
                        let (seq, mark) = entry(&call.arguments)?;
                        self.pushed(seq, mark, &mut arrived)?;
                    }
                }
                Message::Invocation(call) if call.target == events::RESYNC => {
                    self.again = self.syncing.is_some();
                    self.sync()?;
                }
                Message::Completion { id, outcome } if self.syncing.as_ref() == Some(&id) => {
                    let payload = outcome.map_err(|error| anyhow::anyhow!("Sync: {error}"))?;
                    self.page(&payload.decode::<SyncPage>()?, &mut arrived)?;
                }
                message => other(message)?,
            }
        }
        Ok(())
    }

    fn pushed(&mut self, seq: Seq, mark: Option<Mark>, arrived: &mut impl FnMut(Mark)) -> anyhow::Result<()> {
        if self.syncing.is_some() {
            self.held.push((seq, mark));
        } else if seq <= self.known {
            // Nothing is made of it.
        } else if seq <= self.tally.last_seq {
            self.tally.repeated();
        } else if seq > self.tally.last_seq + 1 {
            self.held.push((seq, mark));
            self.sync()?;
        } else {
            self.accept(seq, mark, arrived);
        }
        Ok(())
    }

    fn accept(&mut self, seq: Seq, mark: Option<Mark>, arrived: &mut impl FnMut(Mark)) {
        match mark.filter(|mark| mark.run == self.run) {
            Some(mark) if Some(mark.sender) != self.own => {
                self.tally.accept(seq, mark.sender, mark.index);
                arrived(mark);
            }
            _ => self.tally.last_seq = self.tally.last_seq.max(seq),
        }
    }

    /// Asks for what is missing, unless that is under way.
    fn sync(&mut self) -> anyhow::Result<()> {
        if self.syncing.is_none() {
            self.syncs += 1;
            self.ask_for_page()?;
        }
        Ok(())
    }

    fn ask_for_page(&mut self) -> anyhow::Result<()> {
        let after = vec![(self.conversation, self.tally.last_seq)];
        let call = self.wire.call("Sync", &(SyncRequest { after, ..SyncRequest::default() },))?;
        self.syncing = Some(call.to_string());
        Ok(())
    }

    fn page(&mut self, page: &SyncPage, arrived: &mut impl FnMut(Mark)) -> anyhow::Result<()> {
        for message in &page.messages {
            if message.conversation == self.conversation && message.seq > self.tally.last_seq {
                self.accept(message.seq, mark_of(&message.body), arrived);
            }
        }
        if page.more {
            return self.ask_for_page();
        }
        self.syncing = None;
        self.known = self.tally.last_seq;
        let held = std::mem::take(&mut self.held);
        for (seq, mark) in held {
            if seq > self.tally.last_seq {
                self.pushed(seq, mark, arrived)?;
            }
        }
        if std::mem::take(&mut self.again) { self.sync() } else { Ok(()) }
    }

    /// Acknowledges up to the last message taken in, if that is news: as a client does once per burst that it read. The
    /// answer is not wanted.
    pub(super) fn acknowledge(&mut self) -> anyhow::Result<()> {
        if self.tally.last_seq > self.acknowledged {
            self.acknowledged = self.tally.last_seq;
            self.wire.notify("Acknowledge", &(self.conversation, self.acknowledged))?;
        }
        Ok(())
    }
}

fn entry(arguments: &Arguments) -> anyhow::Result<(Seq, Option<Mark>)> {
    Ok((arguments.get(1)?, arguments.raw(3).and_then(Mark::read)))
}

/// The mark of a message's body.
pub(super) fn mark_of(body: &Body) -> Option<Mark> {
    match body {
        Body::Open(Content::Text { text, .. }) => Mark::read(text.as_bytes()),
        _ => None,
    }
}
