//! What is remembered of session tokens, and for how long.

use std::time::Duration;

use crate::sts::Keyring;
use crate::sts::token::{Federation, Tag};

use super::*;

const ROLE: &str = "arn:aws:iam::555566667777:role/deploy";

fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000)
}

fn asked() -> sts::Session {
    let who = Who::Role {
        role: ROLE.into(),
        id: "AROA1".into(),
        name: "run".into(),
    };
    sts::Session::asked(who, now(), now().plus(Duration::from_secs(900)))
}

fn setting() -> (Arc<Keys>, Opener) {
    let keys = Arc::new(Keys::new(Keyring::new(now()).unwrap()));
    (Arc::clone(&keys), Opener::new(keys))
}

#[test]
fn a_session_is_what_its_token_holds() {
    let (keys, opener) = setting();
    let mut session = asked();
    session.bearer = true;
    session.mfa = Mfa::Yes(Some(now()));
    session.source_identity = Some("dana".into());
    session.policy = Some(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"a:*","Resource":"*"}}"#
            .into(),
    );
    session.policy_arns = vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".into()];
    session.tags = vec![
        Tag {
            key: "Team".into(),
            value: "a".into(),
            transitive: true,
        },
        Tag {
            key: "Own".into(),
            value: "b".into(),
            transitive: false,
        },
    ];
    session.federation = Some(Federation {
        provider: "arn:aws:iam::555566667777:oidc-provider/IDP.example/x".into(),
        issuer: "IDP.example/x".into(),
        claims: vec![("sub".into(), vec!["main".into()])],
    });
    let issued = keys.issue(session, now()).unwrap();
    let found = opener.open(issued.token.expose(), now()).unwrap();
    assert_eq!(found.access_key, issued.session.access_key());
    assert_eq!(
        found.secret.expose(),
        issued.session.secret().unwrap().expose()
    );
    assert!(found.bearer && found.mfa_present == Some(true));
    assert_eq!(found.mfa_authenticated_at, Some(now()));
    assert_eq!(found.policies.as_ref().unwrap().policies().len(), 1);
    assert_eq!(found.policy_arns.len(), 1);
    assert_eq!(found.tags.len(), 2);
    assert_eq!(found.transitive_tags, [Box::<str>::from("Team")]);
    let claims = found.claims.as_ref().unwrap();
    assert_eq!(&*claims[0].0, "idp.example/x:sub");
    assert_eq!(
        found.of,
        SessionOf::Role {
            arn: ROLE.into(),
            name: "run".into()
        }
    );
}

#[test]
fn a_token_is_opened_once_and_forgotten_at_its_end() {
    let (keys, opener) = setting();
    let token = keys.issue(asked(), now()).unwrap().token;
    let token = token.expose();
    let first = opener.open(token, now()).unwrap();
    assert!(Arc::ptr_eq(&first, &opener.open(token, now()).unwrap()));
    assert_eq!(opener.remembered(), 1);
    let end = now().plus(Duration::from_secs(900));
    assert_eq!(
        opener.open(token, end).unwrap_err().reason,
        Reason::ExpiredCredential
    );
    assert_eq!(opener.remembered(), 0);
}

#[test]
fn another_keyring_forgets_all() {
    let (keys, opener) = setting();
    let token = keys.issue(asked(), now()).unwrap().token;
    opener.open(token.expose(), now()).unwrap();
    keys.replace(Keyring::new(now()).unwrap());
    assert_eq!(
        opener.open(token.expose(), now()).unwrap_err().reason,
        Reason::BadSignature
    );
}

#[test]
fn refusals_are_not_remembered() {
    let (_, opener) = setting();
    for number in 0..100 {
        let token = format!("sgs1_abcdefgh_{number}");
        assert!(opener.open(&token, now()).is_err());
    }
    assert!(opener.open(&"x".repeat(5000), now()).is_err());
    assert_eq!(opener.remembered(), 0);
}

#[test]
fn root_and_federated_sessions() {
    let (keys, opener) = setting();
    let open = |who: Who| {
        let session = sts::Session::asked(who, now(), now().plus(Duration::from_secs(900)));
        let token = keys.issue(session, now()).unwrap().token;
        opener.open(token.expose(), now()).unwrap().of.clone()
    };
    let root = Who::User {
        user: "arn:aws:iam::555566667777:root".into(),
        id: "555566667777".into(),
    };
    assert!(
        matches!(open(root), SessionOf::Root { account } if account.as_str() == "555566667777")
    );
    let federated = Who::Federated {
        user: "arn:aws:iam::555566667777:user/a".into(),
        id: "AIDA1".into(),
        name: "bob".into(),
    };
    assert!(matches!(open(federated), SessionOf::Federated { name, .. } if &*name == "bob"));
}
