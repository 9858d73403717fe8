//! What is put on record of a request.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use http::HeaderValue;

use crate::clock::monotonic;
use crate::gate::Facts;
use crate::outcome::Reason;
use crate::proxy::{Control, Outcome};

/// What will be recorded of a request: once, when this is dropped, whatever happened.
pub(super) struct Record<'a, C: Control> {
    control: &'a C,
    pub(super) id: HeaderValue,
    pub(super) began: Instant,
    pub(super) peer: IpAddr,
    pub(super) facts: Option<Facts>,
    pub(super) reason: Reason,
    pub(super) status: Option<u16>,
    upstream: Option<Duration>,
    ended: Option<Instant>,
}

impl<'a, C: Control> Record<'a, C> {
    pub(super) fn new(control: &'a C, id: HeaderValue, peer: IpAddr) -> Self {
        Self {
            control,
            id,
            began: monotonic(),
            peer,
            facts: None,
            // What it stays if the client goes away before a decision: its doing, not ours.
            reason: Reason::MalformedRequest,
            status: None,
            upstream: None,
            ended: None,
        }
    }
}

impl<C: Control> Record<'_, C> {
    /// The upstream, which was asked then, has answered or failed.
    pub(super) fn answered(&mut self, asked: Instant) {
        let now = monotonic();
        self.upstream = Some(now.saturating_duration_since(asked));
        self.ended = Some(now);
    }
}

impl<C: Control> Drop for Record<'_, C> {
    fn drop(&mut self) {
        let outcome = Outcome {
            reason: self.reason,
            status: self.status,
            request_id: &self.id,
            peer: self.peer,
            began: self.began,
            took: self.ended.map_or_else(
                || self.began.elapsed(),
                |ended| ended.saturating_duration_since(self.began),
            ),
            upstream: self.upstream,
        };
        self.control.finish(self.facts.as_ref(), &outcome);
    }
}
