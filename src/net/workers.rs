//! The worker threads: one single-threaded runtime each, with its own listening sockets and connections.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;

use crate::net::address::Address;
use crate::net::cidr::Cidr;
use crate::net::connection::{Accepted, Handler};
use crate::net::drain::{self, Phase, Report, Stoppable, Times};
use crate::net::limits::{Capacity, Limits};
use crate::net::listener::{self, Bound, Listener, Raw};
use crate::net::pulse::{Order, Registry, SWEEP};
use crate::net::tls;

/// How long accepting rests when the process has no file descriptor left.
const ACCEPT_REST: Duration = Duration::from_millis(50);
/// Between two log lines about failing accepts.
const ACCEPT_LOG_EVERY: Duration = Duration::from_secs(1);

/// One address to serve.
#[derive(Debug, Clone)]
pub struct Listening {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Where.
    pub address: Address,
    /// With TLS, if any.
    pub tls: Option<tls::Server>,
    /// Peers that must say by the PROXY protocol whose connection they pass on.
    pub proxied: Vec<Cidr>,
}

/// Addresses that are bound and not served yet.
#[derive(Debug)]
pub struct Ready {
    listeners: Vec<(Listening, Bound)>,
    workers: usize,
    limits: Limits,
}

/// Binds every address for as many workers (at least one).
pub fn bind(listeners: Vec<Listening>, workers: usize, limits: Limits) -> io::Result<Ready> {
    let workers = workers.max(1);
    let listeners = listeners
        .into_iter()
        .map(|listening| {
            let bound = listener::bind(&listening.address, workers).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", listening.address))
            })?;
            Ok((listening, bound))
        })
        .collect::<io::Result<Vec<_>>>()?;
    Ok(Ready {
        listeners,
        workers,
        limits,
    })
}

/// The part of one listener that one worker has.
struct Share {
    about: About,
    socket: Raw,
}

/// What is to be known of a listener.
struct About {
    index: usize,
    name: Arc<str>,
    tls: Option<tls::Server>,
    proxied: Arc<[Cidr]>,
}

impl Ready {
    /// Each listener's name and real address, in the order given.
    pub fn addresses(&self) -> impl Iterator<Item = (&str, &Address)> {
        self.listeners
            .iter()
            .map(|(listening, bound)| (&*listening.name, bound.address()))
    }

    /// Starts the workers. `make` is called once on each worker's thread, inside its runtime.
    pub fn serve<H: Handler>(
        self,
        make: impl Fn() -> H + Send + Clone + 'static,
    ) -> io::Result<Workers> {
        let capacity = Capacity::new(self.limits.connections, self.listeners.len());
        let (phase, _) = watch::channel(Phase::Serve);
        let mut shares: Vec<Vec<Share>> = (0..self.workers).map(|_| Vec::new()).collect();
        for (index, (listening, bound)) in self.listeners.into_iter().enumerate() {
            let proxied: Arc<[Cidr]> = listening.proxied.into();
            for (worker, socket) in shares.iter_mut().zip(bound.into_sockets()) {
                let about = About {
                    index,
                    name: Arc::clone(&listening.name),
                    tls: listening.tls.clone(),
                    proxied: Arc::clone(&proxied),
                };
                worker.push(Share { about, socket });
            }
        }
        let mut threads = Vec::new();
        for (number, shares) in shares.into_iter().enumerate() {
            let worker = Start {
                shares,
                capacity: capacity.clone(),
                limits: self.limits.clone(),
                phase: phase.subscribe(),
            };
            let make = make.clone();
            let thread = thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || worker.run(&make))?;
            threads.push(thread);
        }
        Ok(Workers {
            phase,
            capacity,
            threads,
        })
    }
}

/// The running workers.
#[derive(Debug)]
pub struct Workers {
    phase: watch::Sender<Phase>,
    capacity: Capacity,
    threads: Vec<thread::JoinHandle<io::Result<()>>>,
}

impl Workers {
    /// The counts of open connections.
    pub fn capacity(&self) -> &Capacity {
        &self.capacity
    }

    /// Whether a worker has ended although nobody asked it to.
    pub fn failed(&self) -> bool {
        self.threads.iter().any(thread::JoinHandle::is_finished)
    }

    /// Stops gracefully, or at once when `hurry` completes, and waits for the threads.
    pub async fn stop(self, times: Times, hurry: impl Future<Output = ()>) -> Report {
        let report = drain::stop(&self, times, hurry).await;
        let joined = tokio::task::spawn_blocking(move || {
            for thread in self.threads {
                if thread.join().is_err() {
                    tracing::error!("a worker thread ended by a panic");
                }
            }
        });
        if joined.await.is_err() {
            tracing::error!("the worker threads could not be waited for");
        }
        report
    }
}

impl Stoppable for Workers {
    fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    fn open(&self) -> usize {
        self.capacity.open()
    }

    async fn emptied(&self) {
        // Listening sockets close a moment after the phase begins; connections they still took count too.
        while self.threads.iter().any(|thread| !thread.is_finished()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// What a worker thread begins with.
struct Start {
    shares: Vec<Share>,
    capacity: Capacity,
    limits: Limits,
    phase: watch::Receiver<Phase>,
}

impl Start {
    fn run<H: Handler>(self, make: &impl Fn() -> H) -> io::Result<()> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            // New sockets are looked for between batches of at most this many polls.
            .event_interval(61)
            .build_local(LocalOptions::default())?;
        runtime.block_on(async move {
            let worker = Rc::new(Worker {
                handler: Rc::new(make()),
                capacity: self.capacity,
                limits: Rc::new(self.limits),
                registry: Registry::default(),
                leaving: Rc::new(Cell::new(false)),
            });
            let mut accepting = Vec::new();
            for share in self.shares {
                accepting.push(tokio::task::spawn_local(
                    Rc::clone(&worker).accept(share.socket.register()?, share.about),
                ));
            }
            worker.supervise(self.phase, accepting).await;
            Ok(())
        })
    }
}

/// A worker's state.
struct Worker<H> {
    handler: Rc<H>,
    capacity: Capacity,
    limits: Rc<Limits>,
    registry: Registry,
    leaving: Rc<Cell<bool>>,
}

impl<H: Handler> Worker<H> {
    /// Sweeps, and follows the phases of a stop to its end.
    async fn supervise(
        &self,
        mut phase: watch::Receiver<Phase>,
        accepting: Vec<tokio::task::JoinHandle<()>>,
    ) {
        let mut tick = tokio::time::interval(SWEEP);
        loop {
            tokio::select! {
                _ = tick.tick() => self.registry.sweep(&self.limits),
                changed = phase.changed() => {
                    let now = if changed.is_ok() { *phase.borrow_and_update() } else { Phase::Cut };
                    match now {
                        Phase::Serve => {}
                        Phase::Leave => self.leaving.set(true),
                        Phase::Finish => break,
                        Phase::Cut => {
                            self.registry.tell_all(Order::Cut);
                            return;
                        }
                    }
                }
            }
        }
        for task in accepting {
            task.abort();
            // Aborted or not, the listening socket is closed after this.
            let _ = task.await;
        }
        self.registry.tell_all(Order::Finish);
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while self.registry.open() > 0 {
            tokio::select! {
                _ = tick.tick() => self.registry.sweep(&self.limits),
                changed = phase.changed() => {
                    if changed.is_err() || *phase.borrow_and_update() == Phase::Cut {
                        self.registry.tell_all(Order::Cut);
                        return;
                    }
                }
            }
        }
    }

    async fn accept(self: Rc<Self>, listener: Listener, about: About) {
        let About {
            index,
            name,
            tls,
            proxied,
        } = about;
        let mut logged: Option<std::time::Instant> = None;
        loop {
            let (socket, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    let now = crate::clock::monotonic();
                    if logged.is_none_or(|then| now.duration_since(then) >= ACCEPT_LOG_EVERY) {
                        logged = Some(now);
                        tracing::warn!(listener = &*name, %error, "cannot accept connections");
                    }
                    if exhausted(&error) {
                        tokio::time::sleep(ACCEPT_REST).await;
                    }
                    continue;
                }
            };
            let Some(slot) = self.capacity.admit(index) else {
                // Over the limit: closed at once.
                continue;
            };
            let line = self.registry.open_line(&self.limits);
            let accepted = Accepted {
                socket,
                peer,
                listener: Arc::clone(&name),
                tls: tls.clone(),
                proxied: Arc::clone(&proxied),
                leaving: Rc::clone(&self.leaving),
                line,
            };
            let (handler, limits) = (Rc::clone(&self.handler), Rc::clone(&self.limits));
            tokio::task::spawn_local(async move {
                accepted.serve(handler, limits).await;
                drop(slot);
            });
        }
    }
}

/// Whether an accept failed for want of file descriptors or memory, and so will at once again.
fn exhausted(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
