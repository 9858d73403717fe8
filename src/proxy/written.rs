//! The head of a request without a body, written in one pass over the client's fields for an HTTP/1 upstream.
//!
//! What may go on is [`Cleaning`]'s to say, here as where a map of fields is made; whatever is not plain (trailers, a
//! body, another protocol) goes that way.

use http::Method;
use http::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderValue, VIA};
use http::request::Parts;

use crate::gate::Permit;
use crate::net::Connection;
use crate::proxy::forward::{ForwardError, target};
use crate::proxy::forwarded::{self, Origin};
use crate::proxy::headers::{self, Cleaning};
use crate::proxy::reply::REQUEST_ID;
use crate::proxy::upstream::Upstream;

/// What most heads fit into.
const USUAL: usize = 2048;

/// A request's head as bytes: only a permit makes one.
#[derive(Debug)]
pub struct Written {
    pub(super) head: Vec<u8>,
    /// The answer has no body, whatever it says.
    pub(super) bodiless: bool,
    /// It may be sent again.
    pub(super) repeatable: bool,
}

/// What a head is written from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The client's head.
    pub parts: &'a Parts,
    /// What of it goes on.
    pub cleaning: Cleaning<'a>,
    /// Who sent it.
    pub origin: &'a Origin,
    /// Over which connection.
    pub connection: &'a Connection,
    /// That it may be sent, and what goes along.
    pub permit: &'a Permit,
    /// Our id of it.
    pub id: &'a HeaderValue,
    /// Where to.
    pub upstream: &'a Upstream,
}

impl Written {
    /// The head; `None` when the request is not plain.
    ///
    /// # Errors
    /// When the permit's target is none.
    pub fn of(from: &Sources<'_>) -> Result<Option<Self>, ForwardError> {
        let method = &from.parts.method;
        let target = target(&from.parts.uri, from.permit)?;
        let mut head = Vec::with_capacity(USUAL);
        head.extend_from_slice(method.as_str().as_bytes());
        head.push(b' ');
        head.extend_from_slice(target.as_str().as_bytes());
        head.extend_from_slice(b" HTTP/1.1\r\n");
        let Some(seen) = clients_own(&mut head, &from.parts.headers, &from.cleaning) else {
            return Ok(None);
        };
        line(
            &mut head,
            forwarded::FOR.as_str(),
            from.connection.peer_text(),
        );
        if !from.origin.believed || !seen.proto {
            let proto = forwarded::proto(from.connection.secure);
            line(&mut head, forwarded::PROTO.as_str(), &proto);
        }
        line(&mut head, VIA.as_str(), &headers::via(from.parts.version));
        if !from.permit.preflight() {
            head.extend_from_slice(from.permit.identity_lines());
        }
        line(&mut head, REQUEST_ID.as_str(), from.id);
        // Of these a body is expected, and some servers ask for a length even of none (RFC 9110, 8.6).
        if !seen.length && matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
            line(
                &mut head,
                CONTENT_LENGTH.as_str(),
                &HeaderValue::from_static("0"),
            );
        }
        if !seen.host {
            line(&mut head, HOST.as_str(), from.upstream.host());
        }
        head.extend_from_slice(b"\r\n");
        Ok(Some(Self {
            head,
            bodiless: *method == Method::HEAD,
            repeatable: method.is_idempotent(),
        }))
    }
}

/// What the client has said.
#[derive(Default)]
struct Seen {
    host: bool,
    proto: bool,
    length: bool,
}

/// Writes those of the client's fields that go on.
fn clients_own(head: &mut Vec<u8>, fields: &HeaderMap, cleaning: &Cleaning<'_>) -> Option<Seen> {
    let mut seen = Seen::default();
    for (name, value) in fields {
        if cleaning.concerns(name, value) {
            continue;
        }
        match name.as_str() {
            "host" => seen.host = true,
            "x-forwarded-proto" => seen.proto = true,
            // No body: nothing else can be true.
            "content-length" if value.as_bytes() == b"0" => seen.length = true,
            "connection" | "content-length" | "te" | "trailer" | "transfer-encoding" => {
                return None;
            }
            _ => {}
        }
        line(head, name.as_str(), value);
    }
    Some(seen)
}

/// Neither a name nor a value can hold an end of line: their types see to that.
fn line(head: &mut Vec<u8>, name: &str, value: &HeaderValue) {
    let value = value.as_bytes();
    let both = name.len().saturating_add(value.len());
    head.reserve(both.saturating_add(4));
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value);
    head.extend_from_slice(b"\r\n");
}
