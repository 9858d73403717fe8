//! Statements and list entries that others make superfluous or unreachable.
//!
//! What is claimed is proven by [`subset`](super::subset); large documents are compared up to a bound.

use super::allows;
use super::subset::{self, Effort, Pieces, Shape};
use crate::policy::condition::ip::Range;
use crate::policy::condition::{Condition, Values};
use crate::policy::document::{Effect, Statement};
use crate::policy::principal::element::Name;
use crate::policy::variable::Template;
use crate::source::{Report, Severity, Span};

/// Statements, or entries of a list, that are compared with each other; the work grows with its square.
const MOST: usize = 200;

/// Entries of one list that another entry covers.
pub(super) fn lists(statement: &Statement, effort: &Effort, report: &mut Report) {
    let actions: Vec<&str> = statement
        .actions
        .patterns
        .iter()
        .map(|pattern| &*pattern.source)
        .collect();
    redundant(
        "redundant-action",
        statement.actions_span,
        &actions,
        &subset::of_actions(&statement.actions),
        effort,
        report,
    );
    if let Some(resources) = &statement.resources {
        let sources: Vec<&str> = resources.patterns.iter().map(Template::source).collect();
        redundant(
            "redundant-resource",
            statement.resources_span,
            &sources,
            &subset::of_resources(resources),
            effort,
            report,
        );
    }
    for condition in &statement.conditions {
        values(condition, effort, report);
    }
    principals(statement, report);
}

fn redundant(
    id: &'static str,
    span: Span,
    sources: &[&str],
    patterns: &Pieces<'_>,
    effort: &Effort,
    report: &mut Report,
) {
    if patterns.len() > MOST {
        return;
    }
    for ((at, inner), source) in patterns.iter().enumerate().zip(sources) {
        let outer = patterns
            .iter()
            .zip(sources)
            .enumerate()
            .find(|(other, (outer, _))| {
                *other != at
                && subset::pattern(outer, inner, effort)
                // Of two that cover each other, the later one is superfluous.
                && (*other < at || !subset::pattern(inner, outer, effort))
            });
        if let Some((_, (_, outer))) = outer {
            let message = if outer == source {
                format!("`{source}` stands here twice")
            } else {
                format!("`{source}` is covered by `{outer}`")
            };
            report.add(Severity::Suggestion, id, span, message, "drop it");
        }
    }
}

/// Values of a condition that another value covers.
fn values(condition: &Condition, effort: &Effort, report: &mut Report) {
    let sources: Vec<&str> = condition.texts.iter().map(|text| &**text).collect();
    let id = "redundant-condition-value";
    if let Some(patterns) = condition.values.pieces() {
        redundant(id, condition.span, &sources, &patterns, effort, report);
        return;
    }
    if sources.len() > MOST {
        return;
    }
    let mut add = |message| {
        report.add(Severity::Suggestion, id, condition.span, message, "drop it");
    };
    for (at, source) in sources.iter().enumerate() {
        if sources.iter().take(at).any(|before| before == source) {
            add(format!("`{source}` stands here twice"));
        } else if let Values::Ip(ranges) = &condition.values
            && let Some(outer) = wider(ranges, at).and_then(|wider| sources.get(wider))
        {
            add(format!("`{source}` is covered by `{outer}`"));
        }
    }
}

/// A range that covers another one; of two that cover each other, the first.
fn wider(ranges: &[Range], at: usize) -> Option<usize> {
    let inner = ranges.get(at)?;
    ranges.iter().enumerate().position(|(other, outer)| {
        other != at && outer.covers(inner) && (other < at || !inner.covers(outer))
    })
}

fn principals(statement: &Statement, report: &mut Report) {
    let Some(element) = statement.principal.as_ref() else {
        return;
    };
    if element.names.len() > MOST {
        return;
    }
    let everyone = element.names.contains(&Name::Everyone);
    for (at, name) in element.names.iter().enumerate() {
        let twice = element.names.iter().take(at).any(|before| before == name);
        let message = if twice {
            format!("`{}` stands here twice", name.text())
        } else if everyone && *name != Name::Everyone {
            format!("`{}` is among everyone, whom `*` names", name.text())
        } else {
            continue;
        };
        let id = "redundant-principal";
        report.add(Severity::Suggestion, id, element.span, message, "drop it");
    }
}

/// Statements that another statement of the document covers.
pub(super) fn statements(statements: &[Statement], effort: &Effort, report: &mut Report) {
    if statements.len() > MOST {
        return;
    }
    let shapes: Vec<Shape<'_>> = statements.iter().map(Shape::of).collect();
    // A statement that is superfluous itself makes no other one so.
    let mut dropped: Vec<usize> = Vec::new();
    for ((at, shape), inner) in shapes.iter().enumerate().zip(statements) {
        let told = report.faults().len();
        let outers = shapes.iter().zip(statements).enumerate();
        for (other, (outer_shape, outer)) in outers {
            if other == at || dropped.contains(&other) || !outer_shape.covers(shape, effort) {
                continue;
            }
            let name = name(other, outer);
            if outer.effect == inner.effect {
                // Of two that cover each other, the later one is superfluous.
                if other < at || !shape.covers(outer_shape, effort) {
                    let message = format!("{name} says all that this one says");
                    redundant_statement(inner, message, report);
                    break;
                }
            } else if allows(inner) {
                unreachable_statement(
                    inner,
                    format!("{name} denies all that this one allows"),
                    report,
                );
                break;
            }
        }
        if report.faults().len() == told {
            together(at, &shapes, statements, &dropped, effort, report);
        }
        if report.faults().len() > told {
            dropped.push(at);
        }
    }
}

fn redundant_statement(inner: &Statement, message: String, report: &mut Report) {
    let help = "drop this one, or narrow the other";
    report.add(
        Severity::Warning,
        "redundant-statement",
        inner.span,
        message,
        help,
    );
}

fn unreachable_statement(inner: &Statement, message: String, report: &mut Report) {
    let help = "drop this one, or narrow the Deny";
    report.add(
        Severity::Warning,
        "unreachable-statement",
        inner.span,
        message,
        help,
    );
}

/// Actions times resources, principals and condition values of one statement that are looked up one by one.
const PARTS: usize = 200;

/// A statement that several others cover together, each for some of its actions, resources, principals or values.
fn together(
    at: usize,
    shapes: &[Shape<'_>],
    statements: &[Statement],
    dropped: &[usize],
    effort: &Effort,
    report: &mut Report,
) {
    let (Some(shape), Some(inner)) = (shapes.get(at), statements.get(at)) else {
        return;
    };
    let Some(parts) = shape.parts(PARTS).filter(|parts| parts.len() > 1) else {
        return;
    };
    let covered = |effect: Effect| -> Option<Vec<usize>> {
        let mut by = Vec::new();
        for part in &parts {
            let others = shapes.iter().zip(statements).enumerate();
            let (other, _) = others
                .filter(|(other, (_, outer))| {
                    *other != at && !dropped.contains(other) && outer.effect == effect
                })
                .find(|(_, (outer, _))| outer.covers(part, effort))?;
            if !by.contains(&other) {
                by.push(other);
            }
        }
        Some(by)
    };
    let names = |by: &[usize]| -> String {
        let named = by
            .iter()
            .filter_map(|other| Some(name(*other, statements.get(*other)?)));
        named.collect::<Vec<_>>().join(" and ")
    };
    if let Some(by) = covered(inner.effect) {
        let message = format!("{} together say all that this one says", names(&by));
        redundant_statement(inner, message, report);
    } else if allows(inner)
        && let Some(by) = covered(Effect::Deny)
    {
        let message = format!("{} together deny all that this one allows", names(&by));
        unreachable_statement(inner, message, report);
    }
}

/// As `simulate` names it, counted from 0.
fn name(number: usize, statement: &Statement) -> String {
    match &statement.sid {
        Some(sid) => format!("statement {number} ({sid})"),
        None => format!("statement {number}"),
    }
}
