//! How far this device has printed each conversation: the server may forget the last second of it in a crash, and
//! nothing is to be printed twice.

use std::collections::HashMap;
use std::fs;

use protocol::{ConversationId, DeviceId, Seq};
use serde::{Deserialize, Serialize};

use super::Failure;
use super::credentials::Profile;

/// What the file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// Another device's places mean nothing to this one.
    device: DeviceId,
    positions: HashMap<ConversationId, Seq>,
    /// The last mark it knows of: which messages the user deleted for themselves, starred and unstarred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mark: Option<u64>,
}

/// The places of one signed-in device.
#[derive(Debug, Clone)]
pub(super) struct Positions {
    profile: Profile,
    device: DeviceId,
}

impl Positions {
    pub(super) fn of(profile: &Profile, device: DeviceId) -> Self {
        Self { profile: profile.clone(), device }
    }

    /// What is kept; nothing if the file is missing, damaged or of another sign-in: then the server's memory counts.
    pub(super) fn load(&self) -> (HashMap<ConversationId, Seq>, Option<u64>) {
        let text = fs::read_to_string(self.profile.file("positions.json")).unwrap_or_default();
        match serde_json::from_str::<Kept>(&text) {
            // Who printed messages before there were marks wants to know of all of them.
            Ok(kept) if kept.device == self.device => (kept.positions, kept.mark.or(Some(0))),
            _ => (HashMap::new(), None),
        }
    }

    /// Moves what is kept forward. Other processes of the same device do so too.
    pub(super) async fn advance(
        &self,
        new: HashMap<ConversationId, Seq>,
        new_mark: Option<u64>,
    ) -> Result<(), Failure> {
        if new.is_empty() && new_mark.is_none() {
            return Ok(());
        }
        let _lock = self.profile.lock().await?;
        let (mut positions, mark) = self.load();
        let mark = mark.max(new_mark);
        for (conversation, seq) in new {
            let known = positions.entry(conversation).or_default();
            *known = seq.max(*known);
        }
        let kept = Kept { device: self.device, positions, mark };
        let text = serde_json::to_string(&kept).map_err(|error| Failure::failed(error.to_string()))?;
        self.profile.keep("positions.json", &text)
    }
}

#[cfg(test)]
mod tests {
    use protocol::ConversationShape;

    use super::*;

    #[tokio::test]
    async fn places_move_forward_and_belong_to_one_sign_in() {
        let folder = tempfile::tempdir().expect("a folder");
        let profile = Profile::in_folder(folder.path().join("kith"), "alice").expect("a profile");
        let (one, other) = (DeviceId::compose(1, [1; 10]), DeviceId::compose(1, [2; 10]));
        let [a, b] = [1, 2].map(|n| ConversationId::compose(ConversationShape::Group, 1, [n; 10]));
        let positions = Positions::of(&profile, one);
        assert_eq!(positions.load(), (HashMap::new(), None));
        positions.advance(HashMap::from([(a, 5)]), Some(4)).await.expect("kept");
        positions.advance(HashMap::from([(a, 3), (b, 1)]), Some(3)).await.expect("kept");
        assert_eq!(positions.load(), (HashMap::from([(a, 5), (b, 1)]), Some(4)));
        assert_eq!(Positions::of(&profile, other).load(), (HashMap::new(), None));
    }
}
