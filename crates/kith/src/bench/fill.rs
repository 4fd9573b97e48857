//! `kith bench fill`: a database as a busy server leaves it behind.

use std::path::PathBuf;
use std::sync::Arc;

use accounts::store::{NewSession, NewUser};
use anyhow::{Context as _, ensure};
use async_trait::async_trait;
use chats::{Appended, Audience, Caller, Chats, ReceiptNotice, Users};
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use platform::{Clock, Randomness, SystemClock, SystemRandomness};
use protocol::{ConversationId, ConversationKind, DeviceId, MessageId, OutgoingMessage, UserId};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Outcome;
use super::report::Report;
use crate::serve::Stores;
use crate::settings::{Settings, Sources};

/// Calls under way at a time: what one transaction of the writer may take.
const CONCURRENCY: usize = 512;
/// A session lasts for longer than any run, in milliseconds.
const SESSION_MS: i64 = 365 * 24 * 60 * 60 * 1_000;

/// What to fill in: see the command's help.
#[derive(Debug, Args)]
pub(super) struct Fill {
    /// The server's data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The server's database, if it is not in the data folder
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Accounts, each with a session
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(2..))]
    accounts: u32,
    /// Direct conversations between them
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    conversations: u32,
    /// Messages in each
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..))]
    messages: u32,
    /// Size of a message's text, in bytes
    #[arg(long, default_value_t = 200)]
    bytes: usize,
}

pub(super) async fn run(args: &Fill) -> anyhow::Result<Outcome> {
    let pairs = u64::from(args.accounts) * u64::from(args.accounts - 1) / 2;
    ensure!(u64::from(args.conversations) <= pairs, "so few accounts have no more than {pairs} pairs");
    let started = Instant::now();
    let mut flags = vec![("server.data", args.data.clone().into_os_string())];
    flags.extend(args.database.iter().map(|url| ("database.url", url.into())));
    let settings = Settings::load(Sources { flags, ..Sources::default() })?;
    crate::serve::create_data_folder(&args.data)?;
    ensure!(!crate::serve::data_folder_in_use(&args.data), "a server runs on {}", args.data.display());
    let stores = Stores::open(&settings).await?;

    let users = Arc::new(register(&stores, args.accounts).await.context("accounts")?);
    let chats = Chats::start(
        stores.chats,
        Arc::new(Everyone),
        Arc::new(Nobody),
        Arc::new(SystemClock),
        Arc::new(SystemRandomness),
        chats::Policy::default(),
    );
    let text = "x".repeat(args.bytes);
    let filling = pairs_of(args.accounts as usize, args.conversations as usize)
        .map(|(low, high)| converse(&chats, users[low], users[high], args.messages, &text));
    stream::iter(filling).buffer_unordered(CONCURRENCY).try_for_each(|()| async { Ok(()) }).await?;
    chats.stop().await;

    let mut report = Report::new(
        "fill",
        json!({
            "accounts": args.accounts, "conversations": args.conversations, "messages": args.messages,
            "bytes": args.bytes,
        }),
    );
    report.set("seconds", Value::from((started.elapsed().as_secs_f64() * 10.0).round() / 10.0));
    Ok(report.finish())
}

/// Different pairs, spread over all: neighbours first, then those two apart, and so on.
fn pairs_of(accounts: usize, count: usize) -> impl Iterator<Item = (usize, usize)> {
    let apart = (1..accounts).flat_map(move |apart| (0..accounts - apart).map(move |low| (low, low + apart)));
    apart.take(count)
}

/// A user with a device that is signed in.
type Someone = (UserId, DeviceId);

async fn register(stores: &Stores, count: u32) -> anyhow::Result<Vec<Someone>> {
    let now = SystemClock.now();
    let making = (0..count).map(|_| {
        let (user, device) = (UserId::compose(now, random()), DeviceId::compose(now, random()));
        let new = NewUser {
            id: user,
            username: Some(format!("fill{}", data_encoding::HEXLOWER.encode(&random()))),
            address: None,
            name: "Somebody".to_owned(),
            password_hash: None,
            created_at: now,
        };
        let expires_at = now + SESSION_MS;
        let session = NewSession { device, name: "kith bench".to_owned(), created_at: now, expires_at };
        let store = Arc::clone(&stores.accounts);
        async move {
            ensure!(store.register(new, session).await?, "a name made by chance is taken");
            Ok((user, device))
        }
    });
    stream::iter(making).buffered(CONCURRENCY).try_collect().await
}

fn random() -> [u8; 10] {
    let mut bytes = [0; 10];
    SystemRandomness.fill(&mut bytes);
    bytes
}

/// A conversation of two who have said something to each other in turn, and received it all.
async fn converse(
    chats: &Chats,
    one: Someone,
    other: Someone,
    messages: u32,
    text: &str,
) -> anyhow::Result<()> {
    let since = SystemClock.now();
    let as_caller = |(user, device): Someone| Caller { user, device, since, connection: None };
    let (one, other) = (as_caller(one), as_caller(other));
    let conversation: ConversationId = chats.start_direct(one, other.user, ConversationKind::Plain).await?;
    let mut last = 0;
    for number in 0..messages {
        let id = MessageId::compose(since, random());
        let sender = if number % 2 == 0 { one } else { other };
        last = chats.send(sender, conversation, OutgoingMessage::text(id, text)).await?.seq;
    }
    if last > 0 {
        chats.mark_seen(one, conversation, last).await?;
        chats.mark_seen(other, conversation, last).await?;
    }
    Ok(())
}

/// All users asked about were made here.
struct Everyone;

#[async_trait]
impl Users for Everyone {
    async fn names(&self, users: &[UserId]) -> Result<Vec<(UserId, Arc<str>)>, String> {
        Ok(users.iter().map(|user| (*user, "Somebody".into())).collect())
    }
}

/// Nobody is connected.
struct Nobody;

impl Audience for Nobody {
    fn appended(&self, _: Vec<Appended>) {}
    fn started(&self, _: ConversationId, _: Vec<UserId>) {}
    fn settings(&self, _: UserId, _: Option<u64>, _: ConversationId, _: protocol::ConversationSettings) {}
    fn receipts(&self, _: Vec<ReceiptNotice>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_all_different() {
        let pairs: std::collections::HashSet<_> = pairs_of(5, 10).collect();
        assert_eq!(pairs.len(), 10);
        assert!(pairs.iter().all(|(low, high)| low < high && *high < 5));
    }
}
