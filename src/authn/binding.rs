//! Tokens that are bound to a key of the client's (`cnf`, RFC 7800): worth nothing to whoever only has got hold of them.
//!
//! Bound to the client's certificate (`x5t#S256`, RFC 8705) or to a key that signs a proof for each request (`jkt`, RFC
//! 9449). What is asked for is read once, when the token is verified; that it is there is checked on every request and
//! never remembered.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::directory::provider::Binding;

use super::claims::Claims;
use super::json::Json;

/// What the bearer of a token must prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bound {
    /// To hold the key of the certificate with this SHA-256.
    certificate: Option<[u8; 32]>,
    /// To hold the key with this thumbprint (RFC 7638).
    key: Option<[u8; 32]>,
}

/// What a request has proven, beside its token.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence {
    /// SHA-256 of the connection's client certificate.
    pub certificate: Option<[u8; 32]>,
    /// The thumbprint of the key that made its DPoP proof; `None`: the token came as a bearer token.
    pub key: Option<[u8; 32]>,
}

/// Why a token is not its bearer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    /// The connection has no certificate, or another one.
    #[error("the token is bound to a client certificate that the connection does not have")]
    Certificate,
    /// It came as a bearer token, or with the proof of another key.
    #[error("the token is bound to a key, and no proof of that key came with it")]
    Key,
    /// It came with a proof, and names no key.
    #[error("the token came with a proof, and is bound to no key")]
    NoKey,
    /// The provider asks for a bound one.
    #[error("the provider's tokens must be bound to a key of the client's, and this one is not")]
    Required,
}

impl Bound {
    /// Reads `cnf`.
    ///
    /// # Errors
    /// When it asks for a proof that is not known here, or for none: whoever wrote it meant something.
    pub(super) fn read(claims: &Claims) -> Result<Self, &'static str> {
        let Some(cnf) = claims.get("cnf") else {
            return Ok(Self::default());
        };
        let mut bound = Self::default();
        for (name, value) in cnf.members() {
            let place = match &**name {
                "x5t#S256" => &mut bound.certificate,
                "jkt" => &mut bound.key,
                _ => return Err("`cnf` asks for a proof of possession that is not known here"),
            };
            *place = Some(digest(value).ok_or("`cnf` holds no SHA-256 in base64url")?);
        }
        if bound == Self::default() {
            return Err("`cnf` is not as RFC 7800 defines it");
        }
        Ok(bound)
    }

    /// Whether the request proves what the token and its provider ask for.
    ///
    /// # Errors
    /// See [`BindingError`].
    pub fn check(self, required: Option<Binding>, evidence: Evidence) -> Result<(), BindingError> {
        if self.certificate.is_some() && self.certificate != evidence.certificate {
            return Err(BindingError::Certificate);
        }
        if self.key.is_some() && self.key != evidence.key {
            return Err(BindingError::Key);
        }
        if self.key.is_none() && evidence.key.is_some() {
            return Err(BindingError::NoKey);
        }
        let fine = match required {
            None => true,
            Some(Binding::Dpop) => self.key.is_some(),
            Some(Binding::Certificate) => self.certificate.is_some(),
            Some(Binding::Any) => self.key.is_some() || self.certificate.is_some(),
        };
        if fine {
            Ok(())
        } else {
            Err(BindingError::Required)
        }
    }
}

fn digest(value: &Json) -> Option<[u8; 32]> {
    let bytes = URL_SAFE_NO_PAD.decode(value.text()?).ok()?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: [u8; 32] = [1; 32];
    const TWO: [u8; 32] = [2; 32];

    fn read(cnf: &str) -> Result<Bound, &'static str> {
        let text = format!(r#"{{"iss":"i","aud":"a","exp":2000000000{cnf}}}"#);
        Bound::read(&Claims::new(Json::read(text.as_bytes()).unwrap()).unwrap())
    }

    fn b64(bytes: [u8; 32]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    #[test]
    fn every_form_of_cnf() {
        assert_eq!(read(""), Ok(Bound::default()));
        let both = read(&format!(
            r#","cnf":{{"x5t#S256":"{}","jkt":"{}"}}"#,
            b64(ONE),
            b64(TWO)
        ));
        let expected = Bound {
            certificate: Some(ONE),
            key: Some(TWO),
        };
        assert_eq!(both, Ok(expected));
        for cnf in [
            "null",
            "{}",
            "[]",
            "\"x\"",
            r#"{"jkt":1}"#,
            r#"{"jkt":""}"#,
            r#"{"jkt":"AQ"}"#,
            r#"{"jkt":null}"#,
            r#"{"kid":"x"}"#,
            r#"{"jwk":{}}"#,
            &format!(r#"{{"jkt":"{}="}}"#, b64(ONE)),
            &format!(r#"{{"jkt":"{}","kid":"x"}}"#, b64(ONE)),
        ] {
            assert!(read(&format!(",\"cnf\":{cnf}")).is_err(), "{cnf}");
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn what_is_bound_is_asked_for() {
        let evidence = |certificate, key| Evidence { certificate, key };
        let bound = |certificate, key| Bound { certificate, key };
        let (none, one, two) = (None, Some(ONE), Some(TWO));
        for (bound, required, evidence, answer) in [
            (bound(none, none), None, evidence(none, none), Ok(())),
            (bound(none, none), None, evidence(one, none), Ok(())),
            (
                bound(none, none),
                None,
                evidence(none, one),
                Err(BindingError::NoKey),
            ),
            (bound(one, none), None, evidence(one, none), Ok(())),
            (
                bound(one, none),
                None,
                evidence(two, none),
                Err(BindingError::Certificate),
            ),
            (
                bound(one, none),
                None,
                evidence(none, none),
                Err(BindingError::Certificate),
            ),
            (
                bound(one, none),
                None,
                evidence(none, one),
                Err(BindingError::Certificate),
            ),
            (bound(none, one), None, evidence(none, one), Ok(())),
            (
                bound(none, one),
                None,
                evidence(none, two),
                Err(BindingError::Key),
            ),
            (
                bound(none, one),
                None,
                evidence(one, none),
                Err(BindingError::Key),
            ),
            (bound(one, two), None, evidence(one, two), Ok(())),
            (
                bound(one, two),
                None,
                evidence(one, none),
                Err(BindingError::Key),
            ),
            (
                bound(one, two),
                None,
                evidence(none, two),
                Err(BindingError::Certificate),
            ),
            (
                bound(none, none),
                Some(Binding::Any),
                evidence(one, none),
                Err(BindingError::Required),
            ),
            (
                bound(none, none),
                Some(Binding::Dpop),
                evidence(one, none),
                Err(BindingError::Required),
            ),
            (
                bound(one, none),
                Some(Binding::Dpop),
                evidence(one, none),
                Err(BindingError::Required),
            ),
            (
                bound(none, one),
                Some(Binding::Dpop),
                evidence(none, one),
                Ok(()),
            ),
            (
                bound(none, one),
                Some(Binding::Certificate),
                evidence(two, one),
                Err(BindingError::Required),
            ),
            (
                bound(one, none),
                Some(Binding::Certificate),
                evidence(one, none),
                Ok(()),
            ),
            (
                bound(none, one),
                Some(Binding::Any),
                evidence(none, one),
                Ok(()),
            ),
        ] {
            assert_eq!(
                bound.check(required, evidence),
                answer,
                "{bound:?} {required:?} {evidence:?}"
            );
        }
    }
}
