//! What would be decided: one question about a principal of the bundle, answered as the proxy would answer it, with
//! the reason. For tools; the proxy's own way is [`Gate`](super::Gate).

use crate::arn::{AccountId, Arn};
use crate::authn::Identity;
use crate::bundle::Snapshot;
use crate::clock::Timestamp;
use crate::directory::Directory;
use crate::policy::context::{Context, Map, Value};
use crate::policy::explain::Reason;
use crate::policy::{
    self, Explanation, LayerKind, Layers, PolicySet, Principal, ResourceKind, Verdict,
};
use smallvec::SmallVec;

use super::attached::{Attached, Sets};

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
    let trust = trust_policy(directory, question);
    let policies: SmallVec<[&PolicySet; 2]> = match trust {
        Some(trust) => SmallVec::from_slice(&[trust]),
        None => facts.policies.clone(),
    };
    let rcps: Sets<'_> = account
        .map(|account| directory.rcps(account).iter().collect())
        .unwrap_or_default();
    let context = Simulated {
        question,
        snapshot,
        directory,
        account,
        tags: &facts.tags,
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

fn trust_policy<'d>(directory: &'d Directory, question: &Question<'_>) -> Option<&'d PolicySet> {
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
    Some(&directory.role(question.resource)?.trust)
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
        if let Some(tag) = key.strip_prefix("aws:resourcetag/") {
            let (_, value) = self
                .tags
                .iter()
                .find(|(name, _)| name.to_lowercase() == tag)?;
            return Some(Value::Text(value));
        }
        let place = || self.directory.organization()?.places.get(&self.account?);
        match key {
            "aws:currenttime" => Some(Value::Instant(self.question.now)),
            "aws:epochtime" => Some(Value::Number(self.question.now.seconds())),
            "aws:requestedregion" => self.region().map(Value::Text),
            "aws:resourceaccount" => self
                .account
                .as_ref()
                .map(|account| Value::Text(account.as_str())),
            "aws:resourceorgid" => {
                place()?;
                self.directory.organization_id().map(Value::Text)
            }
            "aws:resourceorgpaths" => Some(Value::List(std::slice::from_ref(&place()?.path))),
            _ => self.question.identity.context_value(key),
        }
    }
}
