mod addresses;
mod covers;
mod never;
mod places;
mod who;

use super::*;
use crate::policy::{Kind, parse};

fn findings(text: &str, kind: Kind) -> Vec<(&'static str, Severity)> {
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
    report
        .faults()
        .iter()
        .map(|fault| (fault.id, fault.severity))
        .collect()
}

fn of(statements: &str, kind: Kind) -> Vec<&'static str> {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    findings(&text, kind)
        .into_iter()
        .map(|(id, _)| id)
        .collect()
}

#[test]
fn each_finding_and_its_mended_twin() {
    let trust = |rest: &str| format!(r#"{{"Effect":"Allow",{rest}}}"#);
    let web = r#""Principal":{"Federated":"arn:aws:iam::111111111111:oidc-provider/idp"},"Action":"sts:AssumeRoleWithWebIdentity""#;
    for (id, kind, bad, good) in [
        ("allow-not-action", Kind::Identity, r#"{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}"#.to_owned(), r#"{"Effect":"Deny","NotAction":"iam:*","Resource":"*"}"#.to_owned()),
        ("allow-not-resource", Kind::Identity, r#"{"Effect":"Allow","Action":"s3:*","NotResource":"arn:aws:s3:::a"}"#.to_owned(), r#"{"Effect":"Deny","Action":"s3:*","NotResource":"arn:aws:s3:::a"}"#.to_owned()),
        ("pass-role-wildcard", Kind::Identity, r#"{"Effect":"Allow","Action":"iam:Pass*","Resource":"*"}"#.to_owned(), r#"{"Effect":"Allow","Action":"iam:Pass*","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}}"#.to_owned()),
        ("public-principal", Kind::Resource, r#"{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}"#.to_owned(), r#"{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}"#.to_owned()),
        ("open-federation", Kind::Trust, trust(&format!(r#"{web},"Condition":{{"StringEquals":{{"idp:aud":"app"}}}}"#)), trust(&format!(r#"{web},"Condition":{{"StringEquals":{{"idp:aud":"app","idp:sub":"x"}}}}"#))),
        ("open-federation", Kind::Trust, trust(&format!(r#"{web},"Condition":{{"StringEquals":{{"idp:sub":"x"}}}}"#)), trust(&format!(r#"{web},"Condition":{{"StringEquals":{{"idp:oaud":"app","idp:sub":"x"}}}}"#))),
        ("open-federation", Kind::Trust, trust(r#""Principal":{"Federated":"arn:aws:iam::111111111111:spiffe-provider/td"},"Action":"sts:AssumeRoleWithWebIdentity""#), trust(r#""Principal":{"Federated":"arn:aws:iam::111111111111:spiffe-provider/td"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"td:sub":"spiffe://td/a"}}"#)),
        ("open-federation", Kind::Trust, trust(&format!(r#"{web},"Condition":{{"StringLike":{{"idp:sub":"?*"}},"StringEquals":{{"idp:aud":"app"}}}}"#)), trust(&format!(r#"{web},"Condition":{{"StringLike":{{"idp:sub":"a?*"}},"StringEquals":{{"idp:aud":"app"}}}}"#))),
        ("pass-role-wildcard", Kind::Identity, r#"{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::111111111111:*"}"#.to_owned(), r#"{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::111111111111:role/ci/*"}"#.to_owned()),
        ("pass-role-wildcard", Kind::Identity, r#"{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::111111111111:role/?*"}"#.to_owned(), r#"{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::111111111111:role/ci"}"#.to_owned()),
        ("public-principal", Kind::Trust, trust(r#""Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Condition":{"Bool":{"aws:SecureTransport":"true"}}"#), trust(r#""Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}"#)),
        ("public-principal", Kind::Resource, trust(r#""Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-1"}}"#), trust(r#""Principal":"*","Action":"s3:*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#)),
        ("missing-external-id", Kind::Trust, trust(r#""Principal":{"AWS":"222222222222"},"Action":"sts:AssumeRole","Condition":{"StringLike":{"sts:ExternalId":["?*"]}}"#), trust(r#""Principal":{"AWS":"222222222222"},"Action":"sts:AssumeRole","Condition":{"StringLike":{"sts:ExternalId":["?b*"]}}"#)),
        ("missing-external-id", Kind::Trust, trust(r#""Principal":{"AWS":"222222222222"},"Action":"sts:AssumeRole""#), trust(r#""Principal":{"AWS":"111111111111"},"Action":"sts:AssumeRole""#)),
        ("condition-never", Kind::Identity, r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Null":{"a:b":"true"},"StringEquals":{"A:B":"x"}}}"#.to_owned(), r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Null":{"a:b":"true"},"StringNotEquals":{"A:B":"x"}}}"#.to_owned()),
        ("unreachable-statement", Kind::Identity, r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::a"},{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::*"}"#.to_owned(), r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::a"},{"Effect":"Deny","Action":"s3:Put*","Resource":"arn:aws:s3:::*"}"#.to_owned()),
        ("redundant-statement", Kind::Identity, r#"{"Effect":"Allow","Action":"s3:Get*","Resource":"*"},{"Effect":"Allow","Action":"s3:GetObject*","Resource":"arn:aws:s3:::a"}"#.to_owned(), r#"{"Effect":"Allow","Action":"s3:Get?","Resource":"*"},{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::a"}"#.to_owned()),
        ("redundant-action", Kind::Identity, r#"{"Effect":"Allow","Action":["s3:Get*","s3:GetObject"],"Resource":"*"}"#.to_owned(), r#"{"Effect":"Allow","Action":["s3:Get*","s3:Put*"],"Resource":"*"}"#.to_owned()),
        ("redundant-resource", Kind::Identity, r#"{"Effect":"Allow","Action":"s3:*","Resource":["*","arn:aws:s3:::a"]}"#.to_owned(), r#"{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::b","arn:aws:s3:::a"]}"#.to_owned()),
        ("open-federation", Kind::Trust, trust(&format!(r#"{web},"Condition":{{"StringLike":{{"idp:sub":"*"}},"StringEquals":{{"idp:aud":"app"}}}}"#)), trust(&format!(r#"{web},"Condition":{{"StringLike":{{"idp:sub":"a*"}},"StringEquals":{{"idp:aud":"app"}}}}"#))),
        ("open-federation", Kind::Trust, trust(&format!(r#"{web},"Condition":{{"StringEqualsIfExists":{{"idp:sub":"a"}},"StringEquals":{{"idp:aud":"app"}}}}"#)), trust(&format!(r#"{web},"Condition":{{"StringEquals":{{"idp:sub":"a","idp:aud":"app"}}}}"#))),
        ("open-federation", Kind::Trust, trust(r#""Principal":{"Federated":"arn:aws:iam::111111111111:saml-provider/p"},"Action":"sts:AssumeRoleWithSAML""#), trust(r#""Principal":{"Federated":"arn:aws:iam::111111111111:saml-provider/p"},"Action":"sts:AssumeRoleWithSAML","Condition":{"StringEquals":{"SAML:aud":"https://x"}}"#)),
        ("missing-external-id", Kind::Trust, trust(r#""Principal":{"AWS":"arn:aws:iam::222222222222:role/x"},"Action":"sts:AssumeRole","Condition":{"StringLike":{"sts:ExternalId":"*"}}"#), trust(r#""Principal":{"AWS":"arn:aws:iam::222222222222:role/x"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x"}}"#)),
        ("redundant-principal", Kind::Resource, r#"{"Effect":"Deny","Principal":{"AWS":["111111111111","arn:aws:iam::111111111111:root"]},"Action":"s3:*","Resource":"*"}"#.to_owned(), r#"{"Effect":"Deny","Principal":{"AWS":["111111111111","222222222222"]},"Action":"s3:*","Resource":"*"}"#.to_owned()),
        ("action-not-offered", Kind::Identity, r#"{"Effect":"Allow","Action":"orders:GetOrders","Resource":"*"}"#.to_owned(), r#"{"Effect":"Allow","Action":"orders:Get*","Resource":"*"}"#.to_owned()),
    ] {
        assert_eq!(of(&bad, kind), [id], "{bad}");
        assert!(of(&good, kind).is_empty(), "{good}: {:?}", of(&good, kind));
    }
}

#[test]
fn the_language_of_2008() {
    let text = r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:username}"}}"#;
    assert_eq!(
        findings(text, Kind::Identity),
        [("variable-needs-version", Severity::Warning)]
    );
    let text = r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    assert_eq!(
        findings(text, Kind::Identity),
        [("missing-version", Severity::Suggestion)]
    );
}

#[test]
fn misspelt_variables_are_named_with_what_was_meant() {
    let text = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::home/${aws:UserNme}/*"},
        {"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"sts:ExtrnalId":"x"}}}]}"#;
    let document = parse(text, Kind::Identity, "t").unwrap();
    let mut report = Report::on("t");
    let surroundings = Surroundings {
        is_own_account: &|_| true,
        offered: None,
        organization: None,
        partition: None,
    };
    lint(&document, &surroundings, &mut report);
    let lines: Vec<String> = (report.faults().iter())
        .map(crate::source::Fault::line)
        .collect();
    assert_eq!(
        lines,
        [
            "t:2:53: warning[variable-without-value]: the variable `${aws:UserNme}` never has a value: there is no condition key `aws:UserNme` (did you mean `aws:username`?)",
            "t:3:86: warning[unknown-condition-key]: there is no condition key `sts:ExtrnalId`, so no request has it (did you mean `sts:ExternalId`?)",
        ]
    );
}

#[test]
fn an_arn_of_another_partition_never_matches() {
    let of_partition = |arn: &str| {
        let text = format!(r#"{{"Effect":"Deny","Action":"s3:*","Resource":"{arn}"}}"#);
        of(&text, Kind::Identity)
    };
    assert_eq!(of_partition("arn:awss:s3:::b"), ["arn-never-matches"]);
    assert_eq!(of_partition("arn:aws-cn:s3:::b"), ["arn-never-matches"]);
    for fine in ["arn:aws:s3:::b", "arn:aws*:s3:::b", "arn:*:s3:::b", "*"] {
        assert!(of_partition(fine).is_empty(), "{fine}");
    }
}

/// A statement with these conditions.
fn when(effect: &str, conditions: &str) -> Vec<&'static str> {
    let text = format!(
        r#"{{"Effect":"{effect}","Action":"s3:*","Resource":"*","Condition":{{{conditions}}}}}"#
    );
    of(&text, Kind::Identity)
}

#[test]
fn findings_about_conditions_and_their_mended_twins() {
    for (id, bad, good) in [
        (
            "condition-never",
            r#""StringEquals":{"x:k":"a"},"StringLike":{"x:k":"b*"}"#,
            r#""StringEquals":{"x:k":["a","bc"]},"StringLike":{"x:k":"b*"}"#,
        ),
        (
            "condition-never",
            r#""StringEquals":{"x:k":"a"},"StringNotEquals":{"x:k":"a"}"#,
            r#""StringEquals":{"x:k":"a"},"StringNotEquals":{"x:k":"b"}"#,
        ),
        (
            "condition-never",
            r#""StringEqualsIfExists":{"x:k":"a"},"StringEquals":{"x:k":"b"}"#,
            r#""StringEqualsIfExists":{"x:k":"a"},"Null":{"x:k":"true"}"#,
        ),
        (
            "condition-never",
            r#""DateGreaterThan":{"x:k":"2026-02-01"},"DateLessThan":{"x:k":"2026-01-01"}"#,
            r#""DateGreaterThan":{"x:k":"2026-01-01"},"DateLessThan":{"x:k":"2026-02-01"}"#,
        ),
        (
            "condition-never",
            r#""NumericGreaterThan":{"x:k":"10"},"NumericEquals":{"x:k":["9","2.5"]}"#,
            r#""NumericGreaterThan":{"x:k":"5"},"NumericEquals":{"x:k":["9","2.5"]}"#,
        ),
        (
            "condition-never",
            r#""NumericGreaterThanEquals":{"x:k":"9"},"NumericLessThan":{"x:k":"9.0"}"#,
            r#""NumericGreaterThanEquals":{"x:k":"9"},"NumericLessThanEquals":{"x:k":"9.0"}"#,
        ),
        (
            "condition-never",
            r#""Null":{"aws:SourceIp":"true"}"#,
            r#""Null":{"aws:VpcSourceIp":"true"}"#,
        ),
        (
            "condition-never",
            r#""Null":{"x:k":"true"},"StringEquals":{"x:k":"a"}"#,
            r#""Null":{"x:k":"true"},"StringEquals":{"x:k":""}"#,
        ),
        (
            "condition-always",
            r#""Null":{"x:k":["true","false"]}"#,
            r#""Null":{"x:k":"false"}"#,
        ),
        (
            "unknown-condition-key",
            r#""StringEquals":{"aws:PrincipleTag/team":"a"}"#,
            r#""StringEquals":{"aws:PrincipalTag/team":"a"}"#,
        ),
        (
            "unknown-condition-key",
            r#""StringEquals":{"sts:ExtrnalId":"a"}"#,
            r#""StringEquals":{"sts:ExternalId":"a"}"#,
        ),
        (
            "unknown-condition-key",
            r#""StringEquals":{"username":"a"}"#,
            r#""StringEquals":{"orders:username":"a"}"#,
        ),
        (
            "variable-without-value",
            r#""StringEquals":{"orders:Owner":"${aws:usernme}"}"#,
            r#""StringEquals":{"orders:Owner":"${aws:username}"}"#,
        ),
        (
            "variable-without-value",
            r#""StringLike":{"orders:Owner":"a/${username}/*"}"#,
            r#""StringLike":{"orders:Owner":"a/${orders:username}/*"}"#,
        ),
        (
            "variable-without-value",
            r#""ArnLike":{"aws:SourceArn":"arn:aws:s3:::${aws:PrincipalTag}"}"#,
            r#""ArnLike":{"aws:SourceArn":"arn:aws:s3:::${aws:PrincipalTag/team}"}"#,
        ),
        (
            "variable-without-value",
            r#""StringEquals":{"orders:Tag":"${aws:TagKeys, 'none'}"}"#,
            r#""StringEquals":{"orders:Tag":"${aws:userid, 'none'}"}"#,
        ),
        (
            "unclosed-variable",
            r#""StringEquals":{"orders:Owner":"${aws:username"}"#,
            r#""StringEquals":{"orders:Owner":"${$}{aws:username"}"#,
        ),
        (
            "arn-as-text",
            r#""StringLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/admin"}"#,
            r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/admin"}"#,
        ),
        (
            "null-with-quantifier",
            r#""ForAnyValue:Null":{"aws:TagKeys":"true"}"#,
            r#""Null":{"aws:TagKeys":"true"}"#,
        ),
        (
            "condition-always",
            r#""Bool":{"aws:ViaAWSService":["true","false"]}"#,
            r#""Bool":{"aws:ViaAWSService":"true"}"#,
        ),
        (
            "operator-type-mismatch",
            r#""StringEquals":{"aws:SourceIp":"10.0.0.1"}"#,
            r#""IpAddress":{"aws:SourceIp":"10.0.0.1"}"#,
        ),
        // Operators of addresses take no variables.
        (
            "operator-type-mismatch",
            r#""StringNotEquals":{"aws:VpcSourceIp":["${aws:SourceIp}","10.0.0.1"]}"#,
            r#""StringNotEquals":{"aws:VpcSourceIp":"${aws:SourceIp}"}"#,
        ),
        (
            "unknown-condition-key",
            r#""StringEquals":{"AWS:SourceOwners":"111111111111"}"#,
            r#""StringEquals":{"AWS:SourceOwner":"111111111111"}"#,
        ),
        (
            "operator-type-mismatch",
            r#""DateGreaterThan":{"aws:SourceIp":"2026-01-01"}"#,
            r#""DateGreaterThan":{"aws:CurrentTime":"2026-01-01"}"#,
        ),
        (
            "operator-type-mismatch",
            r#""NumericLessThan":{"aws:CurrentTime":"5"}"#,
            r#""NumericLessThan":{"aws:EpochTime":"5"}"#,
        ),
        (
            "wildcard-without-like",
            r#""StringEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/*"}"#,
            r#""StringLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/*"}"#,
        ),
        (
            "wildcard-without-like",
            r#""StringEquals":{"x:k":"a*"}"#,
            r#""StringEquals":{"x:k":"a${*}"}"#,
        ),
        (
            "cidr-host-bits",
            r#""IpAddress":{"aws:SourceIp":"10.1.2.3/8"}"#,
            r#""IpAddress":{"aws:SourceIp":["10.0.0.0/8","192.0.2.3/32"]}"#,
        ),
        (
            "cidr-host-bits",
            r#""IpAddress":{"aws:SourceIp":"2001:db8::1/32"}"#,
            r#""IpAddress":{"aws:SourceIp":["2001:db8::/32","2001:dead::/48"]}"#,
        ),
        (
            "for-all-values-with-allow",
            r#""ForAllValues:StringEquals":{"aws:TagKeys":"a"}"#,
            r#""ForAllValues:StringEquals":{"aws:TagKeys":"a"},"Null":{"aws:TagKeys":"false"}"#,
        ),
        (
            "mfa-not-enforced",
            r#""BoolIfExists":{"aws:MultiFactorAuthPresent":"true"}"#,
            r#""Bool":{"aws:MultiFactorAuthPresent":"true"}"#,
        ),
        (
            "redundant-condition-value",
            r#""StringLike":{"x:k":["a*","ab"]}"#,
            r#""StringLike":{"x:k":["a*","b"]}"#,
        ),
        (
            "redundant-condition-value",
            r#""IpAddress":{"aws:SourceIp":["10.1.0.0/16","10.0.0.0/8"]}"#,
            r#""IpAddress":{"aws:SourceIp":["10.1.0.0/16","10.2.0.0/16"]}"#,
        ),
        (
            "redundant-condition-value",
            r#""NumericEquals":{"x:k":["1","1"]}"#,
            r#""NumericEquals":{"x:k":["1","2"]}"#,
        ),
        (
            "redundant-condition-value",
            r#""NumericEquals":{"x:k":["1","1.0"]}"#,
            r#""NumericEquals":{"x:k":["1","1.1"]}"#,
        ),
        // Of several the widest alone counts.
        (
            "redundant-condition-value",
            r#""NumericLessThan":{"x:k":["5","10"]}"#,
            r#""NumericLessThan":{"x:k":"10"}"#,
        ),
        (
            "redundant-condition-value",
            r#""DateGreaterThan":{"x:k":["2026-01-01","2026-02-01"]}"#,
            r#""DateEquals":{"x:k":["2026-01-01","2026-02-01"]}"#,
        ),
        (
            "redundant-condition-value",
            r#""StringEqualsIgnoreCase":{"x:k":["team","Team"]}"#,
            r#""StringEqualsIgnoreCase":{"x:k":["team","teams"]}"#,
        ),
        (
            "redundant-condition-value",
            r#""ArnLike":{"x:k":["arn:aws:s3:::a","arn:aws:s3:::*"]}"#,
            r#""ArnLike":{"x:k":["arn:aws:s3:::a","arn:aws:sns:::*"]}"#,
        ),
    ] {
        assert_eq!(when("Allow", bad), [id], "{bad}");
        assert!(
            when("Allow", good).is_empty(),
            "{good}: {:?}",
            when("Allow", good)
        );
    }
    let without_mfa = r#""Bool":{"aws:MultiFactorAuthPresent":"false"}"#;
    assert_eq!(when("Deny", without_mfa), ["mfa-not-enforced"]);
    assert!(when("Deny", &without_mfa.replace("Bool", "BoolIfExists")).is_empty());
    // Where a value does not parse, a Deny's conditions hold both.
    let dates = r#""DateGreaterThan":{"x:k":"2026-02-01"},"DateLessThan":{"x:k":"2026-01-01"}"#;
    assert!(when("Deny", dates).is_empty());
}

#[test]
fn contradictions_of_every_type() {
    for (bad, good) in [
        (
            r#""IpAddress":{"x:k":"10.1.0.0/16"},"NotIpAddress":{"x:k":["10.0.0.0/8"]}"#,
            r#""IpAddress":{"x:k":"10.0.0.0/8"},"NotIpAddress":{"x:k":"10.1.0.0/16"}"#,
        ),
        (
            r#""IpAddress":{"x:k":"10.0.0.0/8"},"NotIpAddress":{"x:k":["10.0.0.0/9","10.128.0.0/9"]}"#,
            r#""IpAddress":{"x:k":"10.0.0.0/8"},"NotIpAddress":{"x:k":["10.0.0.0/9","10.128.0.0/10"]}"#,
        ),
        (
            r#""IpAddress":{"x:k":"2001:db8::/32"},"NotIpAddress":{"x:k":"2001::/16"}"#,
            r#""IpAddress":{"x:k":"2001:db8::/32"},"NotIpAddress":{"x:k":"10.0.0.0/8"}"#,
        ),
        (
            r#""StringLike":{"x:k":"ab*"},"StringNotLike":{"x:k":"a*"}"#,
            r#""StringLike":{"x:k":"a*"},"StringNotLike":{"x:k":"ab*"}"#,
        ),
        (
            r#""StringEquals":{"x:k":"${aws:username}"},"StringNotEquals":{"x:k":"${aws:username}"}"#,
            r#""StringEquals":{"x:k":"${aws:username}"},"StringNotEquals":{"x:k":"${aws:userid}"}"#,
        ),
        (
            r#""StringLike":{"x:k":"a*"},"StringLikeIfExists":{"x:k":"b*"}"#,
            r#""StringLike":{"x:k":"a*"},"StringLikeIfExists":{"x:k":"*b"}"#,
        ),
        (
            r#""Bool":{"x:k":"true"},"BoolIfExists":{"x:k":"false"}"#,
            r#""BoolIfExists":{"x:k":"true"},"Null":{"x:k":"false"}"#,
        ),
        (
            r#""StringEqualsIgnoreCase":{"x:k":"A"},"StringNotEqualsIgnoreCase":{"x:k":"a"}"#,
            r#""StringEqualsIgnoreCase":{"x:k":["A","b"]},"StringNotEqualsIgnoreCase":{"x:k":"a"}"#,
        ),
        (
            r#""StringEqualsIgnoreCase":{"x:k":"A"},"StringEqualsIgnoreCaseIfExists":{"x:k":"b"}"#,
            r#""StringEqualsIgnoreCase":{"x:k":"A"},"StringNotEquals":{"x:k":"a"}"#,
        ),
        (
            r#""Null":{"aws:SecureTransport":"true"}"#,
            r#""Null":{"aws:VpcSourceIp":"true"}"#,
        ),
    ] {
        assert_eq!(when("Allow", bad), ["condition-never"], "{bad}");
        assert!(
            when("Allow", good).is_empty(),
            "{good}: {:?}",
            when("Allow", good)
        );
    }
    // A value that is no address meets both in a Deny.
    let both = r#""IpAddress":{"x:k":"10.1.0.0/16"},"NotIpAddress":{"x:k":"10.0.0.0/8"}"#;
    assert!(when("Deny", both).is_empty());
}

#[test]
fn keys_that_are_misunderstood() {
    for (id, bad, good) in [
        (
            "principal-arn-of-session",
            r#""ArnLike":{"aws:PrincipalArn":"arn:aws:sts::111111111111:assumed-role/app/*"}"#,
            r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/app"}"#,
        ),
        (
            "account-never-matches",
            r#""StringEquals":{"aws:PrincipalAccount":["111111111111","12345"]}"#,
            r#""StringEquals":{"aws:PrincipalAccount":["111111111111","222222222222"]}"#,
        ),
        (
            "account-never-matches",
            r#""StringLike":{"aws:ResourceAccount":"arn:aws:iam::*"}"#,
            r#""StringLike":{"aws:ResourceAccount":"1111*"}"#,
        ),
        (
            "condition-always",
            r#""StringEquals":{"aws:username":"${AWS:UserName}"}"#,
            r#""StringEquals":{"aws:username":"${aws:PrincipalTag/name}"}"#,
        ),
        (
            "condition-always",
            r#""Null":{"aws:SecureTransport":"false"}"#,
            r#""Bool":{"aws:SecureTransport":"true"}"#,
        ),
        (
            "every-address",
            r#""IpAddress":{"aws:SourceIp":["2001:db8::/32","0.0.0.0/0"]}"#,
            r#""IpAddress":{"aws:SourceIp":"10.0.0.0/8"}"#,
        ),
        (
            "every-address",
            r#""IpAddress":{"aws:SourceIp":"::/0"}"#,
            r#""IpAddress":{"aws:SourceIp":"2001:db8::/32"}"#,
        ),
        (
            "mfa-not-enforced",
            r#""StringNotEquals":{"aws:MultiFactorAuthPresent":"false"}"#,
            r#""StringEquals":{"aws:MultiFactorAuthPresent":"true"}"#,
        ),
        (
            "mfa-not-enforced",
            r#""NumericLessThanIfExists":{"aws:MultiFactorAuthAge":"3600"}"#,
            r#""NumericLessThan":{"aws:MultiFactorAuthAge":"3600"}"#,
        ),
        (
            "mfa-not-enforced",
            r#""StringEqualsIfExists":{"aws:MultiFactorAuthPresent":"true"}"#,
            r#""StringEqualsIfExists":{"aws:MultiFactorAuthPresent":"true"},"NumericLessThan":{"aws:MultiFactorAuthAge":"60"}"#,
        ),
        (
            "for-all-values-with-allow",
            r#""ForAllValues:StringEquals":{"aws:TagKeys":["a"]}"#,
            r#""ForAllValues:StringEquals":{"aws:TagKeys":["a"]},"Null":{"aws:TagKeys":"true"}"#,
        ),
    ] {
        assert_eq!(when("Allow", bad), [id], "{bad}");
        assert!(
            when("Allow", good).is_empty(),
            "{good}: {:?}",
            when("Allow", good)
        );
    }
}

#[test]
fn claims_of_another_issuer_are_no_limit() {
    let trust = |conditions: &str| {
        let text = format!(
            r#"{{"Effect":"Allow","Principal":{{"Federated":"arn:aws:iam::111111111111:oidc-provider/idp.example/a"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{{"StringEquals":{{{conditions}}}}}}}"#
        );
        of(&text, Kind::Trust)
    };
    assert!(trust(r#""idp.example/a:sub":"x","IDP.example/a:aud":"y""#).is_empty());
    assert_eq!(
        trust(r#""other.example:sub":"x","idp.example/a:aud":"y""#),
        ["foreign-issuer-key", "open-federation"]
    );
    let own = trust(r#""idp.example/a:sub":"${idp.example/a:sub}","idp.example/a:aud":"y""#);
    assert_eq!(own, ["open-federation", "condition-always"]);
}

#[test]
fn a_range_of_all_addresses_is_no_limit() {
    let open = |range: &str| {
        let text = format!(
            r#"{{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*","Condition":{{"IpAddress":{{"aws:SourceIp":"{range}"}}}}}}"#
        );
        of(&text, Kind::Resource)
    };
    assert_eq!(open("0.0.0.0/0"), ["public-principal", "every-address"]);
    assert!(open("10.0.0.0/8").is_empty());
}
