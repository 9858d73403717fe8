//! A proxy with a control that needs no bundle, and upstreams that keep what they received.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::gate::{Facts, Head, Lasts, Permit, Refusal, Verdict};
use crate::net::drain::Times;
use crate::net::workers::{Listening, Workers, bind};
use crate::net::{Address, Limits};
use crate::outcome::Reason;
use crate::proxy::upstream::Settings as UpstreamSettings;
use crate::proxy::{Control, Outcome, Plan, Proxy, Settings, Unjudged};

/// Every outcome, as `(reason, status, peer)`.
pub(super) type Outcomes = Arc<Mutex<Vec<(Reason, Option<u16>, String)>>>;

/// What was refused unjudged: why, and what was asked.
pub(super) type Refused = Arc<Mutex<Vec<(Reason, String)>>>;

#[derive(Clone, Default)]
pub(super) struct Test {
    outcomes: Outcomes,
    refused: Refused,
}

impl Control for Test {
    async fn judge(&self, head: &Head<'_>, _: &mut Facts) -> Verdict {
        let target = head
            .parts
            .uri
            .path_and_query()
            .map_or("/", |it| it.as_str());
        let permit = Permit::for_tests(target, "app")
            .with_identity("x-sidegate-principal-arn", "arn:aws:iam::1:user/ann");
        match head.parts.uri.path() {
            path if path.starts_with("/denied") => Err(Refusal {
                reason: Reason::ExplicitDeny,
                message: Some("no".to_owned()),
                encoded: None,
                retry_after: None,
            }),
            path if path.starts_with("/up") => Ok(permit.with_upgrade()),
            path if path.starts_with("/canonical") => Ok(Permit::for_tests("/other?a=%2F", "app")),
            path if path.starts_with("/preflight") => Ok(permit.with_preflight()),
            path if path.starts_with("/nowhere") => Ok(Permit::for_tests("/", "unknown")),
            path if path.starts_with("/panic") => panic!("asked to"),
            _ => Ok(permit),
        }
    }

    async fn again(&self, _: &Head<'_>) -> Result<Lasts, Reason> {
        Ok(Lasts::default())
    }

    fn generation(&self) -> u64 {
        0
    }

    fn is_current(&self, _: &Facts) -> bool {
        true
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(0)
    }

    fn refused(&self, unjudged: &Unjudged<'_>) {
        let told = format!("{} {}", unjudged.method, unjudged.path);
        self.refused.lock().unwrap().push((unjudged.reason, told));
    }

    fn finish(&self, _: Option<&Facts>, outcome: &Outcome<'_>) {
        let mut all = self.outcomes.lock().unwrap();
        if all.len() < 1000 {
            all.push((outcome.reason, outcome.status, outcome.peer.to_string()));
        }
    }
}

/// A running proxy; stops when dropped.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) outcomes: Outcomes,
    pub(super) refused: Refused,
    workers: Option<Workers>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(workers) = self.workers.take() else {
            return;
        };
        let times = Times {
            leave: Duration::ZERO,
            grace: Duration::from_millis(100),
        };
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(workers.stop(times, std::future::pending()))
        })
        .join()
        .unwrap();
    }
}

pub(super) fn proxy_to(url: &str) -> Running {
    proxy(UpstreamSettings::new("app", url), |_| {}, Limits::default())
}

pub(super) fn proxy(
    upstream: UpstreamSettings,
    change: impl FnOnce(&mut Settings),
    limits: Limits,
) -> Running {
    proxy_with(upstream, change, limits, None)
}

pub(super) fn proxy_with(
    upstream: UpstreamSettings,
    change: impl FnOnce(&mut Settings),
    limits: Limits,
    tls: Option<crate::net::tls::Server>,
) -> Running {
    let mut settings = Settings {
        upstreams: vec![upstream],
        ..Settings::default()
    };
    change(&mut settings);
    let plan = Plan::new(settings).unwrap();
    let listening = Listening {
        name: "test".into(),
        address: "127.0.0.1:0".parse().unwrap(),
        tls,
        proxied: Vec::new(),
    };
    let ready = bind(vec![listening], 1, limits).unwrap();
    let Some((_, Address::Tcp(address))) = ready.addresses().next() else {
        panic!("no address")
    };
    let address = *address;
    let control = Test::default();
    let (outcomes, refused) = (Arc::clone(&control.outcomes), Arc::clone(&control.refused));
    let workers = ready
        .serve(move || Proxy::new(&plan, control.clone()))
        .unwrap();
    Running {
        address,
        outcomes,
        refused,
        workers: Some(workers),
    }
}

/// What raw upstreams received, a text for each connection.
pub(super) type Received = Arc<Mutex<Vec<Vec<u8>>>>;

/// An upstream that keeps every byte and answers each connection by `answer`, which gets the socket after the first
/// head was read.
pub(super) fn raw_upstream(
    answer: impl Fn(&mut TcpStream, &dyn Fn(&[u8])) + Send + Sync + 'static,
) -> (String, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let received = Received::default();
    let kept = Arc::clone(&received);
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
            thread::spawn(move || {
                let index = {
                    let mut all = kept.lock().unwrap();
                    all.push(Vec::new());
                    all.len().saturating_sub(1)
                };
                let keep = |bytes: &[u8]| kept.lock().unwrap()[index].extend_from_slice(bytes);
                if read_head(&mut stream, &keep) {
                    answer(&mut stream, &keep);
                }
            });
        }
    });
    (url, received)
}

fn read_head(stream: &mut TcpStream, keep: &dyn Fn(&[u8])) -> bool {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => {
                seen.push(byte[0]);
                keep(&byte);
            }
            _ => return false,
        }
    }
    true
}

/// Keeps what comes until the connection ends.
pub(super) fn keep_rest(stream: &mut TcpStream, keep: &dyn Fn(&[u8])) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        keep(&buffer[..count]);
    }
}

pub(super) const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// An upstream that says `ok` once it has the head, and keeps what else comes.
pub(super) fn plain_upstream() -> (String, Received) {
    raw_upstream(|stream, keep| {
        let _ = stream.write_all(OK);
        keep_rest(stream, keep);
    })
}

/// An upstream that never answers, and keeps what comes.
pub(super) fn silent_upstream() -> (String, Received) {
    raw_upstream(|stream, keep| keep_rest(stream, keep))
}

pub(super) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

/// Sends bytes and reads until the other side closes.
pub(super) fn until_closed(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address);
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("not closed: {}", String::from_utf8_lossy(&answer))
            }
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// One request with `Connection: close`: the whole answer.
pub(super) fn ask(address: SocketAddr, lines: &str) -> String {
    let head = lines.trim_start().replace('\n', "\r\n");
    let (first, rest) = head.split_once("\r\n").unwrap_or((&head, ""));
    let text = format!("{first}\r\nConnection: close\r\n{rest}\r\n");
    until_closed(address, text.as_bytes())
}

/// What the upstream received on its only connection, once it has.
pub(super) fn received(received: &Received) -> String {
    for _ in 0..200 {
        if let [only] = received.lock().unwrap().as_slice()
            && !only.is_empty()
        {
            return String::from_utf8_lossy(only).into_owned();
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("the upstream received {:?}", received.lock().unwrap());
}

/// Waits until the proxy has recorded that many outcomes.
pub(super) fn outcomes(running: &Running, count: usize) -> Vec<(Reason, Option<u16>, String)> {
    for _ in 0..400 {
        let all = running.outcomes.lock().unwrap();
        if all.len() >= count {
            return all.clone();
        }
        drop(all);
        thread::sleep(Duration::from_millis(5));
    }
    panic!("outcomes: {:?}", running.outcomes.lock().unwrap());
}
