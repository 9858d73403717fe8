//! The keys of each provider: fetched in the background, kept when fetching fails, and never a request's burden.
//!
//! One task per provider owns all its fetches, so that there is at most one in flight and no provider can delay
//! another. Requests read the current set through an atomic pointer; only one whose key is unknown waits, for at most
//! [`Timing::wait`], for the one fetch that is allowed in each [`Timing::refetch`]; so does one that the key of its name
//! did not sign, as when another took that name. A set is replaced only by a usable one; the last good one outlives
//! failures, on disk also a restart, up to the provider's `max_stale`. Those who wait are bounded in number, so that an
//! issuer that never answers does not take the room of all other requests. Judges no token.

mod disk;
mod worker;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use crate::clock::{Clock, Timestamp, monotonic};
use crate::directory::provider::{KeySource, Provider};

use crate::authn::jwks::{KeyId, KeySet};
use crate::authn::waiting::Waiting;

/// How long things take.
#[derive(Debug, Clone)]
pub struct Timing {
    /// At most one fetch in this time, whatever tokens come.
    pub refetch: Duration,
    /// How long a request waits for a fetch.
    pub wait: Duration,
    /// How long an answer may take in all.
    pub fetch: Duration,
    /// Keys are kept at least this long before they are fetched anew, whatever the issuer says.
    pub min_refresh: Duration,
    /// How often key files of the machine are read.
    pub file_poll: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            refetch: Duration::from_secs(10),
            wait: Duration::from_secs(2),
            fetch: Duration::from_secs(5),
            min_refresh: Duration::from_secs(30),
            file_poll: Duration::from_secs(5),
        }
    }
}

/// How a provider's keys are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The last fetch brought them.
    Fresh,
    /// The last fetch failed; the last good ones serve.
    Stale,
    /// There are none that may be used: the first fetch failed, or the last good ones are too old.
    Failed,
    /// The first fetch is not over.
    Pending,
}

impl State {
    /// One word, for `/readyz?verbose`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Failed => "failed",
            Self::Pending => "pending",
        }
    }
}

/// What came of asking for a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The keys are those of the last fetch: a key that is not among them does not exist.
    Fetched,
    /// The last fetch failed, or did not end in time: nobody knows.
    Failed,
}

/// The keys of one provider.
#[derive(Debug)]
pub struct ProviderKeys {
    current: ArcSwapOption<Loaded>,
    progress: watch::Sender<Progress>,
    demand: Notify,
    waiting: Waiting,
    max_stale: Duration,
    timing: Timing,
}

/// A set, and when it was fetched; `None`: it is part of the bundle and does not age.
#[derive(Debug)]
struct Loaded {
    set: Arc<KeySet>,
    fetched_at: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Progress {
    started: u64,
    finished: u64,
    last_started: Option<Instant>,
    last: Option<Outcome>,
}

impl ProviderKeys {
    fn new(provider: &Provider, timing: Timing) -> Self {
        Self {
            current: ArcSwapOption::empty(),
            progress: watch::Sender::new(Progress::default()),
            demand: Notify::new(),
            waiting: Waiting::default(),
            max_stale: provider.max_stale,
            timing,
        }
    }

    /// The keys, unless there are none or they are older than `max_stale`.
    pub fn current(&self, now: Timestamp) -> Option<Arc<KeySet>> {
        let loaded = self.current.load();
        let loaded = loaded.as_ref()?;
        self.usable(loaded, now).then(|| Arc::clone(&loaded.set))
    }

    /// Whether a key that verified a token before may still be relied on; `None`: there are no usable keys at all.
    pub fn still_has(&self, id: &KeyId, now: Timestamp) -> Option<bool> {
        let loaded = self.current.load();
        let loaded = loaded.as_ref()?;
        self.usable(loaded, now).then(|| loaded.set.contains(id))
    }

    fn usable(&self, loaded: &Loaded, now: Timestamp) -> bool {
        loaded
            .fetched_at
            .is_none_or(|at| now.since(at) <= self.max_stale)
    }

    /// For a token whose key is not in the current set, or that the key of its name did not sign: waits for the fetch in flight, or for the one that it may
    /// cause, but never long.
    pub async fn refetch(&self) -> Outcome {
        let mut progress = self.progress.subscribe();
        let (awaited, age) = {
            let now = progress.borrow();
            if now.started > now.finished {
                (now.started, now.age())
            } else if now.may_start(self.timing.refetch) {
                self.demand.notify_one();
                (now.started.saturating_add(1), Duration::ZERO)
            } else {
                return now.last.unwrap_or(Outcome::Failed);
            }
        };
        let place = self.waiting.place();
        let wait = match place {
            Some(_) => self.timing.wait,
            // One too many: only for a fetch that goes well.
            None => self.timing.wait.div_f64(4.0).saturating_sub(age),
        };
        let ended = progress.wait_for(|progress| progress.finished >= awaited);
        match tokio::time::timeout(wait, ended).await {
            Ok(Ok(progress)) => progress.last.unwrap_or(Outcome::Failed),
            Ok(Err(_)) | Err(_) => Outcome::Failed,
        }
    }

    /// How the keys are, and how old.
    pub fn state(&self, now: Timestamp) -> (State, Option<Duration>) {
        let last = self.progress.borrow().last;
        let loaded = self.current.load();
        let age = loaded
            .as_ref()
            .and_then(|loaded| loaded.fetched_at)
            .map(|at| now.since(at));
        let usable = loaded
            .as_ref()
            .is_some_and(|loaded| self.usable(loaded, now));
        let state = match (usable, last) {
            (true, Some(Outcome::Fetched)) => State::Fresh,
            (true, _) => State::Stale,
            (false, None) => State::Pending,
            (false, Some(_)) => State::Failed,
        };
        (state, age)
    }
}

impl Progress {
    /// Since when the last fetch is under way, or was.
    fn age(&self) -> Duration {
        let at = self.last_started;
        at.map_or(Duration::ZERO, |at| {
            monotonic().saturating_duration_since(at)
        })
    }

    fn may_start(&self, interval: Duration) -> bool {
        self.last_started
            .is_none_or(|at| monotonic().saturating_duration_since(at) >= interval)
    }
}

/// A provider's keys with the task that keeps them; dropping it ends the task.
#[derive(Debug)]
pub struct Follower {
    keys: Arc<ProviderKeys>,
    task: Option<AbortHandle>,
}

impl Follower {
    /// Starts to fetch a provider's keys, on the current tokio runtime. Those of the bundle are read at once.
    pub fn start(
        provider: &Arc<Provider>,
        timing: Timing,
        clock: Clock,
        state: Option<&Path>,
    ) -> Self {
        let keys = Arc::new(ProviderKeys::new(provider, timing));
        let task = if let KeySource::File {
            content: Some(text),
            ..
        } = &provider.keys.source
        {
            worker::read_once(&keys, provider, text);
            None
        } else {
            let file = state.map(|folder| disk::File::of(folder, provider));
            let work = worker::run(Arc::clone(&keys), Arc::clone(provider), clock, file);
            Some(tokio::spawn(work).abort_handle())
        };
        Self { keys, task }
    }

    /// The keys.
    pub fn keys(&self) -> &Arc<ProviderKeys> {
        &self.keys
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
