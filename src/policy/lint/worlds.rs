//! Conditions on one key that exclude each other: tried out on every state of the key that could make a difference.
//!
//! Under equality, booleans and address ranges finitely many values stand for all; patterns are compared with each other.

use std::net::IpAddr;

use super::subset::{self, Effort};
use crate::policy::condition::arn::ArnPattern;
use crate::policy::condition::operator::{Quantifier, Relation, Test};
use crate::policy::condition::{Condition, Values};
use crate::policy::context::Map;
use crate::policy::document::Effect;
use crate::policy::pattern::Piece;

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
            && (is_alike(condition.operator.test, test) || condition.operator.test == Test::Null)
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
        Test::Numeric(_) => match between(&texts) {
            Some(numbers) => numbers,
            None => return false,
        },
        // More instants than can be refused.
        Test::Date(Relation::Equal) => (0..=texts.len())
            .map(|second| second.to_string())
            .chain(texts.iter().map(|text| (*text).to_owned()))
            .collect(),
        Test::StringLike | Test::Date(_) | Test::Binary | Test::Arn | Test::Null => return false,
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

/// Whether two operators compare one type; of dates equality alone is tried.
fn is_alike(one: Test, other: Test) -> bool {
    one == other || matches!((one, other), (Test::Numeric(_), Test::Numeric(_)))
}

/// Fractions longer than that are not tried.
const LONGEST: usize = 100;

/// Every number, and one of every gap between them, below and above all: a digit more moves a number away from zero by
/// less than any gap, and the gaps beside zero have two numbers of their own.
fn between(texts: &[&str]) -> Option<Vec<String>> {
    let fraction = |text: &str| text.split_once('.').map_or(0, |(_, digits)| digits.len());
    let digits = texts.iter().map(|text| fraction(text)).max().unwrap_or(0);
    if digits > LONGEST {
        return None;
    }
    let longer = |text: &str| {
        let point = if text.contains('.') { "" } else { "." };
        let zeros = "0".repeat(digits.saturating_sub(fraction(text)));
        format!("{text}{point}{zeros}1")
    };
    let mut tried = vec![longer("-0"), longer("0")];
    for text in texts {
        tried.extend([(*text).to_owned(), longer(text)]);
    }
    Some(tried)
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

/// Whether one condition asks for texts or ARNs of which another refuses all, or for others than another asks for.
pub(super) fn patterns_exclude_each_other(same: &[&Condition], effect: Effect) -> bool {
    let effort = Effort::default();
    same.iter().enumerate().any(|(at, asks)| {
        let is_asked = !asks.operator.negated
            && !asks.operator.if_exists
            && asks.operator.quantifier != Some(Quantifier::ForAll);
        let Some(asked) = parts(asks, effect).filter(|_| is_asked) else {
            return false;
        };
        same.iter().enumerate().any(|(other, refuses)| {
            let is_of_all = match (asks.operator.quantifier, refuses.operator.quantifier) {
                (_, None) | (Some(_), Some(Quantifier::ForAll)) => true,
                // To ForAllValues an empty text is no value at all.
                (None, Some(Quantifier::ForAll)) => {
                    !asked.iter().flatten().any(|asked| may_be_empty(asked))
                }
                (_, Some(Quantifier::ForAny)) => false,
            };
            let Some(found) = parts(refuses, effect).filter(|_| other != at && is_of_all) else {
                return false;
            };
            if refuses.operator.negated {
                asked
                    .iter()
                    .all(|inner| found.iter().any(|outer| covers(outer, inner, &effort)))
            } else {
                // With IfExists the key is there all the same: the first asks for it.
                asked
                    .iter()
                    .all(|a| found.iter().all(|b| are_disjoint(a, b, &effort)))
            }
        })
    })
}

fn may_be_empty(pattern: &[Piece<'_>]) -> bool {
    !(pattern.iter()).any(|piece| matches!(piece, Piece::Char(_) | Piece::Any))
}

/// Each part of one value covers that of the other.
fn covers(outer: &subset::Pieces<'_>, inner: &subset::Pieces<'_>, effort: &Effort) -> bool {
    outer.len() == inner.len()
        && (outer.iter().zip(inner)).all(|(outer, inner)| subset::pattern(outer, inner, effort))
}

fn are_disjoint(a: &subset::Pieces<'_>, b: &subset::Pieces<'_>, effort: &Effort) -> bool {
    a.len() == b.len() && (a.iter().zip(b)).any(|(a, b)| subset::disjoint(a, b, effort))
}

/// A condition's values as patterns, each of one part or, of ARNs, of six; `None` if they are neither, or one is a
/// variable. In a Deny ARN operators hold for what is no ARN, whatever they ask for.
fn parts(condition: &Condition, effect: Effect) -> Option<Vec<subset::Pieces<'_>>> {
    if condition.texts.is_empty() {
        return None;
    }
    if let Values::Arn(patterns) = &condition.values {
        let all = patterns.iter().map(ArnPattern::pieces);
        return all
            .collect::<Option<_>>()
            .filter(|_| effect == Effect::Allow);
    }
    let texts = condition.values.pieces()?;
    Some(texts.into_iter().map(|text| vec![text]).collect())
}
