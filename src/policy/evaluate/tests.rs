use std::sync::Arc;

use super::*;
use crate::policy::context::Map;
use crate::policy::document::{Kind, parse};
use crate::policy::layers::ResourceKind;
use crate::policy::{Policy, Principal, explain};

fn set(kind: Kind, statements: &[&str]) -> PolicySet {
    let policies = statements
        .iter()
        .enumerate()
        .map(|(number, statement)| {
            let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
            let document = parse(&text, kind, "t")
                .unwrap_or_else(|report| panic!("{statement}: {:?}", report.faults()));
            Arc::new(Policy::compile(&document, &format!("p{number}")))
        })
        .collect();
    PolicySet::new(policies)
}

fn user() -> Principal {
    Principal::User {
        account: "111111111111".into(),
        arn: "arn:aws:iam::111111111111:user/team/ann".into(),
    }
}

fn session() -> Principal {
    Principal::RoleSession {
        account: "111111111111".into(),
        arn: "arn:aws:sts::111111111111:assumed-role/app/s1".into(),
        role_arn: "arn:aws:iam::111111111111:role/team/app".into(),
    }
}

fn role() -> Principal {
    Principal::Role {
        account: "111111111111".into(),
        arn: "arn:aws:iam::111111111111:role/team/app".into(),
    }
}

fn federated_user() -> Principal {
    Principal::FederatedUser {
        account: "111111111111".into(),
        arn: "arn:aws:sts::111111111111:federated-user/bob".into(),
        user_arn: "arn:aws:iam::111111111111:user/team/ann".into(),
    }
}

fn root() -> Principal {
    Principal::Root {
        account: "111111111111".into(),
        arn: "arn:aws:iam::111111111111:root".into(),
    }
}

fn service() -> Principal {
    Principal::Service {
        name: "backup.amazonaws.com".into(),
    }
}

fn provider() -> Principal {
    Principal::Federated {
        provider: "arn:aws:iam::111111111111:oidc-provider/idp.example".into(),
    }
}

const ALLOW: &str = r#"{"Effect":"Allow","Action":"x:Do","Resource":"*"}"#;
const DENY: &str = r#"{"Sid":"No","Effect":"Deny","Action":"x:*","Resource":"*"}"#;
const OTHER: &str = r#"{"Effect":"Allow","Action":"y:Do","Resource":"*"}"#;

fn grant(principal: &str) -> String {
    format!(r#"{{"Effect":"Allow","Principal":{principal},"Action":"x:Do"}}"#)
}

fn refuse(principal: &str) -> String {
    format!(r#"{{"Effect":"Deny",{principal},"Action":"x:Do"}}"#)
}

/// A case in shorthand: statements of each layer; absent layers do not act.
#[derive(Default, Clone)]
struct Case<'c> {
    identity: &'c [&'c str],
    boundary: Option<&'c str>,
    session: Option<&'c str>,
    scps: &'c [&'c [&'c str]],
    rcps: &'c [&'c [&'c str]],
    resource: &'c [&'c str],
    kind: ResourceKind,
    account: Option<&'c str>,
}

fn decide(principal: &Principal, case: &Case<'_>) -> (Verdict, LayerKind) {
    let identity = set(Kind::Identity, case.identity);
    let boundary = case.boundary.map(|text| set(Kind::Boundary, &[text]));
    let session = case.session.map(|text| set(Kind::Session, &[text]));
    let scps: Vec<PolicySet> = case
        .scps
        .iter()
        .map(|level| set(Kind::Scp, level))
        .collect();
    let rcps: Vec<PolicySet> = case
        .rcps
        .iter()
        .map(|level| set(Kind::Rcp, level))
        .collect();
    let trust = case.kind == ResourceKind::Trust;
    let resource = set(
        if trust { Kind::Trust } else { Kind::Resource },
        case.resource,
    );
    let layers = Layers {
        identity: &[&identity],
        boundary: boundary.as_ref(),
        session: session.as_ref(),
        scps: &scps.iter().collect::<Vec<_>>(),
        rcps: &rcps.iter().collect::<Vec<_>>(),
        resource: &[&resource],
        resource_kind: case.kind,
    };
    let request = Request {
        principal,
        action: "x:Do",
        resource: "arn:aws:x:::thing",
        resource_account: case.account,
        context: &Map::new(),
    };
    let decision = evaluate(&request, &layers);
    let explained = explain(&request, &layers);
    assert_eq!(explained.decision, decision.verdict);
    assert_eq!(Some(explained.reason.layer), decision.layer);
    assert_eq!(explained.reason.policy.as_deref(), decision.policy);
    assert_eq!(explained.reason.statement, decision.statement);
    assert_eq!(explained.reason.sid.as_deref(), decision.sid);
    (decision.verdict, decision.layer.unwrap())
}

fn allowed(principal: &Principal, case: &Case<'_>) -> bool {
    decide(principal, case).0 == Verdict::Allowed
}

const SELF: &str = r#"{"AWS":"arn:aws:iam::111111111111:user/team/ann"}"#;
const SESSION: &str = r#"{"AWS":"arn:aws:sts::111111111111:assumed-role/app/s1"}"#;
const ROLE: &str = r#"{"AWS":"arn:aws:iam::111111111111:role/team/app"}"#;
const ACCOUNT: &str = r#"{"AWS":"111111111111"}"#;
const OTHERS: &str = r#"{"AWS":"222222222222"}"#;
const EVERYONE: &str = r#""*""#;

#[test]
fn same_account_rows() {
    let identity = Case {
        identity: &[ALLOW],
        ..Case::default()
    };
    assert!(allowed(&user(), &identity));
    assert!(!allowed(
        &user(),
        &Case {
            boundary: Some(OTHER),
            ..identity.clone()
        }
    ));
    assert!(allowed(
        &user(),
        &Case {
            boundary: Some(ALLOW),
            ..identity.clone()
        }
    ));
    assert!(!allowed(
        &session(),
        &Case {
            session: Some(OTHER),
            ..identity.clone()
        }
    ));
    assert!(allowed(
        &session(),
        &Case {
            session: Some(ALLOW),
            ..identity.clone()
        }
    ));
    assert!(!allowed(
        &user(),
        &Case {
            boundary: Some(ALLOW),
            ..Case::default()
        }
    ));
    assert!(!allowed(
        &user(),
        &Case {
            session: Some(ALLOW),
            ..Case::default()
        }
    ));
    // For each grant: alone, with a silent boundary, with a silent session policy.
    for (principal, named, alone, bounded, limited) in [
        (user(), SELF, true, true, true),
        (user(), ACCOUNT, false, false, false),
        (user(), EVERYONE, true, true, true),
        (user(), OTHERS, false, false, false),
        (session(), SESSION, true, true, true),
        (session(), ROLE, true, false, false),
        (session(), ACCOUNT, false, false, false),
        (role(), ROLE, true, false, false),
        (federated_user(), SELF, false, false, false),
    ] {
        let statement = grant(named);
        let resource = [&*statement];
        let case = Case {
            resource: &resource,
            ..Case::default()
        };
        assert_eq!(allowed(&principal, &case), alone, "{named}");
        let silent = Case {
            boundary: Some(OTHER),
            ..case.clone()
        };
        assert_eq!(allowed(&principal, &silent), bounded, "{named}");
        let silent = Case {
            session: Some(OTHER),
            ..case
        };
        assert_eq!(allowed(&principal, &silent), limited, "{named}");
    }
}

#[test]
fn federated_users_need_a_session_policy() {
    let own = grant(r#"{"AWS":"arn:aws:sts::111111111111:federated-user/bob"}"#);
    let parent = grant(SELF);
    let everyone = grant(EVERYONE);
    let with = |resource: &[&str], session: Option<&str>, identity: &[&str]| {
        allowed(
            &federated_user(),
            &Case {
                identity,
                session,
                resource,
                ..Case::default()
            },
        )
    };
    assert!(!with(&[], None, &[ALLOW]));
    assert!(with(&[], Some(ALLOW), &[ALLOW]));
    assert!(!with(&[&parent], None, &[ALLOW]));
    assert!(with(&[&parent], Some(ALLOW), &[]));
    assert!(with(&[&own], None, &[]));
    assert!(with(&[&everyone], None, &[]));
    let cross = Case {
        resource: &[&own],
        identity: &[ALLOW],
        account: Some("222222222222"),
        ..Case::default()
    };
    assert!(!allowed(&federated_user(), &cross));
    assert!(allowed(
        &federated_user(),
        &Case {
            session: Some(ALLOW),
            ..cross
        }
    ));
}

#[test]
fn cross_account_needs_both() {
    for named in [SELF, ACCOUNT, EVERYONE] {
        let statement = grant(named);
        let resource = [&*statement];
        let case = Case {
            resource: &resource,
            account: Some("222222222222"),
            ..Case::default()
        };
        assert_eq!(
            decide(&user(), &case),
            (Verdict::ImplicitDeny, LayerKind::Identity)
        );
        let both = Case {
            identity: &[ALLOW],
            ..case
        };
        assert!(allowed(&user(), &both), "{named}");
        let silent = Case {
            boundary: Some(OTHER),
            ..both.clone()
        };
        assert_eq!(
            decide(&user(), &silent),
            (Verdict::ImplicitDeny, LayerKind::Boundary)
        );
        let silent = Case {
            session: Some(OTHER),
            ..both
        };
        assert_eq!(
            decide(&user(), &silent),
            (Verdict::ImplicitDeny, LayerKind::Session)
        );
    }
    let alone = Case {
        identity: &[ALLOW],
        account: Some("222222222222"),
        ..Case::default()
    };
    assert_eq!(
        decide(&user(), &alone),
        (Verdict::ImplicitDeny, LayerKind::Resource)
    );
}

#[test]
fn every_level_of_scps_must_allow() {
    let case = Case {
        identity: &[ALLOW],
        ..Case::default()
    };
    let with = |scps: &[&[&str]]| {
        decide(
            &user(),
            &Case {
                scps,
                ..case.clone()
            },
        )
    };
    assert_eq!(with(&[&[ALLOW], &[OTHER, ALLOW]]).0, Verdict::Allowed);
    assert_eq!(
        with(&[&[ALLOW], &[OTHER]]),
        (Verdict::ImplicitDeny, LayerKind::Scp)
    );
    assert_eq!(
        with(&[&[ALLOW], &[]]),
        (Verdict::ImplicitDeny, LayerKind::Scp)
    );
    assert_eq!(
        with(&[&[ALLOW], &[ALLOW, DENY]]),
        (Verdict::ExplicitDeny, LayerKind::Scp)
    );
    // A grant to the requester itself does not lift an SCP.
    let own = grant(SELF);
    let resource = Case {
        resource: &[&own],
        scps: &[&[OTHER]],
        ..Case::default()
    };
    assert_eq!(
        decide(&user(), &resource),
        (Verdict::ImplicitDeny, LayerKind::Scp)
    );
    let linked = Principal::Role {
        account: "111111111111".into(),
        arn: "arn:aws:iam::111111111111:role/aws-service-role/x.amazonaws.com/X".into(),
    };
    assert!(allowed(
        &linked,
        &Case {
            scps: &[&[DENY]],
            ..case
        }
    ));
}

#[test]
fn rcps_only_deny() {
    let deny = r#"{"Effect":"Deny","Principal":"*","Action":"x:*","Resource":"*"}"#;
    let case = Case {
        identity: &[ALLOW],
        rcps: &[&[], &[]],
        ..Case::default()
    };
    assert!(allowed(&user(), &case));
    let denied = Case {
        rcps: &[&[deny]],
        ..case
    };
    assert_eq!(
        decide(&user(), &denied),
        (Verdict::ExplicitDeny, LayerKind::Rcp)
    );
    assert_eq!(decide(&root(), &denied).0, Verdict::ExplicitDeny);
    assert_eq!(decide(&service(), &denied).0, Verdict::ExplicitDeny);
    assert_eq!(
        decide(&Principal::Anonymous, &denied).0,
        Verdict::ExplicitDeny
    );
}

#[test]
fn a_deny_anywhere_wins() {
    let own = grant(SELF);
    let base = Case {
        identity: &[ALLOW],
        resource: &[&own],
        ..Case::default()
    };
    let account = refuse(&format!(r#""Principal":{ACCOUNT}"#));
    for case in [
        Case {
            identity: &[ALLOW, DENY],
            ..base.clone()
        },
        Case {
            boundary: Some(DENY),
            ..base.clone()
        },
        Case {
            session: Some(DENY),
            ..base.clone()
        },
        Case {
            scps: &[&[DENY, ALLOW]],
            ..base.clone()
        },
        // An implicit deny of an earlier layer does not hide it.
        Case {
            identity: &[],
            scps: &[&[OTHER]],
            session: Some(DENY),
            ..base.clone()
        },
        Case {
            resource: &[&own, &account],
            ..base.clone()
        },
    ] {
        assert_eq!(decide(&user(), &case).0, Verdict::ExplicitDeny);
    }
}

#[test]
fn whom_a_deny_names() {
    for (named, principals) in [
        (
            ACCOUNT,
            vec![user(), session(), role(), federated_user(), root()],
        ),
        (ROLE, vec![session(), role()]),
        (SESSION, vec![session()]),
        (SELF, vec![user(), federated_user()]),
        (r#"{"Service":"backup.amazonaws.com"}"#, vec![service()]),
        (
            r#"{"Federated":"arn:aws:iam::111111111111:oidc-provider/idp.example"}"#,
            vec![provider()],
        ),
        (OTHERS, vec![]),
    ] {
        for principal in [
            user(),
            session(),
            role(),
            federated_user(),
            root(),
            service(),
            provider(),
            Principal::Anonymous,
        ] {
            let hit = principals.contains(&principal);
            let statement = refuse(&format!(r#""Principal":{named}"#));
            let case = Case {
                resource: &[&statement],
                ..Case::default()
            };
            assert_eq!(
                decide(&principal, &case).0 == Verdict::ExplicitDeny,
                hit,
                "{named} {principal:?}"
            );
            let statement = refuse(&format!(r#""NotPrincipal":{named}"#));
            let case = Case {
                resource: &[&statement],
                ..Case::default()
            };
            assert_eq!(
                decide(&principal, &case).0 == Verdict::ExplicitDeny,
                !hit,
                "not {named} {principal:?}"
            );
            let bounded = Case {
                boundary: Some(ALLOW),
                ..case
            };
            let can_be_bounded = matches!(
                principal,
                Principal::User { .. }
                    | Principal::RoleSession { .. }
                    | Principal::Role { .. }
                    | Principal::FederatedUser { .. }
            );
            assert_eq!(
                decide(&principal, &bounded).0 == Verdict::ExplicitDeny,
                !hit || can_be_bounded,
                "bounded, not {named} {principal:?}"
            );
        }
    }
}

#[test]
fn trust_and_mandatory_policies() {
    for kind in [ResourceKind::Trust, ResourceKind::Mandatory] {
        let base = Case {
            kind,
            ..Case::default()
        };
        assert!(!allowed(
            &user(),
            &Case {
                identity: &[ALLOW],
                ..base.clone()
            }
        ));
        let own = grant(SELF);
        assert!(allowed(
            &user(),
            &Case {
                resource: &[&own],
                ..base.clone()
            }
        ));
        let account = grant(ACCOUNT);
        assert!(!allowed(
            &user(),
            &Case {
                resource: &[&account],
                ..base.clone()
            }
        ));
        assert!(allowed(
            &user(),
            &Case {
                resource: &[&account],
                identity: &[ALLOW],
                ..base.clone()
            }
        ));
        let role = grant(ROLE);
        assert!(allowed(
            &session(),
            &Case {
                resource: &[&role],
                ..base.clone()
            }
        ));
        assert!(!allowed(
            &session(),
            &Case {
                resource: &[&role],
                boundary: Some(OTHER),
                ..base.clone()
            }
        ));
        assert!(!allowed(&root(), &base));
        assert!(allowed(
            &root(),
            &Case {
                resource: &[&account],
                ..base.clone()
            }
        ));
        let cross = Case {
            resource: &[&own],
            account: Some("222222222222"),
            ..base
        };
        assert!(!allowed(&user(), &cross));
        assert!(allowed(
            &user(),
            &Case {
                identity: &[ALLOW],
                ..cross
            }
        ));
    }
}

#[test]
fn root_users() {
    assert!(allowed(&root(), &Case::default()));
    assert!(allowed(
        &root(),
        &Case {
            boundary: Some(DENY),
            ..Case::default()
        }
    ));
    assert_eq!(
        decide(
            &root(),
            &Case {
                scps: &[&[OTHER]],
                ..Case::default()
            }
        ),
        (Verdict::ImplicitDeny, LayerKind::Scp)
    );
    let cross = Case {
        account: Some("222222222222"),
        ..Case::default()
    };
    assert!(!allowed(&root(), &cross));
    let account = grant(ACCOUNT);
    assert!(allowed(
        &root(),
        &Case {
            resource: &[&account],
            ..cross
        }
    ));
}

#[test]
fn who_belongs_to_no_account() {
    let everyone = grant(EVERYONE);
    let aws = grant(r#"{"AWS":"*"}"#);
    let named = grant(r#"{"Service":"backup.amazonaws.com"}"#);
    let federated = grant(r#"{"Federated":"arn:aws:iam::111111111111:oidc-provider/idp.example"}"#);
    for (principal, statement, granted) in [
        (Principal::Anonymous, &everyone, true),
        (Principal::Anonymous, &aws, true),
        (Principal::Anonymous, &named, false),
        (service(), &named, true),
        (service(), &everyone, true),
        (service(), &federated, false),
        (provider(), &federated, true),
        (provider(), &named, false),
    ] {
        let case = Case {
            resource: &[statement],
            // None of these act on them.
            identity: &[DENY],
            boundary: Some(DENY),
            session: Some(DENY),
            scps: &[&[DENY]],
            ..Case::default()
        };
        assert_eq!(
            allowed(&principal, &case),
            granted,
            "{principal:?} {statement}"
        );
        assert!(!allowed(
            &principal,
            &Case {
                identity: &[ALLOW],
                ..Case::default()
            }
        ));
    }
}

#[test]
fn the_account_of_a_resource() {
    let identity = set(Kind::Identity, &[ALLOW]);
    let principal = user();
    for (resource, account, granted) in [
        ("arn:aws:x:::b", None, true),
        ("arn:aws:x::111111111111:b", None, true),
        ("arn:aws:x::222222222222:b", None, false),
        ("arn:aws:x::222222222222:b", Some("111111111111"), true),
        ("arn:aws:x:::b", Some("222222222222"), false),
        ("*", None, true),
        ("arn:aws:iam::aws:policy/P", None, true),
    ] {
        let request = Request {
            principal: &principal,
            action: "X:DO",
            resource,
            resource_account: account,
            context: &Map::new(),
        };
        let layers = Layers {
            identity: &[&identity],
            ..Layers::default()
        };
        assert_eq!(
            evaluate(&request, &layers).is_allowed(),
            granted,
            "{resource} {account:?}"
        );
    }
}

#[test]
fn large_sets_are_read_through_an_index() {
    let statements: Vec<String> = (0..200)
        .map(|n| {
            let effect = if n % 5 == 0 { "Deny" } else { "Allow" };
            format!(
                r#"{{"Effect":"{effect}","Action":["x:Do{}","y:*"],"Resource":"arn:aws:x:::{}/{n}*"}}"#,
                n % 7,
                n % 3
            )
        })
        .collect();
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    let all = set(Kind::Identity, &statements);
    assert_eq!(all.context_keys().len(), 0);
    let principal = user();
    let mut verdicts = std::collections::HashSet::new();
    for n in 0..400 {
        let resource = format!("arn:aws:x:::{}/{n}", n % 3);
        for action in ["x:do0", "x:do3", "y:any", "z:none"] {
            let request = Request {
                principal: &principal,
                action,
                resource: &resource,
                resource_account: None,
                context: &Map::new(),
            };
            let layers = Layers {
                identity: &[&all],
                ..Layers::default()
            };
            let fast = evaluate(&request, &layers).verdict;
            assert_eq!(fast, explain(&request, &layers).decision);
            verdicts.insert(fast);
        }
    }
    assert_eq!(verdicts.len(), 3);
}
