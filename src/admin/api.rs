//! `/api`: what operators' tools ask of a running process. On loopback, and for who shows the token that was made at
//! the start.
//!
//! A browser on the same machine reaches loopback too, for whatever page it shows: so the Host must be a listed one, an
//! Origin the listener's own, and a write be JSON. Bounded: few connections, one request each, small bodies, a few
//! seconds. What is asked for goes to a [`Desk`]; this knows nothing of sessions or stores but the words of the
//! question.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderName, HeaderValue, ORIGIN,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Map, Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::secret::Secret;
use crate::state::Asked;

/// Where revocations are.
pub const REVOCATIONS: &str = "/api/sessions/revocations";
/// Where access keys are.
pub const ACCESS_KEYS: &str = "/api/access-keys";

const CONNECTIONS: usize = 32;
const HEAD_TIMEOUT: Duration = Duration::from_secs(2);
const LIFETIME: Duration = Duration::from_secs(10);
const HEAD_SIZE: usize = 8 * 1024;
const BODY_SIZE: usize = 8 * 1024;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers what is asked.
pub trait Desk: Send + Sync + 'static {
    /// Every revocation in force.
    fn revocations(&self) -> Value;

    /// Revokes. May block.
    ///
    /// # Errors
    /// See [`Refused`].
    fn revoke(&self, asked: &Asked) -> Result<Value, Refused>;

    /// When access keys were used last.
    fn access_keys(&self) -> Value;
}

/// Why something is not done.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The HTTP status.
    pub status: StatusCode,
    /// One word, for programs.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl Refused {
    /// Refuses.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            status,
            code,
            message,
        }
    }
}

struct Server<D> {
    desk: Arc<D>,
    /// SHA-256 of the token: all lengths are compared alike.
    token: Secret<[u8; 32]>,
    hosts: Vec<String>,
}

/// Serves until `shutdown`.
///
/// # Errors
/// When the listener has no address.
pub async fn serve<D: Desk>(
    listener: TcpListener,
    token: &Secret<String>,
    desk: D,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let server = Arc::new(Server {
        desk: Arc::new(desk),
        token: Secret::new(sha256(token.expose().as_bytes())),
        hosts: hosts(listener.local_addr()?),
    });
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let accept = async {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            // Without a slot the connection is closed at once: a queue would only grow.
            if let Ok(slot) = Arc::clone(&slots).try_acquire_owned() {
                let server = Arc::clone(&server);
                tokio::spawn(async move {
                    connection(stream, server).await;
                    drop(slot);
                });
            }
        }
    };
    tokio::select! {
        () = accept => {}
        () = shutdown => {}
    }
    Ok(())
}

/// By which names a client on this machine means this listener; another one is a page that had its own name resolve here.
fn hosts(bound: SocketAddr) -> Vec<String> {
    let port = bound.port();
    let names = ["localhost", "127.0.0.1", "[::1]"];
    let mut hosts: Vec<String> = names.map(|name| format!("{name}:{port}")).into();
    hosts.push(bound.to_string());
    hosts
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

async fn connection<D: Desk>(stream: TcpStream, server: Arc<Server<D>>) {
    let service = service_fn(|request: Request<Incoming>| {
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(server.answer(request).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_SIZE)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A connection's errors are its client's; there is nobody to tell.
    let _ = tokio::time::timeout(LIFETIME, serving).await;
}

impl<D: Desk> Server<D> {
    async fn answer<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let (head, body) = request.into_parts();
        match self.asked(&head, body).await {
            Ok((status, value)) => reply(status, &value),
            Err(refused) => {
                let told = json!({ "code": refused.code, "message": refused.message });
                let mut response = reply(refused.status, &told);
                let more = match refused.status {
                    StatusCode::UNAUTHORIZED => Some((WWW_AUTHENTICATE, "Bearer")),
                    StatusCode::METHOD_NOT_ALLOWED => Some((ALLOW, "GET, POST")),
                    _ => None,
                };
                if let Some((name, value)) = more {
                    let value = HeaderValue::from_static(value);
                    response.headers_mut().insert(name, value);
                }
                response
            }
        }
    }

    async fn asked<B>(&self, head: &Parts, body: B) -> Result<(StatusCode, Value), Refused>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        self.admit(head)?;
        match (head.uri.path(), &head.method) {
            (REVOCATIONS, &Method::GET) => Ok((StatusCode::OK, self.desk.revocations())),
            (ACCESS_KEYS, &Method::GET) => Ok((StatusCode::OK, self.desk.access_keys())),
            (REVOCATIONS, &Method::POST) => {
                let asked: Asked = read(head, body).await?;
                let desk = Arc::clone(&self.desk);
                let done = tokio::task::spawn_blocking(move || desk.revoke(&asked)).await;
                let value = done.map_err(|_| {
                    let status = StatusCode::INTERNAL_SERVER_ERROR;
                    Refused::new(status, "InternalError", "it could not be done")
                })??;
                Ok((StatusCode::CREATED, value))
            }
            (REVOCATIONS | ACCESS_KEYS, _) => Err(Refused::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                "this is not done here",
            )),
            _ => Err(Refused::new(
                StatusCode::NOT_FOUND,
                "NotFound",
                "there is nothing here",
            )),
        }
    }

    /// Whether whoever asks may ask anything.
    fn admit(&self, head: &Parts) -> Result<(), Refused> {
        let host = one(head, &HOST).filter(|host| self.hosts.iter().any(|known| known == host));
        let Some(host) = host else {
            return Err(Refused::new(
                StatusCode::MISDIRECTED_REQUEST,
                "UnknownHost",
                "the Host is none of this listener's",
            ));
        };
        if head.headers.contains_key(ORIGIN)
            && one(head, &ORIGIN).and_then(|origin| origin.strip_prefix("http://")) != Some(host)
        {
            return Err(Refused::new(
                StatusCode::FORBIDDEN,
                "ForeignOrigin",
                "a page of another origin asks",
            ));
        }
        let shown = one(head, &AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let shown = shown.map(|token| sha256(token.as_bytes()));
        let good =
            shown.is_some_and(|shown| verify_slices_are_equal(&shown, self.token.expose()).is_ok());
        if good {
            return Ok(());
        }
        Err(Refused::new(
            StatusCode::UNAUTHORIZED,
            "InvalidToken",
            "show the token that stands in `admin.token_file`",
        ))
    }
}

/// A header's text, when it stands there once.
fn one<'h>(head: &'h Parts, name: &HeaderName) -> Option<&'h str> {
    let mut values = head.headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

/// Reads a write's body, which is JSON and says so: a form of some page says something else.
async fn read<B>(head: &Parts, body: B) -> Result<Asked, Refused>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let is_json = one(head, &CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/json")
    });
    if !is_json {
        let message = "the body must be application/json";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Refused::new(status, "InvalidRequest", message));
    }
    let body = Limited::new(body, BODY_SIZE).collect().await.map_err(|_| {
        let message = "the body is over 8 KiB, or broke off";
        Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "InvalidRequest", message)
    })?;
    let object: Result<Map<String, Value>, _> = serde_json::from_slice(&body.to_bytes());
    let asked = object.and_then(|object| serde_json::from_value(Value::Object(object)));
    asked.map_err(|error| {
        let message = format!("the body cannot be read: {error}");
        Refused::new(StatusCode::BAD_REQUEST, "InvalidRequest", message)
    })
}

fn reply(status: StatusCode, value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{value}\n"))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(CONTENT_TYPE, json);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests;
