//! Refusals in AWS's words: a code, an HTTP status and a message.

use crate::outcome::Reason;

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    pub(crate) code: &'static str,
    pub(crate) status: u16,
    /// For the client.
    pub(crate) message: String,
    /// For the record.
    pub(crate) reason: Reason,
    /// For the record alone, where the client is told less.
    pub(crate) detail: Option<String>,
}

impl Error {
    pub(crate) fn new(
        code: &'static str,
        status: u16,
        reason: Reason,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            status,
            message: message.into(),
            reason,
            detail: None,
        }
    }

    #[must_use]
    pub(crate) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// A parameter is not as the API has it.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationError", 400, Reason::MalformedRequest, message)
    }

    /// A constraint of the API's model.
    pub(crate) fn constraint(field: &str, constraint: &str) -> Self {
        Self::validation(format!(
            "1 validation error detected: Value at '{field}' failed to satisfy constraint: {constraint}"
        ))
    }

    pub(crate) fn malformed_policy(message: impl Into<String>) -> Self {
        let code = "MalformedPolicyDocument";
        Self::new(code, 400, Reason::MalformedRequest, message)
    }

    /// Of a known kind, but not there.
    pub(crate) fn no_such_entity(message: impl Into<String>) -> Self {
        Self::new("NoSuchEntity", 404, Reason::NoRoute, message)
    }

    /// The parameters do not go together, or are of no use.
    pub(crate) fn invalid_input(message: impl Into<String>) -> Self {
        Self::new("InvalidInput", 400, Reason::MalformedRequest, message)
    }

    /// Known, and not allowed.
    pub(crate) fn denied(reason: Reason, message: impl Into<String>) -> Self {
        Self::new("AccessDenied", 403, reason, message)
    }

    pub(crate) fn missing_token() -> Self {
        Self::new(
            "MissingAuthenticationToken",
            403,
            Reason::MissingCredential,
            "Request is missing Authentication Token",
        )
    }

    pub(crate) fn invalid_client_token(reason: Reason) -> Self {
        Self::new(
            "InvalidClientTokenId",
            403,
            reason,
            "The security token included in the request is invalid.",
        )
    }

    /// Nobody can say whether a session is revoked.
    pub(crate) fn revocations_unknown() -> Self {
        Self::new(
            "ServiceUnavailable",
            503,
            Reason::RevocationsUnknown,
            "What is revoked is not known yet; try again.",
        )
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            "InternalFailure",
            500,
            Reason::Internal,
            "The request processing has failed because of an unknown error.",
        )
    }

    /// Whose fault it is, in the protocol's words.
    pub(crate) fn kind(&self) -> &'static str {
        if self.status < 500 {
            "Sender"
        } else {
            "Receiver"
        }
    }
}
