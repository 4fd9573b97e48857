//! Sending a message.

use std::collections::HashSet;

use protocol::{Body, ByteString, Content, ConversationId, OutgoingMessage, Sent, UserId};

use crate::log::{NewMessage, Operation, encode};
use crate::{Caller, ChatError, Chats};

impl Chats {
    /// Appends a message, and answers once it is on disk. Sent again under the same id from the same device, it
    /// answers what it answered first.
    ///
    /// Nothing is awaited before the message has its place in the batcher's queue: messages of one caller are appended
    /// in the order of the calls' first polls.
    ///
    /// # Errors
    /// The caller is no member, the message breaks a bound or does not fit the conversation's kind, its epoch is not
    /// current, or the store did not answer.
    pub async fn send(
        &self,
        caller: Caller,
        conversation: ConversationId,
        message: OutgoingMessage,
    ) -> Result<Sent, ChatError> {
        if let Some(Body::Open(Content::Text { forwarded: true, .. })) = message.body {
            return Err(ChatError::Invalid("only ForwardMessage makes a message a forwarded one".into()));
        }
        self.send_as_it_is(caller, conversation, message).await
    }

    /// The same, of a message that may be a forwarded one.
    pub(crate) async fn send_as_it_is(
        &self,
        caller: Caller,
        conversation: ConversationId,
        message: OutgoingMessage,
    ) -> Result<Sent, ChatError> {
        let body = self.body_of(message.text, message.body)?;
        let stored = match &body {
            Body::Open(content) => encode(content)?,
            Body::Sealed(ByteString(bytes)) => bytes.clone().into(),
        };
        self.check_devices(&message.devices)?;
        let id = message.id.unwrap_or_else(|| self.message_id());
        let new = NewMessage {
            sender: caller.user,
            device: caller.device,
            id: id.clone(),
            kind: message.kind,
            epoch: message.epoch,
            body,
            stored,
            devices: message.devices,
            origin: caller.connection,
        };
        let outcome = self.batchers()?.run(conversation, Operation::Append(new)).await?;
        Ok(Sent { id, seq: outcome.seq, sent_at: outcome.time })
    }

    fn body_of(&self, text: Option<String>, body: Option<Body>) -> Result<Body, ChatError> {
        let mut body = match (text, body) {
            (Some(text), None) => Body::Open(Content::text(text)),
            (None, Some(body)) => body,
            _ => return Err(ChatError::Invalid("a message has either a text or a body".into())),
        };
        let bytes = match &body {
            Body::Open(Content::Text { text, .. }) => text.len(),
            Body::Sealed(ByteString(bytes)) => bytes.len(),
            Body::Open(Content::Unsupported) => {
                return Err(ChatError::Invalid("this server does not know that type of body".into()));
            }
            Body::Open(
                Content::Edit { .. }
                | Content::Delete { .. }
                | Content::Reaction { .. }
                | Content::Pin { .. },
            ) => {
                let why = "use EditMessage, DeleteMessage, React or PinMessage to say such a thing";
                return Err(ChatError::Invalid(why.into()));
            }
            Body::Open(_) => {
                return Err(ChatError::Invalid("only the server records such an entry".into()));
            }
        };
        self.check_bytes(bytes)?;
        if let Body::Open(Content::Text { mentions, .. }) = &mut body {
            each_once(mentions);
        }
        Ok(body)
    }

    pub(crate) fn check_bytes(&self, bytes: usize) -> Result<(), ChatError> {
        match bytes {
            0 => Err(ChatError::Invalid("a message is not empty".into())),
            _ if bytes > self.policy.message_bytes => {
                Err(ChatError::TooLarge { limit: self.policy.message_bytes })
            }
            _ => Ok(()),
        }
    }

    /// Refuses what no queue would ever take.
    fn check_devices(&self, devices: &[protocol::OutgoingDeviceMessage]) -> Result<(), ChatError> {
        let most = self.policy.device_messages;
        if devices.len() > most {
            return Err(ChatError::Invalid(format!(
                "a commit carries at most {most} messages for single devices"
            )));
        }
        if devices.iter().any(|message| message.body.0.len() > self.policy.message_bytes) {
            return Err(ChatError::TooLarge { limit: self.policy.message_bytes });
        }
        Ok(())
    }
}

/// Mentions are told once each. Too many of them are refused by the planner.
pub(crate) fn each_once(mentions: &mut Vec<UserId>) {
    if mentions.len() <= Content::MENTIONS {
        let mut told = HashSet::with_capacity(mentions.len());
        mentions.retain(|user| told.insert(*user));
    }
}
