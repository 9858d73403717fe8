//! One request judged: route, authenticate, identify, evaluate; a [`Permit`] or a [`Refusal`], and the [`Facts`].
//!
//! Everything is read from ONE snapshot, taken at the start. Opens no sockets, spawns nothing, records nothing:
//! the proxy records the facts, once. May use every lower layer but `audit` and `metrics`.

pub mod assertion;
pub mod attached;
pub mod context;
mod encoded;
pub mod facts;
pub mod permit;
mod said;
pub mod simulation;
mod who;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, UPGRADE};
use http::uri::Authority;

use crate::authn::{Authenticator, Certificate, Distrust, Identity, sigv4};
use crate::bundle::{Snapshot, Store};
use crate::clock::{Clock, Timestamp};
use crate::outcome::Reason;
use crate::policy::{self, Decision, LayerKind, Layers, Principal};
use crate::route::{Asked, CanonicalPath, Match, MatchKind, Refused as Unrouted, Route, is_grpc};
use crate::sts::Keys;

pub use crate::authn::Method;
use assertion::Assertions;
use attached::{Attached, Sets};
use context::{DecisionContext, RequestFacts};
use encoded::Refused;
use facts::DecidedBy;
pub use facts::Facts;
pub use permit::{Lasts, Permit, Refusal};
pub use said::Said;
use who::Shown;
pub use who::{Body, Hashing};

/// How much a refusal tells the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RefusalDetail {
    /// The request id alone.
    Id,
    /// Action, resource and the kind of policy.
    #[default]
    PolicyType,
}

/// A request's head, as the proxy has read it.
#[derive(Debug)]
pub struct Head<'a> {
    /// Method, target and headers.
    pub parts: &'a http::request::Parts,
    /// What its lines say.
    pub said: Said<'a>,
    /// aws:SourceIp: the peer, or what a trusted hop says.
    pub peer: IpAddr,
    /// Whether the connection used TLS.
    pub secure: bool,
    /// The connection's client certificate, or why it is not to be relied on.
    pub certificate: Option<Result<&'a Certificate, Distrust>>,
    /// When it was complete.
    pub began: Instant,
    /// Whether it was allowed before and is decided again.
    pub again: bool,
    /// The listener's name.
    pub listener: &'a str,
    /// Our id of the request.
    pub request_id: &'a str,
    /// Its body, which is read here only where a signature is over it.
    pub body: &'a dyn Body,
}

/// What became of a request: whether it may go upstream.
pub type Verdict = Result<Permit, Refusal>;

/// Judges requests.
#[derive(Debug)]
pub struct Gate {
    store: Arc<Store>,
    authenticator: Arc<Authenticator>,
    assertions: Arc<Assertions>,
    clock: Clock,
    detail: RefusalDetail,
    /// Seals what refusals keep from clients.
    keys: Option<Arc<Keys>>,
    forward_credential: bool,
}

impl Gate {
    /// A gate over the current snapshot of `store`.
    pub fn new(
        store: Arc<Store>,
        authenticator: Arc<Authenticator>,
        assertions: Arc<Assertions>,
        clock: Clock,
        detail: RefusalDetail,
    ) -> Self {
        Self {
            store,
            authenticator,
            assertions,
            clock,
            detail,
            keys: None,
            forward_credential: false,
        }
    }

    /// Seals with these keys what refusals keep from clients.
    #[must_use]
    pub fn with_keys(mut self, keys: Option<Arc<Keys>>) -> Self {
        self.keys = keys;
        self
    }

    /// Leaves presigned credentials in the query that goes upstream.
    #[must_use]
    pub fn forwarding_credentials(mut self, forward: bool) -> Self {
        self.forward_credential = forward;
        self
    }

    /// Judges one request; `facts` takes what is to be recorded of it. Waits only where an unknown key is fetched (2 s
    /// at most).
    pub async fn judge(&self, head: &Head<'_>, facts: &mut Facts) -> Verdict {
        // Before anything is asked: what is revoked from here on makes it an old judgement.
        facts.revocations = self.authenticator.revocations();
        let now = self.clock.at(head.began);
        facts.judged_at = Some(now);
        let snapshot = self.store.load_full();
        facts.snapshot = Some(Arc::clone(&snapshot));
        let matched = route(head, &snapshot, facts)?;
        if matched.kind == MatchKind::Preflight {
            let verdict = self.permit(head, &matched, Shown::default(), now, facts);
            facts.resources = matched.resources;
            return verdict;
        }
        let verdict = self.matched(head, now, &snapshot, &matched, facts).await;
        facts.resources = matched.resources;
        verdict
    }

    /// A request that policy decides about.
    async fn matched(
        &self,
        head: &Head<'_>,
        now: Timestamp,
        snapshot: &Snapshot,
        matched: &Match<'_>,
        facts: &mut Facts,
    ) -> Verdict {
        let request = RequestFacts {
            now,
            source: head.peer,
            secure: head.secure,
            user_agent: head.said.user_agent.text(),
            referer: head.said.referer.text(),
            region: matched.service.region(),
        };
        let shown = self.who(head, snapshot, matched, &request, facts).await?;
        let now = facts.judged_at.unwrap_or(now);
        let request = RequestFacts { now, ..request };
        self.may(
            snapshot,
            matched,
            &request,
            (shown.identity.as_deref(), head.request_id),
            facts,
        )?;
        self.permit(head, matched, shown, now, facts)
    }

    /// May they: every resource must be allowed; the first that is not decides.
    fn may(
        &self,
        snapshot: &Snapshot,
        matched: &Match<'_>,
        request: &RequestFacts<'_>,
        (identity, request_id): (Option<&Identity>, &str),
        facts: &mut Facts,
    ) -> Result<(), Refusal> {
        let directory = &snapshot.directory;
        let account = matched.service.account();
        let attached = Attached::of(identity, directory);
        let rcps: Sets<'_> = directory.rcps(account).iter().collect();
        let action = matched.route.map_or(&*matched.action, Route::folded_action);
        for arn in &matched.resources {
            let mut resource = directory.resources(arn);
            // A file's tag wins over a route's, so it stands first.
            resource.tags.extend(
                matched
                    .tags
                    .iter()
                    .map(|(key, value)| (*key, value.as_str())),
            );
            let context = DecisionContext {
                request: *request,
                identity,
                directory,
                resource_account: account,
                resource_tags: &resource.tags,
                route: &matched.context,
            };
            let layers = Layers {
                identity: &attached.identity,
                boundary: attached.boundary,
                scps: &attached.scps,
                rcps: &rcps,
                resource: &resource.policies,
                session: identity.and_then(|identity| identity.session_policies.as_deref()),
                ..Layers::default()
            };
            let asked = policy::Request {
                principal: identity.map_or(&Principal::Anonymous, |identity| &identity.principal),
                action,
                resource: arn,
                resource_account: Some(matched.service.account_text()),
                context: &context,
            };
            let decision = policy::evaluate(&asked, &layers);
            facts.decision = Some(DecidedBy::of(&decision));
            if !decision.is_allowed() {
                let mut refusal = self.denied(identity, &matched.action, arn, &decision, facts);
                if let (Some(keys), Some(identity)) = (&self.keys, identity) {
                    let asked = policy::Request {
                        action: &matched.action,
                        ..asked
                    };
                    let refused = Refused {
                        explanation: &policy::explain(&asked, &layers),
                        resource_account: account.as_str(),
                        principal_account: identity.principal.account(),
                        request_id,
                        snapshot: &snapshot.digest,
                        now: request.now,
                    };
                    refusal.encoded = encoded::seal(keys, &refused);
                }
                return Err(refusal);
            }
        }
        Ok(())
    }

    /// What goes upstream: the canonical path, and the query without a credential. Nothing of those who may, but ask
    /// for a protocol that nobody gets there.
    fn permit(
        &self,
        head: &Head<'_>,
        matched: &Match<'_>,
        shown: Shown,
        now: Timestamp,
        facts: &mut Facts,
    ) -> Verdict {
        let upgrade = if head.said.upgrade {
            upgrade(head, matched)
        } else {
            Upgrade::Ignored
        };
        if upgrade == Upgrade::Refused {
            // No policy refuses it.
            facts.decision = None;
            facts.detail = "the route allows no upgrade to the protocol asked for".into();
            return Err(Reason::MethodNotSupported.into());
        }
        let path = matched.path.as_str();
        let query = head.parts.uri.query();
        let preflight = matched.kind == MatchKind::Preflight;
        // A browser asks with the very query that it is going to send.
        let cleaned = if preflight || (shown.presigned && !self.forward_credential) {
            query.and_then(sigv4::without_credential).map(Cow::Owned)
        } else {
            query.map(Cow::Borrowed)
        };
        let target = match cleaned {
            Some(query) => format!("{path}?{query}").into(),
            None => Arc::clone(matched.path.shared()),
        };
        let upstream = &matched.service.upstream().name;
        let identity = shown.identity.as_ref();
        Ok(Permit {
            target,
            identity: identity.map(|identity| self.assertions.of(identity, upstream, now)),
            upstream: upstream.clone(),
            lasts: lasts(head, identity),
            preflight,
            upgrade: upgrade == Upgrade::Granted,
            chunks: shown.chunks,
        })
    }

    /// Nobody identified: 401; somebody: 403, worded as IAM words it.
    #[cold]
    fn denied(
        &self,
        identity: Option<&Identity>,
        action: &str,
        resource: &str,
        decision: &Decision<'_>,
        facts: &mut Facts,
    ) -> Refusal {
        let who = identity.map_or("anonymous", |identity| identity.principal.name());
        let why = because(decision, action);
        facts.detail = format!(
            "User: {who} is not authorized to perform: {action} on resource: {resource}{why}"
        );
        if identity.is_none() {
            return Reason::MissingCredential.into();
        }
        let reason = match decision.verdict {
            policy::Verdict::ExplicitDeny => Reason::ExplicitDeny,
            policy::Verdict::Allowed | policy::Verdict::ImplicitDeny => Reason::ImplicitDeny,
        };
        let message = match self.detail {
            RefusalDetail::Id => None,
            RefusalDetail::PolicyType => Some(facts.detail.clone()),
        };
        Refusal {
            reason,
            message,
            encoded: None,
            retry_after: None,
        }
    }
}

/// Which route: action, resources and context keys.
fn route<'s>(
    head: &Head<'_>,
    snapshot: &'s Snapshot,
    facts: &mut Facts,
) -> Result<Match<'s>, Refusal> {
    // Host, or `:authority`: the proxy has made sure that there is one reading of it.
    let authority = head.parts.uri.authority().map(Authority::as_str);
    let asked = Asked {
        method: head.parts.method.as_str(),
        host: authority.or_else(|| head.said.host.text()),
        path: head.parts.uri.path(),
        query: head.parts.uri.query(),
        headers: &Headers(&head.parts.headers),
        grpc: head.parts.method == http::Method::POST
            && is_grpc("POST", text(&head.parts.headers, &CONTENT_TYPE)),
    };
    let matched = match snapshot.routes.resolve(&asked) {
        Ok(matched) => matched,
        Err(refused) => return Err(unrouted(&refused, asked.path, facts)),
    };
    facts.path = Arc::clone(matched.path.shared());
    facts.route = Some(matched.route_id);
    if let Cow::Owned(action) = &matched.action {
        facts.generic_action = Some(action.as_str().into());
    }
    Ok(matched)
}

/// No route, and why.
#[cold]
fn unrouted(refused: &Unrouted<'_>, path: &str, facts: &mut Facts) -> Refusal {
    facts.detail = refused.to_string();
    if let Ok(path) = CanonicalPath::new(path) {
        facts.path = path.as_str().into();
    }
    refused.reason().into()
}

/// How long what is decided now counts for what is still open then.
fn lasts(head: &Head<'_>, identity: Option<&Arc<Identity>>) -> Lasts {
    let certificate = head.certificate.and_then(Result::ok);
    let ends = [
        identity.and_then(|identity| identity.expires_at),
        certificate.map(Certificate::not_after),
    ];
    let token = identity.and_then(|identity| identity.token.as_ref());
    Lasts {
        until: ends.into_iter().flatten().min(),
        again_at: token.and_then(|token| token.believed_until()),
    }
}

/// ` with an explicit deny in a service control policy`, or ` because no … allows the … action`.
fn because(decision: &Decision<'_>, action: &str) -> String {
    if decision.verdict == policy::Verdict::ExplicitDeny {
        let words = decision.layer.map_or("a policy", LayerKind::words);
        format!(" with an explicit deny in {words}")
    } else {
        let noun = decision.layer.map_or("policy", LayerKind::noun);
        format!(" because no {noun} allows the {action} action")
    }
}

/// What becomes of `Upgrade`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Upgrade {
    /// Nothing: it is not there, or asks for what a server may ignore.
    Ignored,
    /// The route allows the protocol.
    Granted,
    /// It does not.
    Refused,
}

#[cold]
fn upgrade(head: &Head<'_>, matched: &Match<'_>) -> Upgrade {
    let fields = &head.parts.headers;
    if fields.get_all(UPGRADE).iter().all(only_http2) {
        return Upgrade::Ignored;
    }
    let allowed = text(fields, &UPGRADE)
        .zip(matched.route)
        .is_some_and(|(protocol, route)| route.allows_upgrade(protocol));
    if allowed {
        Upgrade::Granted
    } else {
        Upgrade::Refused
    }
}

/// Whether an Upgrade field asks only for HTTP/2, which a server may ignore and this one does.
pub fn only_http2(wanted: &http::HeaderValue) -> bool {
    wanted
        .as_bytes()
        .split(|&byte| byte == b',')
        .all(|name| name.trim_ascii().eq_ignore_ascii_case(b"h2c"))
}

/// A header's text, when it stands there once.
fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

/// The headers of a request, for a route to read.
#[derive(Debug)]
struct Headers<'h>(&'h HeaderMap);

impl crate::route::Headers for Headers<'_> {
    fn each<'h>(&'h self, visit: &mut dyn FnMut(&'h str, &'h [u8])) {
        for (name, value) in self.0 {
            visit(name.as_str(), value.as_bytes());
        }
    }
}
