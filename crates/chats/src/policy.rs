//! The bounds of this service.

use protocol::{Retention, Timestamp};

const DAY_MS: i64 = 86_400_000;

/// The bounds of this service, each set by the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The largest body of a message, in bytes.
    pub message_bytes: usize,
    /// The most members a group may have.
    pub group_members: usize,
    /// The most messages one page of history or sync holds.
    pub page_messages: usize,
    /// The most conversations one page of them holds.
    pub page_conversations: usize,
    /// The most bytes of bodies one page holds (but at least one message).
    pub page_bytes: usize,
    /// How long after it was sent its author may edit a message, in milliseconds; 0 for ever.
    pub edit_window_ms: i64,
    /// The most messages pinned in one conversation.
    pub pins: usize,
    /// The most messages that one user has starred.
    pub stars: usize,
    /// The most members that react to one message.
    pub reactions: usize,
    /// The most messages that wait for one device. Those that two conversations bring at the same moment may go beyond.
    pub device_queue_messages: u64,
    /// The most bytes that wait for one device, alike.
    pub device_queue_bytes: u64,
    /// The most links of a group that still admit.
    pub group_links: usize,
    /// The most uses that a link may be bounded to.
    pub link_uses: u32,
    /// The most messages to single devices that one commit carries: one for every device it adds.
    pub device_messages: usize,
    /// The most of those, and of marks, that one page of a sync brings.
    pub page_device_messages: usize,
    /// Members of a group that a list of conversations names.
    pub listed_members: usize,
    /// Members up to which a list tells how far one's own last message has come in a group.
    pub status_members: usize,
    /// Where counting unread messages stops.
    pub unread_count: u32,
    /// Characters of a question to the search.
    pub question_characters: usize,
    /// Words of a question.
    pub question_words: usize,
    /// Conversations that one question looks through, those with the latest entries.
    pub question_conversations: usize,
    /// The most messages on a page of answers.
    pub page_found: usize,
    /// Whether words of plain conversations are written down and can be searched.
    pub search: bool,
    /// Commands that may wait for one batcher; whoever comes later waits for a place.
    pub queued_commands: usize,
    /// Commands that one batch takes.
    pub batch_commands: usize,
    /// Bytes of bodies after which a batch takes no more commands: a transaction is held in memory, on both sides.
    pub batch_bytes: usize,
    /// Batchers, among which conversations are spread: one for SQLite, two to four for PostgreSQL.
    pub batchers: usize,
    /// Conversations kept in memory.
    pub cached_conversations: usize,
    /// How often receipts are written, in milliseconds: what a crash may lose of them.
    pub receipts_flush_ms: u64,
    /// How often senders hear of receipts, in milliseconds.
    pub receipts_notice_ms: u64,
    /// How long bodies are kept where a conversation does not say.
    pub retention: Retention,
    /// With `until_delivered`, the days after which a body goes though somebody has not got it.
    pub undelivered_days: u32,
    /// How often everything is looked through for bodies whose time has come, in seconds.
    pub sweep_every_s: u64,
    /// Entries that one write of the sweeper looks at.
    pub sweep_entries: usize,
}

impl Policy {
    /// How long bodies are kept in a conversation for which this is set.
    pub fn retention(&self, set: Option<Retention>) -> Retention {
        match (set.unwrap_or_default(), self.retention) {
            (Retention::Default, Retention::Default) => Retention::Forever,
            (Retention::Default, ours) => ours,
            (theirs, _) => theirs,
        }
    }

    /// How long bodies are kept at most in a conversation for which this is set, in milliseconds; none for ever.
    pub(crate) fn kept_ms(&self, set: Option<Retention>) -> Option<i64> {
        let patience = i64::from(self.undelivered_days) * DAY_MS;
        match self.retention(set) {
            Retention::Default | Retention::Forever => None,
            Retention::UntilDelivered => Some(patience),
            retention @ (Retention::Days(_) | Retention::Seconds(_)) => {
                Some(retention.milliseconds().unwrap_or(patience))
            }
        }
    }

    /// Where this is set, what was sent up to this time is over at `now`.
    pub(crate) fn cutoff(&self, set: Option<Retention>, now: Timestamp) -> Option<Timestamp> {
        self.kept_ms(set).map(|kept| now.saturating_sub(kept))
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            message_bytes: 64 * 1024,
            group_members: 1_024,
            page_messages: 500,
            page_conversations: 1_000,
            page_bytes: 1024 * 1024,
            edit_window_ms: 0,
            pins: 50,
            stars: 10_000,
            reactions: 1_000,
            device_queue_messages: 10_000,
            device_queue_bytes: 16 * 1024 * 1024,
            group_links: 20,
            link_uses: 100_000,
            device_messages: 4_096,
            page_device_messages: 500,
            listed_members: 8,
            status_members: 64,
            unread_count: 1_000,
            question_characters: 256,
            question_words: 16,
            question_conversations: 1_000,
            page_found: 200,
            search: true,
            queued_commands: 4_096,
            batch_commands: 1_024,
            batch_bytes: 16 * 1024 * 1024,
            batchers: 1,
            cached_conversations: 100_000,
            receipts_flush_ms: 1_000,
            receipts_notice_ms: 200,
            retention: Retention::Forever,
            undelivered_days: 30,
            sweep_every_s: 60,
            sweep_entries: 500,
        }
    }
}
