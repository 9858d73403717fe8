//! What the parser gets in place of a head, or of trailers, that it would end the stream for: a head that is in order,
//! with a mark in it that says what is wrong with the one that came.
//!
//! So such a request goes the way of all others: it is refused in the same form, and put on record and counted as they
//! are. The mark is a number that nobody can guess and that never leaves the process.

use std::sync::LazyLock;

use http::header::HeaderMap;
use http::uri::PathAndQuery;

use crate::net::framing::Fault;
use crate::net::http2::hpack::Fields;
use crate::net::http2::rules::is_value;

/// Its name is among those that never go on to an upstream, too.
const NAME: &str = "x-sidegate-fault";
/// Of a head that is refused, only these are looked at.
const KEPT: [&[u8]; 3] = [b"content-type", b"user-agent", b"x-request-id"];
/// The longest name of a method that is told.
const METHOD: usize = 32;

static MARK: LazyLock<String> = LazyLock::new(|| uuid::Uuid::new_v4().simple().to_string());

/// A field.
pub(super) type Field<'f> = (&'f [u8], &'f [u8]);

/// The mark for a fault, as a value.
pub(super) fn mark(fault: Fault) -> Vec<u8> {
    let letter = match fault {
        Fault::TooLarge => b'l',
        Fault::Fragment => b'f',
        Fault::Http2
        | Fault::BareLineFeed
        | Fault::FoldedLine
        | Fault::LengthAndChunks
        | Fault::RepeatedFraming
        | Fault::InvalidLength
        | Fault::ChunkFraming
        | Fault::Disagreement => b'm',
    };
    let mut value = MARK.as_bytes().to_vec();
    value.push(letter);
    value
}

/// What is wrong with the head, or the trailers, that these fields stand for: `None` if they are a client's own.
pub fn fault(fields: &HeaderMap) -> Option<Fault> {
    let value = fields.get(NAME)?.as_bytes();
    match value.strip_prefix(MARK.as_bytes())? {
        b"l" => Some(Fault::TooLarge),
        b"f" => Some(Fault::Fragment),
        _ => Some(Fault::Http2),
    }
}

/// What stands for a head: as much of it as can be told.
pub(super) fn head<'f>(fields: &'f Fields, mark: &'f [u8]) -> Vec<Field<'f>> {
    let first = |wanted: &[u8]| {
        let mut fields = fields.iter();
        fields.find_map(|(name, value)| (name == wanted).then_some(value))
    };
    let method = first(b":method").filter(|method| is_told(method));
    // What is behind a fragment's sign is no part of a path.
    let path = first(b":path")
        .and_then(|path| path.split(|&byte| byte == b'#').next())
        .filter(|path| path.starts_with(b"/") && PathAndQuery::try_from(*path).is_ok());
    let request: [Field<'f>; 3] = [
        (b":method", method.unwrap_or(b"-")),
        (b":scheme", b"http"),
        (b":path", path.unwrap_or(b"*")),
    ];
    let mut told = request.to_vec();
    told.extend(trailers(mark));
    let kept = KEPT
        .iter()
        .filter_map(|name| first(name).map(|value| (*name, value)));
    told.extend(kept.filter(|(_, value)| is_value(value)));
    told
}

/// What stands for trailers.
pub(super) fn trailers(mark: &[u8]) -> [Field<'_>; 1] {
    [(NAME.as_bytes(), mark)]
}

/// CONNECT makes a head of another form.
fn is_told(method: &[u8]) -> bool {
    (1..=METHOD).contains(&method.len())
        && method.iter().all(u8::is_ascii_alphabetic)
        && method != b"CONNECT"
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_mark_tells_the_fault_and_cannot_be_made_outside() {
        for told in [Fault::TooLarge, Fault::Fragment, Fault::Http2] {
            let mut fields = HeaderMap::new();
            let value = HeaderValue::from_bytes(&mark(told)).unwrap();
            fields.insert(NAME, value);
            assert_eq!(fault(&fields), Some(told));
            fields.insert(NAME, HeaderValue::from_static("m"));
            assert_eq!(fault(&fields), None);
        }
    }

    #[test]
    fn what_can_be_told_of_a_head_is() {
        let told = |fields: &[(&str, &str)]| {
            let mut list = Fields::new(1000);
            for (name, value) in fields {
                list.push(name.as_bytes(), value.as_bytes());
            }
            let told = head(&list, b"?");
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            let lines = told
                .iter()
                .map(|(name, value)| text(name) + "=" + &text(value));
            lines.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            told(&[
                (":path", "/a?b#c"),
                (":method", "PUT"),
                ("A", "b"),
                ("user-agent", "c")
            ]),
            ":method=PUT :scheme=http :path=/a?b x-sidegate-fault=? user-agent=c"
        );
        for odd in [
            &[][..],
            &[(":method", "CONNECT"), (":path", "")],
            &[(":method", "G T"), (":path", "a b"), ("user-agent", "\n")],
        ] {
            assert_eq!(
                told(odd),
                ":method=- :scheme=http :path=* x-sidegate-fault=?"
            );
        }
    }
}
