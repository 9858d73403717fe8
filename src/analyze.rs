//! Offline questions to a whole directory: who can do this to that?
//!
//! Asks the policy engine for every user, role and root user in turn, and for whom the resource's policies name
//! besides, with the context that follows from principal and resource alone. What only a request can bring (address,
//! time, MFA, session tags) is open: an answer says what of it is needed, and what of it would refuse. Pure: reads no
//! files, and knows nothing of HTTP.

mod candidates;

use std::collections::HashMap;

use serde::Serialize;

use crate::arn::AccountId;
use crate::directory::Directory;
use crate::directory::principal::User;
use crate::policy::possible::{self, Clause, Way, possible};
use crate::policy::{
    Kind, LayerKind, Layers, Policy, PolicySet, Request, ResourceKind, Verdict, parse,
};
use candidates::Candidate;

/// Someone who may, or who is refused by one layer only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Who {
    /// The principal's ARN, a service's name, or `anonymous`.
    pub principal: String,
    /// The answer.
    pub answer: Answer,
    /// In a sentence: the statement that decides; of who may under conditions alone, that it is so.
    pub words: String,
    /// What a request must bring: one of these ways is enough.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Way>,
    /// The Denies that refuse it should their conditions hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unless: Vec<Clause>,
    /// The one layer that refuses. `None` beside that answer: what refuses is no policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_by: Option<LayerKind>,
    /// Its account is not in the bundle: what that account's own policies say is not known, and taken for yes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_outside: bool,
    /// Of sessions that GetFederationToken makes: the user behind them. What their session policies say is not known, and
    /// taken for yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_by: Option<Box<str>>,
    /// The group that its token must name, though the user is none of its members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Claimed>,
    /// Groups that refuse it, should a token name one of them besides: their Denies come on top of what allows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unless_claimed: Vec<Refusing>,
}

/// A group that a token may add, with Denies about what is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusing {
    /// The group.
    #[serde(flatten)]
    pub claimed: Claimed,
    /// Its Denies, each of which refuses should its conditions hold. Empty: it refuses whatever the request brings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unless: Vec<Clause>,
}

/// A group that a token adds to a user's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Claimed {
    /// The group.
    pub group: Box<str>,
    /// The identity provider whose tokens may name groups.
    pub provider: Box<str>,
}

/// How far someone may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// Whatever the request brings, unless a Deny's conditions come to hold.
    Allowed,
    /// If the request brings what the conditions ask for.
    UnderConditions,
    /// But for one layer.
    RefusedByOneLayer,
}

/// The question.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// `service:Name`.
    pub action: &'a str,
    /// The resource's ARN.
    pub resource: &'a str,
    /// The region that the service is asked in, where the ARN names none and it is known.
    pub region: Option<&'a str>,
}

/// What is the same for every candidate.
struct Scene<'d> {
    directory: &'d Directory,
    owner: Option<AccountId>,
    region: Option<&'d str>,
    tags: Vec<(&'d str, &'d str)>,
    policies: Vec<&'d PolicySet>,
    rcps: Vec<&'d PolicySet>,
    kind: ResourceKind,
}

/// Everyone who may do an action to a resource, and everyone whom only one layer refuses, sorted by ARN.
///
/// A role's ARN as resource is asked of its trust policy when the action is one of sts.
pub fn who_can(directory: &Directory, asked: &Asked<'_>) -> Vec<Who> {
    let resource = asked.resource;
    let facts = directory.resources(resource);
    let owner = resource.split(':').nth(4).and_then(AccountId::parse);
    // A service is asked in the region that its resources are of.
    let own_region = resource.split(':').nth(3);
    let mut scene = Scene {
        directory,
        owner,
        region: own_region
            .filter(|region| !region.is_empty())
            .or(asked.region),
        tags: facts.tags.to_vec(),
        policies: facts.policies.to_vec(),
        rcps: owner
            .map_or(&[][..], |owner| directory.rcps(owner))
            .iter()
            .collect(),
        kind: ResourceKind::Resource,
    };
    let asks_trust = asked
        .action
        .get(..4)
        .is_some_and(|service| service.eq_ignore_ascii_case("sts:"));
    if let Some(role) = directory.role(resource).filter(|_| asks_trust) {
        scene.policies = vec![&role.trust];
        scene.kind = ResourceKind::Trust;
    }
    let everything = everything();
    let named = possible::named(&scene.policies, directory.partition()).into_iter();
    let named = named.flat_map(|name| candidates::of_name(directory, name, &everything));
    let mut found: Vec<Who> = candidates::of_directory(directory)
        .chain(named)
        .filter_map(|candidate| scene.judge(asked, candidate))
        .collect();
    found.extend(scene.by_claims(asked, &found));
    scene.refused_by_claims(asked, &mut found);
    found.extend(scene.federated(asked, &everything));
    // Whom nothing at all keeps out need not be told of again as somebody of another account.
    let open = |who: &Who| who.principal == "anonymous" && who.answer == Answer::Allowed;
    if found.iter().any(open) {
        found.retain(|who| who.principal != candidates::ANYONE);
    }
    found.sort_by(|a, b| (&a.principal, &a.made_by).cmp(&(&b.principal, &b.made_by)));
    found
}

/// What is taken for the policies of those whose policies are not known.
fn everything() -> PolicySet {
    let text =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let policy = parse(text, Kind::Identity, "").map(|document| {
        std::sync::Arc::new(Policy::compile(&document, "its own account's policies"))
    });
    PolicySet::new(policy.into_iter().collect())
}

impl Scene<'_> {
    fn judge(&self, asked: &Asked<'_>, mut candidate: Candidate<'_>) -> Option<Who> {
        let account = self.owner.or(candidate.account);
        self.settle(&mut candidate, account);
        let scps: Vec<&PolicySet> = candidate
            .account
            .map_or(&[][..], |account| self.directory.scps(account))
            .iter()
            .collect();
        let layers = Layers {
            identity: &candidate.identity,
            boundary: candidate.boundary,
            session: candidate.session,
            scps: &scps,
            rcps: &self.rcps,
            resource: &self.policies,
            resource_kind: self.kind,
        };
        let request = Request {
            principal: &candidate.principal,
            action: asked.action,
            resource: asked.resource,
            // Whoever owns it, somebody of another account does not.
            resource_account: match self.owner {
                None if candidate.is_outside => Some(""),
                _ => account.as_ref().map(AccountId::as_str),
            },
            context: &candidate.context,
        };
        let own = self.directory.organization_id().unwrap_or_default();
        let is_own = |text: &str| {
            text.strip_prefix(own)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let keys = ["aws:principalorgid", "aws:principalorgpaths"];
        let all: Vec<&PolicySet> = self.policies.iter().chain(&self.rcps).copied().collect();
        let other_org = candidate.is_outside && possible::compares(&all, &keys, &is_own);
        let is_open = |key: &str| candidate.is_open(key) || (other_org && keys.contains(&key));
        let found = possible(&request, &layers, &is_open);
        let mut refused_by = None;
        let mut words = found.words;
        let answer = if found.verdict != Verdict::Allowed {
            let layer = possible::refused_by(&request, &layers, &is_open)?;
            let is_resource = matches!(layer, LayerKind::Resource | LayerKind::Trust);
            // That a resource says nothing of somebody whose own policies are not known is no news.
            if candidate.is_outside && is_resource && found.verdict == Verdict::ImplicitDeny {
                return None;
            }
            refused_by = Some(layer);
            Answer::RefusedByOneLayer
        } else if candidate.is_own_root() && asked.action.eq_ignore_ascii_case("sts:AssumeRole") {
            words = possible::root_assumes_no_role(request.principal.name(), asked.resource);
            Answer::RefusedByOneLayer
        } else if found.needs.is_empty() {
            Answer::Allowed
        } else {
            Answer::UnderConditions
        };
        Some(Who {
            principal: candidate.principal.name().to_owned(),
            answer,
            words,
            // Of who may not there is nothing to tell on.
            needs: if answer == Answer::UnderConditions {
                found.needs
            } else {
                Vec::new()
            },
            unless: if answer == Answer::RefusedByOneLayer {
                Vec::new()
            } else {
                found.unless
            },
            refused_by,
            is_outside: candidate.is_outside,
            made_by: candidate.made_by,
            claimed: candidate.claimed,
            unless_claimed: Vec::new(),
        })
    }

    /// Users who may more when a token names a group that they are no members of.
    fn by_claims(&self, asked: &Asked<'_>, known: &[Who]) -> Vec<Who> {
        let own: HashMap<&str, &Who> = (known.iter()).map(|who| (&*who.principal, who)).collect();
        let may = |name: &str| {
            own.get(name)
                .is_some_and(|own| own.answer == Answer::Allowed)
        };
        // A group may open ways besides those that are open without it.
        let opens = |who: &Who| {
            own.get(&*who.principal)
                .is_none_or(|own| own.needs != who.needs)
        };
        candidates::by_claims(self.directory, asked.action)
            .filter(|candidate| !may(candidate.principal.name()))
            .filter_map(|candidate| self.judge(asked, candidate))
            .filter(|who| match who.answer {
                Answer::Allowed => true,
                Answer::UnderConditions => opens(who),
                Answer::RefusedByOneLayer => false,
            })
            .map(|who| Who {
                answer: Answer::UnderConditions,
                ..who
            })
            .collect()
    }

    /// Adds to users who may the groups that would refuse them if their tokens named them too.
    fn refused_by_claims(&self, asked: &Asked<'_>, found: &mut [Who]) {
        let denying: Vec<_> = candidates::claimable(self.directory)
            .filter(|(_, group)| possible::denies_action(&group.policies, asked.action))
            .collect();
        if denying.is_empty() {
            return;
        }
        let users: HashMap<&str, &User> = (self.directory.users())
            .map(|user| (&*user.arn, &**user))
            .collect();
        let may = |who: &&mut Who| who.answer != Answer::RefusedByOneLayer && who.made_by.is_none();
        for who in found.iter_mut().filter(may) {
            let Some(user) = users.get(&*who.principal) else {
                continue;
            };
            for (provider, group) in &denying {
                let claimed = candidates::claimed(provider, group);
                let of_other = |own: &Claimed| own.provider != claimed.provider;
                // One token is of one provider.
                if who.claimed.as_ref().is_some_and(of_other)
                    || !candidates::may_be_added(user, group)
                {
                    continue;
                }
                let mut candidate = candidates::with_group(self.directory, user, provider, group);
                let granting = who.claimed.as_ref().and_then(|own| {
                    (self.directory.groups())
                        .find(|group| group.account == user.account && group.name == own.group)
                });
                if let Some(granting) = granting {
                    candidate.identity.push(&granting.policies);
                }
                let judged = self.judge(asked, candidate);
                let judged = judged.filter(|judged| judged.answer != Answer::RefusedByOneLayer);
                let unless = judged.map(|judged| {
                    let all = judged.unless.into_iter();
                    all.filter(|clause| !who.unless.contains(clause)).collect()
                });
                if unless.as_ref().is_none_or(|more: &Vec<_>| !more.is_empty()) {
                    let unless = unless.unwrap_or_default();
                    who.unless_claimed.push(Refusing { claimed, unless });
                }
            }
        }
    }

    /// The sessions that users may make by GetFederationToken, of whatever name.
    fn federated(&self, asked: &Asked<'_>, everything: &PolicySet) -> Vec<Who> {
        let mut found = Vec::new();
        for user in self.directory.users() {
            let Some(candidate) = candidates::federated(self.directory, user, everything) else {
                continue;
            };
            let resource = candidate.principal.name().to_owned();
            let made = Scene {
                policies: Vec::new(),
                tags: Vec::new(),
                owner: Some(user.account),
                rcps: Vec::new(),
                kind: ResourceKind::Resource,
                ..*self
            };
            let making = Asked {
                action: "sts:GetFederationToken",
                resource: &resource,
                region: asked.region,
            };
            let may = made.judge(&making, candidates::of_user(self.directory, user));
            if may.is_some_and(|who| who.answer != Answer::RefusedByOneLayer) {
                let judged = self.judge(asked, candidate);
                found.extend(judged.filter(|who| who.answer != Answer::RefusedByOneLayer));
            }
        }
        found
    }

    /// Adds the keys that follow from the resource.
    fn settle(&self, candidate: &mut Candidate<'_>, account: Option<AccountId>) {
        let context = &mut candidate.context;
        if let Some(account) = account {
            context.set("aws:ResourceAccount", account.as_str());
            if let Some(path) = self.directory.organization_path(account) {
                if let Some(id) = self.directory.organization_id() {
                    context.set("aws:ResourceOrgID", id);
                }
                context.set_many("aws:ResourceOrgPaths", [path]);
            }
        }
        if let Some(region) = self.region {
            context.set("aws:RequestedRegion", region);
        }
        for (key, value) in &self.tags {
            context.set(&format!("aws:ResourceTag/{key}"), *value);
        }
    }
}

#[cfg(test)]
mod tests;
