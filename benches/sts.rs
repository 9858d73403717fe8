//! What sessions cost: sealing a token (one signature), opening it the first time (one signature check) and again, and
//! how many AssumeRole calls the endpoint answers a second: signed, decided by the engine, on record, over real sockets,
//! on its one thread.
//!
//! `cargo bench --bench sts`. The median of 20 batches.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    reason = "a bench prints, and a fault in it may end it"
)]

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use sidegate::app;
use sidegate::authn::{Opener, Sessions};
use sidegate::cli::demo::keys::{Keys as IssuerKeys, claims};
use sidegate::cli::demo::signer::{self, Credentials, Signed};
use sidegate::clock::{Clock, Timestamp, monotonic};
use sidegate::config;
use sidegate::sts::token::Tag;
use sidegate::sts::{Keyring, Keys, Session, Who};

const BATCHES: usize = 20;
const DEPLOY: &str = "arn:aws:iam::555566667777:role/deploy";
const PIPELINE: &str = "arn:aws:iam::555566667777:role/pipeline";
/// For the calls to be counted.
const LOAD: Duration = Duration::from_secs(5);
const CONNECTIONS: usize = 8;

fn main() {
    tokens();
    println!();
    calls();
}

fn plain(now: Timestamp) -> Session {
    let who = Who::Role {
        role: DEPLOY.into(),
        id: "AROAEXAMPLEEXAMPLE23".into(),
        name: "release-4711".into(),
    };
    let mut session = Session::asked(who, now, now.plus(Duration::from_secs(3600)));
    session.bearer = true;
    session
}

fn full(now: Timestamp) -> Session {
    let mut session = plain(now);
    session.policy = Some(
        json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["orders:Get*", "orders:List*"], "Resource": "arn:aws:orders::555566667777:order/*"},
            {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        ]})
        .to_string()
        .into(),
    );
    session.tags = (0..10)
        .map(|number| Tag {
            key: format!("key-{number}").into(),
            value: format!("value-{number}").into(),
            transitive: number < 3,
        })
        .collect();
    session
}

fn tokens() {
    let now = Clock::machine().now();
    let keys = Arc::new(Keys::new(Keyring::new(now).unwrap()));
    let opener = Opener::new(Arc::clone(&keys));
    println!(
        "{:<24} {:>8} {:>10} {:>10} {:>10}",
        "", "bytes", "seal", "cold", "warm"
    );
    for (name, make) in [
        ("a role's session", plain as fn(_) -> _),
        ("policy and 10 tags", full),
    ] {
        let token = keys.issue(make(now), now).unwrap().token;
        let token = token.expose();
        let seal = measure(200, || {
            black_box(keys.issue(make(now), now).unwrap());
        });
        let cold = measure(200, || {
            black_box(keys.open(token, now).unwrap());
        });
        opener.open(token, now).unwrap();
        let warm = measure(20_000, || {
            black_box(opener.open(token, now).unwrap());
        });
        println!(
            "{name:<24} {:>8} {seal:>7} ns {cold:>7} ns {warm:>7} ns",
            token.len()
        );
    }
}

/// Nanoseconds a turn.
fn measure(turns: u32, mut turn: impl FnMut()) -> u128 {
    let mut batches: Vec<u128> = (0..BATCHES)
        .map(|_| {
            let began = monotonic();
            for _ in 0..turns {
                turn();
            }
            began.elapsed().as_nanos() / u128::from(turns)
        })
        .collect();
    batches.sort_unstable();
    *batches.get(BATCHES / 2).expect("batches")
}

fn write(folder: &Path, name: &str, content: &serde_json::Value) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).unwrap();
    std::fs::write(path, content.to_string()).unwrap();
}

fn world(folder: &Path, keys: &IssuerKeys) {
    let app = "policies/accounts/555566667777-app";
    let allow = |more: serde_json::Value| {
        let mut statement = json!({"Effect": "Allow"});
        let members = statement.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        json!({"Version": "2012-10-17", "Statement": statement})
    };
    write(
        folder,
        "policies/organization.yaml",
        &json!({
            "partition": "aws", "id": "o-testtesttest", "management_account": "555566667777",
            "root": {"accounts": ["555566667777"]},
        }),
    );
    write(
        folder,
        &format!("{app}/account.yaml"),
        &json!({"id": "555566667777", "name": "app"}),
    );
    write(
        folder,
        "policies/identity-providers/ci.jwks.json",
        &keys.jwks(),
    );
    write(
        folder,
        "policies/identity-providers/ci.yaml",
        &json!({
            "type": "oidc", "account": "555566667777", "issuer": "https://ci.example", "audiences": ["app"],
            "keys": {"file": "ci.jwks.json"}, "algorithms": ["ES256"],
            "map": {"role": "nothing", "session_name": "{claim:sub}"},
        }),
    );
    write(
        folder,
        &format!("{app}/roles/pipeline.yaml"),
        &json!({
            "trust_policy": allow(json!({
                "Principal": {"Federated": "arn:aws:iam::555566667777:oidc-provider/ci.example"},
                "Action": "sts:AssumeRoleWithWebIdentity",
            })),
            "inline_policies": {"sts": allow(json!({"Action": "sts:AssumeRole", "Resource": DEPLOY}))},
        }),
    );
    write(
        folder,
        &format!("{app}/roles/deploy.yaml"),
        &json!({
            "trust_policy": allow(json!({
                "Principal": {"AWS": PIPELINE}, "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": "secret-7"}},
            })),
        }),
    );
    write(
        folder,
        "policies/routes/app.yaml",
        &json!({
            "service": "app", "account": "555566667777", "region": "us-east-1", "upstream": "app",
            "routes": [{"match": "GET /x", "action": "app:Use", "resource": "arn:{partition}:app::{account}:x"}],
        }),
    );
    write(
        folder,
        "sidegate.yaml",
        &json!({
            "listeners": [{"name": "ingress", "address": "127.0.0.1:0"}],
            "upstreams": {"app": {"url": "http://127.0.0.1:1"}},
            "bundle": {"path": "./policies"},
            "health": {"address": "127.0.0.1:0"},
            "audit": {"file": "./audit/"},
            "keyring": "./keyring.yaml",
            "sts": {"address": "127.0.0.1:0"},
            "workers": 1,
        }),
    );
    let keyring = Keyring::new(Clock::machine().now()).unwrap();
    std::fs::write(folder.join("keyring.yaml"), keyring.text().expose()).unwrap();
}

fn calls() {
    let folder = tempfile::tempdir().unwrap();
    let keys = IssuerKeys::make().unwrap();
    world(folder.path(), &keys);
    let settings = config::load(&folder.path().join("sidegate.yaml"), []);
    let settings = settings.expect("a valid configuration");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let running = runtime.block_on(app::start(&settings)).unwrap();
    let sts: SocketAddr = running.address("sts").unwrap().parse().unwrap();
    let call = assume_role(sts, &keys);
    let begin = monotonic();
    let threads: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let call = call.clone();
            std::thread::spawn(move || load(sts, &call, begin + LOAD))
        })
        .collect();
    let mut times: Vec<Duration> = Vec::new();
    for thread in threads {
        times.extend(thread.join().unwrap());
    }
    let took = begin.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |parts: usize| {
        times
            .get(times.len() * parts / 100)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "AssumeRole: {:.0} a second on one thread, {CONNECTIONS} connections; p50 {:?}, p99 {:?}",
        times.len() as f64 / took,
        at(50),
        at(99)
    );
    runtime.block_on(running.stop(std::future::ready(())));
}

/// One signed AssumeRole call, good for five minutes.
fn assume_role(sts: SocketAddr, keys: &IssuerKeys) -> Vec<u8> {
    let now = Clock::machine().now();
    let jwt = claims("https://ci.example", "app", "main", now, 600);
    let jwt = keys.sign("ES256", &jwt).unwrap();
    let body = format!(
        "Version=2011-06-15&Action=AssumeRoleWithWebIdentity&RoleArn={PIPELINE}&RoleSessionName=run&WebIdentityToken={jwt}"
    );
    let host = sts.to_string();
    let first = request(&[("host".to_owned(), host.clone())], &body);
    let mut stream = TcpStream::connect(sts).unwrap();
    let answer = exchange(&mut stream, &first);
    let element = |name: &str| -> String {
        let (_, rest) = answer.split_once(&format!("<{name}>")).expect(&answer);
        rest.split_once('<').unwrap().0.to_owned()
    };
    let body = format!(
        "Version=2011-06-15&Action=AssumeRole&RoleArn={DEPLOY}&RoleSessionName=release&ExternalId=secret-7"
    );
    let signed = Signed {
        method: "POST",
        path: "/",
        host: &host,
        service: "sts",
        region: "us-east-1",
        body: &body,
    };
    let (access_key, secret) = (element("AccessKeyId"), element("SecretAccessKey"));
    let token = element("SessionToken");
    let credentials = Credentials {
        access_key: &access_key,
        secret: &secret,
        token: Some(&token),
    };
    request(&signer::sign(&signed, &credentials, now), &body)
}

fn request(headers: &[(String, String)], body: &str) -> Vec<u8> {
    let mut text = "POST / HTTP/1.1\r\n".to_owned();
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!(
        "content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
    text.into_bytes()
}

fn exchange(stream: &mut TcpStream, call: &[u8]) -> String {
    stream.write_all(call).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let length = stream.read(&mut buffer).unwrap();
        assert!(length > 0, "the connection ended");
        answer.extend(buffer.iter().take(length));
        let text = String::from_utf8_lossy(&answer);
        let ends = text.ends_with("Response>");
        if ends {
            return text.into_owned();
        }
    }
}

fn load(sts: SocketAddr, call: &[u8], end: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(sts).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut times = Vec::new();
    while monotonic() < end {
        let began = monotonic();
        let answer = exchange(&mut stream, call);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        times.push(began.elapsed());
    }
    times
}
