//! The bounds of this service.

/// The bounds of this service, each set by the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// This node's name among those that share a database: no other running node has it, and after a restart it is the
    /// same, since that is how the users whom a crash left online are found.
    pub node: String,
    /// The most connections one user may have on this node.
    pub user_connections: usize,
    /// How often changes are written, in milliseconds: what a crash may lose of them.
    pub flush_ms: u64,
    /// The most users one write takes.
    pub flush_users: usize,
    /// How often the node writes that it is alive while anybody is connected, in milliseconds: how wrong "last seen" is
    /// at most for those whom a crash cut off.
    pub heartbeat_ms: u64,
    /// The most (conversation, user) pairs whose typing is remembered; beyond it, new ones are not passed on. About 100
    /// bytes each.
    pub typing_entries: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            node: "node-1".to_owned(),
            user_connections: 64,
            flush_ms: 1_000,
            flush_users: 1_000,
            heartbeat_ms: 5_000,
            typing_entries: 65_536,
        }
    }
}
