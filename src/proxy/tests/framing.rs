//! Requests that HTTP/2 and HTTP/1 frame differently, judged by the bytes that an HTTP/1 upstream received.

use std::io::Write;
use std::thread;
use std::time::Duration;

use super::attacks::{STATUS_200, STATUS_400, ask_http2_with, frame};
use super::support::*;
use crate::net::Limits;
use crate::proxy::upstream::Settings;

fn head(method: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![
        (":method", method),
        (":scheme", "http"),
        (":path", "/a"),
        (":authority", "a"),
    ]
}

#[test]
fn http2_says_one_length_at_most() {
    let (url, upstream) = plain_upstream();
    let proxy = proxy_to(&url);
    for (one, other) in [("5", "5"), ("5", "6"), ("6", "5")] {
        let mut fields = head("POST");
        fields.extend([("content-length", one), ("content-length", other)]);
        let answer = ask_http2_with(&proxy, &fields, b"hello").unwrap();
        assert_eq!(answer[0], STATUS_400, "{one} {other}: {answer:?}");
    }
    assert!(upstream.lock().unwrap().is_empty());
}

/// An upstream that answers without a body, and keeps what comes.
fn bodiless_upstream() -> (String, Received) {
    raw_upstream(|stream, keep| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        keep_rest(stream, keep);
    })
}

/// What the upstream received, once it ends so or a while has passed.
fn received_to(upstream: &Received, end: &str) -> String {
    let mut got = received(upstream);
    for _ in 0..200 {
        if got.ends_with(end) {
            break;
        }
        thread::sleep(Duration::from_millis(5));
        got = received(upstream);
    }
    got
}

/// hyper writes no framing, and so no body, for GET and HEAD unless it is told to.
#[test]
fn a_body_of_unknown_length_goes_on_with_every_method() {
    const BODY: &str = "\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "POST"] {
        for http2 in [false, true] {
            let (url, upstream) = bodiless_upstream();
            let proxy = proxy_to(&url);
            if http2 {
                let answer = ask_http2_with(&proxy, &head(method), b"hello");
                assert_eq!(answer.unwrap()[0], STATUS_200);
            } else {
                let sent = format!(
                    "{method} /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked{BODY}"
                );
                let answer = until_closed(proxy.address, sent.as_bytes());
                assert!(answer.starts_with("HTTP/1.1 200 "), "{method}: {answer}");
            }
            let got = received_to(&upstream, BODY);
            let case = format!("{method}, HTTP/2 {http2}: {got}");
            assert!(got.ends_with(BODY), "{case}");
            assert_eq!(
                got.matches("transfer-encoding: chunked").count(),
                1,
                "{case}"
            );
            assert!(!got.contains("content-length"), "{case}");
        }
    }
}

/// A known length stays one, and no body needs no framing.
#[test]
fn a_known_length_is_not_made_chunks() {
    for (length, body) in [("5", "hello"), ("0", "")] {
        let (url, upstream) = bodiless_upstream();
        let proxy = proxy_to(&url);
        let mut fields = head("GET");
        fields.push(("content-length", length));
        let answer = ask_http2_with(&proxy, &fields, body.as_bytes());
        assert_eq!(answer.unwrap()[0], STATUS_200);
        let end = format!("\r\n\r\n{body}");
        let got = received_to(&upstream, &end);
        assert!(got.ends_with(&end), "{got}");
        assert!(!got.contains("transfer-encoding"), "{got}");
        assert!(
            got.contains(&format!("content-length: {length}\r\n")),
            "{got}"
        );
    }
}

/// RFC 9113, 8.2.3: what HTTP/2 sends in crumbs is one field to HTTP/1.
#[test]
fn cookie_crumbs_are_joined() {
    let (url, upstream) = plain_upstream();
    let proxy = proxy_to(&url);
    let mut fields = head("GET");
    fields.extend([
        ("cookie", "a=b"),
        ("x", "y"),
        ("cookie", "c=d"),
        ("cookie", "e=f"),
    ]);
    assert_eq!(ask_http2_with(&proxy, &fields, b"").unwrap()[0], STATUS_200);
    let got = received(&upstream);
    assert!(got.contains("\r\ncookie: a=b; c=d; e=f\r\n"), "{got}");
    assert_eq!(got.matches("cookie").count(), 1, "{got}");
}

/// What the head of an HTTP/2 answer shows to be wrong is 502; what only looks wrong is relayed.
#[test]
fn lengths_of_http2_answers_are_judged_by_their_heads() {
    const STATUS_204: u8 = 0x89;
    const STATUS_304: u8 = 0x8b;
    for (status, lengths, ends, expected) in [
        (STATUS_200, &["3", "5"][..], false, "502"),
        (STATUS_200, &["x"], false, "502"),
        (STATUS_200, &[""], false, "502"),
        (STATUS_200, &["5"], true, "502"),
        (STATUS_304, &["5"], true, "304"),
        (STATUS_304, &["5"], false, "304"),
        (STATUS_304, &["3", "5"], false, "502"),
        (STATUS_204, &["0"], false, "204"),
    ] {
        let mut head = vec![status];
        for length in lengths {
            head.extend([0x0f, 0x0d, u8::try_from(length.len()).unwrap()]);
            head.extend(length.as_bytes());
        }
        let (url, _) = raw_upstream(move |stream, _| {
            let _ = stream.write_all(&frame(4, 0, 0, &[]));
            // Until the request has opened its stream.
            thread::sleep(Duration::from_millis(100));
            let flags = if ends { 0b101 } else { 0b100 };
            let mut bytes = frame(1, flags, 1, &head);
            if !ends {
                bytes.extend(frame(0, 1, 1, &[]));
            }
            let _ = stream.write_all(&bytes);
            thread::sleep(Duration::from_millis(500));
        });
        let settings = Settings {
            http2: true,
            ..Settings::new("app", &url)
        };
        let proxy = proxy(settings, |_| {}, Limits::default());
        let answer = ask(proxy.address, "GET /a HTTP/1.1\nHost: a\n");
        let case = format!("{status:x} {lengths:?} {ends}: {answer}");
        assert_eq!(answer.split(' ').nth(1), Some(expected), "{case}");
    }
}

#[test]
fn te_is_the_upstreams_own_in_answers_too() {
    let (url, _) = raw_upstream(|stream, _| {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nTE: trailers\r\nConnection: close\r\nA: b\r\nContent-Length: 2\r\n\r\nok");
    });
    let proxy = proxy_to(&url);
    for request in [
        "GET /a HTTP/1.1\nHost: a\n",
        "POST /a HTTP/1.1\nHost: a\nContent-Length: 0\nTE: trailers\n",
    ] {
        let answer = ask(proxy.address, request);
        assert!(answer.contains("\r\na: b\r\n"), "{answer}");
        assert!(!answer.contains("\r\nte:"), "{answer}");
    }
}
