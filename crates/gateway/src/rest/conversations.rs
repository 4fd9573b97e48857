//! Starting and listing conversations.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::stream::{once, unfold};
use http::header;
use protocol::{ConversationFilter, ConversationId, ConversationSettings, ConversationSummary, Seq};
use serde::Serialize;

use super::objects::{ArchivedState, ConversationRef, DirectRequest, MutedState, Recorded, RetentionChange};
use super::parameters::{Asked, Named};
use super::{Answer, As, Door, Json};
use crate::CommandError;
use crate::commands::conversations;

pub(super) async fn list(
    State(shared): Door,
    As(caller): As,
    Asked(filter): Asked<ConversationFilter>,
) -> Answer<Vec<ConversationSummary>> {
    Ok(axum::Json(conversations::list(&shared, caller, Some(filter)).await?))
}

pub(super) async fn start_direct(
    State(shared): Door,
    As(caller): As,
    Json(body): Json<DirectRequest>,
) -> Answer<ConversationRef> {
    let id = conversations::start_direct(&shared, caller, body.user, body.kind).await?;
    Ok(axum::Json(ConversationRef { id }))
}

pub(super) async fn get(
    State(shared): Door,
    As(caller): As,
    Named(id): Named<ConversationId>,
) -> Answer<ConversationSummary> {
    Ok(axum::Json(conversations::get(&shared, caller, id).await?))
}

pub(super) async fn set_archived(
    State(shared): Door,
    As(caller): As,
    Named(id): Named<ConversationId>,
    Json(body): Json<ArchivedState>,
) -> Answer<ConversationSettings> {
    Ok(axum::Json(conversations::set_archived(&shared, caller, id, body.archived).await?))
}

pub(super) async fn set_muted(
    State(shared): Door,
    As(caller): As,
    Named(id): Named<ConversationId>,
    Json(body): Json<MutedState>,
) -> Answer<ConversationSettings> {
    Ok(axum::Json(conversations::set_muted(&shared, caller, id, body.until).await?))
}

pub(super) async fn set_retention(
    State(shared): Door,
    As(caller): As,
    Named(id): Named<ConversationId>,
    Json(body): Json<RetentionChange>,
) -> Answer<Recorded> {
    let seq = conversations::set_retention(&shared, caller, id, body.retention).await?;
    Ok(axum::Json(Recorded { seq }))
}

/// Reads a page whenever the last one has gone out: whoever reads slowly holds one page, and nobody up.
pub(super) async fn export(
    State(shared): Door,
    As(caller): As,
    Named(id): Named<ConversationId>,
) -> Result<Response, CommandError> {
    let head = conversations::get(&shared, caller, id).await?;
    // What is appended meanwhile is left to the next export.
    let last = head.last_seq;
    let first = lines(std::slice::from_ref(&head));
    let pages = unfold(Some(0), move |after: Option<Seq>| {
        let shared = Arc::clone(&shared);
        async move {
            match conversations::export_page(&shared, caller, id, after?, last).await {
                Ok(page) => {
                    let next = page.messages.last().filter(|_| page.more).map(|message| message.seq);
                    Some((lines(&page.messages), next))
                }
                // The answer breaks off, which whoever reads it can tell from its end.
                Err(error) => Some((Err(std::io::Error::other(error.text())), None)),
            }
        }
    });
    let body = Body::from_stream(once(async move { first }).chain(pages));
    let name = format!("attachment; filename=\"{id}.ndjson\"");
    let headers =
        [(header::CONTENT_TYPE, "application/x-ndjson".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, body).into_response())
}

/// One JSON object a line.
fn lines<T: Serialize>(objects: &[T]) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for object in objects {
        serde_json::to_writer(&mut text, object)?;
        text.push(b'\n');
    }
    Ok(text)
}
