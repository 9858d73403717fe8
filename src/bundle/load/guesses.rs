//! "Did you mean …?", with an end: one lost policy that ten thousand users refer to is looked for among ten thousand
//! others each time, and a broken bundle shall be refused as fast as a good one is loaded.

use std::cell::Cell;

use crate::source::nearest;

/// Comparisons of two names in one load.
const MOST: usize = 200_000;

/// Counts the comparisons that are left.
#[derive(Debug)]
pub(super) struct Guesses {
    left: Cell<usize>,
}

impl Default for Guesses {
    fn default() -> Self {
        Self {
            left: Cell::new(MOST),
        }
    }
}

impl Guesses {
    /// The known name that is nearest, as long as guessing is allowed.
    pub(super) fn near<'k>(
        &self,
        word: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Option<&'k str> {
        let left = self.left.get();
        let mut used = 0usize;
        let known = known.into_iter().take(left);
        let found = nearest(word, known.inspect(|_| used = used.saturating_add(1)));
        self.left.set(left.saturating_sub(used));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_comes_to_an_end() {
        let guesses = Guesses::default();
        assert_eq!(guesses.near("raeders", ["readers"]), Some("readers"));
        guesses.near("x", std::iter::repeat_n("readers", MOST));
        assert_eq!(guesses.near("raeders", ["readers"]), None);
    }
}
