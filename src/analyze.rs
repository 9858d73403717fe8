//! Offline questions to a whole directory: who can do this to that?
//!
//! Asks the policy engine for every user, role and root user in turn, with the context that follows from principal and
//! resource alone; what only a request can bring (address, time, MFA) is unknown, and absent. So an answer may depend
//! on conditions, and those are named. Pure: reads no files, and knows nothing of HTTP.

use serde::Serialize;

use crate::arn::AccountId;
use crate::directory::Directory;
use crate::directory::principal::{Role, User};
use crate::policy::context::Map;
use crate::policy::explain::Mismatch;
use crate::policy::{
    Explanation, LayerKind, Layers, PolicySet, Principal, Request, ResourceKind, Verdict, evaluate,
    explain,
};

/// Someone who may, or who is refused by one layer only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Who {
    /// The principal's ARN.
    pub principal: String,
    /// The answer.
    pub answer: Answer,
    /// The statement that decides, in a sentence.
    pub words: String,
    /// What a request must bring; what it says now is in `actual`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Mismatch>,
    /// The one layer that refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_by: Option<LayerKind>,
}

/// How far someone may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// Whatever the request brings, unless a condition of a Deny comes to hold.
    Allowed,
    /// If the request brings what the conditions ask for.
    UnderConditions,
    /// But for one layer.
    RefusedByOneLayer,
}

/// A principal with its policies.
struct Candidate<'d> {
    principal: Principal,
    account: AccountId,
    context: Map,
    identity: Vec<&'d PolicySet>,
    boundary: Option<&'d PolicySet>,
}

/// Everyone who may do `action` to `resource`, and everyone whom only one layer refuses, sorted by ARN.
///
/// A role's ARN as resource is asked of its trust policy.
pub fn who_can(directory: &Directory, action: &str, resource: &str) -> Vec<Who> {
    let facts = directory.resources(resource);
    let trusted = directory.role(resource);
    let owner = resource.split(':').nth(4).and_then(AccountId::parse);
    // A service is asked in the region that its resources are of.
    let region = resource
        .split(':')
        .nth(3)
        .filter(|region| !region.is_empty());
    let mut policies: Vec<&PolicySet> = facts.policies.iter().copied().collect();
    let mut kind = ResourceKind::Resource;
    let asks_trust = action
        .get(..4)
        .is_some_and(|service| service.eq_ignore_ascii_case("sts:"));
    if let Some(role) = trusted.filter(|_| asks_trust) {
        policies = vec![&role.trust];
        kind = ResourceKind::Trust;
    }
    let rcps: Vec<&PolicySet> = owner
        .map_or(&[][..], |owner| directory.rcps(owner))
        .iter()
        .collect();
    let mut found: Vec<Who> = candidates(directory)
        .filter_map(|mut candidate| {
            let account = owner.unwrap_or(candidate.account);
            candidate
                .context
                .set("aws:ResourceAccount", account.as_str());
            if let Some(region) = region {
                candidate.context.set("aws:RequestedRegion", region);
            }
            for (key, value) in &facts.tags {
                candidate
                    .context
                    .set(&format!("aws:ResourceTag/{key}"), *value);
            }
            let scps: Vec<&PolicySet> = directory.scps(candidate.account).iter().collect();
            let layers = Layers {
                identity: &candidate.identity,
                boundary: candidate.boundary,
                session: None,
                scps: &scps,
                rcps: &rcps,
                resource: &policies,
                resource_kind: kind,
            };
            let request = Request {
                principal: &candidate.principal,
                action,
                resource,
                resource_account: Some(account.as_str()),
                context: &candidate.context,
            };
            judge(&request, &layers)
        })
        .collect();
    found.sort_by(|a, b| a.principal.cmp(&b.principal));
    found
}

fn candidates(directory: &Directory) -> impl Iterator<Item = Candidate<'_>> {
    let users = directory.users().map(|user| of_user(directory, user));
    let roles = directory.roles().map(|role| of_role(directory, role));
    let roots = directory.accounts().map(|account| {
        let arn = format!("arn:{}:iam::{}:root", directory.partition(), account.id);
        let mut context = principal_context(directory, account.id, &arn, "Account", &[]);
        context.set("aws:userid", account.id.as_str());
        Candidate {
            principal: Principal::Root {
                account: account.id.as_str().into(),
                arn: arn.into(),
            },
            account: account.id,
            context,
            identity: Vec::new(),
            boundary: None,
        }
    });
    users.chain(roles).chain(roots)
}

fn of_user<'d>(directory: &'d Directory, user: &'d User) -> Candidate<'d> {
    let mut context = principal_context(directory, user.account, &user.arn, "User", &user.tags);
    context
        .set("aws:username", &*user.name)
        .set("aws:userid", &*user.id);
    Candidate {
        principal: Principal::User {
            account: user.account.as_str().into(),
            arn: user.arn.clone(),
        },
        account: user.account,
        context,
        identity: std::iter::once(&user.policies)
            .chain(user.groups.iter().map(|group| &group.policies))
            .collect(),
        boundary: user.boundary.as_ref(),
    }
}

fn of_role<'d>(directory: &'d Directory, role: &'d Role) -> Candidate<'d> {
    Candidate {
        principal: Principal::Role {
            account: role.account.as_str().into(),
            arn: role.arn.clone(),
        },
        account: role.account,
        context: principal_context(
            directory,
            role.account,
            &role.arn,
            "AssumedRole",
            &role.tags,
        ),
        identity: vec![&role.policies],
        boundary: role.boundary.as_ref(),
    }
}

/// The keys that follow from who somebody is.
fn principal_context(
    directory: &Directory,
    account: AccountId,
    arn: &str,
    kind: &str,
    tags: &[(Box<str>, Box<str>)],
) -> Map {
    let mut context = Map::new();
    context
        .set("aws:PrincipalArn", arn)
        .set("aws:PrincipalAccount", account.as_str())
        .set("aws:PrincipalType", kind)
        .set("aws:PrincipalIsAWSService", "false");
    if let Some(path) = directory.organization_path(account) {
        if let Some(id) = directory.organization_id() {
            context.set("aws:PrincipalOrgID", id);
        }
        context.set_many("aws:PrincipalOrgPaths", [path]);
    }
    for (key, value) in tags {
        context.set(&format!("aws:PrincipalTag/{key}"), &**value);
    }
    context
}

fn judge(request: &Request<'_>, layers: &Layers<'_>) -> Option<Who> {
    let decision = evaluate(request, layers);
    let who = |answer, conditions, refused_by| Who {
        principal: request.principal.name().to_owned(),
        answer,
        words: decision.words(request),
        conditions,
        refused_by,
    };
    if decision.is_allowed() {
        return Some(who(Answer::Allowed, Vec::new(), None));
    }
    if decision.verdict == Verdict::ImplicitDeny
        && let Some(conditions) = missing_conditions(&explain(request, layers))
    {
        return Some(who(Answer::UnderConditions, conditions, None));
    }
    let layer = decision.layer?;
    let without = without(layer, layers)?;
    evaluate(request, &without)
        .is_allowed()
        .then(|| who(Answer::RefusedByOneLayer, Vec::new(), Some(layer)))
}

/// What the nearest allow lacks, if that is nothing but what a request could bring.
fn missing_conditions(explanation: &Explanation) -> Option<Vec<Mismatch>> {
    let nearest = explanation.nearest.as_ref()?;
    let could_bring = |mismatch: &Mismatch| {
        let key = mismatch.element.rsplit(' ').next().unwrap_or_default();
        let key = key.to_lowercase();
        let fixed = key.starts_with("aws:principal")
            || key.starts_with("aws:resource")
            || matches!(&*key, "aws:username" | "aws:userid");
        mismatch.element.starts_with("Condition ") && !fixed
    };
    (!nearest.lacks.is_empty() && nearest.lacks.iter().all(could_bring))
        .then(|| nearest.lacks.clone())
}

/// The same without one layer; `None` for layers whose absence is not what keeps somebody out.
fn without<'a>(layer: LayerKind, layers: &Layers<'a>) -> Option<Layers<'a>> {
    let mut layers = *layers;
    match layer {
        LayerKind::Scp => layers.scps = &[],
        LayerKind::Rcp => layers.rcps = &[],
        LayerKind::Boundary => layers.boundary = None,
        LayerKind::Session => layers.session = None,
        LayerKind::Resource if layers.resource_kind == ResourceKind::Resource => {
            layers.resource = &[];
        }
        LayerKind::Identity | LayerKind::Resource | LayerKind::Trust => return None,
    }
    Some(layers)
}

#[cfg(test)]
mod tests;
