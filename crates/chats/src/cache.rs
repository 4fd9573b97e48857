//! The conversations in memory. There is at most one [`Conversation`] for an id at any time, however many ask for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::ConversationId;

use crate::conversation::Conversation;
use crate::store::{ChatStore, StoreError};

/// Parts of the cache with a lock each.
const SHARDS: usize = 16;

type Shard = HashMap<ConversationId, Arc<Conversation>>;

pub(crate) struct Cache {
    shards: Vec<Mutex<Shard>>,
    shard_bound: usize,
}

impl Cache {
    pub(crate) fn new(bound: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::new(HashMap::new())).collect(),
            shard_bound: (bound / SHARDS).max(1),
        }
    }

    fn shard(&self, id: ConversationId) -> MutexGuard<'_, Shard> {
        // The byte before last is random.
        let shard = usize::from(id.as_bytes()[14]) % SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, id: ConversationId) -> Option<Arc<Conversation>> {
        self.shard(id).get(&id).cloned()
    }

    pub(crate) fn forget(&self, id: ConversationId) {
        self.shard(id).remove(&id);
    }

    /// Those that exist, from memory or from the store.
    pub(crate) async fn load(
        &self,
        store: &dyn ChatStore,
        ids: impl IntoIterator<Item = ConversationId>,
    ) -> Result<HashMap<ConversationId, Arc<Conversation>>, StoreError> {
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        for id in ids {
            match self.get(id) {
                Some(conversation) => drop(found.insert(id, conversation)),
                None => missing.push(id),
            }
        }
        if !missing.is_empty() {
            for head in store.load(missing).await? {
                let id = head.id;
                let mut shard = self.shard(id);
                if shard.len() >= self.shard_bound {
                    make_room(&mut shard);
                }
                // Whoever loaded it first keeps it: two for one id would drift apart.
                let conversation = shard.entry(id).or_insert_with(|| Arc::new(Conversation::new(head)));
                found.insert(id, Arc::clone(conversation));
            }
        }
        Ok(found)
    }

    pub(crate) async fn one(
        &self,
        store: &dyn ChatStore,
        id: ConversationId,
    ) -> Result<Option<Arc<Conversation>>, StoreError> {
        match self.get(id) {
            Some(conversation) => Ok(Some(conversation)),
            None => Ok(self.load(store, [id]).await?.remove(&id)),
        }
    }
}

/// Drops an eighth of those that nobody uses right now.
fn make_room(shard: &mut Shard) {
    let unused: Vec<_> = shard
        .iter()
        .filter(|(_, conversation)| Arc::strong_count(conversation) == 1)
        .map(|(id, _)| *id)
        .take(shard.len() / 8 + 1)
        .collect();
    for id in unused {
        shard.remove(&id);
    }
}
