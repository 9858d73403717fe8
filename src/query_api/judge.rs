//! May this caller do that? The engine's answer, noted for the record, and a refusal in IAM's words.

use std::sync::Arc;

use crate::arn::{AccountId, Arn};
use crate::authn::Identity;
use crate::directory::Directory;
use crate::gate::attached::{Attached, Sets};
use crate::gate::facts::DecidedBy;
use crate::outcome::Reason;
use crate::policy::context::Context;
use crate::policy::{self, Decision, LayerKind, Layers, PolicySet, ResourceKind, Verdict};

use super::error::Error;

/// What was found out about a call, whatever becomes of it; for the record.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) provider: Option<Arc<str>>,
    pub(crate) resource: Option<Box<str>>,
    pub(crate) account: Option<AccountId>,
    pub(crate) decision: Option<DecidedBy>,
}

impl Seen {
    /// It is about this, if it is an ARN: people put secrets where something else belongs.
    pub(crate) fn names(&mut self, arn: &str) {
        self.resource = Arn::parse(arn).is_ok().then(|| arn.into());
    }
}

/// What is asked of the engine.
pub(crate) struct Question<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) resource: &'a str,
    /// Whose the resource is.
    pub(crate) account: AccountId,
    /// The trust policy, where the resource is a role that is to be assumed.
    pub(crate) trust: Option<&'a PolicySet>,
    pub(crate) context: &'a dyn Context,
}

/// Whether the caller may do all of `actions`.
///
/// # Errors
/// AccessDenied, as IAM words it, for the first that is not allowed.
pub(crate) fn authorize(
    seen: &mut Seen,
    directory: &Directory,
    asked: &Question<'_>,
    actions: &[&str],
) -> Result<(), Error> {
    let identity = asked.identity;
    seen.resource = Some(asked.resource.into());
    seen.account = Some(asked.account);
    let attached = Attached::of(Some(identity), directory);
    let rcps: Sets<'_> = directory.rcps(asked.account).iter().collect();
    let policies: Vec<&PolicySet> = asked.trust.into_iter().collect();
    let layers = Layers {
        identity: &attached.identity,
        boundary: attached.boundary,
        session: identity.session_policies.as_deref(),
        scps: &attached.scps,
        rcps: &rcps,
        resource: &policies,
        resource_kind: if asked.trust.is_some() {
            ResourceKind::Trust
        } else {
            ResourceKind::Resource
        },
    };
    for action in actions {
        let question = policy::Request {
            principal: &identity.principal,
            action,
            resource: asked.resource,
            resource_account: Some(asked.account.as_str()),
            context: asked.context,
        };
        let decision = policy::evaluate(&question, &layers);
        // Of several, the one that refuses is on record, or else the first.
        if seen.decision.is_none() || !decision.is_allowed() {
            seen.decision = Some(DecidedBy::of(&decision));
        }
        if !decision.is_allowed() {
            return Err(denied(identity, action, asked.resource, &decision));
        }
    }
    Ok(())
}

/// Refused, as IAM words it.
fn denied(identity: &Identity, action: &str, resource: &str, decision: &Decision<'_>) -> Error {
    let who = identity.principal.name();
    let mut message = format!(
        "User: {who} is not authorized to perform: {action} on resource: {}",
        resource.escape_debug()
    );
    let reason = if decision.verdict == Verdict::ExplicitDeny {
        let words = decision.layer.map_or("a policy", LayerKind::words);
        message.push_str(&format!(" with an explicit deny in {words}"));
        Reason::ExplicitDeny
    } else {
        Reason::ImplicitDeny
    };
    let layer = decision.layer.map_or("policy", LayerKind::noun);
    Error::denied(reason, &*message).with_detail(format!("{message} ({layer})"))
}
