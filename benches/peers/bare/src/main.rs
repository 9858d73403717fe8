//! A bare hyper loop: takes requests, sends them to an upstream as they are, and decides nothing. One thread, a pool of
//! connections of its own, a task for each connection: what one writes with hyper when nothing else is asked for.
//!
//! `sidegate-bare LISTEN UPSTREAM [h2]`; with `h2`, clients speak HTTP/2 with prior knowledge.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self as client, SendRequest};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};

type Pool = Rc<RefCell<Vec<SendRequest<Incoming>>>>;

#[derive(Clone, Copy)]
struct Local;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut address = || -> SocketAddr {
        let text = arguments.next().expect("usage: sidegate-bare LISTEN UPSTREAM [h2]");
        text.parse().expect("an address")
    };
    let (listen, upstream) = (address(), address());
    let h2 = arguments.next().is_some();
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .expect("a runtime");
    runtime.block_on(serve(listen, upstream, h2));
}

async fn serve(listen: SocketAddr, upstream: SocketAddr, h2: bool) {
    let pool = Pool::default();
    let listener = TcpListener::bind(listen).await.expect("a free port");
    loop {
        let (socket, _) = listener.accept().await.expect("a connection");
        socket.set_nodelay(true).expect("an option");
        let pool = Rc::clone(&pool);
        let service = service_fn(move |request| pass(Rc::clone(&pool), upstream, request));
        let io = TokioIo::new(socket);
        if h2 {
            let serving = http2::Builder::new(Local).serve_connection(io, service);
            tokio::task::spawn_local(serving);
        } else {
            let serving = http1::Builder::new().serve_connection(io, service);
            tokio::task::spawn_local(serving);
        }
    }
}

async fn pass(
    pool: Pool,
    upstream: SocketAddr,
    mut request: Request<Incoming>,
) -> hyper::Result<Response<Incoming>> {
    if let Some(target) = request.uri().path_and_query().cloned() {
        if let Some(authority) = request.uri().authority()
            && let Ok(host) = http::HeaderValue::from_str(authority.as_str())
        {
            request.headers_mut().insert(http::header::HOST, host);
        }
        *request.uri_mut() = Uri::from(target);
    }
    *request.version_mut() = http::Version::HTTP_11;
    let kept = pool.borrow_mut().pop().filter(SendRequest::is_ready);
    let mut sender = match kept {
        Some(sender) => sender,
        None => connect(upstream).await,
    };
    let response = sender.send_request(request).await?;
    tokio::task::spawn_local(async move {
        if sender.ready().await.is_ok() {
            pool.borrow_mut().push(sender);
        }
    });
    Ok(response)
}

async fn connect(upstream: SocketAddr) -> SendRequest<Incoming> {
    let socket = TcpStream::connect(upstream).await.expect("an upstream");
    socket.set_nodelay(true).expect("an option");
    let (sender, driver) = client::handshake(TokioIo::new(socket))
        .await
        .expect("HTTP");
    tokio::task::spawn_local(driver);
    sender
}
