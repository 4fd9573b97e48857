//! C6: bodies go when their time has come, and nothing else does.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use chats::{Caller, ChatError, Devices, Policy, SignedInDevice};
use protocol::{
    Body, ByteString, Content, HistoryRequest, NewGroup, OutgoingMessage, Retention, SyncRequest,
};

use super::faulty::Rates;
use super::life::{Backend, Life, caller, policy};
use super::stories::{eventually, group_of, stories, text};
use crate::*;

stories! {
    days_go_by_and_bodies_go,
    a_pass_goes_on_after_a_crash,
    what_every_device_has_goes,
    who_has_no_device_is_waited_for_a_while,
    who_joins_later_or_has_left_is_not_waited_for,
    what_is_delivered_goes_soon,
    the_server_has_a_measure_of_its_own,
}

const DAY: i64 = 86_400_000;

/// Who is signed in where.
#[derive(Default)]
struct SignedIn(Mutex<HashMap<UserId, Vec<(DeviceId, i64)>>>);

impl SignedIn {
    fn of(callers: &[Caller]) -> Self {
        let all = Self::default();
        callers.iter().for_each(|it| all.sign_in(*it));
        all
    }

    fn sign_in(&self, who: Caller) {
        self.0.lock().unwrap().entry(who.user).or_default().push((who.device, who.since));
    }

    fn sign_out(&self, who: Caller) {
        self.0.lock().unwrap().entry(who.user).or_default().retain(|(device, _)| *device != who.device);
    }
}

#[async_trait]
impl Devices for SignedIn {
    async fn devices(&self, users: &[UserId]) -> Result<Vec<SignedInDevice>, String> {
        let all = self.0.lock().unwrap();
        let of = |user: &UserId| {
            let held = all.get(user).cloned().unwrap_or_default().into_iter();
            let user = *user;
            held.map(move |(device, since)| SignedInDevice { user, device, since })
        };
        Ok(users.iter().flat_map(of).collect())
    }
}

fn somebody() -> Caller {
    caller(new_user(), new_device())
}

fn life(backend: &Backend) -> Life {
    Life::start(backend, Rates::default(), 1)
}

/// What a conversation says to somebody, oldest first: `…` for what has expired, nothing of what the server recorded.
async fn said(life: &Life, who: Caller, id: ConversationId) -> Vec<String> {
    let (mut said, mut before) = (Vec::new(), None);
    loop {
        let request = HistoryRequest { before, ..HistoryRequest::default() };
        let page = life.chats.history(who, id, request).await.unwrap();
        before = page.messages.last().map(|message| message.seq);
        said.extend(page.messages.into_iter().filter_map(|message| match message.body {
            Body::Open(Content::Text { text, .. }) => Some(text),
            Body::Open(Content::Expired) => Some("…".to_owned()),
            _ => None,
        }));
        if !page.more {
            said.reverse();
            return said;
        }
    }
}

async fn sends(life: &Life, who: Caller, id: ConversationId, texts: &[&str]) {
    for it in texts {
        life.chats.send(who, id, text(it)).await.unwrap();
    }
}

async fn acknowledges(life: &Life, who: Caller, id: ConversationId, seq: Seq) {
    life.chats.acknowledge(who, id, seq).await.unwrap();
    // Cursors are written behind; the sweeper reads what is written.
    eventually("a cursor on disk", async || {
        let cursors = life.raw.device_cursors(who.user, who.device).await.unwrap();
        cursors.iter().any(|it| it.conversation == id && it.seq >= seq).then_some(())
    })
    .await;
}

fn days_go_by_and_bodies_go(backend: &Backend) {
    let life = life(backend);
    life.runtime.block_on(async {
        let (alice, bob) = (somebody(), somebody());
        let nobody = SignedIn::default();
        let id = life.chats.start_group(alice, group_of(&[bob.user])).await.unwrap();
        let kept = life.chats.start_group(alice, group_of(&[bob.user])).await.unwrap();
        let sealed = NewGroup { kind: ConversationKind::Mls, ..group_of(&[bob.user]) };
        let sealed = life.chats.start_group(alice, sealed).await.unwrap();
        let secret = OutgoingMessage {
            text: None,
            body: Some(Body::Sealed(ByteString(vec![1, 2, 3]))),
            epoch: Some(0),
            ..text("s")
        };
        life.chats.send(alice, sealed, secret.clone()).await.unwrap();
        let first = life.chats.send(alice, id, text("one")).await.unwrap();
        sends(&life, alice, kept, &["one"]).await;
        life.clock.advance(DAY);
        sends(&life, bob, id, &["two"]).await;
        for it in [id, sealed] {
            life.chats.set_retention(alice, it, Retention::Days(2)).await.unwrap();
        }
        // In memory, too, is what stands last.
        assert!(life.chats.get(bob, id).await.unwrap().last_message.is_some());
        assert_eq!(life.chats.sweep(&nobody).await, Ok(0), "not yet");
        life.clock.advance(DAY - 1);
        assert_eq!(life.chats.sweep(&nobody).await, Ok(0), "to the millisecond");
        life.clock.advance(1);
        assert_eq!(life.chats.sweep(&nobody).await, Ok(2));
        assert_eq!(said(&life, bob, id).await, ["…", "two"]);
        assert_eq!(said(&life, bob, kept).await, ["one"], "elsewhere nothing");
        assert_eq!(said(&life, bob, sealed).await, ["…"], "sealed ones alike");
        // The entry stands: a late repeat is the same message, and nothing has moved.
        assert_eq!(life.chats.send(alice, id, text("one")).await, Ok(first.clone()));
        assert_eq!(life.chats.get(bob, id).await.unwrap().last_seq, 4);
        let page =
            life.chats.sync(bob, SyncRequest { limit: Some(7), ..SyncRequest::default() }).await.unwrap();
        let seqs: Vec<_> = page.messages.iter().filter(|it| it.conversation == id).map(|it| it.seq).collect();
        assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "no gap: {seqs:?}");
        life.clock.advance(DAY);
        assert_eq!(life.chats.sweep(&nobody).await, Ok(1));
        assert_eq!(life.chats.sweep(&nobody).await, Ok(0));
        assert_eq!(said(&life, bob, id).await, ["…", "…"]);
        let summary = life.chats.get(bob, id).await.unwrap();
        let last = summary.last_message.unwrap();
        assert!(matches!(last.body, Body::Open(Content::Info { .. })), "what the server recorded stays");
        // Kept for longer from now on: what is gone stays gone.
        life.chats.set_retention(alice, id, Retention::Forever).await.unwrap();
        sends(&life, bob, id, &["three"]).await;
        life.clock.advance(100 * DAY);
        assert_eq!(life.chats.sweep(&nobody).await, Ok(0));
        assert_eq!(said(&life, bob, id).await, ["…", "…", "three"]);
        life.chats.set_retention(alice, id, Retention::Seconds(5)).await.unwrap();
        assert_eq!(life.chats.sweep(&nobody).await, Ok(1));
        // What is expired is what the list shows, from memory and from the disk.
        sends(&life, bob, id, &["four"]).await;
        assert!(life.chats.get(bob, id).await.unwrap().last_message.is_some());
        life.clock.advance(5_000);
        assert_eq!(life.chats.sweep(&nobody).await, Ok(1));
        for _ in 0..2 {
            let last = life.chats.get(bob, id).await.unwrap().last_message.unwrap();
            assert_eq!(last.body, Body::Open(Content::Expired));
        }
    });
    life.stop();
}

fn a_pass_goes_on_after_a_crash(backend: &Backend) {
    const MESSAGES: u64 = 2_700;
    let (alice, nobody) = (somebody(), SignedIn::default());
    let first = life(backend);
    let id = first.runtime.block_on(async {
        let id = first.chats.start_group(alice, group_of(&[])).await.unwrap();
        first.chats.set_retention(alice, id, Retention::Days(1)).await.unwrap();
        let device = new_device();
        let last = head(&first.raw, id).await.last_seq;
        append(&first.raw, id, alice.user, device, last + 1, last + MESSAGES).await;
        id
    });
    first.stop();
    let mut gone = 0;
    let mut lives = 0;
    // Each life ends after one write of the pass, before or after it is done.
    loop {
        let next = life(backend);
        next.clock.advance(3 * DAY);
        next.faulty.expire_once(lives % 2 == 0);
        let pass = next.runtime.block_on(next.chats.sweep(&nobody));
        let swept = next.runtime.block_on(next.raw.unswept(vec![id])).unwrap()[0];
        lives += 1;
        if let Ok(count) = pass {
            gone += count;
            assert_eq!(swept.next_time, None, "the whole log was looked after");
            next.crash();
            break;
        }
        assert_eq!(pass, Err(ChatError::Unavailable));
        next.crash();
        assert!(lives < 20, "it does not go on");
    }
    assert!(lives > 1 && gone < MESSAGES, "nothing is done twice: {gone} in the last of {lives}");
    let last = life(backend);
    last.runtime.block_on(async {
        let all = said(&last, alice, id).await;
        assert_eq!(all.len() as u64, MESSAGES);
        assert!(all.iter().all(|it| it == "…"));
    });
    last.stop();
}

fn what_every_device_has_goes(backend: &Backend) {
    let life = life(backend);
    life.runtime.block_on(async {
        let (alice, bob) = (somebody(), somebody());
        let tablet = Caller { device: new_device(), ..bob };
        let signed_in = SignedIn::of(&[alice, bob, tablet]);
        let kind = ConversationKind::Plain;
        let id = life.chats.start_direct(alice, bob.user, kind).await.unwrap();
        life.chats.set_retention(bob, id, Retention::UntilDelivered).await.unwrap();
        sends(&life, alice, id, &["two", "three"]).await;
        assert_eq!(life.chats.sweep(&signed_in).await, Ok(0));
        acknowledges(&life, bob, id, 3).await;
        assert_eq!(life.chats.sweep(&signed_in).await, Ok(0), "the tablet has not got it");
        acknowledges(&life, tablet, id, 2).await;
        assert_eq!(life.chats.sweep(&signed_in).await, Ok(1), "the device that sent it has it");
        assert_eq!(said(&life, bob, id).await, ["…", "three"]);
        // Alice's other device has to have what the first one sent.
        let laptop = Caller { device: new_device(), ..alice };
        signed_in.sign_in(laptop);
        acknowledges(&life, tablet, id, 3).await;
        assert_eq!(life.chats.sweep(&signed_in).await, Ok(0));
        signed_in.sign_out(laptop);
        assert_eq!(life.chats.sweep(&signed_in).await, Ok(1), "it is waited for no more");
        // A new device begins after what others had when it signed in.
        life.clock.advance(1_000);
        let phone = Caller { device: new_device(), since: START + 1_000, ..bob };
        signed_in.sign_in(phone);
        life.clock.advance(1_000);
        sends(&life, alice, id, &["four"]).await;
        for device in [bob, tablet] {
            acknowledges(&life, device, id, 4).await;
        }
        assert_eq!(life.chats.sweep(&signed_in).await, Ok(0));
        acknowledges(&life, phone, id, 4).await;
        assert_eq!(life.chats.sweep(&signed_in).await, Ok(1));
        assert_eq!(said(&life, phone, id).await, ["…", "…", "…"]);
    });
    life.stop();
}

fn who_has_no_device_is_waited_for_a_while(backend: &Backend) {
    let life = life(backend);
    life.runtime.block_on(async {
        let (alice, bob, carol) = (somebody(), somebody(), somebody());
        let signed_in = SignedIn::of(&[alice, bob]);
        let id = life.chats.start_group(alice, group_of(&[bob.user, carol.user])).await.unwrap();
        life.chats.set_retention(alice, id, Retention::UntilDelivered).await.unwrap();
        sends(&life, alice, id, &["a"]).await;
        acknowledges(&life, bob, id, 3).await;
        assert_eq!(life.chats.sweep(&signed_in).await, Ok(0), "carol has no device");
        life.clock.advance(30 * DAY - 1);
        sends(&life, alice, id, &["b"]).await;
        assert_eq!(life.chats.sweep(&signed_in).await, Ok(0));
        life.clock.advance(1);
        assert_eq!(life.chats.sweep(&signed_in).await, Ok(1));
        assert_eq!(said(&life, carol, id).await, ["…", "b"]);
        signed_in.sign_in(carol);
        for device in [bob, carol] {
            acknowledges(&life, device, id, 4).await;
        }
        assert_eq!(life.chats.sweep(&signed_in).await, Ok(1));
    });
    life.stop();
}

fn who_joins_later_or_has_left_is_not_waited_for(backend: &Backend) {
    let life = life(backend);
    life.runtime.block_on(async {
        let (alice, bob, carol) = (somebody(), somebody(), somebody());
        let signed_in = SignedIn::of(&[alice, bob, carol]);
        let id = life.chats.start_group(alice, group_of(&[bob.user])).await.unwrap();
        life.chats.set_retention(alice, id, Retention::UntilDelivered).await.unwrap();
        sends(&life, alice, id, &["to-bob"]).await;
        life.chats.add_members(alice, id, vec![carol.user]).await.unwrap();
        sends(&life, alice, id, &["to-both"]).await;
        acknowledges(&life, bob, id, 3).await;
        assert_eq!(life.chats.sweep(&signed_in).await, Ok(1), "carol cannot see it");
        acknowledges(&life, bob, id, 5).await;
        assert_eq!(life.chats.sweep(&signed_in).await, Ok(0), "carol can");
        // Who is removed still has their part to fetch.
        life.chats.remove_member(alice, id, carol.user).await.unwrap();
        sends(&life, alice, id, &["without-carol"]).await;
        acknowledges(&life, bob, id, 7).await;
        assert_eq!(life.chats.sweep(&signed_in).await, Ok(0));
        acknowledges(&life, carol, id, 6).await;
        assert_eq!(life.chats.sweep(&signed_in).await, Ok(2));
        assert_eq!(said(&life, bob, id).await, ["…", "…", "…"]);
    });
    life.stop();
}

fn what_is_delivered_goes_soon(backend: &Backend) {
    let policy = Policy { retention: Retention::UntilDelivered, sweep_every_s: 100_000, ..policy() };
    let life = Life::with(backend, Rates::default(), 1, policy);
    let (alice, bob) = (somebody(), somebody());
    life.runtime.block_on(async {
        life.chats.start_sweeping(Arc::new(SignedIn::of(&[alice, bob])));
        let kind = ConversationKind::Plain;
        let id = life.chats.start_direct(alice, bob.user, kind).await.unwrap();
        sends(&life, alice, id, &["a"]).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!(said(&life, bob, id).await, ["a"]);
        life.chats.acknowledge(bob, id, 1).await.unwrap();
        eventually("it is gone", async || (said(&life, bob, id).await == ["…"]).then_some(())).await;
    });
    life.stop();
}

fn the_server_has_a_measure_of_its_own(backend: &Backend) {
    let policy = Policy { retention: Retention::Days(1), ..policy() };
    let life = Life::with(backend, Rates::default(), 1, policy);
    life.runtime.block_on(async {
        let (alice, bob, nobody) = (somebody(), somebody(), SignedIn::default());
        let kind = ConversationKind::Plain;
        let id = life.chats.start_direct(alice, bob.user, kind).await.unwrap();
        let kept = life.chats.start_group(alice, group_of(&[bob.user])).await.unwrap();
        life.chats.set_retention(alice, kept, Retention::Forever).await.unwrap();
        sends(&life, alice, id, &["a"]).await;
        sends(&life, alice, kept, &["a"]).await;
        life.clock.advance(DAY);
        assert_eq!(life.chats.sweep(&nobody).await, Ok(1));
        assert_eq!(said(&life, bob, id).await, ["…"]);
        assert_eq!(said(&life, bob, kept).await, ["a"]);
        assert_eq!(life.chats.get(bob, id).await.unwrap().retention, Some(Retention::Days(1)));
        assert_eq!(life.chats.get(bob, kept).await.unwrap().retention, None);
    });
    life.stop();
}
