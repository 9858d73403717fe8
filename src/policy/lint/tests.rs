use super::*;
use crate::policy::{Kind, parse};

fn findings(text: &str, kind: Kind) -> Vec<(&'static str, Severity)> {
    let document = parse(text, kind, "t").unwrap_or_else(|report| panic!("{:?}", report.faults()));
    let mut report = Report::on("t");
    let offered = ["orders:getorder".into(), "orders:listorders".into()];
    let surroundings = Surroundings {
        is_own_account: &|account| account == "111111111111",
        offered: Some(&offered),
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
        ("missing-external-id", Kind::Trust, trust(r#""Principal":{"AWS":"222222222222"},"Action":"sts:AssumeRole""#), trust(r#""Principal":{"AWS":"111111111111"},"Action":"sts:AssumeRole""#)),
        ("condition-never", Kind::Identity, r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Null":{"a:b":"true"},"StringEquals":{"A:B":"x"}}}"#.to_owned(), r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Null":{"a:b":"true"},"StringNotEquals":{"A:B":"x"}}}"#.to_owned()),
        ("unreachable-statement", Kind::Identity, r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::a"},{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::*"}"#.to_owned(), r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::a"},{"Effect":"Deny","Action":"s3:Put*","Resource":"arn:aws:s3:::*"}"#.to_owned()),
        ("redundant-statement", Kind::Identity, r#"{"Effect":"Allow","Action":"s3:Get*","Resource":"*"},{"Effect":"Allow","Action":"s3:GetObject*","Resource":"arn:aws:s3:::a"}"#.to_owned(), r#"{"Effect":"Allow","Action":"s3:Get?","Resource":"*"},{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::a"}"#.to_owned()),
        ("redundant-action", Kind::Identity, r#"{"Effect":"Allow","Action":["s3:Get*","s3:GetObject"],"Resource":"*"}"#.to_owned(), r#"{"Effect":"Allow","Action":["s3:Get*","s3:Put*"],"Resource":"*"}"#.to_owned()),
        ("redundant-resource", Kind::Identity, r#"{"Effect":"Allow","Action":"s3:*","Resource":["*","arn:aws:s3:::a"]}"#.to_owned(), r#"{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::b","arn:aws:s3:::a"]}"#.to_owned()),
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
