//! Conditions of several statements that no request meets together.

use super::*;

fn when(effect: &str, block: &str) -> String {
    format!(r#"{{"Effect":"{effect}","Action":"x:*","Resource":"*","Condition":{{{block}}}}}"#)
}

fn team(operator: &str, value: &str) -> String {
    format!(r#""{operator}":{{"aws:RequestTag/team":"{value}"}}"#)
}

/// What is said of a user with these statements, this boundary and this SCP.
fn ann(own: &str, boundary: Option<&str>, scp: &str) -> Option<Who> {
    let mut ann = user("ann", own);
    Arc::get_mut(&mut ann).unwrap().boundary = boundary.map(|text| set(Kind::Boundary, text));
    let directory = directory(vec![ann], Vec::new(), scp, None);
    let found = who_can(&directory, &asked("x:Get", THING));
    found
        .into_iter()
        .find(|who| who.principal.ends_with("user/ann"))
}

#[test]
fn contradicting_layers_refuse() {
    let a = when("Allow", &team("StringEquals", "a"));
    let b = when("Allow", &team("StringEquals", "b"));
    let both = format!("{a},{b}");
    let limited = ann(&a, Some(&b), EVERYTHING).unwrap();
    assert_eq!(limited.answer, Answer::RefusedByOneLayer);
    assert_eq!(limited.refused_by, Some(LayerKind::Boundary));
    assert!(
        limited
            .words
            .ends_with("no request meets all that its policies ask for together"),
        "{}",
        limited.words
    );
    let organized = ann(&a, None, &b).unwrap();
    assert_eq!(organized.refused_by, Some(LayerKind::Scp));
    // Either alone would still contradict the rest: nobody is kept out by one layer.
    assert_eq!(ann(&a, Some(&b), &b), None);
    // One of two alternatives is left, and it alone is told.
    let open = ann(&both, Some(&b), EVERYTHING).unwrap();
    assert_eq!(open.answer, Answer::UnderConditions);
    let told = "StringEquals aws:RequestTag/team: b";
    assert_eq!(ways(&open), [format!("{told} & {told}")]);
    // Three layers that contradict each other only together.
    let c = when("Allow", &team("StringEquals", "c"));
    let (ab, bc, ac) = (format!("{a},{b}"), format!("{b},{c}"), format!("{a},{c}"));
    assert_eq!(
        ann(&ab, Some(&bc), &ac).map(|who| who.answer),
        Some(Answer::RefusedByOneLayer)
    );
    assert_eq!(
        ann(&ab, Some(&bc), EVERYTHING).map(|who| who.answer),
        Some(Answer::UnderConditions)
    );
}

#[test]
fn a_deny_of_all_that_an_allow_asks_for_refuses() {
    let a = when("Allow", &team("StringEquals", "a"));
    let others = when("Deny", &team("StringNotEquals", "b"));
    let refused = ann(&a, None, &format!("{EVERYTHING},{others}")).unwrap();
    assert_eq!(refused.answer, Answer::RefusedByOneLayer);
    assert_eq!(refused.refused_by, Some(LayerKind::Scp));
    // Two Denies that leave nothing.
    let mfa = |value: &str| {
        when(
            "Deny",
            &format!(r#""BoolIfExists":{{"aws:SecureTransport":"{value}"}}"#),
        )
    };
    let none = format!("{EVERYTHING},{},{}", mfa("true"), mfa("false"));
    let refused = ann(EVERYTHING, None, &none).unwrap();
    assert_eq!(refused.refused_by, Some(LayerKind::Scp));
    let one = format!("{EVERYTHING},{}", mfa("false"));
    assert_eq!(ann(EVERYTHING, None, &one).unwrap().answer, Answer::Allowed);
}

#[test]
fn for_all_values_holds_without_the_key() {
    let tags = |value: &str| {
        when(
            "Allow",
            &format!(r#""ForAllValues:StringEquals":{{"aws:TagKeys":"{value}"}}"#),
        )
    };
    // Both hold for a request without tags.
    let open = ann(&tags("a"), Some(&tags("b")), EVERYTHING).unwrap();
    assert_eq!(open.answer, Answer::UnderConditions);
    assert_eq!(
        ways(&open),
        [
            "ForAllValues:StringEquals aws:TagKeys: a (or no such key) & ForAllValues:StringEquals aws:TagKeys: b (or no such key)"
        ]
    );
    let none = when("Allow", r#""Null":{"aws:TagKeys":"true"}"#);
    let open = ann(&tags("a"), Some(&none), EVERYTHING).unwrap();
    assert_eq!(open.answer, Answer::UnderConditions);
    let some = when("Allow", r#""ForAnyValue:StringEquals":{"aws:TagKeys":"b"}"#);
    let never = ann(&tags("a"), Some(&some), EVERYTHING).unwrap();
    assert_eq!(never.refused_by, Some(LayerKind::Boundary));
    // On a key that nobody here has, it holds.
    let services =
        r#""ForAllValues:StringEquals":{"aws:PrincipalServiceNamesList":"x.amazonaws.com"}"#;
    let plain = ann(&when("Allow", services), None, EVERYTHING).unwrap();
    assert_eq!(plain.answer, Answer::Allowed);
    let denied = format!("{EVERYTHING},{}", when("Deny", services));
    assert_eq!(
        ann(&denied, None, EVERYTHING).unwrap().refused_by,
        Some(LayerKind::Identity)
    );
}

#[test]
fn what_needs_no_permission_is_refused_by_no_deny() {
    let ssl = |value: &str| {
        format!(
            r#"{{"Effect":"Deny","Action":"*","Resource":"*","Condition":{{"BoolIfExists":{{"aws:SecureTransport":"{value}"}}}}}}"#
        )
    };
    let own = format!("{},{}", ssl("true"), ssl("false"));
    let directory = directory(vec![user("ann", &own)], Vec::new(), EVERYTHING, None);
    let found = who_can(&directory, &asked("sts:GetCallerIdentity", "*"));
    let ann = found
        .iter()
        .find(|who| who.principal.ends_with("user/ann"))
        .unwrap();
    assert_eq!(ann.answer, Answer::Allowed);
}

/// A condition on one of two keys that only a request brings, from so few values that many contradict each other.
fn asking() -> impl Strategy<Value = String> {
    let single = select(vec![
        "StringEquals",
        "StringNotEquals",
        "StringEqualsIfExists",
        "StringLike",
        "StringNotLike",
        "Null",
    ]);
    let many = select(vec![
        "ForAnyValue:StringEquals",
        "ForAllValues:StringEquals",
        "ForAnyValue:StringNotLike",
        "ForAllValues:StringNotEquals",
        "Null",
    ]);
    let texts = prop::collection::vec(select(vec!["a", "b", "a*", "*"]), 1..3);
    let flag = select(vec!["true", "false"]);
    let open = (any::<bool>(), single, many, texts, flag).prop_map(
        |(is_tag, single, many, texts, flag)| {
            let (operator, key) = if is_tag {
                (single, "aws:RequestTag/team")
            } else {
                (many, "aws:TagKeys")
            };
            let values = if operator == "Null" {
                vec![flag]
            } else {
                texts
            };
            format!(r#""{operator}":{{"{key}":{}}}"#, serde_json::json!(values))
        },
    );
    prop_oneof![3 => open, 1 => abac()]
}

/// A condition on a key that only a request brings and a tag that the user does not have.
fn abac() -> impl Strategy<Value = String> {
    let operator = select(vec![
        "StringEquals",
        "StringNotEquals",
        "StringEqualsIfExists",
        "StringNotEqualsIgnoreCase",
        "StringLike",
        "StringNotLike",
        "ForAnyValue:StringEquals",
        "ForAllValues:StringEquals",
        "ForAnyValue:StringNotEquals",
        "ForAllValues:StringNotEquals",
    ]);
    let sides = select(vec![
        ("aws:RequestTag/team", "${aws:PrincipalTag/team}"),
        ("aws:PrincipalTag/team", "${aws:RequestTag/team}"),
        ("aws:RequestTag/team", "${aws:PrincipalTag/team, 'a'}"),
        ("aws:TagKeys", "${aws:PrincipalTag/team}"),
    ]);
    let more = prop::option::of(select(vec!["a", "b"]));
    (operator, sides, more).prop_map(|(operator, (key, value), more)| {
        let values: Vec<&str> = [Some(value), more].into_iter().flatten().collect();
        format!(r#""{operator}":{{"{key}":{}}}"#, serde_json::json!(values))
    })
}

#[test]
fn what_a_missing_tag_decides_is_not_open() {
    let own = |effect: &str, block: &str| {
        let allow = if effect == "Deny" { EVERYTHING } else { "" };
        let all = [allow, &when(effect, block)].map(str::to_owned);
        let all: Vec<String> = all.into_iter().filter(|one| !one.is_empty()).collect();
        ann(&all.join(","), None, EVERYTHING)
    };
    let other = r#""StringNotEquals":{"aws:PrincipalTag/team":"${aws:ResourceTag/team}"}"#;
    let refused = own("Deny", other).unwrap();
    assert_eq!(refused.answer, Answer::RefusedByOneLayer);
    assert_eq!(refused.refused_by, Some(LayerKind::Identity));
    let same = r#""StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}"#;
    assert_eq!(own("Allow", same), None);
    let with_default = same.replace("team}", "team, 'a'}");
    assert_eq!(
        own("Allow", &with_default).unwrap().answer,
        Answer::UnderConditions
    );
    let always = r#""ForAllValues:StringLike":{"svc:m":"*"}"#;
    assert_eq!(
        own("Deny", always).unwrap().answer,
        Answer::RefusedByOneLayer
    );
}

fn conditioned() -> impl Strategy<Value = String> {
    let effect = prop::bool::weighted(0.35).prop_map(|deny| if deny { "Deny" } else { "Allow" });
    let one =
        (effect, asking(), prop::bool::weighted(0.2)).prop_map(|(effect, block, is_plain)| {
            if is_plain {
                EVERYTHING.replace("Allow", effect)
            } else {
                when(effect, &block)
            }
        });
    prop::collection::vec(one, 1..4).prop_map(|all| all.join(","))
}

/// Every state of the two keys that makes a difference.
fn contexts() -> Vec<Map> {
    let mut found = Vec::new();
    for tag in [None, Some(""), Some("a"), Some("ab"), Some("b"), Some("c")] {
        for keys in [
            None,
            Some(&[][..]),
            Some(&["a"]),
            Some(&["b"]),
            Some(&["a", "b"]),
            Some(&["ab"]),
            Some(&["c", "a"]),
        ] {
            let mut map = Map::new();
            if let Some(tag) = tag {
                map.set("aws:RequestTag/team", tag);
            }
            if let Some(keys) = keys {
                map.set_many("aws:TagKeys", keys.iter().copied());
            }
            found.push(map);
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whom no answer or a refusal is given nobody lets in, whatever the request brings; whom nothing stops everybody does.
    #[test]
    fn answers_hold_for_every_request(own in conditioned(), boundary in prop::option::of(conditioned()), scp in conditioned()) {
        let mut ann = user("ann", &own);
        Arc::get_mut(&mut ann).unwrap().boundary = boundary.as_deref().map(|text| set(Kind::Boundary, text));
        let directory = directory(vec![Arc::clone(&ann)], Vec::new(), &scp, None);
        let found = who_can(&directory, &asked("x:Get", THING));
        let told = found.iter().find(|who| *who.principal == *ann.arn);
        let scps = set(Kind::Scp, &scp);
        let principal = Principal::User { account: HOME.into(), arn: ann.arn.clone() };
        let layers = Layers { identity: &[&ann.policies], boundary: ann.boundary.as_ref(), scps: &[&scps], ..Layers::default() };
        let mut allowed = Vec::new();
        for context in contexts() {
            let request = Request { principal: &principal, action: "x:Get", resource: THING, resource_account: None, context: &context };
            allowed.push(evaluate(&request, &layers).is_allowed());
        }
        match told {
            None => prop_assert!(!allowed.contains(&true), "not told"),
            Some(who) => match who.answer {
                Answer::RefusedByOneLayer => prop_assert!(!allowed.contains(&true), "{who:?}"),
                Answer::Allowed if who.unless.is_empty() => prop_assert!(!allowed.contains(&false), "{who:?}"),
                Answer::Allowed | Answer::UnderConditions => {}
            },
        }
    }
}
