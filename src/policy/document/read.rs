//! A document's members and its statements.

use std::collections::HashMap;

use super::conditions;
use super::elements::{self, Spans};
use super::quota;
use super::{Document, Effect, Form, Kind, Statement, Version, warn};
use crate::source::{Entry, Node, Report, Severity, Span, Value, nearest};

/// The members of an object, each taken at most once.
pub(super) struct Members<'n> {
    entries: &'n [Entry],
    known: &'n [&'static str],
    pub(super) span: Span,
}

impl<'n> Members<'n> {
    /// Reads an object and reports members that are not known.
    pub(super) fn of(
        node: &'n Node,
        what: &str,
        known: &'n [&'static str],
        report: &mut Report,
    ) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            report.error(
                "wrong-type",
                node.span,
                format!("{what} is an object, and this is {}", node.kind()),
                format!("write {{ \"{}\": … }}", known.first().unwrap_or(&"key")),
            );
            return None;
        };
        for entry in entries {
            if !known.contains(&&*entry.key) {
                let help = match nearest(&entry.key, known.iter().copied()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("{what} has {}", known.join(", ")),
                };
                report.error(
                    "unknown-member",
                    entry.key_span,
                    format!("{what} has no member `{}`", entry.key),
                    help,
                );
            }
        }
        Some(Self {
            entries,
            known,
            span: node.span,
        })
    }

    /// Reports that a member is missing, unless one stands there that is a slip of the pen for it, which is reported.
    pub(super) fn missing(
        &self,
        names: &[&str],
        message: impl Into<String>,
        help: &str,
        report: &mut Report,
    ) {
        let is_meant = |entry: &Entry| {
            !self.known.contains(&&*entry.key)
                && nearest(&entry.key, self.known.iter().copied())
                    .is_some_and(|near| names.contains(&near))
        };
        if !self.entries.iter().any(is_meant) {
            report.error("missing-member", self.span, message, help);
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| &*entry.key == key)
    }

    /// The one of two members that exclude each other; `bool`: it is the second, negated one.
    pub(super) fn either(
        &self,
        plain: &str,
        negated: &str,
        report: &mut Report,
    ) -> Option<(&'n Entry, bool)> {
        match (self.get(plain), self.get(negated)) {
            (Some(_), Some(second)) => {
                report.error(
                    "conflicting-members",
                    second.key_span,
                    format!("{plain} and {negated} stand in one statement"),
                    "keep one of them, or write two statements",
                );
                None
            }
            (Some(entry), None) => Some((entry, false)),
            (None, Some(entry)) => Some((entry, true)),
            (None, None) => None,
        }
    }

    fn text(&self, key: &str, report: &mut Report) -> Option<&'n str> {
        let entry = self.get(key)?;
        let text = entry.value.as_str();
        if text.is_none() {
            report.error(
                "wrong-type",
                entry.value.span,
                format!("{key} is a string, and this is {}", entry.value.kind()),
                format!("write \"{key}\": \"…\", or remove it"),
            );
        }
        text
    }
}

/// The items of a list, or the one value that stands in its place.
pub(super) fn one_or_many(node: &Node) -> &[Node] {
    node.as_list().unwrap_or(std::slice::from_ref(node))
}

/// Reads a whole document.
pub(super) fn document(
    node: &Node,
    kind: Kind,
    form: Form<'_>,
    report: &mut Report,
) -> Option<Document> {
    let known: &[&'static str] = match kind {
        Kind::Identity | Kind::Boundary | Kind::Session => &["Version", "Statement"],
        Kind::Resource | Kind::Trust | Kind::Scp | Kind::Rcp => &["Version", "Id", "Statement"],
    };
    let members = Members::of(node, "a policy", known, report)?;
    let version = version(&members, kind, report);
    let id = members.text("Id", report).map(Into::into);
    let Some(entry) = members.get("Statement") else {
        members.missing(
            &["Statement"],
            "a policy needs the member Statement",
            "add \"Statement\": [ … ]",
            report,
        );
        return None;
    };
    let nodes = one_or_many(&entry.value);
    if nodes.is_empty() {
        report.error(
            "empty-list",
            entry.value.span,
            "Statement is an empty list",
            "a policy holds at least one statement",
        );
    }
    let mut statements = Vec::with_capacity(nodes.len());
    for node in nodes {
        statements.extend(statement(node, kind, version, report));
    }
    unique_sids(&statements, kind, report);
    quota::check(node, kind, form, report);
    Some(Document {
        kind,
        version,
        id,
        statements: statements.into(),
    })
}

fn version(members: &Members<'_>, kind: Kind, report: &mut Report) -> Version {
    let version = match members.text("Version", report) {
        Some("2012-10-17") => Version::V2012,
        Some("2008-10-17") | None => Version::V2008,
        Some(other) => {
            let span = members
                .get("Version")
                .map_or(members.span, |entry| entry.value.span);
            report.error(
                "unknown-version",
                span,
                format!("there is no version `{other}` of the policy language"),
                "write \"2012-10-17\"",
            );
            Version::V2012
        }
    };
    if kind == Kind::Rcp && version != Version::V2012 {
        report.error(
            "rcp-version",
            members.span,
            "a resource control policy is of Version 2012-10-17",
            "add \"Version\": \"2012-10-17\"",
        );
    }
    version
}

fn statement(node: &Node, kind: Kind, version: Version, report: &mut Report) -> Option<Statement> {
    let known = [
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ];
    let members = Members::of(node, "a statement", &known, report)?;
    if members.entries.is_empty() {
        let help = "write \"Effect\", \"Action\" and what else it needs, or remove it";
        report.error("missing-member", node.span, "the statement is empty", help);
        return None;
    }
    let sid = sid(&members, kind, report);
    let effect = effect(&members, report);
    let principal = elements::principal(&members, kind, effect, report);
    let actions = elements::actions(&members, kind, effect, report);
    let resources = elements::resources(&members, kind, effect, version, report);
    let conditions = conditions::conditions(&members, version, report);
    let (actions, action_spans) = actions?;
    let (resources, resource_spans) = match resources {
        Some((resources, spans)) => (Some(resources), spans),
        None => (None, Spans::whole(node.span)),
    };
    let statement = Statement {
        span: node.span,
        sid,
        effect: effect?,
        principal,
        actions,
        actions_span: action_spans.whole,
        action_spans: action_spans.each.into(),
        resources,
        resources_span: resource_spans.whole,
        resource_spans: resource_spans.each.into(),
        conditions: conditions.into(),
    };
    if kind == Kind::Rcp {
        elements::rcp(&statement, report);
    }
    Some(statement)
}

fn sid(members: &Members<'_>, kind: Kind, report: &mut Report) -> Option<Box<str>> {
    let text = members.text("Sid", report)?;
    let strict = matches!(kind, Kind::Identity | Kind::Boundary | Kind::Session);
    if strict && !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let span = members
            .get("Sid")
            .map_or(members.span, |entry| entry.value.span);
        report.error(
            "bad-sid",
            span,
            format!("the Sid `{text}` holds more than letters and digits"),
            "use A-Z, a-z, 0-9 only",
        );
    }
    if text.is_empty() {
        let span = (members.get("Sid")).map_or(members.span, |entry| entry.value.span);
        report.add(
            Severity::Suggestion,
            "empty-sid",
            span,
            "the Sid is empty, which is as good as none",
            "say what the statement is for, or leave Sid out",
        );
    }
    (!text.is_empty()).then(|| text.into())
}

fn effect(members: &Members<'_>, report: &mut Report) -> Option<Effect> {
    let Some(entry) = members.get("Effect") else {
        members.missing(
            &["Effect"],
            "a statement needs the member Effect",
            "add \"Effect\": \"Allow\" or \"Deny\"",
            report,
        );
        return None;
    };
    match entry.value.as_str() {
        Some("Allow") => Some(Effect::Allow),
        Some("Deny") => Some(Effect::Deny),
        _ => {
            report.error(
                "bad-effect",
                entry.value.span,
                "Effect is \"Allow\" or \"Deny\", in just these letters",
                "write \"Effect\": \"Allow\" or \"Effect\": \"Deny\"",
            );
            None
        }
    }
}

fn unique_sids(statements: &[Statement], kind: Kind, report: &mut Report) {
    if statements.len() < 2 {
        return;
    }
    let strict = matches!(kind, Kind::Identity | Kind::Boundary | Kind::Session);
    let mut seen: HashMap<&str, u32> = HashMap::new();
    for statement in statements {
        let Some(sid) = &statement.sid else {
            continue;
        };
        let line = statement.span.start.line;
        if let Some(first) = seen.insert(sid, line) {
            let message = format!("two statements have the Sid `{sid}`, the first on line {first}");
            let help = "a Sid is unique in its policy";
            if strict {
                report.error("duplicate-sid", statement.span, message, help);
            } else {
                warn(report, "duplicate-sid", statement.span, message, help);
            }
        }
    }
}
