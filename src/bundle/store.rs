//! The snapshot that counts, and how the last reload went.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;

use super::{Listing, Snapshot};
use crate::clock::Timestamp;
use crate::source::Fault;

/// Fault lines that a status tells; a bundle may have thousands.
const LINES: usize = 20;

/// Holds the newest good snapshot. Reading takes no lock.
#[derive(Debug)]
pub struct Store {
    current: ArcSwap<Snapshot>,
    status: watch::Sender<Status>,
}

/// How reloads went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The digest of the snapshot that counts.
    pub digest: Box<str>,
    /// Its files.
    pub files: Arc<Listing>,
    /// How many statements of its policies deny.
    pub denies: usize,
    /// Since when it does.
    pub loaded_at: Timestamp,
    /// What is wrong with the bundle as it is now, if it is not what counts.
    pub failure: Option<Arc<Failure>>,
    /// Reloads that brought a new snapshot, or found the one that counts.
    pub succeeded: u64,
    /// Reloads that were refused.
    pub failed: u64,
}

/// A reload that changed nothing because the bundle is broken.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// The first faults, each on a line with its place and mend.
    pub lines: Vec<String>,
    /// How many faults there are.
    pub faults: usize,
}

impl Store {
    /// Begins with a snapshot.
    pub fn new(snapshot: Snapshot, at: Timestamp) -> Arc<Self> {
        let status = Status {
            digest: snapshot.digest.clone(),
            files: Arc::clone(&snapshot.files),
            denies: snapshot.denies,
            loaded_at: at,
            failure: None,
            succeeded: 0,
            failed: 0,
        };
        Arc::new(Self {
            current: ArcSwap::from_pointee(snapshot),
            status: watch::Sender::new(status),
        })
    }

    /// The snapshot that counts, for a moment: not to be held across an `.await`.
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.current.load()
    }

    /// The snapshot that counts, to keep for a whole request.
    pub fn load_full(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// How reloads went so far.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// A number that grows with every reload that ended well.
    pub fn generation(&self) -> u64 {
        self.status.borrow().succeeded
    }

    /// Tells of each reload.
    pub fn subscribe(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Puts a snapshot in the place of the one that counts.
    pub fn publish(&self, snapshot: Snapshot, at: Timestamp) {
        let snapshot = Arc::new(snapshot);
        self.current.store(Arc::clone(&snapshot));
        self.status.send_modify(|status| {
            status.digest.clone_from(&snapshot.digest);
            status.files = Arc::clone(&snapshot.files);
            status.denies = snapshot.denies;
            status.loaded_at = at;
            status.failure = None;
            status.succeeded = status.succeeded.saturating_add(1);
        });
    }

    /// The bundle was read again, and is what counts.
    pub fn confirm(&self) {
        self.status.send_modify(|status| {
            status.failure = None;
            status.succeeded = status.succeeded.saturating_add(1);
        });
    }

    /// The bundle was read again, and is broken: what counts stays.
    pub fn refuse(&self, faults: &[Fault], at: Timestamp) {
        let failure = Failure {
            at,
            lines: faults.iter().take(LINES).map(Fault::line).collect(),
            faults: faults.len(),
        };
        self.status.send_modify(|status| {
            status.failure = Some(Arc::new(failure));
            status.failed = status.failed.saturating_add(1);
        });
    }
}
