//! The wire, held still: what each type writes in JSON and in MessagePack (as map by field name, as the hub sends it),
//! that it reads back, and that `protocol::objects` tells what serde does.

mod samples;

use std::collections::BTreeSet;
use std::fmt::{Debug, Write};

use data_encoding::HEXLOWER;
use protocol::objects::{BODIES, CHOICES, OBJECTS, Object};
use protocol::*;
use samples::Samples;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Fields that serde takes without but the server does not: a group needs a name.
const REQUIRED_BY_RULE: &[(&str, &str)] = &[("NewGroup", "name"), ("NewReport", "reason")];

/// Snapshots of the samples of one area, each checked on the way.
#[derive(Default)]
struct Area {
    text: String,
    names: BTreeSet<&'static str>,
}

impl Area {
    /// A value that has every field; `name` is what the documents call its type.
    fn object<T: Wire>(&mut self, name: &'static str, sample: &T) {
        let object = find(OBJECTS, name);
        let value = self.value(name, sample);
        check_fields::<T>(object, &value);
        self.names.insert(name);
    }

    /// Any value: it reads back from both forms.
    fn value<T: Wire>(&mut self, name: &str, sample: &T) -> Value {
        let value = round_trip(sample);
        let hex = HEXLOWER.encode(&rmp_serde::to_vec_named(sample).unwrap());
        let json = serde_json::to_string_pretty(&value).unwrap();
        writeln!(self.text, "{name} {json}").unwrap();
        for line in hex.as_bytes().chunks(100) {
            writeln!(self.text, "  {}", str::from_utf8(line).unwrap()).unwrap();
        }
        value
    }
}

trait Wire: Serialize + DeserializeOwned + PartialEq + Debug {}
impl<T: Serialize + DeserializeOwned + PartialEq + Debug> Wire for T {}

fn round_trip<T: Wire>(sample: &T) -> Value {
    let text = serde_json::to_string(sample).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), sample, "JSON: {text}");
    let bytes = rmp_serde::to_vec_named(sample).unwrap();
    assert_eq!(&rmp_serde::from_slice::<T>(&bytes).unwrap(), sample, "MessagePack of {text}");
    serde_json::from_str(&text).unwrap()
}

fn find(objects: &'static [Object], name: &str) -> &'static Object {
    objects.iter().find(|object| object.name == name).unwrap_or_else(|| panic!("{name} is not in the table"))
}

/// What the table says of the fields is what serde writes and takes.
fn check_fields<T: Wire>(object: &Object, value: &Value) {
    let base = object.base.map_or(&[][..], |base| find(OBJECTS, base).fields);
    let told: BTreeSet<_> = object.fields.iter().chain(base).map(|field| field.name).collect();
    let written: BTreeSet<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(told, written, "fields of {}", object.name);
    for field in object.fields {
        let (name, optional) = (field.name, field.of.starts_with("Option"));
        let of = field.of.trim_start_matches("Option").trim_matches(['<', '>', ' ']);
        assert!(fits(of, &value[name]), "{}.{name} is no {of}: {}", object.name, value[name]);
        let mut without = value.clone();
        without.as_object_mut().unwrap().remove(name);
        let taken = serde_json::from_value::<T>(without).is_ok();
        let ruled = REQUIRED_BY_RULE.contains(&(object.name, name));
        assert_eq!(taken, optional || ruled, "{}.{name} may be left out", object.name);
    }
}

/// Whether a value can be of that Rust type.
fn fits(of: &str, value: &Value) -> bool {
    match of {
        "bool" => value.is_boolean(),
        "u32" | "u64" | "Seq" | "Timestamp" => value.is_u64(),
        _ if of.starts_with("Vec") => value.is_array(),
        _ if OBJECTS.iter().any(|object| object.name == of) => value.is_object(),
        "Body" => value.is_object() || value.is_string(),
        "String" | "UserId" | "DeviceId" | "ConversationId" | "MessageId" | "LinkCode" | "NoticeId"
        | "NotificationId" | "Retention" | "InviteId" | "ReportId" | "ByteString" => value.is_string(),
        _ if CHOICES.iter().any(|choice| choice.name == of) => value.is_string(),
        _ => false,
    }
}

#[test]
fn every_object_on_the_wire() {
    let samples = Samples::new();
    let mut names = BTreeSet::new();
    for (file, fill) in Samples::AREAS {
        let mut area = Area::default();
        fill(&samples, &mut area);
        insta::assert_snapshot!(*file, area.text);
        names.append(&mut area.names);
    }
    let told: BTreeSet<_> = OBJECTS.iter().map(|object| object.name).collect();
    assert_eq!(names, told, "objects with a sample");
}

#[test]
fn every_body_on_the_wire() {
    let mut area = Area::default();
    let mut words = Vec::new();
    for content in Samples::new().contents() {
        let value = area.value("Body", &Body::Open(content.clone()));
        assert_eq!(round_trip(&content), value, "an open body is its content");
        let mut fields = value.as_object().unwrap().clone();
        let word = fields.remove("type").unwrap();
        assert_eq!(word, word_of(&content));
        let object = find(BODIES, word.as_str().unwrap());
        let told: BTreeSet<_> = object.fields.iter().map(|field| field.name).collect();
        assert_eq!(told, fields.keys().map(String::as_str).collect(), "fields of {word}");
        words.push(object.name);
    }
    area.value("Body", &Body::Sealed(ByteString(vec![0, 1, 254, 255])));
    insta::assert_snapshot!("bodies", area.text);
    assert_eq!(words, BODIES.iter().map(|object| object.name).collect::<Vec<_>>());
}

/// A body that is added does not compile until it is told of here, in the samples and in `BODIES`.
fn word_of(content: &Content) -> &'static str {
    match content {
        Content::Text { .. } => "text",
        Content::Edit { .. } => "edit",
        Content::Delete { .. } => "delete",
        Content::Reaction { .. } => "reaction",
        Content::Pin { .. } => "pin",
        Content::Removed => "removed",
        Content::Created => "created",
        Content::Members { .. } => "members",
        Content::Info { .. } => "info",
        Content::Deleted => "deleted",
        Content::Expired => "expired",
        Content::Unsupported => panic!("no word of its own"),
    }
}

/// An older client goes on with what a newer server sends.
#[test]
fn what_a_later_version_says_is_unsupported() {
    let later = json!({ "type": "hologram", "of": { "what": [1, 2] } });
    let bytes = rmp_serde::to_vec_named(&later).unwrap();
    assert_eq!(serde_json::from_value::<Body>(later).unwrap(), Body::Open(Content::Unsupported));
    assert_eq!(rmp_serde::from_slice::<Body>(&bytes).unwrap(), Body::Open(Content::Unsupported));
    assert_eq!(serde_json::from_value::<MessageKind>(json!("later")).unwrap(), MessageKind::Unsupported);
    let bytes = rmp_serde::to_vec_named("later").unwrap();
    assert_eq!(rmp_serde::from_slice::<MessageKind>(&bytes).unwrap(), MessageKind::Unsupported);
    assert!(serde_json::from_value::<Body>(json!({ "text": "no type" })).is_err());
}

/// As in the table of choices.
const KINDS: [MessageKind; 5] = [
    MessageKind::Content,
    MessageKind::Proposal,
    MessageKind::Commit,
    MessageKind::System,
    MessageKind::Annotation,
];

#[test]
fn every_word_on_the_wire() {
    fn words(name: &str) -> Vec<&'static str> {
        let choice = CHOICES.iter().find(|choice| choice.name == name).unwrap();
        choice.words.iter().map(|(word, _)| *word).collect()
    }
    fn check<T: Wire>(name: &str) {
        assert_eq!(words(name), expected::<T>(&json!("?")), "{name}");
        for word in words(name) {
            assert_eq!(round_trip(&serde_json::from_value::<T>(json!(word)).unwrap()), word);
        }
    }
    check::<ConversationKind>("ConversationKind");
    // It takes any word, so that no error lists them.
    let kinds = words("MessageKind").into_iter().map(|word| {
        let kind = serde_json::from_value::<MessageKind>(json!(word)).unwrap();
        assert_eq!(round_trip(&kind), word);
        kind
    });
    assert_eq!(kinds.collect::<Vec<_>>(), KINDS);
    check::<MessageStatus>("MessageStatus");
    let marks = words("MarkKind").into_iter().map(|word| {
        let kind = serde_json::from_value::<MarkKind>(json!(word)).unwrap();
        assert_eq!(round_trip(&kind), word);
        kind
    });
    assert_eq!(marks.collect::<Vec<_>>(), [MarkKind::Hidden, MarkKind::Starred, MarkKind::Unstarred]);
    check::<Role>("Role");
    check::<MemberChange>("MemberChange");
    check::<LastSeenTo>("LastSeenTo");
    check::<MessagesFrom>("MessagesFrom");
    check::<GroupsFrom>("GroupsFrom");
    check::<ServerRole>("ServerRole");
    check::<InviteDirection>("InviteDirection");
    check::<InviteStatus>("InviteStatus");
    check::<NotificationKind>("NotificationKind");
    check::<AccountState>("AccountState");
    assert_eq!(CHOICES.len(), 14);
    let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(codes, expected::<ErrorCode>(&json!("?")));
    insta::assert_snapshot!("error_codes", codes.join("\n"));
}

/// The words that serde would have taken in place of the one it did not.
fn expected<T: Wire>(wrong: &Value) -> Vec<String> {
    let error = serde_json::from_value::<T>(wrong.clone()).unwrap_err().to_string();
    let (_, words) = error.split_once("expected one of").or_else(|| error.split_once("expected")).unwrap();
    words.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn a_message_is_a_string_or_an_object() {
    let read = |value: Value| {
        let bytes = rmp_serde::to_vec_named(&value).unwrap();
        let message: OutgoingMessage = serde_json::from_value(value).unwrap();
        assert_eq!(message, rmp_serde::from_slice(&bytes).unwrap());
        message
    };
    let bare = read(json!("Hello"));
    assert_eq!(
        (bare.text.as_deref(), bare.id.as_ref(), bare.kind),
        (Some("Hello"), None, MessageKind::Content)
    );
    assert_eq!(read(json!({ "text": "Hello" })), bare);
    let id = "m1".parse().unwrap();
    assert_eq!(read(json!({ "id": "m1", "text": "Hello" })), OutgoingMessage::text(id, "Hello"));
    let open = read(json!({ "body": { "type": "text", "text": "Hello" } }));
    assert_eq!(open.body, Some(Body::Open(Content::text("Hello"))));
    let sealed = read(json!({ "body": "AAH+/w==", "kind": "commit", "epoch": 7 }));
    assert_eq!(sealed.body, Some(Body::Sealed(ByteString(vec![0, 1, 254, 255]))));
    assert_eq!((sealed.kind, sealed.epoch), (MessageKind::Commit, Some(7)));
}

#[test]
fn bytes_are_base64_in_json_and_bin_in_messagepack() {
    let sealed = Body::Sealed(ByteString(vec![0, 1, 254, 255]));
    assert_eq!(serde_json::to_value(&sealed).unwrap(), json!("AAH+/w=="));
    assert_eq!(rmp_serde::to_vec_named(&sealed).unwrap(), [0xc4, 4, 0, 1, 254, 255]);
    for bad in [json!("AAH-_w=="), json!("AAH+/w"), json!("not base64"), json!(7), json!([0, 1])] {
        assert!(serde_json::from_value::<Body>(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn fields_that_do_not_exist_are_refused_or_passed_over() {
    fn takes<T: Wire>(mut value: Value) -> bool {
        assert!(serde_json::from_value::<T>(value.clone()).is_ok(), "{value}");
        value["nonsense"] = json!(1);
        serde_json::from_value::<T>(value).is_ok()
    }
    // What would be lost silently is refused ...
    assert!(!takes::<OutgoingMessage>(json!({ "text": "Hello" })));
    assert!(!takes::<NewGroup>(json!({ "name": "Us" })));
    assert!(!takes::<GroupChanges>(json!({})));
    assert!(!takes::<NewGroupLink>(json!({})));
    assert!(!takes::<ConversationFilter>(json!({})));
    assert!(!takes::<HistoryRequest>(json!({})));
    assert!(!takes::<MessageEdit>(json!({ "text": "Hello" })));
    assert!(!takes::<MessageSearch>(json!({})));
    assert!(!takes::<CodeRequest>(json!({})));
    assert!(!takes::<CodeVerification>(json!({ "code": "123456" })));
    assert!(!takes::<CredentialsChange>(json!({})));
    assert!(!takes::<Credentials>(json!({ "username": "alice", "password": "correct horse" })));
    // ... where clients older or newer than the server have to get on with it, it is not.
    assert!(takes::<SyncRequest>(json!({})));
    assert!(takes::<UserInfo>(json!({ "id": "u_00000000000000000000000000", "name": "Alice" })));
}

#[test]
fn null_is_the_same_as_nothing_where_a_field_may_be_left_out() {
    fn same<T: Wire + PartialEq + std::fmt::Debug>(with: Value, without: Value) {
        assert_eq!(serde_json::from_value::<T>(with).unwrap(), serde_json::from_value::<T>(without).unwrap());
    }
    same::<OutgoingMessage>(
        json!({ "text": "Hello", "id": null, "body": null, "kind": null, "epoch": null, "devices": null }),
        json!({ "text": "Hello" }),
    );
    same::<Content>(
        json!({ "type": "text", "text": "a", "replyTo": null, "mentions": null, "forwarded": null }),
        json!({ "type": "text", "text": "a" }),
    );
    same::<SyncRequest>(
        json!({ "after": null, "afterDeviceMessage": null, "afterMark": null, "limit": null }),
        json!({}),
    );
    same::<NewGroup>(
        json!({ "name": "Us", "description": null, "picture": null, "members": null, "kind": null, "id": null }),
        json!({ "name": "Us" }),
    );
}

#[test]
fn secrets_do_not_show_in_logs() {
    let samples = Samples::new();
    let shown = format!(
        "{:?} {:?} {:?} {:?}",
        samples.credentials(),
        samples.credentials_change(),
        samples.verification(),
        samples.signed_in()
    );
    for secret in ["correct horse", "battery staple", "123456", "ka_", "kr_"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
