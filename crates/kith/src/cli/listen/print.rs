//! What of a session's course is printed, and how.

use client::Update;
use protocol::{Invite, Message};

use super::Listener;
use crate::cli::{Failure, show, time};

/// A message as a line of JSON.
#[derive(serde::Serialize)]
struct Line<'a> {
    event: &'static str,
    #[serde(flatten)]
    message: &'a Message,
}

impl Listener<'_> {
    pub(super) async fn show_message(&mut self, message: &Message) -> Result<(), Failure> {
        let output = self.context.output;
        if output.is_json() {
            return output.object(&Line { event: "message", message });
        }
        let title = self.names_for(message).await;
        let today = time::day(message.sent_at);
        if today != self.day {
            output.text(&format!("── {today} ──"))?;
            self.day = today;
        }
        let head = format!("{}  {title}", time::clock(message.sent_at));
        output.text(&show::indent(&head, &self.names.sentence(message)))
    }

    /// Learns the names in a message, as far as the server is there to ask; answers what to call its conversation.
    async fn names_for(&mut self, message: &Message) -> String {
        let id = message.conversation;
        let Some(hub) = self.hub().await else { return String::new() };
        if !self.titles.contains_key(&id)
            && let Ok(summary) = hub.get_conversation(id).await
        {
            self.names.learn(&summary);
            self.titles.insert(id, show::name(&summary));
        }
        // A name that cannot be had is shown as an id.
        let _ = self.names.fetch_for(&hub, std::slice::from_ref(message)).await;
        match self.titles.get(&id) {
            // Who listens to one conversation knows which, and a direct one is named by who speaks.
            _ if self.conversation.is_some() => String::new(),
            Some(title) if id.is_group() => format!("[{title}] "),
            Some(title) if message.sender == self.own => format!("[to {title}] "),
            _ => String::new(),
        }
    }

    pub(super) fn show_invite(&self, invite: &Invite) -> Result<(), Failure> {
        #[derive(serde::Serialize)]
        struct Line<'a> {
            event: &'static str,
            #[serde(flatten)]
            invite: &'a Invite,
        }
        self.context.output.put(&Line { event: "invite", invite }, || format!("-- {}", show::invite(invite)))
    }

    pub(super) async fn show_event(&mut self, update: Update) -> Result<(), Failure> {
        use serde_json::json;
        let (object, text) = match update {
            Update::Receipts(conversation, receipts) => {
                let list: Vec<_> = receipts
                    .iter()
                    .map(|(user, receipt)| {
                        json!({
                            "user": user, "delivered": receipt.delivered, "deliveredAt": receipt.delivered_at,
                            "seen": receipt.seen, "seenAt": receipt.seen_at,
                        })
                    })
                    .collect();
                let users: Vec<_> = receipts.iter().map(|(user, _)| *user).collect();
                self.fetch_names(&users).await;
                let line = receipts.iter().map(|(user, receipt)| {
                    let (name, delivered, seen) = (self.names.of(*user), receipt.delivered, receipt.seen);
                    format!("-- {name} has it up to {delivered}, saw it up to {seen}")
                });
                let line = line.collect::<Vec<_>>().join("\n");
                (json!({ "event": "receipts", "conversation": conversation, "receipts": list }), line)
            }
            Update::Typing(conversation, user, typing) => {
                self.fetch_names(&[user]).await;
                let text =
                    format!("-- {} {}", self.names.of(user), if typing { "types" } else { "stopped typing" });
                (
                    json!({ "event": "typing", "conversation": conversation, "user": user, "typing": typing }),
                    text,
                )
            }
            Update::Conversation(summary) => {
                self.names.learn(&summary);
                self.titles.insert(summary.id, show::name(&summary));
                let text = format!("-- conversation {} ({})", show::name(&summary), summary.id);
                (json!({ "event": "conversation", "conversation": summary }), text)
            }
            Update::Device(message) => {
                (json!({ "event": "device", "message": message }), "-- a message to this device".to_owned())
            }
            Update::Hidden(conversation, seq) => (
                json!({ "event": "hidden", "conversation": conversation, "seq": seq }),
                format!("-- message {seq} was deleted for you"),
            ),
            Update::Starred(conversation, seq, starred) => (
                json!({ "event": "starred", "conversation": conversation, "seq": seq, "starred": starred }),
                format!("-- message {seq} {}", if starred { "starred" } else { "not starred any more" }),
            ),
            Update::Settings(conversation, settings) => {
                let mut object = json!(settings);
                object["event"] = json!("settings");
                object["conversation"] = json!(conversation);
                let title =
                    self.titles.get(&conversation).cloned().unwrap_or_else(|| conversation.to_string());
                let archived = if settings.archived { "archived" } else { "not archived" };
                let muted = settings.muted_until.map_or_else(
                    || "not muted".to_owned(),
                    |until| format!("muted until {} {}", time::day(until), time::clock(until)),
                );
                (object, format!("-- {title}: {archived}, {muted}"))
            }
            Update::Seen(conversation, seq) => (
                json!({ "event": "seen", "conversation": conversation, "seq": seq }),
                format!("-- you have seen it up to {seq}, on another device"),
            ),
            Update::Own(what) => (
                json!({ "event": "own", "what": what }),
                format!(
                    "-- you have changed your {} on another device",
                    json!(what).as_str().unwrap_or("data")
                ),
            ),
            Update::Connected => (json!({ "event": "connected" }), "-- connected".to_owned()),
            Update::Synced { .. } => (json!({ "event": "synced" }), "-- up to date".to_owned()),
            Update::Message(_)
            | Update::Invite(_)
            | Update::Presence(_)
            | Update::Disconnected { .. }
            | Update::Ended(_) => return Ok(()),
        };
        self.context.output.put(&object, || text)
    }

    async fn fetch_names(&mut self, users: &[protocol::UserId]) {
        if !self.context.output.is_json()
            && let Some(hub) = self.hub().await
        {
            let _ = self.names.fetch(&hub, users.iter().copied()).await;
        }
    }
}
