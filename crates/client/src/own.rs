//! What the user does on other devices: told while connected, and found out from syncs.

use std::collections::{HashMap, HashSet};

use protocol::{ConversationId, ConversationSettings, MarkKind, Seq, SyncPage};

use crate::Update;

/// What is known of it.
#[derive(Debug, Default)]
pub(crate) struct OwnState {
    /// The last mark given.
    pub(crate) mark: Option<u64>,
    /// What is set for each conversation, and up to where it was seen; nothing before the first page.
    known: HashMap<ConversationId, (ConversationSettings, Seq)>,
    /// What was told while a page was on its way: newer than what it says.
    newer_settings: HashSet<ConversationId>,
    newer_stars: HashSet<(ConversationId, Seq)>,
}

impl OwnState {
    pub(crate) fn after(mark: Option<u64>) -> Self {
        Self { mark, ..Self::default() }
    }

    /// A page is asked for.
    pub(crate) fn asked(&mut self) {
        self.newer_settings.clear();
        self.newer_stars.clear();
    }

    /// What another device has set was told.
    pub(crate) fn set(&mut self, conversation: ConversationId, settings: ConversationSettings) -> Update {
        self.newer_settings.insert(conversation);
        if let Some((known, _)) = self.known.get_mut(&conversation) {
            *known = settings;
        }
        Update::Settings(conversation, settings)
    }

    /// What another device has seen was told.
    pub(crate) fn seen(&mut self, conversation: ConversationId, seq: Seq) -> Update {
        if let Some((_, known)) = self.known.get_mut(&conversation) {
            *known = seq.max(*known);
        }
        Update::Seen(conversation, seq)
    }

    /// A star was told.
    pub(crate) fn starred(&mut self, conversation: ConversationId, seq: Seq, starred: bool) -> Update {
        self.newer_stars.insert((conversation, seq));
        Update::Starred(conversation, seq, starred)
    }

    /// What a page tells.
    pub(crate) fn page(&mut self, page: &SyncPage) -> Vec<Update> {
        let mut updates = Vec::new();
        for mark in &page.marks {
            let place = (mark.conversation, mark.seq);
            let starred = match mark.kind {
                MarkKind::Hidden => {
                    updates.push(Update::Hidden(mark.conversation, mark.seq));
                    continue;
                }
                MarkKind::Starred => true,
                MarkKind::Unstarred => false,
                MarkKind::Unsupported => continue,
            };
            if !self.newer_stars.contains(&place) {
                updates.push(Update::Starred(mark.conversation, mark.seq, starred));
            }
        }
        self.mark = Some(page.mark);
        for summary in &page.conversations {
            let mut settings =
                ConversationSettings { archived: summary.archived, muted_until: summary.muted_until };
            let Some((known, seen)) = self.known.get_mut(&summary.id) else {
                self.known.insert(summary.id, (settings, summary.seen));
                continue;
            };
            if self.newer_settings.contains(&summary.id) {
                settings = *known;
            }
            if settings != *known {
                *known = settings;
                updates.push(Update::Settings(summary.id, settings));
            }
            if summary.seen > *seen {
                *seen = summary.seen;
                updates.push(Update::Seen(summary.id, summary.seen));
            }
        }
        updates
    }
}
