//! One fact, as it is written down.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

use super::last_used::LastUse;
use super::once::Kind;
use super::revocation::{Revocation, milliseconds};

/// What the journal holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub(super) enum Fact {
    /// Somebody revoked something.
    Revoked(Revocation),
    /// A code or an id was used.
    Used(Used),
    /// An access key was used.
    KeyUsed(KeyUsed),
}

/// A code or an id that is good once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Used {
    pub(super) kind: Kind,
    pub(super) id: Box<str>,
    #[serde(with = "milliseconds")]
    pub(super) until: Timestamp,
}

/// When an access key was used last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeyUsed {
    pub(super) key: Box<str>,
    #[serde(flatten)]
    pub(super) last: LastUse,
}
