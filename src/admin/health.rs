//! `/livez`, `/readyz`, `/metrics` and `/.well-known/jwks.json`, and nothing else: for kubelet, Prometheus and upstreams.
//!
//! Open to whoever reaches the port, so it tells names and one-word states, never a URL, a path or an error's text,
//! and it is bounded: few connections, one request each, a few seconds. What it tells comes from a [`Source`]; it
//! knows nothing of bundles, providers or metrics themselves.

mod status;
mod waiting;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use waiting::{Place, Waiting};

pub use status::{
    AuditState, BundleState, CredentialState, KeyState, SharedState, StateStore, Status,
};

/// Connections at once. Kubelet and Prometheus need one each. When all are taken, the oldest that has not said yet what
/// it wants makes way, so that silent connections keep no probe out.
const CONNECTIONS: usize = 64;
/// For a request's head to come.
const HEAD_TIMEOUT: Duration = Duration::from_secs(2);
/// For a connection in all.
const LIFETIME: Duration = Duration::from_secs(10);
/// Size of a request's head: the least that hyper takes.
const HEAD_SIZE: usize = 8 * 1024;
/// Where the keys of identity tokens are.
const JWKS: &str = "/.well-known/jwks.json";
/// After a connection could not be accepted (no file descriptor left), so that no core is burnt on trying.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the listener tells.
pub trait Source: Send + Sync + 'static {
    /// How the process fares.
    fn status(&self) -> Status;

    /// All metrics as text; `None` when they cannot be written.
    fn metrics(&self) -> Option<String>;

    /// The keys that identity tokens are signed with, as a JWK set.
    fn jwks(&self) -> String;
}

struct Server<S> {
    source: S,
    /// Held while metrics are gathered: the listener costs one core at most.
    gathering: Mutex<()>,
    /// Connections whose head has not come whole.
    waiting: Waiting,
}

/// Serves until `shutdown`, and then for as long as answers take that are on their way.
pub async fn serve<S: Source>(
    listener: TcpListener,
    source: S,
    shutdown: impl Future<Output = ()>,
) {
    let server = Arc::new(Server {
        source,
        gathering: Mutex::new(()),
        waiting: Waiting::default(),
    });
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let accept = async {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    // Without a slot the connection is closed at once: a queue would only grow.
                    if let Some(slot) = slot(&slots, &server.waiting).await {
                        let place = server.waiting.enter();
                        let server = Arc::clone(&server);
                        tokio::spawn(async move {
                            connection(stream, server, place).await;
                            drop(slot);
                        });
                    }
                }
                Err(error) => {
                    if !is_of_one_connection(&error) {
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        }
    };
    tokio::select! {
        () = accept => {}
        () = shutdown => {}
    }
    drop(listener);
    let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
    // Ends in time: every connection does.
    let _ = slots.acquire_many(all).await;
}

/// A slot for a new connection, at the expense of the oldest silent one if need be; `None` when all are at work.
async fn slot(slots: &Arc<Semaphore>, waiting: &Waiting) -> Option<OwnedSemaphorePermit> {
    if let Ok(slot) = Arc::clone(slots).try_acquire_owned() {
        return Some(slot);
    }
    if !waiting.evict() {
        return None;
    }
    // Comes at once: an evicted connection ends when it is next polled.
    Arc::clone(slots).acquire_owned().await.ok()
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

async fn connection<S: Source>(stream: TcpStream, server: Arc<Server<S>>, place: Place) {
    let Place { number, evicted } = place;
    let service = service_fn(|request: Request<Incoming>| {
        server.waiting.leave(number);
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(server.answer(&request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_SIZE)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let serving = async {
        tokio::select! {
            // A connection's errors are its client's; there is nobody to tell.
            _ = connection => {}
            Ok(()) = evicted => {}
        }
    };
    let _ = tokio::time::timeout(LIFETIME, serving).await;
    server.waiting.leave(number);
}

impl<S: Source> Server<S> {
    async fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if !matches!(path, "/livez" | "/readyz" | "/metrics" | JWKS) {
            return text(StatusCode::NOT_FOUND, "not found\n".to_owned());
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text(
                StatusCode::METHOD_NOT_ALLOWED,
                "method not allowed\n".to_owned(),
            );
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
            return response;
        }
        match path {
            JWKS => {
                let mut response = text(StatusCode::OK, self.source.jwks());
                let headers = response.headers_mut();
                let json = HeaderValue::from_static("application/json");
                headers.insert(CONTENT_TYPE, json);
                // Less than a replaced key stays published.
                let minute = HeaderValue::from_static("public, max-age=60");
                headers.insert(CACHE_CONTROL, minute);
                response
            }
            "/livez" => text(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" => {
                let verbose = request
                    .uri()
                    .query()
                    .into_iter()
                    .flat_map(|query| query.split('&'))
                    .any(|pair| pair == "verbose" || pair.starts_with("verbose="));
                let status = self.source.status();
                let (code, word) = if status.is_ready() {
                    (StatusCode::OK, "ready\n")
                } else {
                    (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
                };
                let mut body = if verbose {
                    status.to_string()
                } else {
                    String::new()
                };
                body.push_str(word);
                text(code, body)
            }
            _ => {
                let gathering = self.gathering.lock().await;
                let metrics = self.source.metrics();
                drop(gathering);
                let Some(metrics) = metrics else {
                    return text(StatusCode::INTERNAL_SERVER_ERROR, String::new());
                };
                let mut response = text(StatusCode::OK, metrics);
                let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                response.headers_mut().insert(CONTENT_TYPE, format);
                response
            }
        }
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, plain);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests;
