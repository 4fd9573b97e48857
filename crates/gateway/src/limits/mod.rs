//! How much each account and each address may do. Every refusal is `rate_limited` with the time to wait.
//!
//! Counted here, in memory, by this node alone. What a value may hold at most is for those who read it.

mod address;
mod answers;
mod door;
mod hashes;
mod ledger;
mod places;
mod rate;
#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use protocol::{ErrorCode, UserId};

use crate::CommandError;
pub use address::Proxies;
pub(crate) use address::network;
pub(crate) use answers::{Seat, Slot, hold};
pub(crate) use door::{Asked, Doors, at_the_door, doors};
pub(crate) use hashes::{HUB, wrong};
use ledger::{Bucket, Charge, Ledger, SharedBucket};
pub use places::{Crowded, Place};
pub use rate::Rate;

const SECOND_NS: u64 = 1_000_000_000;
/// How long an address counts as one that a user signs in from, in nanoseconds.
const KNOWN_FOR_NS: u64 = 30 * 24 * 3_600 * SECOND_NS;

macro_rules! limits {
    ($($(#[doc = $doc:literal])* $name:ident $key:ident $column:literal $label:literal,)*) => {
        /// What is counted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Limit { $($(#[doc = $doc])* $name,)* }

        /// The rate of each limit.
        #[derive(Debug, Clone)]
        pub struct Rates { $($(#[doc = $doc])* pub $key: Rate,)* }

        impl Rates {
            /// No bounds at all.
            pub const NONE: Self = Self { $($key: Rate::NONE,)* };

            fn of(&self, limit: Limit) -> Rate {
                match limit { $(Limit::$name => self.$key,)* }
            }
        }

        impl Limit {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// In figures, and as a setting.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($key),)* }
            }

            /// What there were too many of.
            const fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }

            /// Its place among those of the same key.
            const fn column(self) -> usize {
                match self { $(Self::$name => $column,)* }
            }
        }
    };
}

limits! {
    /// Commands and signed-in requests of an account.
    Requests requests_per_account 1 "requests",
    /// Messages that an account sends.
    Messages messages_per_account 2 "messages",
    /// Searches and look-ups of an account.
    Searches searches_per_account 3 "searches",
    /// Users whom an account invites or adds to groups.
    Invitations invitations_per_account 4 "invitations",
    /// Groups that an account creates.
    Groups groups_per_account 5 "new groups",
    /// Reports that an account makes.
    Reports reports_per_account 6 "reports",
    /// Direct conversations that an account begins, or invites somebody to.
    Directs directs_per_account 7 "new conversations",
    /// Requests without a session, from an address.
    OpenRequests requests_per_address 1 "requests without a session",
    /// Attempts to connect to the hub.
    Connects connects_per_address 2 "connections",
    /// Sign-ins, sign-ups and renewals of tokens.
    SignIns sign_ins_per_address 3 "sign-ins",
    /// New accounts.
    Registrations registrations_per_address 4 "registrations",
    /// One-time codes asked for.
    Codes codes_per_address 5 "one-time codes",
    /// Sign-ins with a wrong name, password or code.
    FailedSignIns failed_sign_ins_per_address 6 "failed sign-ins",
    /// One-time codes that the server sends.
    CodesOfServer codes_per_server 1 "one-time codes from this server",
    /// Failed sign-ins to one account, from addresses that it does not sign in from.
    FailedByName failed_sign_ins_per_name 1 "failed sign-ins to this account",
    /// Failed sign-ins to one account from one address.
    FailedByNameAndAddress failed_sign_ins_per_name_and_address 2 "failed sign-ins to this account",
}

/// The column of names and addresses that belong together.
const KNOWN: usize = 3;
/// The key of what all share.
const SERVER: &str = "server";
/// Tells the keys of users and their devices from others.
const BY_DEVICE: &str = "device";
/// The column of what an account asks for beyond its requests.
const EXCESS: usize = 8;
/// How many times its requests an account may ask for in vain before its connections are closed.
const MAX_EXCESS: u32 = 10;

/// The rates, and what else the operator decides.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The rates.
    pub rates: Rates,
    /// Open connections of one address; 0 is no bound.
    pub connections_per_address: usize,
    /// Passwords of one address that are hashed or wait for it at once; 0 is no bound. One account has one.
    pub hashes_per_address: usize,
    /// Requests of one account whose answers have not been taken; 0 is no bound.
    pub answers_per_account: usize,
    /// Bytes of answers that have not been taken, in all; 0 is no bound.
    pub answers_bytes: usize,
    /// Who may say that a request is another's.
    pub proxies: Proxies,
    /// Accounts, addresses and names that are remembered, each; about 60 bytes of memory for each.
    pub tracked_keys: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            rates: Rates::NONE,
            connections_per_address: 0,
            hashes_per_address: 0,
            answers_per_account: 0,
            answers_bytes: 0,
            proxies: Proxies::default(),
            tracked_keys: 1_024,
        }
    }
}

/// Who has used how much.
pub struct Limits {
    proxies: Proxies,
    /// Open connections of one address; 0 is no bound.
    connections_per_address: AtomicUsize,
    /// Passwords of one address that are hashed or wait for it; 0 is no bound.
    hashes_per_address: usize,
    refused_hashes: AtomicU64,
    buckets: Vec<SharedBucket>,
    accounts: Ledger<9>,
    excess: SharedBucket,
    addresses: Ledger<7>,
    /// Names that somebody tried to sign in with, alone and with their address.
    names: Ledger<4>,
    /// What all share.
    server: Ledger<2>,
    /// What was said in the log.
    mentioned: Ledger<2>,
    refused: Vec<AtomicU64>,
    open: Mutex<places::Open>,
    hashing: Mutex<hashes::Hashing>,
    answers: answers::Answers,
    origin: Instant,
}

impl Limits {
    /// Nobody has used anything yet.
    pub fn new(policy: Policy) -> Self {
        let keys = policy.tracked_keys;
        let limits = Self {
            proxies: policy.proxies,
            connections_per_address: AtomicUsize::default(),
            hashes_per_address: policy.hashes_per_address,
            refused_hashes: AtomicU64::new(0),
            buckets: Limit::ALL.iter().map(|_| SharedBucket::default()).collect(),
            accounts: Ledger::new(keys),
            excess: SharedBucket::default(),
            addresses: Ledger::new(keys),
            names: Ledger::new(keys),
            server: Ledger::new(1),
            mentioned: Ledger::new(keys),
            refused: Limit::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            open: Mutex::default(),
            hashing: Mutex::default(),
            answers: answers::Answers::new(policy.answers_per_account, policy.answers_bytes),
            origin: Instant::now(),
        };
        limits.set(&policy.rates, policy.connections_per_address);
        limits
    }

    /// From now on these rates and so many open connections of one address. What was used stays used, but nobody owes more
    /// than a new rate lets anybody owe: whoever waits under a stricter one does not go on waiting.
    pub fn set(&self, rates: &Rates, connections_per_address: usize) {
        for (limit, bucket) in Limit::ALL.iter().zip(&self.buckets) {
            bucket.set(rates.of(*limit).bucket());
        }
        self.excess.set(rates.requests_per_account.times(MAX_EXCESS).bucket());
        self.connections_per_address.store(connections_per_address, Ordering::Relaxed);
    }

    /// How many were refused so far, by the limit's name.
    pub fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counted = Limit::ALL.iter().zip(&self.refused);
        let places = ("max_connections_per_address", places::refused(&self.open));
        let answers = [
            ("answers_per_account", self.answers.refused_account.load(Ordering::Relaxed)),
            ("answers_bytes", self.answers.refused_bytes.load(Ordering::Relaxed)),
        ];
        let hashes = ("hashes_at_once", self.refused_hashes.load(Ordering::Relaxed));
        let counted = counted.map(|(limit, count)| (limit.name(), count.load(Ordering::Relaxed)));
        counted.chain([places, hashes]).chain(answers)
    }

    /// An account's request, which is of these kinds besides.
    pub(crate) fn account(&self, user: UserId, kind: Option<Limit>) -> Result<(), CommandError> {
        let charges = [Some(Limit::Requests), kind];
        self.charge(&self.accounts, user, charges.into_iter().flatten(), 1, &user)
    }

    /// So many messages of an account on the hub that call nothing. They take the place of requests as long as there are any
    /// left; only far too many are refused.
    pub(crate) fn idle_messages(&self, user: UserId, count: u32) -> Result<(), CommandError> {
        let _ = self.charge(&self.accounts, user, [Limit::Requests], count.into(), &user);
        self.excess(user, count)
    }

    /// So many messages of an account on the hub called nothing or were refused: whether it is to be let go on.
    pub(crate) fn excess(&self, user: UserId, count: u32) -> Result<(), CommandError> {
        let Some(bucket) = self.excess.get() else { return Ok(()) };
        let now = self.now();
        let taken = self.accounts.take(user, now, &[Charge { column: EXCESS, bucket, tokens: count.into() }]);
        taken.map_err(|empty| self.refuse(Limit::Requests, empty.wait_ns, now, &user))
    }

    /// What an account does to so many others.
    pub(crate) fn several(&self, user: UserId, limit: Limit, count: usize) -> Result<(), CommandError> {
        self.charge(&self.accounts, user, [limit], count as u64, &user)
    }

    /// A request from an address.
    pub(crate) fn address(&self, address: IpAddr, kinds: &[Limit]) -> Result<(), CommandError> {
        let key = address::network(address);
        self.charge(&self.addresses, key, kinds.iter().copied(), 1, &key)
    }

    /// Counts a sign-in as failed until it is known to be none: however many come at once, no more are tried than may
    /// fail.
    pub(crate) fn guess(&self, name: &str, address: IpAddr) -> Result<Guess<'_>, CommandError> {
        let guess =
            Guess { limits: self, name: name.trim().to_lowercase(), address: address::network(address) };
        let Guess { name, address, .. } = &guess;
        self.charge(&self.addresses, address, [Limit::FailedSignIns], 1, address)?;
        let pair = (name.as_str(), address);
        let tried =
            self.charge(&self.names, pair, [Limit::FailedByNameAndAddress], 1, address).and_then(|()| {
                if self.names.is_marked(pair, KNOWN, self.now()) {
                    return Ok(());
                }
                let all = self.charge(&self.names, name, [Limit::FailedByName], 1, address);
                all.inspect_err(|_| self.give_back(&self.names, pair, Limit::FailedByNameAndAddress))
            });
        tried.inspect_err(|_| self.give_back(&self.addresses, address, Limit::FailedSignIns))?;
        Ok(guess)
    }

    /// A one-time code that is to be sent, to whomever.
    pub(crate) fn code(&self) -> Result<(), CommandError> {
        self.charge(&self.server, SERVER, [Limit::CodesOfServer], 1, &SERVER)
    }

    /// It was not sent.
    pub(crate) fn no_code(&self) {
        self.give_back(&self.server, SERVER, Limit::CodesOfServer);
    }

    fn now(&self) -> u64 {
        // 500 years fit. From 1: 0 is the moment of those who have used nothing.
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX) + 1
    }

    fn bucket(&self, limit: Limit, tokens: u64) -> Option<Charge> {
        self.buckets[limit as usize].get().map(|bucket| Charge { column: limit.column(), bucket, tokens })
    }

    fn charge<const WIDTH: usize>(
        &self,
        ledger: &Ledger<WIDTH>,
        key: impl Hash,
        limits: impl IntoIterator<Item = Limit>,
        tokens: u64,
        who: &dyn fmt::Display,
    ) -> Result<(), CommandError> {
        const MOST: usize = 3;
        let mut kinds = [Limit::Requests; MOST];
        let mut charges = [None; MOST];
        let mut count = 0;
        for (limit, charge) in
            limits.into_iter().filter_map(|it| Some((it, self.bucket(it, tokens)?))).take(MOST)
        {
            (kinds[count], charges[count]) = (limit, Some(charge));
            count += 1;
        }
        let Some(first) = charges[0] else { return Ok(()) };
        let charges = charges.map(|charge| charge.unwrap_or(first));
        let now = self.now();
        let taken = ledger.take(key, now, &charges[..count]);
        taken.map_err(|empty| self.refuse(kinds[empty.charge], empty.wait_ns, now, who))
    }

    fn give_back<const WIDTH: usize>(&self, ledger: &Ledger<WIDTH>, key: impl Hash, limit: Limit) {
        if let Some(charge) = self.bucket(limit, 1) {
            ledger.give_back(key, &[charge]);
        }
    }

    #[cold]
    fn refuse(&self, limit: Limit, wait_ns: u64, now: u64, who: &dyn fmt::Display) -> CommandError {
        self.refused[limit as usize].fetch_add(1, Ordering::Relaxed);
        let who = who.to_string();
        self.mention(&who, limit.name(), now);
        let wait_s = u32::try_from(wait_ns.div_ceil(SECOND_NS)).unwrap_or(u32::MAX);
        let message = format!("too many {}: try again in {wait_s} s", limit.label());
        CommandError { retry_after_s: Some(wait_s), ..CommandError::new(ErrorCode::RateLimited, message) }
    }

    /// A line in the log, at most once a minute for the same.
    fn mention(&self, who: &str, limit: &'static str, now: u64) {
        let Some(bucket) = Bucket::new(1, 60 * SECOND_NS, 1) else { return };
        let line = Charge { column: 1, bucket, tokens: 1 };
        if self.mentioned.take((who, limit), now, &[line]).is_ok() {
            tracing::warn!(limit, %who, "rate limited");
        }
    }
}

/// A sign-in under way.
pub(crate) struct Guess<'a> {
    limits: &'a Limits,
    name: String,
    address: IpAddr,
}

impl Guess<'_> {
    /// It was no wrong one; `known`: the address is one that the account signs in from.
    pub(crate) fn was_none(self, known: bool) {
        let Self { limits, name, address } = self;
        let pair = (name.as_str(), &address);
        limits.give_back(&limits.addresses, address, Limit::FailedSignIns);
        limits.give_back(&limits.names, pair, Limit::FailedByNameAndAddress);
        let now = limits.now();
        if !limits.names.is_marked(pair, KNOWN, now) {
            limits.give_back(&limits.names, &name, Limit::FailedByName);
        }
        if known {
            limits.names.mark(pair, KNOWN, now.saturating_add(KNOWN_FOR_NS));
        }
    }
}
