//! Conditions that misunderstand what a key holds: values that it never has, keys that are never absent, and conditions
//! that compare a key with itself.

use crate::policy::condition::Condition;
use crate::policy::condition::operator::Test;
use crate::policy::condition::values::Values;
use crate::policy::context::folded;
use crate::policy::possible;
use crate::source::{Report, Severity};

/// Keys that every request has (rule book, section 7) and does not bring: beside `possible::ALWAYS`.
const SUPPLIED: [&str; 3] = [
    "aws:principalisawsservice",
    "aws:requestedregion",
    "aws:viaawsservice",
];

/// Keys that hold an account's id.
const ACCOUNTS: [&str; 3] = [
    "aws:principalaccount",
    "aws:resourceaccount",
    "aws:sourceaccount",
];

/// Looks at one condition.
pub(super) fn condition(condition: &Condition, report: &mut Report) {
    let mut warn = |id, span, message: String, help: &str| {
        report.add(Severity::Warning, id, span, message, help);
    };
    let name = &condition.name;
    let key = &*condition.key;
    let is_text = matches!(
        condition.operator.test,
        Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike | Test::Arn
    );
    let texts = || condition.texts.iter().map(|text| &**text);
    // The first value of a kind, and where it stands.
    let find = |wanted: &dyn Fn(&str) -> bool| {
        let at = texts().position(wanted)?;
        Some((texts().nth(at)?, condition.value_span(at)))
    };
    if let Values::Null { absent, present } = condition.values
        && (SUPPLIED.contains(&key) || possible::ALWAYS.contains(&key))
        && absent != present
    {
        if absent {
            let message = format!("every request has `{name}`: the condition never holds");
            warn(
                "condition-never",
                condition.span,
                message,
                "compare its value: for plain connections, Bool \"aws:SecureTransport\": \"false\"",
            );
        } else {
            let message = format!("every request has `{name}`: the condition says nothing");
            warn(
                "condition-always",
                condition.span,
                message,
                "drop it, or compare the key's value",
            );
        }
    }
    if is_text
        && key == "aws:principalarn"
        && let Some((text, span)) = find(&|text| text.contains(":assumed-role/"))
    {
        warn(
            "principal-arn-of-session",
            span,
            format!("no request has `{text}` as `{name}`: of a role session it is the role's ARN"),
            "write the role's ARN, arn:aws:iam::ACCOUNT:role/NAME; a session's name is in aws:userid",
        );
    }
    if is_text
        && ACCOUNTS.contains(&key)
        && let Some((text, span)) = find(&|text| !may_be_account(text))
    {
        warn(
            "account-never-matches",
            span,
            format!("`{text}` is no account id, and `{name}` holds nothing else"),
            "write the twelve digits of the account",
        );
    }
    let operator = &condition.operator;
    let asks = !operator.negated && !operator.if_exists && operator.quantifier.is_none();
    if key == "sts:externalid"
        && operator.test == Test::StringEquals
        && asks
        && !condition.texts.is_empty()
        && texts().all(str::is_empty)
    {
        warn(
            "condition-never",
            condition.span,
            format!("no request has an empty `{name}`: the condition never holds"),
            "write the id that both sides agreed on",
        );
    }
    let own = find(&|text| is_own_variable(condition, text)).filter(|_| is_text);
    if let Some((_, span)) = own {
        let (id, what) = if condition.operator.negated {
            ("condition-never", "holds at most where it is absent")
        } else {
            ("condition-always", "says nothing of its value")
        };
        warn(
            id,
            span,
            format!("`{name}` is compared with itself: the condition {what}"),
            "write the values that are meant, or another key's variable",
        );
    }
    if condition.operator.test == Test::Ip
        && let Some((text, span)) = find(&|text| text.ends_with("/0"))
    {
        warn(
            "every-address",
            span,
            format!("`{text}` is every address of its family: it limits nothing"),
            "name the networks that are meant, or drop the condition",
        );
    }
}

/// Twelve digits, or a pattern or a variable that may stand for them.
fn may_be_account(text: &str) -> bool {
    text.contains("${")
        || if text.contains(['*', '?']) {
            let fits = |byte: u8| byte.is_ascii_digit() || b"*?".contains(&byte);
            text.bytes().all(fits)
        } else {
            text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
        }
}

/// Whether a value is the very key that it is compared with, with as many wildcards around it as one likes.
pub(super) fn is_own_variable(condition: &Condition, text: &str) -> bool {
    if condition.values.keys().next().is_none() {
        return false;
    }
    let bare = text.trim_matches(['*', '?']);
    let inside = bare
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    inside.is_some_and(|inside| {
        let key = inside.split(',').next().unwrap_or(inside);
        *folded(key) == *condition.key && !inside.contains('}')
    })
}
