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
