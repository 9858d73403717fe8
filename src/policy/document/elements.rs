//! The elements of a statement that say who, what and where: Principal, Action, Resource.

use super::read::{Members, one_or_many};
use super::{Effect, Kind, Statement, Version, arns, warn};
use crate::policy::action::{ActionPattern, Actions};
use crate::policy::principal::element::{Element, Name};
use crate::policy::resource::{self, Completion, Resources};
use crate::policy::variable::Template;
use crate::source::{Entry, Node, Report, Span, Value, nearest};

/// Where an element stands, and each entry of its list.
pub(super) struct Spans {
    pub(super) whole: Span,
    pub(super) each: Vec<Span>,
}

impl Spans {
    pub(super) fn whole(whole: Span) -> Self {
        let each = Vec::new();
        Self { whole, each }
    }
}

/// A string or a list of strings; never empty.
fn texts<'n>(node: &'n Node, what: &str, report: &mut Report) -> Vec<(&'n str, Span)> {
    let nodes = one_or_many(node);
    if nodes.is_empty() {
        report.error(
            "empty-list",
            node.span,
            format!("{what} is an empty list"),
            "name at least one, or leave the element out",
        );
    }
    let mut found = Vec::with_capacity(nodes.len());
    for node in nodes {
        match node.as_str() {
            Some(text) => found.push((text, node.span)),
            None => report.error(
                "wrong-type",
                node.span,
                format!(
                    "{what} is a string or a list of strings, and this is {}",
                    node.kind()
                ),
                "write \"one\", or [\"one\", \"two\"]",
            ),
        }
    }
    found
}

/// Principal or NotPrincipal.
pub(super) fn principal(
    members: &Members<'_>,
    kind: Kind,
    effect: Option<Effect>,
    report: &mut Report,
) -> Option<Element> {
    let found = members.either("Principal", "NotPrincipal", report);
    let needed = matches!(kind, Kind::Resource | Kind::Trust | Kind::Rcp);
    let Some((entry, negated)) = found else {
        if needed && members.get("Principal").is_none() {
            members.missing(
                &["Principal", "NotPrincipal"],
                format!("a statement of {} needs the member Principal", kind.words()),
                "say whom it is about",
                report,
            );
        }
        return None;
    };
    if !needed {
        report.error(
            "principal-forbidden",
            entry.key_span,
            format!("a statement of {} has no {}", kind.words(), entry.key),
            "it is about whoever it is attached to",
        );
        return None;
    }
    if negated {
        if matches!(kind, Kind::Trust | Kind::Rcp) {
            report.error(
                "not-principal-forbidden",
                entry.key_span,
                format!("{} takes no NotPrincipal", kind.words()),
                "use Principal with a condition on aws:PrincipalArn",
            );
        } else if effect == Some(Effect::Allow) {
            report.error(
                "not-principal-with-allow",
                entry.key_span,
                "NotPrincipal goes with Deny only",
                "name those that are allowed in Principal",
            );
        }
    }
    let mut names = Names::default();
    match &entry.value.value {
        Value::String(text) if &**text == "*" => names.push(Name::Everyone, entry.value.span),
        Value::Map(_) | Value::List(_) | Value::String(_) if kind == Kind::Rcp && !negated => {
            report.error(
                "rcp-principal",
                entry.value.span,
                "Principal in a resource control policy is \"*\", written so",
                "write \"Principal\": \"*\", and narrow it with a condition",
            );
        }
        Value::Map(entries) => {
            if entries.is_empty() {
                report.error(
                    "bad-principal",
                    entry.value.span,
                    "no principal is named",
                    "write \"*\" for everyone, or { \"AWS\": \"…\" }, { \"Service\": \"…\" } or { \"Federated\": \"…\" }",
                );
            }
            for entry in entries {
                named(entry, &mut names, report);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::List(_) => {
            report.error(
                "bad-principal",
                entry.value.span,
                format!(
                    "{} is \"*\" or an object, and this is {}",
                    entry.key,
                    entry.value.kind()
                ),
                "write { \"AWS\": \"…\" }, { \"Service\": \"…\" } or { \"Federated\": \"…\" }",
            );
        }
    }
    Some(Element {
        negated,
        names: names.all.into(),
        span: entry.value.span,
        name_spans: names.spans.into(),
    })
}

/// Principals with their places.
#[derive(Default)]
struct Names {
    all: Vec<Name>,
    spans: Vec<Span>,
}

impl Names {
    fn push(&mut self, name: Name, span: Span) {
        self.all.push(name);
        self.spans.push(span);
    }
}

fn named(entry: &Entry, names: &mut Names, report: &mut Report) {
    const KEYS: [&str; 4] = ["AWS", "Service", "Federated", "CanonicalUser"];
    if !KEYS.contains(&&*entry.key) {
        let help = nearest(&entry.key, KEYS).map_or_else(
            || format!("the kinds are {}", KEYS.join(", ")),
            |known| format!("did you mean `{known}`?"),
        );
        report.error(
            "bad-principal",
            entry.key_span,
            format!("`{}` is no kind of principal", entry.key),
            help,
        );
        return;
    }
    for (text, span) in texts(&entry.value, "a principal", report) {
        let name = if &*entry.key == "AWS" {
            Name::aws(text)
        } else {
            Name::other(&entry.key, text)
        };
        match name {
            Ok(name) => names.push(name, span),
            Err(help) => report.error(
                "bad-principal",
                span,
                format!("`{text}` is no principal"),
                help,
            ),
        }
    }
}

/// Action or NotAction.
pub(super) fn actions(
    members: &Members<'_>,
    kind: Kind,
    effect: Option<Effect>,
    report: &mut Report,
) -> Option<(Actions, Spans)> {
    let found = members.either("Action", "NotAction", report);
    let Some((entry, negated)) = found else {
        if members.get("Action").is_none() {
            members.missing(
                &["Action", "NotAction"],
                "a statement needs the member Action or NotAction",
                "add \"Action\": \"service:Name\"",
                report,
            );
        }
        return None;
    };
    let mut patterns = Vec::new();
    let mut spans = Spans::whole(entry.value.span);
    for (text, span) in texts(&entry.value, &entry.key, report) {
        match ActionPattern::read(text) {
            Ok(pattern) => {
                if !pattern.is_possible() {
                    warn(
                        report,
                        "action-never-matches",
                        span,
                        format!("`{text}` can never match: no action has such a name"),
                        "names of actions hold letters, digits, `-`, `_` and `.`: remove white space and the like",
                    );
                }
                if kind == Kind::Trust
                    && !negated
                    && !pattern.is_everything()
                    && !pattern.prefix().starts_with(b"sts:")
                {
                    warn(
                        report,
                        "trust-action",
                        span,
                        format!("`{text}` in a role trust policy never matches"),
                        "only actions of sts are asked of it",
                    );
                }
                patterns.push(pattern);
                spans.each.push(span);
            }
            Err(help) => report.error("bad-action", span, format!("`{text}` is no action"), help),
        }
    }
    if negated && effect == Some(Effect::Allow) && kind == Kind::Trust {
        warn(
            report,
            "trust-not-action",
            entry.key_span,
            "a trust policy that allows by NotAction allows what nobody listed",
            "list the actions of sts",
        );
    }
    Some((
        Actions {
            negated,
            patterns: patterns.into(),
        },
        spans,
    ))
}

/// Resource or NotResource.
pub(super) fn resources(
    members: &Members<'_>,
    kind: Kind,
    effect: Option<Effect>,
    version: Version,
    report: &mut Report,
) -> Option<(Resources, Spans)> {
    let found = members.either("Resource", "NotResource", report);
    let Some((entry, negated)) = found else {
        if members.get("Resource").is_some() {
            return None;
        }
        match kind {
            Kind::Trust => {}
            Kind::Resource => warn(
                report,
                "missing-resource",
                members.span,
                "without Resource the statement is about every resource that the policy is attached to",
                "say which",
            ),
            Kind::Identity | Kind::Boundary | Kind::Session | Kind::Scp | Kind::Rcp => members
                .missing(
                    &["Resource", "NotResource"],
                    "a statement needs the member Resource or NotResource",
                    "add \"Resource\": \"arn:…\"",
                    report,
                ),
        }
        return None;
    };
    if kind == Kind::Trust {
        report.error(
            "resource-forbidden",
            entry.key_span,
            format!("a statement of a role trust policy has no {}", entry.key),
            "it is about the role itself",
        );
        return None;
    }
    let variables = version == Version::V2012;
    let completion = if !matches!(kind, Kind::Identity | Kind::Boundary) {
        Completion::None
    } else if negated && effect != Some(Effect::Allow) {
        Completion::Both
    } else {
        Completion::Either
    };
    let mut patterns = Vec::new();
    let mut spans = Spans::whole(entry.value.span);
    for (text, span) in texts(&entry.value, &entry.key, report) {
        match resource::read(text, variables, completion) {
            Ok(found) => {
                arns::check(text, variables, span, report);
                if let Some(whole) = resource::completed(text) {
                    let besides = if found.iter().any(Template::is_both) {
                        "; but, with its `*` over colons too, no ARN that does not fit it as it stands"
                    } else if found.len() > 1 {
                        "; and, with its `*` over colons too, every ARN that fits it as it stands"
                    } else {
                        ""
                    };
                    let message = format!(
                        "`{text}` lacks parts of an ARN, and means `{whole}`: all that it names{besides}"
                    );
                    let help =
                        format!("write {whole} if that is meant, or the ARN with all six parts");
                    warn(report, "incomplete-arn", span, message, help);
                }
                spans.each.extend(found.iter().map(|_| span));
                patterns.extend(found);
            }
            Err(problem) => report.error(problem.id, span, problem.message, problem.help),
        }
    }
    Some((
        Resources {
            negated,
            patterns: patterns.into(),
        },
        spans,
    ))
}

/// What only resource control policies must hold.
pub(super) fn rcp(statement: &Statement, report: &mut Report) {
    let every_action = statement
        .actions
        .patterns
        .iter()
        .any(ActionPattern::is_everything);
    // RCPFullAWSAccess, which stands on every level, is the one Allow there is.
    let full_access = statement.effect == Effect::Allow
        && every_action
        && !statement.actions.negated
        && statement.conditions.is_empty()
        && statement.resources.as_ref().is_some_and(|resources| {
            !resources.negated && resources.patterns.iter().any(Template::is_everything)
        });
    if full_access {
        return;
    }
    if statement.actions.negated {
        report.error(
            "rcp-not-action",
            statement.actions_span,
            "a resource control policy takes no NotAction",
            "list the actions in Action",
        );
    }
    if statement.effect == Effect::Allow {
        report.error(
            "rcp-allow",
            statement.span,
            "a resource control policy denies only",
            "RCPFullAWSAccess allows on every level already",
        );
    } else if every_action && !statement.actions.negated {
        report.error(
            "rcp-every-action",
            statement.actions_span,
            "a resource control policy takes no bare \"*\" as action",
            "name the service: s3:*",
        );
    }
}
