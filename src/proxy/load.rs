//! How many requests are under way, and a limit to that: one more is refused at once, not queued.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A count that all workers share.
#[derive(Debug, Clone)]
pub struct Shared(Arc<AtomicUsize>, usize);

impl Shared {
    /// Nothing is under way; at most `limit` may be.
    pub fn new(limit: usize) -> Self {
        Self(Arc::default(), limit)
    }
}

/// One worker's handle on it.
#[derive(Debug, Clone)]
pub struct Load(Rc<Shared>);

impl Load {
    /// Of a count that may be shared.
    pub fn new(shared: Shared) -> Self {
        Self(Rc::new(shared))
    }

    /// A place for one more, unless all are taken.
    pub fn admit(&self) -> Option<Place> {
        let Shared(count, limit) = &*self.0;
        if count.fetch_add(1, Ordering::Relaxed) < *limit {
            return Some(Place(self.clone()));
        }
        count.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

/// One request's place; given back when dropped.
#[derive(Debug)]
pub struct Place(Load);

impl Drop for Place {
    fn drop(&mut self) {
        let Shared(count, _) = &*self.0.0;
        count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What one request holds while it is under way.
#[derive(Debug, Default)]
pub struct Places {
    /// Of the process.
    pub process: Option<Place>,
    /// Of the upstream, where it has a limit.
    pub upstream: Option<Place>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let load = Load::new(Shared::new(2));
        let first = load.admit();
        let second = load.admit();
        assert!(first.is_some() && second.is_some());
        assert!(load.admit().is_none());
        drop(first);
        assert!(load.admit().is_some());
    }
}
