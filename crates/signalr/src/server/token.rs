//! Connection ids and the tokens that prove them.
//!
//! A token is self-contained, so that any node can accept it: id (16 bytes), expiry (8 bytes, seconds since the Unix
//! epoch; the highest bit says that stateful reconnect was granted), HMAC-SHA256 of both cut to 16 bytes; all in URL-safe base64. The id alone may be told to others.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const ID_BYTES: usize = 16;
const SIGNED_BYTES: usize = ID_BYTES + 8;
const TOKEN_BYTES: usize = SIGNED_BYTES + 16;

const STATEFUL_BIT: u64 = 1 << 63;

/// What a token says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ticket {
    pub(super) id: ConnectionId,
    /// Until when a connection may be opened with it, in Unix seconds.
    pub(super) expires_s: u64,
    /// Stateful reconnect was granted.
    pub(super) stateful: bool,
}

impl Ticket {
    /// For a WebSocket without negotiation.
    pub(super) fn unnegotiated() -> Ticket {
        Ticket { id: ConnectionId::random(), expires_s: 0, stateful: false }
    }
}

pub(super) struct Tokens {
    mac: Hmac<Sha256>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct ConnectionId([u8; ID_BYTES]);

impl ConnectionId {
    pub(super) fn random() -> ConnectionId {
        let mut id = [0; ID_BYTES];
        getrandom::fill(&mut id).expect("the system has randomness");
        ConnectionId(id)
    }

    pub(super) fn to_text(self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    /// Some bits of it that differ from connection to connection.
    pub(super) fn seed(self) -> u32 {
        u32::from_ne_bytes([self.0[0], self.0[1], self.0[2], self.0[3]])
    }
}

impl Tokens {
    pub(super) fn new(key: Option<[u8; 32]>) -> Tokens {
        let key = key.unwrap_or_else(|| {
            let mut key = [0; 32];
            getrandom::fill(&mut key).expect("the system has randomness");
            key
        });
        Tokens { mac: Hmac::new_from_slice(&key).expect("HMAC takes keys of any length") }
    }

    pub(super) fn issue(&self, ticket: Ticket) -> String {
        let flag = if ticket.stateful { STATEFUL_BIT } else { 0 };
        let mut token = Vec::with_capacity(TOKEN_BYTES);
        token.extend_from_slice(&ticket.id.0);
        token.extend_from_slice(&(ticket.expires_s & !STATEFUL_BIT | flag).to_be_bytes());
        let tag = self.mac.clone().chain_update(&token).finalize().into_bytes();
        token.extend_from_slice(&tag[..TOKEN_BYTES - SIGNED_BYTES]);
        BASE64URL_NOPAD.encode(&token)
    }

    /// What it says, if the token is one of ours.
    pub(super) fn check(&self, token: &str) -> Option<Ticket> {
        let token = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let (signed, tag) = token.split_at_checked(SIGNED_BYTES)?;
        if token.len() != TOKEN_BYTES {
            return None;
        }
        self.mac.clone().chain_update(signed).verify_truncated_left(tag).ok()?;
        let (id, expires) = signed.split_at(ID_BYTES);
        let expires_s = u64::from_be_bytes(expires.try_into().ok()?);
        Some(Ticket {
            id: ConnectionId(id.try_into().ok()?),
            expires_s: expires_s & !STATEFUL_BIT,
            stateful: expires_s & STATEFUL_BIT != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_tells_its_expiry_and_holds_only_under_its_key() {
        let tokens = Tokens::new(Some([7; 32]));
        for stateful in [false, true] {
            let ticket = Ticket { id: ConnectionId::random(), expires_s: 1000, stateful };
            assert_eq!(tokens.check(&tokens.issue(ticket)), Some(ticket));
        }
        let token = tokens.issue(Ticket { id: ConnectionId::random(), expires_s: 1000, stateful: false });
        assert_eq!(Tokens::new(Some([8; 32])).check(&token), None);
        assert_eq!(Tokens::new(None).check(&token), None);
    }

    #[test]
    fn a_token_that_was_tampered_with_is_refused() {
        let tokens = Tokens::new(None);
        let token = tokens.issue(Ticket { id: ConnectionId::random(), expires_s: 1000, stateful: true });
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(tokens.check(str::from_utf8(&bytes).unwrap()), None);
        }
        assert_eq!(tokens.check(""), None);
        assert_eq!(tokens.check(&token[..20]), None);
        assert_eq!(tokens.check(&format!("{token}AAAA")), None);
    }
}
