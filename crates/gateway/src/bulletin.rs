//! Telling those who watch somebody that they come and go.
//!
//! One task tells everything, and reads how things stand when it does: what is sent last is what is true last.

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use accounts::People;
use futures_util::FutureExt;
use futures_util::future::join_all;
use presence::{Presence, Turn, Watching};
use protocol::{UserId, events};
use signalr::Broadcast;
use signalr::server::ConnectionHandle;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::CommandError;

/// Who comes back within this time was never gone.
const HOLD: Duration = Duration::from_secs(2);
/// When somebody who must be asked does not answer, they are asked again after this time.
const RETRY: Duration = Duration::from_secs(1);
/// Users of whom is told in one go: what the store is asked about at a time.
const AT_ONCE: usize = 16;

/// Who is to be told again of somebody.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whom {
    Everybody,
    One(UserId),
}

/// What has happened since the task last looked; of each user watched at most one of each.
#[derive(Default)]
struct News {
    moved: HashSet<UserId>,
    retell: HashMap<UserId, Whom>,
}

/// Knows who watches whom, and tells them.
pub(crate) struct Bulletin {
    watching: Watching<ConnectionHandle>,
    presence: Arc<Presence>,
    people: People,
    news: Mutex<News>,
    wake: Notify,
}

impl Bulletin {
    pub(crate) fn new(presence: Arc<Presence>, people: People) -> Self {
        let watching = Watching::default();
        Self { watching, presence, people, news: Mutex::default(), wake: Notify::new() }
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A user came or went.
    pub(crate) fn moved(&self, user: UserId) {
        if self.watching.is_watched(user) {
            self.news().moved.insert(user);
            self.wake.notify_one();
        }
    }

    /// Who may see a user has changed, for one who watches or for all.
    pub(crate) fn visibility_changed(&self, user: UserId, viewer: Option<UserId>) {
        if !self.watching.is_watched(user) {
            return;
        }
        let whom = viewer.map_or(Whom::Everybody, Whom::One);
        self.retell(user, whom);
        self.wake.notify_one();
    }

    fn retell(&self, user: UserId, whom: Whom) {
        let mut news = self.news();
        let asked = news.retell.entry(user).or_insert(whom);
        if *asked != whom {
            *asked = Whom::Everybody;
        }
    }

    /// A connection watches these users from now on, each named once. Answers how they stand for it; what it is told of
    /// them as an event from now on is newer.
    pub(crate) async fn watch(
        &self,
        viewer: UserId,
        connection: u64,
        handle: &ConnectionHandle,
        users: &[UserId],
    ) -> Result<Vec<protocol::Presence>, CommandError> {
        let is_online = |user| self.presence.is_online(user);
        let told = self.watching.watch(viewer, connection, handle, users, is_online);
        let mut states = self.states(viewer, users).await?;
        for (state, told) in states.iter_mut().zip(told) {
            if let Some(state) = state {
                // Not gone for those who watch until it has settled.
                state.online |= told;
            }
        }
        let hidden = |user: &UserId| protocol::Presence { user: *user, online: false, last_seen: None };
        let states: Vec<_> = states
            .into_iter()
            .zip(users)
            .map(|(state, user)| state.unwrap_or_else(|| hidden(user)))
            .collect();
        for state in &states {
            self.watching.showing(connection, state.user, view(state.online, state.last_seen));
        }
        Ok(states)
    }

    /// A connection watches nobody any more.
    pub(crate) fn unwatch(&self, connection: u64) {
        self.watching.unwatch(connection);
    }

    /// How these users stand, in order; None of those whom `viewer` may not see.
    pub(crate) async fn states(
        &self,
        viewer: UserId,
        users: &[UserId],
    ) -> Result<Vec<Option<protocol::Presence>>, CommandError> {
        let visible = self.people.visible_to(viewer, users).await?;
        let seen: Vec<_> = users.iter().copied().filter(|user| visible.contains(user)).collect();
        let states = self.presence.statuses(&seen).await?;
        let mut states: HashMap<_, _> = states.into_iter().map(|state| (state.user, state)).collect();
        Ok(users.iter().map(|user| states.remove(user)).collect())
    }

    /// Tells what happens, for good.
    pub(crate) async fn run(self: Arc<Self>) {
        // Those who seem to be gone, and since when; in the queue by when to look again. Who came back meanwhile and went
        // again stands there twice, and the later time counts.
        let mut gone: HashMap<UserId, Instant> = HashMap::new();
        let mut queue: VecDeque<(Instant, UserId)> = VecDeque::new();
        let mut retry_at = None;
        loop {
            let due = queue.front().map(|(at, _)| *at).into_iter().chain(retry_at).min();
            tokio::select! {
                () = self.wake.notified() => {}
                () = at(due) => {}
            }
            let News { moved, retell } = std::mem::take(&mut *self.news());
            let mut tell = Vec::new();
            for user in moved {
                match self.watching.turn(user, self.presence.is_online(user)) {
                    Turn::Nothing => drop(gone.remove(&user)),
                    Turn::Tell => tell.push((user, None)),
                    Turn::Hold => {
                        let until = Instant::now() + HOLD;
                        gone.insert(user, until);
                        queue.push_back((until, user));
                    }
                }
            }
            let now = Instant::now();
            while queue.front().is_some_and(|(at, _)| *at <= now) {
                let Some((_, user)) = queue.pop_front() else { break };
                if gone.get(&user).is_some_and(|until| *until <= now) {
                    gone.remove(&user);
                    if self.watching.settle(user, self.presence.is_online(user)) {
                        tell.push((user, None));
                    }
                }
            }
            tell.extend(retell.into_iter().map(|(user, whom)| (user, Some(whom))));
            for some in tell.chunks(AT_ONCE) {
                // A bug in what is told of a few must not silence the others.
                if AssertUnwindSafe(self.tell(some)).catch_unwind().await.is_err() {
                    tracing::error!("telling who came and went panicked");
                }
            }
            let again = !self.news().retell.is_empty();
            retry_at = again.then(|| Instant::now() + RETRY);
        }
    }

    /// Tells how users stand: of a move those who may see it; of a change of who may, all whom it concerns. The store is
    /// asked about all of them at once.
    async fn tell(&self, users: &[(UserId, Option<Whom>)]) {
        let mut watched: Vec<_> = Vec::with_capacity(users.len());
        for (user, again) in users {
            let mut watchers = self.watching.watchers(*user);
            if let Some(Whom::One(viewer)) = again {
                watchers.retain(|(watcher, _)| watcher == viewer);
            }
            if !watchers.is_empty() {
                watched.push((*user, *again, watchers));
            }
        }
        if watched.is_empty() {
            return;
        }
        let ids: Vec<_> = watched.iter().map(|(user, ..)| *user).collect();
        let allowed = join_all(watched.iter().map(|(user, _, watchers)| {
            let viewers: HashSet<_> = watchers.iter().map(|(watcher, _)| *watcher).collect();
            async move { self.people.viewers_of(*user, &viewers.into_iter().collect::<Vec<_>>()).await }
        }));
        // Who is there is looked up last: it is what is told.
        let allowed = allowed.await;
        let statuses = self.presence.statuses(&ids).await.map_err(CommandError::from);
        let statuses = statuses.unwrap_or_else(|error| {
            tracing::warn!(error = error.message, "nobody is told that somebody came or went; soon again");
            Vec::new()
        });
        let statuses: HashMap<_, _> = statuses.into_iter().map(|status| (status.user, status)).collect();
        for ((user, again, watchers), allowed) in watched.into_iter().zip(allowed) {
            let allowed = allowed.map_err(CommandError::from).inspect_err(|error| {
                tracing::warn!(error = error.message, "nobody is told of somebody; soon again");
            });
            let (Ok(allowed), Some(status)) = (allowed, statuses.get(&user)) else {
                self.retell(user, again.unwrap_or(Whom::Everybody));
                continue;
            };
            let online = self.watching.told(user).unwrap_or(status.online);
            let seen = Broadcast::new(events::PRESENCE, (user, online, status.last_seen));
            let hidden = Broadcast::new(events::PRESENCE, (user, false, None::<protocol::Timestamp>));
            // Nobody is told what they know: they could tell from it that somebody touched what others may see.
            let concerned: HashSet<_> = watchers.iter().map(|(watcher, _)| *watcher).collect();
            let shown = |watcher: UserId| match allowed.contains(&watcher) {
                _ if !concerned.contains(&watcher) => None,
                true => Some(view(online, status.last_seen)),
                // That they come and go is hidden, too.
                false => again.map(|_| view(false, None)),
            };
            for (watcher, connection) in self.watching.show(user, shown) {
                // Whoever is closing need not know.
                let _ = connection.send(if allowed.contains(&watcher) { &seen } else { &hidden });
            }
        }
    }
}

/// What somebody is shown, as a number: whoever is online is online since whenever.
fn view(online: bool, last_seen: Option<protocol::Timestamp>) -> i64 {
    if online { -1 } else { last_seen.unwrap_or(0) }
}

async fn at(then: Option<Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then).await,
        None => std::future::pending().await,
    }
}
