//! Environment variables that override single values: `SIDEGATE_LIMITS__HEAD_TIMEOUT=5s`.
//!
//! `__` steps one level down; a listener or an upstream is named by its name. A variable changes the value that the
//! file holds before anything is read, so that it is checked exactly like one. Reads no environment itself: the
//! variables are handed in.

use super::section::Key;
use super::value::Shape;
use crate::source::{Entry, Fault, Node, Position, Report, Span, Value, nearest};

const PREFIX: &str = "SIDEGATE_";

/// Variables that are the command line's own.
const COMMAND_LINE: [&str; 1] = ["SIDEGATE_CONFIG"];

/// Marks a value as the variable with this index: no text has a line 0.
fn mark(index: usize) -> Span {
    let column = u32::try_from(index).unwrap_or(u32::MAX);
    let place = Position { line: 0, column };
    Span {
        start: place,
        end: place,
    }
}

/// Whether a value with this place came from a variable.
pub(super) fn is_variable(span: Span) -> bool {
    span.start.line == 0
}

/// The variables that are ours, in the order of their names.
pub(super) fn ours(
    environment: impl IntoIterator<Item = (String, String)>,
) -> Vec<(String, String)> {
    let mut variables: Vec<_> = environment
        .into_iter()
        .filter(|(name, value)| {
            name.starts_with(PREFIX)
                && !COMMAND_LINE.contains(&name.as_str())
                && !is_service_link(name, value)
        })
        .collect();
    variables.sort();
    variables
}

/// Kubernetes tells every pod of the Services in its namespace by variables: a Service named `sidegate` or
/// `sidegate-admin` must not keep the sidecar from starting.
fn is_service_link(name: &str, value: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if name.ends_with("_SERVICE_HOST") {
        return value.parse::<std::net::IpAddr>().is_ok();
    }
    if name.contains("_SERVICE_PORT") {
        return number(value);
    }
    let Some((_, port)) = name.rsplit_once("_PORT") else {
        return false;
    };
    let is_url = value
        .split_once("://")
        .is_some_and(|(scheme, _)| matches!(scheme, "tcp" | "udp" | "sctp"));
    if port.is_empty() {
        // `…_PORT`, or `…_PORT_80_TCP_PORT`.
        return is_url || (number(value) && name.contains("_PORT_"));
    }
    let mut parts = port.strip_prefix('_').unwrap_or_default().split('_');
    let (Some(port), Some("TCP" | "UDP" | "SCTP")) = (parts.next(), parts.next()) else {
        return false;
    };
    number(port)
        && match parts.next() {
            None => is_url,
            Some("PROTO") => matches!(value, "tcp" | "udp" | "sctp"),
            Some("ADDR") => value.parse::<std::net::IpAddr>().is_ok(),
            Some(_) => false,
        }
}

/// Puts the variables into the tree. What does not fit is reported as the variable's fault.
pub(super) fn apply(
    root: &mut Node,
    variables: &[(String, String)],
    keys: &[Key],
    report: &mut Report,
) {
    for (index, (name, value)) in variables.iter().enumerate() {
        if let Err((id, message, help)) = apply_one(root, name, value, index, keys) {
            report.error(id, mark(index), message, help);
        }
    }
}

type Complaint = (&'static str, String, String);

fn apply_one(
    root: &mut Node,
    name: &str,
    value: &str,
    index: usize,
    keys: &[Key],
) -> Result<(), Complaint> {
    let asked = name.strip_prefix(PREFIX).unwrap_or_default();
    let asked: Vec<&str> = asked.split("__").collect();
    let Some(key) = keys.iter().find(|key| matches(&key.path, &asked)) else {
        return Err(unknown(name, &asked, keys));
    };
    let value = match key.shape {
        Shape::List => {
            return Err((
                "not-overridable",
                format!("{name}: `{}` is a list", key.path),
                "write it into the configuration file".to_owned(),
            ));
        }
        Shape::Boolean if value == "true" || value == "false" => Value::Bool(value == "true"),
        Shape::Number if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
            Value::Number(value.into())
        }
        Shape::Boolean | Shape::Number | Shape::Text => Value::String(value.into()),
    };
    let value = Node {
        span: mark(index),
        value,
    };
    let mut node = root;
    for (step, asked) in key.path.split('.').zip(asked) {
        node = if step == NAME {
            named(node, name, asked)?
        } else if let Some(child) = child(node, step) {
            child
        } else {
            // No mapping where one belongs: the reader of the file says so.
            return Ok(());
        };
    }
    *node = value;
    Ok(())
}

/// A level that a listener's or an upstream's name stands for.
pub(super) const NAME: &str = "NAME";

/// Whether the levels of a variable's name are those of a key's path.
fn matches(path: &str, asked: &[&str]) -> bool {
    path.split('.').count() == asked.len()
        && path
            .split('.')
            .zip(asked)
            .all(|(step, asked)| step == NAME || variable(step) == *asked)
}

/// As a variable's name spells a key or a name.
fn variable(text: &str) -> String {
    text.replace('-', "_").to_ascii_uppercase()
}

/// The value of a mapping's key, made if need be.
fn child<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    if node.value == Value::Null {
        node.value = Value::Map(Vec::new());
    }
    let span = node.span;
    let Value::Map(entries) = &mut node.value else {
        return None;
    };
    let found = entries.iter().position(|entry| &*entry.key == key);
    let place = found.unwrap_or(entries.len());
    if found.is_none() {
        entries.push(Entry {
            key: key.into(),
            key_span: span,
            value: Node {
                span,
                value: Value::Null,
            },
        });
    }
    entries.get_mut(place).map(|entry| &mut entry.value)
}

/// The listener of a list, or the upstream of a mapping, that a variable names.
fn named<'n>(node: &'n mut Node, name: &str, asked: &str) -> Result<&'n mut Node, Complaint> {
    let children: Vec<(String, &mut Node)> = match &mut node.value {
        Value::List(items) => items
            .iter_mut()
            .filter_map(|item| {
                let own = item.get("name")?.as_str()?;
                Some((variable(own), item))
            })
            .collect(),
        Value::Map(entries) => entries
            .iter_mut()
            .map(|entry| (variable(&entry.key), &mut entry.value))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    let names: Vec<_> = children.iter().map(|(own, _)| own.clone()).collect();
    let mut fitting = children.into_iter().filter(|(own, _)| own == asked);
    match (fitting.next(), fitting.next()) {
        (Some((_, child)), None) => Ok(child),
        (Some(_), Some(_)) => Err((
            "ambiguous-variable",
            format!("{name}: two names of the configuration file are spelled {asked}"),
            "rename one of them, or write the value into the file".to_owned(),
        )),
        (None, _) => Err((
            "unknown-variable",
            format!("{name}: the configuration file names nothing that is spelled {asked}"),
            match nearest(asked, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean {near}?"),
                None => "a variable changes what the file holds, it adds nothing".to_owned(),
            },
        )),
    }
}

fn unknown(name: &str, asked: &[&str], keys: &[Key]) -> Complaint {
    let known: Vec<String> = keys
        .iter()
        .map(|key| {
            let steps: Vec<_> = key
                .path
                .split('.')
                .zip(asked.iter().copied().chain(std::iter::repeat(NAME)))
                .map(|(step, asked)| {
                    if step == NAME {
                        asked.to_owned()
                    } else {
                        variable(step)
                    }
                })
                .collect();
            format!("{PREFIX}{}", steps.join("__"))
        })
        .collect();
    let help = match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None => "unset it: every variable that starts with SIDEGATE_ is ours".to_owned(),
    };
    let message = format!("{name} is no variable that the configuration knows");
    ("unknown-variable", message, help)
}

/// Gives faults of variables the variable's name for a file, and a place in its value.
pub(super) fn place(faults: &mut [Fault], variables: &[(String, String)]) {
    for fault in faults.iter_mut().filter(|fault| is_variable(fault.span)) {
        let index = usize::try_from(fault.span.start.column).unwrap_or(usize::MAX);
        let Some((name, value)) = variables.get(index) else {
            continue;
        };
        let length = u32::try_from(value.chars().count()).unwrap_or(u32::MAX);
        fault.file = name.as_str().into();
        fault.span = Span {
            start: Position { line: 1, column: 1 },
            end: Position {
                line: 1,
                column: length.saturating_add(1),
            },
        };
    }
}
