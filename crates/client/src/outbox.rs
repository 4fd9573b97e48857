//! What is to be sent, until the server has answered.

use std::collections::{HashMap, VecDeque};

use protocol::{ConversationId, MessageId, OutgoingMessage};

/// Messages on their way, in order within each conversation. A message keeps its id however often it is sent, so the
/// server appends it once. Several of one conversation may be under way at a time, up to the window: a server takes
/// those of one connection in order. Were one refused for the moment, the next goes only after those under way are
/// answered.
#[derive(Debug)]
pub struct Outbox<T> {
    lanes: HashMap<ConversationId, Lane<T>>,
    window: usize,
}

#[derive(Debug)]
struct Lane<T> {
    entries: VecDeque<Entry<T>>,
    /// How many of these are under way.
    under_way: usize,
    /// One was refused for the moment: nothing new until none is under way.
    halted: bool,
}

#[derive(Debug)]
struct Entry<T> {
    message: OutgoingMessage,
    ticket: T,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Waiting,
    UnderWay,
}

impl<T> Outbox<T> {
    /// At most `window` messages of one conversation are under way at a time.
    pub fn new(window: usize) -> Self {
        Self { lanes: HashMap::new(), window: window.max(1) }
    }

    /// Adds a message, which must have an id, behind the others of its conversation. `ticket` comes back with it.
    pub fn add(&mut self, conversation: ConversationId, message: OutgoingMessage, ticket: T) {
        debug_assert!(message.id.is_some());
        let empty = || Lane { entries: VecDeque::new(), under_way: 0, halted: false };
        let lane = self.lanes.entry(conversation).or_insert_with(empty);
        lane.entries.push_back(Entry { message, ticket, state: State::Waiting });
    }

    /// The next message of this conversation to send now, if any; it is under way from here on.
    pub fn next(&mut self, conversation: ConversationId) -> Option<OutgoingMessage> {
        let lane = self.lanes.get_mut(&conversation)?;
        if lane.halted || lane.under_way >= self.window {
            return None;
        }
        let entry = lane.entries.iter_mut().find(|entry| entry.state == State::Waiting)?;
        entry.state = State::UnderWay;
        lane.under_way += 1;
        Some(entry.message.clone())
    }

    /// The server has answered for good: the message leaves the outbox.
    pub fn answered(&mut self, conversation: ConversationId, id: &MessageId) -> Option<(OutgoingMessage, T)> {
        let lane = self.lanes.get_mut(&conversation)?;
        let index = lane.entries.iter().position(|entry| entry.message.id.as_ref() == Some(id))?;
        let entry = lane.entries.remove(index)?;
        if entry.state == State::UnderWay {
            lane.under_way -= 1;
        }
        if lane.entries.is_empty() {
            self.lanes.remove(&conversation);
        }
        Some((entry.message, entry.ticket))
    }

    /// The server cannot take it now. Once nothing of the conversation is under way, [`Outbox::resume`] lets it try
    /// again.
    pub fn refused_for_now(&mut self, conversation: ConversationId, id: &MessageId) {
        let Some(lane) = self.lanes.get_mut(&conversation) else { return };
        let named = |entry: &&mut Entry<T>| entry.message.id.as_ref() == Some(id);
        if let Some(entry) =
            lane.entries.iter_mut().find(named).filter(|entry| entry.state == State::UnderWay)
        {
            entry.state = State::Waiting;
            lane.under_way -= 1;
            lane.halted = true;
        }
    }

    /// Lets a halted conversation go on; false while something of it is still under way.
    pub fn resume(&mut self, conversation: ConversationId) -> bool {
        match self.lanes.get_mut(&conversation) {
            Some(lane) if lane.under_way > 0 => false,
            Some(lane) => {
                lane.halted = false;
                true
            }
            None => true,
        }
    }

    /// The connection broke: everything is to be sent again, in order.
    pub fn restart(&mut self) {
        for lane in self.lanes.values_mut() {
            lane.entries.iter_mut().for_each(|entry| entry.state = State::Waiting);
            lane.under_way = 0;
            lane.halted = false;
        }
    }

    /// Conversations with something to send or under way, in no order.
    pub fn conversations(&self) -> Vec<ConversationId> {
        self.lanes.keys().copied().collect()
    }

    /// Whether an answer for any conversation is awaited.
    pub fn is_under_way(&self) -> bool {
        self.lanes.values().any(|lane| lane.under_way > 0)
    }

    /// Whether nothing is waiting for an answer.
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Empties the outbox.
    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        std::mem::take(&mut self.lanes).into_values().flat_map(|lane| lane.entries).map(|entry| entry.ticket)
    }
}

#[cfg(test)]
mod tests {
    use protocol::ConversationShape;

    use super::*;

    fn id(number: u8) -> MessageId {
        format!("m{number}").parse().unwrap()
    }

    fn take(outbox: &mut Outbox<u8>, conversation: ConversationId) -> Vec<String> {
        std::iter::from_fn(|| outbox.next(conversation)).filter_map(|message| message.text).collect()
    }

    fn filled(window: usize, count: u8) -> (Outbox<u8>, ConversationId) {
        let conversation = ConversationId::compose(ConversationShape::Direct, 1, [1; 10]);
        let mut outbox = Outbox::new(window);
        for number in 1..=count {
            outbox.add(conversation, OutgoingMessage::text(id(number), number.to_string()), number);
        }
        (outbox, conversation)
    }

    #[test]
    fn the_window_bounds_what_is_under_way() {
        let (mut outbox, conversation) = filled(2, 4);
        assert_eq!(take(&mut outbox, conversation), ["1", "2"]);
        assert_eq!(outbox.answered(conversation, &id(1)).map(|(_, ticket)| ticket), Some(1));
        assert_eq!(take(&mut outbox, conversation), ["3"]);
        assert!(outbox.answered(conversation, &id(1)).is_none());
    }

    #[test]
    fn a_restart_sends_the_unanswered_again_in_order_with_their_ids() {
        let (mut outbox, conversation) = filled(3, 4);
        take(&mut outbox, conversation);
        outbox.answered(conversation, &id(2));
        outbox.restart();
        let again: Vec<_> =
            std::iter::from_fn(|| outbox.next(conversation)).map(|message| message.id).collect();
        assert_eq!(again, [Some(id(1)), Some(id(3)), Some(id(4))]);
    }

    #[test]
    fn a_refusal_for_now_halts_until_the_others_are_answered() {
        let (mut outbox, conversation) = filled(2, 3);
        take(&mut outbox, conversation);
        outbox.refused_for_now(conversation, &id(1));
        assert_eq!(take(&mut outbox, conversation), [""; 0]);
        assert!(!outbox.resume(conversation));
        outbox.refused_for_now(conversation, &id(2));
        assert!(outbox.resume(conversation));
        assert_eq!(take(&mut outbox, conversation), ["1", "2"]);
        assert!(!outbox.is_empty());
        assert_eq!(outbox.drain().collect::<Vec<_>>(), [1, 2, 3]);
        assert!(outbox.is_empty());
    }
}
