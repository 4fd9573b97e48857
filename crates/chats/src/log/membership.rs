//! Changes of a group: who may make them, and what they do to name and members. No I/O.

use std::sync::Arc;

use protocol::{Body, Content, MemberChange, MessageKind, Role, UserId};

use super::encode;
use super::operation::{Change, GroupChange, Outcome};
use super::plan::{Entry, Known, Plan, write};
use crate::conversation::{Conversation, Members, Snapshot};
use crate::store::{Info, Member, MembershipChange};
use crate::{ChatError, Policy};

/// Plans one change.
pub(super) fn apply(
    plan: &mut Plan,
    known: &Known<'_>,
    conversation: &Conversation,
    change: &Change,
) -> Result<Outcome, ChatError> {
    let snapshot = plan.snapshots.entry(conversation.id).or_insert_with(|| conversation.snapshot());
    let unchanged = Outcome { seq: snapshot.last_seq, time: snapshot.last_time };
    let actor = snapshot.members.get(change.actor).ok_or(ChatError::NotFound("conversation"))?;
    if snapshot.info.deleted {
        return Err(ChatError::NotFound("conversation"));
    }
    if !conversation.id.is_group() {
        return Err(ChatError::Forbidden("a direct conversation has its two members and no name of its own"));
    }
    if actor.role != Role::Admin && !matches!(change.what, GroupChange::Leave) {
        return Err(ChatError::Forbidden("only an admin may do that"));
    }
    let Some(Effect { content, users, moved }) = effect(snapshot, change, known.policy)? else {
        return Ok(unchanged);
    };
    let entry = Entry {
        sender: change.actor,
        device: change.device,
        id: change.id.clone(),
        kind: MessageKind::System,
        epoch: None,
        stored: encode(&content)?,
        body: Body::Open(content),
    };
    let (outcome, mut appended) = write(&mut plan.commit, snapshot, conversation.id, entry, known.now);
    let mut info = (*snapshot.info).clone();
    info.updated_by = Some(change.actor);
    info.updated_at = outcome.time;
    rename(&mut info, &change.what);
    snapshot.info = Arc::new(info);
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
        snapshot.members = Arc::new(Members::new(members));
        match moved {
            MemberChange::Added => appended.joined = users,
            MemberChange::Removed | MemberChange::Left => appended.departed = users,
            MemberChange::Promoted | MemberChange::Demoted => {}
        }
    }
    appended.members = Arc::clone(&snapshot.members);
    plan.appended.push(appended);
    Ok(outcome)
}

/// What a change does, if it is allowed and does anything.
struct Effect {
    content: Content,
    users: Vec<UserId>,
    moved: Option<MemberChange>,
}

impl Effect {
    fn on(change: MemberChange, users: Vec<UserId>) -> Option<Self> {
        let content = Content::Members { change, users: users.clone() };
        Some(Self { content, users, moved: Some(change) })
    }
}

fn effect(snapshot: &Snapshot, change: &Change, policy: &Policy) -> Result<Option<Effect>, ChatError> {
    let members = &snapshot.members;
    let role_of = |user: UserId| {
        members.get(user).map(|member| member.role).ok_or(ChatError::NotFound("member of this group"))
    };
    let admins = members.as_slice().iter().filter(|member| member.role == Role::Admin).count();
    Ok(match &change.what {
        GroupChange::Add(users) => {
            let mut new: Vec<_> = users.iter().copied().filter(|user| members.get(*user).is_none()).collect();
            new.sort_unstable();
            new.dedup();
            if new.is_empty() {
                None
            } else if members.len() + new.len() > policy.group_members {
                return Err(ChatError::GroupFull { limit: policy.group_members });
            } else {
                Effect::on(MemberChange::Added, new)
            }
        }
        GroupChange::Remove(user) if *user == change.actor => {
            return Err(ChatError::Invalid("to remove yourself, leave the group".into()));
        }
        GroupChange::Remove(user) => {
            role_of(*user)?;
            Effect::on(MemberChange::Removed, vec![*user])
        }
        GroupChange::Leave => {
            if admins == 1 && members.len() > 1 && role_of(change.actor)? == Role::Admin {
                return Err(ChatError::LastAdmin);
            }
            Effect::on(MemberChange::Left, vec![change.actor])
        }
        GroupChange::Promote(user) => match role_of(*user)? {
            Role::Admin => None,
            Role::Member => Effect::on(MemberChange::Promoted, vec![*user]),
        },
        GroupChange::Demote(user) => match role_of(*user)? {
            Role::Member => None,
            Role::Admin if admins == 1 => return Err(ChatError::LastAdmin),
            Role::Admin => Effect::on(MemberChange::Demoted, vec![*user]),
        },
        GroupChange::Info { name, description, picture } => {
            let (name, description, picture) = (name.clone(), description.clone(), picture.clone());
            if name.is_none() && description.is_none() && picture.is_none() {
                None
            } else {
                let content = Content::Info { name, description, picture };
                Some(Effect { content, users: Vec::new(), moved: None })
            }
        }
        GroupChange::Delete => {
            let users = members.as_slice().iter().map(|member| member.user).collect();
            Some(Effect { content: Content::Deleted, users, moved: Some(MemberChange::Removed) })
        }
    })
}

fn rename(info: &mut Info, change: &GroupChange) {
    match change {
        GroupChange::Info { name, description, picture } => {
            if let Some(name) = name {
                info.name.clone_from(name);
            }
            if let Some(description) = description {
                info.description.clone_from(description);
            }
            if let Some(picture) = picture {
                info.picture = Some(picture.clone());
            }
        }
        GroupChange::Delete => info.deleted = true,
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
        (MemberChange::Added, _) => {
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
