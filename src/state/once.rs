//! Codes and ids that are good once: kept until they would be refused anyway.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

use super::fact::Used;

/// Each costs its user a signature or a second factor, and lasts minutes.
const MOST: usize = 100_000;

/// What is good once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A code of a second factor.
    Totp,
    /// The id of a SAML assertion.
    Saml,
    /// The id of a DPoP proof.
    Dpop,
}

impl Kind {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Saml => "saml",
            Self::Dpop => "dpop",
        }
    }
}

/// What was used.
#[derive(Debug, Default)]
pub(super) struct Once(Mutex<HashMap<(Kind, Box<str>), Timestamp>>);

impl Once {
    /// Takes note of a use; whether it is the first.
    pub(super) fn first(&self, used: &Used, now: Timestamp) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (used.kind, used.id.clone());
        if all.get(&key).is_some_and(|until| now < *until) {
            return false;
        }
        if all.len() >= MOST {
            all.retain(|_, until| now < *until);
            // To forget one would let it be used again.
            if all.len() >= MOST {
                return false;
            }
        }
        all.insert(key, used.until);
        true
    }

    /// What still counts.
    pub(super) fn all(&self, now: Timestamp) -> Vec<Used> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, until| now < *until);
        let used = all.iter().map(|((kind, id), until)| Used {
            kind: *kind,
            id: id.clone(),
            until: *until,
        });
        used.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_a_kind_is_good_once_until_it_is_old() {
        let at = Timestamp::from_seconds;
        let once = Once::default();
        let used = |kind, id: &str| Used {
            kind,
            id: id.into(),
            until: at(100),
        };
        assert!(once.first(&used(Kind::Saml, "a"), at(0)));
        assert!(!once.first(&used(Kind::Saml, "a"), at(99)));
        assert!(once.first(&used(Kind::Totp, "a"), at(99)));
        assert_eq!(once.all(at(99)).len(), 2);
        assert_eq!(once.all(at(100)).len(), 0);
        assert!(once.first(&used(Kind::Saml, "a"), at(100)));
    }

    #[test]
    fn what_does_not_fit_is_refused_until_there_is_room() {
        let at = Timestamp::from_seconds;
        let once = Once::default();
        let used = |number: usize, until| Used {
            kind: Kind::Saml,
            id: number.to_string().into(),
            until: at(until),
        };
        for number in 0..MOST {
            assert!(once.first(&used(number, 100), at(0)));
        }
        assert!(!once.first(&used(MOST, 100), at(0)));
        assert!(once.first(&used(MOST, 200), at(100)));
    }
}
