//! Connections to upstreams: made, kept while idle, and lent for one exchange.
//!
//! Each worker has its own; nothing is shared. An HTTP/1 connection has no task: whoever borrows it drives it together
//! with its own work, which saves a wake-up and a switch for every message. HTTP/2 connections are shared by many
//! exchanges and have a task each.

use std::cell::RefCell;
use std::fmt;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderValue;
use http::uri::Authority;
use http_body::Frame;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::clock::monotonic;
use crate::net::connection::Local;
use crate::net::stream::Stream;
use crate::outcome::Reason;
use crate::proxy::forward::ForwardError;
use crate::proxy::load::{Load, Place, Places};
use crate::proxy::upload::RequestBody;
use answer::{Framing, Head};
use direct::Direct;
use duplex::Duplex;
use endpoint::Endpoint;
use endpoints::Endpoints;
use patience::{Patience, TICK};
use sending::Sending;

pub use direct::ExchangeError;
pub use target::{Settings, SettingsError, Target};

pub mod answer;
mod direct;
mod duplex;
mod endpoint;
mod endpoints;
mod names;
pub mod patience;
pub mod sending;
mod target;

/// Idle connections that are kept; more are closed.
const IDLE_MOST: usize = 1024;
/// How often idle connections are looked through.
const REAP_EVERY: Duration = Duration::from_secs(1);
/// Buffers of heads that are kept for the next ones, and what most heads fit into.
const SPARE: usize = 16;
const USUAL: usize = 2048;
/// The most that is read ahead of an answer.
const READ_AHEAD: usize = 64 * 1024;

/// A worker's connections to one upstream.
pub struct Upstream {
    target: Target,
    endpoints: Endpoints,
    patience: Patience,
    load: Option<Load>,
    spare: RefCell<Vec<Vec<u8>>>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Upstream")
            .field("name", &self.target.name)
            .finish_non_exhaustive()
    }
}

struct Idle {
    connection: Box<Direct>,
    since: Instant,
}

impl Upstream {
    /// No connections yet. Needs the worker's runtime.
    pub fn new(target: Target) -> Rc<Self> {
        let upstream = Rc::new(Self {
            load: target.load.clone().map(Load::new),
            endpoints: Endpoints::new(target.sites.clone(), Arc::clone(&target.names)),
            target,
            patience: Patience::default(),
            spare: RefCell::default(),
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

    /// An empty buffer to write a head into.
    pub fn buffer(&self) -> Vec<u8> {
        let spare = self.spare.borrow_mut().pop();
        spare.unwrap_or_else(|| Vec::with_capacity(USUAL))
    }

    /// Keeps the buffer of a head that was sent for another one.
    pub fn keep_buffer(&self, mut buffer: Vec<u8>) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE {
            buffer.clear();
            spare.push(buffer);
        }
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

    async fn endpoint(&self, but: Option<&Tried>) -> Result<Rc<Endpoint>, ForwardError> {
        match self.endpoints.known(but.map(|tried| &tried.endpoint)) {
            Some(endpoint) => Ok(endpoint),
            None => Box::pin(self.endpoints.choose(self.target.connect_timeout)).await,
        }
    }

    /// An HTTP/1 connection: an idle one, unless `fresh` is asked for; elsewhere than `but`, where that can be.
    pub async fn lease(
        self: &Rc<Self>,
        fresh: bool,
        but: Option<&Tried>,
    ) -> Result<Lease, ForwardError> {
        let endpoint = self.endpoint(but).await?;
        let idle = if fresh { None } else { endpoint.take_idle() };
        let reused = idle.is_some();
        let (direct, endpoint) = if let Some(direct) = idle {
            (direct, endpoint)
        } else {
            let timeout = self.target.connect_timeout;
            // Takes much memory and is rare.
            let connecting = Box::pin(self.endpoints.connect(endpoint, timeout));
            let (stream, endpoint) = connecting.await?;
            (Box::new(Direct::new(stream)), endpoint)
        };
        Ok(Lease::of(self, endpoint, Some(direct), reused))
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
    fn take_idle(&self) -> Option<Box<Direct>> {
        loop {
            let mut idle = self.idle.borrow_mut().pop()?;
            if idle.connection.usable() {
                return Some(idle.connection);
            }
        }
    }

    fn keep(&self, connection: Box<Direct>, since: Instant) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < IDLE_MOST {
            idle.push(Idle { connection, since });
        }
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
        }
        upstream.endpoints.renew();
    }
}

/// What an exchange was tried with, and is better not tried with again.
#[derive(Clone)]
pub struct Tried {
    endpoint: Rc<Endpoint>,
}

impl fmt::Debug for Tried {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tried").finish_non_exhaustive()
    }
}

/// A connection lent for one exchange. Dropping it closes the connection; HTTP/2 exchanges hold an empty one.
pub struct Lease {
    connection: Held,
    upstream: Rc<Upstream>,
    endpoint: Rc<Endpoint>,
    reused: bool,
    places: Places,
}

/// What a lease has of a connection.
enum Held {
    /// It is not the lease's own, or no longer.
    Nothing,
    /// All of it.
    Whole(Box<Direct>),
    /// Its answers: the request is still being sent.
    Reading(Rc<Duplex>),
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Held::Reading(duplex) = &self.connection {
            duplex.give_up();
        }
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
        direct: Option<Box<Direct>>,
        reused: bool,
    ) -> Self {
        endpoint.begin();
        Self {
            connection: direct.map_or(Held::Nothing, Held::Whole),
            upstream: Rc::clone(upstream),
            endpoint,
            reused,
            places: Places::default(),
        }
    }

    /// What this exchange is tried with.
    pub fn tried(&self) -> Tried {
        Tried {
            endpoint: Rc::clone(&self.endpoint),
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

    /// Whether the connection served another exchange before and nothing has come of this one: its upstream may have
    /// closed it when it was idle.
    pub fn may_be_stale(&self) -> bool {
        match &self.connection {
            Held::Whole(direct) => self.reused && direct.is_silent(),
            Held::Nothing | Held::Reading(_) => false,
        }
    }

    /// The exchange is complete: the connection may serve another one.
    pub fn give_back(mut self) {
        let direct = match std::mem::replace(&mut self.connection, Held::Nothing) {
            Held::Nothing => None,
            Held::Whole(direct) => Some(direct),
            Held::Reading(duplex) => duplex.answered(),
        };
        if let Some(mut direct) = direct
            && direct.rest()
        {
            self.endpoint.keep(direct, self.upstream.patience.now());
        }
    }

    /// Sends a request and reads the head of its answer.
    pub(super) fn poll_exchange(
        &mut self,
        context: &mut Context<'_>,
        request: &mut Sending,
        bodiless: bool,
    ) -> Poll<Result<Head, ExchangeError>> {
        match &mut self.connection {
            Held::Whole(direct) => direct.poll_exchange(context, request, bodiless),
            Held::Nothing | Held::Reading(_) => Poll::Ready(Err(ExchangeError::Unsent)),
        }
    }

    /// The answer has begun. What is left of the request goes on being sent.
    pub(super) fn send_on(&mut self, request: &mut Sending) {
        if request.is_whole() {
            return;
        }
        let request = request.hand_over();
        if let Held::Whole(direct) = std::mem::replace(&mut self.connection, Held::Nothing) {
            let limit = self.upstream.target.response_timeout;
            self.connection = Held::Reading(Duplex::begin(direct, request, limit));
        }
    }

    /// The whole of an answer's body, if it is short and has come already.
    pub(super) fn whole(&mut self, body: &mut Framing) -> Option<Bytes> {
        match &mut self.connection {
            Held::Nothing => None,
            Held::Whole(direct) => direct.whole(body),
            Held::Reading(duplex) => duplex.whole(body),
        }
    }

    /// The next piece of an answer's body.
    pub(super) fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
        body: &mut Framing,
    ) -> Poll<Option<Result<Frame<Bytes>, ExchangeError>>> {
        match &mut self.connection {
            Held::Nothing => Poll::Ready(Some(Err(ExchangeError::Unsent))),
            Held::Whole(direct) => direct.poll_piece(context, body),
            Held::Reading(duplex) => duplex.poll_piece(context, body),
        }
    }
}
