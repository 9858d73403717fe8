//! Signs the demo's own calls to the STS, as an SDK would (AWS Signature Version 4).

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};

use crate::clock::Timestamp;

/// Credentials as the STS hands them out.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    /// `ASIA…` or `AKIA…`
    pub access_key: &'a str,
    /// What signs.
    pub secret: &'a str,
    /// Of a session.
    pub token: Option<&'a str>,
}

/// What is signed: a request without a query.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// GET, POST, …
    pub method: &'a str,
    /// The path.
    pub path: &'a str,
    /// The Host header.
    pub host: &'a str,
    /// The service.
    pub service: &'a str,
    /// The region.
    pub region: &'a str,
    /// The body.
    pub body: &'a str,
}

/// The headers that make it a signed request, `host` among them.
pub fn sign(
    request: &Signed<'_>,
    credentials: &Credentials<'_>,
    now: Timestamp,
) -> Vec<(String, String)> {
    let stamp = now.rfc3339().replace(['-', ':'], "");
    let day = stamp.split('T').next().unwrap_or_default().to_owned();
    let hash = hex(digest(&SHA256, request.body.as_bytes()).as_ref());
    let mut headers = vec![
        ("host".to_owned(), request.host.to_owned()),
        ("x-amz-content-sha256".to_owned(), hash.clone()),
        ("x-amz-date".to_owned(), stamp.clone()),
    ];
    if let Some(token) = credentials.token {
        headers.push(("x-amz-security-token".to_owned(), token.to_owned()));
    }
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let mut canonical = format!("{}\n{}\n\n", request.method, request.path);
    for (name, value) in &headers {
        // Writing to a String cannot fail.
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let _ = write!(canonical, "\n{names}\n{hash}");
    let scope = format!("{day}/{}/{}/aws4_request", request.region, request.service);
    let canonical = hex(digest(&SHA256, canonical.as_bytes()).as_ref());
    let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{canonical}");
    let first = format!("AWS4{}", credentials.secret);
    let parts = [&day, request.region, request.service, "aws4_request"];
    let key = parts.iter().fold(
        hmac::Key::new(HMAC_SHA256, first.as_bytes()),
        |key, part| hmac::Key::new(HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref()),
    );
    let signature = hex(hmac::sign(&key, to_sign.as_bytes()).as_ref());
    headers.push((
        "authorization".to_owned(),
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            credentials.access_key
        ),
    ));
    headers
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
