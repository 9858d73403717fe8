//! HTTP/2 clients that take nothing of an answer while their connection flows.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::support::*;
use crate::net::Limits;
use crate::proxy::upstream::Settings;

type Sender = hyper::client::conn::http2::SendRequest<Empty<Bytes>>;

async fn client(address: SocketAddr) -> Sender {
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let (sender, driver) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(16 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .handshake(TokioIo::new(socket))
        .await
        .unwrap();
    tokio::spawn(driver);
    sender
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("http://a{path}"))
        .body(Empty::new())
        .unwrap()
}

/// Bound: a stream of which nothing is taken is reset within the write stall and two sweeps, whether its answer is long or
/// was handed over whole; the connection and its other streams are not touched.
#[tokio::test]
async fn a_stream_of_which_nothing_is_taken_is_reset_alone() {
    for size in [40_000, 10_000_000] {
        let (url, _) = raw_upstream(move |stream, _| {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n");
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(&vec![b'x'; size]);
        });
        let limits = Limits {
            write_stall: Duration::from_millis(700),
            ..Limits::default()
        };
        let proxy = proxy(Settings::new("app", &url), |_| {}, limits);
        let mut sender = client(proxy.address).await;
        let stalled = sender.send_request(get("/stalled")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(4)).await;
        // What was in the window came; the rest never does.
        let failed = stalled.into_body().collect().await;
        assert!(failed.is_err(), "{size}");
        let taken = sender.send_request(get("/taken")).await.unwrap();
        let body = taken.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), size);
    }
}
