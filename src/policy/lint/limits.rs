//! Whether a condition limits anything, and whether what it limits is who asks.

use super::keys;
use crate::policy::condition::ip::Range;
use crate::policy::condition::operator::Test;
use crate::policy::condition::{Condition, Outcome, Quantifier, Values};
use crate::policy::context::Map;

/// Whether a condition says who asks, of all there are.
pub(super) fn says_who(condition: &Condition) -> bool {
    let key = &*condition.key;
    if !narrows(condition) || OF_NOBODY.contains(&key) || key.starts_with("aws:resourcetag/") {
        return false;
    }
    let holds_for = |value: &str| {
        let mut map = Map::new();
        map.set(key, value);
        condition.judge(&map) == Outcome::Holds
    };
    let is_pattern = matches!(condition.operator.test, Test::StringLike | Test::Arn);
    let any = |open: fn(&str) -> bool| is_pattern && condition.texts.iter().any(|text| open(text));
    match key {
        "aws:principaltype" => !holds_for("Anonymous"),
        "aws:principalisawsservice" | "aws:viaawsservice" => !holds_for("false"),
        "aws:principalarn" => !any(is_of_any_account),
        "aws:principalorgid" | "aws:principalorgpaths" => !any(is_of_any_organization),
        _ => true,
    }
}

/// Whether a pattern of ARNs leaves the account open.
fn is_of_any_account(text: &str) -> bool {
    let is_open = |part: &str| part.contains('*') && part.bytes().all(|byte| b"*?".contains(&byte));
    let mut parts = text.splitn(6, ':');
    match parts.nth(4) {
        Some(account) => is_open(account),
        // A star that reaches over the account.
        None => text.ends_with('*') && !text.bytes().any(|byte| byte.is_ascii_digit()),
    }
}

/// Whether a pattern of ids of organizations, or of paths in one, leaves the organization open.
fn is_of_any_organization(text: &str) -> bool {
    let id = text.split('/').next().unwrap_or(text);
    id.contains('*') && matches!(id.trim_end_matches(['*', '?']), "" | "o" | "o-")
}

/// Whether ranges hold together every address of a family.
fn is_whole_family(ranges: &[Range]) -> bool {
    let (four, six) = whole_families(ranges);
    four || six
}

/// Whether ranges hold together every address of IPv4, and every one of IPv6.
pub(super) fn whole_families(ranges: &[Range]) -> (bool, bool) {
    let mut fours: Vec<(u128, u128)> = Vec::new();
    let mut sixes: Vec<(u128, u128)> = Vec::new();
    for range in ranges {
        match range {
            Range::V4 { network, mask } => {
                fours.push((u128::from(*network), u128::from(network | !mask)));
            }
            Range::V6 { network, mask } => sixes.push((*network, network | !mask)),
        }
    }
    let is_whole = |mut found: Vec<(u128, u128)>, last: u128| {
        found.sort_unstable();
        let mut next = 0u128;
        for (from, to) in found {
            if from > next {
                return false;
            }
            if to >= last {
                return true;
            }
            next = next.max(to.saturating_add(1));
        }
        false
    };
    (
        is_whole(fours, u128::from(u32::MAX)),
        is_whole(sixes, u128::MAX),
    )
}

/// Keys that say nothing of who asks.
const OF_NOBODY: [&str; 10] = [
    "aws:currenttime",
    "aws:epochtime",
    "aws:referer",
    "aws:requestedregion",
    "aws:resourceaccount",
    "aws:resourceorgid",
    "aws:resourceorgpaths",
    "aws:securetransport",
    "aws:tokenissuetime",
    "aws:useragent",
];

/// Whether a condition asks for particular values of its key: it does not hold where the key is absent, is no
/// negation, and has nothing like a bare star among its values.
pub(super) fn narrows(condition: &Condition) -> bool {
    let operator = &condition.operator;
    if operator.negated
        || operator.if_exists
        || operator.quantifier == Some(Quantifier::ForAll)
        || operator.test == Test::Null
    {
        return false;
    }
    if let Values::Ip(ranges) = &condition.values
        && is_whole_family(ranges)
    {
        return false;
    }
    // Of an ARN, every part after the first.
    let only_wildcards = |text: &str| {
        let text = text.strip_prefix("arn:").unwrap_or(text);
        text.contains('*') && text.bytes().all(|byte| b"*?:".contains(&byte))
    };
    let is_open = |text: &str| match operator.test {
        Test::StringLike | Test::Arn => only_wildcards(text),
        Test::StringEquals
        | Test::StringEqualsIgnoreCase
        | Test::Numeric(_)
        | Test::Date(_)
        | Test::Bool
        | Test::Binary
        | Test::Ip
        | Test::Null => false,
    };
    !(condition.texts.iter()).any(|text| is_open(text) || keys::is_own_variable(condition, text))
}
