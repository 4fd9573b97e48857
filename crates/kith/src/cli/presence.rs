//! `kith presence`

use std::collections::HashMap;

use clap::Args;
use client::Push;
use protocol::{Presence as State, UserId};

use super::context::{Context, SignedIn};
use super::{Failure, listen, resolve, show, time};

#[derive(Debug, Args)]
pub struct Presence {
    /// Usernames, emails, phones or ids
    #[arg(value_name = "USER", required = true)]
    users: Vec<String>,
    /// Go on, and print each change
    #[arg(long)]
    watch: bool,
    /// With --watch: leave after this many lines
    #[arg(long, value_name = "N", requires = "watch")]
    count: Option<u64>,
}

pub(super) async fn presence(context: &Context, args: Presence) -> Result<(), Failure> {
    if args.watch {
        let mut interrupt = std::pin::pin!(listen::interrupted());
        let signed_in = context.signed_in()?;
        return tokio::select! {
            outcome = watch(context, &signed_in, &args) => outcome,
            () = &mut interrupt => Ok(()),
        };
    }
    let (hub, account) = context.hub().await?;
    let users = resolve::users(&hub, &args.users).await?;
    let mut names = show::Names::new(account.user.id);
    names.fetch(&hub, users.iter().copied()).await?;
    for user in users {
        let state = hub.last_status(user).await?;
        context.output.put(&state, || sentence(&names, &state))?;
    }
    Ok(())
}

/// Over as many connections as it takes.
async fn watch(context: &Context, signed_in: &SignedIn, args: &Presence) -> Result<(), Failure> {
    let mut known: HashMap<UserId, State> = HashMap::new();
    let mut printed = 0;
    let mut names = show::Names::new(signed_in.account.user.id);
    loop {
        let (hub, mut events) = listen::first_connection(context, signed_in).await?;
        let users = resolve::users(&hub, &args.users).await?;
        names.fetch(&hub, users.iter().copied()).await?;
        let mut news = hub.watch_presence(users.clone()).await?;
        loop {
            for state in std::mem::take(&mut news) {
                let before = known.insert(state.user, state.clone());
                if before.is_none_or(|before| before.online != state.online) {
                    context.output.put(&state, || sentence(&names, &state))?;
                    printed += 1;
                    if args.count.is_some_and(|count| printed >= count) {
                        return Ok(());
                    }
                }
            }
            let Some(event) = events.next().await else { break };
            match Push::decode(&event.target, &event.arguments) {
                Ok(Some(Push::Presence(state))) => news.push(state),
                Ok(Some(Push::Resync)) => news = hub.watch_presence(users.clone()).await?,
                _ => {}
            }
        }
        context.output.note("the connection is gone; connecting again");
    }
}

fn sentence(names: &show::Names, state: &State) -> String {
    let name = names.of(state.user);
    match (state.online, state.last_seen) {
        (true, _) => format!("{name}: online"),
        (false, Some(last_seen)) => format!("{name}: offline, last seen {}", time::minute(last_seen)),
        (false, None) => format!("{name}: offline"),
    }
}
