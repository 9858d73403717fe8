use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::policy::{Document, Kind, parse};

/// One statement for each block of conditions.
fn document(effect: &str, blocks: &[String]) -> Option<Document> {
    let statements: Vec<String> = (blocks.iter())
        .map(|block| {
            format!(
                r#"{{"Effect":"{effect}","Action":"x:*","Resource":"*","Condition":{{{block}}}}}"#
            )
        })
        .collect();
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
        statements.join(",")
    );
    let read = || parse(&text, Kind::Identity, "t");
    (!blocks.is_empty())
        .then(|| read().unwrap_or_else(|report| panic!("{text}: {:?}", report.faults())))
}

/// The conditions of Allows must hold, those of each Deny must not.
fn demands<'d>(allows: Option<&'d Document>, denies: Option<&'d Document>) -> Vec<Demand<'d>> {
    let statements = |all: Option<&'d Document>| all.into_iter().flat_map(|all| &*all.statements);
    let asked = statements(allows).flat_map(|statement| &statement.conditions);
    let asked = asked.map(|condition| Demand::met(condition, Effect::Allow));
    let refused = statements(denies)
        .map(|statement| Demand::unmet(statement.conditions.iter().collect(), Effect::Deny));
    asked.chain(refused).collect()
}

type Case = (
    &'static [(&'static str, &'static str)],
    &'static [(&'static str, &'static str)],
    bool,
);
/// What must hold, what must not, and whether that is impossible.
const CASES: &[Case] = &[
    (
        &[("StringEquals", r#""a""#), ("StringEquals", r#""b""#)],
        &[],
        true,
    ),
    (
        &[("StringEquals", r#"["a","b"]"#), ("StringEquals", r#""b""#)],
        &[],
        false,
    ),
    (
        &[
            ("StringEqualsIfExists", r#""a""#),
            ("StringEqualsIfExists", r#""b""#),
        ],
        &[],
        false,
    ),
    (
        &[
            ("StringEqualsIgnoreCase", r#""A""#),
            ("StringEqualsIgnoreCase", r#""a""#),
        ],
        &[],
        false,
    ),
    (
        &[
            ("StringEqualsIgnoreCase", r#""A""#),
            ("StringEqualsIgnoreCase", r#""b""#),
        ],
        &[],
        true,
    ),
    // Both hold where the key is absent.
    (
        &[
            ("ForAllValues:StringEquals", r#""a""#),
            ("ForAllValues:StringEquals", r#""b""#),
        ],
        &[],
        false,
    ),
    (
        &[
            ("ForAllValues:StringEquals", r#""a""#),
            ("Null", r#""true""#),
        ],
        &[],
        false,
    ),
    (
        &[("StringEquals", r#""b""#)],
        &[("StringNotEquals", r#""a""#)],
        true,
    ),
    (
        &[("StringEquals", r#""a""#)],
        &[("StringNotEquals", r#""a""#)],
        false,
    ),
    (
        &[("StringLike", r#""b*""#)],
        &[("StringNotLike", r#""a*""#)],
        true,
    ),
    (
        &[("StringLike", r#""b*""#)],
        &[("StringLike", r#""b*""#)],
        true,
    ),
    (
        &[("StringLike", r#""b*""#)],
        &[("StringLike", r#""bc*""#)],
        false,
    ),
    (
        &[("ForAnyValue:StringLike", r#""b*""#)],
        &[("StringLike", r#""b*""#)],
        false,
    ),
    (
        &[("ArnLike", r#""arn:aws:x:::a*""#)],
        &[("ArnNotLike", r#""arn:aws:x:::b*""#)],
        true,
    ),
    (&[("Null", r#""true""#), ("Null", r#""false""#)], &[], true),
    (
        &[("Null", r#""true""#), ("StringEquals", r#""a""#)],
        &[],
        true,
    ),
    // To these a list is no value that they compare, and to those the key may be absent.
    (
        &[],
        &[("StringEquals", r#""a""#), ("StringNotEquals", r#""a""#)],
        false,
    ),
    (&[], &[("Bool", r#""true""#), ("Bool", r#""false""#)], false),
    (
        &[("StringNotEquals", r#""b""#)],
        &[("StringEquals", r#""a""#), ("StringNotEquals", r#""a""#)],
        true,
    ),
    (
        &[
            ("DateGreaterThan", r#""2026-01-02""#),
            ("DateLessThan", r#""2026-01-01""#),
        ],
        &[],
        true,
    ),
    (
        &[
            ("DateGreaterThan", r#""2026-01-01""#),
            ("DateLessThan", r#""2026-01-02""#),
        ],
        &[],
        false,
    ),
    (
        &[
            ("DateGreaterThan", r#""0""#),
            ("DateLessThan", r#""0.000000000000000001""#),
        ],
        &[],
        true,
    ),
    (
        &[
            ("DateLessThan", r#""-9223372036854775807""#),
            ("DateNotEquals", r#""0""#),
        ],
        &[],
        false,
    ),
    (
        &[("BinaryEquals", r#""AA==""#), ("BinaryEquals", r#""AAA=""#)],
        &[],
        true,
    ),
    (
        &[("BinaryEquals", r#""AA==""#), ("BinaryEquals", r#""AB==""#)],
        &[],
        false,
    ),
    (
        &[("NumericEquals", "1"), ("StringEquals", r#""2""#)],
        &[],
        true,
    ),
    (
        &[("NumericLessThan", "1")],
        &[("NumericLessThan", "2")],
        true,
    ),
    (
        &[("NumericLessThan", "2")],
        &[("NumericLessThan", "1")],
        false,
    ),
    (
        &[("IpAddress", r#""10.0.0.0/8""#)],
        &[("NotIpAddress", r#""10.1.0.0/16""#)],
        false,
    ),
    (
        &[("IpAddress", r#""10.0.0.0/8""#)],
        &[("NotIpAddress", r#""11.0.0.0/8""#)],
        true,
    ),
    // What a variable stands for is not known.
    (
        &[
            ("StringEquals", r#""${aws:username}""#),
            ("StringEquals", r#""b""#),
        ],
        &[],
        false,
    ),
];

#[test]
fn what_contradicts_itself() {
    for (allows, denies, expected) in CASES {
        let blocks = |all: &[(&str, &str)]| -> Vec<String> {
            let each = all.iter();
            each.map(|(operator, value)| format!(r#""{operator}":{{"x:k":{value}}}"#))
                .collect()
        };
        let (allows, denies) = (blocks(allows), blocks(denies));
        let documents = (document("Allow", &allows), document("Deny", &denies));
        let found = is_impossible(
            &demands(documents.0.as_ref(), documents.1.as_ref()),
            &Effort::default(),
        );
        assert_eq!(found, *expected, "{allows:?} but not {denies:?}");
    }
}

/// From so few words that conditions often contradict each other.
fn block() -> impl Strategy<Value = String> {
    let operator = select(vec![
        "StringEquals",
        "StringNotEquals",
        "StringEqualsIfExists",
        "StringEqualsIgnoreCase",
        "StringLike",
        "StringNotLike",
        "ForAnyValue:StringEquals",
        "ForAllValues:StringLike",
        "ForAllValues:StringNotEquals",
        "NumericEquals",
        "NumericNotEquals",
        "NumericLessThan",
        "NumericGreaterThanEqualsIfExists",
        "DateLessThan",
        "DateGreaterThanEquals",
        "DateNotEquals",
        "Bool",
        "BinaryEquals",
        "IpAddress",
        "NotIpAddress",
        "ArnLike",
        "ArnNotLike",
        "Null",
    ]);
    (operator, any::<u8>(), any::<u8>(), any::<bool>()).prop_map(|(operator, one, other, twice)| {
        let from: &[&str] = match operator {
            "Bool" | "Null" => &["true", "false"],
            "BinaryEquals" => &["AA==", "AQID", ""],
            "IpAddress" | "NotIpAddress" => &["10.0.0.0/8", "10.1.0.0/16", "::/1", "10.1.2.3"],
            "ArnLike" | "ArnNotLike" => &["arn:aws:x:::a*", "arn:aws:x:::ab", "arn:aws:y:::a"],
            numeric if numeric.starts_with("Numeric") => &["-1", "0", "1.5", "2"],
            date if date.starts_with("Date") => {
                &["2026-01-01", "2026-01-01T00:00:00.5Z", "0", "-1.5"]
            }
            _ => &["a", "A", "a*", "ab", "", "2", "true", "arn:aws:x:::ab"],
        };
        let pick = |at: u8| from.iter().cycle().nth(usize::from(at)).copied();
        let values = if twice {
            vec![pick(one), pick(other)]
        } else {
            vec![pick(one)]
        };
        format!(r#""{operator}":{{"x:k":{}}}"#, serde_json::json!(values))
    })
}

const VALUES: &[&str] = &[
    "",
    "a",
    "A",
    "ab",
    "abc",
    "b",
    "true",
    "FALSE",
    "-1",
    "-1.5",
    "-2",
    "0",
    "0.5",
    "1.5",
    "2",
    "3",
    "2026-01-01",
    "1767225600.25",
    "1767225600.5",
    "1767225601",
    "AA==",
    "AQID",
    "10.1.2.3",
    "10.2.0.0",
    "11.0.0.1",
    "::1",
    "8000::",
    "arn:aws:x:::ab",
    "arn:aws:x:::abc",
    "arn:aws:y:::a",
    "arn:aws:z:::a",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// What is called impossible no state of the key meets.
    #[test]
    fn no_state_meets_what_is_called_impossible(
        allows in prop::collection::vec(block(), 0..4),
        denies in prop::collection::vec(block(), 0..3),
    ) {
        let documents = (document("Allow", &allows), document("Deny", &denies));
        let demands = demands(documents.0.as_ref(), documents.1.as_ref());
        if !is_impossible(&demands, &Effort::default()) {
            return Ok(());
        }
        let mut states = vec![Map::new()];
        for one in VALUES {
            let mut map = Map::new();
            map.set("x:k", *one);
            states.push(map);
            for other in VALUES.iter().take(8) {
                let mut map = Map::new();
                map.set_many("x:k", [*one, *other]);
                states.push(map);
            }
            let mut map = Map::new();
            map.set_many("x:k", [*one]);
            states.push(map);
        }
        for state in states {
            prop_assert!(!demands.iter().all(|demand| demand.holds(&state)), "{allows:?} but not {denies:?}: {state:?}");
        }
    }
}
