//! Requests with bodies to HTTP/1 upstreams: what arrives there, what an answer that comes early is worth, and what
//! becomes of a body that breaks off.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::attacks::{STATUS_200, field, frame};
use super::support::*;
use crate::clock::monotonic;
use crate::net::Limits;
use crate::proxy::upstream::Settings;

/// Requests that an upstream has read to their end: their heads, and their bodies.
type Got = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// One request, read as a strict server does; `None` when it does not come whole.
fn read_request(stream: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let said = |name: &str| {
        let lines = head.lines().filter_map(|line| line.strip_prefix(name));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut body = Vec::new();
    match (&*said("content-length: "), &*said("transfer-encoding: ")) {
        ([], []) => {}
        ([length], []) => {
            body.resize(length.parse().ok()?, 0);
            stream.read_exact(&mut body).ok()?;
        }
        ([], [coding]) if coding == "chunked" => loop {
            let mut line = String::new();
            stream.read_line(&mut line).ok()?;
            let size = usize::from_str_radix(line.strip_suffix("\r\n")?, 16).ok()?;
            let start = body.len();
            body.resize(start.checked_add(size)?, 0);
            stream.read_exact(&mut body[start..]).ok()?;
            let mut end = [0; 2];
            stream.read_exact(&mut end).ok()?;
            if &end != b"\r\n" {
                return None;
            }
            if size == 0 {
                break;
            }
        },
        _ => return None,
    }
    Some((head, body))
}

/// An upstream that reads each request to its end before it says `ok`, over as many connections as it counts.
fn reading_upstream() -> (String, Got, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (got, connections) = (Got::default(), Arc::new(Mutex::new(0)));
    let (kept, count) = (Arc::clone(&got), Arc::clone(&connections));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let kept = Arc::clone(&kept);
            let mut count = count.lock().unwrap();
            *count = usize::saturating_add(*count, 1);
            thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while let Some(request) = read_request(&mut reader) {
                    kept.lock().unwrap().push(request);
                    let _ = stream.write_all(OK);
                }
            });
        }
    });
    (url, got, connections)
}

/// Reads one answer: its head, and as many bytes as it says.
fn answer(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut reader = BufReader::with_capacity(1, stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return (head, Vec::new());
        }
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, body)
}

#[test]
fn whatever_the_chunks_the_same_bytes_arrive_in_one_framing() {
    let (url, got, _) = reading_upstream();
    let proxy = proxy_to(&url);
    let pieces = proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..9000), 0..6);
    let method = prop_oneof![Just("POST"), Just("PUT"), Just("GET"), Just("DELETE")];
    let strategy = (
        pieces,
        method,
        any::<bool>(),
        any::<bool>(),
        1..20_000_usize,
    );
    let client = connect(proxy.address);
    client.set_nodelay(true).unwrap();
    let client = std::cell::RefCell::new(client);
    let case = |(pieces, method, known, extended, cut): (Vec<Vec<u8>>, &str, bool, bool, usize)| {
        let body = pieces.concat();
        let framing = if known {
            format!("Content-Length: {}", body.len())
        } else {
            "Transfer-Encoding: chunked".to_owned()
        };
        let mut sent = format!("{method} /a HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n").into_bytes();
        for piece in &pieces {
            if known {
                sent.extend_from_slice(piece);
                continue;
            }
            let extension = if extended { ";a=\"b\"" } else { "" };
            sent.extend_from_slice(format!("{:X}{extension}\r\n", piece.len()).as_bytes());
            sent.extend_from_slice(piece);
            sent.extend_from_slice(b"\r\n");
        }
        if !known {
            sent.extend_from_slice(b"0\r\n\r\n");
        }
        let mut client = client.borrow_mut();
        for part in sent.chunks(cut) {
            client.write_all(part).unwrap();
        }
        let (head, said) = answer(&mut client);
        prop_assert!(head.starts_with("HTTP/1.1 200"), "{}", head);
        prop_assert_eq!(said, b"ok");
        let all = std::mem::take(&mut *got.lock().unwrap());
        let [(head, arrived)] = &*all else {
            return Err(TestCaseError::fail(format!("{} requests", all.len())));
        };
        prop_assert!(head.starts_with(method), "{}", head);
        prop_assert_eq!(arrived, &body);
        let length = head.contains("content-length: ");
        prop_assert_eq!(head.contains("transfer-encoding: chunked\r\n"), !known);
        prop_assert_eq!(length, known);
        Ok(())
    };
    TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(64)
    })
    .run(&strategy, case)
    .unwrap();
}

#[test]
fn requests_with_and_without_bodies_share_one_connection() {
    let (url, got, connections) = reading_upstream();
    let proxy = proxy_to(&url);
    let mut client = connect(proxy.address);
    for _ in 0..3 {
        for request in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ] {
            client.write_all(request.as_bytes()).unwrap();
            assert!(answer(&mut client).0.starts_with("HTTP/1.1 200"));
        }
    }
    assert_eq!(got.lock().unwrap().len(), 9);
    assert_eq!(*connections.lock().unwrap(), 1);
}

#[test]
fn an_endless_flood_of_informational_answers_is_502_at_once() {
    for head in [
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
    ] {
        let (url, _) = raw_upstream(|stream, _| {
            let flood = b"HTTP/1.1 102 Processing\r\n\r\n".repeat(1000);
            while stream.write_all(&flood).is_ok() {}
        });
        let proxy = proxy_to(&url);
        let began = monotonic();
        let answer = until_closed(proxy.address, head.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

/// Sends a head and then a body without end, for as long as anybody takes it, while the answer is awaited.
fn upload(running: &Running, framing: &str, piece: &'static [u8]) -> (String, Vec<u8>) {
    let mut client = connect(running.address);
    let head = format!("POST /a HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
    client.write_all(head.as_bytes()).unwrap();
    let mut sender = client.try_clone().unwrap();
    let sending = thread::spawn(move || while sender.write_all(piece).is_ok() {});
    let came = answer(&mut client);
    let _ = client.shutdown(Shutdown::Both);
    sending.join().unwrap();
    came
}

const PIECE: &[u8] = &[b'x'; 8000];
const CHUNK: &[u8] = b"10\r\n0123456789abcdef\r\n";

/// An upstream that answers before it has the body, and closes with bytes unread: a reset follows its answer.
#[test]
fn an_early_answer_reaches_the_client_though_a_reset_follows() {
    for (framing, piece) in [
        ("Content-Length: 1000000000", PIECE),
        ("Transfer-Encoding: chunked", CHUNK),
    ] {
        for pause in [0, 1, 5, 20, 50] {
            let (url, _) = raw_upstream(move |stream, _| {
                thread::sleep(Duration::from_millis(pause));
                let _ = stream.write_all(
                    b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 5\r\n\r\nlarge",
                );
                thread::sleep(Duration::from_millis(pause));
            });
            let proxy = proxy_to(&url);
            for _ in 0..3 {
                let (head, body) = upload(&proxy, framing, piece);
                assert!(head.starts_with("HTTP/1.1 413"), "{framing}: {head:?}");
                assert_eq!(body, b"large");
            }
        }
    }
}

/// An early answer on a connection that stays: the request is not whole, so the connection serves no other.
#[test]
fn a_connection_with_half_a_request_on_it_serves_no_other() {
    let (url, upstream) = raw_upstream(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno");
        // Nothing more is read, and nothing is closed.
        thread::sleep(Duration::from_secs(5));
    });
    let settings = Settings {
        response_timeout: Duration::from_secs(1),
        ..Settings::new("app", &url)
    };
    let proxy = proxy(settings, |_| {}, Limits::default());
    for count in 1..=3 {
        let (head, body) = upload(&proxy, "Content-Length: 1000000000", PIECE);
        assert!(head.starts_with("HTTP/1.1 401"), "{head}");
        assert_eq!(body, b"no");
        assert_eq!(upstream.lock().unwrap().len(), count);
    }
}

/// Request and answer pass side by side, each as it comes; when both are whole, the connection serves another.
#[test]
fn both_directions_stream_at_once_over_http1() {
    const CHUNKED: &str =
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n";
    let (url, upstream) = raw_upstream(|stream, keep| {
        loop {
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            if stream.write_all(head).is_err() {
                return;
            }
            let mut all = Vec::new();
            while !all.ends_with(b"0\r\n\r\n") {
                let mut buffer = [0; 100];
                let Ok(count @ 1..) = stream.read(&mut buffer) else {
                    return;
                };
                all.extend_from_slice(&buffer[..count]);
                let _ = stream.write_all(&buffer[..count]);
            }
            keep(&all);
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                let Ok(1) = stream.read(&mut byte) else {
                    return;
                };
                head.extend_from_slice(&byte);
            }
        }
    });
    let proxy = proxy_to(&url);
    let mut client = connect(proxy.address);
    for _ in 0..2 {
        let mut until = |sent: &str, end: &str| {
            client.write_all(sent.as_bytes()).unwrap();
            let mut came = Vec::new();
            while !came.ends_with(end.as_bytes()) {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                came.extend_from_slice(&byte);
            }
        };
        until(CHUNKED, "3\r\none\r\n");
        until("3\r\ntwo\r\n", "3\r\ntwo\r\n");
        until("0\r\n\r\n", "0\r\n\r\n");
    }
    assert_eq!(upstream.lock().unwrap().len(), 1);
}

/// A fault in a body whose answer has begun: neither side may take what it has for the whole.
#[test]
fn a_fault_behind_an_early_answer_completes_nothing() {
    for (fault, cut) in [("zz\r\n", false), ("5\r\nab", true)] {
        let (url, upstream) = raw_upstream(|stream, keep| {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n");
            keep_rest(stream, keep);
            keep(b"closed");
        });
        let proxy = proxy_to(&url);
        let mut client = connect(proxy.address);
        client
            .write_all(
                b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n",
            )
            .unwrap();
        let mut came = Vec::new();
        while !came.ends_with(b"begun\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            came.extend_from_slice(&byte);
        }
        client.write_all(fault.as_bytes()).unwrap();
        if cut {
            client.shutdown(Shutdown::Write).unwrap();
        }
        let mut rest = Vec::new();
        let _ = client.read_to_end(&mut rest);
        assert!(!rest.ends_with(b"0\r\n\r\n"), "{rest:?}");
        let mut got = received(&upstream);
        for _ in 0..400 {
            if got.ends_with("closed") {
                break;
            }
            thread::sleep(Duration::from_millis(5));
            got = received(&upstream);
        }
        assert!(got.ends_with("closed"), "{got}");
        assert!(!got.contains("0\r\n\r\n"), "{got}");
    }
}

/// An upstream that closes a connection when a second request comes over it, as if it had been about to anyway.
fn closing_upstream() -> (String, Received) {
    raw_upstream(|stream, keep| {
        let _ = stream.write_all(OK);
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).unwrap_or(0);
        keep(&buffer[..count]);
    })
}

#[test]
fn what_met_a_stale_connection_is_sent_again_only_if_asked_for_and_idempotent() {
    let put = "PUT /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    let post = "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    for (retries, again, status) in [
        (0, "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n", "502"),
        (1, "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n", "200"),
        (1, "DELETE /2 HTTP/1.1\r\nHost: a\r\n\r\n", "200"),
        (1, post, "502"),
        (1, put, "502"),
    ] {
        let (url, upstream) = closing_upstream();
        let mut settings = Settings::new("app", &url);
        settings.retries = retries;
        let proxy = proxy(settings, |_| {}, Limits::default());
        let mut client = connect(proxy.address);
        client
            .write_all(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
            .unwrap();
        assert!(answer(&mut client).0.starts_with("HTTP/1.1 200"));
        client.write_all(again.as_bytes()).unwrap();
        let (head, _) = answer(&mut client);
        assert_eq!(head.get(9..12), Some(status), "{again}: {head}");
        let connections = if status == "200" { 2 } else { 1 };
        assert_eq!(upstream.lock().unwrap().len(), connections, "{again}");
    }
}

/// A connection that its upstream closes while the end of a body is awaited, of which nothing was sent: whatever it
/// said is no answer, and another connection is taken.
#[test]
fn what_comes_before_the_request_is_no_answer() {
    for last_words in ["", "HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n"] {
        let (close, closing) = std::sync::mpsc::channel();
        let closing = Mutex::new(closing);
        let first = Mutex::new(true);
        let (url, upstream) = raw_upstream(move |stream, keep| {
            let _ = stream.write_all(OK);
            if std::mem::take(&mut *first.lock().unwrap()) {
                closing.lock().unwrap().recv().unwrap();
                let _ = stream.write_all(last_words.as_bytes());
            } else {
                keep_rest(stream, keep);
            }
        });
        let proxy = proxy_to(&url);
        let mut plain = connect(proxy.address);
        plain
            .write_all(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
            .unwrap();
        assert!(answer(&mut plain).0.starts_with("HTTP/1.1 200"));
        let mut client = connect(proxy.address);
        let fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/a"),
            (":authority", "a"),
            ("content-length", "5"),
        ];
        let head: Vec<u8> = (fields.iter())
            .flat_map(|(name, value)| field(name, value))
            .collect();
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(frame(4, 0, 0, &[]));
        bytes.extend(frame(1, 0b100, 1, &head));
        bytes.extend(frame(0, 0, 1, b"hello"));
        client.write_all(&bytes).unwrap();
        // Until the connection is leased and waits.
        thread::sleep(Duration::from_millis(200));
        close.send(()).unwrap();
        thread::sleep(Duration::from_millis(200));
        client.write_all(&frame(0, 1, 1, b"")).unwrap();
        let status = loop {
            let mut head = [0; 9];
            client.read_exact(&mut head).unwrap();
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            client.read_exact(&mut payload).unwrap();
            if head[3] == 1 {
                break payload[0];
            }
        };
        assert_eq!(status, STATUS_200, "{last_words}");
        let connections = upstream.lock().unwrap();
        assert_eq!(connections.len(), 2);
        assert!(connections[1].starts_with(b"POST /a "));
    }
}
