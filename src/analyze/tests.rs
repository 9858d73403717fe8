use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::directory::Parts;
use crate::directory::account::{Account, PasswordPolicy};
use crate::directory::organization::{Organization, Place};
use crate::policy::{Kind, Policy, parse};

fn set(kind: Kind, statements: &str) -> PolicySet {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    let document = parse(&text, kind, "t").unwrap_or_else(|report| panic!("{:?}", report.faults()));
    PolicySet::new(vec![Arc::new(Policy::compile(&document, "p"))])
}

fn user(name: &str, statements: &str) -> Arc<User> {
    let account = AccountId::parse("111111111111").unwrap();
    Arc::new(User {
        arn: format!("arn:aws:iam::{account}:user/{name}").into(),
        id: "AIDAX".into(),
        name: name.into(),
        path: "/".into(),
        account,
        tags: Vec::new(),
        policies: set(Kind::Identity, statements),
        groups: Vec::new(),
        boundary: None,
        mfa_devices: Vec::new(),
        bearer: true,
        created: None,
    })
}

#[test]
fn who_may_and_who_is_kept_out_by_one_layer() {
    let account = AccountId::parse("111111111111").unwrap();
    let place = Place {
        path: "o-x/r-y/".into(),
        levels: Vec::new(),
        scps: vec![set(
            Kind::Scp,
            r#"{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"x:Drop","Resource":"*"}"#,
        )],
        rcps: Vec::new(),
    };
    let directory = Directory::new(Parts {
        partition: "aws".into(),
        organization: Some(Organization {
            id: "o-x".into(),
            management_account: AccountId::parse("222222222222").unwrap(),
            places: BTreeMap::from([(account, place)]),
        }),
        accounts: vec![Account {
            id: account,
            name: "one".into(),
            alias: None,
            tags: Vec::new(),
            password_policy: PasswordPolicy::default(),
        }],
        users: vec![
            user(
                "ann",
                r#"{"Effect":"Allow","Action":"x:*","Resource":"*","Condition":{"StringEquals":{"aws:username":"ann","aws:PrincipalOrgID":"o-x"}}}"#,
            ),
            user(
                "bob",
                r#"{"Effect":"Allow","Action":"x:*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}"#,
            ),
            user(
                "eve",
                r#"{"Effect":"Allow","Action":"x:*","Resource":"*","Condition":{"StringEquals":{"aws:username":"ann"}}}"#,
            ),
        ],
        ..Parts::default()
    });
    let found: Vec<(String, Answer)> = who_can(&directory, "x:Get", "arn:aws:x::111111111111:a")
        .into_iter()
        .map(|who| {
            (
                who.principal.rsplit(':').next().unwrap().to_owned(),
                who.answer,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("root".to_owned(), Answer::Allowed),
            ("user/ann".to_owned(), Answer::Allowed),
            ("user/bob".to_owned(), Answer::UnderConditions),
        ]
    );
    let dropped = who_can(&directory, "x:Drop", "arn:aws:x::111111111111:a");
    assert_eq!(dropped.len(), 2);
    for who in dropped {
        assert_eq!(who.answer, Answer::RefusedByOneLayer);
        assert_eq!(who.refused_by, Some(LayerKind::Scp));
    }
}
