//! SimulateCustomPolicy, SimulatePrincipalPolicy, and the context keys that the same policies read.
//!
//! As in AWS, a simulation knows what is passed to it: identity-based policies, those of the principal or given ones, a
//! permissions boundary, one resource policy, context entries; of a principal also the service control policies of its
//! account. The resource policies and RCPs of the bundle count for `sidegate simulate`, not here. Context keys that say
//! who asks and what time it is are known; everything else that policies read and nobody gave is named as missing.

mod input;
mod source;

use crate::arn::{AccountId, Arn};
use crate::authn::Identity;
use crate::clock::Timestamp;
use crate::gate::context::{of_every_request, of_identity};
use crate::policy::context::{Context, Map, Value};
use crate::policy::explain::{LayerReport, Says};
use crate::policy::{self, Explanation, LayerKind, Layers, PolicySet, Verdict};
use crate::query_api::error::Error;
use crate::query_api::fields;
use crate::query_api::xml::Members;

use super::page::{self, Page};
use super::{Answer, Call};
use input::Asked;
use source::{Matched, Sources};

/// More pairs of an action and a resource no one reads through.
const MAX_PAIRS: usize = 10_000;

/// Whose policies are simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// Given ones.
    Custom,
    /// A user's, group's or role's, and given ones.
    Principal,
}

/// Everything that a simulation judges by.
struct Simulation<'a> {
    identity: Identity,
    sources: Sources,
    boundary: Option<Sources>,
    resource: Option<Sources>,
    scps: &'a [PolicySet],
    context: Map,
    now: Timestamp,
    /// Who owns resources whose ARNs do not say.
    owner: AccountId,
    account: AccountId,
    /// Context keys that policies read, as written.
    keys: Vec<String>,
}

/// `Simulate…Policy`
pub(super) async fn run(call: &mut Call<'_>, of: Of) -> Answer {
    fields::only(
        call.form,
        &[input::parameters(of), &page::PARAMETERS].concat(),
    )?;
    let page = Page::read(call.form)?;
    let asked = Asked::read(call.form)?;
    let simulation = Simulation::prepare(call, of, &asked)?;
    let pairs = asked.actions.iter().flat_map(|action| {
        asked
            .resources
            .iter()
            .map(move |resource| (*action, *resource))
    });
    let (pairs, rest) = page.cut_numbered(pairs);
    let mut results = Vec::with_capacity(pairs.len());
    for (action, resource) in pairs {
        results.push((action, resource, simulation.judge(action, resource)));
        // Others who call wait no longer than one evaluation takes.
        tokio::task::yield_now().await;
    }
    let mut members = Members::default();
    members.list(
        "EvaluationResults",
        &results,
        |member, (action, resource, explanation)| {
            member
                .text("EvalActionName", action)
                .text("EvalResourceName", resource)
                .text("EvalDecision", explanation.decision.as_str());
            simulation.details(member, resource, explanation);
            if !simulation.scps.is_empty() {
                let allowed = organization_allows(explanation);
                member.inner("OrganizationsDecisionDetail", |inner| {
                    inner.boolean("AllowedByOrganizations", allowed);
                });
            }
            if asked.resources_given {
                member.list("ResourceSpecificResults", [resource], |member, resource| {
                    member
                        .text("EvalResourceName", resource)
                        .text("EvalResourceDecision", explanation.decision.as_str());
                    simulation.details(member, resource, explanation);
                });
            }
        },
    );
    rest.write(&mut members);
    Ok(members)
}

/// `GetContextKeysFor…Policy`
pub(super) fn context_keys(call: &mut Call<'_>, of: Of) -> Answer {
    let known: &[&str] = match of {
        Of::Custom => &["PolicyInputList.*"],
        Of::Principal => &["PolicySourceArn", "PolicyInputList.*"],
    };
    fields::only(call.form, known)?;
    let given = input::policies(call.form, "PolicyInputList", policy::Kind::Identity)?;
    let mut sources = match of {
        Of::Custom => {
            input::some(&given, "PolicyInputList")?;
            call.authorize("*", None)?;
            Sources::default()
        }
        Of::Principal => source::principal(call)?.1,
    };
    sources.add_given("PolicyInputList", given);
    let mut keys = Vec::new();
    sources.context_keys(&mut keys);
    let mut members = Members::default();
    members.texts("ContextKeyNames", keys);
    Ok(members)
}

impl<'a> Simulation<'a> {
    fn prepare(call: &mut Call<'a>, of: Of, asked: &Asked<'_>) -> Result<Self, Error> {
        let form = call.form;
        let given = input::policies(form, "PolicyInputList", policy::Kind::Identity)?;
        let bounds = input::policies(
            form,
            "PermissionsBoundaryPolicyInputList",
            policy::Kind::Boundary,
        )?;
        let on_resource = input::resource_policy(form)?;
        let (account, directory) = (call.account()?, call.directory());
        let (mut identity, mut sources, mut boundary, scps) = match of {
            Of::Custom => {
                input::some(&given, "PolicyInputList")?;
                call.authorize("*", None)?;
                let nobody = source::nobody(call)?;
                (nobody, Sources::default(), None, &[][..])
            }
            Of::Principal => {
                let (entity, sources) = source::principal(call)?;
                let boundary = entity.boundary().map(|set| {
                    let mut bounds = Sources::default();
                    bounds.add_attached(entity.kind(), entity.name(), set);
                    bounds
                });
                let identity = source::identity(call, entity)?;
                (identity, sources, boundary, directory.scps(account))
            }
        };
        match source::caller(call)? {
            Some(caller) => identity = caller,
            // The resource policy must be able to name who asks.
            None if on_resource.is_some() && (of == Of::Custom || identity.user.is_none()) => {
                let message = "CallerArn is required when ResourcePolicy is given and the policies are not a user's";
                return Err(Error::invalid_input(message));
            }
            None => {}
        }
        sources.add_given("PolicyInputList", given);
        if !bounds.is_empty() {
            let mut replaced = Sources::default();
            replaced.add_given("PermissionsBoundaryPolicyInputList", bounds);
            boundary = Some(replaced);
        }
        let resource = on_resource.map(|policy| {
            let mut sources = Sources::default();
            sources.add_one("ResourcePolicy", policy);
            sources
        });
        let mut keys = Vec::new();
        for sources in [Some(&sources), boundary.as_ref(), resource.as_ref()]
            .into_iter()
            .flatten()
        {
            sources.context_keys(&mut keys);
        }
        Ok(Self {
            identity,
            sources,
            boundary,
            resource,
            scps,
            context: input::context(form)?,
            now: call.request.now,
            owner: asked.owner.unwrap_or(account),
            account,
            keys,
        })
    }

    fn judge(&self, action: &str, resource: &str) -> Explanation {
        let owner = self.owner_of(resource);
        let request = policy::Request {
            principal: &self.identity.principal,
            action,
            resource,
            resource_account: Some(owner.as_str()),
            context: self,
        };
        let identity: Vec<&PolicySet> = self.sources.sets().collect();
        let boundary = self.boundary.as_ref().map(Sources::joined);
        let on_resource: Vec<&PolicySet> = self.resource.iter().flat_map(Sources::sets).collect();
        let scps: Vec<&PolicySet> = self.scps.iter().collect();
        let layers = Layers {
            identity: &identity,
            boundary: boundary.as_ref(),
            scps: &scps,
            resource: &on_resource,
            ..Layers::default()
        };
        policy::explain(&request, &layers)
    }

    fn owner_of(&self, resource: &str) -> AccountId {
        let arn = Arn::parse(resource).ok();
        arn.and_then(|arn| arn.account_id()).unwrap_or(self.owner)
    }

    /// The statements that decided.
    fn matched(&self, explanation: &Explanation) -> Vec<Matched<'_>> {
        let mut found = Vec::new();
        for (layer, sources) in [
            (LayerKind::Identity, Some(&self.sources)),
            (LayerKind::Boundary, self.boundary.as_ref()),
            (LayerKind::Resource, self.resource.as_ref()),
        ] {
            // A boundary grants nothing.
            let counts =
                layer != LayerKind::Boundary || explanation.decision == Verdict::ExplicitDeny;
            if let Some(sources) = sources.filter(|_| counts) {
                for report in of_layer(explanation, layer) {
                    sources.matched(report, explanation.decision, &mut found);
                }
            }
        }
        found
    }

    /// What the result of a pair and that of its resource have in common.
    fn details(&self, member: &mut Members, resource: &str, explanation: &Explanation) {
        let matched = self.matched(explanation);
        member.list("MatchedStatements", matched, |member, matched| {
            matched.write(member);
        });
        let missing = self.keys.iter();
        let missing = missing.filter(|key| Context::get(self, &key.to_lowercase()).is_none());
        member.texts("MissingContextValues", missing);
        if self.boundary.is_some() {
            let mut reports = of_layer(explanation, LayerKind::Boundary);
            let allows = reports.all(|report| report.says == Says::Allow);
            member.inner("PermissionsBoundaryDecisionDetail", |inner| {
                inner.boolean("AllowedByPermissionsBoundary", allows);
            });
        }
        if resource != "*" {
            let mut entries = Vec::new();
            if self.owner_of(resource) != self.account {
                entries.push(("IAM Policy", says(explanation, LayerKind::Identity)));
                entries.push(("Resource Policy", says(explanation, LayerKind::Resource)));
            }
            member.map("EvalDecisionDetails", entries);
        }
    }
}

impl Context for Simulation<'_> {
    fn get(&self, key: &str) -> Option<Value<'_>> {
        if let Some(given) = self.context.get(key) {
            return Some(given);
        }
        of_every_request(self.now, key).or_else(|| of_identity(&self.identity, self.now, key))
    }
}

/// Whether the service control policies of every level allow it.
fn organization_allows(explanation: &Explanation) -> bool {
    let mut levels = of_layer(explanation, LayerKind::Scp);
    levels.all(|level| level.says == Says::Allow)
}

fn of_layer(explanation: &Explanation, layer: LayerKind) -> impl Iterator<Item = &LayerReport> {
    explanation
        .layers
        .iter()
        .filter(move |report| report.layer == layer)
}

/// What a kind of policy alone says.
fn says(explanation: &Explanation, layer: LayerKind) -> &'static str {
    let says: Vec<Says> = of_layer(explanation, layer)
        .map(|report| report.says)
        .collect();
    if says.contains(&Says::Deny) {
        Verdict::ExplicitDeny.as_str()
    } else if says.contains(&Says::Allow) {
        Verdict::Allowed.as_str()
    } else {
        Verdict::ImplicitDeny.as_str()
    }
}
