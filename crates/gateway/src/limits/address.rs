//! Which address a request comes from, seen through the proxies that the operator trusts.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use http::{HeaderMap, HeaderName};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// As many are looked through unless said otherwise.
const HOPS: usize = 16;

/// Addresses with a common beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.prefix);
                u32::from(own).checked_shr(shift) == u32::from(other).checked_shr(shift)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.prefix);
                u128::from(own).checked_shr(shift) == u128::from(other).checked_shr(shift)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(it, prefix)| (it, Some(prefix)));
        let address: IpAddr = address.trim().parse().map_err(|_| ())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(bits), |prefix| prefix.trim().parse().map_err(|_| ()))?;
        if prefix > bits { Err(()) } else { Ok(Self { address, prefix }) }
    }
}

/// Where requests come from that may say that they are another's: `127.0.0.0/8, ::1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxies {
    networks: Vec<Network>,
    /// Proxies behind one another that are looked through.
    hops: usize,
}

impl Default for Proxies {
    fn default() -> Self {
        Self { networks: Vec::new(), hops: HOPS }
    }
}

impl FromStr for Proxies {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        Ok(Self { networks: parts.map(Network::from_str).collect::<Result<_, _>>()?, hops: HOPS })
    }
}

impl Proxies {
    /// The same, looked through up to so many behind one another.
    #[must_use]
    pub fn up_to(self, hops: usize) -> Self {
        Self { hops, ..self }
    }

    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.holds(address))
    }

    /// Whose request it is: the peer's, or if that is a trusted proxy, the last one's on the way that is none. What stands
    /// before that in the header, anybody may have written.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let mut client = peer;
        let mut named = said(headers);
        named.reverse();
        for address in named.into_iter().take(self.hops) {
            let Some(address) = address else { break };
            client = address;
            if !self.trusts(address) {
                break;
            }
        }
        client
    }
}

/// The addresses that proxies wrote down, the farthest first; None is what cannot be read. `Forwarded` (RFC 7239) counts
/// only where there is no `X-Forwarded-For`.
fn said(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let all = |name: HeaderName| {
        let values = headers.get_all(name).into_iter();
        values.map(|value| value.to_str().unwrap_or("?").to_owned()).collect::<Vec<_>>().join(",")
    };
    let list = all(FORWARDED_FOR);
    if !list.is_empty() {
        return list.split(',').map(address).collect();
    }
    let list = all(http::header::FORWARDED);
    if list.is_empty() {
        return Vec::new();
    }
    let of = |element: &str| {
        element.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then(|| address(value.trim().trim_matches('"')))?
        })
    };
    list.split(',').map(of).collect()
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse().map(|address: SocketAddr| address.ip());
    bare.parse().or_else(|_| with_port()).ok().map(|address: IpAddr| address.to_canonical())
}

/// Whom a limit means: one IPv4 address, or the 64 bits that an IPv6 network is given at the least.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(peer: &str, headers: &[(&'static str, &str)], expected: &str) {
        let proxies: Proxies = "127.0.0.0/8, ::1, 10.1.0.0/16, 2001:db8:1::/48".parse().expect("networks");
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).expect("a value"));
        }
        let client = proxies.client(peer.parse().expect("an address"), &map);
        assert_eq!(client.to_string(), expected);
    }

    #[test]
    fn only_proxies_are_believed() {
        check("192.0.2.1", &[("x-forwarded-for", "198.51.100.1")], "192.0.2.1");
        check("127.0.0.1", &[("x-forwarded-for", "198.51.100.1")], "198.51.100.1");
        check("127.0.0.1", &[], "127.0.0.1");
        check("::ffff:127.0.0.1", &[("x-forwarded-for", "2001:db8::1")], "2001:db8::1");
    }

    #[test]
    fn what_a_client_claims_stands_before_what_the_proxy_saw() {
        check("127.0.0.1", &[("x-forwarded-for", "203.0.113.9, 198.51.100.1")], "198.51.100.1");
        let twice = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "198.51.100.1, 10.1.2.3")];
        check("127.0.0.1", &twice, "198.51.100.1");
        check("127.0.0.1", &[("x-forwarded-for", "198.51.100.1, nonsense")], "127.0.0.1");
        check("127.0.0.1", &[("x-forwarded-for", "nonsense, 10.1.2.3")], "10.1.2.3");
        let long = vec!["10.1.0.1"; 10_000].join(",");
        check("127.0.0.1", &[("x-forwarded-for", &format!("198.51.100.1,{long}"))], "10.1.0.1");
    }

    #[test]
    fn forwarded_is_read_where_it_stands_alone() {
        let forwarded = ("forwarded", "for=203.0.113.9, For=\"[2001:db8::7]:4711\";proto=https;by=10.1.0.1");
        check("127.0.0.1", &[forwarded], "2001:db8::7");
        check("127.0.0.1", &[forwarded, ("x-forwarded-for", "198.51.100.1:80")], "198.51.100.1");
        check("127.0.0.1", &[("forwarded", "for=_hidden")], "127.0.0.1");
    }

    #[test]
    fn networks() {
        let holds = |network: &str, address: &str| {
            network.parse::<Network>().expect(network).holds(address.parse().expect(address))
        };
        assert!(holds("0.0.0.0/0", "192.0.2.1") && !holds("0.0.0.0/0", "::1") && holds("::/0", "::1"));
        assert!(holds("192.0.2.0/24", "192.0.2.255") && !holds("192.0.2.0/24", "192.0.3.0"));
        assert!(holds("192.0.2.1", "192.0.2.1") && !holds("192.0.2.1", "192.0.2.2"));
        for wrong in ["x", "192.0.2.0/33", "::/129", "192.0.2.0/", "/8"] {
            assert_eq!(wrong.parse::<Network>(), Err(()), "{wrong}");
        }
        assert_eq!("".parse(), Ok(Proxies::default()));
    }

    #[test]
    fn an_ipv6_network_is_one() {
        let same =
            |one: &str, other: &str| network(one.parse().expect(one)) == network(other.parse().expect(other));
        assert!(same("2001:db8::1", "2001:db8::ffff:1") && !same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(!same("192.0.2.1", "192.0.2.2") && same("192.0.2.1", "::ffff:192.0.2.1"));
    }
}
