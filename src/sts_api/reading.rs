//! A call's parameters out of its HTTP request, within bounds: one body is short and comes soon, all of them together take
//! a bounded room, and an address asks no more often than it may.

use std::cell::Cell;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use http::request::Parts as Head;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::clock::monotonic;
use crate::outcome::Reason;
use crate::throttle::{self, Limiter, Rate};

use super::error::Error;
use super::form::Form;

/// The largest call: some policies to simulate, or a web identity token, each letter escaped.
const MAX_BODY: usize = 256 * 1024;
/// Of all calls together: whoever begins many and ends none takes no more.
const MAX_BODIES: usize = 16 * 1024 * 1024;
/// For the body of a call to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What is allowed to come in.
#[derive(Debug)]
pub(super) struct Intake {
    began: Instant,
    rate: Option<Limiter>,
    /// Bytes of bodies that are being read, or judged.
    held: Cell<usize>,
}

/// Room that one call takes, given back at its end.
#[derive(Debug)]
pub(super) struct Room<'i> {
    intake: &'i Intake,
    bytes: usize,
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        let held = self.intake.held.get().saturating_sub(self.bytes);
        self.intake.held.set(held);
    }
}

impl Room<'_> {
    fn grow(&mut self, bytes: usize) -> Result<(), Error> {
        let held = self.intake.held.get().saturating_add(bytes);
        if held > MAX_BODIES {
            return Err(too_often());
        }
        self.intake.held.set(held);
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }
}

impl Intake {
    pub(super) fn new(rate: Option<Rate>) -> Self {
        Self {
            began: monotonic(),
            rate: rate.map(Limiter::new),
            held: Cell::new(0),
        }
    }

    /// Whether this address may ask anything now.
    pub(super) fn admit(&self, peer: IpAddr) -> Result<(), Error> {
        let Some(limiter) = &self.rate else {
            return Ok(());
        };
        let now = monotonic().saturating_duration_since(self.began);
        let taken = limiter.take(&throttle::network(peer), now);
        taken.map_err(|_| too_often())
    }

    /// Reads the parameters, and the body's SHA-256. The room is to be held until the call has ended.
    pub(super) async fn read(
        &self,
        head: &Head,
        body: Incoming,
    ) -> Result<(Form, [u8; 32], Room<'_>), Error> {
        if head.uri.path() != "/" {
            return Err(Error::new(
                "InvalidAction",
                404,
                Reason::NoRoute,
                "this endpoint is at the path /",
            ));
        }
        let mut room = Room {
            intake: self,
            bytes: 0,
        };
        let body = tokio::time::timeout(BODY_TIMEOUT, collect(body, &mut room));
        let Ok(body) = body.await else {
            return Err(malformed("the body came too slowly"));
        };
        let body = body?;
        let form = form(head, &body)?;
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, &body).as_ref());
        Ok((form, sha256, room))
    }
}

async fn collect(mut body: Incoming, room: &mut Room<'_>) -> Result<Bytes, Error> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let unreadable = || malformed("the body cannot be read, or is too large");
        let Ok(data) = frame.map_err(|_| unreadable())?.into_data() else {
            continue;
        };
        if whole.len().saturating_add(data.len()) > MAX_BODY {
            return Err(unreadable());
        }
        room.grow(data.len())?;
        whole.extend_from_slice(&data);
    }
    Ok(whole.into())
}

fn form(head: &Head, body: &[u8]) -> Result<Form, Error> {
    let query = head.uri.query().unwrap_or_default().as_bytes();
    let parse = |text: &[u8], is_query| {
        Form::parse(text, is_query).map_err(|error| malformed(&error.to_string()))
    };
    let of_query = parse(query, true)?;
    match head.method {
        // SDKs presign calls of either kind.
        Method::GET | Method::POST if body.is_empty() => Ok(of_query),
        Method::POST if of_query.is_empty() => {
            if !is_form(&head.headers) {
                return Err(malformed(
                    "the body must be application/x-www-form-urlencoded",
                ));
            }
            parse(body, false)
        }
        Method::POST => Err(malformed(
            "parameters are in the query or in the body, not in both",
        )),
        _ => Err(malformed(
            "this endpoint knows GET without a body, and POST",
        )),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = text(headers, &CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

pub(super) fn malformed(message: &str) -> Error {
    Error::new("MalformedInput", 400, Reason::MalformedRequest, message)
}

/// As AWS has it; SDKs try again later.
fn too_often() -> Error {
    let status = StatusCode::BAD_REQUEST.as_u16();
    Error::new("Throttling", status, Reason::Throttled, "Rate exceeded")
}

/// A header's text, when it stands there once.
pub(super) fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bodies_together_take_a_bounded_room() {
        let intake = Intake::new(None);
        let room = |bytes: usize| {
            let mut room = Room {
                intake: &intake,
                bytes: 0,
            };
            room.grow(bytes).map(|()| room)
        };
        let half = room(MAX_BODIES / 2).unwrap();
        let mut other = room(MAX_BODIES / 2).unwrap();
        assert_eq!(other.grow(1).unwrap_err().code, "Throttling");
        assert_eq!(room(1).unwrap_err().code, "Throttling");
        drop(half);
        other.grow(1).unwrap();
        drop(other);
        assert_eq!(intake.held.get(), 0);
    }

    #[test]
    fn an_address_asks_no_more_often_than_it_may() {
        let intake = Intake::new(Some(Rate {
            count: 2,
            per: Duration::from_secs(3600),
        }));
        let [one, neighbour, other] = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"];
        let admit = |peer: &str| intake.admit(peer.parse().unwrap()).is_ok();
        assert!(admit(one) && admit(neighbour) && !admit(one) && admit(other));
        assert!(Intake::new(None).admit(one.parse().unwrap()).is_ok());
    }
}
