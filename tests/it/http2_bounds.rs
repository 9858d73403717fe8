//! How long, how large and how wrong what comes over HTTP/2 may be, how a connection ends that is beyond that, and how an
//! answer ends that its upstream breaks off.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::frames::{
    BAD_REQUEST, CONTINUATION, Client, DATA, END_HEADERS, END_STREAM, HEADERS, OK, POST, SETTINGS,
    WHOLE, block, frame, with,
};
use crate::support::{PATIENCE, Sidegate, Site, Upstream, eventually};

const STREAM_CLOSED: u8 = 5;
const COMPRESSION_ERROR: u8 = 9;
const ENHANCE_YOUR_CALM: u8 = 11;

/// A site whose bounds are these.
fn bounded(upstream: &Upstream, limits: &str) -> Site {
    let site = Site::with_bundle(upstream, "a");
    let file = site.path("sidegate.yaml");
    let settings = std::fs::read_to_string(file).unwrap();
    site.write(
        "sidegate.yaml",
        &format!("{settings}limits: {{ {limits} }}\n"),
    );
    site
}

/// Sends a head in pieces of a size.
fn send_in_pieces(client: &mut Client, stream: u32, head: &[u8], size: usize) {
    let mut pieces = head.chunks(size).peekable();
    let (mut kind, mut flags) = (HEADERS, END_STREAM);
    let mut all = Vec::new();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            flags |= END_HEADERS;
        }
        all.extend(frame(kind, flags, stream, piece));
        (kind, flags) = (CONTINUATION, 0);
    }
    // A connection that is over takes no more.
    let _ = client.0.write_all(&all);
}

#[test]
fn a_head_in_small_pieces_is_an_honest_one() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let sidegate = Sidegate::start(&site);
    let mut client = Client::connect(&sidegate);
    for (stream, size, piece) in [(1, 40_000, 160), (3, 2000, 1), (5, 60_000, 60)] {
        let head = with(&[("x-large", &"v".repeat(size))]);
        send_in_pieces(&mut client, stream, &head, piece);
        let answer = client.answer(stream);
        assert_eq!(answer.status, Some(OK), "{size} in {piece}: {answer:?}");
    }
    // One that goes on and on is not.
    send_in_pieces(
        &mut client,
        7,
        &with(&[("x-large", &"v".repeat(120_000))]),
        1,
    );
    let answer = client.answer(7);
    assert_eq!((answer.status, answer.why), (None, Some(ENHANCE_YOUR_CALM)));
}

/// A head that was begun comes in time, whatever part of it is missing and whatever else goes on, or the connection ends.
#[test]
fn a_head_that_does_not_come_to_its_end_ends_the_connection_in_time() {
    let upstream = Upstream::start();
    let site = bounded(&upstream, "head_timeout: 1s");
    let sidegate = Sidegate::start(&site);
    for (case, sent, busy) in [
        (
            "no end of a head",
            &b"\0\0\x01\x01\x01\0\0\0\x03\x82"[..],
            false,
        ),
        ("half a frame", b"\0\0\x09\x01\x05\0\0\0\x03\x82", false),
        ("half of what a frame begins with", b"\0\0\x09\x01", false),
        (
            "with a request under way",
            b"\0\0\x01\x01\x01\0\0\0\x03\x82",
            true,
        ),
    ] {
        let mut client = Client::connect(&sidegate);
        if busy {
            client.send(HEADERS, END_HEADERS, 1, &block(&POST));
            client.send(DATA, 0, 1, b"and so on");
        } else {
            client.send(HEADERS, WHOLE, 1, &with(&[]));
            assert_eq!(client.answer(1).status, Some(OK));
        }
        let began = Instant::now();
        client.0.write_all(sent).unwrap();
        let answer = client.answer(3);
        assert_eq!(answer.why, Some(ENHANCE_YOUR_CALM), "{case}");
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(900), "{case}: {took:?}");
        // Not what ends silent connections, after twenty seconds.
        assert!(took < Duration::from_secs(12), "{case}: {took:?}");
    }
    // The beginning of the connection is waited for no longer.
    let mut client = std::net::TcpStream::connect(sidegate.ingress).unwrap();
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM").unwrap();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
}

/// Idle is a connection without a request, from its beginning on.
#[test]
fn a_connection_that_never_asks_is_ended_as_idle() {
    let upstream = Upstream::start();
    let site = bounded(&upstream, "idle_timeout: 1s");
    let sidegate = Sidegate::start(&site);
    let mut client = Client::connect(&sidegate);
    let began = Instant::now();
    let answer = client.answer(1);
    let took = began.elapsed();
    // In order: nothing was wrong.
    assert!(answer.gone && answer.why == Some(0), "{answer:?}");
    assert!((900..12_000).contains(&took.as_millis()), "{took:?}");
}

#[test]
fn a_client_is_told_why_its_connection_ends() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let sidegate = Sidegate::start(&site);
    let mut client = Client::connect(&sidegate);
    client.send(HEADERS, WHOLE, 1, &[with(&[]), vec![0xbe]].concat());
    assert_eq!(client.answer(1).why, Some(COMPRESSION_ERROR));
    // What comes on a stream that the client has ended, answered or not.
    for kind in [HEADERS, DATA] {
        let mut client = Client::connect(&sidegate);
        client.send(HEADERS, WHOLE, 1, &with(&[]));
        assert_eq!(client.answer(1).status, Some(OK));
        client.send(kind, WHOLE, 1, &with(&[]));
        assert_eq!(client.answer(1).why, Some(STREAM_CLOSED), "{kind}");
    }
}

/// All of them are answered that came before the end.
#[test]
fn a_burst_of_faulty_heads_is_answered_to_the_last_that_counts() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let sidegate = Sidegate::start(&site);
    let mut client = Client::connect(&sidegate);
    let head = with(&[("Upper", "x")]);
    let burst: Vec<u8> = (0..200)
        .flat_map(|number| frame(HEADERS, WHOLE, number * 2 + 1, &head))
        .collect();
    client.0.write_all(&burst).unwrap();
    let (mut answered, mut last) = (0, None);
    while last.is_none() {
        let (kind, flags, _, payload) = client.frame().unwrap();
        match kind {
            HEADERS => assert_eq!(payload[0], BAD_REQUEST),
            DATA if flags & END_STREAM != 0 => answered += 1,
            // GOAWAY
            7 => last = Some(payload),
            _ => assert!(matches!(kind, DATA | SETTINGS | 8), "{kind}"),
        }
    }
    assert_eq!(answered, 128);
    let last = last.unwrap();
    assert_eq!(last[..4], 255_u32.to_be_bytes());
    assert_eq!(last[7], ENHANCE_YOUR_CALM);
    eventually("their records", || {
        (site.audit().len() == 128).then_some(())
    });
}

/// An upstream that answers with these bytes, and closes.
fn saying(answer: &'static [u8]) -> Upstream {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 4096];
            let mut length = 0;
            while !head[..length].ends_with(b"\r\n\r\n") {
                match stream.read(&mut head[length..]) {
                    Ok(count @ 1..) => length += count,
                    _ => break,
                }
            }
            let _ = stream.write_all(answer);
        }
    });
    Upstream { address }
}

/// Whatever comes of it, a client learns that it lacks something: by a 502 where the upstream's end came with the head, or
/// as early as that, and else by an answer that is broken off.
#[test]
fn an_answer_that_breaks_off_is_502_or_broken_off() {
    for (answer, body) in [
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"[..], ""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "abc"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "abc",
        ),
    ] {
        let case = String::from_utf8_lossy(answer);
        let upstream = saying(answer);
        let site = Site::with_bundle(&upstream, "a");
        let sidegate = Sidegate::start(&site);
        let mut client = Client::connect(&sidegate);
        client.send(HEADERS, WHOLE, 1, &with(&[]));
        let got = client.answer(1);
        if got.status == Some(OK) {
            assert_eq!(got.body, body.as_bytes(), "{case}");
            assert!(got.reset.is_some(), "{case}");
        } else {
            assert!(body.is_empty(), "{case}: {got:?}");
            assert!(got.refusal_code("UpstreamUnavailable"), "{case}: {got:?}");
        }
        let mut plain = std::net::TcpStream::connect(sidegate.ingress).unwrap();
        plain.set_read_timeout(Some(PATIENCE)).unwrap();
        plain
            .write_all(b"GET /a HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut text = Vec::new();
        let _ = plain.read_to_end(&mut text);
        let text = String::from_utf8_lossy(&text);
        if text.starts_with("HTTP/1.1 200 ") {
            assert!(text.trim_end().ends_with(body), "{case}: {text}");
            assert!(!text.ends_with("0\r\n\r\n"), "{case}: {text}");
        } else {
            assert!(body.is_empty(), "{case}: {text}");
            assert!(text.starts_with("HTTP/1.1 502 "), "{case}: {text}");
        }
    }
}
