//! The Allow of the missing layer that lacks least.

use super::{LayerReport, Nearest, Says, StatementReport};
use crate::policy::document::Effect;
use crate::policy::layers::LayerKind;

/// Looks for it; `None` if no statement of that layer is about the action at all.
pub(super) fn find(reports: &[LayerReport], layer: LayerKind) -> Option<Nearest> {
    let statements = reports
        .iter()
        .filter(|report| report.layer == layer && report.says == Says::Silent)
        .flat_map(|report| {
            report.policies.iter().flat_map(move |policy| {
                policy
                    .statements
                    .iter()
                    .map(move |statement| (report, policy, statement))
            })
        });
    let (report, policy, statement) = statements
        .filter(|(_, _, statement)| {
            statement.effect == Effect::Allow && lacks(statement, "Action") == 0
        })
        .min_by_key(|(_, _, statement)| distance(statement))?;
    Some(Nearest {
        layer,
        level: report.level,
        policy: policy.policy.clone(),
        statement: statement.statement,
        sid: statement.sid.clone(),
        lacks: statement.failed.clone(),
    })
}

/// A statement about other resources or other people is farther away than one whose conditions fail.
fn distance(statement: &StatementReport) -> (usize, usize, usize) {
    (
        lacks(statement, "Resource"),
        lacks(statement, "Principal"),
        statement.failed.len(),
    )
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
