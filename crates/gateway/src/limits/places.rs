//! Open connections of each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Limits, address};

/// How many each address has. One that has none is not in it.
#[derive(Default)]
pub(super) struct Open {
    by_address: HashMap<IpAddr, usize>,
    refused: u64,
}

#[cfg(test)]
impl Open {
    pub(super) fn is_empty(&self) -> bool {
        self.by_address.is_empty()
    }
}

pub(super) fn refused(open: &Mutex<Open>) -> u64 {
    open.lock().unwrap_or_else(PoisonError::into_inner).refused
}

/// One open connection's place among those of its address, until it is dropped.
pub struct Place {
    limits: Arc<Limits>,
    address: IpAddr,
}

/// The address has as many connections as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowded;

impl Limits {
    /// A place for a socket. A proxy's is not counted, but its clients are when they come to the hub.
    ///
    /// # Errors
    /// [`Crowded`].
    pub fn socket(self: &Arc<Self>, peer: IpAddr) -> Result<Option<Place>, Crowded> {
        if self.proxies.trusts(peer.to_canonical()) { Ok(None) } else { self.place(peer) }
    }

    /// A place for a connection of this address; none where they are not counted.
    pub(crate) fn place(self: &Arc<Self>, address: IpAddr) -> Result<Option<Place>, Crowded> {
        let most = self.connections_per_address.load(Ordering::Relaxed);
        if most == 0 {
            return Ok(None);
        }
        let address = address::network(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.by_address.entry(address).or_default();
        if *count >= most {
            open.refused += 1;
            drop(open);
            self.mention(&address.to_string(), "max_connections_per_address", self.now());
            return Err(Crowded);
        }
        *count += 1;
        Ok(Some(Place { limits: Arc::clone(self), address }))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.limits.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&self.address);
            }
        }
        // What a flood took is given back when it is over.
        if open.by_address.is_empty() {
            open.by_address = HashMap::new();
        }
    }
}
