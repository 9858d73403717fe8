//! Signs as a client does (AWS Signature Version 4), sharing no code with what verifies.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};

pub(super) const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub(super) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// A request to be signed. Path and query stand as they are sent, and are given so that no encoding changes them.
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) query: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) secret: &'static str,
    /// Seconds from now.
    pub(super) skew: i64,
}

pub(super) struct Signed {
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) signature: String,
    pub(super) stamp: String,
}

impl Request {
    pub(super) fn new(method: &'static str, path: &'static str, query: &str) -> Self {
        Self {
            method,
            path,
            query: query.into(),
            headers: vec![("host".into(), "app.test:8080".into())],
            secret: SECRET,
            skew: 0,
        }
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    fn stamp(&self) -> String {
        let now = jiff::Timestamp::now().as_second() + self.skew;
        let now = jiff::Timestamp::from_second(now).unwrap();
        now.strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// Signs in the head; `payload` is what the canonical request ends in.
    pub(super) fn in_head(mut self, payload: &str) -> Signed {
        let stamp = self.stamp();
        self.headers.push(("x-amz-date".into(), stamp.clone()));
        let query = self.query.clone();
        let (scope, names, signature) = self.signature(&stamp, &query, payload);
        let line = format!(
            "AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={names}, Signature={signature}"
        );
        self.headers.push(("authorization".into(), line));
        let target = match &*query {
            "" => self.path.to_owned(),
            query => format!("{}?{query}", self.path),
        };
        Signed {
            target,
            headers: self.headers,
            signature,
            stamp,
        }
    }

    /// Signs in the query; nothing is said of the body, which is empty.
    pub(super) fn in_query(mut self, life: u32) -> Signed {
        let stamp = self.stamp();
        let scope = scope(&stamp).replace('/', "%2F");
        let own = std::mem::take(&mut self.query);
        let query = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={KEY}%2F{scope}&X-Amz-Date={stamp}\
             &X-Amz-Expires={life}&X-Amz-SignedHeaders=host{own}"
        );
        let (_, _, signature) = self.signature(&stamp, &query, &sha256(b""));
        Signed {
            target: format!("{}?{query}&X-Amz-Signature={signature}", self.path),
            headers: self.headers,
            signature,
            stamp,
        }
    }

    fn signature(&mut self, stamp: &str, query: &str, payload: &str) -> (String, String, String) {
        self.headers.sort();
        let mut pairs: Vec<String> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                if pair.contains('=') {
                    pair.to_owned()
                } else {
                    format!("{pair}=")
                }
            })
            .collect();
        pairs.sort();
        let mut lines = String::new();
        for (name, value) in &self.headers {
            writeln!(lines, "{name}:{value}").unwrap();
        }
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| &**name).collect();
        let names = names.join(";");
        let canonical = format!(
            "{}\n{}\n{}\n{lines}\n{names}\n{payload}",
            self.method,
            self.path,
            pairs.join("&")
        );
        let scope = scope(stamp);
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}",
            sha256(canonical.as_bytes())
        );
        let signature = hex(&mac(&key(self.secret, &scope), &to_sign));
        (scope, names, signature)
    }
}

fn scope(stamp: &str) -> String {
    format!("{}/us-east-1/app/aws4_request", &stamp[..8])
}

fn key(secret: &str, scope: &str) -> Vec<u8> {
    let first = format!("AWS4{secret}").into_bytes();
    scope.split('/').fold(first, |key, part| mac(&key, part))
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    sign(&Key::new(HMAC_SHA256, key), text.as_bytes())
        .as_ref()
        .to_vec()
}

/// The chunks of an `aws-chunked` body behind a signed head.
pub(super) fn chunks(signed: &Signed, data: &[&[u8]]) -> Vec<Vec<u8>> {
    let scope = scope(&signed.stamp);
    let key = key(SECRET, &scope);
    let mut previous = signed.signature.clone();
    data.iter()
        .chain([&&b""[..]])
        .map(|chunk| {
            let text = format!(
                "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{scope}\n{previous}\n{}\n{}",
                signed.stamp,
                sha256(b""),
                sha256(chunk)
            );
            previous = hex(&mac(&key, &text));
            let head = format!("{:x};chunk-signature={previous}\r\n", chunk.len());
            [head.as_bytes(), chunk, b"\r\n"].concat()
        })
        .collect()
}

/// The end of an `aws-chunked` body with signed trailers: what stands in place of the last of its [`chunks`].
pub(super) fn trailed(signed: &Signed, last: &[u8], trailers: &[(&str, &str)]) -> Vec<u8> {
    let scope = scope(&signed.stamp);
    let head = "0;chunk-signature=";
    let previous = std::str::from_utf8(&last[head.len()..head.len() + 64]).unwrap();
    let mut canonical = String::new();
    let mut wire = format!("{head}{previous}\r\n");
    for (name, value) in trailers {
        writeln!(canonical, "{name}:{value}").unwrap();
        wire.push_str(&format!("{name}:{value}\r\n"));
    }
    let text = format!(
        "AWS4-HMAC-SHA256-TRAILER\n{}\n{scope}\n{previous}\n{}",
        signed.stamp,
        sha256(canonical.as_bytes())
    );
    let signature = hex(&mac(&key(SECRET, &scope), &text));
    wire.push_str(&format!("x-amz-trailer-signature:{signature}\r\n\r\n"));
    wire.into_bytes()
}
