//! What a log means, read entry by entry: who was in the conversation when, and whether each entry was allowed.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use protocol::{Content, Message};

use crate::*;

/// A part of the log somebody may see: its first entry, and its last if it has ended.
type Interval = (Seq, Option<Seq>);

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) admins: BTreeSet<UserId>,
    pub(crate) members: BTreeSet<UserId>,
    /// Who was in it once each entry stood.
    pub(crate) after: Vec<BTreeSet<UserId>>,
    pub(crate) intervals: BTreeMap<UserId, Vec<Interval>>,
    pub(crate) epoch: u64,
    pub(crate) name: Option<String>,
    pub(crate) deleted: bool,
    pub(crate) pins: BTreeSet<Seq>,
    /// What annotations have made of entries.
    amended: BTreeMap<Seq, Amended>,
}

/// What became of an entry.
#[derive(Debug, Default)]
struct Amended {
    edit: Option<(String, i64)>,
    deleted: bool,
    reactions: BTreeMap<UserId, String>,
}

impl Model {
    /// A conversation of these from its first entry on.
    pub(crate) fn new(admins: &[UserId], members: &[UserId]) -> Self {
        let mut model = Self::default();
        for user in admins.iter().chain(members) {
            if model.members.insert(*user) {
                model.intervals.insert(*user, vec![(1, None)]);
            }
        }
        model.admins.extend(admins);
        model
    }

    /// Reads a whole log, and checks it.
    pub(crate) fn read(&mut self, log: &[Message], bound: usize) {
        let mut sends = HashSet::new();
        let mut time = 0;
        for (message, seq) in log.iter().zip(1..) {
            assert_eq!(message.seq, seq, "numbers are gapless from 1");
            assert!(message.sent_at >= time, "times never decrease");
            time = message.sent_at;
            assert!(sends.insert((message.device, message.id.clone())), "{} stands twice", message.id);
            assert!(!self.deleted, "nothing follows a deletion");
            let joins = matches!(
                &message.body,
                protocol::Body::Open(Content::Members { change: MemberChange::Joined, users }) if *users == [message.sender]
            );
            assert_ne!(self.members.contains(&message.sender), joins, "only members write");
            match (&message.kind, &message.body) {
                (MessageKind::System, protocol::Body::Open(content)) => {
                    self.change(message.sender, seq, content);
                    assert!(self.members.len() <= bound, "a group is full at its bound");
                }
                (MessageKind::System, sealed) => panic!("{sealed:?}"),
                (MessageKind::Commit, _) => {
                    assert_eq!(message.epoch, Some(self.epoch), "one commit per epoch");
                    self.epoch += 1;
                }
                (MessageKind::Proposal, _) => assert_eq!(message.epoch, Some(self.epoch)),
                (MessageKind::Annotation, protocol::Body::Open(content)) => {
                    self.annotate(message, content, log);
                }
                (MessageKind::Annotation, sealed) => panic!("{sealed:?}"),
                (MessageKind::Unsupported, _) => panic!("nobody can write such a kind"),
                (MessageKind::Content, _) => assert!(message.epoch.unwrap_or(0) <= self.epoch),
            }
            self.after.push(self.members.clone());
        }
        self.check_amended(log);
    }

    fn annotate(&mut self, by: &Message, content: &Content, log: &[Message]) {
        let about = |target: &Seq| {
            assert!(*target < by.seq, "an annotation is about an earlier entry");
            let found = &log[usize::try_from(target - 1).unwrap()];
            assert_eq!(found.kind, MessageKind::Content, "only what members say is annotated");
            found
        };
        match content {
            Content::Edit { target, text, .. } => {
                assert_eq!(about(target).sender, by.sender, "only the author edits");
                let amended = self.amended.entry(*target).or_default();
                assert!(amended.edit.is_none(), "the edit before was overtaken");
                assert!(!amended.deleted, "nothing is said about what was deleted");
                amended.edit = Some((text.clone(), by.sent_at));
            }
            Content::Delete { target } => {
                let author = about(target).sender == by.sender;
                assert!(author || self.admins.contains(&by.sender), "only author and admins delete");
                self.pins.remove(target);
                let amended = self.amended.entry(*target).or_default();
                assert!(!amended.deleted, "once");
                assert!(amended.edit.is_none(), "edits before were overtaken");
                (amended.deleted, amended.reactions) = (true, BTreeMap::new());
            }
            Content::Reaction { target, emoji } => {
                about(target);
                let amended = self.amended.entry(*target).or_default();
                assert!(!amended.deleted);
                let before = match emoji {
                    Some(emoji) => amended.reactions.insert(by.sender, emoji.clone()),
                    None => amended.reactions.remove(&by.sender),
                };
                assert_ne!(before, *emoji, "what changes nothing is no entry");
            }
            Content::Pin { target, pinned } => {
                about(target);
                let changed = if *pinned { self.pins.insert(*target) } else { self.pins.remove(target) };
                assert!(changed, "what changes nothing is no entry");
            }
            // An edit that was overtaken: which one it was about nobody knows any more.
            Content::Removed => {}
            other => panic!("{other:?}"),
        }
    }

    /// Every entry is what its annotations have made of it.
    fn check_amended(&self, log: &[Message]) {
        let nothing = Amended::default();
        for message in log.iter().filter(|message| message.kind == MessageKind::Content) {
            let amended = self.amended.get(&message.seq).unwrap_or(&nothing);
            let reactions: BTreeMap<_, _> =
                message.reactions.iter().map(|it| (it.user, it.emoji.clone())).collect();
            assert_eq!(reactions, amended.reactions, "reactions to {}", message.seq);
            assert_eq!(reactions.len(), message.reactions.len(), "one each");
            match (&message.body, &amended.edit) {
                (protocol::Body::Open(Content::Removed), _) => assert!(amended.deleted),
                (_, _) if amended.deleted => panic!("{message:?} was deleted"),
                (protocol::Body::Open(Content::Text { text, .. }), Some((edited, at))) => {
                    assert_eq!((text, message.edited_at), (edited, Some(*at)));
                }
                _ => assert_eq!(message.edited_at, None),
            }
        }
        for message in log.iter().filter(|message| message.kind != MessageKind::Content) {
            assert_eq!((message.edited_at, message.reactions.len()), (None, 0), "{message:?}");
        }
    }

    fn change(&mut self, actor: UserId, seq: Seq, content: &Content) {
        let freely = [MemberChange::Left, MemberChange::Joined];
        let free = matches!(content, Content::Members { change, .. } if freely.contains(change));
        assert!(free || self.admins.contains(&actor), "only admins change a group");
        match content {
            Content::Created => assert_eq!(seq, 1),
            Content::Members { change: MemberChange::Added | MemberChange::Joined, users } => {
                for user in users {
                    assert!(self.members.insert(*user), "nobody is added twice");
                    self.intervals.entry(*user).or_default().push((seq, None));
                }
            }
            Content::Members { change: MemberChange::Removed | MemberChange::Left, users } => {
                users.iter().for_each(|user| self.leave(*user, seq));
                self.deleted |= self.members.is_empty();
                assert!(self.members.is_empty() || !self.admins.is_empty(), "no group without an admin");
            }
            Content::Members { change: MemberChange::Promoted, users } => {
                for user in users {
                    assert!(self.members.contains(user) && self.admins.insert(*user));
                }
            }
            Content::Members { change: MemberChange::Demoted, users } => {
                assert!(users.iter().all(|user| self.admins.remove(user)));
                assert!(!self.admins.is_empty());
            }
            Content::Info { name, .. } => {
                if name.is_some() {
                    self.name.clone_from(name);
                }
            }
            Content::Deleted => {
                self.members.clone().into_iter().for_each(|user| self.leave(user, seq));
                self.deleted = true;
            }
            _ => panic!("the server says nothing"),
        }
    }

    fn leave(&mut self, user: UserId, seq: Seq) {
        assert!(self.members.remove(&user), "only who is there can go");
        self.admins.remove(&user);
        let last = self.intervals.get_mut(&user).and_then(|intervals| intervals.last_mut());
        last.expect("who is there has come").1 = Some(seq);
    }

    pub(crate) fn may_see(&self, user: UserId, seq: Seq) -> bool {
        let intervals = self.intervals.get(&user).into_iter().flatten();
        intervals.into_iter().any(|(from, to)| *from <= seq && to.is_none_or(|to| seq <= to))
    }

    /// All that `user` may see of a log of `last` entries.
    pub(crate) fn visible(&self, user: UserId, last: Seq) -> Vec<Seq> {
        (1..=last).filter(|seq| self.may_see(user, *seq)).collect()
    }
}
