//! What the doors share, and how they open and close.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use accounts::{Accounts, People};
use async_trait::async_trait;
use axum::Router;
use axum::middleware::from_fn_with_state;
use chats::Chats;
use notifications::in_app::InApp;
use presence::{Directory, Presence, Typing};
use protocol::{Statistics, events};
use signalr::server::{ConnectionHandle, Server, cors};
use tokio::task::JoinSet;

use crate::bulletin::Bulletin;
use crate::connections::Doorkeeper;
use crate::fanout::FanOut;
use crate::hub::ChatHub;
use crate::limits::{Doors, Limits, at_the_door, doors};
use crate::neighbours::Neighbourhood;
use crate::notices::Doorbell;
use crate::{page, rest};

/// Tells how much the server holds, about.
#[async_trait]
pub trait Census: Send + Sync + 'static {
    /// About how many conversations and messages there are.
    ///
    /// # Errors
    /// A reason for the log.
    async fn count(&self) -> Result<(u64, u64), String>;
}

/// The services behind the doors.
#[derive(Clone)]
pub struct Services {
    /// Users and sessions.
    pub accounts: Accounts,
    /// Contacts, blocks and invites.
    pub people: People,
    /// Conversations.
    pub chats: Arc<Chats>,
    /// Who is online.
    pub presence: Arc<Presence>,
    /// Who types.
    pub typing: Arc<Typing>,
    /// What users find when they look.
    pub notices: Arc<InApp>,
    /// How much there is.
    pub census: Arc<dyn Census>,
}

/// The bounds of the doors.
#[derive(Clone)]
pub struct Options {
    /// The SignalR side.
    pub signalr: signalr::server::Options,
    /// The largest body of a REST request, in bytes.
    pub body_bytes: usize,
    /// How long a REST request may take to send its body.
    pub body_timeout: Duration,
    /// Users that one question may name.
    pub users_named: usize,
    /// Users that one connection may watch.
    pub users_watched: usize,
    /// Conversations with unread messages that the first page of notifications names.
    pub page_unread: usize,
    /// How much each account and each address may do.
    pub limits: Arc<Limits>,
}

pub(crate) struct Shared {
    pub(crate) services: Services,
    pub(crate) directory: Arc<Directory<ConnectionHandle>>,
    pub(crate) bulletin: Arc<Bulletin>,
    pub(crate) options: Options,
    pub(crate) limits: Arc<Limits>,
    pub(crate) doors: Doors,
    pub(crate) changes: rest::Changes,
    /// The last ones, so that whoever asks often costs little.
    pub(crate) statistics: Mutex<Option<Statistics>>,
    next_connection: AtomicU64,
}

impl Shared {
    pub(crate) fn connection_number(&self) -> u64 {
        self.next_connection.fetch_add(1, Ordering::Relaxed)
    }
}

/// The open doors.
pub struct Gateway {
    shared: Arc<Shared>,
    hub: Server<ChatHub>,
    /// These end with the doors.
    _tasks: JoinSet<()>,
}

impl Gateway {
    /// Puts the doors before the services. Must be called within a tokio runtime. `fan_out` is the audience that the chats service was started with.
    pub fn new(services: Services, fan_out: &FanOut, mut options: Options) -> Self {
        options.signalr.lagging = Some(events::RESYNC);
        fan_out.announce_from(&services.chats);
        let directory = fan_out.directory();
        services.accounts.observe(Arc::new(Doorkeeper::new(Arc::clone(&directory))));
        let bulletin = Arc::new(Bulletin::new(Arc::clone(&services.presence), services.people.clone()));
        services.people.meet(Arc::new(Neighbourhood {
            chats: Arc::downgrade(&services.chats),
            presence: Arc::clone(&services.presence),
            directory: Arc::clone(&directory),
            bulletin: Arc::downgrade(&bulletin),
            notices: Arc::clone(&services.notices),
        }));
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&bulletin).run());
        let shared = Arc::new(Shared {
            services,
            directory,
            bulletin,
            statistics: Mutex::default(),
            next_connection: AtomicU64::new(1),
            limits: Arc::clone(&options.limits),
            doors: doors(),
            changes: rest::Changes::default(),
            options: options.clone(),
        });
        let hub = Server::new(Arc::new(ChatHub(Arc::clone(&shared))), options.signalr);
        Self { shared, hub, _tasks: tasks }
    }

    /// Writes notifications and brings them to those connected, until it is dropped. Once.
    pub fn ring(&self) -> impl Future<Output = ()> + Send + 'static {
        let bell = Doorbell { directory: Arc::clone(&self.shared.directory) };
        Arc::clone(&self.shared.services.notices).run(Arc::new(bell))
    }

    /// Every route of the server.
    pub fn router(&self) -> Router {
        Router::new()
            .merge(page::routes())
            .nest("/api", cors(rest::routes(&self.shared), &self.shared.options.signalr.allowed_origins))
            .nest("/hub", self.hub.router())
            .fallback(rest::nothing)
            .layer(from_fn_with_state(Arc::clone(&self.shared), at_the_door))
    }

    /// Notes that the devices connected to the hub are in use, so that none is signed out as idle. To be called before
    /// sessions are looked through for such.
    pub fn note_activity(&self) {
        let accounts = &self.shared.services.accounts;
        self.shared.directory.for_all(|_, device, _| accounts.note_activity(device));
    }

    /// How often so far a connection fell so far behind that it was told to sync again.
    pub fn resyncs(&self) -> u64 {
        self.hub.overflow_count()
    }

    /// Ends when no REST request is under way that may change something, also of clients that have gone. To be waited for
    /// once no more are taken.
    pub async fn settled(&self) {
        self.shared.changes.settled().await;
    }

    /// How many requests, sign-ins and connections were refused so far, by the limit's name.
    pub fn refused(&self) -> Vec<(&'static str, u64)> {
        let Shared { limits, services, directory, .. } = &*self.shared;
        let connections = ("max_connections_per_user", directory.refused());
        let services = services.accounts.refused().into_iter().chain(services.people.refused());
        limits.refused().chain(services).chain([connections]).collect()
    }

    /// Takes no new connections, and closes the others with leave to come back.
    pub async fn drain(&self) {
        self.hub.drain().await;
    }
}
