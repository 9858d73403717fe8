//! The STS through the real binary: a pipeline's token becomes a session, that one another account's, and that one is
//! used against the proxy; and everything that must not be.

mod attacks;
mod claims;
mod container;
mod refusals;
mod revocation;
mod secrets;
mod sessions;
mod unknown;

use std::net::SocketAddr;

use serde_json::{Map, Value, json};
use sidegate::cli::demo::keys::{Keys, claims};
use sidegate::cli::demo::signer::{self, Signed};
use sidegate::clock::{Clock, Timestamp};

use crate::signed;
use crate::support::{Answer, Client, Sidegate, Site, Upstream, eventually, request, run};

const PIPELINE: &str = "arn:aws:iam::111111111111:role/ci/pipeline";
const DEPLOY: &str = "arn:aws:iam::555566667777:role/deploy";
const NEXT: &str = "arn:aws:iam::555566667777:role/next";
const ISSUER: &str = "https://ci.example/x";

/// A sidecar with an STS, and who may ask it.
struct World {
    sidegate: Sidegate,
    site: Site,
    sts: SocketAddr,
    keys: Keys,
}

/// What an AssumeRole call hands out.
#[derive(Debug, Clone)]
struct Credentials {
    access_key: String,
    secret: String,
    token: String,
}

impl Credentials {
    fn of(answer: &str) -> Self {
        let one = |name| element(answer, name).unwrap();
        Self {
            access_key: one("AccessKeyId"),
            secret: one("SecretAccessKey"),
            token: one("SessionToken"),
        }
    }
}

/// The text of an element, which stands once.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.to_owned())
}

fn statement(actions: &Value, more: Value) -> Value {
    let mut statement = json!({"Effect": "Allow", "Action": actions});
    let members = statement.as_object_mut().unwrap();
    members.extend(serde_json::from_value::<Map<String, Value>>(more).unwrap());
    statement
}

fn document(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn write_bundle(site: &Site, keys: &Keys) {
    site.write_bundle("nothing");
    site.write(
        "policies/identity-providers/ci.jwks.json",
        &keys.jwks().to_string(),
    );
    site.write(
        "policies/identity-providers/ci.yaml",
        &format!(
            "type: oidc\naccount: \"111111111111\"\nissuer: \"{ISSUER}\"\naudiences: [app]\nkeys: {{ file: ci.jwks.json }}\n\
             algorithms: [ES256]\nmap: {{ role: nothing, session_name: \"{{claim:sub}}\", source_identity: \"{{claim:who}}\" }}\n"
        ),
    );
    let all = json!(["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]);
    let web = json!([
        "sts:AssumeRoleWithWebIdentity",
        "sts:TagSession",
        "sts:SetSourceIdentity"
    ]);
    let provider = "arn:aws:iam::111111111111:oidc-provider/ci.example/x";
    let pipeline = json!({
        "path": "/ci/",
        "tags": {"Team": "devops", "Tier": "gold"},
        "trust_policy": document(&[statement(&web, json!({
            "Principal": {"Federated": provider},
            "Condition": {"StringEquals": {"ci.example/x:sub": "main", "sts:RoleSessionName": ["run-1", "run-2"]}},
        }))]),
        "inline_policies": {"sts": document(&[
            statement(&all, json!({"Resource": [DEPLOY, NEXT]})),
            statement(&json!(["sts:GetAccessKeyInfo", "sts:DecodeAuthorizationMessage"]), json!({"Resource": "*"})),
            statement(&json!("app:Use"), json!({"Resource": "arn:aws:app::555566667777:x"})),
        ])},
    });
    site.write(
        "policies/accounts/111111111111-management/roles/pipeline.yaml",
        &pipeline.to_string(),
    );
    let uses = |name: &str| {
        let resource = format!("arn:aws:app::555566667777:{name}");
        statement(&json!("app:Use"), json!({"Resource": resource}))
    };
    let next = statement(&all, json!({"Resource": NEXT}));
    let deploy = json!({
        "trust_policy": document(&[
            statement(&all, json!({
                "Principal": {"AWS": PIPELINE},
                "Condition": {"StringEquals": {"sts:ExternalId": "secret-7"}},
            })),
        ]),
        "inline_policies": {"use": document(&[uses("a"), uses("b"), uses("events"), uses("c-${aws:PrincipalTag/Stage}"), next])},
        "max_session_duration": 7200,
    });
    let account = "policies/accounts/555566667777-app";
    site.write(&format!("{account}/roles/deploy.yaml"), &deploy.to_string());
    let next = json!({
        "trust_policy": document(&[statement(&all, json!({"Principal": {"AWS": DEPLOY}}))]),
        "inline_policies": {"use": document(&[uses("a"), uses("c-${aws:PrincipalTag/Stage}")])},
        "bearer": true,
    });
    site.write(&format!("{account}/roles/next.yaml"), &next.to_string());
    let quiet = json!({
        "trust_policy": document(&[statement(&web, json!({"Principal": {"Federated": provider}}))]),
        "inline_policies": {"use": document(&[uses("a")])},
        "bearer": false,
    });
    site.write(
        "policies/accounts/111111111111-management/roles/quiet.yaml",
        &quiet.to_string(),
    );
    site.write(
        &format!("{account}/policies/only-b.json"),
        &document(&[uses("b")]).to_string(),
    );
}

fn world() -> World {
    world_of(&Upstream::start(), "", "")
}

/// Before this upstream, with more in the configuration.
fn world_with(upstream: &Upstream, more: &str) -> World {
    world_of(upstream, "", more)
}

/// With more keys below `sts`.
fn world_sts(sts: &str) -> World {
    world_of(&Upstream::start(), sts, "")
}

fn world_of(upstream: &Upstream, sts: &str, more: &str) -> World {
    world_prepared(upstream, sts, more, |_| ())
}

/// With more files.
fn world_prepared(upstream: &Upstream, sts: &str, more: &str, prepare: fn(&Site)) -> World {
    let site = Site::with_bundle(upstream, "nothing");
    let keys = Keys::make().unwrap();
    write_bundle(&site, &keys);
    prepare(&site);
    let settings = std::fs::read_to_string(site.path("sidegate.yaml")).unwrap();
    site.write(
        "sidegate.yaml",
        &format!(
            "{settings}keyring: ./keyring.yaml\nsts: {{ address: \"127.0.0.1:0\"{sts} }}\n{more}"
        ),
    );
    let (code, _, said) = run(&["keyring", "new"], &site.path("."));
    assert_eq!(code, 0, "{said}");
    let sidegate = Sidegate::start(&site);
    let sts = sidegate.listener("sts");
    World {
        sidegate,
        site,
        sts,
        keys,
    }
}

fn form(parameters: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        let bytes = text.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        });
        bytes.collect()
    };
    let all = [("Version", "2011-06-15")];
    let pairs = all.iter().chain(parameters);
    let pairs = pairs.map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

impl World {
    fn now() -> Timestamp {
        Clock::machine().now()
    }

    fn jwt(&self, more: Value) -> String {
        let mut all = claims(ISSUER, "app", "main", Self::now(), 600);
        all.extend(serde_json::from_value::<Map<_, _>>(more).unwrap());
        self.keys.sign("ES256", &all).unwrap()
    }

    fn post(&self, headers: &[(String, String)], body: &str) -> Answer {
        signed::post(self.sts, headers, body)
    }

    fn unsigned(&self, parameters: &[(&str, &str)]) -> Answer {
        let host = ("host".to_owned(), self.sts.to_string());
        self.post(&[host], &form(parameters))
    }

    fn signed_at(
        &self,
        credentials: &Credentials,
        parameters: &[(&str, &str)],
        now: Timestamp,
    ) -> Answer {
        let credentials = signer::Credentials {
            access_key: &credentials.access_key,
            secret: &credentials.secret,
            token: Some(&credentials.token),
        };
        self.call(&credentials, parameters, now)
    }

    fn call(
        &self,
        credentials: &signer::Credentials<'_>,
        parameters: &[(&str, &str)],
        now: Timestamp,
    ) -> Answer {
        let scope = ("sts", "us-east-1");
        signed::call(self.sts, credentials, scope, &form(parameters), now)
    }

    fn signed(&self, credentials: &Credentials, parameters: &[(&str, &str)]) -> Answer {
        self.signed_at(credentials, parameters, Self::now())
    }

    /// A session of the pipeline's role, by its token.
    fn pipeline(&self) -> Credentials {
        let token = self.jwt(json!({"who": "dana"}));
        let answer = self.unsigned(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("RoleArn", PIPELINE),
            ("RoleSessionName", "run-1"),
            ("WebIdentityToken", &token),
        ]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        Credentials::of(&answer.text())
    }

    /// AssumeRole with these parameters in place of, or beside, the usual ones.
    fn assume(&self, credentials: &Credentials, arn: &str, more: &[(&str, &str)]) -> Answer {
        let usual = [
            ("Action", "AssumeRole"),
            ("RoleArn", arn),
            ("RoleSessionName", "release"),
            ("ExternalId", "secret-7"),
        ];
        let replaced = |name: &str| more.iter().any(|(other, _)| *other == name);
        let usual = usual.into_iter().filter(|(name, _)| !replaced(name));
        let all: Vec<(&str, &str)> = usual.chain(more.iter().copied()).collect();
        let all: Vec<(&str, &str)> = all
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        self.signed(credentials, &all)
    }

    fn deploy(&self, more: &[(&str, &str)]) -> Credentials {
        let answer = self.assume(&self.pipeline(), DEPLOY, more);
        assert_eq!(answer.status, 200, "{}", answer.text());
        Credentials::of(&answer.text())
    }

    fn get(&self, target: &str, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", &*bearer)];
        request(self.sidegate.ingress, "GET", "app", target, &headers)
    }

    fn statuses(&self, credentials: &Credentials, targets: &[&str]) -> Vec<u16> {
        let ask = |target: &&str| self.get(target, &credentials.token).status;
        targets.iter().map(ask).collect()
    }
}

fn refused(answer: &Answer, status: u16, code: &str) -> String {
    let text = answer.text();
    assert_eq!(
        (answer.status, element(&text, "Code").as_deref()),
        (status, Some(code)),
        "{text}"
    );
    assert!(text.contains("<Type>Sender</Type>"), "{text}");
    let id = element(&text, "RequestId").unwrap();
    assert_eq!(answer.header("x-amzn-requestid"), Some(&*id));
    text
}
