//! What happens behind the callers' backs: receipts are written, and senders are told.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::caught::{caught, caught_now};
use crate::{Chats, ReceiptNotice};

impl Chats {
    pub(crate) fn start_receipts(self: &Arc<Self>) {
        let write_every = Duration::from_millis(self.policy.receipts_flush_ms);
        let tell_every = Duration::from_millis(self.policy.receipts_notice_ms);
        let (receipts, chats) = (Arc::clone(&self.receipts), Arc::downgrade(self));
        self.run_behind(async move {
            loop {
                receipts.to_write.notified().await;
                tokio::time::sleep(write_every).await;
                let Some(chats) = Weak::upgrade(&chats) else { return };
                caught("writing receipts", chats.flush_receipts()).await;
            }
        });
        let (receipts, chats) = (Arc::clone(&self.receipts), Arc::downgrade(self));
        self.run_behind(async move {
            loop {
                receipts.to_tell.notified().await;
                tokio::time::sleep(tell_every).await;
                let Some(chats) = Weak::upgrade(&chats) else { return };
                caught_now("telling of receipts", || chats.tell_receipts());
            }
        });
    }

    /// Writes what has gathered. Whatever was noted before the call has then been written, or could not be.
    pub(crate) async fn flush_receipts(&self) {
        let _turn = self.receipts.turn.lock().await;
        let Some(mut writing) = self.receipts.begin() else { return };
        let (steps, cursors) = (std::mem::take(&mut writing.steps), std::mem::take(&mut writing.cursors));
        match self.store.save_receipts(steps, cursors).await {
            Ok(()) => writing.done(),
            Err(error) => {
                tracing::warn!(%error, "receipts were not written; they will be with the next ones");
            }
        }
    }

    fn tell_receipts(&self) {
        let notices: Vec<_> = self
            .receipts
            .take_notices()
            .into_iter()
            .filter_map(|(conversation, sender, readers)| {
                let state = conversation.state();
                // Who has left hears nothing more.
                state.now.members.get(sender)?;
                let receipts = readers
                    .into_iter()
                    .filter_map(|user| state.receipts.get(&user).map(|receipt| (user, *receipt)))
                    .collect();
                Some(ReceiptNotice { conversation: conversation.id, sender, receipts })
            })
            .collect();
        if !notices.is_empty() {
            self.audience.receipts(notices);
        }
    }
}
