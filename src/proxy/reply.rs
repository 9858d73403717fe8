//! The one place that picks the status and the body of a refusal.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};

use crate::net::Protocol;
use crate::outcome::Reason;
use crate::proxy::body::Relay;
use crate::route::is_grpc;

/// Our id of the request, to the client and to the upstream.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-sidegate-request-id");

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// In which form a client wants to be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    grpc: bool,
    bodiless: bool,
    http1: bool,
}

impl Form {
    /// Of a head that could not be read, but for its method.
    pub fn unread(bodiless: bool) -> Self {
        Self {
            grpc: false,
            bodiless,
            http1: true,
        }
    }

    /// Whether the client finds an outcome in trailers behind a body.
    pub fn takes_grpc_trailers(self) -> bool {
        self.grpc && !self.http1
    }

    /// As the request's head tells.
    pub fn of(method: &Method, fields: &HeaderMap, protocol: Protocol) -> Self {
        Self {
            grpc: *method == Method::POST
                && is_grpc(
                    method.as_str(),
                    fields
                        .get(header::CONTENT_TYPE)
                        .and_then(|value| value.to_str().ok()),
                ),
            bodiless: *method == Method::HEAD,
            http1: protocol == Protocol::Http1,
        }
    }
}

/// What a client is told beside the code.
#[derive(Debug, Clone, Copy)]
pub struct Told<'t> {
    /// In words.
    pub message: &'t str,
    /// Sealed for the STS.
    pub encoded: Option<&'t str>,
}

impl<'t> From<&'t str> for Told<'t> {
    fn from(message: &'t str) -> Self {
        Self {
            message,
            encoded: None,
        }
    }
}

/// A refusal as it goes over the wire in HTTP/1.1.
pub fn bytes(response: Response<Relay>) -> Vec<u8> {
    let (parts, body) = response.into_parts();
    let status = parts.status;
    let reason = status.canonical_reason().unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).into_bytes();
    for (name, value) in &parts.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body.text());
    bytes
}

/// The answer to a request that is not forwarded, or whose upstream failed. With `close`, an HTTP/1 connection ends
/// after it, as it does for every reason that leaves in doubt where the next request begins.
#[cold]
pub fn refuse(
    reason: Reason,
    told: Told<'_>,
    id: &HeaderValue,
    form: Form,
    close: bool,
) -> Response<Relay> {
    let mut response = if form.grpc {
        trailers_only(reason, told.message)
    } else {
        document(reason, told, id, form)
    };
    let fields = response.headers_mut();
    fields.insert(REQUEST_ID, id.clone());
    if form.http1 && (close || ends_connection(reason)) {
        fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn document(reason: Reason, told: Told<'_>, id: &HeaderValue, form: Form) -> Response<Relay> {
    // Letters, digits, - and _ alone.
    let encoded = told
        .encoded
        .map(|message| format!(r#","encodedAuthorizationMessage":"{message}""#));
    let text = format!(
        r#"{{"code":"{}","message":{},"requestId":"{}"{}}}"#,
        reason.code(),
        serde_json::Value::from(told.message),
        id.to_str().unwrap_or_default(),
        encoded.unwrap_or_default(),
    );
    let length = HeaderValue::from(text.len());
    let body = if form.bodiless {
        Relay::empty()
    } else {
        Relay::full(Bytes::from(text))
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(reason.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let fields = response.headers_mut();
    fields.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    fields.insert(header::CONTENT_LENGTH, length);
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(challenge) = challenge(reason) {
        fields.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static(challenge),
        );
    }
    response
}

/// RFC 6750, section 3: no error code when nothing was presented.
fn challenge(reason: Reason) -> Option<&'static str> {
    match (reason.status(), reason) {
        (401, Reason::MissingCredential) => Some(r#"Bearer realm="sidegate""#),
        (401, Reason::ExpiredCredential) => Some(
            r#"Bearer realm="sidegate", error="invalid_token", error_description="The token expired""#,
        ),
        // RFC 9449, section 7.1.
        (401, Reason::BadProof) => Some(
            r#"DPoP realm="sidegate", error="invalid_dpop_proof", algs="ES256 ES384 EdDSA PS256 PS384 PS512 RS256 RS384 RS512""#,
        ),
        (401, Reason::UnboundCredential) => Some(
            r#"Bearer realm="sidegate", error="invalid_token", DPoP realm="sidegate", error="invalid_token", algs="ES256 ES384 EdDSA PS256 PS384 PS512 RS256 RS384 RS512""#,
        ),
        (401, _) => Some(r#"Bearer realm="sidegate", error="invalid_token""#),
        _ => None,
    }
}

/// The end of a gRPC call that is no longer allowed.
pub fn ended_trailers() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert(GRPC_STATUS, HeaderValue::from_static("7"));
    let message = HeaderValue::from_static("The call is no longer allowed.");
    trailers.insert(GRPC_MESSAGE, message);
    trailers
}

/// A gRPC client finds the outcome in its trailers, which here are all there is.
fn trailers_only(reason: Reason, message: &str) -> Response<Relay> {
    let mut response = Response::new(Relay::empty());
    let fields = response.headers_mut();
    fields.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    fields.insert(
        GRPC_STATUS,
        HeaderValue::from_static(grpc_status(reason.status())),
    );
    if let Ok(message) = HeaderValue::from_str(&percent_encoded(message)) {
        fields.insert(GRPC_MESSAGE, message);
    }
    response
}

fn grpc_status(status: u16) -> &'static str {
    match status {
        400 | 413 | 414 | 421 | 431 => "3",
        401 => "16",
        403 => "7",
        404 => "12",
        408 | 504 => "4",
        429 => "8",
        502 | 503 => "14",
        _ => "13",
    }
}

/// As gRPC writes messages: printable ASCII but `%` stays.
fn percent_encoded(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for byte in message.bytes() {
        match byte {
            b'%' | 0..0x20 | 0x7f.. => text.push_str(&format!("%{byte:02X}")),
            plain => text.push(char::from(plain)),
        }
    }
    text
}

/// Whether nothing more may be read from an HTTP/1 connection after this refusal: where the next request begins is
/// not certain, or the client did not keep to the protocol.
fn ends_connection(reason: Reason) -> bool {
    match reason {
        Reason::MalformedRequest
        | Reason::MalformedPath
        | Reason::InvalidHost
        | Reason::MethodNotSupported
        | Reason::HeadTimeout
        | Reason::BodyTimeout
        | Reason::BodyTooLarge
        | Reason::TargetTooLong
        | Reason::HeadTooLarge
        | Reason::NotReady
        | Reason::Internal => true,
        Reason::Allowed
        | Reason::Preflight
        | Reason::AmbiguousParameter
        | Reason::SeveralCredentials
        | Reason::UnknownHost
        | Reason::NoRoute
        | Reason::RouteFallbackDenied
        | Reason::MissingCredential
        | Reason::MalformedCredential
        | Reason::UnknownIssuer
        | Reason::BadSignature
        | Reason::SignatureMismatch
        | Reason::InvalidClaims
        | Reason::WrongAudience
        | Reason::ExpiredCredential
        | Reason::RevokedCredential
        | Reason::InactiveCredential
        | Reason::UnboundCredential
        | Reason::BadProof
        | Reason::RevocationsUnknown
        | Reason::ProviderUnavailable
        | Reason::NoPrincipal
        | Reason::RoleNotOffered
        | Reason::RoleNotTrusted
        | Reason::ExplicitDeny
        | Reason::ImplicitDeny
        | Reason::AuditUnavailable
        | Reason::UpstreamUnavailable
        | Reason::UpstreamTimeout
        | Reason::Throttled
        | Reason::Overloaded => false,
    }
}

/// What is said of refusals that do not come from the gate.
pub fn message(reason: Reason) -> &'static str {
    match reason {
        Reason::MalformedRequest => "The request cannot be read in one way only.",
        Reason::MalformedPath => "The path has no canonical form.",
        Reason::InvalidHost => "The request must name exactly one host.",
        Reason::MethodNotSupported => "The method or upgrade is not supported.",
        Reason::HeadTimeout => "The request's head did not come in time.",
        Reason::BodyTimeout => "The request's body did not come in time.",
        Reason::BodyTooLarge => "The request's body is too large.",
        Reason::TargetTooLong => "The request's target is too long.",
        Reason::HeadTooLarge => "The request's head is too large.",
        Reason::UpstreamUnavailable => "The upstream is not available.",
        Reason::UpstreamTimeout => "The upstream did not answer in time.",
        Reason::AuditUnavailable => "The request cannot be recorded now.",
        Reason::Throttled => "Too many requests.",
        Reason::Overloaded => "Too many requests are under way.",
        Reason::NotReady => "Not ready.",
        Reason::Internal => "Internal error.",
        Reason::AmbiguousParameter => "A parameter or header occurs twice.",
        Reason::SeveralCredentials => "The request holds more than one credential.",
        Reason::UnknownHost => "The host is not served here.",
        Reason::NoRoute => "No route matches the request.",
        Reason::MissingCredential => "The request needs a credential.",
        Reason::MalformedCredential
        | Reason::UnknownIssuer
        | Reason::BadSignature
        | Reason::SignatureMismatch
        | Reason::InvalidClaims
        | Reason::WrongAudience
        | Reason::RevokedCredential
        | Reason::InactiveCredential
        | Reason::UnboundCredential
        | Reason::BadProof => "The credential is not valid.",
        Reason::ExpiredCredential => "The credential has expired.",
        Reason::RevocationsUnknown | Reason::ProviderUnavailable => {
            "The credential cannot be verified now."
        }
        Reason::NoPrincipal | Reason::RoleNotTrusted => {
            "The credential stands for no principal that may act here."
        }
        Reason::RoleNotOffered => "The credential does not offer that one role.",
        Reason::RouteFallbackDenied | Reason::ExplicitDeny | Reason::ImplicitDeny => {
            "The request is not authorized."
        }
        Reason::Allowed | Reason::Preflight => "OK",
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body;

    use super::*;

    fn form(grpc: bool, bodiless: bool) -> Form {
        Form {
            grpc,
            bodiless,
            http1: true,
        }
    }

    fn refused(reason: Reason, form: Form) -> Response<Relay> {
        refuse(
            reason,
            "No: \"x\"%\n".into(),
            &HeaderValue::from_static("id"),
            form,
            false,
        )
    }

    #[test]
    fn every_reason_has_its_status_and_the_challenge_where_due() {
        for reason in Reason::ALL {
            let response = refused(reason, form(false, false));
            assert_eq!(response.status().as_u16(), reason.status());
            assert_eq!(
                response.headers().contains_key(header::WWW_AUTHENTICATE),
                reason.status() == 401,
                "{reason:?}"
            );
            assert_eq!(response.headers()[REQUEST_ID], "id");
        }
        let missing = refused(Reason::MissingCredential, form(false, false));
        assert_eq!(
            missing.headers()[header::WWW_AUTHENTICATE],
            "Bearer realm=\"sidegate\""
        );
    }

    #[test]
    fn grpc_clients_are_refused_by_trailers_only() {
        for (reason, status) in [
            (Reason::MalformedRequest, "3"),
            (Reason::MissingCredential, "16"),
            (Reason::ExplicitDeny, "7"),
            (Reason::NoRoute, "12"),
            (Reason::BodyTimeout, "4"),
            (Reason::UpstreamTimeout, "4"),
            (Reason::Throttled, "8"),
            (Reason::Internal, "13"),
            (Reason::UpstreamUnavailable, "14"),
            (Reason::AuditUnavailable, "14"),
        ] {
            let response = refused(reason, form(true, false));
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.headers()[GRPC_STATUS], status, "{reason:?}");
            assert_eq!(response.headers()[GRPC_MESSAGE], "No: \"x\"%25%0A");
            assert!(response.body().is_end_stream());
        }
    }

    #[test]
    fn head_gets_the_length_and_no_body() {
        let response = refused(Reason::NoRoute, form(false, true));
        assert!(response.body().is_end_stream());
        let with_body = refused(Reason::NoRoute, form(false, false));
        assert_eq!(
            response.headers()[header::CONTENT_LENGTH],
            with_body.headers()[header::CONTENT_LENGTH]
        );
        assert!(with_body.body().size_hint().exact() > Some(50));
    }
}
