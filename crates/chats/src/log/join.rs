//! Joining a group by a link.

use std::collections::HashMap;

use protocol::{LinkCode, MemberChange, UserId};

use super::batcher::{Batcher, Command};
use super::membership;
use super::operation::{Change, GroupChange, Operation, Outcome};
use super::plan::{Known, Plan};
use crate::ChatError;
use crate::conversation::Conversation;
use crate::links::NO_LINK;
use crate::store::{Admission, LinkUse, StoreError};

/// What speaks for and against those of a batch who would join, as the store has it.
pub(crate) type Admissions = HashMap<(LinkCode, UserId), Admission>;

impl Batcher {
    /// What the planner has to know of those who would join.
    pub(super) async fn admissions(&self, batch: &[Command]) -> Result<Admissions, StoreError> {
        let joining = |command: &Command| match &command.operation {
            Operation::Change(Change { actor, what: GroupChange::Join(code), .. }) => Some((*code, *actor)),
            _ => None,
        };
        let asked: Vec<_> = batch.iter().filter_map(joining).collect();
        if asked.is_empty() {
            return Ok(HashMap::new());
        }
        let found = self.store.admissions(asked.clone()).await?;
        Ok(asked.into_iter().zip(found).filter_map(|(key, it)| Some((key, it?))).collect())
    }
}

/// Plans a join.
pub(super) fn join(
    plan: &mut Plan,
    known: &Known<'_>,
    conversation: &Conversation,
    change: &Change,
    code: LinkCode,
) -> Result<Outcome, ChatError> {
    let snapshot = plan.snapshots.entry(conversation.id).or_insert_with(|| conversation.snapshot());
    if snapshot.members.get(change.actor).is_some() {
        return Ok(Outcome { seq: snapshot.last_seq, time: snapshot.last_time });
    }
    let Admission { link, removed_seq } = known.admissions.get(&(code, change.actor)).ok_or(NO_LINK)?;
    if link.conversation != conversation.id || snapshot.info.deleted || snapshot.members.is_empty() {
        return Err(NO_LINK);
    }
    let place = plan.commit.link_uses.iter().position(|it| it.code == code);
    let uses = place.map_or(link.uses, |place| plan.commit.link_uses[place].after);
    if !link.admits(known.now, uses) {
        return Err(NO_LINK);
    }
    let just_removed = plan.commit.memberships.iter().any(|it| {
        (it.conversation, it.user, it.change) == (conversation.id, change.actor, MemberChange::Removed)
    });
    if just_removed || removed_seq.is_some_and(|seq| link.created_seq < seq) {
        return Err(ChatError::Forbidden(
            "an admin has removed you from this group: a link made since then would admit you",
        ));
    }
    if snapshot.members.len() >= known.policy.group_members {
        return Err(ChatError::GroupFull { limit: known.policy.group_members });
    }
    let outcome = membership::joined(plan, known, conversation, change)?;
    match place {
        Some(place) => plan.commit.link_uses[place].after += 1,
        None => plan.commit.link_uses.push(LinkUse { code, before: uses, after: uses + 1 }),
    }
    Ok(outcome)
}
