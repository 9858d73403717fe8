//! The numbers that Prometheus reads, under the names that the documentation promises.
//!
//! Every label value comes from the bundle, the configuration or a closed list, never from a client: strange requests
//! add no series. What is counted for each request is resolved when a snapshot is published ([`Series`]), so that the
//! request path looks up no label. Lower layers keep plain counts of their own; whoever serves a scrape brings them
//! over ([`Metrics::observe_audit`] and its like). Knows nothing of HTTP, routes or caches but their names.

mod series;

use std::time::Duration;

use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};

use crate::clock::Timestamp;
use series::Families;
pub use series::{Method, ProviderMetrics, RouteMetrics, Series};

/// Of decisions, which take microseconds.
const DECISION_BUCKETS: [f64; 14] = [
    1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, 0.1, 1.0,
];
/// Of requests, which take what their upstream takes.
const REQUEST_BUCKETS: [f64; 14] = [
    5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    families: Families,
    decision_seconds: Histogram,
    upstream_seconds: Histogram,
    cache_events: IntCounterVec,
    snapshot_info: IntGaugeVec,
    snapshot_loaded: Gauge,
    reloads: IntCounterVec,
    reload_failed: IntGauge,
    contents: Contents,
    credentials_reloads: IntCounterVec,
    credentials_reload_failed: IntGauge,
    jwks_age: GaugeVec,
    audit_records: IntCounterVec,
    connections: IntGaugeVec,
    certificates: Certificates,
    revocations: IntGauge,
    revocations_behind: IntGauge,
}

/// Of listeners' TLS files.
#[derive(Debug)]
struct Certificates {
    reloads: IntCounterVec,
    failed: IntGaugeVec,
    lists: IntGaugeVec,
}

impl Certificates {
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let reloads = named(
            "certificate_reloads_total",
            "Reloads of a listener's TLS files, by what came of them.",
        );
        let reloads = IntCounterVec::new(reloads, &["listener", "result"])?;
        registry.register(Box::new(reloads.clone()))?;
        let failed = named(
            "certificate_reload_failed",
            "1 while a listener's TLS files cannot be used and older ones are.",
        );
        let failed = IntGaugeVec::new(failed, &["listener"])?;
        registry.register(Box::new(failed.clone()))?;
        let lists = named(
            "certificate_lists_next_update_timestamp_seconds",
            "When the first of a listener's revocation lists should be followed by another.",
        );
        let lists = IntGaugeVec::new(lists, &["listener"])?;
        registry.register(Box::new(lists.clone()))?;
        Ok(Self {
            reloads,
            failed,
            lists,
        })
    }
}

/// What comes of a reload.
const RESULTS: [&str; 2] = ["success", "failure"];

/// Of what is in the bundle.
#[derive(Debug)]
struct Contents {
    files: IntCounterVec,
    denies: IntGauge,
}

impl Contents {
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let files = named(
            "reload_files_total",
            "Files of the bundle that reloads added, changed and removed.",
        );
        let files = IntCounterVec::new(files, &["change"])?;
        registry.register(Box::new(files.clone()))?;
        let denies = IntGauge::with_opts(named(
            "snapshot_deny_statements",
            "Statements that deny in the policies of the snapshot that is served.",
        ))?;
        registry.register(Box::new(denies.clone()))?;
        Ok(Self { files, denies })
    }
}

/// What a cache has counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheCounts {
    /// Found.
    pub hits: u64,
    /// Not found.
    pub misses: u64,
    /// Thrown out for lack of room.
    pub evictions: u64,
}

/// What the audit log has counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuditCounts {
    /// Written.
    pub written: u64,
    /// Dropped.
    pub dropped: u64,
    /// Not taken; their requests were refused.
    pub refused: u64,
}

impl Metrics {
    /// Registers every metric, those of the process too.
    ///
    /// # Errors
    /// When a name is taken, which would be a fault of this module.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let family = IntCounterVec::new(named(name, help), labels)?;
            registry.register(Box::new(family.clone()))?;
            Ok::<_, prometheus::Error>(family)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let family = IntGaugeVec::new(named(name, help), labels)?;
            registry.register(Box::new(family.clone()))?;
            Ok::<_, prometheus::Error>(family)
        };
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let options = HistogramOpts::from(named(name, help)).buckets(buckets.to_vec());
            let histogram = Histogram::with_opts(options)?;
            registry.register(Box::new(histogram.clone()))?;
            Ok::<_, prometheus::Error>(histogram)
        };
        let jwks_age = GaugeVec::new(
            named(
                "jwks_age_seconds",
                "Time since a provider's keys were fetched.",
            ),
            &["provider"],
        )?;
        registry.register(Box::new(jwks_age.clone()))?;
        let snapshot_loaded = Gauge::with_opts(named(
            "snapshot_loaded_timestamp_seconds",
            "When the snapshot that is served was loaded.",
        ))?;
        registry.register(Box::new(snapshot_loaded.clone()))?;
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::with_opts(named(name, help))?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let reloads = counters(
            "reloads_total",
            "Reloads of the bundle, by what came of them.",
            &["result"],
        )?;
        // A rate needs a beginning.
        for result in RESULTS {
            reloads.with_label_values(&[result]);
        }
        Ok(Self {
            families: families(&registry)?,
            decision_seconds: histogram(
                "decision_seconds",
                "Time from a request's head to the decision.",
                &DECISION_BUCKETS,
            )?,
            upstream_seconds: histogram(
                "upstream_seconds",
                "Time from a forwarded request to the head of the upstream's answer.",
                &REQUEST_BUCKETS,
            )?,
            cache_events: counters(
                "cache_events_total",
                "What happened in caches.",
                &["cache", "event"],
            )?,
            snapshot_info: gauges(
                "snapshot_info",
                "1 for the snapshot that is served.",
                &["digest"],
            )?,
            snapshot_loaded,
            reloads,
            reload_failed: gauge(
                "reload_failed",
                "1 while the bundle on disk is not valid and an older snapshot is served.",
            )?,
            contents: Contents::register(&registry)?,
            credentials_reloads: counters(
                "credentials_reloads_total",
                "Reloads of access keys and API keys, by what came of them.",
                &["result"],
            )?,
            credentials_reload_failed: gauge(
                "credentials_reload_failed",
                "1 while the credentials on disk are not valid and older ones count.",
            )?,
            jwks_age,
            audit_records: counters(
                "audit_records_total",
                "Audit records, by what became of them.",
                &["result"],
            )?,
            connections: gauges("connections", "Open client connections.", &["listener"])?,
            certificates: Certificates::register(&registry)?,
            revocations: gauge("revocations", "Revocations in force.")?,
            revocations_behind: gauge(
                "revocations_behind",
                "1 while Redis is out of reach, and revocations of other replicas are not known.",
            )?,
            registry,
        })
    }

    /// A snapshot is served from now on: counts it, drops the series of what it no longer has, and hands out those
    /// of its routes (service and route, as written) and providers, in the same order.
    pub fn publish(
        &self,
        digest: &str,
        loaded: Timestamp,
        routes: &[(&str, &str)],
        providers: &[&str],
    ) -> Series {
        self.snapshot_info.reset();
        self.snapshot_info.with_label_values(&[digest]).set(1);
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds of this millennium fit the 53 bits of a double"
        )]
        self.snapshot_loaded
            .set(loaded.milliseconds() as f64 / 1000.0);
        self.families.publish(routes, providers)
    }

    /// A reload ended well, or left the last good snapshot in place.
    pub fn reloaded(&self, well: bool) {
        let result = if well { "success" } else { "failure" };
        self.reloads.with_label_values(&[result]).inc();
        self.reload_failed.set(i64::from(!well));
    }

    /// A snapshot is served that has so many files more, other and less, and so many statements that deny.
    pub fn bundle_changed(&self, added: usize, changed: usize, removed: usize, denies: usize) {
        for (change, count) in [("added", added), ("changed", changed), ("removed", removed)] {
            let counter = self.contents.files.with_label_values(&[change]);
            counter.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
        }
        self.contents
            .denies
            .set(i64::try_from(denies).unwrap_or(i64::MAX));
    }

    /// A listener with TLS begins with files that can be used.
    pub fn certificates_fine(&self, listener: &str) {
        self.certificates
            .failed
            .with_label_values(&[listener])
            .set(0);
        for result in RESULTS {
            self.certificates
                .reloads
                .with_label_values(&[listener, result]);
        }
    }

    /// A listener has revocation lists, of which the first should be followed by another then.
    pub fn revocation_lists_until(&self, listener: &str, seconds: i64) {
        self.certificates
            .lists
            .with_label_values(&[listener])
            .set(seconds);
    }

    /// A listener's TLS files were read again, or could not be used.
    pub fn certificates_reloaded(&self, listener: &str, well: bool) {
        let result = if well { "success" } else { "failure" };
        self.certificates
            .reloads
            .with_label_values(&[listener, result])
            .inc();
        self.certificates
            .failed
            .with_label_values(&[listener])
            .set(i64::from(!well));
    }

    /// A decision was made.
    pub fn decided(&self, after: Duration) {
        self.decision_seconds.observe(after.as_secs_f64());
    }

    /// The head of an upstream's answer came.
    pub fn upstream_answered(&self, after: Duration) {
        self.upstream_seconds.observe(after.as_secs_f64());
    }

    /// The gauge of a listener's open connections: to be asked for once, when the listener is bound.
    pub fn connections(&self, listener: &str) -> IntGauge {
        self.connections.with_label_values(&[listener])
    }

    /// Brings over what a cache has counted.
    pub fn observe_cache(&self, cache: &'static str, counts: CacheCounts) {
        let CacheCounts {
            hits,
            misses,
            evictions,
        } = counts;
        for (event, total) in [("hit", hits), ("miss", misses), ("eviction", evictions)] {
            advance(&self.cache_events, &[cache, event], total);
        }
    }

    /// Brings over how loading access keys and API keys went.
    pub fn observe_credentials(&self, succeeded: u64, failed: u64, stale: bool) {
        for (result, total) in [("success", succeeded), ("failure", failed)] {
            advance(&self.credentials_reloads, &[result], total);
        }
        self.credentials_reload_failed.set(i64::from(stale));
    }

    /// How many revocations are in force, and whether other replicas may know of more.
    pub fn observe_revocations(&self, count: usize, behind: bool) {
        self.revocations_behind.set(i64::from(behind));
        self.revocations
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Brings over what the audit log has counted.
    pub fn observe_audit(&self, counts: AuditCounts) {
        let AuditCounts {
            written,
            dropped,
            refused,
        } = counts;
        for (result, total) in [
            ("written", written),
            ("dropped", dropped),
            ("refused", refused),
        ] {
            advance(&self.audit_records, &[result], total);
        }
    }

    /// Brings over how old providers' keys are; a provider that has none, or is not named, has no series.
    pub fn observe_keys<'a>(&self, ages: impl IntoIterator<Item = (&'a str, Option<Duration>)>) {
        self.jwks_age.reset();
        for (provider, age) in ages {
            if let Some(age) = age {
                self.jwks_age
                    .with_label_values(&[provider])
                    .set(age.as_secs_f64());
            }
        }
    }

    /// All of it, in the text format 0.0.4.
    ///
    /// # Errors
    /// When the registry cannot be written as text, which would be a fault of the library.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// The families whose series come and go with snapshots.
fn families(registry: &Registry) -> Result<Families, prometheus::Error> {
    let counters = |name: &str, help: &str, labels: &[&str]| {
        let family = IntCounterVec::new(named(name, help), labels)?;
        registry.register(Box::new(family.clone()))?;
        Ok::<_, prometheus::Error>(family)
    };
    let request_seconds = HistogramVec::new(
        HistogramOpts::from(named(
            "request_seconds",
            "Time from a request's head to the end of its answer.",
        ))
        .buckets(REQUEST_BUCKETS.to_vec()),
        &["route", "code_class"],
    )?;
    registry.register(Box::new(request_seconds.clone()))?;
    Ok(Families {
        decisions: counters(
            "decisions_total",
            "Requests, by what was decided and why.",
            &["decision", "reason", "service", "route"],
        )?,
        request_seconds,
        authentications: counters(
            "authentications_total",
            "Credentials, by kind, provider and what came of them.",
            &["method", "provider", "result"],
        )?,
        published: std::sync::Mutex::default(),
    })
}

fn named(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("sidegate")
}

/// Brings a counter up to a total that is counted elsewhere.
fn advance(family: &IntCounterVec, labels: &[&str], total: u64) {
    let counter = family.with_label_values(labels);
    counter.inc_by(total.saturating_sub(counter.get()));
}

#[cfg(test)]
mod tests;
