//! Statements that never apply.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::policy::context::Map;

#[test]
fn conditions_of_other_types_that_exclude_each_other() {
    for (bad, good) in [
        (
            r#""NumericEquals":{"x:n":"5"},"NumericNotEquals":{"x:n":"5.0"}"#,
            r#""NumericEquals":{"x:n":"5"},"NumericNotEquals":{"x:n":"5.1"}"#,
        ),
        (
            r#""NumericEquals":{"x:n":"5"},"NumericEqualsIfExists":{"x:n":"6"}"#,
            r#""NumericEqualsIfExists":{"x:n":"5"},"NumericNotEquals":{"x:n":"5"}"#,
        ),
        (
            r#""NumericGreaterThan":{"x:n":"1"},"NumericLessThanIfExists":{"x:n":"1"}"#,
            r#""NumericGreaterThan":{"x:n":"1"},"NumericLessThan":{"x:n":"1.01"}"#,
        ),
        (
            r#""DateEquals":{"x:n":"2026-01-01"},"DateNotEquals":{"x:n":"2026-01-01T00:00:00Z"}"#,
            r#""DateEquals":{"x:n":"2026-01-01"},"DateNotEquals":{"x:n":"2026-01-02"}"#,
        ),
        (
            r#""ArnLike":{"x:n":"arn:aws:s3:::x"},"ArnNotLike":{"x:n":"arn:aws:s3:::*"}"#,
            r#""ArnLike":{"x:n":"arn:aws:s3:::*"},"ArnNotLike":{"x:n":"arn:aws:s3:::x"}"#,
        ),
        (
            r#""ArnLike":{"x:n":"arn:aws:s3:::x"},"ArnEquals":{"x:n":"arn:aws:s3:a::*"}"#,
            r#""ArnLike":{"x:n":"arn:aws:s3:::x"},"ArnEquals":{"x:n":"arn:aws:s3:*::*"}"#,
        ),
        (
            r#""ForAllValues:StringEquals":{"x:n":"a"},"ForAnyValue:StringEquals":{"x:n":"b"}"#,
            r#""ForAllValues:StringEquals":{"x:n":["a","b"]},"ForAnyValue:StringEquals":{"x:n":"b"}"#,
        ),
        (
            r#""ForAllValues:StringNotLike":{"x:n":"b*"},"ForAnyValue:StringEquals":{"x:n":"b"}"#,
            r#""ForAnyValue:StringNotLike":{"x:n":"b*"},"ForAnyValue:StringEquals":{"x:n":"b"}"#,
        ),
        (
            r#""StringNotLike":{"x:n":"*"},"Null":{"x:n":"false"}"#,
            r#""StringNotLike":{"x:n":"*"},"Null":{"x:n":"true"}"#,
        ),
    ] {
        assert_eq!(when("Allow", bad), ["condition-never"], "{bad}");
        assert!(
            when("Allow", good).is_empty(),
            "{good}: {:?}",
            when("Allow", good)
        );
    }
    // What is no number or ARN meets both in a Deny.
    for open in [
        r#""NumericEquals":{"x:n":"5"},"NumericNotEquals":{"x:n":"5"}"#,
        r#""ArnLike":{"x:n":"arn:aws:s3:::x"},"ArnNotLike":{"x:n":"arn:aws:s3:::*"}"#,
    ] {
        assert!(when("Deny", open).is_empty(), "{open}");
    }
}

#[test]
fn elements_that_leave_nothing() {
    for effect in ["Allow", "Deny"] {
        for (element, good) in [
            (
                r#""NotAction":"*","Resource":"arn:aws:s3:::a""#,
                r#""Action":"*","Resource":"*""#,
            ),
            (
                r#""Action":"s3:*","NotResource":["arn:aws:s3:::a","*"]"#,
                r#""Action":"s3:*","Resource":["*"]"#,
            ),
        ] {
            let found = |rest: &str| {
                let text = format!(r#"{{"Effect":"{effect}",{rest}}}"#);
                of(&text, Kind::Identity).contains(&"statement-never-applies")
            };
            assert!(found(element), "{element}");
            assert!(!found(good), "{good}");
        }
    }
}

fn condition() -> impl Strategy<Value = String> {
    let of = |operators: &'static [&'static str], values: &'static [&'static str]| {
        (
            select(vec!["", "ForAllValues:", "ForAnyValue:"]),
            select(operators),
            select(vec!["", "IfExists"]),
            prop::collection::vec(select(values), 1..3),
        )
            .prop_map(|(quantifier, operator, suffix, values)| {
                let values: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
                format!(
                    r#""{quantifier}{operator}{suffix}":{{"x:k":[{}]}}"#,
                    values.join(",")
                )
            })
    };
    prop_oneof![
        of(
            &[
                "NumericEquals",
                "NumericNotEquals",
                "NumericLessThan",
                "NumericGreaterThanEquals"
            ],
            &["0", "-0", "1", "1.0", "-1.5", ".5"],
        ),
        of(
            &["DateEquals", "DateNotEquals"],
            &["0", "1", "1970-01-01T00:00:00Z", "2026-01-01"]
        ),
        of(
            &["ArnLike", "ArnNotLike"],
            &[
                "arn:aws:s3:::x",
                "arn:aws:s3:::*",
                "arn:aws:*:::x",
                "*",
                "arn:aws:s3:a::?"
            ],
        ),
        of(
            &[
                "StringEquals",
                "StringNotEquals",
                "StringLike",
                "StringNotLike"
            ],
            &["", "a", "b", "a*", "*", "?"],
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// What is said to exclude each other is met by no request.
    #[test]
    fn no_request_meets_what_excludes_each_other(
        effect in select(vec!["Allow", "Deny"]),
        conditions in prop::collection::btree_set(condition(), 2..4),
        requests in prop::collection::vec((
            prop::collection::vec(select(vec![
                "", "a", "b", "ab", "0", "1", "-1.5", "-2", "0.25", "0.5", "1.01", "2026-01-01",
                "arn:aws:s3:::x", "arn:aws:s3:::y", "arn:aws:s3:a::x", "arn:aws:sns:::x",
            ]), 0..3),
            any::<bool>(),
        ), 1..40),
    ) {
        let joined: Vec<String> = conditions.into_iter().collect();
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Action":"s3:*","Resource":"*","Condition":{{{}}}}}}}"#,
            joined.join(",")
        );
        // One operator twice is no document.
        let Ok(document) = parse(&text, Kind::Identity, "t") else {
            return Ok(());
        };
        let mut report = Report::on("t");
        let statement = &document.statements[0];
        conditions::statement(statement, &Effort::default(), &mut report);
        if !report.faults().iter().any(|fault| fault.id == "condition-never") {
            return Ok(());
        }
        for (values, list) in requests {
            let mut context = Map::new();
            match values.as_slice() {
                [only] if !list => { context.set("x:k", *only); }
                [] if !list => {}
                several => { context.set_many("x:k", several.iter().copied()); }
            }
            let met = (statement.conditions.iter())
                .all(|condition| condition.judge(&context).counts(statement.effect));
            prop_assert!(!met, "{text} {context:?}");
        }
    }
}
