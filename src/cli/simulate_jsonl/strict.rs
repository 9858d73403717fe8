//! What no case can mean: a misspelt member, an action or a resource that no request has. Such a case is refused: read
//! as if nothing stood there, it would get a decision that nobody asked for.
//!
//! What can change no decision stays free: members that are null, and beside `request` and `policies` whatever a case
//! says of itself (what is expected, why). A context key that is null is none of these: an absent key and one without a
//! value are judged differently.

use super::case::Read;
use crate::source::{Node, Value, nearest};

const CASE: [&str; 3] = ["id", "request", "policies"];
pub(super) const REQUEST: [&str; 5] = [
    "principal",
    "action",
    "resource",
    "resourceAccount",
    "context",
];
pub(super) const PRINCIPAL: [&str; 8] = [
    "type", "account", "arn", "roleArn", "userArn", "name", "session", "service",
];
pub(super) const POLICIES: [&str; 7] = [
    "identity",
    "resource",
    "resourceKind",
    "boundary",
    "session",
    "scps",
    "rcps",
];
const WRAPPER: [&str; 2] = ["name", "document"];
/// Members of the policy language itself.
const DOCUMENT: [&str; 3] = ["Version", "Statement", "Id"];

/// Refuses members that are not among the known ones.
pub(super) fn members(node: &Node, path: &str, known: &[&str]) -> Read<()> {
    for (key, _) in said(node) {
        if !known.contains(&key) {
            let hint = match nearest(key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}", known.join(", ")),
            };
            return Err(format!("{path} has no member `{key}`: {hint}"));
        }
    }
    Ok(())
}

/// Refuses members of a case that stand in the wrong place, and slips of the pen.
pub(super) fn case(node: &Node) -> Read<()> {
    let inner: Vec<&str> = REQUEST.into_iter().chain(POLICIES).collect();
    for (key, _) in said(node) {
        if CASE.contains(&key) {
            continue;
        }
        if let Some(known) = inner.iter().find(|known| known.eq_ignore_ascii_case(key)) {
            let place = if REQUEST.contains(known) {
                "request"
            } else {
                "policies"
            };
            return Err(format!(
                "`{key}` stands beside request and policies: put it into {place}"
            ));
        }
        slip(key, &CASE, "case")?;
    }
    Ok(())
}

/// Refuses a named document that is a document itself, too, and slips of the pen.
pub(super) fn wrapper(node: &Node, path: &str) -> Read<()> {
    for (key, _) in said(node) {
        if DOCUMENT.contains(&key) {
            return Err(format!(
                "policies.{path} has both document and {key}: put the policy into document, all of it"
            ));
        }
        if !WRAPPER.contains(&key) {
            slip(key, &WRAPPER, &format!("policies.{path}"))?;
        }
    }
    Ok(())
}

/// The members that are not null.
fn said(node: &Node) -> impl Iterator<Item = (&str, &Node)> {
    let entries = node.as_map().unwrap_or_default().iter();
    entries
        .filter(|entry| entry.value.value != Value::Null)
        .map(|entry| (&*entry.key, &entry.value))
}

fn slip(key: &str, known: &[&str], path: &str) -> Read<()> {
    match nearest(key, known.iter().copied()) {
        Some(near) => Err(format!(
            "{path} has no member `{key}`: did you mean `{near}`?"
        )),
        None => Ok(()),
    }
}

/// `service:Name`. A request asks for one action, so wildcards are none of its letters.
pub(super) fn action(text: &str) -> Read<&str> {
    let is_one = text.split_once(':').is_some_and(|(service, name)| {
        !service.is_empty() && !name.is_empty() && !name.contains(':')
    });
    let odd = |character: char| {
        matches!(character, '*' | '?') || character.is_whitespace() || character.is_control()
    };
    if is_one && !text.contains(odd) {
        return Ok(text);
    }
    Err(format!(
        "request.action `{text}` is no action: write SERVICE:NAME, like s3:GetObject"
    ))
}

/// Twelve digits, or one of the names that AWS's own accounts have in ARNs (`aws`, `cloudfront`).
pub(super) fn account(text: &str) -> Read<&str> {
    let is_number = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = text.starts_with(|first: char| first.is_ascii_lowercase())
        && (text.bytes()).all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    if is_number || is_name {
        return Ok(text);
    }
    Err(format!(
        "request.resourceAccount `{text}` is no account: write its twelve digits, or null for that of the ARN"
    ))
}

/// An ARN, in which `*` and `?` are letters, or `*`.
pub(super) fn resource(text: &str) -> Read<&str> {
    let is_arn = text.starts_with("arn:") && text.bytes().filter(|byte| *byte == b':').count() >= 5;
    if is_arn || text == "*" {
        return Ok(text);
    }
    Err(format!(
        "request.resource `{text}` is no resource: write its ARN, or *"
    ))
}
