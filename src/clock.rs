//! Time, injected: the only module that reads the machine's clocks.
//!
//! Expiry is judged by the later of the system clock and clock-at-start plus monotonic time, so that a clock set back
//! revives nothing that has expired. Whoever needs the time takes a [`Clock`]; tests make one that they set.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point in time, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From seconds since the epoch (saturating).
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// From milliseconds since the epoch.
    pub fn from_milliseconds(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Milliseconds since the epoch.
    pub fn milliseconds(self) -> i64 {
        self.0
    }

    /// This much later (saturating).
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// How long after `earlier` this is; zero when it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// `2026-11-23T09:30:00Z`, in seconds, as CloudTrail and IAM write it.
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_second(self.seconds())
            .map_or_else(|_| self.seconds().to_string(), |time| time.to_string())
    }
}

/// How often, in milliseconds, the system clock is looked at.
const LOOK_EVERY: u64 = 50;

/// What time it is. Cloning shares the same clock.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    /// The machine's: `origin` is the system time when the process started, `started` the monotonic instant of it.
    Machine {
        origin: i64,
        started: Instant,
        /// How far the system time is ahead of the two; as of `looked`, in milliseconds since `started`.
        ahead: AtomicI64,
        looked: AtomicU64,
    },
    /// Set by a test, in milliseconds.
    Set(AtomicI64),
}

impl Clock {
    /// The machine's clock.
    pub fn machine() -> Self {
        Self(Arc::new(Source::Machine {
            origin: system_milliseconds(),
            started: monotonic(),
            ahead: AtomicI64::new(0),
            looked: AtomicU64::new(0),
        }))
    }

    /// A clock that stands still until [`Clock::set`].
    pub fn fixed(now: Timestamp) -> Self {
        Self(Arc::new(Source::Set(AtomicI64::new(now.0))))
    }

    /// The later of system time and start plus elapsed monotonic time. A system clock that was set forward is noticed
    /// within `LOOK_EVERY`: it is asked for several times a request, and one clock is quicker read than two.
    pub fn now(&self) -> Timestamp {
        self.at(monotonic())
    }

    /// What time it was at `instant`, just now: for whoever has looked at a clock already.
    pub fn at(&self, instant: Instant) -> Timestamp {
        match &*self.0 {
            Source::Machine {
                origin,
                started,
                ahead,
                looked,
            } => {
                let (elapsed, steady) = since(*started, instant, *origin);
                if elapsed.saturating_sub(looked.load(Ordering::Relaxed)) >= LOOK_EVERY {
                    let (elapsed, steady) = since(*started, monotonic(), *origin);
                    looked.store(elapsed, Ordering::Relaxed);
                    let found = system_milliseconds().saturating_sub(steady).max(0);
                    ahead.store(found, Ordering::Relaxed);
                }
                Timestamp(steady.saturating_add(ahead.load(Ordering::Relaxed)))
            }
            Source::Set(now) => Timestamp(now.load(Ordering::Relaxed)),
        }
    }

    /// Moves a fixed clock; the machine's is not moved.
    pub fn set(&self, now: Timestamp) {
        if let Source::Set(value) = &*self.0 {
            value.store(now.0, Ordering::Relaxed);
        }
    }
}

/// Milliseconds from `started` to `instant`, and the time then, if it was `origin` at first.
fn since(started: Instant, instant: Instant, origin: i64) -> (u64, i64) {
    let elapsed = instant.saturating_duration_since(started).as_millis();
    let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
    (elapsed, origin.saturating_add_unsigned(elapsed))
}

/// For measuring durations and deadlines, never for wall time.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the monotonic clock"
)]
pub fn monotonic() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the system clock"
)]
fn system_milliseconds() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_moves_only_when_set() {
        let clock = Clock::fixed(Timestamp::from_seconds(1_000));
        assert_eq!(clock.now().seconds(), 1_000);
        clock.clone().set(Timestamp::from_seconds(2_000));
        assert_eq!(clock.now().rfc3339(), "1970-01-01T00:33:20Z");
    }

    #[test]
    fn an_instant_before_is_no_later_time() {
        let clock = Clock::machine();
        let instant = monotonic();
        std::thread::sleep(Duration::from_millis(LOOK_EVERY.saturating_add(20)));
        let then = clock.at(instant);
        let now = clock.now();
        assert!(now >= then.plus(Duration::from_millis(LOOK_EVERY)));
        // That somebody asked for a time gone by set no clock forward.
        assert!(
            now <= Timestamp::from_milliseconds(system_milliseconds())
                .plus(Duration::from_millis(2))
        );
    }

    #[test]
    fn the_machine_clock_is_not_before_2026() {
        assert!(Clock::machine().now() > Timestamp::from_seconds(1_767_225_600));
    }
}
