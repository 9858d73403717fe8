//! Sends a permitted request to its upstream and brings the head of the answer back.
//!
//! Takes a `Permit`, so that nothing undecided can be sent. A request goes out at most once: it is tried again only
//! when the connection was closed before a single byte of it was written, or, where it is idempotent and all of it is
//! still here, as often as configured.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use http::header::{CONNECTION, HOST, HeaderValue, TE};
use http::request::Parts;
use http::uri::{PathAndQuery, Scheme};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::{Body, Incoming};
use hyper::client::conn::TrySendError;

use crate::gate::Permit;
use crate::outcome::Reason;
use crate::proxy::body::Relay;
use crate::proxy::headers;
use crate::proxy::load::Places;
use crate::proxy::reply::REQUEST_ID;
use crate::proxy::streamed::Streamed;
use crate::proxy::upload::{Progress, RequestBody};
use crate::proxy::upstream::answer::{AnswerError, Head};
use crate::proxy::upstream::{ExchangeError, Lease, Upstream};
use crate::proxy::written::Written;

/// Why a permitted request got no answer.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// No connection.
    #[error("cannot connect to the upstream")]
    Connect(#[source] io::Error),
    /// No connection in time.
    #[error("the upstream took too long to accept a connection")]
    ConnectTimeout,
    /// The connection broke, or what came was no HTTP.
    #[error("the exchange with the upstream failed")]
    Exchange(#[source] hyper::Error),
    /// The same, without hyper.
    #[error("the exchange with the upstream failed")]
    Direct(#[source] ExchangeError),
    /// The upstream switched protocols though nobody asked.
    #[error("the upstream switched protocols unasked")]
    Unasked,
    /// The upstream switched protocols, but not as a WebSocket's handshake demands.
    #[error("the upstream's handshake is not valid")]
    Handshake,
    /// No answer in time.
    #[error("the upstream took too long to answer")]
    ResponseTimeout,
    /// The client's body broke off.
    #[error("the request body broke off")]
    Client(Reason),
    /// While it was waited for, it ceased to be allowed.
    #[error("the request is no longer allowed")]
    Ended(Reason),
    /// The permit's target is none.
    #[error("the target cannot be sent")]
    Target,
}

impl ForwardError {
    /// What the client is told.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Connect(_)
            | Self::Exchange(_)
            | Self::Direct(_)
            | Self::Unasked
            | Self::Handshake => Reason::UpstreamUnavailable,
            Self::ConnectTimeout | Self::ResponseTimeout => Reason::UpstreamTimeout,
            Self::Client(reason) | Self::Ended(reason) => *reason,
            Self::Target => Reason::Internal,
        }
    }
}

/// The head of a request as it goes upstream: only a permit makes one.
#[derive(Debug)]
pub struct Outgoing(Request<()>);

impl Outgoing {
    /// The request with the permit's target and identity. The fields of `parts` must be those that may go on.
    pub fn new(
        parts: Parts,
        permit: &Permit,
        id: &HeaderValue,
        upstream: &Upstream,
    ) -> Result<Self, ForwardError> {
        let permitted = target(&parts.uri, permit)?;
        let target = match parts.uri.path_and_query() {
            Some(target) if target.as_str() == permitted => target.clone(),
            _ => PathAndQuery::try_from(permitted).map_err(|_| ForwardError::Target)?,
        };
        let mut head = Request::new(());
        *head.method_mut() = parts.method;
        *head.headers_mut() = parts.headers;
        let fields = head.headers_mut();
        if !permit.preflight() {
            for (name, value) in permit.identity() {
                fields.insert(name.clone(), value.clone());
            }
        }
        fields.insert(REQUEST_ID, id.clone());
        let host = fields
            .entry(HOST)
            .or_insert_with(|| upstream.host().clone());
        if upstream.http2() {
            let scheme = if upstream.secure() {
                Scheme::HTTPS
            } else {
                Scheme::HTTP
            };
            let uri = Uri::builder()
                .scheme(scheme)
                .authority(host.as_bytes())
                .path_and_query(target);
            // HTTP/2 says it as `:authority`.
            fields.remove(HOST);
            *head.uri_mut() = uri.build().map_err(|_| ForwardError::Target)?;
            *head.version_mut() = Version::HTTP_2;
        } else {
            if fields.contains_key(TE) {
                fields.insert(CONNECTION, HeaderValue::from_static("TE"));
            }
            *head.uri_mut() = Uri::from(target);
            *head.version_mut() = Version::HTTP_11;
        }
        Ok(Self(head))
    }

    /// With its body, ready to be sent.
    pub(super) fn with(self, body: RequestBody) -> Request<RequestBody> {
        self.0.map(|()| body)
    }
}

/// The permit's target, byte for byte, once it is certain that it is one. What the client sent is.
pub(super) fn target<'p>(uri: &Uri, permit: &'p Permit) -> Result<&'p str, ForwardError> {
    let permitted = permit.target();
    let own = uri.path_and_query();
    if own.is_some_and(|target| target.as_str() == permitted) {
        return Ok(permitted);
    }
    match PathAndQuery::try_from(permitted) {
        Ok(target) if target.as_str() == permitted => Ok(permitted),
        Ok(_) | Err(_) => Err(ForwardError::Target),
    }
}

/// Sends a request to an HTTP/1 upstream; yields the answer, whose body streams.
#[expect(
    clippy::manual_async_fn,
    reason = "an async function keeps what it is given twice, and each request waits in it"
)]
pub fn send_written(
    upstream: &Rc<Upstream>,
    request: &mut Written,
    progress: &Progress,
    places: &mut Places,
) -> impl Future<Output = Result<Response<Relay>, ForwardError>> {
    async move {
        let bodiless = request.bodiless;
        let mut fresh = false;
        let mut but = None;
        let mut retries = if request.repeatable {
            upstream.retries()
        } else {
            0
        };
        if retries == 0 {
            request.sending.is_sent_once();
        }
        loop {
            let mut lease = upstream.lease(fresh, but.as_ref()).await?;
            let exchange = in_time(upstream, progress, |context| {
                let polled = lease.poll_exchange(context, &mut request.sending, bodiless);
                if let Some(buffer) = request.sending.spare() {
                    upstream.keep_buffer(buffer);
                }
                polled
            });
            let broken = match exchange.await {
                Ok(Ok(head)) => {
                    lease.did_well();
                    if head.parts.status == StatusCode::SWITCHING_PROTOCOLS {
                        return Err(ForwardError::Unasked);
                    }
                    lease.hold(std::mem::take(places));
                    lease.send_on(&mut request.sending);
                    let Head { parts, body, .. } = head;
                    return Ok(Response::from_parts(parts, Relay::direct(body, lease)));
                }
                Ok(Err(error)) => {
                    if fresh && matches!(error, ExchangeError::Unsent) {
                        lease.failed();
                    }
                    broken(error, fresh, progress)?
                }
                Err(late) => {
                    lease.failed();
                    return Err(late);
                }
            };
            if let Some(error) = broken {
                // That a kept connection was closed meanwhile is no fault of the endpoint's.
                if !lease.may_be_stale() {
                    lease.failed();
                }
                if retries == 0 || !request.sending.rewind() {
                    return Err(ForwardError::Direct(error));
                }
                retries = retries.saturating_sub(1);
                but = Some(lease.tried());
            }
            fresh = true;
        }
    }
}

/// What follows from an exchange that failed: nothing but another connection's being tried, or the error that counts.
#[cold]
fn broken(
    error: ExchangeError,
    fresh: bool,
    progress: &Progress,
) -> Result<Option<ExchangeError>, ForwardError> {
    match error {
        ExchangeError::Unsent if fresh => {
            Err(ForwardError::Connect(io::ErrorKind::ConnectionReset.into()))
        }
        ExchangeError::Unsent => Ok(None),
        ExchangeError::Request(_) => {
            let reason = progress.failed().unwrap_or(Reason::MalformedRequest);
            Err(ForwardError::Client(reason))
        }
        ExchangeError::Io(_) | ExchangeError::Answer(_) | ExchangeError::Aborted => Ok(Some(error)),
    }
}

/// Sends a request to an HTTP/2 upstream; yields the answer, whose body streams.
pub async fn send_http2(
    upstream: &Rc<Upstream>,
    outgoing: Outgoing,
    body: RequestBody,
    progress: &Progress,
    places: Places,
) -> Result<Response<Relay>, ForwardError> {
    let mut request = outgoing.with(body);
    let mut fresh = false;
    let mut retries = upstream.retries();
    let copy = if retries > 0 {
        repeatable(&request)
    } else {
        None
    };
    loop {
        match exchange_http2(upstream, request, progress, fresh).await {
            Ok((response, mut lease)) => {
                lease.hold(places);
                return relay(response, lease);
            }
            Err(Failed::Unsent(unsent)) if !fresh => {
                request = *unsent;
                fresh = true;
            }
            Err(Failed::Unsent(_)) => {
                return Err(ForwardError::Connect(io::ErrorKind::ConnectionReset.into()));
            }
            Err(Failed::Sent(error)) => {
                if let Some(reason) = progress.failed() {
                    return Err(ForwardError::Client(reason));
                }
                let (Some(copy), ForwardError::Exchange(_), 1..) = (&copy, &error, retries) else {
                    return Err(error);
                };
                retries = retries.saturating_sub(1);
                request = copy.clone().map(|()| RequestBody::empty());
                fresh = true;
            }
        }
    }
}

/// A copy of a request that may be sent again: it is idempotent (RFC 9110, 9.2.2) and has no body.
fn repeatable(request: &Request<RequestBody>) -> Option<Request<()>> {
    let method = request.method();
    let idempotent = method.is_idempotent() && *method != Method::TRACE;
    if !idempotent || !request.body().is_end_stream() {
        return None;
    }
    let mut copy = Request::new(());
    method.clone_into(copy.method_mut());
    request.uri().clone_into(copy.uri_mut());
    *copy.version_mut() = request.version();
    request.headers().clone_into(copy.headers_mut());
    Some(copy)
}

enum Failed {
    /// Not a byte of it was written.
    Unsent(Box<Request<RequestBody>>),
    Sent(ForwardError),
}

impl From<TrySendError<Request<RequestBody>>> for Failed {
    fn from(mut error: TrySendError<Request<RequestBody>>) -> Self {
        match error.take_message() {
            Some(request) => Self::Unsent(Box::new(request)),
            None => Self::Sent(ForwardError::Exchange(error.into_error())),
        }
    }
}

/// Keeps in mind how the endpoint did.
fn judged(
    answered: Result<Result<Response<Incoming>, TrySendError<Request<RequestBody>>>, ForwardError>,
    lease: &Lease,
    progress: &Progress,
) -> Result<Response<Incoming>, Failed> {
    let judged = match answered {
        Ok(answered) => answered.map_err(Failed::from),
        Err(error) => Err(Failed::Sent(error)),
    };
    match &judged {
        Ok(_) => lease.did_well(),
        Err(Failed::Sent(_)) if progress.failed().is_none() => lease.failed(),
        Err(Failed::Sent(_) | Failed::Unsent(_)) => {}
    }
    judged
}

async fn exchange_http2(
    upstream: &Rc<Upstream>,
    request: Request<RequestBody>,
    progress: &Progress,
    fresh: bool,
) -> Result<(Response<Incoming>, Lease), Failed> {
    let (mut sender, lease) = upstream.shared(fresh).await.map_err(Failed::Sent)?;
    if sender.ready().await.is_err() {
        return Err(Failed::Unsent(Box::new(request)));
    }
    let mut sending = pin!(sender.try_send_request(request));
    let answered = in_time(upstream, progress, |context| sending.as_mut().poll(context)).await;
    let response = judged(answered, &lease, progress)?;
    Ok((response, lease))
}

/// Waits for an answer. The time runs from when the request went out whole; while its body is on the way, only while
/// the upstream takes nothing of what there is.
async fn in_time<T>(
    upstream: &Upstream,
    progress: &Progress,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Result<T, ForwardError> {
    let limit = upstream.response_timeout();
    let mut wait = upstream.patience().wait(limit);
    poll_fn(|context| {
        loop {
            if let Poll::Ready(answer) = poll(context) {
                return Poll::Ready(Ok(answer));
            }
            if wait.poll(context).is_pending() {
                return Poll::Pending;
            }
            let left = match progress.since_taken() {
                _ if progress.waiting() && !progress.done() => limit,
                Some(since) => limit.saturating_sub(since),
                None => std::time::Duration::ZERO,
            };
            if left.is_zero() {
                return Poll::Ready(Err(ForwardError::ResponseTimeout));
            }
            wait.reset(left);
        }
    })
    .await
}

/// Makes the upstream's answer the client's.
fn relay(response: Response<Incoming>, lease: Lease) -> Result<Response<Relay>, ForwardError> {
    let (mut parts, incoming) = response.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(ForwardError::Unasked);
    }
    let body = Streamed::new(incoming, parts.version);
    parts.version = Version::HTTP_11;
    if !headers::one_framing(&mut parts.headers) {
        return Err(ForwardError::Direct(AnswerError::Framing.into()));
    }
    headers::take_answer_hop(&mut parts.headers);
    let relay = match parts.status {
        // Whatever their length says, no body follows these. Over HTTP/2 the parser would wait for one, and miss it.
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => {
            drop(body);
            lease.give_back();
            Relay::empty()
        }
        _ => Relay::upstream(body, lease),
    };
    Ok(Response::from_parts(parts, relay))
}
