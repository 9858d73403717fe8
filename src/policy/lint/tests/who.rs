//! Who is let in, and whether a condition says so.

use super::*;

fn found(kind: Kind, rest: &str) -> Vec<&'static str> {
    of(&format!(r#"{{"Effect":"Allow",{rest}}}"#), kind)
}

#[test]
fn conditions_that_leave_everyone_in() {
    let public = |condition: &str| {
        let rest = format!(
            r#""Principal":"*","Action":"s3:*","Resource":"*","Condition":{{{condition}}}"#
        );
        found(Kind::Resource, &rest).contains(&"public-principal")
    };
    for (bad, good) in [
        (
            r#""Bool":{"aws:PrincipalIsAWSService":"false"}"#,
            r#""Bool":{"aws:PrincipalIsAWSService":"true"}"#,
        ),
        (
            r#""StringEquals":{"aws:ResourceAccount":"111111111111"}"#,
            r#""StringEquals":{"aws:PrincipalAccount":"111111111111"}"#,
        ),
        (
            r#""StringEquals":{"aws:ResourceOrgID":"o-abcdefghij"}"#,
            r#""StringEquals":{"aws:PrincipalOrgID":"o-abcdefghij"}"#,
        ),
        (
            r#""StringEquals":{"aws:ResourceTag/x":"y"}"#,
            r#""StringEquals":{"aws:PrincipalTag/x":"y"}"#,
        ),
        (
            r#""StringEquals":{"aws:PrincipalType":"Anonymous"}"#,
            r#""StringEquals":{"aws:PrincipalType":"AssumedRole"}"#,
        ),
        (
            r#""ArnLike":{"aws:PrincipalArn":"arn:*:*:*:*:*"}"#,
            r#""ArnLike":{"aws:PrincipalArn":"arn:*:*:*:111111111111:*"}"#,
        ),
        (
            r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/admin"}"#,
            r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::1111*:role/admin"}"#,
        ),
        (
            r#""StringLike":{"aws:PrincipalArn":"arn:aws:iam::*"}"#,
            r#""StringLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111*"}"#,
        ),
        (
            r#""StringLike":{"aws:PrincipalOrgID":"o-*"}"#,
            r#""StringLike":{"aws:PrincipalOrgID":"o-abc*"}"#,
        ),
        (
            r#""ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-*/r-*/*"}"#,
            r#""ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-abc/*"}"#,
        ),
        (
            r#""IpAddress":{"aws:SourceIp":["128.0.0.0/1","0.0.0.0/1"]}"#,
            r#""IpAddress":{"aws:SourceIp":["128.0.0.0/1","0.0.0.0/2"]}"#,
        ),
        (
            r#""IpAddress":{"aws:SourceIp":["::/1","8000::/1"]}"#,
            r#""IpAddress":{"aws:SourceIp":["::/1","8000::/2"]}"#,
        ),
    ] {
        assert!(public(bad), "{bad}");
        assert!(!public(good), "{good}");
    }
}

#[test]
fn every_role_by_any_pattern() {
    let passes = |resource: &str, condition: &str| {
        let rest = format!(
            r#""Action":"iam:PassRole","Resource":"{resource}","Condition":{{{condition}}}"#
        );
        found(Kind::Identity, &rest).contains(&"pass-role-wildcard")
    };
    for bad in [
        "arn:aws:iam::*",
        "arn:*",
        "arn:aws:iam::111111111111:rol*",
        "arn:aws:iam::*:*/*",
        "arn:aws:iam::*:r*/*",
    ] {
        assert!(passes(bad, ""), "{bad}");
    }
    for good in [
        "arn:aws:iam::*:role/app-*",
        "arn:aws:iam::*:role/*-app",
        "arn:aws:iam::*:user/*",
        "arn:aws:s3:::*",
    ] {
        assert!(!passes(good, ""), "{good}");
    }
    for bad in [
        r#""StringLike":{"iam:PassedToService":"*"}"#,
        r#""StringNotEquals":{"iam:PassedToService":"x.amazonaws.com"}"#,
        r#""StringEqualsIfExists":{"iam:PassedToService":"x.amazonaws.com"}"#,
    ] {
        assert!(passes("*", bad), "{bad}");
    }
    assert!(!passes(
        "*",
        r#""StringEquals":{"iam:PassedToService":"x.amazonaws.com"}"#
    ));
}

#[test]
fn other_accounts_among_everyone() {
    let trust = |principal: &str, condition: &str| {
        let rest = format!(
            r#""Principal":{principal},"Action":"sts:AssumeRole","Condition":{{{condition}}}"#
        );
        found(Kind::Trust, &rest)
    };
    for bad in [
        r#""StringEquals":{"aws:PrincipalAccount":"222222222222"}"#,
        r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::222222222222:role/x"}"#,
    ] {
        assert_eq!(trust(r#""*""#, bad), ["missing-external-id"], "{bad}");
        let ours = bad.replace('2', "1");
        assert!(trust(r#""*""#, &ours).is_empty(), "{ours}");
        let agreed = format!(r#""StringLike":{{"sts:ExternalId":"abc"}},{bad}"#);
        assert!(trust(r#""*""#, &agreed).is_empty(), "{agreed}");
    }
    // Our own organization is no stranger; another one is.
    let of_org = |principal: &str, operator: &str, key: &str, value: &str| {
        trust(principal, &format!(r#""{operator}":{{"{key}":{value}}}"#))
    };
    let foreign = r#"{"AWS":"222222222222"}"#;
    let (id, paths) = ("aws:PrincipalOrgID", "aws:PrincipalOrgPaths");
    assert!(of_org(foreign, "StringEquals", id, r#""o-own""#).is_empty());
    assert!(of_org(foreign, "ForAnyValue:StringLike", paths, r#""o-own/r-1/*""#).is_empty());
    for (operator, key, value) in [
        ("StringEquals", id, r#""o-other""#),
        ("StringEquals", id, r#"["o-own","o-other"]"#),
        ("StringEquals", id, r#""o-ownother""#),
        ("StringLike", id, r#""o-own*""#),
        ("StringNotEquals", id, r#""o-own""#),
        ("StringEqualsIfExists", id, r#""o-own""#),
        ("ForAnyValue:StringLike", paths, r#""o-other/*""#),
        ("ForAnyValue:StringLike", paths, r#""o-own*""#),
    ] {
        let told = of_org(foreign, operator, key, value);
        assert!(
            told.contains(&"missing-external-id"),
            "{operator} {key} {value}: {told:?}"
        );
    }
    // Of both accounts nobody is.
    let both = r#""StringEquals":{"aws:PrincipalAccount":"111111111111"},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::222222222222:role/x"}"#;
    assert!(trust(r#""*""#, both).is_empty());
    let foreign = r#"{"AWS":"222222222222"}"#;
    assert_eq!(
        trust(
            foreign,
            r#""StringEquals":{"sts:ExternalId":"${aws:PrincipalAccount}"}"#
        ),
        ["missing-external-id"]
    );
    assert_eq!(
        trust(foreign, r#""StringEquals":{"sts:ExternalId":""}"#),
        ["condition-never"]
    );
}

#[test]
fn actions_that_fit_no_principal() {
    const OIDC: &str = r#"{"Federated":"arn:aws:iam::111111111111:oidc-provider/idp.example"}"#;
    const SAML: &str = r#"{"Federated":"arn:aws:iam::111111111111:saml-provider/p"}"#;
    const AWS: &str = r#"{"AWS":"111111111111"}"#;
    const BOTH: &str = r#"{"AWS":"111111111111","Federated":"arn:aws:iam::111111111111:oidc-provider/idp.example"}"#;
    let mismatch = |principal: &str, actions: &str| {
        let text = format!(r#"{{"Effect":"Deny","Principal":{principal},"Action":{actions}}}"#);
        of(&text, Kind::Trust).contains(&"action-principal-mismatch")
    };
    for (principal, actions) in [
        (OIDC, r#""sts:AssumeRole""#),
        (OIDC, r#""sts:AssumeRoleWithSAML""#),
        (
            OIDC,
            r#"["sts:AssumeRoleWithWebIdentity","STS:assumerole"]"#,
        ),
        (AWS, r#""sts:AssumeRoleWithWebIdentity""#),
        (SAML, r#""sts:AssumeRoleWithWebIdentity""#),
        (
            r#"{"Service":"lambda.amazonaws.com"}"#,
            r#""sts:AssumeRoleWithSAML""#,
        ),
        (BOTH, r#""sts:AssumeRole""#),
    ] {
        assert!(mismatch(principal, actions), "{principal} {actions}");
    }
    for (principal, actions) in [
        (
            OIDC,
            r#"["sts:AssumeRoleWithWebIdentity","sts:TagSession"]"#,
        ),
        (OIDC, r#""sts:TagSession""#),
        (
            r#"{"Federated":"cognito-identity.amazonaws.com"}"#,
            r#""sts:AssumeRoleWithWebIdentity""#,
        ),
        (SAML, r#""sts:AssumeRoleWithSAML""#),
        (AWS, r#""sts:AssumeRole*""#),
        (
            BOTH,
            r#"["sts:AssumeRole","sts:AssumeRoleWithWebIdentity"]"#,
        ),
        (r#""*""#, r#""sts:AssumeRoleWithSAML""#),
    ] {
        assert!(!mismatch(principal, actions), "{principal} {actions}");
    }
    let service = |name: &str| {
        found(
            Kind::Trust,
            &format!(r#""Principal":{{"Service":"{name}"}},"Action":"sts:AssumeRole""#),
        )
    };
    assert_eq!(service("lambda"), ["service-principal-format"]);
    assert!(service("lambda.amazonaws.com").is_empty());
}
