//! `docs/limits.md`: every bound in one table, what it is, where it is set, and what a client sees of it.

use protocol::{Content, MessageId};

use super::{one_line, put};
use crate::settings::help::{Setting, settings};

/// What whoever asks too often is told.
const WAIT: &str = "`rate_limited`, 429 with `Retry-After`";
/// What whoever connects too often or too much is told.
const NOT_IN: &str = "no connection: 429 with `Retry-After`";
/// What is out of bounds.
const INVALID: &str = "`invalid`, 422";
/// Nothing but time.
const SLOWER: &str = "nothing: it takes longer";

/// Each setting that bounds something, and what a client sees that meets it. All of `[limits]` are here.
const SEEN: &[(&str, &[(&str, &str)])] = &[
    (
        "Rates of an account",
        &[
            ("limits.requests_per_account", WAIT),
            ("limits.messages_per_account", WAIT),
            ("limits.searches_per_account", WAIT),
            ("limits.invitations_per_account", WAIT),
            ("limits.groups_per_account", WAIT),
            ("limits.directs_per_account", WAIT),
            ("limits.reports_per_account", WAIT),
        ],
    ),
    (
        "Rates of an address",
        &[
            ("limits.requests_per_address", WAIT),
            ("limits.connects_per_address", NOT_IN),
            ("limits.sign_ins_per_address", WAIT),
            ("limits.registrations_per_address", WAIT),
            ("limits.codes_per_address", WAIT),
            ("limits.codes_per_server", WAIT),
            ("limits.failed_sign_ins_per_address", WAIT),
            ("limits.failed_sign_ins_per_name", WAIT),
            ("limits.failed_sign_ins_per_name_and_address", WAIT),
            ("limits.tracked_keys", "nothing"),
        ],
    ),
    (
        "Sign-in",
        &[
            ("accounts.max_devices", "the device that was idle for the longest is signed out"),
            ("accounts.access_token_ttl_s", "`unauthenticated`, 401: renew it"),
            ("accounts.refresh_idle_timeout_days", "`unauthenticated`, 401: sign in again"),
            ("accounts.refresh_absolute_timeout_days", "`unauthenticated`, 401: sign in again"),
            ("accounts.code_ttl_s", "`wrong_code`, 401"),
            ("accounts.code_tries", "`wrong_code`, 401"),
            ("accounts.code_resend_after_s", WAIT),
            ("accounts.codes_per_hour", WAIT),
            ("accounts.concurrent_hashes", SLOWER),
            ("accounts.waiting_hashes", WAIT),
            ("accounts.hash_wait_s", WAIT),
            ("accounts.concurrent_code_sends", SLOWER),
            ("accounts.one_time_password_hours", "`wrong_password`, 401"),
        ],
    ),
    (
        "Messages, groups, pages",
        &[
            ("limits.max_message_bytes", "`too_large`, 413"),
            ("limits.max_group_members", "`group_full`, 409"),
            ("limits.max_pins", "`invalid`, 422"),
            ("limits.max_stars", "`invalid`, 422: take a star away"),
            ("limits.max_reactions", "`forbidden`, 403"),
            ("limits.max_group_links", "`invalid`, 422: revoke one"),
            ("limits.max_link_uses", "`invalid`, 422"),
            ("limits.max_device_messages", "`invalid`, 422"),
            ("limits.listed_members", "`GetConversation` has all"),
            ("limits.status_members", "no `status` in the list"),
            ("limits.max_unread_count", "that number"),
            ("limits.search_characters", "`invalid`, 422"),
            ("limits.search_words", "`invalid`, 422"),
            ("limits.search_conversations", "nothing is found in others: name the conversation"),
            ("limits.max_page_found", "`next` in the page: ask again"),
            ("limits.max_page_device_messages", "`more` in the page: ask again"),
            ("limits.max_page_messages", "`more` in the page: ask again"),
            ("limits.max_page_conversations", "a page of so many: ask again `after` its last"),
            ("limits.max_page_bytes", "`more` in the page: ask again"),
            ("limits.device_queue_messages", "`invalid`, 422, names the device"),
            ("limits.device_queue_bytes", "`invalid`, 422, names the device"),
            ("limits.typing_entries", "nothing: others do not see it type"),
            ("chats.edit_window_s", "`forbidden`, 403"),
            ("chats.receipts_write_ms", "nothing"),
            ("chats.receipts_tell_ms", "ticks come so much later"),
        ],
    ),
    (
        "People and notifications",
        &[
            (
                "limits.max_contacts",
                "`invalid`, 422: take somebody off it; who is new to talk to is not listed",
            ),
            ("limits.max_blocked", "`invalid`, 422: take somebody off it"),
            ("limits.max_invites_sent", "`rate_limited`, 429"),
            ("limits.max_invites_received", "`rate_limited`, 429, for who invites them"),
            ("limits.invite_days", "the invite is `expired`"),
            ("limits.invite_again_days", WAIT),
            ("limits.max_invite_characters", "`invalid`, 422"),
            ("limits.max_open_reports", "`rate_limited`, 429"),
            ("limits.max_report_characters", "`invalid`, 422"),
            ("limits.reported_message_characters", "the rest is not kept"),
            ("limits.max_users_named", "`invalid`, 422"),
            ("limits.max_users_watched", "`invalid`, 422"),
            ("limits.max_page_contacts", "`next` in the page: ask again"),
            ("limits.max_page_invites", "the oldest settled ones are left out"),
            ("limits.max_page_reports", "`more` in the page: ask again"),
            ("limits.max_page_users", "`next` in the page: ask again"),
            ("limits.max_page_accounts", "`next` in the page: ask again"),
            ("limits.max_page_notifications", "`more` in the page: ask again"),
            ("limits.max_page_unread", "others are counted in `unread` and not named"),
            ("limits.max_notifications_per_user", "older ones are gone"),
            ("limits.notifications_days", "older ones are gone"),
        ],
    ),
    (
        "Connections",
        &[
            ("limits.max_connections_per_address", "the socket is closed at once; through a proxy 429"),
            ("limits.max_connections_per_user", "the connection is closed with `rate_limited`"),
            ("limits.max_frame_bytes", "the connection is closed with an error"),
            ("limits.answers_per_account", WAIT),
            ("limits.answers_bytes", "`unavailable`, 503 with `Retry-After`"),
            ("limits.connection_calls", SLOWER),
            ("limits.connection_streams", "the stream ends with an error"),
            ("limits.connection_queue_frames", "the event `resync`: call `Sync`"),
            ("limits.connection_queue_bytes", "the event `resync`: call `Sync`"),
            (
                "limits.stateful_buffer_bytes",
                "404 when it comes back after its WebSocket broke: negotiate anew",
            ),
            ("server.stateful_grace_s", "the same"),
            ("limits.hub_handshake_timeout_s", "the connection is closed"),
            ("limits.hub_silence_timeout_s", "the connection is closed"),
            ("limits.hub_ping_s", "a ping"),
            ("limits.hub_close_timeout_s", "the connection is closed"),
            ("limits.negotiate_timeout_s", "404: negotiate anew"),
            ("limits.poll_timeout_s", "an empty answer: poll again"),
            ("limits.polled_buffer_bytes", SLOWER),
            ("limits.write_timeout_s", "the connection is closed"),
        ],
    ),
    (
        "HTTP and TLS",
        &[
            ("limits.header_timeout_s", "the connection is closed"),
            ("limits.max_headers", "431"),
            ("limits.max_header_bytes", "431"),
            ("limits.body_timeout_s", "`invalid`, 422"),
            ("limits.tls_handshake_timeout_s", "the connection is closed"),
            ("limits.tls_handshakes", SLOWER),
        ],
    ),
    (
        "Inside",
        &[
            ("limits.queued_commands", SLOWER),
            ("limits.batch_commands", SLOWER),
            ("limits.batch_bytes", SLOWER),
            ("limits.queued_notifications", "a notification is missing; the message is not"),
            ("limits.cached_conversations", SLOWER),
            ("limits.cached_sessions", SLOWER),
            ("limits.cached_users", SLOWER),
            ("limits.cached_blocks", SLOWER),
            ("chats.sweep_entries", "nothing"),
            ("server.max_proxies", "the last one's address counts"),
            ("database.pool_size", SLOWER),
            ("database.statement_timeout_s", "`unavailable`, 503"),
            ("database.connect_timeout_s", "`unavailable`, 503"),
            ("database.answer_timeout_s", "`unavailable`, 503"),
            ("database.queued_writes", SLOWER),
            ("database.queued_reads", SLOWER),
            ("database.busy_timeout_s", "`unavailable`, 503"),
            ("database.readers", SLOWER),
            ("database.cache_kib", SLOWER),
            ("server.drain_timeout_s", "the connection is closed"),
            ("server.drain_spread_s", "the connection is closed, with leave to come back"),
        ],
    ),
];

/// Bounds that are no settings: what, how much, what a client sees.
type Fixed = (&'static str, &'static str, &'static str);

/// Forms: what clients, their stores and links in the world are made for.
const FORMS: &[Fixed] = &[
    ("Request line of HTTP, in bytes", "65,534", "414"),
    (
        "Depth of JSON and MessagePack",
        "64 on the hub, 128 over REST",
        "`invalid`; on the hub the connection is closed",
    ),
    ("SignalR's handshake, in bytes", "4,096", "the connection is closed with an error"),
    ("A WebSocket's control frame, in bytes", "125", "the connection is closed with an error"),
    ("Names of users, devices and groups, in characters", "100", "`invalid`, 422"),
    ("A username, in characters", "3 to 32", "`invalid`, 422"),
    ("What a user tells of themselves, in characters", "500", "`invalid`, 422"),
    ("Description of a group, in characters", "1,000", "`invalid`, 422"),
    ("Picture of a user or a group: its reference, in bytes", "300", "`invalid`, 422"),
    ("Retention", "36,500 days or 86,400 seconds", "`invalid`, 422"),
    ("An email address, in bytes", "254", "`invalid`, 422"),
    ("A phone number, in digits", "7 to 15", "`invalid`, 422"),
    ("A password, in characters", "8 to 256", "`invalid`, 422"),
    ("A one-time code, in digits", "6", "`wrong_code`, 401"),
    ("Words of a search for users", "4, of 40 characters each", "`invalid`, 422"),
    (
        "Words of a name by which a user is found",
        "the first 16, of 40 characters each",
        "not found by others",
    ),
    (
        "Words of a message by which it is found",
        "the first 2,000, of 64 characters each",
        "not found by others",
    ),
    ("Typing is passed on", "every 2 seconds, and ends after 6", "nothing"),
    ("`x-request-id` that is taken over, in bytes", "64", "another id"),
    ("Addresses of IPv6 that count as one", "a /64", "—"),
];

/// Those that another crate names, so that no number stands in two places.
const NAMED: &[(&str, usize)] = &[
    ("A message's id, in bytes", MessageId::MAX_BYTES),
    ("Members that a text mentions", Content::MENTIONS),
    ("A reaction, in bytes", Content::EMOJI_BYTES),
];

/// What follows from settings, or is a measure of the machinery within.
const INNER: &[Fixed] = &[
    ("Body of a REST request, in bytes", "2 × `limits.max_message_bytes` + 16,384", "`too_large`, 413"),
    (
        "Passwords of one address that are hashed or wait for it",
        "a quarter of `accounts.concurrent_hashes` and `accounts.waiting_hashes`",
        WAIT,
    ),
    ("Passwords of one signed-in account that are hashed or wait for it", "1", WAIT),
    ("Changing requests of REST that are under way at once", "16,384", SLOWER),
    ("How long an address counts as one that an account signs in from, in days", "30", "—"),
    ("A password hash (Argon2id)", "19 MiB, 2 passes, 1 lane", "—"),
    ("Members whom one refusal names", "10", "the first of them"),
    ("Detail of a notification, in characters", "200", "the rest is cut"),
    ("A code's way out: each of two tries, and both together, in seconds", "10, 20", "`unavailable`, 503"),
    ("Groups that one writer of the log creates at once", "16", SLOWER),
    ("Batches of the log that wait to be brought to those connected", "64", SLOWER),
    ("Entries of a conversation that are kept in memory for repeated sends", "64", SLOWER),
    ("Announcements of new conversations that wait", "1,024", "it comes with the first message"),
    ("Changes that one transaction of SQLite takes", "256", SLOWER),
    ("Entries that one reading of SQLite's search looks at", "20,000", "`next` in the page: ask again"),
    ("Entries whose words one turn writes down", "200, or 256 KiB, then a pause", "found later"),
    ("Notifications that one transaction takes", "512", SLOWER),
    ("Users whose last seen one transaction takes, once a second", "1,000", "nothing"),
    ("Conversations that wait for the sweeper after a receipt", "10,000", "swept with the next pass"),
    ("Sessions, invites, deletions that one turn of the upkeep ends", "500, 500, 100", "nothing"),
    ("Codes that `kith admin otp` shows", "1,000", "—"),
];

const ABOUT: &str = "\
<!-- Generated from crates/kith/src/docs/limits.rs and the settings by `cargo test -p kith --test generated`. -->

# Limits

Everything that anybody can make the server hold or do has an upper bound. Here are all, with the [setting](settings.md) where there is
one, its default, and what a client sees that meets it.

A *rate* is written `100/s 1000`: so many per second (`s`), minute (`min`) or hour (`h`), and so many at once after a pause. `0`
switches that one off. Whoever is over it is refused with the error code `rate_limited`: over REST as 429 with the header
`Retry-After` and `retryAfter` in the problem, on the hub as `rate_limited: too many messages: try again in 3 s`. Nothing was done; the
same request may be sent again after that time, with the same id. An invocation of the hub without an id is not answered, so it is
dropped silently: send what matters with one. What is counted lies in memory, by each server process for itself, and is forgotten by a
restart. Metrics count refusals as `kith_rate_limited_total{limit=\"…\"}`, by the name of the setting (`codes_per_receiver` for the
two about codes), and not rates alone: also what else is refused as `rate_limited`, and full lists of contacts and blocks. Of rates
the log has a line, at most once a minute for the same account or address.

An *account* counts over all its devices. An *address* is one IPv4 address or the first 64 bits of an IPv6 address; behind a proxy,
that of the client, if the proxy is named in `server.trusted_proxies` and passes it on in `X-Forwarded-For` or `Forwarded`. Where it does
not, all who come through it count as one.

`/health` and `/ready`, and the address for metrics, are not counted: whoever watches the server may ask as often as it likes.

**Guessing passwords.** Tries that fail are counted by address, by the name tried, and by both together; one that succeeds is not. The
count by name makes guessing slow even from a thousand addresses. Its price: whoever fails often enough can make others wait who sign in
to that name with a password from somewhere new, for as long as they go on. They cannot touch devices that are signed in, nor a sign-in
from an address from which the account has signed in within 30 days (as far as the server remembers: a restart forgets it). Where that
price is too high, set `limits.failed_sign_ins_per_name = \"0\"`; passwords are then guessed at no faster than
`limits.failed_sign_ins_per_name_and_address` from each address. Whoever is signed in and proves the account once more, to change the
password or to delete the account, is counted by device instead, at that same rate: a stolen device does not tell the password, and its
thief does not make the owner wait, who uses another.

**Guessing codes.** A code has six digits. Whoever asked for it has `accounts.code_tries` at it from that address; all others together
have three times as many, so that a stranger does not spend a code that somebody else waits for. By default that is 20 in a million for
one code and, with `accounts.codes_per_hour`, 1 in 10,000 in an hour for one address. Its price: whoever asks for codes to an address of
another, from several addresses, spends the codes of that hour, and can use up the tries of those who did not ask themselves;
`limits.codes_per_server`, which bounds what codes cost, likewise makes all wait once somebody has used it up.
";

/// The content of `docs/limits.md`.
///
/// # Panics
/// When a setting of `[limits]` is missing from the table.
#[must_use]
pub fn limits() -> String {
    let all = settings();
    for setting in all.iter().filter(|setting| setting.path.starts_with("limits.")) {
        let told = SEEN.iter().any(|(_, rows)| rows.iter().any(|(path, _)| *path == setting.path));
        assert!(told, "{}: say in crates/kith/src/docs/limits.rs what a client sees of it", setting.path);
    }
    let mut out = ABOUT.to_owned();
    for (title, rows) in SEEN {
        put(
            &mut out,
            format_args!(
                "\n## {title}\n\n| what is bounded | default | setting | what a client sees |\n|---|---|---|---|\n"
            ),
        );
        for (path, seen) in *rows {
            let setting = all.iter().find(|setting| setting.path == *path);
            let Setting { default, doc, .. } =
                setting.unwrap_or_else(|| panic!("there is no setting {path}"));
            put(&mut out, format_args!("| {} | {default} | `{path}` | {seen} |\n", one_line(doc)));
        }
    }
    fixed(&mut out, "Fixed forms", FORMS_ARE, FORMS);
    for (what, bound) in NAMED {
        put(&mut out, format_args!("| {what} | {bound} | {INVALID} |\n"));
    }
    fixed(&mut out, "Fixed within", INNER_ARE, INNER);
    out
}

const FORMS_ARE: &str = "\
What a name, an id or a frame may be. Client libraries check some of these before they send, stores of client and server keep
such things in columns and indexes made for them, and what one server took others may have to take after a restore: so they are
the same everywhere.";

const INNER_ARE: &str = "\
What follows from settings above, and measures of the machinery that cost nobody anything they could see: larger they would
need more memory at once, smaller more turns for the same.";

fn fixed(out: &mut String, title: &str, about: &str, rows: &[Fixed]) {
    let head = "| what is bounded | bound | what a client sees |\n|---|---|---|\n";
    put(out, format_args!("\n## {title}\n\n{about}\n\n{head}"));
    for (what, bound, seen) in rows {
        put(out, format_args!("| {what} | {bound} | {seen} |\n"));
    }
}
