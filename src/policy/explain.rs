//! Why: the same decision, layer by layer and statement by statement, and the nearest allow with what it lacks.
//!
//! Reads every statement of every layer that acts (no index), asks each the same questions as
//! [`evaluate`](super::evaluate()) does, and adds the layers up by the same table; property tests hold the two
//! together. Allocates freely: for people, records of refusals and tools, not for the hot path.

mod judge;
mod nearest;
mod table;

use serde::Serialize;

use super::action::Folded;
use super::compile::PolicySet;
use super::decision::{Conclusion, Decision, Findings, Verdict, conclude, needs_no_permission};
use super::document::Effect;
use super::layers::{Acting, LayerKind, Layers, Request};
use super::principal::element::Grants;
use super::statement::Ask;
use nearest::Refused;

/// A decision and how it came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The answer.
    pub decision: Verdict,
    /// The statement that decided, or the layer whose allow is missing.
    pub reason: Reason,
    /// The requester.
    pub principal: String,
    /// The action asked for.
    pub action: String,
    /// The resource.
    pub resource: String,
    /// Every layer that acts, in the order in which IAM's documentation tells them.
    pub layers: Vec<LayerReport>,
    /// For a denial: the allow that came nearest, the first of `missing` that has one. Behind an explicit deny it may
    /// lack nothing, and a root user of the resource's account needs none: then that deny alone stands against it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Nearest>,
    /// For a denial: of all ways to an allow the one that lacks least, layer by layer; what an explicit deny refuses
    /// is missing nothing where it would else be allowed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// The layer that decided, or whose allow is missing.
    pub layer: LayerKind,
    /// The policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Its statement, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<usize>,
    /// The statement's Sid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The same in a sentence.
    pub words: String,
}

/// One layer; of SCPs and RCPs, one level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerReport {
    /// Which.
    pub layer: LayerKind,
    /// For SCPs and RCPs: the level, counted from 0 at the root of the organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<usize>,
    /// What it says.
    pub says: Says,
    /// Its policies.
    pub policies: Vec<PolicyReport>,
}

/// What a layer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Says {
    /// A statement allows.
    Allow,
    /// A statement denies.
    Deny,
    /// Nothing.
    Silent,
}

/// One policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyReport {
    /// Its name.
    pub policy: String,
    /// Its statements.
    pub statements: Vec<StatementReport>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatementReport {
    /// Counted from 0.
    pub statement: usize,
    /// Its Sid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Its effect.
    pub effect: Effect,
    /// Whether it applies.
    pub applies: bool,
    /// How a resource-side Allow that applies names the requester: `self`, `parent`, `everyone`, `account`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grants: Option<Vec<&'static str>>,
    /// The elements that failed, in the order of the statement.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Mismatch>,
    /// Conditions with a request value that does not parse: they hold in a Deny and fail in an Allow.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

impl StatementReport {
    /// The grants of a resource-side Allow.
    pub(crate) fn ways(&self) -> Grants {
        judge::grants_of(self)
    }
}

/// An element that did not match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mismatch {
    /// `Principal`, `Action`, `Resource`, or `Condition StringEquals aws:username`.
    pub element: String,
    /// What the policy asks for.
    pub expected: String,
    /// What the request has.
    pub actual: String,
}

/// A layer, or a level of one, whose allow is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// Which.
    pub layer: LayerKind,
    /// For SCPs: the level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<usize>,
    /// Its allow that came nearest; `None`: nothing in it is about the action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Nearest>,
}

/// The allow that came nearest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Nearest {
    /// The layer whose allow is missing.
    pub layer: LayerKind,
    /// For SCPs: the level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<usize>,
    /// The policy.
    pub policy: String,
    /// Its statement, counted from 0.
    pub statement: usize,
    /// The statement's Sid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// What it lacks.
    pub lacks: Vec<Mismatch>,
}

/// Decides as [`evaluate`](super::evaluate()) does, and says how.
///
/// ```
/// use std::sync::Arc;
/// use sidegate::policy::{self, Kind, Layers, Policy, PolicySet, Principal, Request, context::Map};
///
/// let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "orders:GetOrder", "Resource": "*",
///     "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}}"#;
/// let document = policy::parse(text, Kind::Identity, "orders.json").unwrap();
/// let policies = PolicySet::new(vec![Arc::new(Policy::compile(&document, "inline:orders"))]);
/// let principal = Principal::User {
///     account: "555566667777".into(),
///     arn: "arn:aws:iam::555566667777:user/ann".into(),
/// };
/// let request = Request {
///     principal: &principal,
///     action: "orders:GetOrder",
///     resource: "*",
///     resource_account: None,
///     context: &Map::new(),
/// };
/// let explanation = policy::explain(&request, &Layers { identity: &[&policies], ..Layers::default() });
/// let nearest = explanation.nearest.unwrap();
/// assert_eq!(nearest.lacks[0].element, "Condition Bool aws:MultiFactorAuthPresent");
/// assert_eq!(nearest.lacks[0].actual, "no such key");
/// ```
pub fn explain(request: &Request<'_>, layers: &Layers<'_>) -> Explanation {
    told(request, layers, Detail::Whole)
}

/// The same without what failed, what is missing and what came nearest: which statements apply, and what each layer says.
/// What it holds is no larger than the policies are, whatever the context's values.
pub fn outline(request: &Request<'_>, layers: &Layers<'_>) -> Explanation {
    told(request, layers, Detail::Outline)
}

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    Whole,
    Outline,
}

fn told(request: &Request<'_>, layers: &Layers<'_>, detail: Detail) -> Explanation {
    let action = Folded::new(request.action);
    let acting = Acting::on(request.principal, layers);
    let ask = Ask {
        principal: request.principal,
        action: action.as_str(),
        resource: request.resource,
        context: request.context,
        bounded: acting.boundary.is_some(),
    };
    let reports = report_layers(request, &ask, &acting, detail);
    let findings = findings(&reports, &acting);
    let denied = reports
        .iter()
        .find(|report| report.says == Says::Deny)
        .map(|report| report.layer);
    let session_passed = acting.session.is_some();
    let undenied = conclude(request, layers.resource_kind, findings, session_passed);
    let (decision, layer, basis) = if needs_no_permission(request) {
        (Verdict::Allowed, LayerKind::Identity, Basis::Nothing)
    } else if let Some(layer) = denied {
        (Verdict::ExplicitDeny, layer, Basis::Deny)
    } else {
        match allowing(undenied, acting.resource_layer) {
            Ok((layer, basis)) => (Verdict::Allowed, layer, basis),
            Err(layer) => (Verdict::ImplicitDeny, layer, Basis::Nothing),
        }
    };
    let refused = Refused {
        request,
        kind: layers.resource_kind,
        reports: &reports,
        findings,
        session_passed,
        resource_layer: acting.resource_layer,
    };
    let (nearest, missing) = match (decision, allowing(undenied, acting.resource_layer)) {
        (Verdict::Allowed, _) => (None, Vec::new()),
        _ if detail == Detail::Outline => (None, Vec::new()),
        (_, Ok((layer, basis))) => {
            let nearest = nearest::complete(&reports, layer, basis, acting.resource_layer);
            (nearest, Vec::new())
        }
        (_, Err(_)) => {
            let missing = refused.missing();
            let nearest = missing.iter().find_map(|missing| missing.nearest.clone());
            (nearest, missing)
        }
    };
    Explanation {
        decision,
        reason: reason(request, decision, layer, basis, &reports),
        principal: request.principal.name().to_owned(),
        action: request.action.to_owned(),
        resource: request.resource.to_owned(),
        layers: reports,
        nearest,
        missing,
    }
}

/// Which statement of the deciding layer decided.
#[derive(Clone, Copy)]
enum Basis {
    Deny,
    Allow,
    Grant(Grants),
    Nothing,
}

/// What allows, if no deny stands against it; or the first layer whose allow is missing.
fn allowing(
    conclusion: Conclusion,
    resource_layer: LayerKind,
) -> Result<(LayerKind, Basis), LayerKind> {
    match conclusion {
        Conclusion::ByIdentity => Ok((LayerKind::Identity, Basis::Allow)),
        Conclusion::ByResource(grants) => Ok((resource_layer, Basis::Grant(grants))),
        Conclusion::Missing(layer) => Err(layer),
    }
}

/// The first statement of a layer that decides.
fn deciding(
    reports: &[LayerReport],
    layer: LayerKind,
    basis: Basis,
) -> Option<(&PolicyReport, &StatementReport)> {
    let decides = |statement: &StatementReport| {
        statement.applies
            && match basis {
                Basis::Deny => statement.effect == Effect::Deny,
                Basis::Allow => statement.effect == Effect::Allow,
                Basis::Grant(grants) => {
                    statement.effect == Effect::Allow && judge::grants_of(statement).has(grants)
                }
                Basis::Nothing => false,
            }
    };
    reports
        .iter()
        .filter(|report| report.layer == layer)
        .flat_map(|report| &report.policies)
        .find_map(|policy| {
            let mut statements = policy.statements.iter();
            Some((policy, statements.find(|statement| decides(statement))?))
        })
}

/// Reports in the order in which [`evaluate`](super::evaluate()) looks for denies, so that both name the same one.
fn report_layers(
    request: &Request<'_>,
    ask: &Ask<'_>,
    acting: &Acting<'_>,
    detail: Detail,
) -> Vec<LayerReport> {
    let asked = (request, ask, detail);
    let mut reports = Vec::new();
    for (level, set) in acting.scps.iter().enumerate() {
        reports.push(judge::layer(asked, LayerKind::Scp, Some(level), &[set]));
    }
    for (level, set) in acting.rcps.iter().enumerate() {
        reports.push(judge::layer(asked, LayerKind::Rcp, Some(level), &[set]));
    }
    let mut add = |kind, sets: &[&PolicySet]| {
        if !sets.is_empty() {
            reports.push(judge::layer(asked, kind, None, sets));
        }
    };
    add(acting.resource_layer, acting.resource);
    add(LayerKind::Identity, acting.identity);
    add(LayerKind::Boundary, acting.boundary.as_slice());
    add(LayerKind::Session, acting.session.as_slice());
    reports
}

fn findings(reports: &[LayerReport], acting: &Acting<'_>) -> Findings {
    let allows = |kind| {
        reports
            .iter()
            .filter(|report| report.layer == kind)
            .all(judge::allows)
    };
    let grants = reports
        .iter()
        .filter(|report| report.layer == acting.resource_layer)
        .flat_map(judge::grants)
        .fold(Grants::NONE, Grants::with);
    let has_identity = reports
        .iter()
        .any(|report| report.layer == LayerKind::Identity);
    Findings {
        identity: has_identity && allows(LayerKind::Identity),
        boundary: allows(LayerKind::Boundary),
        session: allows(LayerKind::Session),
        scps: allows(LayerKind::Scp),
        grants,
    }
}

fn reason(
    request: &Request<'_>,
    decision: Verdict,
    layer: LayerKind,
    basis: Basis,
    reports: &[LayerReport],
) -> Reason {
    let found = deciding(reports, layer, basis);
    let statement = found.map(|(_, statement)| statement);
    let words = Decision {
        verdict: decision,
        layer: Some(layer),
        policy: found.map(|(policy, _)| &*policy.policy),
        kept_name: None,
        statement: statement.map(|statement| statement.statement),
        sid: statement.and_then(|statement| statement.sid.as_deref()),
    }
    .words(request);
    Reason {
        layer,
        policy: found.map(|(policy, _)| policy.policy.clone()),
        statement: statement.map(|statement| statement.statement),
        sid: statement.and_then(|statement| statement.sid.clone()),
        words,
    }
}

#[cfg(test)]
mod tests;
