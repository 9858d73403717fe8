//! A small world: two accounts, a user in each, groups, roles as a test needs them, and tokens to map.

use std::collections::BTreeMap;

use crate::arn::AccountId;
use crate::authn::jwks::KeySet;
use crate::authn::jwt::Unverified;
use crate::authn::mapping::*;
use crate::authn::testing::{header, idp, now, payload, signers};
use crate::directory::provider::Algorithm;
use crate::directory::{Account, Level, Organization, Parts, PasswordPolicy, Place};
use crate::policy::context::Map;
use crate::policy::{Kind, Policy, PolicySet, parse};

pub(super) const SECURITY: &str = "222222222222";
pub(super) const PRODUCTION: &str = "555566667777";
pub(super) const PROVIDER: &str = "arn:aws:iam::555566667777:oidc-provider/idp.example";

pub(super) fn account(id: &str) -> AccountId {
    AccountId::parse(id).unwrap()
}

pub(super) fn policies(text: &str, kind: Kind) -> PolicySet {
    let document = parse(text, kind, "test.json").unwrap();
    PolicySet::new(vec![Arc::new(Policy::compile(&document, "test"))])
}

/// A trust policy for the provider in `account`, with these actions (JSON) and condition.
pub(super) fn trust(account: &str, actions: &str, condition: &str) -> PolicySet {
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",
            "Principal":{{"Federated":"arn:aws:iam::{account}:oidc-provider/idp.example"}},
            "Action":{actions},"Condition":{condition}}}]}}"#
    );
    policies(&text, Kind::Trust)
}

pub(super) const ASSUME: &str = r#""sts:AssumeRoleWithWebIdentity""#;
pub(super) const ALL_THREE: &str =
    r#"["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"]"#;

pub(super) fn role(id: &str, name: &str, trust: PolicySet) -> Role {
    Role {
        arn: Arn::role("aws", account(id), "/", name).as_str().into(),
        id: format!("AROA{name}").into(),
        name: name.into(),
        path: "/".into(),
        account: account(id),
        tags: vec![
            ("team".into(), "stored".into()),
            ("Tier".into(), "gold".into()),
        ],
        trust,
        policies: PolicySet::default(),
        boundary: None,
        max_session_duration: 3600,
        bearer: true,
        permission_set: None,
        created: None,
        description: None,
    }
}

pub(super) fn group(name: &str) -> Arc<Group> {
    Arc::new(Group {
        arn: Arn::group("aws", account(SECURITY), "/", name)
            .as_str()
            .into(),
        id: format!("AGPA{name}").into(),
        name: name.into(),
        path: "/".into(),
        account: account(SECURITY),
        policies: PolicySet::default(),
        created: None,
    })
}

pub(super) fn world(roles: Vec<Role>, rcp: Option<&str>) -> Directory {
    let place = |rcps: Vec<PolicySet>| Place {
        path: "o-x/r-y/".into(),
        levels: Vec::<Level>::new(),
        scps: Vec::new(),
        rcps,
    };
    let rcps = rcp.map(|text| policies(text, Kind::Rcp)).into_iter();
    let places = BTreeMap::from([
        (account(SECURITY), place(Vec::new())),
        (account(PRODUCTION), place(rcps.collect())),
    ]);
    let users = [SECURITY, PRODUCTION].map(|id| {
        Arc::new(User {
            arn: Arn::user("aws", account(id), "/", "alice").as_str().into(),
            id: "AIDAALICE".into(),
            name: "alice".into(),
            path: "/".into(),
            account: account(id),
            tags: vec![("team".into(), "red".into())],
            policies: PolicySet::default(),
            groups: vec![group("staff")],
            boundary: None,
            mfa_devices: Vec::new(),
            bearer: true,
            created: None,
        })
    });
    Directory::new(Parts {
        partition: "aws".into(),
        organization: Some(Organization {
            id: "o-x".into(),
            management_account: account("111111111111"),
            places,
        }),
        accounts: [SECURITY, PRODUCTION]
            .map(|id| Account {
                id: account(id),
                name: id.into(),
                alias: None,
                tags: Vec::new(),
                password_policy: PasswordPolicy::default(),
            })
            .into(),
        users: users.into(),
        groups: vec![group("staff"), group("dev")],
        roles: roles.into_iter().map(Arc::new).collect(),
        ..Parts::default()
    })
}

/// A verified token of a provider with this `map`, with these claims added.
pub(super) fn token(map: &str, claims: &str) -> Arc<VerifiedToken> {
    token_saying(map, &payload(claims))
}

/// The same with this payload.
pub(super) fn token_saying(map: &str, payload: &str) -> Arc<VerifiedToken> {
    let provider = idp(&format!(r#","map":{map}"#));
    let keys = KeySet::read(signers().jwks().as_bytes()).unwrap();
    let algorithm = Algorithm::EdDsa;
    let text = signers()
        .ed
        .token(algorithm, &header(algorithm, "ed"), payload);
    let digest = crate::authn::sha256(text.as_bytes());
    let unverified = Unverified::parse(&text).unwrap();
    Arc::new(unverified.verify(&provider, &keys, now(), digest).unwrap())
}

pub(super) fn identify_in(
    directory: &Directory,
    token: &Arc<VerifiedToken>,
    chosen: Option<&str>,
) -> Result<Identity, Reason> {
    let mut request = Map::new();
    request.set("aws:SourceIp", "10.0.0.1");
    // Keys that are not the request's to say.
    request.set("sts:RoleSessionName", "root");
    request.set("idp.example:sub", "root");
    request.set("aws:ResourceAccount", "999999999999");
    identify(token, directory, chosen, &request).map_err(|failure| failure.reason)
}

pub(super) fn text(identity: &Identity, key: &str) -> Option<String> {
    identity
        .context_value(key)
        .map(|value| value.with_text(str::to_owned))
}

pub(super) const ROLE: &str = r#"{"role":"{claim:realm_access.roles|strip:app-}"}"#;
pub(super) const ROLES_DEV: &str = r#","realm_access":{"roles":["app-dev","other"]}"#;

pub(super) fn arn(name: &str) -> String {
    format!("arn:aws:iam::{SECURITY}:role/{name}")
}
