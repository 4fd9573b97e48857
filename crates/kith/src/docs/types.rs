//! Rust types as a client sees them.

use gateway::REST_OBJECTS;
use protocol::objects::{CHOICES, OBJECTS};

/// The type in Markdown, linked to what describes it.
pub(super) fn wire(of: &str) -> String {
    let of: String = of.split_whitespace().collect();
    if let Some(inner) = inside(&of, "Option<", '>') {
        return wire(inner);
    }
    if let Some(inner) = inside(&of, "Vec<", '>') {
        return format!("[{}]", wire(inner));
    }
    if let Some(parts) = inside(&of, "(", ')').filter(|parts| !parts.is_empty()) {
        return format!("[{}]", parts.split(',').map(wire).collect::<Vec<_>>().join(", "));
    }
    match of.as_str() {
        "()" => "nothing".to_owned(),
        "String" => "string".to_owned(),
        "bool" => "boolean".to_owned(),
        "u32" | "u64" => "number".to_owned(),
        "Seq" | "Timestamp" | "UserId" | "DeviceId" | "ConversationId" | "MessageId" | "LinkCode"
        | "NoticeId" | "NotificationId" | "Retention" | "ByteString" | "InviteId" | "ReportId" | "Peer" => {
            format!("[{of}](#types)")
        }
        "Body" => "[Body](#body)".to_owned(),
        named => {
            let known = OBJECTS.iter().chain(REST_OBJECTS).any(|object| object.name == named)
                || CHOICES.iter().any(|choice| choice.name == named);
            assert!(known, "protocol::objects does not describe {named}");
            format!("[{named}](#{})", named.to_lowercase())
        }
    }
}

/// Whether it may be left out.
pub(super) fn is_optional(of: &str) -> bool {
    of.starts_with("Option")
}

fn inside<'a>(of: &'a str, open: &str, close: char) -> Option<&'a str> {
    of.strip_prefix(open)?.strip_suffix(close)
}

/// The types that are no objects: name, form on the wire, meaning.
pub(super) const SCALARS: &[(&str, &str, &str)] = &[
    ("UserId", "string `u_…`", "A user: the prefix and 26 of 0-9 a-z without i, l, o, u."),
    ("DeviceId", "string `d_…`", "A signed-in device, which is also a session. Formed alike."),
    ("ConversationId", "string `c_…` or `g_…`", "A direct conversation or a group. Formed alike."),
    ("NoticeId", "string `n_…`", "A notification that is kept. Formed alike."),
    (
        "NotificationId",
        "one of these",
        "A notification by its own id, or by the conversation whose unread messages it is about.",
    ),
    (
        "Peer",
        "one of these",
        "A conversation by its id, or a direct one by the other user's. Only over REST.",
    ),
    ("InviteId", "string `i_…`", "Somebody's wish to talk. Formed alike."),
    ("ReportId", "string `r_…`", "Something told to moderators. Formed alike."),
    (
        "MessageId",
        "string",
        "Chosen by the sending device: 1 to 64 printable ASCII characters without spaces, unique per device and conversation.",
    ),
    (
        "LinkCode",
        "string `l_…`",
        "What admits to a group: 128 random bits, formed like an id. Whoever has it may join.",
    ),
    (
        "Retention",
        "string",
        "How long bodies are kept: `forever`, `until_delivered` (to every signed-in device of every member), `days:N`, `seconds:N` (both from when it was sent), or `default` for what the server is set to.",
    ),
    ("Seq", "number", "A place in a conversation's log: 1 for the first entry. 0 stands before it."),
    ("Timestamp", "number", "Milliseconds since the Unix epoch, by the server's clock."),
    ("ByteString", "base64 in JSON, `bin` in MessagePack", "Bytes that the server does not look into."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_types_become_wire_types() {
        assert_eq!(wire("u64"), "number");
        assert_eq!(wire("()"), "nothing");
        assert_eq!(wire("Vec < Message >"), "[[Message](#message)]");
        assert_eq!(wire("Option<Vec<(ConversationId, Seq)>>"), "[[[ConversationId](#types), [Seq](#types)]]");
        assert!(is_optional("Option<String>") && !is_optional("String"));
    }

    #[test]
    #[should_panic(expected = "does not describe Nonsense")]
    fn a_type_that_nobody_describes_fails() {
        wire("Nonsense");
    }
}
