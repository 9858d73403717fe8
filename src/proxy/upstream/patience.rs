//! Deadlines that nearly always go unused: for answers, of which each is awaited a few milliseconds at most.
//!
//! A timer of the runtime costs a place in its wheel and back for every request. Here waiting is a place in a list that
//! is looked through a few times a second, so a deadline is met late by two of these ticks at most, and never early.

use std::cell::{Cell, RefCell};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::clock::monotonic;

/// How often the list is looked through.
pub(super) const TICK: Duration = Duration::from_millis(200);

/// Who waits at one upstream.
#[derive(Debug)]
pub struct Patience {
    now: Cell<Instant>,
    places: RefCell<Places>,
}

#[derive(Debug, Default)]
struct Places {
    all: Vec<Place>,
    free: Vec<usize>,
}

#[derive(Debug, Default)]
struct Place {
    due: Option<Instant>,
    waker: Option<Waker>,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            now: Cell::new(monotonic()),
            places: RefCell::default(),
        }
    }
}

impl Patience {
    /// Wakes those whose time is over.
    pub(super) fn tick(&self) {
        let now = monotonic();
        self.now.set(now);
        for place in &mut self.places.borrow_mut().all {
            if place.due.is_some_and(|due| due <= now)
                && let Some(waker) = place.waker.take()
            {
                waker.wake();
            }
        }
    }

    /// The time, up to a tick old.
    pub(super) fn now(&self) -> Instant {
        self.now.get()
    }

    /// Waits for that long.
    pub fn wait(&self, limit: Duration) -> Wait<'_> {
        let mut places = self.places.borrow_mut();
        let at = places.free.pop().unwrap_or_else(|| {
            places.all.push(Place::default());
            places.all.len().saturating_sub(1)
        });
        drop(places);
        let mut wait = Wait { patience: self, at };
        wait.reset(limit);
        wait
    }
}

/// One who waits; gives the place up when dropped.
#[derive(Debug)]
pub struct Wait<'a> {
    patience: &'a Patience,
    at: usize,
}

impl Wait<'_> {
    /// Begins anew.
    pub fn reset(&mut self, limit: Duration) {
        // The clock of the list is up to a tick old.
        let due = self
            .patience
            .now
            .get()
            .checked_add(limit.saturating_add(TICK));
        if let Some(place) = self.patience.places.borrow_mut().all.get_mut(self.at) {
            place.due = due;
        }
    }

    /// Whether the time is over; wakes when it is.
    pub fn poll(&mut self, context: &Context<'_>) -> Poll<()> {
        let mut places = self.patience.places.borrow_mut();
        let Some(place) = places.all.get_mut(self.at) else {
            return Poll::Ready(());
        };
        if place.due.is_some_and(|due| due <= self.patience.now.get()) {
            return Poll::Ready(());
        }
        match &mut place.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut places = self.patience.places.borrow_mut();
        if let Some(place) = places.all.get_mut(self.at) {
            *place = Place::default();
        }
        places.free.push(self.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_met_and_places_used_again() {
        let patience = Patience::default();
        let context = Context::from_waker(Waker::noop());
        let mut long = patience.wait(Duration::from_secs(100));
        let mut short = patience.wait(Duration::ZERO);
        assert!(short.poll(&context).is_pending());
        std::thread::sleep(TICK);
        patience.tick();
        assert!(short.poll(&context).is_ready());
        assert!(long.poll(&context).is_pending());
        short.reset(Duration::from_secs(100));
        assert!(short.poll(&context).is_pending());
        drop(short);
        let again = patience.wait(Duration::from_secs(1));
        assert_eq!(patience.places.borrow().all.len(), 2);
        drop((long, again));
        assert_eq!(patience.places.borrow().free.len(), 2);
    }
}
