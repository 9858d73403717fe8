//! What would be decided: one question about a principal of the bundle, answered as the proxy would answer it, with
//! the reason. For tools; the proxy's own way is [`Gate`](super::Gate).

use crate::arn::{AccountId, Arn};
use crate::authn::Identity;
use crate::bundle::Snapshot;
use crate::clock::Timestamp;
use crate::directory::{Directory, Role};
use crate::policy::context::{Context, Map, Value};
use crate::policy::explain::Reason;
use crate::policy::{
    self, Explanation, LayerKind, Layers, PolicySet, Principal, ResourceKind, Verdict,
};
use smallvec::SmallVec;

use super::attached::{Attached, Sets};
use super::context::{of_every_request, of_identity, of_owner, of_tags};

/// The question.
#[derive(Debug)]
pub struct Question<'a> {
    /// Who.
    pub identity: &'a Identity,
    /// `service:Action`.
    pub action: &'a str,
    /// The resource's ARN, or `*`.
    pub resource: &'a str,
    /// Whose it is; `None`: the ARN's account, else the principal's.
    pub resource_account: Option<AccountId>,
    /// Context keys, which win over what follows from the principal, the resource and the time.
    pub context: &'a Map,
    /// When.
    pub now: Timestamp,
}

/// Answers the question. Calls of `sts:AssumeRole…` on a role of the bundle are judged by its trust policy; that root
/// users assume no role, whatever policies say, is told too.
pub fn explain(snapshot: &Snapshot, question: &Question<'_>) -> Explanation {
    let directory = &snapshot.directory;
    let account = question.resource_account.or_else(|| owner(question));
    let facts = directory.resources(question.resource);
    let attached = Attached::of(Some(question.identity), directory);
    let assumed = assumed_role(directory, question);
    let trust = assumed.map(|role| &role.trust);
    let policies: SmallVec<[&PolicySet; 2]> = match trust {
        Some(trust) => SmallVec::from_slice(&[trust]),
        None => facts.policies.clone(),
    };
    let tags = match assumed {
        Some(role) => (role.tags.iter())
            .map(|(key, value)| (&**key, &**value))
            .collect(),
        None => facts.tags.clone(),
    };
    let rcps: Sets<'_> = account
        .map(|account| directory.rcps(account).iter().collect())
        .unwrap_or_default();
    let context = Simulated {
        question,
        snapshot,
        directory,
        account,
        tags: &tags,
    };
    let request = policy::Request {
        principal: &question.identity.principal,
        action: question.action,
        resource: question.resource,
        resource_account: account.as_ref().map(AccountId::as_str),
        context: &context,
    };
    let layers = Layers {
        identity: &attached.identity,
        boundary: attached.boundary,
        session: question.identity.session_policies.as_deref(),
        scps: &attached.scps,
        rcps: &rcps,
        resource: &policies,
        resource_kind: if trust.is_some() {
            ResourceKind::Trust
        } else {
            ResourceKind::Resource
        },
    };
    let mut explanation = policy::explain(&request, &layers);
    let is_root = matches!(request.principal, Principal::Root { .. });
    if is_root
        && question.action.eq_ignore_ascii_case("sts:AssumeRole")
        && explanation.decision == Verdict::Allowed
    {
        // Policies would let it; the STS refuses root users before it asks them.
        explanation.decision = Verdict::ImplicitDeny;
        explanation.reason = Reason {
            layer: LayerKind::Trust,
            policy: None,
            statement: None,
            sid: None,
            words: policy::possible::root_assumes_no_role(
                request.principal.name(),
                question.resource,
            ),
        };
    }
    explanation
}

fn owner(question: &Question<'_>) -> Option<AccountId> {
    let of_arn = Arn::parse(question.resource)
        .ok()
        .and_then(|arn| arn.account_id());
    of_arn.or_else(|| AccountId::parse(question.identity.principal.account()?))
}

/// The role whose trust policy is asked.
fn assumed_role<'d>(directory: &'d Directory, question: &Question<'_>) -> Option<&'d Role> {
    let (service, name) = question.action.split_once(':')?;
    let assumes = service.eq_ignore_ascii_case("sts")
        && [
            "assumerole",
            "assumerolewithwebidentity",
            "assumerolewithsaml",
            "tagsession",
            "setsourceidentity",
        ]
        .contains(&name.to_ascii_lowercase().as_str());
    if !assumes {
        return None;
    }
    directory.role(question.resource).map(|role| &**role)
}

struct Simulated<'a> {
    question: &'a Question<'a>,
    snapshot: &'a Snapshot,
    directory: &'a Directory,
    account: Option<AccountId>,
    tags: &'a [(&'a str, &'a str)],
}

impl Simulated<'_> {
    /// The region of the service that the action is of.
    fn region(&self) -> Option<&str> {
        let (service, _) = self.question.action.split_once(':')?;
        let services = self.snapshot.routes.services();
        let found = services
            .iter()
            .find(|found| found.name().eq_ignore_ascii_case(service))?;
        Some(found.region())
    }
}

impl Context for Simulated<'_> {
    fn get(&self, key: &str) -> Option<Value<'_>> {
        if let Some(given) = self.question.context.get(key) {
            return Some(given);
        }
        if let Some(value) = of_every_request(self.question.now, key) {
            return Some(value);
        }
        if let Some(tag) = key.strip_prefix("aws:resourcetag/") {
            return of_tags(self.tags, tag);
        }
        if key == "aws:requestedregion" {
            return self.region().map(Value::Text);
        }
        if key.starts_with("aws:resource") {
            return of_owner(self.directory, self.account.as_ref()?, key);
        }
        of_identity(self.question.identity, self.question.now, key)
    }
}

#[cfg(test)]
mod tests;
