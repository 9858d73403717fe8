mod alternatives;
mod services;
mod together;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::directory::Parts;
use crate::directory::account::{Account, PasswordPolicy};
use crate::directory::organization::{Organization, Place};
use crate::directory::principal::{Role, User};
use crate::directory::resource::Resource;
use crate::policy::context::Map;
use crate::policy::{Principal, evaluate};

const HOME: &str = "111111111111";
const EVERYTHING: &str = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;

fn set(kind: Kind, statements: &str) -> PolicySet {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    let document = parse(&text, kind, "t").unwrap_or_else(|report| panic!("{:?}", report.faults()));
    PolicySet::new(vec![Arc::new(Policy::compile(&document, "p"))])
}

fn home() -> AccountId {
    AccountId::parse(HOME).unwrap()
}

fn user(name: &str, statements: &str) -> Arc<User> {
    let account = home();
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

fn role(name: &str, trust: &str, statements: &str) -> Arc<Role> {
    let account = home();
    Arc::new(Role {
        arn: format!("arn:aws:iam::{account}:role/team/{name}").into(),
        id: "AROAX".into(),
        name: name.into(),
        path: "/team/".into(),
        account,
        tags: Vec::new(),
        trust: set(Kind::Trust, trust),
        policies: set(Kind::Identity, statements),
        boundary: None,
        max_session_duration: 3600,
        bearer: true,
        permission_set: None,
        created: None,
        description: None,
    })
}

/// One account under an organization with these SCPs, and one file about resources of `x`.
fn directory(
    users: Vec<Arc<User>>,
    roles: Vec<Arc<Role>>,
    scp: &str,
    resource: Option<&str>,
) -> Directory {
    Directory::new(parts(users, roles, scp, resource))
}

fn parts(users: Vec<Arc<User>>, roles: Vec<Arc<Role>>, scp: &str, resource: Option<&str>) -> Parts {
    let place = Place {
        path: "o-x/r-y/".into(),
        levels: Vec::new(),
        scps: vec![set(Kind::Scp, scp)],
        rcps: Vec::new(),
    };
    let resource = resource.map(|statements| {
        Arc::new(Resource {
            name: "r".into(),
            pattern: format!("arn:aws:x::{HOME}:a").into(),
            account: home(),
            tags: vec![("kind".into(), "public".into())],
            policy: Some(set(Kind::Resource, statements)),
        })
    });
    Parts {
        partition: "aws".into(),
        organization: Some(Organization {
            id: "o-x".into(),
            management_account: AccountId::parse("222222222222").unwrap(),
            places: BTreeMap::from([(home(), place)]),
        }),
        accounts: vec![Account {
            id: home(),
            name: "one".into(),
            alias: None,
            tags: Vec::new(),
            password_policy: PasswordPolicy::default(),
        }],
        users,
        roles,
        resources: resource.into_iter().collect(),
        ..Parts::default()
    }
}

fn asked<'a>(action: &'a str, resource: &'a str) -> Asked<'a> {
    Asked {
        action,
        resource,
        region: None,
    }
}

/// The last part of each ARN, and the answer.
fn answers(found: &[Who]) -> Vec<(&str, Answer)> {
    found
        .iter()
        .map(|who| (who.principal.rsplit(':').next().unwrap(), who.answer))
        .collect()
}

/// Each way as `a & b`, the statements of one layer as `a | b`.
fn ways(who: &Who) -> Vec<String> {
    let way = |way: &Way| -> String {
        let needs = way.all.iter().map(|need| {
            let any = need
                .any
                .iter()
                .map(|clause| clause.conditions.join(" and "));
            any.collect::<Vec<_>>().join(" | ")
        });
        needs.collect::<Vec<_>>().join(" & ")
    };
    who.needs.iter().map(way).collect()
}

fn conditions(clauses: &[Clause]) -> Vec<&str> {
    let clauses = clauses.iter();
    clauses
        .flat_map(|clause| clause.conditions.iter().map(|text| &**text))
        .collect()
}

const THING: &str = "arn:aws:x::111111111111:a";

#[test]
fn who_may_and_who_is_kept_out_by_one_layer() {
    let directory = directory(
        vec![
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
            user(
                "max",
                r#"{"Effect":"Allow","Action":"x:*","Resource":"*"},{"Effect":"Deny","Action":"x:*","Resource":"*"}"#,
            ),
        ],
        Vec::new(),
        &format!(r#"{EVERYTHING},{{"Effect":"Deny","Action":"x:Drop","Resource":"*"}}"#),
        None,
    );
    let found = who_can(&directory, &asked("x:Get", THING));
    assert_eq!(
        answers(&found),
        [
            ("root", Answer::Allowed),
            ("user/ann", Answer::Allowed),
            ("user/bob", Answer::UnderConditions),
            ("user/max", Answer::RefusedByOneLayer),
        ]
    );
    assert_eq!(ways(&found[2]), ["Bool aws:MultiFactorAuthPresent: true"]);
    assert_eq!(found[3].refused_by, Some(LayerKind::Identity));
    let dropped = who_can(&directory, &asked("x:Drop", THING));
    // Two layers keep max out.
    assert_eq!(dropped.len(), 3);
    for who in dropped {
        assert_eq!(who.answer, Answer::RefusedByOneLayer);
        assert_eq!(who.refused_by, Some(LayerKind::Scp));
    }
}

#[test]
fn denies_that_a_request_could_meet_are_told() {
    let deny = r#"{"Sid":"Home","Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-1"}}}"#;
    let own = r#"{"Effect":"Allow","Action":"x:*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}}"#;
    let directory = directory(
        vec![user("ann", own)],
        Vec::new(),
        &format!("{EVERYTHING},{deny}"),
        None,
    );
    let ann = |resource: &str, region| {
        let asked = Asked {
            action: "x:Get",
            resource,
            region,
        };
        who_can(&directory, &asked).pop().unwrap()
    };
    let mfa = "BoolIfExists aws:MultiFactorAuthPresent: false";
    let region = "StringNotEquals aws:RequestedRegion: eu-1";
    // The ARN names no region: the Deny of the SCP may or may not come to apply.
    let open = ann(THING, None);
    assert_eq!(open.answer, Answer::Allowed);
    assert_eq!(conditions(&open.unless), [region, mfa]);
    assert_eq!(open.unless[0].layer, LayerKind::Scp);
    assert_eq!(open.unless[0].sid.as_deref(), Some("Home"));
    for (resource, known) in [
        ("arn:aws:x:eu-1:111111111111:a", None),
        (THING, Some("eu-1")),
    ] {
        let home = ann(resource, known);
        assert_eq!(home.answer, Answer::Allowed);
        assert_eq!(conditions(&home.unless), [mfa]);
    }
    for (resource, known) in [
        ("arn:aws:x:us-1:111111111111:a", None),
        (THING, Some("us-1")),
    ] {
        let abroad = ann(resource, known);
        assert_eq!(abroad.refused_by, Some(LayerKind::Scp));
        assert!(abroad.unless.is_empty());
    }
}

#[test]
fn what_a_session_brings_is_open_and_what_a_resource_says_is_not() {
    let tags = r#"{"Effect":"Allow","Action":"x:*","Resource":"arn:aws:x::111111111111:${aws:PrincipalTag/k}","Condition":{"StringEquals":{"aws:ResourceTag/kind":"public"}}}"#;
    let directory = directory(
        vec![user("ann", tags)],
        vec![role("app", &trusting("\"*\""), tags)],
        EVERYTHING,
        Some(
            &trusting("{\"AWS\":\"333333333333\"}")
                .replace("sts:AssumeRole\"", "x:Put\",\"Resource\":\"*\""),
        ),
    );
    let found = who_can(&directory, &asked("x:Get", THING));
    assert_eq!(
        answers(&found),
        [
            ("role/team/app", Answer::UnderConditions),
            ("root", Answer::Allowed)
        ]
    );
    assert_eq!(
        ways(&found[0]),
        ["Resource: arn:aws:x::111111111111:${aws:PrincipalTag/k}"]
    );
}

fn trusting(principal: &str) -> String {
    format!(r#"{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}"#)
}

#[test]
fn whom_a_resource_names_besides() {
    let policy = r#"{"Effect":"Allow","Principal":{"AWS":["333333333333","arn:aws:iam::333333333333:role/x","arn:aws:sts::111111111111:assumed-role/app/ci"],"Service":"backup.amazonaws.com"},"Action":"x:Get","Resource":"*"},
        {"Effect":"Allow","Principal":"*","Action":"x:Look","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}"#;
    let role = role(
        "app",
        &trusting("{\"AWS\":\"333333333333\"}"),
        r#"{"Effect":"Allow","Action":"y:*","Resource":"*"}"#,
    );
    let arn = role.arn.to_string();
    let directory = directory(Vec::new(), vec![role], EVERYTHING, Some(policy));
    let found = who_can(&directory, &asked("x:Get", THING));
    assert_eq!(
        answers(&found),
        [
            ("root", Answer::Allowed),
            ("role/x", Answer::Allowed),
            ("root", Answer::Allowed),
            ("assumed-role/app/ci", Answer::Allowed),
            ("backup.amazonaws.com", Answer::Allowed),
        ]
    );
    let outside: Vec<bool> = found.iter().map(|who| who.is_outside).collect();
    assert_eq!(outside, [false, true, true, false, false]);
    let found = who_can(&directory, &asked("x:Look", THING));
    let anonymous = found
        .iter()
        .find(|who| who.principal == "anonymous")
        .unwrap();
    assert_eq!(anonymous.answer, Answer::UnderConditions);
    assert_eq!(ways(anonymous), ["IpAddress aws:SourceIp: 10.0.0.0/8"]);
    let found = who_can(&directory, &asked("sts:AssumeRole", &arn));
    assert_eq!(answers(&found), [("root", Answer::Allowed)]);
    assert!(found[0].is_outside);
}

#[test]
fn a_root_user_assumes_no_role() {
    let everyone = trusting("\"*\"");
    let directory = directory(
        vec![user("ann", EVERYTHING)],
        vec![role("app", &everyone, EVERYTHING)],
        EVERYTHING,
        None,
    );
    let root = format!("arn:aws:iam::{HOME}:root");
    for resource in [format!("arn:aws:iam::{HOME}:role/team/app"), "*".to_owned()] {
        for action in ["sts:AssumeRole", "STS:assumerole"] {
            let found = who_can(&directory, &asked(action, &resource));
            let who = found.iter().find(|who| who.principal == root).unwrap();
            assert_eq!(who.answer, Answer::RefusedByOneLayer);
            assert_eq!(who.refused_by, None);
            assert!(
                who.words.contains("no root user assumes a role"),
                "{}",
                who.words
            );
            let ann = found.iter().find(|who| who.principal.ends_with("user/ann"));
            assert_eq!(ann.unwrap().answer, Answer::Allowed);
        }
        let found = who_can(&directory, &asked("sts:GetCallerIdentity", "*"));
        let who = found.iter().find(|who| who.principal == root).unwrap();
        assert_eq!(who.answer, Answer::Allowed);
    }
}

/// Statements without conditions.
fn statements() -> impl Strategy<Value = String> {
    let one = (
        any::<bool>(),
        any::<bool>(),
        select(vec!["x:Get", "x:*", "x:P*", "*", "y:*"]),
        select(vec![
            "*",
            "arn:aws:x::111111111111:a",
            "arn:aws:x::111111111111:b*",
            "arn:aws:y:::*",
        ]),
    )
        .prop_map(|(allow, not, action, resource)| {
            let effect = if allow { "Allow" } else { "Deny" };
            let not = if not && !allow { "Not" } else { "" };
            format!(r#"{{"Effect":"{effect}","{not}Action":"{action}","Resource":"{resource}"}}"#)
        });
    prop::collection::vec(one, 1..4).prop_map(|all| all.join(","))
}

proptest! {
    /// Where nothing depends on a request, the answer is the engine's.
    #[test]
    fn without_conditions_it_is_what_the_engine_says(
        own in prop::collection::vec(statements(), 1..4),
        scp in statements(),
        action in select(vec!["x:Get", "x:Put", "y:Get"]),
        resource in select(vec![THING, "arn:aws:x::111111111111:bc", "arn:aws:y:::z"]),
    ) {
        let users: Vec<_> = own.iter().enumerate().map(|(number, text)| user(&format!("u{number}"), text)).collect();
        let scp = format!("{EVERYTHING},{scp}");
        let directory = directory(users.clone(), Vec::new(), &scp, None);
        let found = who_can(&directory, &asked(action, resource));
        let scps = set(Kind::Scp, &scp);
        for user in &users {
            let principal = Principal::User { account: HOME.into(), arn: user.arn.clone() };
            let request = Request { principal: &principal, action, resource, resource_account: None, context: &Map::new() };
            let layers = Layers { identity: &[&user.policies], scps: &[&scps], ..Layers::default() };
            let allowed = evaluate(&request, &layers).is_allowed();
            let told = found.iter().find(|who| *who.principal == *user.arn);
            prop_assert_eq!(told.is_some_and(|who| who.answer == Answer::Allowed), allowed);
            if let Some(who) = told {
                prop_assert!(who.answer != Answer::UnderConditions && who.needs.is_empty() && who.unless.is_empty());
                prop_assert_eq!(who.refused_by.is_some(), !allowed);
            }
        }
    }
}
