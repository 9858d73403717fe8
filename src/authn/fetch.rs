//! Fetches key sets and discovery documents: one small GET over HTTP or HTTPS; and posts a form.
//!
//! The answer comes from somebody who may be slow, broken or hostile, so time (in all, not between bytes), size and
//! redirects are bounded, and plain HTTP is left to loopback unless the provider allows it. Keeps nothing: connections
//! are not pooled, and the CA and bearer files are read anew each time, because both are rotated under us.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, LOCATION, USER_AGENT};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::io::AsyncReadExt;

use crate::directory::provider::Url;
use crate::secret::Secret;

/// The largest answer.
pub const MAX_BYTES: usize = super::jwks::MAX_BYTES;
const AGENT: &str = concat!("sidegate/", env!("CARGO_PKG_VERSION"));
const MAX_REDIRECTS: usize = 3;
const MAX_CA_BYTES: u64 = 1024 * 1024;
const MAX_BEARER_BYTES: u64 = 64 * 1024;

/// Why a fetch failed. Says nothing of what the answer held.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The whole fetch took too long.
    #[error("no whole answer within {0:?}")]
    Timeout(Duration),
    /// No connection, or it broke.
    #[error("{0}")]
    Connection(String),
    /// Another status than 200.
    #[error("the answer's status is {0}")]
    Status(u16),
    /// The body is over [`MAX_BYTES`], or broke off.
    #[error("the body is over {MAX_BYTES} bytes, or broke off")]
    Body,
    /// A redirect to another host, or one too many.
    #[error("a redirect is refused: {0}")]
    Redirect(&'static str),
    /// Plain HTTP to another machine.
    #[error("plain http to another machine is not allowed")]
    PlainHttp,
    /// A file (CA, bearer token, key set) cannot be used.
    #[error("{path}: {why}")]
    File {
        /// Its path.
        path: String,
        /// Why not.
        why: String,
    },
    /// The discovery document is refused.
    #[error("the discovery document is refused: {0}")]
    Discovery(&'static str),
}

/// What a fetch brought.
#[derive(Debug)]
pub struct Fetched {
    /// The body.
    pub body: Bytes,
    /// How long it may be kept, by `Cache-Control`.
    pub max_age: Option<Duration>,
}

/// How a URL is reached.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// The only certificate authorities to trust; `None`: the public ones.
    pub ca_file: Option<&'a str>,
    /// A file with a bearer token to send along.
    pub bearer_file: Option<&'a str>,
    /// Plain HTTP to other machines.
    pub allow_http: bool,
    /// For the whole fetch.
    pub timeout: Duration,
}

/// What is posted, and what is read of the answer.
#[derive(Debug)]
pub struct Post {
    /// `application/x-www-form-urlencoded`.
    pub body: Bytes,
    /// The Authorization header.
    pub authorization: Option<Secret<HeaderValue>>,
    /// Which media type is asked for.
    pub accept: &'static str,
    /// The largest answer.
    pub limit: usize,
}

/// Posts a form; the answer's status and body. A redirect is an answer like others: nobody else is told what is posted.
///
/// # Errors
/// See [`FetchError`].
pub async fn post(url: &Url, access: Access<'_>, post: Post) -> Result<(u16, Bytes), FetchError> {
    tokio::time::timeout(access.timeout, send(url, access, post))
        .await
        .map_err(|_| FetchError::Timeout(access.timeout))?
}

async fn send(url: &Url, access: Access<'_>, post: Post) -> Result<(u16, Bytes), FetchError> {
    let client = client(url, access).await?;
    let mut request = Request::post(url.as_str())
        .header(ACCEPT, post.accept)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(USER_AGENT, AGENT);
    if let Some(authorization) = &post.authorization {
        request = request.header(AUTHORIZATION, authorization.expose());
    }
    let request = request
        .body(Full::new(post.body))
        .map_err(|error| FetchError::Connection(error.to_string()))?;
    let response = client
        .request(request)
        .await
        .map_err(|error| FetchError::Connection(chain(&error)))?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), post.limit)
        .collect()
        .await
        .map_err(|_| FetchError::Body)?
        .to_bytes();
    Ok((status, body))
}

type Sender = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

async fn client(url: &Url, access: Access<'_>) -> Result<Sender, FetchError> {
    if !url.is_https() && !url.is_loopback() && !access.allow_http {
        return Err(FetchError::PlainHttp);
    }
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(access.timeout));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls(access.ca_file).await?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    Ok(Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build(connector))
}

/// Gets a URL.
///
/// # Errors
/// See [`FetchError`].
pub async fn get(url: &Url, access: Access<'_>) -> Result<Fetched, FetchError> {
    tokio::time::timeout(access.timeout, follow(url, access))
        .await
        .map_err(|_| FetchError::Timeout(access.timeout))?
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// When it cannot be read, or is larger.
pub async fn read_file(path: &str, limit: u64) -> Result<Vec<u8>, FetchError> {
    let fail = |why: String| FetchError::File {
        path: path.to_owned(),
        why,
    };
    // A pipe in its place would be waited for without end.
    let found = tokio::fs::metadata(path).await;
    if !found.map_err(|error| fail(error.to_string()))?.is_file() {
        return Err(fail("it is no regular file".to_owned()));
    }
    let file = tokio::fs::File::open(Path::new(path))
        .await
        .map_err(|error| fail(error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .await
        .map_err(|error| fail(error.to_string()))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(fail(format!("it is over {limit} bytes")));
    }
    Ok(bytes)
}

async fn follow(url: &Url, access: Access<'_>) -> Result<Fetched, FetchError> {
    let client = client(url, access).await?;
    let bearer = match access.bearer_file {
        Some(path) => Some(bearer(path).await?),
        None => None,
    };
    let mut target = url.clone();
    for _ in 0..=MAX_REDIRECTS {
        let mut request = Request::get(target.as_str())
            .header(ACCEPT, "application/json, application/jwk-set+json")
            .header(USER_AGENT, AGENT);
        if let Some(bearer) = &bearer {
            request = request.header(AUTHORIZATION, bearer.expose());
        }
        let request = request
            .body(Full::default())
            .map_err(|error| FetchError::Connection(error.to_string()))?;
        let response = client
            .request(request)
            .await
            .map_err(|error| FetchError::Connection(chain(&error)))?;
        match response.status().as_u16() {
            200 => return read(response).await,
            301 | 302 | 303 | 307 | 308 => target = redirect(&target, &response)?,
            status => return Err(FetchError::Status(status)),
        }
    }
    Err(FetchError::Redirect("too many"))
}

/// Redirects stay on the same scheme, host and port: whoever can redirect elsewhere would choose the keys.
fn redirect(from: &Url, response: &Response<Incoming>) -> Result<Url, FetchError> {
    let location = response
        .headers()
        .get(LOCATION)
        .and_then(|value| value.to_str().ok())
        .ok_or(FetchError::Redirect("no readable Location"))?;
    let text = if location.starts_with('/') && !location.starts_with("//") {
        let scheme = if from.is_https() { "https" } else { "http" };
        format!("{scheme}://{}{location}", from.authority())
    } else {
        location.to_owned()
    };
    let to = Url::parse(&text).map_err(|_| FetchError::Redirect("no readable Location"))?;
    if !to.same_origin(from) {
        return Err(FetchError::Redirect("it leads to another host"));
    }
    Ok(to)
}

async fn read(response: Response<Incoming>) -> Result<Fetched, FetchError> {
    let max_age = response
        .headers()
        .get(CACHE_CONTROL)
        .and_then(|value| value.to_str().ok())
        .and_then(max_age);
    let body = Limited::new(response.into_body(), MAX_BYTES)
        .collect()
        .await
        .map_err(|_| FetchError::Body)?
        .to_bytes();
    Ok(Fetched { body, max_age })
}

fn max_age(cache_control: &str) -> Option<Duration> {
    let mut found = None;
    for directive in cache_control.split(',') {
        let directive = directive.trim().to_ascii_lowercase();
        if matches!(directive.as_str(), "no-store" | "no-cache") {
            return Some(Duration::ZERO);
        }
        if let Some(seconds) = directive.strip_prefix("max-age=") {
            found = seconds
                .trim_matches('"')
                .parse()
                .ok()
                .map(Duration::from_secs);
        }
    }
    found
}

async fn bearer(path: &str) -> Result<Secret<HeaderValue>, FetchError> {
    let bytes = read_file(path, MAX_BEARER_BYTES).await?;
    let text = String::from_utf8_lossy(&bytes);
    let mut value = HeaderValue::from_str(&format!("Bearer {}", text.trim())).map_err(|_| {
        FetchError::File {
            path: path.to_owned(),
            why: "it holds no token".to_owned(),
        }
    })?;
    value.set_sensitive(true);
    Ok(Secret::new(value))
}

async fn tls(ca_file: Option<&str>) -> Result<ClientConfig, FetchError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let fail = |why: &str| FetchError::File {
                path: path.to_owned(),
                why: why.to_owned(),
            };
            let pem = read_file(path, MAX_CA_BYTES).await?;
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let certificate = certificate.map_err(|_| fail("it is no PEM of certificates"))?;
                roots
                    .add(certificate)
                    .map_err(|_| fail("it holds a certificate that is none"))?;
            }
            if roots.is_empty() {
                return Err(fail("it holds no certificate"));
            }
        }
    }
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(|error| FetchError::Connection(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// An error and its causes on one line: hyper's own text alone says nothing.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_control() {
        let seconds = |text| max_age(text).map(|age| age.as_secs());
        assert_eq!(seconds("public, max-age=300, must-revalidate"), Some(300));
        assert_eq!(seconds("Max-Age=\"60\""), Some(60));
        assert_eq!(seconds("max-age=300, no-store"), Some(0));
        assert_eq!(seconds("max-age=x"), None);
        assert_eq!(seconds("public"), None);
    }
}
