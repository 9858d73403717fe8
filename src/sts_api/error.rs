//! Refusals in AWS's words: a code, an HTTP status and a message.

use crate::outcome::Reason;

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Error {
    pub(super) code: &'static str,
    pub(super) status: u16,
    /// For the client.
    pub(super) message: String,
    /// For the record.
    pub(super) reason: Reason,
    /// For the record alone, where the client is told less.
    pub(super) detail: Option<String>,
}

impl Error {
    pub(super) fn new(
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
    pub(super) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// A parameter is not as the API has it.
    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationError", 400, Reason::MalformedRequest, message)
    }

    /// A constraint of the API's model.
    pub(super) fn constraint(field: &str, constraint: &str) -> Self {
        Self::validation(format!(
            "1 validation error detected: Value at '{field}' failed to satisfy constraint: {constraint}"
        ))
    }

    pub(super) fn malformed_policy(message: impl Into<String>) -> Self {
        let code = "MalformedPolicyDocument";
        Self::new(code, 400, Reason::MalformedRequest, message)
    }

    /// Known, and not allowed.
    pub(super) fn denied(reason: Reason, message: impl Into<String>) -> Self {
        Self::new("AccessDenied", 403, reason, message)
    }

    pub(super) fn missing_token() -> Self {
        Self::new(
            "MissingAuthenticationToken",
            403,
            Reason::MissingCredential,
            "Request is missing Authentication Token",
        )
    }

    pub(super) fn invalid_client_token(reason: Reason) -> Self {
        Self::new(
            "InvalidClientTokenId",
            403,
            reason,
            "The security token included in the request is invalid.",
        )
    }

    pub(super) fn internal() -> Self {
        Self::new(
            "InternalFailure",
            500,
            Reason::Internal,
            "The request processing has failed because of an unknown error.",
        )
    }

    /// Whose fault it is, in the protocol's words.
    pub(super) fn kind(&self) -> &'static str {
        if self.status < 500 {
            "Sender"
        } else {
            "Receiver"
        }
    }
}
