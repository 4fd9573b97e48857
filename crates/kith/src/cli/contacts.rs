//! `kith contacts`, `kith block`, `kith unblock`

use clap::Args;
use protocol::{BlockedUser, Contact, ContactsRequest};
use serde_json::json;

use super::context::Context;
use super::output::{clean_line, table};
use super::{Failure, resolve, time};

/// USER is a username, email, phone or id.
#[derive(Debug, Args)]
pub struct Contacts {
    /// List somebody
    #[arg(long, value_name = "USER")]
    add: Vec<String>,
    /// Do not list somebody any more
    #[arg(long, value_name = "USER")]
    remove: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Block {
    /// Usernames, emails, phones or ids; without any, those blocked are listed
    #[arg(value_name = "USER")]
    users: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Unblock {
    /// Usernames, emails, phones or ids
    #[arg(value_name = "USER", required = true)]
    users: Vec<String>,
}

pub(super) async fn contacts(context: &Context, args: Contacts) -> Result<(), Failure> {
    let (hub, _) = context.hub().await?;
    if !args.add.is_empty() || !args.remove.is_empty() {
        for user in resolve::users(&hub, &args.add).await? {
            hub.add_contact(user).await?;
            context.output.put(&json!({ "added": user }), || "listed".to_owned())?;
        }
        for user in resolve::users(&hub, &args.remove).await? {
            hub.remove_contact(user).await?;
            context.output.put(&json!({ "removed": user }), || "not listed any more".to_owned())?;
        }
        return Ok(());
    }
    let mut contacts: Vec<Contact> = Vec::new();
    let mut request = ContactsRequest::default();
    loop {
        let page = hub.list_contacts(request).await?;
        contacts.extend(page.contacts);
        match page.next {
            Some(next) => request = ContactsRequest { after: Some(next), limit: None },
            None => break,
        }
    }
    if context.output.is_json() {
        return contacts.iter().try_for_each(|contact| context.output.object(contact));
    }
    if contacts.is_empty() {
        context.output.note("no contacts yet: kith contacts --add USER");
        return Ok(());
    }
    contacts.sort_by_key(|contact| contact.user.name.to_lowercase());
    let row = |contact: &Contact| {
        let user = &contact.user;
        [
            clean_line(&user.name, 40),
            user.username.as_deref().unwrap_or_default().to_owned(),
            time::minute(contact.added_at),
            user.id.to_string(),
        ]
    };
    let rows: Vec<_> = contacts.iter().map(row).collect();
    context.output.text(&table(["NAME", "USERNAME", "SINCE", "USER"], &rows))
}

pub(super) async fn block(context: &Context, args: Block) -> Result<(), Failure> {
    let (hub, _) = context.hub().await?;
    if !args.users.is_empty() {
        for user in resolve::users(&hub, &args.users).await? {
            hub.block(user).await?;
            context.output.put(&json!({ "blocked": user }), || "blocked".to_owned())?;
        }
        return Ok(());
    }
    let blocked = hub.list_blocked().await?;
    if context.output.is_json() {
        return blocked.iter().try_for_each(|blocked| context.output.object(blocked));
    }
    if blocked.is_empty() {
        context.output.note("nobody is blocked");
        return Ok(());
    }
    let row = |blocked: &BlockedUser| {
        let user = &blocked.user;
        [
            clean_line(&user.name, 40),
            user.username.as_deref().unwrap_or_default().to_owned(),
            time::minute(blocked.blocked_at),
            user.id.to_string(),
        ]
    };
    let rows: Vec<_> = blocked.iter().map(row).collect();
    context.output.text(&table(["NAME", "USERNAME", "BLOCKED", "USER"], &rows))
}

pub(super) async fn unblock(context: &Context, args: Unblock) -> Result<(), Failure> {
    let (hub, _) = context.hub().await?;
    for user in resolve::users(&hub, &args.users).await? {
        hub.unblock(user).await?;
        context.output.put(&json!({ "unblocked": user }), || "not blocked any more".to_owned())?;
    }
    Ok(())
}
