//! Ranges of addresses, for peers that are believed.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses in CIDR notation; a bare address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    network: u128,
    mask: u128,
    v4: bool,
}

/// A text that is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an address or ADDRESS/BITS without host bits, found `{0}`")]
pub struct CidrError(String);

impl Cidr {
    /// Whether the range holds `address`. An IPv4 address written as IPv6 (`::ffff:a.b.c.d`) counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (bits, v4) = bits(address.to_canonical());
        v4 == self.v4 && bits & self.mask == self.network
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || CidrError(text.to_owned());
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let (network, v4) = bits(address.parse::<IpAddr>().map_err(|_| refused())?);
        let width: u32 = if v4 { 32 } else { 128 };
        let length = match length {
            Some(length) => length.parse::<u32>().map_err(|_| refused())?,
            None => width,
        };
        let host_bits = width.checked_sub(length).ok_or_else(refused)?;
        let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
        if network & mask != network {
            return Err(refused());
        }
        Ok(Self { network, mask, v4 })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ones = self.mask.count_ones();
        match u32::try_from(self.network) {
            Ok(network) if self.v4 => {
                write!(
                    formatter,
                    "{}/{}",
                    Ipv4Addr::from(network),
                    ones.saturating_sub(96)
                )
            }
            _ => write!(formatter, "{}/{ones}", Ipv6Addr::from(self.network)),
        }
    }
}

fn bits(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), true),
        IpAddr::V6(address) => (u128::from(address), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_they_should() {
        let holds = |range: &str, address: &str| {
            range
                .parse::<Cidr>()
                .unwrap()
                .contains(address.parse().unwrap())
        };
        assert!(holds("10.0.0.0/8", "10.1.2.3"));
        assert!(!holds("10.0.0.0/8", "11.1.2.3"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(holds("0.0.0.0/0", "9.9.9.9"));
        assert!(!holds("0.0.0.0/0", "::1"));
        assert!(holds("::/0", "::1"));
        assert!(holds("192.0.2.7", "192.0.2.7"));
        assert!(!holds("192.0.2.7", "192.0.2.8"));
        for text in [
            "10.0.0.0/8",
            "0.0.0.0/0",
            "192.0.2.7/32",
            "fd00::/8",
            "::/0",
            "::1/128",
        ] {
            assert_eq!(text.parse::<Cidr>().unwrap().to_string(), text);
        }
        for text in ["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "x", "::1/129"] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }
}
