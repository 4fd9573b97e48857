//! What members say about earlier entries: who may, what is recorded, and what the earlier entry becomes. No I/O.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use protocol::{Body, Content, ConversationKind, MessageKind, Reaction, Role, Seq, Timestamp, UserId};

use super::body::{decode, decode_reactions, encode, encode_reactions};
use super::operation::{Annotation, Note, Outcome, SentKey};
use super::plan::{Entry, Known, Plan, repeated, write};
use crate::ChatError;
use crate::conversation::{Conversation, Members};
use crate::shown::is_due;
use crate::store::{Amendment, NewEntry, PinChange, Place, Rewrite};

/// Entries that a batch says something about, as they are after what was planned so far.
pub(super) type Targets = BTreeMap<Place, Target>;

#[derive(Debug)]
pub(super) struct Target {
    sender: UserId,
    kind: MessageKind,
    sent_at: Timestamp,
    content: Content,
    edited_at: Option<Timestamp>,
    reactions: Vec<Reaction>,
    /// The reactions as stored.
    stored: Option<Bytes>,
    rewrite: Option<Rewrite>,
    /// The last entry that changes it, if one does.
    changed: Option<Seq>,
}

impl Target {
    fn of(entry: &NewEntry, cutoff: Option<Timestamp>) -> Self {
        let due = is_due(entry.kind, entry.time, cutoff);
        let content = match decode(ConversationKind::Plain, entry.kind, &entry.body) {
            _ if due => Content::Expired,
            Body::Open(content) => content,
            Body::Sealed(_) => Content::Unsupported,
        };
        Self {
            sender: entry.sender,
            kind: entry.kind,
            sent_at: entry.time,
            content,
            edited_at: entry.edited_at,
            reactions: decode_reactions(entry.reactions.as_ref()),
            stored: entry.reactions.clone(),
            rewrite: None,
            changed: None,
        }
    }

    /// What it says, and who has reacted to it, after `what` by `actor`.
    fn after(&self, what: &Note, actor: UserId) -> (Content, Vec<Reaction>) {
        let (mut content, mut reactions) = (self.content.clone(), self.reactions.clone());
        match what {
            Note::Edit { text: new, mentions: whom } => {
                if let Content::Text { text, mentions, .. } = &mut content {
                    new.clone_into(text);
                    whom.clone_into(mentions);
                }
            }
            Note::Delete => (content, reactions) = (Content::Removed, Vec::new()),
            Note::React(emoji) => {
                reactions.retain(|reaction| reaction.user != actor);
                reactions.extend(emoji.clone().map(|emoji| Reaction { user: actor, emoji }));
            }
            Note::Pin(_) => {}
        }
        (content, reactions)
    }
}

/// Plans one annotation.
pub(super) fn annotate(
    plan: &mut Plan,
    known: &Known<'_>,
    conversation: &Conversation,
    annotation: &Annotation,
    in_batch: &mut HashMap<SentKey, Outcome>,
) -> Result<Outcome, ChatError> {
    let key = (conversation.id, annotation.device, annotation.id.clone());
    if let Some(first) = repeated(known, conversation, &key, in_batch) {
        return Ok(first);
    }
    let snapshot = plan.snapshots.entry(conversation.id).or_insert_with(|| conversation.snapshot());
    if snapshot.info.deleted {
        return Err(ChatError::NotFound("conversation"));
    }
    let actor = snapshot.members.get(annotation.actor).ok_or(ChatError::NotFound("conversation"))?;
    if conversation.kind != ConversationKind::Plain {
        return Err(ChatError::Invalid(
            "in an mls conversation, send it sealed, with the kind annotation".into(),
        ));
    }
    if !annotation.visible.iter().any(|part| part.after < annotation.target && annotation.target <= part.to) {
        return Err(ChatError::NotFound("message"));
    }
    let place = annotation.place(conversation.id);
    let entry = known.targets.get(&place).ok_or(ChatError::NotFound("message"))?;
    let cutoff = known.policy.cutoff(snapshot.info.retention, known.now);
    let target = plan.targets.entry(place).or_insert_with(|| Target::of(entry, cutoff));
    if target.kind != MessageKind::Content {
        return Err(ChatError::Invalid("only what a member said can be edited, deleted or marked".into()));
    }
    let rules = Rules { known, members: &snapshot.members, actor: annotation.actor, role: actor.role };
    let pins = known.pins.get(&conversation.id).map_or(&[][..], Vec::as_slice);
    let pinned = |seq: Seq| {
        let changes = plan.commit.pins.iter().rev();
        let mut here = changes.filter(|it| (it.conversation, it.seq) == (conversation.id, seq));
        here.next().map_or_else(|| pins.contains(&seq), |change| change.pinned)
    };
    let Some(content) = rules.content(annotation, target, &pinned, pins, plan.commit.pins.as_slice())? else {
        return Ok(Outcome { seq: annotation.target, time: target.sent_at });
    };
    let (said, reactions) = target.after(&annotation.what, annotation.actor);
    let (said_stored, reactions_stored) = (encode(&said)?, encode_reactions(&reactions)?);
    let overtaken = encode(&Content::Removed)?;
    let entry = Entry {
        sender: annotation.actor,
        device: annotation.device,
        id: annotation.id.clone(),
        kind: MessageKind::Annotation,
        epoch: None,
        stored: encode(&content)?,
        body: Body::Open(content),
    };
    // Whoever asks is told as all others are: their client has no entry at hand to put in its place.
    let (outcome, appended) = write(&mut plan.commit, snapshot, conversation.id, entry, known.now);
    plan.appended.push(appended);
    in_batch.insert(key, outcome);
    if let Note::Pin(pinned) = annotation.what {
        let (conversation, seq, by) = (conversation.id, annotation.target, annotation.actor);
        let (at, time) = (outcome.seq, outcome.time);
        plan.commit.pins.push(PinChange { conversation, seq, at, pinned, by, time });
        return Ok(outcome);
    }
    if let Note::Edit { .. } | Note::Delete = annotation.what {
        let deleted = annotation.what == Note::Delete;
        target.edited_at = (!deleted).then_some(outcome.time);
        target.rewrite = Some(Rewrite { body: said_stored, by: outcome.seq, overtaken, deleted });
    }
    if let (Note::Edit { .. }, Some(entry)) = (&annotation.what, plan.commit.entries.last_mut()) {
        entry.target = Some(annotation.target);
    }
    (target.content, target.reactions, target.stored) = (said, reactions, reactions_stored);
    target.changed = Some(outcome.seq);
    Ok(outcome)
}

/// What is to be done to the entries that the batch has changed.
pub(super) fn amendments(targets: Targets) -> impl Iterator<Item = Amendment> {
    targets.into_iter().filter_map(|((conversation, seq), target)| {
        Some(Amendment {
            conversation,
            seq,
            by: target.changed?,
            rewrite: target.rewrite,
            edited_at: target.edited_at,
            reactions: target.stored,
        })
    })
}

struct Rules<'a> {
    known: &'a Known<'a>,
    members: &'a Members,
    actor: UserId,
    role: Role,
}

impl Rules<'_> {
    /// What is recorded; nothing if all is so already.
    fn content(
        &self,
        annotation: &Annotation,
        it: &Target,
        pinned: &dyn Fn(Seq) -> bool,
        pins: &[Seq],
        planned: &[PinChange],
    ) -> Result<Option<Content>, ChatError> {
        let target = annotation.target;
        let removed = it.content == Content::Removed;
        if removed && annotation.what != Note::Delete {
            return Err(ChatError::NotFound("message any more: it was deleted"));
        }
        if it.content == Content::Expired && !matches!(annotation.what, Note::Delete | Note::Pin(false)) {
            return Err(ChatError::NotFound("message any more: its time is over"));
        }
        Ok(match &annotation.what {
            Note::Edit { text, mentions } => {
                self.may_edit(it)?;
                check_mentions(self.members, mentions)?;
                match &it.content {
                    Content::Text { text: said, mentions: to, .. } if (said, to) == (text, mentions) => None,
                    _ => Some(Content::Edit { target, text: text.clone(), mentions: mentions.clone() }),
                }
            }
            Note::Delete if self.actor != it.sender && self.role != Role::Admin => {
                return Err(ChatError::Forbidden(
                    "only its author or an admin of the group deletes a message for everyone",
                ));
            }
            Note::Delete => (!removed).then_some(Content::Delete { target }),
            Note::React(emoji) => {
                let own = it.reactions.iter().find(|reaction| reaction.user == self.actor);
                if own.map(|reaction| &reaction.emoji) == emoji.as_ref() {
                    None
                } else if own.is_none() && it.reactions.len() >= self.known.policy.reactions {
                    return Err(ChatError::Forbidden("that message has all the reactions it can have"));
                } else {
                    Some(Content::Reaction { target, emoji: emoji.clone() })
                }
            }
            Note::Pin(wanted) if pinned(target) == *wanted => None,
            Note::Pin(wanted) => {
                let limit = self.known.policy.pins;
                // What this batch pins and unpins elsewhere counts, too.
                let new = planned.iter().map(|change| change.seq).filter(|seq| !pins.contains(seq));
                let mut all: Vec<_> = pins.iter().copied().chain(new).filter(|seq| pinned(*seq)).collect();
                all.sort_unstable();
                all.dedup();
                if *wanted && all.len() >= limit {
                    let why = format!("a conversation has at most {limit} pinned messages");
                    return Err(ChatError::Invalid(why));
                }
                Some(Content::Pin { target, pinned: *wanted })
            }
        })
    }

    fn may_edit(&self, it: &Target) -> Result<(), ChatError> {
        if self.actor != it.sender {
            return Err(ChatError::Forbidden("only its author edits a message"));
        }
        if !matches!(it.content, Content::Text { .. }) {
            return Err(ChatError::Invalid("only a text can be edited".into()));
        }
        let window = self.known.policy.edit_window_ms;
        if window > 0 && self.known.now.saturating_sub(it.sent_at) > window {
            return Err(ChatError::Forbidden("that message is too old to be edited on this server"));
        }
        Ok(())
    }
}

/// Whether those mentioned are members, and not too many.
pub(crate) fn check_mentions(members: &Members, mentions: &[UserId]) -> Result<(), ChatError> {
    if mentions.len() > Content::MENTIONS {
        let most = Content::MENTIONS;
        return Err(ChatError::Invalid(format!("a message mentions at most {most} members")));
    }
    match mentions.iter().find(|user| members.get(**user).is_none()) {
        Some(stranger) => Err(ChatError::Invalid(format!("{stranger} is mentioned, but is no member"))),
        None => Ok(()),
    }
}
