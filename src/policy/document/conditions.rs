//! The Condition block: operators, keys, values.

use std::collections::HashMap;

use super::read::{Members, one_or_many};
use super::{Version, arns, warn};
use crate::policy::condition::key::is_multivalued;
use crate::policy::condition::operator::Test;
use crate::policy::condition::values::Problem;
use crate::policy::condition::{Condition, Operator, Values};
use crate::policy::context::folded;
use crate::policy::variable;
use crate::source::{Entry, Report, Span, Value};

/// The Condition block.
pub(super) fn conditions(
    members: &Members<'_>,
    version: Version,
    report: &mut Report,
) -> Vec<Condition> {
    let mut conditions = Vec::new();
    let Some(entry) = members.get("Condition") else {
        return conditions;
    };
    let Value::Map(operators) = &entry.value.value else {
        report.error(
            "wrong-type",
            entry.value.span,
            format!("Condition is an object, and this is {}", entry.value.kind()),
            "write { \"operator\": { \"key\": \"value\" } }",
        );
        return conditions;
    };
    if operators.is_empty() {
        let help = "name an operator and a key, or leave Condition out: as it stands the statement has no condition";
        warn(
            report,
            "empty-condition",
            entry.value.span,
            "Condition is an empty object",
            help,
        );
    }
    let mut named: HashMap<String, &str> = HashMap::new();
    for entry in operators {
        // The same operator in the same letters is the reader's affair.
        if let Some(first) = named.insert(entry.key.to_ascii_lowercase(), &entry.key)
            && *first != *entry.key
        {
            report.error(
                "duplicate-operator",
                entry.key_span,
                format!(
                    "`{}` and `{first}` are one operator, but for case",
                    entry.key
                ),
                "operators are compared without case: put the keys together",
            );
        }
        let operator = match Operator::read(&entry.key) {
            Ok(operator) => operator,
            Err(help) => {
                report.error(
                    "unknown-operator",
                    entry.key_span,
                    format!("there is no condition operator `{}`", entry.key),
                    help,
                );
                continue;
            }
        };
        let Value::Map(keys) = &entry.value.value else {
            report.error(
                "wrong-type",
                entry.value.span,
                format!(
                    "an operator has an object of keys, and this is {}",
                    entry.value.kind()
                ),
                "write { \"key\": \"value\" }",
            );
            continue;
        };
        if keys.is_empty() {
            let message = format!("{} is an empty object", operator.name);
            let help = "name a key, or leave the operator out: as it stands it asks for nothing";
            warn(report, "empty-condition", entry.value.span, message, help);
        }
        let mut seen: HashMap<Box<str>, &str> = HashMap::new();
        for key in keys {
            let folded = folded(&key.key);
            // The same key in the same letters is the reader's affair.
            if keys.len() > 1
                && let Some(first) = seen.insert(folded.clone(), &key.key)
                && *first != *key.key
            {
                report.error(
                    "duplicate-condition-key",
                    key.key_span,
                    format!(
                        "`{}` and `{first}` are one condition key, but for case",
                        key.key
                    ),
                    "keys are compared without case: put the values together",
                );
            }
            conditions.extend(condition(&operator, key, folded, version, report));
        }
    }
    conditions
}

fn condition(
    operator: &Operator,
    entry: &Entry,
    folded: Box<str>,
    version: Version,
    report: &mut Report,
) -> Option<Condition> {
    let nodes = one_or_many(&entry.value);
    let mut texts: Vec<Box<str>> = Vec::with_capacity(nodes.len());
    for node in nodes {
        match &node.value {
            Value::String(text) => texts.push(text.clone()),
            Value::Number(text) => texts.push(plain_number(text)),
            Value::Bool(value) => texts.push(value.to_string().into()),
            Value::Null | Value::List(_) | Value::Map(_) => {
                report.error(
                    "wrong-type",
                    node.span,
                    format!(
                        "a condition value is a string, a number or a boolean, and this is {}",
                        node.kind()
                    ),
                    "write \"key\": \"value\", or \"key\": [\"one\", \"two\"]",
                );
                return None;
            }
        }
    }
    if nodes.is_empty() {
        warn(
            report,
            "empty-condition",
            entry.value.span,
            format!("`{}` is compared with an empty list", entry.key),
            "name the values, or leave the key out",
        );
    }
    quantifier_fits(operator, entry, &folded, report);
    match Values::read(operator.test, &texts, version == Version::V2012) {
        Ok(values) => {
            if wants_arns(operator.test, &entry.key) {
                for (text, node) in texts.iter().zip(nodes) {
                    arns_fit(operator.test, text, version, node.span, report);
                }
            }
            Some(Condition {
                operator: operator.clone(),
                name: entry.key.clone(),
                key: folded,
                texts: texts.into(),
                values,
                span: entry.key_span,
                value_spans: nodes.iter().map(|node| node.span).collect(),
            })
        }
        Err(bad) => {
            for bad in bad {
                let span = nodes.get(bad.at).map_or(entry.value.span, |node| node.span);
                let text = texts.get(bad.at).map_or("", |text| text);
                match bad.problem {
                    Problem::Value(help) => report.error(
                        "bad-value",
                        span,
                        format!("`{text}` does not parse under {}", operator.name),
                        help,
                    ),
                    Problem::Variable(problem) => {
                        report.error("bad-variable", span, problem, variable::FORMS);
                    }
                }
            }
            None
        }
    }
}

/// Whether a condition compares ARNs: by its operator, or as text with a key that holds one.
fn wants_arns(test: Test, key: &str) -> bool {
    match test {
        Test::Arn => true,
        Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike => {
            key.to_ascii_lowercase().ends_with("arn")
        }
        Test::Numeric(_) | Test::Date(_) | Test::Bool | Test::Binary | Test::Ip | Test::Null => {
            false
        }
    }
}

/// Warns of an ARN that no request has. What is compared as text need not be a whole one.
fn arns_fit(test: Test, value: &str, version: Version, span: Span, report: &mut Report) {
    if test == Test::Arn || value.starts_with("arn:") {
        arns::check(value, version == Version::V2012, span, report);
    }
}

/// Warns of a multivalued key without quantifier, which never matches, and of a quantifier on a single-valued one.
fn quantifier_fits(operator: &Operator, entry: &Entry, folded: &str, report: &mut Report) {
    if operator.test == Test::Null {
        return;
    }
    match (is_multivalued(folded), operator.quantifier.is_some()) {
        (Some(true), false) => warn(
            report,
            "multivalued-key",
            entry.key_span,
            format!(
                "`{}` holds many values and never matches under {}",
                entry.key, operator.name
            ),
            format!(
                "write ForAnyValue:{} or ForAllValues:{}",
                operator.name, operator.name
            ),
        ),
        (Some(false), true) => warn(
            report,
            "single-valued-key",
            entry.key_span,
            format!(
                "`{}` holds one value, and {} is for many",
                entry.key, operator.name
            ),
            "leave ForAllValues: or ForAnyValue: out",
        ),
        _ => {}
    }
}

/// A number without exponent, as text: what a quoted one would say. Exponents beyond reason stay as they are, and are
/// no number then.
fn plain_number(text: &str) -> Box<str> {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return text.into();
    };
    let Ok(exponent) = exponent.parse::<i32>() else {
        return text.into();
    };
    if exponent.unsigned_abs() > 400 {
        return text.into();
    }
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let point = i64::try_from(whole.len())
        .unwrap_or(i64::MAX)
        .saturating_add(i64::from(exponent));
    let written = match usize::try_from(point) {
        Ok(point) if point >= all.len() => {
            format!("{all}{}", "0".repeat(point.saturating_sub(all.len())))
        }
        Ok(point) => match all.split_at_checked(point) {
            Some((whole, fraction)) if !whole.is_empty() => format!("{whole}.{fraction}"),
            Some((_, fraction)) => format!("0.{fraction}"),
            None => all,
        },
        Err(_) => {
            let zeros = usize::try_from(point.unsigned_abs()).unwrap_or(0);
            format!("0.{}{all}", "0".repeat(zeros))
        }
    };
    let whole = written.trim_start_matches('0');
    let whole = if whole.is_empty() || whole.starts_with('.') {
        format!("0{whole}")
    } else {
        whole.to_owned()
    };
    format!("{sign}{whole}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lose_their_exponent() {
        for (written, plain) in [
            ("1e3", "1000"),
            ("1.5e1", "15"),
            ("1.25e1", "12.5"),
            ("-2E-3", "-0.002"),
            ("0e5", "0"),
            ("12", "12"),
            ("1.50", "1.50"),
            ("1e999999999", "1e999999999"),
            ("0.05e1", "0.5"),
        ] {
            assert_eq!(&*plain_number(written), plain, "{written}");
        }
    }
}
