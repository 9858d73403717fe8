//! The file system's events, as hints to look.
//!
//! Events name a path below the one that was watched, so real paths are watched: a path through a link, or a relative
//! one, would have to be compared with others of the same place.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
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
    /// The folder was moved or removed: what is there now is not watched, even if it looks the same.
    moved: Arc<AtomicBool>,
}

/// Where the path leads, and which file system object that is.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    real: PathBuf,
    node: (u64, u64),
}

/// Which events are hints.
struct Places {
    /// The bundle.
    inside: PathBuf,
    /// Its name in the folder above, which may be a link's.
    named: Option<PathBuf>,
}

impl Events {
    pub(super) fn new(path: &Path, told: Sender<Order>) -> Self {
        Self {
            path: path.to_owned(),
            told,
            watcher: None,
            watched: None,
            moved: Arc::default(),
        }
    }

    /// Whether events will come.
    pub(super) fn watching(&self) -> bool {
        self.watched.is_some()
    }

    /// Watches what is there now, if it is not what was watched before.
    pub(super) fn renew(&mut self) {
        let moved = self.moved.swap(false, Ordering::AcqRel);
        let found = identity(&self.path);
        if found == self.watched && !moved {
            return;
        }
        let had = self.watched.take().is_some();
        self.watcher = found.as_ref().and_then(|found| self.watch(&found.real));
        if self.watcher.is_some() {
            self.watched = found;
        }
        if had || self.watching() {
            // What changed before the watch stood, or by what is above, made no event.
            let _ = self.told.send(Order::Look);
        }
    }

    fn watch(&self, real: &Path) -> Option<RecommendedWatcher> {
        let above = above(&self.path).and_then(|above| above.canonicalize().ok());
        let places = Places {
            inside: real.to_owned(),
            named: above
                .as_ref()
                .zip(self.path.file_name())
                .map(|(above, name)| above.join(name)),
        };
        let told = self.told.clone();
        let moved = Arc::clone(&self.moved);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // After an error events were lost, or a watch was.
            if event.as_ref().map_or(true, |event| places.moves(event)) {
                moved.store(true, Ordering::Release);
            }
            if event.map_or(true, |event| places.hints(&event)) {
                // The thread may have ended.
                let _ = told.send(Order::Look);
            }
        })
        .ok()?;
        if let Some(above) = above {
            // Where this is not allowed, the poll does it.
            let _ = watcher.watch(&above, RecursiveMode::NonRecursive);
        }
        watcher.watch(real, RecursiveMode::Recursive).ok()?;
        Some(watcher)
    }
}

impl Places {
    fn hints(&self, event: &Event) -> bool {
        let of_bundle = |changed: &PathBuf| {
            changed.starts_with(&self.inside) || self.named.as_ref() == Some(changed)
        };
        changes(event.kind)
            && (event.need_rescan() || event.paths.is_empty() || event.paths.iter().any(of_bundle))
    }

    /// Whether the bundle's own folder or name came, went or was exchanged, or may have been.
    fn moves(&self, event: &Event) -> bool {
        let itself =
            |changed: &PathBuf| *changed == self.inside || self.named.as_ref() == Some(changed);
        matches!(
            event.kind,
            EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
        ) && event.paths.iter().any(itself)
            || event.need_rescan()
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
