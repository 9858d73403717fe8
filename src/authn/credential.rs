//! Finds the one credential of a request, or that there is none.
//!
//! Two credentials are refused, because whoever reads the request next may believe the other one. One that cannot be
//! read is refused as well, and never taken for its absence: a client that sent something meant somebody. Looks at
//! headers and the query only; verifies nothing.

use http::header::COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::outcome::Reason;

use super::percent::decode;

const API_KEY_PREFIX: &[u8] = b"sgk_";
const SIGNATURE: &[u8] = b"AWS4-HMAC-SHA256";
const DPOP: HeaderName = HeaderName::from_static("dpop");

/// Where else than in `Authorization` a token may stand.
#[derive(Debug, Clone, Default)]
pub struct TokenPlaces {
    /// A header that holds a bare token, or one behind `Bearer`.
    pub header: Option<HeaderName>,
    /// A cookie that holds a bare token.
    pub cookie: Option<Box<str>>,
}

/// The one credential of a request, as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential<'a> {
    /// A bearer token.
    Bearer(Token<'a>),
    /// A token as `DPoP`, and the text of its proof, if there is one proof that is text.
    Proven(Token<'a>, Option<&'a str>),
    /// A signature in `Authorization`.
    Signature,
    /// A signature in the query.
    Presigned,
    /// An API key, behind its `sgk_`.
    ApiKey(&'a [u8]),
}

/// A bearer token as it came: one word or not, which [`Token::text`] tells. Kept apart because a token that was verified
/// before is known by its bytes, and reading each of them again would cost as much as finding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a>(&'a [u8]);

impl<'a> Token<'a> {
    /// Its bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// RFC 6750's `b64token`: one word.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn text(self) -> Result<&'a str, CredentialError> {
        let text = std::str::from_utf8(self.0).unwrap_or_default();
        let body = text.trim_end_matches('=');
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        if body.is_empty() || !body.bytes().all(fits) {
            return Err(CredentialError::Malformed("it is not one token"));
        }
        Ok(text)
    }
}

/// Why a request's credential is refused before it is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// More than one.
    #[error("the request has several credentials")]
    Several,
    /// One that cannot be read.
    #[error("the credential cannot be read: {0}")]
    Malformed(&'static str),
    /// A kind that is not accepted.
    #[error("credentials of this kind are not accepted: {0}")]
    NotAccepted(&'static str),
}

impl CredentialError {
    /// The reason for reply, metrics and audit.
    pub fn reason(self) -> Reason {
        match self {
            Self::Several => Reason::SeveralCredentials,
            Self::Malformed(_) | Self::NotAccepted(_) => Reason::MalformedCredential,
        }
    }
}

/// The credential of a request; `None` when it has none of any kind.
///
/// # Errors
/// See [`CredentialError`].
pub fn find<'a>(
    headers: &'a HeaderMap,
    lines: &Lines<'a>,
    query: Option<&str>,
    places: &TokenPlaces,
) -> Result<Option<Credential<'a>>, CredentialError> {
    let Lines {
        authorization,
        authorizations,
        api_key,
        api_keys,
        security_token,
        dpop,
    } = *lines;
    if authorizations > 1 {
        return Err(CredentialError::Several);
    }
    let header = match &places.header {
        Some(name) => only(headers, name)?,
        None => None,
    };
    let cookie = match &places.cookie {
        Some(name) => cookie(headers, name)?,
        None => None,
    };
    let presigned = presigned(query);
    let found = [
        authorization.is_some(),
        header.is_some(),
        cookie.is_some(),
        presigned.signature,
        api_key.is_some(),
        api_keys > 1,
    ];
    if found.into_iter().filter(|found| *found).count() > 1 {
        return Err(CredentialError::Several);
    }
    let signed = authorization.is_some_and(is_signature);
    // A security token belongs to a signature and stands where that stands; elsewhere it is half a credential.
    if security_token && !signed || presigned.security_token && !presigned.signature {
        return Err(CredentialError::Malformed(
            "X-Amz-Security-Token without a signature",
        ));
    }
    if signed {
        return Ok(Some(Credential::Signature));
    }
    if presigned.signature {
        return Ok(Some(Credential::Presigned));
    }
    if let Some(key) = api_key {
        return Ok(Some(Credential::ApiKey(key)));
    }
    if let Some(token) = authorization.and_then(|value| after(value, b"DPoP")) {
        let proof = only(headers, &DPOP).ok().flatten();
        let proof = proof.and_then(|proof| proof.to_str().ok());
        return Ok(Some(Credential::Proven(token, proof)));
    }
    let token = match (authorization, header, cookie) {
        (Some(value), _, _) => Some(bearer(value)?),
        (_, Some(value), _) if value.as_bytes().contains(&b' ') => Some(bearer(value)?),
        (_, Some(value), _) => Some(Token(value.as_bytes())),
        (_, _, Some(text)) => Some(Token(text.as_bytes())),
        (None, None, None) => None,
    };
    if token.is_none() && dpop {
        return Err(CredentialError::Malformed("a DPoP proof without a token"));
    }
    Ok(token.map(Credential::Bearer))
}

/// What the header lines hold of credentials: whoever looks at each line anyway has them read here.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lines<'a> {
    authorization: Option<&'a HeaderValue>,
    authorizations: usize,
    /// Behind its `sgk_`.
    api_key: Option<&'a [u8]>,
    api_keys: usize,
    security_token: bool,
    dpop: bool,
}

impl<'a> Lines<'a> {
    /// Of a head's lines.
    pub fn of(headers: &'a HeaderMap) -> Self {
        let mut lines = Self::default();
        for (name, value) in headers {
            lines.read(name.as_str(), value);
        }
        lines
    }

    /// Reads one line.
    pub fn read(&mut self, name: &str, value: &'a HeaderValue) {
        match name {
            "authorization" => {
                self.authorization = Some(value);
                self.authorizations = self.authorizations.saturating_add(1);
            }
            "x-api-key" => {
                if let Some(key) = value.as_bytes().strip_prefix(API_KEY_PREFIX) {
                    self.api_key = Some(key);
                    self.api_keys = self.api_keys.saturating_add(1);
                }
            }
            "x-amz-security-token" => self.security_token = true,
            "dpop" => self.dpop = true,
            _ => {}
        }
    }
}

fn is_signature(value: &HeaderValue) -> bool {
    let mut words = value.as_bytes().split(|byte| *byte == b' ');
    words
        .next()
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(SIGNATURE))
}

/// `Bearer TOKEN` (RFC 6750, section 2.1).
fn bearer(value: &HeaderValue) -> Result<Token<'_>, CredentialError> {
    if let Some(token) = after(value, b"Bearer") {
        Ok(token)
    } else if after(value, b"DPoP").is_some() {
        Err(CredentialError::NotAccepted("DPoP outside Authorization"))
    } else {
        Err(CredentialError::Malformed("its scheme is unknown"))
    }
}

/// What stands behind a scheme, which is written in any case.
fn after<'a>(value: &'a HeaderValue, wanted: &[u8]) -> Option<Token<'a>> {
    let bytes = value.as_bytes();
    let (scheme, rest) = bytes.split_at_checked(wanted.len())?;
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let ends = spaces > 0 || rest.is_empty();
    (ends && scheme.eq_ignore_ascii_case(wanted))
        .then(|| Token(rest.get(spaces..).unwrap_or_default()))
}

fn only<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, CredentialError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(CredentialError::Several);
    }
    Ok(first)
}

/// The one cookie of this name (RFC 6265, section 5.4).
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, CredentialError> {
    let mut found = None;
    for value in headers.get_all(COOKIE) {
        let Ok(text) = value.to_str() else {
            return Err(CredentialError::Malformed("a cookie is no visible ASCII"));
        };
        for pair in text.split(';') {
            if let Some((key, value)) = pair.trim().split_once('=')
                && key == name
                && found.replace(value).is_some()
            {
                return Err(CredentialError::Several);
            }
        }
    }
    Ok(found)
}

/// What a query holds of a presigned credential.
#[derive(Default)]
struct Presigned {
    signature: bool,
    security_token: bool,
}

/// Parameter names are compared as an upstream may read them: percent-decoded, without case.
fn presigned(query: Option<&str>) -> Presigned {
    let mut presigned = Presigned::default();
    for pair in query.unwrap_or_default().split(['&', ';']) {
        let name = pair.split('=').next().unwrap_or_default();
        // None of the names is this long, even with each letter escaped.
        if name.len() > 3 * 24 || name.len() < 15 {
            continue;
        }
        let name = decode(name);
        presigned.signature |= [
            &b"x-amz-signature"[..],
            b"x-amz-algorithm",
            b"x-amz-credential",
        ]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known));
        presigned.security_token |= name.eq_ignore_ascii_case(b"x-amz-security-token");
    }
    presigned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: &[(&str, &str)], query: Option<&str>) -> Result<Option<String>, Reason> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let places = TokenPlaces {
            header: Some(HeaderName::from_static("x-token")),
            cookie: Some("session".into()),
        };
        let lines = Lines::of(&headers);
        let found = find(&headers, &lines, query, &places).map_err(CredentialError::reason)?;
        match found {
            None => Ok(None),
            Some(Credential::Bearer(token)) => match token.text() {
                Ok(text) => Ok(Some(text.to_owned())),
                Err(error) => Err(error.reason()),
            },
            Some(Credential::Proven(token, proof)) => match token.text() {
                Ok(text) => Ok(Some(format!("(proven {text} {})", proof.unwrap_or("-")))),
                Err(error) => Err(error.reason()),
            },
            Some(Credential::Signature) => Ok(Some("(signature)".to_owned())),
            Some(Credential::Presigned) => Ok(Some("(presigned)".to_owned())),
            Some(Credential::ApiKey(key)) => {
                Ok(Some(format!("(key {})", String::from_utf8_lossy(key))))
            }
        }
    }

    #[test]
    fn a_bearer_token_in_each_place() {
        for (name, value) in [
            ("authorization", "Bearer a.b-c_"),
            ("authorization", "bearer a.b-c_"),
            ("authorization", "BEARER   a.b-c_"),
            ("x-token", "a.b-c_"),
            ("x-token", "Bearer a.b-c_"),
            ("cookie", "x=1; session=a.b-c_; y=2"),
        ] {
            assert_eq!(
                found(&[(name, value)], Some("q=1")),
                Ok(Some("a.b-c_".into())),
                "{value}"
            );
        }
    }

    #[test]
    fn no_credential() {
        for lines in [
            &[][..],
            &[("x-api-key", "the-application's-own")],
            &[("cookie", "sessions=1; asession=2")],
        ] {
            assert_eq!(found(lines, Some("a=b&x-amz-date=1&signature=x")), Ok(None));
        }
        assert_eq!(found(&[], None), Ok(None));
    }

    #[test]
    fn unreadable_is_never_anonymous() {
        for (name, value) in [
            ("authorization", ""),
            ("authorization", "Bearer"),
            ("authorization", "Bearer "),
            ("authorization", "Bearer ="),
            ("authorization", "Bearer a b"),
            ("authorization", "Bearer a,b"),
            ("authorization", "Bearer a, Bearer b"),
            ("authorization", "Bearer\ta"),
            ("authorization", "Bearer \ta"),
            ("authorization", "Bearer \u{e4}"),
            ("authorization", "a.b.c"),
            ("authorization", "Basic dXNlcjpwYXNz"),
            ("authorization", "DPoPX a.b.c"),
            ("authorization", "DPoP"),
            ("authorization", "DPoP a b"),
            ("x-token", "DPoP a.b.c"),
            ("authorization", "AWS4-HMAC-SHA256-X Credential=x"),
            ("authorization", "Negotiate x"),
            ("x-token", ""),
            ("x-token", "Basic x"),
            ("cookie", "session="),
            ("cookie", "session=a b"),
            ("x-amz-security-token", "x"),
            ("dpop", "a.b.c"),
        ] {
            assert_eq!(
                found(&[(name, value)], None),
                Err(Reason::MalformedCredential),
                "{name}: {value}"
            );
        }
        let token = ("x-amz-security-token", "x");
        let signature = ("authorization", "AWS4-HMAC-SHA256 x");
        for (lines, query) in [
            (&[][..], "X-Amz-Security-Token=x"),
            (&[("authorization", "Bearer a"), token], "a=b"),
            (&[token], "X-Amz-Signature=x"),
            (&[signature], "X-Amz-Security-Token=x"),
            (&[("x-api-key", "sgk_a_b"), token], "a=b"),
        ] {
            assert_eq!(
                found(lines, Some(query)),
                Err(Reason::MalformedCredential),
                "{lines:?} {query}"
            );
        }
    }

    #[test]
    fn other_kinds() {
        let kind = |lines: &[_], query| found(lines, Some(query)).unwrap().unwrap();
        for scheme in ["AWS4-HMAC-SHA256 Credential=x", "aws4-hmac-sha256"] {
            let token = ("x-amz-security-token", "x");
            let signature = ("authorization", scheme);
            assert_eq!(kind(&[signature], ""), "(signature)");
            assert_eq!(kind(&[signature, token], "a=b"), "(signature)");
        }
        for query in [
            "X-Amz-Signature=x",
            "a=1&x-amz-signature",
            "a=1;x-amz-signature",
            "X%2DAmz%2dSignature=x",
            "%58-Amz-Credential=x",
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            "X-Amz-Algorithm=x&X-Amz-Security-Token=x",
        ] {
            assert_eq!(kind(&[], query), "(presigned)", "{query}");
        }
        let proven = ("authorization", "dpop a.b.c");
        let proof = ("dpop", "d.e.f");
        assert_eq!(kind(&[proven, proof], ""), "(proven a.b.c d.e.f)");
        assert_eq!(kind(&[proven], ""), "(proven a.b.c -)");
        assert_eq!(kind(&[proven, proof, proof], ""), "(proven a.b.c -)");
        assert_eq!(kind(&[proven, ("dpop", "\u{e4}")], ""), "(proven a.b.c -)");
        assert_eq!(kind(&[("x-api-key", "sgk_a_b")], ""), "(key a_b)");
        let other = ("x-api-key", "another");
        assert_eq!(kind(&[other, ("x-api-key", "sgk_")], ""), "(key )");
    }

    #[test]
    fn several_credentials() {
        let bearer = ("authorization", "Bearer a");
        for (lines, query) in [
            (&[bearer, bearer][..], None),
            (&[bearer, ("authorization", "")], None),
            (&[bearer, ("x-token", "a")], None),
            (&[bearer, ("cookie", "session=a")], None),
            (&[bearer, ("x-api-key", "sgk_a_b")], None),
            (&[bearer], Some("X-Amz-Signature=x")),
            (
                &[("authorization", "AWS4-HMAC-SHA256 x")],
                Some("X-Amz-Signature=x"),
            ),
            (
                &[("authorization", "AWS4-HMAC-SHA256 x"), ("x-token", "a")],
                None,
            ),
            (&[("x-api-key", "sgk_a_b")], Some("X-Amz-Signature=x")),
            (&[("x-api-key", "sgk_a_b"), ("x-api-key", "sgk_c_d")], None),
            (&[("x-token", "a"), ("x-token", "a")], None),
            (&[("cookie", "session=a; session=b")], None),
            (&[("cookie", "session=a"), ("cookie", "session=a")], None),
        ] {
            assert_eq!(
                found(lines, query),
                Err(Reason::SeveralCredentials),
                "{lines:?}"
            );
        }
    }
}
