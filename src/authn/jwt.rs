//! JSON Web Tokens (RFC 7515, 7519), read as strictly as RFC 8725 asks for.
//!
//! [`Unverified`] is what a token says; it proves nothing and serves only to find the provider and the key. The one
//! way to a [`VerifiedToken`] is [`Unverified::verify`], which checks the signature with a key of the provider and
//! then every claim. The cryptography is `jsonwebtoken`'s; the framing, the times (against an injected clock) and the
//! claims are judged here, because that crate takes the algorithm from the token, keeps the last of two equal members
//! and enforces no `crit`. Fetches no keys.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Timestamp;
use crate::directory::provider::{Algorithm, Provider};
use crate::outcome::Reason;

use super::binding::Bound;
use super::claims::Claims;
use super::json::Json;
use super::jwks::{KeyId, KeySet};

/// The longest token.
pub const MAX_BYTES: usize = 16 * 1024;
/// Keys of one `kid` that are tried.
const MAX_TRIES: usize = 4;

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Over [`MAX_BYTES`].
    #[error("the token is over {MAX_BYTES} bytes")]
    TooLong,
    /// Not three parts with dots between them, or a part that is no canonical base64url.
    #[error("the token is not three parts of base64url")]
    Framing,
    /// A header or payload that is no strict JSON.
    #[error("the token's {0} is no strict JSON: {1}")]
    Json(&'static str, String),
    /// A header that is refused.
    #[error("the token's header is refused: {0}")]
    Header(&'static str),
    /// An algorithm that the provider's list does not hold.
    #[error("the token's algorithm is none that is accepted from the provider")]
    Algorithm,
    /// No key of this `kid` for this algorithm.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// The signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// A claim that is missing, of the wrong type or refused.
    #[error("the token's claims are refused: {0}")]
    Claims(&'static str),
    /// None of its audiences is accepted.
    #[error("the token is for another audience")]
    Audience,
    /// `exp` is past.
    #[error("the token has expired")]
    Expired,
    /// Its issuer, asked about it, does not vouch for it.
    #[error("its issuer says that the token is not active: made up, revoked or expired")]
    Inactive,
}

impl TokenError {
    /// The reason for reply, metrics and audit.
    pub fn reason(&self) -> Reason {
        match self {
            Self::TooLong | Self::Framing | Self::Json(..) | Self::Header(_) => {
                Reason::MalformedCredential
            }
            Self::Algorithm | Self::UnknownKey | Self::Signature => Reason::BadSignature,
            Self::Claims(_) => Reason::InvalidClaims,
            Self::Audience => Reason::WrongAudience,
            Self::Expired => Reason::ExpiredCredential,
            Self::Inactive => Reason::InactiveCredential,
        }
    }
}

/// What a token says. Nothing of it is proven.
#[derive(Debug)]
pub struct Unverified<'t> {
    /// Header and payload, as they were signed.
    message: &'t str,
    signature: &'t str,
    header: Header,
    claims: Arc<Claims>,
}

#[derive(Debug)]
struct Header {
    /// `None`: a name that Sidegate does not know.
    algorithm: Option<Algorithm>,
    kid: Option<Box<str>>,
    typ: Option<Box<str>>,
}

/// A token whose signature and claims were checked: what it says is its provider's word.
#[derive(Debug, Clone)]
pub struct VerifiedToken {
    provider: Arc<Provider>,
    claims: Arc<Claims>,
    key: KeyId,
    digest: [u8; 32],
    bound: Bound,
    /// Which of its audiences it is accepted for; none of a certificate.
    audience: usize,
    /// Until when its issuer's answer about it is believed; `None`: it proves itself.
    believed_until: Option<Timestamp>,
}

impl<'t> Unverified<'t> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// When it is not exactly of the shape that RFC 7515 and RFC 7519 give it.
    pub fn parse(token: &'t str) -> Result<Self, TokenError> {
        if token.len() > MAX_BYTES {
            return Err(TokenError::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Framing)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Framing)?;
        if payload.contains('.') || signature.is_empty() {
            return Err(TokenError::Framing);
        }
        // The engine refuses padding, line breaks and bits behind the last byte: one token, one spelling.
        let decode = |part: &str| {
            URL_SAFE_NO_PAD
                .decode(part)
                .map_err(|_| TokenError::Framing)
        };
        decode(signature)?;
        let header = Header::read(&decode(header)?)?;
        let payload = Json::read(&decode(payload)?)
            .map_err(|error| TokenError::Json("payload", error.to_string()))?;
        let claims = Claims::new(payload).map_err(TokenError::Claims)?;
        Ok(Self {
            message,
            signature,
            header,
            claims: Arc::new(claims),
        })
    }

    /// Who says to have issued it: serves to find the provider whose keys will tell.
    pub fn issuer(&self) -> &str {
        &self.claims.issuer
    }

    /// The algorithm, if the provider's list holds it.
    ///
    /// # Errors
    /// [`TokenError::Algorithm`].
    pub fn algorithm(&self, provider: &Provider) -> Result<Algorithm, TokenError> {
        self.header
            .algorithm
            .filter(|algorithm| provider.algorithms.contains(algorithm))
            .ok_or(TokenError::Algorithm)
    }

    /// Whether `keys` has a key of the token's name for this algorithm.
    pub fn has_key(&self, algorithm: Algorithm, keys: &KeySet) -> bool {
        let kid = self.header.kid.as_deref();
        !keys.matching(kid, algorithm).is_empty()
    }

    /// Whether it would be accepted if its signature were right.
    pub fn is_else_fine(&self, provider: &Provider, now: Timestamp) -> bool {
        let typed = self.header.check_type(provider);
        typed.is_ok() && check_claims(&self.claims, provider, now).is_ok()
    }

    /// Checks the signature, then every claim. `digest` is the SHA-256 of the whole token.
    ///
    /// # Errors
    /// [`TokenError::UnknownKey`] when `keys` lacks the key; else what is wrong with the token.
    pub fn verify(
        &self,
        provider: &Arc<Provider>,
        keys: &KeySet,
        now: Timestamp,
        digest: [u8; 32],
    ) -> Result<VerifiedToken, TokenError> {
        if self.claims.issuer != provider.issuer {
            return Err(TokenError::Claims("`iss` is another issuer"));
        }
        let algorithm = self.algorithm(provider)?;
        let candidates = keys.matching(self.header.kid.as_deref(), algorithm);
        if candidates.is_empty() {
            return Err(TokenError::UnknownKey);
        }
        let key = candidates
            .into_iter()
            .take(MAX_TRIES)
            .find(|key| key.verifies(algorithm, self.message, self.signature))
            .ok_or(TokenError::Signature)?;
        self.header.check_type(provider)?;
        let audience = check_claims(&self.claims, provider, now)?;
        let bound = Bound::read(&self.claims).map_err(TokenError::Claims)?;
        Ok(VerifiedToken {
            provider: Arc::clone(provider),
            claims: Arc::clone(&self.claims),
            key: *key.id(),
            digest,
            bound,
            audience,
            believed_until: None,
        })
    }
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, TokenError> {
        let json =
            Json::read(bytes).map_err(|error| TokenError::Json("header", error.to_string()))?;
        if !matches!(json, Json::Object(_)) {
            return Err(TokenError::Header("it is no JSON object"));
        }
        for (name, why) in [
            ("crit", "`crit` names extensions, and none is understood"),
            ("b64", "`b64` changes what is signed"),
            ("zip", "a signed token is not compressed"),
            ("enc", "encrypted tokens are not read"),
            ("jwk", "`jwk`: a token does not bring its own key"),
            ("jku", "`jku`: a token does not say where its key is"),
            ("x5u", "`x5u`: a token does not say where its key is"),
        ] {
            if json.get(name).is_some() {
                return Err(TokenError::Header(why));
            }
        }
        let text = |name: &str, fault| match json.get(name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text.clone())),
            Some(_) => Err(TokenError::Header(fault)),
        };
        let algorithm =
            text("alg", "`alg` is no text")?.ok_or(TokenError::Header("`alg` is missing"))?;
        Ok(Self {
            algorithm: Algorithm::named(&algorithm),
            kid: text("kid", "`kid` is no text")?,
            typ: text("typ", "`typ` is no text")?,
        })
    }

    /// Explicit typing (RFC 8725, section 3.11): a token made for another purpose is none for this one.
    fn check_type(&self, provider: &Provider) -> Result<(), TokenError> {
        let typ = self.typ.as_deref().map(|typ| {
            // RFC 7515, section 4.1.9: `application/` may be left out; media types have no case.
            match typ.get(..12) {
                Some(prefix) if prefix.eq_ignore_ascii_case("application/") => {
                    typ.get(12..).unwrap_or_default()
                }
                _ => typ,
            }
        });
        let fits = match (&provider.token_type, typ) {
            (Some(required), Some(typ)) => {
                let required = required.strip_prefix("application/").unwrap_or(required);
                typ.eq_ignore_ascii_case(required)
            }
            (Some(_), None) => false,
            (None, None) => true,
            (None, Some(typ)) => {
                typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("at+jwt")
            }
        };
        if fits {
            Ok(())
        } else {
            Err(TokenError::Claims(
                "`typ` is not the type of token that is accepted",
            ))
        }
    }
}

/// Times, life and audience, of which it says which one is accepted; the issuer was compared before.
fn check_claims(claims: &Claims, provider: &Provider, now: Timestamp) -> Result<usize, TokenError> {
    if expired(claims, provider.leeway, now) {
        return Err(TokenError::Expired);
    }
    let latest = now.plus(provider.leeway);
    if claims.not_before.is_some_and(|time| time > latest) {
        return Err(TokenError::Claims("`nbf` is in the future"));
    }
    if claims.issued_at.is_some_and(|time| time > latest) {
        return Err(TokenError::Claims("`iat` is in the future"));
    }
    let born = claims.issued_at.unwrap_or(now);
    if claims.expires_at.since(born) > provider.max_token_lifetime {
        return Err(TokenError::Claims("its life is longer than is accepted"));
    }
    accepted_audience(claims, provider, None).ok_or(TokenError::Audience)
}

/// Where the first of the token's audiences stands that is one of the provider's, and of those that a route accepts.
fn accepted_audience(
    claims: &Claims,
    provider: &Provider,
    by_route: Option<&[Box<str>]>,
) -> Option<usize> {
    claims.audiences.iter().position(|audience| {
        provider.audiences.contains(audience)
            && by_route.is_none_or(|accepted| accepted.contains(audience))
    })
}

fn expired(claims: &Claims, leeway: Duration, now: Timestamp) -> bool {
    now >= claims.expires_at.plus(leeway)
}

impl VerifiedToken {
    /// What a client certificate says, which its listener has verified. `digest` stands for certificate and provider.
    pub(super) fn of_certificate(
        provider: Arc<Provider>,
        claims: Claims,
        digest: [u8; 32],
    ) -> Self {
        Self {
            provider,
            claims: Arc::new(claims),
            key: digest,
            digest,
            bound: Bound::default(),
            audience: 0,
            believed_until: None,
        }
    }

    /// What its issuer, asked now, says of an opaque token that is good. `digest` is the SHA-256 of the whole token.
    ///
    /// # Errors
    /// As for a token that says the same itself.
    pub(super) fn of_answer(
        provider: &Arc<Provider>,
        claims: Claims,
        digest: [u8; 32],
        now: Timestamp,
        max_age: Duration,
    ) -> Result<Self, TokenError> {
        if claims.issuer != provider.issuer {
            return Err(TokenError::Claims("`iss` is another issuer"));
        }
        let audience = check_claims(&claims, provider, now)?;
        let bound = Bound::read(&claims).map_err(TokenError::Claims)?;
        Ok(Self {
            provider: Arc::clone(provider),
            claims: Arc::new(claims),
            key: digest,
            digest,
            bound,
            audience,
            believed_until: Some(now.plus(max_age)),
        })
    }

    /// Until when its issuer's answer about it is believed; `None`: it proves itself.
    pub fn believed_until(&self) -> Option<Timestamp> {
        self.believed_until
    }

    /// What its bearer must prove beside it.
    pub(super) fn bound(&self) -> &Bound {
        &self.bound
    }

    /// Who vouches for it.
    pub fn provider(&self) -> &Arc<Provider> {
        &self.provider
    }

    /// What it says.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The key that verified it.
    pub fn key(&self) -> &KeyId {
        &self.key
    }

    /// SHA-256 of the whole token: what stands for it in records and caches.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Roughly how many bytes it takes.
    pub fn weight(&self) -> usize {
        self.claims.weight().saturating_add(size_of::<Self>())
    }

    /// When it stops being accepted: `exp` and the provider's leeway.
    pub fn expires_at(&self) -> Timestamp {
        self.claims.expires_at.plus(self.provider.leeway)
    }

    /// Whether it is accepted no more.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        expired(&self.claims, self.provider.leeway, now)
    }

    /// The token where a route accepts only some of its provider's audiences: for the first of them that it names.
    pub fn on_route(self: &Arc<Self>, accepted: &[Box<str>]) -> Option<Arc<Self>> {
        let audience = accepted_audience(&self.claims, &self.provider, Some(accepted))?;
        if audience == self.audience {
            return Some(Arc::clone(self));
        }
        Some(Arc::new(Self {
            audience,
            ..Self::clone(self)
        }))
    }

    /// The audience that it is accepted for; none of a certificate.
    pub fn audience(&self) -> Option<&str> {
        self.claims.audiences.get(self.audience).map(|text| &**text)
    }

    /// Which of its audiences that is.
    pub(super) fn audience_at(&self) -> usize {
        self.audience
    }

    /// Whether it is the same answer of its issuer's, or the same token verified once, for whatever audience.
    pub(super) fn is_of_one(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.claims, &other.claims)
    }
}

#[cfg(test)]
mod tests;
