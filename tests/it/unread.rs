//! Heads that never became a request: refused in the form of every refusal, on record like every refusal.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::{PATIENCE, Sidegate, Site, Upstream, eventually, request};

/// Sends bytes and reads until the other side closes.
fn said_to(sidegate: &Sidegate, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(sidegate.ingress).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

/// Checks the form of a refusal, which is the last that was said; its request's id.
fn refusal(asked: &str, answer: &str, status: u16) -> String {
    let refusal = &answer[answer.rfind("HTTP/1.1 ").unwrap()..];
    let expected = format!("HTTP/1.1 {status} ");
    assert!(refusal.starts_with(&expected), "{asked:?}: {answer}");
    let (head, body) = refusal.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("\r\nconnection: close"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["code"], "InvalidRequest");
    let id = body["requestId"].as_str().unwrap();
    let field = format!("x-sidegate-request-id: {id}");
    assert!(head.contains(&field), "{head}");
    id.to_owned()
}

#[test]
fn what_cannot_be_read_is_refused_and_recorded_like_the_rest() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let text = std::fs::read_to_string(site.path("sidegate.yaml")).unwrap();
    site.write(
        "sidegate.yaml",
        &format!("{text}limits: {{ head_timeout: 500ms }}\n"),
    );
    let sidegate = Sidegate::start(&site);
    let many = "A: b\r\n".repeat(101);
    let large = "v".repeat(70_000);
    let long = "p".repeat(70_000);
    let cases = [
        (
            "GET /a HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n".to_owned(),
            400,
            "malformed_request",
            "GET",
            Some("/a"),
        ),
        (
            "G@T /a HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            400,
            "malformed_request",
            "-",
            None,
        ),
        (
            "GET /./a?t=1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(),
            400,
            "invalid_host",
            "GET",
            Some("/a"),
        ),
        (
            "\x16\x03\x01\x02\x00\x01\r\n\r\n".to_owned(),
            400,
            "malformed_request",
            "-",
            None,
        ),
        (
            format!("GET /a HTTP/1.1\r\nHost: a\r\n{many}\r\n"),
            431,
            "head_too_large",
            "GET",
            Some("/a"),
        ),
        (
            format!("GET /a HTTP/1.1\r\nHost: a\r\nA: {large}\r\n\r\n"),
            431,
            "head_too_large",
            "GET",
            Some("/a"),
        ),
        (
            format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"),
            431,
            "head_too_large",
            "-",
            None,
        ),
        (
            "GET /a HTTP/1.1\r\nHost:".to_owned(),
            408,
            "head_timeout",
            "GET",
            Some("/a"),
        ),
        // Behind a good request, in one piece with it.
        (
            "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b\r\n\r\n".to_owned(),
            400,
            "malformed_request",
            "-",
            None,
        ),
    ];
    for (bytes, status, reason, method, path) in &cases {
        let answer = said_to(&sidegate, bytes.as_bytes());
        let short = &bytes[..bytes.len().min(90)];
        let id = refusal(short, &answer, *status);
        let record = eventually("its record", || {
            let all = site.audit();
            all.into_iter().find(|record| record["requestID"] == *id)
        });
        let data = &record["additionalEventData"];
        assert_eq!(data["reason"], *reason, "{short:?}");
        assert_eq!(record["status"], *status, "{short:?}");
        assert_eq!(record["method"], *method, "{short:?}");
        assert_eq!(record["path"].as_str(), *path, "{short:?}");
        assert_eq!(record["sourceIPAddress"], "127.0.0.1");
    }
    let counted =
        sidegate.metric("sidegate_decisions_total{decision=\"refused\",reason=\"head_too_large\"");
    assert_eq!(counted, Some(3.0));
}

#[test]
fn where_no_route_matches_the_record_has_the_path() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let sidegate = Sidegate::start(&site);
    let answer = request(
        sidegate.ingress,
        "GET",
        "app.test",
        "/no/./%72oute?t=1",
        &[],
    );
    assert_eq!(answer.status, 404);
    let record = eventually("its record", || site.audit().pop());
    assert_eq!(record["path"], "/no/route");
}
