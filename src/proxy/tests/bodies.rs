//! Bodies and trailers over both versions of HTTP on both sides.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

use super::support::*;
use crate::net::Limits;
use crate::proxy::upstream::Settings;

type Body = BoxBody<Bytes, Infallible>;

fn frames(frames: impl IntoIterator<Item = Frame<Bytes>, IntoIter: Send + Sync + 'static>) -> Body {
    let frames = futures_util::stream::iter(frames.into_iter().map(Ok));
    BodyExt::boxed(StreamBody::new(frames))
}

fn trailers(lines: &[(&'static str, &'static str)]) -> Frame<Bytes> {
    let lines = lines.iter().map(|(name, value)| {
        let name = http::HeaderName::from_static(name);
        (name, HeaderValue::from_static(value))
    });
    Frame::trailers(lines.collect::<HeaderMap>())
}

/// Answers with what it got: how many bytes, and the trailers as fields; then sends trailers itself.
async fn describe(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (parts, mut body) = request.into_parts();
    let mut length = 0_usize;
    let mut got = String::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            got.push_str(" broken");
            break;
        };
        match frame.into_data() {
            Ok(data) => length = length.saturating_add(data.len()),
            Err(frame) => got.push_str(&format!("{:?}", frame.into_trailers().unwrap())),
        }
    }
    let text = format!("{:?} {} {length} {got}", parts.version, parts.uri.path());
    let host = parts.headers.get("host").cloned();
    let host = host.or_else(|| {
        let authority = parts.uri.authority()?;
        HeaderValue::from_str(authority.as_str()).ok()
    });
    let mut response = Response::new(frames([
        Frame::data(Bytes::from(text)),
        trailers(&[("digest", "d"), ("grpc-status", "0")]),
    ]));
    let fields = response.headers_mut();
    fields.insert("trailer", HeaderValue::from_static("digest, grpc-status"));
    fields.insert("connection", HeaderValue::from_static("x-hop"));
    fields.insert("x-hop", HeaderValue::from_static("1"));
    fields.extend(host.map(|host| (http::HeaderName::from_static("x-host"), host)));
    if parts.version == http::Version::HTTP_2 {
        fields.remove("connection");
        fields.remove("x-hop");
    }
    Ok(response)
}

async fn hyper_upstream(http2: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let io = TokioIo::new(socket);
            tokio::spawn(async move {
                let service = service_fn(describe);
                if http2 {
                    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    builder.serve_connection(io, service).await
                } else {
                    let builder = hyper::server::conn::http1::Builder::new();
                    builder.serve_connection(io, service).await
                }
            });
        }
    });
    url
}

async fn send(address: SocketAddr, http2: bool, mut request: Request<Body>) -> Response<Incoming> {
    let socket = TcpStream::connect(address).await.unwrap();
    // Without it, small writes wait for the other side's delayed acknowledgements.
    socket.set_nodelay(true).unwrap();
    let io = TokioIo::new(socket);
    if http2 {
        let uri = format!("http://shop.example{}", request.uri());
        *request.uri_mut() = uri.parse().unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
                .await
                .unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    } else {
        let host = HeaderValue::from_static("shop.example");
        request.headers_mut().insert("host", host);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    }
}

fn to(url: &str, http2: bool) -> Settings {
    Settings {
        http2,
        ..Settings::new("app", url)
    }
}

#[tokio::test]
async fn bodies_and_trailers_pass_between_all_versions() {
    for (client, upstream) in [(false, false), (false, true), (true, false), (true, true)] {
        let url = hyper_upstream(upstream).await;
        let proxy = proxy(to(&url, upstream), |_| {}, Limits::default());
        let body = frames([
            Frame::data(Bytes::from_static(b"hello ")),
            Frame::data(Bytes::from_static(b"world")),
            trailers(&[("digest", "x"), ("x_sidegate_role", "forged")]),
        ]);
        let request = Request::post("/p")
            .header("te", "trailers")
            .header("trailer", "digest")
            .body(body)
            .unwrap();
        let response = send(proxy.address, client, request).await;
        let case = format!("client h2 {client}, upstream h2 {upstream}");
        assert_eq!(response.status(), 200, "{case}");
        assert_eq!(response.headers()["x-host"], "shop.example", "{case}");
        assert!(!response.headers().contains_key("x-hop"), "{case}");
        let body = response.into_body().collect().await.unwrap();
        let end = body.trailers().cloned().unwrap_or_default();
        assert_eq!(end.get("grpc-status").unwrap(), "0", "{case}");
        let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        let version = if upstream { "HTTP/2.0" } else { "HTTP/1.1" };
        let expected = format!("{version} /p 11 {{\"digest\": \"x\"}}");
        assert_eq!(text, expected, "{case}");
    }
}

/// HTTP/1 upstreams get the trailers that were announced, as the library that writes to them has it; HTTP/2 ones get all.
#[tokio::test]
async fn an_http1_upstream_gets_announced_trailers_only() {
    for (upstream, announced, arrives) in [
        (false, "", "{}"),
        (false, "Trailer: digest\r\n", "{\"digest\": \"x\"}"),
        (true, "", "{\"digest\": \"x\"}"),
    ] {
        let url = hyper_upstream(upstream).await;
        let proxy = proxy(to(&url, upstream), |_| {}, Limits::default());
        let head = format!(
            "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n{announced}\r\n"
        );
        let text = format!("{head}5\r\nhello\r\n0\r\nDigest: x\r\n\r\n");
        let address = proxy.address;
        let asking = tokio::task::spawn_blocking(move || until_closed(address, text.as_bytes()));
        let answer = asking.await.unwrap();
        let expected = format!(" /p 5 {}", arrives.replace("{}", ""));
        let case = format!("upstream h2 {upstream}, {announced:?}: {answer}");
        assert!(answer.contains(expected.trim_end()), "{case}");
        assert_eq!(answer.contains("digest\": \"x"), arrives != "{}", "{case}");
    }
}

#[tokio::test]
async fn http2_heads_over_the_limit_get_431_and_go_no_further() {
    let url = hyper_upstream(false).await;
    let proxy = proxy(to(&url, false), |_| {}, Limits::default());
    for (size, status) in [(60, 200), (65, 431), (120, 431), (200, 431)] {
        let request = Request::get("/p")
            .header("x-large", "a".repeat(size * 1024))
            .body(frames([]))
            .unwrap();
        let response = send(proxy.address, true, request).await;
        assert_eq!(response.status(), status, "{size} KiB");
        assert!(response.headers().contains_key("x-sidegate-request-id"));
        let on_record = std::mem::take(&mut *proxy.refused.lock().unwrap());
        assert_eq!(on_record.len() == 1, status == 431, "{on_record:?}");
        if status == 431 {
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(body.starts_with(b"{\"code\":"), "{body:?}");
        }
    }
}

#[tokio::test]
async fn requests_of_one_http2_connection_run_side_by_side() {
    let url = hyper_upstream(true).await;
    let proxy = proxy(to(&url, true), |_| {}, Limits::default());
    let io = TokioIo::new(TcpStream::connect(proxy.address).await.unwrap());
    let (sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Body>(TokioExecutor::new(), io)
            .await
            .unwrap();
    tokio::spawn(connection);
    let all = (0..200).map(|number| {
        let mut sender = sender.clone();
        async move {
            let request = Request::get(format!("http://a/{number}")).body(frames([]));
            let response = sender.send_request(request.unwrap()).await.unwrap();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(body.starts_with(format!("HTTP/2.0 /{number} 0").as_bytes()));
        }
    });
    futures_util::future::join_all(all).await;
    assert_eq!(outcomes(&proxy, 200).len(), 200);
}

const PIECE: usize = 64 * 1024;
const PIECES: usize = 4096;

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages.saturating_mul(4096)
}

/// 256 MiB up and as much down: both pass in little memory. Measured in a process of its own, since other tests take
/// memory too.
#[tokio::test]
async fn large_bodies_pass_in_constant_memory() {
    if std::env::var_os("SIDEGATE_TEST_ALONE").is_none() {
        let this = "proxy::tests::bodies::large_bodies_pass_in_constant_memory";
        let alone = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", this, "--nocapture"])
            .env("SIDEGATE_TEST_ALONE", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&alone.stdout).into_owned();
        assert!(
            alone.status.success() && said.contains("1 passed"),
            "{said}"
        );
        return;
    }
    for http2 in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            socket.set_nodelay(true).unwrap();
            let service = service_fn(|request: Request<Incoming>| async {
                let mut body = request.into_body();
                let mut length = 0_usize;
                while let Some(Ok(frame)) = body.frame().await {
                    length = length.saturating_add(frame.data_ref().map_or(0, Bytes::len));
                }
                assert_eq!(length, PIECE.saturating_mul(PIECES));
                let piece = Bytes::from(vec![1; PIECE]);
                let pieces = std::iter::repeat_n(piece, PIECES).map(Frame::data);
                Ok::<_, Infallible>(Response::new(frames(pieces)))
            });
            let builder = hyper::server::conn::http1::Builder::new();
            builder
                .serve_connection(TokioIo::new(socket), service)
                .await
        });
        let proxy = proxy(to(&url, false), |_| {}, Limits::default());
        let before = resident();
        let piece = Bytes::from(vec![2; PIECE]);
        let pieces = std::iter::repeat_n(piece, PIECES).map(Frame::data);
        let request = Request::post("/big").body(frames(pieces)).unwrap();
        let mut body = send(proxy.address, http2, request).await.into_body();
        let mut length = 0_usize;
        let mut most = resident();
        while let Some(frame) = body.frame().await {
            length = length.saturating_add(frame.unwrap().data_ref().map_or(0, Bytes::len));
            most = most.max(resident());
        }
        assert_eq!(length, PIECE.saturating_mul(PIECES));
        let grown = most.saturating_sub(before);
        assert!(
            grown < 48 * 1024 * 1024,
            "grew by {grown} bytes, h2 {http2}"
        );
    }
}

/// An answer that begins before the request's body has ended: both go on.
#[tokio::test]
async fn both_directions_stream_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let service = service_fn(|request: Request<Incoming>| async {
            let body = request.into_body().into_data_stream();
            let frames =
                body.filter_map(async |data| data.ok().map(Frame::data).map(Ok::<_, Infallible>));
            Ok::<_, Infallible>(Response::new(StreamBody::new(frames.boxed())))
        });
        let builder = hyper::server::conn::http1::Builder::new();
        builder
            .serve_connection(TokioIo::new(socket), service)
            .await
    });
    for http2 in [true] {
        let proxy = proxy(to(&url, false), |_| {}, Limits::default());
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        let said = futures_util::stream::unfold(receiver, |mut receiver| async {
            let frame: Frame<Bytes> = receiver.recv().await?;
            Some((Ok::<_, Infallible>(frame), receiver))
        });
        let body = BodyExt::boxed(StreamBody::new(SyncStream(std::sync::Mutex::new(
            said.boxed(),
        ))));
        sender
            .send(Frame::data(Bytes::from_static(b"one")))
            .unwrap();
        let request = Request::post("/echo").body(body).unwrap();
        let mut body = send(proxy.address, http2, request).await.into_body();
        let mut next = async || {
            loop {
                let frame = tokio::time::timeout(Duration::from_secs(5), body.frame()).await;
                let data = frame.unwrap()?.unwrap().into_data().unwrap();
                if !data.is_empty() {
                    return Some(data);
                }
            }
        };
        assert_eq!(next().await.unwrap(), "one");
        sender
            .send(Frame::data(Bytes::from_static(b"two")))
            .unwrap();
        assert_eq!(next().await.unwrap(), "two");
        drop(sender);
        assert!(next().await.is_none());
    }
}

/// A stream behind a lock that is never contended, for a body type that must be shareable.
struct SyncStream<S>(std::sync::Mutex<S>);

impl<S: futures_util::Stream + Unpin> futures_util::Stream for SyncStream<S> {
    type Item = S::Item;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<S::Item>> {
        self.get_mut().0.get_mut().unwrap().poll_next_unpin(context)
    }
}
