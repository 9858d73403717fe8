//! What a route reads of a request besides its path: query parameters and headers.
//!
//! A value is read only where every upstream would read the same one. A name that occurs twice, or that some servers
//! would find and others not, is ambiguous, and the request is refused.

use std::borrow::Cow;

use crate::route::path::escaped;

/// The headers of a request.
pub trait Headers {
    /// Shows every header line, name and value, in any order.
    fn each<'h>(&'h self, visit: &mut dyn FnMut(&'h str, &'h [u8]));
}

/// A plain list of lines, for tools and tests.
impl Headers for &[(&str, &str)] {
    fn each<'h>(&'h self, visit: &mut dyn FnMut(&'h str, &'h [u8])) {
        for (name, value) in *self {
            visit(name, value.as_bytes());
        }
    }
}

/// A name that a route reads and that cannot be read in one way only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::route) struct Ambiguous;

/// The value of a header, if it is there. `name` is in lower case.
pub(in crate::route) fn header(
    headers: &dyn Headers,
    name: &str,
) -> Result<Option<String>, Ambiguous> {
    let mut found: Option<&[u8]> = None;
    let mut count = 0_u32;
    // A spelling that some servers take for the name and others do not, or what is dropped on the way.
    let mut unsure = false;
    headers.each(&mut |given, value| {
        if same_header(given, name) {
            found = Some(value);
            count = count.saturating_add(1);
            unsure |= !given.eq_ignore_ascii_case(name);
        }
        // What Connection names is removed on the way, so the upstream would not see what policy saw.
        if given.eq_ignore_ascii_case("connection") {
            unsure |= value.split(|byte| *byte == b',').any(|option| {
                std::str::from_utf8(option).is_ok_and(|option| same_header(option.trim(), name))
            });
        }
    });
    let Some(value) = found else {
        return Ok(None);
    };
    if count > 1 || unsure {
        return Err(Ambiguous);
    }
    let text = std::str::from_utf8(value).map_err(|_| Ambiguous)?.trim();
    if text.chars().any(char::is_control) {
        return Err(Ambiguous);
    }
    Ok(Some(text.to_owned()))
}

/// A header that must be there exactly once, in any spelling, to count, and in its own.
pub(in crate::route) fn single<'h>(headers: &'h dyn Headers, name: &str) -> Option<&'h str> {
    let mut found = None;
    let mut count = 0_u32;
    headers.each(&mut |given, value| {
        if same_header(given, name) {
            count = count.saturating_add(1);
        }
        if given.eq_ignore_ascii_case(name) {
            found = std::str::from_utf8(value).ok();
        }
    });
    found.filter(|_| count == 1)
}

/// Whether a text is a method with which a request could come: a token (RFC 9110), and none that is never forwarded.
pub(in crate::route) fn is_forwarded_method(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token) && !matches!(name, "CONNECT" | "TRACE")
}

/// A byte of a header's name as the most lenient reader takes it: without case, and whatever is no letter or digit as
/// `-`. CGI makes variables of names, in which `-` becomes `_`; some gateways (lighttpd's, HAProxy's for FastCGI) make
/// that of every mark that a name may hold.
pub fn header_fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() {
        byte.to_ascii_lowercase()
    } else {
        b'-'
    }
}

/// Servers that follow CGI read `x_a` and `x-a` as one.
fn same_header(given: &str, name: &str) -> bool {
    given.len() == name.len()
        && given
            .bytes()
            .map(header_fold)
            .eq(name.bytes().map(header_fold))
}

/// The value of a query parameter, if it is there.
pub(in crate::route) fn query(query: &str, name: &str) -> Result<Option<String>, Ambiguous> {
    let mut found: Option<&str> = None;
    let mut count = 0_u32;
    for (at, pair) in query.split('&').enumerate() {
        // Some servers divide at `;` too: what they alone would find makes the name ambiguous.
        for (inner, piece) in pair.split(';').enumerate() {
            let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
            let whole = form_decode(key).unwrap_or(Cow::Borrowed(key.as_bytes()));
            // Some servers read a name up to its first NUL.
            let key = whole.split(|byte| *byte == 0).next().unwrap_or_default();
            if !same_name(key, name) {
                continue;
            }
            count = count.saturating_add(1);
            if inner > 0 || pair.contains(';') || key.len() < whole.len() {
                return Err(Ambiguous);
            }
            if key == name.as_bytes() {
                found = Some(value);
            }
        }
        // A bound on the work: nobody sends so many.
        if at > 10_000 {
            return Err(Ambiguous);
        }
    }
    let Some(value) = found else {
        return Ok(None);
    };
    if count > 1 {
        return Err(Ambiguous);
    }
    let value = form_decode(value).ok_or(Ambiguous)?;
    let text = String::from_utf8(value.into_owned()).map_err(|_| Ambiguous)?;
    if text.chars().any(char::is_control) {
        return Err(Ambiguous);
    }
    Ok(Some(text))
}

fn same_name(given: &[u8], name: &str) -> bool {
    let fold = |byte: &u8| if *byte == b'_' { b'-' } else { *byte };
    given.len() == name.len() && given.iter().map(fold).eq(name.as_bytes().iter().map(fold))
}

/// Takes out `%XX` and `+`; `None` where an escape is malformed.
fn form_decode(text: &str) -> Option<Cow<'_, [u8]>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text.as_bytes()));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'%' => {
                out.push(escaped(tail)?);
                rest = tail.get(2..)?;
            }
            b'+' => out.push(b' '),
            _ => out.push(byte),
        }
    }
    Some(Cow::Owned(out))
}

/// Whether a request is a gRPC call: POST with content-type `application/grpc…`.
pub fn is_grpc(method: &str, content_type: Option<&str>) -> bool {
    const PREFIX: &str = "application/grpc";
    method == "POST"
        && content_type.is_some_and(|given| {
            given
                .get(..PREFIX.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
                && given
                    .get(PREFIX.len()..)
                    .is_some_and(|end| end.is_empty() || end.starts_with(['+', '-', ';', ' ']))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_parameters() {
        for (text, expected) in [
            ("", Ok(None)),
            ("a=1", Ok(None)),
            ("channel=web", Ok(Some("web"))),
            ("a=1&channel=web&b", Ok(Some("web"))),
            ("channel", Ok(Some(""))),
            ("channel=", Ok(Some(""))),
            ("chann%65l=w%C3%A9b+x", Ok(Some("wéb x"))),
            ("channel=a=b", Ok(Some("a=b"))),
            ("Channel=web", Ok(None)),
            ("channel=a&channel=b", Err(Ambiguous)),
            ("channel=a&channel=a", Err(Ambiguous)),
            ("channel=a&%63hannel=b", Err(Ambiguous)),
            ("channel&channel", Err(Ambiguous)),
            ("channel=a;x=1", Err(Ambiguous)),
            ("x=1;channel=a", Err(Ambiguous)),
            ("channel%00=a", Err(Ambiguous)),
            ("channel%00=a&channel=b", Err(Ambiguous)),
            ("channel=%", Err(Ambiguous)),
            ("channel=%ff", Err(Ambiguous)),
            ("channel=a%00b", Err(Ambiguous)),
            ("x;y=1&channel=a", Ok(Some("a"))),
        ] {
            let expected = expected.map(|value| value.map(str::to_owned));
            assert_eq!(query(text, "channel"), expected, "{text}");
        }
        assert_eq!(query("user-id=1&user_id=2", "user_id"), Err(Ambiguous));
        assert_eq!(query("user-id=1", "user_id"), Ok(None));
    }

    #[test]
    fn headers() {
        let read = |lines: &[(&str, &str)]| header(&lines, "x-channel");
        assert_eq!(read(&[("host", "a")]), Ok(None));
        assert_eq!(read(&[("X-Channel", " web ")]), Ok(Some("web".to_owned())));
        // The upstream may well not find these; what policy then judged would be nothing that it goes by.
        for other in ["x_channel", "x~channel", "X.Channel"] {
            assert_eq!(read(&[(other, "web")]), Err(Ambiguous), "{other}");
        }
        assert_eq!(
            read(&[("x-channel", "a"), ("x_channel", "b")]),
            Err(Ambiguous)
        );
        assert_eq!(
            read(&[("x-channel", "a"), ("X-CHANNEL", "a")]),
            Err(Ambiguous)
        );
        assert_eq!(
            read(&[("x-channel", "a"), ("Connection", "close, X-Channel")]),
            Err(Ambiguous)
        );
        assert_eq!(read(&[("x-channel", "a\u{1}")]), Err(Ambiguous));
    }

    #[test]
    fn what_must_be_there_once() {
        let read = |lines: &[(&str, &str)]| single(&lines, "x-channel").map(str::to_owned);
        assert_eq!(read(&[("X-Channel", "a")]), Some("a".to_owned()));
        assert_eq!(read(&[("x~channel", "a")]), None);
        assert_eq!(read(&[("x-channel", "a"), ("x_channel", "a")]), None);
        assert_eq!(read(&[("x-channel", "a"), ("x-channel", "a")]), None);
    }

    #[test]
    fn grpc_calls() {
        for (method, kind, expected) in [
            ("POST", Some("application/grpc"), true),
            ("POST", Some("Application/gRPC+proto"), true),
            ("POST", Some("application/grpc; charset=utf-8"), true),
            ("POST", Some("application/grpc-web"), true),
            ("POST", Some("application/grpcx"), false),
            ("POST", Some("application/json"), false),
            ("POST", None, false),
            ("GET", Some("application/grpc"), false),
        ] {
            assert_eq!(is_grpc(method, kind), expected, "{kind:?}");
        }
    }
}
