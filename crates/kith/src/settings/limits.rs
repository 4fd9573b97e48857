//! `[limits]`

use super::table::section;

section! {
    /// Upper bounds, so that nobody can make the server hold or do without end.
    Limits {
        /// Largest body of one message, in bytes.
        max_message_bytes: usize = 65_536 in 1..=1_048_576;
        /// Most members of a group.
        max_group_members: usize = 1_024 in 2..=100_000;
        /// Most messages in one page of history or of a sync.
        max_page_messages: usize = 500 in 1..=10_000;
        /// Most bytes of bodies in one page, which holds one message at least.
        max_page_bytes: usize = 1_048_576 in 1_024..=16_777_216;
        /// Largest frame that a client may send, in bytes. Has to hold a message, encoded.
        max_frame_bytes: usize = 262_144 in 1_024..=16_777_216;
        /// Frames waiting for one connection. A reader that falls behind further is told to sync again.
        connection_queue_frames: usize = 1_024 in 16..=1_000_000;
        /// Bytes waiting for one connection, alike.
        connection_queue_bytes: usize = 1_048_576 in 65_536..=1_073_741_824;
        /// Open connections of one user, over all devices.
        max_connections_per_user: usize = 32 in 1..=100_000;
    }
    check |it| [
        (it.max_frame_bytes < it.max_message_bytes * 2)
            .then_some(("max_frame_bytes", "has to be at least twice limits.max_message_bytes")),
    ]
}
