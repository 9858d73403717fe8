use super::*;

fn errors(text: &str, kind: Kind) -> Vec<(&'static str, u32, u32)> {
    match parse(text, kind, "t.json") {
        Ok(_) => Vec::new(),
        Err(report) => report
            .faults()
            .iter()
            .filter(|fault| fault.severity == Severity::Error)
            .map(|fault| (fault.id, fault.span.start.line, fault.span.start.column))
            .collect(),
    }
}

fn ids(text: &str, kind: Kind) -> Vec<&'static str> {
    errors(text, kind)
        .into_iter()
        .map(|(id, _, _)| id)
        .collect()
}

#[test]
fn every_fault_is_reported_at_its_place() {
    let text = r#"{
  "Version": "2012-10-17",
  "Statement": [
    { "Effect": "allow", "Action": "s3", "Resource": "*" },
    { "Effect": "Deny", "NotAction": [], "Resorce": "*", "Condition": { "StringEqual": { "a:b": "c" }, "Bool": { "a:b": "x" } } }
  ]
}"#;
    assert_eq!(
        errors(text, Kind::Identity),
        [
            ("bad-effect", 4, 17),
            ("bad-action", 4, 36),
            ("unknown-member", 5, 42),
            ("empty-list", 5, 38),
            ("unknown-operator", 5, 73),
            ("bad-value", 5, 121),
        ]
    );
}

#[test]
fn what_iam_refuses() {
    let body = r#""Action":"s3:Get","Resource":"*""#;
    let cases: [(&str, Kind, &str); 29] = [
        ("[]", Kind::Identity, "wrong-type"),
        ("{}", Kind::Identity, "missing-member"),
        (r#"{"Statement":[]}"#, Kind::Identity, "empty-list"),
        (r#"{"Statement":"x"}"#, Kind::Identity, "wrong-type"),
        (
            r#"{"Version":"2020-01-01","Statement":{"Effect":"Deny",BODY}}"#,
            Kind::Identity,
            "unknown-version",
        ),
        (
            r#"{"Version":20121017,"Statement":{"Effect":"Deny",BODY}}"#,
            Kind::Identity,
            "wrong-type",
        ),
        (
            r#"{"Id":"x","Statement":{"Effect":"Deny",BODY}}"#,
            Kind::Identity,
            "unknown-member",
        ),
        (
            r#"{"Statement":{"Effect":"Deny","Sid":"a b",BODY}}"#,
            Kind::Identity,
            "bad-sid",
        ),
        (
            r#"{"Statement":{"Effect":"Deny","Principal":"*",BODY}}"#,
            Kind::Identity,
            "principal-forbidden",
        ),
        (
            r#"{"Statement":{"Effect":"Deny","NotAction":"s3:*",BODY}}"#,
            Kind::Identity,
            "conflicting-members",
        ),
        (
            r#"{"Statement":{"Effect":"Deny","NotResource":"*",BODY}}"#,
            Kind::Scp,
            "conflicting-members",
        ),
        (
            r#"{"Statement":{"Effect":"Deny","Effect":"Allow",BODY}}"#,
            Kind::Identity,
            "duplicate-key",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","NotPrincipal":{"AWS":"111111111111"},BODY}}"#,
            Kind::Resource,
            "not-principal-with-allow",
        ),
        (
            r#"{"Statement":{"Effect":"Deny","NotPrincipal":"*","Action":"sts:*"}}"#,
            Kind::Trust,
            "not-principal-forbidden",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":"*",BODY}}"#,
            Kind::Trust,
            "resource-forbidden",
        ),
        (
            r#"{"Statement":{"Effect":"Allow",BODY}}"#,
            Kind::Resource,
            "missing-member",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":{"Aws":"*"},BODY}}"#,
            Kind::Resource,
            "bad-principal",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:role/*"},BODY}}"#,
            Kind::Resource,
            "bad-principal",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":"111111111111",BODY}}"#,
            Kind::Resource,
            "bad-principal",
        ),
        (
            r#"{"Statement":{"Effect":"Deny","Principal":"*",BODY}}"#,
            Kind::Rcp,
            "rcp-version",
        ),
        (
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*",BODY}}"#,
            Kind::Rcp,
            "rcp-allow",
        ),
        (
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":{"AWS":"111111111111"},BODY}}"#,
            Kind::Rcp,
            "rcp-principal",
        ),
        (
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":{"AWS":"*"},BODY}}"#,
            Kind::Rcp,
            "rcp-principal",
        ),
        (
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"111111111111",BODY}}"#,
            Kind::Rcp,
            "rcp-principal",
        ),
        (
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}"#,
            Kind::Rcp,
            "rcp-every-action",
        ),
        (
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::${}"}}"#,
            Kind::Identity,
            "bad-variable",
        ),
        (
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny",BODY,"Condition":{"StringLike":{"x:a":"${x:a,'b'}"}}}}"#,
            Kind::Identity,
            "bad-variable",
        ),
        (
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny",BODY,"Condition":{"ArnLike":{"x:a":["${x:a,'b'}"]}}}}"#,
            Kind::Scp,
            "bad-variable",
        ),
        (
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny",BODY,"Condition":{"IpAddress":{"x:a":"${x:a}"}}}}"#,
            Kind::Scp,
            "bad-value",
        ),
    ];
    for (text, kind, id) in cases {
        let text = text.replace("BODY", body);
        assert_eq!(ids(&text, kind), [id], "{text}");
    }
}

#[test]
fn what_would_never_fire_is_refused() {
    use Kind::{Boundary, Identity, Rcp, Resource, Scp, Session};
    let deny = |kind: Kind, rest: &str| {
        let principal = if matches!(kind, Resource | Rcp) {
            r#""Principal":"*","#
        } else {
            ""
        };
        format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny",{principal}{rest}}}}}"#)
    };
    let on = |name: &str, text: &str| format!(r#""Action":"s3:*","{name}":"{text}""#);
    for kind in [Identity, Boundary, Session, Resource, Scp, Rcp] {
        for name in ["Resource", "NotResource"] {
            for (text, id) in [
                ("logs/a.txt", "resource-no-arn"),
                ("**", "resource-no-arn"),
                ("arn:aws:s*:::logs/*", "wildcard-in-service"),
                ("arn:aws:s3:${aws:username}::logs", "variable-in-arn"),
                ("arn:aws:s3:::${ aws:username }", "bad-variable"),
            ] {
                let text = deny(kind, &on(name, text));
                assert_eq!(ids(&text, kind), [id], "{kind:?} {text}");
            }
            let wanted: &[&str] = match kind {
                Identity | Boundary => &[],
                Session | Resource | Kind::Trust | Scp | Rcp => &["incomplete-arn"],
            };
            // With a star within as well: where it is not completed, nothing that reads it otherwise is let in.
            for text in [
                "arn:aws:sqs",
                "arn:aws:sqs:*:111111111111",
                "arn:aws:s3:*/secret",
            ] {
                let incomplete = deny(kind, &on(name, text));
                assert_eq!(ids(&incomplete, kind), wanted, "{kind:?} {text}");
            }
            let open = deny(kind, &on(name, "arn:aws:sqs:*"));
            assert!(ids(&open, kind).is_empty(), "{kind:?}");
        }
        for (rest, id) in [
            (r#""Action":"s3:s3:Get","Resource":"*""#, "bad-action"),
            (
                r#""Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"a:b":"\u0142"}}"#,
                "character-not-allowed",
            ),
            (
                r#""Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"a:b":"\u0007"}}"#,
                "character-not-allowed",
            ),
            (
                r#""Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"a:b":"x","A:b":"y"}}"#,
                "duplicate-condition-key",
            ),
            (
                r#""Action":"s3:*","Resource":"*","Condition":{"Bool":{"a:b":"true"},"BOOL":{"a:c":"true"}}"#,
                "duplicate-operator",
            ),
            (
                r#""Action":"s3:*","Resource":"*","Condition":{"ForAnyValue:Bool":{"a:b":"true"},"foranyvalue:BOOL":{"a:b":"true"}}"#,
                "duplicate-operator",
            ),
        ] {
            assert_eq!(ids(&deny(kind, rest), kind), [id], "{kind:?} {rest}");
        }
        let allowed = r#""Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"a:b":"\t\n\r \u00ff","a:c":"x"},"StringLike":{"A:b":"y"},"ArnEquals":{"a:b":"*"},"ArnLike":{"a:b":"*"},"ForAnyValue:StringLike":{"a:b":"y"},"StringLikeIfExists":{"a:b":"y"}}"#;
        assert!(ids(&deny(kind, allowed), kind).is_empty(), "{kind:?}");
    }
    let rest = r#""NotAction":"s3:*","Resource":"*""#;
    assert_eq!(ids(&deny(Rcp, rest), Rcp), ["rcp-not-action"]);
    assert!(ids(&deny(Scp, rest), Scp).is_empty());
}

#[test]
fn what_iam_accepts() {
    for (text, kind) in [
        (
            r#"{"Statement":{"Sid":"","Effect":"Allow","Action":["*"],"Resource":["*"],"Condition":{}}}"#,
            Kind::Identity,
        ),
        (
            r#"{"Statement":[{"Effect":"Allow","Action":"s3:*","NotResource":"arn:*:s3:*:*:x"}]}"#,
            Kind::Scp,
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"x:Y","Resource":"*","Condition":{"StringEquals":{"a":[1,true,"x"],"b":[]},"NumericEquals":{"c":1.5}}}}"#,
            Kind::Boundary,
        ),
        (
            r#"{"Id":"a b","Statement":{"Sid":"a b","Effect":"Deny","NotPrincipal":{"AWS":["111111111111"]},"NotAction":"s3:*"}}"#,
            Kind::Resource,
        ),
        (
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"accounts.google.com","Service":["ec2.amazonaws.com"],"AWS":"*"},"Action":"sts:AssumeRole"}}"#,
            Kind::Trust,
        ),
        (
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#,
            Kind::Rcp,
        ),
    ] {
        let problems = parse(text, kind, "t")
            .err()
            .map(|report| report.faults().to_vec());
        assert_eq!(problems, None, "{text}");
    }
}

fn warnings(text: &str, kind: Kind) -> Vec<&'static str> {
    let mut report = Report::on("t");
    let node = json::read(text, &mut report).unwrap();
    assert!(
        Document::read(&node, kind, &mut report).is_some(),
        "{:?}",
        report.faults()
    );
    report.faults().iter().map(|fault| fault.id).collect()
}

#[test]
fn actions_that_no_request_has_are_told() {
    for (action, told) in [
        ("s3:Get Object", true),
        (" s3:GetObject", true),
        ("s3:GetObject ", true),
        ("s3:Get\\tObject", true),
        ("s3:G\u{eb}t", true),
        ("s3:Get/Object", true),
        ("s_3:Get", true),
        ("s3:Get-Object_2.x*?", false),
        ("aws-portal:View*", false),
        ("*:*", false),
        ("*", false),
    ] {
        for not in ["", "Not"] {
            let text = format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","{not}Action":"{action}","Resource":"*"}}}}"#
            );
            let wanted: &[&str] = if told { &["action-never-matches"] } else { &[] };
            assert_eq!(warnings(&text, Kind::Scp), wanted, "{text}");
        }
    }
}

#[test]
fn warnings_do_not_refuse() {
    let with = |rest: &str| {
        format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow",{rest}}}}}"#)
    };
    for (rest, kind, id) in [
        (
            r#""Action":"s3:Get","Resource":"*","Condition":{"StringEquals":{"aws:TagKeys":"a"}}"#,
            Kind::Identity,
            "multivalued-key",
        ),
        (
            r#""Action":"s3:Get","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"aws:username":"a"}}"#,
            Kind::Identity,
            "single-valued-key",
        ),
        (
            r#""Action":"s3:Get","Resource":"*","Condition":{"StringEquals":{"a:b":[]}}"#,
            Kind::Identity,
            "empty-condition",
        ),
        (
            r#""Action":"s3:Get","Resource":"*","Condition":{}"#,
            Kind::Identity,
            "empty-condition",
        ),
        (
            r#""Action":"s3:Get","Resource":"*","Condition":{"StringEquals":{}}"#,
            Kind::Scp,
            "empty-condition",
        ),
        (
            r#""Sid":"","Action":"s3:Get","Resource":"*""#,
            Kind::Scp,
            "empty-sid",
        ),
        (
            r#""Action":"catalog:Get","Resource":"arn:aws:catalog""#,
            Kind::Identity,
            "incomplete-arn",
        ),
        (
            r#""Action":"catalog:Get","NotResource":["arn:aws:catalog:*","arn:aws:catalog:us-east-1"]"#,
            Kind::Boundary,
            "incomplete-arn",
        ),
        (
            r#""Action":"s3:Get","Resource":"arn:aws:s3:::""#,
            Kind::Identity,
            "arn-never-matches",
        ),
        (
            r#""Principal":"*","Action":"s3:Get""#,
            Kind::Trust,
            "trust-action",
        ),
        (
            r#""Principal":"*","Action":"s3:Get""#,
            Kind::Resource,
            "missing-resource",
        ),
        (
            r#""Action":"iam:Get","NotResource":["*","arn:aws:iam::12345:role/x"]"#,
            Kind::Identity,
            "arn-never-matches",
        ),
        (
            r#""Action":"iam:Get","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::12345:role/x"}}"#,
            Kind::Identity,
            "arn-never-matches",
        ),
        (
            r#""Action":"iam:Get","Resource":"*","Condition":{"StringLike":{"aws:PrincipalARN":["arn:aws:iam::production:role/*","arn:*"]}}"#,
            Kind::Scp,
            "arn-never-matches",
        ),
    ] {
        assert_eq!(warnings(&with(rest), kind), [id], "{rest}");
    }
    let long = with(&format!(
        r#""Action":"s3:Get","Resource":"arn:aws:s3:::{}""#,
        "x".repeat(6_100)
    ));
    assert_eq!(warnings(&long, Kind::Identity), ["quota-policy-size"]);
    assert_eq!(warnings(&long, Kind::Scp), ["quota-policy-size"]);
    let text = with(r#""Action":"s3:Get","Resource":"arn:aws:s3:::a""#);
    let wide = text.replacen(',', &format!(",{}", " ".repeat(6_200)), 1);
    let sizes = |text: &str, kind: Kind, form: Form<'_>| {
        let mut report = Report::on("t");
        let node = json::read(text, &mut report).unwrap();
        Document::read_as(&node, kind, form, &mut report).unwrap();
        report
            .faults()
            .iter()
            .filter(|fault| fault.id == "quota-policy-size")
            .count()
    };
    // White space counts in policies of organizations alone, and nothing does before and behind the text.
    assert_eq!(sizes(&wide, Kind::Identity, Form::Written(&wide)), 0);
    assert_eq!(sizes(&wide, Kind::Scp, Form::Written(&wide)), 1);
    let around = format!("{}{text}{}", " ".repeat(6_200), "\n".repeat(6_200));
    assert_eq!(sizes(&around, Kind::Scp, Form::Written(&around)), 0);
    let trust = |length: usize| {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Condition":{{"StringEquals":{{"sts:ExternalId":"{}"}}}}}}}}"#,
            "x".repeat(length)
        );
        let mut report = Report::on("t");
        let node = json::read(&text, &mut report).unwrap();
        Document::read(&node, Kind::Trust, &mut report).unwrap();
        let told = report.faults().iter().map(|fault| fault.message.clone());
        told.collect::<String>()
    };
    assert_eq!(trust(1_800), "");
    assert!(trust(2_048).contains("2048 characters"), "{}", trust(2_048));
    assert!(
        trust(2_048).contains("(8192 where the account's quota is raised)"),
        "{}",
        trust(2_048)
    );
    assert!(
        trust(8_192).contains("raised as far as it goes"),
        "{}",
        trust(8_192)
    );
    // Of inline policies all together count.
    assert_eq!(sizes(&long, Kind::Identity, Form::Inline), 0);
}
