//! Closing the connections of sessions that end.

use std::sync::Arc;

use accounts::SessionObserver;
use presence::Directory;
use protocol::{DeviceId, UserId};
use signalr::server::ConnectionHandle;

/// Closes the connections of a device that is signed out.
pub(crate) struct Doorkeeper {
    directory: Arc<Directory<ConnectionHandle>>,
}

impl Doorkeeper {
    pub(crate) fn new(directory: Arc<Directory<ConnectionHandle>>) -> Self {
        Self { directory }
    }
}

impl SessionObserver for Doorkeeper {
    fn ended(&self, user: UserId, device: DeviceId) {
        for connection in self.directory.of_device(user, device) {
            connection.close(Some("unauthenticated: this device was signed out".into()), false);
        }
    }

    fn doubted(&self, user: UserId) {
        let mut connections = Vec::new();
        self.directory.for_each(user, |_, _, connection| connections.push(connection.clone()));
        for connection in connections {
            connection.close(Some("unavailable: connect again".into()), true);
        }
    }
}
