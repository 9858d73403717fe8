//! Requests that HTTP/2 and HTTP/1 frame differently, judged by the bytes that an HTTP/1 upstream received.

use super::attacks::{STATUS_400, ask_http2_with};
use super::support::*;

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
        let answer = ask_http2_with(&proxy, &fields, b"hello");
        let status = answer.as_ref().map(|block| block[0]);
        assert!(
            matches!(status, None | Some(STATUS_400)),
            "{one} {other}: {answer:?}"
        );
    }
    assert!(upstream.lock().unwrap().is_empty());
}
