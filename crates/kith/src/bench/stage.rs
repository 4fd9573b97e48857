//! What a scenario stands on: the server's place, the processes that are watched, accounts and connections.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context as _, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use platform::{Randomness, SystemRandomness};
use protocol::ConversationId;
use signalr::Protocol;

use super::Common;
use super::accounts::{self, Account};
use super::process::Processes;
use super::websocket::Target;
use super::wire::Wire;

/// Connections being opened at a time, unless a scenario says otherwise.
const CONCURRENCY: usize = 32;

#[derive(Debug)]
pub(super) struct Stage {
    pub(super) common: Common,
    pub(super) target: Target,
    pub(super) protocol: Protocol,
    pub(super) processes: Processes,
    /// Tells this run's messages from those of others.
    pub(super) run: u32,
    sources: Vec<IpAddr>,
}

impl Stage {
    pub(super) async fn new(common: &Common) -> anyhow::Result<Self> {
        let server = common.server.trim_end_matches('/');
        let Some(authority) = server.strip_prefix("http://") else {
            bail!("{server}: the load generator speaks plain http:// only");
        };
        let with_port =
            if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
        let mut addresses = tokio::net::lookup_host(&with_port).await.with_context(|| with_port.clone())?;
        let address = addresses.next().with_context(|| format!("{with_port} has no address"))?;
        let mut random = [0; 4];
        SystemRandomness.fill(&mut random);
        // Other source addresses reach only this machine.
        let local = |number: u8| IpAddr::V4(Ipv4Addr::new(127, 0, 0, number));
        let sources = if address.ip().is_loopback() && address.is_ipv4() {
            (1..=common.sources).map(local).collect()
        } else {
            vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED)]
        };
        Ok(Self {
            common: Common { server: server.to_owned(), ..common.clone() },
            target: Target { address, host: authority.to_owned(), path: "/hub" },
            protocol: common.protocol(),
            processes: Processes::find(common.pid, common.postgres_pid, address.port())?,
            run: u32::from_le_bytes(random),
            sources,
        })
    }

    pub(super) async fn accounts(&self, count: usize) -> anyhow::Result<Vec<Account>> {
        let Common { server, accounts_cache, .. } = &self.common;
        accounts::accounts(server, accounts_cache.as_deref(), count, self.run, &self.sources).await
    }

    /// The connection number `number` is from the source address whose turn it is.
    pub(super) async fn connect(&self, account: &Account, number: usize) -> anyhow::Result<Wire> {
        let source = self.sources[number % self.sources.len()];
        Wire::connect(&self.target, account.token(), self.protocol, Some(source)).await
    }

    pub(super) async fn connect_all(&self, accounts: &[Account]) -> anyhow::Result<Vec<Wire>> {
        let connecting = accounts.iter().enumerate().map(|(number, account)| self.connect(account, number));
        stream::iter(connecting).buffered(CONCURRENCY).try_collect().await
    }
}

/// The direct conversation of the connection's user with another.
pub(super) async fn direct(wire: &mut Wire, with: &Account) -> anyhow::Result<ConversationId> {
    wire.ask("InitiateDirectChatSession", &(with.user,)).await
}

/// The last entry of a conversation.
pub(super) async fn last_seq(wire: &mut Wire, conversation: ConversationId) -> anyhow::Result<protocol::Seq> {
    /// Of a summary, what is needed.
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Last {
        last_seq: protocol::Seq,
    }
    Ok(wire.ask::<Last, _>("GetConversation", &(conversation,)).await?.last_seq)
}
