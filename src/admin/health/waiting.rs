//! Which connections have not sent a whole head yet, in the order they came, so that the oldest can make way.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The connections that wait for a head.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    next: u64,
    taken: BTreeMap<u64, oneshot::Sender<()>>,
}

/// One connection among them.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) number: u64,
    /// Yields `Ok` when the connection has to make way, an error once its head has come.
    pub(super) evicted: oneshot::Receiver<()>,
}

impl Waiting {
    /// Takes a new connection in, as the youngest.
    pub(super) fn enter(&self) -> Place {
        let (evict, evicted) = oneshot::channel();
        let mut places = self.places();
        let number = places.next;
        places.next = number.wrapping_add(1);
        places.taken.insert(number, evict);
        Place { number, evicted }
    }

    /// The connection waits no longer: its head has come, or it is over.
    pub(super) fn leave(&self, number: u64) {
        self.places().taken.remove(&number);
    }

    /// Tells the oldest to end; whether there was one.
    pub(super) fn evict(&self) -> bool {
        let Some((_, evict)) = self.places().taken.pop_first() else {
            return false;
        };
        // If it has ended meanwhile, its slot is free or will be at once.
        let _ = evict.send(());
        true
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_that_still_waits_makes_way() {
        let waiting = Waiting::default();
        assert!(!waiting.evict());
        let [mut one, mut two, mut three] = [(); 3].map(|()| waiting.enter());
        waiting.leave(one.number);
        assert!(waiting.evict());
        assert_eq!(two.evicted.try_recv(), Ok(()));
        let still = Err(oneshot::error::TryRecvError::Empty);
        assert_eq!(three.evicted.try_recv(), still);
        waiting.leave(three.number);
        assert!(!waiting.evict());
        // Neither is told to end: their heads have come.
        for place in [&mut one, &mut three] {
            let told = place.evicted.try_recv();
            assert_eq!(told, Err(oneshot::error::TryRecvError::Closed));
        }
    }
}
