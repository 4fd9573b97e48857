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

#[cfg(test)]
mod tests {
    use protocol::{ConversationShape, ConversationSummary, Mark};

    use super::*;
    use crate::inbox::summary;

    fn id(number: u8) -> ConversationId {
        ConversationId::compose(ConversationShape::Direct, 1, [number; 10])
    }

    fn page(conversations: Vec<ConversationSummary>, marks: &[(Seq, MarkKind)], mark: u64) -> SyncPage {
        let marks =
            marks.iter().map(|(seq, kind)| Mark { conversation: id(1), seq: *seq, kind: *kind }).collect();
        let (messages, device_messages) = (Vec::new(), Vec::new());
        SyncPage { conversations, messages, device_messages, marks, mark, more: false }
    }

    fn set(archived: bool) -> ConversationSettings {
        ConversationSettings { archived, muted_until: None }
    }

    fn seen(archived: bool, seen: Seq) -> ConversationSummary {
        ConversationSummary { archived, seen, ..summary(id(1), 9) }
    }

    #[test]
    fn marks_are_given_and_the_next_page_is_asked_from_there() {
        let mut own = OwnState::after(None);
        let marks = [
            (1, MarkKind::Hidden),
            (2, MarkKind::Unsupported),
            (3, MarkKind::Starred),
            (4, MarkKind::Unstarred),
        ];
        let told = own.page(&page(Vec::new(), &marks, 17));
        let expected =
            [Update::Hidden(id(1), 1), Update::Starred(id(1), 3, true), Update::Starred(id(1), 4, false)];
        assert_eq!((told, own.mark), (expected.to_vec(), Some(17)));
    }

    #[test]
    fn what_changed_while_away_is_told_and_what_is_known_is_not() {
        let mut own = OwnState::after(None);
        assert_eq!(own.page(&page(vec![seen(true, 3)], &[], 0)), [], "the beginning");
        assert_eq!(own.page(&page(vec![seen(true, 3)], &[], 0)), []);
        let told = own.page(&page(vec![seen(false, 5), summary(id(2), 1)], &[], 0));
        assert_eq!(told, [Update::Settings(id(1), set(false)), Update::Seen(id(1), 5)]);
        assert_eq!(own.set(id(1), set(true)), Update::Settings(id(1), set(true)));
        assert_eq!(own.seen(id(1), 7), Update::Seen(id(1), 7));
        own.asked();
        assert_eq!(own.page(&page(vec![seen(true, 7)], &[], 0)), [], "told already");
    }

    #[test]
    fn what_is_told_while_a_page_is_on_its_way_is_newer_than_the_page() {
        let mut own = OwnState::after(Some(0));
        own.page(&page(vec![seen(false, 1)], &[], 0));
        own.asked();
        own.set(id(1), set(true));
        own.seen(id(1), 8);
        own.starred(id(1), 3, false);
        let stale = page(vec![seen(false, 5)], &[(3, MarkKind::Starred), (4, MarkKind::Starred)], 2);
        assert_eq!(own.page(&stale), [Update::Starred(id(1), 4, true)]);
        // The next page is newer again.
        own.asked();
        let fresh = page(vec![seen(false, 8)], &[(3, MarkKind::Starred)], 3);
        assert_eq!(own.page(&fresh), [Update::Starred(id(1), 3, true), Update::Settings(id(1), set(false))]);
    }
}
