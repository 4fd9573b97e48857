//! Nobody but members: whoever never was one, and whoever is none any more, on every command and every route that names a
//! conversation, however it names it. The tables say which those are, and what they take; so a new one is tried too.

use std::collections::BTreeSet;

use gateway::{PARAMETERS, REST_OBJECTS, ROUTES, RouteDoc, TABLE};
use protocol::objects::{CHOICES, OBJECTS, Object};
use serde_json::{Value, json};
use testkit::server::{Account, Store};

use super::{ATTACKER, Bystanders, ask};
use crate::support::{Client, on_both_stores, start_with, text};

on_both_stores!(former_members_and_strangers);

/// What was said when they were no members.
const SECRET: &str = "not for mallory";
/// Asked for, these name conversations without complaining about those that are not one's own. They just say nothing.
const SILENT: &[&str] = &["Sync"];

/// A type's parts: `Vec<A>` and `Option<A>` hold `A`, `(A, B)` holds both.
enum Shape<'a> {
    One(&'a str),
    Several(&'a str),
    Maybe(&'a str),
    Together(Vec<&'a str>),
}

fn shape(of: &str) -> Shape<'_> {
    let inside = |start: &str| of.strip_prefix(start).and_then(|rest| rest.trim_end().strip_suffix('>'));
    let of = of.trim();
    if let Some(inner) = inside("Vec<").or_else(|| inside("Vec <")) {
        Shape::Several(inner.trim())
    } else if let Some(inner) = inside("Option<").or_else(|| inside("Option <")) {
        Shape::Maybe(inner.trim())
    } else if let Some(inner) = of.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Shape::Together(inner.split(',').map(str::trim).filter(|part| !part.is_empty()).collect())
    } else {
        Shape::One(of)
    }
}

fn object(name: &str) -> Option<&'static Object> {
    OBJECTS.iter().chain(REST_OBJECTS).find(|object| object.name == name)
}

/// Whether a value of that type can name a conversation.
fn names_a_conversation(of: &str) -> bool {
    match shape(of) {
        Shape::Several(inner) | Shape::Maybe(inner) => names_a_conversation(inner),
        Shape::Together(parts) => parts.into_iter().any(names_a_conversation),
        Shape::One("ConversationId" | "Peer") => true,
        Shape::One(name) => object(name)
            .is_some_and(|object| object.fields.iter().any(|field| names_a_conversation(field.of))),
    }
}

/// Whose conversation it is, and who asks.
pub(crate) struct Aim {
    conversation: String,
    user: String,
    device: String,
}

impl Aim {
    /// A user who asks for a conversation.
    pub(crate) fn at(conversation: &str, who: &Account) -> Self {
        let (user, device) = (who.user.clone(), who.device.clone());
        Self { conversation: conversation.to_owned(), user, device }
    }

    /// A value that is right, but for whose conversation it is.
    pub(crate) fn sample(&self, of: &str) -> Value {
        match shape(of) {
            Shape::Several(inner) => json!([self.sample(inner)]),
            Shape::Maybe(inner) => self.sample(inner),
            Shape::Together(parts) => parts.into_iter().map(|part| self.sample(part)).collect(),
            Shape::One(name) => self.sample_of(name),
        }
    }

    fn sample_of(&self, name: &str) -> Value {
        match name {
            "ConversationId" | "Peer" => json!(self.conversation),
            "UserId" => json!(self.user),
            "DeviceId" => json!(self.device),
            "MessageId" => json!("let-me-in"),
            "Seq" | "u8" | "u16" | "u32" | "u64" => json!(1),
            "Timestamp" | "i64" => json!(4_000_000_000_000_u64),
            "bool" => json!(true),
            "Retention" => json!("forever"),
            "InviteId" => json!(format!("i_{}", "0".repeat(26))),
            "NoticeId" | "NotificationId" => json!(format!("n_{}", "0".repeat(26))),
            "ReportId" => json!(format!("r_{}", "0".repeat(26))),
            "LinkCode" => json!(format!("l_{}", "0".repeat(26))),
            // A key with a one on it: a word to search for, and an emoji to react with.
            "String" => json!("1\u{fe0f}\u{20e3}"),
            "ByteString" => json!("AAEC"),
            "Body" => json!({ "type": "text", "text": "let me in" }),
            "OutgoingMessage" => json!({ "id": "let-me-in", "text": "let me in" }),
            "HistoryRequest" => json!({}),
            "SyncRequest" => json!({ "after": [[self.conversation, 0]] }),
            name => match (object(name), CHOICES.iter().find(|choice| choice.name == name)) {
                (Some(object), _) => self.fields(object),
                (None, Some(choice)) => json!(choice.words[0].0),
                (None, None) => panic!("no value of type {name}: add one to `sample_of`"),
            },
        }
    }

    /// The fields that have to be there, and those that say which place of which conversation; of those that may be, the
    /// first if there are no others.
    fn fields(&self, object: &Object) -> Value {
        let names_one = names_a_conversation(object.name);
        let takes = |of: &str| match shape(of) {
            Shape::Maybe(inner) => names_one && (inner == "Seq" || names_a_conversation(inner)),
            _ => true,
        };
        let taken: Vec<_> = object.fields.iter().filter(|field| takes(field.of)).collect();
        let fields = if taken.is_empty() { object.fields.iter().take(1).collect() } else { taken };
        let base = object.base.and_then(self::object).map(|base| self.fields(base));
        let mut all = base.unwrap_or_else(|| json!({}));
        for field in fields {
            all[field.name] = self.sample(field.of);
        }
        all
    }

    fn path(&self, route: &RouteDoc) -> String {
        let mut path = route.path.to_owned();
        let named = |name: &str| route.path.contains(&format!("{{{name}}}"));
        for parameter in PARAMETERS.iter().filter(|parameter| named(parameter.name)) {
            let value = self.sample(parameter.of);
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            path = path.replace(&format!("{{{}}}", parameter.name), &value);
        }
        if let Some(object) = route.query.and_then(object) {
            let fields = self.sample_of(object.name);
            let pairs = fields.as_object().into_iter().flatten().map(|(name, value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                format!("{name}={}", value.replace(' ', "%20"))
            });
            path = format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"));
        }
        path
    }
}

fn commands() -> impl Iterator<Item = &'static gateway::CommandDoc> {
    TABLE.iter().filter(|command| command.arguments.iter().any(|argument| names_a_conversation(argument.of)))
}

fn routes() -> impl Iterator<Item = &'static RouteDoc> {
    ROUTES.iter().filter(|route| {
        let of_path = route.path.split(['{', '}']).skip(1).step_by(2);
        let mut types = of_path
            .filter_map(|name| PARAMETERS.iter().find(|parameter| parameter.name == name))
            .map(|parameter| parameter.of)
            .chain(route.body)
            .chain(route.query);
        types.any(names_a_conversation)
    })
}

/// What members see of a conversation.
async fn seen_by(member: &Client, conversation: &str) -> Value {
    let mut summary = member.call("GetConversation", (conversation,)).await;
    // Receipts are told a little later than they come to be.
    for changing in ["delivered", "seen", "unread", "status", "lastMessage"] {
        summary[changing] = Value::Null;
    }
    json!([summary, member.history(conversation).await])
}

/// Everything, by both doors. Answers how many commands and routes were tried.
async fn try_everything(
    server: &testkit::server::TestServer,
    mallory: &Client,
    conversation: &str,
    was_member: bool,
) {
    let aim = Aim {
        conversation: conversation.to_owned(),
        user: mallory.user().to_owned(),
        device: mallory.account.device.clone(),
    };
    let mut tried = BTreeSet::new();
    for command in commands() {
        let arguments = command.arguments.iter();
        let required = arguments.filter(|argument| !argument.optional || names_a_conversation(argument.of));
        let values: Vec<_> = required.map(|argument| aim.sample(argument.of)).collect();
        let answer = if command.streams {
            mallory.stream(command.name, &values).await.map(Value::from)
        } else {
            mallory.try_call(command.name, &values).await
        };
        let name = command.name;
        match answer {
            Ok(answer) => {
                assert!(was_member || SILENT.contains(&name), "{name} {values:?} answers {answer}");
                assert!(!answer.to_string().contains(SECRET), "{name} {values:?} tells {answer}");
            }
            Err(error) if was_member => {
                let known = ["not_found: ", "forbidden: ", "conflict: ", "invalid: "];
                assert!(known.iter().any(|code| error.starts_with(code)), "{name} {values:?}: {error}");
                assert!(!error.starts_with("invalid: argument"), "{name} {values:?}: {error}");
            }
            Err(error) => assert!(error.starts_with("not_found: "), "{name} {values:?}: {error}"),
        }
        tried.insert(name);
    }
    for route in routes() {
        let (method, path) = (route.method.to_uppercase(), aim.path(route));
        let body = route.body.map(|of| aim.sample(of));
        let answer =
            ask(server, ATTACKER, &method, &path, Some(&mallory.account.access_token), body.as_ref());
        let what = format!("{method} {path} {body:?}: {answer:?}");
        assert!(!answer.body.to_string().contains(SECRET), "{what}");
        let silent = route.twin.is_some_and(|twin| SILENT.contains(&twin));
        match (was_member, answer.status) {
            (false, 404) => assert_eq!(answer.code(), "not_found", "{what}"),
            (false, status) => assert!(silent && status == 200, "{what}"),
            (true, status) => assert!([200, 204, 403, 404, 409].contains(&status), "{what}"),
        }
        tried.extend(route.twin);
    }
    // Nor where none is named.
    for (target, values) in [
        ("LoadConversations", json!([])),
        ("ReadNewMessages", json!([])),
        ("Sync", json!([])),
        ("Sync", json!([{}])),
    ] {
        let answer = mallory.call(target, values.as_array().expect("arguments")).await;
        assert!(!answer.to_string().contains(SECRET), "{target}: {answer}");
    }
    let all: BTreeSet<_> = commands().map(|command| command.name).collect();
    assert!(all.len() > 15 && all.is_subset(&tried), "{:?}", all.difference(&tried));
}

async fn former_members_and_strangers(store: Store) {
    let unlimited = [("KITH_LIMITS_INVITATIONS_PER_ACCOUNT", "0"), ("KITH_LIMITS_GROUPS_PER_ACCOUNT", "0")];
    let server = start_with(store, &unlimited);
    let mut bystanders = Bystanders::meet(&server).await;
    let (ann, bob) = (&bystanders.ann, &bystanders.bob);
    let mallory = Client::register(&server, "mallory").await;
    let left = Client::register(&server, "lefty").await;
    let stranger = Client::register(&server, "stranger").await;
    let group = ann.group("Ours", &[bob, &mallory, &left]).await;
    ann.send(&group, "before", "for all of us").await;
    ann.call("RemoveFromGroup", (&group, mallory.user())).await;
    left.call("LeaveGroup", (&group,)).await;
    ann.send(&group, "after", SECRET).await;
    ann.send(&bystanders.direct, "between", SECRET).await;
    let before =
        [seen_by(ann, &group).await, seen_by(bob, &group).await, seen_by(ann, &bystanders.direct).await];

    for former in [&mallory, &left] {
        try_everything(&server, former, &group, true).await;
        let kept = former.history(&group).await;
        assert!(
            kept.iter().any(|message| message["body"]["text"] == "for all of us"),
            "what was theirs stays"
        );
    }
    try_everything(&server, &stranger, &group, false).await;
    try_everything(&server, &stranger, &bystanders.direct, false).await;
    try_everything(&server, &mallory, &bystanders.direct, false).await;

    let (ann, bob) = (&bystanders.ann, &bystanders.bob);
    let after =
        [seen_by(ann, &group).await, seen_by(bob, &group).await, seen_by(ann, &bystanders.direct).await];
    assert_eq!(before, after, "nothing was changed");
    let info = ann.call("MessageInfo", (&group, before[0][1].as_array().expect("messages").len())).await;
    assert!(!info.to_string().contains(mallory.user()), "{info}");
    bystanders.talk().await;
}

/// The samples are such as members may send: nothing above is refused only because it is malformed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_strangers_are_refused_members_may() {
    let server = start_with(Store::Sqlite, &[("KITH_LIMITS_GROUPS_PER_ACCOUNT", "0")]);
    let bystanders = Bystanders::meet(&server).await;
    let (ann, bob) = (&bystanders.ann, &bystanders.bob);
    for command in commands() {
        let group = text(
            &ann.call("InitiateGroupChatSession", (json!({ "name": "x", "members": [bob.user()] }),)).await,
        );
        ann.send(&group, "one", "one").await;
        let aim =
            Aim { conversation: group, user: bob.user().to_owned(), device: ann.account.device.clone() };
        let arguments = command.arguments.iter();
        let required = arguments.filter(|argument| !argument.optional || names_a_conversation(argument.of));
        let values: Vec<_> = required.map(|argument| aim.sample(argument.of)).collect();
        let answer = if command.streams {
            ann.stream(command.name, &values).await.map(Value::from)
        } else {
            ann.try_call(command.name, &values).await
        };
        if let Err(error) = answer {
            let by_rule = !error.starts_with("invalid: argument") && !error.starts_with("internal");
            assert!(by_rule, "{} {values:?}: {error}", command.name);
        }
    }
}
