//! What a thread found last in a cache that all threads share: most requests ask for the same few again, and a look here
//! costs a fifth of one there.
//!
//! What is found here is what the cache would have said, or has said before it threw it out for lack of room; so it is
//! for facts alone, of which whoever asks judges each time whether they still count. A cache that is emptied takes another
//! number, and nothing of before is found.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a thread remembers of one cache, so many things at most,
const PLACES: usize = 64;
/// and nothing that takes more bytes.
pub(crate) const HEAVIEST: usize = 16 * 1024;

/// A number that no cache of the process has had.
pub(crate) fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// One thread's places, at most one for each last bits of what is asked for.
#[derive(Debug)]
pub(crate) struct Recent<V> {
    /// Whose they are.
    cache: u64,
    places: Vec<Option<V>>,
}

impl<V> Recent<V> {
    /// Remembers nothing.
    pub(crate) const fn new() -> Self {
        Self {
            cache: 0,
            places: Vec::new(),
        }
    }

    /// What the cache of that number had there.
    pub(crate) fn get(&self, cache: u64, at: usize) -> Option<&V> {
        if self.cache != cache {
            return None;
        }
        self.places.get(at % PLACES)?.as_ref()
    }

    /// Remembers nothing there.
    pub(crate) fn forget(&mut self, at: usize) {
        if let Some(place) = self.places.get_mut(at % PLACES) {
            *place = None;
        }
    }

    /// Remembers what the cache of that number has; lets go of what others had.
    pub(crate) fn put(&mut self, cache: u64, at: usize, value: V) {
        if self.cache != cache {
            self.cache = cache;
            self.places.clear();
            self.places.resize_with(PLACES, || None);
        }
        if let Some(place) = self.places.get_mut(at % PLACES) {
            *place = Some(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cache_finds_its_own() {
        let mut recent = Recent::new();
        let [one, other] = [number(), number()];
        assert_eq!(recent.get(one, 3), None);
        recent.put(one, 3, "a");
        recent.put(one, 4, "b");
        recent.put(one, 3 + PLACES, "c");
        assert_eq!(recent.get(one, 3), Some(&"c"));
        assert_eq!(recent.get(one, 4), Some(&"b"));
        assert_eq!(recent.get(other, 3), None);
        recent.put(other, 3, "d");
        assert_eq!(recent.get(other, 3), Some(&"d"));
        assert_eq!(recent.get(one, 4), None);
        recent.forget(3);
        assert_eq!(recent.get(other, 3), None);
    }
}
