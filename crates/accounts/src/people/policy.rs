//! What the operator decides about people.

/// Bounds and times. The defaults are those of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Contacts that one user may list.
    pub contacts: u32,
    /// Contacts on one page.
    pub contacts_page: u32,
    /// Users that one user may block: all of them are in memory while the user is talked with.
    pub blocked: u32,
    /// Users whose blocks are kept in memory: about 100 bytes each, and 16 for each user they block.
    pub cached_blocks: u32,
    /// Characters of what an inviter says.
    pub invite_characters: usize,
    /// Invites of one user that may wait for an answer.
    pub invites_sent: u32,
    /// Invites to one user that may wait for an answer.
    pub invites_received: u32,
    /// Invites in one list, the waiting ones first.
    pub invites_listed: u32,
    /// How long an invite waits for an answer, in days.
    pub invite_days: u32,
    /// How long who was rejected waits before inviting the same user again, in days. Invites are listed for so long after
    /// their end.
    pub invite_again_days: u32,
    /// Characters of a report's reason, and of a moderator's note.
    pub reason_characters: usize,
    /// Characters of a reported message that are kept with the report.
    pub reported_characters: usize,
    /// Open reports of one reporter.
    pub reports_open: u32,
    /// Reports on one page.
    pub reports_page: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            contacts: 10_000,
            contacts_page: 500,
            blocked: 1_000,
            cached_blocks: 100_000,
            invite_characters: 300,
            invites_sent: 100,
            invites_received: 200,
            invites_listed: 500,
            invite_days: 30,
            invite_again_days: 7,
            reason_characters: 1_000,
            reported_characters: 10_000,
            reports_open: 100,
            reports_page: 100,
        }
    }
}

impl Policy {
    pub(super) fn invite_ms(&self) -> i64 {
        i64::from(self.invite_days) * DAY_MS
    }

    pub(super) fn invite_again_ms(&self) -> i64 {
        i64::from(self.invite_again_days) * DAY_MS
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
