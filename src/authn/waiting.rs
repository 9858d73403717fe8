//! How many requests wait for the same thing: a bounded number, because each holds a place among all that are under way.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Requests that wait for one provider, in each of the ways in which one can be waited for.
pub(super) const MOST: usize = 1024;

/// Counts those who wait.
#[derive(Debug, Default)]
pub(super) struct Waiting(AtomicUsize);

/// One who waits, as long as it is held.
#[derive(Debug)]
pub(super) struct Place<'w>(&'w AtomicUsize);

impl Waiting {
    /// A place, unless [`MOST`] wait.
    pub(super) fn place(&self) -> Option<Place<'_>> {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        let place = Place(&self.0);
        (before < MOST).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_left_is_anothers() {
        let waiting = Waiting::default();
        let mut places: Vec<_> = (0..MOST).map(|_| waiting.place()).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(waiting.place().is_none() && waiting.place().is_none());
        places.pop();
        let last = waiting.place();
        assert!(last.is_some() && waiting.place().is_none());
    }
}
