//! The files of listeners' TLS, watched: read again when one changes, and whenever somebody asks.
//!
//! Looking at the files every second needs no notification from the kernel, so it works on every mount, and what was
//! half written when it was read is simply read again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Timestamp};
use crate::metrics::Metrics;
use crate::net::tls::{Server, TlsError};
use crate::net::workers::Listening;

const EVERY: Duration = Duration::from_secs(1);

/// The listeners that have TLS.
#[derive(Debug, Clone)]
pub(super) struct Certificates(Arc<[Watched]>);

#[derive(Debug)]
struct Watched {
    listener: Arc<str>,
    tls: Server,
    metrics: Arc<Metrics>,
    /// What is wrong now, so that it is told once.
    fault: Mutex<Option<String>>,
    /// The end of the revocation lists that was told of.
    told: Mutex<Option<Timestamp>>,
}

impl Certificates {
    pub(super) fn new(listening: &[Listening], metrics: &Arc<Metrics>) -> Self {
        let watched = listening.iter().filter_map(|listening| {
            let tls = listening.tls.clone()?;
            metrics.certificates_fine(&listening.name);
            Some(Watched {
                listener: Arc::clone(&listening.name),
                tls,
                metrics: Arc::clone(metrics),
                fault: Mutex::default(),
                told: Mutex::default(),
            })
        });
        Self(watched.collect())
    }

    /// Looks at the files from now on, until the runtime ends.
    pub(super) fn watch(self) {
        if self.0.is_empty() {
            return;
        }
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(EVERY);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let all = self.clone();
                // Reading files blocks, and a large revocation list takes its time.
                let looked = tokio::task::spawn_blocking(move || {
                    for watched in &*all.0 {
                        watched.took(watched.tls.refresh());
                        watched.look_at_lists(Clock::machine().now());
                    }
                });
                if looked.await.is_err() {
                    tracing::error!("looking at the certificates' files failed");
                }
            }
        });
    }

    /// Reads all of them now.
    pub(super) fn reload(&self) {
        for watched in &*self.0 {
            watched.took(watched.tls.reload().map(|()| true));
        }
    }
}

impl Watched {
    /// A list that should have been followed by another goes on to count: that it is old says nothing of whom it names.
    fn look_at_lists(&self, now: Timestamp) {
        let Some(until) = self.tls.lists_until() else {
            return;
        };
        let listener = &*self.listener;
        self.metrics
            .revocation_lists_until(listener, until.seconds());
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if now > until && told.replace(until) != Some(until) {
            let next_update = until.rfc3339();
            tracing::warn!(
                listener,
                next_update,
                "a revocation list is past its nextUpdate: it still counts, and what was revoked since is not known"
            );
        }
    }

    fn took(&self, result: Result<bool, TlsError>) {
        let listener = &*self.listener;
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            // The last good files may have come back as they were.
            Ok(false) => {
                if fault.take().is_some() {
                    self.metrics.certificates_fine(listener);
                }
            }
            Ok(true) => {
                *fault = None;
                self.metrics.certificates_reloaded(listener, true);
                tracing::info!(listener, "new certificates are in use");
            }
            Err(error) => {
                let error = error.to_string();
                if fault.as_ref() != Some(&error) {
                    self.metrics.certificates_reloaded(listener, false);
                    tracing::error!(
                        listener,
                        error,
                        "the certificates' files cannot be used; the last good ones stay in use"
                    );
                    *fault = Some(error);
                }
            }
        }
    }
}
