//! What is counted for each request: series that are resolved once, and go with the snapshot that had them.
//!
//! A series comes into being when it is first counted, so that a bundle of a thousand routes does not make a series of
//! every reason for each. When a newer snapshot has no such route, its series go; requests that still run on the old
//! snapshot count on into the void.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};

use crate::outcome::Reason;

/// Stands for what has no name in the bundle: no route matched, no provider known.
const NONE: &str = "-";

/// How somebody proves who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A JSON Web Token.
    Jwt,
    /// A session token as a bearer.
    Session,
    /// A signature by an access key.
    SigV4,
    /// A client certificate.
    Certificate,
    /// An API key.
    ApiKey,
}

impl Method {
    const ALL: [Self; 5] = [
        Self::Jwt,
        Self::Session,
        Self::SigV4,
        Self::Certificate,
        Self::ApiKey,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Session => "session",
            Self::SigV4 => "sigv4",
            Self::Certificate => "certificate",
            Self::ApiKey => "api_key",
        }
    }
}

/// The families whose series come and go with snapshots.
#[derive(Debug)]
pub(super) struct Families {
    pub(super) decisions: IntCounterVec,
    pub(super) request_seconds: HistogramVec,
    pub(super) authentications: IntCounterVec,
    pub(super) published: Mutex<Published>,
}

/// What the current snapshot counts with.
#[derive(Debug, Default)]
pub(super) struct Published {
    routes: BTreeMap<(Box<str>, Box<str>), Arc<RouteMetrics>>,
    providers: BTreeMap<Box<str>, Arc<ProviderMetrics>>,
}

/// What the requests of one snapshot count with.
#[derive(Debug, Clone)]
pub struct Series {
    /// In the order of the snapshot's routes.
    pub routes: Box<[Arc<RouteMetrics>]>,
    /// Of requests that match no route.
    pub unmatched: Arc<RouteMetrics>,
    /// In the order of the snapshot's providers.
    pub providers: Box<[Arc<ProviderMetrics>]>,
    /// Of credentials that no provider can be told of.
    pub unknown_provider: Arc<ProviderMetrics>,
}

impl Series {
    /// A provider's series by its name.
    pub fn provider(&self, name: Option<&str>) -> &ProviderMetrics {
        name.and_then(|name| {
            self.providers
                .iter()
                .find(|provider| &*provider.name == name)
        })
        .unwrap_or(&self.unknown_provider)
    }
}

impl Families {
    pub(super) fn publish(&self, routes: &[(&str, &str)], providers: &[&str]) -> Series {
        let mut published = self
            .published
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut old = std::mem::take(&mut *published);

        let unmatched = (NONE, NONE);
        for (service, route) in routes.iter().chain([&unmatched]) {
            let key = ((*service).into(), (*route).into());
            let metrics = old.routes.remove(&key);
            let metrics =
                metrics.unwrap_or_else(|| Arc::new(RouteMetrics::new(self, service, route)));
            published.routes.entry(key).or_insert(metrics);
        }
        for provider in providers.iter().chain([&NONE]) {
            let metrics = old.providers.remove(*provider);
            let metrics = metrics.unwrap_or_else(|| Arc::new(ProviderMetrics::new(self, provider)));
            published
                .providers
                .entry((*provider).into())
                .or_insert(metrics);
        }
        let written: HashSet<&str> = published.routes.keys().map(|(_, route)| &**route).collect();
        for gone in old.routes.values() {
            gone.retire(written.contains(&*gone.route));
        }
        for gone in old.providers.values() {
            gone.retire();
        }

        let route = |service: &str, route: &str| {
            let key = (service.into(), route.into());
            let found = published.routes.get(&key).map(Arc::clone);
            found.unwrap_or_else(|| Arc::new(RouteMetrics::new(self, service, route)))
        };
        let provider = |name: &str| {
            let found = published.providers.get(name).map(Arc::clone);
            found.unwrap_or_else(|| Arc::new(ProviderMetrics::new(self, name)))
        };
        Series {
            routes: routes.iter().map(|(s, r)| route(s, r)).collect(),
            unmatched: route(NONE, NONE),
            providers: providers.iter().map(|name| provider(name)).collect(),
            unknown_provider: provider(NONE),
        }
    }
}

/// Whether series may still be made. Held while one is made or removed, so that none outlives its removal.
#[derive(Debug, Default)]
struct Retired(Mutex<bool>);

impl Retired {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The series of a slot, made if there is none yet and one may still be made.
    fn series<'s, T>(&self, slot: &'s OnceLock<T>, make: impl FnOnce() -> T) -> Option<&'s T> {
        if let Some(series) = slot.get() {
            return Some(series);
        }
        let retired = self.lock();
        (!*retired).then(|| slot.get_or_init(make))
    }
}

/// What is counted for each request of a route.
pub struct RouteMetrics {
    service: Box<str>,
    route: Box<str>,
    retired: Retired,
    decisions: IntCounterVec,
    seconds: HistogramVec,
    by_reason: [OnceLock<IntCounter>; Reason::ALL.len()],
    by_class: [OnceLock<Histogram>; CLASSES.len()],
}

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

impl fmt::Debug for RouteMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteMetrics")
            .field("service", &self.service)
            .field("route", &self.route)
            .finish_non_exhaustive()
    }
}

impl RouteMetrics {
    fn new(families: &Families, service: &str, route: &str) -> Self {
        Self {
            service: service.into(),
            route: route.into(),
            retired: Retired::default(),
            decisions: families.decisions.clone(),
            seconds: families.request_seconds.clone(),
            by_reason: [const { OnceLock::new() }; Reason::ALL.len()],
            by_class: [const { OnceLock::new() }; CLASSES.len()],
        }
    }

    /// A request ended for this reason.
    pub fn decided(&self, reason: Reason) {
        let make = || self.decisions.with_label_values(&self.labels(reason));
        let slot = self.by_reason.get(reason as usize);
        if let Some(counter) = slot.and_then(|slot| self.retired.series(slot, make)) {
            counter.inc();
        }
    }

    /// A request was answered with this status.
    pub fn answered(&self, status: u16, after: Duration) {
        // What is no status at all is nobody's but ours.
        let class = match status {
            100..=599 => usize::from(status / 100).saturating_sub(1),
            _ => 4,
        };
        if let (Some(slot), Some(class)) = (self.by_class.get(class), CLASSES.get(class))
            && let Some(histogram) = self.retired.series(slot, || {
                self.seconds.with_label_values(&[&*self.route, class])
            })
        {
            histogram.observe(after.as_secs_f64());
        }
    }

    fn labels(&self, reason: Reason) -> [&str; 4] {
        [
            reason.decision(),
            reason.label(),
            &self.service,
            &self.route,
        ]
    }

    /// Removes the series. The times are kept while another service has a route that is written like this one.
    fn retire(&self, keep_times: bool) {
        *self.retired.lock() = true;
        for (reason, slot) in Reason::ALL.iter().zip(&self.by_reason) {
            if slot.get().is_some() {
                // Only a series that is not there cannot be removed.
                let _ = self.decisions.remove_label_values(&self.labels(*reason));
            }
        }
        for (class, slot) in CLASSES.iter().zip(&self.by_class) {
            if slot.get().is_some() && !keep_times {
                let _ = self.seconds.remove_label_values(&[&*self.route, class]);
            }
        }
    }
}

/// What is counted for each credential of a provider.
pub struct ProviderMetrics {
    name: Box<str>,
    retired: Retired,
    authentications: IntCounterVec,
    /// By method, and for each: success, then by reason.
    slots: [[OnceLock<IntCounter>; RESULTS]; Method::ALL.len()],
}

const RESULTS: usize = Reason::ALL.len() + 1;

impl fmt::Debug for ProviderMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderMetrics")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl ProviderMetrics {
    fn new(families: &Families, name: &str) -> Self {
        Self {
            name: name.into(),
            retired: Retired::default(),
            authentications: families.authentications.clone(),
            slots: [const { [const { OnceLock::new() }; RESULTS] }; Method::ALL.len()],
        }
    }

    /// A credential was accepted, or refused for a reason.
    pub fn authenticated(&self, method: Method, result: Result<(), Reason>) {
        let (index, label) = match result {
            Ok(()) => (0, "success"),
            Err(reason) => ((reason as usize).saturating_add(1), reason.label()),
        };
        let slots = self.slots.get(method as usize);
        let slot = slots.and_then(|slots| slots.get(index));
        let make = || {
            let labels = [method.label(), &*self.name, label];
            self.authentications.with_label_values(&labels)
        };
        if let Some(counter) = slot.and_then(|slot| self.retired.series(slot, make)) {
            counter.inc();
        }
    }

    fn retire(&self) {
        *self.retired.lock() = true;
        let results = || std::iter::once("success").chain(Reason::ALL.iter().map(|r| r.label()));
        for (method, slots) in Method::ALL.iter().zip(&self.slots) {
            for (result, slot) in results().zip(slots) {
                if slot.get().is_some() {
                    let labels = [method.label(), &*self.name, result];
                    let _ = self.authentications.remove_label_values(&labels);
                }
            }
        }
    }
}
