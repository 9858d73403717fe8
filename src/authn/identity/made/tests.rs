use std::time::Duration;

use super::*;
use crate::authn::{Authenticator, Settings, Verified};
use crate::clock::{Clock, Timestamp};
use crate::directory::{Account, Group, Parts, PasswordPolicy};
use crate::outcome::Reason;
use crate::policy::context::{Map, Value};
use crate::secret::Secret;

const ACCOUNT: &str = "222222222222";
const ALICE: &str = "arn:aws:iam::222222222222:user/team/alice";
const DEPLOY: &str = "arn:aws:iam::222222222222:role/ci/deploy";

fn account() -> AccountId {
    AccountId::parse(ACCOUNT).unwrap()
}

fn tags(pairs: &[(&str, &str)]) -> Tags {
    let pairs = pairs.iter();
    pairs.map(|(k, v)| ((*k).into(), (*v).into())).collect()
}

fn directory() -> Directory {
    let group = Arc::new(Group {
        arn: "arn:aws:iam::222222222222:group/admins".into(),
        id: "AGPA1".into(),
        name: "admins".into(),
        path: "/".into(),
        account: account(),
        policies: PolicySet::default(),
        created: None,
    });
    let alice = User {
        arn: ALICE.into(),
        id: "AIDA1".into(),
        name: "alice".into(),
        path: "/team/".into(),
        account: account(),
        tags: tags(&[("Team", "images"), ("tier", "gold")]),
        policies: PolicySet::default(),
        groups: vec![group],
        boundary: None,
        mfa_devices: Vec::new(),
        bearer: true,
        created: None,
    };
    let deploy = Role {
        arn: DEPLOY.into(),
        id: "AROA1".into(),
        name: "deploy".into(),
        path: "/ci/".into(),
        account: account(),
        tags: tags(&[("Team", "images"), ("tier", "gold")]),
        trust: PolicySet::default(),
        policies: PolicySet::default(),
        boundary: None,
        max_session_duration: 3600,
        bearer: true,
        permission_set: None,
        created: None,
        description: None,
    };
    Directory::new(Parts {
        partition: "aws".into(),
        accounts: vec![Account {
            id: account(),
            name: "security".into(),
            alias: None,
            tags: Vec::new(),
            password_policy: PasswordPolicy::default(),
        }],
        users: vec![Arc::new(alice)],
        roles: vec![Arc::new(deploy)],
        ..Parts::default()
    })
}

fn session(of: SessionOf) -> Session {
    let issued_at = Timestamp::from_seconds(1_000_000);
    let id = match &of {
        SessionOf::Role { .. } => "AROA1",
        SessionOf::User { .. } | SessionOf::Federated { .. } => "AIDA1",
        SessionOf::Root { .. } => ACCOUNT,
    };
    Session {
        of,
        id: id.into(),
        policy_arns: Vec::new(),
        claims: None,
        access_key: "ASIAEXAMPLE".into(),
        secret: Secret::new("x".into()),
        bearer: false,
        policies: None,
        tags: tags(&[("team", "blue"), ("project", "x")]),
        transitive_tags: vec!["project".into()],
        source_identity: Some("alice".into()),
        federated_provider: None,
        mfa_present: Some(true),
        mfa_authenticated_at: Some(issued_at),
        issued_at,
        expires_at: issued_at.plus(Duration::from_secs(3600)),
    }
}

fn text<'i>(identity: &'i Identity, key: &str) -> Option<&'i str> {
    match identity.context_value(key) {
        Some(Value::Text(text)) => Some(text),
        None => None,
        Some(other) => panic!("{key}: {other:?}"),
    }
}

#[test]
fn a_user_and_its_own_session() {
    let directory = directory();
    let user = Identity::of_user(&directory, directory.user(ALICE).unwrap());
    assert_eq!(user.principal.name(), ALICE);
    assert_eq!(text(&user, "aws:principaltype"), Some("User"));
    assert_eq!(text(&user, "aws:username"), Some("alice"));
    assert_eq!(text(&user, "aws:userid"), Some("AIDA1"));
    assert_eq!(text(&user, "aws:principaltag/team"), Some("images"));
    assert_eq!(user.groups.len(), 1);
    // A long-lived key says neither when it was issued nor by how many factors.
    assert!(user.context_value("aws:tokenissuetime").is_none());
    assert!(user.context_value("aws:multifactorauthpresent").is_none());
    assert!(user.session_policies.is_none() && user.expires_at.is_none());

    let of = SessionOf::User { arn: ALICE.into() };
    let own = Identity::of_session(&directory, &session(of)).unwrap();
    assert_eq!(own.principal, user.principal);
    assert!(own.session_policies.is_none(), "all that the user may");
    assert!(matches!(
        own.context_value("aws:multifactorauthpresent"),
        Some(Value::Bool(true))
    ));
    assert_eq!(own.issued_at, Some(Timestamp::from_seconds(1_000_000)));
    assert_eq!(own.expires_at, Some(Timestamp::from_seconds(1_003_600)));
}

#[test]
fn a_root_user() {
    let directory = directory();
    let root = Identity::of_root(&directory, account()).unwrap();
    let arn = "arn:aws:iam::222222222222:root";
    assert_eq!(text(&root, "aws:principalarn"), Some(arn));
    assert_eq!(text(&root, "aws:principaltype"), Some("Account"));
    assert_eq!(text(&root, "aws:userid"), Some(ACCOUNT));
    assert_eq!(text(&root, "aws:username"), None);
    let stranger = AccountId::parse("999999999999").unwrap();
    assert!(Identity::of_root(&directory, stranger).is_none());
    let of = SessionOf::Root { account: account() };
    let own = Identity::of_session(&directory, &session(of)).unwrap();
    assert_eq!(own.principal, root.principal);
}

#[test]
fn a_role_session() {
    let directory = directory();
    let of = SessionOf::Role {
        arn: DEPLOY.into(),
        name: "run-7".into(),
    };
    let made = Identity::of_session(&directory, &session(of)).unwrap();
    let arn = "arn:aws:sts::222222222222:assumed-role/deploy/run-7";
    assert_eq!(made.principal.name(), arn);
    assert_eq!(text(&made, "aws:principalarn"), Some(DEPLOY));
    assert_eq!(text(&made, "aws:userid"), Some("AROA1:run-7"));
    assert_eq!(text(&made, "aws:username"), None);
    assert_eq!(text(&made, "aws:principaltag/team"), Some("blue"));
    assert_eq!(text(&made, "aws:principaltag/tier"), Some("gold"));
    assert_eq!(text(&made, "aws:sourceidentity"), Some("alice"));
    assert_eq!(made.transitive_tags, [Box::<str>::from("project")]);
    assert!(made.session_policies.is_none());
}

#[test]
fn a_federated_user_may_nothing_without_session_policies() {
    let directory = directory();
    let of = SessionOf::Federated {
        by: ALICE.into(),
        name: "bob".into(),
    };
    let made = Identity::of_session(&directory, &session(of)).unwrap();
    let arn = "arn:aws:sts::222222222222:federated-user/bob";
    assert_eq!(text(&made, "aws:principalarn"), Some(arn));
    assert_eq!(text(&made, "aws:userid"), Some("222222222222:bob"));
    assert_eq!(text(&made, "aws:username"), None);
    assert!(made.session_policies.is_some_and(|set| set.is_empty()));
    assert!(made.user.is_some() && made.groups.len() == 1);
}

#[test]
fn whoever_is_not_in_the_directory_is_nobody() {
    let directory = directory();
    for of in [
        SessionOf::Role {
            arn: "arn:aws:iam::222222222222:role/deploy".into(),
            name: "x".into(),
        },
        SessionOf::User { arn: DEPLOY.into() },
        SessionOf::Root {
            account: AccountId::parse("999999999999").unwrap(),
        },
        SessionOf::Federated {
            by: "arn:aws:iam::222222222222:user/alice".into(),
            name: "x".into(),
        },
    ] {
        assert!(Identity::of_session(&directory, &session(of)).is_none());
    }
}

#[test]
fn a_sessions_principal_is_made_once_for_each_snapshot() {
    let authenticator = Authenticator::new(Settings::default(), Clock::machine());
    let nothing = Map::new();
    let identify = |verified: &Verified, snapshot: &str, directory: &Directory| {
        authenticator.identify(verified, snapshot, directory, None, &nothing)
    };
    let opened = || {
        let of = SessionOf::Role {
            arn: DEPLOY.into(),
            name: "release".into(),
        };
        let session = Session {
            bearer: true,
            ..session(of)
        };
        Verified::Session(Arc::new(session))
    };
    let (directory, empty) = (directory(), Directory::new(Parts::default()));
    let (one, other) = (opened(), opened());
    let first = identify(&one, "before", &directory).unwrap();
    let again = identify(&one, "before", &directory).unwrap();
    assert!(Arc::ptr_eq(&first, &again) && first.is_lasting());
    let others = identify(&other, "before", &directory).unwrap();
    assert!(!Arc::ptr_eq(&first, &others));
    // The role is gone, and stays so however often it is asked for.
    for _ in 0..2 {
        let refused = identify(&one, "after", &empty).unwrap_err();
        assert_eq!(refused.reason, Reason::NoPrincipal);
    }
    let chosen = authenticator.identify(&one, "before", &directory, Some(DEPLOY), &nothing);
    assert_eq!(chosen.unwrap_err().reason, Reason::RoleNotOffered);
}
