//! Bundles, from the first to the newest: what happens before and after a snapshot is published, or when it is not.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::app::control::Counted;
use crate::app::{Core, StartError};
use crate::bundle::{Change, Failure, Reloader, Snapshot, Status, Store, named};
use crate::clock::{Clock, Timestamp};
use crate::metrics::Metrics;

/// A snapshot with the series of its routes and providers.
pub(super) fn counted(metrics: &Metrics, snapshot: Arc<Snapshot>, now: Timestamp) -> Counted {
    let routes = snapshot.routes.routes();
    let routes: Vec<(&str, &str)> = routes
        .map(|entry| (entry.service.name(), entry.label()))
        .collect();
    let providers = snapshot.directory.providers().iter();
    let providers: Vec<&str> = providers.map(|provider| &*provider.name).collect();
    let series = metrics.publish(&snapshot.digest, now, &routes, &providers);
    metrics.bundle_changed(0, 0, 0, snapshot.denies);
    Counted { snapshot, series }
}

/// Follows the bundle from now on, until the reloader is dropped.
pub(super) fn start(core: Core) -> Result<Reloader, StartError> {
    let Core {
        watcher,
        authenticator,
        metrics,
        counted: current,
        clock,
        ..
    } = core;
    let store = Arc::clone(watcher.store());
    tokio::spawn(tell(store, metrics, current, clock));
    // The watcher has a thread of its own; keys are fetched on this runtime.
    let runtime = tokio::runtime::Handle::current();
    let prepare = move |snapshot: &Snapshot| {
        let _inside = runtime.enter();
        authenticator.follow(snapshot.directory.providers());
    };
    watcher
        .start(prepare)
        .map_err(|error| StartError::cannot("the bundle cannot be watched", error))
}

/// Brings what happens to the bundle to the log and the metrics.
async fn tell(
    store: Arc<Store>,
    metrics: Arc<Metrics>,
    current: Arc<ArcSwap<Counted>>,
    clock: Clock,
) {
    let mut statuses = store.subscribe();
    let mut known = statuses.borrow_and_update().clone();
    // An error means that the store is gone: the process ends.
    while statuses.changed().await.is_ok() {
        let status = statuses.borrow_and_update().clone();
        if status.digest != known.digest {
            let snapshot = store.load_full();
            warn(&snapshot);
            told(&known, &status, snapshot.remade, &metrics);
            current.store(Arc::new(counted(&metrics, snapshot, clock.now())));
        }
        for _ in known.succeeded..status.succeeded {
            metrics.reloaded(true);
        }
        for _ in known.failed..status.failed {
            metrics.reloaded(false);
        }
        if let Some(failure) = newly_failed(&known, &status) {
            let (faults, first) = (failure.faults, failure.lines.first());
            let first = first.map_or("", String::as_str);
            tracing::error!(
                faults,
                first,
                "the bundle is not valid; the last good one serves on"
            );
        }
        known = status;
    }
}

/// What the new bundle adds, changes and takes away: a deleted file is no fault, and a Deny may have gone with it.
fn told(before: &Status, now: &Status, remade: usize, metrics: &Metrics) {
    let Change {
        added,
        changed,
        removed,
    } = before.files.change_to(&now.files);
    metrics.bundle_changed(added.len(), changed.len(), removed.len(), now.denies);
    let digest = &*now.digest;
    let (fewer, denies) = (before.denies.saturating_sub(now.denies), now.denies);
    let (added, changed, gone) = (named(&added), named(&changed), named(&removed));
    if removed.is_empty() && fewer == 0 {
        tracing::info!(
            digest,
            remade,
            added,
            changed,
            denies,
            "a new bundle is served"
        );
    } else {
        tracing::warn!(
            digest,
            remade,
            added,
            changed,
            removed = gone,
            denies,
            fewer_denies = fewer,
            "a new bundle is served, which takes something away"
        );
    }
}

fn newly_failed<'s>(before: &Status, now: &'s Status) -> Option<&'s Failure> {
    now.failure
        .as_deref()
        .filter(|_| now.failed != before.failed)
}

/// What is worth a second look in a bundle that is served.
pub(super) fn warn(snapshot: &Snapshot) {
    for fault in &snapshot.faults {
        tracing::warn!(%fault, "bundle");
    }
}
