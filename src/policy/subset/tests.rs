mod claims;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::policy::context::Map;
use crate::policy::document::Effect;
use crate::policy::principal::element::Grants;
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
        "NumericGreaterThanEquals",
        "NumericNotEquals",
        "StringEqualsIgnoreCase",
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

/// From so few words that several statements often cover another one together.
fn narrow(sided: bool) -> impl Strategy<Value = String> {
    let pick = |from: &[&'static str]| prop::collection::vec(select(from.to_vec()), 1..3);
    let condition = (
        select(vec![
            "StringEquals",
            "StringEqualsIfExists",
            "StringLike",
            "StringNotEquals",
            "ForAnyValue:StringEquals",
            "ForAllValues:StringEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "StringNotLikeIfExists",
        ]),
        pick(&["1", "2"]),
    );
    (
        prop::bool::weighted(0.3),
        pick(&["s:A", "s:b", "s:*"]),
        pick(&["arn:aws:s:a::a", "arn:aws:s:a::b", "arn:aws:s:a::*"]),
        prop::option::weighted(0.5, condition),
        pick(&["111111111111", "arn:aws:iam::111111111111:user/ann", "222222222222"]),
    )
        .prop_map(move |(deny, actions, resources, condition, names)| {
            let mut statement = serde_json::json!({ "Effect": if deny { "Deny" } else { "Allow" }, "Action": actions, "Resource": resources });
            if let Some((operator, values)) = condition {
                statement["Condition"] = serde_json::json!({ operator: { "k": values } });
            }
            if sided {
                statement["Principal"] = serde_json::json!({ "AWS": names });
            }
            statement.to_string()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// What is called redundant may go, all of it at once, and what is called unreachable never decides.
    #[test]
    fn what_several_cover_together_may_go(
        (sided, texts) in any::<bool>().prop_flat_map(|sided| (Just(sided), prop::collection::vec(narrow(sided), 2..6))),
        requests in prop::collection::vec(
            ("s:[abc]", "arn:aws:s:a::[abc]", prop::option::of(prop::collection::vec(select(vec!["0", "1", "2", "x", ""]), 0..3)), any::<bool>(), any::<bool>()),
            1..30,
        ),
    ) {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, texts.join(","));
        let document = document(&text, if sided { Kind::Resource } else { Kind::Identity });
        let mut report = crate::source::Report::on("t");
        crate::policy::lint::cover::statements(&document.statements, &Effort::default(), &mut report);
        let named = |id: &str, statement: &Statement| {
            report.faults().iter().any(|fault| fault.id == id && fault.span == statement.span)
        };
        for (action, resource, values, list, ann) in &requests {
            let principal = Principal::User {
                account: "111111111111".into(),
                arn: format!("arn:aws:iam::111111111111:user/{}", if *ann { "ann" } else { "bob" }).into(),
            };
            let mut context = Map::new();
            match values.as_deref() {
                Some([only]) if !list => { context.set("k", *only); }
                Some(values) => { context.set_many("k", values.iter().copied()); }
                None => {}
            }
            let ask = Ask { principal: &principal, action, resource, context: &context, bounded: false };
            let denied = |all: &[&Statement]| all.iter().any(|found| found.effect == Effect::Deny && applies(found, &ask));
            let granted = |all: &[&Statement]| {
                let hits = all.iter().filter(|found| found.effect == Effect::Allow && applies(found, &ask));
                hits.map(|found| found.principal.as_ref().map(|element| element.grants(&principal)))
                    .fold((false, Grants::NONE), |(_, all), grants| (true, all.with(grants.unwrap_or_default())))
            };
            let all: Vec<&Statement> = document.statements.iter().collect();
            let left: Vec<&Statement> = all.iter().copied().filter(|found| !named("redundant-statement", found)).collect();
            prop_assert_eq!(denied(&all), denied(&left), "{}", text);
            prop_assert_eq!(granted(&all), granted(&left), "{}", text);
            for found in all.iter().filter(|found| named("unreachable-statement", found)) {
                prop_assert!(!applies(found, &ask) || denied(&all), "{}", text);
            }
        }
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

/// A statement whose parts would fill the memory is not taken apart.
#[test]
fn long_statements_have_no_parts() {
    let list = |count: usize| {
        let each = (0..count).map(|number| format!("\"s3:Get{number}\""));
        each.collect::<Vec<_>>().join(",")
    };
    let of = |count: usize| {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","NotAction":[{}],"Resource":["arn:aws:s3:::a","arn:aws:s3:::b"]}}}}"#,
            list(count)
        );
        let document = document(&text, Kind::Identity);
        Shape::of(&document.statements[0])
            .parts(200)
            .map(|parts| parts.len())
    };
    assert_eq!(of(10), Some(2));
    assert_eq!(of(50_000), None);
}
