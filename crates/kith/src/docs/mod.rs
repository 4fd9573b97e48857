//! `docs/protocol.md` and `docs/openapi.json`, made from the tables that the server itself runs by: commands and routes of `gateway`, objects,
//! events and error codes of `protocol`, bounds of the settings. Only the introduction is written by hand.

mod limits;
mod types;

use std::fmt::Write;

use gateway::{CommandDoc, PARAMETERS, REST_OBJECTS, ROUTES, RouteDoc, TABLE, WITHOUT_TWIN};
pub use limits::limits;
use protocol::objects::{BODIES, CHOICES, Field, OBJECTS, Object};
use protocol::{ErrorCode, ServerRole, events};
use types::{SCALARS, is_optional, wire};

/// The script of ten lines, which README shows too.
pub const SCRIPT: &str = include_str!("hello.mjs");

/// The content of `docs/openapi.json`, as a running server answers `/api/openapi.json`.
#[must_use]
pub fn openapi() -> String {
    format!("{:#}\n", gateway::openapi())
}

/// The content of `docs/protocol.md`.
#[must_use]
pub fn protocol() -> String {
    let mut out = String::from(
        "<!-- Generated from crates/kith/src/docs and the tables named there by `cargo test -p kith --test generated`. -->\n\n",
    );
    out.push_str(&include_str!("introduction.md").replace("{script}", SCRIPT));
    for part in
        [commands(), event_table(), type_tables(), routes(), error_codes(), permissions(), LIMITS.to_owned()]
    {
        out.push('\n');
        out.push_str(&part);
    }
    out
}

fn commands() -> String {
    let mut out = String::from(
        "## Commands\n\nMethods of the hub. An argument with `?` may be left out. *Stream* commands answer item by item (`stream()` in \
         Microsoft's clients, not `invoke()`). Over [REST](#rest), the arguments that are not in the path are fields of the body or the \
         query; where there is one object besides the path, it is the body itself.\n",
    );
    let mut section = "";
    for command in TABLE {
        if command.section != section {
            section = command.section;
            put(
                &mut out,
                format_args!("\n### {section}\n\n| command | answer | over REST | |\n|---|---|---|---|\n"),
            );
        }
        let (signature, doc) = (signature(command), one_line(command.doc));
        let answer = wire(command.answer);
        let stream = if command.streams { "*stream* of " } else { "" };
        let twin = twin(command);
        put(&mut out, format_args!("| {signature} | {stream}{answer} | {twin} | {doc} |\n"));
    }
    out
}

/// The route that does the same, or why there is none.
fn twin(command: &CommandDoc) -> String {
    let route = ROUTES.iter().find(|route| route.twin == Some(command.name));
    let reason = WITHOUT_TWIN.iter().find(|(name, _)| *name == command.name);
    match (route, reason) {
        (Some(route), _) => format!("`{} {}`", route.method.to_uppercase(), route.path),
        (None, Some((_, reason))) => (*reason).to_owned(),
        (None, None) => panic!("{} has no twin over REST and no reason", command.name),
    }
}

fn signature(command: &CommandDoc) -> String {
    let arguments = command.arguments.iter().map(|argument| {
        let mark = if argument.optional { "?" } else { "" };
        format!("{}{mark}: {}", argument.name, wire(argument.of))
    });
    format!("`{}`({})", command.name, arguments.collect::<Vec<_>>().join(", "))
}

fn event_table() -> String {
    let mut out = String::from(
        "## Events\n\nWhat the server invokes on the client, with positional arguments named as the fields of \
         [Message](#message), [MemberReceipt](#memberreceipt) and so on.\n\n| target | arguments | |\n|---|---|---|\n",
    );
    for (target, arguments, meaning) in events::ALL {
        put(&mut out, format_args!("| `{target}` | {arguments} | {meaning} |\n"));
    }
    out.push_str(
        "\n`summary` is a [ConversationSummary](#conversationsummary), `deviceMessage` a [DeviceMessage](#devicemessage), `delivered` and \
         `seen` are places up to which it holds.\n",
    );
    out
}

fn type_tables() -> String {
    let mut out = String::from("## Types\n\n| type | on the wire | |\n|---|---|---|\n");
    for (name, form, about) in SCALARS {
        put(&mut out, format_args!("| {name} | {form} | {about} |\n"));
    }
    out.push_str("\nFields with `?` may be absent or null, in both directions.\n");
    for object in OBJECTS.iter().chain(REST_OBJECTS) {
        out.push_str(&object_table(object));
    }
    out.push_str(
        "\n### Body\n\nBytes (as ByteString) where the server cannot read it, else an object whose `type` is one of these. Only `text` is \
         for clients to send; commands make `edit`, `delete`, `reaction` and `pin`.\n\n| type | other fields | |\n|---|---|---|\n",
    );
    for body in BODIES {
        let fields: Vec<_> =
            body.fields.iter().map(|field| format!("{}: {}", marked(field), wire(field.of))).collect();
        put(
            &mut out,
            format_args!("| `{}` | {} | {} |\n", body.name, fields.join(", "), one_line(body.about)),
        );
    }
    for choice in CHOICES {
        let about = one_line(choice.about);
        put(&mut out, format_args!("\n### {}\n\n{about}\n\n| word | |\n|---|---|\n", choice.name));
        for (word, meaning) in choice.words {
            put(&mut out, format_args!("| `{word}` | {meaning} |\n"));
        }
    }
    out
}

fn permissions() -> String {
    let mut out = String::from(
        "## Permissions\n\nWhat it takes to look after a server. Everybody else is told `forbidden`. The last admin can be \
         neither demoted nor suspended nor deleted (`last_admin`).\n\n| permission | moderator | admin | |\n|---|---|---|---|\n",
    );
    for line in accounts::PERMISSIONS {
        let mark = |role| if line.permission.is_of(role) { "yes" } else { "" };
        let (moderator, admin) = (mark(ServerRole::Moderator), mark(ServerRole::Admin));
        put(&mut out, format_args!("| `{}` | {moderator} | {admin} | {} |\n", line.name, line.about));
    }
    out
}

fn object_table(object: &Object) -> String {
    let mut out = format!("\n### {}\n\n{}", object.name, one_line(object.about));
    if let Some(base) = object.base {
        put(&mut out, format_args!(" All fields of [{base}](#{}), and:", base.to_lowercase()));
    }
    out.push_str("\n\n| field | type | |\n|---|---|---|\n");
    for field in object.fields {
        put(
            &mut out,
            format_args!("| {} | {} | {} |\n", marked(field), wire(field.of), one_line(field.about)),
        );
    }
    out
}

fn marked(field: &Field) -> String {
    format!("`{}`{}", field.name, if is_optional(field.of) { "?" } else { "" })
}

fn routes() -> String {
    let mut out = String::from(
        "## REST\n\nBodies are JSON with `content-type: application/json`. Routes marked 🔑 take the access token in the header \
         `Authorization: Bearer …`. Besides what is listed, any may answer 422 `invalid`, 413 `too_large`, 429 `rate_limited`, 500 \
         `internal` and 503 `unavailable`, those with 🔑 also 401 `unauthenticated`; a path that is not there 404, a method that a path \
         does not take 405, both `not_found`.\n\n\
         A running server describes all this in OpenAPI 3.1 at `/api/openapi.json` ([openapi.json](openapi.json)) and shows it at \
         `/api/docs`. Answers marked 🏷 have an `ETag`: asked again with it in `If-None-Match`, the server answers 304 if nothing \
         changed. Other answers are not to be cached. A refusal is a problem (`application/problem+json`, RFC 9457): `type`, `title`, \
         `status`, `detail`, and of ours `code` and `message`.\n\n\
         | route | body or query | answer | refusals | |\n|---|---|---|---|---|\n",
    );
    for route in ROUTES {
        let RouteDoc { method, path, doc, signed_in, tagged, body, query, status, answer, errors, .. } =
            route;
        let key = if *signed_in { " 🔑" } else { "" };
        let tag = if *tagged { " 🏷" } else { "" };
        let query = query.map(|of| format!("?{}", wire(of)));
        let takes = body.map(wire).or(query).unwrap_or_default();
        let answer = answer.map(|of| format!(" {}", wire(of))).unwrap_or_default();
        let errors: Vec<_> = errors.iter().map(|code| format!("{} `{code}`", code.http_status())).collect();
        let (method, errors, doc) = (method.to_uppercase(), errors.join(", "), one_line(doc));
        put(
            &mut out,
            format_args!("| `{method} {path}`{key}{tag} | {takes} | {status}{answer} | {errors} | {doc} |\n"),
        );
    }
    out.push_str("\n| in a path | type | |\n|---|---|---|\n");
    for parameter in PARAMETERS {
        let of = wire(parameter.of);
        put(&mut out, format_args!("| `{{{}}}` | {of} | {} |\n", parameter.name, parameter.about));
    }
    out
}

fn error_codes() -> String {
    let mut out = String::from("## Error codes\n\n| code | HTTP | |\n|---|---|---|\n");
    for code in ErrorCode::ALL {
        put(&mut out, format_args!("| `{code}` | {} | {} |\n", code.http_status(), one_line(code.meaning())));
    }
    out
}

/// Those that a client meets stand with those that it does not.
const LIMITS: &str = "## Limits\n\nEverything has an upper bound: [limits.md](limits.md) has all of them, their defaults, and what a client \
     sees that meets one. An operator may have set others; decide by the answers, not by the defaults.\n";

/// Documentation's lines run together, as Markdown tables take them.
fn one_line(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes all");
}
