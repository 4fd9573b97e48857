//! From pushes that may be lost and pages that may overlap to every message once and in order.

use std::collections::{BTreeMap, HashMap};

use protocol::{ConversationId, Message, Seq, SyncPage, SyncRequest};

/// Messages held back over all conversations because something before them is missing. More are dropped, and fetched by
/// the next sync.
const EARLY_MAX: usize = 4_096;

/// What has come of each conversation, and what is missing.
///
/// The first run of syncs tells where each conversation begins: just before the first message it yields, or, where it
/// yields none, at the end of the log. From then on a message is let through when it follows the last one. One that
/// comes early waits, and a sync is due. What a run that began after an early message came still does not yield is not
/// for this user to see (another stay in a group, or a body that is gone), so the run's end closes that gap.
#[derive(Debug, Default)]
pub struct Inbox {
    conversations: HashMap<ConversationId, Place>,
    early_count: usize,
    /// Counts runs of syncs.
    run: u64,
    running: bool,
    /// Something was lost since the current run began, or the last if none is under way.
    incomplete: bool,
}

#[derive(Debug, Default)]
struct Place {
    /// The last message let through; unknown until a run of syncs has told.
    position: Option<Seq>,
    /// The end of the log when a run first mentioned the conversation.
    end_at_first_sight: Option<Seq>,
    /// Messages after a gap, each with the number of runs begun when it came.
    early: BTreeMap<Seq, (Message, u64)>,
}

impl Inbox {
    /// An inbox that has let through everything up to these places.
    pub fn after(positions: &HashMap<ConversationId, Seq>) -> Self {
        let place =
            |(id, seq): (&ConversationId, &Seq)| (*id, Place { position: Some(*seq), ..Place::default() });
        Self { conversations: positions.iter().map(place).collect(), ..Self::default() }
    }

    /// A message came by itself: pushed by the server, or sent by this connection and answered. Lets through what it
    /// completes.
    pub fn push(&mut self, message: Message, out: &mut impl Extend<Message>) {
        let place = self.conversations.entry(message.conversation).or_default();
        match place.position {
            Some(position) if message.seq <= position => (),
            Some(position) if message.seq == position + 1 => {
                place.position = Some(message.seq);
                out.extend([message]);
                self.early_count -= place.release(out);
            }
            _ if self.early_count >= EARLY_MAX => self.incomplete = true,
            _ => {
                if place.early.insert(message.seq, (message, self.run)).is_none() {
                    self.early_count += 1;
                }
            }
        }
    }

    /// The server dropped events, or the connection is new: a sync is due even without a visible gap.
    pub fn lose(&mut self) {
        self.incomplete = true;
    }

    /// The connection broke: the run under way will not end.
    pub fn abandon(&mut self) {
        self.running = false;
        self.incomplete = true;
    }

    /// Whether a run of syncs should begin now.
    pub fn is_due(&self) -> bool {
        !self.running && (self.incomplete || self.early_count > 0)
    }

    /// Whether a run is due only because of a gap that answers under way may close by themselves.
    pub fn is_due_for_gaps_only(&self) -> bool {
        self.is_due() && !self.incomplete
    }

    /// The request for the first or the next page of a run.
    pub fn request(&mut self) -> SyncRequest {
        // The first page of a run has brought the conversations.
        let without_conversations = self.running;
        if !self.running {
            self.running = true;
            self.run += 1;
            self.incomplete = false;
        }
        let place = |(id, place): (&ConversationId, &Place)| Some((*id, place.position?));
        let after = self.conversations.iter().filter_map(place).collect();
        SyncRequest { after, without_conversations, ..SyncRequest::default() }
    }

    /// A page of the run came. Lets its messages through; at the run's end also what the run has shown to have no
    /// predecessor. Answers whether another page must be asked for.
    pub fn page(&mut self, page: SyncPage, out: &mut impl Extend<Message>) -> bool {
        for summary in &page.conversations {
            let place = self.conversations.entry(summary.id).or_default();
            place.end_at_first_sight.get_or_insert(summary.last_seq);
        }
        for message in page.messages {
            // Whatever lies between its predecessor in the page and it is not for this user.
            let place = self.conversations.entry(message.conversation).or_default();
            if place.position.is_none_or(|position| position < message.seq) {
                self.early_count -= place.release_below(message.seq, out);
                place.position = Some(message.seq);
                out.extend([message]);
                self.early_count -= place.release(out);
            }
        }
        if page.more {
            return true;
        }
        self.end_run(out);
        false
    }

    /// Up to where a conversation has been let through, once that is known.
    pub fn position(&self, conversation: ConversationId) -> Option<Seq> {
        self.conversations.get(&conversation)?.position
    }

    fn end_run(&mut self, out: &mut impl Extend<Message>) {
        self.running = false;
        for place in self.conversations.values_mut() {
            if let (None, Some(end)) = (place.position, place.end_at_first_sight) {
                // Not beyond what came by itself: that is new, however the server ordered its reads.
                let first_early = place.early.keys().next().map_or(Seq::MAX, |seq| seq.saturating_sub(1));
                place.position = Some(end.min(first_early));
                self.early_count -= place.release(out);
            }
            let came_before = place.early.iter().rev().find(|(_, (_, run))| *run < self.run);
            if let Some(last) = came_before.map(|(seq, _)| *seq) {
                self.early_count -= place.release_below(last + 1, out);
                self.early_count -= place.release(out);
            }
        }
    }
}

impl Place {
    /// Lets through what now follows without a gap; answers how many are held no more.
    fn release(&mut self, out: &mut impl Extend<Message>) -> usize {
        let mut released = 0;
        while let (Some(position), Some(entry)) = (self.position, self.early.first_entry()) {
            if *entry.key() > position + 1 {
                break;
            }
            let (seq, (message, _)) = entry.remove_entry();
            released += 1;
            if seq == position + 1 {
                self.position = Some(seq);
                out.extend([message]);
            }
        }
        released
    }

    /// Lets through what was held back before `seq`, gaps or not; answers how many are held no more.
    fn release_below(&mut self, seq: Seq, out: &mut impl Extend<Message>) -> usize {
        let mut released = 0;
        while let Some(entry) = self.early.first_entry().filter(|entry| *entry.key() < seq) {
            let (seq, (message, _)) = entry.remove_entry();
            released += 1;
            if self.position.is_none_or(|position| position < seq) {
                self.position = Some(seq);
                out.extend([message]);
            }
        }
        released
    }
}

#[cfg(test)]
#[path = "inbox_tests.rs"]
mod tests;
#[cfg(test)]
pub(crate) use tests::summary;
