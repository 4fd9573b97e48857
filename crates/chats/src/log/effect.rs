//! What a change of a group comes to: the entries that record it, if it is allowed and does anything. No I/O.

use protocol::{Content, MemberChange, Role, UserId};

use super::operation::{Change, GroupChange, Heir};
use crate::conversation::{Members, Snapshot};
use crate::{ChatError, Policy};

/// One entry of a change.
pub(super) struct Effect {
    pub(super) content: Content,
    /// Whom it moves.
    pub(super) users: Vec<UserId>,
    /// How.
    pub(super) moved: Option<MemberChange>,
}

impl Effect {
    pub(super) fn on(change: MemberChange, users: Vec<UserId>) -> Self {
        let content = Content::Members { change, users: users.clone() };
        Self { content, users, moved: Some(change) }
    }
}

/// The entries of a change, in order; none if it changes nothing.
pub(super) fn effects(
    snapshot: &Snapshot,
    change: &Change,
    policy: &Policy,
) -> Result<Vec<Effect>, ChatError> {
    let members = &snapshot.members;
    Ok(match &change.what {
        GroupChange::Add(users) => {
            let mut new: Vec<_> = users.iter().copied().filter(|user| members.get(*user).is_none()).collect();
            new.sort_unstable();
            new.dedup();
            if new.is_empty() {
                Vec::new()
            } else if members.len() + new.len() > policy.group_members {
                return Err(ChatError::GroupFull { limit: policy.group_members });
            } else {
                vec![Effect::on(MemberChange::Added, new)]
            }
        }
        GroupChange::Remove(user) if *user == change.actor => {
            return Err(ChatError::Invalid("to remove yourself, leave the group".into()));
        }
        GroupChange::Remove(user) => {
            role_of(members, *user)?;
            vec![Effect::on(MemberChange::Removed, vec![*user])]
        }
        GroupChange::Leave(heir) => {
            let promoted = heir_of(members, change.actor, *heir)?.map(|heir| vec![heir]);
            let promoted = promoted.map(|heir| Effect::on(MemberChange::Promoted, heir));
            promoted.into_iter().chain([Effect::on(MemberChange::Left, vec![change.actor])]).collect()
        }
        GroupChange::Promote(user) => match role_of(members, *user)? {
            Role::Admin => Vec::new(),
            Role::Member => vec![Effect::on(MemberChange::Promoted, vec![*user])],
        },
        GroupChange::Demote(user) => match role_of(members, *user)? {
            Role::Member => Vec::new(),
            Role::Admin if admins(members) == 1 => return Err(ChatError::LastAdmin),
            Role::Admin => vec![Effect::on(MemberChange::Demoted, vec![*user])],
        },
        GroupChange::Info { name, description, picture } => {
            let (name, description, picture) = (name.clone(), description.clone(), picture.clone());
            if name.is_none() && description.is_none() && picture.is_none() {
                Vec::new()
            } else {
                let content = Content::Info { name, description, picture, retention: None };
                vec![Effect { content, users: Vec::new(), moved: None }]
            }
        }
        GroupChange::Retention(retention) => {
            if snapshot.info.retention.unwrap_or_default() == *retention {
                return Ok(Vec::new());
            }
            let retention = Some(*retention);
            let content = Content::Info { name: None, description: None, picture: None, retention };
            vec![Effect { content, users: Vec::new(), moved: None }]
        }
        // Who joins is none of those who change the group.
        GroupChange::Join(_) => Vec::new(),
        GroupChange::Delete => {
            let users = members.as_slice().iter().map(|member| member.user).collect();
            vec![Effect { content: Content::Deleted, users, moved: Some(MemberChange::Removed) }]
        }
    })
}

fn role_of(members: &Members, user: UserId) -> Result<Role, ChatError> {
    members.get(user).map(|member| member.role).ok_or(ChatError::NotFound("member of this group"))
}

fn admins(members: &Members) -> usize {
    members.as_slice().iter().filter(|member| member.role == Role::Admin).count()
}

/// Who is to be promoted before `actor` leaves.
fn heir_of(members: &Members, actor: UserId, heir: Heir) -> Result<Option<UserId>, ChatError> {
    let is_admin = role_of(members, actor)? == Role::Admin;
    let orphans = is_admin && admins(members) == 1 && members.len() > 1;
    match heir {
        Heir::Named(user) if user == actor => {
            Err(ChatError::Invalid("a successor is another member of the group".into()))
        }
        Heir::Named(_) if !is_admin => Err(ChatError::Forbidden("only an admin names a successor")),
        Heir::Named(user) => Ok((role_of(members, user)? == Role::Member).then_some(user)),
        Heir::Nobody if orphans => Err(ChatError::LastAdmin),
        Heir::Eldest if orphans => {
            let others = members.as_slice().iter().filter(|member| member.user != actor);
            Ok(others.min_by_key(|it| (it.from_seq, it.added_at, it.user)).map(|it| it.user))
        }
        Heir::Nobody | Heir::Eldest => Ok(None),
    }
}
