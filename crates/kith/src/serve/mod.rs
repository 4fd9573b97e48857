//! `kith serve`: the services, wired to their stores and to the doors.

mod acme;
mod census;
mod clock;
mod farewells;
mod health;
mod http;
pub(crate) mod local;
mod lock;
mod metrics;
mod people;
pub(crate) mod policies;
mod redirect;
mod reload;
mod requests;
mod secret;
mod senders;
mod sockets;
mod stores;
mod supervisor;
mod tls;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use accounts::{AccountStore, Accounts, People};
use anyhow::Context;
use chats::Chats;
use gateway::{FanOut, Gateway, Limits, Services};
use notifications::in_app::InApp;
use platform::{Clock, Randomness, SteadyClock, SystemRandomness};
use presence::{Presence, Typing};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::settings::{DatabaseUrl, Settings};
pub(crate) use acme::Kept;
pub(crate) use lock::{create_data_folder, data_folder_in_use, open_to_others};
use people::Everybody;
use redirect::bind;
pub use reload::Reloader;
pub(crate) use secret::check_key;
pub(crate) use senders::check_senders;
pub use stores::Stores;
pub use supervisor::Supervisor;
pub(crate) use tls::Tls;

/// How often accounts writes down who was active and ends what has expired.
const UPKEEP_EVERY: Duration = Duration::from_secs(60);

/// What browsers take without being told.
const HTTPS_PORT: u16 = 443;

/// How often the devices connected to the hub are noted as active. Sessions are given days to be idle.
const NOTE_ACTIVITY_EVERY: Duration = Duration::from_secs(3_600);

/// How much of the time to stop is kept for requests, at most.
const REQUESTS_AT_LEAST: Duration = Duration::from_secs(1);

/// A running server.
pub struct Server {
    address: SocketAddr,
    listener: TcpListener,
    redirect: Option<redirect::Door>,
    acme: Option<acme::Acme>,
    gateway: Arc<Gateway>,
    local: Option<local::Door>,
    account_store: Arc<dyn AccountStore>,
    services: Services,
    engine: stores::Engine,
    tls: Option<Arc<Tls>>,
    readiness: Arc<health::Readiness>,
    metrics: Option<metrics::Door>,
    fan_out: Arc<FanOut>,
    limits: Arc<Limits>,
    settings: Settings,
    clock: Arc<SteadyClock>,
    drain_timeout_s: Arc<AtomicU64>,
    _locks: (lock::DataLock, Option<lock::DataLock>),
}

impl Server {
    /// Opens the store and the services, and binds the address.
    ///
    /// # Errors
    /// Whatever keeps the server from starting, named so that an operator can put it right.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let lock = lock::DataLock::take(&settings.server.data)?;
        let database_lock = match settings.database_url() {
            DatabaseUrl::Sqlite(path) => Some(lock::DataLock::take_of(&path)?),
            DatabaseUrl::Postgres(_) => None,
        };
        let key = secret::key(&settings.server)?;
        let steady = Arc::new(SteadyClock::default());
        let acme = acme::Acme::open(&settings.server, steady.clone())?;
        let tls = match (&settings.server.tls_certificate, &settings.server.tls_key) {
            (Some(certificate), Some(key)) => Some(Arc::new(Tls::load(certificate, key)?)),
            _ => match &acme {
                Some(acme) => Some(Arc::new(Tls::resolved(acme.certificates())?)),
                None => None,
            },
        };
        let metrics = match settings.metrics.listen {
            Some(address) => Some(metrics::Door::bind(address).await?),
            None => None,
        };
        let stores = Stores::open(settings).await?;
        let chat_store = match &metrics {
            Some(door) => door.metrics.of_store(stores.chats),
            None => stores.chats,
        };
        let (engine, census) = (stores.engine.clone(), Arc::new(stores.engine));
        let account_store = Arc::clone(&stores.accounts);
        let clock: Arc<dyn Clock> = steady.clone();
        let randomness: Arc<dyn Randomness> = Arc::new(SystemRandomness);
        let accounts = Accounts::new(
            stores.accounts,
            Arc::clone(&clock),
            Arc::clone(&randomness),
            senders::wire(settings)?,
            &accounts::SecretKey::new(key),
            policies::accounts(settings),
        );
        let people = People::new(
            stores.people,
            accounts.clone(),
            Arc::clone(&clock),
            Arc::clone(&randomness),
            policies::people(settings),
        );
        let presence_policy = presence::Policy {
            user_connections: settings.limits.max_connections_per_user,
            typing_entries: settings.limits.typing_entries,
            ..presence::Policy::default()
        };
        let typing = Arc::new(Typing::new(Arc::clone(&clock), presence_policy.typing_entries));
        let presence = Presence::open(stores.presence, Arc::clone(&clock), presence_policy)
            .await
            .context("presence cannot start")?;
        let notices = Arc::new(InApp::new(
            stores.notices,
            Arc::clone(&clock),
            Arc::clone(&randomness),
            policies::notices(settings),
        ));
        let fan_out = Arc::new(FanOut::new(settings.limits.max_connections_per_user, Arc::clone(&notices)));
        let chats = Chats::start(
            chat_store,
            Arc::new(Everybody { accounts: accounts.clone(), people: people.clone() }),
            fan_out.clone(),
            clock,
            randomness,
            policies::chats(settings),
        );
        let signed_in = Everybody { accounts: accounts.clone(), people: people.clone() };
        let database_folder = match settings.database_url() {
            DatabaseUrl::Sqlite(path) => path.parent().map(|folder| folder.join("")),
            DatabaseUrl::Postgres(_) => None,
        };
        let readiness = Arc::new(health::Readiness::new(engine.clone(), database_folder, Arc::clone(&chats)));
        chats.start_sweeping(Arc::new(signed_in));
        accounts.on_deletion(Arc::new(farewells::LeavesPeople(people.clone())));
        accounts.on_deletion(Arc::new(farewells::LeavesGroups(Arc::clone(&chats))));
        let presence = Arc::new(presence);
        accounts.on_deletion(Arc::new(farewells::LeavesNotices(Arc::clone(&notices))));
        accounts.on_deletion(Arc::new(farewells::LeavesPresence(Arc::clone(&presence))));
        let services = Services { accounts, people, chats, presence, typing, notices, census };
        let limits = Arc::new(Limits::new(policies::limits(settings)));
        let gateway =
            Gateway::new(services.clone(), &fan_out, policies::gateway(settings, key, Arc::clone(&limits)));
        let listen = settings.server.address();
        let listener = redirect::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        let redirect = redirect::Door::bind(&settings.server).await?;
        let server = Self {
            address: listener.local_addr()?,
            listener,
            redirect,
            acme,
            gateway: Arc::new(gateway),
            local: local::Door::open(&settings.server.data),
            account_store,
            services,
            engine,
            tls,
            readiness,
            metrics,
            fan_out,
            limits,
            settings: settings.clone(),
            clock: steady,
            drain_timeout_s: Arc::new(AtomicU64::new(settings.server.drain_timeout_s)),
            _locks: (lock, database_lock),
        };
        server.tell_first_admin().await;
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The host and port by which somebody at this machine reaches the server.
    fn host(&self) -> String {
        let (mut address, port) = (self.address, self.address.port());
        if let Some(domain) = &self.settings.server.domain {
            let domain = domain.as_str();
            return if port == HTTPS_PORT { domain.to_owned() } else { format!("{domain}:{port}") };
        }
        // Every address of this machine is none to open in a browser.
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        address.to_string()
    }

    /// While nobody administers the server, tells whoever reads its log how to.
    async fn tell_first_admin(&self) {
        match self.services.accounts.first_admin_token().await {
            Ok(None) => {}
            Ok(Some(token)) => {
                let (scheme, host) = (self.scheme(), self.host());
                tracing::warn!("no admin yet; become it at {scheme}://{host}/first-admin#token={token}");
            }
            Err(error) => tracing::warn!(%error, "whether there is an admin is not known"),
        }
    }

    /// What heeds changed settings while it runs.
    pub fn reloader(&self) -> Reloader {
        Reloader {
            settings: self.settings.clone(),
            accounts: self.services.accounts.clone(),
            limits: Arc::clone(&self.limits),
            tls: self.tls.clone(),
            drain_timeout_s: Arc::clone(&self.drain_timeout_s),
        }
    }

    /// Serves until `stop` ends; then lets those connected go, and writes what is to be written.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let (stopping, stopped) = watch::channel(false);
        let upkeep = tokio::spawn(keep_up(self.services.clone(), Arc::clone(&self.gateway), stopped.clone()));
        let ringing = tokio::spawn(self.gateway.ring());
        let watching = tokio::spawn(clock::watch(self.clock));
        let presence = tokio::spawn(Arc::clone(&self.services.presence).run(wait(stopped.clone())));
        let set = self.settings.limits;
        let sockets = sockets::Sockets {
            listener: self.listener,
            limits: Arc::clone(&self.limits),
            write_timeout: Duration::from_secs(set.write_timeout_s),
        };
        let (gateway, readiness) = (Arc::clone(&self.gateway), Arc::clone(&self.readiness));
        let drain_timeout_s = Arc::clone(&self.drain_timeout_s);
        let drained = async move {
            stop.await;
            let until = Deadline::begin(Duration::from_secs(drain_timeout_s.load(Ordering::Relaxed)));
            readiness.drain();
            tracing::info!("stopping: connections are asked to come back later");
            if timeout_at(until.connections, gateway.drain()).await.is_err() {
                tracing::warn!("some connections did not end in time");
            }
            until
        };
        let routes = self.gateway.router().merge(health::routes(&self.readiness));
        let router = requests::observed(routes, self.metrics.as_ref().map(|door| door.metrics.clone()));
        let room = metrics::sampled::Room {
            readiness: Arc::clone(&self.readiness),
            folder: self.settings.server.data.clone(),
        };
        let scraped = self.metrics.map(|door| door.open(&self.fan_out, &self.gateway, room)).transpose()?;
        let administered = self
            .local
            .map(|door| tokio::spawn(door.serve(self.account_store, Arc::clone(&self.services.notices))));
        let (done, finished) = tokio::sync::oneshot::channel::<Deadline>();
        let drained = async move {
            let _ = done.send(drained.await);
        };
        let renewing = self.tls.clone().map(|tls| tokio::spawn(tls.keep_up()));
        let certificates = self.acme.map(|acme| tokio::spawn(acme.keep_up()));
        let redirecting =
            self.redirect.map(|door| tokio::spawn(door.serve(Arc::clone(&self.limits), set.clone())));
        let serving = match self.tls {
            None => tokio::spawn(async move { http::serve(sockets, router, &set, drained).await }),
            Some(tls) => {
                let handshakes = tls::Handshakes {
                    timeout: Duration::from_secs(set.tls_handshake_timeout_s),
                    at_once: set.tls_handshakes,
                };
                let listener = tls::TlsListener::new(sockets, tls, handshakes);
                tokio::spawn(async move { http::serve(listener, router, &set, drained).await })
            }
        };
        let until = finished.await.unwrap_or_else(|_| Deadline::begin(Duration::ZERO));
        let gateway = Arc::clone(&self.gateway);
        let served = async move {
            let _ = serving.await;
            // Those too whose clients did not wait.
            gateway.settled().await;
        };
        if timeout_at(until.requests, served).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
        self.services.chats.stop().await;
        if let Some(administered) = administered {
            administered.abort();
            let _ = administered.await; // its socket goes with it
        }
        self.services.notices.settle().await;
        ringing.abort();
        let _ = stopping.send(true);
        let _ = upkeep.await;
        let _ = presence.await;
        self.services.accounts.stop();
        for task in
            scraped.into_iter().chain(renewing).chain(certificates).chain(redirecting).chain([watching])
        {
            task.abort();
        }
        self.engine.close().await;
        tracing::info!("stopped");
        Ok(())
    }
}

/// By when what is under way has to end once the server is asked to stop.
struct Deadline {
    /// Connections of the hub.
    connections: Instant,
    /// Everything.
    requests: Instant,
}

impl Deadline {
    /// Requests are served all the while. What is kept of the time is for those under way when the connections are gone.
    fn begin(limit: Duration) -> Self {
        let now = Instant::now();
        Self { connections: now + limit - (limit / 10).min(REQUESTS_AT_LEAST), requests: now + limit }
    }
}

async fn wait(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn keep_up(services: Services, gateway: Arc<Gateway>, stopped: watch::Receiver<bool>) {
    let mut end = std::pin::pin!(wait(stopped));
    let mut last = false;
    let mut noted_at = Instant::now();
    loop {
        if noted_at.elapsed() >= NOTE_ACTIVITY_EVERY {
            noted_at = Instant::now();
            gateway.note_activity();
        }
        if let Err(error) = services.accounts.upkeep().await {
            tracing::warn!(%error, "upkeep of accounts");
        }
        if let Err(error) = services.people.upkeep().await {
            tracing::warn!(%error, "upkeep of people");
        }
        if let Err(error) = services.notices.upkeep().await {
            tracing::warn!(%error, "upkeep of notifications");
        }
        if last {
            return;
        }
        last = tokio::select! {
            () = &mut end => true,
            () = tokio::time::sleep(UPKEEP_EVERY) => false,
        };
    }
}
