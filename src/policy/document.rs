//! Policy documents, read from JSON or YAML nodes with every fault at its place.
//!
//! What IAM itself refuses is an error; what it stores though it can hardly be meant is a warning, and so are quotas.
//! A document that was read holds its patterns, operators and values parsed: nothing is left that could fail later.
//! Decided here, where IAM's documentation is silent: `*:*` is accepted as every action; an empty Sid is no Sid; two
//! operators of one Condition, or two keys of one operator, that differ in case only are an error.

mod arns;
mod conditions;
mod elements;
mod quota;
mod read;

use std::sync::Arc;

use super::action::Actions;
use super::condition::Condition;
use super::principal::element::Element;
use super::resource::Resources;
use crate::source::{Node, Report, Severity, Span, json};

/// What a document is used as: what it may hold depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Attached to a user, group or role.
    Identity,
    /// A permissions boundary.
    Boundary,
    /// Passed when a session is made.
    Session,
    /// Attached to a resource.
    Resource,
    /// A role's trust policy.
    Trust,
    /// A service control policy.
    Scp,
    /// A resource control policy.
    Rcp,
}

impl Kind {
    /// In words, with the article.
    pub fn words(self) -> &'static str {
        match self {
            Self::Identity => "an identity-based policy",
            Self::Boundary => "a permissions boundary",
            Self::Session => "a session policy",
            Self::Resource => "a resource-based policy",
            Self::Trust => "a role trust policy",
            Self::Scp => "a service control policy",
            Self::Rcp => "a resource control policy",
        }
    }
}

/// How a document is kept, on which depends how long it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form<'t> {
    /// By itself; its text is not known.
    #[default]
    Alone,
    /// By itself, as this text.
    Written(&'t str),
    /// In a user, group or role: what counts there is all of its inline policies together.
    Inline,
}

/// The Version element. Without one a document is of 2008.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// `2008-10-17`: policy variables are literal text.
    V2008,
    /// `2012-10-17`
    V2012,
}

/// The Effect element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub enum Effect {
    /// Grants.
    Allow,
    /// Refuses, whatever grants.
    Deny,
}

/// A document that was read without an error.
#[derive(Debug, Clone)]
pub struct Document {
    pub(crate) kind: Kind,
    pub(crate) version: Version,
    pub(crate) id: Option<Box<str>>,
    pub(crate) statements: Arc<[Statement]>,
}

/// A statement, its parts parsed.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) span: Span,
    pub(crate) sid: Option<Box<str>>,
    pub(crate) effect: Effect,
    pub(crate) principal: Option<Element>,
    pub(crate) actions: Actions,
    pub(crate) actions_span: Span,
    /// Of each pattern.
    pub(crate) action_spans: Box<[Span]>,
    /// None where the element is absent: then it covers every resource.
    pub(crate) resources: Option<Resources>,
    pub(crate) resources_span: Span,
    /// Of each pattern.
    pub(crate) resource_spans: Box<[Span]>,
    pub(crate) conditions: Box<[Condition]>,
}

impl Statement {
    /// Where one pattern of Action or NotAction stands.
    pub(crate) fn action_span(&self, at: usize) -> Span {
        entry(&self.action_spans, at, self.actions_span)
    }

    /// Where one pattern of Resource or NotResource stands.
    pub(crate) fn resource_span(&self, at: usize) -> Span {
        entry(&self.resource_spans, at, self.resources_span)
    }
}

/// The place of one entry of a list, or else that of the whole list.
pub(crate) fn entry(spans: &[Span], at: usize, whole: Span) -> Span {
    spans.get(at).copied().unwrap_or(whole)
}

impl Document {
    /// Reads a document, and reports all that is wrong with it; `None` if anything is an error.
    pub fn read(node: &Node, kind: Kind, report: &mut Report) -> Option<Self> {
        Self::read_as(node, kind, Form::Alone, report)
    }

    /// The same for a document that is kept in some form.
    pub fn read_as(node: &Node, kind: Kind, form: Form<'_>, report: &mut Report) -> Option<Self> {
        let mut own = Report::on(report.file());
        let document = read::document(node, kind, form, &mut own);
        let broken = own.has_errors();
        report.append(own);
        document.filter(|_| !broken)
    }

    /// What it is used as.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The Id element.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// How many statements it holds.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether it holds no statement: never so for a document that was read.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }
}

/// Reads a document from JSON text.
///
/// ```
/// use sidegate::policy::{self, Kind};
///
/// let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}"#;
/// assert!(policy::parse(text, Kind::Identity, "read.json").is_ok());
///
/// let report = policy::parse("{}", Kind::Identity, "empty.json").unwrap_err();
/// assert!(report.faults()[0].line().starts_with("empty.json:1:1: error"));
/// ```
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(text: &str, kind: Kind, file: &str) -> Result<Document, Report> {
    let mut report = Report::on(file);
    let document = json::read(text, &mut report)
        .and_then(|node| Document::read_as(&node, kind, Form::Written(text), &mut report));
    match document {
        Some(document) if !report.has_errors() => Ok(document),
        _ => Err(report),
    }
}

/// Adds a warning.
fn warn(
    report: &mut Report,
    id: &'static str,
    span: Span,
    message: impl Into<String>,
    help: impl Into<String>,
) {
    report.add(Severity::Warning, id, span, message, help);
}

#[cfg(test)]
mod tests;
