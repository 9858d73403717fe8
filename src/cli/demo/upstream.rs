//! SecureCart's APIs: small HTTP servers that answer with what reached them, so that a look at the answer shows what
//! Sidegate passes on and what it takes away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::{Map, Value, json};

use crate::cli::demo::server::{self, Server};

/// One of SecureCart's APIs.
#[derive(Debug)]
pub struct Upstream {
    /// Its name in the configuration and in routes.
    pub name: String,
    /// The server.
    pub server: Server,
    received: Arc<AtomicU64>,
}

impl Upstream {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(name: &str) -> Result<Self> {
        let received = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&received);
        let service: Arc<str> = name.into();
        let answer = move |request| {
            count.fetch_add(1, Ordering::Relaxed);
            answer(Arc::clone(&service), request)
        };
        let server = Server::start(|_| answer).await?;
        Ok(Self {
            name: name.to_owned(),
            server,
            received,
        })
    }

    /// How many requests have reached it.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

async fn answer(service: Arc<str>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, mut body) = request.into_parts();
    let mut bytes = 0_u64;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            // The body broke off: whatever is answered, nobody takes the request for whole.
            return server::json(400, &json!({"message": "the body broke off"}));
        };
        if let Some(data) = frame.data_ref() {
            bytes = bytes.saturating_add(data.len() as u64);
        }
    }
    // What tells the application who is calling; the credential itself must not be here.
    let shown = ["authorization", "cookie", "x-request-id"];
    let headers: Map<String, Value> = head
        .headers
        .iter()
        .filter(|(name, _)| {
            name.as_str().starts_with("x-sidegate-") || shown.contains(&name.as_str())
        })
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.as_str().to_owned(), value.into_owned().into())
        })
        .collect();
    let target = head
        .uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    server::json(
        200,
        &json!({
            "service": &*service,
            "method": head.method.as_str(),
            "target": target,
            "headers": headers,
            "bodyBytes": bytes,
        }),
    )
}
