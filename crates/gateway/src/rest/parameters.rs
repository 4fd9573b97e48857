//! What paths and queries name.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Query};
use chats::Caller;
use http::request::Parts;
use protocol::{ConversationId, ErrorCode, UserId};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};

use crate::CommandError;
use crate::state::Shared;

/// A value in a path, for documents.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// As between the braces.
    pub name: &'static str,
    /// Its type.
    pub of: &'static str,
    /// What it says.
    pub about: &'static str,
}

/// Every value that a path may hold.
pub const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "peer",
        of: "Peer",
        about: "A conversation, or the user whose direct conversation it is.",
    },
    Parameter { name: "conversation", of: "ConversationId", about: "The conversation." },
    Parameter { name: "group", of: "ConversationId", about: "The group." },
    Parameter { name: "code", of: "LinkCode", about: "The link's code." },
    Parameter { name: "user", of: "UserId", about: "The user." },
    Parameter { name: "device", of: "DeviceId", about: "The device." },
    Parameter { name: "report", of: "ReportId", about: "The report." },
    Parameter { name: "invite", of: "InviteId", about: "The invite." },
    Parameter { name: "notification", of: "NotificationId", about: "The notification." },
    Parameter { name: "seq", of: "Seq", about: "The message's place in the conversation." },
];

/// A conversation by its own id or by the other user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Conversation(ConversationId),
    User(UserId),
}

impl<'de> Deserialize<'de> for Peer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let peer = if text.starts_with("u_") {
            text.parse().map(Self::User)
        } else {
            text.parse().map(Self::Conversation)
        };
        peer.map_err(|_| {
            D::Error::custom("expected the id of a user (u_…), a conversation (c_…) or a group (g_…)")
        })
    }
}

impl Peer {
    /// The conversation meant. A direct conversation that there is not yet is not created.
    pub(super) async fn conversation(
        self,
        shared: &Shared,
        caller: Caller,
    ) -> Result<ConversationId, CommandError> {
        let user = match self {
            Self::Conversation(id) => return Ok(id),
            Self::User(user) => user,
        };
        let direct = shared.services.chats.direct_with(caller, user).await;
        direct.map_err(|error| match error {
            chats::ChatError::NotFound(_) => {
                CommandError::new(ErrorCode::NotFound, "there is no conversation with that user")
            }
            other => other.into(),
        })
    }
}

/// What the path names. Ids that are none name nothing.
pub(crate) struct Named<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<Shared>> for Named<T> {
    type Rejection = CommandError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, CommandError> {
        match Path::<T>::from_request_parts(parts, shared).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(_) => Err(CommandError::new(ErrorCode::NotFound, "an id in the path is the id of nothing")),
        }
    }
}

/// What the query asks.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Shared>> for Asked<T> {
    type Rejection = CommandError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, CommandError> {
        match Query::<T>::from_request_parts(parts, shared).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(CommandError::invalid(rejection.body_text())),
        }
    }
}
