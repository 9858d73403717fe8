//! Address ranges (CIDR), compared by value.
//!
//! IPv4-mapped IPv6 addresses are IPv4 addresses here, in requests and policies alike; otherwise the two families
//! never match each other. Host bits of a policy's range are masked; no prefix means the one address.

use std::net::{IpAddr, Ipv4Addr};

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Range {
    V4 { network: u32, mask: u32 },
    V6 { network: u128, mask: u128 },
}

/// Reads an address; a mapped one becomes IPv4.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>()
        .ok()
        .map(|address| address.to_canonical())
}

impl Range {
    /// Reads `ADDRESS` or `ADDRESS/PREFIX`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => {
                if prefix.is_empty()
                    || prefix.len() > 3
                    || !prefix.bytes().all(|byte| byte.is_ascii_digit())
                {
                    return None;
                }
                (address, Some(prefix.parse::<u32>().ok()?))
            }
            None => (text, None),
        };
        match address.parse::<IpAddr>().ok()? {
            IpAddr::V4(address) => Self::v4(address, prefix.unwrap_or(32)),
            IpAddr::V6(address) => {
                let prefix = prefix.unwrap_or(128);
                if let (Some(mapped), Some(prefix)) =
                    (address.to_ipv4_mapped(), prefix.checked_sub(96))
                {
                    return Self::v4(mapped, prefix);
                }
                let mask = match prefix {
                    0 => 0,
                    1..=128 => u128::MAX << 128u32.saturating_sub(prefix),
                    _ => return None,
                };
                Some(Self::V6 {
                    network: u128::from(address) & mask,
                    mask,
                })
            }
        }
    }

    fn v4(address: Ipv4Addr, prefix: u32) -> Option<Self> {
        let mask = match prefix {
            0 => 0,
            1..=32 => u32::MAX << 32u32.saturating_sub(prefix),
            _ => return None,
        };
        Some(Self::V4 {
            network: u32::from(address) & mask,
            mask,
        })
    }

    /// Whether an address (see [`address`]) lies in it.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::V4 { network, mask }, IpAddr::V4(address)) => {
                u32::from(address) & mask == *network
            }
            (Self::V6 { network, mask }, IpAddr::V6(address)) => {
                u128::from(address) & mask == *network
            }
            (Self::V4 { .. }, IpAddr::V6(_)) | (Self::V6 { .. }, IpAddr::V4(_)) => false,
        }
    }

    /// Whether every address of another range lies in it.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::V4 { network, mask },
                Self::V4 {
                    network: inner,
                    mask: inner_mask,
                },
            ) => mask & inner_mask == *mask && inner & mask == *network,
            (
                Self::V6 { network, mask },
                Self::V6 {
                    network: inner,
                    mask: inner_mask,
                },
            ) => mask & inner_mask == *mask && inner & mask == *network,
            (Self::V4 { .. }, Self::V6 { .. }) | (Self::V6 { .. }, Self::V4 { .. }) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(range: &str, text: &str) -> bool {
        Range::read(range).unwrap().contains(address(text).unwrap())
    }

    #[test]
    fn ranges_within_ranges() {
        let covers = |outer, inner| {
            let read = |text| Range::read(text).unwrap();
            read(outer).covers(&read(inner))
        };
        assert!(covers("10.0.0.0/8", "10.1.0.0/16"));
        assert!(covers("10.0.0.0/8", "10.0.0.0/8"));
        assert!(!covers("10.1.0.0/16", "10.0.0.0/8"));
        assert!(!covers("10.0.0.0/8", "11.0.0.0/16"));
        assert!(covers("0.0.0.0/0", "203.0.113.7"));
        assert!(covers("2001:db8::/32", "2001:db8:1::/48"));
        assert!(!covers("::/0", "10.0.0.0/8"));
    }

    #[test]
    fn ranges() {
        assert!(within("203.0.113.0/24", "203.0.113.7"));
        assert!(!within("203.0.113.0/24", "203.0.114.7"));
        assert!(within("203.0.113.99/24", "203.0.113.7"));
        assert!(within("203.0.113.7", "203.0.113.7"));
        assert!(within("0.0.0.0/0", "255.1.2.3"));
        assert!(within("::/0", "2001:db8::1"));
        assert!(!within("::/0", "10.0.0.1"));
        assert!(!within("0.0.0.0/0", "2001:db8::1"));
        assert!(within("2001:DB8:0:0:0:0:0:1", "2001:db8::1"));
        assert!(within("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(within("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(within("::ffff:10.0.0.0/104", "10.1.2.3"));
        assert!(!within("::ffff:0:0/95", "10.1.2.3"));
    }

    #[test]
    fn what_is_no_range() {
        for text in [
            "",
            "10.0.0.0/",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.0/+8",
            "10.0.0.0/255.0.0.0",
            "010.0.0.1",
            " 10.0.0.1",
            "fe80::1%eth0",
            "a",
            "10.0.0.0/8/8",
            "::ffff:10.0.0.0/129",
        ] {
            assert!(Range::read(text).is_none(), "{text}");
        }
    }
}
