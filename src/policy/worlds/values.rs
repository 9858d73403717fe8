//! Finitely many values that stand for all there are, under operators of one type.

use std::net::IpAddr;

use crate::policy::condition::date::Instant;
use crate::policy::condition::operator::Test;
use crate::policy::condition::{Condition, Values};

/// Values that together make every difference that these conditions, all of one type, can make; besides them some value
/// that nobody wrote is tried, and one that does not parse. `None`: there are more than `most`, or no end of them.
pub(super) fn of(test: Test, compared: &[&Condition], most: usize) -> Option<Vec<String>> {
    let texts: Vec<&str> = (compared.iter())
        .flat_map(|condition| condition.texts.iter().map(|text| &**text))
        .collect();
    if texts.len() > most {
        return None;
    }
    let as_written = || texts.iter().map(|text| (*text).to_owned());
    match test {
        Test::Bool => Some(vec!["true".to_owned(), "false".to_owned()]),
        Test::StringEquals | Test::StringEqualsIgnoreCase => Some(as_written().collect()),
        Test::Ip => Some(texts.iter().flat_map(|text| edges(text)).collect()),
        Test::Numeric(_) => between(&texts),
        Test::Date(_) => Some(instants(compared)),
        // Longer than any that is written: no bytes are equal to these.
        Test::Binary => {
            let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
            let other = "A".repeat(longest.saturating_add(4).next_multiple_of(4));
            Some(as_written().chain([other]).collect())
        }
        Test::Null => Some(Vec::new()),
        Test::StringLike | Test::Arn => None,
    }
}

/// Earlier than any instant that can be written.
const FIRST: &str = "-9223372036854775807.999999999999999999";

/// Every instant and the next one, which is of the gap behind it unless that is empty; and the first of all.
fn instants(compared: &[&Condition]) -> Vec<String> {
    let mut tried = vec![FIRST.to_owned()];
    for condition in compared {
        if let Values::Date(_, instants) = &condition.values {
            for instant in instants {
                let next = instant.next();
                tried.extend(
                    [Some(*instant), next]
                        .into_iter()
                        .flatten()
                        .map(Instant::epoch),
                );
            }
        }
    }
    tried
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
