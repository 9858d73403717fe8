//! The parameters of a simulation.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::arn::{AccountId, Arn};
use crate::policy::context::Map;
use crate::policy::{self, Kind, Policy};
use crate::query_api::error::Error;
use crate::query_api::form::Form;
use crate::source::Fault;

use super::{MAX_PAIRS, Of};
use crate::iam_api::parameters::{RESOURCE_OWNER, RESOURCE_POLICY};

const CUSTOM: [&str; 12] = [
    "PolicyInputList.*",
    "PermissionsBoundaryPolicyInputList.*",
    "ActionNames.*",
    "ResourceArns.*",
    "ResourcePolicy",
    "ResourceOwner",
    "CallerArn",
    "ContextEntries.*.ContextKeyName",
    "ContextEntries.*.ContextKeyType",
    "ContextEntries.*.ContextKeyValues.*",
    "ResourceHandlingOption",
    "PolicySourceArn",
];

/// AWS's limit of a policy.
const MAX_POLICY: usize = 131_072;
/// AWS's limit of a resource's name.
const MAX_RESOURCE: usize = 2_048;
/// No value that a request brings is longer; matching one takes as long as it is, times the pattern.
pub(super) const MAX_VALUE: usize = 4_096;

/// What both simulations may be given; the last is for principals alone.
pub(super) fn parameters(of: Of) -> &'static [&'static str] {
    match of {
        Of::Principal => &CUSTOM,
        Of::Custom => CUSTOM.split_last().map_or(&[], |(_, rest)| rest),
    }
}

/// What is to be judged.
#[derive(Debug)]
pub(super) struct Asked<'f> {
    pub(super) actions: Vec<&'f str>,
    /// `*`, unless some were given.
    pub(super) resources: Vec<&'f str>,
    pub(super) resources_given: bool,
    /// Who owns resources whose ARNs do not say.
    pub(super) owner: Option<AccountId>,
}

impl<'f> Asked<'f> {
    pub(super) fn read(form: &'f Form) -> Result<Self, Error> {
        let actions = form.list("ActionNames");
        if actions.is_empty() {
            return Err(Error::constraint("actionNames", "Member must not be null"));
        }
        for action in &actions {
            if !is_action(action) {
                let action = action.escape_debug();
                let message = format!(
                    "Invalid action name: {action}: it is like s3:GetObject, without wildcards"
                );
                return Err(Error::invalid_input(message));
            }
        }
        let mut resources = form.list("ResourceArns");
        for resource in &resources {
            if resource.chars().count() > MAX_RESOURCE {
                let constraint =
                    format!("Member must have length less than or equal to {MAX_RESOURCE}");
                return Err(Error::constraint("resourceArns", &constraint));
            }
            if *resource != "*" && Arn::parse(resource).is_err() {
                let resource = resource.escape_debug();
                let message = format!("Invalid resource: {resource} must be in ARN format");
                return Err(Error::invalid_input(message));
            }
        }
        let resources_given = !resources.is_empty();
        if !resources_given {
            resources.push("*");
        }
        if actions.len().saturating_mul(resources.len()) > MAX_PAIRS {
            let message =
                format!("more than {MAX_PAIRS} pairs of an action and a resource: ask in parts");
            return Err(Error::invalid_input(message));
        }
        let owner = RESOURCE_OWNER.optional(form)?.map(|text| {
            let of_arn = || Arn::parse(text).ok()?.account_id();
            AccountId::parse(text).or_else(of_arn).ok_or_else(|| {
                Error::invalid_input(
                    "ResourceOwner is an account's id, or the ARN of something in it",
                )
            })
        });
        Ok(Self {
            actions,
            resources,
            resources_given,
            owner: owner.transpose()?,
        })
    }
}

fn is_action(text: &str) -> bool {
    let word = |text: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !text.is_empty() && text.bytes().all(letter)
    };
    text.len() <= 128
        && text
            .split_once(':')
            .is_some_and(|(service, name)| word(service) && word(name))
}

/// Reads a list of policies.
pub(super) fn policies(form: &Form, name: &str, kind: Kind) -> Result<Vec<Arc<Policy>>, Error> {
    let texts = form.list(name);
    let numbered = texts.iter().zip(1..);
    numbered
        .map(|(text, number)| policy(text, kind, &format!("{name}.{number}")))
        .collect()
}

/// A list that must not be empty.
pub(super) fn some(policies: &[Arc<Policy>], name: &str) -> Result<(), Error> {
    if policies.is_empty() {
        return Err(Error::validation(format!(
            "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
        )));
    }
    Ok(())
}

/// `ResourcePolicy`
pub(super) fn resource_policy(form: &Form) -> Result<Option<Arc<Policy>>, Error> {
    let text = RESOURCE_POLICY.optional(form)?;
    text.map(|text| policy(text, Kind::Resource, "ResourcePolicy"))
        .transpose()
}

fn policy(text: &str, kind: Kind, name: &str) -> Result<Arc<Policy>, Error> {
    if text.chars().count() > MAX_POLICY {
        let constraint = format!("Member must have length less than or equal to {MAX_POLICY}");
        return Err(Error::constraint(name, &constraint));
    }
    let document = policy::parse(text, kind, name).map_err(|report| {
        let faults = report.faults().iter();
        let first = faults.map(Fault::line).next();
        let first = first.unwrap_or_else(|| "it cannot be read".to_owned());
        Error::invalid_input(format!("Syntax error in a policy: {first}"))
    })?;
    Ok(Arc::new(Policy::compile(&document, name).with_text(text)))
}

/// `ContextEntries`, each with values of its type, and how long the values are in all.
pub(super) fn context(form: &Form) -> Result<(Map, usize), Error> {
    let mut context = Map::new();
    let mut length = 0_usize;
    let fields = ["ContextKeyName", "ContextKeyType"];
    let entries = form.structures("ContextEntries", fields);
    for ([name, kind], number) in entries.into_iter().zip(1..) {
        let bad =
            |what: &str| Error::invalid_input(format!("ContextEntries.member.{number}: {what}"));
        let name = name.ok_or_else(|| bad("ContextKeyName is missing"))?;
        if !(5..=256).contains(&name.chars().count()) {
            return Err(bad("ContextKeyName has 5 to 256 characters"));
        }
        let kind = kind.unwrap_or("string");
        let values = form.list(&format!("ContextEntries.member.{number}.ContextKeyValues"));
        if values.iter().any(|value| value.len() > MAX_VALUE) {
            return Err(bad(&format!("a value has more than {MAX_VALUE} bytes")));
        }
        // The shortest ones take a comparison, too.
        let lengths = values.iter().map(|value| value.len().max(32));
        length = length.saturating_add(lengths.sum());
        let (one, is_list) = match kind.strip_suffix("List") {
            Some(one) => (one, true),
            None => (kind, false),
        };
        let fits: fn(&str) -> bool = match one {
            "string" => |_| true,
            "numeric" => is_number,
            "boolean" => {
                |text| text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
            }
            "ip" => is_ip,
            "binary" => |text| STANDARD.decode(text).is_ok(),
            "date" => is_date,
            _ => return Err(bad("ContextKeyType is none that there is")),
        };
        if !values.iter().copied().all(fits) {
            return Err(bad(&format!("a value is no {one}")));
        }
        match values.as_slice() {
            values if is_list => {
                context.set_many(name, values.iter().copied());
            }
            [] => {}
            [value] => {
                context.set(name, *value);
            }
            _ => {
                return Err(bad(&format!(
                    "{kind} is one value; of several, the type is {kind}List"
                )));
            }
        }
    }
    Ok((context, length))
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = digits.splitn(2, '.');
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.all(plain)
}

fn is_ip(text: &str) -> bool {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    address.parse::<IpAddr>().is_ok()
        && bits.is_none_or(|bits| bits.parse::<u8>().is_ok_and(|bits| bits <= 128))
}

fn is_date(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
        || text.parse::<jiff::civil::Date>().is_ok()
        || text.parse::<i64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::context::{Context, Value};

    fn read(query: &str) -> Result<Map, Error> {
        let form = Form::parse(query.as_bytes(), false).unwrap();
        context(&form).map(|(context, _)| context)
    }

    fn entry(kind: &str, values: &[&str]) -> String {
        let mut query = format!(
            "ContextEntries.member.1.ContextKeyName=aws:K&ContextEntries.member.1.ContextKeyType={kind}"
        );
        for (value, number) in values.iter().zip(1..) {
            query.push_str(&format!(
                "&ContextEntries.member.1.ContextKeyValues.member.{number}={value}"
            ));
        }
        query
    }

    #[test]
    fn values_are_of_their_types() {
        for (kind, good, bad) in [
            ("string", "x", None),
            ("numeric", "-1.5", Some("1e3")),
            ("boolean", "True", Some("yes")),
            ("ip", "203.0.113.0/24", Some("203.0.113")),
            ("binary", "YQ==", Some("%25")),
            ("date", "2026-11-23T09:30:00Z", Some("today")),
        ] {
            assert!(read(&entry(kind, &[good])).is_ok(), "{kind}");
            assert!(read(&entry(&format!("{kind}List"), &[good, good])).is_ok());
            assert_eq!(
                read(&entry(kind, &[good, good])).unwrap_err().code,
                "InvalidInput"
            );
            if let Some(bad) = bad {
                assert_eq!(read(&entry(kind, &[bad])).unwrap_err().code, "InvalidInput");
            }
        }
        assert_eq!(
            read(&entry("text", &["x"])).unwrap_err().code,
            "InvalidInput"
        );
        let lists = read(&entry("stringList", &["a"])).unwrap();
        assert!(matches!(lists.get("aws:k"), Some(Value::List([_]))));
        let single = read(&entry("string", &["a"])).unwrap();
        assert!(matches!(single.get("aws:k"), Some(Value::Text("a"))));
    }

    #[test]
    fn actions_have_no_wildcards() {
        assert!(is_action("s3:GetObject") && is_action("execute-api:Invoke"));
        for bad in ["s3:*", "s3", ":x", "s3:", "s3:Get:x", "s3:Ge t"] {
            assert!(!is_action(bad), "{bad}");
        }
    }
}
