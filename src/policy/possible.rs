//! What can be decided at all, where part of the context is not known yet: which conditions a request must meet, and
//! which Denies it must not.
//!
//! Whether a condition on an open key holds is left open: once every Allow is given what it asks for and every Deny is
//! kept from applying (the best case), once the other way round. Both cases are ordinary policies, with those
//! conditions taken out or their statements emptied, judged by the ordinary engine. What is allowed in the best case is
//! taken back where the conditions that it rests on contradict each other, or a Deny waits for whatever they leave.

mod refused;
mod settled;
mod together;
mod ways;

use std::sync::Arc;

use serde::Serialize;

use super::action::{Actions, Folded};
use super::compile::{Policy, PolicySet};
use super::condition::Condition;
use super::condition::operator::{Quantifier, Test};
use super::decision::Verdict;
use super::document::{Document, Effect, Statement};
use super::evaluate;
use super::explain::{Explanation, LayerReport, StatementReport, explain};
use super::layers::{LayerKind, Layers, Request};
use super::principal::Principal;
use super::resource::Resources;
use super::variable::Template;

pub use refused::refused_by;
use together::{Asking, Together};
use ways::Both;
pub use ways::{Need, Way};

/// Whether a key, in lower case, is one that only the request brings.
pub type IsOpen<'o> = &'o dyn Fn(&str) -> bool;

/// Keys that every request has, whatever it brings: no Null on them is open. In lower case.
pub const ALWAYS: [&str; 4] = [
    "aws:currenttime",
    "aws:epochtime",
    "aws:securetransport",
    "aws:sourceip",
];

/// What can be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Possible {
    /// The decision in the best case.
    pub verdict: Verdict,
    /// The layer that decides then.
    pub layer: Option<LayerKind>,
    /// In a sentence: the statement that decides whatever the request brings; where it may be allowed under conditions
    /// alone, no one statement does, and none is named.
    pub words: String,
    /// If it can be allowed, and not whatever the request brings: the ways to it. One of them is enough.
    pub needs: Vec<Way>,
    /// If it can be allowed: the Denies that apply to it should their conditions hold.
    pub unless: Vec<Clause>,
}

/// A statement with what it asks of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Clause {
    /// Its layer.
    pub layer: LayerKind,
    /// Its policy.
    pub policy: String,
    /// Counted from 0.
    pub statement: usize,
    /// Its Sid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// What must hold, all of it.
    pub conditions: Vec<String>,
}

/// What is assumed of conditions on open keys.
#[derive(Clone, Copy)]
struct Case {
    allows_hold: bool,
    denies_hold: bool,
}

const BEST: Case = Case {
    allows_hold: true,
    denies_hold: false,
};
/// No request brings anything that an Allow asks for.
const PLAIN: Case = Case {
    allows_hold: false,
    denies_hold: false,
};
/// Every Deny gets what it asks for.
const FEARED: Case = Case {
    allows_hold: true,
    denies_hold: true,
};

/// Looks what can be decided.
pub fn possible(request: &Request<'_>, layers: &Layers<'_>, is_open: IsOpen<'_>) -> Possible {
    settled::settled(layers, request.context, is_open, |layers| {
        undecided(request, layers, is_open)
    })
}

/// The same, of layers whose conditions are open or settled, and none of them both.
fn undecided(request: &Request<'_>, layers: &Layers<'_>, is_open: IsOpen<'_>) -> Possible {
    let judge = |layers: &Layers<'_>| {
        let decision = evaluate(request, layers);
        (decision.verdict, decision.layer, decision.words(request))
    };
    let (verdict, layer, words) = assuming(layers, is_open, BEST, judge);
    let mut found = Possible {
        verdict,
        layer,
        words,
        needs: Vec::new(),
        unless: Vec::new(),
    };
    if verdict == Verdict::Allowed {
        let explained = |case| assuming(layers, is_open, case, |layers| explain(request, layers));
        let (best, plain, feared) = (explained(BEST), explained(PLAIN), explained(FEARED));
        let unless = unless(layers, &feared, is_open);
        let together = Together::beside(&unless, is_open);
        if plain.decision == Verdict::Allowed {
            // The best case may rest on another statement, with its conditions taken out.
            found.words = plain.reason.words;
        } else {
            found.words = under_conditions(request);
            let both = Both {
                layers,
                best: &best,
                plain: &plain,
            };
            found.needs = both.needs(request, is_open, &together);
        }
        let is_never = plain.decision != Verdict::Allowed && found.needs.is_empty();
        // Denies do not count for what needs no permission.
        let is_refusable = feared.decision == Verdict::ExplicitDeny;
        if is_never || (is_refusable && together.refuses_all()) {
            return never(request);
        }
        found.unless = unless.into_iter().map(|asking| asking.clause).collect();
    }
    found
}

/// What is asked for contradicts itself, or Denies refuse all that could be brought.
fn never(request: &Request<'_>) -> Possible {
    let name = request.principal.name();
    let (action, resource) = (request.action, request.resource);
    Possible {
        verdict: Verdict::ImplicitDeny,
        layer: None,
        words: format!(
            "{name} may not {action} on {resource}: no request meets all that its policies ask for together"
        ),
        needs: Vec::new(),
        unless: Vec::new(),
    }
}

fn under_conditions(request: &Request<'_>) -> String {
    let name = request.principal.name();
    let (action, resource) = (request.action, request.resource);
    format!("{name} may {action} on {resource} under conditions")
}

/// Hands over the layers as they are in a case.
fn assuming<R>(
    layers: &Layers<'_>,
    is_open: IsOpen<'_>,
    case: Case,
    then: impl FnOnce(&Layers<'_>) -> R,
) -> R {
    let one = |set: &PolicySet| -> PolicySet {
        if !set.context_keys().iter().any(|key| is_open(key)) {
            return set.clone();
        }
        changed(set, |statement| {
            let holds = match statement.effect {
                Effect::Allow => case.allows_hold,
                Effect::Deny => case.denies_hold,
            };
            assumed(statement, is_open, holds)
        })
    };
    each_set(layers, one, then)
}

/// Hands over the layers with each set exchanged.
fn each_set<R>(
    layers: &Layers<'_>,
    one: impl Fn(&PolicySet) -> PolicySet,
    then: impl FnOnce(&Layers<'_>) -> R,
) -> R {
    let all = |sets: &[&PolicySet]| -> Vec<PolicySet> { sets.iter().map(|set| one(set)).collect() };
    let (identity, scps, rcps, resource) = (
        all(layers.identity),
        all(layers.scps),
        all(layers.rcps),
        all(layers.resource),
    );
    let boundary = layers.boundary.map(&one);
    let session = layers.session.map(&one);
    then(&Layers {
        identity: &refs(&identity),
        boundary: boundary.as_ref(),
        session: session.as_ref(),
        scps: &refs(&scps),
        rcps: &refs(&rcps),
        resource: &refs(&resource),
        resource_kind: layers.resource_kind,
    })
}

fn refs(sets: &[PolicySet]) -> Vec<&PolicySet> {
    sets.iter().collect()
}

/// The set with some statements exchanged; each keeps its place.
fn changed(set: &PolicySet, change: impl Fn(&Statement) -> Option<Statement>) -> PolicySet {
    let policies = set.policies().iter().map(|policy| {
        let document = policy.document();
        let changes: Vec<Option<Statement>> = document.statements.iter().map(&change).collect();
        if changes.iter().all(Option::is_none) {
            return Arc::clone(policy);
        }
        let statements = changes.into_iter().zip(&*document.statements);
        let statements: Vec<Statement> = statements
            .map(|(changed, statement)| changed.unwrap_or_else(|| statement.clone()))
            .collect();
        let document = Document {
            statements: statements.into(),
            ..document.clone()
        };
        Arc::new(Policy::compile(&document, policy.name()))
    });
    PolicySet::new(policies.collect())
}

/// A statement that applies to nothing.
fn emptied(statement: &Statement) -> Statement {
    Statement {
        actions: Actions {
            negated: false,
            patterns: Box::default(),
        },
        ..statement.clone()
    }
}

fn is_open_condition(condition: &Condition, is_open: IsOpen<'_>) -> bool {
    let is_settled = condition.operator.test == Test::Null && ALWAYS.contains(&&*condition.key);
    !is_settled && condition.keys().any(is_open)
}

fn is_open_pattern(pattern: &Template, is_open: IsOpen<'_>) -> bool {
    pattern.keys().any(is_open)
}

/// The statement as it is if what it asks of open keys holds, or does not; `None` if it asks nothing of them.
fn assumed(statement: &Statement, is_open: IsOpen<'_>, holds: bool) -> Option<Statement> {
    let conditional = (statement.conditions.iter()).any(|found| is_open_condition(found, is_open));
    let variable = statement.resources.as_ref().is_some_and(|resources| {
        (resources.patterns.iter()).any(|pattern| is_open_pattern(pattern, is_open))
    });
    if !conditional && !variable {
        return None;
    }
    if conditional && !holds {
        return Some(emptied(statement));
    }
    let mut statement = statement.clone();
    let conditions = statement.conditions.iter();
    statement.conditions = conditions
        .filter(|found| !is_open_condition(found, is_open))
        .cloned()
        .collect();
    statement.resources = statement.resources.map(|resources| {
        let widen = holds != resources.negated;
        let patterns = resources.patterns.iter().filter_map(|pattern| {
            if !is_open_pattern(pattern, is_open) {
                Some(pattern.clone())
            } else if widen {
                Some(pattern.widened())
            } else {
                None
            }
        });
        Resources {
            negated: resources.negated,
            patterns: patterns.collect(),
        }
    });
    Some(statement)
}

/// What a statement asks of open keys.
fn asked(statement: &Statement, is_open: IsOpen<'_>) -> Vec<String> {
    let conditions = statement.conditions.iter();
    let conditions = conditions
        .filter(|found| is_open_condition(found, is_open))
        .map(|found| {
            let texts: Vec<&str> = found.texts.iter().map(|text| &**text).collect();
            let is_for_all = found.operator.quantifier == Some(Quantifier::ForAll)
                && found.operator.test != Test::Null;
            format!(
                "{} {}: {}{}",
                found.operator.name,
                found.name,
                texts.join(", "),
                if is_for_all { " (or no such key)" } else { "" }
            )
        });
    let resources = statement.resources.iter().flat_map(|resources| {
        let element = if resources.negated {
            "NotResource"
        } else {
            "Resource"
        };
        let open = resources.patterns.iter();
        open.filter(|pattern| is_open_pattern(pattern, is_open))
            .map(move |pattern| format!("{element}: {}", pattern.source()))
    });
    conditions.chain(resources).collect()
}

/// The policies of a layer or level, in the order in which an explanation has them.
fn policies<'l>(layers: &Layers<'l>, report: &LayerReport) -> Vec<&'l Arc<Policy>> {
    let level = |sets: &[&'l PolicySet]| -> Vec<&'l PolicySet> {
        let level = report.level.unwrap_or_default();
        sets.get(level).copied().into_iter().collect()
    };
    let sets: Vec<&PolicySet> = match report.layer {
        LayerKind::Identity => layers.identity.to_vec(),
        LayerKind::Boundary => layers.boundary.into_iter().collect(),
        LayerKind::Session => layers.session.into_iter().collect(),
        LayerKind::Scp => level(layers.scps),
        LayerKind::Rcp => level(layers.rcps),
        LayerKind::Resource | LayerKind::Trust => layers.resource.to_vec(),
    };
    sets.into_iter().flat_map(PolicySet::policies).collect()
}

/// The statements of a layer that apply, are `wanted` and ask for something.
fn clauses<'l>(
    layers: &Layers<'l>,
    report: &LayerReport,
    wanted: &dyn Fn(&StatementReport) -> bool,
    is_open: IsOpen<'_>,
    found: &mut Vec<Asking<'l>>,
) {
    for (policy, told) in policies(layers, report).into_iter().zip(&report.policies) {
        for (statement, told) in policy.statements().iter().zip(&told.statements) {
            let conditions = asked(statement, is_open);
            if told.applies && wanted(told) && !conditions.is_empty() {
                let clause = Clause {
                    layer: report.layer,
                    policy: policy.name().to_owned(),
                    statement: told.statement,
                    sid: told.sid.clone(),
                    conditions,
                };
                found.push(Asking::new(clause, statement));
            }
        }
    }
}

fn unless<'l>(layers: &Layers<'l>, feared: &Explanation, is_open: IsOpen<'_>) -> Vec<Asking<'l>> {
    let mut found = Vec::new();
    for report in &feared.layers {
        let denies = |statement: &StatementReport| statement.effect == Effect::Deny;
        clauses(layers, report, &denies, is_open, &mut found);
    }
    found
}

/// The principals that Allows of a resource's policies name, each once, in the order of the policies; everyone stands
/// for the anonymous requester.
pub fn named(sets: &[&PolicySet], partition: &str) -> Vec<Principal> {
    let mut found = Vec::new();
    let statements = sets
        .iter()
        .flat_map(|set| set.policies())
        .flat_map(|policy| policy.statements())
        .filter(|statement| statement.effect == Effect::Allow);
    for statement in statements {
        let names = statement
            .principal
            .iter()
            .flat_map(|element| &element.names);
        for principal in names.filter_map(|name| name.principal(partition)) {
            if !found.contains(&principal) {
                found.push(principal);
            }
        }
    }
    found
}

/// Whether an Allow of a set is about the action.
pub fn allows_action(set: &PolicySet, action: &str) -> bool {
    is_about(set, action, Effect::Allow)
}

/// Whether a Deny of a set is about the action.
pub fn denies_action(set: &PolicySet, action: &str) -> bool {
    is_about(set, action, Effect::Deny)
}

fn is_about(set: &PolicySet, action: &str, effect: Effect) -> bool {
    let action = Folded::new(action);
    let mut statements = set.policies().iter().flat_map(|policy| policy.statements());
    statements
        .any(|statement| statement.effect == effect && statement.actions.cover(action.as_str()))
}

/// Whether a condition on one of the keys, in lower case, compares it with a text that is not `known`.
pub fn compares(sets: &[&PolicySet], keys: &[&str], known: &dyn Fn(&str) -> bool) -> bool {
    let statements =
        (sets.iter().flat_map(|set| set.policies())).flat_map(|policy| policy.statements());
    let mut conditions = statements.flat_map(|statement| &statement.conditions);
    conditions.any(|condition| {
        keys.contains(&&*condition.key) && !condition.texts.iter().all(|text| known(text))
    })
}

/// Whether a condition asks for one of the keys, in lower case.
pub fn asks(sets: &[&PolicySet], keys: &[&str]) -> bool {
    let asked = sets.iter().flat_map(|set| set.context_keys());
    asked.into_iter().any(|key| keys.contains(&&**key))
}

/// Why a root user does not assume a role that the policies would let it assume.
///
/// The engine adds up policies, and by the rule book's table a trust policy that names the account lets its root user in.
/// That root users assume no role all the same is no policy's word: the STS refuses them before it asks (AWS STS API
/// reference, AssumeRole).
pub fn root_assumes_no_role(root: &str, resource: &str) -> String {
    format!(
        "{root} may not sts:AssumeRole on {resource}: no root user assumes a role, whatever policies say"
    )
}
