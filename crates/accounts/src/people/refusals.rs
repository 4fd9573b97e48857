//! How many were refused, by which bound.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a user may have so many of, or so often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Contacts,
    Blocked,
    InvitesSent,
    InvitesReceived,
    InvitesAgain,
    OpenReports,
}

/// By the settings' names.
const NAMES: [(Bound, &str); 6] = [
    (Bound::Contacts, "max_contacts"),
    (Bound::Blocked, "max_blocked"),
    (Bound::InvitesSent, "max_invites_sent"),
    (Bound::InvitesReceived, "max_invites_received"),
    (Bound::InvitesAgain, "invite_again_days"),
    (Bound::OpenReports, "max_open_reports"),
];

/// One count for each bound.
#[derive(Debug, Default)]
pub(super) struct Refusals([AtomicU64; NAMES.len()]);

impl Refusals {
    pub(super) fn count(&self, bound: Bound) {
        self.0[bound as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.iter().map(|(bound, name)| (*name, self.0[*bound as usize].load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_has_its_own_count() {
        for (index, (bound, name)) in NAMES.iter().enumerate() {
            assert_eq!(*bound as usize, index, "{name}");
        }
        let refusals = Refusals::default();
        refusals.count(Bound::Blocked);
        assert_eq!(
            refusals.counts().filter(|(_, count)| *count > 0).collect::<Vec<_>>(),
            [("max_blocked", 1)]
        );
    }
}
