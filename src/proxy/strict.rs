//! What is checked of a head before anything is asked about it: framing, method, and that it says one host.

use http::header::{HOST, HeaderValue, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Method, Version};

use crate::net::Fault;
use crate::outcome::Reason;

/// Checks a head, and writes its host into the Host field whichever way the client said it.
pub fn check(parts: &mut Parts, reading: Result<(), Fault>, fields: usize) -> Result<(), Reason> {
    match reading {
        Ok(()) => {}
        Err(Fault::Fragment) => return Err(Reason::MalformedPath),
        Err(
            Fault::BareLineFeed
            | Fault::FoldedLine
            | Fault::LengthAndChunks
            | Fault::RepeatedFraming
            | Fault::InvalidLength
            | Fault::ChunkFraming
            | Fault::Disagreement,
        ) => return Err(Reason::MalformedRequest),
    }
    if parts.headers.len() > fields {
        return Err(Reason::HeadTooLarge);
    }
    if parts.method == Method::CONNECT || parts.method == Method::TRACE {
        return Err(Reason::MethodNotSupported);
    }
    let mut codings = parts.headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => {}
        (Some(one), None) if one.as_bytes().eq_ignore_ascii_case(b"chunked") => {}
        _ => return Err(Reason::MalformedRequest),
    }
    // A target that is only an authority belongs to CONNECT.
    if parts.uri.authority().is_some() && parts.uri.scheme().is_none() {
        return Err(Reason::MalformedRequest);
    }
    host(parts)
}

fn host(parts: &mut Parts) -> Result<(), Reason> {
    let mut named = parts.headers.get_all(HOST).iter();
    let (field, more) = (named.next(), named.next());
    if more.is_some() {
        return Err(Reason::InvalidHost);
    }
    let target = parts.uri.authority();
    match (field, target) {
        (Some(field), None) => {
            let text = field.to_str().map_err(|_| Reason::InvalidHost)?;
            plain(text)
        }
        (Some(field), Some(target)) => {
            if !field
                .as_bytes()
                .eq_ignore_ascii_case(target.as_str().as_bytes())
            {
                return Err(Reason::InvalidHost);
            }
            plain(target.as_str())
        }
        (None, Some(target)) if parts.version == Version::HTTP_2 => {
            plain(target.as_str())?;
            let value = HeaderValue::from_str(target.as_str()).map_err(|_| Reason::InvalidHost)?;
            parts.headers.insert(HOST, value);
            Ok(())
        }
        (None, None) if parts.version == Version::HTTP_10 => Ok(()),
        (None, _) => Err(Reason::InvalidHost),
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
        None => match text.find(':') {
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
            (Version::HTTP_10, "/", &[], true),
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
