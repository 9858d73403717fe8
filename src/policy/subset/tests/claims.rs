//! What covers what, case by case.

use super::*;

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
        assert_eq!(covers(&outer, &inner), expected, "{outer} {inner}");
    }
}

/// Whether the first of two statements of an identity-based policy covers the second.
fn covers(outer: &str, inner: &str) -> bool {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{outer},{inner}]}}"#);
    let document = document(&text, Kind::Identity);
    let [outer, inner] = [0, 1].map(|at: usize| Shape::of(&document.statements[at]));
    outer.covers(&inner, &Effort::default())
}

/// Conditions of two statements, and whether the second ones make the first ones hold.
const FOLLOWING: &[(&str, &str, bool)] = &[
    ("", r#""StringEquals":{"k":"a"}"#, true),
    (r#""StringEquals":{"k":"a"}"#, "", false),
    (
        r#""IpAddress":{"k":"10.0.0.0/16"}"#,
        r#""IpAddress":{"k":"10.0.7.0/24"}"#,
        true,
    ),
    (
        r#""IpAddress":{"k":"10.0.7.0/24"}"#,
        r#""IpAddress":{"k":"10.0.0.0/16"}"#,
        false,
    ),
    (
        r#""IpAddress":{"k":["10.0.0.0/9","10.128.0.0/9"]}"#,
        r#""IpAddress":{"k":"10.0.0.0/8"}"#,
        true,
    ),
    (
        r#""NotIpAddress":{"k":"10.0.7.0/24"}"#,
        r#""NotIpAddress":{"k":"10.0.0.0/16"}"#,
        true,
    ),
    (
        r#""NotIpAddress":{"k":"10.0.0.0/16"}"#,
        r#""NotIpAddress":{"k":"10.0.7.0/24"}"#,
        false,
    ),
    (
        r#""NotIpAddress":{"k":"10.0.0.0/16"}"#,
        r#""IpAddress":{"k":"192.0.2.0/24"}"#,
        true,
    ),
    (
        r#""StringLike":{"k":"a*"}"#,
        r#""StringLike":{"k":["ab*","a?c"]}"#,
        true,
    ),
    (
        r#""StringLike":{"k":"a*"}"#,
        r#""StringEquals":{"k":"ab"}"#,
        true,
    ),
    (
        r#""StringLike":{"k":"a*"}"#,
        r#""StringEquals":{"k":"b"}"#,
        false,
    ),
    // A star is a letter here, and a wildcard there.
    (
        r#""StringEquals":{"k":"a*"}"#,
        r#""StringLike":{"k":"a*"}"#,
        false,
    ),
    (
        r#""StringLike":{"k":"a*"}"#,
        r#""StringEquals":{"k":"a*"}"#,
        true,
    ),
    (
        r#""StringNotLike":{"k":"ab*"}"#,
        r#""StringNotLike":{"k":"a*"}"#,
        true,
    ),
    (
        r#""StringNotLike":{"k":"a*"}"#,
        r#""StringNotLike":{"k":"ab*"}"#,
        false,
    ),
    (
        r#""StringNotEquals":{"k":"b"}"#,
        r#""StringEquals":{"k":"a"}"#,
        true,
    ),
    (
        r#""StringNotEquals":{"k":["a","b"]}"#,
        r#""StringEquals":{"k":"a"}"#,
        false,
    ),
    (
        r#""Null":{"k":"false"}"#,
        r#""StringEquals":{"k":"a"}"#,
        true,
    ),
    // An empty text is no value to Null.
    (
        r#""Null":{"k":"false"}"#,
        r#""StringEquals":{"k":""}"#,
        false,
    ),
    (
        r#""Null":{"k":"false"}"#,
        r#""StringEqualsIfExists":{"k":"a"}"#,
        false,
    ),
    (
        r#""StringEqualsIgnoreCase":{"k":"A"}"#,
        r#""StringEqualsIgnoreCase":{"k":"a"}"#,
        true,
    ),
    (
        r#""StringEqualsIgnoreCase":{"k":"${aws:username, 'A'}"}"#,
        r#""StringEqualsIgnoreCase":{"k":"${aws:username, 'a'}"}"#,
        false,
    ),
    (
        r#""NumericLessThan":{"k":"10"}"#,
        r#""NumericLessThan":{"k":"9.5"}"#,
        true,
    ),
    (
        r#""NumericLessThan":{"k":"10"}"#,
        r#""NumericLessThanEquals":{"k":"10"}"#,
        false,
    ),
    (
        r#""NumericLessThanEquals":{"k":"10"}"#,
        r#""NumericLessThan":{"k":"10"}"#,
        true,
    ),
    (
        r#""NumericLessThan":{"k":"10"}"#,
        r#""NumericGreaterThan":{"k":"1"},"NumericEqualsIfExists":{"k":"5"}"#,
        true,
    ),
    (
        r#""DateGreaterThan":{"k":"2026-01-01"}"#,
        r#""DateGreaterThan":{"k":"2026-02-01T00:00:00Z"}"#,
        true,
    ),
    (
        r#""DateGreaterThan":{"k":"2026-02-01"}"#,
        r#""DateGreaterThan":{"k":"2026-01-01"}"#,
        false,
    ),
    (
        r#""ArnLike":{"k":"arn:aws:iam::*:role/*"}"#,
        r#""ArnEquals":{"k":"arn:aws:iam::111111111111:role/a"}"#,
        true,
    ),
    (
        r#""ArnLike":{"k":"arn:aws:iam::111111111111:role/a"}"#,
        r#""ArnLike":{"k":"arn:aws:iam::111111111111:role/*"}"#,
        false,
    ),
    // What a variable stands for may be no ARN.
    (
        r#""ArnLike":{"k":"arn:aws:iam::*:role/*"}"#,
        r#""ArnLike":{"k":["arn:aws:iam::111111111111:role/a","${aws:PrincipalArn}"]}"#,
        false,
    ),
    // Of another key.
    (
        r#""StringLike":{"k":"a*"}"#,
        r#""StringEquals":{"l":"ab"}"#,
        false,
    ),
    (
        r#""ForAnyValue:StringLike":{"k":"a*"}"#,
        r#""ForAnyValue:StringEquals":{"k":"ab"}"#,
        true,
    ),
    (
        r#""ForAllValues:StringLike":{"k":"a*"}"#,
        r#""ForAnyValue:StringEquals":{"k":"ab"}"#,
        false,
    ),
];

#[test]
fn conditions_that_follow_from_others() {
    let when = |conditions: &str| {
        format!(
            r#"{{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{{{conditions}}}}}"#
        )
    };
    for (outer, inner, expected) in FOLLOWING {
        let (outer, inner) = (when(outer), when(inner));
        assert_eq!(covers(&outer, &inner), *expected, "{outer} {inner}");
    }
    // What is no number meets both in a Deny; an Allow's number does not reach a Deny of others.
    let denies = |conditions: &str| when(conditions).replace("Allow", "Deny");
    let (above, not_five) = (
        r#""NumericGreaterThan":{"k":"9"}"#,
        r#""NumericNotEquals":{"k":"5"}"#,
    );
    assert!(covers(&when(not_five), &when(above)));
    assert!(covers(&denies(not_five), &when(above)));
    assert!(covers(&denies(not_five), &denies(above)));
    assert!(!covers(&denies(above), &when(not_five)));
}
