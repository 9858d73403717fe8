//! The ways to an allow, each with what a request must bring for it.
//!
//! Follows the rows of the rule book's table; what one way asks for is no condition of another.

use serde::Serialize;

use super::{Asking, Clause, IsOpen, Together, clauses};
use crate::policy::decision;
use crate::policy::document::Effect;
use crate::policy::explain::{Explanation, LayerReport, StatementReport};
use crate::policy::layers::{LayerKind, Layers, Request};
use crate::policy::principal::Principal;

/// One way to an allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Way {
    /// What must hold, all of it.
    pub all: Vec<Need>,
}

/// What one layer, or a level of one, needs in order to allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Need {
    /// The layer.
    pub layer: LayerKind,
    /// For SCPs: the level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<usize>,
    /// The statements that would allow. One of them is enough.
    pub any: Vec<Clause>,
}

/// The explanations of the best case, and of the one in which no request brings anything.
pub(super) struct Both<'e, 'l> {
    pub(super) layers: &'e Layers<'l>,
    pub(super) best: &'e Explanation,
    pub(super) plain: &'e Explanation,
}

impl<'l> Both<'_, 'l> {
    /// The ways that are open in the best case, each less what holds anyway and what no request meets; none that asks for
    /// more than another.
    pub(super) fn needs(
        &self,
        request: &Request<'_>,
        is_open: IsOpen<'_>,
        together: &Together<'l>,
    ) -> Vec<Way> {
        let needs_session = matches!(request.principal, Principal::FederatedUser { .. });
        let mut found: Vec<Vec<Need>> = Vec::new();
        for way in decision::ways(request, self.layers.resource_kind) {
            if way.session && needs_session && self.layers.session.is_none() {
                continue;
            }
            if let Some(needs) = self.of_way(way, is_open, together) {
                found.push(needs);
            }
        }
        let is_more = |needs: &[Need], less: &[Need]| less.iter().all(|need| needs.contains(need));
        let keep: Vec<bool> = (found.iter().enumerate())
            .map(|(at, needs)| {
                !(found.iter().enumerate()).any(|(other, less)| {
                    other != at && is_more(needs, less) && (other < at || !is_more(less, needs))
                })
            })
            .collect();
        let kept = found.into_iter().zip(keep).filter(|(_, keep)| *keep);
        kept.map(|(all, _)| Way { all }).collect()
    }

    /// `None`: the way is closed.
    fn of_way(
        &self,
        way: decision::Way,
        is_open: IsOpen<'_>,
        together: &Together<'l>,
    ) -> Option<Vec<Need>> {
        let mut of = Vec::new();
        let mut choices: Vec<Vec<Asking<'l>>> = Vec::new();
        for (best, plain) in self.best.layers.iter().zip(&self.plain.layers) {
            let grant = match best.layer {
                LayerKind::Scp => None,
                LayerKind::Identity if way.identity => None,
                LayerKind::Boundary if way.boundary => None,
                LayerKind::Session if way.session => None,
                LayerKind::Rcp | LayerKind::Identity | LayerKind::Boundary | LayerKind::Session => {
                    continue;
                }
                LayerKind::Resource | LayerKind::Trust => match way.grant {
                    Some(grant) => Some(grant),
                    None => continue,
                },
            };
            let wanted = |statement: &StatementReport| {
                statement.effect == Effect::Allow
                    && grant.is_none_or(|grant| statement.ways().has(grant))
            };
            let allows = |report: &LayerReport| {
                let mut all = report.policies.iter().flat_map(|policy| &policy.statements);
                all.any(|statement| statement.applies && wanted(statement))
            };
            if allows(plain) {
                continue;
            }
            if !allows(best) {
                return None;
            }
            let mut any = Vec::new();
            clauses(self.layers, best, &wanted, is_open, &mut any);
            of.push((best.layer, best.level));
            choices.push(any);
        }
        let has = |layer: LayerKind| self.best.layers.iter().any(|report| report.layer == layer);
        let has_resource = has(LayerKind::Resource) || has(LayerKind::Trust);
        let is_there =
            (!way.identity || has(LayerKind::Identity)) && (way.grant.is_none() || has_resource);
        if !is_there || !together.prune(&mut choices, is_open) {
            return None;
        }
        let needs = of
            .into_iter()
            .zip(choices)
            .map(|((layer, level), any)| Need {
                layer,
                level,
                any: any.into_iter().map(|asking| asking.clause).collect(),
            });
        Some(needs.collect())
    }
}
