//! Statements that several others make superfluous.

use super::*;

#[test]
fn statements_that_negated_or_several_others_cover() {
    let allow = |action: &str, resource: &str| {
        format!(r#"{{"Effect":"Allow","Action":{action},"Resource":{resource}}}"#)
    };
    let a = allow(
        r#"["s3:GetObject","s3:PutObject"]"#,
        r#"["arn:aws:s3:::a","arn:aws:s3:::b"]"#,
    );
    for (id, bad, good) in [
        (
            "unreachable-statement",
            r#"{"Effect":"Deny","NotAction":"iam:*","Resource":"*"}"#,
            r#"{"Effect":"Deny","NotAction":["iam:*","s3:Get*"],"Resource":"*"}"#,
        ),
        (
            "unreachable-statement",
            r#"{"Effect":"Deny","Action":"*","NotResource":"arn:aws:s3:::c*"}"#,
            r#"{"Effect":"Deny","Action":"*","NotResource":"arn:aws:s3:::?"}"#,
        ),
        (
            "unreachable-statement",
            r#"{"Effect":"Deny","Action":"s3:Get*","Resource":"*"},{"Effect":"Deny","Action":"s3:Put*","Resource":"*"}"#,
            r#"{"Effect":"Deny","Action":"s3:Get*","Resource":"*"},{"Effect":"Deny","Action":"s3:Put*","Resource":"arn:aws:s3:::a"}"#,
        ),
        (
            "redundant-statement",
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::a"},{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b"}"#,
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::a"},{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::b"}"#,
        ),
    ] {
        let with = |others: &str| of(&format!("{a},{others}"), Kind::Identity);
        assert_eq!(with(bad), [id], "{bad}");
        assert!(with(good).is_empty(), "{good}: {:?}", with(good));
    }
    // Principals and values of conditions, too.
    let one = |names: &str, values: &str| {
        format!(
            r#"{{"Effect":"Allow","Principal":{{"AWS":[{names}]}},"Action":"s3:*","Resource":"*","Condition":{{"StringEquals":{{"x:a":[{values}]}}}}}}"#
        )
    };
    let (a, b) = (r#""111111111111""#, r#""222222222222""#);
    let others = [one(a, r#""1""#), one(a, r#""2""#), one(b, r#""1","2""#)];
    let both = one(&format!("{a},{b}"), r#""1","2""#);
    let of = |others: &[String]| of(&format!("{both},{}", others.join(",")), Kind::Resource);
    assert_eq!(of(&others), ["redundant-statement"]);
    assert_eq!(
        of(&others[1..]).len(),
        2,
        "each is part of the first one alone"
    );
}

#[test]
fn statements_whose_conditions_follow_from_anothers() {
    let when = |conditions: &str| {
        format!(
            r#"{{"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:s3:::a","Condition":{{{conditions}}}}}"#
        )
    };
    let bare = r#"{"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:s3:::a"}"#.to_owned();
    let one = r#""IpAddress":{"aws:SourceIp":"203.0.113.0/24"}"#;
    for (other, redundant) in [
        (bare.clone(), true),
        (when(r#""IpAddress":{"aws:SourceIp":"203.0.0.0/16"}"#), true),
        (
            when(r#""IpAddress":{"aws:SourceIp":"203.1.0.0/16"}"#),
            false,
        ),
        (
            when(r#""NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}"#),
            true,
        ),
        (
            when(r#""NotIpAddress":{"aws:SourceIp":"203.0.113.7"}"#),
            false,
        ),
        (
            when(
                r#""IpAddress":{"aws:SourceIp":"203.0.0.0/16"},"Bool":{"aws:SecureTransport":"true"}"#,
            ),
            false,
        ),
        (bare.replace("Allow", "Deny"), true),
    ] {
        for statements in [
            format!("{},{other}", when(one)),
            format!("{other},{}", when(one)),
        ] {
            let found = of(&statements, Kind::Identity);
            let id = if other.contains("Deny") {
                "unreachable-statement"
            } else {
                "redundant-statement"
            };
            let wanted: &[&str] = if redundant { &[id] } else { &[] };
            assert_eq!(found, wanted, "{statements}");
        }
    }
}

/// Policies of thousands of statements, and lists of thousands of entries, are looked through.
#[test]
fn large_policies_are_compared() {
    let statement = |action: &str, resource: usize| {
        format!(
            r#"{{"Effect":"Allow","Action":"{action}","Resource":"arn:aws:s3:::bucket-{resource:04}/*"}}"#
        )
    };
    let mut statements: Vec<String> = (0..3_000).map(|at| statement("s3:Get*", at)).collect();
    statements.push(statement("s3:GetObject", 1_234));
    let told = of(&statements.join(","), Kind::Identity);
    assert_eq!(told, ["redundant-statement"]);
    statements.insert(
        0,
        r#"{"Effect":"Deny","Action":"s3:Get*","Resource":"arn:aws:s3:::bucket-0007/*"}"#
            .to_owned(),
    );
    let told = of(&statements.join(","), Kind::Identity);
    assert_eq!(told, ["unreachable-statement", "redundant-statement"]);
    let actions: Vec<String> = (0..5_000).map(|at| format!("\"s3:Get{at:05}\"")).collect();
    let text = format!(
        r#"{{"Effect":"Allow","Action":[{},"s3:Get0012*"],"Resource":"*"}}"#,
        actions.join(",")
    );
    assert_eq!(of(&text, Kind::Identity), ["redundant-action"; 10]);
}

/// What is too much work is left, and told.
#[test]
fn what_is_not_compared_is_told() {
    let same = r#"{"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:s3:::a","Condition":{"StringEquals":{"x:a":"#;
    let statements: Vec<String> = (0..3_000)
        .map(|at| format!("{same}\"{at}\"}}}}}}"))
        .collect();
    assert_eq!(
        of(&statements.join(","), Kind::Identity),
        ["comparison-unfinished"]
    );
    assert!(of(&statements[..100].join(","), Kind::Identity).is_empty());
}

/// Many conditions of many patterns are compared within one bound for the whole policy, whatever is asked of them.
#[test]
fn many_patterns_are_bounded() {
    let operators = [
        "StringLike",
        "StringLikeIfExists",
        "StringNotLike",
        "StringNotLikeIfExists",
        "ForAnyValue:StringLike",
    ];
    let statement = |number: usize| {
        let conditions: Vec<String> = (operators.iter().enumerate())
            .map(|(at, operator)| {
                let values: Vec<String> = (1_000..1_100)
                    .map(|value| format!("\"*{at}{value}*\""))
                    .collect();
                format!(r#""{operator}":{{"x:k":[{}]}}"#, values.join(","))
            })
            .collect();
        format!(
            r#"{{"Effect":"Allow","Action":"s3:Get{number}","Resource":"arn:aws:s3:::b","Condition":{{{}}}}}"#,
            conditions.join(",")
        )
    };
    let all: Vec<String> = (0..40).map(statement).collect();
    assert_eq!(of(&all[..1].join(","), Kind::Identity), [""; 0]);
    assert_eq!(
        of(&all.join(","), Kind::Identity),
        ["comparison-unfinished"]
    );
    // So it is where conditions are asked whether they exclude each other.
    let stars = "*a".repeat(200);
    let statement = |number: usize| {
        format!(
            r#"{{"Effect":"Allow","Action":"s3:Get{number}","Resource":"arn:aws:s3:::b","Condition":{{"StringLike":{{"x:k":"{stars}"}},"StringNotLike":{{"x:k":"{stars}b*"}}}}}}"#
        )
    };
    let all: Vec<String> = (0..40).map(statement).collect();
    assert_eq!(of(&all[..1].join(","), Kind::Identity), [""; 0]);
    assert_eq!(
        of(&all.join(","), Kind::Identity),
        ["comparison-unfinished"]
    );
}
