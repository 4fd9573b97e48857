//! Rust types as JSON Schema (2020-12).

use protocol::ErrorCode;
use protocol::objects::{BODIES, CHOICES, Field, OBJECTS, Object};
use serde_json::{Map, Value, json};

use crate::rest::objects::{PROBLEM, REST_OBJECTS};

/// Objects from which an unknown field is refused. So it is from those of [`REST_OBJECTS`] that are bodies.
const STRICT: &[&str] = &[
    "NewGroup",
    "GroupChanges",
    "NewGroupLink",
    "ConversationFilter",
    "OutgoingMessage",
    "HistoryRequest",
    "NotificationsRequest",
    "MessageEdit",
    "StarredRequest",
    "MessageSearch",
    "CredentialsChange",
    "CodeRequest",
    "CodeVerification",
];

/// Every named schema.
pub(super) fn all() -> Map<String, Value> {
    let objects = OBJECTS.iter().chain(REST_OBJECTS).chain([&PROBLEM]);
    let mut all: Map<_, _> = objects.map(|object| (object.name.to_owned(), with_base(object))).collect();
    for choice in CHOICES {
        all.insert(choice.name.into(), words(choice.about, choice.words.iter().copied()));
    }
    let codes = ErrorCode::ALL.iter().map(|code| (code.as_str(), code.meaning()));
    all.insert("ErrorCode".into(), words("Why a request failed.", codes));
    for (name, scalar) in scalars() {
        all.insert(name.into(), scalar);
    }
    let message = all["OutgoingMessage"].take();
    all["OutgoingMessage"] = json!({ "anyOf": [{ "type": "string", "minLength": 1 }, message] });
    let mut bodies = vec![schema("ByteString")];
    bodies.extend(BODIES.iter().map(|body| {
        let mut fields = object(body.fields, false);
        fields["properties"]["type"] = json!({ "const": body.name });
        fields["required"].as_array_mut().expect("a list").push("type".into());
        fields["description"] = one_line(body.about).into();
        fields
    }));
    all.insert("Body".into(), json!({ "anyOf": bodies, "description": "What a message says; bytes where the server cannot read it." }));
    all
}

fn scalars() -> [(&'static str, Value); 14] {
    // The last of 26 characters of base32 holds three bits; the lowest of a conversation's tells its shape.
    let id = |kinds: &str, about: &str| json!({ "type": "string", "pattern": kinds, "description": about });
    [
        ("UserId", id("^u_[0-9a-hjkmnp-tv-z]{25}[048cgmrw]$", "A user.")),
        (
            "DeviceId",
            id("^d_[0-9a-hjkmnp-tv-z]{25}[048cgmrw]$", "A signed-in device, which is also a session."),
        ),
        ("InviteId", id("^i_[0-9a-hjkmnp-tv-z]{25}[048cgmrw]$", "Somebody's wish to talk.")),
        ("ReportId", id("^r_[0-9a-hjkmnp-tv-z]{25}[048cgmrw]$", "Something told to moderators.")),
        (
            "ConversationId",
            id(
                "^(c_[0-9a-hjkmnp-tv-z]{25}[08gr]|g_[0-9a-hjkmnp-tv-z]{25}[4cmw])$",
                "A direct conversation or a group.",
            ),
        ),
        ("LinkCode", id("^l_[0-9a-hjkmnp-tv-z]{25}[048cgmrw]$", "What admits to a group.")),
        (
            "Retention",
            id(
                "^(default|forever|until_delivered|days:[1-9][0-9]{0,4}|seconds:[1-9][0-9]{0,4})$",
                "How long bodies are kept: at most 36,500 days or 86,400 seconds.",
            ),
        ),
        ("NoticeId", id("^n_[0-9a-hjkmnp-tv-z]{25}[048cgmrw]$", "A notification that is kept.")),
        (
            "NotificationId",
            json!({
                "anyOf": [reference("NoticeId"), reference("ConversationId")],
                "description": "A notification, or the conversation whose unread messages it is about.",
            }),
        ),
        (
            "Peer",
            json!({
                "anyOf": [reference("UserId"), reference("ConversationId")],
                "description": "A conversation, or the user whose direct conversation it is.",
            }),
        ),
        (
            "MessageId",
            id(
                "^[!-~]{1,64}$",
                "Chosen by the sending device: printable ASCII, unique per device and conversation.",
            ),
        ),
        (
            "Seq",
            json!({ "type": "integer", "minimum": 0, "description": "A place in a conversation's log, from 1." }),
        ),
        (
            "Timestamp",
            json!({ "type": "integer", "format": "int64", "description": "Milliseconds since the Unix epoch." }),
        ),
        ("ByteString", json!({ "type": "string", "contentEncoding": "base64" })),
    ]
}

/// One word out of a few. What each means stands where generators of clients look for it.
fn words<'a>(about: &str, words: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    let (words, meanings): (Vec<_>, Vec<_>) = words.map(|(word, meaning)| (word, one_line(meaning))).unzip();
    json!({ "type": "string", "enum": words, "x-enum-descriptions": meanings, "description": one_line(about) })
}

fn with_base(of: &Object) -> Value {
    let rest = REST_OBJECTS.iter().any(|object| object.name == of.name);
    let mut own = object(of.fields, rest || STRICT.contains(&of.name));
    let about = Value::from(one_line(of.about));
    match of.base {
        Some(base) => json!({ "allOf": [reference(base), own], "description": about }),
        None => {
            own["description"] = about;
            own
        }
    }
}

fn object(fields: &[Field], strict: bool) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in fields {
        let (of, optional) = optional(field.of);
        let mut value = schema(&of);
        if optional {
            value = match value.get("type").cloned() {
                Some(Value::String(plain)) => {
                    value["type"] = json!([plain, "null"]);
                    value
                }
                _ => json!({ "anyOf": [value, { "type": "null" }] }),
            };
        } else {
            required.push(field.name);
        }
        value["description"] = one_line(field.about).into();
        properties.insert(field.name.into(), value);
    }
    let mut object = json!({ "type": "object", "properties": properties, "required": required });
    if strict {
        object["additionalProperties"] = false.into();
    }
    object
}

/// The type without `Option`, and whether it had one.
pub(super) fn optional(of: &str) -> (String, bool) {
    let of: String = of.split_whitespace().collect();
    match inside(&of, "Option<", '>') {
        Some(inner) => (inner.to_owned(), true),
        None => (of, false),
    }
}

pub(super) fn schema(of: &str) -> Value {
    let of: String = of.split_whitespace().collect();
    if let Some(inner) = inside(&of, "Vec<", '>') {
        return json!({ "type": "array", "items": schema(inner) });
    }
    if let Some(parts) = inside(&of, "(", ')') {
        let parts: Vec<_> = parts.split(',').map(schema).collect();
        let count = parts.len();
        return json!({ "type": "array", "prefixItems": parts, "minItems": count, "maxItems": count });
    }
    match of.as_str() {
        "String" => json!({ "type": "string" }),
        "bool" => json!({ "type": "boolean" }),
        "u32" => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
        "u64" => json!({ "type": "integer", "minimum": 0 }),
        named => reference(named),
    }
}

pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn inside<'a>(of: &'a str, open: &str, close: char) -> Option<&'a str> {
    of.strip_prefix(open)?.strip_suffix(close)
}

/// Documentation's lines run together.
pub(super) fn one_line(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}
