//! `X-Sidegate-Identity`: signed, for one upstream, verifiable by the published keys, and nobody else's word.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::support::{eventually, get, request};
use crate::tokens::{USER, World, with, world, world_with};

impl World {
    fn alice(&self) -> String {
        let member = json!({"name": "alice", "groups": ["readers"]});
        let issuer = &self.issuers[0];
        issuer.sign("ES256", &with(issuer.claims("1"), member))
    }

    /// The published keys.
    fn jwks(&self) -> JwkSet {
        let answer = get(self.sidegate.health, "/.well-known/jwks.json");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        serde_json::from_slice(answer.text().as_bytes()).unwrap()
    }

    /// The one identity token that the upstream heard, and its claims.
    fn identity(&self, target: &str, token: &str) -> (String, Value) {
        let answer = self.get(target, token);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let token = only(&answer.text());
        let id = decode_header(&token).unwrap().kid.unwrap();
        let jwks = self.jwks();
        let key = jwks.find(&id).expect("its key is published");
        let algorithm = decode_header(&token).unwrap().alg;
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&["app"]);
        validation.set_issuer(&["sidegate"]);
        let key = DecodingKey::from_jwk(key).unwrap();
        let claims = decode::<Value>(&token, &key, &validation).unwrap().claims;
        (token, claims)
    }
}

fn only(heard: &str) -> String {
    let mut found = heard.lines().filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        let name = name.to_ascii_lowercase().replace(['_', '.'], "-");
        (name == "x-sidegate-identity").then_some(value)
    });
    let token = found.next().expect(heard).to_owned();
    assert_eq!(found.next(), None);
    token
}

fn pem(pkcs8: impl AsRef<[u8]>) -> String {
    let text = STANDARD.encode(pkcs8);
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

#[test]
fn users_and_sessions() {
    let world = world();
    let alice = world.alice();
    let (first, claims) = world.identity("/group", &alice);
    assert_eq!(claims["sub"], USER);
    assert_eq!(claims["account"], "555566667777");
    assert_eq!(claims["principal_type"], "User");
    assert_eq!(claims["user_name"], "alice");
    assert_eq!(
        claims["groups"],
        json!(["arn:aws:iam::555566667777:group/readers"])
    );
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(life, 300);
    assert_eq!(world.identity("/group", &alice).0, first, "it is kept");

    let issuer = &world.issuers[1];
    let brief = json!({"exp": issuer.claims("worker")["iat"].as_i64().unwrap() + 60});
    let token = issuer.sign("ES256", &with(issuer.claims("worker"), brief));
    let (_, claims) = world.identity("/url", &token);
    assert_eq!(
        claims["sub"],
        "arn:aws:sts::555566667777:assumed-role/url/worker"
    );
    assert_eq!(claims["role"], "arn:aws:iam::555566667777:role/url");
    assert_eq!(claims["session_name"], "worker");
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    // The leeway is 30 s.
    assert!(life <= 90, "{life}: it outlives the credential");
}

#[test]
fn a_clients_own_is_removed() {
    let world = world();
    let bearer = format!("Bearer {}", world.alice());
    for name in [
        "X-Sidegate-Identity",
        "x_sidegate_identity",
        "X-SIDEGATE.IDENTITY",
    ] {
        let headers = [("Authorization", &*bearer), (name, "a.b.c")];
        let answer = request(world.sidegate.ingress, "GET", "app", "/group", &headers);
        assert_eq!(answer.status, 200);
        assert_ne!(only(&answer.text()), "a.b.c");
    }
    let nominated = [
        ("Authorization", &*bearer),
        (
            "Connection",
            "x-sidegate-identity, x-sidegate-principal-arn",
        ),
    ];
    let answer = request(world.sidegate.ingress, "GET", "app", "/group", &nominated);
    assert_eq!(answer.status, 200);
    only(&answer.text());
    let answer = get(world.sidegate.health, "/.well-known/jwks.json");
    assert!(
        !answer.text().contains("\"d\""),
        "no private key is published"
    );
}

#[test]
fn a_key_file_and_its_replacement() {
    let settings = "identity: { key_file: identity.pem }\n";
    let key = pem(Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap());
    let world = world_with(settings, &[("identity.pem", &key)]);
    let (old, _) = world.identity("/group", &world.alice());
    assert_eq!(
        decode_header(&old).unwrap().alg,
        jsonwebtoken::Algorithm::EdDSA
    );
    world.site.write(
        "identity.pem",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    );
    world.sidegate.signal("HUP");
    eventually("the complaint", || {
        world
            .sidegate
            .log()
            .contains("the identity key in use stays")
            .then_some(())
    });
    let (still, _) = world.identity("/group", &world.alice());
    assert_eq!(decode_header(&still).unwrap(), decode_header(&old).unwrap());

    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    world.site.write("identity.pem", &pem(key.unwrap()));
    world.sidegate.signal("HUP");
    let new = eventually("the new key", || {
        let (token, _) = world.identity("/group", &world.alice());
        (decode_header(&token).unwrap().alg == jsonwebtoken::Algorithm::ES256).then_some(token)
    });
    assert_ne!(old, new);
    let old = decode_header(&old).unwrap().kid.unwrap();
    assert!(
        world.jwks().find(&old).is_some(),
        "tokens that it signed may be on their way"
    );
}
