//! `permission-sets/NAME.yaml`.

use super::document::{Source, Use, source};
use super::field::{self, Reference};
use crate::arn::AccountId;
use crate::policy::Kind;
use crate::source::mapping::Mapping;
use crate::source::{Node, Report, Span};

/// A permission set as its file gives it.
#[derive(Debug)]
pub(in crate::bundle) struct Raw {
    pub(in crate::bundle) provider: Reference,
    pub(in crate::bundle) session_duration: u32,
    pub(in crate::bundle) managed: Vec<Reference>,
    pub(in crate::bundle) inline: Option<Source>,
    pub(in crate::bundle) boundary: Option<Reference>,
    pub(in crate::bundle) assignments: Vec<Assignment>,
}

/// A group that gets the permission set in an account.
#[derive(Debug)]
pub(in crate::bundle) struct Assignment {
    pub(in crate::bundle) group: Box<str>,
    pub(in crate::bundle) account: AccountId,
    pub(in crate::bundle) account_span: Span,
}

/// What decisions call the inline policy.
pub(in crate::bundle) const INLINE: &str = "inline:permission-set";

/// Reads the file.
pub(in crate::bundle) fn read(node: &Node, report: &mut Report) -> Option<Raw> {
    let mut map = Mapping::of(node, "a permission set", report)?;
    let provider = map.required_string("provider", report);
    let session_duration = map.integer("session_duration", 3_600..=43_200, report);
    let managed = field::references(&mut map, "managed_policies", report);
    let used = Use {
        kind: Kind::Identity,
        name: INLINE,
    };
    let inline = map
        .take("inline_policy")
        .and_then(|node| source(node, used, report));
    let boundary = map
        .string("permissions_boundary", report)
        .map(|(text, span)| Reference {
            text: text.into(),
            span,
        });
    map.string("description", report);
    let mut assignments: Vec<Assignment> = Vec::new();
    for node in map.list("assignments", report) {
        let Some(assignment) = assignment(node, report) else {
            continue;
        };
        if assignments
            .iter()
            .any(|other| other.group == assignment.group && other.account == assignment.account)
        {
            report.error(
                "duplicate-reference",
                node.span,
                "this assignment stands here twice",
                "keep one",
            );
            continue;
        }
        assignments.push(assignment);
    }
    map.finish(report);
    let (text, span) = provider?;
    Some(Raw {
        provider: Reference {
            text: text.into(),
            span,
        },
        session_duration: session_duration
            .and_then(|seconds| u32::try_from(seconds).ok())
            .unwrap_or(3_600),
        managed,
        inline,
        boundary,
        assignments,
    })
}

fn assignment(node: &Node, report: &mut Report) -> Option<Assignment> {
    let mut map = Mapping::of(node, "an assignment", report)?;
    let group = map.required_string("group", report);
    let account = field::required_account(&mut map, "account", report);
    map.finish(report);
    let (group, group_span) = group?;
    // It becomes a literal value of a condition, where `${` would begin a variable.
    if group.is_empty() || group.contains("${") || group.chars().any(char::is_control) {
        let message = format!("`{group}` is no name of a group");
        report.error(
            "bad-name",
            group_span,
            message,
            "write it as the provider maps it",
        );
        return None;
    }
    let (account, account_span) = account?;
    Some(Assignment {
        group: group.into(),
        account,
        account_span,
    })
}
