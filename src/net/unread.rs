//! Heads that never became a request: the parser could not read them, or they did not come in time.
//!
//! The parser (hyper) answers such heads by itself, in a form that no one else here has. Its answer is recognised on its
//! way out, dropped, and written anew by the handler: like every refusal, and on record like every refusal.

use memchr::memmem;

/// Why a head became no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It cannot be read.
    Malformed,
    /// Its target is too long.
    TargetTooLong,
    /// It is too large, or has too many fields.
    TooLarge,
    /// It did not come in time.
    TooSlow,
}

/// The parser's answers are shorter.
const MOST: usize = 256;

/// Where in a piece of what is written the parser's own answer begins, and what it says. It stands at the end: the
/// connection closes after it. Answers of the handler carry the request's id.
pub(super) fn parsers_own(piece: &[u8]) -> Option<(usize, Unread)> {
    let tail = piece.len().saturating_sub(MOST);
    let at = memmem::rfind(piece.get(tail..)?, b"HTTP/1.")?.checked_add(tail)?;
    let answer = piece.get(at..)?;
    let (status, fields) = answer.split_at_checked(12)?;
    let bare = fields.ends_with(b"\r\n\r\n")
        && memmem::find(fields, b"\r\ncontent-length: 0\r\n").is_some()
        && memmem::find(fields, b"\r\nx-sidegate-").is_none();
    let why = match status.get(8..)? {
        b" 400" => Unread::Malformed,
        b" 414" => Unread::TargetTooLong,
        b" 431" => Unread::TooLarge,
        _ => return None,
    };
    bare.then_some((at, why))
}

/// What can be told of a head that was not read: its method and its target, if its first line is one.
pub fn first_line(head: &[u8]) -> Option<(&str, &str)> {
    let end = memchr::memchr(b'\n', head)?;
    let line = std::str::from_utf8(head.get(..end)?).ok()?;
    let mut words = line.trim_end_matches('\r').split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let plain = method.len() <= 32
        && !method.is_empty()
        && method.bytes().all(|byte| byte.is_ascii_alphabetic())
        && version.starts_with("HTTP/")
        && words.next().is_none();
    plain.then_some((method, target))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &[u8] =
        b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n";

    #[test]
    fn the_parsers_answers_are_told_from_the_handlers() {
        assert_eq!(parsers_own(OWN), Some((0, Unread::TooLarge)));
        let behind = [b"ok".as_slice(), OWN].concat();
        assert_eq!(parsers_own(&behind), Some((2, Unread::TooLarge)));
        for other in [
            b"".as_slice(),
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\nx-sidegate-request-id: a\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\nmore",
        ] {
            assert_eq!(parsers_own(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_first_line_is_told_only_when_it_is_one() {
        assert_eq!(
            first_line(b"GET /a?b HTTP/1.1\r\nHost: a\r\n"),
            Some(("GET", "/a?b"))
        );
        for other in [
            b"GET /a HTTP/1.1".as_slice(),
            b"GET /a b HTTP/1.1\r\n",
            b"G@T /a HTTP/1.1\r\n",
            b"\xff /a HTTP/1.1\r\n",
            b"GET /a\r\n",
        ] {
            assert_eq!(first_line(other), None, "{other:?}");
        }
    }
}
