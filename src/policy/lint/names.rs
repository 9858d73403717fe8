//! Keys that no request has, in conditions and in policy variables: misspelt, without a namespace, or, in a variable,
//! with many values. A condition on such a key never holds or always does; a Deny that is narrowed by one never fires.
//!
//! Namespaces of services are their own: what a route sets under them is not known to a policy.

use crate::policy::condition::Condition;
use crate::policy::condition::key::{self, Unknown};
use crate::policy::condition::operator::Test;
use crate::policy::context::folded;
use crate::policy::document::{Statement, Version};
use crate::policy::variable::Template;
use crate::source::{Report, Severity, Span};

/// Looks at one statement.
pub(super) fn statement(statement: &Statement, version: Version, report: &mut Report) {
    let variables = version == Version::V2012;
    for condition in &statement.conditions {
        condition_key(condition, report);
        let span = |at| condition.value_span(at);
        let used = condition.values.keys();
        for text in unique(used) {
            variable(text, &condition.texts, &span, report);
        }
        if variables && takes_variables(condition.operator.test) {
            unclosed(&condition.texts, &span, report);
        }
    }
    let Some(resources) = &statement.resources else {
        return;
    };
    let sources: Vec<Box<str>> = (resources.patterns.iter())
        .map(|pattern| pattern.source().into())
        .collect();
    let span = |at| statement.resource_span(at);
    for used in unique(resources.patterns.iter().flat_map(Template::keys)) {
        variable(used, &sources, &span, report);
    }
    if variables {
        unclosed(&sources, &span, report);
    }
}

fn takes_variables(test: Test) -> bool {
    match test {
        Test::StringEquals
        | Test::StringEqualsIgnoreCase
        | Test::StringLike
        | Test::Arn
        | Test::Bool => true,
        Test::Numeric(_) | Test::Date(_) | Test::Binary | Test::Ip | Test::Null => false,
    }
}

fn unique<'k>(keys: impl Iterator<Item = &'k str>) -> Vec<&'k str> {
    let mut found: Vec<&str> = keys.collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether a request may have the condition's key; reports it when not.
fn condition_key(condition: &Condition, report: &mut Report) {
    let name = &condition.name;
    let Some(why) = key::unknown(name) else {
        return;
    };
    report.add(
        Severity::Warning,
        "unknown-condition-key",
        condition.span,
        format!("{}, so no request has it", no_such(name, why)),
        help(name, why),
    );
}

fn no_such(name: &str, why: Unknown) -> String {
    match why {
        Unknown::NoSuchKey => format!("there is no condition key `{name}`"),
        Unknown::NoNamespace => format!("`{name}` is no condition key: it has no namespace"),
    }
}

fn help(name: &str, why: Unknown) -> String {
    if let Some(near) = key::near(name) {
        return format!("did you mean `{near}`?");
    }
    match why {
        Unknown::NoSuchKey => {
            "see \"AWS global condition context keys\", and of sts \"Available keys for AWS STS\""
                .to_owned()
        }
        Unknown::NoNamespace => {
            "write service:Name, as a route's `context` sets it; aws: and sts: are IAM's own"
                .to_owned()
        }
    }
}

/// A variable that never has a value: without a default, what holds it matches nothing.
fn variable(key: &str, texts: &[Box<str>], span: &dyn Fn(usize) -> Span, report: &mut Report) {
    let (at, name) = written(key, texts);
    let (message, help) = if let Some(why) = key::unknown(key) {
        (no_such(name, why), help(name, why))
    } else if key::is_multivalued(key) == Some(true) {
        (
            format!("`{name}` holds many values, and a variable takes one"),
            "compare the key itself, with ForAnyValue or ForAllValues".to_owned(),
        )
    } else {
        return;
    };
    report.add(
        Severity::Warning,
        "variable-without-value",
        span(at),
        format!("the variable `${{{name}}}` never has a value: {message}"),
        help,
    );
}

/// A key in the letters in which one of the texts has it, and which text that is.
fn written<'t>(key: &'t str, texts: &'t [Box<str>]) -> (usize, &'t str) {
    let names = texts.iter().enumerate().flat_map(|(at, text)| {
        let variables = text.split("${").skip(1);
        variables.map(move |behind| (at, behind.split(['}', ',']).next().unwrap_or_default()))
    });
    let mut names = names.filter(|(_, name)| *folded(name) == *key);
    // Behind a list that has no such text stands the list itself.
    names.next().unwrap_or((texts.len(), key))
}

/// `${` that no brace closes is text.
fn unclosed(texts: &[Box<str>], span: &dyn Fn(usize) -> Span, report: &mut Report) {
    let is_open = |text: &str| {
        text.rsplit_once("${")
            .is_some_and(|(_, behind)| !behind.contains('}'))
    };
    if let Some((at, text)) = texts.iter().enumerate().find(|(_, text)| is_open(text)) {
        report.add(
            Severity::Warning,
            "unclosed-variable",
            span(at),
            format!("no brace closes the `${{` of `{text}`, so that it is text"),
            "close it with }, or write ${$} where the letter is meant",
        );
    }
}
