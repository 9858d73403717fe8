//! Conditions that can never hold together, that read a key as what it is not, or that mean less than they seem to.

use std::net::IpAddr;

use super::{allows, keys, worlds};
use crate::policy::condition::key::{self, Holds};
use crate::policy::condition::operator::{Quantifier, Relation, Test};
use crate::policy::condition::values::Values;
use crate::policy::condition::{Condition, Outcome};
use crate::policy::context::Map;
use crate::policy::document::{Effect, Statement};
use crate::source::{Report, Severity};

/// Conditions of one statement, and values of one condition, that are compared with each other.
const MOST: usize = 50;

/// Looks at the conditions of one statement.
pub(super) fn statement(statement: &Statement, report: &mut Report) {
    for condition in &statement.conditions {
        typed(condition, report);
        arn_as_text(condition, report);
        wildcards(condition, report);
        host_bits(condition, report);
        null(condition, report);
        keys::condition(condition, report);
    }
    if statement.conditions.len() <= MOST {
        contradictions(statement, report);
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
    if let Some(text) = condition.texts.iter().find(|text| bare(text)) {
        let operator = &condition.operator.name;
        let message = format!("under {operator} the `*` of `{text}` is a letter");
        let help = "use StringLike or StringNotLike, or write ${*} where the letter is meant";
        warn(report, "wildcard-without-like", condition, message, help);
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
    let is_open = |text: &&str| {
        let head = text.splitn(6, ':').take(5);
        text.starts_with("arn:") && head.into_iter().any(|part| part.contains('*'))
    };
    let mut texts = condition.texts.iter().map(|text| &**text);
    if let Some(text) = texts.find(is_open) {
        let operator = &condition.operator.name;
        report.add(
            Severity::Suggestion,
            "arn-as-text",
            condition.span,
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
    for text in &condition.texts {
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
                condition.span,
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
fn contradictions(statement: &Statement, report: &mut Report) {
    let mut reported: Vec<&str> = Vec::new();
    for condition in &statement.conditions {
        let same: Vec<&Condition> = statement
            .conditions
            .iter()
            .filter(|other| other.key == condition.key)
            .collect();
        if same.len() < 2 || reported.contains(&&*condition.key) {
            continue;
        }
        let excluded = condition.candidates().is_some_and(|candidates| {
            !candidates.iter().any(|candidate| {
                same.iter().all(|other| {
                    // What a variable stands for is not known here.
                    other.values.keys().next().is_some()
                        || other.judge(candidate).counts(statement.effect)
                })
            })
        }) || (allows(statement) && empty_interval(&same))
            || worlds::exclude_each_other(&same, statement.effect)
            || worlds::patterns_exclude_each_other(&same, statement.effect);
        if excluded {
            reported.push(&condition.key);
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

impl Condition {
    /// Every state of its key in which the condition holds, as contexts, or more; `None` where there are too many.
    fn candidates(&self) -> Option<Vec<Map>> {
        let mut found = Vec::new();
        let with = |text: &str| {
            let mut map = Map::new();
            map.set(&self.key, text);
            map
        };
        match &self.values {
            Values::Null {
                absent: true,
                present: false,
            } => {
                let mut list = Map::new();
                list.set_many(&self.key, [""]);
                found.extend([Map::new(), with(""), list]);
            }
            Values::Text(_)
                if self.operator.test == Test::StringEquals
                    && !self.operator.negated
                    && self.operator.quantifier.is_none()
                    && self.values.keys().next().is_none()
                    && self.texts.len() <= MOST
                    // `${*}` stands for a letter.
                    && !self.texts.iter().any(|text| text.contains("${")) =>
            {
                found.extend(self.texts.iter().map(|text| with(text)));
                if self.operator.if_exists {
                    found.push(Map::new());
                }
            }
            Values::Null { .. }
            | Values::Text(_)
            | Values::TextIgnoreCase(_)
            | Values::Numeric(..)
            | Values::Date(..)
            | Values::Bool(_)
            | Values::Binary(_)
            | Values::Ip(_)
            | Values::Arn(_) => return None,
        }
        Some(found)
    }
}

/// Whether dates or numbers are asked to be later than a later bound and earlier than an earlier one: each bound is
/// put to the test as a value. In an Allow alone: in a Deny both hold for a value that does not parse.
fn empty_interval(same: &[&Condition]) -> bool {
    let plain = |condition: &&&Condition| {
        !condition.operator.negated
            && !condition.operator.if_exists
            && condition.operator.quantifier.is_none()
            && !condition.texts.is_empty()
            && condition.texts.len() <= MOST
    };
    let bounds: Vec<(&Condition, Relation, bool)> = same
        .iter()
        .filter(plain)
        .filter_map(|condition| match condition.operator.test {
            Test::Numeric(relation) => Some((*condition, relation, true)),
            Test::Date(relation) => Some((*condition, relation, false)),
            Test::StringEquals
            | Test::StringEqualsIgnoreCase
            | Test::StringLike
            | Test::Bool
            | Test::Binary
            | Test::Ip
            | Test::Arn
            | Test::Null => None,
        })
        .collect();
    let is_lower = |relation| {
        matches!(
            relation,
            Relation::Greater | Relation::GreaterOrEqual | Relation::Equal
        )
    };
    let is_upper = |relation| {
        matches!(
            relation,
            Relation::Less | Relation::LessOrEqual | Relation::Equal
        )
    };
    bounds
        .iter()
        .enumerate()
        .any(|(at, (low, relation, number))| {
            is_lower(*relation)
                && bounds
                    .iter()
                    .enumerate()
                    .any(|(other, (high, relation, numeric))| {
                        // The lower bound's every value is beyond the upper bound: it fails there, itself and all above it.
                        at != other
                            && number == numeric
                            && is_upper(*relation)
                            && low.texts.iter().all(|text| {
                                let mut map = Map::new();
                                map.set(&high.key, &**text);
                                high.judge(&map) == Outcome::Fails
                            })
                            && beyond(low, high)
                    })
        })
}

/// Whether each value of the lower bound lies above each of the upper bound, or both are the same and one is strict.
fn beyond(low: &Condition, high: &Condition) -> bool {
    match (&low.values, &high.values) {
        (Values::Date(_, lows), Values::Date(_, highs)) => {
            lows.iter().all(|low| highs.iter().all(|high| low >= high))
        }
        (Values::Numeric(..), Values::Numeric(_, highs)) => low.texts.iter().all(|text| {
            crate::policy::condition::numeric::Decimal::read(text).is_some_and(|low| {
                highs
                    .iter()
                    .all(|high| high.order_of(&low).is_some_and(std::cmp::Ordering::is_ge))
            })
        }),
        _ => false,
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
