//! The answer to a head that never became a request, in the form of every refusal and on record like every refusal.

use http::header::{DATE, HeaderValue};

use crate::clock::{Clock, monotonic};
use crate::net::{Connection, Unread, unread};
use crate::outcome::Reason;
use crate::proxy::reply::{self, Form};
use crate::proxy::{Control, Outcome, Unjudged};

fn reason(why: Unread) -> Reason {
    match why {
        Unread::Malformed => Reason::MalformedRequest,
        Unread::TargetTooLong => Reason::TargetTooLong,
        Unread::TooLarge => Reason::HeadTooLarge,
        Unread::TooSlow => Reason::HeadTimeout,
    }
}

/// Refuses what came of a head, and keeps the record of it.
pub fn refuse<C: Control>(
    control: &C,
    id: &HeaderValue,
    connection: &Connection,
    head: &[u8],
    why: Unread,
) -> Vec<u8> {
    let reason = reason(why);
    let (method, target) = unread::first_line(head).unwrap_or(("-", ""));
    control.refused(&Unjudged {
        reason,
        method,
        path: target.split('?').next().unwrap_or_default(),
        user_agent: None,
        client_request_id: None,
        request_id: id.to_str().unwrap_or_default(),
        peer: connection.peer,
    });
    let now = monotonic();
    control.finish(
        None,
        &Outcome {
            reason,
            status: Some(reason.status()),
            request_id: id,
            peer: connection.peer,
            began: now,
            took: now.elapsed(),
            upstream: None,
        },
    );
    let form = Form::unread(head.starts_with(b"HEAD "));
    let mut response = reply::refuse(reason, reply::message(reason).into(), id, form, true);
    if let Some(date) = date() {
        response.headers_mut().insert(DATE, date);
    }
    reply::bytes(response)
}

/// RFC 9110, 5.6.7.
fn date() -> Option<HeaderValue> {
    let now = jiff::Timestamp::from_second(Clock::machine().now().seconds()).ok()?;
    HeaderValue::from_str(&now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok()
}
