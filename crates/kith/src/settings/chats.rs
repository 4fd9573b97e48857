//! `[chats]`

use protocol::Retention;

use super::table::section;
use super::value::Value;

section! {
    /// What people do in conversations, and how long what they said is kept.
    Chats {
        /// How long after it was sent its author may edit a message, in seconds; 0 for ever. Only of `plain` conversations.
        edit_window_s: u32 = 0 in 0..=315_360_000;
        /// Whether messages of `plain` conversations can be searched. Words are written down beside the messages, behind
        /// the log; switched on again, it catches up.
        search: bool = true;
        /// How long bodies of messages are kept: forever, until_delivered (to every signed-in device of every member),
        /// days:N (1 to 36,500) or seconds:N (1 to 86,400), both from when they were sent. What is gone is gone for good;
        /// number, sender and time of a message stay.
        retention: Retention = "forever";
        /// With until_delivered, days after which a body goes though somebody has not got it.
        undelivered_days: u32 = 30 in 1..=3_650;
        /// How often everything is looked through for bodies whose time has come, in seconds. Nobody is shown them once it
        /// has; so long they may yet be on the disk.
        sweep_every_s: u64 = 60 in 1..=86_400;
        /// Entries that one write of that looks at. After each there is a pause, so that nobody waits for it.
        sweep_entries: usize = 500 in 1..=10_000;
        /// How often it is written what was delivered and seen, in milliseconds: what a crash may lose of that. Clients then say
        /// it again.
        receipts_write_ms: u64 = 1_000 in 10..=60_000;
        /// How often senders are told of it, in milliseconds.
        receipts_tell_ms: u64 = 200 in 10..=60_000;
    }
}

impl Value for Retention {
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|retention| *retention != Self::Default)
    }
    fn expected() -> String {
        "forever, until_delivered, days:N or seconds:N".into()
    }
}
