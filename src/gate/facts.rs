//! What is to be recorded of a request, whatever became of it: gathered by the gate on the way, handed to audit and
//! metrics once, by the proxy, at the end.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::authn::{Identity, Method};
use crate::bundle::Snapshot;
use crate::clock::Timestamp;
use crate::policy::{Decision, LayerKind, Verdict};
use crate::route::RouteRef;

/// The statement that decided.
#[derive(Debug, Clone)]
pub struct DecidedBy {
    /// Allowed, explicitly or implicitly denied.
    pub verdict: Verdict,
    /// The kind of policy; for an implicit deny, the kind that lacks an allow.
    pub layer: Option<LayerKind>,
    /// The policy's name.
    pub policy: Option<Arc<str>>,
    /// The statement's index in the policy, from 0.
    pub statement: Option<usize>,
    /// The statement's Sid.
    pub sid: Option<Box<str>>,
}

impl DecidedBy {
    /// Of a decision.
    pub fn of(decision: &Decision<'_>) -> Self {
        Self {
            verdict: decision.verdict,
            layer: decision.layer,
            policy: decision.kept_name.cloned(),
            statement: decision.statement,
            sid: decision.sid.map(Into::into),
        }
    }
}

/// What one request was, as far as it was read.
#[derive(Debug, Default)]
pub struct Facts {
    /// What the request was judged by; absent when there was none yet.
    pub snapshot: Option<Arc<Snapshot>>,
    /// When it was judged.
    pub judged_at: Option<Timestamp>,
    /// The number of the revocations that it was judged by.
    pub revocations: u64,
    /// The canonical path; empty when there is none.
    pub path: Arc<str>,
    /// Index of the route in the snapshot's table, when one matched.
    pub route: Option<usize>,
    /// The action, where it is not the route's own.
    pub generic_action: Option<Box<str>>,
    /// The resources, all of which must be allowed.
    pub resources: SmallVec<[String; 1]>,
    /// How the client showed who it is; absent when it did not come to that.
    pub method: Option<Method>,
    /// Whose credential it is or claims to be: only names of the bundle.
    pub provider: Option<Arc<str>>,
    /// Who it is.
    pub identity: Option<Arc<Identity>>,
    /// What decided.
    pub decision: Option<DecidedBy>,
    /// The cause of a refusal, for the log and the audit record alone; never with a claim's or credential's value.
    pub detail: String,
}

impl Facts {
    /// The route as the bundle writes it, when one matched.
    pub fn route(&self) -> Option<&str> {
        Some(self.matched()?.label())
    }

    /// The service's name; empty when no route matched.
    pub fn service(&self) -> &str {
        self.matched().map_or("", |matched| matched.service.name())
    }

    /// Who owns the resources, when a route matched.
    pub fn account(&self) -> Option<&str> {
        Some(self.matched()?.service.account_text())
    }

    /// The service's region; empty when no route matched.
    pub fn region(&self) -> &str {
        let matched = self.matched();
        matched.map_or("", |matched| matched.service.region())
    }

    /// The action; empty when no route matched.
    pub fn action(&self) -> &str {
        if let Some(action) = &self.generic_action {
            return action;
        }
        let route = self.matched().and_then(|matched| matched.route);
        route.map_or("", |route| route.action())
    }

    /// The route that matched, and its service.
    pub fn matched(&self) -> Option<RouteRef<'_>> {
        self.snapshot.as_ref()?.routes.entry(self.route?)
    }
}
