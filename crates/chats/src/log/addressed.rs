//! Messages for single devices: to whom a commit may bring some, and how many may wait for one device.

use std::collections::HashMap;

use protocol::{DeviceId, UserId};

use super::batcher::{Batcher, Command};
use super::operation::{NewMessage, Operation};
use super::plan::{Known, Plan};
use crate::ChatError;
use crate::conversation::Members;
use crate::store::{DeviceQueue, StoreError};

/// The signed-in devices among those that a batch has messages for, with what waits for each.
pub(crate) type Addressees = HashMap<(UserId, DeviceId), DeviceQueue>;

impl Batcher {
    /// What the planner has to know of the devices that the batch has messages for. Asks nobody if there are none.
    pub(super) async fn addressees(&self, batch: &[Command]) -> Result<Addressees, StoreError> {
        let named = batch.iter().flat_map(|command| match &command.operation {
            Operation::Append(message) => message.devices.as_slice(),
            _ => &[],
        });
        let mut asked: Vec<_> = named.map(|it| (it.user, it.device)).collect();
        if asked.is_empty() {
            return Ok(HashMap::new());
        }
        asked.sort_unstable();
        asked.dedup();
        let signed_in = self.users.signed_in(&asked).await.map_err(StoreError::Unavailable)?;
        let there: Vec<_> =
            asked.into_iter().zip(signed_in).filter_map(|(it, there)| there.then_some(it)).collect();
        let queues = self.store.device_queues(there.iter().map(|(_, device)| *device).collect()).await?;
        Ok(there.into_iter().zip(queues).collect())
    }
}

/// Whether all of a message's addressees are signed-in devices of members, with room for it; notes what they get.
pub(super) fn address(
    plan: &mut Plan,
    known: &Known<'_>,
    members: &Members,
    message: &NewMessage,
) -> Result<(), ChatError> {
    let invalid = |why: String| Err(ChatError::Invalid(why));
    let mut queued: HashMap<DeviceId, DeviceQueue> = HashMap::new();
    for addressed in &message.devices {
        let (user, device) = (addressed.user, addressed.device);
        if members.get(user).is_none() {
            return invalid(format!(
                "the message for device {device}: {user} is no member of this conversation"
            ));
        }
        let Some(stored) = known.addressees.get(&(user, device)) else {
            return invalid(format!(
                "the message for device {device}: {user} is not signed in on such a device"
            ));
        };
        let queue = queued.entry(device).or_insert_with(|| *plan.queues.get(&device).unwrap_or(stored));
        queue.messages += 1;
        queue.bytes += addressed.body.0.len() as u64;
        let (messages, bytes) = (known.policy.device_queue_messages, known.policy.device_queue_bytes);
        if queue.messages > messages || queue.bytes > bytes {
            return invalid(format!(
                "the message for device {device}: at most {messages} messages and {bytes} bytes wait for one device, \
                 until it has been online"
            ));
        }
    }
    plan.queues.extend(queued);
    Ok(())
}
