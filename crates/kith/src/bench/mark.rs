//! What a generated message says of itself: which run and sender it belongs to, its number, and when it was sent by
//! this process's clock, in fixed places, so that a receiver reads it without decoding the message.

use std::cell::LazyCell;
use std::time::Instant;

/// Begins a mark.
const SIGN: &[u8] = b"kith-bench:";
/// Characters of a mark: the sign, run, sender, number and time in hexadecimal.
pub(super) const MARK_BYTES: usize = 11 + 8 + 8 + 10 + 14;
/// The sign is looked for so far into a body.
const SEARCH_BYTES: usize = 64;

thread_local! {
    static ORIGIN: LazyCell<Instant> = LazyCell::new(Instant::now);
}

/// Nanoseconds since this process first asked, by its monotonic clock.
pub(super) fn now_ns() -> u64 {
    u64::try_from(ORIGIN.with(|origin| origin.elapsed()).as_nanos()).unwrap_or(u64::MAX)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) run: u32,
    pub(super) sender: u32,
    /// Counted from 0 for each sender.
    pub(super) index: u64,
    pub(super) sent_ns: u64,
}

impl Mark {
    /// A text of `bytes` bytes, or a little more if that is too few for a mark, in place of what was in `text`.
    pub(super) fn write(&self, bytes: usize, text: &mut String) {
        use std::fmt::Write;
        text.clear();
        let Self { run, sender, index, sent_ns } = self;
        // Writing to a string does not fail.
        let _ = write!(text, "kith-bench:{run:08x}{sender:08x}{index:010x}{sent_ns:014x}");
        text.extend(std::iter::repeat_n('x', bytes.saturating_sub(MARK_BYTES)));
    }

    /// The mark in an encoded body, if it has one.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let head = &body[..body.len().min(SEARCH_BYTES)];
        let start = head.windows(SIGN.len()).position(|window| window == SIGN)? + SIGN.len();
        let mut at = start;
        let mut field = |length: usize| {
            let text = std::str::from_utf8(body.get(at..at + length)?).ok()?;
            at += length;
            u64::from_str_radix(text, 16).ok()
        };
        let (run, sender) = (u32::try_from(field(8)?).ok()?, u32::try_from(field(8)?).ok()?);
        Some(Self { run, sender, index: field(10)?, sent_ns: field(14)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_read_back_from_either_encoding() {
        let mark = Mark { run: 0xdead_beef, sender: 7, index: 123_456, sent_ns: now_ns() };
        let mut text = String::new();
        mark.write(200, &mut text);
        assert_eq!(text.len(), 200);
        let json = format!("{{\"type\":\"text\",\"text\":\"{text}\"}}");
        assert_eq!(Mark::read(json.as_bytes()), Some(mark));
        let packed = [b"\x82\xa4type\xa4text\xa4text\xd9\xc8", text.as_bytes()].concat();
        assert_eq!(Mark::read(&packed), Some(mark));
        assert_eq!(Mark::read(b"{\"type\":\"created\"}"), None);
        assert_eq!(Mark::read(&json.as_bytes()[..40]), None);
        mark.write(3, &mut text);
        assert_eq!(text.len(), MARK_BYTES);
    }
}
