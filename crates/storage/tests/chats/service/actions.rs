//! Who does what in a property test, and what they were answered.

use std::collections::HashMap;
use std::sync::Mutex;

use chats::{Caller, ChatError, Chats};
use protocol::{
    Body, ByteString, ConversationFilter, GroupChanges, HistoryRequest, MessageEdit, NewGroup, NewGroupLink,
    OutgoingDeviceMessage, OutgoingMessage, SyncRequest, Timestamp,
};

use super::life::{Life, Recorder, caller};
use super::model::Model;
use crate::*;

/// SplitMix64.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn of<T: Copy>(&mut self, some: &[T]) -> T {
        some[usize::try_from(self.below(some.len() as u64)).unwrap()]
    }
}

pub(crate) type Key = (ConversationId, DeviceId, MessageId);

#[derive(Default)]
pub(crate) struct Record {
    pub(crate) attempts: HashMap<Key, u32>,
    /// Attempts that were refused, and so wrote nothing.
    pub(crate) refusals: HashMap<Key, u32>,
    pub(crate) acknowledged: HashMap<Key, (Seq, Timestamp)>,
    /// Whatever a user was shown.
    pub(crate) shown: Vec<(UserId, ConversationId, Seq)>,
    /// Delivered and seen, as far as was answered; and as far as an orderly end has made it last.
    receipts: HashMap<(UserId, ConversationId), (Seq, Seq)>,
    lasting: HashMap<(UserId, ConversationId), (Seq, Seq)>,
    asked: HashMap<(UserId, ConversationId), (Seq, Seq)>,
}

pub(crate) struct World {
    pub(crate) users: Vec<UserId>,
    /// Two for each user.
    devices: Vec<(UserId, DeviceId)>,
    /// All Welcomes go there.
    pub(crate) welcomed: DeviceId,
    pub(crate) conversations: Mutex<Vec<ConversationId>>,
    pub(crate) record: Mutex<Record>,
}

impl World {
    pub(crate) fn new() -> Arc<Self> {
        let users: Vec<_> = (0..6).map(|_| new_user()).collect();
        let devices = users.iter().flat_map(|user| [(*user, new_device()), (*user, new_device())]).collect();
        let (welcomed, conversations, record) = (new_device(), Mutex::default(), Mutex::default());
        Arc::new(Self { users, devices, welcomed, conversations, record })
    }

    pub(crate) fn model(&self, index: usize) -> Model {
        match index {
            0 | 1 => Model::new(&self.users[..1], &self.users[..3]),
            2 => Model::new(&[], &self.users[..2]),
            _ => Model::new(&[], &self.users[..1]),
        }
    }

    fn ids(&self) -> Vec<ConversationId> {
        self.conversations.lock().unwrap().clone()
    }

    /// Two groups, the second of them mls, a direct conversation and one with oneself: however often it takes.
    pub(crate) fn create(&self, life: &Life) {
        let me = |index: usize| caller(self.users[index], self.devices[index * 2].1);
        life.runtime.block_on(async {
            let mut ids = Vec::new();
            for (name, kind) in [("plain", ConversationKind::Plain), ("mls", ConversationKind::Mls)] {
                let group = NewGroup {
                    name: name.into(),
                    members: self.users[..3].to_vec(),
                    kind,
                    id: Some(message_id(name)),
                    ..NewGroup::default()
                };
                ids.push(persist(async || life.chats.start_group(me(0), group.clone()).await).await);
            }
            let kind = ConversationKind::Plain;
            let (one, other) = tokio::join!(
                persist(async || life.chats.start_direct(me(0), self.users[1], kind).await),
                persist(async || life.chats.start_direct(me(1), self.users[0], kind).await),
            );
            assert_eq!(one, other);
            ids.push(one);
            ids.push(persist(async || life.chats.start_direct(me(0), self.users[0], kind).await).await);
            *self.conversations.lock().unwrap() = ids;
        });
    }

    pub(crate) async fn act(&self, chats: &Chats, seed: u64) {
        let mut rng = Rng(seed);
        let (user, device) = rng.of(&self.devices);
        let conversation = rng.of(&self.ids());
        match rng.below(26) {
            20..=25 => self.annotate(chats, conversation, user, device, &mut rng).await,
            0..=8 => self.send(chats, conversation, user, device, &mut rng).await,
            9..=11 => self.advance(chats, conversation, user, device, &mut rng).await,
            12..=16 => self.change(chats, user, device, &mut rng).await,
            17 | 18 => {
                let request = SyncRequest { limit: Some(1 + rng.below(9) as u32), ..SyncRequest::default() };
                if let Ok(page) = chats.sync(caller(user, device), request).await {
                    let shown = page.messages.iter().map(|it| (user, it.conversation, it.seq));
                    self.record.lock().unwrap().shown.extend(shown);
                }
            }
            _ => {
                let before = Some(rng.below(60));
                let request = HistoryRequest { before, ..HistoryRequest::default() };
                if let Ok(page) = chats.history(caller(user, device), conversation, request).await {
                    let shown = page.messages.iter().map(|it| (user, it.conversation, it.seq));
                    self.record.lock().unwrap().shown.extend(shown);
                }
            }
        }
    }

    async fn send(&self, chats: &Chats, id: ConversationId, user: UserId, device: DeviceId, rng: &mut Rng) {
        // Few enough that many are repeats.
        let message = message_id(&format!("m{}", rng.below(25)));
        let mut new = OutgoingMessage::text(message.clone(), text_of(device, &message));
        if id == self.ids()[1] {
            let epoch = chats.get(caller(user, device), id).await.ok().and_then(|it| it.epoch).unwrap_or(0);
            new.text = None;
            new.body = Some(Body::Sealed(ByteString(text_of(device, &message).into_bytes())));
            new.epoch = Some(if rng.chance(10) { rng.below(9) } else { epoch });
            if rng.chance(40) {
                new.kind = MessageKind::Commit;
                let body = ByteString(text_of(device, &message).into_bytes());
                new.devices = vec![OutgoingDeviceMessage { user, device: self.welcomed, body }];
            }
        }
        let times = if rng.chance(20) { 2 } else { 1 };
        let send = async || self.send_once(chats, id, user, device, new.clone()).await;
        match times {
            1 => send().await,
            // Twice at the same time.
            _ => drop(tokio::join!(send(), send())),
        }
    }

    async fn send_once(
        &self,
        chats: &Chats,
        id: ConversationId,
        user: UserId,
        device: DeviceId,
        new: OutgoingMessage,
    ) {
        let key = (id, device, new.id.clone().unwrap());
        *self.record.lock().unwrap().attempts.entry(key.clone()).or_default() += 1;
        let answer = chats.send(caller(user, device), id, new).await;
        let mut record = self.record.lock().unwrap();
        match answer {
            Ok(sent) => {
                let place = (sent.seq, sent.sent_at);
                let first = *record.acknowledged.entry(key).or_insert(place);
                assert_eq!(first, place, "a repeat returns the first result");
            }
            Err(ChatError::Unavailable) => {}
            Err(_) => *record.refusals.entry(key).or_default() += 1,
        }
    }

    /// Says something about an entry, which may be another's, another kind, or not there.
    async fn annotate(
        &self,
        chats: &Chats,
        id: ConversationId,
        user: UserId,
        device: DeviceId,
        rng: &mut Rng,
    ) {
        let (me, seq) = (caller(user, device), rng.below(14));
        let message = message_id(&format!("a{}", rng.below(25)));
        let key = (id, device, message.clone());
        let emoji = [None, Some("a".to_owned()), Some("b".to_owned())];
        let answer = match rng.below(10) {
            0..=3 => {
                *self.record.lock().unwrap().attempts.entry(key.clone()).or_default() += 1;
                let text = format!("edit {} by {device}", rng.below(9));
                let edit = MessageEdit { text, mentions: Vec::new(), id: Some(message) };
                chats.edit(me, id, seq, edit).await
            }
            4..=5 => {
                *self.record.lock().unwrap().attempts.entry(key.clone()).or_default() += 1;
                chats.delete(me, id, seq, Some(message)).await
            }
            6..=7 => return drop(chats.react(me, id, seq, emoji[rng.below(3) as usize].clone()).await),
            8 => return drop(chats.pin(me, id, seq, rng.chance(70)).await),
            _ => return drop(chats.star(me, id, seq, true).await),
        };
        if !matches!(answer, Ok(_) | Err(ChatError::Unavailable)) {
            *self.record.lock().unwrap().refusals.entry(key).or_default() += 1;
        }
    }

    async fn advance(
        &self,
        chats: &Chats,
        id: ConversationId,
        user: UserId,
        device: DeviceId,
        rng: &mut Rng,
    ) {
        let (seq, seen) = (rng.below(30), rng.chance(40));
        let raise = |of: &mut HashMap<_, (Seq, Seq)>| {
            let receipt: &mut (Seq, Seq) = of.entry((user, id)).or_default();
            receipt.0 = receipt.0.max(seq);
            receipt.1 = receipt.1.max(if seen { seq } else { 0 });
        };
        raise(&mut self.record.lock().unwrap().asked);
        let answer = match seen {
            true => chats.mark_seen(caller(user, device), id, seq).await.map(drop),
            false => chats.acknowledge(caller(user, device), id, seq).await,
        };
        if answer.is_ok() {
            raise(&mut self.record.lock().unwrap().receipts);
        }
    }

    async fn change(&self, chats: &Chats, user: UserId, device: DeviceId, rng: &mut Rng) {
        let group = self.ids()[usize::from(rng.chance(50))];
        let (me, other) = (caller(user, device), rng.of(&self.users));
        let answer = match rng.below(100) {
            0..=39 => chats.add_members(me, group, vec![other, rng.of(&self.users)]).await,
            40..=59 => chats.remove_member(me, group, other).await,
            60..=64 => self.join(chats, me, group, other, rng).await,
            65..=69 => chats.leave(me, group, rng.chance(40).then_some(other)).await,
            70..=84 => chats.promote(me, group, other).await,
            85..=91 => chats.demote(me, group, other).await,
            92..=98 => {
                let name = Some(format!("name {}", rng.below(100)));
                chats.update_group(me, group, GroupChanges { name, ..GroupChanges::default() }).await
            }
            _ => chats.delete_group(me, group).await,
        };
        drop(answer);
    }

    /// Somebody makes a link, if they may, and another comes by it.
    async fn join(
        &self,
        chats: &Chats,
        maker: Caller,
        group: ConversationId,
        other: UserId,
        rng: &mut Rng,
    ) -> Result<Seq, ChatError> {
        let new = NewGroupLink { max_uses: rng.chance(50).then_some(1), ..NewGroupLink::default() };
        let mut links = chats.list_links(maker, group).await?;
        if links.len() < 5 {
            links.push(chats.create_link(maker, group, new).await?);
        }
        let link = links.swap_remove(usize::try_from(rng.below(links.len() as u64)).unwrap());
        let device = self.devices.iter().find(|(user, _)| *user == other).unwrap().1;
        let joined = chats.join_group(caller(other, device), link.code).await;
        assert!(joined.as_ref().is_ok_and(|joined| joined.group == group) || joined.is_err());
        joined.map(|joined| joined.seq)
    }

    /// Whatever was answered shows in the lists, while nothing else happens.
    pub(crate) fn look(&self, life: &Life, rng: &mut Rng) {
        let (user, device) = rng.of(&self.devices);
        let Ok(list) =
            life.runtime.block_on(life.chats.list(caller(user, device), ConversationFilter::default()))
        else {
            return;
        };
        let record = self.record.lock().unwrap();
        for summary in list {
            let at = (user, summary.id);
            let of = |all: &HashMap<_, (Seq, Seq)>| all.get(&at).copied().unwrap_or_default();
            let (least, lasting, most) = (of(&record.receipts), of(&record.lasting), of(&record.asked));
            let (delivered, seen) = (summary.delivered, summary.seen);
            assert!(
                delivered >= least.0.max(lasting.0) && seen >= least.1.max(lasting.1),
                "a cursor went back"
            );
            assert!(delivered <= most.0 && seen <= most.1 && seen <= delivered);
        }
    }

    pub(crate) fn check_receipts_told(&self, audience: &Recorder) {
        let mut last: HashMap<_, (Seq, Seq)> = HashMap::new();
        for notice in audience.receipts.lock().unwrap().iter() {
            for (user, receipt) in &notice.receipts {
                assert_ne!(*user, notice.sender);
                let before = last.entry((notice.conversation, notice.sender, *user)).or_default();
                assert!(receipt.delivered >= before.0 && receipt.seen >= before.1, "a told cursor went back");
                *before = (receipt.delivered, receipt.seen);
            }
        }
    }

    pub(crate) fn crashed(&self) {
        self.record.lock().unwrap().receipts.clear();
    }

    pub(crate) fn stopped(&self) {
        let mut record = self.record.lock().unwrap();
        for (at, receipt) in std::mem::take(&mut record.receipts) {
            let lasting = record.lasting.entry(at).or_default();
            *lasting = (lasting.0.max(receipt.0), lasting.1.max(receipt.1));
        }
    }

    /// The last entry of each conversation on disk.
    pub(crate) fn ends(&self, life: &Life) -> HashMap<ConversationId, Seq> {
        let heads = life.runtime.block_on(life.raw.load(self.ids())).unwrap();
        heads.into_iter().map(|head| (head.id, head.last_seq)).collect()
    }

    /// Nothing that this life wrote was left untold.
    pub(crate) fn check_all_told(&self, life: &Life, before: &HashMap<ConversationId, Seq>) {
        let told = life.audience.told();
        for (id, last) in self.ends(life) {
            if last > before[&id] {
                let newest = told.get(&id).and_then(|entries| entries.last());
                assert_eq!(newest.map(|entry| entry.message.seq), Some(last), "{id} has untold entries");
            }
        }
    }
}

/// Tries until it works.
async fn persist<T>(mut attempt: impl AsyncFnMut() -> Result<T, ChatError>) -> T {
    loop {
        match attempt().await {
            Ok(value) => return value,
            Err(error) => assert_eq!(error, ChatError::Unavailable),
        }
    }
}

/// What a device says under an id.
pub(crate) fn text_of(device: DeviceId, id: &MessageId) -> String {
    format!("{id} of {device}")
}
