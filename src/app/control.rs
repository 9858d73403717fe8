//! What the proxy asks for each request: a judgement, recorded in the audit log before anything is forwarded, and
//! counted once when the answer begins.

mod identities;
mod tails;

use std::cell::RefCell;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::app::throttling::Throttles;
use crate::audit::record::{self, Record, UserIdentity};
use crate::audit::sink::Sink;
use crate::bundle::{Snapshot, Store};
use crate::clock::{Clock, Timestamp};
use crate::gate::{Facts, Gate, Head, Lasts, Method, Refusal, Verdict};
use crate::metrics::{self, Metrics, RouteMetrics, Series};
use crate::outcome::Reason;
use crate::policy::LayerKind;
use crate::proxy::{Control, Identifiers, Outcome, Unjudged};
use crate::route::{CanonicalPath, RouteRef, Service};
use crate::state::Ledger;
use identities::Identities;
pub(super) use identities::of_identity;
use tails::Tails;

/// A snapshot with what its requests count with.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) series: Series,
}

/// What all workers share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) gate: Arc<Gate>,
    pub(super) audit: Arc<Sink>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) counted: Arc<ArcSwap<Counted>>,
    pub(super) clock: Clock,
    pub(super) store: Arc<Store>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) throttles: Arc<Throttles>,
}

/// One worker's share of it.
#[derive(Debug)]
pub(super) struct Worker {
    shared: Shared,
    /// Where records are put together; kept, so that the hot path allocates nothing for it.
    line: RefCell<Vec<u8>>,
    identities: Identities,
    tails: Tails,
    events: Identifiers,
}

impl Worker {
    pub(super) fn new(shared: Shared) -> Self {
        Self {
            shared,
            line: RefCell::default(),
            identities: Identities::default(),
            tails: Tails::default(),
            events: Identifiers::default(),
        }
    }

    /// Puts the judgement on record; a request that cannot be recorded is refused.
    async fn put_on_record(
        &self,
        head: &Head<'_>,
        facts: &Facts,
        verdict: &Verdict,
    ) -> Result<(), Reason> {
        let mut line = self.line.take();
        line.clear();
        self.write(head, facts, verdict, &mut line);
        let result = self.shared.audit.record_or_wait(&line).await;
        self.line.replace(line);
        result.map_err(|_| Reason::AuditUnavailable)
    }

    fn write(&self, head: &Head<'_>, facts: &Facts, verdict: &Verdict, line: &mut Vec<u8>) {
        let reason = match verdict {
            Ok(permit) if permit.preflight() => Reason::Preflight,
            Ok(_) => Reason::Allowed,
            Err(refusal) => refusal.reason,
        };
        let matched = facts.matched();
        let service = matched.map(|matched| matched.service);
        let account = service.map(Service::account_text);
        let resources: smallvec::SmallVec<[record::Resource<'_>; 2]> = facts
            .resources
            .iter()
            .map(|arn| record::Resource { arn, account })
            .collect();
        let decided = facts.decision.as_ref();
        let event_id = self.events.text();
        let identity = self.identities.written(facts);
        let record = Record {
            time: facts.judged_at.unwrap_or_else(|| self.shared.clock.now()),
            request_id: head.request_id,
            event_id: event_id.as_str(),
            identity: &identity,
            source_ip: head.peer,
            user_agent: head.said.user_agent(),
            action: present(facts.action()),
            region: service.map(Service::region).and_then(present),
            resources: &resources,
            recipient_account: account,
            method: head.parts.method.as_str(),
            path: present(&facts.path),
            client_request_id: head.said.client_request_id(),
            snapshot: facts.snapshot.as_ref().map(|snapshot| &*snapshot.digest),
            service: service.map(Service::name).and_then(present),
            route: matched.as_ref().map(RouteRef::label),
            status: verdict.is_err().then(|| reason.status()),
            error_message: present(&facts.detail),
            decision: record::Decision {
                reason,
                layer: decided
                    .and_then(|decided| decided.layer)
                    .map(LayerKind::noun),
                policy: decided.and_then(|decided| decided.policy.as_deref()),
                statement: decided.and_then(|decided| decided.statement),
                sid: decided.and_then(|decided| decided.sid.as_deref()),
                provider: facts.provider.as_deref(),
            },
        };
        self.tails.write(&record, facts.route, line);
    }
}

impl Control for Worker {
    async fn judge(&self, head: &Head<'_>, facts: &mut Facts) -> Verdict {
        let throttles = &self.shared.throttles;
        let mut verdict = match throttles.sender(head.peer) {
            Ok(()) => self.shared.gate.judge(head, facts).await,
            Err(refusal) => {
                *facts = unjudged_facts(head);
                Err(refusal)
            }
        };
        throttles.judged(facts, &mut verdict);
        self.shared.metrics.decided(head.began.elapsed());
        if let Err(refusal) = &verdict {
            log(facts, refusal, head.request_id);
        }
        match self.put_on_record(head, facts, &verdict).await {
            Ok(()) => verdict,
            Err(reason) => Err(reason.into()),
        }
    }

    async fn again(&self, head: &Head<'_>) -> Result<Lasts, Reason> {
        let mut facts = Facts::default();
        let verdict = self.shared.gate.judge(head, &mut facts).await;
        match &verdict {
            Ok(permit) => Ok(permit.lasts()),
            Err(refusal) => {
                let reason = refusal.reason;
                log(&facts, refusal, head.request_id);
                // It is refused whether that can be recorded or not; what is lost is counted.
                let _ = self.put_on_record(head, &facts, &verdict).await;
                Err(reason)
            }
        }
    }

    fn generation(&self) -> u64 {
        // Each only grows, so the sum changes whenever one does.
        let revocations = self.shared.ledger.generation();
        self.shared.store.generation().wrapping_add(revocations)
    }

    fn is_current(&self, facts: &Facts) -> bool {
        let judged_by = facts.snapshot.as_ref();
        facts.revocations == self.shared.ledger.generation()
            && judged_by.is_some_and(|judged_by| Arc::ptr_eq(judged_by, &*self.shared.store.load()))
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    fn refused(&self, unjudged: &Unjudged<'_>) {
        let path = CanonicalPath::new(unjudged.path).ok();
        let event_id = self.events.text();
        let identity = UserIdentity::unknown().json();
        let record = Record {
            time: self.shared.clock.now(),
            request_id: unjudged.request_id,
            event_id: event_id.as_str(),
            identity: &identity,
            source_ip: unjudged.peer,
            user_agent: unjudged.user_agent,
            action: None,
            region: None,
            resources: &[],
            recipient_account: None,
            method: unjudged.method,
            path: path.as_ref().map(CanonicalPath::as_str),
            client_request_id: unjudged.client_request_id,
            snapshot: None,
            service: None,
            route: None,
            status: Some(unjudged.reason.status()),
            error_message: None,
            decision: record::Decision {
                reason: unjudged.reason,
                layer: None,
                policy: None,
                statement: None,
                sid: None,
                provider: None,
            },
        };
        let mut line = self.line.take();
        line.clear();
        record.write(&mut line);
        // It is refused already; a record that finds no room is counted by the log itself.
        let _ = self.shared.audit.record(&line);
        self.line.replace(line);
    }

    fn finish(&self, facts: Option<&Facts>, outcome: &Outcome<'_>) {
        let counted = self.shared.counted.load();
        let route = route_series(facts, &counted);
        route.decided(outcome.reason);
        if let Some(status) = outcome.status {
            route.answered(status, outcome.took);
        }
        if let Some(after) = outcome.upstream {
            self.shared.metrics.upstream_answered(after);
        }
        if let Some(facts) = facts
            && let Some(method) = facts.method.and_then(counted_as)
        {
            let result = if facts.identity.is_some() {
                Ok(())
            } else {
                Err(outcome.reason)
            };
            let provider = counted.series.provider(facts.provider.as_deref());
            provider.authenticated(method, result);
        }
    }
}

/// All that is known of a request that was not looked at.
#[cold]
fn unjudged_facts(head: &Head<'_>) -> Facts {
    let path = CanonicalPath::new(head.parts.uri.path());
    Facts {
        path: path.map_or_else(|_| "".into(), |path| path.as_str().into()),
        ..Facts::default()
    }
}

/// The series of the request's route; what was judged by a snapshot that is no longer served counts as unmatched.
fn route_series<'c>(facts: Option<&Facts>, counted: &'c Counted) -> &'c RouteMetrics {
    let of_route = || {
        let facts = facts?;
        let same = Arc::ptr_eq(facts.snapshot.as_ref()?, &counted.snapshot);
        counted.series.routes.get(facts.route.filter(|_| same)?)
    };
    of_route().unwrap_or(&counted.series.unmatched)
}

/// A refused request's cause, for whoever runs the process: never shown to the client.
#[cold]
fn log(facts: &Facts, refusal: &Refusal, request_id: &str) {
    let (reason, detail) = (refusal.reason.label(), &facts.detail);
    let provider = facts.provider.as_deref().unwrap_or("-");
    // Whoever writes the bundle has to know: the credential is good, and the bundle makes nobody of it.
    match (refusal.reason, &facts.provider) {
        (Reason::NoPrincipal, Some(_)) => tracing::info!(
            request_id,
            reason,
            provider,
            detail,
            "no principal: the provider has no rule for this credential"
        ),
        (Reason::NoPrincipal | Reason::RoleNotTrusted, _) => {
            tracing::info!(request_id, reason, provider, detail, "no principal");
        }
        _ => tracing::debug!(request_id, reason, provider, detail, "refused"),
    }
}

/// Anonymous requests prove nothing.
fn counted_as(method: Method) -> Option<metrics::Method> {
    Some(match method {
        Method::Anonymous => return None,
        Method::Jwt => metrics::Method::Jwt,
        Method::Session => metrics::Method::Session,
        Method::SigV4 => metrics::Method::SigV4,
        Method::Certificate => metrics::Method::Certificate,
        Method::ApiKey => metrics::Method::ApiKey,
    })
}

fn present(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
