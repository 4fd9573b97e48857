//! Of groups nothing is counted.

use async_trait::async_trait;
use chats::store::{Admission, GroupStore, Link, MemberSettings, SettingsChange, StoreError};
use protocol::{ConversationId, ConversationKind, LinkCode, UserId};

use super::Metered;

#[async_trait]
impl GroupStore for Metered {
    async fn add_link(&self, link: Link, bound: usize) -> Result<bool, StoreError> {
        self.store.add_link(link, bound).await
    }

    async fn links(&self, conversation: ConversationId) -> Result<Vec<Link>, StoreError> {
        self.store.links(conversation).await
    }

    async fn remove_link(&self, conversation: ConversationId, code: LinkCode) -> Result<bool, StoreError> {
        self.store.remove_link(conversation, code).await
    }

    async fn admissions(&self, asked: Vec<(LinkCode, UserId)>) -> Result<Vec<Option<Admission>>, StoreError> {
        self.store.admissions(asked).await
    }

    async fn pair(
        &self,
        low: UserId,
        high: UserId,
        kind: ConversationKind,
    ) -> Result<Option<ConversationId>, StoreError> {
        self.store.pair(low, high, kind).await
    }

    async fn set(
        &self,
        user: UserId,
        conversation: ConversationId,
        change: SettingsChange,
    ) -> Result<Option<MemberSettings>, StoreError> {
        self.store.set(user, conversation, change).await
    }
}
