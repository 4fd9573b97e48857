//! What can be searched: words of messages, written down behind the log.

use async_trait::async_trait;
use bytes::Bytes;
use protocol::{ConversationId, Seq, Timestamp, UserId};

use super::{NewEntry, Place, Span, StoreError};

/// The words of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The message.
    pub place: Place,
    /// The body they were taken from. If the entry says something else by now, they are not written.
    pub body: Bytes,
    /// The words: letters and digits, each once. None makes the message be found no more.
    pub words: Vec<String>,
}

/// A place among everything that can be searched, the newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchCursor {
    /// When the message was sent.
    pub time: Timestamp,
    /// Tells apart what was sent at the same time.
    pub number: u64,
}

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Where: nothing outside of these is found.
    pub spans: Vec<Span>,
    /// Who looks: what they have hidden is not found.
    pub reader: UserId,
    /// Words that a message must have, all of them.
    pub words: Vec<String>,
    /// And a word that begins like this.
    pub prefix: Option<String>,
    /// Only what comes after this.
    pub before: Option<SearchCursor>,
    /// At most so many.
    pub limit: usize,
}

/// What was found, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hits {
    /// The entries, each with its place among all.
    pub entries: Vec<(SearchCursor, NewEntry)>,
    /// Where to go on; none at the end.
    pub next: Option<SearchCursor>,
}

/// The part of the tables that is searched.
#[async_trait]
pub trait SearchStore: Send + Sync + 'static {
    /// Looks at `limit` conversations after one, by id: those of them that are plain and have entries beyond their mark,
    /// and the last one looked at, if there may be more.
    async fn unsearchable(
        &self,
        after: Option<ConversationId>,
        limit: usize,
    ) -> Result<(Vec<ConversationId>, Option<ConversationId>), StoreError>;

    /// The entry up to which a conversation can be searched; 0 in the beginning.
    async fn search_mark(&self, conversation: ConversationId) -> Result<Seq, StoreError>;

    /// Writes words, and how far conversations can then be searched.
    async fn index(&self, words: Vec<Words>, marks: Vec<Place>) -> Result<(), StoreError>;

    /// Finds messages.
    async fn search(&self, search: Search) -> Result<Hits, StoreError>;
}
