//! `docs/limits.md`: every bound in one table, what it is, where it is set, and what a client sees of it.

use accounts::people;
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
        ],
    ),
    (
        "Messages, groups, pages",
        &[
            ("limits.max_message_bytes", "`too_large`, 413"),
            ("limits.max_group_members", "`group_full`, 409"),
            ("limits.max_page_messages", "`more` in the page: ask again"),
            ("limits.max_page_conversations", "a page of so many: ask again `after` its last"),
            ("limits.max_page_bytes", "`more` in the page: ask again"),
            ("limits.device_queue_messages", "`invalid`, 422, names the device"),
            ("limits.device_queue_bytes", "`invalid`, 422, names the device"),
            ("limits.max_notifications_per_user", "older ones are gone"),
            ("limits.notifications_days", "older ones are gone"),
            ("limits.typing_entries", "nothing: others do not see it type"),
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
            ("limits.cached_conversations", SLOWER),
            ("limits.cached_sessions", SLOWER),
            ("limits.cached_users", SLOWER),
            ("database.pool_size", SLOWER),
            ("server.drain_timeout_s", "the connection is closed"),
            ("server.drain_spread_s", "the connection is closed, with leave to come back"),
        ],
    ),
];

/// Bounds that nobody has to change: what, how much, what a client sees.
const FIXED: &[(&str, &str, &str)] = &[
    ("Body of a REST request, in bytes", "2 × `limits.max_message_bytes` + 16,384", "`too_large`, 413"),
    ("Request line of HTTP, in bytes", "65,534", "414"),
    (
        "Depth of JSON and MessagePack",
        "64 on the hub, 128 over REST",
        "`invalid`; on the hub the connection is closed",
    ),
    ("SignalR's handshake, in bytes", "4,096", "the connection is closed with an error"),
    ("Time from negotiating to opening, in seconds", "60", "404"),
    ("One poll, in seconds", "90", "an empty answer: poll again"),
    (
        "What waits to be read by long polls or server-sent events, in bytes",
        "32,768, then the queues above",
        SLOWER,
    ),
    ("Names of users, devices and groups, in characters", "100", "`invalid`, 422"),
    ("Description of a group, in characters", "1,000", "`invalid`, 422"),
    ("Picture of a group, in bytes", "300", "`invalid`, 422"),
    ("Links of a group", "20", "`invalid`, 422: revoke one"),
    ("Uses that a link is bounded to", "1 to 100,000, or none", "`invalid`, 422"),
    ("Retention", "36,500 days or 86,400 seconds", "`invalid`, 422"),
    ("Entries that one write of the sweeper looks at", "500, then a pause", "nothing"),
    ("An email address, in bytes", "254", "`invalid`, 422"),
    ("A password, in characters", "8 to 256", "`invalid`, 422"),
    (
        "Passwords of one address that are hashed or wait for it",
        "a quarter of `accounts.concurrent_hashes` and `accounts.waiting_hashes`",
        WAIT,
    ),
    ("Passwords of one signed-in account that are hashed or wait for it", "1", WAIT),
    ("Changing requests of REST that are under way at once", "16,384", SLOWER),
    ("Users in one `GetUsers`", "500", "`invalid`, 422"),
    ("Members listed with a group in `LoadConversations`", "8", "`GetConversation` has all"),
    ("Unread messages that are counted", "1,000", "1,000"),
    ("Messages for single devices in one send", "4,096", "`invalid`, 422"),
    ("`x-request-id` that is taken over, in bytes", "64", "another id"),
    ("Proxies that are looked through", "16", "the last one's address counts"),
    ("Addresses of IPv6 that count as one", "a /64", "—"),
    ("Changes that wait for SQLite", "1,024, and 4,096 readings", SLOWER),
    ("A statement of PostgreSQL, in seconds", "30", "`unavailable`, 503"),
    ("Codes that are sent at once", "16", SLOWER),
    ("A username, in characters", "3 to 32", INVALID),
    ("What users say about themselves, in characters", "500", INVALID),
    ("Picture of a user, in bytes", "300", INVALID),
    ("Users on a page of a search", "50", "`next` in the page: ask again"),
    ("Accounts on a page", "100", "`next` in the page: ask again"),
    ("Words in a search for users", "4", INVALID),
    ("Users whom one connection watches", "1,000", INVALID),
    ("A search for messages", "256 characters, 16 words, the 1,000 latest conversations", INVALID),
    ("Messages on a page of a search", "200, and 50 if none is named", "`next` in the page: ask again"),
    ("Words of a message that can be found", "2,000", "the others are not found"),
    ("Pinned messages of a conversation", "50", INVALID),
    ("Members that react to one message", "1,000", "`forbidden`, 403"),
];

/// Those of them that other crates name, so that no number stands in two places.
const NAMED: &[(&str, u64, &str)] = &[
    ("A message's id, in bytes", MessageId::MAX_BYTES as u64, INVALID),
    ("Members that a text mentions", Content::MENTIONS as u64, INVALID),
    ("A reaction, in bytes", Content::EMOJI_BYTES as u64, INVALID),
    ("Contacts of a user", people::CONTACTS as u64, "`invalid`, 422: take somebody off it"),
    ("Contacts on a page", people::CONTACTS_PAGE as u64, "`next` in the page: ask again"),
    ("Users whom a user blocks", people::BLOCKED as u64, "`invalid`, 422: take somebody off it"),
    ("What comes with an invite, in characters", people::INVITE_CHARACTERS as u64, INVALID),
    ("Invites of a user that wait for an answer", people::INVITES_SENT as u64, "`rate_limited`, 429"),
    ("Invites to a user that wait for an answer", people::INVITES_RECEIVED as u64, "`rate_limited`, 429"),
    ("Invites in a list", people::INVITES_LISTED as u64, "those that wait, and the newest of the others"),
    ("How long an invite waits, in days", (people::INVITE_MS / DAY_MS) as u64, "it has expired"),
    ("Before a user who declined is invited again, in days", (people::INVITE_AGAIN_MS / DAY_MS) as u64, WAIT),
    ("Reason of a report, or a moderator's note, in characters", people::REASON_CHARACTERS as u64, INVALID),
    ("Open reports of a user", people::REPORTS_OPEN as u64, "`rate_limited`, 429"),
    ("Reports on a page", people::REPORTS_PAGE as u64, "`more` in the page: ask again"),
];

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

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
restart. Metrics count refusals as `kith_rate_limited_total{limit=\"…\"}`; the log has a line, at most once a minute for the same account
or address.

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
    out.push_str("\n## Fixed\n\n| what is bounded | bound | what a client sees |\n|---|---|---|\n");
    for (what, bound, seen) in FIXED {
        put(&mut out, format_args!("| {what} | {bound} | {seen} |\n"));
    }
    for (what, bound, seen) in NAMED {
        put(&mut out, format_args!("| {what} | {} | {seen} |\n", grouped(*bound)));
    }
    out
}

/// A number under a million with a comma after the thousands.
fn grouped(number: u64) -> String {
    match number / 1_000 {
        0 => number.to_string(),
        thousands => format!("{thousands},{:03}", number % 1_000),
    }
}
