//! The bundle: from a folder, a ConfigMap or an archive to one validated, compiled, immutable [`Snapshot`].
//!
//! Reads the files ([`Files`]), reports every fault at once with its place ([`Loader::load`]), keeps what did not
//! change from one load to the next, and publishes the newest good snapshot ([`Store`]); a broken bundle changes
//! nothing. Knows nothing of HTTP, tokens and decisions; publishes how reloads went and records nothing itself.

mod archive;
mod change;
mod files;
mod folder;
mod id;
mod layout;
mod load;
mod origin;
mod read;
mod store;
mod watch;

use std::sync::Arc;

use crate::directory::Directory;
use crate::route::Table;
use crate::source::Fault;

pub use change::{Change, Listing, named};
pub use files::Files;
pub use load::{Loader, Options};
pub use store::{Failure, Status, Store};
pub use watch::{Refused, Reloader, Settings, Watcher};

/// One bundle, validated and compiled. Immutable: a request reads exactly one from its start to its end.
#[derive(Debug)]
pub struct Snapshot {
    /// SHA-256 over the bundle's files, in lower-case hex.
    pub digest: Box<str>,
    /// Who exists and which policies apply to whom.
    pub directory: Directory,
    /// What HTTP requests become.
    pub routes: Table,
    /// What is worth a second look, and refused nothing.
    pub faults: Vec<Fault>,
    /// Which files it was made of.
    pub files: Arc<Listing>,
    /// How many statements of its policies deny.
    pub denies: usize,
    /// How many files were read or compiled anew for it, and not taken over from the snapshot before.
    pub remade: usize,
}

/// Loads a bundle once.
///
/// # Errors
/// Every fault of the bundle, warnings included, when at least one is an error.
pub fn load(files: &Files, options: &Options) -> Result<Snapshot, Vec<Fault>> {
    Loader::default().load(files, options)
}
