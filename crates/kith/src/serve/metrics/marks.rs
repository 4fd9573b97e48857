//! The parts of the store that pass through uncounted.

use async_trait::async_trait;
use chats::store::{
    Former, FormerStore, Hits, MarkStore, NewEntry, PastHead, Pin, Place, Search, SearchStore, Star,
    StoreError, Words,
};
use protocol::{ConversationId, Seq, UserId};

use super::store::Metered;

#[async_trait]
impl MarkStore for Metered {
    async fn entries_at(&self, places: Vec<Place>) -> Result<Vec<Option<NewEntry>>, StoreError> {
        self.store.entries_at(places).await
    }

    async fn pins(&self, conversation: ConversationId) -> Result<Vec<Pin>, StoreError> {
        self.store.pins(conversation).await
    }

    async fn hide(&self, user: UserId, place: Place) -> Result<(), StoreError> {
        self.store.hide(user, place).await
    }

    async fn hidden(&self, user: UserId, places: Vec<Place>) -> Result<Vec<bool>, StoreError> {
        self.store.hidden(user, places).await
    }

    async fn star(&self, user: UserId, place: Place, most: usize) -> Result<bool, StoreError> {
        self.store.star(user, place, most).await
    }

    async fn unstar(&self, user: UserId, place: Place) -> Result<(), StoreError> {
        self.store.unstar(user, place).await
    }

    async fn forget(&self, user: UserId) -> Result<(), StoreError> {
        self.store.forget(user).await
    }

    async fn stars(&self, user: UserId, before: u64, limit: usize) -> Result<Vec<Star>, StoreError> {
        self.store.stars(user, before, limit).await
    }
}

#[async_trait]
impl SearchStore for Metered {
    async fn unsearchable(
        &self,
        after: Option<ConversationId>,
        limit: usize,
    ) -> Result<(Vec<ConversationId>, Option<ConversationId>), StoreError> {
        self.store.unsearchable(after, limit).await
    }

    async fn search_mark(&self, conversation: ConversationId) -> Result<Seq, StoreError> {
        self.store.search_mark(conversation).await
    }

    async fn index(&self, words: Vec<Words>, marks: Vec<Place>) -> Result<(), StoreError> {
        self.store.index(words, marks).await
    }

    async fn search(&self, search: Search) -> Result<Hits, StoreError> {
        self.store.search(search).await
    }
}

#[async_trait]
impl FormerStore for Metered {
    async fn former(&self, asked: Vec<(Place, Seq)>) -> Result<Vec<Vec<Former>>, StoreError> {
        self.store.former(asked).await
    }

    async fn past_heads(&self, places: Vec<Place>) -> Result<Vec<Option<PastHead>>, StoreError> {
        self.store.past_heads(places).await
    }
}
