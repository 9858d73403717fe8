//! An exchange whose answer began before its request was sent whole: both go on side by side, as either may have to wait
//! for the other.
//!
//! The answer is read by whoever relays it; the request is sent by a task of its own. Neither outlives the other's
//! failure: a request that breaks off ends the connection, and the answer with it, and an answer that is given up ends the
//! request. An upstream that takes no more of the request may have answered all the same: its answer is read to its end.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tokio::time::Instant;

use crate::proxy::upstream::answer::Framing;
use crate::proxy::upstream::direct::{Direct, ExchangeError};
use crate::proxy::upstream::sending::{Failure, Sending};

/// How long what a client sends is taken and dropped when its upstream wants no more of it: many clients look for an
/// answer only when they have sent everything.
const DISCARDED: Duration = Duration::from_secs(5);

/// Such an exchange.
#[derive(Debug)]
pub(super) struct Duplex(RefCell<Inner>);

#[derive(Debug)]
struct Inner {
    direct: Option<Box<Direct>>,
    /// The request was sent whole.
    sent: bool,
    /// The answer was read whole.
    answered: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// How sending ended.
enum End {
    Done,
    /// The upstream takes no more.
    Unwanted,
}

impl Duplex {
    /// Sends on, as long as the upstream takes something at least once in `limit` after it has answered.
    pub(super) fn begin(direct: Box<Direct>, sending: Sending, limit: Duration) -> Rc<Self> {
        let duplex = Rc::new(Self(RefCell::new(Inner {
            direct: Some(direct),
            sent: false,
            answered: false,
            reader: None,
            writer: None,
        })));
        tokio::task::spawn_local(Rc::clone(&duplex).send(sending, limit));
        duplex
    }

    async fn send(self: Rc<Self>, mut sending: Sending, limit: Duration) {
        let mut timer = pin!(tokio::time::sleep(limit));
        let mut before = sending.written();
        let end = poll_fn(|context| {
            let polled = self.poll_send(context, &mut sending);
            if polled.is_ready() {
                return polled;
            }
            while timer.as_mut().poll(context).is_ready() {
                let now = sending.written();
                if now == before && self.stalls() {
                    return Poll::Ready(End::Unwanted);
                }
                before = now;
                let next = Instant::now().checked_add(limit);
                timer.as_mut().reset(next.unwrap_or_else(Instant::now));
            }
            Poll::Pending
        })
        .await;
        if matches!(end, End::Unwanted) {
            let discarding = poll_fn(|context| sending.poll_discard(context));
            // What comes later is not waited for.
            let _ = tokio::time::timeout(DISCARDED, discarding).await;
        }
    }

    fn poll_send(&self, context: &mut Context<'_>, sending: &mut Sending) -> Poll<End> {
        let inner = &mut *self.0.borrow_mut();
        let Some(direct) = &mut inner.direct else {
            let end = if inner.answered {
                End::Unwanted
            } else {
                End::Done
            };
            return Poll::Ready(end);
        };
        let polled = direct.poll_send(context, sending);
        if polled.is_pending() {
            inner.writer = Some(context.waker().clone());
        }
        match ready!(polled) {
            Ok(()) => {
                inner.sent = true;
                if inner.answered {
                    inner.direct = None;
                }
                Poll::Ready(End::Done)
            }
            Err(Failure::Upstream(_)) => {
                if inner.answered {
                    inner.direct = None;
                }
                Poll::Ready(End::Unwanted)
            }
            Err(Failure::Client(error)) => {
                tracing::debug!(%error, "a request broke off while its answer came");
                inner.direct = None;
                if let Some(reader) = inner.reader.take() {
                    reader.wake();
                }
                Poll::Ready(End::Done)
            }
        }
    }

    /// The upstream takes nothing of the request for now: it is given up, if the answer is whole.
    fn stalls(&self) -> bool {
        let inner = &mut *self.0.borrow_mut();
        if inner.answered {
            inner.direct = None;
        }
        inner.answered
    }

    /// The whole of the answer's body, if it is short and has come already.
    pub(super) fn whole(&self, body: &mut Framing) -> Option<Bytes> {
        self.0.borrow_mut().direct.as_mut()?.whole(body)
    }

    /// The next piece of the answer's body.
    pub(super) fn poll_piece(
        &self,
        context: &mut Context<'_>,
        body: &mut Framing,
    ) -> Poll<Option<Result<Frame<Bytes>, ExchangeError>>> {
        let inner = &mut *self.0.borrow_mut();
        let Some(direct) = &mut inner.direct else {
            return Poll::Ready(Some(Err(ExchangeError::Aborted)));
        };
        let polled = direct.poll_piece(context, body);
        if polled.is_pending() {
            inner.reader = Some(context.waker().clone());
        }
        polled
    }

    /// The answer is whole. The connection, if the request is, too.
    pub(super) fn answered(&self) -> Option<Box<Direct>> {
        let inner = &mut *self.0.borrow_mut();
        inner.answered = true;
        if inner.sent {
            return inner.direct.take();
        }
        if inner.direct.as_ref().is_some_and(|direct| !direct.stays()) {
            inner.direct = None;
        }
        inner.wake_writer();
        None
    }

    /// The answer is given up, and the request with it.
    pub(super) fn give_up(&self) {
        let inner = &mut *self.0.borrow_mut();
        inner.direct = None;
        inner.wake_writer();
    }
}

impl Inner {
    fn wake_writer(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }
}
