//! Trust policies, special requesters, whose a resource is, and large sets.

use super::*;

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
