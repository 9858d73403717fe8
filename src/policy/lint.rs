//! Findings about policies that are valid and perhaps not meant: what IAM Access Analyzer's policy validation finds.
//!
//! Each finding has a stable id, a place, a reason and a mend. Errors, quotas and single elements that can never match
//! are found when a document is read; here its elements are looked at together. Reads one document at a time and asks
//! its caller what only the bundle knows: which accounts are ours, and which actions any route offers.
//!
//! Left out is what only AWS's own lists of services, actions, regions and resource types could answer, and what is said
//! of services that are none of ours (service-linked roles, source conditions of service principals, private addresses,
//! which a sidecar does see).
//!
//! Every id is told in `src/cli/findings.txt`, which `sidegate check --list` prints; a test compares the two.

mod conditions;
pub(super) mod cover;
mod keys;
mod limits;
mod names;
mod security;
mod trust;

use super::document::{Document, Effect, Statement, Version};
use super::subset::Effort;
use crate::source::{Report, Severity};

/// What a bundle knows and a document does not.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Whether an account belongs to the same organization as the policy.
    pub is_own_account: &'a dyn Fn(&str) -> bool,
    /// Every action that some route offers, in lower case; `None` if routes are not known.
    pub offered: Option<&'a [Box<str>]>,
    /// The organization that our accounts belong to; `None` if there is none, or it is not known.
    pub organization: Option<&'a str>,
    /// The partition that all ARNs are of; `None` if it is not known.
    pub partition: Option<&'a str>,
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings")
            .field("offered", &self.offered)
            .field("partition", &self.partition)
            .finish_non_exhaustive()
    }
}

/// Reports the findings about one document.
pub fn lint(document: &Document, surroundings: &Surroundings<'_>, report: &mut Report) {
    version(document, report);
    let (effort, of_conditions) = (Effort::default(), Effort::default());
    for statement in &*document.statements {
        if !applies_to_nothing(statement, report) {
            security::statement(document.kind, statement, surroundings, report);
        }
        trust::fit(document.kind, statement, report);
        names::statement(statement, document.version, report);
        conditions::statement(statement, &of_conditions, report);
        cover::lists(statement, &effort, report);
        if let Some(offered) = surroundings.offered {
            not_offered(statement, offered, report);
        }
        if let Some(partition) = surroundings.partition {
            foreign_partition(statement, partition, report);
        }
    }
    cover::statements(&document.statements, &effort, report);
    if effort.is_spent() || of_conditions.is_spent() {
        let span = document.statements.first().map(|first| first.span);
        report.add(
            Severity::Suggestion,
            "comparison-unfinished",
            span.unwrap_or_default(),
            "the policy is so large that not all of its statements, lists and conditions were compared: more of them may be redundant, unreachable or without effect",
            "split the policy",
        );
    }
}

fn version(document: &Document, report: &mut Report) {
    if document.version == Version::V2012 {
        return;
    }
    let looks_open = |text: &str| {
        text.split_once("${")
            .is_some_and(|(_, behind)| behind.contains('}'))
    };
    let mut found = false;
    for statement in &*document.statements {
        let mut literal = |span| {
            found = true;
            report.add(
                Severity::Warning,
                "variable-needs-version",
                span,
                "without Version 2012-10-17 a policy variable is literal text",
                "add \"Version\": \"2012-10-17\"",
            );
        };
        let resources = statement.resources.iter();
        let mut resources = resources.flat_map(|resources| &resources.patterns);
        if let Some(at) = resources.position(|pattern| looks_open(pattern.source())) {
            literal(statement.resource_span(at));
        }
        for condition in &statement.conditions {
            if let Some(at) = condition.texts.iter().position(|text| looks_open(text)) {
                literal(condition.value_span(at));
            }
        }
    }
    if !found && let Some(first) = document.statements.first() {
        report.add(
            Severity::Suggestion,
            "missing-version",
            first.span,
            "the policy is of the language of 2008",
            "add \"Version\": \"2012-10-17\", the current one",
        );
    }
}

/// Whether a statement spares every action or every resource, which is reported.
fn applies_to_nothing(statement: &Statement, report: &mut Report) -> bool {
    let every_action =
        (statement.actions.patterns.iter()).position(super::action::ActionPattern::is_everything);
    let resources = statement.resources.iter().filter(|list| list.negated);
    let every_resource = (resources.flat_map(|list| &list.patterns))
        .position(super::variable::Template::is_everything);
    let (element, span) = match (every_action, every_resource) {
        (Some(at), _) if statement.actions.negated => ("NotAction", statement.action_span(at)),
        (_, Some(at)) => ("NotResource", statement.resource_span(at)),
        _ => return false,
    };
    report.add(
        Severity::Warning,
        "statement-never-applies",
        span,
        format!("{element} with \"*\" leaves nothing: the statement never applies"),
        "name what it is not about, or drop the statement",
    );
    true
}

/// Actions of a service that routes offer, though none offers these.
fn not_offered(statement: &Statement, offered: &[Box<str>], report: &mut Report) {
    for (at, pattern) in statement.actions.patterns.iter().enumerate() {
        let source = pattern.source.to_lowercase();
        let Some((service, _)) = source.split_once(':') else {
            continue;
        };
        let is_known = offered.iter().any(|action| {
            action
                .split_once(':')
                .is_some_and(|(offered, _)| offered == service)
        });
        if is_known && !offered.iter().any(|action| pattern.matches(action)) {
            report.add(
                Severity::Warning,
                "action-not-offered",
                statement.action_span(at),
                format!("no route offers `{}`", pattern.source),
                match crate::source::nearest(&source, offered.iter().map(|action| &**action)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "see the routes of that service".to_owned(),
                },
            );
        }
    }
}

/// Resources of another partition than everything here.
fn foreign_partition(statement: &Statement, partition: &str, report: &mut Report) {
    let resources = statement.resources.iter();
    let patterns = resources.flat_map(|resources| &resources.patterns);
    for (at, pattern) in patterns.enumerate() {
        let Some(found) = pattern.source().split(':').nth(1) else {
            continue;
        };
        if !found.contains(['*', '?']) && found != partition {
            report.add(
                Severity::Warning,
                "arn-never-matches",
                statement.resource_span(at),
                format!(
                    "`{}` can never match: every ARN here is of the partition {partition}",
                    pattern.source()
                ),
                format!("write arn:{partition}:…; the partition stands in organization.yaml"),
            );
        }
    }
}

/// Whether a statement grants.
fn allows(statement: &Statement) -> bool {
    statement.effect == Effect::Allow
}

#[cfg(test)]
mod tests;
