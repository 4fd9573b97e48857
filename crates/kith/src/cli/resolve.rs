//! From what a person calls a conversation or a user to its id.

use client::Hub;
use protocol::{ConversationFilter, ConversationId, ConversationSummary, ErrorCode, UserId, UserInfo};

use super::Failure;

/// Whether a conversation with a user that has none yet is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// Make it.
    Create,
    /// That is an error.
    Fail,
}

/// What a name can mean.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Conversation(ConversationId),
    User(UserId),
}

/// The conversation that `to` names: by its id, by the other's user id, username, email or phone, or by the name of a
/// group of one's own. A name with two meanings is refused: a message must not go where a stranger lures it by taking
/// a group's name.
pub(super) async fn conversation(
    hub: &Hub,
    own: UserId,
    to: &str,
    absent: Absent,
) -> Result<ConversationId, Failure> {
    let mut known = None;
    let meaning = match (to.parse(), to.parse()) {
        (Ok(id), _) => Meaning::Conversation(id),
        (_, Ok(user)) => Meaning::User(user),
        _ => {
            let (user, conversations) =
                tokio::join!(find_user(hub, to), hub.every_conversation(ConversationFilter::default()));
            let conversations = conversations?;
            let meaning = choose(to, user?, &conversations)?;
            known = Some(conversations);
            meaning
        }
    };
    let user = match meaning {
        Meaning::Conversation(id) => return Ok(id),
        Meaning::User(user) if absent == Absent::Create => {
            return Ok(hub.initiate_direct(user, None).await?);
        }
        Meaning::User(user) => user,
    };
    let conversations = match known {
        Some(conversations) => conversations,
        None => hub.every_conversation(ConversationFilter::default()).await?,
    };
    let direct = conversations.iter().find(|summary| is_direct_with(summary, own, user));
    direct
        .map(|summary| summary.id)
        .ok_or_else(|| Failure::not_found(format!("no conversation with {to} yet")))
}

/// A group of one's own, by its id or its name.
pub(super) async fn group(hub: &Hub, name: &str) -> Result<ConversationId, Failure> {
    if let Ok(id) = name.parse::<ConversationId>() {
        return if id.is_group() { Ok(id) } else { Err(Failure::usage(format!("{name} is no group"))) };
    }
    match choose(name, None, &hub.every_conversation(ConversationFilter::default()).await?)? {
        Meaning::Conversation(id) => Ok(id),
        Meaning::User(_) => Err(Failure::usage(format!("{name} is no group"))),
    }
}

/// Users by their ids, usernames, emails or phones.
pub(super) async fn users(hub: &Hub, names: &[String]) -> Result<Vec<UserId>, Failure> {
    let find = |name: &String| {
        let name = name.clone();
        async move { user(hub, &name).await }
    };
    futures_util::future::try_join_all(names.iter().map(find)).await
}

/// A user by id, username, email or phone.
pub(super) async fn user(hub: &Hub, name: &str) -> Result<UserId, Failure> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let found = find_user(hub, name).await?;
    Ok(found.ok_or_else(|| Failure::not_found(format!("{name}: there is no such user")))?.id)
}

async fn find_user(hub: &Hub, name: &str) -> Result<Option<UserInfo>, Failure> {
    match hub.find_user(name).await {
        Ok(user) => Ok(Some(user)),
        // A group's name need not be well-formed as a username.
        Err(error) => match error.code() {
            Some(ErrorCode::UnknownUser | ErrorCode::NotFound | ErrorCode::Invalid) => Ok(None),
            _ => Err(Failure::from(error).about(name)),
        },
    }
}

fn choose(
    name: &str,
    user: Option<UserInfo>,
    conversations: &[ConversationSummary],
) -> Result<Meaning, Failure> {
    let same = |summary: &&ConversationSummary| {
        summary.id.is_group() && summary.role.is_some() && summary.name.to_lowercase() == name.to_lowercase()
    };
    let groups: Vec<ConversationId> = conversations.iter().filter(same).map(|summary| summary.id).collect();
    match (user, groups.as_slice()) {
        (Some(user), []) => Ok(Meaning::User(user.id)),
        (None, [group]) => Ok(Meaning::Conversation(*group)),
        (None, []) => {
            Err(Failure::not_found(format!("{name}: there is no such user, and no group of yours")))
        }
        (Some(user), [group, ..]) => Err(Failure::usage(format!(
            "{name} is a user ({}) and a group of yours ({group}): use the id",
            user.id
        ))),
        (None, [first, second, ..]) => Err(Failure::usage(format!(
            "{name} is the name of several groups ({first}, {second}): use the id"
        ))),
    }
}

fn is_direct_with(summary: &ConversationSummary, own: UserId, user: UserId) -> bool {
    let others = || summary.members.iter().map(|member| member.user).filter(|member| *member != own);
    // With oneself there is no other.
    !summary.id.is_group()
        && (others().any(|other| other == user) || user == own && others().next().is_none())
}

#[cfg(test)]
mod tests {
    use protocol::{ConversationKind, ConversationShape, MemberInfo, Role};

    use super::*;

    fn user(number: u8) -> UserInfo {
        UserInfo { id: UserId::compose(1, [number; 10]), username: Some("team".into()), name: "T".into() }
    }

    fn summary(shape: ConversationShape, number: u8, name: &str, members: &[u8]) -> ConversationSummary {
        let own = user(1).id;
        let member = |number: &u8| MemberInfo {
            user: user(*number).id,
            name: number.to_string().into(),
            role: Role::Member,
            joined_at: 1,
        };
        ConversationSummary {
            id: ConversationId::compose(shape, 1, [number; 10]),
            kind: ConversationKind::Plain,
            name: name.into(),
            description: String::new(),
            picture: None,
            created_by: own,
            created_at: 1,
            updated_by: own,
            updated_at: 1,
            member_count: 2,
            members: members.iter().map(member).collect(),
            role: Some(Role::Member),
            epoch: None,
            first_seq: 1,
            last_seq: 1,
            delivered: 0,
            seen: 0,
            unread: 0,
            last_message: None,
            status: None,
            archived: false,
            muted_until: None,
            retention: None,
        }
    }

    #[test]
    fn a_name_means_one_thing_or_is_refused() {
        let group = |number, name| summary(ConversationShape::Group, number, name, &[]);
        let groups = [group(1, "Team"), group(2, "friends"), group(3, "Friends")];
        assert_eq!(choose("team", None, &groups), Ok(Meaning::Conversation(groups[0].id)));
        assert_eq!(choose("bob", Some(user(2)), &groups), Ok(Meaning::User(user(2).id)));
        assert!(choose("team", Some(user(2)), &groups).unwrap_err().message().contains("use the id"));
        assert!(choose("friends", None, &groups).unwrap_err().message().contains("several groups"));
        assert!(choose("nobody", None, &groups).is_err());
        let left = ConversationSummary { role: None, ..group(1, "Team") };
        assert!(choose("team", None, &[left]).is_err());
    }

    #[test]
    fn a_direct_conversation_is_known_by_its_other_member() {
        let direct = summary(ConversationShape::Direct, 1, "b", &[1, 2]);
        assert!(is_direct_with(&direct, user(1).id, user(2).id));
        assert!(!is_direct_with(&direct, user(1).id, user(3).id));
        assert!(!is_direct_with(&direct, user(1).id, user(1).id));
        assert!(is_direct_with(&summary(ConversationShape::Direct, 1, "a", &[1]), user(1).id, user(1).id));
        assert!(!is_direct_with(&summary(ConversationShape::Group, 1, "b", &[1, 2]), user(1).id, user(2).id));
    }
}
