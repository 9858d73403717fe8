//! Alternatives, and those who are no users, roles or root users of the bundle.

use super::*;
use crate::directory::{Group, Provider};
use crate::source::{Report, json};

/// One that maps tokens to users, and says their groups.
fn provider() -> Arc<Provider> {
    let text = r#"{"type":"oidc","account":"111111111111","trusted_in":["111111111111"],"issuer":"https://idp.example",
        "audiences":["x"],"keys":{"discovery":true},"algorithms":["RS256"],"map":{"user":"{claim:sub}","groups":"{claim:groups}"}}"#;
    let mut report = Report::on("corp.yaml");
    let node = json::read(text, &mut report).unwrap();
    let provider = Provider::read(&node, "corp", &mut report);
    Arc::new(provider.unwrap_or_else(|| panic!("{:?}", report.faults())))
}

#[test]
fn identity_and_resource_policies_are_alternatives_in_one_account() {
    let own = r#"{"Effect":"Allow","Action":"x:*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}},
        {"Effect":"Allow","Action":"x:Get","Resource":"*","Condition":{"StringEquals":{"x:a":"1"}}}"#;
    let shared = format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{HOME}:user/ann"}},"Action":"x:*","Resource":"*","Condition":{{"IpAddress":{{"aws:SourceIp":"10.0.0.0/8"}}}}}}"#
    );
    let mut limited = user("ann", own);
    let boundary = r#"{"Effect":"Allow","Action":"x:*","Resource":"*","Condition":{"StringEquals":{"x:b":"2"}}}"#;
    Arc::get_mut(&mut limited).unwrap().boundary = Some(set(Kind::Boundary, boundary));
    let directory = directory(vec![limited], Vec::new(), EVERYTHING, Some(&shared));
    let found = who_can(&directory, &asked("x:Get", THING));
    let ann = found
        .iter()
        .find(|who| who.principal.ends_with("user/ann"))
        .unwrap();
    assert_eq!(ann.answer, Answer::UnderConditions);
    // By its own policies within the boundary, or by the resource's policy, which no boundary limits.
    assert_eq!(
        ways(ann),
        [
            "Bool aws:MultiFactorAuthPresent: true | StringEquals x:a: 1 & StringEquals x:b: 2",
            "IpAddress aws:SourceIp: 10.0.0.0/8",
        ]
    );
}

#[test]
fn outsiders_whom_a_conditioned_star_admits_are_told() {
    let policy = |condition: &str| {
        format!(
            r#"{{"Effect":"Allow","Principal":"*","Action":"x:Get","Resource":"*","Condition":{condition}}}"#
        )
    };
    let answer = |condition: &str| {
        let directory = directory(Vec::new(), Vec::new(), EVERYTHING, Some(&policy(condition)));
        let found = who_can(&directory, &asked("x:Get", THING));
        found.into_iter().find(|who| who.principal == "*")
    };
    let other = answer(r#"{"StringEquals":{"aws:PrincipalAccount":"333333333333"}}"#).unwrap();
    assert!(other.is_outside);
    assert_eq!(other.answer, Answer::UnderConditions);
    assert_eq!(
        ways(&other),
        ["StringEquals aws:PrincipalAccount: 333333333333"]
    );
    let org = answer(r#"{"StringEquals":{"aws:PrincipalOrgID":"o-other"}}"#).unwrap();
    assert_eq!(ways(&org), ["StringEquals aws:PrincipalOrgID: o-other"]);
    // Nobody outside of the bundle belongs to the organization.
    assert_eq!(
        answer(r#"{"StringEquals":{"aws:PrincipalOrgID":"o-x"}}"#),
        None
    );
    // Whom anonymity lets in is told of once.
    assert_eq!(answer("{}"), None);
    let address = answer(r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#).unwrap();
    assert_eq!(ways(&address), ["IpAddress aws:SourceIp: 10.0.0.0/8"]);
}

#[test]
fn federated_sessions_are_told_with_their_user() {
    let makes = r#"{"Effect":"Allow","Action":"sts:GetFederationToken","Resource":"*"}"#;
    let gets = r#"{"Effect":"Allow","Action":"x:Get","Resource":"*"}"#;
    let policy = format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:sts::{HOME}:federated-user/bob"}},"Action":"x:Put","Resource":"*"}}"#
    );
    let mfa = r#"{"Effect":"Allow","Action":"x:Drop","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}"#;
    let directory = directory(
        vec![
            user("ann", &format!("{makes},{gets},{mfa}")),
            user("eve", gets),
        ],
        Vec::new(),
        EVERYTHING,
        Some(&policy),
    );
    let federated = |action: &str| -> Vec<(String, Answer, Option<String>)> {
        let found = who_can(&directory, &asked(action, THING)).into_iter();
        found
            .filter(|who| who.principal.contains(":federated-user/"))
            .map(|who| (who.principal, who.answer, who.made_by.map(Into::into)))
            .collect()
    };
    let any = format!("arn:aws:sts::{HOME}:federated-user/*");
    let ann = format!("arn:aws:iam::{HOME}:user/ann");
    assert_eq!(federated("x:Get"), [(any, Answer::Allowed, Some(ann))]);
    let bob = federated("x:Put");
    assert_eq!(bob.len(), 1);
    assert!(bob[0].0.ends_with("federated-user/bob") && bob[0].1 == Answer::Allowed);
    // Such a session has no second factor.
    assert_eq!(federated("x:Drop"), []);
}

#[test]
fn a_silent_layer_is_told_where_all_others_agree() {
    let gets = r#"{"Effect":"Allow","Action":"x:*","Resource":"*"}"#;
    let elsewhere = "arn:aws:x::444444444444:a";
    let mute = r#"{"Effect":"Allow","Action":"y:*","Resource":"*"}"#;
    let role = role("app", &trusting(&format!("{{\"AWS\":\"{HOME}\"}}")), gets);
    let trust_us = role.arn.to_string();
    let assume = r#"{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}"#;
    let directory = directory(
        vec![user("ann", gets), user("bob", mute), user("max", assume)],
        vec![role],
        EVERYTHING,
        None,
    );
    // Ann's own policies allow it, the resource of another account says nothing; of bob nobody speaks.
    let found = who_can(&directory, &asked("x:Get", elsewhere));
    assert_eq!(
        answers(&found),
        [
            ("role/team/app", Answer::RefusedByOneLayer),
            ("user/ann", Answer::RefusedByOneLayer)
        ]
    );
    assert_eq!(found[1].refused_by, Some(LayerKind::Resource));
    // In the own account nobody is told who has no permission at all.
    let found = who_can(&directory, &asked("x:Get", THING));
    assert!(!answers(&found).iter().any(|(name, _)| *name == "user/bob"));
    // The trust policy names the account; max may, the others lack an Allow of their own.
    let found = who_can(&directory, &asked("sts:AssumeRole", &trust_us));
    let of = |name: &str| {
        found
            .iter()
            .find(|who| who.principal.ends_with(name))
            .unwrap()
    };
    assert_eq!(of("user/max").answer, Answer::Allowed);
    assert_eq!(of("user/bob").refused_by, Some(LayerKind::Identity));
}

#[test]
fn groups_that_a_token_names_count() {
    let gets = r#"{"Effect":"Allow","Action":"x:*","Resource":"*"}"#;
    let group = Arc::new(Group {
        arn: format!("arn:aws:iam::{HOME}:group/ops").into(),
        id: "AGPAX".into(),
        name: "ops".into(),
        path: "/".into(),
        account: home(),
        policies: set(Kind::Identity, gets),
        created: None,
    });
    let mute = r#"{"Effect":"Allow","Action":"y:*","Resource":"*"}"#;
    let mut member = user("max", mute);
    Arc::get_mut(&mut member).unwrap().groups = vec![Arc::clone(&group)];
    let directory = |providers: Vec<Arc<Provider>>| {
        let users = vec![user("ann", mute), Arc::clone(&member)];
        Directory::new(Parts {
            groups: vec![Arc::clone(&group)],
            providers,
            ..parts(users, Vec::new(), EVERYTHING, None)
        })
    };
    let silent = who_can(&directory(Vec::new()), &asked("x:Get", THING));
    assert!(!answers(&silent).iter().any(|(name, _)| *name == "user/ann"));
    let found = who_can(&directory(vec![provider()]), &asked("x:Get", THING));
    let ann = found
        .iter()
        .find(|who| who.principal.ends_with("user/ann"))
        .unwrap();
    assert_eq!(ann.answer, Answer::UnderConditions);
    let claimed = ann.claimed.as_ref().unwrap();
    assert_eq!((&*claimed.group, &*claimed.provider), ("ops", "corp"));
    let max: Vec<_> = found
        .iter()
        .filter(|who| who.principal.ends_with("user/max"))
        .collect();
    assert_eq!(max.len(), 1);
    assert_eq!((max[0].answer, &max[0].claimed), (Answer::Allowed, &None));
}

/// Of a token's groups one may allow and another deny: together they deny.
#[test]
fn a_group_that_denies_is_told_beside_one_that_allows() {
    let group = |name: &str, statements: &str| {
        Arc::new(Group {
            arn: format!("arn:aws:iam::{HOME}:group/{name}").into(),
            id: format!("AGPA{name}").into(),
            name: name.into(),
            path: "/".into(),
            account: home(),
            policies: set(Kind::Identity, statements),
            created: None,
        })
    };
    let mute = r#"{"Effect":"Allow","Action":"y:*","Resource":"*"}"#;
    let gets = r#"{"Effect":"Allow","Action":"x:*","Resource":"*"}"#;
    let ops = group("ops", gets);
    let barred = group(
        "barred",
        r#"{"Effect":"Deny","Action":"x:*","Resource":"*"}"#,
    );
    let elsewhere = group(
        "elsewhere",
        r#"{"Effect":"Deny","Action":"x:*","Resource":"arn:aws:other:::*"}"#,
    );
    let at_night = group(
        "night",
        r#"{"Effect":"Deny","Action":"x:*","Resource":"*","Condition":{"Bool":{"x:night":"true"}}}"#,
    );
    let mut member = user("max", gets);
    Arc::get_mut(&mut member).unwrap().groups = vec![Arc::clone(&barred)];
    let users = vec![user("ann", mute), user("bob", gets), member];
    let directory = |providers: Vec<Arc<Provider>>| {
        Directory::new(Parts {
            groups: vec![
                Arc::clone(&ops),
                Arc::clone(&barred),
                Arc::clone(&elsewhere),
                Arc::clone(&at_night),
            ],
            providers,
            ..parts(users.clone(), Vec::new(), EVERYTHING, None)
        })
    };
    let told = |found: &[Who]| -> Vec<String> {
        let users = found.iter().filter(|who| {
            who.principal.contains(":user/") && who.answer != Answer::RefusedByOneLayer
        });
        users
            .map(|who| {
                let groups = (who.unless_claimed.iter()).map(|refusing| {
                    let conditions = conditions(&refusing.unless).join(", ");
                    format!("{} {conditions}", refusing.claimed.group)
                        .trim_end()
                        .to_owned()
                });
                let name = who.principal.rsplit('/').next().unwrap_or_default();
                let by = who.claimed.as_ref().map_or("", |claimed| &*claimed.group);
                format!("{name} by `{by}` unless {:?}", groups.collect::<Vec<_>>())
            })
            .collect()
    };
    let found = who_can(&directory(vec![provider()]), &asked("x:Get", THING));
    assert_eq!(
        told(&found),
        [
            r#"ann by `ops` unless ["barred", "night Bool x:night: true"]"#,
            r#"bob by `` unless ["barred", "night Bool x:night: true"]"#,
        ]
    );
    // Where no token names groups, a member's groups are all there is.
    let found = who_can(&directory(Vec::new()), &asked("x:Get", THING));
    assert_eq!(told(&found), ["bob by `` unless []"]);
}

/// What is said decides: no statement whose conditions a request would have to meet first.
#[test]
fn the_statement_that_is_named_decides() {
    let fresh = r#"{"Sid":"Fresh","Effect":"Allow","Action":"x:*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}"#;
    let gets = r#"{"Sid":"Gets","Effect":"Allow","Action":"x:Get","Resource":"*"}"#;
    let inside = r#"{"Sid":"Inside","Effect":"Allow","Action":"x:Put","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}"#;
    let group = Arc::new(Group {
        arn: format!("arn:aws:iam::{HOME}:group/ops").into(),
        id: "AGPAX".into(),
        name: "ops".into(),
        path: "/".into(),
        account: home(),
        policies: set(Kind::Identity, &format!("{gets},{inside}")),
        created: None,
    });
    let users = vec![user("ann", fresh), user("bob", &format!("{fresh},{gets}"))];
    let directory = Directory::new(Parts {
        groups: vec![group],
        providers: vec![provider()],
        ..parts(users, Vec::new(), EVERYTHING, None)
    });
    let told = |action: &str| -> Vec<(String, Vec<String>, Option<String>)> {
        let found = who_can(&directory, &asked(action, THING)).into_iter();
        found
            .filter(|who| who.principal.contains(":user/"))
            .map(|who| {
                let words = who.words.split_once("user/").unwrap().1.to_owned();
                let group = who
                    .claimed
                    .as_ref()
                    .map(|claimed| claimed.group.to_string());
                (words, ways(&who), group)
            })
            .collect()
    };
    let (mfa, address) = (
        "Bool aws:MultiFactorAuthPresent: true",
        "IpAddress aws:SourceIp: 10.0.0.0/8",
    );
    let words =
        |name: &str, action: &str, rest: &str| format!("{name} may {action} on {THING}{rest}");
    let ops = Some("ops".to_owned());
    assert_eq!(
        told("x:Get"),
        [
            (
                words("ann", "x:Get", " under conditions"),
                vec![mfa.to_owned()],
                None
            ),
            (
                words(
                    "ann",
                    "x:Get",
                    ": an identity-based policy allows it, p, statement 0 (Gets)"
                ),
                vec![],
                ops.clone()
            ),
            (
                words(
                    "bob",
                    "x:Get",
                    ": an identity-based policy allows it, p, statement 1 (Gets)"
                ),
                vec![],
                None
            ),
        ]
    );
    // The group opens a way besides.
    let (own, more) = (vec![mfa.to_owned()], vec![format!("{mfa} | {address}")]);
    assert_eq!(
        told("x:Put"),
        ["ann", "bob"]
            .into_iter()
            .flat_map(|name| {
                let words = words(name, "x:Put", " under conditions");
                [
                    (words.clone(), own.clone(), None),
                    (words, more.clone(), ops.clone()),
                ]
            })
            .collect::<Vec<_>>()
    );
}
