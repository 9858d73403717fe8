//! Conditions on one key that exclude each other: tried out on every state of the key that could make a difference.
//!
//! Under equality, booleans and address ranges finitely many values stand for all; patterns are compared with each other.

use std::net::IpAddr;

use super::subset::{self, Effort};
use crate::policy::condition::Condition;
use crate::policy::condition::operator::Test;
use crate::policy::context::Map;
use crate::policy::document::Effect;

/// Values that are tried.
const MOST: usize = 200;

/// Whether no request meets all of the conditions, which are on one key and of one type.
pub(super) fn exclude_each_other(same: &[&Condition], effect: Effect) -> bool {
    let values = |condition: &&&Condition| condition.operator.test != Test::Null;
    let Some(test) = (same.iter().find(values)).map(|condition| condition.operator.test) else {
        return false;
    };
    let alike = |condition: &&Condition| {
        condition.operator.quantifier.is_none()
            && condition.values.keys().next().is_none()
            // Escapes stand for letters, and mapped addresses for those of the other family.
            && !(condition.texts.iter()).any(|text| text.contains("${") || text.contains("::ffff:"))
            && (condition.operator.test == test || condition.operator.test == Test::Null)
    };
    let texts: Vec<&str> = same
        .iter()
        .filter(values)
        .flat_map(|condition| condition.texts.iter().map(|text| &**text))
        .collect();
    if !same.iter().all(alike) || texts.len() > MOST {
        return false;
    }
    let mut tried: Vec<String> = match test {
        Test::Bool => vec!["true".to_owned(), "false".to_owned()],
        Test::StringEquals => texts.iter().map(|text| (*text).to_owned()).collect(),
        Test::StringEqualsIgnoreCase => texts.iter().map(|text| text.to_lowercase()).collect(),
        Test::Ip => texts.iter().flat_map(|text| edges(text)).collect(),
        Test::StringLike
        | Test::Numeric(_)
        | Test::Date(_)
        | Test::Binary
        | Test::Arn
        | Test::Null => return false,
    };
    // What nobody wrote, and what is no value of the type.
    tried.extend(["", "0.0.0.0", "::", "\u{1}other"].map(str::to_owned));
    let meets = |map: &Map| (same.iter()).all(|condition| condition.judge(map).counts(effect));
    !meets(&Map::new())
        && !tried.iter().any(|text| {
            let mut map = Map::new();
            map.set(same.first().map_or("", |condition| &condition.key), &**text);
            meets(&map)
        })
}

/// The first address of a range, and the first behind it: wherever ranges are put together or taken from each other,
/// what is left begins at one of these.
fn edges(text: &str) -> Vec<String> {
    let (address, length) = text.split_once('/').unwrap_or((text, "128"));
    let (Ok(address), Ok(length)) = (address.parse::<IpAddr>(), length.parse::<u32>()) else {
        return Vec::new();
    };
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let free = 32u32.saturating_sub(length.min(32));
            let mask = u32::MAX.checked_shl(free).unwrap_or(0);
            let first = u32::from(address) & mask;
            let behind = (first | !mask).checked_add(1);
            let all = [Some(first), behind].into_iter().flatten();
            all.map(|one| IpAddr::from(one.to_be_bytes()).to_string())
                .collect()
        }
        IpAddr::V6(address) => {
            let free = 128u32.saturating_sub(length.min(128));
            let mask = u128::MAX.checked_shl(free).unwrap_or(0);
            let first = u128::from(address) & mask;
            let behind = (first | !mask).checked_add(1);
            let all = [Some(first), behind].into_iter().flatten();
            all.map(|one| IpAddr::from(one.to_be_bytes()).to_string())
                .collect()
        }
    }
}

/// Whether one condition asks for texts of which another refuses all, or for others than another asks for.
pub(super) fn patterns_exclude_each_other(same: &[&Condition]) -> bool {
    let effort = Effort::default();
    same.iter().enumerate().any(|(at, asks)| {
        let is_asked = !asks.operator.negated && !asks.operator.if_exists;
        let Some(asked) = texts(asks).filter(|_| is_asked) else {
            return false;
        };
        same.iter().enumerate().any(|(other, refuses)| {
            let Some(found) = texts(refuses).filter(|_| other != at) else {
                return false;
            };
            if refuses.operator.negated {
                asked.iter().all(|inner| {
                    found
                        .iter()
                        .any(|outer| subset::pattern(outer, inner, &effort))
                })
            } else {
                // With IfExists the key is there all the same: the first asks for it.
                asked
                    .iter()
                    .all(|a| found.iter().all(|b| subset::disjoint(a, b, &effort)))
            }
        })
    })
}

/// A condition's values as patterns, if they are texts with case and it is about one value.
fn texts(condition: &Condition) -> Option<subset::Pieces<'_>> {
    let is_plain = condition.operator.quantifier.is_none() && !condition.texts.is_empty();
    condition.values.pieces().filter(|_| is_plain)
}
