//! What is to be remembered of a request, whether or not it became a call.

use std::net::IpAddr;

use http::header::{HeaderValue, USER_AGENT};

use super::{Origin, Service};
use crate::bundle::Snapshot;
use crate::clock::Timestamp;
use crate::net::unread;
use crate::outcome::Reason;
use crate::query_api::error::Error;
use crate::sts_api::{Log, Recorded};

/// When, by what and where a request is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Court<'a> {
    pub(super) now: Timestamp,
    pub(super) snapshot: &'a Snapshot,
    pub(super) region: &'a str,
}

impl<'a> Court<'a> {
    /// Nothing is known but where the request came from.
    fn from(self, source: IpAddr, request_id: &'a str, method: &'a str) -> Recorded<'a> {
        Recorded {
            now: self.now,
            request_id,
            identity: None,
            provider: None,
            source,
            user_agent: None,
            method,
            path: None,
            action: None,
            region: self.region,
            resource: None,
            account: None,
            reason: Reason::Allowed,
            status: None,
            detail: None,
            decision: None,
            snapshot: self.snapshot,
        }
    }

    /// Nothing is known but the head.
    pub(super) fn of(self, origin: &Origin<'a>) -> Recorded<'a> {
        let head = origin.head;
        let agent = head.headers.get(USER_AGENT);
        Recorded {
            user_agent: agent.map(HeaderValue::as_bytes),
            path: (head.uri.path() == "/").then_some("/"),
            ..self.from(origin.peer, origin.request_id, head.method.as_str())
        }
    }
}

impl<'a> Recorded<'a> {
    /// It ended so.
    pub(super) fn ended(self, error: Option<&'a Error>) -> Self {
        Self {
            reason: error.map_or(Reason::Allowed, |error| error.reason),
            status: error.map(|error| error.status),
            detail: error.map(|error| error.detail.as_deref().unwrap_or(&error.message)),
            ..self
        }
    }
}

impl<L: Log + 'static> Service<L> {
    /// Puts it on record.
    ///
    /// # Errors
    /// ServiceUnavailable, where it cannot be.
    pub(super) async fn put(&self, recorded: &Recorded<'_>) -> Result<(), Error> {
        if self.log.put(recorded).await {
            return Ok(());
        }
        Err(Error::new(
            "ServiceUnavailable",
            503,
            Reason::AuditUnavailable,
            "The call cannot be put on record.",
        ))
    }

    /// What refuses a request that is no call: on record as a call would be.
    pub(in crate::sts_api) async fn refuse(&self, origin: &Origin<'_>, error: Error) -> Error {
        let snapshot = self.parts.store.load_full();
        let court = Court {
            now: self.now(),
            snapshot: &snapshot,
            region: &self.parts.region,
        };
        let recorded = court.of(origin).ended(Some(&error));
        let unrecorded = self.put(&recorded).await.err();
        unrecorded.unwrap_or(error)
    }

    /// The same of a head that became no request, and that nobody waits for.
    pub(super) fn note(&self, peer: IpAddr, head: &[u8], request_id: &str, error: &Error) {
        let snapshot = self.parts.store.load_full();
        let court = Court {
            now: self.now(),
            snapshot: &snapshot,
            region: &self.parts.region,
        };
        let (method, _) = unread::first_line(head).unwrap_or(("-", ""));
        let recorded = court.from(peer, request_id, method).ended(Some(error));
        self.log.note(&recorded);
    }
}
