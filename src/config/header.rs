//! Names of headers that a configuration gives a meaning: none that a request needs for something else.

use super::section::Reading;
use super::value::{HeaderPattern, Setting, Shape, Token};
use crate::source::Node;

/// The header that `tokens.header` names.
pub(super) struct TokenHeader(pub(super) Box<str>);

/// Headers without which a request is another one, or none.
const FRAMING: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that every client sets for a purpose of their own; what ends in `-` begins a family of them.
const OWN_PURPOSE: [&str; 15] = [
    "accept",
    "accept-",
    "cache-control",
    "content-",
    "date",
    "forwarded",
    "if-",
    "origin",
    "range",
    "referer",
    "sec-",
    "user-agent",
    "via",
    "x-forwarded-",
    "x-real-ip",
];

/// Headers that Sidegate reads as something else.
const OURS: [&str; 4] = ["dpop", "x-amz-", "x-api-key", "x-sidegate-"];

impl Setting for TokenHeader {
    const SHAPE: Shape = Shape::Text;

    fn read(node: &Node, key: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let Token(name) = Token::read(node, key, reading)?;
        let folded = name.to_ascii_lowercase();
        let is_of = |names: &[&str]| {
            names.iter().any(|known| {
                folded == *known || (known.ends_with('-') && folded.starts_with(known))
            })
        };
        let (message, help) = if folded == "authorization" {
            (
                "Authorization is read always",
                "leave `header` out: it is for tokens that stand elsewhere",
            )
        } else if folded == "cookie" || folded == "set-cookie" {
            (
                "a Cookie header holds all cookies, and is no token",
                "write `cookie: NAME` in place of `header`",
            )
        } else if is_of(&FRAMING) {
            (
                "requests are read and forwarded by this header, and whatever stands in it is no token",
                "name a header that nothing else uses, like X-Token",
            )
        } else if is_of(&OURS) {
            (
                "this header means something else to Sidegate",
                "name a header that nothing else uses, like X-Token",
            )
        } else if is_of(&OWN_PURPOSE) {
            (
                "clients send this header for another purpose, and would all be refused",
                "name a header that nothing else uses, like X-Token",
            )
        } else {
            return Some(Self(folded.into()));
        };
        let message = format!("`{key}` is `{name}`: {message}");
        reading
            .report
            .error("wrong-value", node.span, message, help);
        None
    }

    fn text(&self) -> String {
        self.0.to_string()
    }
}

/// A name of `strip_headers`: none whose removal would break a request.
pub(super) struct StrippedHeader(pub(super) Box<str>);

impl Setting for StrippedHeader {
    const SHAPE: Shape = Shape::Text;

    fn read(node: &Node, key: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let HeaderPattern(pattern) = HeaderPattern::read(node, key, reading)?;
        let covers = |name: &&&str| match pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => **name == &*pattern,
        };
        let Some(name) = FRAMING.iter().find(covers) else {
            return Some(Self(pattern));
        };
        let message =
            format!("`{pattern}` would remove `{name}`, without which no request can be sent");
        let help = "list the names that upstreams trust for who is calling, in full or with a longer beginning";
        reading
            .report
            .error("wrong-value", node.span, message, help);
        None
    }

    fn text(&self) -> String {
        self.0.to_string()
    }
}
