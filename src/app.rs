//! Puts the parts together: loads, binds every listener, then serves; and takes it all down again.
//!
//! The one module that knows them all. Nothing is decided here: settings are handed to the parts that they belong to,
//! and what the parts publish (reloads, key states, counts) is brought to the log, the metrics and `/readyz`.

mod admin;
mod certificates;
mod container;
mod control;
mod health;
mod identity;
mod reload;
mod state;
mod sts;
mod throttling;
mod translate;

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::audit::sink::Sink;
use crate::authn::{self, Authenticator, Opener, credentials};
use crate::bundle::{self, Options, Reloader, Watcher};
use crate::clock::Clock;
use crate::config::Settings;
use crate::gate::Gate;
use crate::gate::assertion::Assertions;
use crate::metrics::Metrics;
use crate::net::{self, workers::Workers};
use crate::proxy;
use crate::state::Ledger;
use crate::sts::Keys;

/// Why it does not start: everything that is wrong, ready to be printed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The bundle has faults; each is drawn with its place.
    #[error("{0}")]
    Bundle(String),
    /// An address cannot be bound, a file not be read, a folder not be written.
    #[error("{what}: {cause}")]
    Cannot {
        /// What was tried.
        what: String,
        /// Why it failed.
        cause: String,
    },
}

impl StartError {
    fn cannot(what: impl Into<String>, cause: impl std::fmt::Display) -> Self {
        let (what, cause) = (what.into(), cause.to_string());
        Self::Cannot { what, cause }
    }
}

/// A running Sidegate.
#[derive(Debug)]
pub struct Running {
    /// Where it listens, by name; `health` is among them.
    pub addresses: Vec<(Box<str>, String)>,
    workers: Workers,
    sts: Option<Workers>,
    reloader: Reloader,
    certificates: certificates::Certificates,
    identity: identity::Renewal,
    credentials: Option<Arc<credentials::Store>>,
    audit: Arc<Sink>,
    ledger: Arc<Ledger>,
    state: watch::Sender<health::Phase>,
    drain: net::drain::Times,
}

/// What judges and records, before anything listens.
struct Core {
    clock: Clock,
    watcher: Watcher,
    audit: Arc<Sink>,
    metrics: Arc<Metrics>,
    authenticator: Arc<Authenticator>,
    keys: Arc<Keys>,
    sessions: Arc<Opener>,
    credentials: Option<Arc<credentials::Store>>,
    ledger: Arc<Ledger>,
    counted: Arc<ArcSwap<control::Counted>>,
    assertions: Arc<Assertions>,
    gate: Arc<Gate>,
    throttles: Arc<throttling::Throttles>,
}

impl Core {
    fn new(settings: &Settings) -> Result<Self, StartError> {
        let clock = Clock::machine();
        let upstreams = settings.upstreams.iter();
        let known = upstreams.map(|upstream| upstream.name.to_string());
        let followed = bundle::Settings {
            path: settings.bundle.path.clone(),
            options: Options {
                known_upstreams: Some(known.collect()),
                strict: false,
            },
            clock: clock.clone(),
        };
        let watcher =
            Watcher::open(followed).map_err(|refused| StartError::Bundle(refused.to_string()))?;
        let store = watcher.store();
        reload::warn(&store.load());
        let audit = Sink::start(&settings.audit, clock.clone())
            .map_err(|error| StartError::cannot("the audit log cannot be opened", error))?;
        let metrics = Metrics::new().map_err(|error| StartError::cannot("metrics", error))?;
        let credentials = settings.credentials.as_deref();
        let credentials = credentials
            .map(credentials::Store::open)
            .transpose()
            .map_err(|error| StartError::cannot("the credentials cannot be used", error))?;
        let keys = sts::keys(settings)?;
        let ledger = state::open(settings, &clock)?;
        let sessions = Opener::new(Arc::clone(&keys)).with_ledger(Arc::clone(&ledger));
        let sessions = Arc::new(sessions);
        let known = authn::Settings {
            sessions: settings
                .keyring
                .as_ref()
                .map(|_| Arc::clone(&sessions) as _),
            ..translate::authn(settings, credentials.clone(), Arc::clone(&ledger))
        };
        let authenticator = Authenticator::new(known, clock.clone());
        authenticator.follow(store.load().directory.providers());
        let counted = reload::counted(&metrics, store.load_full(), clock.now());
        let key_file = settings.identity.key_file.as_deref();
        let assertions = identity::assertions(key_file, clock.clone())?;
        let gate = Gate::new(
            Arc::clone(store),
            Arc::clone(&authenticator),
            Arc::clone(&assertions),
            clock.clone(),
            translate::refusal_detail(settings.refusal_detail),
        )
        .with_keys(settings.keyring.as_ref().map(|_| Arc::clone(&keys)))
        .forwarding_credentials(settings.headers.forward_credential);
        Ok(Self {
            clock,
            watcher,
            audit: Arc::new(audit),
            metrics: Arc::new(metrics),
            authenticator,
            keys,
            sessions,
            credentials,
            ledger,
            counted: Arc::new(ArcSwap::from_pointee(counted)),
            assertions,
            gate: Arc::new(gate),
            throttles: Arc::new(throttling::Throttles::new(&settings.rate_limits)),
        })
    }

    fn shared(&self) -> control::Shared {
        control::Shared {
            gate: Arc::clone(&self.gate),
            audit: Arc::clone(&self.audit),
            metrics: Arc::clone(&self.metrics),
            counted: Arc::clone(&self.counted),
            clock: self.clock.clone(),
            store: Arc::clone(self.watcher.store()),
            ledger: Arc::clone(&self.ledger),
            throttles: Arc::clone(&self.throttles),
        }
    }
}

/// Starts everything. Runs inside the control runtime, which keeps serving health, reloads and keys; requests are
/// served on threads of their own.
///
/// # Errors
/// See [`StartError`]: nothing is left running.
pub async fn start(settings: &Settings) -> Result<Running, StartError> {
    let core = Core::new(settings)?;
    let plan = proxy::Plan::new(translate::proxy(settings))
        .map_err(|error| StartError::cannot("upstreams", error))?;
    let listening = translate::listeners(settings)?;
    let certificates = certificates::Certificates::new(&listening, &core.metrics);
    let limits = translate::limits(&settings.limits).within_descriptors();
    let ready = net::workers::bind(listening, translate::workers(settings), limits.clone())
        .map_err(|error| StartError::cannot("a listener cannot be bound", error))?;
    let sts = sts::bind(settings, &limits)?;
    let health = health::bind(settings.health.address).await?;
    let admin = admin::bind(settings).await?;
    let mut addresses: Vec<(Box<str>, String)> = ready
        .addresses()
        .map(|(name, address)| (name.into(), address.to_string()))
        .collect();
    let listeners = addresses.iter().map(|(name, _)| name.clone()).collect();
    for (name, address) in sts.iter().flat_map(net::workers::Ready::addresses) {
        addresses.push((name.into(), address.to_string()));
    }
    let bound = health.local_addr();
    let bound = bound.map_err(|error| StartError::cannot("the health listener", error))?;
    addresses.push(("health".into(), bound.to_string()));
    if let Some(admin) = &admin {
        addresses.push(("admin".into(), admin.address.to_string()));
    }
    let shared = core.shared();
    let workers = ready
        .serve(move || proxy::Proxy::new(&plan, control::Worker::new(shared.clone())))
        .map_err(|error| StartError::cannot("the worker threads cannot be started", error))?;
    let sts = match sts {
        Some(ready) => sts::serve(ready, settings, &core)?,
        None => None,
    };
    if let Some(file) = &settings.keyring {
        sts::follow(file.clone(), Arc::clone(&core.keys));
    }
    let (state, phase) = watch::channel(health::Phase::Serving);
    let told = health::Told {
        store: Arc::clone(core.watcher.store()),
        authenticator: Arc::clone(&core.authenticator),
        audit: Arc::clone(&core.audit),
        metrics: Arc::clone(&core.metrics),
        credentials: core.credentials.clone(),
        assertions: Arc::clone(&core.assertions),
        listeners,
        capacity: workers.capacity().clone(),
        ledger: Arc::clone(&core.ledger),
        phase: phase.clone(),
    };
    let (audit, ledger) = (Arc::clone(&core.audit), Arc::clone(&core.ledger));
    state::tend(Arc::clone(&ledger));
    if let Some(admin) = admin {
        admin.serve(&core, phase.clone());
    }
    let identity = identity::Renewal {
        file: settings.identity.key_file.clone(),
        assertions: Arc::clone(&core.assertions),
    };
    let credentials = core.credentials.clone();
    if let Some(store) = &credentials {
        tokio::spawn(Arc::clone(store).follow());
    }
    let reloader = reload::start(core)?;
    tokio::spawn(health::serve(health, told, phase));
    certificates.clone().watch();
    for (name, address) in &addresses {
        tracing::info!(listener = %format_args!("{name:?}"), %address, "listening");
    }
    Ok(Running {
        addresses,
        workers,
        sts,
        reloader,
        certificates,
        identity,
        credentials,
        audit,
        ledger,
        state,
        drain: net::drain::Times {
            leave: settings.drain.accepting,
            grace: settings.drain.grace,
        },
    })
}

impl Running {
    /// What SIGHUP asks for: the bundle, the certificates, the credentials, the identity key and the audit file anew.
    pub fn reload(&self) {
        self.reloader.request();
        self.audit.reopen();
        self.identity.renew();
        if let Some(store) = &self.credentials {
            store.request();
        }
        self.certificates.reload();
    }

    /// The address of a listener.
    pub fn address(&self, name: &str) -> Option<&str> {
        self.addresses
            .iter()
            .find(|(other, _)| &**other == name)
            .map(|(_, address)| address.as_str())
    }

    /// Stops gracefully; at once when `hurry` completes. Returns how many connections had to be cut.
    pub async fn stop(self, hurry: impl Future<Output = ()>) -> usize {
        self.state.send_replace(health::Phase::Draining);
        let stop_sts = async {
            // Its calls are short: they end while the proxy drains.
            if let Some(sts) = self.sts {
                sts.stop(self.drain, std::future::ready(())).await;
            }
        };
        let (report, ()) = tokio::join!(self.workers.stop(self.drain, hurry), stop_sts);
        drop(self.reloader);
        self.state.send_replace(health::Phase::Ended);
        self.ledger.tidy();
        if !self.audit.close(std::time::Duration::from_secs(2)) {
            tracing::error!("not every audit record could be written");
        }
        report.cut
    }
}
