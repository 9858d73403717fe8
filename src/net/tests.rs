//! Whole workers over real sockets, with a handler that says what it got.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

use super::*;
use crate::clock::monotonic;
use crate::net::drain::Times;
use crate::net::workers::{Listening, Workers, bind};

struct Echo;

impl Handler for Echo {
    type Body = Full<Bytes>;

    async fn handle(
        self: Rc<Self>,
        connection: Rc<Connection>,
        parts: Box<Parts>,
        body: Incoming,
        reading: Result<(), Fault>,
    ) -> Response<Full<Bytes>> {
        if parts.uri.path() == "/slow" {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let body = body.collect().await.map(|body| body.to_bytes().len());
        let text = format!(
            "{:?} {} {reading:?} {body:?}",
            connection.protocol,
            parts.uri.path(),
        );
        Response::new(Full::new(Bytes::from(text)))
    }

    fn unread(&self, _: &Connection, head: &[u8], why: Unread) -> Vec<u8> {
        format!("HTTP/1.1 499 {why:?} {}", String::from_utf8_lossy(head)).into_bytes()
    }
}

fn start(limits: Limits, workers: usize) -> (Workers, SocketAddr) {
    let listening = Listening {
        name: "test".into(),
        address: "127.0.0.1:0".parse().unwrap(),
        tls: None,
        proxied: Vec::new(),
    };
    let ready = bind(vec![listening], workers, limits).unwrap();
    let Some((_, Address::Tcp(address))) = ready.addresses().next() else {
        panic!("no address")
    };
    let address = *address;
    (ready.serve(|| Echo).unwrap(), address)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
}

/// Everything that comes until the connection ends.
fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset ends the connection as well.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The status of the answer to a head.
fn status(address: SocketAddr, head: &str) -> String {
    let mut stream = connect(address);
    // The other side may have closed before it has read all of it.
    let _ = stream.write_all(head.as_bytes());
    let mut line = [0; 12];
    let _ = stream.read_exact(&mut line);
    String::from_utf8_lossy(&line[9..]).into_owned()
}

fn stop(workers: Workers, times: Times) -> (usize, Duration) {
    let began = monotonic();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let report = runtime.block_on(workers.stop(times, std::future::pending()));
    (report.cut, began.elapsed())
}

const AT_ONCE: Times = Times {
    leave: Duration::ZERO,
    grace: Duration::from_secs(5),
};

/// Sends a text, and leaves it to the other side to close.
fn until_closed(address: SocketAddr, text: &str) -> String {
    let mut stream = connect(address);
    stream.write_all(text.as_bytes()).unwrap();
    rest(&mut stream)
}

#[test]
fn requests_follow_each_other_and_faults_are_reported() {
    let (workers, address) = start(Limits::default(), 2);
    let answer = until_closed(
        address,
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /3#x HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert!(answer.contains("Http1 /1 Ok(()) Ok(0)"), "{answer}");
    assert!(answer.contains("Http1 /2 Ok(()) Ok(3)"), "{answer}");
    assert!(answer.contains("Http1 /3 Err(Fragment)"), "{answer}");
    let answer = until_closed(
        address,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\n\r\n\r\n",
    );
    assert!(answer.contains("Ok(()) Err("), "{answer}");
    assert_eq!(stop(workers, AT_ONCE).0, 0);
}

#[test]
fn heads_that_are_too_large_or_too_many_are_refused() {
    let (workers, address) = start(Limits::default(), 1);
    let fields = |count: usize| "A: b\r\n".repeat(count);
    let head = format!("GET / HTTP/1.1\r\n{}\r\n", fields(100));
    assert_eq!(status(address, &head), "200");
    let head = format!("GET / HTTP/1.1\r\n{}\r\n", fields(101));
    assert_eq!(status(address, &head), "499");
    let head = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "b".repeat(64 * 1024));
    assert_eq!(status(address, &head), "499");
    // However much of it comes, the answer is not overtaken by a reset.
    for size in [64, 200, 600] {
        let head = format!("GET /{} HTTP/1.1\r\n\r\n", "b".repeat(size * 1024));
        let mut stream = connect(address);
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let end = stream.read_to_end(&mut answer);
        assert!(end.is_ok(), "{size} KiB: {end:?}");
        assert!(answer.starts_with(b"HTTP/1.1 499 "), "{size} KiB");
    }
    assert_eq!(stop(workers, AT_ONCE).0, 0);
}

#[test]
fn slow_heads_silent_and_idle_connections_are_ended() {
    let limits = Limits {
        head_timeout: Duration::from_millis(600),
        keep_alive_idle: Duration::from_millis(900),
        ..Limits::default()
    };
    let (workers, address) = start(limits, 1);
    let ended = |text: &str| -> (String, Duration) {
        let mut stream = connect(address);
        let began: Instant = monotonic();
        stream.write_all(text.as_bytes()).unwrap();
        (rest(&mut stream), began.elapsed())
    };
    for (text, expected) in [
        ("", ""),
        ("PRI * HTTP/2.0\r\n", ""),
        (
            "GET / HTTP/1.1\r\nHost: ",
            "HTTP/1.1 499 TooSlow GET / HTTP/1.1\r\nHost: ",
        ),
    ] {
        let (answer, after) = ended(text);
        assert_eq!(answer, expected, "{text:?}");
        assert!(
            (500..1800).contains(&after.as_millis()),
            "{text:?} {after:?}"
        );
    }
    let (answer, after) = ended("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.contains("200 OK"));
    assert!((850..2300).contains(&after.as_millis()), "{after:?}");
    assert_eq!(stop(workers, AT_ONCE).0, 0);
}

#[test]
fn no_more_connections_than_the_limit() {
    let limits = Limits {
        connections: 2,
        ..Limits::default()
    };
    let (workers, address) = start(limits, 2);
    let kept: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = connect(address);
            stream
                .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                .unwrap();
            let mut some = [0; 8];
            stream.read_exact(&mut some).unwrap();
            stream
        })
        .collect();
    assert_eq!(workers.capacity().open_on(0), 2);
    assert_eq!(rest(&mut connect(address)), "");
    assert_eq!(workers.capacity().refused(), 1);
    drop(kept);
    let deadline = monotonic() + Duration::from_secs(30);
    while workers.capacity().open() > 0 && monotonic() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    // The other side closes: a client that ends its half at once is gone, as far as the parser can see, and if that comes
    // with its request, it is not answered.
    let last = until_closed(
        address,
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert!(last.contains("200 OK"), "{last}");
    assert_eq!(stop(workers, AT_ONCE).0, 0);
}

#[test]
fn a_stop_lets_requests_finish_and_closes_idle_connections() {
    let (workers, address) = start(Limits::default(), 2);
    let mut idle = connect(address);
    idle.write_all(b"GET /idle HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    let mut busy = connect(address);
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let (cut, took) = stop(workers, AT_ONCE);
    assert_eq!(cut, 0);
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(rest(&mut idle).contains("/idle"));
    let answer = rest(&mut busy);
    assert!(
        answer.contains("/slow") && answer.contains("connection: close"),
        "{answer}"
    );
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_stop_cuts_what_takes_too_long_and_counts_it() {
    let (workers, address) = start(Limits::default(), 1);
    let mut slow = connect(address);
    slow.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        .unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let times = Times {
        leave: Duration::ZERO,
        grace: Duration::from_millis(200),
    };
    let (cut, took) = stop(workers, times);
    assert_eq!(cut, 1);
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(rest(&mut slow), "");
}

#[tokio::test]
async fn http2_by_prior_knowledge_and_goaway_at_a_stop() {
    let (workers, address) = start(Limits::default(), 1);
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(
        hyper_util::rt::TokioExecutor::new(),
        hyper_util::rt::TokioIo::new(socket),
    )
    .await
    .unwrap();
    let driven = tokio::spawn(connection);
    let request = http::Request::get(format!("http://{address}/two"))
        .body(http_body_util::Empty::<Bytes>::new())
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "Http2 /two Ok(()) Ok(0)");
    let report = workers.stop(AT_ONCE, std::future::pending()).await;
    assert_eq!(report.cut, 0);
    driven.await.unwrap().unwrap();
}
