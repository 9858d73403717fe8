//! Secrets stay where they are put: none is in the log, however much it says, in records, metrics, refusals, faults of
//! files, or in what prints a configuration.

use std::fmt::Write;
use std::fs;

use sidegate::authn::credentials;
use sidegate::sts::{Keyring, Keys, enrolment::Seed};

use super::*;
use crate::support::{command, get};

const ALICE: &str = "arn:aws:iam::555566667777:user/alice";
const DEVICE: &str = "arn:aws:iam::555566667777:mfa/alice";
const KEY: &str = "AKIAALICEALICEALICE1";
const SECRET: &str = "GnWn5Ab3kalicesJ8sSecretAccessKey0123456";
const SEED: &str = "MFWGSY3FON3WK3DMNNXG653OONSWKZA2";
const API_SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyz-_AB";
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$Zm9ybWVybHlhcGFzc3dvcmQ";
const ASSERTION: &str = "<Response>anAssertionThatSaysMuch</Response>";
const MORE: &str = "log: { level: debug }\nstate: { path: ./state/ }\ncredentials: ./credentials.yaml\n\
    admin: { address: \"127.0.0.1:0\", token_file: ./admin-token }\n";
const STS: &str = ", container_roles: [\"arn:aws:iam::111111111111:role/ci/pipeline\"], \
    container_token_file: ./guard, web_identity_token_file: ./pod-token";

fn good_credentials() -> String {
    // printf %s SECRET | sha256sum
    let hash: String = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, API_SECRET.as_bytes())
        .as_ref()
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
    format!(
        "access_keys:\n- id: {KEY}\n  secret: \"{SECRET}\"\n  user: \"{ALICE}\"\n\
         api_keys:\n- {{ id: billing1, hash: \"sha256:{hash}\", user: \"{ALICE}\", expires: \"2100-01-01T00:00:00Z\" }}\n\
         sts_secrets:\n  totp:\n  - {{ device: \"{DEVICE}\", seed: {SEED} }}\n  \
         passwords:\n  - {{ user: \"{ALICE}\", hash: \"{HASH}\" }}\n"
    )
}

fn prepare(site: &Site) {
    site.write("credentials.yaml", &good_credentials());
    let alice = json!({
        "mfa_devices": [DEVICE],
        "inline_policies": {"all": document(&[statement(&json!("app:Use"), json!({"Resource": "*"}))])},
    });
    let app = "policies/accounts/555566667777-app";
    site.write(&format!("{app}/users/alice.yaml"), &alice.to_string());
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// What was said, and what must not be.
struct Ears {
    heard: String,
    secrets: Vec<(&'static str, String)>,
}

impl Ears {
    fn hear(&mut self, what: &str) {
        self.heard.push_str(what);
        self.heard.push('\n');
    }

    /// The answer to a call that is refused.
    fn refused(&mut self, answer: &Answer) {
        assert!(answer.status >= 400, "{}", answer.text());
        self.hear(&answer.head);
        self.hear(&answer.text());
    }

    fn keeps(&mut self, name: &'static str, secret: impl Into<String>) {
        let secret = secret.into();
        assert!(secret.len() >= 16, "{name}");
        self.secrets.push((name, secret));
    }

    fn session(&mut self, name: &'static str, credentials: &Credentials) {
        self.keeps(name, &*credentials.secret);
        self.keeps(name, &*credentials.token);
    }

    /// A token's signature tells it as much as the whole.
    fn token(&mut self, name: &'static str, token: &str) {
        self.keeps(name, token.rsplit('.').next().unwrap());
    }

    fn check(&self) {
        for (name, secret) in &self.secrets {
            let mut lines = self.heard.lines();
            let told = lines.find(|line| line.contains(&**secret));
            assert_eq!(told, None, "{name}");
        }
    }
}

impl World {
    fn by_alice(&self, id: &str, secret: &str, parameters: &[(&str, &str)]) -> Answer {
        self.call(&key(id, secret, None), parameters, Self::now())
    }

    fn by_alice_at_the_proxy(&self, id: &str, secret: &str, token: Option<&str>) -> Answer {
        signed::get(self.sidegate.ingress, &key(id, secret, token), Self::now())
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.site.path(name)).unwrap()
    }
}

fn key<'a>(id: &'a str, secret: &'a str, token: Option<&'a str>) -> signer::Credentials<'a> {
    signer::Credentials {
        access_key: id,
        secret,
        token,
    }
}

/// Everything that the process makes and is shown, well and badly.
fn live(world: &World, ears: &mut Ears) {
    let jwt = world.jwt(json!({"who": "dana"}));
    ears.token("a web identity", &jwt);
    let pipeline = world.pipeline();
    let deploy = world.deploy(&[]);
    ears.session("the pipeline's session", &pipeline);
    ears.session("the deployment's session", &deploy);
    let web = |token: &str, name: &str| {
        world.unsigned(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("RoleArn", PIPELINE),
            ("RoleSessionName", name),
            ("WebIdentityToken", token),
        ])
    };
    ears.refused(&web(&jwt, "nobody"));
    ears.refused(&web(&format!("{jwt}A"), "run-1"));
    ears.refused(&web(&deploy.token, "run-1"));
    ears.refused(&web(&jwt, &deploy.token));
    let by_query =
        format!("/?Action=AssumeRoleWithWebIdentity&Version=2011-06-15&WebIdentityToken={jwt}");
    ears.refused(&get(world.sts, &by_query));
    ears.refused(&world.unsigned(&[
        ("Action", "AssumeRoleWithSAML"),
        ("RoleArn", DEPLOY),
        ("PrincipalArn", "arn:aws:iam::111111111111:saml-provider/x"),
        ("SAMLAssertion", &base64(ASSERTION)),
    ]));
    // A second factor, right and wrong.
    let seed = Seed::parse(SEED).unwrap();
    let code = seed.code(World::now()).unwrap();
    let session = |code: &str| {
        let factor = [("SerialNumber", DEVICE), ("TokenCode", code)];
        world.by_alice(
            KEY,
            SECRET,
            &[&[("Action", "GetSessionToken")][..], &factor].concat(),
        )
    };
    let alice = Credentials::of(&session(&code).text());
    ears.session("alice's session", &alice);
    ears.refused(&session(&code));
    // The id and the secret, mistaken for each other; secrets where something else belongs.
    for (id, secret) in [(SECRET, KEY), (KEY, API_SECRET), (SECRET, SECRET)] {
        ears.refused(&world.by_alice(id, secret, &[("Action", "GetCallerIdentity")]));
        ears.refused(&world.by_alice_at_the_proxy(id, secret, None));
    }
    ears.refused(&world.by_alice_at_the_proxy(&alice.access_key, SECRET, Some(&alice.token)));
    ears.refused(&world.signed(
        &pipeline,
        &[("Action", "GetAccessKeyInfo"), ("AccessKeyId", SECRET)],
    ));
    ears.refused(&world.unsigned(&[("Action", SECRET)]));
    for name in [
        "Action",
        "RoleArn",
        "ExternalId",
        "SourceIdentity",
        "RoleSessionName",
        "Policy",
        "TokenCode",
    ] {
        ears.refused(&world.assume(&pipeline, DEPLOY, &[(name, &deploy.token)]));
    }
    at_the_proxy(world, ears, &pipeline, &deploy);
    // The application's credentials, and the operator's questions.
    let guard = world.file("guard");
    let pod = world.jwt(json!({"who": "dana", "kubernetes.io": {"pod": {"name": "run-1"}}}));
    ears.token("the pod's token", &pod);
    let ask = |token: &str| {
        let (host, path) = (world.sts.to_string(), "/credentials/pipeline");
        request(world.sts, "GET", &host, path, &[("authorization", token)])
    };
    ears.refused(&ask("nonsense"));
    ears.refused(&ask(&guard));
    world.site.write("pod-token", &pod);
    let given = eventually("the pod's credentials", || {
        let answer = ask(&guard);
        (answer.status == 200).then_some(answer)
    });
    let given: Value = serde_json::from_slice(&given.body).unwrap();
    for name in ["SecretAccessKey", "Token"] {
        ears.keeps("the pod's session", given[name].as_str().unwrap());
    }
    let admin = world.sidegate.listener("admin");
    for token in [&deploy.token, SECRET] {
        let bearer = format!("Bearer {token}");
        let path = "/api/sessions/revocations";
        let headers = [("authorization", &*bearer)];
        ears.refused(&request(admin, "GET", &admin.to_string(), path, &headers));
    }
    ears.keeps("the guard", guard);
    ears.keeps("the admin token", world.file("admin-token"));
}

/// As it should be, in the query, and twice.
fn at_the_proxy(world: &World, ears: &mut Ears, pipeline: &Credentials, deploy: &Credentials) {
    let jwt = world.jwt(json!({}));
    ears.token("another web identity", &jwt);
    ears.refused(&world.get("/x", &deploy.token));
    ears.refused(&world.get(&format!("/x?access_token={jwt}"), &pipeline.token));
    ears.refused(&world.get("/a", &deploy.token.replace("sgs1", "sgs2")));
    ears.refused(&world.get("/a", &jwt));
    let api_key = format!("sgk_billing1_{API_SECRET}");
    let with =
        |headers: &[(&str, &str)]| request(world.sidegate.ingress, "GET", "app", "/a", headers);
    assert_eq!(with(&[("x-api-key", &api_key)]).status, 200);
    ears.refused(&with(&[(
        "x-api-key",
        &format!("sgk_billing2_{API_SECRET}"),
    )]));
    let bearer = format!("Bearer {}", deploy.token);
    ears.refused(&with(&[
        ("x-api-key", &api_key),
        ("authorization", &bearer),
    ]));
    let basic = format!("Basic {}", base64(&format!("{KEY}:{SECRET}")));
    ears.keeps("a password in Basic", base64(&format!("{KEY}:{SECRET}")));
    ears.refused(&with(&[("authorization", &basic)]));
}

/// What the files become that hold them.
fn broken(world: &World, ears: &mut Ears) {
    let keyring = world.file("keyring.yaml");
    let value = |name: &str| {
        let (_, rest) = keyring.split_once(&format!("{name}: ")).unwrap();
        rest.split_once('\n').unwrap().0.to_owned()
    };
    for name in ["token_key", "signing_key", "message_secret"] {
        ears.keeps("a key of the keyring", value(name));
    }
    let signing = value("signing_key");
    let keyrings = [
        keyring.replace("signing_key: ", "singing_key: "),
        keyring.replace("token_key: ", "token_key: x"),
        keyring.replace(
            "    message_secret:",
            &format!("    signing_key: {signing}\n    message_secret:"),
        ),
        keyring.replace("signing_key: ", "signing_key: &"),
        keyring.replace("signing_key: ", "? "),
        keyring.replace("message_secret: ", "message_secret: \""),
        format!("{signing}: {signing}\n"),
        signing,
    ];
    let good = good_credentials();
    let all = [
        good.replace("secret:", "secert:"),
        good.replace(
            &format!("secret: \"{SECRET}\""),
            &format!("\"{SECRET}\": secret"),
        ),
        good.replace(&format!("\"{SECRET}\""), &format!("&{SECRET} x")),
        good.replace(&format!("\"{SECRET}\""), &format!("\"{SECRET}")),
        good.replace(&format!("id: {KEY}"), &format!("id: \"{SECRET}\"")),
        good.replace(&format!("seed: {SEED}"), &format!("seed: 1{SEED}")),
        good.replace(
            &format!("seed: {SEED}"),
            &format!("seed: {{ {SEED}: {SEED} }}"),
        ),
        good.replace("$argon2id$", "$argon2i$"),
        good.replace(ALICE, SECRET),
        good.replace("2100-01-01T00:00:00Z", SECRET),
        format!("- {SECRET}\n"),
        SECRET.to_owned(),
    ];
    let folder = world.site.path(".");
    let mut tell = |arguments: &[&str], code: i32| {
        let (found, out, said) = run(arguments, &folder);
        assert_eq!(found, code, "{arguments:?}: {out}{said}");
        ears.hear(&out);
        ears.hear(&said);
    };
    tell(&["keyring", "list"], 0);
    tell(&["credentials", "list"], 0);
    tell(&["credentials", "list", "--format", "json"], 0);
    for (name, texts, tool) in [
        ("keyring.yaml", &keyrings[..], ["keyring", "list"]),
        ("credentials.yaml", &all[..], ["credentials", "list"]),
    ] {
        let before = world.file(name);
        for (at, text) in texts.iter().enumerate() {
            assert_ne!(*text, before, "{name} {at}");
            let count = || world.sidegate.log().matches("ERROR").count();
            let errors = count();
            world.site.write(name, text);
            eventually("the process says so", || (count() > errors).then_some(()));
            tell(&tool, 2);
            tell(&["run", "-c", "sidegate.yaml"], 2);
        }
        world.site.write(name, &before);
    }
}

#[test]
fn no_secret_is_told() {
    let world = world_prepared(&Upstream::start(), STS, MORE, prepare);
    let mut ears = Ears {
        heard: String::new(),
        secrets: Vec::new(),
    };
    ears.keeps("an access key's secret", SECRET);
    ears.keeps("an API key", API_SECRET);
    ears.keeps("a seed", SEED);
    ears.keeps("a password's hash", HASH.rsplit('$').next().unwrap());
    ears.keeps("an assertion", "anAssertionThatSaysMuch");
    ears.keeps("an assertion", base64(ASSERTION));
    live(&world, &mut ears);
    broken(&world, &mut ears);
    for path in ["/metrics", "/readyz?verbose", "/livez"] {
        ears.hear(&get(world.sidegate.health, path).text());
    }
    let log = world.sidegate.log();
    // It does say much.
    assert!(
        log.contains("DEBUG") && log.contains("the STS refused"),
        "{log}"
    );
    ears.hear(&log);
    for folder in ["audit", "state"] {
        for file in fs::read_dir(world.site.path(folder)).unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            ears.hear(&String::from_utf8_lossy(&bytes));
        }
    }
    assert!(
        ears.heard.contains("GetSessionToken"),
        "the records are there"
    );
    ears.check();
}

#[test]
fn what_prints_a_configuration_prints_no_secret() {
    let now = World::now();
    let keyring = Keyring::new(now).unwrap();
    let text = keyring.text();
    let folder = Site::with_bundle(&Upstream::start(), "nothing");
    let settings = sidegate::config::load(&folder.path("sidegate.yaml"), []).unwrap();
    let files = [("credentials.yaml".to_owned(), good_credentials())];
    let read = credentials::parse(&files).unwrap();
    let printed = format!(
        "{settings:?} {read:?} {:?} {text:?} {keyring:?} {:?}",
        read.access_key(KEY),
        Keys::new(keyring.clone())
    );
    for secret in [SECRET, SEED, HASH, API_SECRET] {
        assert!(!printed.contains(secret), "{printed}");
    }
    for line in text.expose().lines() {
        let (name, value) = line.split_once(": ").unwrap_or_default();
        if ["token_key", "signing_key", "message_secret"].contains(&name.trim()) {
            assert!(!printed.contains(value), "{name}");
        }
    }
    assert!(printed.contains("[redacted]"));
    // Nor does the fault of a place that has a password in it.
    let settings = fs::read_to_string(folder.path("sidegate.yaml")).unwrap();
    for url in [
        "redis://:a-password-of-redis@127.0.0.1/",
        "redis://me:a-password-of-redis@127.0.0.1:6379/0",
    ] {
        let redis = |url: &str| format!("{settings}state: {{ redis: {{ url: \"{url}\" }} }}\n");
        folder.write("sidegate.yaml", &redis(url));
        let written = run(&["run", "-c", "sidegate.yaml"], &folder.path("."));
        folder.write("sidegate.yaml", &redis("redis://127.0.0.1/"));
        let mut by_variable = command();
        by_variable
            .args(["run", "-c", "sidegate.yaml"])
            .env("SIDEGATE_STATE__REDIS__URL", url)
            .current_dir(folder.path("."));
        let output = by_variable.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        for (code, said) in [(Some(written.0), written.2), (output.status.code(), said)] {
            assert_eq!(code, Some(2), "{said}");
            assert!(said.contains("redis://"), "{said}");
            assert!(!said.contains("a-password-of-redis"), "{said}");
        }
    }
}
