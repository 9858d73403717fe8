//! The data plane: a request is read strictly, judged, and forwarded or refused.
//!
//! The way of a request reads top to bottom in [`service`]: head → judge → refuse ([`reply`]) or forward ([`forward`])
//! → relay, and recorded once whatever happened. Forwarding takes a `Permit`, which only the gate makes. What is judged
//! is what is sent: fields that a hop removes are removed before the judgement, and the target goes upstream as the
//! permit holds it. Knows nothing of policies, tokens or routes.

pub mod aws_chunked;
pub mod body;
pub mod forward;
pub mod forwarded;
pub mod frames;
pub mod handshake;
pub mod headers;
pub mod identifier;
pub mod inbound;
pub mod load;
pub mod reply;
pub mod service;
pub mod streamed;
pub mod streams;
pub mod strict;
pub mod tunnel;
pub mod unread;
pub mod upgrade;
pub mod upload;
pub mod upstream;
pub mod written;

use std::future::Future;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue};

use crate::clock::Timestamp;
use crate::gate::{Facts, Head, Lasts, Verdict};
use crate::net::cidr::Cidr;
use crate::outcome::Reason;

pub use body::Relay;
pub use identifier::Identifiers;
pub use service::{Plan, Proxy};

/// What the proxy asks of the rest of Sidegate: to decide, and to keep the record.
pub trait Control: 'static {
    /// Decides whether a request may be forwarded, and keeps the record of it; `facts` takes what it rests on.
    fn judge(&self, head: &Head<'_>, facts: &mut Facts) -> impl Future<Output = Verdict>;

    /// Decides about an open stream again, by the head that it began with: until when it may go on, or why it may not,
    /// which is put on record.
    fn again(&self, head: &Head<'_>) -> impl Future<Output = Result<Lasts, Reason>>;

    /// A number that changes whenever open streams must be decided again.
    fn generation(&self) -> u64;

    /// Whether these facts were judged by what counts now.
    fn is_current(&self, facts: &Facts) -> bool;

    /// The time that credentials expire by.
    fn now(&self) -> Timestamp;

    /// Keeps the record of a request that was refused before it could be judged.
    fn refused(&self, unjudged: &Unjudged<'_>);

    /// Counts how a request ended: called exactly once for each, when its answer begins or it was given up. Without
    /// facts it was refused before it could be judged.
    fn finish(&self, facts: Option<&Facts>, outcome: &Outcome<'_>);
}

/// What is known of a request that could not be judged.
#[derive(Debug, Clone, Copy)]
pub struct Unjudged<'a> {
    /// Why it is refused.
    pub reason: Reason,
    /// Its method; `-` when it has none.
    pub method: &'a str,
    /// Its path as it came, which may have no canonical form.
    pub path: &'a str,
    /// With which program it was sent, as it says.
    pub user_agent: Option<&'a [u8]>,
    /// The client's own id of it.
    pub client_request_id: Option<&'a [u8]>,
    /// Our id of it.
    pub request_id: &'a str,
    /// The peer.
    pub peer: IpAddr,
}

/// How a request ended.
#[derive(Debug, Clone, Copy)]
pub struct Outcome<'a> {
    /// Why it ended so.
    pub reason: Reason,
    /// The status sent to the client; `None`: it went away first.
    pub status: Option<u16>,
    /// Our id of the request.
    pub request_id: &'a HeaderValue,
    /// Who sent it, as far as forwarding peers are believed.
    pub peer: IpAddr,
    /// When its head was complete.
    pub began: Instant,
    /// From then to the answer's head.
    pub took: Duration,
    /// Of that, waiting for the upstream.
    pub upstream: Option<Duration>,
}

/// The proxy's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where requests may be forwarded to.
    pub upstreams: Vec<upstream::Settings>,
    /// Header names that are never taken from a client: exact, or a prefix ending in `*`. `X-Sidegate-*` is always
    /// among them.
    pub strip: Vec<String>,
    /// The cookie that holds a token, which goes no further.
    pub token_cookie: Option<Box<str>>,
    /// The fields beside the usual ones in which a token may come.
    pub token_headers: Vec<HeaderName>,
    /// Whether the client's credential goes upstream.
    pub forward_credential: bool,
    /// Peers whose `X-Forwarded-*` and `Forwarded` are believed.
    pub trusted: Vec<Cidr>,
    /// Between two pieces of a request body.
    pub body_idle: Duration,
    /// Header fields of a request.
    pub fields: usize,
    /// How much of the body of a signed request is read before it is judged.
    pub signed_body: usize,
    /// The same, of all requests together.
    pub signed_bodies: usize,
    /// Requests under way.
    pub requests: usize,
    /// How long an open stream may go on that is no longer allowed.
    pub stream_grace: Duration,
    /// How long nothing may pass on an upgraded connection.
    pub upgrade_idle: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let limits = crate::net::Limits::default();
        Self {
            upstreams: Vec::new(),
            strip: headers::STRIPPED.iter().map(|&name| name.into()).collect(),
            token_cookie: None,
            token_headers: Vec::new(),
            forward_credential: false,
            trusted: Vec::new(),
            body_idle: limits.body_idle,
            fields: limits.fields,
            signed_body: 8 * 1024 * 1024,
            signed_bodies: 128 * 1024 * 1024,
            requests: 10_000,
            stream_grace: Duration::ZERO,
            upgrade_idle: Duration::from_secs(300),
        }
    }
}

#[cfg(test)]
mod tests;
