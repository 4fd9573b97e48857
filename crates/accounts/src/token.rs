//! Tokens that say by themselves whose they are: nothing but the key is needed to check one.
//!
//! `ka_` (access) or `kr_` (refresh), then in base64url: device 16 bytes, user 16, expiry 8 and generation 4 (big
//! endian), and the first 16 bytes of HMAC-SHA256 over those under a key of that purpose alone.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, Mac};
use platform::Timestamp;
use protocol::{DeviceId, UserId};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::SecretKey;

const CLAIMS_BYTES: usize = 16 + 16 + 8 + 4;
const MAC_BYTES: usize = 16;
const TOKEN_BYTES: usize = CLAIMS_BYTES + MAC_BYTES;
/// A multiple of three bytes leaves no unused bits in base64: one token has one text.
const TEXT_CHARS: usize = TOKEN_BYTES / 3 * 4;

/// What a token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) device: DeviceId,
    pub(crate) user: UserId,
    /// Not accepted at this time or later.
    pub(crate) expires_at: Timestamp,
    /// How many times the session had been refreshed when this was given.
    pub(crate) generation: u32,
}

/// Makes and checks tokens of one purpose.
pub(crate) struct Signer {
    prefix: &'static str,
    mac: Hmac<Sha256>,
}

impl Signer {
    /// For `Authorization: Bearer`.
    pub(crate) fn access(key: &SecretKey) -> Self {
        Self { prefix: "ka_", mac: key.derive("kith access token 1") }
    }

    /// For renewing those.
    pub(crate) fn refresh(key: &SecretKey) -> Self {
        Self { prefix: "kr_", mac: key.derive("kith refresh token 1") }
    }

    pub(crate) fn sign(&self, claims: &Claims) -> String {
        let mut bytes = [0; TOKEN_BYTES];
        bytes[..16].copy_from_slice(claims.device.as_bytes());
        bytes[16..32].copy_from_slice(claims.user.as_bytes());
        bytes[32..40].copy_from_slice(&claims.expires_at.to_be_bytes());
        bytes[40..44].copy_from_slice(&claims.generation.to_be_bytes());
        let mac = self.mac(&bytes[..CLAIMS_BYTES]);
        bytes[CLAIMS_BYTES..].copy_from_slice(&mac);
        let mut text = String::with_capacity(self.prefix.len() + TEXT_CHARS);
        text.push_str(self.prefix);
        BASE64URL_NOPAD.encode_append(&bytes, &mut text);
        text
    }

    /// What the token says, if this server gave it for this purpose and it has not expired.
    pub(crate) fn check(&self, token: &str, now: Timestamp) -> Option<Claims> {
        let text = token.strip_prefix(self.prefix)?;
        if text.len() != TEXT_CHARS {
            return None;
        }
        let mut bytes = [0; TOKEN_BYTES];
        BASE64URL_NOPAD.decode_mut(text.as_bytes(), &mut bytes).ok()?;
        let (claims, mac) = bytes.split_at(CLAIMS_BYTES);
        if !bool::from(self.mac(claims).as_slice().ct_eq(mac)) {
            return None;
        }
        let claims = Claims {
            device: DeviceId::from_bytes(claims[..16].try_into().ok()?),
            user: UserId::from_bytes(claims[16..32].try_into().ok()?),
            expires_at: Timestamp::from_be_bytes(claims[32..40].try_into().ok()?),
            generation: u32::from_be_bytes(claims[40..44].try_into().ok()?),
        };
        (now < claims.expires_at).then_some(claims)
    }

    fn mac(&self, claims: &[u8]) -> [u8; MAC_BYTES] {
        let mut mac = self.mac.clone();
        mac.update(claims);
        let mut short = [0; MAC_BYTES];
        short.copy_from_slice(&mac.finalize().into_bytes()[..MAC_BYTES]);
        short
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn claims() -> impl Strategy<Value = Claims> {
        (any::<[u8; 16]>(), any::<[u8; 16]>(), 1..i64::MAX, any::<u32>()).prop_map(
            |(device, user, expires_at, generation)| Claims {
                device: DeviceId::from_bytes(device),
                user: UserId::from_bytes(user),
                expires_at,
                generation,
            },
        )
    }

    proptest! {
        #[test]
        fn a_token_reads_back_until_it_expires(claims in claims()) {
            for signer in [Signer::access(&SecretKey::new(KEY)), Signer::refresh(&SecretKey::new(KEY))] {
                let token = signer.sign(&claims);
                prop_assert_eq!(signer.check(&token, claims.expires_at - 1), Some(claims));
                prop_assert_eq!(signer.check(&token, claims.expires_at), None);
            }
        }

        #[test]
        fn no_character_can_be_changed(claims in claims(), other in "[ -~]") {
            let signer = Signer::access(&SecretKey::new(KEY));
            let token = signer.sign(&claims);
            for at in 0..token.len() {
                let mut changed = token.clone();
                changed.replace_range(at..=at, &other);
                prop_assert_eq!(signer.check(&changed, 0).is_some(), changed == token, "{}", changed);
            }
        }

        #[test]
        fn no_byte_can_be_changed(claims in claims(), bits in 1u8..) {
            let signer = Signer::refresh(&SecretKey::new(KEY));
            let bytes = BASE64URL_NOPAD.decode(&signer.sign(&claims).as_bytes()[3..]).unwrap();
            for at in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= bits;
                let token = format!("kr_{}", BASE64URL_NOPAD.encode(&changed));
                prop_assert_eq!(signer.check(&token, 0), None);
            }
        }

        #[test]
        fn anything_else_is_refused(text in ".{0,100}") {
            prop_assert_eq!(Signer::access(&SecretKey::new(KEY)).check(&text, 0), None);
        }
    }

    #[test]
    fn another_purpose_or_key_is_refused() {
        let claims = Claims {
            device: DeviceId::from_bytes([1; 16]),
            user: UserId::from_bytes([2; 16]),
            expires_at: 10,
            generation: 3,
        };
        let (access, refresh) = (Signer::access(&SecretKey::new(KEY)), Signer::refresh(&SecretKey::new(KEY)));
        let token = access.sign(&claims);
        assert_eq!(token.len(), 83);
        assert_eq!(refresh.check(&token, 0), None);
        assert_eq!(refresh.check(&token.replacen("ka_", "kr_", 1), 0), None);
        assert_eq!(Signer::access(&SecretKey::new([8; 32])).check(&token, 0), None);
        assert_eq!(access.check(&token, 0), Some(claims));
    }
}
