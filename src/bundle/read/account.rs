//! `accounts/ID-NAME/account.yaml`.

use super::field;
use crate::directory::{Account, PasswordPolicy};
use crate::source::mapping::Mapping;
use crate::source::{Node, Report, Span};

/// An account as its file gives it.
#[derive(Debug)]
pub(in crate::bundle) struct Raw {
    pub(in crate::bundle) account: Account,
    pub(in crate::bundle) id_span: Span,
    pub(in crate::bundle) alias_span: Span,
}

/// Reads the file.
pub(in crate::bundle) fn read(node: &Node, report: &mut Report) -> Option<Raw> {
    let mut map = Mapping::of(node, "an account", report)?;
    let id = field::required_account(&mut map, "id", report);
    let name = map.required_string("name", report);
    let alias = map.string("alias", report).filter(|(text, span)| {
        let good = (3..=63).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
            && !text.contains("--");
        if !good {
            report.error(
                "bad-name",
                *span,
                format!("`{text}` is no account alias"),
                "an alias has 3 to 63 small letters, digits and single hyphens between them",
            );
        }
        good
    });
    let tags = field::tags(&mut map, report);
    let password_policy = map
        .take("password_policy")
        .and_then(|node| password_policy(node, report))
        .unwrap_or_default();
    map.finish(report);
    let (id, id_span) = id?;
    let (name, name_span) = name?;
    // Organizations takes any printable text, spaces included.
    let printable = !name.trim().is_empty() && !name.chars().any(char::is_control);
    if !printable || name.chars().count() > 50 {
        report.error(
            "bad-name",
            name_span,
            format!("`{name}` is no name of an account"),
            "a name has 1 to 50 printable characters",
        );
        return None;
    }
    Some(Raw {
        account: Account {
            id,
            name: name.into(),
            alias: alias.map(|(text, _)| text.into()),
            tags,
            password_policy,
        },
        id_span,
        alias_span: alias.map_or(id_span, |(_, span)| span),
    })
}

/// The keys are those that `aws iam get-account-password-policy` prints, in snake case.
fn password_policy(node: &Node, report: &mut Report) -> Option<PasswordPolicy> {
    let mut map = Mapping::of(node, "a password policy", report)?;
    let mut policy = PasswordPolicy::default();
    for (key, slot) in [
        (
            "require_uppercase_characters",
            &mut policy.require_uppercase,
        ),
        (
            "require_lowercase_characters",
            &mut policy.require_lowercase,
        ),
        ("require_numbers", &mut policy.require_numbers),
        ("require_symbols", &mut policy.require_symbols),
        (
            "allow_users_to_change_password",
            &mut policy.allow_users_to_change,
        ),
        ("hard_expiry", &mut policy.hard_expiry),
    ] {
        if let Some(value) = map.boolean(key, report) {
            *slot = value;
        }
    }
    if let Some(length) = map.integer("minimum_password_length", 6..=128, report) {
        policy.minimum_length = u8::try_from(length).unwrap_or(u8::MAX);
    }
    policy.max_age_days = map
        .integer("max_password_age", 1..=1_095, report)
        .and_then(|days| u16::try_from(days).ok());
    policy.reuse_prevention = map
        .integer("password_reuse_prevention", 1..=24, report)
        .and_then(|count| u8::try_from(count).ok());
    map.finish(report);
    Some(policy)
}
