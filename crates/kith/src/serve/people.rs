//! What the chats service asks about users and their devices, answered by the services that know them.

use std::collections::HashSet;
use std::sync::Arc;

use accounts::people::Consent;
use accounts::{Accounts, People, PeopleError, Session};
use async_trait::async_trait;
use chats::{Barrier, Blocks, Devices, SignedInDevice, Users};
use protocol::{DeviceId, UserId};

pub(super) struct Everybody {
    pub(super) accounts: Accounts,
    pub(super) people: People,
}

#[async_trait]
impl Users for Everybody {
    async fn names(&self, users: &[UserId]) -> Result<Vec<(UserId, Arc<str>)>, String> {
        let found = self.accounts.users(users).await.map_err(|error| error.to_string())?;
        Ok(found.into_iter().map(|user| (user.id, user.name)).collect())
    }

    async fn living(&self, users: &[UserId]) -> Result<Vec<UserId>, String> {
        let found = self.accounts.privacies(users).await.map_err(|error| error.to_string())?;
        Ok(found.into_iter().map(|(user, _)| user).collect())
    }

    async fn signed_in(&self, devices: &[(UserId, DeviceId)]) -> Result<Vec<bool>, String> {
        let mut users: Vec<_> = devices.iter().map(|(user, _)| *user).collect();
        users.sort_unstable();
        users.dedup();
        let found = self.accounts.devices_of(&users).await.map_err(|error| error.to_string())?;
        let found: HashSet<_> = found.iter().map(|session| (session.user, session.device)).collect();
        Ok(devices.iter().map(|device| found.contains(device)).collect())
    }

    fn known_blocks(&self, first: UserId, second: UserId) -> Option<Blocks> {
        self.people.known_blocks(first, second).map(blocks)
    }

    async fn blocks(&self, pairs: &[(UserId, UserId)]) -> Result<Vec<Blocks>, String> {
        Ok(self.people.blocks(pairs).await.map_err(text)?.into_iter().map(blocks).collect())
    }

    async fn barrier(&self, caller: UserId, user: UserId) -> Result<Option<Barrier>, String> {
        match self.people.may_begin(caller, user).await {
            Err(PeopleError::NotFound(_)) => Ok(Some(Barrier::Gone)),
            consent => Ok(barrier(consent.map_err(text)?)),
        }
    }

    async fn barriers_to_groups(
        &self,
        caller: UserId,
        users: &[UserId],
    ) -> Result<Vec<(UserId, Barrier)>, String> {
        let refused = self.people.not_to_be_added(caller, users).await.map_err(text)?;
        Ok(refused.into_iter().filter_map(|(user, consent)| Some((user, barrier(consent)?))).collect())
    }

    async fn met(&self, caller: UserId, user: UserId) {
        self.people.met(caller, user).await;
    }
}

fn blocks(blocks: accounts::people::Blocks) -> Blocks {
    Blocks { by_first: blocks.by_first, by_second: blocks.by_second }
}

const fn barrier(consent: Consent) -> Option<Barrier> {
    match consent {
        Consent::Given => None,
        Consent::ByInvite => Some(Barrier::Invite),
        Consent::BlockedByThem => Some(Barrier::BlockedByThem),
        Consent::BlockedByCaller => Some(Barrier::BlockedByCaller),
    }
}

fn text(error: PeopleError) -> String {
    error.to_string()
}

#[async_trait]
impl Devices for Everybody {
    async fn devices(&self, users: &[UserId]) -> Result<Vec<SignedInDevice>, String> {
        let sessions = self.accounts.devices_of(users).await.map_err(|error| error.to_string())?;
        let device = |session: Session| SignedInDevice {
            user: session.user,
            device: session.device,
            since: session.created_at,
        };
        Ok(sessions.into_iter().map(device).collect())
    }
}
