//! `kith export`

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use client::Hub;
use signalr::client::Events;

use super::Failure;
use super::context::Context;
use super::resolve::{self, Absent};

#[derive(Debug, Args)]
pub struct Export {
    /// A username, email, phone, user id, conversation id, or a group's name
    conversation: String,
    /// The file to write; standard output without it
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes the conversation, then each entry, one JSON object a line, the oldest first.
pub(super) async fn export(context: &Context, args: Export) -> Result<(), Failure> {
    let signed_in = context.signed_in()?;
    let (hub, events): (Hub, Events) = signed_in.connector.open().await?;
    drop(events);
    let own = signed_in.account.user.id;
    let id = resolve::conversation(&hub, own, &args.conversation, Absent::Fail).await?;
    let api = signed_in.keeper.api();
    let mut export = signed_in.keeper.with_token(|token| async move { api.export(&token, id).await }).await?;
    let mut out: Box<dyn Write> = match &args.output {
        Some(file) => Box::new(BufWriter::new(File::create(file)?)),
        None => Box::new(BufWriter::new(io::stdout().lock())),
    };
    while let Some(chunk) = export.next().await? {
        out.write_all(&chunk)?;
    }
    out.flush()?;
    Ok(())
}
