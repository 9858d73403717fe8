//! DPoP proofs (RFC 9449): a request's own signature by the key that its token is bound to.
//!
//! A proof is good for one request: this method, this address, this token, this minute, once. Which ids were used is
//! kept in memory ([`Replays`]), so that a proof made before the process began is refused: nobody knows whether it was
//! used. Replicas know nothing of each other's; the minute bounds what that is worth. Nonces are not handed out.
//! Whether the key is the token's is for the caller to compare.

mod replays;

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Timestamp;
use crate::directory::provider::Algorithm;
use crate::outcome::Reason;
use crate::route::CanonicalPath;

use super::json::Json;
use super::jwks::Key;
use super::sha256;

pub use replays::{Holder, Replays};

/// The longest proof.
const MAX_BYTES: usize = 8 * 1024;
const MAX_ID: usize = 256;
/// How old a proof may be, and how far the client's clock may be ahead.
const MAX_AGE: Duration = Duration::from_secs(60);
const MAX_AHEAD: Duration = Duration::from_secs(30);
/// For this long after it was used an id could be used again.
pub(in crate::authn) const WINDOW: Duration = Duration::from_secs(90);

/// Why a proof is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// None, several, or none that is a JWS of JSON.
    #[error("the request has not exactly one DPoP proof that can be read")]
    Form,
    /// Its header.
    #[error("the DPoP proof's header is refused: {0}")]
    Header(&'static str),
    /// Its signature.
    #[error("the DPoP proof's signature is wrong")]
    Signature,
    /// One of its claims.
    #[error("the DPoP proof's claims are refused: {0}")]
    Claims(&'static str),
    /// Its id was used before.
    #[error("the DPoP proof was used before")]
    Replayed,
    /// No more ids can be remembered now.
    #[error("more DPoP proofs of this holder come than can be remembered")]
    TooMany,
}

impl ProofError {
    /// The reason for reply, metrics and audit.
    pub fn reason(self) -> Reason {
        match self {
            Self::Form | Self::Header(_) | Self::Signature | Self::Claims(_) | Self::Replayed => {
                Reason::BadProof
            }
            Self::TooMany => Reason::Throttled,
        }
    }
}

/// What a proof must be for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The request's method.
    pub method: &'a str,
    /// Whether the client's connection has TLS.
    pub secure: bool,
    /// The host, and the port if it was given, that the client asked for.
    pub authority: &'a str,
    /// The path as it came.
    pub path: &'a str,
    /// SHA-256 of the token.
    pub token: &'a [u8; 32],
}

/// A proof that is good, if its id was not used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// The thumbprint (RFC 7638) of the key that made it.
    pub key: [u8; 32],
    /// Stands for key and id.
    id: u128,
}

impl Proof {
    /// Reads and checks a proof; the id is yet to be used ([`Proof::use_up`]).
    ///
    /// # Errors
    /// See [`ProofError`].
    pub fn check(
        text: &str,
        wanted: &Wanted<'_>,
        began: Timestamp,
        now: Timestamp,
    ) -> Result<Self, ProofError> {
        if text.len() > MAX_BYTES {
            return Err(ProofError::Form);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(ProofError::Form)?;
        let (header, payload) = message.split_once('.').ok_or(ProofError::Form)?;
        let json = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| ProofError::Form)?;
            Json::read(&bytes).map_err(|_| ProofError::Form)
        };
        URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| ProofError::Form)?;
        let header = json(header)?;
        let payload = json(payload)?;
        let (algorithm, jwk) = key_of(&header)?;
        let key = Key::read(jwk).map_err(ProofError::Header)?;
        let thumbprint = thumbprint(jwk).ok_or(ProofError::Header("its key is none"))?;
        if !key.verifies(algorithm, message, signature) {
            return Err(ProofError::Signature);
        }
        let id = check_claims(&payload, wanted, began, now)?;
        let mut both = thumbprint.to_vec();
        both.extend_from_slice(id.as_bytes());
        let mut short = [0; 16];
        for (to, from) in short.iter_mut().zip(sha256(&both)) {
            *to = from;
        }
        Ok(Self {
            key: thumbprint,
            id: u128::from_be_bytes(short),
        })
    }

    /// Uses the proof of this holder: once in this process. What other replicas are to be told of it.
    ///
    /// # Errors
    /// [`ProofError::Replayed`] or [`ProofError::TooMany`].
    pub fn use_up(
        self,
        replays: &Replays,
        holder: Holder<'_>,
        now: Timestamp,
    ) -> Result<u128, ProofError> {
        replays.first(self.id, self.key, holder, now)?;
        Ok(self.id)
    }
}

/// The algorithm, and the key that the proof says to be signed with: a public one, for a signature of its kind.
fn key_of(header: &Json) -> Result<(Algorithm, &Json), ProofError> {
    let text = |name: &str| header.get(name).and_then(Json::text);
    if !text("typ").is_some_and(|typ| typ.eq_ignore_ascii_case("dpop+jwt")) {
        return Err(ProofError::Header("`typ` is not dpop+jwt"));
    }
    if header.get("crit").is_some() || header.get("b64").is_some() {
        return Err(ProofError::Header("it asks for an extension"));
    }
    let algorithm = text("alg")
        .and_then(Algorithm::named)
        .ok_or(ProofError::Header("`alg` is none that is accepted"))?;
    match header.get("jwk") {
        Some(jwk @ Json::Object(_)) => Ok((algorithm, jwk)),
        _ => Err(ProofError::Header("`jwk` is missing")),
    }
}

/// Checks what the proof says; its id.
fn check_claims<'p>(
    payload: &'p Json,
    wanted: &Wanted<'_>,
    began: Timestamp,
    now: Timestamp,
) -> Result<&'p str, ProofError> {
    let text = |name: &str| payload.get(name).and_then(Json::text);
    let require = |fine: bool, why| {
        if fine {
            Ok(())
        } else {
            Err(ProofError::Claims(why))
        }
    };
    let id = text("jti").unwrap_or_default();
    require((1..=MAX_ID).contains(&id.len()), "`jti` is no id")?;
    require(
        text("htm") == Some(wanted.method),
        "`htm` is another method",
    )?;
    let address = text("htu").unwrap_or_default();
    require(is_same_address(address, wanted), "`htu` is another address")?;
    let token = URL_SAFE_NO_PAD.encode(wanted.token);
    require(text("ath") == Some(&*token), "`ath` is another token's")?;
    let time = |name: &str| match payload.get(name) {
        None => Ok(None),
        Some(Json::Number(number)) if (0.0..1e12).contains(&number.value) => {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the range is checked, and fractions of a second mean nothing"
            )]
            let seconds = number.value as i64;
            Ok(Some(Timestamp::from_seconds(seconds)))
        }
        Some(_) => Err(ProofError::Claims("a time is none")),
    };
    let issued = time("iat")?.ok_or(ProofError::Claims("`iat` is missing"))?;
    require(issued <= now.plus(MAX_AHEAD), "`iat` is in the future")?;
    require(now.since(issued) <= MAX_AGE, "`iat` is too long ago")?;
    require(
        // To the second: one of the same second may have been used, by the process before.
        issued.seconds() > began.seconds(),
        "it was made before this process began, which knows not whether it was used",
    )?;
    require(time("exp")?.is_none_or(|time| now < time), "`exp` is past")?;
    require(
        time("nbf")?.is_none_or(|time| time <= now.plus(MAX_AHEAD)),
        "`nbf` is in the future",
    )?;
    Ok(id)
}

/// RFC 9449, section 4.3: the same address but for query and fragment, after normalisation (RFC 3986, section 6.2).
fn is_same_address(address: &str, wanted: &Wanted<'_>) -> bool {
    let scheme = if wanted.secure { "https" } else { "http" };
    let Some((theirs, rest)) = address.split_once("://") else {
        return false;
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let default = if wanted.secure { ":443" } else { ":80" };
    let plain = |authority: &str| {
        let lower = authority.to_ascii_lowercase();
        let bare = lower.strip_suffix(default).map(str::to_owned);
        bare.unwrap_or(lower)
    };
    let same_path = || {
        let canonical = |path| CanonicalPath::new(path).ok();
        path == wanted.path
            || canonical(path)
                .zip(canonical(wanted.path))
                .is_some_and(|(one, other)| one.as_str() == other.as_str())
    };
    theirs.eq_ignore_ascii_case(scheme)
        && !authority.is_empty()
        && plain(authority) == plain(wanted.authority)
        && same_path()
}

/// RFC 7638: SHA-256 over the required members alone, in the order of their names.
fn thumbprint(jwk: &Json) -> Option<[u8; 32]> {
    let names: &[&str] = match jwk.get("kty")?.text()? {
        "RSA" => &["e", "kty", "n"],
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        _ => return None,
    };
    let mut digest = Context::new(&SHA256);
    for (at, name) in names.iter().enumerate() {
        let value = jwk.get(name)?.text()?;
        // None of them holds a letter that JSON escapes: they were read as base64url, or are one of few words.
        let before = if at == 0 { "{" } else { "," };
        for piece in [before, "\"", name, "\":\"", value, "\""] {
            digest.update(piece.as_bytes());
        }
    }
    digest.update(b"}");
    let mut out = [0; 32];
    out.copy_from_slice(digest.finish().as_ref());
    Some(out)
}

#[cfg(test)]
mod tests;
