//! The ids of proofs that were used: kept as long as they could be used again, and never more than fit.
//!
//! To forget one would let it be used again, so what does not fit is refused; and lest one holder take the room of all, a
//! holder gets no more of it than is left free: one that floods gets half, two a third each, and the others find room. A
//! provider, whose holders may be as many as it likes to name, gets [`OF_PROVIDER`] times what is left free.

mod shares;

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;

use super::{ProofError, WINDOW};
use shares::Shares;

const SHARDS: usize = 16;
/// Ids of one window in one shard: half a million in all, some 30 MiB at the very most.
const CAPACITY: usize = 32 * 1024;
/// With one provider alone its holders have 8 of 9 parts of the room; the ninth is there for others.
const OF_PROVIDER: usize = 8;

/// Whose proofs are counted together.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    /// Who vouches for the token.
    pub provider: &'a str,
    /// Of whom; `None`: whoever has the key.
    pub subject: Option<&'a str>,
}

/// Remembers ids for at least `WINDOW`, and for twice that at most.
#[derive(Debug)]
pub struct Replays {
    shards: [Mutex<Shard>; SHARDS],
    /// With a secret of its own: nobody can choose with whom to be counted together.
    hasher: RandomState,
    began: Timestamp,
    capacity: usize,
}

#[derive(Debug)]
struct Shard {
    young: HashSet<u128>,
    old: HashSet<u128>,
    /// Whose the young ones are.
    shares: Shares,
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
                shares: Shares::default(),
                turned: now,
            })
        };
        Self {
            shards: std::array::from_fn(|_| shard()),
            hasher: RandomState::new(),
            began: now,
            capacity,
        }
    }

    /// Since when it remembers.
    pub fn began(&self) -> Timestamp {
        self.began
    }

    /// Takes note of an id, which must be new; `key` stands for a holder without a name.
    pub(super) fn first(
        &self,
        id: u128,
        key: [u8; 32],
        holder: Holder<'_>,
        now: Timestamp,
    ) -> Result<(), ProofError> {
        let provider = self.hasher.hash_one(holder.provider);
        let holder = match holder.subject {
            Some(subject) => self.hasher.hash_one((holder.provider, subject)),
            None => self.hasher.hash_one((holder.provider, key)),
        };
        let at = usize::try_from(id % 16).unwrap_or_default();
        let shard = self.shards.get(at).ok_or(ProofError::TooMany)?;
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let age = now.since(shard.turned);
        if age >= WINDOW {
            let young = std::mem::take(&mut shard.young);
            shard.shares.clear();
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
        let free = self.capacity.saturating_sub(shard.young.len());
        let of_provider = free.saturating_mul(OF_PROVIDER);
        if shard.shares.of(holder) >= free || shard.shares.of(provider) >= of_provider {
            return Err(ProofError::TooMany);
        }
        shard.young.insert(id);
        shard.shares.add(holder);
        shard.shares.add(provider);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Everybody is somebody else.
    fn first(replays: &Replays, id: u128, now: Timestamp) -> Result<(), ProofError> {
        by(replays, id, &id.to_string(), now)
    }

    fn by(replays: &Replays, id: u128, subject: &str, now: Timestamp) -> Result<(), ProofError> {
        let holder = Holder {
            provider: "corp",
            subject: Some(subject),
        };
        replays.first(id, [0; 32], holder, now)
    }

    #[test]
    fn an_id_is_good_once_as_long_as_its_proof_could_be() {
        let start = Timestamp::from_seconds(1000);
        let replays = Replays::new(start);
        for seconds in 0..1000_u64 {
            let now = start.plus(Duration::from_secs(seconds));
            let id = u128::from(seconds);
            assert_eq!(first(&replays, id, now), Ok(()));
            for before in 0..=WINDOW.as_secs() {
                if let Some(id) = seconds.checked_sub(before) {
                    let id = u128::from(id);
                    assert_eq!(
                        first(&replays, id, now),
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
            assert_eq!(first(&replays, id, start), Ok(()));
        }
        for id in 32..48 {
            assert_eq!(first(&replays, id, start), Err(ProofError::TooMany));
        }
        assert_eq!(first(&replays, 5, start), Err(ProofError::Replayed));
        let later = start.plus(WINDOW);
        for id in 32..48 {
            assert_eq!(first(&replays, id, later), Ok(()));
        }
        assert_eq!(first(&replays, 5, later), Err(ProofError::Replayed));
        let much_later = start.plus(WINDOW * 4);
        assert_eq!(first(&replays, 5, much_later), Ok(()));
    }
    #[test]
    fn who_floods_is_held_off_alone() {
        let start = Timestamp::from_seconds(1000);
        let replays = Replays::with_capacity(start, 1000);
        let flood = |subject: &str, from: u128| {
            let ids = from..from + 20_000;
            ids.filter(|id| by(&replays, *id, subject, start).is_ok())
                .count()
        };
        // Half of the room, then half of the rest at most, and so on; honest ones find room all the while.
        assert_eq!(flood("mallory", 0), 8000);
        for n in 0..100 {
            let id = 1_000_000 + n;
            assert_eq!(by(&replays, id, "alice", start), Ok(()));
            assert_eq!(by(&replays, id, "alice", start), Err(ProofError::Replayed));
        }
        assert_eq!(
            by(&replays, 2_000_000, "mallory", start),
            Err(ProofError::TooMany)
        );
        let eve = flood("eve", 3_000_000);
        assert!((3000..=4000).contains(&eve), "{eve}");
        for n in 0..100 {
            assert_eq!(by(&replays, 4_000_000 + n, "bob", start), Ok(()));
        }
        // The next window is everybody's again.
        let later = start.plus(WINDOW);
        assert_eq!(by(&replays, 5_000_000, "mallory", later), Ok(()));
        assert_eq!(by(&replays, 1, "mallory", later), Err(ProofError::Replayed));
    }

    #[test]
    fn a_provider_that_names_ever_new_holders_leaves_room_for_others() {
        let start = Timestamp::from_seconds(1000);
        let replays = Replays::with_capacity(start, 1000);
        let taken = (0..50_000).filter(|id| first(&replays, *id, start).is_ok());
        let taken = taken.count();
        assert!((10_000..=14_300).contains(&taken), "{taken}");
        for n in 0..100 {
            let holder = Holder {
                provider: "other",
                subject: None,
            };
            let one = replays.first(1_000_000 + n, [u8::try_from(n).unwrap(); 32], holder, start);
            assert_eq!(one, Ok(()));
        }
    }
}
