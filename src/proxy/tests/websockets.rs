//! WebSocket over HTTP/1.1 and HTTP/2 on either side. The bytes after the handshake are not looked at here.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Empty;
use hyper::ext::Protocol;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::*;
use crate::clock::monotonic;
use crate::net::Limits;
use crate::proxy::upstream::Settings;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// An HTTP/1.1 upstream that switches, with the right answer to the key or a wrong one, and then echoes.
fn echo_http1(honest: bool) -> (String, Received) {
    let seen = Arc::new(OnceLock::<Received>::new());
    let all = Arc::clone(&seen);
    let (url, received) = raw_upstream(move |stream, _| {
        let head = all.wait().lock().unwrap().last().unwrap().clone();
        let head = String::from_utf8(head).unwrap();
        let key = head.split("sec-websocket-key: ").nth(1).unwrap();
        let key = key.split("\r\n").next().unwrap();
        let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
        let accept = if honest {
            STANDARD.encode(hash)
        } else {
            "no".to_owned()
        };
        write!(
            stream,
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        .unwrap();
        let mut buffer = [0; 100];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            let _ = stream.write_all(&buffer[..count]);
        }
    });
    seen.set(Arc::clone(&received)).unwrap();
    (url, received)
}

/// An HTTP/2 upstream that takes extended CONNECT, and then echoes.
async fn echo_http2() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service_fn(async |mut request: Request<hyper::body::Incoming>| {
                assert_eq!(request.method(), Method::CONNECT);
                assert_eq!(
                    request.extensions().get::<Protocol>().unwrap().as_str(),
                    "websocket"
                );
                assert!(!request.headers().contains_key("sec-websocket-key"));
                let upgrading = hyper::upgrade::on(&mut request);
                tokio::spawn(async move {
                    let mut io = TokioIo::new(upgrading.await.unwrap());
                    let mut buffer = [0; 100];
                    while let Ok(count @ 1..) = io.read(&mut buffer).await {
                        io.write_all(&buffer[..count]).await.unwrap();
                    }
                });
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            });
            let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            builder.enable_connect_protocol();
            tokio::spawn(builder.serve_connection(TokioIo::new(socket), service));
        }
    });
    url
}

/// Asks over HTTP/1.1: the head of the answer, and what is echoed.
fn over_http1(address: SocketAddr, key: &str) -> (String, String) {
    let (head, echoed, _) = kept_over_http1(address, key);
    (head, echoed)
}

/// The same, with the connection.
fn kept_over_http1(address: SocketAddr, key: &str) -> (String, String, TcpStream) {
    let mut stream = connect(address);
    write!(
        stream,
        "GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    .unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let mut echoed = [0; 5];
    if head.starts_with("HTTP/1.1 101") {
        stream.write_all(b"hello").unwrap();
        stream.read_exact(&mut echoed).unwrap();
    }
    let echoed = String::from_utf8_lossy(&echoed).into_owned();
    (head, echoed, stream)
}

/// Asks over HTTP/2: the status, and what is echoed.
async fn over_http2(address: SocketAddr, protocol: &'static str) -> (u16, String) {
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut sender, driver) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket))
            .await
            .unwrap();
    tokio::spawn(driver);
    let request = Request::builder()
        .method(Method::CONNECT)
        .uri("http://a/up")
        .header("sec-websocket-version", "13")
        .extension(Protocol::from_static(protocol))
        .body(Empty::<Bytes>::new())
        .unwrap();
    let mut response = sender.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    if status != 200 {
        return (status, String::new());
    }
    assert!(!response.headers().contains_key("sec-websocket-accept"));
    let upgraded = hyper::upgrade::on(&mut response).await.unwrap();
    let mut io = TokioIo::new(upgraded);
    io.write_all(b"hello").await.unwrap();
    let mut echoed = [0; 5];
    io.read_exact(&mut echoed).await.unwrap();
    (status, String::from_utf8_lossy(&echoed).into_owned())
}

fn to(url: &str, http2: bool) -> Running {
    let settings = Settings {
        http2,
        ..Settings::new("app", url)
    };
    proxy(settings, |_| {}, Limits::default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_passes_whatever_either_side_speaks() {
    let (url, _) = echo_http1(true);
    let one = to(&url, false);
    let two = to(&echo_http2().await, true);
    for proxy in [&one, &two] {
        let (head, echoed) = over_http1(proxy.address, KEY);
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert!(head.contains(ACCEPT), "{head}");
        assert_eq!(echoed, "hello");
        let answer = over_http2(proxy.address, "websocket").await;
        assert_eq!(answer, (200, "hello".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_protocol_and_no_false_handshake() {
    let (url, received) = echo_http1(false);
    let proxy = to(&url, false);
    // The client would see through it itself over HTTP/1.1; over HTTP/2 nobody else can.
    assert_eq!(over_http2(proxy.address, "websocket").await.0, 502);
    assert_eq!(over_http2(proxy.address, "connect-udp").await.0, 400);
    assert_eq!(received.lock().unwrap().len(), 1);
    let two = to(&echo_http2().await, true);
    let (head, _) = over_http1(two.address, "short");
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
}

/// Bound: an upgraded connection on which nothing passes ends between one and two times the idle limit.
#[test]
fn an_upgraded_connection_on_which_nothing_passes_ends() {
    let (url, _) = echo_http1(true);
    let idle = Duration::from_millis(400);
    let proxy = proxy(
        Settings::new("app", &url),
        |settings| settings.upgrade_idle = idle,
        Limits::default(),
    );
    let (head, echoed, mut stream) = kept_over_http1(proxy.address, KEY);
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert_eq!(echoed, "hello");
    let began = monotonic();
    // However it ends; it would be awaited for 20 s.
    let _ = stream.read(&mut [0]);
    let after = began.elapsed();
    assert!(
        (Duration::from_millis(200)..Duration::from_secs(10)).contains(&after),
        "{after:?}"
    );
}
