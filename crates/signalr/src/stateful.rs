//! What stateful reconnect keeps, alike on both sides and without I/O: numbers for the messages of types 1 to 5 each way,
//! and what was sent and may have to be sent again.
//!
//! Never in anybody's way: when more is unacknowledged than may be kept, the oldest is forgotten, and the connection goes
//! on as one that cannot be resumed, until the other side has acknowledged that far.

use std::{collections::VecDeque, mem, time::Duration};

use bytes::Bytes;

use crate::{Message, Protocol, ProtocolError, codec::encode, codec::invalid};

/// An acknowledgement is due after so much was received. Microsoft's clients stop sending at 100,000 bytes.
const ACK_AFTER_BYTES: usize = 16 * 1024;

/// Or this long after the first message that is not acknowledged yet.
const ACK_AFTER: Duration = Duration::from_secs(1);

/// How long a client is waited for to say its first word. npm's does so at once, a ping, and begins to count just before.
/// What it gets earlier, in one piece with the answer to its handshake, it acts on and does not count.
const FIRST_WORD_WITHIN: Duration = Duration::from_millis(500);

/// What the buffer costs for each message, however small.
const OVERHEAD_BYTES: usize = mem::size_of::<Bytes>();

#[derive(Debug)]
pub(crate) struct Stateful {
    max_bytes: usize,
    /// How many were sent: the number of the last one.
    sent: u64,
    /// The last of those that were sent.
    buffer: VecDeque<Bytes>,
    buffer_bytes: usize,
    /// The other side needs none up to this number.
    settled: u64,
    /// The last number that was sent again. An acknowledgement of up to here may be older than that, and npm's client
    /// gives up on a Sequence beyond what it got on the socket before: such a one settles nothing.
    sent_again: u64,

    /// The highest number that was taken.
    received: u64,
    /// The number of the message that comes next.
    next: u64,
    awaits_sequence: bool,
    /// What comes again is owed, since it may have been lost with a socket.
    repeats: bool,
    idle: bool,
    unacknowledged_bytes: usize,
    ack_due: Option<Duration>,
    /// Nothing that counts is to be sent until then, or until the other side has said something.
    silent_until: Option<Duration>,
}

impl Stateful {
    /// `max_bytes` bounds what is kept to be sent again.
    pub(crate) fn new(max_bytes: usize) -> Stateful {
        Stateful {
            max_bytes,
            sent: 0,
            buffer: VecDeque::new(),
            buffer_bytes: 0,
            settled: 0,
            sent_again: 0,
            received: 0,
            next: 1,
            awaits_sequence: false,
            repeats: false,
            idle: false,
            unacknowledged_bytes: 0,
            ack_due: None,
            silent_until: None,
        }
    }

    /// The handshake was answered.
    pub(crate) fn opened(&mut self, now: Duration) {
        self.silent_until = Some(now + FIRST_WORD_WITHIN);
    }

    /// Until when nothing that counts is to be sent of one's own accord.
    pub(crate) fn silent_until(&self) -> Option<Duration> {
        self.silent_until
    }

    /// Counts a whole message of the types 1 to 5 that is being sent.
    pub(crate) fn sent(&mut self, message: Bytes) {
        self.sent += 1;
        self.buffer_bytes += message.len() + OVERHEAD_BYTES;
        self.buffer.push_back(message);
        while self.buffer_bytes > self.max_bytes {
            self.forget();
        }
    }

    fn forget(&mut self) {
        if let Some(message) = self.buffer.pop_front() {
            self.buffer_bytes -= message.len() + OVERHEAD_BYTES;
        }
        if self.buffer.is_empty() {
            self.buffer = VecDeque::new();
        }
    }

    /// The number before the first one in the buffer.
    fn forgotten(&self) -> u64 {
        self.sent - self.buffer.len() as u64
    }

    /// Whether all that the other side may lack can be sent again.
    pub(crate) fn is_resumable(&self) -> bool {
        self.forgotten() <= self.settled
    }

    /// Whether the message that was last refused was of no use: not owed on a new socket, and nothing acknowledged.
    pub(crate) fn was_idle(&self) -> bool {
        self.idle
    }

    fn acknowledged(&mut self, number: u64) {
        // Messages that were never sent cannot have arrived.
        let number = number.min(self.sent);
        if number > self.sent_again && number > self.settled {
            self.settled = number;
            while !self.buffer.is_empty() && self.forgotten() < self.settled {
                self.forget();
            }
        }
    }

    /// Whether an incoming message is to be acted on, and not a repetition or this layer's own. `size` is its length in bytes.
    pub(crate) fn admit(
        &mut self,
        now: Duration,
        message: &Message,
        size: usize,
    ) -> Result<bool, ProtocolError> {
        self.silent_until = None;
        self.idle = true;
        match message {
            Message::Sequence { sequence_id } => {
                if !(1..=self.received + 1).contains(sequence_id) {
                    return Err(invalid("the sequence leaves messages out"));
                }
                self.next = *sequence_id;
                self.repeats = self.awaits_sequence;
                self.idle = !self.repeats;
                self.awaits_sequence = false;
                Ok(false)
            }
            Message::Close { .. } => Ok(true),
            _ if self.awaits_sequence => Ok(false),
            Message::Ack { sequence_id } => {
                let before = self.settled;
                self.acknowledged(*sequence_id);
                self.idle = self.settled == before;
                Ok(false)
            }
            Message::Ping | Message::Unknown { .. } => Ok(true),
            Message::Invocation(_)
            | Message::StreamItem { .. }
            | Message::Completion { .. }
            | Message::CancelInvocation { .. } => Ok(self.count(now, size)),
        }
    }

    fn count(&mut self, now: Duration, size: usize) -> bool {
        let number = self.next;
        self.next += 1;
        self.unacknowledged_bytes += size;
        self.idle = !self.repeats;
        if number < self.received {
            return false;
        }
        // Repeated, it says that our acknowledgement was lost.
        self.ack_due.get_or_insert(now + ACK_AFTER);
        let is_new = number > self.received;
        self.received = number;
        is_new
    }

    /// Writes an acknowledgement if one is due.
    pub(crate) fn acknowledge(&mut self, now: Duration, protocol: Protocol, out: &mut Vec<u8>) -> bool {
        let Some(due) = self.ack_due else { return false };
        let write = now >= due || self.unacknowledged_bytes >= ACK_AFTER_BYTES;
        if write {
            self.ack_due = None;
            self.unacknowledged_bytes = 0;
            encode::ack(protocol, self.received, out);
        }
        write
    }

    /// When an acknowledgement is due at the latest.
    pub(crate) fn ack_due(&self) -> Option<Duration> {
        self.ack_due
    }

    /// There is a new socket: writes what the other side may lack. Only when it [`Stateful::is_resumable`].
    pub(crate) fn resume(&mut self, protocol: Protocol, out: &mut Vec<u8>) {
        debug_assert!(self.is_resumable());
        encode::sequence(protocol, self.forgotten() + 1, out);
        for message in &self.buffer {
            out.extend_from_slice(message);
        }
        self.sent_again = self.sent;
        self.awaits_sequence = true;
    }
}

#[cfg(test)]
mod tests;
