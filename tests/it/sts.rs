//! The STS through the real binary: a pipeline's token becomes a session, that one another account's, and that one is
//! used against the proxy; and everything that must not be.

use std::net::SocketAddr;

use serde_json::{Map, Value, json};
use sidegate::cli::demo::keys::{Keys, claims};
use sidegate::cli::demo::signer::{self, Signed};
use sidegate::clock::{Clock, Timestamp};

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
        "inline_policies": {"use": document(&[uses("a"), uses("b"), uses("c-${aws:PrincipalTag/Stage}"), next])},
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
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "nothing");
    let keys = Keys::make().unwrap();
    write_bundle(&site, &keys);
    let settings = std::fs::read_to_string(site.path("sidegate.yaml")).unwrap();
    site.write(
        "sidegate.yaml",
        &format!("{settings}keyring: ./keyring.yaml\nsts: {{ address: \"127.0.0.1:0\" }}\n"),
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
        let mut text = "POST / HTTP/1.1\r\n".to_owned();
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!(
            "content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
        let mut client = Client::connect(self.sts);
        client.send(text.as_bytes());
        client.answer(false).unwrap()
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
        let body = form(parameters);
        let host = self.sts.to_string();
        let request = Signed {
            method: "POST",
            path: "/",
            host: &host,
            service: "sts",
            region: "us-east-1",
            body: &body,
        };
        let credentials = signer::Credentials {
            access_key: &credentials.access_key,
            secret: &credentials.secret,
            token: Some(&credentials.token),
        };
        self.post(&signer::sign(&request, &credentials, now), &body)
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

#[test]
fn a_pipeline_deploys_to_another_account() {
    let world = world();
    let pipeline = world.pipeline();
    assert!(pipeline.access_key.starts_with("ASIA"));
    assert!(pipeline.token.len() < 1024, "{}", pipeline.token.len());
    let answer = world.signed(&pipeline, &[("Action", "GetCallerIdentity")]);
    let text = answer.text();
    assert_eq!(
        element(&text, "Arn").unwrap(),
        "arn:aws:sts::111111111111:assumed-role/pipeline/run-1"
    );
    assert_eq!(element(&text, "Account").unwrap(), "111111111111");
    assert!(element(&text, "UserId").unwrap().ends_with(":run-1"));
    // Only what the role of the other account may.
    assert_eq!(world.statuses(&pipeline, &["/a", "/b"]), [403, 403]);
    let answer = world.assume(&pipeline, DEPLOY, &[]);
    let text = answer.text();
    assert_eq!(answer.status, 200, "{text}");
    assert_eq!(element(&text, "SourceIdentity").as_deref(), Some("dana"));
    let deploy = Credentials::of(&text);
    assert_eq!(
        world.statuses(&deploy, &["/a", "/b", "/x"]),
        [200, 200, 403]
    );
    let heard = world.get("/a", &deploy.token).text().to_lowercase();
    for line in [
        "x-sidegate-principal-arn: arn:aws:sts::555566667777:assumed-role/deploy/release",
        "x-sidegate-session-name: release",
        "x-sidegate-source-identity: dana",
    ] {
        assert!(heard.contains(line), "{heard}");
    }
    assert!(!heard.contains(&deploy.token.to_lowercase()));
    // Both are on record, and nothing secret is.
    let records = eventually("the records", || {
        let records = world.site.audit();
        (records.len() >= 8).then_some(records)
    });
    let of = |name: &str| {
        records
            .iter()
            .find(|record| record["eventName"] == name)
            .unwrap()
    };
    let record = of("AssumeRole");
    assert_eq!(record["eventSource"], "sts");
    assert_eq!(record["resources"][0]["ARN"], DEPLOY);
    assert_eq!(
        record["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"],
        PIPELINE
    );
    assert_eq!(
        record["userIdentity"]["sessionContext"]["sourceIdentity"],
        "dana"
    );
    assert_eq!(
        of("AssumeRoleWithWebIdentity")["additionalEventData"]["provider"],
        "ci"
    );
    let written = std::fs::read_to_string(world.site.path("audit/audit.jsonl")).unwrap();
    for secret in [
        &deploy.token,
        &deploy.secret,
        &pipeline.secret,
        &pipeline.token,
    ] {
        assert!(!written.contains(&**secret) && !world.sidegate.log().contains(&**secret));
    }
}

#[test]
fn what_assume_role_refuses() {
    let world = world();
    let pipeline = world.pipeline();
    let refuses = |more: &[(&str, &str)], status: u16, code: &str| {
        refused(&world.assume(&pipeline, DEPLOY, more), status, code)
    };
    let words = refuses(&[("ExternalId", "secret-8")], 403, "AccessDenied");
    assert!(words.contains(
        "User: arn:aws:sts::111111111111:assumed-role/pipeline/run-1 is not authorized to perform: sts:AssumeRole on \
         resource: arn:aws:iam::555566667777:role/deploy"
    ));
    refuses(&[("ExternalId", "")], 403, "AccessDenied");
    // A role that does not exist is refused as one that trusts nobody.
    let missing = "arn:aws:iam::555566667777:role/no-such";
    refused(&world.assume(&pipeline, missing, &[]), 403, "AccessDenied");
    refused(
        &world.assume(&pipeline, "arn:aws:iam::555566667777:root/x", &[]),
        403,
        "AccessDenied",
    );
    refuses(&[("SourceIdentity", "mallory")], 403, "AccessDenied");
    let long = "x".repeat(65);
    for (name, value) in [
        ("RoleArn", "short"),
        ("RoleArn", "not-an-arn-but-long-enough"),
        ("RoleSessionName", ""),
        ("RoleSessionName", "x"),
        ("RoleSessionName", "a b"),
        ("RoleSessionName", &long),
        ("ExternalId", "x"),
        ("ExternalId", "a*b"),
        ("DurationSeconds", "899"),
        ("DurationSeconds", "43201"),
        // Chained, and longer than the role's own limit.
        ("DurationSeconds", "3601"),
        ("SerialNumber", "arn:aws:iam::1:mfa/x"),
        ("TokenCode", "123456"),
        ("TransitiveTagKeys.member.1", "absent"),
        ("Tags.member.1.Key", "aws:x"),
        ("Tags.member.1.Key", "a*b"),
        ("Nonsense", "1"),
    ] {
        refuses(&[(name, value)], 400, "ValidationError");
    }
    refuses(&[("DurationSeconds", "x")], 400, "MalformedInput");
    for policy in [
        "{",
        "{}",
        "[]",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#,
    ] {
        refuses(&[("Policy", policy)], 400, "MalformedPolicyDocument");
    }
    let arns = (
        "PolicyArns.member.1.arn",
        "arn:aws:iam::555566667777:policy/no-such",
    );
    refuses(&[arns], 400, "MalformedPolicyDocument");
    let code = [
        ("SerialNumber", "arn:aws:iam::111111111111:mfa/x"),
        ("TokenCode", "123456"),
    ];
    refuses(&code, 403, "AccessDenied");
    let tags: Vec<(String, String)> = (1..=50)
        .flat_map(|number| {
            let value: String = (0..64)
                .map(|at| format!("{:04x}", (number * 7919 + at * 104_729) % 65_521))
                .collect();
            [
                (format!("Tags.member.{number}.Key"), format!("k{number}")),
                (format!("Tags.member.{number}.Value"), value),
            ]
        })
        .collect();
    let tags: Vec<(&str, &str)> = tags
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    refuses(&tags, 400, "PackedPolicyTooLarge");
    for action in ["GetSessionToken", "GetFederationToken"] {
        let answer = world.signed(
            &pipeline,
            &[("Action", action), ("Name", "xy")]
                [..if action == "GetSessionToken" { 1 } else { 2 }],
        );
        assert!(refused(&answer, 403, "AccessDenied").contains("session credentials"));
    }
}

#[test]
fn session_policies_only_take_away() {
    let world = world();
    let only_a = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"app:Use","Resource":["arn:aws:app::555566667777:a","arn:aws:app::555566667777:x"]}]}"#;
    let targets = ["/a", "/b", "/x"];
    let answer = world.assume(&world.pipeline(), DEPLOY, &[("Policy", only_a)]);
    let text = answer.text();
    let size: u32 = element(&text, "PackedPolicySize").unwrap().parse().unwrap();
    assert!((1..50).contains(&size), "{size}");
    let narrowed = Credentials::of(&text);
    assert_eq!(world.statuses(&narrowed, &targets), [200, 403, 403]);
    let said = world.get("/b", &narrowed.token).text();
    assert!(said.contains("no session policy allows"), "{said}");
    let arn = (
        "PolicyArns.member.1.arn",
        "arn:aws:iam::555566667777:policy/only-b",
    );
    assert_eq!(
        world.statuses(&world.deploy(&[arn]), &targets),
        [403, 200, 403]
    );
    let both = world.deploy(&[arn, ("Policy", only_a)]);
    assert_eq!(world.statuses(&both, &targets), [200, 200, 403]);
    // A policy that is gone grants nothing any more, and what it took away stays taken.
    std::fs::remove_file(
        world
            .site
            .path("policies/accounts/555566667777-app/policies/only-b.json"),
    )
    .unwrap();
    eventually("the policy is gone", || {
        let statuses = world.statuses(&both, &targets);
        assert!(statuses[2] == 403);
        (statuses[0] != 200 && statuses[1] != 200).then_some(())
    });
}

#[test]
fn tags_and_source_identity_go_down_the_chain() {
    let world = world();
    let tags = [
        ("Tags.member.1.Key", "Stage"),
        ("Tags.member.1.Value", "blue"),
        ("Tags.member.2.Key", "Own"),
        ("Tags.member.2.Value", "x"),
        ("TransitiveTagKeys.member.1", "Stage"),
    ];
    let deploy = world.deploy(&tags);
    assert_eq!(
        world.statuses(&deploy, &["/c-blue", "/c-green"]),
        [200, 403]
    );
    let chain = |more: &[(&str, &str)]| {
        let more: Vec<_> = [("ExternalId", "")]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        world.assume(&deploy, NEXT, &more)
    };
    let answer = chain(&[]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        element(&answer.text(), "SourceIdentity").as_deref(),
        Some("dana")
    );
    let next = Credentials::of(&answer.text());
    assert_eq!(world.statuses(&next, &["/c-blue", "/c-green"]), [200, 403]);
    for key in ["Stage", "STAGE"] {
        let more = [("Tags.member.1.Key", key), ("Tags.member.1.Value", "green")];
        refused(&chain(&more), 400, "ValidationError");
    }
    refused(
        &chain(&[("SourceIdentity", "mallory")]),
        403,
        "AccessDenied",
    );
    assert_eq!(chain(&[("SourceIdentity", "dana")]).status, 200);
    refused(
        &chain(&[("DurationSeconds", "3601")]),
        400,
        "ValidationError",
    );
    assert_eq!(chain(&[("DurationSeconds", "900")]).status, 200);
}

#[test]
fn who_did_not_sign_is_refused() {
    let world = world();
    let pipeline = world.pipeline();
    let action = [("Action", "GetCallerIdentity")];
    refused(&world.unsigned(&action), 403, "MissingAuthenticationToken");
    let with = |change: fn(&mut Credentials)| {
        let mut changed = pipeline.clone();
        change(&mut changed);
        world.signed(&changed, &action)
    };
    refused(
        &with(|one| one.secret.push('x')),
        403,
        "SignatureDoesNotMatch",
    );
    refused(
        &with(|one| one.token.push('A')),
        403,
        "InvalidClientTokenId",
    );
    refused(&with(|one| one.token.clear()), 403, "InvalidClientTokenId");
    refused(
        &with(|one| one.access_key = "ASIAAAAAAAAAAAAAAAAA".into()),
        403,
        "InvalidClientTokenId",
    );
    refused(
        &with(|one| one.access_key = "AKIAIOSFODNN7EXAMPLE".into()),
        403,
        "InvalidClientTokenId",
    );
    for seconds in [-400, 400] {
        let now = Timestamp::from_seconds(World::now().seconds() + seconds);
        let answer = world.signed_at(&pipeline, &action, now);
        refused(&answer, 403, "SignatureDoesNotMatch");
    }
    // A body that is not the one that was signed.
    let body = form(&action);
    let host = world.sts.to_string();
    let request = Signed {
        method: "POST",
        path: "/",
        host: &host,
        service: "sts",
        region: "us-east-1",
        body: &body,
    };
    let credentials = signer::Credentials {
        access_key: &pipeline.access_key,
        secret: &pipeline.secret,
        token: Some(&pipeline.token),
    };
    let other = form(&[("Action", "GetSessionToken")]);
    let headers = signer::sign(&request, &credentials, World::now());
    refused(&world.post(&headers, &other), 403, "SignatureDoesNotMatch");
    for (service, region) in [("iam", "us-east-1"), ("sts", "eu-west-1")] {
        let request = Signed {
            service,
            region,
            ..request
        };
        let headers = signer::sign(&request, &credentials, World::now());
        refused(&world.post(&headers, &body), 403, "SignatureDoesNotMatch");
    }
    let garbled = [
        ("host".to_owned(), host.clone()),
        ("authorization".to_owned(), "AWS4-HMAC-SHA256 x".to_owned()),
    ];
    refused(&world.post(&garbled, &body), 400, "IncompleteSignature");
    let bearer = [
        ("host".to_owned(), host),
        (
            "authorization".to_owned(),
            format!("Bearer {}", pipeline.token),
        ),
    ];
    refused(
        &world.post(&bearer, &body),
        403,
        "MissingAuthenticationToken",
    );
}

#[test]
fn calls_that_are_none() {
    let world = world();
    refused(
        &world.unsigned(&[("Action", "AssumeRoleWithSAML")]),
        400,
        "InvalidAction",
    );
    refused(&world.unsigned(&[]), 400, "MissingAction");
    let host = [("host".to_owned(), world.sts.to_string())];
    refused(
        &world.post(&host, "Action=GetCallerIdentity&Version=2010-05-08"),
        400,
        "InvalidAction",
    );
    refused(
        &world.post(&host, "Action=a&Action=b&Version=2011-06-15"),
        400,
        "MalformedInput",
    );
    refused(&world.post(&host, "Action=%ff"), 400, "MalformedInput");
    refused(
        &world.post(&host, &"a".repeat(200_000)),
        400,
        "MalformedInput",
    );
    let token = |more: Value| world.jwt(more);
    let web = |name: &str, arn: &str, token: &str| {
        world.unsigned(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("RoleArn", arn),
            ("RoleSessionName", name),
            ("WebIdentityToken", token),
        ])
    };
    let good = token(json!({}));
    assert_eq!(web("run-2", PIPELINE, &good).status, 200);
    refused(&web("run-3", PIPELINE, &good), 403, "AccessDenied");
    refused(&web("run-1", DEPLOY, &good), 400, "InvalidIdentityToken");
    refused(
        &web("run-1", PIPELINE, "nonsense"),
        400,
        "InvalidIdentityToken",
    );
    refused(
        &web("run-1", PIPELINE, &world.pipeline().token),
        400,
        "InvalidIdentityToken",
    );
    refused(
        &web("run-1", PIPELINE, &token(json!({"sub": "branch"}))),
        403,
        "AccessDenied",
    );
    refused(
        &web("run-1", PIPELINE, &token(json!({"aud": "other"}))),
        400,
        "InvalidIdentityToken",
    );
    let past = World::now().seconds() - 100;
    refused(
        &web(
            "run-1",
            PIPELINE,
            &token(json!({"iat": past - 100, "exp": past})),
        ),
        400,
        "ExpiredTokenException",
    );
    let changed = format!("{}A", good);
    refused(
        &web("run-1", PIPELINE, &changed),
        400,
        "InvalidIdentityToken",
    );
}

#[test]
fn tokens_live_and_die_with_their_key_role_and_permission() {
    let world = world();
    let deploy = world.deploy(&[]);
    assert_eq!(world.statuses(&deploy, &["/a"]), [200]);
    // A token of a role with `bearer: false` is no credential alone.
    let token = world.jwt(json!({}));
    let answer = world.unsigned(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("RoleArn", "arn:aws:iam::111111111111:role/quiet"),
        ("RoleSessionName", "quiet"),
        ("WebIdentityToken", &token),
    ]);
    let quiet = Credentials::of(&answer.text());
    assert_eq!(world.statuses(&quiet, &["/a"]), [401]);
    assert_eq!(
        world
            .signed(&quiet, &[("Action", "GetCallerIdentity")])
            .status,
        200
    );
    let mut changed = deploy.clone();
    changed.token.pop();
    assert_eq!(world.statuses(&changed, &["/a"]), [401]);
    // Rotated: old tokens stay good, new ones have the new key.
    let folder = world.site.path(".");
    let keyring = |arguments: &[&str]| {
        let all: Vec<&str> = ["keyring"].iter().chain(arguments).copied().collect();
        let (code, out, said) = run(&all, &folder);
        assert_eq!(code, 0, "{said}");
        out
    };
    keyring(&["rotate"]);
    let old = deploy.token.split('_').nth(1).unwrap().to_owned();
    let rotated = eventually("a token with the new key", || {
        let token = world.deploy(&[]);
        (token.token.split('_').nth(1) != Some(&old)).then_some(token)
    });
    assert_eq!(world.statuses(&deploy, &["/a"]), [200]);
    keyring(&["retire", &old]);
    eventually("the old key's tokens are refused", || {
        (world.statuses(&deploy, &["/a"]) == [401]).then_some(())
    });
    assert_eq!(world.statuses(&rotated, &["/a"]), [200]);
    // A broken file changes nothing.
    let good = std::fs::read_to_string(world.site.path("keyring.yaml")).unwrap();
    world.site.write("keyring.yaml", "nonsense");
    eventually("the log says so", || {
        world
            .sidegate
            .log()
            .contains("the keyring in use stays")
            .then_some(())
    });
    assert_eq!(world.statuses(&rotated, &["/a"]), [200]);
    world.site.write("keyring.yaml", &good);
    // The role is gone, and its sessions with it.
    std::fs::remove_file(
        world
            .site
            .path("policies/accounts/555566667777-app/roles/deploy.yaml"),
    )
    .unwrap();
    std::fs::remove_file(
        world
            .site
            .path("policies/accounts/555566667777-app/roles/next.yaml"),
    )
    .unwrap();
    eventually("the session is nobody's", || {
        (world.statuses(&rotated, &["/a"]) == [403]).then_some(())
    });
    let answer = world.signed(&rotated, &[("Action", "GetCallerIdentity")]);
    refused(&answer, 403, "InvalidClientTokenId");
}

#[test]
fn replicas_share_sessions_by_the_keyring_alone() {
    let world = world();
    let deploy = world.deploy(&[]);
    let replica = |keyring: &str| {
        let upstream = Upstream::start();
        let site = Site::with_bundle(&upstream, "nothing");
        write_bundle(&site, &world.keys);
        let settings = std::fs::read_to_string(site.path("sidegate.yaml")).unwrap();
        site.write("sidegate.yaml", &format!("{settings}{keyring}"));
        let export = ["keyring", "export", "--verify-only"];
        let to = site.path("keyring.yaml");
        let (code, _, said) = run(
            &[&export[..], &[to.to_str().unwrap()]].concat(),
            &world.site.path("."),
        );
        assert_eq!(code, 0, "{said}");
        let sidegate = Sidegate::start(&site);
        let bearer = format!("Bearer {}", deploy.token);
        let headers = [("Authorization", &*bearer)];
        request(sidegate.ingress, "GET", "app", "/a", &headers).status
    };
    assert_eq!(replica("keyring: ./keyring.yaml\n"), 200);
    assert_eq!(replica(""), 401);
}

#[test]
fn what_a_refusal_keeps_to_itself() {
    let world = world();
    let pipeline = world.pipeline();
    let answer = world.get("/a", &pipeline.token);
    assert_eq!(answer.status, 403);
    let refusal: Value = serde_json::from_slice(&answer.body).unwrap();
    let message = refusal["encodedAuthorizationMessage"].as_str().unwrap();
    assert!(message.len() <= 10_240);
    let ask = |credentials: &Credentials, message: &str| {
        let action = ("Action", "DecodeAuthorizationMessage");
        world.signed(credentials, &[action, ("EncodedMessage", message)])
    };
    let decoded = ask(&pipeline, message).text();
    let decoded = element(&decoded, "DecodedMessage").expect(&decoded);
    let decoded: Value = serde_json::from_str(&decoded.replace("&quot;", "\"")).unwrap();
    assert_eq!(decoded["allowed"], false);
    assert_eq!(decoded["explicitDeny"], false);
    assert_eq!(decoded["context"]["action"], "app:Use");
    assert_eq!(
        decoded["context"]["resource"],
        "arn:aws:app::555566667777:a"
    );
    assert_eq!(decoded["requestId"], refusal["requestId"]);
    assert_eq!(decoded["accounts"], json!(["555566667777", "111111111111"]));
    let invalid = "InvalidAuthorizationMessageException";
    refused(&ask(&pipeline, &message[..message.len() - 1]), 400, invalid);
    refused(&ask(&world.deploy(&[]), message), 403, "AccessDenied");
    let folder = world.site.path(".");
    let (code, out, said) = run(&["decode", message], &folder);
    assert_eq!(code, 0, "{said}");
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), decoded);
    run(
        &["keyring", "export", "--verify-only", "sidecar.yaml"],
        &folder,
    );
    let (code, _, said) = run(&["decode", message, "--keyring", "sidecar.yaml"], &folder);
    assert_eq!(code, 2, "{said}");
}
