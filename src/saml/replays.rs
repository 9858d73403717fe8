//! The ids of assertions that were used: each is good once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;

use super::{Assertion, Fault, WINDOW};

/// More than this in one window are refused: to forget one would let it be used again.
const CAPACITY: usize = 100_000;
/// The longest leeway that a provider may have.
const LEEWAY: Duration = Duration::from_secs(300);

/// Remembers what was used as long as it could be used again.
#[derive(Debug)]
pub struct Replays {
    used: Mutex<HashMap<Box<str>, Timestamp>>,
    began: Timestamp,
}

impl Replays {
    /// Knows nothing of what was used before `now`, so what was issued before is refused.
    pub fn new(now: Timestamp) -> Self {
        Self {
            used: Mutex::default(),
            began: now,
        }
    }

    /// Takes note of an assertion that is about to be used.
    ///
    /// # Errors
    /// When it was used before, or could have been.
    pub fn use_up(&self, assertion: &Assertion, now: Timestamp) -> Result<(), Fault> {
        if assertion.issued_at.seconds() < self.began.seconds() {
            let why =
                "it was issued before this process began, and nobody knows whether it was used";
            return Err(Fault::Invalid(why.to_owned()));
        }
        let key = format!("{}\n{}", assertion.issuer, assertion.id).into_boxed_str();
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.contains_key(&key) {
            return Err(Fault::Invalid("it was used before".to_owned()));
        }
        if used.len() >= CAPACITY {
            used.retain(|_, until| *until > now);
        }
        if used.len() >= CAPACITY {
            return Err(Fault::Invalid(
                "too many assertions were used lately".to_owned(),
            ));
        }
        let until = assertion
            .issued_at
            .plus(WINDOW)
            .plus(LEEWAY.saturating_mul(2));
        used.insert(key, until);
        Ok(())
    }
}
