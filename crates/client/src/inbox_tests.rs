use std::collections::BTreeMap;

use platform::{Randomness, SeededRandomness};
use protocol::{
    Body, Content, ConversationId, ConversationKind, ConversationShape, ConversationSummary, DeviceId,
    Message, MessageId, MessageKind, Seq, SyncPage, UserId,
};

use super::Inbox;

fn conversation(number: u8) -> ConversationId {
    ConversationId::compose(ConversationShape::Direct, 1, [number; 10])
}

fn message(conversation: ConversationId, seq: Seq) -> Message {
    Message {
        conversation,
        seq,
        sender: UserId::compose(1, [1; 10]),
        device: DeviceId::compose(1, [1; 10]),
        id: MessageId::compose(1, [seq as u8; 10]),
        sent_at: 1,
        kind: MessageKind::Content,
        epoch: None,
        body: Body::Open(Content::text(seq.to_string())),
        edited_at: None,
        reactions: Vec::new(),
    }
}

pub(crate) fn summary(id: ConversationId, last_seq: Seq) -> ConversationSummary {
    let user = UserId::compose(1, [1; 10]);
    ConversationSummary {
        id,
        kind: ConversationKind::Plain,
        name: "b".into(),
        description: String::new(),
        picture: None,
        created_by: user,
        created_at: 1,
        updated_by: user,
        updated_at: 1,
        member_count: 2,
        members: Vec::new(),
        role: None,
        epoch: None,
        first_seq: 1,
        last_seq,
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

fn page(last_seq: Seq, messages: &[Seq], more: bool) -> SyncPage {
    let id = conversation(1);
    let messages = messages.iter().map(|seq| message(id, *seq)).collect();
    SyncPage {
        conversations: vec![summary(id, last_seq)],
        messages,
        device_messages: Vec::new(),
        marks: Vec::new(),
        mark: 0,
        more,
    }
}

/// An inbox that has synced up to `seq`.
fn at(seq: Seq) -> Inbox {
    let mut inbox = Inbox::default();
    inbox.lose();
    inbox.request();
    inbox.page(page(seq, &[], false), &mut Vec::new());
    assert_eq!(inbox.position(conversation(1)), Some(seq));
    inbox
}

fn push(inbox: &mut Inbox, seqs: &[Seq]) -> Vec<Seq> {
    let mut out = Vec::new();
    seqs.iter().for_each(|seq| inbox.push(message(conversation(1), *seq), &mut out));
    out.iter().map(|message| message.seq).collect()
}

fn answer(inbox: &mut Inbox, page: SyncPage) -> Vec<Seq> {
    let mut out = Vec::new();
    inbox.page(page, &mut out);
    out.iter().map(|message| message.seq).collect()
}

#[test]
fn what_follows_passes_what_repeats_does_not() {
    let mut inbox = at(5);
    assert_eq!(push(&mut inbox, &[6, 7, 7, 3, 8]), [6, 7, 8]);
    assert!(!inbox.is_due());
}

#[test]
fn a_gap_waits_and_closes_by_itself_or_by_a_sync() {
    let mut inbox = at(5);
    assert_eq!(push(&mut inbox, &[8, 7]), [0; 0]);
    assert!(inbox.is_due_for_gaps_only());
    assert_eq!(push(&mut inbox, &[6]), [6, 7, 8]);
    assert!(!inbox.is_due());

    assert_eq!(push(&mut inbox, &[11]), [0; 0]);
    assert_eq!(inbox.request().after, [(conversation(1), 8)]);
    assert_eq!(answer(&mut inbox, page(11, &[9, 10], true)), [9, 10, 11]);
    assert_eq!(answer(&mut inbox, page(12, &[11, 12], false)), [12]);
    assert!(!inbox.is_due());
}

#[test]
fn only_the_first_page_of_a_run_brings_the_conversations() {
    let mut inbox = Inbox::default();
    inbox.lose();
    assert!(!inbox.request().without_conversations);
    assert_eq!(answer(&mut inbox, page(8, &[6, 7], true)), [6, 7]);
    assert!(inbox.request().without_conversations);
    let later = SyncPage { conversations: Vec::new(), ..page(8, &[8], true) };
    assert_eq!(answer(&mut inbox, later), [8]);
    // The run breaks off: the next one begins anew.
    inbox.abandon();
    assert!(!inbox.request().without_conversations);
    // A conversation that the list leaves out, because there are too many, has its pushes by the run that follows them.
    let other = conversation(9);
    let mut out = Vec::new();
    inbox.push(message(other, 40), &mut out);
    inbox.page(page(8, &[], false), &mut out);
    assert!(out.is_empty() && inbox.is_due());
    inbox.request();
    inbox.page(page(8, &[], false), &mut out);
    assert_eq!(out.iter().map(|message| message.seq).collect::<Vec<_>>(), [40]);
}

#[test]
fn pushes_before_the_first_sync_wait_for_it() {
    let mut inbox = Inbox::default();
    inbox.lose();
    assert!(inbox.is_due() && !inbox.is_due_for_gaps_only());
    assert!(inbox.request().after.is_empty());
    assert_eq!(push(&mut inbox, &[9]), [0; 0]);
    assert_eq!(answer(&mut inbox, page(8, &[6, 7, 8], false)), [6, 7, 8, 9]);
}

#[test]
fn where_the_first_sync_yields_nothing_the_end_counts_unless_newer_came() {
    let mut inbox = Inbox::default();
    inbox.request();
    assert_eq!(push(&mut inbox, &[9, 10]), [0; 0]);
    // The server read the summary after 9 was appended, and the messages before.
    assert_eq!(answer(&mut inbox, page(9, &[], false)), [9, 10]);
}

#[test]
fn a_gap_that_a_later_run_does_not_fill_is_none() {
    let mut inbox = at(20);
    assert_eq!(push(&mut inbox, &[30]), [0; 0]);
    inbox.request();
    // 31 came after the run began: its gap stays open for another one.
    assert_eq!(push(&mut inbox, &[32]), [0; 0]);
    assert_eq!(answer(&mut inbox, page(30, &[], false)), [30]);
    assert!(inbox.is_due());
    assert_eq!(inbox.request().after, [(conversation(1), 30)]);
    assert_eq!(answer(&mut inbox, page(32, &[31, 32], false)), [31, 32]);
    assert!(!inbox.is_due());
}

#[test]
fn a_page_may_skip_what_is_not_for_this_user() {
    let mut inbox = at(20);
    inbox.lose();
    inbox.request();
    assert_eq!(answer(&mut inbox, page(31, &[30, 31], false)), [30, 31]);
}

#[test]
fn a_broken_connection_makes_a_run_due() {
    let mut inbox = at(3);
    inbox.lose();
    inbox.request();
    assert!(!inbox.is_due());
    inbox.abandon();
    assert!(inbox.is_due());
    assert_eq!(inbox.request().after, [(conversation(1), 3)]);
}

/// A server that loses pushes, reorders nothing, and answers syncs in small pages while more is appended.
#[test]
fn any_loss_still_gives_every_message_once_and_in_order() {
    for seed in 0..300 {
        let randomness = SeededRandomness::new(seed);
        let below = |bound: u8| {
            let mut byte = [0];
            randomness.fill(&mut byte);
            byte[0] % bound
        };
        let ids = [conversation(1), conversation(2), conversation(3)];
        let mut logs: BTreeMap<ConversationId, Seq> =
            ids.iter().map(|id| (*id, u64::from(below(4)) + 1)).collect();
        let acknowledged: BTreeMap<ConversationId, Seq> =
            ids.iter().map(|id| (*id, u64::from(below(5)).min(logs[id]))).collect();
        let mut inbox = Inbox::default();
        inbox.lose();
        let mut out: Vec<Message> = Vec::new();
        for step in 0.. {
            let quiet = step > 200;
            if quiet && !inbox.is_due() && !inbox.running {
                break;
            }
            if !quiet && below(3) > 0 {
                let id = ids[usize::from(below(3))];
                let last = logs.get_mut(&id).unwrap();
                *last += 1;
                if below(4) > 0 {
                    inbox.push(message(id, *last), &mut out);
                } else {
                    // The server says so at the latest when it is quiet again.
                    inbox.incomplete = true;
                }
            } else if inbox.running || inbox.is_due() {
                let request = inbox.request();
                let mut messages = Vec::new();
                for id in ids {
                    let named = request.after.iter().find(|(named, _)| *named == id).map(|(_, seq)| *seq);
                    let after = named.unwrap_or(acknowledged[&id]);
                    messages.extend((after + 1..=logs[&id]).map(|seq| message(id, seq)));
                }
                let limit = usize::from(below(6)) + 1;
                let more = messages.len() > limit;
                messages.truncate(limit);
                let conversations = ids.iter().map(|id| summary(*id, logs[id])).collect();
                let page = SyncPage {
                    conversations,
                    messages,
                    device_messages: Vec::new(),
                    marks: Vec::new(),
                    mark: 0,
                    more,
                };
                inbox.page(page, &mut out);
                if below(8) == 0 {
                    inbox.abandon();
                }
            }
        }
        for id in ids {
            let got: Vec<Seq> =
                out.iter().filter(|message| message.conversation == id).map(|m| m.seq).collect();
            let expected: Vec<Seq> = (acknowledged[&id] + 1..=logs[&id]).collect();
            assert_eq!(got, expected, "seed {seed}");
        }
        assert_eq!(inbox.early_count, 0);
    }
}

#[test]
fn what_an_earlier_session_held_is_not_given_again() {
    let id = conversation(1);
    let mut inbox = Inbox::after(&std::collections::HashMap::from([(id, 2)]));
    assert_eq!(inbox.request().after, [(id, 2)]);
    let mut out = Vec::new();
    assert!(!inbox.page(page(4, &[2, 3, 4], false), &mut out));
    inbox.push(message(id, 1), &mut out);
    inbox.push(message(id, 5), &mut out);
    assert_eq!(out.iter().map(|message| message.seq).collect::<Vec<_>>(), [3, 4, 5]);
}
