//! Statements and list entries that others make superfluous or unreachable.
//!
//! What is claimed is proven by [`subset`]. Only what begins alike is compared, so that policies of thousands of
//! statements are looked through; what is more work than that is left, which is told.

use std::collections::BTreeMap;

use super::allows;
use crate::policy::condition::Condition;
use crate::policy::document::{Effect, Statement};
use crate::policy::index::{self, Bucket, Place, Trie};
use crate::policy::pattern::Piece;
use crate::policy::principal::element::Name;
use crate::policy::subset::{self, Effort, Pieces, Shape};
use crate::policy::variable::Template;
use crate::source::{Report, Severity, Span};

/// Entries of one list that another entry covers.
pub(super) fn lists(statement: &Statement, effort: &Effort, report: &mut Report) {
    let actions = (statement.actions.patterns.iter()).map(|pattern| &*pattern.source);
    let list = List {
        id: "redundant-action",
        sources: actions.collect(),
        span: &|at| statement.action_span(at),
    };
    list.redundant(&subset::of_actions(&statement.actions), effort, report);
    if let Some(resources) = &statement.resources
        && !resources.patterns.iter().any(Template::is_both)
    {
        let list = List {
            id: "redundant-resource",
            sources: resources.patterns.iter().map(Template::source).collect(),
            span: &|at| statement.resource_span(at),
        };
        list.redundant(&subset::of_resources(resources), effort, report);
    }
    for condition in &statement.conditions {
        values(condition, effort, report);
    }
    principals(statement, effort, report);
}

/// Characters of a pattern's beginning that are looked up; what is longer is told apart by comparing.
const LONGEST: usize = 64;

/// Patterns that are looked up for a step of effort.
const CHEAP: usize = 8;

/// A list of texts, as it is written.
struct List<'l> {
    id: &'static str,
    sources: Vec<&'l str>,
    span: &'l dyn Fn(usize) -> Span,
}

impl List<'_> {
    fn suggest(&self, at: usize, message: String, report: &mut Report) {
        report.add(
            Severity::Suggestion,
            self.id,
            (self.span)(at),
            message,
            "drop it",
        );
    }

    fn source(&self, at: usize) -> &str {
        self.sources.get(at).copied().unwrap_or_default()
    }

    /// Reports each pattern that another one covers.
    fn redundant(&self, patterns: &Pieces<'_>, effort: &Effort, report: &mut Report) {
        if patterns.len() < 2 {
            return;
        }
        let mut begun: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, pattern) in patterns.iter().enumerate() {
            begun.entry(looked_up(pattern)).or_default().push(at);
        }
        let begun = Trie::build(
            begun
                .iter()
                .map(|(text, all)| (text.as_bytes(), all))
                .collect(),
        );
        for (at, inner) in patterns.iter().enumerate() {
            if effort.is_spent() {
                return;
            }
            let mut near: Vec<usize> = Vec::new();
            // What covers it begins with a part of what it begins with.
            begun.along(looked_up(inner).as_bytes(), |all| {
                near.extend_from_slice(all);
                true
            });
            // To look them up is cheap beside comparing.
            if !effort.take(near.len() / CHEAP) {
                return;
            }
            near.sort_unstable();
            let covers = |other: &usize| {
                let Some(outer) = patterns.get(*other).filter(|_| *other != at) else {
                    return false;
                };
                subset::pattern(outer, inner, effort)
                    // Of two that cover each other, the later one is superfluous.
                    && (*other < at || !subset::pattern(inner, outer, effort))
            };
            if let Some(other) = near.into_iter().find(covers) {
                let (source, outer) = (self.source(at), self.source(other));
                let message = if outer == source {
                    format!("`{source}` stands here twice")
                } else {
                    format!("`{source}` is covered by `{outer}`")
                };
                self.suggest(at, message, report);
            }
        }
    }
}

/// The beginning of a pattern, cut.
fn looked_up(pattern: &[Piece<'_>]) -> String {
    subset::beginning(pattern.get(..LONGEST).unwrap_or(pattern))
}

/// Whether every entry of a list may be compared with every other.
fn may_compare(count: usize, effort: &Effort) -> bool {
    effort.take(count.saturating_mul(count))
}

/// Values of a condition that another value covers.
fn values(condition: &Condition, effort: &Effort, report: &mut Report) {
    let list = List {
        id: "redundant-condition-value",
        sources: condition.texts.iter().map(|text| &**text).collect(),
        span: &|at| condition.value_span(at),
    };
    if let Some(patterns) = condition.values.pieces() {
        list.redundant(&patterns, effort, report);
        return;
    }
    let sources = &list.sources;
    if !may_compare(sources.len(), effort) {
        return;
    }
    let covers = |outer: usize, inner: usize| {
        outer != inner
            && subset::covers_value((condition, outer), (condition, inner), effort)
            // Of two that cover each other, the later one is superfluous.
            && (outer < inner
                || !subset::covers_value((condition, inner), (condition, outer), effort))
    };
    for (at, source) in sources.iter().enumerate() {
        if sources.iter().take(at).any(|before| before == source) {
            list.suggest(at, format!("`{source}` stands here twice"), report);
        } else if let Some(outer) = (0..sources.len())
            .find(|other| covers(*other, at))
            .and_then(|outer| sources.get(outer))
        {
            list.suggest(at, format!("`{source}` is covered by `{outer}`"), report);
        }
    }
}

fn principals(statement: &Statement, effort: &Effort, report: &mut Report) {
    let Some(element) = statement.principal.as_ref() else {
        return;
    };
    if !may_compare(element.names.len(), effort) {
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
        report.add(
            Severity::Suggestion,
            id,
            element.name_span(at),
            message,
            "drop it",
        );
    }
}

/// Characters, names and values of all statements together, where they are compared with each other.
const MOST: usize = 1_000_000;

/// The statements of a document, arranged so that few are compared with each other.
struct Arranged<'s> {
    statements: &'s [Statement],
    shapes: Vec<Shape<'s>>,
    index: Bucket,
    /// Superfluous itself, so that it makes no other one so.
    dropped: Vec<bool>,
}

impl Arranged<'_> {
    /// Statements that may cover the shape, but for the one that it is of; none when there is no effort left.
    fn near(&self, shape: &Shape<'_>, at: usize, effort: &Effort) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        self.index
            .visit_beginnings(&shape.beginnings(), &mut |place| {
                found.push(place.statement as usize);
            });
        if !effort.take(found.len()) {
            return Vec::new();
        }
        found.sort_unstable();
        found.dedup();
        found.retain(|other| *other != at && self.dropped.get(*other) == Some(&false));
        found
    }
}

/// Statements that another statement of the document covers. Where there is too much to compare, it is told.
pub(in crate::policy) fn statements(
    statements: &[Statement],
    effort: &Effort,
    report: &mut Report,
) {
    if statements.len() < 2 {
        return;
    }
    let shapes: Vec<Shape<'_>> = statements.iter().map(Shape::of).collect();
    let size = shapes
        .iter()
        .map(Shape::size)
        .fold(0, usize::saturating_add);
    if size > MOST {
        effort.give_up();
        return;
    }
    let places = (0u32..).map(|statement| Place {
        policy: 0,
        statement,
    });
    let mut all = Arranged {
        statements,
        shapes,
        index: index::build(places.zip(statements)),
        dropped: vec![false; statements.len()],
    };
    for (at, inner) in statements.iter().enumerate() {
        if effort.is_spent() {
            return;
        }
        let is_dropped = superfluous(&all, at, inner, effort, report);
        if let Some(dropped) = all.dropped.get_mut(at) {
            *dropped = is_dropped;
        }
    }
}

/// Whether one other statement covers it, or several together do, which is reported.
fn superfluous(
    all: &Arranged<'_>,
    at: usize,
    inner: &Statement,
    effort: &Effort,
    report: &mut Report,
) -> bool {
    let Some(shape) = all.shapes.get(at) else {
        return false;
    };
    for other in all.near(shape, at, effort) {
        let (Some(outer_shape), Some(outer)) = (all.shapes.get(other), all.statements.get(other))
        else {
            continue;
        };
        if !outer_shape.covers(shape, effort) {
            continue;
        }
        let name = name(other, outer);
        if outer.effect == inner.effect {
            // Of two that cover each other, the later one is superfluous.
            if other < at || !shape.covers(outer_shape, effort) {
                redundant_statement(inner, format!("{name} says all that this one says"), report);
                return true;
            }
        } else if allows(inner) {
            let message = format!("{name} denies all that this one allows");
            unreachable_statement(inner, message, report);
            return true;
        }
    }
    together(all, at, inner, effort, report)
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
    all: &Arranged<'_>,
    at: usize,
    inner: &Statement,
    effort: &Effort,
    report: &mut Report,
) -> bool {
    let parts = all.shapes.get(at).and_then(|shape| shape.parts(PARTS));
    let Some(parts) = parts.filter(|parts| parts.len() > 1) else {
        return false;
    };
    let size = parts.iter().map(Shape::size).fold(0, usize::saturating_add);
    if !effort.take(size) {
        return false;
    }
    let covered = |effect: Effect| -> Option<Vec<usize>> {
        let mut by = Vec::new();
        for part in &parts {
            let covers = |other: &usize| {
                let (outer, shape) = (all.statements.get(*other), all.shapes.get(*other));
                outer.is_some_and(|outer| outer.effect == effect)
                    && shape.is_some_and(|outer| outer.covers(part, effort))
            };
            let other = all.near(part, at, effort).into_iter().find(covers)?;
            if !by.contains(&other) {
                by.push(other);
            }
        }
        Some(by)
    };
    let names = |by: &[usize]| -> String {
        let named = by
            .iter()
            .filter_map(|other| Some(name(*other, all.statements.get(*other)?)));
        named.collect::<Vec<_>>().join(" and ")
    };
    if let Some(by) = covered(inner.effect) {
        let message = format!("{} together say all that this one says", names(&by));
        redundant_statement(inner, message, report);
        return true;
    }
    let denied = allows(inner).then(|| covered(Effect::Deny)).flatten();
    if let Some(by) = &denied {
        let message = format!("{} together deny all that this one allows", names(by));
        unreachable_statement(inner, message, report);
    }
    denied.is_some()
}

/// As `simulate` names it, counted from 0.
fn name(number: usize, statement: &Statement) -> String {
    match &statement.sid {
        Some(sid) => format!("statement {number} ({sid})"),
        None => format!("statement {number}"),
    }
}
