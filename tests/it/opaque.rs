//! Opaque tokens (RFC 7662), from the socket to the upstream: a provider is asked, seldom, and believed for a while.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::streams::endless;
use crate::support::{Answer, PATIENCE, Sidegate, Site, Upstream, eventually, request};

const SECRET: &str = "the-gates-own-secret";
const TOKEN: &str = "an-opaque-token-of-alice";
const ALICE: &str = "x-sidegate-principal-arn: arn:aws:iam::555566667777:user/alice\r\n";

/// What an introspection endpoint says, and what it was asked.
#[derive(Default)]
struct State {
    /// Status and body; `None`: it takes the question and says nothing.
    says: Option<(u16, String)>,
    questions: Vec<String>,
}

struct Endpoint {
    address: std::net::SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Endpoint {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<Mutex<State>>::default();
        let all = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let all = Arc::clone(&all);
                std::thread::spawn(move || serve(&stream, &all));
            }
        });
        Self { address, state }
    }

    fn says(&self, status: u16, body: &Value) {
        self.state.lock().unwrap().says = Some((status, body.to_string()));
    }

    fn silent(&self) {
        self.state.lock().unwrap().says = None;
    }

    fn asked(&self) -> usize {
        self.state.lock().unwrap().questions.len()
    }
}

fn serve(stream: &TcpStream, all: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let says = {
        let mut state = all.lock().unwrap();
        state.questions.push(head + &String::from_utf8_lossy(&body));
        state.says.clone()
    };
    let Some((status, text)) = says else {
        // Until the other side has enough of it.
        let _ = reader.read(&mut [0]);
        return None;
    };
    let length = text.len();
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nlocation: /elsewhere\r\nconnection: close\r\n\r\n{text}"
    );
    let mut stream = stream;
    stream.write_all(answer.as_bytes()).ok()
}

fn alice() -> Value {
    let now = jiff::Timestamp::now().as_second();
    json!({"active": true, "sub": "alice", "aud": "app", "iat": now - 10, "exp": now + 600})
}

struct World {
    endpoint: Endpoint,
    site: Site,
    sidegate: Sidegate,
}

/// Answers are believed for `max_age` seconds.
fn world(upstream: &Upstream, max_age: u32) -> World {
    let endpoint = Endpoint::start();
    let site = Site::with_bundle(upstream, "nothing");
    site.write("secret", &format!("{SECRET}\n"));
    let keys = sidegate::cli::demo::keys::Keys::make().unwrap();
    site.write(
        "policies/identity-providers/k.json",
        &keys.jwks().to_string(),
    );
    site.write(
        "policies/identity-providers/idp.yaml",
        &json!({
            "type": "oidc", "account": "555566667777", "issuer": "https://idp.example", "audiences": ["app"],
            "keys": {"file": "k.json"}, "map": {"user": "{claim:sub}"},
            "introspection": {
                "url": format!("http://{}/asked", endpoint.address), "client_id": "gate",
                "client_secret_file": site.path("secret"), "max_age": max_age,
            },
        })
        .to_string(),
    );
    let allow = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "app:Use", "Resource": "*",
    }});
    site.write(
        "policies/accounts/555566667777-app/users/alice.yaml",
        &json!({"inline_policies": {"use": allow}}).to_string(),
    );
    World {
        sidegate: Sidegate::start(&site),
        endpoint,
        site,
    }
}

impl World {
    fn get(&self, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", &*bearer)];
        request(self.sidegate.ingress, "GET", "app.example", "/b", &headers)
    }
}

fn code(answer: &Answer) -> Value {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    body["code"].clone()
}

#[test]
fn allowed_refused_or_nobody_knows() {
    let upstream = Upstream::start();
    let world = world(&upstream, 3600);
    world.endpoint.says(200, &alice());
    for _ in 0..5 {
        let answer = world.get(TOKEN);
        let heard = answer.text().to_ascii_lowercase();
        assert_eq!(answer.status, 200, "{heard}");
        assert!(heard.contains(ALICE) && !heard.contains(TOKEN), "{heard}");
    }
    assert_eq!(world.endpoint.asked(), 1);
    let question = world.endpoint.state.lock().unwrap().questions[0].clone();
    assert!(
        question.starts_with("POST /asked HTTP/1.1\r\n"),
        "{question}"
    );
    assert!(question.ends_with(&format!("token={TOKEN}&token_type_hint=access_token")));

    // Which check failed is nobody's business but the log's.
    let with = |more: Value| {
        let mut says = alice();
        let members = says.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        says
    };
    let refusals = [
        json!({"active": false}),
        with(json!({"aud": "another"})),
        json!({"active": true, "sub": "alice", "aud": "app"}),
        with(json!({"iss": "https://evil.example"})),
    ];
    let refused = refusals.iter().enumerate().map(|(at, says)| {
        world.endpoint.says(200, says);
        let answer = world.get(&format!("{TOKEN}-{at}"));
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert_eq!(
            challenge,
            "Bearer realm=\"sidegate\", error=\"invalid_token\""
        );
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        (answer.status, body["code"].clone(), body["message"].clone())
    });
    let mut refused: Vec<_> = refused.collect();
    refused.dedup();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!((refused[0].0, &refused[0].1), (401, &json!("InvalidToken")));

    for (at, status) in [500, 401, 302, 204].into_iter().enumerate() {
        world.endpoint.says(200, &alice());
        // Not left alone because of the ones before.
        let fresh = format!("fresh-{at}");
        eventually("it is asked again", || {
            (world.get(&fresh).status == 200).then_some(())
        });
        world.endpoint.says(status, &alice());
        let answer = world.get("x");
        assert_eq!(
            (answer.status, code(&answer)),
            (503, json!("ProviderUnavailable"))
        );
        assert!(answer.header("www-authenticate").is_none());
    }
    world.endpoint.silent();
    assert_eq!(world.get("y").status, 503);
    assert_eq!(world.get(TOKEN).status, 200, "what is known goes on");

    for reason in [
        "inactive_credential",
        "wrong_audience",
        "invalid_claims",
        "provider_unavailable",
    ] {
        eventually(reason, || {
            let records = world.site.audit();
            let mut reasons = records
                .iter()
                .map(|record| &record["additionalEventData"]["reason"]);
            reasons.any(|found| found == reason).then_some(())
        });
        let name = format!(
            "sidegate_authentications_total{{method=\"jwt\",provider=\"idp\",result=\"{reason}\"}}"
        );
        assert!(
            world.sidegate.metric(&name).unwrap_or_default() > 0.0,
            "{name}"
        );
    }
    let hits = "sidegate_cache_events_total{cache=\"opaque_tokens\",event=\"hit\"}";
    assert_eq!(world.sidegate.metric(hits), Some(5.0));
    let log = world.sidegate.log();
    assert!(!log.contains(TOKEN) && !log.contains(SECRET), "{log}");
    let audit = std::fs::read_to_string(world.site.path("audit/audit.jsonl")).unwrap();
    assert!(!audit.contains(TOKEN) && !audit.contains(SECRET), "{audit}");
}

#[test]
fn what_is_revoked_ends_when_the_answer_is_old_open_streams_too() {
    let world = world(&endless(), 2);
    world.endpoint.says(200, &alice());
    let head = format!(
        "GET /events HTTP/1.1\r\nHost: app.test\r\nAccept: text/event-stream\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(world.sidegate.ingress).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut start = [0; 15];
    stream.read_exact(&mut start).unwrap();
    assert!(start.starts_with(b"HTTP/1.1 200"), "{start:?}");
    // It outlives what was believed at its start, because that is asked about again.
    let asked = world.endpoint.asked();
    eventually("asked again, twice", || {
        stream.read_exact(&mut [0; 8]).unwrap();
        (world.endpoint.asked() >= asked + 2).then_some(())
    });
    world.endpoint.says(200, &json!({"active": false}));
    // The end of a stream in its middle may be a reset.
    let began = std::time::Instant::now();
    let _ = stream.read_to_end(&mut Vec::new());
    assert!(
        began.elapsed() < Duration::from_secs(12),
        "{:?}",
        began.elapsed()
    );
    eventually("its record", || {
        let records = world.site.audit();
        let last = records.last()?;
        (last["additionalEventData"]["reason"] == "inactive_credential").then_some(())
    });
    assert_eq!(world.get(TOKEN).status, 401);
}
