//! A request as it goes to an HTTP/1 upstream, its head written in one pass over the client's fields.
//!
//! What may go on is [`Cleaning`]'s to say, here as where a map of fields is made. Where the body ends is said once, by
//! what is known of the body and not by what the client said.

use http::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Method, Version};

use crate::gate::Permit;
use crate::net::Connection;
use crate::proxy::forward::{ForwardError, target};
use crate::proxy::forwarded::{self, Origin};
use crate::proxy::headers::{self, Cleaning, line};
use crate::proxy::upload::RequestBody;
use crate::proxy::upstream::Upstream;
use crate::proxy::upstream::sending::{Measure, Sending};

/// A request as bytes: only a permit makes one.
#[derive(Debug)]
pub struct Written {
    pub(super) sending: Sending,
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
    /// Whether the client takes trailers.
    pub trailers: bool,
}

impl Written {
    /// The request with that body.
    ///
    /// # Errors
    /// When the permit's target is none.
    pub fn of(from: &Sources<'_>, body: RequestBody) -> Result<Self, ForwardError> {
        let method = &from.parts.method;
        let target = target(&from.parts.uri, from.permit)?;
        let connection = from.connection;
        let mut measure = Measure::of(&body);
        let mut head = from.upstream.buffer();
        head.extend_from_slice(method.as_str().as_bytes());
        head.push(b' ');
        head.extend_from_slice(target.as_bytes());
        head.extend_from_slice(b" HTTP/1.1\r\n");
        let fields = &from.parts.headers;
        let seen = clients_own(&mut head, fields, &from.cleaning, &mut measure);
        if !from.origin.believed || !seen.proto {
            head.extend_from_slice(connection.lines(|| own_word(connection)));
        } else {
            line(&mut head, forwarded::FOR.as_str(), connection.peer_text());
        }
        if from.trailers {
            head.extend_from_slice(b"te: trailers\r\nconnection: TE\r\n");
        }
        if !from.permit.preflight() {
            head.extend_from_slice(from.permit.identity_lines());
        }
        via(&mut head, from.parts.version);
        head.extend_from_slice(from.id.as_bytes());
        head.extend_from_slice(b"\r\n");
        announce(&mut head, &measure, seen.length || expects_a_body(method));
        if !seen.host {
            line(&mut head, HOST.as_str(), from.upstream.host());
        }
        head.extend_from_slice(b"\r\n");
        Ok(Self {
            sending: Sending::new(head, body, measure),
            bodiless: *method == Method::HEAD,
            repeatable: method.is_idempotent(),
        })
    }
}

/// Where a request came from, by the word of its own connection.
fn own_word(connection: &Connection) -> Vec<u8> {
    let mut lines = Vec::with_capacity(64);
    line(&mut lines, forwarded::FOR.as_str(), connection.peer_text());
    let proto = forwarded::proto(connection.secure);
    line(&mut lines, forwarded::PROTO.as_str(), &proto);
    lines
}

/// `Via`, and the name of the field that says our id of the request.
fn via(head: &mut Vec<u8>, version: Version) {
    macro_rules! lines {
        ($version:literal) => {
            concat!(
                "via: ",
                $version,
                " sidegate\r\n",
                "x-sidegate-request-id: "
            )
            .as_bytes()
        };
    }
    head.extend_from_slice(match version {
        Version::HTTP_2 => lines!("2.0"),
        Version::HTTP_10 => lines!("1.0"),
        _ => lines!("1.1"),
    });
}

/// Of these a body is expected, and some servers ask for a length even of none (RFC 9110, 8.6).
fn expects_a_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// Says where the body ends; where there is none, only if that is worth saying.
fn announce(head: &mut Vec<u8>, measure: &Measure, even_nothing: bool) {
    let (name, value) = match measure {
        Measure::Nothing if !even_nothing => return,
        Measure::Nothing => (CONTENT_LENGTH, HeaderValue::from_static("0")),
        Measure::Length(length) => (CONTENT_LENGTH, HeaderValue::from(*length)),
        Measure::Chunks(_) => (TRANSFER_ENCODING, HeaderValue::from_static("chunked")),
    };
    line(head, name.as_str(), &value);
}

/// What the client has said.
#[derive(Default)]
struct Seen {
    host: bool,
    proto: bool,
    length: bool,
}

/// Writes those of the client's fields that go on.
fn clients_own(
    head: &mut Vec<u8>,
    fields: &HeaderMap,
    cleaning: &Cleaning<'_>,
    measure: &mut Measure,
) -> Seen {
    let mut seen = Seen::default();
    for (name, value) in fields {
        if cleaning.concerns(name, value) {
            continue;
        }
        match name.as_str() {
            "host" => seen.host = true,
            "x-forwarded-proto" => seen.proto = true,
            "content-length" => {
                seen.length = true;
                continue;
            }
            // Of the client's hop: they are gone already, and would be wrong here.
            "connection" | "te" | "transfer-encoding" => continue,
            "trailer" => match (&mut *measure, headers::announced(value, cleaning.strip)) {
                (Measure::Chunks(all), Some((left, names))) => {
                    line(head, name.as_str(), &left);
                    all.extend(names);
                    continue;
                }
                // Nothing can come behind any other body.
                _ => continue,
            },
            _ => {}
        }
        line(head, name.as_str(), value);
    }
    seen
}
