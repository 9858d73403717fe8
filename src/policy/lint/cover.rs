//! Statements and list entries that others make superfluous or unreachable.
//!
//! Sound, not complete: a pattern without `?` that matches another pattern's text, its stars taken as letters, matches
//! all that the other matches. Large documents are compared up to a bound.

use super::allows;
use crate::policy::document::Statement;
use crate::policy::variable::Template;
use crate::source::{Report, Severity};

/// Statements compared with each other; the work grows with its square.
const MOST: usize = 200;

fn action_covers(outer: &str, inner: &str) -> bool {
    crate::policy::action::ActionPattern::read(outer)
        .is_ok_and(|pattern| !outer.contains('?') && pattern.matches(&inner.to_lowercase()))
}

fn resource_covers(outer: &Template, inner: &Template) -> bool {
    let is_plain = outer.keys().next().is_none() && !outer.source().contains(['?', '$']);
    is_plain && outer.matches(inner.source(), &crate::policy::context::Map::new())
}

/// Entries of one list that another entry covers.
pub(super) fn lists(statement: &Statement, report: &mut Report) {
    let patterns = &statement.actions.patterns;
    if patterns.len() <= MOST {
        for (at, inner) in patterns.iter().enumerate() {
            let outer = patterns.iter().enumerate().find(|(other, outer)| {
                *other != at
                    && action_covers(&outer.source, &inner.source)
                    && (*other < at || !action_covers(&inner.source, &outer.source))
            });
            if let Some((_, outer)) = outer {
                report.add(
                    Severity::Suggestion,
                    "redundant-action",
                    statement.actions_span,
                    format!("`{}` is covered by `{}`", inner.source, outer.source),
                    "drop it",
                );
            }
        }
    }
    let Some(resources) = &statement.resources else {
        return;
    };
    let patterns = &resources.patterns;
    if patterns.len() > MOST {
        return;
    }
    for (at, inner) in patterns.iter().enumerate() {
        let outer = patterns.iter().enumerate().find(|(other, outer)| {
            *other != at
                && resource_covers(outer, inner)
                && (*other < at || !resource_covers(inner, outer))
        });
        if let Some((_, outer)) = outer {
            report.add(
                Severity::Suggestion,
                "redundant-resource",
                statement.resources_span,
                format!("`{}` is covered by `{}`", inner.source(), outer.source()),
                "drop it",
            );
        }
    }
}

/// Whether `outer`, which has no conditions, applies wherever `inner` does.
fn covers(outer: &Statement, inner: &Statement) -> bool {
    if !outer.conditions.is_empty()
        || outer.actions.negated
        || inner.actions.negated
        || outer.principal.is_some()
        || inner.principal.is_some()
    {
        return false;
    }
    let actions = inner.actions.patterns.iter().all(|inner| {
        let mut outers = outer.actions.patterns.iter();
        outers.any(|outer| action_covers(&outer.source, &inner.source))
    });
    let resources = match (&outer.resources, &inner.resources) {
        (Some(outer), Some(inner)) => {
            !outer.negated
                && !inner.negated
                && inner.patterns.iter().all(|inner| {
                    let mut outers = outer.patterns.iter();
                    outers.any(|outer| resource_covers(outer, inner))
                })
        }
        (None, _) => true,
        (Some(_), None) => false,
    };
    actions && resources
}

/// Statements that another statement of the document covers.
pub(super) fn statements(statements: &[Statement], report: &mut Report) {
    if statements.len() > MOST {
        return;
    }
    for (at, inner) in statements.iter().enumerate() {
        for (other, outer) in statements.iter().enumerate() {
            if other == at || !covers(outer, inner) {
                continue;
            }
            if outer.effect == inner.effect {
                // Of two that cover each other, the later one is superfluous.
                if other < at || !covers(inner, outer) {
                    report.add(
                        Severity::Warning,
                        "redundant-statement",
                        inner.span,
                        format!("statement {other} says all that this one says"),
                        "drop this one, or narrow the other",
                    );
                    break;
                }
            } else if allows(inner) {
                report.add(
                    Severity::Warning,
                    "unreachable-statement",
                    inner.span,
                    format!("statement {other} denies all that this one allows"),
                    "drop this one, or narrow the Deny",
                );
                break;
            }
        }
    }
}
