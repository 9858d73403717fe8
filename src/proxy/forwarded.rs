//! Who sent a request when it came through other proxies, and what the upstream is told of that.
//!
//! `X-Forwarded-*` and `Forwarded` are believed from listed peers only, counted from the right; from anyone else they
//! are removed and written anew.

use std::net::{IpAddr, SocketAddr};

use http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};

use crate::net::cidr::Cidr;
use crate::route::header_fold;

pub(super) const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The client, as far as the peers between are believed.
    pub client: IpAddr,
    /// Whether the client's own connection had TLS.
    pub secure: bool,
    /// Whether the peer's word was taken.
    pub believed: bool,
}

/// Finds out who sent the request. `secure` is that of the peer's own connection.
pub fn origin(peer: IpAddr, secure: bool, fields: &HeaderMap, trusted: &[Cidr]) -> Origin {
    let listed = |address| trusted.iter().any(|range| range.contains(address));
    if !listed(peer) {
        return Origin {
            client: peer,
            secure,
            believed: false,
        };
    }
    let mut client = peer;
    for value in fields.get_all(FOR).iter().rev() {
        let mut entries = value.as_bytes().rsplit(|&byte| byte == b',');
        let stop = entries.find_map(|entry| match address(entry) {
            Some(found) => {
                client = found;
                (!listed(found)).then_some(())
            }
            // Whoever wrote this is not to be believed; the last address that was stands.
            None => Some(()),
        });
        if stop.is_some() {
            break;
        }
    }
    let mut protocols = fields.get_all(PROTO).iter();
    let secure = match (protocols.next(), protocols.next()) {
        (Some(one), None) => one.as_bytes().eq_ignore_ascii_case(b"https"),
        _ => secure,
    };
    Origin {
        client,
        secure,
        believed: true,
    }
}

fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let address = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()?;
    Some(address.to_canonical())
}

/// Tells the upstream: a believed peer's words with the peer added, or ours alone. The claims of a peer that is not
/// believed must be gone already.
pub fn write(fields: &mut HeaderMap, origin: &Origin, peer: &HeaderValue, secure: bool) {
    fields.append(FOR, peer.clone());
    if !origin.believed || !fields.contains_key(PROTO) {
        fields.insert(PROTO, proto(secure));
    }
}

/// What `X-Forwarded-Proto` says.
pub(super) fn proto(secure: bool) -> HeaderValue {
    HeaderValue::from_static(if secure { "https" } else { "http" })
}

/// Whether a field of that name, in whatever spelling, says where a request came from.
pub fn claims(name: &HeaderName) -> bool {
    if name == FORWARDED {
        return true;
    }
    let name = name.as_str().as_bytes();
    let plain = |pattern: &[u8]| {
        name.iter()
            .zip(pattern)
            .all(|(byte, expected)| header_fold(*byte) == *expected)
    };
    name.first() == Some(&b'x')
        && (name.len() >= 12 && plain(b"x-forwarded-") || name.len() == 9 && plain(b"x-real-ip"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        map
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_listed_peers_are_believed_counted_from_the_right() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let client = |peer: &str, lines: &[(&'static str, &str)]| {
            origin(ip(peer), false, &fields(lines), &trusted)
                .client
                .to_string()
        };
        let claim = [("x-forwarded-for", "1.1.1.1")];
        assert_eq!(client("9.9.9.9", &claim), "9.9.9.9");
        assert_eq!(client("10.0.0.1", &claim), "1.1.1.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        for (value, expected) in [
            ("1.1.1.1, 2.2.2.2", "2.2.2.2"),
            ("1.1.1.1, 2.2.2.2, 10.0.0.3", "2.2.2.2"),
            ("1.1.1.1, nonsense, 10.0.0.3", "10.0.0.3"),
            ("10.0.0.5, 10.0.0.3", "10.0.0.5"),
            ("1.1.1.1,", "10.0.0.1"),
            ("[2001:db8::1]:77", "2001:db8::1"),
            ("4.4.4.4:5", "4.4.4.4"),
        ] {
            let lines = [("x-forwarded-for", value)];
            assert_eq!(client("10.0.0.1", &lines), expected, "{value}");
        }
        let lines = [
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "10.0.0.2"),
        ];
        assert_eq!(client("10.0.0.1", &lines), "1.1.1.1");
    }

    #[test]
    fn the_word_of_an_unlisted_peer_is_replaced() {
        let mut map = fields(&[
            ("forwarded", "for=1.1.1.1"),
            ("x-real-ip", "1.1.1.1"),
            ("x_real_ip", "1.1.1.1"),
            ("x-forwarded-for", "1.1.1.1"),
            ("x_forwarded_for", "1.1.1.1"),
            ("x-forwarded-host", "evil"),
            ("x-forwarded", "kept: another name"),
            ("x-real-ipx", "kept"),
        ]);
        let origin = origin(ip("9.9.9.9"), true, &map, &[]);
        let strip = crate::proxy::headers::Strip::new([]);
        let cleaning = crate::proxy::headers::Cleaning {
            strip: &strip,
            believed: origin.believed,
            credential: true,
            preflight: false,
        };
        cleaning.remove(&mut map);
        write(
            &mut map,
            &origin,
            &HeaderValue::from_static("9.9.9.9"),
            true,
        );
        let mut names: Vec<_> = map.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "x-forwarded",
                "x-forwarded-for",
                "x-forwarded-proto",
                "x-real-ipx"
            ]
        );
        assert_eq!(map["x-forwarded-for"], "9.9.9.9");
        assert_eq!(map["x-forwarded-proto"], "https");
    }

    #[test]
    fn a_believed_peer_is_added() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let mut map = fields(&[
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-proto", "https"),
        ]);
        let origin = origin(ip("10.0.0.1"), false, &map, &trusted);
        assert!(origin.secure);
        write(
            &mut map,
            &origin,
            &HeaderValue::from_static("10.0.0.1"),
            false,
        );
        let values: Vec<_> = map.get_all("x-forwarded-for").iter().collect();
        assert_eq!(values, ["1.1.1.1", "10.0.0.1"]);
        assert_eq!(map["x-forwarded-proto"], "https");
    }
}
