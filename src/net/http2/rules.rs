//! Which heads and trailers HTTP/2 allows (RFC 9113, 8.2 and 8.3).
//!
//! The parser (h2) knows these rules too, and answers what breaks them with a reset or the end of the connection, as the
//! protocol wants it. Here they are found before it sees them, so that the client is told what was wrong, and others on
//! the same connection go on. What of a head is refused for other reasons is `proxy`'s.

use http::Method;
use http::uri::{Authority, PathAndQuery, Scheme};

use crate::net::framing::Fault;
use crate::net::http2::hpack::Fields;

/// What stands for the request line.
#[derive(Debug, Default)]
struct Pseudo<'f> {
    method: Option<&'f [u8]>,
    scheme: Option<&'f [u8]>,
    authority: Option<&'f [u8]>,
    path: Option<&'f [u8]>,
    protocol: Option<&'f [u8]>,
}

/// Judges a request's head; `ends`: no body follows.
pub(super) fn head(fields: &Fields, ends: bool) -> Result<(), Fault> {
    if fields.too_large() {
        return Err(Fault::TooLarge);
    }
    let mut pseudo = Pseudo::default();
    let mut length = None;
    let mut regular = false;
    for (name, value) in fields.iter() {
        if name.first() == Some(&b':') {
            let place = pseudo.place(name).filter(|_| !regular);
            // Each once, and before all others.
            if place.ok_or(Fault::Http2)?.replace(value).is_some() {
                return Err(Fault::Http2);
            }
            continue;
        }
        regular = true;
        field(name, value)?;
        if name == b"content-length" {
            let said = number(value).ok_or(Fault::Http2)?;
            if length.replace(said).is_some_and(|other| other != said) {
                return Err(Fault::Http2);
            }
        }
    }
    if ends && length.is_some_and(|length| length > 0) {
        return Err(Fault::Http2);
    }
    pseudo.judge()
}

/// Judges what follows a request's body; `ends`: it is the last.
pub(super) fn trailers(fields: &Fields, ends: bool) -> Result<(), Fault> {
    if fields.too_large() {
        return Err(Fault::TooLarge);
    }
    if !ends {
        return Err(Fault::Http2);
    }
    fields
        .iter()
        .try_for_each(|(name, value)| field(name, value))
}

/// A field that is none of the request line's: no name may begin with a colon.
fn field(name: &[u8], value: &[u8]) -> Result<(), Fault> {
    let of_a_connection = match name {
        b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" => {
            true
        }
        b"te" => value != b"trailers",
        _ => false,
    };
    if of_a_connection
        || name.is_empty()
        || !name.iter().copied().all(is_of_a_name)
        || !is_value(value)
    {
        return Err(Fault::Http2);
    }
    Ok(())
}

fn is_of_a_name(byte: u8) -> bool {
    matches!(
        byte,
        b'a'..=b'z' | b'0'..=b'9' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+'
            | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
    )
}

/// No early end, so that many bytes are looked at together.
pub(super) fn is_value(value: &[u8]) -> bool {
    let bad = |byte: u8| (byte < b' ' && byte != b'\t') || byte == 0x7f;
    value.iter().fold(0, |any, &byte| any | u8::from(bad(byte))) == 0
}

/// A number as the parser reads it.
fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// What is plain is not copied to be looked at.
fn is_authority(it: &[u8]) -> bool {
    is_plain_authority(it) || Authority::try_from(it).is_ok()
}

/// The same of a path.
fn is_path(it: &[u8]) -> bool {
    is_plain_path(it) || !it.is_empty() && PathAndQuery::try_from(it).is_ok()
}

/// The longest text that may be plain.
const PLAIN: usize = 4096;

/// A name or an IPv4 address, and perhaps a port.
fn is_plain_authority(it: &[u8]) -> bool {
    let (host, port) = match memchr::memchr(b':', it) {
        Some(at) => (it.get(..at), it.get(at.saturating_add(1)..)),
        None => (Some(it), None),
    };
    let of_a_host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    it.len() <= PLAIN
        && host.is_some_and(|host| !host.is_empty() && host.iter().all(of_a_host))
        && port
            .is_none_or(|port| (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit))
}

/// Of the letters that RFC 3986 gives a path and a query.
fn is_plain_path(it: &[u8]) -> bool {
    let of_both = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'.'
                    | b'_'
                    | b'~'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b','
                    | b';'
                    | b'='
                    | b':'
                    | b'@'
                    | b'%'
                    | b'/'
                    | b'?'
            )
    };
    it.len() <= PLAIN && it.first() == Some(&b'/') && it.iter().all(of_both)
}

impl<'f> Pseudo<'f> {
    fn place(&mut self, name: &[u8]) -> Option<&mut Option<&'f [u8]>> {
        match name {
            b":method" => Some(&mut self.method),
            b":scheme" => Some(&mut self.scheme),
            b":authority" => Some(&mut self.authority),
            b":path" => Some(&mut self.path),
            b":protocol" => Some(&mut self.protocol),
            _ => None,
        }
    }

    fn judge(&self) -> Result<(), Fault> {
        let method = self.method.ok_or(Fault::Http2)?;
        let readable = Method::from_bytes(method).is_ok()
            && self.authority.is_none_or(is_authority)
            && self.scheme.is_none_or(|it| Scheme::try_from(it).is_ok())
            && self.path.is_none_or(is_path)
            && self
                .protocol
                .is_none_or(|it| std::str::from_utf8(it).is_ok());
        let connects = method == b"CONNECT";
        let complete = match self.protocol {
            // RFC 8441, section 4.
            Some(_) => connects && self.scheme.is_some() && self.path.is_some(),
            // RFC 9113, section 8.5.
            None if connects => self.scheme.is_none() && self.path.is_none(),
            None => self.scheme.is_some() && self.path.is_some(),
        };
        if !readable || !complete {
            return Err(Fault::Http2);
        }
        // The parser would cut it off.
        if self.path.is_some_and(|path| path.contains(&b'#')) {
            return Err(Fault::Fragment);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GET: [(&str, &str); 4] = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/a"),
    ];

    fn list(fields: &[(&str, &str)]) -> Fields {
        let mut list = Fields::new(1000);
        for (name, value) in fields {
            list.push(name.as_bytes(), value.as_bytes());
        }
        list
    }

    /// The request with one field more.
    fn with(name: &str, value: &str) -> Result<(), Fault> {
        head(&list(&[&GET[..], &[(name, value)]].concat()), true)
    }

    /// The request with one field of another value, or without it.
    fn changed(name: &str, value: Option<&str>) -> Result<(), Fault> {
        let mut fields = GET.to_vec();
        fields.retain(|field| field.0 != name);
        fields.extend(value.map(|value| (name, value)));
        head(&list(&fields), true)
    }

    #[test]
    fn what_is_allowed_passes() {
        assert_eq!(head(&list(&GET), true), Ok(()));
        for (name, value) in [
            ("a", ""),
            ("a-b_c.1", "x\ty \u{e9}"),
            ("te", "trailers"),
            ("content-length", "0"),
            ("host", "b"),
        ] {
            assert_eq!(with(name, value), Ok(()), "{name}");
        }
        assert_eq!(changed(":path", Some("*")), Ok(()));
        assert_eq!(changed(":authority", None), Ok(()));
        let connect = [(":method", "CONNECT"), (":authority", "a:1")];
        assert_eq!(head(&list(&connect), false), Ok(()));
        let mut websocket = GET.to_vec();
        websocket[0].1 = "CONNECT";
        websocket.push((":protocol", "websocket"));
        assert_eq!(head(&list(&websocket), false), Ok(()));
        assert_eq!(trailers(&list(&[("a", "b")]), true), Ok(()));
    }

    #[test]
    fn what_is_forbidden_is_found() {
        for (name, value) in [
            ("", "x"),
            ("A", "x"),
            ("a b", "x"),
            ("a\u{e9}", "x"),
            ("a:b", "x"),
            ("a", "b\r\nc: d"),
            ("a", "\0"),
            ("a", "\u{7f}"),
            ("connection", "close"),
            ("keep-alive", "5"),
            ("proxy-connection", "x"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("te", "gzip"),
            ("te", "Trailers"),
            ("content-length", "5"),
            ("content-length", "+0"),
            ("content-length", ""),
            ("content-length", "00000000000000000000"),
            (":path", "/b"),
            (":status", "200"),
            (":protocol", "websocket"),
            (":unknown", "x"),
        ] {
            assert_eq!(with(name, value), Err(Fault::Http2), "{name} {value}");
            let fields = list(&[(name, value)]);
            let verdict = trailers(&fields, true);
            assert_eq!(verdict.is_err(), name != "content-length", "{name} {value}");
        }
        for (name, value) in [
            (":method", None),
            (":method", Some("")),
            (":method", Some("G T")),
            (":method", Some("CONNECT")),
            (":scheme", None),
            (":scheme", Some("a b")),
            (":authority", Some("")),
            (":authority", Some("a b")),
            (":path", None),
            (":path", Some("")),
            (":path", Some("/a b")),
            (":path", Some("/\r\n")),
        ] {
            assert_eq!(changed(name, value), Err(Fault::Http2), "{name} {value:?}");
        }
        let behind = [&[("a", "b")][..], &GET].concat();
        assert_eq!(head(&list(&behind), true), Err(Fault::Http2));
        let lengths = [
            &GET[..],
            &[("content-length", "1"), ("content-length", "2")],
        ]
        .concat();
        assert_eq!(head(&list(&lengths), false), Err(Fault::Http2));
        assert_eq!(trailers(&list(&[("a", "b")]), false), Err(Fault::Http2));
        assert_eq!(changed(":path", Some("/a#b")), Err(Fault::Fragment));
        assert_eq!(with("a", &"b".repeat(1000)), Err(Fault::TooLarge));
    }

    proptest! {
        /// What is plain is what the parser takes, too.
        #[test]
        fn plain_texts_are_the_parsers(
            text in prop_oneof![
                "[a-zA-Z0-9.:-]{0,12}",
                "[ -~]{0,6}",
                "/[ -~]{0,8}",
                "/[a-z%?/:@!$&'()*+,;=._~-]{0,30}",
            ],
        ) {
            let text = text.as_bytes();
            if is_plain_authority(text) {
                let read = Authority::try_from(text);
                prop_assert!(read.is_ok_and(|it| it.as_str().as_bytes() == text));
            }
            if is_plain_path(text) {
                let read = PathAndQuery::try_from(text);
                prop_assert!(read.is_ok_and(|it| it.as_str().as_bytes() == text));
            }
        }
    }
}
