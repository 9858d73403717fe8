//! HTTP/2 streams whose client takes nothing of the answer: what waits for them is given up after the write stall.
//!
//! A client that closes a stream's window holds what was handed over for it in memory, while the connection itself
//! flows. So each stream notes when it handed something over and was not asked for more since; the sweep ends those for
//! which that is too long ago.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Answers up to this size are not followed: a stream costs as much anyway.
pub(super) const SMALL: usize = 1024;

/// How one stream's answer gets on.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Since when something was handed over and nothing more was asked for.
    waiting_since: Cell<Option<Instant>>,
    cut: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Pace {
    /// The client's connection asks for more.
    pub(super) fn asked(&self) {
        self.waiting_since.set(None);
    }

    /// Something was handed over.
    pub(super) fn handed_over(&self, now: Instant) {
        self.waiting_since.set(Some(now));
    }
}

/// The streams of one connection.
#[derive(Debug, Default)]
pub(super) struct Paces {
    all: RefCell<Vec<Weak<Pace>>>,
    /// Of the request that was just taken, whose task is about to be started.
    latest: RefCell<Option<Rc<Pace>>>,
}

impl Paces {
    /// For a request that begins.
    pub(super) fn begin(&self) -> Rc<Pace> {
        let pace = Rc::new(Pace::default());
        self.all.borrow_mut().push(Rc::downgrade(&pace));
        *self.latest.borrow_mut() = Some(Rc::clone(&pace));
        pace
    }

    /// Ends the streams that have waited for `limit`.
    pub(super) fn sweep(&self, now: Instant, limit: Duration) {
        self.all.borrow_mut().retain(|pace| {
            let Some(pace) = pace.upgrade() else {
                return false;
            };
            let since = pace.waiting_since.get();
            if since.is_some_and(|since| now.saturating_duration_since(since) >= limit) {
                pace.cut.set(true);
                if let Some(waker) = pace.waker.take() {
                    waker.wake();
                }
            }
            true
        });
    }

    /// Starts a task; one that serves a request ends with its stream's being cut.
    pub(super) fn spawn<F: Future<Output: 'static> + 'static>(&self, future: F) {
        match self.latest.take() {
            Some(pace) => {
                let future = Box::pin(future);
                tokio::task::spawn_local(Served {
                    future: Some(future),
                    pace,
                });
            }
            None => {
                tokio::task::spawn_local(future);
            }
        }
    }
}

/// A task that serves one request. Dropping it resets the stream.
struct Served<F> {
    future: Option<Pin<Box<F>>>,
    pace: Rc<Pace>,
}

impl<F: Future> Future for Served<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.pace.cut.get() {
            this.future = None;
            return Poll::Ready(());
        }
        let Some(future) = &mut this.future else {
            return Poll::Ready(());
        };
        let polled = future.as_mut().poll(context).map(|_| ());
        if polled.is_pending() && this.pace.waiting_since.get().is_some() {
            let mut waker = this.pace.waker.borrow_mut();
            match &mut *waker {
                Some(waker) if waker.will_wake(context.waker()) => {}
                other => *other = Some(context.waker().clone()),
            }
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;

    #[test]
    fn only_what_waits_too_long_is_cut() {
        let limit = Duration::from_secs(30);
        let paces = Paces::default();
        let now = monotonic();
        let [idle, waiting, flowing] = [0, 1, 2].map(|_| paces.begin());
        waiting.handed_over(now);
        flowing.handed_over(now);
        flowing.asked();
        let later = |time| now.checked_add(time).unwrap();
        paces.sweep(later(Duration::from_secs(15)), limit);
        assert!(!waiting.cut.get());
        paces.sweep(later(limit), limit);
        assert!(waiting.cut.get() && !idle.cut.get() && !flowing.cut.get());
        drop((idle, waiting));
        paces.latest.take();
        paces.sweep(now, limit);
        assert_eq!(paces.all.borrow().len(), 1);
    }
}
