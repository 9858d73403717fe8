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
