//! The canonical request: the text that a signature is computed over.

use http::header::HOST;

use crate::authn::percent::decode;

use super::{Raw, SignatureError};

/// How a service's clients sign paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathStyle {
    /// Dot segments and empty ones resolved, then every segment as it was sent encoded once more: all services but S3.
    Normalized,
    /// As `Normalized`, without resolving anything.
    Encoded,
    /// As it was sent: S3.
    Verbatim,
}

pub(super) fn request(
    raw: &Raw<'_>,
    style: PathStyle,
    presigned: bool,
    signed_headers: &[Box<str>],
    payload: &str,
) -> Result<Vec<u8>, SignatureError> {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(raw.method.as_bytes());
    out.push(b'\n');
    path(raw.path, style, &mut out)?;
    out.push(b'\n');
    query(raw.query.unwrap_or_default(), presigned, &mut out)?;
    out.push(b'\n');
    for name in signed_headers {
        header(raw, name, &mut out)?;
    }
    out.push(b'\n');
    for (at, name) in signed_headers.iter().enumerate() {
        if at > 0 {
            out.push(b';');
        }
        out.extend_from_slice(name.as_bytes());
    }
    out.push(b'\n');
    out.extend_from_slice(payload.as_bytes());
    Ok(out)
}

fn path(path: &str, style: PathStyle, out: &mut Vec<u8>) -> Result<(), SignatureError> {
    match style {
        PathStyle::Verbatim => out.extend_from_slice(path.as_bytes()),
        PathStyle::Encoded => encode(path.as_bytes(), b"/", out),
        PathStyle::Normalized => {
            let mut segments: Vec<&str> = Vec::new();
            for segment in path.split('/') {
                match segment {
                    "" | "." => {}
                    ".." => {
                        segments.pop();
                    }
                    segment => segments.push(segment),
                }
            }
            // To everybody else `/a/.` and `/a/b/..` are `/a/`; signers take them for `/a`, which is another path.
            if matches!(path.rsplit('/').next(), Some("." | "..")) && !segments.is_empty() {
                return Err(SignatureError::Ambiguous("the path ends in a dot segment"));
            }
            for segment in &segments {
                out.push(b'/');
                encode(segment.as_bytes(), b"", out);
            }
            if segments.is_empty() || path.ends_with('/') {
                out.push(b'/');
            }
        }
    }
    Ok(())
}

/// The pairs of a query, as they were sent; empty ones are none.
pub(super) fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// What is signed is the decoded query, so what readers decode in several ways must not stand there: `+` is a space to
/// many, `;` a separator to some, and an escape that is none is anybody's guess.
fn query(query: &str, presigned: bool, out: &mut Vec<u8>) -> Result<(), SignatureError> {
    if query.bytes().any(|byte| matches!(byte, b'+' | b';')) || has_bad_escape(query) {
        return Err(SignatureError::Ambiguous(
            "`+`, `;` or a bad escape in the query: write %20 or %2B, %3B, %25",
        ));
    }
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = parameters(query)
        .map(|(name, value)| (again(name), again(value)))
        .filter(|(name, _)| !(presigned && name == b"X-Amz-Signature"))
        .collect();
    pairs.sort_unstable();
    for (at, (name, value)) in pairs.iter().enumerate() {
        if at > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(value);
    }
    Ok(())
}

fn has_bad_escape(text: &str) -> bool {
    let mut behind = text.split('%');
    behind.next();
    behind.any(|rest| {
        let mut digits = rest.bytes().take(2).filter(u8::is_ascii_hexdigit);
        digits.next().and(digits.next()).is_none()
    })
}

/// Decoded and encoded anew: one spelling, whatever the client escaped.
fn again(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    encode(&decode(text), b"", &mut out);
    out
}

fn header(raw: &Raw<'_>, name: &str, out: &mut Vec<u8>) -> Result<(), SignatureError> {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    let mut found = false;
    for value in raw.headers.get_all(name) {
        if found {
            out.push(b',');
        }
        found = true;
        spaces(value.as_bytes(), out);
    }
    if !found && name == HOST.as_str() {
        let authority = raw.authority.unwrap_or_default();
        found = !authority.is_empty();
        out.extend_from_slice(authority.as_bytes());
    }
    if !found {
        return Err(SignatureError::Uncovered("a signed header is missing"));
    }
    out.push(b'\n');
    Ok(())
}

/// Without spaces at the ends, and one in place of many.
fn spaces(value: &[u8], out: &mut Vec<u8>) {
    let words = value.split(|byte| *byte == b' ');
    for (at, word) in words.filter(|word| !word.is_empty()).enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

/// RFC 3986's unreserved characters stay, and those of `keep`; all others become `%XX`.
fn encode(bytes: &[u8], keep: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || keep.contains(byte) {
            out.push(*byte);
        } else {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}
