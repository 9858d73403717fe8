//! The file system's events, as hints to look.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

use super::{Order, above};

/// Watches the bundle's folder with all below, and its name in the folder above.
#[derive(Debug)]
pub(super) struct Events {
    path: PathBuf,
    told: Sender<Order>,
    watcher: Option<RecommendedWatcher>,
    /// What is watched: another folder of the same name is another one.
    watched: Option<Identity>,
}

/// Where the path leads, and which file system object that is.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    real: PathBuf,
    node: (u64, u64),
}

impl Events {
    pub(super) fn new(path: &Path, told: Sender<Order>) -> Self {
        Self {
            path: path.to_owned(),
            told,
            watcher: None,
            watched: None,
        }
    }

    /// Whether events will come.
    pub(super) fn watching(&self) -> bool {
        self.watched.is_some()
    }

    /// Watches what is there now, if it is not what was watched before.
    pub(super) fn renew(&mut self) {
        let found = identity(&self.path);
        if found.is_some() && found == self.watched && self.watcher.is_some() {
            return;
        }
        let fresh = found.is_some();
        self.watched = None;
        self.watcher = self.watch();
        if self.watcher.is_some() && fresh {
            self.watched = found;
            // What changed before the watch stood made no event.
            let _ = self.told.send(Order::Look);
        }
    }

    fn watch(&self) -> Option<RecommendedWatcher> {
        let told = self.told.clone();
        let name = self.path.file_name().map(ToOwned::to_owned);
        let inside = self.path.canonicalize().ok();
        let path = self.path.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let hint = match event {
                Ok(event) => {
                    changes(event.kind)
                        && (event.need_rescan()
                            || event.paths.is_empty()
                            || event.paths.iter().any(|changed| {
                                changed.starts_with(&path)
                                    || inside
                                        .as_ref()
                                        .is_some_and(|inside| changed.starts_with(inside))
                                    || changed.file_name() == name.as_deref()
                            }))
                }
                // Events were lost, or a watch was.
                Err(_) => true,
            };
            if hint {
                // The thread may have ended.
                let _ = told.send(Order::Look);
            }
        })
        .ok()?;
        if let Some(above) = above(&self.path) {
            // Where this is not allowed, the poll does it.
            let _ = watcher.watch(above, RecursiveMode::NonRecursive);
        }
        if self.path.exists() {
            watcher.watch(&self.path, RecursiveMode::Recursive).ok()?;
        }
        Some(watcher)
    }
}

/// Reading makes events too, and would never let the reader rest.
fn changes(kind: EventKind) -> bool {
    let written = AccessKind::Close(AccessMode::Write);
    !kind.is_access() || kind == EventKind::Access(written)
}

fn identity(path: &Path) -> Option<Identity> {
    let real = path.canonicalize().ok()?;
    let found = fs::metadata(&real).ok()?;
    Some(Identity {
        node: node(&found),
        real,
    })
}

#[cfg(unix)]
fn node(found: &fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (found.dev(), found.ino())
}

#[cfg(not(unix))]
fn node(_: &fs::Metadata) -> (u64, u64) {
    (0, 0)
}
