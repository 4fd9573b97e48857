//! Marks and search, over a store that fails.

use async_trait::async_trait;
use chats::store::*;

use super::faulty::Faulty;
use crate::*;

#[async_trait]
impl MarkStore for Faulty {
    async fn entries_at(&self, places: Vec<Place>) -> Result<Vec<Option<NewEntry>>, StoreError> {
        self.read_fault()?;
        self.inner.entries_at(places).await
    }

    async fn pins(&self, conversation: ConversationId) -> Result<Vec<Pin>, StoreError> {
        self.read_fault()?;
        self.inner.pins(conversation).await
    }

    async fn hide(&self, user: UserId, place: Place) -> Result<(), StoreError> {
        self.read_fault()?;
        self.inner.hide(user, place).await
    }

    async fn hidden(&self, user: UserId, places: Vec<Place>) -> Result<Vec<bool>, StoreError> {
        self.read_fault()?;
        self.inner.hidden(user, places).await
    }

    async fn star(&self, user: UserId, place: Place, most: usize) -> Result<bool, StoreError> {
        self.read_fault()?;
        self.inner.star(user, place, most).await
    }

    async fn unstar(&self, user: UserId, place: Place) -> Result<(), StoreError> {
        self.read_fault()?;
        self.inner.unstar(user, place).await
    }

    async fn forget(&self, user: UserId) -> Result<(), StoreError> {
        self.read_fault()?;
        self.inner.forget(user).await
    }

    async fn stars(&self, user: UserId, before: u64, limit: usize) -> Result<Vec<Star>, StoreError> {
        self.read_fault()?;
        self.inner.stars(user, before, limit).await
    }
}

#[async_trait]
impl SearchStore for Faulty {
    async fn unsearchable(
        &self,
        after: Option<ConversationId>,
        limit: usize,
    ) -> Result<(Vec<ConversationId>, Option<ConversationId>), StoreError> {
        self.read_fault()?;
        self.inner.unsearchable(after, limit).await
    }

    async fn search_mark(&self, conversation: ConversationId) -> Result<Seq, StoreError> {
        self.read_fault()?;
        self.inner.search_mark(conversation).await
    }

    async fn index(&self, words: Vec<Words>, marks: Vec<Place>) -> Result<(), StoreError> {
        self.read_fault()?;
        self.inner.index(words, marks).await
    }

    async fn search(&self, search: Search) -> Result<Hits, StoreError> {
        self.read_fault()?;
        self.inner.search(search).await
    }
}

#[async_trait]
impl FormerStore for Faulty {
    async fn former(&self, asked: Vec<(Place, Seq)>) -> Result<Vec<Vec<Former>>, StoreError> {
        self.read_fault()?;
        self.inner.former(asked).await
    }

    async fn past_heads(&self, places: Vec<Place>) -> Result<Vec<Option<PastHead>>, StoreError> {
        self.read_fault()?;
        self.inner.past_heads(places).await
    }
}
