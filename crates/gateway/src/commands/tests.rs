use std::collections::BTreeSet;

use protocol::objects::{CHOICES, OBJECTS};
use signalr::server::MethodKind;

use super::*;

#[test]
fn every_command_is_documented() {
    for command in TABLE {
        let doc = command.doc.trim();
        assert!(doc.ends_with('.') && doc.len() > 10, "{}: {doc:?}", command.name);
        assert!(!command.section.is_empty());
    }
}

#[test]
fn names_are_unique_and_pascal_case() {
    let names: BTreeSet<_> = TABLE.iter().map(|command| command.name).collect();
    assert_eq!(names.len(), TABLE.len());
    for name in names {
        assert!(name.starts_with(|first: char| first.is_ascii_uppercase()), "{name}");
        assert!(name.chars().all(|character| character.is_ascii_alphanumeric()), "{name}");
    }
}

#[test]
fn the_commands_that_the_seeds_name_are_there() {
    for name in [
        "InitiateDirectChatSession",
        "InitiateGroupChatSession",
        "SendMessage",
        "ReadNewMessages",
        "AddUserToGroup",
        "CheckIn",
        "CheckOut",
        "LastStatus",
        "Sync",
        "Acknowledge",
        "MarkSeen",
        "SetTyping",
    ] {
        assert!(kind(name).is_some(), "{name}");
    }
}

/// What answers with a list, or with what holds one, may answer much. A user's devices are few.
fn expected(command: &CommandDoc) -> MethodKind {
    const HOLD_LISTS: &[&str] = &["ConversationSummary", "GroupInfo", "MessageInfo"];
    let answer = command.answer;
    let is_list = answer.ends_with("Page") || (answer.starts_with("Vec<") && answer != "Vec<SessionInfo>");
    match command.streams {
        true => MethodKind::Stream,
        false if is_list || HOLD_LISTS.contains(&answer) => MethodKind::InvokeLarge,
        false => MethodKind::Invoke,
    }
}

#[test]
fn targets_are_called_as_the_table_says() {
    for command in TABLE {
        assert_eq!(kind(command.name), Some(expected(command)), "{}", command.name);
        assert_eq!(kind(&command.name.to_lowercase()), None, "case matters");
    }
    assert_eq!(TABLE.iter().filter(|command| command.streams).count(), 1);
    assert_eq!(kind(""), None);
}

#[test]
fn arguments_have_names_and_the_optional_come_last() {
    for command in TABLE {
        let names: BTreeSet<_> = command.arguments.iter().map(|argument| argument.name).collect();
        assert_eq!(names.len(), command.arguments.len(), "{}", command.name);
        let optional: Vec<_> = command.arguments.iter().map(|argument| argument.optional).collect();
        assert!(optional.is_sorted(), "{}", command.name);
    }
}

/// What a document can explain: words of the table of objects, and those that need no explanation.
#[test]
fn every_type_is_explained() {
    const PLAIN: &[&str] = &[
        "()",
        "String",
        "bool",
        "u32",
        "u64",
        "Seq",
        "Timestamp",
        "UserId",
        "DeviceId",
        "ConversationId",
        "MessageId",
        "LinkCode",
        "Retention",
        "InviteId",
        "NotificationId",
        "ReportId",
    ];
    let explained = |of: &str| {
        let of = of.trim_start_matches("Vec").trim_matches(['<', '>', ' ']);
        PLAIN.contains(&of)
            || OBJECTS.iter().any(|object| object.name == of)
            || CHOICES.iter().any(|choice| choice.name == of)
    };
    for command in TABLE {
        for of in command.arguments.iter().map(|argument| argument.of).chain([command.answer]) {
            assert!(explained(of), "{} of {}", of, command.name);
        }
    }
}

#[test]
fn a_target_that_is_not_there_is_named() {
    assert_eq!(table::unknown("Nonsense").0, "not_found: there is no method 'Nonsense'");
}
