//! The ids of proofs that were used: kept as long as they could be used again, and never more than fit.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;

use super::{ProofError, WINDOW};

const SHARDS: usize = 16;
/// Ids of one window in one shard: half a million in all, some 30 MiB at the very most.
const CAPACITY: usize = 32 * 1024;

/// Remembers ids for at least `WINDOW`, and for twice that at most.
#[derive(Debug)]
pub struct Replays {
    shards: [Mutex<Shard>; SHARDS],
    began: Timestamp,
    capacity: usize,
}

#[derive(Debug)]
struct Shard {
    young: HashSet<u128>,
    old: HashSet<u128>,
    /// When the young ones began to be gathered.
    turned: Timestamp,
}

impl Replays {
    /// Knows nothing of what was used before now.
    pub fn new(now: Timestamp) -> Self {
        Self::with_capacity(now, CAPACITY)
    }

    fn with_capacity(now: Timestamp, capacity: usize) -> Self {
        let shard = || {
            Mutex::new(Shard {
                young: HashSet::new(),
                old: HashSet::new(),
                turned: now,
            })
        };
        Self {
            shards: std::array::from_fn(|_| shard()),
            began: now,
            capacity,
        }
    }

    /// Since when it remembers.
    pub fn began(&self) -> Timestamp {
        self.began
    }

    /// Takes note of an id, which must be new.
    pub(super) fn first(&self, id: u128, now: Timestamp) -> Result<(), ProofError> {
        let at = usize::try_from(id % 16).unwrap_or_default();
        let shard = self.shards.get(at).ok_or(ProofError::TooMany)?;
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let age = now.since(shard.turned);
        if age >= WINDOW {
            let young = std::mem::take(&mut shard.young);
            shard.old = if age >= WINDOW.saturating_mul(2) {
                HashSet::new()
            } else {
                young
            };
            shard.turned = now;
        }
        if shard.young.contains(&id) || shard.old.contains(&id) {
            return Err(ProofError::Replayed);
        }
        // To forget one would let it be used again.
        if shard.young.len() >= self.capacity {
            return Err(ProofError::TooMany);
        }
        shard.young.insert(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_id_is_good_once_as_long_as_its_proof_could_be() {
        let start = Timestamp::from_seconds(1000);
        let replays = Replays::new(start);
        for seconds in 0..1000_u64 {
            let now = start.plus(Duration::from_secs(seconds));
            let id = u128::from(seconds);
            assert_eq!(replays.first(id, now), Ok(()));
            for before in 0..=WINDOW.as_secs() {
                if let Some(id) = seconds.checked_sub(before) {
                    let id = u128::from(id);
                    assert_eq!(
                        replays.first(id, now),
                        Err(ProofError::Replayed),
                        "{seconds} {before}"
                    );
                }
            }
        }
        let kept: usize = replays
            .shards
            .iter()
            .map(|shard| {
                let shard = shard.lock().unwrap();
                shard.young.len() + shard.old.len()
            })
            .sum();
        assert!(kept <= 2 * 91 + 32, "{kept}");
    }

    #[test]
    fn what_does_not_fit_is_refused_until_there_is_room() {
        let start = Timestamp::from_seconds(1000);
        let replays = Replays::with_capacity(start, 2);
        for id in 0..32 {
            assert_eq!(replays.first(id, start), Ok(()));
        }
        for id in 32..48 {
            assert_eq!(replays.first(id, start), Err(ProofError::TooMany));
        }
        assert_eq!(replays.first(5, start), Err(ProofError::Replayed));
        let later = start.plus(WINDOW);
        for id in 32..48 {
            assert_eq!(replays.first(id, later), Ok(()));
        }
        assert_eq!(replays.first(5, later), Err(ProofError::Replayed));
        let much_later = start.plus(WINDOW * 4);
        assert_eq!(replays.first(5, much_later), Ok(()));
    }
}
