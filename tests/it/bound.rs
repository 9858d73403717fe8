//! Tokens that are bound to a certificate or a key: worth nothing without it.

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sidegate::cli::demo::keys::{Keys, claims};
use sidegate::clock::Clock;

use crate::authorities::{Holder, get};
use crate::certificates::{World, world};
use crate::support::{Answer, Sidegate, Site, Upstream, eventually, request};

const ISSUER: &str = "https://idp.example";
const BACKEND: &str = "spiffe://prod.example/role/backend";
const ALICE: &str = "x-sidegate-principal-arn: arn:aws:iam::555566667777:user/alice\r\n";

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn sha256(bytes: &[u8]) -> String {
    b64(digest(&SHA256, bytes))
}

/// An issuer whose tokens are alice's; `more` are further keys of its provider.
fn issuer(site: &Site, more: &str) -> Keys {
    let keys = Keys::make().unwrap();
    site.write(
        "policies/identity-providers/idp.jwks.json",
        &keys.jwks().to_string(),
    );
    site.write(
        "policies/identity-providers/idp.yaml",
        &format!(
            "type: oidc\naccount: \"555566667777\"\nissuer: \"{ISSUER}\"\naudiences: [app]\nkeys: {{ file: idp.jwks.json }}\n\
             map: {{ user: \"{{claim:sub}}\" }}\n{more}"
        ),
    );
    let allow = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "app:Use", "Resource": "arn:aws:app::555566667777:b",
    }});
    site.write(
        "policies/accounts/555566667777-app/users/alice.yaml",
        &json!({"inline_policies": {"use": allow}}).to_string(),
    );
    keys
}

fn token(keys: &Keys, cnf: Value) -> String {
    let mut claims = claims(ISSUER, "app", "alice", Clock::machine().now(), 600);
    if !cnf.is_null() {
        claims.insert("cnf".to_owned(), cnf);
    }
    keys.sign("ES256", &claims).unwrap()
}

#[test]
fn a_token_bound_to_a_certificate() {
    let mut keys = None;
    let world = world("optional", false, |site| keys = Some(issuer(site, "")));
    let keys = keys.unwrap();
    let (own, other) = (
        world.root.workload(11, &[BACKEND]),
        // Bound tokens need no certificate that says who somebody is.
        world.root.workload(12, &[]),
    );
    let bearer = |world: &World, client: Option<&Holder>, token: &str| {
        let credential = format!("Bearer {token}");
        get(
            &mut world.connect(client),
            "/b",
            &[("Authorization", &*credential)],
        )
        .unwrap()
    };
    for (bound, stranger) in [(&own, &other), (&other, &own)] {
        let token = token(&keys, json!({"x5t#S256": sha256(&bound.chain[0])}));
        let answer = bearer(&world, Some(bound), &token);
        let heard = answer.text().to_ascii_lowercase();
        assert_eq!(answer.status, 200, "{heard}");
        // The token says who it is, not the certificate beside it.
        assert!(heard.contains(ALICE), "{heard}");
        for client in [Some(stranger), None] {
            let answer = bearer(&world, client, &token);
            assert_eq!(answer.status, 401, "{}", answer.text());
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(challenge.contains("invalid_token"), "{challenge}");
        }
        // The same connection, once with and once without what the token asks for.
        let mut connection = world.connect(Some(bound));
        for (cnf, status) in [
            (json!({"x5t#S256": sha256(&bound.chain[0])}), 200),
            (json!({"x5t#S256": sha256(&stranger.chain[0])}), 401),
            (json!({"x5t#S256": sha256(&bound.chain[0])}), 200),
            (json!({"jkt": sha256(b"x")}), 401),
            (json!({"kid": "x"}), 401),
            (json!({}), 401),
            (json!(null), 200),
        ] {
            let credential = format!("Bearer {}", self::token(&keys, cnf.clone()));
            let answer = get(&mut connection, "/b", &[("Authorization", &*credential)]).unwrap();
            assert_eq!(answer.status, status, "{cnf}: {}", answer.text());
        }
    }
    let unbound = bearer(&world, None, &token(&keys, Value::Null));
    assert_eq!(unbound.status, 200);
}

/// A client's key for proofs.
struct Key(EcdsaKeyPair);

impl Key {
    fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn jwk(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        json!({"kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y)})
    }

    fn thumbprint(&self) -> String {
        // `serde_json` writes members in the order of their names, without white space.
        sha256(self.jwk().to_string().as_bytes())
    }

    fn sign(&self, header: &Value, payload: &Value) -> String {
        let message = format!("{}.{}", b64(header.to_string()), b64(payload.to_string()));
        let signature = self
            .0
            .sign(&SystemRandom::new(), message.as_bytes())
            .unwrap();
        format!("{message}.{}", b64(signature))
    }

    fn header(&self) -> Value {
        json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()})
    }
}

fn payload(token: &str, id: &str) -> Value {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs();
    // Not of the second in which the process began.
    let now = now.saturating_add(1);
    json!({
        "jti": id, "htm": "GET", "htu": "http://app.example/b", "iat": now,
        "ath": sha256(token.as_bytes()),
    })
}

fn with(mut value: Value, more: &Value) -> Value {
    let members = value.as_object_mut().unwrap();
    for (name, value) in more.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    value
}

struct Plain {
    sidegate: Sidegate,
    keys: Keys,
    site: Site,
    _upstream: Upstream,
}

fn plain(more: &str) -> Plain {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let keys = issuer(&site, more);
    Plain {
        sidegate: Sidegate::start(&site),
        keys,
        site,
        _upstream: upstream,
    }
}

impl Plain {
    fn get(&self, headers: &[(&str, &str)]) -> Answer {
        request(self.sidegate.ingress, "GET", "app.example", "/b", headers)
    }

    fn proven(&self, token: &str, proof: &str) -> Answer {
        self.get(&[("Authorization", &format!("DPoP {token}")), ("DPoP", proof)])
    }
}

fn refused(what: &str, answer: &Answer, error: &str) {
    assert_eq!(answer.status, 401, "{what}: {}", answer.text());
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("DPoP") && challenge.contains(error),
        "{what}: {challenge}"
    );
}

#[test]
fn a_token_bound_to_a_key() {
    let plain = plain("");
    let (key, other) = (Key::new(), Key::new());
    let token = token(&plain.keys, json!({"jkt": key.thumbprint()}));
    let good = |id: &str| key.sign(&key.header(), &payload(&token, id));

    let first = good("1");
    let answer = plain.proven(&token, &first);
    let heard = answer.text().to_ascii_lowercase();
    assert_eq!(answer.status, 200, "{heard}");
    assert!(heard.contains(ALICE), "{heard}");
    assert!(
        !heard.contains("dpop") && !heard.contains("authorization"),
        "{heard}"
    );
    refused(
        "replayed",
        &plain.proven(&token, &first),
        "invalid_dpop_proof",
    );
    assert_eq!(plain.proven(&token, &good("2")).status, 200);

    let bearer = format!("Bearer {token}");
    refused(
        "as Bearer",
        &plain.get(&[("Authorization", &bearer)]),
        "invalid_token",
    );
    let proof = good("3");
    let both = plain.get(&[("Authorization", &bearer), ("DPoP", &proof)]);
    refused("as Bearer with a proof", &both, "invalid_token");
    let credential = format!("DPoP {token}");
    refused(
        "without a proof",
        &plain.get(&[("Authorization", &credential)]),
        "invalid_dpop_proof",
    );
    let (one, two) = (good("4"), good("5"));
    let twice = [
        ("Authorization", &*credential),
        ("DPoP", &one),
        ("DPoP", &two),
    ];
    refused("two proofs", &plain.get(&twice), "invalid_dpop_proof");
    refused(
        "another key's proof",
        &plain.proven(&token, &other.sign(&other.header(), &payload(&token, "6"))),
        "invalid_token",
    );
    refused(
        "another key's signature",
        &plain.proven(&token, &other.sign(&key.header(), &payload(&token, "7"))),
        "invalid_dpop_proof",
    );
    let unbound = self::token(&plain.keys, Value::Null);
    refused(
        "an unbound token",
        &plain.proven(&unbound, &key.sign(&key.header(), &payload(&unbound, "8"))),
        "invalid_token",
    );
}

#[test]
fn proofs_that_are_for_something_else() {
    let plain = plain("");
    let key = Key::new();
    let token = token(&plain.keys, json!({"jkt": key.thumbprint()}));
    let good = |id: &str| key.sign(&key.header(), &payload(&token, id));
    for (at, change) in [
        json!({"htm": "POST"}),
        json!({"htu": "http://app.example/c"}),
        json!({"htu": "https://app.example/b"}),
        json!({"htu": "http://other.example/b"}),
        json!({"ath": sha256(b"another")}),
        json!({"ath": null}),
        json!({"iat": 1}),
        json!({"iat": null}),
        json!({"jti": null}),
    ]
    .into_iter()
    .enumerate()
    {
        let changed = with(payload(&token, &format!("claims {at}")), &change);
        let answer = plain.proven(&token, &key.sign(&key.header(), &changed));
        refused(&change.to_string(), &answer, "invalid_dpop_proof");
    }
    let mut private = key.jwk();
    private["d"] = json!(b64([1; 32]));
    for (at, change) in [
        json!({"typ": "JWT"}),
        json!({"alg": "none"}),
        json!({"alg": "HS256"}),
        json!({"alg": "HS256", "jwk": {"kty": "oct", "k": b64([1; 32])}}),
        json!({"jwk": private}),
        json!({"jwk": null}),
        json!({"crit": ["exp"]}),
    ]
    .into_iter()
    .enumerate()
    {
        let header = with(key.header(), &change);
        let proof = key.sign(&header, &payload(&token, &format!("header {at}")));
        let proof = if change["alg"] == "none" {
            format!("{}.", proof.rsplit_once('.').unwrap().0)
        } else {
            proof
        };
        refused(
            &change.to_string(),
            &plain.proven(&token, &proof),
            "invalid_dpop_proof",
        );
    }
    let bearer = format!("Bearer {token}");
    refused(
        "as Bearer",
        &plain.get(&[("Authorization", &bearer)]),
        "invalid_token",
    );
    // What was refused has used up nothing.
    assert_eq!(plain.proven(&token, &good("claims 0")).status, 200);
    for reason in ["bad_proof", "unbound_credential"] {
        eventually(reason, || {
            let records = plain.site.audit();
            let found = records
                .iter()
                .any(|record| record["additionalEventData"]["reason"] == reason);
            found.then_some(())
        });
    }
}

#[test]
fn a_provider_that_asks_for_bound_tokens() {
    let plain = plain("require_binding: dpop\n");
    let key = Key::new();
    let unbound = token(&plain.keys, Value::Null);
    let bearer = format!("Bearer {unbound}");
    assert_eq!(plain.get(&[("Authorization", &bearer)]).status, 401);
    let to_certificate = token(&plain.keys, json!({"x5t#S256": sha256(b"x")}));
    let bearer = format!("Bearer {to_certificate}");
    assert_eq!(plain.get(&[("Authorization", &bearer)]).status, 401);
    let bound = token(&plain.keys, json!({"jkt": key.thumbprint()}));
    let proof = key.sign(&key.header(), &payload(&bound, "1"));
    assert_eq!(plain.proven(&bound, &proof).status, 200);
}
