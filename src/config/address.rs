//! Where the process listens, all listeners together: no two of them can have one address.
//!
//! A start would find out as well, but only on the machine that it fails on.

use std::net::IpAddr;

use super::section::{Reading, Section};
use crate::net::Address;
use crate::source::{Position, Span};

/// An address that something listens on.
#[derive(Debug)]
pub(super) struct Listening {
    what: String,
    address: Address,
    /// Where it is written; `None`: it is the default.
    span: Option<Span>,
}

impl Section<'_, '_, '_> {
    /// Notes that `what` listens on the section's `address`.
    pub(super) fn listens(&mut self, what: impl Into<String>, address: Address) {
        let span = self.value_span("address");
        self.reading.listening.push(Listening {
            what: what.into(),
            address,
            span,
        });
    }
}

/// Reports addresses that stand twice.
pub(super) fn check(reading: &mut Reading<'_>) {
    let all = std::mem::take(&mut reading.listening);
    for (at, second) in all.iter().enumerate() {
        let Some(first) =
            (all.iter().take(at)).find(|first| collide(&first.address, &second.address))
        else {
            continue;
        };
        let start = Position { line: 1, column: 1 };
        let span = second.span.or(first.span);
        let span = span.unwrap_or(Span { start, end: start });
        let same = if first.address == second.address {
            format!("both listen on {}", first.address)
        } else {
            format!(
                "{} takes in what {} listens on",
                wider(&first.address, &second.address),
                narrower(&first.address, &second.address)
            )
        };
        reading.report.error(
            "duplicate-address",
            span,
            format!("{} and {}: {same}", first.what, second.what),
            "give each a port of its own",
        );
    }
}

/// Whether one address cannot be bound beside the other. Port 0 is another port each time.
fn collide(a: &Address, b: &Address) -> bool {
    match (a, b) {
        (Address::Unix(a), Address::Unix(b)) => a == b,
        (Address::Tcp(a), Address::Tcp(b)) => {
            a.port() == b.port()
                && a.port() != 0
                && (a.ip() == b.ip() || takes_in(a.ip(), b.ip()) || takes_in(b.ip(), a.ip()))
        }
        _ => false,
    }
}

/// `0.0.0.0` is every IPv4 address, `[::]` every address of both kinds.
fn takes_in(wide: IpAddr, narrow: IpAddr) -> bool {
    wide.is_unspecified() && (wide.is_ipv6() || narrow.is_ipv4())
}

fn wider<'a>(a: &'a Address, b: &'a Address) -> &'a Address {
    match (a, b) {
        (Address::Tcp(first), Address::Tcp(second)) if !takes_in(first.ip(), second.ip()) => b,
        _ => a,
    }
}

fn narrower<'a>(a: &'a Address, b: &'a Address) -> &'a Address {
    if wider(a, b) == a { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_addresses_collide() {
        let collides = |a: &str, b: &str| {
            let (a, b) = (a.parse().unwrap(), b.parse().unwrap());
            assert_eq!(collide(&a, &b), collide(&b, &a));
            collide(&a, &b)
        };
        for (a, b) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "127.0.0.1:80"),
            ("[::]:80", "0.0.0.0:80"),
            ("[::]:80", "[::1]:80"),
            ("unix:/a", "unix:/a"),
        ] {
            assert!(collides(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("127.0.0.1:80", "127.0.0.1:81"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("127.0.0.1:80", "127.0.0.2:80"),
            ("0.0.0.0:80", "[::1]:80"),
            ("unix:/a", "unix:/b"),
            ("unix:/a", "127.0.0.1:80"),
        ] {
            assert!(!collides(a, b), "{a} {b}");
        }
    }
}
