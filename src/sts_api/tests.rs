//! Calls by users and root users with their own keys, and by what those get: who may call what.

use std::cell::RefCell;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request};
use serde_json::json;

use super::form::Form;
use super::server::Origin;
use super::*;
use crate::arn::AccountId;
use crate::authn::{KeyOwner, Opener, Settings};
use crate::bundle::{Files, Options};
use crate::cli::demo::signer::{self, Signed};
use crate::secret::Secret;
use crate::sts::Keyring;

mod asked;
mod federated;

const ALICE: &str = "arn:aws:iam::555566667777:user/alice";
const DEVICE: &str = "arn:aws:iam::555566667777:mfa/alice";
const ROOT_DEVICE: &str = "arn:aws:iam::555566667777:mfa/root-account-mfa-device";
const ADMIN: &str = "arn:aws:iam::555566667777:role/admin";
const CODE: &str = "123456";

#[derive(Debug)]
struct Own;

impl AccessKeys for Own {
    fn find(&self, id: &str) -> Option<(KeyOwner, Secret<Box<str>>)> {
        let owner = match id {
            "AKIAALICEALICEALICE1" => KeyOwner::User(ALICE.into()),
            "AKIABOBBYBOBBYBOBBY1" => KeyOwner::User("arn:aws:iam::555566667777:user/bob".into()),
            "AKIACAROLCAROLCAROL1" => KeyOwner::User("arn:aws:iam::555566667777:user/carol".into()),
            "AKIAROOTYROOTYROOTY1" => KeyOwner::Root(AccountId::parse("555566667777")?),
            "AKIAGONEEGONEEGONEE1" => KeyOwner::User("arn:aws:iam::555566667777:user/gone".into()),
            _ => return None,
        };
        Some((owner, Secret::new("secret".into())))
    }
}

#[derive(Debug)]
struct OneCode;

impl Factors for OneCode {
    fn check<'a>(&'a self, serial: &'a str, code: &'a str, _: Timestamp) -> Checking<'a> {
        Box::pin(std::future::ready(
            [DEVICE, ROOT_DEVICE].contains(&serial) && code == CODE,
        ))
    }
}

#[derive(Debug, Default)]
struct Once(std::sync::Mutex<std::collections::HashSet<Box<str>>>);

impl Assertions for Once {
    fn first<'a>(&'a self, assertion: &'a Assertion) -> Checking<'a> {
        let first = self.0.lock().unwrap().insert(assertion.id.clone());
        Box::pin(std::future::ready(first))
    }
}

/// Remembers how calls ended; full, it takes none.
#[derive(Default)]
struct Memory {
    seen: RefCell<Vec<(String, Reason)>>,
    full: bool,
}

impl Log for Memory {
    async fn put(&self, call: &Recorded<'_>) -> bool {
        let who = call
            .identity
            .map_or("-", |identity| identity.principal.name());
        self.seen.borrow_mut().push((who.to_owned(), call.reason));
        !self.full
    }

    fn note(&self, _: &Recorded<'_>) {}
}

fn files() -> Files {
    let allow = |more: serde_json::Value| {
        let mut statement = json!({"Effect": "Allow"});
        statement
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"Version": "2012-10-17", "Statement": statement})
    };
    let account = "accounts/555566667777-app";
    let mut files = Files::new();
    for (path, content) in [
        (
            "organization.yaml".to_owned(),
            json!({
                "partition": "aws", "id": "o-testtesttest", "management_account": "555566667777",
                "root": {"accounts": ["555566667777"]},
            }),
        ),
        (
            format!("{account}/account.yaml"),
            json!({"id": "555566667777", "name": "app"}),
        ),
        (
            format!("{account}/users/alice.yaml"),
            json!({
                "mfa_devices": [DEVICE],
                "inline_policies": {"sts": allow(json!({
                    "Action": ["sts:AssumeRole", "sts:GetFederationToken", "sts:TagSession", "sts:GetAccessKeyInfo"],
                    "Resource": "*",
                }))},
            }),
        ),
        (format!("{account}/users/bob.yaml"), json!({"path": "/"})),
        (
            format!("{account}/users/carol.yaml"),
            json!({"inline_policies": {"sts": json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "sts:*", "Resource": "*"},
                {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"},
            ]})}}),
        ),
        (
            format!("{account}/roles/people.yaml"),
            json!({"trust_policy": allow(json!({
                "Principal": {"Federated": "arn:aws:iam::555566667777:saml-provider/login"},
                "Action": "sts:AssumeRoleWithSAML",
                "Condition": {
                    "StringEquals": {
                        "saml:aud": "https://signin.sidegate.example/saml",
                        "saml:sub": "dana@login.example",
                        "saml:sub_type": "persistent",
                        "saml:iss": "https://login.example/saml/metadata",
                        "saml:doc": "555566667777/login",
                        "sts:RoleSessionName": "dana",
                    },
                    "ForAnyValue:StringEquals": {"saml:edupersonaffiliation": "staff"},
                },
            }))}),
        ),
        (
            "identity-providers/login.yaml".to_owned(),
            json!({
                "type": "saml", "account": "555566667777", "metadata": "login.xml",
                "audiences": ["urn:sidegate:example"],
                "recipients": ["https://signin.sidegate.example/saml"],
            }),
        ),
        (
            format!("{account}/roles/admin.yaml"),
            json!({"trust_policy": allow(json!({
                "Principal": {"AWS": "555566667777"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "Bool": {"aws:MultiFactorAuthPresent": "true"},
                    "NumericLessThan": {"aws:MultiFactorAuthAge": "3600"},
                },
            }))}),
        ),
    ] {
        files.insert(&path, content.to_string().into_bytes());
    }
    files.insert("identity-providers/login.xml", vector("metadata"));
    files
}

/// Made by tests/interop/saml/idp.py for 1,800,000,000 s.
pub(super) fn vector(name: &str) -> Vec<u8> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/saml");
    std::fs::read(folder.join(format!("{name}.xml"))).unwrap()
}

pub(super) struct World {
    service: Service<Memory>,
    pub(super) clock: Clock,
    keys: Arc<Keys>,
    sessions: Arc<dyn Sessions>,
    store: Arc<Store>,
}

/// An access key, its secret, and the token of a session.
pub(super) type Key = (String, String, Option<String>);

pub(super) fn own(name: &str) -> Key {
    (name.to_owned(), "secret".to_owned(), None)
}

fn alice() -> Key {
    own("AKIAALICEALICEALICE1")
}

fn world_with(memory: Memory) -> World {
    let clock = Clock::fixed(Timestamp::from_seconds(1_800_000_000));
    let snapshot = crate::bundle::load(&files(), &Options::default())
        .unwrap_or_else(|faults| panic!("{faults:?}"));
    let keys = Arc::new(Keys::new(Keyring::new(clock.now()).unwrap()));
    let store = Store::new(snapshot, clock.now());
    let sessions: Arc<dyn Sessions> = Arc::new(Opener::new(Arc::clone(&keys)));
    let parts = Parts {
        store: Arc::clone(&store),
        authenticator: Authenticator::new(Settings::default(), clock.clone()),
        sessions: Arc::clone(&sessions),
        access_keys: Arc::new(Own),
        signing: Arc::default(),
        keys: Arc::clone(&keys),
        factors: Arc::new(OneCode),
        assertions: Arc::new(Once::default()),
        clock: clock.clone(),
        region: "us-east-1".into(),
    };
    World {
        service: Service::new(parts, memory),
        clock,
        keys,
        sessions,
        store,
    }
}

pub(super) fn world() -> World {
    world_with(Memory::default())
}

impl World {
    /// The answer as XML, or the status, code and message of a refusal.
    pub(super) async fn ask(
        &self,
        key: &Key,
        parameters: &[(&str, &str)],
    ) -> Result<String, (u16, &'static str, String)> {
        let body: Vec<String> = [("Version", "2011-06-15")]
            .iter()
            .chain(parameters)
            .map(|(name, value)| {
                format!(
                    "{name}={}",
                    value
                        .replace('{', "%7B")
                        .replace('&', "%26")
                        .replace('+', "%2B")
                )
            })
            .collect();
        let body = body.join("&");
        let signed = Signed {
            method: "POST",
            path: "/",
            host: "sts.example",
            service: "sts",
            region: "us-east-1",
            body: &body,
        };
        let credentials = signer::Credentials {
            access_key: &key.0,
            secret: &key.1,
            token: key.2.as_deref(),
        };
        let (mut head, ()) = Request::post("/").body(()).unwrap().into_parts();
        for (name, value) in signer::sign(&signed, &credentials, self.clock.now()) {
            head.headers.insert(
                HeaderName::try_from(name).unwrap(),
                HeaderValue::try_from(value).unwrap(),
            );
        }
        let origin = Origin {
            peer: [127, 0, 0, 1].into(),
            secure: false,
            head: &head,
            request_id: "one",
        };
        let form = Form::parse(body.as_bytes(), false).unwrap();
        let mut sha256 = [0; 32];
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.as_bytes());
        sha256.copy_from_slice(digest.as_ref());
        match self.service.call(&origin, &form, &sha256).await {
            Ok((action, members)) => Ok(xml::response("x", action, &members, "one")),
            Err(error) => Err((error.status, error.code, error.message)),
        }
    }

    async fn refused(&self, key: &Key, parameters: &[(&str, &str)]) -> (u16, &'static str) {
        let (status, code, _) = self.ask(key, parameters).await.unwrap_err();
        (status, code)
    }

    async fn session(&self, key: &Key, parameters: &[(&str, &str)]) -> Key {
        key_of(&self.ask(key, parameters).await.unwrap())
    }

    pub(super) async fn arn(&self, key: &Key) -> String {
        let answer = self.ask(key, &[("Action", "GetCallerIdentity")]).await;
        element(&answer.unwrap(), "Arn")
    }

    /// How long the session of an answer lasts, in seconds.
    pub(super) fn lasts(&self, answer: &str) -> i64 {
        let end: jiff::Timestamp = element(answer, "Expiration").parse().unwrap();
        end.as_second().saturating_sub(self.clock.now().seconds())
    }
}

pub(super) fn element(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).expect(xml);
    rest.split_once('<').unwrap().0.to_owned()
}

pub(super) fn key_of(answer: &str) -> Key {
    let one = |name| element(answer, name);
    let token = one("SessionToken");
    (one("AccessKeyId"), one("SecretAccessKey"), Some(token))
}

const DENIED: (u16, &str) = (403, "AccessDenied");
const INVALID: (u16, &str) = (400, "ValidationError");
const UNKNOWN: (u16, &str) = (403, "InvalidClientTokenId");
const MFA: [(&str, &str); 2] = [("SerialNumber", DEVICE), ("TokenCode", CODE)];

#[tokio::test]
async fn own_keys() {
    let world = world();
    assert_eq!(world.arn(&alice()).await, ALICE);
    let root = world.arn(&own("AKIAROOTYROOTYROOTY1")).await;
    assert_eq!(root, "arn:aws:iam::555566667777:root");
    let who = [("Action", "GetCallerIdentity")];
    for name in ["AKIANOBODYNOBODYNOBO", "AKIAGONEEGONEEGONEE1"] {
        assert_eq!(world.refused(&own(name), &who).await, UNKNOWN, "{name}");
    }
    let session = world
        .session(&alice(), &[("Action", "GetSessionToken")])
        .await;
    let mixed = (alice().0, alice().1, session.2.clone());
    assert_eq!(
        world.refused(&mixed, &who).await,
        UNKNOWN,
        "a listed key with a token"
    );
    let half = (session.0, session.1, None);
    assert_eq!(world.refused(&half, &who).await, UNKNOWN);
}

#[tokio::test]
async fn session_tokens_of_users_and_root_users() {
    let world = world();
    let ask = [("Action", "GetSessionToken")];
    let answer = world.ask(&alice(), &ask).await.unwrap();
    assert_eq!(world.lasts(&answer), 43_200);
    let session = key_of(&answer);
    assert_eq!(world.arn(&session).await, ALICE);
    let root = own("AKIAROOTYROOTYROOTY1");
    let of_root = world.ask(&root, &ask).await.unwrap();
    assert_eq!(world.lasts(&of_root), 3600);
    let of_root = key_of(&of_root);
    assert_eq!(world.arn(&of_root).await, "arn:aws:iam::555566667777:root");
    for (seconds, good) in [
        ("899", false),
        ("900", true),
        ("129600", true),
        ("129601", false),
    ] {
        let asked = [ask[0], ("DurationSeconds", seconds)];
        let answer = world.ask(&alice(), &asked).await;
        assert_eq!(answer.is_ok(), good, "{seconds}");
        if let Ok(answer) = answer {
            assert_eq!(world.lasts(&answer).to_string(), seconds);
        }
    }
    // Sessions make no such sessions, and of the rest call AssumeRole and GetCallerIdentity alone.
    for action in ["GetSessionToken", "GetAccessKeyInfo"] {
        let parameters = [("Action", action), ("AccessKeyId", "AKIAALICEALICEALICE1")];
        let count = if action == "GetSessionToken" { 1 } else { 2 };
        assert_eq!(world.refused(&session, &parameters[..count]).await, DENIED);
    }
    let info = [
        ("Action", "GetAccessKeyInfo"),
        ("AccessKeyId", "AKIAROOTYROOTYROOTY1"),
    ];
    let info = world.ask(&alice(), &info).await.unwrap();
    assert_eq!(element(&info, "Account"), "555566667777");
    let assume = [
        ("Action", "AssumeRole"),
        ("RoleArn", ADMIN),
        ("RoleSessionName", "xy"),
    ];
    for key in [&root, &of_root] {
        let (status, code, message) = world.ask(key, &assume).await.unwrap_err();
        assert_eq!((status, code), DENIED);
        assert!(message.contains("root accounts"));
    }
}

#[tokio::test]
async fn what_is_not_on_record_is_not_done() {
    let world = world_with(Memory {
        full: true,
        ..Memory::default()
    });
    let answer = world
        .refused(&alice(), &[("Action", "GetSessionToken")])
        .await;
    assert_eq!(answer, (503, "ServiceUnavailable"));
    let seen = world.service.log().seen.borrow().clone();
    assert_eq!(seen, [(ALICE.to_owned(), Reason::Allowed)]);
}

#[tokio::test]
async fn a_retired_key_ends_sessions() {
    let world = world();
    let session = world
        .session(&alice(), &[("Action", "GetSessionToken")])
        .await;
    world.keys.replace(Keyring::new(world.clock.now()).unwrap());
    let who = [("Action", "GetCallerIdentity")];
    assert_eq!(world.refused(&session, &who).await, UNKNOWN);
}

#[tokio::test]
async fn decoded_messages_are_for_those_concerned() {
    let world = world();
    let now = world.clock.now();
    let seal = |text: &str| world.keys.seal_message(text, now).unwrap();
    let own = seal(r#"{"accounts":["555566667777"]}"#);
    let parameters = [
        ("Action", "DecodeAuthorizationMessage"),
        ("EncodedMessage", &*own),
    ];
    // Nobody here has the permission but root.
    assert_eq!(world.refused(&alice(), &parameters).await, DENIED);
    let root = super::tests::own("AKIAROOTYROOTYROOTY1");
    let answer = world.ask(&root, &parameters).await.unwrap();
    assert!(element(&answer, "DecodedMessage").contains("555566667777"));
    for foreign in [r#"{"accounts":["111111111111"]}"#, "{}", "[]", "nonsense"] {
        let message = seal(foreign);
        let parameters = [parameters[0], ("EncodedMessage", &*message)];
        let refused = world.refused(&root, &parameters).await;
        assert_eq!(refused, (400, "InvalidAuthorizationMessageException"));
    }
}

#[tokio::test]
async fn what_nobody_would_read_is_refused() {
    let world = world();
    let ask = [("Action", "GetFederationToken"), ("Name", "guest")];
    for name in [
        "policy",
        "Policy.member.1",
        "PolicyArns.member.1",
        "PolicyArns.member.1.Arn",
        "PolicyArns.member.2.arn",
        "PolicyArns.member.0.arn",
        "PolicyArns.1.arn",
        "Tags.member.999999.Key",
        "TransitiveTagKeys.member.1",
    ] {
        let asked = [&ask[..], &[(name, "x")]].concat();
        assert_eq!(world.refused(&alice(), &asked).await, INVALID, "{name}");
    }
    // As SDKs write a list that is empty.
    let asked = [&ask[..], &[("PolicyArns", ""), ("Tags", "")]].concat();
    world.session(&alice(), &asked).await;
}
