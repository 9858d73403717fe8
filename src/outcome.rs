//! Why a request ended as it did: the closed list of reasons.
//!
//! The reply (status and body), the audit record and the metrics each match [`Reason`] exhaustively, so a new reason
//! does not compile until all three know it. Knows no HTTP types: a status is a number here.

/// Why a request ended as it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A policy allows it.
    Allowed,
    /// A preflight that a route forwards without a decision.
    Preflight,
    /// The request line, a header or the framing cannot be read in one way only.
    MalformedRequest,
    /// The path has no canonical form.
    MalformedPath,
    /// Host is missing, doubled, or disagrees with the request target.
    InvalidHost,
    /// CONNECT, TRACE, or an upgrade that no route allows.
    MethodNotSupported,
    /// A query name or header that the route reads occurs twice.
    AmbiguousParameter,
    /// More than one credential, or several Authorization lines.
    SeveralCredentials,
    /// The host is none that this listener serves.
    UnknownHost,
    /// No route matches, and the fallback is 404.
    NoRoute,
    /// No route matches, and the fallback is 403.
    RouteFallbackDenied,
    /// No credential, and anonymous may not.
    MissingCredential,
    /// The credential cannot be read.
    MalformedCredential,
    /// The issuer is none that is accepted here.
    UnknownIssuer,
    /// The signature does not verify, or the key is unknown.
    BadSignature,
    /// The request is not the one that was signed, or was signed with another secret.
    SignatureMismatch,
    /// A claim is missing, of the wrong type or refused (issuer, audience, type, not before …).
    InvalidClaims,
    /// The token's audience is not accepted here.
    WrongAudience,
    /// The credential has expired.
    ExpiredCredential,
    /// The credential, or the session it stands for, was revoked.
    RevokedCredential,
    /// Its issuer, asked about the token, says that it is not active: made up, revoked or expired.
    InactiveCredential,
    /// The token is bound to a key that the request does not prove to have, or must be bound and is not.
    UnboundCredential,
    /// The DPoP proof is not one for this request, or was used before.
    BadProof,
    /// What is revoked is not known here yet: the store that replicas share was never reached.
    RevocationsUnknown,
    /// No keys to verify the credential with: the provider's trouble, not the client's.
    ProviderUnavailable,
    /// The mapping yields no principal: no rule, no such user, no such role.
    NoPrincipal,
    /// The role asked for is not among the token's, or several are and none was chosen.
    RoleNotOffered,
    /// The role's trust policy does not allow it.
    RoleNotTrusted,
    /// A policy denies it.
    ExplicitDeny,
    /// No policy allows it.
    ImplicitDeny,
    /// The audit record could not be written.
    AuditUnavailable,
    /// The head came too slowly.
    HeadTimeout,
    /// The body came too slowly.
    BodyTimeout,
    /// The body is over the limit.
    BodyTooLarge,
    /// The target is over the limit.
    TargetTooLong,
    /// The head is over the limit.
    HeadTooLarge,
    /// The upstream refused, reset or closed the connection.
    UpstreamUnavailable,
    /// The upstream's answer did not come in time.
    UpstreamTimeout,
    /// Over a rate limit.
    Throttled,
    /// As many requests are under way as may be.
    Overloaded,
    /// No snapshot yet, or shutting down.
    NotReady,
    /// A fault of ours.
    Internal,
}

/// Whose fault it is. Alerts fire on [`Blame::Sidegate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// Nobody's: it went well.
    Nobody,
    /// The client's.
    Client,
    /// The upstream's or an identity provider's.
    Peer,
    /// Ours.
    Sidegate,
}

impl Reason {
    /// Every reason, for metrics that are made in advance.
    pub const ALL: [Self; 42] = [
        Self::Allowed,
        Self::Preflight,
        Self::MalformedRequest,
        Self::MalformedPath,
        Self::InvalidHost,
        Self::MethodNotSupported,
        Self::AmbiguousParameter,
        Self::SeveralCredentials,
        Self::UnknownHost,
        Self::NoRoute,
        Self::RouteFallbackDenied,
        Self::MissingCredential,
        Self::MalformedCredential,
        Self::UnknownIssuer,
        Self::BadSignature,
        Self::SignatureMismatch,
        Self::InvalidClaims,
        Self::WrongAudience,
        Self::ExpiredCredential,
        Self::RevokedCredential,
        Self::InactiveCredential,
        Self::UnboundCredential,
        Self::BadProof,
        Self::RevocationsUnknown,
        Self::ProviderUnavailable,
        Self::NoPrincipal,
        Self::RoleNotOffered,
        Self::RoleNotTrusted,
        Self::ExplicitDeny,
        Self::ImplicitDeny,
        Self::AuditUnavailable,
        Self::HeadTimeout,
        Self::BodyTimeout,
        Self::BodyTooLarge,
        Self::TargetTooLong,
        Self::HeadTooLarge,
        Self::UpstreamUnavailable,
        Self::UpstreamTimeout,
        Self::Throttled,
        Self::Overloaded,
        Self::NotReady,
        Self::Internal,
    ];

    /// The stable label, in snake case, for metrics and audit.
    pub fn label(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Preflight => "preflight",
            Self::MalformedRequest => "malformed_request",
            Self::MalformedPath => "malformed_path",
            Self::InvalidHost => "invalid_host",
            Self::MethodNotSupported => "method_not_supported",
            Self::AmbiguousParameter => "ambiguous_parameter",
            Self::SeveralCredentials => "several_credentials",
            Self::UnknownHost => "unknown_host",
            Self::NoRoute => "no_route",
            Self::RouteFallbackDenied => "route_fallback_denied",
            Self::MissingCredential => "missing_credential",
            Self::MalformedCredential => "malformed_credential",
            Self::UnknownIssuer => "unknown_issuer",
            Self::BadSignature => "bad_signature",
            Self::SignatureMismatch => "signature_mismatch",
            Self::InvalidClaims => "invalid_claims",
            Self::WrongAudience => "wrong_audience",
            Self::ExpiredCredential => "expired_credential",
            Self::RevokedCredential => "revoked_credential",
            Self::InactiveCredential => "inactive_credential",
            Self::UnboundCredential => "unbound_credential",
            Self::BadProof => "bad_proof",
            Self::RevocationsUnknown => "revocations_unknown",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::NoPrincipal => "no_principal",
            Self::RoleNotOffered => "role_not_offered",
            Self::RoleNotTrusted => "role_not_trusted",
            Self::ExplicitDeny => "explicit_deny",
            Self::ImplicitDeny => "implicit_deny",
            Self::AuditUnavailable => "audit_unavailable",
            Self::HeadTimeout => "head_timeout",
            Self::BodyTimeout => "body_timeout",
            Self::BodyTooLarge => "body_too_large",
            Self::TargetTooLong => "target_too_long",
            Self::HeadTooLarge => "head_too_large",
            Self::UpstreamUnavailable => "upstream_unavailable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::Throttled => "throttled",
            Self::Overloaded => "overloaded",
            Self::NotReady => "not_ready",
            Self::Internal => "internal",
        }
    }

    /// What policy decided, in IAM's words; `refused` when the request never came so far.
    pub fn decision(self) -> &'static str {
        match self {
            Self::Allowed | Self::Preflight => "allowed",
            Self::ExplicitDeny => "explicitDeny",
            // Without a credential it was judged as anonymous, and no policy allowed that.
            Self::ImplicitDeny | Self::MissingCredential => "implicitDeny",
            Self::MalformedRequest
            | Self::MalformedPath
            | Self::InvalidHost
            | Self::MethodNotSupported
            | Self::AmbiguousParameter
            | Self::SeveralCredentials
            | Self::UnknownHost
            | Self::NoRoute
            | Self::RouteFallbackDenied
            | Self::MalformedCredential
            | Self::UnknownIssuer
            | Self::BadSignature
            | Self::SignatureMismatch
            | Self::InvalidClaims
            | Self::WrongAudience
            | Self::ExpiredCredential
            | Self::RevokedCredential
            | Self::InactiveCredential
            | Self::UnboundCredential
            | Self::BadProof
            | Self::RevocationsUnknown
            | Self::ProviderUnavailable
            | Self::NoPrincipal
            | Self::RoleNotOffered
            | Self::RoleNotTrusted
            | Self::AuditUnavailable
            | Self::HeadTimeout
            | Self::BodyTimeout
            | Self::BodyTooLarge
            | Self::TargetTooLong
            | Self::HeadTooLarge
            | Self::UpstreamUnavailable
            | Self::UpstreamTimeout
            | Self::Throttled
            | Self::Overloaded
            | Self::NotReady
            | Self::Internal => "refused",
        }
    }

    /// The HTTP status of the refusal; 200 stands for "the upstream's own".
    pub fn status(self) -> u16 {
        match self {
            Self::Allowed | Self::Preflight => 200,
            Self::MalformedRequest
            | Self::MalformedPath
            | Self::InvalidHost
            | Self::MethodNotSupported
            | Self::AmbiguousParameter
            | Self::SeveralCredentials => 400,
            Self::MissingCredential
            | Self::MalformedCredential
            | Self::UnknownIssuer
            | Self::BadSignature
            | Self::SignatureMismatch
            | Self::InvalidClaims
            | Self::WrongAudience
            | Self::ExpiredCredential
            | Self::RevokedCredential
            | Self::InactiveCredential
            | Self::UnboundCredential
            | Self::BadProof => 401,
            Self::RouteFallbackDenied
            | Self::NoPrincipal
            | Self::RoleNotOffered
            | Self::RoleNotTrusted
            | Self::ExplicitDeny
            | Self::ImplicitDeny => 403,
            Self::NoRoute => 404,
            Self::HeadTimeout | Self::BodyTimeout => 408,
            Self::BodyTooLarge => 413,
            Self::TargetTooLong => 414,
            Self::UnknownHost => 421,
            Self::Throttled => 429,
            Self::HeadTooLarge => 431,
            Self::Internal => 500,
            Self::UpstreamUnavailable => 502,
            Self::RevocationsUnknown
            | Self::ProviderUnavailable
            | Self::AuditUnavailable
            | Self::Overloaded
            | Self::NotReady => 503,
            Self::UpstreamTimeout => 504,
        }
    }

    /// The `code` of the refusal's body.
    pub fn code(self) -> &'static str {
        match self {
            Self::Allowed | Self::Preflight => "OK",
            Self::MalformedRequest
            | Self::MalformedPath
            | Self::InvalidHost
            | Self::MethodNotSupported
            | Self::AmbiguousParameter
            | Self::SeveralCredentials
            | Self::HeadTimeout
            | Self::BodyTimeout
            | Self::BodyTooLarge
            | Self::TargetTooLong
            | Self::HeadTooLarge => "InvalidRequest",
            Self::UnknownHost | Self::NoRoute => "NoRoute",
            Self::MissingCredential => "MissingAuthenticationToken",
            Self::MalformedCredential
            | Self::UnknownIssuer
            | Self::BadSignature
            | Self::InvalidClaims
            | Self::WrongAudience
            | Self::RevokedCredential
            | Self::InactiveCredential
            | Self::UnboundCredential
            | Self::BadProof => "InvalidToken",
            Self::SignatureMismatch => "SignatureDoesNotMatch",
            Self::ExpiredCredential => "ExpiredToken",
            Self::RevocationsUnknown | Self::ProviderUnavailable => "ProviderUnavailable",
            Self::RouteFallbackDenied
            | Self::NoPrincipal
            | Self::RoleNotOffered
            | Self::RoleNotTrusted
            | Self::ExplicitDeny
            | Self::ImplicitDeny => "AccessDenied",
            Self::AuditUnavailable => "AuditUnavailable",
            Self::UpstreamUnavailable | Self::NotReady => "UpstreamUnavailable",
            Self::UpstreamTimeout => "UpstreamTimeout",
            Self::Throttled | Self::Overloaded => "Throttled",
            Self::Internal => "InternalError",
        }
    }

    /// Whose fault it is.
    pub fn blame(self) -> Blame {
        match self {
            Self::Allowed | Self::Preflight => Blame::Nobody,
            Self::RevocationsUnknown
            | Self::ProviderUnavailable
            | Self::UpstreamUnavailable
            | Self::UpstreamTimeout
            | Self::Overloaded => Blame::Peer,
            Self::AuditUnavailable | Self::NotReady | Self::Internal => Blame::Sidegate,
            Self::MalformedRequest
            | Self::MalformedPath
            | Self::InvalidHost
            | Self::MethodNotSupported
            | Self::AmbiguousParameter
            | Self::SeveralCredentials
            | Self::UnknownHost
            | Self::NoRoute
            | Self::RouteFallbackDenied
            | Self::MissingCredential
            | Self::MalformedCredential
            | Self::UnknownIssuer
            | Self::BadSignature
            | Self::SignatureMismatch
            | Self::InvalidClaims
            | Self::WrongAudience
            | Self::ExpiredCredential
            | Self::RevokedCredential
            | Self::InactiveCredential
            | Self::UnboundCredential
            | Self::BadProof
            | Self::NoPrincipal
            | Self::RoleNotOffered
            | Self::RoleNotTrusted
            | Self::ExplicitDeny
            | Self::ImplicitDeny
            | Self::HeadTimeout
            | Self::BodyTimeout
            | Self::BodyTooLarge
            | Self::TargetTooLong
            | Self::HeadTooLarge
            | Self::Throttled => Blame::Client,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_distinct_and_statuses_agree_with_the_blame() {
        let mut labels: Vec<_> = Reason::ALL.iter().map(|reason| reason.label()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            let client = (400..500).contains(&reason.status());
            assert_eq!(client, reason.blame() == Blame::Client, "{reason:?}");
        }
    }
}
