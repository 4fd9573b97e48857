//! The conversations in memory. There is at most one [`Conversation`] for an id at any time, however many ask for it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::ConversationId;

use crate::conversation::Conversation;
use crate::store::{ChatStore, StoreError};

/// Parts of the cache with a lock each.
const SHARDS: usize = 16;

#[derive(Default)]
struct Shard {
    conversations: HashMap<ConversationId, Arc<Conversation>>,
    /// Those being loaded right now, and by how many. What is loaded meanwhile by somebody else stays: it may have
    /// moved on since the others read its head.
    loading: HashMap<ConversationId, usize>,
}

impl Shard {
    /// Drops an eighth of those that nobody uses right now.
    fn make_room(&mut self) {
        let unused: Vec<_> = self
            .conversations
            .iter()
            .filter(|(id, conversation)| {
                Arc::strong_count(conversation) == 1 && !self.loading.contains_key(id)
            })
            .map(|(id, _)| *id)
            .take(self.conversations.len() / 8 + 1)
            .collect();
        for id in unused {
            self.conversations.remove(&id);
        }
    }
}

pub(crate) struct Cache {
    shards: Vec<Mutex<Shard>>,
    shard_bound: usize,
}

impl Cache {
    pub(crate) fn new(bound: usize) -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), shard_bound: (bound / SHARDS).max(1) }
    }

    fn shard(&self, id: ConversationId) -> MutexGuard<'_, Shard> {
        // The byte before last is random.
        let shard = usize::from(id.as_bytes()[14]) % SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that exist, from memory or from the store.
    pub(crate) async fn load(
        &self,
        store: &dyn ChatStore,
        ids: impl IntoIterator<Item = ConversationId>,
    ) -> Result<HashMap<ConversationId, Arc<Conversation>>, StoreError> {
        let mut found = HashMap::new();
        let mut loading = Loading { cache: self, ids: HashSet::new() };
        for id in ids {
            let mut shard = self.shard(id);
            match shard.conversations.get(&id) {
                Some(conversation) => drop(found.insert(id, Arc::clone(conversation))),
                None if loading.ids.insert(id) => *shard.loading.entry(id).or_default() += 1,
                None => {}
            }
        }
        if !loading.ids.is_empty() {
            for head in store.load(loading.ids.iter().copied().collect()).await? {
                let id = head.id;
                let mut shard = self.shard(id);
                if shard.conversations.len() >= self.shard_bound {
                    shard.make_room();
                }
                // Whoever loaded it first keeps it: two for one id would drift apart.
                let conversation =
                    shard.conversations.entry(id).or_insert_with(|| Arc::new(Conversation::new(head)));
                found.insert(id, Arc::clone(conversation));
            }
        }
        Ok(found)
    }

    /// Each of these, in order, from memory or from the store; none where there is no such conversation.
    pub(crate) async fn load_each(
        &self,
        store: &dyn ChatStore,
        ids: &[ConversationId],
    ) -> Result<Vec<Option<Arc<Conversation>>>, StoreError> {
        let mut each: Vec<_> = ids.iter().map(|id| self.known(*id)).collect();
        let missing = ids.iter().zip(&each).filter(|(_, known)| known.is_none()).map(|(id, _)| *id);
        let loaded = self.load(store, missing.collect::<Vec<_>>()).await?;
        for (id, known) in ids.iter().zip(&mut each).filter(|(_, known)| known.is_none()) {
            *known = loaded.get(id).cloned();
        }
        Ok(each)
    }

    /// The conversation, if it is in memory.
    pub(crate) fn known(&self, id: ConversationId) -> Option<Arc<Conversation>> {
        self.shard(id).conversations.get(&id).cloned()
    }

    pub(crate) async fn one(
        &self,
        store: &dyn ChatStore,
        id: ConversationId,
    ) -> Result<Option<Arc<Conversation>>, StoreError> {
        match self.known(id) {
            Some(conversation) => Ok(Some(conversation)),
            None => Ok(self.load(store, [id]).await?.remove(&id)),
        }
    }
}

/// Ends a load, also one that failed or that nobody waits for any more.
struct Loading<'a> {
    cache: &'a Cache,
    ids: HashSet<ConversationId>,
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        for id in &self.ids {
            let mut shard = self.cache.shard(*id);
            if let Some(count) = shard.loading.get_mut(id) {
                *count -= 1;
                if *count == 0 {
                    shard.loading.remove(id);
                }
            }
        }
    }
}
