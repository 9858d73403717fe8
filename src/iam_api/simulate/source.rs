//! Where simulated policies come from, and who is simulated.

use std::sync::Arc;

use crate::arn::Arn;
use crate::authn::{Identity, named};
use crate::policy::explain::LayerReport;
use crate::policy::{Effect, Policy, PolicySet, Principal, Verdict};
use crate::query_api::error::Error;
use crate::query_api::xml::Members;
use crate::source::Span;

use crate::iam_api::Call;
use crate::iam_api::document::{ContextKeys, Text};
use crate::iam_api::entity::{Entity, Kind};
use crate::iam_api::parameters::{CALLER_ARN, POLICY_SOURCE_ARN};
use crate::iam_api::view;

use super::Of;

/// Policies that apply together, with what results call each of them. Their order is that of an explanation.
#[derive(Debug, Default)]
pub(super) struct Sources {
    sets: Vec<PolicySet>,
    all: Vec<Source>,
    keys: ContextKeys,
}

#[derive(Debug)]
struct Source {
    id: String,
    spans: Vec<Span>,
}

/// A statement that decided.
#[derive(Debug)]
pub(super) struct Matched<'s> {
    id: &'s str,
    span: Span,
}

impl Sources {
    /// Policies of somebody: managed ones go by their names, inline ones by whose they are.
    pub(super) fn add_attached(&mut self, kind: Kind, name: &str, set: &PolicySet) {
        for policy in set.policies() {
            let id = match policy.name().strip_prefix("inline:") {
                Some(inline) => format!("{}_{name}_{inline}", kind.word()),
                None => view::name_of(policy.name()).to_owned(),
            };
            self.note(id, policy);
        }
        self.sets.push(set.clone());
    }

    /// Policies that came with the call.
    pub(super) fn add_given(&mut self, parameter: &str, policies: Vec<Arc<Policy>>) {
        for (policy, number) in policies.iter().zip(1..) {
            self.note(format!("{parameter}.{number}"), policy);
        }
        self.sets.push(PolicySet::for_once(policies));
    }

    pub(super) fn add_one(&mut self, id: &str, policy: Arc<Policy>) {
        self.note(id.to_owned(), &policy);
        self.sets.push(PolicySet::for_once(vec![policy]));
    }

    fn note(&mut self, id: String, policy: &Policy) {
        let text = Text::read(policy.text());
        if let Some(text) = &text {
            text.context_keys(&mut self.keys);
        }
        let spans = text.map(|text| text.spans()).unwrap_or_default();
        self.all.push(Source { id, spans });
    }

    pub(super) fn sets(&self) -> impl Iterator<Item = &PolicySet> {
        self.sets.iter()
    }

    /// All of them as one set.
    pub(super) fn joined(&self) -> PolicySet {
        let all = self.sets.iter().flat_map(PolicySet::policies);
        PolicySet::for_once(all.cloned().collect())
    }

    pub(super) fn context_keys(&self, keys: &mut ContextKeys) {
        keys.extend(&self.keys);
    }

    /// How much there is to read.
    pub(super) fn bytes(&self) -> usize {
        self.sets.iter().map(bytes).sum()
    }

    /// The statements of a layer that made a decision what it is; an implicit denial is made by none.
    pub(super) fn matched<'s>(
        &'s self,
        report: &LayerReport,
        decision: Verdict,
        found: &mut Vec<Matched<'s>>,
    ) {
        let effect = match decision {
            Verdict::Allowed => Effect::Allow,
            Verdict::ExplicitDeny => Effect::Deny,
            Verdict::ImplicitDeny => return,
        };
        for (policy, source) in report.policies.iter().zip(&self.all) {
            let statements = policy.statements.iter();
            let applying = statements.filter(|said| said.applies && said.effect == effect);
            found.extend(applying.map(|said| {
                Matched {
                    id: &source.id,
                    span: source
                        .spans
                        .get(said.statement)
                        .copied()
                        .unwrap_or_default(),
                }
            }));
        }
    }
}

impl Matched<'_> {
    pub(super) fn write(&self, member: &mut Members) {
        member
            .text("SourcePolicyId", self.id)
            .text("SourcePolicyType", "IAM Policy");
        for (name, at) in [
            ("StartPosition", self.span.start),
            ("EndPosition", self.span.end),
        ] {
            member.inner(name, |inner| {
                inner
                    .text("Line", &at.line.to_string())
                    .text("Column", &at.column.to_string());
            });
        }
    }
}

/// How much policies are to read.
pub(super) fn bytes(set: &PolicySet) -> usize {
    let all = set.policies().iter();
    all.map(|policy| policy.text().len()).sum()
}

/// The user, group or role that is simulated, and its policies.
pub(super) fn principal<'a>(call: &mut Call<'a>) -> Result<(Entity<'a>, Sources), Error> {
    let arn = POLICY_SOURCE_ARN.required(call.form)?;
    let parsed = Arn::parse(arn).ok().filter(|parsed| {
        let kinds = ["user/", "group/", "role/"];
        parsed.service() == "iam" && kinds.iter().any(|kind| parsed.resource().starts_with(kind))
    });
    if parsed.is_none() {
        return Err(Error::invalid_input(format!(
            "Invalid Entity Arn: {} does not clearly define entity type and name.",
            arn.escape_debug()
        )));
    }
    let found = call.entity_by_arn(arn)?;
    call.authorize(arn, found.and_then(Entity::tags))?;
    let Some(entity) = found else {
        let message = format!("The entity {arn} cannot be found.");
        return Err(Error::no_such_entity(message));
    };
    let mut sources = Sources::default();
    sources.add_attached(entity.kind(), entity.name(), entity.policies());
    if let Entity::User(user) = entity {
        for group in &user.groups {
            sources.add_attached(Kind::Group, &group.name, &group.policies);
        }
    }
    Ok((entity, sources))
}

/// As whom a user, group or role acts in a simulation; a group as nobody in particular.
pub(super) fn identity(call: &Call<'_>, entity: Entity<'_>) -> Result<Identity, Error> {
    match entity {
        Entity::Group(_) => nobody(call),
        Entity::User(_) | Entity::Role(_) => {
            named(entity.arn(), None, call.directory()).map_err(|_| Error::internal())
        }
    }
}

/// Some user of the caller's account of whom nothing is known.
pub(super) fn nobody(call: &Call<'_>) -> Result<Identity, Error> {
    stranger(call, &call.arn("user/simulated")?)
}

fn stranger(call: &Call<'_>, arn: &str) -> Result<Identity, Error> {
    let account = Arn::parse(arn).ok().and_then(|arn| arn.account_id());
    let account = account.map_or_else(|| call.account(), Ok)?;
    let mut identity = Identity::anonymous();
    identity.principal = Principal::User {
        account: account.as_str().into(),
        arn: arn.into(),
    };
    Ok(identity)
}

/// Who calls in the simulation: as in AWS, only a user can.
///
/// To what the ARN itself says the bundle adds something only if the caller may simulate that user: else whoever may
/// simulate would read everybody's tags, one question at a time. Of users in other accounts nothing is told.
pub(super) fn caller(call: &mut Call<'_>, of: Of) -> Result<Option<Identity>, Error> {
    let Some(arn) = CALLER_ARN.optional(call.form)? else {
        return Ok(None);
    };
    let parsed = Arn::parse(arn).ok();
    let user = parsed.as_ref().filter(|parsed| {
        parsed.service() == "iam"
            && parsed.account_id().is_some()
            && parsed.resource().starts_with("user/")
    });
    let Some(user) = user else {
        return Err(Error::invalid_input(format!(
            "CallerArn {} is not the ARN of an IAM user",
            arn.escape_debug()
        )));
    };
    let own = user.account_id() == Some(call.account()?);
    if of == Of::Principal && own {
        let found = call.entity_by_arn(arn)?;
        // What the record is about stays the principal whose policies are simulated.
        let about = call.seen.resource.clone();
        call.authorize(arn, found.and_then(Entity::tags))?;
        call.seen.resource = about;
        if let Some(entity) = found {
            return identity(call, entity).map(Some);
        }
    }
    let mut identity = stranger(call, arn)?;
    identity.user_name = Some(view::name_of(user.resource()).into());
    Ok(Some(identity))
}
