//! The names of an upstream's endpoints: asked for in the background and for the whole process, one question for a name
//! at a time, however many requests wait for its answer.
//!
//! A resolver that says nothing keeps whoever asks it for half a minute, and the system's question cannot be taken back.
//! So each has a thread of its own, which nobody waits for when the process ends, and there is never a second one for the
//! same name. What fails keeps the addresses that it had, and touches no other name.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::clock::monotonic;

/// Addresses of one name that are used.
const ADDRESSES: usize = 64;

/// How the system is asked, which takes as long as it takes.
type Ask = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// All names of one upstream.
pub(super) struct Names {
    upstream: Box<str>,
    all: Vec<Name>,
    /// Grows with every answer.
    version: AtomicU64,
    changed: watch::Sender<()>,
    ask: Box<Ask>,
}

struct Name {
    host: String,
    port: u16,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last that were told.
    addresses: Arc<[SocketAddr]>,
    asking: bool,
    /// When the last question was answered.
    answered: Option<Instant>,
    /// Why the last question was of no use.
    failed: Option<(io::ErrorKind, String)>,
}

impl fmt::Debug for Names {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.all.iter().map(|name| (&name.host, name.port));
        formatter.debug_list().entries(names).finish()
    }
}

impl Name {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is ever left half done under it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question under way; however it ends, another may be asked.
struct Asking(Arc<Names>, usize);

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(name) = self.0.all.get(self.1) {
            let mut state = name.state();
            state.asking = false;
            state.answered = Some(monotonic());
        }
        self.0.version.fetch_add(1, Ordering::Release);
        self.0.changed.send_replace(());
    }
}

impl Asking {
    fn run(&self) {
        let Self(names, at) = self;
        if let Some(name) = names.all.get(*at) {
            let found = (names.ask)(&name.host, name.port);
            names.told(name, found);
        }
    }
}

impl Names {
    /// Nothing is known of them yet.
    pub(super) fn new(upstream: &str, names: Vec<(String, u16)>) -> Self {
        Self::with(upstream, names, Box::new(system))
    }

    fn with(upstream: &str, names: Vec<(String, u16)>, ask: Box<Ask>) -> Self {
        let name = |(host, port)| Name {
            host,
            port,
            state: Mutex::default(),
        };
        Self {
            upstream: upstream.into(),
            all: names.into_iter().map(name).collect(),
            version: AtomicU64::new(0),
            changed: watch::Sender::new(()),
            ask,
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Which answers are there; another number, other answers.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Told of every answer.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The addresses of one of them.
    pub(super) fn addresses(&self, at: usize) -> Arc<[SocketAddr]> {
        let name = self.all.get(at);
        name.map(|name| Arc::clone(&name.state().addresses))
            .unwrap_or_default()
    }

    /// Asks for those whose last answer is older than `rest`, unless that is being done.
    pub(super) fn ask(self: &Arc<Self>, rest: Duration) {
        let now = monotonic();
        for (at, name) in self.all.iter().enumerate() {
            let mut state = name.state();
            let fresh = |answered| now.saturating_duration_since(answered) < rest;
            if state.asking || state.answered.is_some_and(fresh) {
                continue;
            }
            state.asking = true;
            drop(state);
            let asking = Asking(Arc::clone(self), at);
            let thread = thread::Builder::new().name("names".to_owned());
            if let Err(error) = thread.spawn(move || asking.run()) {
                self.told(name, Err(error));
            }
        }
    }

    /// Why there is no address, once there is nothing more to wait for.
    pub(super) fn failure(&self) -> Option<io::Error> {
        let mut why = None;
        for name in &self.all {
            let state = name.state();
            if state.asking || !state.addresses.is_empty() {
                return None;
            }
            if let Some((kind, text)) = &state.failed {
                why = Some(io::Error::new(*kind, text.clone()));
            }
        }
        why
    }

    /// Takes an answer, and says what has changed, once.
    fn told(&self, name: &Name, found: io::Result<Vec<SocketAddr>>) {
        let found = found.and_then(|addresses| {
            if addresses.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "no address"));
            }
            Ok(addresses)
        });
        let (upstream, host) = (&*self.upstream, &*name.host);
        let mut state = name.state();
        match found {
            Ok(mut addresses) => {
                addresses.truncate(ADDRESSES);
                state.addresses = addresses.into();
                if state.failed.take().is_some() {
                    tracing::info!(upstream, host, "the name can be resolved again");
                }
            }
            Err(error) => {
                let known = !state.addresses.is_empty();
                let first = state.failed.is_none();
                state.failed = Some((error.kind(), error.to_string()));
                drop(state);
                match (first, known) {
                    (true, true) => tracing::warn!(
                        upstream, host, %error,
                        "an upstream's name cannot be resolved; its last addresses stay"
                    ),
                    (true, false) => tracing::warn!(
                        upstream, host, %error,
                        "an upstream's name cannot be resolved; it has no address yet"
                    ),
                    (false, _) => tracing::debug!(upstream, host, %error, "still not resolved"),
                }
            }
        }
    }
}

fn system(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Names that `ask` answers for.
    pub(in crate::proxy::upstream) fn names(
        hosts: &[&str],
        ask: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Arc<Names> {
        let hosts = hosts.iter().map(|host| ((*host).to_owned(), 80)).collect();
        Arc::new(Names::with(
            "app",
            hosts,
            Box::new(move |host, _| ask(host)),
        ))
    }

    pub(in crate::proxy::upstream) fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, last], 80))
    }

    async fn until(names: &Names, version: u64) {
        let mut changes = names.changes();
        while names.version() < version {
            changes.changed().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_name_that_fails_keeps_its_addresses_and_touches_no_other() {
        let fails = Arc::new(Mutex::new(false));
        let of = Arc::clone(&fails);
        let names = names(&["one", "two"], move |host| {
            match (*of.lock().unwrap(), host) {
                (false, "one") => Ok(vec![address(1)]),
                (true, "one") => Err(io::ErrorKind::NotFound.into()),
                (false, _) => Ok(vec![address(2)]),
                (true, _) => Ok(vec![address(3), address(4)]),
            }
        });
        assert!(names.failure().is_none());
        names.ask(Duration::ZERO);
        until(&names, 2).await;
        *fails.lock().unwrap() = true;
        // Too early to ask again.
        names.ask(Duration::from_secs(60));
        names.ask(Duration::ZERO);
        until(&names, 4).await;
        assert_eq!(&*names.addresses(0), [address(1)]);
        assert_eq!(&*names.addresses(1), [address(3), address(4)]);
        assert_eq!(names.version(), 4);
        assert!(names.failure().is_none());
    }

    #[tokio::test]
    async fn names_without_an_address_say_why() {
        let names = names(&["none", "empty"], |host| match host {
            "none" => Err(io::ErrorKind::NotFound.into()),
            _ => Ok(Vec::new()),
        });
        names.ask(Duration::ZERO);
        until(&names, 2).await;
        assert_eq!(names.failure().unwrap().kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn a_question_that_panics_is_over() {
        let names = names(&["one"], |_| panic!("asked to"));
        names.ask(Duration::ZERO);
        until(&names, 1).await;
        names.ask(Duration::ZERO);
        until(&names, 2).await;
    }
}
