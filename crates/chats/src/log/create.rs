//! Creating groups: each a transaction of its own, some at once.

use std::sync::Arc;

use protocol::ConversationId;
use tokio::sync::oneshot;

use super::batcher::Batcher;
use super::message_of;
use crate::conversation::Members;
use crate::store::{NewConversation, StoreError};
use crate::{Appended, ChatError};

/// Groups that are created at once.
const CREATIONS_AT_ONCE: usize = 16;

/// A group to be, and who waits for it.
pub(super) struct Creation {
    pub(super) new: Box<NewConversation>,
    pub(super) answer: oneshot::Sender<Result<ConversationId, ChatError>>,
}

impl Batcher {
    pub(super) async fn create(&mut self, mut creations: Vec<Creation>) {
        while !creations.is_empty() {
            let some = creations.drain(..creations.len().min(CREATIONS_AT_ONCE));
            let running: Vec<_> = some
                .map(|Creation { new, answer }| {
                    let (store, asked) = (Arc::clone(&self.store), (*new).clone());
                    let task = tokio::spawn(async move { store.create(asked).await });
                    (new, answer, task)
                })
                .collect();
            for (new, answer, task) in running {
                let result = task.await.unwrap_or_else(|error| {
                    tracing::error!(%error, "creating a group panicked");
                    Err(StoreError::Unavailable(error.to_string()))
                });
                match result {
                    Ok((id, created)) => {
                        // Whoever asked may be gone; the group stays.
                        let _ = answer.send(Ok(id));
                        if created {
                            self.route(news_of(*new)).await;
                        }
                    }
                    Err(error) => {
                        // It may exist all the same, and then its members are to hear of it.
                        self.doubt_about(new.id, 0);
                        let _ = answer.send(Err(error.into()));
                    }
                }
            }
        }
    }
}

fn news_of(new: NewConversation) -> Vec<Appended> {
    let Some(entry) = new.entry else { return Vec::new() };
    vec![Appended {
        message: Arc::new(message_of(new.kind, entry)),
        joined: new.members.iter().map(|member| member.user).collect(),
        members: Arc::new(Members::new(new.members)),
        departed: Vec::new(),
        origin: None,
        device_messages: Vec::new(),
    }]
}
