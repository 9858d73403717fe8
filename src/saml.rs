//! SAML 2.0 responses: what an identity provider says of somebody, verified and read.
//!
//! One way in, [`verify`], one way out, an [`Assertion`]: everything in it was read from the very element whose
//! signature verified. XML signatures are `bergshamra`'s work; what may stand in a document at all is ours, and it is
//! little: no DTD, comment, processing instruction or CDATA, one assertion, signatures in their two places only. Uses
//! `directory` for the provider; knows no HTTP and no roles, and is told the time.

mod assertion;
mod document;
mod metadata;
mod signature;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::clock::Timestamp;
use crate::directory::provider::Provider;

pub use assertion::Assertion;
pub use metadata::Metadata;

/// An assertion is good this long after it was issued (AWS: five minutes).
pub const WINDOW: std::time::Duration = std::time::Duration::from_secs(5 * 60);

/// Why an assertion is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is none, or is not signed as it must be, or not for this service.
    #[error("{0}")]
    Invalid(String),
    /// It was good once.
    #[error("{0}")]
    Expired(String),
    /// The identity provider says that it could not vouch.
    #[error("{0}")]
    Rejected(String),
}

impl Fault {
    fn invalid(why: impl Into<String>) -> Self {
        Self::Invalid(why.into())
    }
}

/// Verifies a base64 text of a `samlp:Response`.
///
/// # Errors
/// See [`Fault`].
pub fn verify(
    encoded: &str,
    metadata: &Metadata,
    provider: &Provider,
    now: Timestamp,
) -> Result<Assertion, Fault> {
    let compact: String = encoded
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .collect();
    let bytes = STANDARD
        .decode(compact)
        .map_err(|_| Fault::invalid("it is not base64"))?;
    let text = String::from_utf8(bytes).map_err(|_| Fault::invalid("it is not UTF-8"))?;
    if metadata.valid_until().is_some_and(|end| end <= now) {
        return Err(Fault::invalid("the provider's metadata has expired"));
    }
    let document = document::Document::parse_strictly(&text)?;
    let places = signature::verify(&document, metadata)?;
    assertion::read(&document, &places, metadata, provider, now)
}

#[cfg(test)]
mod tests;
