//! A decision without policy variables allocates nothing on the heap, allowed or denied, in small sets and large ones.

#![expect(clippy::panic, reason = "tests fail by panicking")]

use std::net::IpAddr;
use std::sync::Arc;

use sidegate::clock::Timestamp;
use sidegate::policy::context::Value;
use sidegate::policy::{
    Context, Kind, Layers, Policy, PolicySet, Principal, Request, Verdict, evaluate, parse,
};

struct Facts {
    tags: Vec<Box<str>>,
}

impl Context for Facts {
    fn get(&self, key: &str) -> Option<Value<'_>> {
        Some(match key {
            "aws:sourceip" => Value::Ip(IpAddr::from([203, 0, 113, 7])),
            "aws:currenttime" => Value::Instant(Timestamp::from_seconds(1_795_426_200)),
            "aws:multifactorauthpresent" => Value::Bool(true),
            "aws:multifactorauthage" => Value::Number(90),
            "aws:principalarn" => Value::Text("arn:aws:iam::111111111111:user/ann"),
            "aws:principaltag/team" => Value::Text("images"),
            "x:bytes" => Value::Text("AQIDBAUGBwgJCgsMDQ4PEA=="),
            "aws:tagkeys" => Value::List(&self.tags),
            _ => return None,
        })
    }
}

fn set(kind: Kind, statements: &[String]) -> PolicySet {
    let policies = statements
        .iter()
        .map(|statement| {
            let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
            let document = parse(&text, kind, "t")
                .unwrap_or_else(|report| panic!("{statement}: {:?}", report.faults()));
            Arc::new(Policy::compile(&document, "p"))
        })
        .collect();
    PolicySet::new(policies)
}

const CONDITIONS: &str = r#""Condition":{
    "IpAddress":{"aws:SourceIp":["10.0.0.0/8","203.0.113.0/24"]},
    "DateGreaterThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"},
    "Bool":{"aws:MultiFactorAuthPresent":"true"},
    "NumericLessThan":{"aws:MultiFactorAuthAge":"300.5"},
    "ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/*"},
    "StringLike":{"aws:PrincipalTag/Team":["x*","im?ge*"],"aws:CurrentTime":"2026-*"},
    "StringEqualsIgnoreCase":{"aws:PrincipalTag/Team":"IMAGES"},
    "BinaryEquals":{"x:bytes":"AQIDBAUGBwgJCgsMDQ4PEA=="},
    "ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]},
    "Null":{"aws:Absent":"true"}}"#;

#[test]
fn a_decision_allocates_nothing() {
    let wide = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#.to_owned();
    let own = format!(
        r#"{{"Effect":"Allow","Action":["x:Get*","x:L?st*"],"Resource":"arn:aws:x::111111111111:thing/*/part-?",{CONDITIONS}}}"#
    );
    let deny = format!(
        r#"{{"Effect":"Deny","Action":"x:Delete*","NotResource":"arn:aws:x:::other",{CONDITIONS}}}"#
    );
    let mut many: Vec<String> = (0..500)
        .map(|n| {
            format!(r#"{{"Effect":"Allow","Action":"x:Get{n}","Resource":"arn:aws:x::111111111111:thing/{n}/*"}}"#)
        })
        .collect();
    many.push(own.clone());
    let grant =
        r#"{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"x:Get*","Resource":"*"}"#;
    let rcp = r#"{"Effect":"Deny","Principal":"*","Action":"x:*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}"#;

    let small = set(Kind::Identity, &[own, deny.clone()]);
    let large = set(Kind::Identity, &many);
    let boundary = set(Kind::Boundary, std::slice::from_ref(&wide));
    let scp = set(Kind::Scp, &[wide.clone(), deny]);
    let resource = set(Kind::Resource, &[grant.to_owned()]);
    let rcps = set(Kind::Rcp, &[rcp.to_owned()]);
    let facts = Facts {
        tags: vec!["a".into(), "b".into()],
    };
    let principal = Principal::User {
        account: "111111111111".into(),
        arn: "arn:aws:iam::111111111111:user/ann".into(),
    };
    // The counter counts.
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![1u8])));
    assert_eq!(counted.count_total, 1);
    for identity in [&small, &large] {
        for (action, verdict) in [
            ("x:GetPart", Verdict::Allowed),
            ("x:Put", Verdict::ImplicitDeny),
            ("x:DeletePart", Verdict::ExplicitDeny),
        ] {
            let request = Request {
                principal: &principal,
                action,
                resource: "arn:aws:x::111111111111:thing/7/part-é",
                resource_account: None,
                context: &facts,
            };
            let layers = Layers {
                identity: &[identity],
                boundary: Some(&boundary),
                scps: &[&scp, &scp],
                rcps: &[&rcps],
                resource: &[&resource],
                ..Layers::default()
            };
            let mut found = None;
            let counted = allocation_counter::measure(|| {
                found = Some(evaluate(&request, &layers).verdict);
            });
            assert_eq!(found, Some(verdict), "{action}");
            assert_eq!(counted.count_total, 0, "{action}");
        }
    }
}
