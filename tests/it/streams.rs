//! Open streams obey policy: each kind, ended within a second of the bundle that no longer allows it.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::support::{PATIENCE, Sidegate, Site, Upstream, eventually, get};

/// The bound that is promised, and something for a busy machine, the reload (a second more) included.
const SOON: Duration = Duration::from_secs(8);

/// An upstream that goes on and on: a WebSocket's frames, events, or a gRPC answer, by the path asked for.
pub(crate) fn endless() -> Upstream {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || go_on(stream));
        }
    });
    Upstream { address }
}

fn go_on(mut stream: TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.extend(byte),
            _ => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let (start, piece): (&[u8], &[u8]) = if head.starts_with("GET /ws") {
        (
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            // Two frames, of which each piece ends in the middle of one: ten bytes of `x`, and an extended length.
            b"\x82\x0axxxxxxxxxx\x82\x7e\x00\x80",
        )
    } else if head.starts_with("GET /events") {
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"9\r\ndata: x\n\n\r\n",
        )
    } else {
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"6\r\n\0\0\0\0\x01x\r\n",
        )
    };
    let rest = if head.starts_with("GET /ws") { 128 } else { 0 };
    if stream.write_all(start).is_err() {
        return;
    }
    loop {
        std::thread::sleep(Duration::from_millis(30));
        if stream.write_all(piece).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(30));
        if stream.write_all(&vec![b'y'; rest]).is_err() {
            return;
        }
    }
}

/// Writes the routes and opens one resource to everyone; what is opened decides what is allowed.
fn open(site: &Site, resource: &str) {
    site.write_bundle(resource);
    site.write(
        "policies/routes/app.yaml",
        "service: app\naccount: \"555566667777\"\nregion: us-east-1\nupstream: app\nroutes:\n\
         - { match: \"GET /ws\", upgrade: [websocket], action: \"app:Use\", resource: \"arn:{partition}:app::{account}:stream\" }\n\
         - { match: \"GET /events\", action: \"app:Use\", resource: \"arn:{partition}:app::{account}:stream\" }\n\
         - { match: \"grpc /shop.v1.Orders/Watch\", action: \"app:Use\", resource: \"arn:{partition}:app::{account}:stream\" }\n",
    );
}

fn world() -> (Site, Sidegate) {
    let site = Site::with_bundle(&endless(), "stream");
    open(&site, "stream");
    let sidegate = Sidegate::start(&site);
    (site, sidegate)
}

/// Sends a head and reads until the whole head of the answer and something of its body is there.
fn begin(sidegate: &Sidegate, head: &str) -> (TcpStream, Vec<u8>) {
    let mut stream = TcpStream::connect(sidegate.ingress).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut got = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&got));
        got.extend_from_slice(&buffer[..count]);
        if let Some(at) = got.windows(4).position(|four| four == b"\r\n\r\n")
            && got.len() > at + 4
        {
            return (stream, got);
        }
    }
}

/// Takes the permission away and reads to the end: what came, and how long that took.
fn revoke(site: &Site, mut stream: TcpStream, mut got: Vec<u8>) -> (Vec<u8>, Duration) {
    open(site, "other");
    let began = Instant::now();
    // The end of a stream in its middle may be a reset.
    let _ = stream.read_to_end(&mut got);
    (got, began.elapsed())
}

fn assert_recorded(site: &Site, path: &str) {
    let last = eventually("the second decision's record", || {
        let all = site.audit();
        let last = all.last()?;
        (all.len() >= 2).then(|| last.clone())
    });
    assert_eq!(last["path"], path);
    assert_eq!(last["additionalEventData"]["decision"], "implicitDeny");
}

#[test]
fn a_websocket_is_closed_with_1008_between_two_frames() {
    let (site, sidegate) = world();
    let (stream, got) = begin(
        &sidegate,
        "GET /ws HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    assert!(got.starts_with(b"HTTP/1.1 101 "));
    let (got, after) = revoke(&site, stream, got);
    assert!(after < SOON, "{after:?}");
    let at = got.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let mut frames = &got[at + 4..];
    let mut count = 0;
    loop {
        let (head, length) = match frames {
            [0x82, 0x0a, ..] => (2, 10),
            [0x82, 0x7e, 0x00, 0x80, ..] => (4, 128),
            rest => {
                assert_eq!(rest, [0x88, 2, 0x03, 0xf0], "after {count} frames");
                break;
            }
        };
        frames = &frames[head + length..];
        count += 1;
    }
    assert!(count > 0);
    assert_recorded(&site, "/ws");
}

#[test]
fn a_stream_of_events_is_cut_asked_for_as_such_or_not() {
    for accept in ["Accept: text/event-stream\r\n", ""] {
        let (site, sidegate) = world();
        let head = format!("GET /events HTTP/1.1\r\nHost: app.test\r\n{accept}\r\n");
        let (stream, got) = begin(&sidegate, &head);
        assert!(got.starts_with(b"HTTP/1.1 200 "));
        let (got, after) = revoke(&site, stream, got);
        assert!(after < SOON, "{after:?}");
        let text = String::from_utf8(got).unwrap();
        assert!(text.contains("data: x"), "{text}");
        // Not to be taken for its end.
        assert!(!text.contains("\r\n0\r\n"), "{text}");
        if !accept.is_empty() {
            assert_recorded(&site, "/events");
        }
    }
}

/// What a stream is allowed by may change as long as it is allowed.
#[test]
fn what_is_still_allowed_goes_on() {
    let (site, sidegate) = world();
    let (mut stream, _) = begin(
        &sidegate,
        "GET /events HTTP/1.1\r\nHost: app.test\r\nAccept: text/event-stream\r\n\r\n",
    );
    open(&site, "*");
    eventually("the reload", || {
        (sidegate.metric("sidegate_reloads_total{result=\"success\"}")? > 0.0).then_some(())
    });
    let until = Instant::now() + Duration::from_secs(2);
    let mut buffer = [0; 4096];
    while Instant::now() < until {
        assert!(stream.read(&mut buffer).unwrap() > 0);
    }
}

#[test]
fn a_grpc_call_ends_with_status_7() {
    let (site, sidegate) = world();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(sidegate.ingress)
            .await
            .unwrap();
        let (mut sender, driver) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket))
                .await
                .unwrap();
        tokio::spawn(driver);
        let request = http::Request::post("http://app.test/shop.v1.Orders/Watch")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Empty::<bytes::Bytes>::new().map_err(|error: Infallible| error))
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let mut body = response.into_body();
        assert!(body.frame().await.unwrap().unwrap().is_data());
        open(&site, "other");
        let began = Instant::now();
        let trailers = loop {
            let frame = body.frame().await.unwrap().unwrap();
            if let Ok(trailers) = frame.into_trailers() {
                break trailers;
            }
        };
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        assert_eq!(trailers["grpc-status"], "7");
        assert!(body.frame().await.is_none());
    });
    assert_recorded(&site, "/shop.v1.Orders/Watch");
}

/// Who may, and asks for a protocol that the route does not allow: one refusal, told alike wherever it is told.
#[test]
fn an_upgrade_that_the_route_does_not_allow_is_on_record_as_refused() {
    let (site, sidegate) = world();
    let ask = |fields: &str, body: &str| {
        let mut stream = TcpStream::connect(sidegate.ingress).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "{fields}\r\nHost: app.test\r\nConnection: Upgrade\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut got = [0; 12];
        stream.read_exact(&mut got).unwrap();
        String::from_utf8_lossy(&got).into_owned()
    };
    let refused = [
        ("GET /events HTTP/1.1\r\nUpgrade: websocket", ""),
        ("GET /ws HTTP/1.1\r\nUpgrade: tls/1.0", ""),
        ("GET /ws HTTP/1.1\r\nUpgrade: h2c, websocket", ""),
        ("GET /ws HTTP/1.1\r\nUpgrade: websocket", "body"),
    ];
    for (number, (fields, body)) in refused.into_iter().enumerate() {
        assert_eq!(ask(fields, body), "HTTP/1.1 400", "{fields}");
        let record = eventually("its record", || site.audit().get(number).cloned());
        let data = &record["additionalEventData"];
        assert_eq!(data["reason"], "method_not_supported", "{record}");
        assert_ne!(data["decision"], "allowed", "{record}");
        assert!(record["errorCode"].is_string(), "{record}");
    }
    let counted = || get(sidegate.health, "/metrics").text();
    assert!(!counted().lines().any(|line| {
        line.starts_with("sidegate_decisions_total{")
            && line.contains("\"allowed\"")
            && !line.ends_with(" 0")
    }));
    // Only what a server may ignore is ignored.
    assert_eq!(
        ask("GET /events HTTP/1.1\r\nUpgrade: h2c", ""),
        "HTTP/1.1 200"
    );
    let record = eventually("its record", || site.audit().get(refused.len()).cloned());
    assert_eq!(record["additionalEventData"]["decision"], "allowed");
}
