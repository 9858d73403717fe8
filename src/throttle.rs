//! How often somebody may do something: rate limits, in memory that is bounded.
//!
//! The generic cell rate algorithm: for each key one number, the time at which its allowance is whole again. Over
//! [`MOST`] keys, those that have used least of their allowance are forgotten first. Knows nothing of requests.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Keys that are remembered: about three megabytes.
pub const MOST: usize = 65_536;
/// Parts of the memory with a lock each.
const SHARDS: usize = 16;

/// Whoever has one address of IPv6 has the other 2^64 of its network too.
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => {
            let prefix = six.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(prefix))
        }
    }
}

/// So many in such a time, of which all may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In which time.
    pub per: Duration,
}

/// Counts against a rate, by key. Times are told by the caller, from any fixed beginning.
#[derive(Debug)]
pub struct Limiter {
    /// Between two, at the even pace.
    interval: u64,
    /// How far ahead of the even pace a key may be.
    tolerance: u64,
    /// Random: nobody can make keys meet.
    hasher: RandomState,
    shards: Vec<Mutex<HashMap<u64, u64>>>,
}

impl Limiter {
    /// Nobody has done anything yet.
    pub fn new(rate: Rate) -> Self {
        let interval = nanoseconds(rate.per).div_ceil(u64::from(rate.count.max(1)));
        Self {
            interval,
            tolerance: interval.saturating_mul(u64::from(rate.count.saturating_sub(1))),
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// Takes one from the allowance of `key`, or says how long it is until there is one.
    ///
    /// # Errors
    /// How long to wait.
    pub fn take(&self, key: &impl Hash, now: Duration) -> Result<(), Duration> {
        let key = self.hasher.hash_one(key);
        let now = nanoseconds(now);
        let index = usize::try_from(key).unwrap_or(0).checked_rem(SHARDS);
        let Some(shard) = index.and_then(|index| self.shards.get(index)) else {
            return Ok(());
        };
        let mut whole_at = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let known = whole_at.get(&key).copied().unwrap_or(0).max(now);
        let ahead = known.saturating_sub(now);
        if ahead > self.tolerance {
            return Err(Duration::from_nanos(ahead.saturating_sub(self.tolerance)));
        }
        if whole_at.len() >= MOST / SHARDS && !whole_at.contains_key(&key) {
            self.forget(&mut whole_at, now);
        }
        whole_at.insert(key, known.saturating_add(self.interval));
        Ok(())
    }

    /// Makes room: first those whose allowance is whole, then those that used less than half, then any half.
    fn forget(&self, whole_at: &mut HashMap<u64, u64>, now: u64) {
        let enough = MOST / SHARDS / 2;
        whole_at.retain(|_, at| *at > now);
        if whole_at.len() > enough {
            let half = now.saturating_add(self.tolerance / 2);
            whole_at.retain(|_, at| *at > half);
        }
        if whole_at.len() > enough {
            let mut keep = false;
            whole_at.retain(|_, _| {
                keep = !keep;
                keep
            });
        }
    }

    /// Keys that are remembered now.
    pub fn len(&self) -> usize {
        let shards = self.shards.iter();
        shards
            .map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len())
            .fold(0, usize::saturating_add)
    }

    /// Whether no key is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::arithmetic_side_effects, reason = "tests count small things")]

    use proptest::prelude::*;

    use super::*;

    fn limiter(count: u32, milliseconds: u64) -> Limiter {
        Limiter::new(Rate {
            count,
            per: Duration::from_millis(milliseconds),
        })
    }

    #[test]
    fn a_burst_then_the_pace_for_each_key_by_itself() {
        let limiter = limiter(2, 1000);
        let at = Duration::from_millis;
        assert_eq!(limiter.take(&"a", at(0)), Ok(()));
        assert_eq!(limiter.take(&"a", at(0)), Ok(()));
        assert_eq!(limiter.take(&"a", at(0)), Err(at(500)));
        assert_eq!(limiter.take(&"b", at(0)), Ok(()));
        assert_eq!(limiter.take(&"a", at(499)), Err(at(1)));
        assert_eq!(limiter.take(&"a", at(500)), Ok(()));
        assert_eq!(limiter.take(&"a", at(500)), Err(at(500)));
        // A clock that was behind does harm to nobody.
        assert_eq!(limiter.take(&"a", at(400)), Err(at(600)));
    }

    #[test]
    fn memory_is_bounded_and_the_greedy_are_remembered() {
        let limiter = limiter(10, 1_000_000);
        for _ in 0..10 {
            limiter.take(&"greedy", Duration::ZERO).unwrap();
        }
        for key in 0..3 * MOST {
            let _ = limiter.take(&key, Duration::ZERO);
        }
        assert!(limiter.len() <= MOST, "{}", limiter.len());
        assert!(!limiter.is_empty());
        assert!(limiter.take(&"greedy", Duration::ZERO).is_err());
    }

    proptest! {
        /// In no stretch of time does anyone get more than a burst and the pace of that stretch.
        #[test]
        fn never_more_than_the_rate(
            count in 1_u32..20,
            per in 1_u64..2000,
            steps in proptest::collection::vec(0_u64..300, 1..200),
        ) {
            let limiter = limiter(count, per);
            let mut now = 0;
            let mut taken = Vec::new();
            for step in steps {
                now += step;
                if limiter.take(&(), Duration::from_millis(now)).is_ok() {
                    taken.push(now);
                }
            }
            for (first, from) in taken.iter().enumerate() {
                for (last, to) in taken.iter().enumerate().skip(first) {
                    let allowed = u64::from(count) + (to - from) * u64::from(count) / per;
                    prop_assert!((last - first + 1) as u64 <= allowed + 1);
                }
            }
        }
    }
}
