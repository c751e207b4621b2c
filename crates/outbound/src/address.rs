//! Which addresses are those of the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Blocks that lead elsewhere, with the length of their prefix (the special-purpose registry of
/// RFC 6890).
const OTHER_V4: [([u8; 4], u32); 16] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    // Shared by carriers (RFC 6598).
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    // Link-local: where clouds have their metadata.
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// Blocks of the global unicast addresses 2000::/3 that lead elsewhere: protocols (Teredo among
/// them), documentation, and 6to4, which holds IPv4 addresses.
const OTHER_V6: [([u16; 2], u32); 5] = [
    ([0x2001, 0], 23),
    ([0x2001, 0x0db8], 32),
    ([0x2002, 0], 16),
    ([0x2620, 0x004f], 32),
    ([0x3fff, 0], 20),
];

/// Whether an address is one of the public internet: no private, loopback, link-local, shared,
/// multicast or unique-local one, nor an IPv6 address that stands for an IPv4 one.
///
/// ```
/// use rollcall_outbound::is_public;
///
/// assert!(is_public("93.184.215.14".parse().unwrap()));
/// assert!(!is_public("::ffff:93.184.215.14".parse().unwrap()));
/// ```
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = u32::from(address);
    !OTHER_V4.iter().any(|(block, length)| same_prefix(bits, u32::from_be_bytes(*block), *length))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let bits = joined([first, second]);
    let global = same_prefix(bits, joined([0x2000, 0]), 3);
    global && !OTHER_V6.iter().any(|(block, length)| same_prefix(bits, joined(*block), *length))
}

fn joined([first, second]: [u16; 2]) -> u32 {
    u32::from(first) << 16 | u32::from(second)
}

/// Whether the first `length` bits are the same.
const fn same_prefix(a: u32, b: u32, length: u32) -> bool {
    (a ^ b).leading_zeros() >= length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expect: bool, addresses: &[&str]) {
        for address in addresses {
            assert_eq!(is_public(address.parse().unwrap()), expect, "{address}");
        }
    }

    #[test]
    fn r_wh_05_private_addresses_are_not_public() {
        check(false, &["0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "127.0.0.1"]);
        check(false, &["127.8.8.8", "169.254.169.254", "172.16.0.1", "172.31.255.255"]);
        check(false, &["192.168.0.1", "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1"]);
        check(false, &["198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9"]);
        check(false, &["224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"]);
        check(false, &["::", "::1", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fd12:3456::1"]);
        check(false, &["ff02::1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::8.8.8.8"]);
        check(false, &["64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1"]);
        check(false, &["2002:7f00:1::", "3fff::1", "4000::1", "5f00::1"]);
    }

    #[test]
    fn r_wh_05_public_addresses_are() {
        check(true, &["8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255"]);
        check(true, &["100.128.0.0", "172.15.255.255", "172.32.0.0", "192.167.1.1"]);
        check(true, &["198.17.255.255", "198.20.0.0", "223.255.255.255"]);
        check(true, &["2606:4700::1111", "2001:4860:4860::8888", "2a00:1450::1", "2003::1"]);
    }
}
