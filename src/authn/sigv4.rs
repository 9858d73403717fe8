//! AWS Signature Version 4: verifies that a request was signed with a secret access key, without the key travelling.
//!
//! [`find`] reads what a request claims (an `Authorization` header or a presigned query) and proves nothing;
//! [`Unproven::verify`] computes the signature over the request as it was received and compares in constant time. The
//! scope (date, region, service) and the clock are checked first, `host` and every `x-amz-*` header must be signed, and
//! what the signature says of the body comes back as [`Body`], for whoever streams it. Knows no principals: who a
//! secret belongs to is the caller's affair.

mod canonical;
mod checksum;
pub mod chunked;
mod header;
mod presigned;
mod scope;
mod secrets;

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use http::{HeaderMap, HeaderName};

use crate::clock::Timestamp;
use crate::outcome::Reason;
use crate::route::header_fold;
use crate::secret::Secret;

use super::{hex, sha256};

use checksum::Checks;

pub use canonical::PathStyle;
pub use presigned::without_credential;
pub use scope::Scope;
pub use secrets::SigningKeys;

/// The only algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How far a signer's clock may be off.
const SKEW: Duration = Duration::from_secs(5 * 60);
/// The header that says what of the body is signed.
const CONTENT_SHA256: &str = "x-amz-content-sha256";

/// A request as it was received: nothing decoded, nothing normalised.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'r> {
    /// The method.
    pub method: &'r str,
    /// The path, before `?`.
    pub path: &'r str,
    /// The query, behind `?`.
    pub query: Option<&'r str>,
    /// The headers.
    pub headers: &'r HeaderMap,
    /// HTTP/2's `:authority`, which stands for a missing `Host`.
    pub authority: Option<&'r str>,
}

/// What a signature must be for.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'e> {
    /// The only region.
    pub region: &'e str,
    /// The only service name.
    pub service: &'e str,
    /// How the service signs paths.
    pub style: PathStyle,
    /// May the body be left unsigned.
    pub unsigned_payload: bool,
    /// What time it is.
    pub now: Timestamp,
}

/// What a request claims about its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unproven {
    access_key: Box<str>,
    scope: Scope,
    time: Timestamp,
    /// The time as it was written.
    stamp: Box<str>,
    /// Of a presigned request.
    expires: Option<Duration>,
    session_token: Option<Box<str>>,
    signed_headers: Vec<Box<str>>,
    payload: Payload,
    signature: [u8; 32],
}

/// What the signature says about the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// Its SHA-256.
    Hash([u8; 32]),
    /// Nothing.
    Unsigned,
    /// Each chunk carries a signature of its own, and with `trailer` the trailers too.
    Chunks {
        /// Whether signed trailers follow.
        trailer: bool,
    },
    /// Chunks without signatures, and trailers.
    UnsignedChunks,
    /// Its SHA-256, which is not in the head: whoever verifies must have read the body.
    Undeclared,
}

/// A signature that was computed anew and is the same.
#[derive(Debug)]
pub struct Proven {
    /// Whose secret signed it.
    pub access_key: Box<str>,
    /// What the body must be.
    pub body: Body,
    /// When the signature stops being accepted.
    pub expires_at: Timestamp,
}

/// What the body must be.
#[derive(Debug)]
pub enum Body {
    /// Of this SHA-256.
    Hash([u8; 32]),
    /// Anything.
    Anything,
    /// `aws-chunked`, which the decoder verifies and undoes.
    Chunks(Box<chunked::Decoder>),
}

/// Why a signature is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It cannot be read.
    #[error("the signature cannot be read: {0}")]
    Malformed(&'static str),
    /// It is for another region or service, or for another day than its time.
    #[error("the signature is for another {0}")]
    Scope(&'static str),
    /// Its time is too far from ours.
    #[error("the signature's time is more than {SKEW:?} from ours")]
    Skew,
    /// A presigned request whose time is over.
    #[error("the presigned request has expired")]
    Expired,
    /// `host` or an `x-amz-*` header is not signed, or a signed one is missing.
    #[error("the signature does not cover what it must: {0}")]
    Uncovered(&'static str),
    /// What is signed can be read in another way than it is written.
    #[error("what is signed has several readings: {0}")]
    Ambiguous(&'static str),
    /// The body is not signed, and must be.
    #[error("the body is not signed")]
    UnsignedPayload,
    /// The head does not say what the body is, and the body was not read.
    #[error("the body must be read before the signature can be verified")]
    BodyNeeded,
    /// It is another signature.
    #[error("the signature is not that of the request")]
    Mismatch,
}

impl SignatureError {
    /// The reason for reply, metrics and audit.
    pub fn reason(self) -> Reason {
        match self {
            Self::Malformed(_) | Self::Ambiguous(_) | Self::UnsignedPayload => {
                Reason::MalformedCredential
            }
            Self::Scope(_) => Reason::InvalidClaims,
            Self::Skew | Self::Expired => Reason::ExpiredCredential,
            Self::Uncovered(_) | Self::BodyNeeded | Self::Mismatch => Reason::SignatureMismatch,
        }
    }
}

/// What the request claims; `None`: it carries no signature.
///
/// # Errors
/// [`SignatureError::Malformed`], when there is one that cannot be read.
pub fn find(raw: &Raw<'_>) -> Result<Option<Unproven>, SignatureError> {
    match header::find(raw)? {
        Some(found) => Ok(Some(found)),
        None => presigned::find(raw),
    }
}

impl Unproven {
    /// Whose secret is said to have signed it.
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// The session token that came with it.
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// The region that it says it is for.
    pub fn region(&self) -> &str {
        self.scope.region()
    }

    /// Whether it came in the query.
    pub fn is_presigned(&self) -> bool {
        self.expires.is_some()
    }

    /// What it says about the body.
    pub fn payload(&self) -> Payload {
        self.payload
    }

    /// Computes the signature with `secret` and compares. `body` is the SHA-256 of the whole body, which is needed (and
    /// looked at) only where [`Unproven::payload`] is [`Payload::Undeclared`].
    ///
    /// # Errors
    /// See [`SignatureError`].
    pub fn verify(
        &self,
        raw: &Raw<'_>,
        expected: &Expected<'_>,
        secret: &Secret<Box<str>>,
        keys: &SigningKeys,
        body: Option<&[u8; 32]>,
    ) -> Result<Proven, SignatureError> {
        self.scope.check(expected.region, expected.service)?;
        let expires_at = self.check_time(expected.now)?;
        self.check_coverage(raw)?;
        // Whoever presigns for S3 cannot know the body, and says nothing of it.
        let silent = self.is_presigned() && self.payload == Payload::Undeclared;
        let said = if silent && expected.style == PathStyle::Verbatim {
            Payload::Unsigned
        } else {
            self.payload
        };
        let nothing = sha256(b"");
        let mut must_be = body.copied();
        match said {
            Payload::Unsigned if !expected.unsigned_payload && reads_only(raw.method) => {
                if *body.ok_or(SignatureError::BodyNeeded)? != nothing {
                    return Err(SignatureError::UnsignedPayload);
                }
                must_be = Some(nothing);
            }
            Payload::Unsigned | Payload::UnsignedChunks if !expected.unsigned_payload => {
                return Err(SignatureError::UnsignedPayload);
            }
            Payload::Unsigned => must_be = None,
            Payload::UnsignedChunks
            | Payload::Undeclared
            | Payload::Hash(_)
            | Payload::Chunks { .. } => {}
        }
        let payload = match said {
            Payload::Undeclared => hex(body.ok_or(SignatureError::BodyNeeded)?),
            Payload::Hash(hash) => hex(&hash),
            Payload::Unsigned => "UNSIGNED-PAYLOAD".to_owned(),
            Payload::UnsignedChunks => "STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned(),
            Payload::Chunks { trailer: false } => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD".to_owned(),
            Payload::Chunks { trailer: true } => {
                "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER".to_owned()
            }
        };
        let canonical = canonical::request(
            raw,
            expected.style,
            self.is_presigned(),
            &self.signed_headers,
            &payload,
        )?;
        let key = keys.get(secret, &self.scope);
        let scope = self.scope.to_string();
        let to_sign = format!(
            "{ALGORITHM}\n{}\n{scope}\n{}",
            self.stamp,
            hex(&sha256(&canonical))
        );
        let computed = hmac::sign(&key, to_sign.as_bytes());
        verify_slices_are_equal(computed.as_ref(), &self.signature)
            .map_err(|_| SignatureError::Mismatch)?;
        let body = match (said, must_be) {
            (Payload::Hash(hash), _) | (Payload::Undeclared | Payload::Unsigned, Some(hash)) => {
                Body::Hash(hash)
            }
            (Payload::Unsigned | Payload::Undeclared, None) => Body::Anything,
            (Payload::UnsignedChunks, _) => Body::Chunks(Box::new(
                chunked::Decoder::unsigned().checking(Checks::announced(raw.headers)),
            )),
            (Payload::Chunks { trailer }, _) => {
                let prefix = format!("{}\n{scope}\n", self.stamp);
                let decoder = chunked::Decoder::new(key, prefix, self.signature, trailer);
                let checks = Checks::announced(raw.headers);
                Body::Chunks(Box::new(decoder.checking(checks)))
            }
        };
        Ok(Proven {
            access_key: self.access_key.clone(),
            body,
            expires_at,
        })
    }

    fn check_time(&self, now: Timestamp) -> Result<Timestamp, SignatureError> {
        if self.time > now.plus(SKEW) {
            return Err(SignatureError::Skew);
        }
        match self.expires {
            None => {
                let end = self.time.plus(SKEW);
                (now <= end).then_some(end).ok_or(SignatureError::Skew)
            }
            Some(life) => {
                let end = self.time.plus(life);
                (now <= end).then_some(end).ok_or(SignatureError::Expired)
            }
        }
    }

    /// What is not signed could have been changed on the way.
    fn check_coverage(&self, raw: &Raw<'_>) -> Result<(), SignatureError> {
        let signed = |name: &str| self.signed_headers.iter().any(|header| **header == *name);
        if !signed("host") {
            return Err(SignatureError::Uncovered("host is not signed"));
        }
        let mut names = raw.headers.keys().map(HeaderName::as_str);
        if names.any(|name| is_amz(name) && !signed(name)) {
            return Err(SignatureError::Uncovered("an x-amz-* header is not signed"));
        }
        Ok(())
    }
}

/// Whether this is the id of a long-lived access key: `AKIA` and 12 to 124 capitals and digits more.
pub(super) fn is_long_lived(id: &str) -> bool {
    let rest = id.strip_prefix("AKIA").unwrap_or_default();
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    (12..=124).contains(&rest.len()) && rest.bytes().all(fits)
}

/// Whether a request of this method means the same without a body.
fn reads_only(method: &str) -> bool {
    matches!(method, "GET" | "HEAD")
}

/// Whether somebody may take this for an `x-amz-*` header, in whatever spelling: a signature must cover it.
pub fn is_amz(name: &str) -> bool {
    name.len() >= 6
        && name
            .bytes()
            .map(header_fold)
            .zip(*b"x-amz-")
            .all(|(is, of)| is == of)
}

/// Hexadecimal digits in lower case, as signatures are written.
pub(super) fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if text.len() != 64 {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => byte.checked_sub(b'0'),
        b'a'..=b'f' => byte.checked_sub(b'a')?.checked_add(10),
        _ => None,
    };
    for (slot, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *slot = (digit(*high)? << 4) | digit(*low)?;
    }
    Some(out)
}

/// What `x-amz-content-sha256` says; absent, the body's hash is part of the signature all the same.
fn payload(raw: &Raw<'_>) -> Result<Payload, SignatureError> {
    let mut values = raw.headers.get_all(CONTENT_SHA256).iter();
    let Some(value) = values.next() else {
        return Ok(Payload::Undeclared);
    };
    if values.next().is_some() {
        return Err(SignatureError::Malformed(
            "x-amz-content-sha256 stands twice",
        ));
    }
    read_payload(value.to_str().unwrap_or_default())
}

fn read_payload(text: &str) -> Result<Payload, SignatureError> {
    match text {
        "UNSIGNED-PAYLOAD" => Ok(Payload::Unsigned),
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Payload::UnsignedChunks),
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Ok(Payload::Chunks { trailer: false }),
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Ok(Payload::Chunks { trailer: true }),
        text => unhex(text)
            .map(Payload::Hash)
            .ok_or(SignatureError::Malformed(
                "x-amz-content-sha256 is nothing known",
            )),
    }
}

#[cfg(test)]
mod tests;
