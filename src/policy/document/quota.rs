//! IAM's limits on a document's size and characters. What exceeds a size works here, so it is a warning; a character
//! that IAM stores in no policy is an error.

use super::{Form, Kind, warn};
use crate::source::{Node, Report, Value};

/// How far a service quota raises the size of trust policies.
const TRUST_RAISED: usize = 8_192;

/// Reports a document that IAM would not store for its size or its characters.
pub(super) fn check(node: &Node, kind: Kind, form: Form<'_>, report: &mut Report) {
    let (limit, what) = match kind {
        Kind::Identity | Kind::Boundary => (6_144, "a managed policy"),
        Kind::Session => (2_048, "a session policy"),
        Kind::Trust => (2_048, "a role trust policy"),
        Kind::Scp => (5_120, "a service control policy"),
        Kind::Rcp => (5_120, "a resource control policy"),
        // Each service has its own limit; the largest is S3's.
        Kind::Resource => (20_480, "a resource-based policy"),
    };
    let mut odd = None;
    let least = size(node, &mut odd);
    let (size, counted) = match (form, kind) {
        // IAM keeps those of organizations as they are written.
        (Form::Written(text), Kind::Scp | Kind::Rcp) => {
            (text.trim().chars().count(), "with white space")
        }
        _ => (least, "without white space"),
    };
    if size > limit && form != Form::Inline {
        let (raised, help) = match kind {
            Kind::Trust if size <= TRUST_RAISED => (
                format!(" ({TRUST_RAISED} where the account's quota is raised)"),
                "shorten it: name an account or an organization in place of many principals; or have the quota raised",
            ),
            Kind::Trust => (
                format!(" ({TRUST_RAISED} where the account's quota is raised as far as it goes)"),
                "shorten it: name an account or an organization in place of many principals",
            ),
            Kind::Identity
            | Kind::Boundary
            | Kind::Session
            | Kind::Resource
            | Kind::Scp
            | Kind::Rcp => (String::new(), "split it, or shorten it with wildcards"),
        };
        let message = format!(
            "{what} has at most {limit} characters {counted}{raised}, and this one has {size}"
        );
        warn(report, "quota-policy-size", node.span, message, help);
    }
    if let Some((character, span)) = odd {
        report.error(
            "character-not-allowed",
            span,
            format!(
                "IAM stores no {character:?} (U+{:04X}) in a policy",
                u32::from(character)
            ),
            "allowed are tab, line feed, carriage return and U+0020 to U+00FF",
        );
    }
}

type Odd = Option<(char, crate::source::Span)>;

fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}')
}

/// The length of the shortest JSON text that says the same.
fn size(node: &Node, odd: &mut Odd) -> usize {
    let mut look = |text: &str, span| {
        let bytes = text.as_bytes();
        let plain = |byte: &u8| matches!(byte, 0x20..0x80) && !matches!(byte, b'"' | b'\\');
        if bytes.iter().all(plain) {
            return bytes.len().saturating_add(2);
        }
        if odd.is_none() {
            *odd = text
                .chars()
                .find(|character| !is_allowed(*character))
                .map(|character| (character, span));
        }
        let escapes = text
            .bytes()
            .filter(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\r' | b'\t'))
            .count();
        let characters = if text.is_ascii() {
            text.len()
        } else {
            text.chars().count()
        };
        characters.saturating_add(escapes).saturating_add(2)
    };
    match &node.value {
        Value::Null => 4,
        Value::Bool(value) => {
            if *value {
                4
            } else {
                5
            }
        }
        Value::Number(text) => text.len(),
        Value::String(text) => look(text, node.span),
        Value::List(items) => items.iter().fold(1, |sum: usize, item| {
            sum.saturating_add(size(item, odd)).saturating_add(1)
        }),
        Value::Map(entries) => {
            let keys = entries.iter().fold(1, |sum: usize, entry| {
                sum.saturating_add(look(&entry.key, entry.key_span))
                    .saturating_add(2)
            });
            entries.iter().fold(keys, |sum, entry| {
                sum.saturating_add(size(&entry.value, odd))
            })
        }
    }
}
