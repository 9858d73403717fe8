//! SimulateCustomPolicy, SimulatePrincipalPolicy, and the context keys that the same policies read.
//!
//! As in AWS, a simulation knows what is passed to it: identity-based policies, those of the principal or given ones, a
//! permissions boundary, one resource policy, context entries; of a principal also the service control policies of its
//! account. The resource policies and RCPs of the bundle count for `sidegate simulate`, not here. Context keys that say
//! who asks and what time it is are known; everything else that policies read and nobody gave is named as missing.
//!
//! One call costs a bounded time and a bounded room: a page ends early, as pages may, where the answer or the work is
//! enough, each pair is written as it is judged, and few calls are judged at once.

mod input;
mod source;

use tokio::sync::Semaphore;

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

use super::document::ContextKeys;
use super::page::{self, MOST_BYTES, Page, Rest};
use super::{Answer, Call};
use input::Asked;
use source::{Matched, Sources};

/// More pairs of an action and a resource no one reads through.
const MAX_PAIRS: usize = 10_000;

/// How many bytes of policies are read for one page: a thousand pairs of all that a principal usually has.
const MOST_READ: usize = 16 * 1024 * 1024;
/// More no pair's variables stand for: each is written out where it stands.
const MOST_WRITTEN_OUT: usize = 1024 * 1024;
/// Values of context keys are compared with what policies say: each of these makes the policies be read once more.
const VALUES_A_READING: usize = 1024;

/// Judged at once: others wait for their turn, and hold no more than their parameters meanwhile.
static TURNS: Semaphore = Semaphore::const_new(2);

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
    /// Context keys that policies read and nobody gave, as written.
    missing: Vec<String>,
    /// How much is read for one pair.
    reads: usize,
}

/// `Simulate…Policy`
pub(super) async fn run(call: &mut Call<'_>, of: Of) -> Answer {
    fields::only(
        call.form,
        &[input::parameters(of), &page::PARAMETERS].concat(),
    )?;
    let page = Page::read(call.form)?;
    let asked = Asked::read(call.form)?;
    let _turn = TURNS.acquire().await.map_err(|_| Error::internal())?;
    let simulation = Simulation::prepare(call, of, &asked)?;
    let (results, rest) = simulation.page(&page, &asked).await?;
    let mut members = Members::default();
    members.whole("EvaluationResults", &results);
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
    // Who may not ask has nothing read.
    let mut sources = match of {
        Of::Custom => {
            call.authorize("*", None)?;
            Sources::default()
        }
        Of::Principal => source::principal(call)?.1,
    };
    let given = input::policies(call.form, "PolicyInputList", policy::Kind::Identity)?;
    if of == Of::Custom {
        input::some(&given, "PolicyInputList")?;
    }
    sources.add_given("PolicyInputList", given);
    let mut keys = ContextKeys::default();
    sources.context_keys(&mut keys);
    let mut members = Members::default();
    members.texts("ContextKeyNames", keys.iter());
    Ok(members)
}

impl<'a> Simulation<'a> {
    fn prepare(call: &mut Call<'a>, of: Of, asked: &Asked<'_>) -> Result<Self, Error> {
        let form = call.form;
        let (account, directory) = (call.account()?, call.directory());
        let (mut identity, mut sources, mut boundary, scps) = match of {
            Of::Custom => {
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
        let given = input::policies(form, "PolicyInputList", policy::Kind::Identity)?;
        if of == Of::Custom {
            input::some(&given, "PolicyInputList")?;
        }
        let bounds = input::policies(
            form,
            "PermissionsBoundaryPolicyInputList",
            policy::Kind::Boundary,
        )?;
        let on_resource = input::resource_policy(form)?;
        match source::caller(call, of)? {
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
        let mut keys = ContextKeys::default();
        let mut reads = scps.iter().map(source::bytes).sum::<usize>();
        for sources in [Some(&sources), boundary.as_ref(), resource.as_ref()]
            .into_iter()
            .flatten()
        {
            sources.context_keys(&mut keys);
            reads = reads.saturating_add(sources.bytes());
        }
        let (context, values) = input::context(form)?;
        // Of what is not given, tags are the longest, but for the ARN of who asks.
        let who = identity.principal.name().len().max(256);
        let longest = values.min(input::MAX_VALUE).max(who);
        if keys.variables().saturating_mul(longest) > MOST_WRITTEN_OUT {
            let message = "what the variables of the policies stand for may be more than 1 MiB: simulate fewer policies at once, or shorter values";
            return Err(Error::invalid_input(message));
        }
        let times = values.checked_div(VALUES_A_READING).unwrap_or_default();
        let mut simulation = Self {
            identity,
            sources,
            boundary,
            resource,
            scps,
            context,
            now: call.request.now,
            owner: asked.owner.unwrap_or(account),
            account,
            missing: Vec::new(),
            reads: reads.saturating_mul(times.saturating_add(1)),
        };
        let missing = keys.iter();
        let missing = missing.filter(|key| simulation.get(&key.to_lowercase()).is_none());
        simulation.missing = missing.cloned().collect();
        Ok(simulation)
    }

    /// The results of a page: as many pairs as fit and can be judged, one at least.
    async fn page(&self, page: &Page, asked: &Asked<'_>) -> Result<(Members, Rest), Error> {
        let count = asked.actions.len().saturating_mul(asked.resources.len());
        let pairs = asked.actions.iter().flat_map(|action| {
            let resources = asked.resources.iter();
            resources.map(move |resource| (*action, *resource))
        });
        let most = MOST_READ
            .checked_div(self.reads)
            .unwrap_or(MAX_PAIRS)
            .max(1);
        let mut results = Members::default();
        let mut last = None;
        for (at, (action, resource)) in page.numbered(pairs).take(most) {
            let before = results.bytes();
            results.inner("member", |member| {
                self.result(member, action, resource, asked.resources_given);
            });
            if results.bytes().saturating_sub(before) > MOST_BYTES {
                let message = "the statements and context keys of one result are more than 1 MiB: simulate fewer policies at once";
                return Err(Error::invalid_input(message));
            }
            last = Some(at);
            if results.bytes() >= MOST_BYTES {
                break;
            }
            // Others who call wait no longer than one evaluation takes.
            tokio::task::yield_now().await;
        }
        let rest = match last {
            Some(at) if at.saturating_add(1) < count => Rest::behind(at),
            _ => Rest::default(),
        };
        Ok((results, rest))
    }

    /// What is told of one pair.
    fn result(&self, member: &mut Members, action: &str, resource: &str, given: bool) {
        let explanation = self.judge(action, resource);
        member
            .text("EvalActionName", action)
            .text("EvalResourceName", resource)
            .text("EvalDecision", explanation.decision.as_str());
        self.details(member, resource, &explanation);
        if !self.scps.is_empty() {
            let allowed = organization_allows(&explanation);
            member.inner("OrganizationsDecisionDetail", |inner| {
                inner.boolean("AllowedByOrganizations", allowed);
            });
        }
        if given {
            member.list("ResourceSpecificResults", [resource], |member, resource| {
                member
                    .text("EvalResourceName", resource)
                    .text("EvalResourceDecision", explanation.decision.as_str());
                self.details(member, resource, &explanation);
            });
        }
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
        policy::outline(&request, &layers)
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
        member.texts("MissingContextValues", &self.missing);
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
