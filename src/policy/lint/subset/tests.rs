use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::policy::context::Map;
use crate::policy::document::Effect;
use crate::policy::statement::Ask;
use crate::policy::{Document, Kind, Principal, parse};

fn document(text: &str, kind: Kind) -> Document {
    parse(text, kind, "t").unwrap_or_else(|report| panic!("{text}: {:?}", report.faults()))
}

/// Texts like the patterns of real policies, from an alphabet so small that they often meet.
fn actions() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("*".to_owned()),
        "[sT]:[Ab*?]{1,4}".prop_map(String::from)
    ]
}

fn resources() -> impl Strategy<Value = String> {
    let part = select(vec![
        "a",
        "b",
        "*",
        "?",
        "/",
        "user",
        "${aws:username}",
        "${aws:username, 'a'}",
        "${*}",
        "${nobody}",
    ]);
    prop_oneof![
        Just("*".to_owned()),
        Just("arn:aws:s".to_owned()),
        Just("arn:aws:s:a".to_owned()),
        Just("arn:aws:s:*".to_owned()),
        prop::collection::vec(part, 1..4)
            .prop_map(|parts| format!("arn:aws:s:a::{}", parts.concat())),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    let operator = select(vec![
        "StringEquals",
        "StringNotEquals",
        "StringLike",
        "StringNotLikeIfExists",
        "StringEqualsIfExists",
        "ForAnyValue:StringLike",
        "ForAllValues:StringNotEquals",
        "NumericLessThan",
        "NumericLessThanIfExists",
        "Bool",
        "IpAddress",
        "NotIpAddress",
        "Null",
    ]);
    let pick = |from: &[&'static str]| prop::collection::vec(select(from.to_vec()), 1..3);
    (
        operator,
        pick(&["a", "a*", "*", "${aws:username}", "b"]),
        pick(&["1", "2"]),
        pick(&["true", "false"]),
        pick(&["10.0.0.1", "10.0.0.0/8"]),
    )
        .prop_map(|(operator, texts, numbers, flags, ranges)| {
            let values = match operator {
                "Bool" | "Null" => flags,
                "IpAddress" | "NotIpAddress" => ranges,
                numeric if numeric.starts_with("Numeric") => numbers,
                _ => texts,
            };
            format!("{{\"{operator}\":{{\"k\":{}}}}}", serde_json::json!(values))
        })
}

/// `sided`: it names a principal.
fn statement(sided: bool) -> impl Strategy<Value = String> {
    (
        any::<bool>(),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
        prop::collection::vec(actions(), 1..3),
        prop::collection::vec(resources(), 1..3),
        prop::option::weighted(0.4, condition()),
        select(vec!["\"*\"", "{\"AWS\":\"111111111111\"}", "{\"AWS\":[\"111111111111\",\"arn:aws:iam::111111111111:user/ann\"]}", "{\"AWS\":\"222222222222\"}"]),
    )
        .prop_map(move |(deny, no_action, no_resource, actions, resources, condition, principal)| {
            let not = |negated: bool| if negated { "Not" } else { "" };
            let effect = if deny { "Deny" } else { "Allow" };
            let condition = condition.map_or_else(String::new, |text| format!(",\"Condition\":{text}"));
            let principal = if sided { format!(",\"Principal\":{principal}") } else { String::new() };
            format!(
                "{{\"Effect\":\"{effect}\",\"{}Action\":{},\"{}Resource\":{}{condition}{principal}}}",
                not(no_action), serde_json::json!(actions), not(no_resource), serde_json::json!(resources)
            )
        })
}

fn context() -> impl Strategy<Value = Map> {
    let text = select(vec![
        "", "a", "ab", "b", "*", "1", "1.5", "true", "10.0.0.1", "x",
    ]);
    (
        prop::option::of(select(vec!["a", "user", "*", "A/b", ""])),
        prop::option::of(prop::collection::vec(text, 0..3)),
        any::<bool>(),
    )
        .prop_map(|(name, values, list)| {
            let mut map = Map::new();
            if let Some(name) = name {
                map.set("aws:username", name);
            }
            match values.as_deref() {
                Some([only]) if !list => {
                    map.set("k", *only);
                }
                Some(values) => {
                    map.set_many("k", values.iter().copied());
                }
                None => {}
            }
            map
        })
}

fn applies(statement: &Statement, ask: &Ask<'_>) -> bool {
    let named = statement
        .principal
        .as_ref()
        .is_none_or(|element| match statement.effect {
            Effect::Allow => !element.grants(ask.principal).is_empty(),
            Effect::Deny => element.hits(ask.principal, ask.bounded),
        });
    named && statement.fits(ask)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Whatever is claimed of two statements is so for every request.
    #[test]
    fn what_is_covered_is_matched(
        (sided, first, second) in any::<bool>()
            .prop_flat_map(|sided| (Just(sided), statement(sided), statement(sided))),
        requests in prop::collection::vec((
            "[st]:[ab]{0,4}", "(arn:aws:s:a::[ab/*]{0,5}|arn:aws:s:a::(user|A/b|a)[ab]?|arn:aws:s:a:b:c|\\*)", context(), any::<bool>(),
        ), 1..30),
    ) {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{first},{second}]}}"#);
        // A resource-based policy names principals, an identity-based one none.
        let kind = if sided { Kind::Resource } else { Kind::Identity };
        let Ok(document) = parse(&text, kind, "t") else {
            return Ok(());
        };
        let effort = Effort::default();
        let shapes: Vec<Shape<'_>> = document.statements.iter().map(Shape::of).collect();
        let user = |name: &str| Principal::User {
            account: "111111111111".into(),
            arn: format!("arn:aws:iam::111111111111:user/{name}").into(),
        };
        for (outer, inner) in [(0, 1), (1, 0)] {
            if !shapes[outer].covers(&shapes[inner], &effort) {
                continue;
            }
            let (outer, inner) = (&document.statements[outer], &document.statements[inner]);
            // A Deny is never called redundant for an Allow's sake: values that do not parse count otherwise there.
            if outer.effect == Effect::Allow && inner.effect == Effect::Deny {
                continue;
            }
            for (action, resource, context, ann) in &requests {
                let principal = if *ann { user("ann") } else { user("bob") };
                let ask = Ask { principal: &principal, action, resource, context, bounded: false };
                prop_assert!(!applies(inner, &ask) || applies(outer, &ask), "{text} {action} {resource} {context:?}");
            }
        }
    }

    /// Patterns alone, which meet more often.
    #[test]
    fn a_covered_pattern_matches_no_more(outer in "s:[ab*?]{1,5}", inner in "s:[ab*?]{1,5}", action in "s:[ab]{0,6}") {
        let read = |text: &str| crate::policy::action::ActionPattern::read(text).unwrap();
        let (outer, inner) = (read(&outer), read(&inner));
        if pattern(&outer.pieces(), &inner.pieces(), &Effort::default()) && inner.matches(&action) {
            prop_assert!(outer.matches(&action));
        }
    }
}

#[test]
fn claims_that_are_made_and_claims_that_are_not() {
    let allow = |rest: &str| format!(r#"{{"Effect":"Allow",{rest}}}"#);
    let about = |resource: &str| allow(&format!(r#""Action":"s3:*","Resource":"{resource}""#));
    let acts = |actions: &str| allow(&format!(r#"{actions},"Resource":"*""#));
    let when = |condition: &str| {
        allow(&format!(
            r#""Action":"s3:*","Resource":"*","Condition":{{{condition}}}"#
        ))
    };
    for (outer, inner, expected) in [
        (about("arn:aws:s3:::a*"), about("arn:aws:s3:::a?/*"), true),
        (about("arn:aws:s3:::a?"), about("arn:aws:s3:::ab"), true),
        (about("arn:aws:s3:::a?"), about("arn:aws:s3:::a*"), false),
        (about("arn:aws:s3:::?*"), about("arn:aws:s3:::*?"), true),
        // The name of a variable is not its value.
        (
            about("arn:aws:s3:::*username*"),
            about("arn:aws:s3:::${aws:username}"),
            false,
        ),
        (
            about("arn:aws:s3:::${aws:username}/*"),
            about("arn:aws:s3:::${aws:username}/a"),
            true,
        ),
        (
            about("arn:aws:s3:::${aws:username}*"),
            about("arn:aws:s3:::a"),
            false,
        ),
        (about("*"), about("arn:aws:s3:::${aws:username}"), true),
        (about("arn:aws:s3:eu"), about("arn:aws:s3:eu:*"), false),
        (about("arn:aws:s3:*"), about("arn:aws:s3:eu"), true),
        (
            acts(r#""NotAction":"iam:*""#),
            acts(r#""NotAction":["iam:*","s3:*"]"#),
            true,
        ),
        (
            acts(r#""NotAction":["iam:*","s3:*"]"#),
            acts(r#""NotAction":"iam:*""#),
            false,
        ),
        (
            acts(r#""Action":"*""#),
            acts(r#""NotAction":"iam:*""#),
            true,
        ),
        (
            when(r#""StringEquals":{"k":["a","b"]}"#),
            when(r#""StringEquals":{"k":"a"}"#),
            true,
        ),
        (
            when(r#""StringEquals":{"k":"a"}"#),
            when(r#""StringEquals":{"k":["a","b"]}"#),
            false,
        ),
        (
            when(r#""StringNotEquals":{"k":"a"}"#),
            when(r#""StringNotEquals":{"k":["a","b"]}"#),
            true,
        ),
        (
            when(r#""StringEqualsIfExists":{"k":"a"}"#),
            when(r#""StringEquals":{"k":"a"}"#),
            true,
        ),
        (
            when(r#""StringEquals":{"k":"a"}"#),
            when(r#""StringEqualsIfExists":{"k":"a"}"#),
            false,
        ),
        (
            when(r#""Bool":{"k":"true"}"#),
            when(r#""Bool":{"k":"true"},"StringEquals":{"l":"x"}"#),
            true,
        ),
    ] {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{outer},{inner}]}}"#);
        let document = document(&text, Kind::Identity);
        let [outer, inner] = [0, 1].map(|at: usize| Shape::of(&document.statements[at]));
        assert_eq!(outer.covers(&inner, &Effort::default()), expected, "{text}");
    }
}

/// Long patterns of stars are given up rather than compared for long.
#[test]
fn hostile_patterns_end() {
    let stars = "*a".repeat(1_500);
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::{stars}","arn:aws:s3:::{stars}b","arn:aws:s3:::{stars}c"]}}}}"#
    );
    let document = document(&text, Kind::Identity);
    let patterns = of_resources(document.statements[0].resources.as_ref().unwrap());
    let effort = Effort::default();
    for outer in &patterns {
        for inner in &patterns {
            pattern(outer, inner, &effort);
        }
    }
    assert!(!effort.take(STEPS as usize));
}
