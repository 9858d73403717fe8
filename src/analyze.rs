//! Offline questions to a whole directory: who can do this to that?
//!
//! Asks the policy engine for every user, role and root user in turn, and for whom the resource's policies name
//! besides, with the context that follows from principal and resource alone. What only a request can bring (address,
//! time, MFA, session tags) is open: an answer says what of it is needed, and what of it would refuse. Pure: reads no
//! files, and knows nothing of HTTP.

mod candidates;

use serde::Serialize;

use crate::arn::AccountId;
use crate::directory::Directory;
use crate::policy::possible::{self, Clause, possible};
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
    /// The statement that decides, in a sentence.
    pub words: String,
    /// What a request must bring: of each layer one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Clause>,
    /// The Denies that refuse it should their conditions hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unless: Vec<Clause>,
    /// The one layer that refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_by: Option<LayerKind>,
    /// Its account is not in the bundle: what that account's own policies say is not known, and taken for yes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_outside: bool,
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
    let named = named.filter_map(|name| candidates::of_name(directory, name, &everything));
    let mut found: Vec<Who> = candidates::of_directory(directory)
        .chain(named)
        .filter_map(|candidate| scene.judge(asked, candidate))
        .collect();
    found.sort_by(|a, b| a.principal.cmp(&b.principal));
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
            session: None,
            scps: &scps,
            rcps: &self.rcps,
            resource: &self.policies,
            resource_kind: self.kind,
        };
        let request = Request {
            principal: &candidate.principal,
            action: asked.action,
            resource: asked.resource,
            resource_account: account.as_ref().map(AccountId::as_str),
            context: &candidate.context,
        };
        let is_open = |key: &str| candidate.is_open(key);
        let found = possible(&request, &layers, &is_open);
        let mut refused_by = None;
        let answer = if found.verdict != Verdict::Allowed {
            refused_by = Some(possible::refused_by(&request, &layers, &is_open)?);
            Answer::RefusedByOneLayer
        } else if found.needs.is_empty() {
            Answer::Allowed
        } else {
            Answer::UnderConditions
        };
        Some(Who {
            principal: candidate.principal.name().to_owned(),
            answer,
            words: found.words,
            needs: found.needs,
            unless: found.unless,
            refused_by,
            is_outside: candidate.is_outside,
        })
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
