use protocol::{MessageKind, Reaction};

use super::changes::users;
use super::*;
use crate::log::body::{decode, decode_reactions, encode_reactions};
use crate::log::{Annotation, Note};
use crate::service::Visible;
use crate::store::{Amendment, Commit, NewEntry};

const HOUR_MS: i64 = 3_600_000;

impl World {
    /// An entry that stands already.
    fn with(mut self, seq: Seq, sender: u8, kind: MessageKind, content: &Content) -> Self {
        let entry = NewEntry {
            conversation: self.conversation.id,
            seq,
            time: NOW - HOUR_MS,
            sender: user(sender),
            device: device(sender),
            id: format!("old{seq}").parse().unwrap(),
            kind,
            epoch: None,
            body: encode(content).unwrap(),
            target: None,
            edited_at: None,
            reactions: None,
        };
        self.targets.insert((self.conversation.id, seq), entry);
        self
    }

    /// Bob said "hello" as entry 5.
    fn said() -> Self {
        Self::group().with(5, BOB, MessageKind::Content, &Content::text("hello"))
    }

    fn reacted(mut self, reactions: &[(u8, &str)]) -> Self {
        let reactions: Vec<_> = reactions.iter().map(|(who, emoji)| reaction(*who, emoji)).collect();
        let entry = self.targets.get_mut(&(self.conversation.id, 5)).unwrap();
        entry.reactions = encode_reactions(&reactions).unwrap();
        self
    }
}

fn reaction(who: u8, emoji: &str) -> Reaction {
    Reaction { user: user(who), emoji: emoji.into() }
}

/// By someone who may see everything.
fn about(actor: u8, target: Seq, id: &str, what: Note) -> Operation {
    Operation::Annotate(Annotation {
        actor: user(actor),
        device: device(actor),
        id: id.parse().unwrap(),
        target,
        visible: vec![Visible { after: 0, to: 10, ended_at: None }],
        what,
    })
}

fn edit(text: &str) -> Note {
    Note::Edit { text: text.into(), mentions: Vec::new() }
}

fn react(emoji: &str) -> Note {
    Note::React(Some(emoji.into()))
}

/// The only amendment: what it makes of the entry.
fn amended(commit: &Commit) -> (Option<Content>, &Amendment, Vec<Reaction>) {
    assert_eq!(commit.amendments.len(), 1, "{:?}", commit.amendments);
    let amendment = &commit.amendments[0];
    let said = amendment.rewrite.as_ref().map(|rewrite| {
        match decode(ConversationKind::Plain, MessageKind::Content, &rewrite.body) {
            Body::Open(content) => content,
            Body::Sealed(_) => panic!("sealed"),
        }
    });
    (said, amendment, decode_reactions(amendment.reactions.as_ref()))
}

fn is_forbidden(answer: Result<Seq, ChatError>) {
    assert!(matches!(answer, Err(ChatError::Forbidden(_))), "{answer:?}");
}

fn is_invalid(answer: Result<Seq, ChatError>) {
    assert!(matches!(answer, Err(ChatError::Invalid(_))), "{answer:?}");
}

#[test]
fn an_edit_is_an_entry_and_changes_the_one_it_is_about() {
    let said =
        Content::Text { text: "hello".into(), reply_to: Some(2), mentions: users(&[CAROL]), forwarded: true };
    let world = World::group().with(5, BOB, MessageKind::Content, &said);
    let what = Note::Edit { text: "hi".into(), mentions: users(&[ALICE]) };
    let plan = world.plan(&[about(BOB, 5, "e", what)]);
    assert_eq!(answers(&plan), [Ok(11)]);
    let entry = &plan.commit.entries[0];
    assert_eq!((entry.kind, entry.target, entry.sender), (MessageKind::Annotation, Some(5), user(BOB)));
    let told = Content::Edit { target: 5, text: "hi".into(), mentions: users(&[ALICE]) };
    assert_eq!(plan.appended[0].message.body, Body::Open(told));
    assert_eq!(plan.appended[0].origin, None, "whoever asks is told, too");
    let (now, amendment, _) = amended(&plan.commit);
    let expected =
        Content::Text { text: "hi".into(), reply_to: Some(2), mentions: users(&[ALICE]), forwarded: true };
    assert_eq!((now, amendment.edited_at), (Some(expected), Some(NOW)));
    assert_eq!((amendment.seq, amendment.rewrite.as_ref().unwrap().by), (5, 11));
}

#[test]
fn only_the_author_edits_and_only_a_text_within_the_window() {
    let world = World::said();
    is_forbidden(world.one(about(ALICE, 5, "e", edit("hi"))));
    is_forbidden(world.one(about(CAROL, 5, "e", edit("hi"))));
    assert_eq!(world.one(about(BOB, 5, "e", edit("hello"))), Ok(5), "the message stands");
    let world = World::group().with(5, BOB, MessageKind::Content, &Content::Unsupported);
    is_invalid(world.one(about(BOB, 5, "e", edit("hi"))));
    let mut world = World::said();
    world.policy.edit_window_ms = HOUR_MS;
    assert_eq!(world.one(about(BOB, 5, "e", edit("hi"))), Ok(11));
    world.now += 1;
    is_forbidden(world.one(about(BOB, 5, "e", edit("hi"))));
    assert_eq!(world.one(about(BOB, 5, "d", Note::Delete)), Ok(11), "deleting has no window");
}

#[test]
fn its_author_or_an_admin_deletes_a_message() {
    is_forbidden(World::said().one(about(CAROL, 5, "d", Note::Delete)));
    for actor in [BOB, ALICE] {
        let plan = World::said().reacted(&[(CAROL, "a")]).plan(&[about(actor, 5, "d", Note::Delete)]);
        assert_eq!(answers(&plan), [Ok(11)]);
        assert_eq!(plan.appended[0].message.body, Body::Open(Content::Delete { target: 5 }));
        let (now, amendment, reactions) = amended(&plan.commit);
        assert_eq!((now, amendment.edited_at, reactions), (Some(Content::Removed), None, vec![]));
        assert!(amendment.rewrite.as_ref().unwrap().deleted);
        assert_eq!(plan.commit.entries[0].target, None);
    }
    let members = [(ALICE, Role::Member), (BOB, Role::Member)];
    let direct = World::new(ConversationShape::Direct, ConversationKind::Plain, &members);
    let direct = direct.with(5, BOB, MessageKind::Content, &Content::text("hello"));
    is_forbidden(direct.one(about(ALICE, 5, "d", Note::Delete)));
    assert_eq!(direct.one(about(BOB, 5, "d", Note::Delete)), Ok(11));
}

#[test]
fn nothing_is_said_about_what_was_deleted() {
    let world = World::group().with(5, BOB, MessageKind::Content, &Content::Removed);
    assert_eq!(world.one(about(BOB, 5, "d", Note::Delete)), Ok(5), "twice is once");
    for what in [edit("hi"), react("a"), Note::Pin(true)] {
        assert!(matches!(world.one(about(BOB, 5, "x", what)), Err(ChatError::NotFound(_))));
    }
    // So it is in the batch that deletes it.
    let all = [
        about(BOB, 5, "e1", edit("one")),
        about(BOB, 5, "e2", edit("two")),
        about(ALICE, 5, "d", Note::Delete),
        about(BOB, 5, "e3", edit("three")),
        about(CAROL, 5, "r", react("a")),
    ];
    let plan = World::said().plan(&all);
    let gone = || Err(ChatError::NotFound("message any more: it was deleted"));
    assert_eq!(answers(&plan), [Ok(11), Ok(12), Ok(13), gone(), gone()]);
    let (now, amendment, _) = amended(&plan.commit);
    assert_eq!((now, amendment.rewrite.as_ref().unwrap().by), (Some(Content::Removed), 13));
}

#[test]
fn what_a_member_may_not_see_is_not_there() {
    let world = World::said().with(9, BOB, MessageKind::Content, &Content::text("hello"));
    let with = |target, after, to| {
        let Operation::Annotate(annotation) = about(BOB, target, "x", Note::Delete) else { panic!() };
        world.one(Operation::Annotate(Annotation {
            visible: vec![Visible { after, to, ended_at: None }],
            ..annotation
        }))
    };
    let not_there = Err(ChatError::NotFound("message"));
    assert_eq!(with(5, 5, 10), not_there, "from before one joined");
    assert_eq!(with(9, 0, 8), not_there, "from after one left");
    assert_eq!(with(9, 8, 10), Ok(11));
    assert_eq!(with(7, 0, 10), not_there, "no such entry");
    for target in [0, 11, Seq::MAX] {
        assert_eq!(world.one(about(BOB, target, "x", Note::Delete)), not_there);
    }
    assert_eq!(world.one(about(DAVE, 5, "x", react("a"))), Err(NOT_THERE), "no member");
    let mut info = (*world.conversation.snapshot().info).clone();
    info.deleted = true;
    world.conversation.state().now.info = Arc::new(info);
    assert_eq!(world.one(about(BOB, 5, "x", react("a"))), Err(NOT_THERE), "a deleted group");
}

#[test]
fn only_what_members_say_can_be_the_target() {
    for (kind, content) in [
        (MessageKind::System, Content::Created),
        (MessageKind::Annotation, Content::Edit { target: 4, text: "a".into(), mentions: Vec::new() }),
        (MessageKind::Annotation, Content::Removed),
    ] {
        let world = World::group().with(5, ALICE, kind, &content);
        for what in [edit("hi"), Note::Delete, react("a"), Note::Pin(true)] {
            is_invalid(world.one(about(ALICE, 5, "x", what)));
        }
    }
    let mls = World::mls().with(5, ALICE, MessageKind::Content, &Content::text("a"));
    is_invalid(mls.one(about(ALICE, 5, "x", Note::Delete)));
}

#[test]
fn one_reaction_each_the_last_one_counts() {
    let world = World::said().reacted(&[(ALICE, "a"), (CAROL, "c")]);
    let plan = world.plan(&[about(BOB, 5, "1", react("b")), about(ALICE, 5, "2", react("d"))]);
    assert_eq!(answers(&plan), [Ok(11), Ok(12)]);
    let (rewritten, amendment, reactions) = amended(&plan.commit);
    assert_eq!((rewritten, amendment.edited_at), (None, None));
    assert_eq!(reactions, [reaction(CAROL, "c"), reaction(BOB, "b"), reaction(ALICE, "d")]);
    let plan =
        world.plan(&[about(ALICE, 5, "1", Note::React(None)), about(CAROL, 5, "2", Note::React(None))]);
    assert_eq!(amended(&plan.commit).1.reactions, None);
    assert_eq!(world.one(about(ALICE, 5, "1", react("a"))), Ok(5), "as it is");
    assert_eq!(world.one(about(BOB, 5, "1", Note::React(None))), Ok(5), "there is none");
    let mut full = World::said().reacted(&[(ALICE, "a"), (CAROL, "c")]);
    full.policy.reactions = 2;
    is_forbidden(full.one(about(BOB, 5, "1", react("b"))));
    assert_eq!(full.one(about(ALICE, 5, "1", react("b"))), Ok(11), "another instead takes no place");
}

#[test]
fn an_edit_keeps_reactions_and_a_reaction_keeps_the_edit() {
    let world = World::said().reacted(&[(ALICE, "a")]);
    let plan = world.plan(&[about(BOB, 5, "e", edit("hi")), about(CAROL, 5, "r", react("c"))]);
    let (now, amendment, reactions) = amended(&plan.commit);
    assert_eq!((now, amendment.edited_at), (Some(Content::text("hi")), Some(NOW)));
    assert_eq!(reactions, [reaction(ALICE, "a"), reaction(CAROL, "c")]);
}

#[test]
fn pins_have_a_bound() {
    let text = Content::text("a");
    let mut world = World::said();
    for seq in 1..=4 {
        world = world.with(seq, BOB, MessageKind::Content, &text);
    }
    world.policy.pins = 3;
    world.pins.insert(world.conversation.id, vec![1, 2]);
    let pin = |seq, pinned| about(CAROL, seq, &format!("p{seq}{pinned}"), Note::Pin(pinned));
    assert_eq!(world.one(pin(1, true)), Ok(1), "it is pinned");
    assert_eq!(world.one(pin(3, false)), Ok(3), "it is not");
    let plan = world.plan(&[pin(3, true), pin(4, true), pin(1, false), pin(4, true), pin(2, true)]);
    let all = answers(&plan);
    assert_eq!((&all[0], &all[2..]), (&Ok(11), &[Ok(12), Ok(13), Ok(2)][..]));
    is_invalid(all[1].clone());
    let pins: Vec<_> = plan.commit.pins.iter().map(|pin| (pin.seq, pin.pinned, pin.by)).collect();
    assert_eq!(pins, [(3, true, user(CAROL)), (1, false, user(CAROL)), (4, true, user(CAROL))]);
    assert!(plan.commit.amendments.is_empty());
}

#[test]
fn an_annotation_repeated_is_the_first() {
    let mut world = World::said();
    let plan = world.plan(&[about(BOB, 5, "e", edit("hi")), about(BOB, 5, "e", edit("ho"))]);
    assert_eq!(answers(&plan), [Ok(11), Ok(11)]);
    assert_eq!(amended(&plan.commit).0, Some(Content::text("hi")));
    let key = (world.conversation.id, device(DAVE), "e".parse().unwrap());
    world.sent.insert(key, Outcome { seq: 4, time: 44 });
    assert_eq!(world.one(about(DAVE, 5, "e", edit("hi"))), Ok(4), "also once removed");
}

#[test]
fn mentions_name_members() {
    let world = World::said();
    let edit = |mentions| about(BOB, 5, "e", Note::Edit { text: "hi".into(), mentions });
    assert_eq!(world.one(edit(users(&[ALICE, CAROL]))), Ok(11));
    is_invalid(world.one(edit(users(&[ALICE, DAVE]))));
    is_invalid(world.one(edit(users(&[ALICE; 65]))));
    let says = |mentions, reply_to| {
        let content = Content::Text { text: "hi".into(), reply_to, mentions, forwarded: false };
        let stored = encode(&content).unwrap();
        world.one(Operation::Append(NewMessage { body: Body::Open(content), stored, ..message(BOB, "a") }))
    };
    assert_eq!(says(users(&[ALICE]), Some(10)), Ok(11));
    is_invalid(says(users(&[DAVE]), None));
    for seq in [0, 11, Seq::MAX] {
        is_invalid(says(Vec::new(), Some(seq)));
    }
}

#[test]
fn sealed_annotations_are_said_as_content_is() {
    let world = World::mls();
    let say = |epoch| world.one(Operation::Append(sealed(ALICE, "a", MessageKind::Annotation, epoch)));
    assert_eq!((say(3), say(0)), (Ok(11), Ok(11)));
    assert_eq!(say(4), Err(ChatError::WrongEpoch { current: 3 }));
    let plain = World::group();
    is_invalid(
        plain.one(Operation::Append(NewMessage { kind: MessageKind::Annotation, ..message(ALICE, "a") })),
    );
}
