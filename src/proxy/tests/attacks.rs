//! Odd and hostile requests over raw sockets, judged by the bytes that the upstream received.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use super::support::*;
use crate::net::Limits;
use crate::proxy::upstream::Settings;

/// Refused with 400, the connection closed, and nothing of it at the upstream.
#[test]
fn malformed_heads_get_400_and_reach_no_upstream() {
    let (url, upstream) = plain_upstream();
    let proxy = proxy_to(&url);
    for head in [
        // targets
        "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a/#b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET  /a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a  HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET\t/a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a\x0b HTTP/1.1\r\nHost: a\r\n\r\n",
        // versions and methods
        "GET /a HTTP/1.2\r\nHost: a\r\n\r\n",
        "GET /a HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET /a http/1.1\r\nHost: a\r\n\r\n",
        "GET /a\r\nHost: a\r\n\r\n",
        "G@T /a HTTP/1.1\r\nHost: a\r\n\r\n",
        "TRACE /a HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
        "CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n",
        // hosts
        "GET /a HTTP/1.1\r\n\r\n",
        "GET /a HTTP/1.0\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost:\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a,b\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: u@a\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a/../b\r\n\r\n",
        "GET http://b/a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://u@a/a HTTP/1.1\r\nHost: u@a\r\n\r\n",
        "GET ftp:///a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET ftp://a/a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET ws://a/a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET httpx://a/a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET ://a/a HTTP/1.1\r\nHost: a\r\n\r\n",
        // lines
        "GET /a HTTP/1.1\nHost: a\n\n",
        "GET /a HTTP/1.1\r\nHost: a\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nA: b\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\n\n",
        "GET /a HTTP/1.1\r\nHost: a\rA: b\r\n\r\n",
        "GET /a HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nA: b\r\n\tc\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nA\0: b\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nA: b\0c\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nA: b\x01c\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nA(: b\r\n\r\n",
        // framing
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3 3\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        // hop by hop
        "GET /a HTTP/1.1\r\nHost: a\r\nConnection: host\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nConnection: close, authorization\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ] {
        let answer = until_closed(proxy.address, head.as_bytes());
        let answer = answer.replacen("HTTP/1.0 ", "HTTP/1.1 ", 1);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{head:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head:?}: {answer}");
        let (_, id) = answer.split_once("x-sidegate-request-id: ").unwrap();
        let id = id.split("\r\n").next().unwrap();
        let body = answer.split("\r\n\r\n").nth(1).unwrap();
        assert!(
            body.contains(r#""code":"InvalidRequest""#),
            "{head:?}: {answer}"
        );
        assert!(body.contains(id), "{head:?}: {answer}");
        assert!(answer.contains("\r\ndate: "), "{head:?}: {answer}");
        let on_record = std::mem::take(&mut *proxy.refused.lock().unwrap());
        // An upgrade that no route allows was judged, and is on record as that.
        let judged = head.contains("Upgrade");
        assert_ne!(on_record.len() == 1, judged, "{head:?}: {on_record:?}");
        let reached = upstream.lock().unwrap();
        assert!(reached.is_empty(), "{head:?}: {reached:?}");
    }
}

/// What is odd and yet has one meaning goes on in the one form that everybody reads alike.
#[test]
fn odd_but_clear_requests_are_written_anew() {
    for (sent, expected) in [
        (
            "\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "GET /a HTTP/1.1\r\n",
        ),
        (
            "GET http://A/a?b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "GET /a?b HTTP/1.1\r\n",
        ),
        (
            "GET HTTPS://a/a?b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "GET /a?b HTTP/1.1\r\n",
        ),
        ("GET /a HTTP/1.0\r\nHost: a\r\n\r\n", "GET /a HTTP/1.1\r\n"),
        (
            "GET /a HTTP/1.1\r\nHost:a\r\nA:\t b \t\r\nConnection: close\r\n\r\n",
            "\r\na: b\r\n",
        ),
        (
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nConnection: close\r\n\r\n003;x=\"#\"\r\nabc\r\n0\r\n\r\n",
            "transfer-encoding: chunked\r\n",
        ),
        (
            "GET /a HTTP/1.1\r\nHost: a\r\ncontent_length: 7\r\ntransfer.encoding: chunked\r\nConnection: close\r\n\r\n",
            "\r\n\r\n",
        ),
    ] {
        let (url, upstream) = plain_upstream();
        let proxy = proxy_to(&url);
        let answer = until_closed(proxy.address, sent.as_bytes());
        assert!(
            answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.0 200"),
            "{sent:?}: {answer}"
        );
        let got = received(&upstream);
        assert!(got.contains(expected), "{sent:?}: {got}");
        assert!(
            !got.contains("content_length") && !got.contains("transfer.encoding"),
            "{got}"
        );
        assert_eq!(got.matches(" HTTP/1.").count(), 1, "{got}");
        assert_eq!(got.matches("\r\nhost: ").count(), 1, "{got}");
    }
}

const CHUNKED: &str = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A fault in a body ends the upstream's request so that it never looks complete; the client gets 400.
#[test]
fn a_fault_in_a_body_never_completes_the_request() {
    for body in [
        "3\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "3\r\nab\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        " 3\r\nabc\r\n0\r\n\r\n",
        "3 x\r\nabc\r\n0\r\n\r\n",
        "ffffffffffffffff1\r\nabc\r\n0\r\n\r\n",
        "3;a\nabc\r\n0\r\n\r\n",
        "3;a\0\r\nabc\r\n0\r\n\r\n",
        "3\r\nabc\r\n0\r\nA: b\nC: d\r\n\r\n",
        "3\r\nabc\r\n0\r\nA : b\r\n\r\n",
        "3\r\nabc\r\n0\r\nA: b\r\n c\r\n\r\n",
        "3\r\nabc\r\n0\r\nno colon\r\n\r\n",
        "3\r\nabc\r\n0\r\n\n",
        "3\r\nabc\r\n\r\n0\r\n\r\n",
        "3\r\nabc\r\n;\r\n",
    ] {
        let (url, upstream) = silent_upstream();
        let proxy = proxy_to(&url);
        let sent = format!("{CHUNKED}{body}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = until_closed(proxy.address, sent.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400 "), "{body:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{body:?}: {answer}");
        // Time for whatever might still be on its way.
        thread::sleep(Duration::from_millis(20));
        for got in upstream.lock().unwrap().iter() {
            let got = String::from_utf8_lossy(got);
            let sent_body = got.split_once("\r\n\r\n").map_or("", |it| it.1);
            assert!(!sent_body.ends_with("0\r\n\r\n"), "{body:?}: {got}");
            assert!(!got.contains("smuggled"), "{body:?}: {got}");
        }
    }
}

#[test]
fn a_body_cut_short_never_completes_the_request() {
    for sent in [
        format!("{CHUNKED}3\r\nabc\r\n"),
        format!("{CHUNKED}3\r\nabc\r\n0\r\n"),
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc".to_owned(),
    ] {
        let (url, upstream) = silent_upstream();
        let proxy = proxy_to(&url);
        let mut client = connect(proxy.address);
        client.write_all(sent.as_bytes()).unwrap();
        let got = received(&upstream);
        assert!(got.starts_with("POST /a"));
        client.shutdown(std::net::Shutdown::Both).unwrap();
        assert_eq!(outcomes(&proxy, 1).len(), 1);
        thread::sleep(Duration::from_millis(20));
        let got = received(&upstream);
        assert!(
            !got.ends_with("0\r\n\r\n") && !got.contains("abc\r\n0"),
            "{got}"
        );
    }
}

/// Bytes after a request's body are the next request, and are judged as such.
#[test]
fn nothing_hides_behind_a_body() {
    let (url, upstream) = raw_upstream(|stream, keep| {
        let mut body = [0; 28];
        let _ = stream.read_exact(&mut body);
        keep(&body);
        let _ = stream.write_all(OK);
        keep_rest(stream, keep);
    });
    let proxy = proxy_to(&url);
    let answer = until_closed(
        proxy.address,
        b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 28\r\n\r\nGET /x# HTTP/1.1\nHost: a\r\n\r\nGET /denied HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert!(
        answer.contains("200 OK") && answer.contains("403 Forbidden"),
        "{answer}"
    );
    let got = received(&upstream);
    assert!(got.ends_with("GET /x# HTTP/1.1\nHost: a\r\n\r\n"), "{got}");
    assert!(!got.contains("denied"), "{got}");
}

/// However slowly the bytes come, they are read alike.
#[test]
fn faults_are_found_across_reads() {
    let (url, upstream) = plain_upstream();
    let proxy = proxy_to(&url);
    for head in [
        "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        let mut client = connect(proxy.address);
        client.set_nodelay(true).unwrap();
        for byte in head.as_bytes() {
            client.write_all(&[*byte]).unwrap();
            thread::sleep(Duration::from_micros(300));
        }
        let mut answer = [0; 12];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 400", "{head:?}");
    }
    assert!(upstream.lock().unwrap().is_empty());
}

#[test]
fn raw_bytes_beyond_ascii_in_a_target_are_seen_by_the_judge_or_refused() {
    let (url, upstream) = plain_upstream();
    let proxy = proxy_to(&url);
    let answer = until_closed(
        proxy.address,
        b"GET /a\xff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(upstream.lock().unwrap().is_empty());
}

/// An HTTP/2 frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags, 0, 0, 0, stream]);
    bytes.extend_from_slice(payload);
    bytes
}

/// A field in HPACK, literally.
pub(super) fn field(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        bytes.push(u8::try_from(text.len()).unwrap());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

/// Sends a request without body.
pub(super) fn ask_http2(proxy: &Running, fields: &[(&str, &str)]) -> Option<Vec<u8>> {
    ask_http2_with(proxy, fields, &[])
}

/// Opens a connection, sends one request and reads frames until the stream is answered or refused: the HPACK octets
/// of the answer, or none.
pub(super) fn ask_http2_with(
    proxy: &Running,
    fields: &[(&str, &str)],
    body: &[u8],
) -> Option<Vec<u8>> {
    let mut client = connect(proxy.address);
    let block: Vec<u8> = fields
        .iter()
        .flat_map(|(name, value)| field(name, value))
        .collect();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    if body.is_empty() {
        bytes.extend(frame(1, 0b101, 1, &block));
    } else {
        bytes.extend(frame(1, 0b100, 1, &block));
        bytes.extend(frame(0, 1, 1, body));
    }
    client.write_all(&bytes).unwrap();
    loop {
        let mut head = [0; 9];
        if client.read_exact(&mut head).is_err() {
            return None;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        client.read_exact(&mut payload).unwrap();
        match head[3] {
            1 => return Some(payload),
            // RST_STREAM, GOAWAY
            3 | 7 => return None,
            _ => {}
        }
    }
}

/// `:status 400` in HPACK's static table.
pub(super) const STATUS_400: u8 = 0x8c;
pub(super) const STATUS_200: u8 = 0x88;

#[test]
fn what_http2_forbids_is_refused() {
    let (url, upstream) = plain_upstream();
    let proxy = proxy_to(&url);
    let head = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/a"),
        (":authority", "a"),
    ];
    for odd in [
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("keep-alive", "5"),
        ("upgrade", "websocket"),
        ("proxy-connection", "x"),
        ("te", "gzip"),
        ("Upper", "x"),
        ("a b", "x"),
        ("host", "b"),
        ("content-length", "5"),
        (":path", "/b"),
        (":protocol", "websocket"),
        ("a", "b\r\nc: d"),
        ("a", " b"),
        ("a", "b\t"),
    ] {
        let fields: Vec<_> = head.iter().copied().chain([odd]).collect();
        let answer = ask_http2(&proxy, &fields).unwrap();
        assert_eq!(answer[0], STATUS_400, "{odd:?}: {answer:?}");
    }
    for changed in [
        (":path", ""),
        (":path", "a"),
        (":path", "?x"),
        (":path", "#x"),
        (":path", "*"),
        (":path", "/a b"),
        (":path", "/a\r\nb: c"),
        (":scheme", "ftp"),
        (":scheme", "ws"),
        (":authority", "u@a"),
        (":authority", ""),
        (":authority", "a b"),
        (":method", "TRACE"),
        (":method", "CONNECT"),
        (":method", "G T"),
    ] {
        let fields = head.map(|old| if old.0 == changed.0 { changed } else { old });
        let answer = ask_http2(&proxy, &fields).unwrap();
        assert_eq!(answer[0], STATUS_400, "{changed:?}: {answer:?}");
    }
    assert!(upstream.lock().unwrap().is_empty());
    assert_eq!(ask_http2(&proxy, &head).unwrap()[0], STATUS_200);
    let asterisk = head.map(|(name, value)| match name {
        ":method" => (name, "OPTIONS"),
        ":path" => (name, "*"),
        _ => (name, value),
    });
    let (url, _) = plain_upstream();
    let proxy = proxy_to(&url);
    assert_eq!(ask_http2(&proxy, &asterisk).unwrap()[0], STATUS_200);
}

#[test]
fn a_body_cut_off_over_http2_never_looks_complete() {
    for code in [0, 2, 8] {
        let (url, upstream) = silent_upstream();
        let proxy = proxy_to(&url);
        let mut client = connect(proxy.address);
        let head = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/a"),
            (":authority", "a"),
        ];
        let block: Vec<u8> = head
            .iter()
            .flat_map(|(name, value)| field(name, value))
            .collect();
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(frame(4, 0, 0, &[]));
        bytes.extend(frame(1, 0b100, 1, &block));
        bytes.extend(frame(0, 0, 1, b"partial"));
        client.write_all(&bytes).unwrap();
        let mut seen = String::new();
        for _ in 0..400 {
            seen = received(&upstream);
            if seen.contains("partial") {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        assert!(seen.contains("7\r\npartial\r\n"), "{seen}");
        client.write_all(&frame(3, 0, 1, &[0, 0, 0, code])).unwrap();
        thread::sleep(Duration::from_millis(300));
        let seen = received(&upstream);
        assert!(seen.ends_with("7\r\npartial\r\n"), "{code}: {seen}");
    }
}

#[test]
fn an_answer_cut_off_over_http2_never_looks_complete() {
    for (head, code, whole) in [
        (&[STATUS_200][..], 0, false),
        (&[STATUS_200], 8, false),
        // content-length: 3, of the static table: all of it came, whatever follows.
        (&[STATUS_200, 0x0f, 0x0d, 1, b'3'], 0, true),
    ] {
        let head = head.to_vec();
        let (url, _) = raw_upstream(move |stream, _| {
            let mut bytes = frame(4, 0, 0, &[]);
            bytes.extend(frame(1, 0b100, 1, &head));
            bytes.extend(frame(0, 0, 1, b"abc"));
            let _ = stream.write_all(&bytes);
            thread::sleep(Duration::from_millis(200));
            let _ = stream.write_all(&frame(3, 0, 1, &[0, 0, 0, code]));
            thread::sleep(Duration::from_millis(500));
        });
        let settings = Settings {
            http2: true,
            ..Settings::new("app", &url)
        };
        let proxy = proxy(settings, |_| {}, Limits::default());
        let answer = ask(proxy.address, "GET /a HTTP/1.1\nHost: a\n");
        assert!(answer.contains("abc"), "{answer}");
        let ended = answer.ends_with("0\r\n\r\n") || answer.contains("content-length: 3");
        assert_eq!(ended, whole, "{code}: {answer}");
    }
}
