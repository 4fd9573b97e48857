//! Words are written down behind the log, so that sending pays nothing for them: for each conversation up to a mark, a few
//! entries at a time. What a crash interrupts goes on from the marks.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use protocol::{Body, Content, ConversationId, ConversationKind, MessageKind, Seq};
use tokio::sync::Notify;

use super::words_of;
use crate::caught::caught;
use crate::log::message_of;
use crate::store::{NewEntry, Place, Range, StoreError, Words};
use crate::{Appended, Chats};

/// The wait between two batches: what comes meanwhile is gathered, and the writer is left to others.
const PAUSE: Duration = Duration::from_millis(50);
/// The wait after the store has failed.
const REST: Duration = Duration::from_secs(1);
/// Entries in a batch, which takes the writer some milliseconds.
const ENTRIES: usize = 200;
/// Bytes of their bodies, but for the last.
const BYTES: usize = 256 * 1024;
/// Conversations looked at in one go for what an earlier life has left.
const LOOKED_AT: usize = 500;
/// Marks kept in memory.
const MARKS: usize = 10_000;

/// Conversations whose logs have gone on.
#[derive(Default)]
pub(crate) struct Searchable {
    behind: Mutex<HashSet<ConversationId>>,
    wake: Notify,
}

impl Searchable {
    /// These entries are new.
    pub(crate) fn note(&self, entries: &[Appended]) {
        // Only mls entries name an epoch; what else is not plain is sorted out later.
        let readable = entries.iter().filter(|it| it.message.epoch.is_none());
        self.add(readable.map(|it| it.message.conversation));
    }

    fn add(&self, conversations: impl Iterator<Item = ConversationId>) {
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        behind.extend(conversations);
        if !behind.is_empty() {
            self.wake.notify_one();
        }
    }

    fn take(&self) -> Vec<ConversationId> {
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        let some: Vec<_> = behind.iter().copied().take(ENTRIES).collect();
        for id in &some {
            behind.remove(id);
        }
        if !behind.is_empty() {
            self.wake.notify_one();
        }
        some
    }
}

/// One batch to be.
#[derive(Default)]
struct Batch {
    words: Vec<Words>,
    marks: Vec<Place>,
    entries: usize,
    bytes: usize,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.entries >= ENTRIES || self.bytes >= BYTES
    }
}

impl Chats {
    pub(crate) fn start_writing_words(self: &Arc<Self>, searchable: Arc<Searchable>) {
        let chats = Arc::downgrade(self);
        self.run_behind(async move {
            let mut marks = HashMap::new();
            let mut left_behind = LeftBehind::default();
            loop {
                if left_behind.done {
                    searchable.wake.notified().await;
                }
                tokio::time::sleep(PAUSE).await;
                let Some(chats) = Weak::upgrade(&chats) else { return };
                let round = chats.write_words(&searchable, &mut marks, &mut left_behind);
                if !matches!(caught("writing words", round).await, Some(Ok(()))) {
                    marks.clear();
                    drop(chats);
                    tokio::time::sleep(REST).await;
                }
            }
        });
    }

    async fn write_words(
        &self,
        searchable: &Searchable,
        marks: &mut HashMap<ConversationId, Seq>,
        left_behind: &mut LeftBehind,
    ) -> Result<(), StoreError> {
        if !left_behind.done {
            let (found, next) = self.store.unsearchable(left_behind.after, LOOKED_AT).await?;
            searchable.add(found.into_iter());
            *left_behind = LeftBehind { after: next, done: next.is_none() };
        }
        let mut todo = Unfinished { searchable, left: searchable.take() };
        let mut batch = Batch::default();
        while let Some(id) = todo.left.last().copied() {
            if batch.is_full() || self.gather(id, marks, &mut batch).await? {
                break;
            }
            todo.left.pop();
        }
        let told = batch.marks.clone();
        if !batch.marks.is_empty() {
            if let Err(error) = self.store.index(batch.words, batch.marks).await {
                // Where they stand is asked again; that they are behind must not be forgotten.
                todo.left.extend(told.into_iter().map(|(id, _)| id));
                tracing::debug!(%error, "words were not written; they will be");
                return Err(error);
            }
            if marks.len() > MARKS {
                marks.clear();
            }
            marks.extend(told);
        }
        Ok(())
    }

    /// Adds what is next of a conversation; answers whether there is still more.
    async fn gather(
        &self,
        id: ConversationId,
        marks: &HashMap<ConversationId, Seq>,
        batch: &mut Batch,
    ) -> Result<bool, StoreError> {
        let Some(conversation) = self.cache.one(&*self.store, id).await? else { return Ok(false) };
        if conversation.kind() != ConversationKind::Plain {
            return Ok(false);
        }
        let mark = match marks.get(&id) {
            Some(mark) => *mark,
            None => self.store.search_mark(id).await?,
        };
        let limit = ENTRIES.saturating_sub(batch.entries).max(1);
        let entries = self.store.read(Range::between(id, mark, Seq::MAX, limit)).await?;
        let full = entries.len() == limit;
        let (mut reached, mut cut) = (mark, false);
        let mut edited: Vec<Place> = Vec::new();
        for entry in entries {
            if batch.bytes >= BYTES {
                cut = true;
                break;
            }
            reached = entry.seq;
            batch.entries += 1;
            batch.bytes += entry.body.len();
            match (entry.kind, entry.target) {
                (MessageKind::Content, _) => batch.words.push(words_in(entry)),
                (MessageKind::Annotation, Some(target)) => edited.push((id, target)),
                _ => {}
            }
        }
        for entry in self.store.entries_at(edited).await?.into_iter().flatten() {
            batch.bytes += entry.body.len();
            batch.words.push(words_in(entry));
        }
        if reached > mark {
            batch.marks.push((id, reached));
        }
        Ok(full || cut)
    }
}

/// How far the look at what an earlier life has left has come.
#[derive(Default)]
struct LeftBehind {
    after: Option<ConversationId>,
    done: bool,
}

/// Conversations that are not dealt with go back, whatever happens.
struct Unfinished<'a> {
    searchable: &'a Searchable,
    left: Vec<ConversationId>,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.searchable.add(self.left.drain(..));
    }
}

fn words_in(entry: NewEntry) -> Words {
    let (place, body) = ((entry.conversation, entry.seq), entry.body.clone());
    let words = match message_of(ConversationKind::Plain, entry).body {
        Body::Open(content @ Content::Text { .. }) => words_of(&content),
        _ => Vec::new(),
    };
    Words { place, body, words }
}
