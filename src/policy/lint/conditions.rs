//! Conditions that can never hold together, that read a key as what it is not, or that mean less than they seem to.

use std::net::IpAddr;

use super::{allows, keys};
use crate::policy::condition::key::{self, Holds};
use crate::policy::condition::operator::{Quantifier, Test};
use crate::policy::condition::values::Values;
use crate::policy::condition::{Condition, Outcome};
use crate::policy::context::Map;
use crate::policy::document::{Effect, Statement};
use crate::policy::subset::Effort;
use crate::policy::worlds::{self, Demand};
use crate::source::{Report, Severity, Span};

/// Conditions of one statement that are compared with each other.
const MOST: usize = 50;

/// Looks at the conditions of one statement.
pub(super) fn statement(statement: &Statement, effort: &Effort, report: &mut Report) {
    for condition in &statement.conditions {
        typed(condition, report);
        arn_as_text(condition, report);
        wildcards(condition, report);
        host_bits(condition, report);
        null(condition, report);
        keys::condition(condition, report);
    }
    if statement.conditions.len() <= MOST {
        contradictions(statement, effort, report);
        for_all(statement, report);
        mfa(statement, report);
    }
}

fn warn(
    report: &mut Report,
    id: &'static str,
    condition: &Condition,
    message: String,
    help: impl Into<String>,
) {
    report.add(Severity::Warning, id, condition.span, message, help);
}

/// The first value of a kind, and where it stands.
fn find(condition: &Condition, wanted: impl Fn(&str) -> bool) -> Option<(&str, Span)> {
    let at = condition.texts.iter().position(|text| wanted(text))?;
    Some((condition.texts.get(at)?, condition.value_span(at)))
}

/// A global key that is read as what it is not.
fn typed(condition: &Condition, report: &mut Report) {
    let name = &condition.name;
    let Some(holds) = key::holds(name) else {
        return;
    };
    let what = match holds {
        Holds::Text => "a text",
        Holds::Arn => "an ARN",
        Holds::Flag => "true or false",
        Holds::Number => "a number",
        Holds::Date => "a date",
        Holds::Epoch => "seconds since 1970",
        Holds::Address => "an IP address",
    };
    let fits = match condition.operator.test {
        // Texts of ARNs, flags and seconds compare as texts; dates, numbers and addresses have many spellings.
        Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike => {
            // The operators of those take no variables: another key's value can be compared as a text alone.
            !matches!(holds, Holds::Number | Holds::Date | Holds::Address)
                || condition.values.are_variable_texts()
        }
        Test::Numeric(_) => matches!(holds, Holds::Number | Holds::Epoch | Holds::Text),
        Test::Date(_) => matches!(holds, Holds::Date | Holds::Epoch | Holds::Text),
        Test::Bool => matches!(holds, Holds::Flag | Holds::Text),
        Test::Binary => matches!(holds, Holds::Text),
        Test::Ip => matches!(holds, Holds::Address | Holds::Text),
        Test::Arn => matches!(holds, Holds::Arn | Holds::Text),
        Test::Null => true,
    };
    if !fits {
        let operator = &condition.operator.name;
        let use_instead = match holds {
            Holds::Text => "StringEquals",
            Holds::Arn => "ArnLike",
            Holds::Flag => "Bool",
            Holds::Number | Holds::Epoch => "a Numeric operator",
            Holds::Date => "a Date operator",
            Holds::Address => "IpAddress",
        };
        let message = format!("`{name}` holds {what}, which {operator} does not compare as such");
        let help = format!("use {use_instead} or its negation");
        warn(report, "operator-type-mismatch", condition, message, help);
    }
}

/// A star that is only a letter.
fn wildcards(condition: &Condition, report: &mut Report) {
    if !matches!(
        condition.operator.test,
        Test::StringEquals | Test::StringEqualsIgnoreCase
    ) {
        return;
    }
    let bare = |text: &str| text.replace("${*}", "").contains('*');
    if let Some((text, span)) = find(condition, bare) {
        let operator = &condition.operator.name;
        let message = format!("under {operator} the `*` of `{text}` is a letter");
        let help = "use StringLike or StringNotLike, or write ${*} where the letter is meant";
        report.add(
            Severity::Warning,
            "wildcard-without-like",
            span,
            message,
            help,
        );
    }
}

/// A star that reaches over colons, where an ARN is compared as a text: what is meant for the account may match in the
/// name.
fn arn_as_text(condition: &Condition, report: &mut Report) {
    if condition.operator.test != Test::StringLike
        || key::holds(&condition.name) != Some(Holds::Arn)
    {
        return;
    }
    let is_open = |text: &str| {
        let head = text.splitn(6, ':').take(5);
        text.starts_with("arn:") && head.into_iter().any(|part| part.contains('*'))
    };
    if let Some((text, span)) = find(condition, is_open) {
        let operator = &condition.operator.name;
        report.add(
            Severity::Suggestion,
            "arn-as-text",
            span,
            format!("under {operator} a `*` of `{text}` reaches over colons into the next parts"),
            format!("write {}", operator.replace("String", "Arn")),
        );
    }
}

/// An address range whose address is not its first.
fn host_bits(condition: &Condition, report: &mut Report) {
    if condition.operator.test != Test::Ip {
        return;
    }
    for (at, text) in condition.texts.iter().enumerate() {
        let Some((address, length)) = text.split_once('/') else {
            continue;
        };
        let (Ok(address), Ok(length)) = (address.parse::<IpAddr>(), length.parse::<u32>()) else {
            continue;
        };
        let first: IpAddr = match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX
                    .checked_shl(32u32.saturating_sub(length))
                    .unwrap_or(0);
                (u32::from(address) & mask).to_be_bytes().into()
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX
                    .checked_shl(128u32.saturating_sub(length))
                    .unwrap_or(0);
                (u128::from(address) & mask).to_be_bytes().into()
            }
        };
        if first != address {
            let message = format!("`{text}` means the whole range `{first}/{length}`");
            let help = format!("write {first}/{length}, or {address} for the one address");
            report.add(
                Severity::Suggestion,
                "cidr-host-bits",
                condition.value_span(at),
                message,
                help,
            );
        }
    }
}

/// Null or Bool that asks for both; a quantifier before Null.
fn null(condition: &Condition, report: &mut Report) {
    let operator = &condition.operator;
    if operator.test == Test::Null && operator.quantifier.is_some() {
        report.add(
            Severity::Suggestion,
            "null-with-quantifier",
            condition.span,
            format!(
                "{} means the same as Null: presence has no values",
                operator.name
            ),
            "write Null",
        );
    }
    let says = |word: &str| (condition.texts.iter()).any(|text| text.eq_ignore_ascii_case(word));
    if operator.test == Test::Bool && says("true") && says("false") {
        let message = format!(
            "`{}` may be true or false: any value will do",
            condition.name
        );
        let help = "keep one of them; whether the key is there is asked by Null";
        warn(report, "condition-always", condition, message, help);
    }
    if let Values::Null {
        absent: true,
        present: true,
    } = condition.values
    {
        let message = format!(
            "`{}` may be absent or present: the condition says nothing",
            condition.name
        );
        warn(
            report,
            "condition-always",
            condition,
            message,
            "keep one of \"true\" (absent) and \"false\" (present)",
        );
    }
}

/// Conditions on one key that exclude each other.
fn contradictions(statement: &Statement, effort: &Effort, report: &mut Report) {
    let mut looked: Vec<&str> = Vec::new();
    for condition in &statement.conditions {
        if looked.contains(&&*condition.key) {
            continue;
        }
        looked.push(&condition.key);
        let same: Vec<&Condition> = statement
            .conditions
            .iter()
            .filter(|other| other.key == condition.key)
            .collect();
        if same.len() < 2 {
            continue;
        }
        let demands = same
            .iter()
            .map(|other| Demand::met(other, statement.effect));
        if worlds::is_impossible(&demands.collect::<Vec<_>>(), effort) {
            let last = same.last().copied().unwrap_or(condition);
            let operators: Vec<&str> = same.iter().map(|other| &*other.operator.name).collect();
            let message = format!(
                "no request meets all that {} ask of `{}`: the statement never applies",
                operators.join(" and "),
                condition.name
            );
            warn(
                report,
                "condition-never",
                last,
                message,
                "drop one of them, or put the values into one list",
            );
        }
    }
}

/// `ForAllValues` in an Allow, which holds where the key is absent.
fn for_all(statement: &Statement, report: &mut Report) {
    if !allows(statement) {
        return;
    }
    for condition in &statement.conditions {
        if condition.operator.quantifier != Some(Quantifier::ForAll)
            || condition.operator.test == Test::Null
        {
            continue;
        }
        let present = statement.conditions.iter().any(|other| {
            // Null says what is meant to become of an absent key; anything else that fails there asks for the key.
            other.key == condition.key
                && (other.operator.test == Test::Null || other.judge(&Map::new()) == Outcome::Fails)
        });
        if !present {
            report.add(
                Severity::SecurityWarning,
                "for-all-values-with-allow",
                condition.span,
                format!(
                    "{} holds where `{}` is absent, and the statement allows then",
                    condition.operator.name, condition.name
                ),
                format!("add \"Null\": {{ \"{}\": \"false\" }}", condition.name),
            );
        }
    }
}

/// Conditions on MFA that a request without the key passes by. Long-term keys have no such key.
fn mfa(statement: &Statement, report: &mut Report) {
    for condition in &statement.conditions {
        let (with, without) = match &*condition.key {
            "aws:multifactorauthpresent" => ("true", "false"),
            "aws:multifactorauthage" => ("0", "999999999"),
            _ => continue,
        };
        if condition.operator.test == Test::Null {
            continue;
        }
        let holds = |value: Option<&str>| {
            let mut map = Map::new();
            if let Some(value) = value {
                map.set(&condition.key, value);
            }
            condition.judge(&map) == Outcome::Holds
        };
        let (absent, with, without) = (holds(None), holds(Some(with)), holds(Some(without)));
        // Null, or another condition on MFA, may ask for the key besides.
        let alone = !(statement.conditions.iter()).any(|other| {
            other.key.starts_with("aws:multifactorauth")
                && (other.operator.test == Test::Null
                    || (allows(statement) && other.judge(&Map::new()) == Outcome::Fails))
        });
        let is_age = &*condition.key == "aws:multifactorauthage";
        let (message, help) = match statement.effect {
            Effect::Allow if with && !without && absent && alone => (
                "allows credentials that say nothing of MFA, such as long-term keys",
                "use Bool \"true\" on aws:MultiFactorAuthPresent, or a Numeric operator without IfExists on its age: they ask for the key",
            ),
            // A Deny of old factors stands beside one of none.
            Effect::Deny if without && !with && !absent && alone && !is_age => (
                "does not hit credentials that say nothing of MFA, such as long-term keys",
                "use BoolIfExists, which holds without the key too",
            ),
            Effect::Allow | Effect::Deny => continue,
        };
        report.add(
            Severity::SecurityWarning,
            "mfa-not-enforced",
            condition.span,
            format!(
                "{} on `{}` {message}",
                condition.operator.name, condition.name
            ),
            help,
        );
    }
}
