//! A request that its upstream does not answer, and what the client gets instead.
//!
//! Rare beside those that are answered: kept apart from their code.

use http::header::RETRY_AFTER;
use http::{HeaderValue, Response};

use crate::outcome::Reason;
use crate::proxy::body::Relay;
use crate::proxy::forward::ForwardError;
use crate::proxy::reply::{self, Form};

/// Why a request is not answered by its upstream.
pub(super) struct Refused {
    pub(super) reason: Reason,
    /// What the gate said, for its own refusals.
    message: Option<String>,
    encoded: Option<String>,
    /// In how many seconds it may be tried again.
    retry_after: Option<u32>,
}

/// Its task panicked.
#[cold]
pub(super) fn panicked() -> Refused {
    tracing::error!("a request's task panicked");
    Refused::from(Reason::Internal)
}

impl Refused {
    /// What the client gets in place of an answer.
    #[cold]
    pub(super) fn answer(&self, id: &HeaderValue, form: Form, close: bool) -> Response<Relay> {
        let mut response = reply::refuse(self.reason, self.told(), id, form, close);
        if let Some(seconds) = self.retry_after {
            let fields = response.headers_mut();
            fields.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn told(&self) -> reply::Told<'_> {
        reply::Told {
            message: match &self.message {
                Some(message) => message,
                None => reply::message(self.reason),
            },
            encoded: self.encoded.as_deref(),
        }
    }
}

impl From<Reason> for Refused {
    #[cold]
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            message: None,
            encoded: None,
            retry_after: (reason == Reason::Overloaded).then_some(1),
        }
    }
}

impl From<crate::gate::Refusal> for Refused {
    #[cold]
    fn from(refusal: crate::gate::Refusal) -> Self {
        Self {
            reason: refusal.reason,
            message: refusal.message,
            encoded: refusal.encoded,
            retry_after: refusal.retry_after,
        }
    }
}

impl From<ForwardError> for Refused {
    #[cold]
    fn from(error: ForwardError) -> Self {
        let reason = error.reason();
        tracing::debug!(?error, reason = reason.label(), "not forwarded");
        Self::from(reason)
    }
}
