//! What it costs to know who a request is: a credential seen for the first time (cold) and again (warm). Tokens of about
//! 1 KiB beside bare `jsonwebtoken`, which checks the signature and the registered claims alone. Warm is the whole of
//! `Authenticator::authenticate`. A signature is computed each time; cold means that its key is derived first. A
//! certificate is cold once a connection: its names are read and its chain is held to the provider's authorities.
//!
//! `cargo bench --bench authenticate`. Nanoseconds a credential, the median of 20 batches.

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

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, SanType};
use sidegate::authn::credentials::Store;
use sidegate::authn::jwks::KeySet;
use sidegate::authn::jwt::Unverified;
use sidegate::authn::sigv4::{self, Expected, PathStyle, Raw, SigningKeys};
use sidegate::authn::{Authenticator, Certificate, Opener, Presented, Settings, Signing};
use sidegate::cli::demo::signer::{self, Credentials, Signed};
use sidegate::clock::{Clock, Timestamp, monotonic};
use sidegate::directory::provider::Provider;
use sidegate::secret::Secret;
use sidegate::source::{Report, json};
use sidegate::sts::{Keyring, Keys, Session, Who};

const BATCHES: usize = 20;
const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

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
        "{:<18} {:>14} {:>10} {:>10}",
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
        println!("{:<18} {bare:>14} {cold:>10} {warm:>10}", case.name);
    }
    for (name, (cold, warm)) in [
        ("SigV4", runtime.block_on(signature(&clock))),
        ("session token", runtime.block_on(session(&clock))),
        ("client certificate", runtime.block_on(certificate(&clock))),
    ] {
        println!("{name:<18} {:>14} {cold:>10} {warm:>10}", "-");
    }
}

/// Everything that a request's credential costs, seen before.
async fn again(authenticator: &Authenticator, presented: &Presented<'_>) -> u128 {
    let mut batches = Vec::new();
    for _ in 0..=BATCHES {
        let begun = monotonic();
        for _ in 0..10_000 {
            black_box(authenticator.authenticate(presented).await.expect("good"));
        }
        batches.push(begun.elapsed().as_nanos() / 10_000);
    }
    median(batches)
}

async fn signature(clock: &Clock) -> (u128, u128) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials.yaml");
    let listed = format!(
        "access_keys: [ {{ id: {KEY}, secret: \"{SECRET}\", user: \"arn:aws:iam::555566667777:user/alice\" }} ]"
    );
    std::fs::write(&file, listed).unwrap();
    let credentials = Some(Store::open(&file).unwrap());
    let settings = Settings {
        credentials,
        ..Settings::default()
    };
    let request = Signed {
        method: "GET",
        path: "/orders/7",
        host: "orders.internal",
        service: "orders",
        region: "us-east-1",
        body: "",
    };
    let by = Credentials {
        access_key: KEY,
        secret: SECRET,
        token: None,
    };
    let mut headers = HeaderMap::new();
    for (name, value) in signer::sign(&request, &by, clock.now()) {
        let name = http::HeaderName::try_from(name).unwrap();
        headers.insert(name, HeaderValue::try_from(value).unwrap());
    }
    let raw = Raw {
        method: "GET",
        path: "/orders/7",
        query: None,
        headers: &headers,
        authority: None,
    };
    let expected = Expected {
        region: "us-east-1",
        service: "orders",
        style: PathStyle::Normalized,
        unsigned_payload: false,
        now: clock.now(),
    };
    let secret = Secret::new(SECRET.into());
    let turns = 20;
    let mut strangers: Vec<SigningKeys> = Vec::new();
    let all = BATCHES.saturating_add(1).saturating_mul(turns);
    strangers.resize_with(all, SigningKeys::new);
    let mut used = Vec::with_capacity(all);
    let cold = measure(u32::try_from(turns).unwrap(), || {
        let keys = strangers.pop().expect("one a turn");
        let found = sigv4::find(&raw).unwrap().expect("a signature");
        let proven = found.verify(&raw, &expected, &secret, &keys, None);
        used.push(keys);
        proven.expect("a good signature")
    });
    let authenticator = Authenticator::new(settings, clock.clone());
    let presented = Presented {
        path: "/orders/7",
        signing: Some(Signing {
            region: "us-east-1",
            service: "orders",
            unsigned_payload: false,
            root: false,
        }),
        ..Presented::of_headers(&headers, &[])
    };
    (cold, again(&authenticator, &presented).await)
}

async fn session(clock: &Clock) -> (u128, u128) {
    let now = clock.now();
    let keys = Arc::new(Keys::new(Keyring::new(now).unwrap()));
    let who = Who::Role {
        role: "arn:aws:iam::555566667777:role/deploy".into(),
        id: "AROAEXAMPLEEXAMPLE23".into(),
        name: "release-4711".into(),
    };
    let mut session = Session::asked(who, now, now.plus(Duration::from_secs(3600)));
    session.bearer = true;
    let issued = keys.issue(session, now).unwrap();
    let token = issued.token.expose();
    let cold = measure(500, || keys.open(token, now).expect("a good token"));
    let settings = Settings {
        sessions: Some(Arc::new(Opener::new(Arc::clone(&keys)))),
        ..Settings::default()
    };
    let authenticator = Authenticator::new(settings, clock.clone());
    let headers = bearer(token);
    let presented = Presented::of_headers(&headers, &[]);
    (cold, again(&authenticator, &presented).await)
}

async fn certificate(clock: &Clock) -> (u128, u128) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let authorities = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let mut params = CertificateParams::default();
    let id = "spiffe://prod.example/role/backend";
    params.subject_alt_names = vec![SanType::URI(id.try_into().unwrap())];
    let own = rcgen::KeyPair::generate().unwrap();
    let leaf = params.signed_by(&own, &issuer).unwrap();
    let chain = Arc::from([leaf.der().clone()]);
    let text = r#"{"type":"spiffe","account":"555566667777","trust_domain":"prod.example",
        "authorities":"ca.pem","map":{"role":"{claim:path|strip:/role/}"}}"#;
    let mut report = Report::on("bench.yaml");
    let node = json::read(text, &mut report).unwrap();
    let mut provider = Provider::read(&node, "mesh", &mut report).unwrap();
    provider.attach_keys(&authorities, &mut report);
    let providers = [Arc::new(provider)];
    let cold = measure(100, || {
        let certificate = Certificate::read(&chain).expect("a certificate");
        let vouched = certificate.vouched(&providers, clock.now());
        vouched.expect("a good one").expect("of the provider")
    });
    let read = Certificate::read(&chain).unwrap();
    let authenticator = Authenticator::new(Settings::default(), clock.clone());
    let headers = HeaderMap::new();
    let presented = Presented {
        certificate: Some(Ok(&read)),
        ..Presented::of_headers(&headers, &providers)
    };
    (cold, again(&authenticator, &presented).await)
}

fn bearer(token: &str) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    HeaderMap::from_iter([(http::header::AUTHORIZATION, value)])
}

async fn warm(case: &Case, provider: &Arc<Provider>, clock: &Clock) -> u128 {
    let authenticator = Authenticator::new(Settings::default(), clock.clone());
    let providers = [Arc::clone(provider)];
    authenticator.follow(&providers);
    let headers = bearer(&case.token);
    again(&authenticator, &Presented::of_headers(&headers, &providers)).await
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
