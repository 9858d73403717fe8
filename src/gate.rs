//! One request → a permit to forward it, or a refusal.

use std::net::IpAddr;

use http::{HeaderName, HeaderValue};

use crate::outcome::Reason;

/// A request's head and where it came from.
#[derive(Debug)]
pub struct Head<'a> {
    /// Method, target and header fields.
    pub parts: &'a http::request::Parts,
    /// Who sent it.
    pub peer: IpAddr,
    /// Whether it came over TLS.
    pub secure: bool,
    /// The listener's name.
    pub listener: &'a str,
}

/// What was decided, and what is to be recorded about it.
#[derive(Debug)]
pub struct Judgement {
    /// For audit and metrics.
    pub facts: Facts,
    /// May it be forwarded.
    pub verdict: Result<Permit, Refusal>,
}

/// What audit and metrics need to know.
#[derive(Debug, Default)]
pub struct Facts {}

/// The proof that a request was decided and may go on.
#[derive(Debug)]
pub struct Permit {
    target: String,
    upstream: String,
    identity: Vec<(HeaderName, HeaderValue)>,
    preflight: bool,
    upgrade: bool,
}

impl Permit {
    /// The canonical path and the query, as they go upstream.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The upstream's name.
    pub fn upstream(&self) -> &str {
        &self.upstream
    }

    /// The identity headers.
    pub fn identity(&self) -> &[(HeaderName, HeaderValue)] {
        &self.identity
    }

    /// Whether this is a preflight.
    pub fn preflight(&self) -> bool {
        self.preflight
    }

    /// Whether the route allows another protocol after this request.
    pub fn upgrade(&self) -> bool {
        self.upgrade
    }
}

/// A refusal.
#[derive(Debug)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// May be shown to the client.
    pub message: String,
}

#[cfg(test)]
impl Permit {
    /// A permit that no policy gave, for the proxy's own tests.
    pub(crate) fn for_tests(target: &str, upstream: &str) -> Self {
        Self {
            target: target.to_owned(),
            upstream: upstream.to_owned(),
            identity: Vec::new(),
            preflight: false,
            upgrade: false,
        }
    }

    pub(crate) fn with_identity(mut self, name: &'static str, value: &'static str) -> Self {
        self.identity.push((
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        ));
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
