//! `[limits]`

use gateway::Rate;

use super::table::section;

section! {
    /// Upper bounds, so that nobody can make the server hold or do without end. What clients see of each stands in
    /// [limits.md](limits.md).
    Limits {
        /// Largest body of one message, in bytes.
        max_message_bytes: usize = 65_536 in 1..=1_048_576;
        /// Most members of a group.
        max_group_members: usize = 1_024 in 2..=100_000;
        /// Most messages pinned in one conversation.
        max_pins: usize = 50 in 1..=1_000;
        /// Most messages that one user has starred.
        max_stars: usize = 10_000 in 1..=1_000_000;
        /// Most members that react to one message.
        max_reactions: usize = 1_000 in 1..=100_000;
        /// Most links that a group has at a time.
        max_group_links: usize = 20 in 1..=1_000;
        /// Most uses that a link may be bounded to.
        max_link_uses: u32 = 100_000 in 1..=1_000_000_000;
        /// Most messages for single devices in one send.
        max_device_messages: usize = 4_096 in 1..=100_000;
        /// Contacts that one user lists.
        max_contacts: u32 = 10_000 in 1..=1_000_000;
        /// Users that one user blocks. While the user is talked with, all of them are in memory, 16 bytes each.
        max_blocked: u32 = 1_000 in 1..=100_000;
        /// Invites of one user that may wait for an answer.
        max_invites_sent: u32 = 100 in 1..=100_000;
        /// Invites to one user that may wait for an answer.
        max_invites_received: u32 = 200 in 1..=100_000;
        /// How long an invite waits for an answer, in days.
        invite_days: u32 = 30 in 1..=3_650;
        /// How long whoever was declined waits before inviting the same user again, in days; settled invites are listed for
        /// so long.
        invite_again_days: u32 = 7 in 0..=3_650;
        /// Characters of what an inviter says.
        max_invite_characters: usize = 300 in 1..=10_000;
        /// Reports of one user that may wait for a moderator.
        max_open_reports: u32 = 100 in 1..=100_000;
        /// Characters of a report's reason, and of a moderator's note.
        max_report_characters: usize = 1_000 in 1..=100_000;
        /// Characters of a reported message that are kept with the report.
        reported_message_characters: usize = 10_000 in 1..=1_048_576;
        /// Users that one `GetUsers` names.
        max_users_named: usize = 500 in 1..=10_000;
        /// Users whom one connection watches come and go.
        max_users_watched: usize = 1_000 in 1..=100_000;
        /// Members of a group that `LoadConversations` names.
        listed_members: usize = 8 in 1..=1_000;
        /// Members of a group up to which a list of conversations tells how far one's own last message has come.
        status_members: usize = 64 in 1..=10_000;
        /// Where counting unread messages of a conversation stops.
        max_unread_count: u32 = 1_000 in 1..=100_000;
        /// Characters of a question to the search of messages.
        search_characters: usize = 256 in 1..=10_000;
        /// Words of such a question.
        search_words: usize = 16 in 1..=100;
        /// Conversations that such a question looks through, those with the latest entries.
        search_conversations: usize = 1_000 in 1..=100_000;
        /// Most messages on one page of what was found.
        max_page_found: usize = 200 in 1..=10_000;
        /// Most contacts on one page.
        max_page_contacts: u32 = 500 in 1..=10_000;
        /// Most invites in one list, the waiting ones first.
        max_page_invites: u32 = 500 in 1..=10_000;
        /// Most reports on one page.
        max_page_reports: u32 = 100 in 1..=10_000;
        /// Most users on one page of a search.
        max_page_users: u32 = 50 in 1..=1_000;
        /// Most accounts on one page, for those who administer them.
        max_page_accounts: u32 = 100 in 1..=1_000;
        /// Most notifications on one page.
        max_page_notifications: usize = 100 in 1..=10_000;
        /// Conversations with unread messages that the first page of notifications names.
        max_page_unread: usize = 100 in 1..=10_000;
        /// Messages to one device, and marks of what its user did, that one page of a sync brings, each.
        max_page_device_messages: usize = 500 in 1..=10_000;
        /// Most messages in one page of history or of a sync.
        max_page_messages: usize = 500 in 1..=10_000;
        /// Most conversations in one page of them, and in a sync.
        max_page_conversations: usize = 1_000 in 100..=100_000;
        /// Most bytes of bodies in one page, as they are written in JSON; it holds one message at least.
        max_page_bytes: usize = 1_048_576 in 1_024..=16_777_216;
        /// Messages that wait for one device, such as MLS Welcomes. A commit that would bring it more is refused.
        device_queue_messages: u64 = 10_000 in 1..=1_000_000;
        /// Bytes in them, alike.
        device_queue_bytes: u64 = 16_777_216 in 65_536..=1_073_741_824;
        /// Largest frame that a client may send, in bytes. Has to hold a message, encoded.
        max_frame_bytes: usize = 262_144 in 1_024..=16_777_216;
        /// Frames waiting for one connection. A reader that falls behind further is told to sync again.
        connection_queue_frames: usize = 1_024 in 16..=1_000_000;
        /// Bytes waiting for one connection, alike. While as many wait in answers, nothing more is read of it; at 16 times
        /// as many it is closed.
        connection_queue_bytes: usize = 1_048_576 in 65_536..=1_073_741_824;
        /// Bytes kept of one hub connection with stateful reconnect, to be sent again on its next WebSocket. Shared among
        /// all who get the same message. A client that has not acknowledged this much begins anew when its WebSocket breaks.
        stateful_buffer_bytes: usize = 100_000 in 1_024..=16_777_216;
        /// Open connections of one user, over all devices.
        max_connections_per_user: usize = 32 in 1..=100_000;
        /// Open connections of one address; 0 is no bound. Those of trusted proxies are not counted, but the hub
        /// connections of those who come through them.
        max_connections_per_address: usize = 1_024 in 0..=1_000_000;
        /// Requests of one account whose answers it has not yet taken; 0 is no bound. More wait 5 seconds for their turn.
        /// Answers of up to 16 KiB are not counted.
        answers_per_account: usize = 16 in 0..=10_000;
        /// Bytes of answers over REST that nobody has yet taken, of all accounts together; 0 is no bound. Answers of up to 16 KiB
        /// are not counted; an export counts 2 MiB.
        answers_bytes: usize = 268_435_456 in 0..=1_099_511_627_776;
        /// Commands of one connection that run at a time; more wait.
        connection_calls: usize = 128 in 1..=10_000;
        /// Streams of one connection that run at a time; more are refused.
        connection_streams: usize = 32 in 1..=1_000;
        /// How long a connection to the hub may take for SignalR's handshake, in seconds.
        hub_handshake_timeout_s: u64 = 15 in 1..=600;
        /// A hub connection is given up after so long without a sign of its client, in seconds.
        hub_silence_timeout_s: u64 = 60 in 30..=3600;
        /// After so long without saying anything, the server sends a hub connection a ping, in seconds. Microsoft's clients
        /// give the server up after 30 without a sign of it.
        hub_ping_s: u64 = 20 in 1..=25;
        /// How long a hub connection that closes may take for it: for its client to answer, and for what runs to end, in
        /// seconds.
        hub_close_timeout_s: u64 = 5 in 1..=600;
        /// How long after negotiating a connection to the hub may be opened, in seconds.
        negotiate_timeout_s: u64 = 60 in 1..=3600;
        /// One long poll, in seconds.
        poll_timeout_s: u64 = 90 in 1..=600;
        /// Bytes that wait to be read by a connection over long polls or Server-Sent Events, before they wait in the queues
        /// above; and bytes posted to it that wait for the server.
        polled_buffer_bytes: usize = 32_768 in 1_024..=16_777_216;
        /// How long a request may take to send its head, in seconds, and how long an HTTP connection may wait between two.
        header_timeout_s: u64 = 30 in 1..=600;
        /// Headers of one request.
        max_headers: usize = 64 in 16..=1_000;
        /// Bytes of a request's head.
        max_header_bytes: usize = 16_384 in 8_192..=1_048_576;
        /// How long a request may take to send its body, in seconds.
        body_timeout_s: u64 = 30 in 1..=3600;
        /// A connection is closed when its client takes nothing of what is sent to it for so long, in seconds.
        write_timeout_s: u64 = 60 in 1..=3600;
        /// How long a client may take for the TLS handshake, in seconds.
        tls_handshake_timeout_s: u64 = 10 in 1..=600;
        /// TLS handshakes under way at once. Beyond that, connections wait in the kernel.
        tls_handshakes: usize = 1_024 in 1..=1_000_000;
        /// Commands and signed-in requests of one account, and whatever else it says on the hub. Who says ten times as
        /// much there loses the connection.
        requests_per_account: Rate = "200/s 2000";
        /// Messages that one account sends.
        messages_per_account: Rate = "100/s 1000";
        /// Searches and look-ups of one account.
        searches_per_account: Rate = "2/s 100";
        /// Users whom one account adds to groups or invites.
        invitations_per_account: Rate = "1/s 1200";
        /// Groups that one account creates.
        groups_per_account: Rate = "10/min 100";
        /// Direct conversations that one account begins, by an invite or without; one that is there already is none.
        directs_per_account: Rate = "10/min 200";
        /// Reports that one account makes.
        reports_per_account: Rate = "10/min 30";
        /// Requests without a valid token from one address.
        requests_per_address: Rate = "50/s 1000";
        /// Attempts of one address to connect to the hub; negotiating is one, opening another.
        connects_per_address: Rate = "50/s 2000";
        /// Sign-ins, registrations and renewals of tokens from one address.
        sign_ins_per_address: Rate = "10/s 500";
        /// New accounts from one address, by password.
        registrations_per_address: Rate = "30/min 200";
        /// One-time codes that one address asks for.
        codes_per_address: Rate = "10/min 50";
        /// One-time codes that the server sends, to all addresses together: what they cost has a bound.
        codes_per_server: Rate = "1000/h 1000";
        /// Sign-ins from one address with a wrong name, password or code.
        failed_sign_ins_per_address: Rate = "30/min 100";
        /// Failed sign-ins to one account, from all addresses from which it has not signed in within 30 days.
        failed_sign_ins_per_name: Rate = "20/min 50";
        /// Failed sign-ins to one account from one address.
        failed_sign_ins_per_name_and_address: Rate = "5/min 10";
        /// Notifications kept of one user, beside unread messages; older ones are forgotten.
        max_notifications_per_user: usize = 500 in 10..=100_000;
        /// How long notifications are kept, in days.
        notifications_days: u32 = 90 in 1..=3_650;
        /// Accounts, addresses and names whose use is remembered, each. Beyond it, who has used least is forgotten.
        tracked_keys: usize = 65_536 in 1_024..=16_777_216;
        /// Commands that may wait for one writer of the log; whoever comes later waits for a place.
        queued_commands: usize = 4_096 in 16..=1_000_000;
        /// Commands of which one writer of the log makes a transaction.
        batch_commands: usize = 1_024 in 1..=65_536;
        /// Bytes of bodies after which such a transaction takes no more: it is held in memory.
        batch_bytes: usize = 16_777_216 in 65_536..=268_435_456;
        /// Notifications that may wait to be written. Beyond it they are dropped, and the log says so.
        queued_notifications: usize = 8_192 in 16..=1_000_000;
        /// Conversations whose state is kept in memory, about 1 KB each.
        cached_conversations: usize = 100_000 in 100..=100_000_000;
        /// Sessions whose state is kept in memory, about 200 bytes each.
        cached_sessions: u32 = 100_000 in 100..=100_000_000;
        /// Users whose names are kept in memory, about 300 bytes each.
        cached_users: u32 = 50_000 in 100..=100_000_000;
        /// Users of whom it is kept in memory whom they block, about 100 bytes each and 16 for each of those.
        cached_blocks: u32 = 100_000 in 100..=100_000_000;
        /// Users whose typing is remembered, each in each conversation. Beyond it, no more is passed on.
        typing_entries: usize = 65_536 in 1_024..=16_777_216;
    }
    check |it| [
        (it.max_frame_bytes < it.max_message_bytes * 2)
            .then_some(("max_frame_bytes", "has to be at least twice limits.max_message_bytes")),
    ]
}
