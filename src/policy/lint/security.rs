//! Statements that grant more than is wise.

use super::{Surroundings, allows, limits, trust};
use crate::policy::document::{Kind, Statement};
use crate::policy::pattern::Piece;
use crate::policy::principal::element::Name;
use crate::policy::subset::{self, Effort};
use crate::policy::variable::Template;
use crate::source::{Report, Severity, Span};

/// Looks at one statement.
pub(super) fn statement(
    kind: Kind,
    statement: &Statement,
    surroundings: &Surroundings<'_>,
    report: &mut Report,
) {
    if !allows(statement) {
        return;
    }
    let grants = matches!(
        kind,
        Kind::Identity | Kind::Session | Kind::Resource | Kind::Trust
    );
    if !grants {
        return;
    }
    elements(statement, report);
    pass_role(statement, report);
    principals(kind, statement, surroundings, report);
}

pub(super) fn warn(report: &mut Report, id: &'static str, span: Span, message: &str, help: &str) {
    report.add(Severity::SecurityWarning, id, span, message, help);
}

fn elements(statement: &Statement, report: &mut Report) {
    if statement.actions.negated {
        warn(
            report,
            "allow-not-action",
            statement.actions_span,
            "Allow with NotAction grants every action that is not listed, future ones too",
            "list what is allowed in Action",
        );
    }
    if statement
        .resources
        .as_ref()
        .is_some_and(|resources| resources.negated)
    {
        warn(
            report,
            "allow-not-resource",
            statement.resources_span,
            "Allow with NotResource grants on every resource that is not listed, future ones too",
            "list what is allowed in Resource",
        );
    }
}

/// Whether a pattern covers every role of some account: `arn:…:iam::ACCOUNT:` and then `*`, `role*` or `role/*`, with as
/// many `?` as one likes, or whatever else matches all of their names.
fn is_every_role(pattern: &Template) -> bool {
    let arn = pattern.source();
    let rest = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let named = rest.trim_end_matches(['*', '?']);
    let is_iam = arn.split(':').nth(2) == Some("iam");
    if is_iam && rest.contains('*') && matches!(named, "" | "role" | "role/") {
        return true;
    }
    let part = |at: usize, other: &'static str| {
        let part = arn.split(':').nth(at).unwrap_or_default();
        let is_literal = !part.is_empty() && !part.contains(['*', '?', '$']);
        if is_literal { part } else { other }
    };
    let roles = format!(
        "arn:{}:iam::{}:role/",
        part(1, "aws"),
        part(4, "000000000000")
    );
    let mut inner: Vec<Piece<'_>> = roles.chars().map(Piece::Char).collect();
    inner.extend([Piece::Any, Piece::Run]);
    subset::pattern(&pattern.pieces(), &inner, &Effort::default())
}

fn pass_role(statement: &Statement, report: &mut Report) {
    let passes = (statement.actions.patterns.iter())
        .position(|pattern| pattern.matches("iam:passrole"))
        .filter(|_| !statement.actions.negated);
    let every_resource = statement.resources.as_ref().is_some_and(|resources| {
        resources.negated
            || resources
                .patterns
                .iter()
                .any(|pattern| Template::is_everything(pattern) || is_every_role(pattern))
    });
    let limited = statement.conditions.iter().any(|condition| {
        matches!(
            &*condition.key,
            "iam:passedtoservice" | "iam:associatedresourcearn"
        ) && limits::narrows(condition)
    });
    if every_resource && !limited && statement.actions.cover("iam:passrole") {
        warn(
            report,
            "pass-role-wildcard",
            passes.map_or(statement.actions_span, |at| statement.action_span(at)),
            "iam:PassRole on every role hands any role's permissions to any service",
            "name the roles, or add a condition on iam:PassedToService",
        );
    }
}

fn principals(
    kind: Kind,
    statement: &Statement,
    surroundings: &Surroundings<'_>,
    report: &mut Report,
) {
    let Some(element) = &statement.principal else {
        return;
    };
    let limited = statement.conditions.iter().any(limits::says_who);
    let everyone = element.find(|name| *name == Name::Everyone);
    if let Some((_, span)) = everyone.filter(|_| !limited) {
        let message = if statement.conditions.is_empty() {
            "Principal \"*\" without a condition lets anybody in, without credentials too"
        } else {
            "Principal \"*\" lets anybody in: no condition says who"
        };
        warn(
            report,
            "public-principal",
            span,
            message,
            "name the principals, or add a condition such as aws:PrincipalOrgID",
        );
    }
    if kind == Kind::Trust {
        trust::statement(statement, element, surroundings, report);
    }
}
