//! What is checked of a head before anything is asked about it: framing, method, and that it says one host.

use bytes::Bytes;
use http::header::{COOKIE, HOST, HeaderMap, HeaderValue};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{Method, Version};
use hyper::ext::Protocol;

use crate::net::Fault;
use crate::outcome::Reason;
use crate::proxy::headers::is_for_one_hop;
use crate::proxy::streams;

/// A WebSocket over HTTP/2 (RFC 8441) asks by CONNECT for what HTTP/1.1 asks by GET with Upgrade: it is made the GET that
/// routes and policies know. The protocol, if it is one.
pub fn extended_connect(parts: &mut Parts) -> Result<Option<HeaderValue>, Reason> {
    let Some(protocol) = parts.extensions.remove::<Protocol>() else {
        return Ok(None);
    };
    if parts.method != Method::CONNECT || protocol.as_str() != "websocket" {
        return Err(Reason::MethodNotSupported);
    }
    parts.method = Method::GET;
    Ok(Some(HeaderValue::from_static("websocket")))
}

/// What was seen of a head's lines while they were checked, so that nobody need look at each of them again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Some are meant for this hop.
    pub hop: bool,
    /// One announces that the request will last.
    pub lasting: bool,
}

/// Checks a head, and writes its host into the Host field whichever way the client said it.
pub fn check(parts: &mut Parts, reading: Result<(), Fault>, fields: usize) -> Result<Seen, Reason> {
    match reading {
        Ok(()) => {}
        Err(Fault::Fragment) => return Err(Reason::MalformedPath),
        Err(Fault::TooLarge) => return Err(Reason::HeadTooLarge),
        Err(
            Fault::BareLineFeed
            | Fault::FoldedLine
            | Fault::LengthAndChunks
            | Fault::RepeatedFraming
            | Fault::InvalidLength
            | Fault::ChunkFraming
            | Fault::Disagreement
            | Fault::Http2,
        ) => return Err(Reason::MalformedRequest),
    }
    if parts.headers.len() > fields {
        return Err(Reason::HeadTooLarge);
    }
    if parts.method == Method::CONNECT || parts.method == Method::TRACE {
        return Err(Reason::MethodNotSupported);
    }
    // One look at each line: a look-up for each name would cost more than all of them together.
    let (mut codings, mut lengths, mut hosts) = (0_u32, 0_u32, 0_u32);
    let (mut said, mut seen) = (None, Seen::default());
    for (name, value) in &parts.headers {
        match name.as_str() {
            "transfer-encoding" => {
                seen.hop = true;
                codings = codings.saturating_add(1);
                if codings > 1 || !value.as_bytes().eq_ignore_ascii_case(b"chunked") {
                    return Err(Reason::MalformedRequest);
                }
            }
            // HTTP/2 frames by itself and lets repeated lengths pass, but an HTTP/1 upstream would frame by them.
            "content-length" => {
                lengths = lengths.saturating_add(1);
                if lengths > 1 {
                    return Err(Reason::MalformedRequest);
                }
            }
            "host" => {
                hosts = hosts.saturating_add(1);
                said = Some(one_host(value, parts.uri.authority()));
            }
            "accept" | "content-type" => seen.lasting |= streams::announces(name, value),
            "authorization" | "user-agent" => {}
            _ => seen.hop |= is_for_one_hop(name),
        }
    }
    // A target that is only an authority belongs to CONNECT.
    if parts.uri.authority().is_some() && parts.uri.scheme().is_none() {
        return Err(Reason::MalformedRequest);
    }
    // Nothing else is asked of us; an empty scheme, too, is none.
    if parts.uri.scheme_str().is_some_and(|scheme| {
        !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https")
    }) {
        return Err(Reason::MalformedRequest);
    }
    if parts.version == Version::HTTP_2 {
        path(parts)?;
        without_outer_blanks(&parts.headers)?;
        join_cookies(&mut parts.headers)?;
    }
    if hosts > 1 {
        return Err(Reason::InvalidHost);
    }
    said.unwrap_or_else(|| unsaid_host(parts))?;
    Ok(seen)
}

/// Checks that `:path` began with `/`, or is `*` with OPTIONS. The parser takes `?x` and `#x` too, and cuts fragments off:
/// only where nothing is left of the path can that still be seen. A fragment after a path is gone unseen; what is
/// judged and sent is the path without it.
#[inline(never)]
fn path(parts: &Parts) -> Result<(), Reason> {
    let Some(target) = parts.uri.path_and_query() else {
        return Err(Reason::MalformedPath);
    };
    let text = target.as_str();
    // An empty target calls itself `/` too, yet does not equal it.
    let good = match text {
        "/" => *target == PathAndQuery::from_static("/"),
        "*" => parts.method == Method::OPTIONS,
        _ => text.starts_with('/'),
    };
    if good {
        Ok(())
    } else {
        Err(Reason::MalformedPath)
    }
}

/// Refuses values with blanks around them (RFC 9113, 8.2.1): an HTTP/1 upstream would read others than were judged.
#[inline(never)]
fn without_outer_blanks(fields: &HeaderMap) -> Result<(), Reason> {
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let around = |value: &[u8]| blank(value.first()) || blank(value.last());
    if fields.values().any(|value| around(value.as_bytes())) {
        return Err(Reason::MalformedRequest);
    }
    Ok(())
}

/// Makes one field of the crumbs in which HTTP/2 may send cookies (RFC 9113, 8.2.3), before anybody reads them: what is
/// judged is what an HTTP/1 upstream gets.
#[inline(never)]
fn join_cookies(fields: &mut HeaderMap) -> Result<(), Reason> {
    let mut crumbs = fields.get_all(COOKIE).iter();
    let (Some(first), Some(second)) = (crumbs.next(), crumbs.next()) else {
        return Ok(());
    };
    let mut joined = first.as_bytes().to_vec();
    for crumb in std::iter::once(second).chain(crumbs) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(crumb.as_bytes());
    }
    let joined = HeaderValue::from_maybe_shared(Bytes::from(joined));
    let joined = joined.map_err(|_| Reason::MalformedRequest)?;
    fields.insert(COOKIE, joined);
    Ok(())
}

/// `Host`, beside whatever the target says.
fn one_host(field: &HeaderValue, target: Option<&Authority>) -> Result<(), Reason> {
    let text = match target {
        None => field.to_str().map_err(|_| Reason::InvalidHost)?,
        Some(target) => target.as_str(),
    };
    if target.is_some() && !field.as_bytes().eq_ignore_ascii_case(text.as_bytes()) {
        return Err(Reason::InvalidHost);
    }
    plain(text)
}

/// The host of a head that has no `Host`.
#[inline(never)]
fn unsaid_host(parts: &mut Parts) -> Result<(), Reason> {
    match parts.uri.authority() {
        Some(target) if parts.version == Version::HTTP_2 => {
            plain(target.as_str())?;
            let value = HeaderValue::from_str(target.as_str()).map_err(|_| Reason::InvalidHost)?;
            parts.headers.insert(HOST, value);
            Ok(())
        }
        // HTTP/1.0 allows that, but the upstream would be told a host then that nobody judged.
        _ => Err(Reason::InvalidHost),
    }
}

/// A host and perhaps a port, and nothing else: no user information, no escapes, nothing empty.
fn plain(text: &str) -> Result<(), Reason> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or(Reason::InvalidHost)?;
            let address = address.parse::<std::net::Ipv6Addr>();
            (address.map(|_| "ipv6"), port)
        }
        None => match text.bytes().position(|byte| byte == b':') {
            Some(at) => {
                let (host, port) = text.split_at_checked(at).ok_or(Reason::InvalidHost)?;
                (Ok(host), port)
            }
            None => (Ok(text), ""),
        },
    };
    let host = host.map_err(|_| Reason::InvalidHost)?;
    let common = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let digits = port.strip_prefix(':');
    let plain_port = match digits {
        None => port.is_empty(),
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        }
    };
    if host.is_empty() || !host.bytes().all(common) || !plain_port {
        return Err(Reason::InvalidHost);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn checked(version: Version, target: &str, lines: &[(&str, &str)]) -> Result<Parts, Reason> {
        let mut request = Request::builder().version(version).uri(target);
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let mut parts = request.body(()).unwrap().into_parts().0;
        check(&mut parts, Ok(()), 100)?;
        Ok(parts)
    }

    #[test]
    fn a_request_says_one_host() {
        let one = Version::HTTP_11;
        for (version, target, hosts, good) in [
            (one, "/", &[("host", "a.b:80")][..], true),
            (one, "/", &[("host", "[::1]:80")], true),
            (one, "/", &[], false),
            (Version::HTTP_10, "/", &[], false),
            (Version::HTTP_10, "/", &[("host", "a")], true),
            (one, "/", &[("host", "a"), ("host", "a")], false),
            (one, "/", &[("host", "")], false),
            (one, "/", &[("host", "a b")], false),
            (one, "/", &[("host", "a@b")], false),
            (one, "/", &[("host", "a/b")], false),
            (one, "/", &[("host", "a:x")], false),
            (one, "/", &[("host", "a:99999")], false),
            (one, "/", &[("host", "a,b")], false),
            (one, "/", &[("host", "a%2eb")], false),
            (one, "http://a/", &[("host", "a")], true),
            (one, "http://A/", &[("host", "a")], true),
            (one, "http://a/", &[("host", "b")], false),
            (one, "http://a/", &[], false),
            (one, "http://u@a/", &[("host", "u@a")], false),
            (Version::HTTP_2, "http://a/", &[], true),
            (Version::HTTP_2, "http://a/", &[("host", "a")], true),
            (Version::HTTP_2, "http://a/", &[("host", "b")], false),
            (Version::HTTP_2, "/", &[], false),
        ] {
            assert_eq!(
                checked(version, target, hosts).is_ok(),
                good,
                "{version:?} {target} {hosts:?}"
            );
        }
        let parts = checked(Version::HTTP_2, "https://a:1/", &[]).unwrap();
        assert_eq!(parts.headers[HOST], "a:1");
    }

    #[test]
    fn values_of_http2_have_no_blanks_around_them() {
        for (value, good) in [("a b", true), ("", true), (" a", false), ("a\t", false)] {
            let found = checked(Version::HTTP_2, "http://a/", &[("x", value)]);
            assert_eq!(found.is_ok(), good, "{value:?}");
        }
        assert!(checked(Version::HTTP_11, "/", &[("host", "a"), ("x", " a")]).is_ok());
    }

    #[test]
    fn codings_other_than_chunked_are_refused() {
        let host = ("host", "a");
        let with = |value| {
            checked(Version::HTTP_11, "/", &[host, ("transfer-encoding", value)]).map(|_| ())
        };
        assert_eq!(with("Chunked"), Ok(()));
        for value in [
            "gzip, chunked",
            "chunked, chunked",
            "identity",
            "chunked;q=1",
        ] {
            assert_eq!(with(value), Err(Reason::MalformedRequest), "{value}");
        }
    }
}
