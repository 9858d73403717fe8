//! What it costs to know who a request is: a token of about 1 KiB seen for the first time (cold) and again (warm),
//! beside bare `jsonwebtoken`, which checks the signature and the registered claims alone.
//!
//! `cargo bench --bench authenticate`. Nanoseconds a token, the median of 20 batches.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints, and a fault in it may end it"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue};
use jsonwebtoken::{DecodingKey, Validation, decode};

use sidegate::authn::jwks::KeySet;
use sidegate::authn::jwt::Unverified;
use sidegate::authn::{Authenticator, Presented, Settings};
use sidegate::clock::{Clock, Timestamp, monotonic};
use sidegate::directory::provider::Provider;
use sidegate::source::{Report, json};

const BATCHES: usize = 20;

struct Case {
    name: &'static str,
    algorithm: jsonwebtoken::Algorithm,
    jwk: String,
    key: DecodingKey,
    token: String,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let clock = Clock::machine();
    println!(
        "{:<8} {:>14} {:>10} {:>10}",
        "", "jsonwebtoken", "cold", "warm"
    );
    for case in cases(clock.now()) {
        let bare = measure(500, || {
            let mut validation = Validation::new(case.algorithm);
            validation.set_audience(&["orders-api"]);
            validation.set_issuer(&["https://idp.example"]);
            validation.validate_nbf = true;
            let claims: serde_json::Value = decode(&case.token, &case.key, &validation)
                .expect("a good token")
                .claims;
            claims
        });
        let provider = provider(&case.jwk);
        let set = KeySet::read(case.jwk.as_bytes()).expect("a key set");
        let cold = measure(500, || {
            Unverified::parse(&case.token)
                .and_then(|token| token.verify(&provider, &set, clock.now(), [0; 32]))
                .expect("a good token")
        });
        let warm = runtime.block_on(warm(&case, &provider, &clock));
        println!("{:<8} {bare:>14} {cold:>10} {warm:>10}", case.name);
    }
}

async fn warm(case: &Case, provider: &Arc<Provider>, clock: &Clock) -> u128 {
    let authenticator = Authenticator::new(Settings::default(), clock.clone());
    let providers = [Arc::clone(provider)];
    authenticator.follow(&providers);
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_str(&format!("Bearer {}", case.token)).unwrap();
    headers.insert(http::header::AUTHORIZATION, value);
    let presented = Presented::of_headers(&headers, &providers);
    let mut batches = Vec::new();
    for _ in 0..=BATCHES {
        let begun = monotonic();
        for _ in 0..10_000 {
            black_box(authenticator.authenticate(&presented).await.expect("good"));
        }
        batches.push(begun.elapsed().as_nanos() / 10_000);
    }
    median(batches)
}

fn measure<T>(times: u32, mut work: impl FnMut() -> T) -> u128 {
    let batches = (0..=BATCHES).map(|_| {
        let begun = monotonic();
        for _ in 0..times {
            black_box(work());
        }
        begun
            .elapsed()
            .as_nanos()
            .checked_div(times.into())
            .unwrap()
    });
    median(batches.collect())
}

/// Without the first batch, which warms up.
fn median(mut batches: Vec<u128>) -> u128 {
    let mut batches = batches.split_off(1);
    batches.sort_unstable();
    *batches.get(batches.len() / 2).unwrap()
}

fn provider(jwks: &str) -> Arc<Provider> {
    let text = r#"{"type":"oidc","account":"222222222222","issuer":"https://idp.example",
        "audiences":["orders-api"],"keys":{"file":"keys.json"},"algorithms":["RS256","ES256","EdDSA"]}"#;
    let mut report = Report::on("bench.yaml");
    let node = json::read(text, &mut report).unwrap();
    let mut provider = Provider::read(&node, "bench", &mut report).unwrap();
    provider.attach_keys(jwks, &mut report);
    Arc::new(provider)
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn cases(now: Timestamp) -> Vec<Case> {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let components: RsaPublicKeyComponents<Vec<u8>> = rsa.public_key().into();
    let (n, e) = (b64(&components.n), b64(&components.e));
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let (x, y) = ec.public_key().as_ref().split_at(1).1.split_at(32);
    let (x, y) = (b64(x), b64(y));
    let ed = Ed25519KeyPair::generate().unwrap();
    let okp = b64(ed.public_key());
    let random = SystemRandom::new();
    vec![
        Case {
            name: "RS256",
            algorithm: jsonwebtoken::Algorithm::RS256,
            jwk: set(&format!(r#""kty":"RSA","n":"{n}","e":"{e}""#)),
            key: DecodingKey::from_rsa_components(&n, &e).unwrap(),
            token: token(now, "RS256", |message| {
                let mut signature = vec![0; rsa.public_modulus_len()];
                rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .unwrap();
                signature
            }),
        },
        Case {
            name: "ES256",
            algorithm: jsonwebtoken::Algorithm::ES256,
            jwk: set(&format!(r#""kty":"EC","crv":"P-256","x":"{x}","y":"{y}""#)),
            key: DecodingKey::from_ec_components(&x, &y).unwrap(),
            token: token(now, "ES256", |message| {
                ec.sign(&random, message).unwrap().as_ref().to_vec()
            }),
        },
        Case {
            name: "EdDSA",
            algorithm: jsonwebtoken::Algorithm::EdDSA,
            jwk: set(&format!(r#""kty":"OKP","crv":"Ed25519","x":"{okp}""#)),
            key: DecodingKey::from_ed_components(&okp).unwrap(),
            token: token(now, "EdDSA", |message| ed.sign(message).as_ref().to_vec()),
        },
    ]
}

fn set(key: &str) -> String {
    format!(r#"{{"keys":[{{{key},"kid":"k1"}}]}}"#)
}

/// About 1 KiB, with the claims that a usual issuer writes.
fn token(now: Timestamp, algorithm: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let exp = now.plus(Duration::from_secs(3600)).seconds();
    let header = format!(r#"{{"alg":"{algorithm}","typ":"JWT","kid":"k1"}}"#);
    let payload = format!(
        r#"{{"iss":"https://idp.example","sub":"f3b1c1de-6f0f-4a0e-9b0e-8f9b1f0c7a11","aud":["orders-api","account"],
        "iat":{},"nbf":{0},"exp":{exp},"jti":"0f3c6a1e-1d3b-4f0e-8f57-3a6b6f1f0a55","azp":"web","scope":"openid profile email",
        "email":"alice@corp.example","email_verified":true,"name":"Alice Example","groups":["corp-dev","corp-billing"],
        "realm_access":{{"roles":["developer","offline_access","uma_authorization"]}},"team":"images","amr":["pwd","otp"]}}"#,
        now.seconds()
    );
    let message = format!("{}.{}", b64(header), b64(payload));
    let signature = b64(sign(message.as_bytes()));
    format!("{message}.{signature}")
}
