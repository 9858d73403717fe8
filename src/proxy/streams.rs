//! Open streams obey policy: WebSocket and its like, gRPC calls and server-sent events are decided again while they last.
//!
//! Each is on a worker's list with the head that it was decided by. A few times a second, while there are any, the worker
//! looks whether the snapshot has changed, and then decides each again, or whether a credential has expired or its
//! connection's certificate was revoked. Who carries the stream asks its [`Watch`], and ends it in the manner of its protocol.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName};
use http::request::Parts;

use crate::authn::Distrust;
use crate::clock::{Timestamp, monotonic};
use crate::gate::{Body, Facts, Hashing, Head, Lasts, Said};
use crate::net::Connection;
use crate::net::tls::ClientCertificate;
use crate::outcome::Reason;
use crate::proxy::{Control, Unjudged};

/// How often is looked: what ends a stream is noticed this much later at most.
const TICK: Duration = Duration::from_millis(250);
/// So many are looked at at once.
const AT_ONCE: usize = 16;

/// The head that a stream was decided by, as it was judged.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Method, target and fields.
    pub parts: Parts,
    /// Who sent it.
    pub peer: IpAddr,
    /// Whether over TLS.
    pub secure: bool,
    /// The listener's name.
    pub listener: Arc<str>,
    /// Its connection, where that has a client certificate.
    pub connection: Option<Rc<Connection>>,
    /// Our id of it.
    pub request_id: HeaderValue,
}

impl Kept {
    fn head(&self) -> Head<'_> {
        Head {
            parts: &self.parts,
            said: Said::of(&self.parts.headers),
            peer: self.peer,
            secure: self.secure,
            certificate: self
                .connection
                .as_ref()
                .and_then(|connection| connection.certificate.as_ref())
                .map(ClientCertificate::get),
            began: monotonic(),
            again: true,
            listener: &self.listener,
            request_id: self.request_id.to_str().unwrap_or_default(),
            body: &Gone,
        }
    }

    /// Why its connection's certificate is good no longer: it costs a look to ask, while no list or authority changes.
    fn distrusted(&self, now: Timestamp) -> Option<Reason> {
        let certificate = self.connection.as_ref()?.certificate.as_ref()?;
        let trusted = certificate.get().and_then(|found| found.in_time(now));
        trusted.err().map(Distrust::reason)
    }
}

/// The body of a request that is under way: nobody can read it any more, and nobody needs to.
#[derive(Debug)]
struct Gone;

impl Body for Gone {
    fn hash(&self) -> Hashing<'_> {
        Box::pin(std::future::ready(Err(Reason::Internal)))
    }
}

#[derive(Debug)]
struct Open {
    /// `None`: the answer turned out to be a stream, and nobody had said so before.
    kept: Option<Box<Kept>>,
    lasts: Cell<Lasts>,
    /// The generation of snapshots that it was decided by.
    decided_by: Cell<u64>,
    /// Why it must end, and since when that is known.
    doomed: Cell<Option<(Reason, Instant)>>,
    ended: Cell<Option<Reason>>,
    waker: RefCell<Option<Waker>>,
}

impl Open {
    fn doom(&self, reason: Reason, now: Instant) {
        if self.doomed.get().is_none() {
            self.doomed.set(Some((reason, now)));
        }
    }

    fn end(&self, reason: Reason) {
        self.ended.set(Some(reason));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// What the carrier of a stream has of it.
#[derive(Debug, Clone)]
pub struct Watch(Rc<Open>);

impl Watch {
    /// Whether the stream must end, and why; wakes when it must.
    pub fn poll_ended(&self, context: &Context<'_>) -> Poll<Reason> {
        if let Some(reason) = self.0.ended.get() {
            return Poll::Ready(reason);
        }
        let mut waker = self.0.waker.borrow_mut();
        match &mut *waker {
            Some(waker) if waker.will_wake(context.waker()) => {}
            other => *other = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// What `future` yields, unless the stream must end first.
    pub async fn unless_ended<T>(&self, future: impl Future<Output = T>) -> Result<T, Reason> {
        let mut future = pin!(future);
        poll_fn(|context| {
            if let Poll::Ready(reason) = self.poll_ended(context) {
                return Poll::Ready(Err(reason));
            }
            future.as_mut().poll(context).map(Ok)
        })
        .await
    }
}

/// A worker's open streams.
#[derive(Debug, Default)]
pub struct Streams {
    open: RefCell<Vec<Weak<Open>>>,
    watching: Cell<bool>,
    grace: Duration,
}

impl Streams {
    /// None yet; what may not go on goes on for `grace`.
    pub fn new(grace: Duration) -> Rc<Self> {
        Rc::new(Self {
            grace,
            ..Self::default()
        })
    }

    /// Adds a stream that was just decided. Needs the worker's runtime.
    pub fn add<C: Control>(
        self: &Rc<Self>,
        control: &Rc<C>,
        kept: Option<Box<Kept>>,
        lasts: Lasts,
        facts: &Facts,
    ) -> Watch {
        let generation = control.generation();
        // Asked after the generation: a snapshot that comes in between makes it an old one.
        let decided_by = if control.is_current(facts) {
            generation
        } else {
            generation.wrapping_sub(1)
        };
        let open = Rc::new(Open {
            kept,
            lasts: Cell::new(lasts),
            decided_by: Cell::new(decided_by),
            doomed: Cell::new(None),
            ended: Cell::new(None),
            waker: RefCell::new(None),
        });
        self.open.borrow_mut().push(Rc::downgrade(&open));
        if !self.watching.replace(true) {
            tokio::task::spawn_local(Rc::clone(self).watch(Rc::clone(control)));
        }
        Watch(open)
    }

    fn all(&self) -> Vec<Rc<Open>> {
        let mut open = self.open.borrow_mut();
        open.retain(|stream| stream.strong_count() > 0);
        open.iter().filter_map(Weak::upgrade).collect()
    }

    /// Looks after the streams as long as there are any.
    async fn watch<C: Control>(self: Rc<Self>, control: Rc<C>) {
        loop {
            tokio::time::sleep(TICK).await;
            let all = self.all();
            if all.is_empty() {
                self.watching.set(false);
                return;
            }
            // One whose decision waits for somebody does not keep the others waiting.
            let looking = futures_util::stream::iter(all);
            let looking = looking.for_each_concurrent(AT_ONCE, async |stream| {
                self.look(&*control, &stream).await;
            });
            looking.await;
        }
    }

    async fn look<C: Control>(&self, control: &C, stream: &Open) {
        let now = monotonic();
        let generation = control.generation();
        let reached = |at: Option<Timestamp>| at.is_some_and(|at| at <= control.now());
        let lasts = stream.lasts.get();
        let changed = stream.decided_by.replace(generation) != generation;
        let changed = changed || reached(lasts.again_at);
        if let Some((reason, since)) = stream.doomed.get() {
            if now.saturating_duration_since(since) >= self.grace {
                stream.end(reason);
            }
            return;
        }
        let kept = stream.kept.as_deref();
        let over = if reached(lasts.until) {
            Some(Reason::ExpiredCredential)
        } else {
            kept.and_then(|kept| kept.distrusted(control.now()))
        };
        if let Some(reason) = over {
            stream.doom(reason, now);
            if let Some(kept) = kept {
                control.refused(&over_record(kept, reason));
            }
        } else if changed {
            match kept {
                Some(kept) => match control.again(&kept.head()).await {
                    Ok(lasts) => stream.lasts.set(lasts),
                    Err(reason) => stream.doom(reason, now),
                },
                // It cannot be decided again, so it is not allowed again.
                None => stream.doom(Reason::ImplicitDeny, now),
            }
        }
        if let Some((reason, _)) = stream.doomed.get()
            && self.grace.is_zero()
        {
            stream.end(reason);
        }
    }
}

fn over_record(kept: &Kept, reason: Reason) -> Unjudged<'_> {
    let text = |name| kept.parts.headers.get(name).map(HeaderValue::as_bytes);
    Unjudged {
        reason,
        method: kept.parts.method.as_str(),
        path: kept.parts.uri.path(),
        user_agent: text("user-agent"),
        client_request_id: text("x-request-id"),
        request_id: kept.request_id.to_str().unwrap_or_default(),
        peer: kept.peer,
    }
}

/// Whether a request announces that it will last: a gRPC call, or events that are asked for.
pub fn announced(fields: &HeaderMap) -> bool {
    fields.iter().any(|(name, value)| announces(name, value))
}

/// Whether one of its lines does.
pub fn announces(name: &HeaderName, value: &HeaderValue) -> bool {
    let value = value.as_bytes();
    // What takes anything asks for nothing.
    let events = || value != b"*/*" && memchr::memmem::find(value, b"text/event-stream").is_some();
    *name == CONTENT_TYPE && value.starts_with(b"application/grpc") || *name == ACCEPT && events()
}

/// Whether an answer is a stream of events.
pub fn is_events(fields: &HeaderMap) -> bool {
    fields.iter().any(|(name, value)| {
        let start = value.as_bytes().get(..17).unwrap_or_default();
        *name == CONTENT_TYPE && start.eq_ignore_ascii_case(b"text/event-stream")
    })
}

#[cfg(test)]
mod tests;
