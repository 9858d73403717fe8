//! What the data plane costs beside a bare hyper loop that forwards and decides nothing. Not a test of right or wrong:
//! run it with `cargo test --release speed -- --ignored --nocapture`.

#![expect(clippy::arithmetic_side_effects, reason = "tests may overflow")]

use std::cell::RefCell;
use std::convert::Infallible;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::*;
use crate::clock::monotonic;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Mon, 23 Nov 2026 01:00:00 GMT\r\nContent-Length: 28\r\n\r\n{\"id\":\"7\",\"state\":\"shipped\"}";

fn local(future: impl Future<Output = ()> + 'static) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap()
        .block_on(future);
}

/// Answers everything that ends with an empty line.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        local(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                socket.set_nodelay(true).unwrap();
                tokio::task::spawn_local(async move {
                    let mut buffer = vec![0; 4096];
                    while let Ok(count @ 1..) = socket.read(&mut buffer).await {
                        if buffer[..count].ends_with(b"\r\n\r\n") {
                            socket.write_all(ANSWER).await.unwrap();
                        }
                    }
                });
            }
        });
    });
    address
}

type Sender = hyper::client::conn::http1::SendRequest<Incoming>;

/// The bare loop: a pool for the thread, a task for each connection, nothing looked at.
fn bare(upstream: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    let run = thread::Builder::new().name("bare".to_owned());
    run.spawn(move || {
        local(async move {
            let pool: Rc<RefCell<Vec<Sender>>> = Rc::default();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                socket.set_nodelay(true).unwrap();
                let pool = Rc::clone(&pool);
                let service = service_fn(move |request| pass(Rc::clone(&pool), upstream, request));
                let builder = hyper::server::conn::http1::Builder::new();
                tokio::task::spawn_local(builder.serve_connection(TokioIo::new(socket), service));
            }
        });
    })
    .unwrap();
    address
}

async fn pass(
    pool: Rc<RefCell<Vec<Sender>>>,
    upstream: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response<Incoming>, Infallible> {
    let target = request.uri().path_and_query().unwrap().clone();
    *request.uri_mut() = Uri::from(target);
    let kept = pool.borrow_mut().pop().filter(Sender::is_ready);
    let mut sender = if let Some(sender) = kept {
        sender
    } else {
        let socket = tokio::net::TcpStream::connect(upstream).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let (sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
            .await
            .unwrap();
        tokio::task::spawn_local(driver);
        sender
    };
    let response = sender.send_request(request).await.unwrap();
    tokio::task::spawn_local(async move {
        if sender.ready().await.is_ok() {
            pool.borrow_mut().push(sender);
        }
    });
    Ok(response)
}

/// Nanoseconds of processor time that the thread of that name has used.
fn used(name: &str) -> u64 {
    let mut total = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let path = task.unwrap().path();
        let named = std::fs::read_to_string(path.join("comm")).unwrap_or_default();
        if named.trim() == name {
            let text = std::fs::read_to_string(path.join("schedstat")).unwrap();
            total += text.split(' ').next().unwrap().parse::<u64>().unwrap();
        }
    }
    total
}

/// Keeps `connections` busy for `time`; how many answers came.
fn load(address: SocketAddr, connections: usize, time: Duration) -> u64 {
    let (done, counted) = mpsc::channel();
    thread::spawn(move || {
        local(async move {
            let until = monotonic() + time;
            let request = format!(
                "GET /orders/7?view=full HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: bench/1.0\r\nAccept: application/json\r\nAuthorization: Bearer {}\r\n\r\n",
                "x".repeat(700)
            );
            let tasks: Vec<_> = (0..connections)
                .map(|_| {
                    let request = request.clone();
                    tokio::task::spawn_local(async move {
                        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
                        socket.set_nodelay(true).unwrap();
                        let mut buffer = vec![0; 4096];
                        let mut count = 0_u64;
                        while monotonic() < until {
                            socket.write_all(request.as_bytes()).await.unwrap();
                            let mut length = 0;
                            loop {
                                length += socket.read(&mut buffer[length..]).await.unwrap();
                                if buffer[..length].ends_with(b"}") {
                                    break;
                                }
                            }
                            count += 1;
                        }
                        count
                    })
                })
                .collect();
            let mut total = 0;
            for task in tasks {
                total += task.await.unwrap();
            }
            done.send(total).unwrap();
        });
    });
    counted.recv().unwrap()
}

#[test]
#[ignore = "a measurement"]
fn speed() {
    let upstream = upstream();
    let bare = bare(upstream);
    let proxy = proxy_to(&format!("http://{upstream}"));
    let mut lines = Vec::new();
    let time = Duration::from_millis(1500);
    for connections in [1, 50, 256] {
        let mut rows = [const { Vec::new() }; 2];
        for round in 0..6 {
            for (row, (name, address)) in rows
                .iter_mut()
                .zip([("bare", bare), ("worker-0", proxy.address)])
            {
                let before = used(name);
                let answers = load(address, connections, time);
                let cost = (used(name) - before) / answers;
                if round > 0 {
                    row.push((cost, answers));
                }
            }
        }
        for (row, name) in rows.iter_mut().zip(["bare loop", "sidegate"]) {
            row.sort_unstable();
            let (cost, answers) = row[row.len() / 2];
            lines.push(format!(
                "{connections:>4} connections  {name:<10} {cost:>6} ns/request (least {}, most {})  {} requests/s",
                row[0].0,
                row[row.len() - 1].0,
                answers * 1000 / u64::try_from(time.as_millis()).unwrap(),
            ));
        }
    }
    proxy.outcomes.lock().unwrap().clear();
    let mut out = std::io::stdout();
    writeln!(out, "\n{}", lines.join("\n")).unwrap();
}
