//! Connections to upstreams: made, kept while idle, and lent for one exchange.
//!
//! Each worker has its own; nothing is shared. An HTTP/1 connection has no task: whoever borrows it drives it together
//! with its own work, which saves a wake-up and a switch for every message. HTTP/2 connections are shared by many
//! exchanges and have a task each.

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderValue;
use http::uri::Authority;
use http_body::Frame;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::clock::monotonic;
use crate::net::connection::Local;
use crate::net::stream::Stream;
use crate::outcome::Reason;
use crate::proxy::body::RequestBody;
use crate::proxy::forward::ForwardError;
use crate::proxy::load::{Load, Place, Places};
use crate::proxy::written::Written;
use answer::{Framing, Head};
use direct::Direct;
use endpoint::Endpoint;
use endpoints::Endpoints;
use patience::{Patience, TICK};

pub use direct::ExchangeError;
pub use target::{Settings, SettingsError, Target};

pub mod answer;
mod direct;
mod endpoint;
mod endpoints;
pub mod patience;
mod target;

/// Idle connections that are kept; more are closed.
const IDLE_MOST: usize = 1024;
/// How often idle connections are looked through.
const REAP_EVERY: Duration = Duration::from_secs(1);
/// The most that is read ahead of an answer.
const READ_AHEAD: usize = 64 * 1024;

/// A worker's connections to one upstream.
pub struct Upstream {
    target: Target,
    endpoints: Endpoints,
    patience: Patience,
    load: Option<Load>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Upstream")
            .field("name", &self.target.name)
            .finish_non_exhaustive()
    }
}

struct Idle<C> {
    connection: Box<C>,
    since: Instant,
}

/// An HTTP/1 connection and what drives it.
struct Wired {
    sender: http1::SendRequest<RequestBody>,
    driver: http1::Connection<TokioIo<Stream>, RequestBody>,
    over: bool,
}

impl Wired {
    /// Lets the connection work; afterwards it may be over.
    fn work(&mut self, context: &mut Context<'_>) {
        if !self.over {
            self.over = Pin::new(&mut self.driver).poll(context).is_ready();
        }
    }

    /// Whether it takes another request now. What happened to it since it was last driven is noticed here.
    fn usable(&mut self) -> bool {
        self.work(&mut Context::from_waker(Waker::noop()));
        !self.over && self.sender.is_ready()
    }
}

impl Upstream {
    /// No connections yet. Needs the worker's runtime.
    pub fn new(target: Target) -> Rc<Self> {
        let upstream = Rc::new(Self {
            load: target.load.clone().map(Load::new),
            endpoints: Endpoints::new(target.sites.clone()),
            target,
            patience: Patience::default(),
        });
        tokio::task::spawn_local(reap(Rc::downgrade(&upstream)));
        upstream
    }

    /// The upstream's name.
    pub fn name(&self) -> &str {
        &self.target.name
    }

    /// A place for one more request, where there is a limit.
    pub fn admit(&self) -> Result<Option<Place>, Reason> {
        match &self.load {
            Some(load) => Ok(Some(load.admit().ok_or(Reason::Overloaded)?)),
            None => Ok(None),
        }
    }

    /// Whether it is spoken to in HTTP/2.
    pub fn http2(&self) -> bool {
        self.target.http2
    }

    /// Whether it is spoken to over TLS.
    pub fn secure(&self) -> bool {
        self.target.secure
    }

    /// Its own host, for clients that name none.
    pub fn host(&self) -> &HeaderValue {
        &self.target.host
    }

    /// The same, for targets.
    pub fn authority(&self) -> &Authority {
        &self.target.authority
    }

    /// Where deadlines are waited for.
    pub fn patience(&self) -> &Patience {
        &self.patience
    }

    /// For the head of an answer.
    pub fn response_timeout(&self) -> Duration {
        self.target.response_timeout
    }

    /// How often an idempotent request may be sent again.
    pub fn retries(&self) -> u32 {
        self.target.retries
    }

    async fn endpoint(&self) -> Result<Rc<Endpoint>, ForwardError> {
        match self.endpoints.known() {
            Some(endpoint) => Ok(endpoint),
            None => Box::pin(self.endpoints.choose(self.target.connect_timeout)).await,
        }
    }

    /// An HTTP/1 connection: an idle one, unless `fresh` is asked for.
    pub async fn lease(self: &Rc<Self>, fresh: bool) -> Result<Lease, ForwardError> {
        let endpoint = self.endpoint().await?;
        let idle = if fresh { None } else { endpoint.take_idle() };
        match idle {
            Some(wired) => Ok(Lease::of(self, endpoint, Some(wired), true)),
            // Takes much memory and is rare.
            None => Box::pin(self.wire(endpoint, self.target.connect_timeout)).await,
        }
    }

    /// The same, for a request without a body.
    pub async fn direct(self: &Rc<Self>, fresh: bool) -> Result<Lease, ForwardError> {
        let endpoint = self.endpoint().await?;
        let idle = if fresh { None } else { endpoint.take_direct() };
        let reused = idle.is_some();
        let (direct, endpoint) = if let Some(direct) = idle {
            (direct, endpoint)
        } else {
            let timeout = self.target.connect_timeout;
            let connecting = Box::pin(self.endpoints.connect(endpoint, timeout));
            let (stream, endpoint) = connecting.await?;
            (Box::new(Direct::new(stream)), endpoint)
        };
        let mut lease = Lease::of(self, endpoint, None, reused);
        lease.direct = Some(direct);
        Ok(lease)
    }

    async fn wire(
        self: &Rc<Self>,
        endpoint: Rc<Endpoint>,
        timeout: Duration,
    ) -> Result<Lease, ForwardError> {
        let (stream, endpoint) = self.endpoints.connect(endpoint, timeout).await?;
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(READ_AHEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(ForwardError::Exchange)?;
        let wired = Box::new(Wired {
            sender,
            driver,
            over: false,
        });
        Ok(Lease::of(self, endpoint, Some(wired), false))
    }

    /// An HTTP/2 connection, which others share, and a lease that counts the exchange.
    pub async fn shared(
        self: &Rc<Self>,
        fresh: bool,
    ) -> Result<(http2::SendRequest<RequestBody>, Lease), ForwardError> {
        let timeout = self.target.connect_timeout;
        let endpoint = self.endpoints.choose(timeout).await?;
        let kept = endpoint.shared.borrow().clone();
        if let Some(sender) = kept
            && !fresh
            && !sender.is_closed()
        {
            return Ok((sender, Lease::of(self, endpoint, None, true)));
        }
        let (stream, endpoint) = self.endpoints.connect(endpoint, timeout).await?;
        let (sender, driver) = http2::Builder::new(Local)
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10))
            .initial_stream_window_size(256 * 1024)
            .initial_connection_window_size(4 * 1024 * 1024)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(ForwardError::Exchange)?;
        tokio::task::spawn_local(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "a connection to an upstream ended");
            }
        });
        *endpoint.shared.borrow_mut() = Some(sender.clone());
        Ok((sender, Lease::of(self, endpoint, None, false)))
    }

    /// A new connection that will not be kept, and a lease that counts the exchange.
    pub async fn connect(self: &Rc<Self>) -> Result<(Stream, Lease), ForwardError> {
        let timeout = self.target.connect_timeout;
        let endpoint = self.endpoints.choose(timeout).await?;
        let (stream, endpoint) = self.endpoints.connect(endpoint, timeout).await?;
        Ok((stream, Lease::of(self, endpoint, None, false)))
    }
}

impl Endpoint {
    /// The connection that became idle last and still lives.
    fn take_idle(&self) -> Option<Box<Wired>> {
        loop {
            let mut idle = self.idle.borrow_mut().pop()?;
            if idle.connection.usable() {
                return Some(idle.connection);
            }
        }
    }

    fn take_direct(&self) -> Option<Box<Direct>> {
        loop {
            let mut idle = self.direct.borrow_mut().pop()?;
            if idle.connection.usable() {
                return Some(idle.connection);
            }
        }
    }
}

fn keep<C>(idle: &RefCell<Vec<Idle<C>>>, connection: Box<C>, since: Instant) {
    let mut idle = idle.borrow_mut();
    if idle.len() < IDLE_MOST {
        idle.push(Idle { connection, since });
    }
}

/// Wakes those who have waited too long for an answer, and closes connections that have been idle too long or that
/// their upstream closed.
async fn reap(upstream: Weak<Upstream>) {
    let mut tick = tokio::time::interval(TICK);
    let mut looked = monotonic();
    loop {
        tick.tick().await;
        let Some(upstream) = upstream.upgrade() else {
            return;
        };
        upstream.patience.tick();
        let now = monotonic();
        if now.saturating_duration_since(looked) < REAP_EVERY {
            continue;
        }
        looked = now;
        let keep = upstream.target.pool_idle;
        for endpoint in &*upstream.endpoints.all() {
            let fresh = |since| now.saturating_duration_since(since) < keep;
            endpoint
                .idle
                .borrow_mut()
                .retain_mut(|idle| fresh(idle.since) && idle.connection.usable());
            endpoint
                .direct
                .borrow_mut()
                .retain_mut(|idle| fresh(idle.since) && idle.connection.usable());
        }
        if upstream.endpoints.are_due(now) {
            tokio::task::spawn_local(async move {
                // What cannot be resolved is logged, and stays as it was.
                let _ = upstream.endpoints.resolve().await;
            });
        }
    }
}

/// A connection lent for one exchange. Dropping it closes the connection; HTTP/2 exchanges hold an empty one.
pub struct Lease {
    wired: Option<Box<Wired>>,
    direct: Option<Box<Direct>>,
    upstream: Rc<Upstream>,
    endpoint: Rc<Endpoint>,
    reused: bool,
    places: Places,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.endpoint.end();
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Lease")
            .field("upstream", &self.upstream)
            .field("reused", &self.reused)
            .finish_non_exhaustive()
    }
}

impl Lease {
    fn of(
        upstream: &Rc<Upstream>,
        endpoint: Rc<Endpoint>,
        wired: Option<Box<Wired>>,
        reused: bool,
    ) -> Self {
        endpoint.begin();
        Self {
            wired,
            direct: None,
            upstream: Rc::clone(upstream),
            endpoint,
            reused,
            places: Places::default(),
        }
    }

    /// The endpoint answered.
    pub fn did_well(&self) {
        self.endpoint.did_well();
    }

    /// The endpoint broke the exchange off, or did not answer in time.
    pub fn failed(&self) {
        self.endpoint.failed(monotonic());
    }

    /// Keeps the request's places until the exchange is over.
    pub fn hold(&mut self, places: Places) {
        self.places = places;
    }

    /// Whether the connection served another exchange before.
    pub fn reused(&self) -> bool {
        self.reused
    }

    /// What sends over it.
    pub fn sender(&mut self) -> Option<&mut http1::SendRequest<RequestBody>> {
        self.wired.as_mut().map(|wired| &mut wired.sender)
    }

    /// Polls something that the connection feeds, letting the connection work when it has nothing yet.
    pub fn drive<T>(
        &mut self,
        context: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if let Poll::Ready(ready) = poll(context) {
            return Poll::Ready(ready);
        }
        let Some(wired) = &mut self.wired else {
            return Poll::Pending;
        };
        wired.work(context);
        if wired.over {
            // Whoever waits learns from the connection's end what became of it.
            self.wired = None;
        }
        poll(context)
    }

    /// Lets the connection work on by itself to its end: the answer has begun before the request was sent whole, and
    /// either may have to wait for the other.
    pub fn detach(&mut self) {
        if let Some(mut wired) = self.wired.take() {
            tokio::task::spawn_local(async move {
                poll_fn(|context| {
                    wired.work(context);
                    if wired.over {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                })
                .await;
            });
        }
    }

    /// The exchange is complete: the connection may serve another one.
    pub fn give_back(mut self) {
        if let Some(mut wired) = self.wired.take()
            && ((!wired.over && wired.sender.is_ready()) || wired.usable())
        {
            keep(&self.endpoint.idle, wired, self.upstream.patience.now());
        }
        if let Some(mut direct) = self.direct.take()
            && direct.rest()
        {
            keep(&self.endpoint.direct, direct, self.upstream.patience.now());
        }
    }

    /// Sends a request without a body, as it was written, and reads the head of its answer.
    pub(super) fn poll_exchange(
        &mut self,
        context: &mut Context<'_>,
        request: &Written,
    ) -> Poll<Result<Head, ExchangeError>> {
        match &mut self.direct {
            Some(direct) => direct.poll_exchange(context, &request.head, request.bodiless),
            None => Poll::Ready(Err(ExchangeError::Unsent)),
        }
    }

    /// The whole of an answer's body, if it is short and has come already.
    pub(super) fn whole(&mut self, body: &mut Framing) -> Option<Bytes> {
        self.direct.as_mut()?.whole(body)
    }

    /// The next piece of an answer's body.
    pub(super) fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
        body: &mut Framing,
    ) -> Poll<Option<Result<Frame<Bytes>, ExchangeError>>> {
        match &mut self.direct {
            Some(direct) => direct.poll_piece(context, body),
            None => Poll::Ready(Some(Err(ExchangeError::Unsent))),
        }
    }
}
