//! Heads, trailers and bodies that HTTP/2 forbids: refused in the form of every refusal, on record like every refusal,
//! and without harm to what else goes on in the same connection.

use std::io::Read;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::frames::{
    BAD_REQUEST, CONTINUATION, Client, DATA, END_HEADERS, END_STREAM, GET, HEADERS, OK, POST,
    RST_STREAM, WHOLE, block, changed, field, with,
};
use crate::support::{Sidegate, Site, Upstream, eventually};

/// What an upstream received.
type Received = Arc<Mutex<Vec<u8>>>;

/// An upstream that keeps what comes, and answers nothing.
fn silent() -> (Upstream, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let received = Received::default();
    let kept = Arc::clone(&received);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let kept = Arc::clone(&kept);
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    kept.lock().unwrap().extend_from_slice(&buffer[..count]);
                }
            });
        }
    });
    (Upstream { address }, received)
}

/// Waits until the upstream has received `text`; all that it has.
fn received(from: &Received, text: &str) -> String {
    eventually(text, || {
        let all = String::from_utf8_lossy(&from.lock().unwrap()).into_owned();
        all.contains(text).then_some(all)
    })
}

fn record(site: &Site, id: &str) -> serde_json::Value {
    eventually("its record", || {
        let all = site.audit();
        all.into_iter().find(|record| record["requestID"] == id)
    })
}

#[test]
fn a_malformed_head_gets_400_and_harms_no_other_request() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let sidegate = Sidegate::start(&site);
    let mut client = Client::connect(&sidegate);
    // What it keeps in the table serves the honest requests between the faulty ones.
    let first = [with(&[]), field("x-kept", "kept", true)].concat();
    client.send(HEADERS, WHOLE, 1, &first);
    assert_eq!(client.answer(1).status, Some(OK));
    let cases = [
        ("an upper-case name", with(&[("Upper", "x")])),
        ("no name", with(&[("", "x")])),
        ("a blank in a name", with(&[("a b", "x")])),
        ("a line feed in a value", with(&[("a", "b\nc: d")])),
        ("connection", with(&[("connection", "close")])),
        ("keep-alive", with(&[("keep-alive", "5")])),
        ("proxy-connection", with(&[("proxy-connection", "x")])),
        (
            "transfer-encoding",
            with(&[("transfer-encoding", "chunked")]),
        ),
        ("upgrade", with(&[("upgrade", "websocket")])),
        ("te", with(&[("te", "gzip")])),
        ("a status", with(&[(":status", "200")])),
        ("an unknown pseudo-field", with(&[(":unknown", "x")])),
        ("a path twice", with(&[(":path", "/b")])),
        (
            "a protocol without CONNECT",
            with(&[(":protocol", "websocket")]),
        ),
        (
            "a pseudo-field behind others",
            block(&[&[("a", "b")], &GET[..]].concat()),
        ),
        ("no method", changed(":method", None)),
        ("a method that is none", changed(":method", Some("G T"))),
        ("no scheme", changed(":scheme", None)),
        ("no path", changed(":path", None)),
        ("an empty path", changed(":path", Some(""))),
        ("a blank in a path", changed(":path", Some("/a b"))),
        ("a fragment", changed(":path", Some("/a#b"))),
        (
            "an authority that is none",
            changed(":authority", Some("a b")),
        ),
        ("CONNECT with a path", changed(":method", Some("CONNECT"))),
        ("a length without a body", with(&[("content-length", "5")])),
        ("a length that is none", with(&[("content-length", "x")])),
        (
            "two lengths",
            with(&[("content-length", "0"), ("content-length", "1")]),
        ),
    ];
    let mut stream = 1;
    let many = cases.len();
    for (case, head) in cases {
        stream += 2;
        client.send(HEADERS, WHOLE, stream, &head);
        let answer = client.answer(stream);
        assert_eq!(answer.status, Some(BAD_REQUEST), "{case}: {answer:?}");
        let record = record(&site, &answer.refusal(case));
        assert_eq!(record["status"], 400, "{case}");
        let reason = if case == "a fragment" {
            "malformed_path"
        } else {
            "malformed_request"
        };
        assert_eq!(record["additionalEventData"]["reason"], reason, "{case}");
        if case == "te" {
            assert_eq!(
                (&record["method"], &record["path"]),
                (&"GET".into(), &"/a".into())
            );
        }
        stream += 2;
        let honest = [with(&[]), vec![0xbe]].concat();
        client.send(HEADERS, WHOLE, stream, &honest);
        let answer = client.answer(stream);
        assert_eq!(answer.status, Some(OK), "behind {case}: {answer:?}");
        let echoed = String::from_utf8(answer.body).unwrap();
        assert!(echoed.contains("x-kept: kept"), "behind {case}: {echoed}");
    }
    let counted = sidegate
        .metric("sidegate_decisions_total{decision=\"refused\",reason=\"malformed_request\"");
    assert_eq!(counted, Some(f64::from(u32::try_from(many - 1).unwrap())));
}

#[test]
fn a_malformed_head_with_a_body_is_answered_too_and_grpc_in_its_own_form() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let sidegate = Sidegate::start(&site);
    let mut client = Client::connect(&sidegate);
    let head = block(&[&POST[..], &[("connection", "x")]].concat());
    client.send(HEADERS, END_HEADERS, 1, &head);
    client.send(DATA, END_STREAM, 1, b"body");
    let answer = client.answer(1);
    assert_eq!(answer.status, Some(BAD_REQUEST), "{answer:?}");
    answer.refusal("with a body");
    let grpc = [
        ("content-type", "Application/GRPC+proto"),
        ("connection", "x"),
    ];
    client.send(HEADERS, WHOLE, 3, &block(&[&POST[..], &grpc].concat()));
    let answer = client.answer(3);
    assert_eq!(
        (answer.status, answer.body.len()),
        (Some(OK), 0),
        "{answer:?}"
    );
}

/// Whoever sends the field that marks faulty heads among ourselves gains nothing.
#[test]
fn a_mark_of_the_clients_own_is_no_mark() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let sidegate = Sidegate::start(&site);
    let mut client = Client::connect(&sidegate);
    client.send(HEADERS, WHOLE, 1, &with(&[("Upper", "x")]));
    assert_eq!(client.answer(1).status, Some(BAD_REQUEST));
    client.send(HEADERS, WHOLE, 3, &with(&[("x-sidegate-fault", "m")]));
    let answer = client.answer(3);
    assert_eq!(answer.status, Some(OK));
    let echoed = String::from_utf8(answer.body).unwrap();
    assert!(!echoed.contains("x-sidegate-fault"), "{echoed}");
}

#[test]
fn a_head_in_pieces_is_one_and_a_large_one_is_refused() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let sidegate = Sidegate::start(&site);
    let mut client = Client::connect(&sidegate);
    let mut stream = 1;
    for (size, reason) in [
        (100, None),
        (60_000, None),
        (70_000, Some("head_too_large")),
        (200_000, Some("head_too_large")),
        (900_000, Some("head_too_large")),
    ] {
        let head = with(&[("x-large", &"v".repeat(size))]);
        let mut pieces = head.chunks(16_000).peekable();
        client.send(HEADERS, END_STREAM, stream, pieces.next().unwrap());
        while let Some(piece) = pieces.next() {
            let flags = if pieces.peek().is_some() {
                0
            } else {
                END_HEADERS
            };
            client.send(CONTINUATION, flags, stream, piece);
        }
        if size == 100 {
            client.send(CONTINUATION, END_HEADERS, stream, &[]);
        }
        let answer = client.answer(stream);
        match reason {
            None => assert_eq!(answer.status, Some(OK), "{size}: {answer:?}"),
            Some(reason) => {
                let record = record(&site, &answer.refusal("a large head"));
                assert_eq!(record["status"], 431, "{size}");
                assert_eq!(record["additionalEventData"]["reason"], reason, "{size}");
            }
        }
        stream += 2;
    }
}

/// Nobody can say which request is meant: no 400, but neither does anything reach the upstream.
#[test]
fn frames_and_compression_that_are_none_end_the_connection() {
    let (upstream, kept) = silent();
    let site = Site::with_bundle(&upstream, "a");
    let sidegate = Sidegate::start(&site);
    for head in [
        [with(&[]), vec![0x80]].concat(),
        [with(&[]), vec![0x40]].concat(),
        [with(&[]), vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff]].concat(),
    ] {
        let mut client = Client::connect(&sidegate);
        client.send(HEADERS, WHOLE, 1, &head);
        let answer = client.answer(1);
        assert!(answer.gone && answer.status.is_none(), "{answer:?}");
    }
    assert!(kept.lock().unwrap().is_empty());
}

#[test]
fn trailers_that_are_none_never_complete_a_request() {
    for trailers in [
        block(&[(":path", "/b")]),
        block(&[("Upper", "x")]),
        block(&[("connection", "x")]),
    ] {
        let (upstream, kept) = silent();
        let site = Site::with_bundle(&upstream, "a");
        let sidegate = Sidegate::start(&site);
        let mut client = Client::connect(&sidegate);
        client.send(HEADERS, END_HEADERS, 1, &block(&POST));
        client.send(DATA, 0, 1, b"partial");
        received(&kept, "7\r\npartial\r\n");
        client.send(HEADERS, WHOLE, 1, &trailers);
        let answer = client.answer(1);
        assert_eq!(answer.status, Some(BAD_REQUEST), "{answer:?}");
        answer.refusal("trailers");
        std::thread::sleep(Duration::from_millis(50));
        let all = received(&kept, "partial");
        assert!(all.ends_with("7\r\npartial\r\n"), "{all}");
        // The connection goes on.
        client.send(HEADERS, WHOLE, 3, &changed(":path", Some("/none/such")));
        assert!(client.answer(3).refusal_code("NoRoute"));
    }
}

#[test]
fn a_body_of_another_length_gets_400_and_never_completes_a_request() {
    for (length, pieces) in [
        ("5", &[&b"abc"[..], b""][..]),
        ("5", &[b"abc", b"defg"]),
        ("5", &[b"abcdefg"]),
    ] {
        let (upstream, kept) = silent();
        let site = Site::with_bundle(&upstream, "a");
        let sidegate = Sidegate::start(&site);
        let mut client = Client::connect(&sidegate);
        let head = block(&[&POST[..], &[("content-length", length)]].concat());
        client.send(HEADERS, END_HEADERS, 1, &head);
        let last = pieces.len() - 1;
        for (at, piece) in pieces.iter().enumerate() {
            if at == 1 {
                received(&kept, "\r\n\r\nabc");
            }
            let flags = if at == last { END_STREAM } else { 0 };
            client.send(DATA, flags, 1, piece);
        }
        let answer = client.answer(1);
        assert_eq!(answer.status, Some(BAD_REQUEST), "{pieces:?}: {answer:?}");
        std::thread::sleep(Duration::from_millis(50));
        let all = String::from_utf8_lossy(&kept.lock().unwrap()).into_owned();
        assert!(
            all.is_empty() || all.ends_with("\r\n\r\n") || all.ends_with("abc"),
            "{all}"
        );
        client.send(HEADERS, WHOLE, 3, &changed(":path", Some("/none/such")));
        assert!(client.answer(3).refusal_code("NoRoute"));
    }
}

/// The length alone does not make a body whole: END_STREAM does, and until it comes the upstream lacks something.
#[test]
fn a_body_of_the_announced_length_is_not_complete_before_its_end() {
    let bad: &[u8] = &block(&[(":path", "/b")]);
    let good: &[u8] = &block(&[("x-checksum", "1")]);
    for (length, body, kind, flags, rest, whole) in [
        ("5", &b"hello"[..], DATA, END_STREAM, &b"X"[..], false),
        ("5", b"hello", HEADERS, WHOLE, bad, false),
        ("0", b"", DATA, END_STREAM, b"EXTRA", false),
        ("0", b"", HEADERS, WHOLE, bad, false),
        ("5", b"hello", DATA, END_STREAM, b"", true),
        ("5", b"hello", HEADERS, WHOLE, good, true),
        ("0", b"", DATA, END_STREAM, b"", true),
    ] {
        let (upstream, kept) = silent();
        let site = Site::with_bundle(&upstream, "a");
        let sidegate = Sidegate::start(&site);
        let mut client = Client::connect(&sidegate);
        let head = block(&[&POST[..], &[("content-length", length)]].concat());
        client.send(HEADERS, END_HEADERS, 1, &head);
        if !body.is_empty() {
            client.send(DATA, 0, 1, body);
        }
        std::thread::sleep(Duration::from_millis(150));
        client.send(kind, flags, 1, rest);
        let end = format!("\r\n\r\n{}", String::from_utf8_lossy(body));
        if whole {
            assert!(received(&kept, &end).ends_with(&end));
            continue;
        }
        let answer = client.answer(1);
        assert_eq!(answer.status, Some(BAD_REQUEST), "{length}: {answer:?}");
        std::thread::sleep(Duration::from_millis(50));
        let all = String::from_utf8_lossy(&kept.lock().unwrap()).into_owned();
        assert!(!all.contains(&end), "{all}");
    }
}

/// Nor does the end of its stream by a reset, not even by one that finds no fault.
#[test]
fn a_body_of_the_announced_length_whose_stream_is_reset_is_not_complete() {
    const NO_ERROR: [u8; 4] = [0; 4];
    const CANCEL: [u8; 4] = [0, 0, 0, 8];
    for code in [NO_ERROR, CANCEL] {
        let (upstream, kept) = silent();
        let site = Site::with_bundle(&upstream, "a");
        let sidegate = Sidegate::start(&site);
        let mut client = Client::connect(&sidegate);
        for (stream, length) in [(1, "5"), (3, "6")] {
            let head = block(&[&POST[..], &[("content-length", length)]].concat());
            client.send(HEADERS, END_HEADERS, stream, &head);
            client.send(DATA, 0, stream, b"hello");
        }
        received(&kept, "\r\n\r\nhello");
        client.send(RST_STREAM, 0, 1, &code);
        std::thread::sleep(Duration::from_millis(200));
        client.send(DATA, END_STREAM, 3, b"!");
        let all = received(&kept, "\r\n\r\nhello!");
        assert_eq!(all.matches("hello").count(), 1, "{all}");
    }
}
