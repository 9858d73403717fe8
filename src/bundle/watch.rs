//! Notices that the bundle changed, and loads it again, on a thread of its own, off the way of requests.
//!
//! Any event in the bundle's folder, or of its name in the folder above, is only a hint: what counts is the content's
//! hash, since a ConfigMap's swap touches no file and editors touch many. Events are awaited until they rest; where the
//! path leads is looked up twice a second, and a slow poll finds what no event told. A bundle that is broken, missing or half written changes nothing.

mod events;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{Files, Loader, Options, Snapshot, Status, Store};
use crate::clock::{Clock, monotonic};
use crate::source::Fault;

/// Events are over when none came for so long.
const REST: Duration = Duration::from_millis(200);
/// And are not waited for longer than this: a change shall count within a second.
const PATIENCE: Duration = Duration::from_millis(500);
/// What was loaded so lately, and did not change since, is not loaded again on request: many requests are one or two.
const LATELY: Duration = Duration::from_secs(1);
/// Looks whether the path leads to where it led: no event tells of a link or folder on the way that was exchanged.
const GLANCE: Duration = Duration::from_millis(500);
/// Looks without being told.
const POLL: Duration = Duration::from_secs(30);
/// The same while something is amiss: the folder is missing, or cannot be watched.
const ANXIOUS_POLL: Duration = Duration::from_secs(1);

/// What to watch, and how to judge it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder or archive.
    pub path: PathBuf,
    /// How it is judged.
    pub options: Options,
    /// For the times in the status.
    pub clock: Clock,
}

/// Why there is nothing to start with.
#[derive(Debug, thiserror::Error)]
#[error("{rendered}")]
pub struct Refused {
    /// Every fault.
    pub faults: Vec<Fault>,
    /// The same for people: each with its line, a caret and its mend.
    pub rendered: String,
}

/// A bundle that was loaded and is to be followed.
#[derive(Debug)]
pub struct Watcher {
    settings: Settings,
    loader: Loader,
    store: Arc<Store>,
    seen: Seen,
    /// When it was last loaded on request.
    requested: Option<Instant>,
}

/// What was found at the last look, to tell a change.
#[derive(Debug, PartialEq)]
struct Seen {
    digest: Box<str>,
    faults: Vec<Fault>,
}

/// Loads on demand; the following ends when it is dropped.
#[derive(Debug)]
pub struct Reloader {
    orders: Sender<Order>,
}

/// What the thread is told.
#[derive(Debug)]
enum Order {
    /// Something happened in the folder.
    Look,
    /// Load now; many such orders are one.
    Request,
    /// Load now, and say how it went.
    Reload(oneshot::Sender<Status>),
    /// The end.
    Stop,
}

impl Watcher {
    /// Loads the bundle for the first time.
    ///
    /// # Errors
    /// Every fault, when there is an error among them.
    pub fn open(settings: Settings) -> Result<Self, Refused> {
        let files = Files::read(&settings.path);
        let mut loader = Loader::default();
        match loader.load(&files, &settings.options) {
            Ok(snapshot) => Ok(Self {
                store: Store::new(snapshot, settings.clock.now()),
                seen: Seen::of(&files),
                settings,
                loader,
                requested: None,
            }),
            Err(faults) => {
                let drawn: Vec<String> = faults.iter().map(|fault| files.render(fault)).collect();
                Err(Refused {
                    rendered: drawn.join("\n"),
                    faults,
                })
            }
        }
    }

    /// Where the snapshots are.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Follows the bundle from now on. `prepare` is called with each new snapshot before it counts.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(self, prepare: impl Fn(&Snapshot) + Send + 'static) -> std::io::Result<Reloader> {
        let (orders, inbox) = mpsc::channel();
        let told = orders.clone();
        thread::Builder::new()
            .name("bundle".to_owned())
            .spawn(move || self.follow(&prepare, &told, &inbox))?;
        Ok(Reloader { orders })
    }

    fn follow(
        mut self,
        prepare: &dyn Fn(&Snapshot),
        told: &Sender<Order>,
        inbox: &Receiver<Order>,
    ) {
        let mut events = events::Events::new(&self.settings.path, told.clone());
        let mut looked = monotonic();
        let mut carried = None;
        loop {
            events.renew();
            let calm = events.watching() && self.seen.faults.is_empty();
            let poll = if calm { POLL } else { ANXIOUS_POLL };
            let order = carried
                .take()
                .map_or_else(|| inbox.recv_timeout(GLANCE), Ok);
            match order {
                Err(RecvTimeoutError::Timeout) if since(looked) < poll => continue,
                Ok(Order::Look) => {
                    let mut waiting = Vec::new();
                    let going_on = rest(inbox, told, &mut waiting);
                    self.look(!waiting.is_empty(), prepare);
                    self.answer(waiting);
                    if !going_on {
                        return;
                    }
                }
                Ok(Order::Request) => {
                    // What else was said by now is done with this, too, but for what wants an answer.
                    let mut rest = inbox.try_iter();
                    carried = rest.find(|order| !matches!(order, Order::Request | Order::Look));
                    let lately = self.requested.is_some_and(|at| since(at) < LATELY);
                    if !lately {
                        self.requested = Some(monotonic());
                    }
                    self.look(!lately, prepare);
                }
                Ok(Order::Reload(answer)) => {
                    self.look(true, prepare);
                    self.answer([answer]);
                }
                Err(RecvTimeoutError::Timeout) => self.look(false, prepare),
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
            looked = monotonic();
        }
    }

    fn answer(&self, waiting: impl IntoIterator<Item = oneshot::Sender<Status>>) {
        for answer in waiting {
            // Whoever asked may have gone.
            let _ = answer.send(self.store.status());
        }
    }

    /// Reads the bundle, and loads it when it changed (or when `told` to).
    fn look(&mut self, told: bool, prepare: &dyn Fn(&Snapshot)) {
        let files = Files::read(&self.settings.path);
        let seen = Seen::of(&files);
        if seen == self.seen && !told {
            return;
        }
        let result = self.loader.load(&files, &self.settings.options);
        self.seen = seen;
        self.settle(result, prepare);
    }

    fn settle(&self, result: Result<Snapshot, Vec<Fault>>, prepare: &dyn Fn(&Snapshot)) {
        let now = self.settings.clock.now();
        match result {
            Ok(snapshot) if snapshot.digest == self.store.load().digest => self.store.confirm(),
            Ok(snapshot) => {
                prepare(&snapshot);
                self.store.publish(snapshot, now);
            }
            Err(faults) => self.store.refuse(&faults, now),
        }
    }
}

/// Waits until no more events come; false when the end came.
fn rest(
    inbox: &Receiver<Order>,
    told: &Sender<Order>,
    waiting: &mut Vec<oneshot::Sender<Status>>,
) -> bool {
    let began = monotonic();
    loop {
        let left = PATIENCE.saturating_sub(since(began));
        match inbox.recv_timeout(REST.min(left)) {
            Ok(Order::Look) if left.is_zero() => return true,
            Ok(Order::Look) => {}
            // Whoever asks does not wait until it rests.
            Ok(Order::Request) => {
                let _ = told.send(Order::Request);
                return true;
            }
            Ok(Order::Reload(answer)) => {
                waiting.push(answer);
                return true;
            }
            Err(RecvTimeoutError::Timeout) => return true,
            Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

fn since(instant: Instant) -> Duration {
    monotonic().saturating_duration_since(instant)
}

impl Seen {
    fn of(files: &Files) -> Self {
        Self {
            digest: files.digest(),
            faults: files.faults().to_vec(),
        }
    }
}

impl Reloader {
    /// Loads the bundle now, changed or not, and tells how it went; `None` when the following has ended.
    pub async fn reload(&self) -> Option<Status> {
        let (answer, told) = oneshot::channel();
        self.orders.send(Order::Reload(answer)).ok()?;
        told.await.ok()
    }

    /// Loads the bundle soon, changed or not; of many requests in a row, one or two do.
    pub fn request(&self) {
        // With nobody following there is nothing to load for.
        let _ = self.orders.send(Order::Request);
    }
}

impl Drop for Reloader {
    fn drop(&mut self) {
        // The thread may have ended already.
        let _ = self.orders.send(Order::Stop);
    }
}

/// The folder above, in which a folder or link can be put in the place of the bundle.
fn above(path: &Path) -> Option<&Path> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Some(Path::new(".")),
        other => other,
    }
}
