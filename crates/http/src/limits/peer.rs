//! Who is at the other end.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderName;
use http::request::Parts;
use rollcall_domain::Thumbprint;

/// The address at the other end of the socket that a request came on: an extension of the request.
///
/// [`serve`](crate::serve) sets it; whoever mounts [`App::handle`](crate::App::handle) in another
/// server sets it too. Failed authentications of requests without it are not limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// SHA-256 of the client certificate that a request came with, in DER: an extension of the request
/// (RFC 8705 §3.1).
///
/// [`serve_tls`](crate::serve_tls) sets it; whoever mounts [`App::handle`](crate::App::handle) in
/// another server sets it too. Credentials that are bound to a certificate are refused without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerCertificate(pub Thumbprint);

/// The client certificate of a request.
pub(crate) fn certificate(parts: &Parts) -> Option<Thumbprint> {
    parts.extensions.get::<PeerCertificate>().map(|PeerCertificate(thumbprint)| *thumbprint)
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address: that of the socket, or, where a trusted proxy is there, the last one in
/// `X-Forwarded-For` that is no trusted proxy's. What stands before it may be anybody's invention.
pub(super) fn client(parts: &Parts, trusted: &[IpAddr]) -> Option<IpAddr> {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|one| one.to_canonical() == *address);
    let Peer(peer) = parts.extensions.get()?;
    let mut client = peer.to_canonical();
    let headers: Vec<_> = parts.headers.get_all(FORWARDED_FOR).into_iter().collect();
    let values = headers.into_iter().rev().map(|value| value.to_str().unwrap_or_default());
    for hop in values.flat_map(|value| value.rsplit(',')) {
        if !is_trusted(&client) {
            break;
        }
        let Some(address) = address(hop.trim()) else { break };
        client = address;
    }
    Some(client)
}

/// An address as proxies write it, some with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let plain = text.parse().ok().or_else(bracketed);
    let address = plain.or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))?;
    Some(address.to_canonical())
}

/// Addresses that are most likely one client's: of IPv6, everything in one /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Network(IpAddr);

impl Network {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self(address),
            IpAddr::V6(address) => {
                const PREFIX: u128 = (u64::MAX as u128) << 64;
                Self(Ipv6Addr::from_bits(address.to_bits() & PREFIX).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[track_caller]
    fn check(peer: &str, forwarded: &[&str], expect: &str) {
        let trusted: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()];
        let request = forwarded
            .iter()
            .fold(Request::get("/"), |request, value| request.header(FORWARDED_FOR, *value));
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(client(&parts, &trusted), None);
        parts.extensions.insert(Peer(peer.parse().unwrap()));
        assert_eq!(client(&parts, &trusted), Some(expect.parse().unwrap()), "{forwarded:?}");
    }

    #[test]
    fn only_trusted_proxies_say_who_asks() {
        check("192.0.2.1", &[], "192.0.2.1");
        check("192.0.2.1", &["198.51.100.7"], "192.0.2.1");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["198.51.100.7"], "198.51.100.7");
        check("::ffff:10.0.0.1", &["1.1.1.1, 198.51.100.7"], "198.51.100.7");
        check("10.0.0.1", &["6.6.6.6", "198.51.100.7, fd00::1"], "198.51.100.7");
        check("10.0.0.1", &["198.51.100.7:4711"], "198.51.100.7");
        check("fd00::1", &["[2001:db8::7]:4711"], "2001:db8::7");
        check("fd00::1", &["[2001:db8::7]"], "2001:db8::7");
        check("10.0.0.1", &["unknown"], "10.0.0.1");
        check("10.0.0.1", &["198.51.100.7,"], "10.0.0.1");
    }

    #[test]
    fn one_client_has_many_addresses() {
        let of = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
