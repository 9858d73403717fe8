//! The two ends of a judgement: a [`Permit`], which forwarding needs and only the gate can make, or a [`Refusal`].

use std::sync::Arc;

use http::header::{HeaderName, HeaderValue};

use crate::authn::sigv4::chunked::Decoder;
use crate::clock::Timestamp;
use crate::outcome::Reason;

use super::assertion::Headers;

/// The proof that a request was judged and may go upstream, with what exactly may go.
///
/// INVARIANT: made by the gate alone, after a decision; the proxy cannot forward without one.
#[derive(Debug)]
pub struct Permit {
    pub(super) target: Arc<str>,
    pub(super) upstream: Arc<str>,
    pub(super) identity: Option<Headers>,
    pub(super) lasts: Lasts,
    pub(super) preflight: bool,
    pub(super) upgrade: bool,
    pub(super) chunks: Option<Box<Decoder>>,
}

impl Permit {
    /// Canonical path and query, byte for byte what policy judged and what the upstream receives.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The upstream's name.
    pub fn upstream(&self) -> &str {
        &self.upstream
    }

    /// The `X-Sidegate-*` headers that tell the upstream who it is; empty for anonymous requests.
    pub fn identity(&self) -> &[(HeaderName, HeaderValue)] {
        self.identity.as_ref().map_or(&[], |told| &***told)
    }

    /// The same, as lines of an HTTP/1 head.
    pub fn identity_lines(&self) -> &[u8] {
        self.identity.as_ref().map_or(&[], |told| told.lines())
    }

    /// How long open streams may go on by it.
    pub fn lasts(&self) -> Lasts {
        self.lasts
    }

    /// A CORS preflight: goes without body and credential.
    pub fn preflight(&self) -> bool {
        self.preflight
    }

    /// What the body must pass through before it may go: it verifies `aws-chunked` bodies chunk by chunk. Once.
    pub fn take_chunks(&mut self) -> Option<Box<Decoder>> {
        self.chunks.take()
    }

    /// Whether the route allows the protocol upgrade that the request asks for.
    pub fn upgrade(&self) -> bool {
        self.upgrade
    }
}

/// How long a decision counts for what is still open then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lasts {
    /// When the credential, or the client certificate beside it, expires: open streams end then.
    pub until: Option<Timestamp>,
    /// When it is to be decided again, because somebody else's word about the credential is old by then.
    pub again_at: Option<Timestamp>,
}

/// Why a request may not go upstream.
#[derive(Debug)]
pub struct Refusal {
    /// The closed reason: status, code, metrics and audit follow from it.
    pub reason: Reason,
    /// What the client may be told beyond the reason's own words.
    pub message: Option<String>,
    /// What it may not be told, sealed for the STS.
    pub encoded: Option<String>,
    /// In how many seconds it may be tried again, where that is known.
    pub retry_after: Option<u32>,
}

impl From<Reason> for Refusal {
    #[cold]
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            message: None,
            encoded: None,
            retry_after: None,
        }
    }
}

#[cfg(test)]
impl Permit {
    /// A permit that no policy gave, for the proxy's own tests.
    pub(crate) fn for_tests(target: &str, upstream: &str) -> Self {
        Self {
            target: target.into(),
            upstream: upstream.into(),
            identity: None,
            lasts: Lasts::default(),
            preflight: false,
            upgrade: false,
            chunks: None,
        }
    }

    pub(crate) fn with_identity(mut self, name: &'static str, value: &'static str) -> Self {
        let added = (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        let before = self.identity().iter().cloned();
        self.identity = Some(Arc::new(before.chain([added]).collect()));
        self
    }

    pub(crate) fn with_upgrade(mut self) -> Self {
        self.upgrade = true;
        self
    }

    pub(crate) fn with_preflight(mut self) -> Self {
        self.preflight = true;
        self
    }
}
