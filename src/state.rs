//! What must not be forgotten: revocations, codes and ids that are good once, when access keys were used last.
//!
//! A [`Ledger`] takes facts that are never taken back, only expire ([`revocation`]): taken twice or in any order, they
//! come to the same. So what is on disk (`journal`) is a list of facts to be read from its beginning, and what
//! replicas share is the union of what each knows. What requests ask is in memory, without a lock (`compact`).
//! Knows nothing of requests, credentials, HTTP or the bundle.

pub mod asked;
mod compact;
mod fact;
mod journal;
mod last_used;
mod ledger;
mod once;
pub mod revocation;
mod shared;

use std::path::PathBuf;

pub use asked::{AskError, Asked};
pub use journal::OpenError;
pub use last_used::LastUse;
pub use ledger::{Ledger, Reach, RevokeError};
pub use once::Kind;
pub use revocation::{Revocation, Target};
pub use shared::{Redis, Standing};

/// What can be set.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The folder that outlives a restart; `None`: nothing does.
    pub path: Option<PathBuf>,
    /// Where replicas share it; `None`: nowhere.
    pub redis: Option<Redis>,
}
