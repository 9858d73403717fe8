//! What the health listener tells: gathered from the parts whenever it is asked.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::admin::health::{
    self, AuditState, BundleState, CredentialState, KeyState, SharedState, Source, StateStore,
    Status,
};
use crate::app::StartError;
use crate::audit::sink::Sink;
use crate::authn::credentials::Store as Credentials;
use crate::authn::{Authenticator, Counts, State};
use crate::bundle::Store;
use crate::gate::assertion::Assertions;
use crate::metrics::{AuditCounts, CacheCounts, Metrics};
use crate::net::limits::Capacity;
use crate::state::{Ledger, Standing};

/// Where in its life the process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Serving,
    Draining,
    Ended,
}

pub(super) struct Told {
    pub(super) store: Arc<Store>,
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) audit: Arc<Sink>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) credentials: Option<Arc<Credentials>>,
    pub(super) assertions: Arc<Assertions>,
    pub(super) listeners: Vec<Box<str>>,
    pub(super) capacity: Capacity,
    pub(super) ledger: Arc<Ledger>,
    pub(super) phase: watch::Receiver<Phase>,
}

impl Source for Told {
    fn status(&self) -> Status {
        let stale = self.store.status().failure.is_some();
        let providers = self.authenticator.statuses().into_iter();
        Status {
            bundle: if stale {
                BundleState::Stale
            } else {
                BundleState::Loaded
            },
            listening: true,
            draining: *self.phase.borrow() != Phase::Serving,
            providers: providers
                .map(|status| ((*status.name).into(), key_state(status.state)))
                .collect(),
            credentials: match &self.credentials {
                None => CredentialState::None,
                Some(store) if store.status().stale => CredentialState::Stale,
                Some(_) => CredentialState::Loaded,
            },
            audit: if self.audit.is_failing() {
                AuditState::Failing
            } else {
                AuditState::Writing
            },
            state: if self.ledger.keeps() {
                StateStore::Kept
            } else {
                StateStore::None
            },
            shared: match self.ledger.standing() {
                Standing::Alone => None,
                Standing::Current => Some(SharedState::Current),
                Standing::Behind => Some(SharedState::Behind),
                Standing::Unknown => Some(SharedState::Unknown),
            },
        }
    }

    fn metrics(&self) -> Option<String> {
        let counts = self.audit.counts();
        self.metrics.observe_audit(AuditCounts {
            written: counts.written,
            dropped: counts.dropped,
            refused: counts.refused,
        });
        let (tokens, identities) = (
            self.authenticator.token_cache(),
            self.authenticator.identity_cache(),
        );
        self.metrics.observe_cache("tokens", cache_counts(tokens));
        self.metrics
            .observe_cache("identities", cache_counts(identities));
        let opaque = self.authenticator.opaque_cache();
        self.metrics
            .observe_cache("opaque_tokens", cache_counts(opaque));
        if let Some(store) = &self.credentials {
            let status = store.status();
            self.metrics
                .observe_credentials(status.succeeded, status.failed, status.stale);
        }
        let standing = self.ledger.standing();
        let behind = matches!(standing, Standing::Behind | Standing::Unknown);
        self.metrics
            .observe_revocations(self.ledger.count(), behind);
        let statuses = self.authenticator.statuses();
        self.metrics
            .observe_keys(statuses.iter().map(|status| (&*status.name, status.age)));
        for (index, name) in self.listeners.iter().enumerate() {
            let open = i64::try_from(self.capacity.open_on(index)).unwrap_or(i64::MAX);
            self.metrics.connections(name).set(open);
        }
        self.metrics.render().ok()
    }

    fn jwks(&self) -> String {
        self.assertions.jwks()
    }
}

fn cache_counts(counts: Counts) -> CacheCounts {
    CacheCounts {
        hits: counts.hits,
        misses: counts.misses,
        evictions: counts.evictions,
    }
}

fn key_state(state: State) -> KeyState {
    match state {
        State::Fresh => KeyState::Fresh,
        State::Stale => KeyState::Stale,
        State::Failed => KeyState::Failed,
        State::Pending => KeyState::Pending,
    }
}

/// Binds the listener.
pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    let what = || format!("the health listener cannot be bound to {address}");
    TcpListener::bind(address)
        .await
        .map_err(|error| StartError::cannot(what(), error))
}

/// Answers until the process has drained.
pub(super) async fn serve(listener: TcpListener, told: Told, mut phase: watch::Receiver<Phase>) {
    let ended = async move {
        // An error means that the sender is gone: the process ends.
        let _ = phase.wait_for(|phase| *phase == Phase::Ended).await;
    };
    health::serve(listener, told, ended).await;
}
