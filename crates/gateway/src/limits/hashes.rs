//! Passwords that are hashed or wait for it: none may take all the places there are.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use accounts::AccountError;
use protocol::{DeviceId, ErrorCode, UserId};

use super::{BY_DEVICE, Limit, Limits, address};
use crate::CommandError;

/// What stands for the address of those who come over the hub: together they have one address's places.
pub(crate) const HUB: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Whose passwords are hashed right now.
#[derive(Default)]
pub(super) struct Hashing {
    accounts: HashSet<UserId>,
    by_address: HashMap<IpAddr, usize>,
}

#[cfg(test)]
impl Hashing {
    pub(super) fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.by_address.is_empty()
    }
}

/// A password's place, until it is dropped.
pub(crate) struct Hash<'a> {
    limits: &'a Limits,
    account: Option<UserId>,
    address: IpAddr,
}

impl Limits {
    /// A place for a password to be hashed: one of its account, if that is known, and few of its address.
    pub(crate) fn hash(&self, account: Option<UserId>, address: IpAddr) -> Result<Hash<'_>, CommandError> {
        let address = address::network(address);
        let mut hashing = self.hashing.lock().unwrap_or_else(PoisonError::into_inner);
        let Hashing { accounts, by_address } = &mut *hashing;
        let most = self.hashes_per_address;
        let taken = by_address.get(&address).copied().unwrap_or_default();
        if (most > 0 && taken >= most) || account.is_some_and(|account| !accounts.insert(account)) {
            drop(hashing);
            self.refused_hashes.fetch_add(1, Ordering::Relaxed);
            return Err(CommandError::new(
                ErrorCode::RateLimited,
                "another password is being checked for you: try again in 1 s",
            ));
        }
        *by_address.entry(address).or_default() += 1;
        Ok(Hash { limits: self, account, address })
    }

    /// Counts a proof of one's own account as failed until it is known to be none: whoever holds a signed-in device must not
    /// find out the password by it. Counted by device, so that a thief of one does not make the owner wait, who has another;
    /// and hashed one after another.
    pub(crate) fn own_guess(
        &self,
        user: UserId,
        device: DeviceId,
        address: IpAddr,
    ) -> Result<OwnGuess<'_>, CommandError> {
        let hash = self.hash(Some(user), address)?;
        let key = (BY_DEVICE, user, device);
        self.charge(&self.names, key, [Limit::FailedByNameAndAddress], 1, &user)?;
        Ok(OwnGuess { limits: self, user, device, _hash: hash })
    }
}

impl Drop for Hash<'_> {
    fn drop(&mut self) {
        let mut hashing = self.limits.hashing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = self.account {
            hashing.accounts.remove(&account);
        }
        if let Some(count) = hashing.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                hashing.by_address.remove(&self.address);
            }
        }
    }
}

/// A proof of one's own account under way.
pub(crate) struct OwnGuess<'a> {
    limits: &'a Limits,
    user: UserId,
    device: DeviceId,
    _hash: Hash<'a>,
}

impl OwnGuess<'_> {
    /// Keeps it counted if it was wrong.
    pub(crate) fn judge<T>(self, result: Result<T, AccountError>) -> Result<T, CommandError> {
        if !result.as_ref().err().is_some_and(wrong) {
            let key = (BY_DEVICE, self.user, self.device);
            self.limits.give_back(&self.limits.names, key, Limit::FailedByNameAndAddress);
        }
        Ok(result?)
    }
}

/// Whether it says that a password or a code was another.
pub(crate) fn wrong(error: &AccountError) -> bool {
    use AccountError::{UnknownUser, WrongCode, WrongPassword};
    matches!(error, UnknownUser | WrongPassword | WrongCode)
}
