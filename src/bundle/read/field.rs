//! Fields that several kinds of files have: paths, ids, tags, names.

use crate::arn::AccountId;
use crate::directory::Tags;
use crate::source::mapping::{Mapping, digits, string};
use crate::source::{Node, Report, Severity, Span};

/// IAM's bounds of tags (IAM User Guide, quotas).
const MAX_TAGS: usize = 50;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;
const MAX_PATH: usize = 512;

/// A reference to something that has its own file.
#[derive(Debug, Clone)]
pub(in crate::bundle) struct Reference {
    pub(in crate::bundle) text: Box<str>,
    pub(in crate::bundle) span: Span,
}

/// `path:`; absent means `/`.
pub(super) fn path(map: &mut Mapping<'_>, report: &mut Report) -> Box<str> {
    let Some((text, span)) = map.string("path", report) else {
        return "/".into();
    };
    let good = text.len() <= MAX_PATH
        && text.starts_with('/')
        && text.ends_with('/')
        && !text.contains("//")
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'*' | b'?' | b'$'));
    if !good {
        report.error(
            "bad-path",
            span,
            format!("`{text}` is no path"),
            "a path begins and ends with a slash, like /team/, and has 512 printable characters at most, without * ? $",
        );
        return "/".into();
    }
    text.into()
}

/// `id:`, which an import keeps.
pub(super) fn id(map: &mut Mapping<'_>, prefix: &str, report: &mut Report) -> Option<Reference> {
    let (text, span) = map.string("id", report)?;
    let good = text.strip_prefix(prefix).is_some_and(|rest| {
        (12..=124).contains(&rest.len())
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    });
    if !good {
        report.error(
            "bad-id",
            span,
            format!("`{text}` is no id of this kind"),
            format!("it begins with {prefix}, and 12 or more capitals and digits follow; without `id` one is derived"),
        );
        return None;
    }
    Some(Reference {
        text: text.into(),
        span,
    })
}

/// A point in time.
pub(super) fn time(
    map: &mut Mapping<'_>,
    key: &'static str,
    report: &mut Report,
) -> Option<Box<str>> {
    let (text, span) = map.string(key, report)?;
    if text.parse::<jiff::Timestamp>().is_err() {
        report.error(
            "bad-time",
            span,
            format!("`{text}` is no point in time"),
            "write it like 2026-11-23T09:30:00Z",
        );
        return None;
    }
    Some(text.into())
}

/// `tags:`.
pub(super) fn tags(map: &mut Mapping<'_>, report: &mut Report) -> Tags {
    let mut tags: Tags = Vec::new();
    let entries = map.map("tags", report);
    if let Some(first) = entries.get(MAX_TAGS) {
        report.add(
            Severity::Warning,
            "quota",
            first.key_span,
            format!(
                "IAM allows {MAX_TAGS} tags, and these are {}",
                entries.len()
            ),
            "remove some",
        );
    }
    for entry in entries {
        let key = &*entry.key;
        // The same key in the same letters is the reader's affair.
        if tags.iter().any(|(other, _)| **other == *key) {
            continue;
        }
        let folded = key.to_lowercase();
        if key.is_empty()
            || key.chars().count() > MAX_TAG_KEY
            || folded.starts_with("aws:")
            || !tag_text(key)
        {
            report.error(
                "bad-tag",
                entry.key_span,
                format!("`{key}` is no tag key"),
                format!("a tag key has 1 to {MAX_TAG_KEY} letters, digits, spaces and _.:/=+-@, and does not begin with aws:"),
            );
            continue;
        }
        if tags.iter().any(|(other, _)| other.to_lowercase() == folded) {
            report.error(
                "duplicate-tag",
                entry.key_span,
                format!("the tag `{key}` stands twice"),
                "tag keys are compared without case: keep one",
            );
            continue;
        }
        let Some((value, span)) = string(&entry.value, key, report) else {
            continue;
        };
        if value.chars().count() > MAX_TAG_VALUE || !tag_text(value) {
            report.error(
                "bad-tag",
                span,
                format!("this is no value of a tag (`{key}`)"),
                format!("it has {MAX_TAG_VALUE} letters, digits, spaces and _.:/=+-@ at most"),
            );
            continue;
        }
        tags.push((key.into(), value.into()));
    }
    tags
}

/// IAM's `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`.
fn tag_text(text: &str) -> bool {
    text.chars().all(|c| {
        c.is_alphanumeric()
            || c == ' '
            || (c.is_whitespace() && !c.is_control())
            || "_.:/=+-@".contains(c)
    })
}

/// An account id, in quotes.
pub(super) fn account(text: &str, span: Span, report: &mut Report) -> Option<AccountId> {
    let id = AccountId::parse(text);
    if id.is_none() {
        report.error(
            "bad-account",
            span,
            format!("`{text}` is no account id"),
            "an account id is twelve digits, in quotes",
        );
    }
    id
}

/// A string that must be there and is an account's id; one without quotes is read all the same, for it is a fault of its
/// own and no more.
pub(super) fn required_account(
    map: &mut Mapping<'_>,
    key: &'static str,
    report: &mut Report,
) -> Option<(AccountId, Span)> {
    let node = map.required(key, report)?;
    account_node(node, key, report)
}

/// The same of a node.
pub(super) fn account_node(
    node: &Node,
    what: &str,
    report: &mut Report,
) -> Option<(AccountId, Span)> {
    let (text, span) = digits(node, what, report)?;
    Some((account(text, span, report)?, span))
}

/// References that a list holds; one that stands twice is a fault.
pub(super) fn references(
    map: &mut Mapping<'_>,
    key: &'static str,
    report: &mut Report,
) -> Vec<Reference> {
    let mut found: Vec<Reference> = Vec::new();
    for (text, span) in map.strings(key, report) {
        if found.iter().any(|other| *other.text == *text) {
            report.error(
                "duplicate-reference",
                span,
                format!("`{text}` stands here twice"),
                "keep one",
            );
            continue;
        }
        found.push(Reference {
            text: text.into(),
            span,
        });
    }
    found
}

/// Whether IAM takes a text as a name.
pub(in crate::bundle) fn is_name(text: &str, longest: usize) -> bool {
    !text.is_empty()
        && text.len() <= longest
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte))
}
