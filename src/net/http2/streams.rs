//! Which streams of a connection are open, each way: what a client has not ended yet, and what was not answered to its
//! end.

use std::collections::VecDeque;

use crate::net::limits::MOST_STREAMS;

/// The most streams that are followed. The parser lets a client open no more at a time.
const FOLLOWED: usize = MOST_STREAMS as usize;
/// The most that are remembered of those that were reset.
const RESET: usize = 1024;

/// Streams that a client has opened.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// Those whose answers are not complete, the lowest first; and whether they have begun.
    answers: Vec<(u32, bool)>,
    /// Those that were reset from here, which the client need not have heard of yet.
    reset: VecDeque<u32>,
}

impl Open {
    /// The client has opened it. Its number is higher than any before.
    pub(super) fn add(&mut self, stream: u32) {
        if self.answers.len() >= FOLLOWED {
            self.answers.remove(0);
        }
        self.answers.push((stream, false));
    }

    /// It was answered to its end, or reset.
    pub(super) fn remove(&mut self, stream: u32) {
        if let Some(at) = self.find(stream) {
            self.answers.remove(at);
        }
    }

    /// It was reset from here.
    pub(super) fn reset(&mut self, stream: u32) {
        self.remove(stream);
        if self.reset.len() >= RESET {
            self.reset.pop_front();
        }
        self.reset.push_back(stream);
    }

    /// Whether it was reset from here.
    pub(super) fn was_reset(&self, stream: u32) -> bool {
        self.reset.contains(&stream)
    }

    /// Its answer has begun.
    pub(super) fn begin(&mut self, stream: u32) {
        if let Some(at) = self.find(stream)
            && let Some((_, begun)) = self.answers.get_mut(at)
        {
            *begun = true;
        }
    }

    /// Whether the client waits for the beginning of its answer.
    pub(super) fn waits(&self, stream: u32) -> bool {
        let found = self.find(stream).and_then(|at| self.answers.get(at));
        matches!(found, Some((_, false)))
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    fn find(&self, stream: u32) -> Option<usize> {
        self.answers
            .binary_search_by_key(&stream, |&(number, _)| number)
            .ok()
    }
}

/// Streams that a client has opened and not ended.
#[derive(Debug, Default)]
pub(super) struct Sending {
    /// The lowest first.
    open: Vec<u32>,
    /// The newest that was opened.
    newest: u32,
    /// Of streams up to here some are open and no longer known.
    forgotten: u32,
}

impl Sending {
    /// Whether a head on it opens it.
    pub(super) fn is_new(&self, stream: u32) -> bool {
        stream > self.newest
    }

    /// It is opened.
    pub(super) fn add(&mut self, stream: u32) {
        self.newest = stream;
        if self.open.len() >= FOLLOWED {
            self.forgotten = self.open.remove(0);
        }
        self.open.push(stream);
    }

    /// The client has ended it.
    pub(super) fn remove(&mut self, stream: u32) {
        if let Ok(at) = self.open.binary_search(&stream) {
            self.open.remove(at);
        }
    }

    /// Whether it was opened by the client, and ended by it.
    pub(super) fn has_ended(&self, stream: u32) -> bool {
        stream > self.forgotten
            && stream <= self.newest
            && !stream.is_multiple_of(2)
            && self.open.binary_search(&stream).is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_waited_for_until_it_begins_and_open_until_it_ends() {
        let mut open = Open::default();
        open.add(1);
        open.add(3);
        assert!(open.waits(1) && open.waits(3) && !open.waits(5));
        open.begin(1);
        assert!(!open.waits(1) && !open.is_empty());
        open.remove(3);
        open.remove(7);
        open.remove(1);
        assert!(open.is_empty());
        for stream in 0..12_000 {
            open.add(stream * 2 + 1);
        }
        assert_eq!(open.answers.len(), FOLLOWED);
        assert!(open.waits(23_999) && !open.waits(1));
        for stream in 0..12_000 {
            open.reset(stream * 2 + 1);
        }
        assert!(open.is_empty() && open.was_reset(23_999) && !open.was_reset(1));
        assert_eq!(open.reset.len(), RESET);
    }

    #[test]
    fn what_a_client_has_ended_is_known_but_for_what_was_forgotten() {
        let mut sending = Sending::default();
        assert!(sending.is_new(1) && !sending.has_ended(1));
        sending.add(1);
        sending.add(5);
        assert!(!sending.is_new(3) && sending.has_ended(3) && !sending.has_ended(2));
        assert!(!sending.has_ended(1) && !sending.has_ended(7));
        sending.remove(1);
        assert!(sending.has_ended(1) && !sending.has_ended(5));
        let many = u32::try_from(FOLLOWED).unwrap();
        for number in 0..many {
            sending.add(2 * number + 7);
        }
        // 5 is open and had to be forgotten: whatever is so old may be.
        assert!(!sending.has_ended(5) && !sending.has_ended(1));
        assert_eq!(sending.open.len(), FOLLOWED);
    }
}
