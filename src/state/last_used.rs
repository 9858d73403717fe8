//! When long-lived access keys were used last, and for what: to the minute.

use std::time::Duration;

use dashmap::DashMap;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

use super::fact::KeyUsed;
use super::revocation::milliseconds;

/// Keys come from the credentials, never from a caller; those of a year of rotations fit all the same.
const MOST: usize = 100_000;
/// A later use within this time is not taken note of.
const GRAIN: Duration = Duration::from_secs(60);

/// The last use of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUse {
    /// When.
    #[serde(with = "milliseconds")]
    pub at: Timestamp,
    /// For requests of which service.
    pub service: Box<str>,
    /// In which region.
    pub region: Box<str>,
}

/// Of all keys.
#[derive(Debug, Default)]
pub(super) struct LastUsed {
    keys: DashMap<Box<str>, LastUse>,
    /// Those that are not written down yet.
    fresh: DashMap<Box<str>, ()>,
}

impl LastUsed {
    /// A key was used.
    pub(super) fn touch(&self, key: &str, service: &str, region: &str, now: Timestamp) {
        let known = self.keys.get(key);
        if known.is_some_and(|last| now.since(last.at) < GRAIN && *last.service == *service) {
            return;
        }
        let last = LastUse {
            at: now,
            service: service.into(),
            region: region.into(),
        };
        self.take(key, last);
        self.fresh.insert(key.into(), ());
    }

    /// Takes over what an earlier run wrote down.
    pub(super) fn take(&self, key: &str, last: LastUse) {
        let older = self.keys.get(key).is_some_and(|known| last.at <= known.at);
        if !older && (self.keys.len() < MOST || self.keys.contains_key(key)) {
            self.keys.insert(key.into(), last);
        }
    }

    /// What was touched since this was asked for.
    pub(super) fn fresh(&self) -> Vec<KeyUsed> {
        let keys: Vec<Box<str>> = self.fresh.iter().map(|entry| entry.key().clone()).collect();
        let mut fresh = Vec::new();
        for key in keys {
            self.fresh.remove(&key);
            fresh.extend(self.get(&key).map(|last| KeyUsed { key, last }));
        }
        fresh
    }

    pub(super) fn get(&self, key: &str) -> Option<LastUse> {
        self.keys.get(key).map(|last| last.clone())
    }

    pub(super) fn all(&self) -> Vec<KeyUsed> {
        let all = self.keys.iter().map(|entry| KeyUsed {
            key: entry.key().clone(),
            last: entry.value().clone(),
        });
        all.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_use_counts_to_the_minute() {
        let at = Timestamp::from_seconds;
        let used = LastUsed::default();
        used.touch("AKIA1", "orders", "us-east-1", at(1000));
        used.touch("AKIA1", "orders", "us-east-1", at(1059));
        assert_eq!(used.get("AKIA1").unwrap().at, at(1000));
        assert_eq!(used.fresh().len(), 1);
        assert_eq!(used.fresh().len(), 0);
        used.touch("AKIA1", "orders", "us-east-1", at(1060));
        assert_eq!(used.get("AKIA1").unwrap().at, at(1060));
        let older = LastUse {
            at: at(3),
            service: "s".into(),
            region: "r".into(),
        };
        used.take("AKIA1", older);
        assert_eq!(&*used.get("AKIA1").unwrap().service, "orders");
        assert_eq!(used.get("AKIA2"), None);
    }
}
