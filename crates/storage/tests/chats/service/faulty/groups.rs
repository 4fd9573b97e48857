//! The same for what is kept beside the logs.

use super::*;

#[async_trait]
impl GroupStore for Faulty {
    async fn add_link(&self, link: Link, bound: usize) -> Result<bool, StoreError> {
        self.read_fault()?;
        self.inner.add_link(link, bound).await
    }

    async fn links(&self, conversation: ConversationId) -> Result<Vec<Link>, StoreError> {
        self.read_fault()?;
        self.inner.links(conversation).await
    }

    async fn remove_link(&self, conversation: ConversationId, code: LinkCode) -> Result<bool, StoreError> {
        self.read_fault()?;
        self.inner.remove_link(conversation, code).await
    }

    async fn admissions(&self, asked: Vec<(LinkCode, UserId)>) -> Result<Vec<Option<Admission>>, StoreError> {
        self.read_fault()?;
        self.inner.admissions(asked).await
    }

    async fn pair(
        &self,
        low: UserId,
        high: UserId,
        kind: ConversationKind,
    ) -> Result<Option<ConversationId>, StoreError> {
        self.read_fault()?;
        self.inner.pair(low, high, kind).await
    }

    async fn set(
        &self,
        user: UserId,
        conversation: ConversationId,
        change: SettingsChange,
    ) -> Result<Option<MemberSettings>, StoreError> {
        self.read_fault()?;
        self.inner.set(user, conversation, change).await
    }
}
