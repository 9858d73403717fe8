//! What the STS and the IAM endpoint share: AWS's query protocol. Parameters, errors, XML, who signed a call, and the
//! question to the engine whether it may be.
//!
//! Knows no action. `sts_api` and `iam_api` say what each of theirs means.

pub(crate) mod caller;
pub(crate) mod context;
pub(crate) mod error;
pub(crate) mod fields;
pub(crate) mod form;
pub(crate) mod judge;
pub(crate) mod xml;

use std::fmt::Debug;

use crate::arn::{AccountId, Arn};
use crate::authn::KeyOwner;
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::state::LastUse;

/// Knows long-lived access keys, those of root users included.
pub trait AccessKeys: Debug + Send + Sync {
    /// Whom an active key belongs to, and its secret.
    fn find(&self, id: &str) -> Option<(KeyOwner, Secret<Box<str>>)>;

    /// The account of a key.
    fn account(&self, id: &str) -> Option<AccountId> {
        match self.find(id)?.0 {
            KeyOwner::User(arn) => Arn::parse(&arn).ok()?.account_id(),
            KeyOwner::Root(account) => Some(account),
            KeyOwner::Session(_) => None,
        }
    }

    /// The keys that a user or root user has, active or not, by their ids.
    fn of(&self, owner: &KeyOwner) -> Vec<AboutKey> {
        let _ = owner;
        Vec::new()
    }

    /// Whose key this is, active or not.
    fn owner(&self, id: &str) -> Option<KeyOwner> {
        self.find(id).map(|(owner, _)| owner)
    }

    /// A key signed a call.
    fn used(&self, id: &str, service: &str, region: &str, now: Timestamp) {
        let _ = (id, service, region, now);
    }

    /// When a key was used last, as far as known.
    fn last_used(&self, id: &str) -> Option<LastUse> {
        let _ = id;
        None
    }

    /// The serial numbers of second factors that can be shown: there is a seed.
    fn factors(&self) -> Vec<Box<str>> {
        Vec::new()
    }

    /// Whether this second factor can be shown.
    fn has_factor(&self, serial: &str) -> bool {
        self.factors().iter().any(|known| **known == *serial)
    }

    /// Whether the user of this ARN has a password, and since when, as far as known.
    fn password(&self, user: &str) -> Option<Option<Timestamp>> {
        let _ = user;
        None
    }
}

/// What may be told about an access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AboutKey {
    /// Its id.
    pub id: Box<str>,
    /// Whether it is accepted.
    pub active: bool,
    /// When it was made.
    pub created: Option<Timestamp>,
}
