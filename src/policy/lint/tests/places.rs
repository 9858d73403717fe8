//! Findings point at the very entry of a list.

use super::*;

/// What is written where each finding of a kind points.
fn pointed(text: &str, kind: Kind, id: &str) -> Vec<String> {
    let document = parse(text, kind, "t").unwrap_or_else(|report| panic!("{:?}", report.faults()));
    let mut report = Report::on("t");
    let offered = ["orders:getorder".into(), "orders:listorders".into()];
    let surroundings = Surroundings {
        is_own_account: &|account| account == "111111111111",
        offered: Some(&offered),
        organization: Some("o-own"),
        partition: Some("aws"),
    };
    lint(&document, &surroundings, &mut report);
    let found = report.faults().iter().filter(|fault| fault.id == id);
    found
        .map(|fault| {
            let (start, end) = (fault.span.start, fault.span.end);
            assert_eq!(start.line, end.line, "{fault}");
            let line = text
                .lines()
                .zip(1..)
                .find(|(_, number)| *number == start.line);
            let letters = line.unwrap().0.chars().zip(1..);
            letters
                .filter(|(_, column)| (start.column..end.column).contains(column))
                .map(|(letter, _)| letter)
                .collect()
        })
        .collect()
}

#[test]
fn at_the_entry_of_the_list() {
    let identity = |elements: &str| {
        format!(
            "{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",{elements}}}]}}"
        )
    };
    let trust = |principal: &str| {
        format!(
            "{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\"Principal\":{principal},\"Action\":\"sts:AssumeRole\"}}]}}"
        )
    };
    let asks = |block: &str| {
        identity(&format!(
            "\"Action\":\"x:Get\",\"Resource\":\"*\",\"Condition\":{{{block}}}"
        ))
    };
    for (id, kind, text, expected) in [
        (
            "redundant-action",
            Kind::Identity,
            identity(r#""Action":["s3:Get*","s3:Put","s3:GetObject"],"Resource":"*""#),
            r#""s3:GetObject""#,
        ),
        (
            "redundant-resource",
            Kind::Identity,
            identity(
                r#""Action":"s3:Get","Resource":["arn:aws:s3:::a/*",
            "arn:aws:s3:::a/b"]"#,
            ),
            r#""arn:aws:s3:::a/b""#,
        ),
        (
            "action-not-offered",
            Kind::Identity,
            identity(r#""Action":["orders:GetOrder","orders:Drop"],"Resource":"*""#),
            r#""orders:Drop""#,
        ),
        (
            "pass-role-wildcard",
            Kind::Identity,
            identity(r#""Action":["s3:Get","iam:Pass*"],"Resource":"*""#),
            r#""iam:Pass*""#,
        ),
        (
            "statement-never-applies",
            Kind::Identity,
            identity(r#""NotAction":["s3:Get","*"],"Resource":"*""#),
            r#""*""#,
        ),
        (
            "arn-never-matches",
            Kind::Identity,
            identity(r#""Action":"s3:Get","Resource":["arn:aws:s3:::a","arn:aws-cn:s3:::b"]"#),
            r#""arn:aws-cn:s3:::b""#,
        ),
        (
            "variable-without-value",
            Kind::Identity,
            identity(
                r#""Action":"s3:Get","Resource":["arn:aws:s3:::a","arn:aws:s3:::${aws:nme}"]"#,
            ),
            r#""arn:aws:s3:::${aws:nme}""#,
        ),
        (
            "unclosed-variable",
            Kind::Identity,
            asks(r#""StringLike":{"x:a":["b","${aws:username"]}"#),
            r#""${aws:username""#,
        ),
        (
            "redundant-condition-value",
            Kind::Identity,
            asks(r#""StringLike":{"x:a":["b*","c","bc"]}"#),
            r#""bc""#,
        ),
        (
            "redundant-condition-value",
            Kind::Identity,
            asks(r#""IpAddress":{"x:a":["10.0.0.0/8","10.1.0.0/16"]}"#),
            r#""10.1.0.0/16""#,
        ),
        (
            "wildcard-without-like",
            Kind::Identity,
            asks(r#""StringEquals":{"x:a":["b","c*"]}"#),
            r#""c*""#,
        ),
        (
            "cidr-host-bits",
            Kind::Identity,
            asks(r#""IpAddress":{"x:a":["10.0.0.0/8","11.0.0.1/8"]}"#),
            r#""11.0.0.1/8""#,
        ),
        (
            "every-address",
            Kind::Identity,
            asks(r#""IpAddress":{"x:a":["10.0.0.0/8","::/0"]}"#),
            r#""::/0""#,
        ),
        (
            "account-never-matches",
            Kind::Identity,
            asks(r#""StringEquals":{"aws:ResourceAccount":["111111111111","prod"]}"#),
            r#""prod""#,
        ),
        (
            "missing-external-id",
            Kind::Trust,
            trust(r#"{"AWS":["111111111111","999999999999"]}"#),
            r#""999999999999""#,
        ),
        (
            "redundant-principal",
            Kind::Trust,
            trust(r#"{"AWS":["111111111111","111111111111"]}"#),
            r#""111111111111""#,
        ),
        (
            "service-principal-format",
            Kind::Trust,
            trust(r#"{"Service":["backup.amazonaws.com","backup"]}"#),
            r#""backup""#,
        ),
        (
            "action-principal-mismatch",
            Kind::Trust,
            trust(
                r#"{"AWS":"111111111111","Federated":"arn:aws:iam::111111111111:oidc-provider/idp"}"#,
            ),
            r#""arn:aws:iam::111111111111:oidc-provider/idp""#,
        ),
    ] {
        assert_eq!(pointed(&text, kind, id), [expected], "{id}: {text}");
    }
    let old = r#"{"Statement":[{"Effect":"Allow","Action":"s3:Get","Resource":["arn:aws:s3:::a","arn:aws:s3:::${aws:username}"]}]}"#;
    assert_eq!(
        pointed(old, Kind::Identity, "variable-needs-version"),
        [r#""arn:aws:s3:::${aws:username}""#]
    );
}
