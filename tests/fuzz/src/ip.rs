//! Any range and any address, and the same compared bit by bit.
//!
//! Input: range, address.

use std::net::IpAddr;

use super::judge::{condition, lines};

/// The family and its bits.
fn bits(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("4{:032b}", u32::from(address)),
        IpAddr::V6(address) => format!("6{:0128b}", u128::from(address)),
    }
}

/// Whether the address lies in the range; `None` if either is none.
fn naive(range: &str, address: &str) -> Option<bool> {
    let (network, length) = match range.split_once('/') {
        Some((network, length)) => (network, Some(length.parse::<usize>().ok()?)),
        None => (range, None),
    };
    let network: IpAddr = network.parse().ok()?;
    let address = bits(address.parse().ok()?);
    // A range of mapped addresses that is wider than all of them is one of IPv6.
    let wide = length.is_some_and(|length| length < 96);
    let (network, length) = match network {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() && wide => {
            (format!("6{:0128b}", u128::from(v6)), length)
        }
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            (bits(network), length.map(|length| length - 96))
        }
        _ => (bits(network), length),
    };
    let length = length.unwrap_or(network.len() - 1);
    Some(address.len() == network.len() && address.get(..=length)? == network.get(..=length)?)
}

pub(crate) fn target(input: &[u8]) {
    let Some([range, address]) = lines(input) else {
        return;
    };
    let Some(within) = condition("IpAddress", range, address) else {
        return;
    };
    let without = condition("NotIpAddress", range, address).expect("a range");
    if let Some(expected) = naive(range, address) {
        assert_eq!(within, [expected; 2], "{range} {address}");
        assert_eq!(without, [!expected; 2], "{range} {address}");
    } else {
        assert_eq!(within, [false, true], "{range} {address}");
        assert_eq!(without, [false, true], "{range} {address}");
    }
}
