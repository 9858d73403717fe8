//! How a refused request could have been allowed: of all ways that the rule book's table knows, the one that lacks
//! least, and of each layer whose allow is missing on that way the Allow that comes nearest.
//!
//! Follows the same rows as [`conclude`](crate::policy::decision::conclude). Which way is nearer is a judgement for
//! people, and decides nothing.

use super::{Basis, LayerReport, Missing, Nearest, StatementReport, deciding, judge};
use crate::policy::decision::{Findings, Way, ways};
use crate::policy::document::Effect;
use crate::policy::layers::{LayerKind, Request, ResourceKind};
use crate::policy::principal::Principal;
use crate::policy::principal::element::Grants;

/// A refusal, taken apart.
pub(super) struct Refused<'r> {
    pub(super) request: &'r Request<'r>,
    pub(super) kind: ResourceKind,
    pub(super) reports: &'r [LayerReport],
    pub(super) findings: Findings,
    pub(super) session_passed: bool,
    pub(super) resource_layer: LayerKind,
}

/// Farther than any statement that is about the action.
const FAR: usize = 100_000;

impl Refused<'_> {
    /// Every layer whose allow is missing on the nearest way.
    pub(super) fn missing(&self) -> Vec<Missing> {
        let scps = self.silent(LayerKind::Scp);
        let ways = self.ways().into_iter();
        let rest = ways
            .map(|way| self.lacking(way))
            .min_by_key(|found| found.iter().map(|(far, _)| far).sum::<usize>());
        scps.into_iter()
            .chain(rest.unwrap_or_default())
            .map(|(_, missing)| missing)
            .collect()
    }

    /// The ways that are worth telling: in one account the resource's own policy suffices, but that one could be
    /// written for it is no news.
    fn ways(&self) -> Vec<Way> {
        let about = |report: &LayerReport| statements(report).any(is_about);
        let has_one = (self.reports.iter())
            .any(|report| report.layer == self.resource_layer && about(report));
        let mut ways = ways(self.request, self.kind);
        if !has_one && self.kind == ResourceKind::Resource && self.request.is_same_account() {
            ways.truncate(1);
        }
        ways
    }

    fn lacking(&self, way: Way) -> Vec<(usize, Missing)> {
        let mut found = Vec::new();
        if let Some(grants) = way
            .grant
            .filter(|grants| !self.findings.grants.has(*grants))
        {
            found.push(self.nearest(self.resource_layer, None, Some(grants)));
        }
        if way.identity && !self.findings.identity {
            found.push(self.nearest(LayerKind::Identity, None, None));
        }
        if way.boundary && !self.findings.boundary {
            found.push(self.nearest(LayerKind::Boundary, None, None));
        }
        let needs_session = matches!(self.request.principal, Principal::FederatedUser { .. });
        let session = self.findings.session && (self.session_passed || !needs_session);
        if way.session && !session {
            found.push(self.nearest(LayerKind::Session, None, None));
        }
        found
    }

    /// The levels of a layer that allow nothing.
    fn silent(&self, layer: LayerKind) -> Vec<(usize, Missing)> {
        let silent = self.reports.iter();
        silent
            .filter(|report| report.layer == layer && !judge::allows(report))
            .map(|report| self.nearest(layer, report.level, None))
            .collect()
    }

    /// The Allow of a layer that lacks least, and how far it is.
    fn nearest(
        &self,
        layer: LayerKind,
        level: Option<usize>,
        grants: Option<Grants>,
    ) -> (usize, Missing) {
        let found = (self.reports.iter())
            .filter(|report| report.layer == layer && report.level == level)
            .flat_map(|report| &report.policies)
            .flat_map(|policy| {
                let statements = policy.statements.iter();
                statements.map(move |statement| (&*policy.policy, statement))
            })
            .filter(|(_, statement)| is_about(statement) && serves(statement, grants))
            .min_by_key(|(_, statement)| distance(statement));
        let nearest = found.map(|(policy, statement)| Nearest {
            layer,
            level,
            policy: policy.to_owned(),
            statement: statement.statement,
            sid: statement.sid.clone(),
            lacks: statement.failed.clone(),
        });
        let missing = Missing {
            layer,
            level,
            nearest,
        };
        let far = found.map_or(FAR, |(_, statement)| distance(statement));
        (far, missing)
    }
}

/// The allow that lacks nothing, behind an explicit deny; of a root user, who needs no identity-based one, what a
/// resource's policies say besides, if anything.
pub(super) fn complete(
    reports: &[LayerReport],
    layer: LayerKind,
    basis: Basis,
    resource_layer: LayerKind,
) -> Option<Nearest> {
    let of = |layer, basis| Some((layer, deciding(reports, layer, basis)?));
    let (layer, (policy, statement)) =
        of(layer, basis).or_else(|| of(resource_layer, Basis::Grant(Grants::ANY)))?;
    Some(Nearest {
        layer,
        level: None,
        policy: policy.policy.clone(),
        statement: statement.statement,
        sid: statement.sid.clone(),
        lacks: Vec::new(),
    })
}

fn statements(report: &LayerReport) -> impl Iterator<Item = &StatementReport> {
    report.policies.iter().flat_map(|policy| &policy.statements)
}

/// Whether it is an Allow about the action.
fn is_about(statement: &StatementReport) -> bool {
    statement.effect == Effect::Allow && lacks(statement, "Action") == 0
}

/// Whether it would grant in one of these ways, were it to apply. One that names others could name the requester.
fn serves(statement: &StatementReport, grants: Option<Grants>) -> bool {
    grants
        .is_none_or(|grants| statement.grants.is_none() || judge::grants_of(statement).has(grants))
}

/// A statement about other resources or other people is farther away than one whose conditions fail.
fn distance(statement: &StatementReport) -> usize {
    lacks(statement, "Resource")
        .saturating_mul(10_000)
        .saturating_add(lacks(statement, "Principal").saturating_mul(5_000))
        .saturating_add(statement.failed.len())
}

fn lacks(statement: &StatementReport, element: &str) -> usize {
    statement
        .failed
        .iter()
        .filter(|mismatch| {
            mismatch.element == element || mismatch.element.strip_prefix("Not") == Some(element)
        })
        .count()
}
