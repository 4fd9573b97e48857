//! Changes of a group: who may make them, and how they are written down. No I/O.

use std::sync::Arc;

use protocol::{Body, Content, MemberChange, MessageId, MessageKind, Retention, Role, UserId};

use super::effect::{Effect, effects};
use super::encode;
use super::join::join;
use super::operation::{Change, GroupChange, Outcome};
use super::plan::{Entry, Known, Plan, write};
use crate::ChatError;
use crate::conversation::{Conversation, Members};
use crate::store::{Info, Member, MembershipChange, PastHead};

/// Plans one change.
pub(super) fn apply(
    plan: &mut Plan,
    known: &Known<'_>,
    conversation: &Conversation,
    change: &Change,
) -> Result<Outcome, ChatError> {
    if let GroupChange::Join(code) = change.what {
        return join(plan, known, conversation, change, code);
    }
    let snapshot = plan.snapshots.entry(conversation.id).or_insert_with(|| conversation.snapshot());
    let unchanged = Outcome { seq: snapshot.last_seq, time: snapshot.last_time };
    let actor = snapshot.members.get(change.actor).ok_or(ChatError::NotFound("conversation"))?;
    if snapshot.info.deleted {
        return Err(ChatError::NotFound("conversation"));
    }
    let (in_group, retention) =
        (conversation.id.is_group(), matches!(change.what, GroupChange::Retention(_)));
    if !in_group && !retention {
        return Err(ChatError::Forbidden("a direct conversation has its two members and no name of its own"));
    }
    if in_group && actor.role != Role::Admin && !matches!(change.what, GroupChange::Leave(_)) {
        return Err(ChatError::Forbidden("only an admin may do that"));
    }
    let effects = effects(snapshot, change, known.policy)?;
    let mut last = unchanged;
    for (place, effect) in effects.into_iter().enumerate() {
        last = record(plan, known, conversation, change, place, effect)?;
    }
    Ok(last)
}

/// Plans that the actor joins, who may.
pub(super) fn joined(
    plan: &mut Plan,
    known: &Known<'_>,
    conversation: &Conversation,
    change: &Change,
) -> Result<Outcome, ChatError> {
    record(plan, known, conversation, change, 0, Effect::on(MemberChange::Joined, vec![change.actor]))
}

/// Writes one effect down. Fails only before it has changed anything, and only the first of a change may.
fn record(
    plan: &mut Plan,
    known: &Known<'_>,
    conversation: &Conversation,
    change: &Change,
    place: usize,
    Effect { content, users, moved }: Effect,
) -> Result<Outcome, ChatError> {
    let entry = Entry {
        sender: change.actor,
        device: change.device,
        id: id_of(change, place)?,
        kind: MessageKind::System,
        epoch: None,
        stored: encode(&content)?,
        body: Body::Open(content.clone()),
    };
    let snapshot = plan.snapshots.entry(conversation.id).or_insert_with(|| conversation.snapshot());
    let (outcome, mut appended) = write(&mut plan.commit, snapshot, conversation.id, entry, known.now);
    let mut info = (*snapshot.info).clone();
    info.updated_by = Some(change.actor);
    info.updated_at = outcome.time;
    rename(&mut info, &content);
    if let Some(moved) = moved {
        snapshot.membership_version += 1;
        let mut members = snapshot.members.as_slice().to_vec();
        for user in &users {
            let role = change_member(&mut members, *user, moved, change.actor, outcome);
            plan.commit.memberships.push(MembershipChange {
                conversation: conversation.id,
                user: *user,
                change: moved,
                role,
                actor: change.actor,
                time: outcome.time,
                seq: outcome.seq,
                version: snapshot.membership_version,
            });
        }
        // Nobody could ever come back to it.
        info.deleted |= members.is_empty();
        if matches!(moved, MemberChange::Removed | MemberChange::Left) {
            plan.commit.past_heads.push(PastHead {
                conversation: conversation.id,
                seq: outcome.seq,
                name: Arc::clone(&info.name),
                description: info.description.clone(),
                picture: info.picture.clone(),
                updated_by: info.updated_by,
                updated_at: info.updated_at,
                retention: info.retention,
                epoch: snapshot.epoch,
                membership_version: snapshot.membership_version,
                members: u32::try_from(members.len()).unwrap_or(u32::MAX),
            });
        }
        snapshot.members = Arc::new(Members::new(members));
        match moved {
            MemberChange::Added | MemberChange::Joined => appended.joined = users,
            MemberChange::Removed | MemberChange::Left => appended.departed = users,
            MemberChange::Promoted | MemberChange::Demoted => {}
        }
    }
    snapshot.info = Arc::new(info);
    appended.members = Arc::clone(&snapshot.members);
    plan.appended.push(appended);
    Ok(outcome)
}

/// The id of a change's entries: its own for the first, and for what follows that with a number.
fn id_of(change: &Change, place: usize) -> Result<MessageId, ChatError> {
    if place == 0 {
        return Ok(change.id.clone());
    }
    let id = format!("{}.{place}", change.id);
    id.parse().map_err(|error| ChatError::Invalid(format!("the id of an entry: {error}")))
}

/// What an entry says of name and the like.
fn rename(info: &mut Info, content: &Content) {
    match content {
        Content::Info { name, description, picture, retention } => {
            if let Some(name) = name {
                info.name = name.as_str().into();
            }
            if let Some(description) = description {
                info.description.clone_from(description);
            }
            if let Some(picture) = picture {
                info.picture = Some(picture.clone()).filter(|picture| !picture.is_empty());
            }
            if let Some(retention) = retention {
                info.retention = Some(*retention).filter(|retention| *retention != Retention::Default);
            }
        }
        Content::Deleted => info.deleted = true,
        _ => {}
    }
}

/// Moves one member, and tells the role they have afterwards or had last.
fn change_member(
    members: &mut Vec<Member>,
    user: UserId,
    change: MemberChange,
    actor: UserId,
    outcome: Outcome,
) -> Role {
    let place = members.iter().position(|member| member.user == user);
    match (change, place) {
        (MemberChange::Added | MemberChange::Joined, _) => {
            let (from_seq, added_at) = (outcome.seq, outcome.time);
            members.push(Member { user, role: Role::Member, from_seq, added_at, added_by: actor });
            Role::Member
        }
        (MemberChange::Removed | MemberChange::Left, Some(place)) => members.swap_remove(place).role,
        (MemberChange::Promoted, Some(place)) => {
            members[place].role = Role::Admin;
            Role::Admin
        }
        (MemberChange::Demoted, Some(place)) => {
            members[place].role = Role::Member;
            Role::Member
        }
        (_, None) => Role::Member,
    }
}
