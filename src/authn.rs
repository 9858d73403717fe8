//! Who a request is: finds its one credential, verifies it, and makes the principal.
//!
//! [`Authenticator::authenticate`] turns what a request presents into a [`Verified`] credential, waiting for a key server
//! only when a key is unknown; [`Authenticator::identify`] turns that into an [`Identity`] of the directory: a token's by
//! the provider's mapping and the role's trust policy ([`identify`]), without I/O. Time, settings and providers are handed in. Uses the directory and the policy engine;
//! knows nothing of routes, replies, metrics or the audit log: a [`Failure`] says what they need.

mod authenticator;
pub mod binding;
pub mod cache;
pub mod certificate;
pub mod claims;
pub mod credential;
pub mod credentials;
mod digest;
pub mod discovery;
pub mod dpop;
pub mod fetch;
pub mod identity;
mod introspection;
pub mod json;
pub mod jwks;
pub mod jwt;
pub mod keys;
pub mod mapping;
mod named;
pub mod opener;
pub mod password;
mod percent;
mod possession;
pub(crate) mod recent;
pub mod session;
mod signatures;
pub mod sigv4;
mod verified;
mod waiting;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderMap;

use crate::clock::Timestamp;
use crate::directory::provider::Provider;
use crate::outcome::Reason;
use crate::state::Ledger;

pub use authenticator::Authenticator;
pub use cache::Counts;
pub use certificate::{Certificate, Distrust};
pub use credential::Lines as Credentials;
pub use identity::Identity;
pub use jwt::VerifiedToken;
pub use keys::State;
pub use mapping::identify;
pub use named::{NameError, named};
pub use opener::Opener;
pub use session::{Session, SessionOf, Sessions};
pub use verified::{ApiKey, Authentication, KeyOwner, Method, Signature, Verified};

use credential::{CredentialError, TokenPlaces};
use jwt::TokenError;
use keys::Timing;

/// What can be set.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Where keys are kept over restarts; `None`: nowhere.
    pub state: Option<PathBuf>,
    /// Where else than in `Authorization` tokens may stand.
    pub places: TokenPlaces,
    /// How many verified tokens are kept.
    pub cache: cache::Size,
    /// How long fetching keys may take.
    pub timing: Timing,
    /// Long-lived access keys and API keys; `None`: none is known.
    pub credentials: Option<Arc<credentials::Store>>,
    /// What opens session tokens; `None`: none is accepted.
    pub sessions: Option<Arc<dyn Sessions>>,
    /// What is revoked, and what was used.
    pub ledger: Arc<Ledger>,
}

/// What a request presents, and whose tokens its route accepts.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// What time it is, where that was found out already.
    pub now: Option<Timestamp>,
    /// Its method.
    pub method: &'a str,
    /// Its path as it came, escapes and dot segments included: what a signature is over.
    pub path: &'a str,
    /// Its query, as it came.
    pub query: Option<&'a str>,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// What they hold of credentials, where somebody has looked already.
    pub credentials: Option<&'a Credentials<'a>>,
    /// HTTP/2's `:authority`, which stands for a missing `Host`.
    pub authority: Option<&'a str>,
    /// Whether the client's own connection has TLS.
    pub secure: bool,
    /// The connection's client certificate, or why it is not to be relied on.
    pub certificate: Option<Result<&'a Certificate, Distrust>>,
    /// An open stream is decided again: a proof that is good for one request has been used for it, and is not asked for.
    pub again: bool,
    /// The SHA-256 of its body, if that was read.
    pub body: Option<&'a [u8; 32]>,
    /// Whom a signature must be for; `None`: signatures are not accepted here.
    pub signing: Option<Signing<'a>>,
    /// The providers that are accepted here.
    pub providers: &'a [Arc<Provider>],
    /// Which of their audiences are; `None`: all.
    pub audiences: Option<&'a [Box<str>]>,
}

/// What a signature must be for.
#[derive(Debug, Clone, Copy)]
pub struct Signing<'a> {
    /// The only region.
    pub region: &'a str,
    /// The only service name.
    pub service: &'a str,
    /// May bodies be left unsigned.
    pub unsigned_payload: bool,
    /// Are root users' keys accepted: of the STS alone.
    pub root: bool,
}

impl<'a> Presented<'a> {
    /// A request of which only headers matter: no signature is accepted.
    pub fn of_headers(headers: &'a HeaderMap, providers: &'a [Arc<Provider>]) -> Self {
        Self {
            now: None,
            method: "GET",
            path: "/",
            query: None,
            headers,
            credentials: None,
            authority: None,
            secure: false,
            certificate: None,
            again: false,
            body: None,
            signing: None,
            providers,
            audiences: None,
        }
    }
}

/// Why nobody was identified.
#[derive(Debug, Clone)]
pub struct Failure {
    /// For reply, metrics and audit.
    pub reason: Reason,
    /// For the log; never shown to the client.
    pub detail: String,
    /// Whose token it was, where that is known.
    pub provider: Option<Arc<str>>,
    /// What kind of credential it was, where there was one.
    pub method: Option<Method>,
}

/// How a provider's keys are.
#[derive(Debug, Clone)]
pub struct ProviderStatus {
    /// The provider.
    pub name: Arc<str>,
    /// How its keys are.
    pub state: State,
    /// How long ago they were fetched; `None`: never, or they are part of the bundle.
    pub age: Option<Duration>,
}

impl Failure {
    #[cold]
    fn of(error: &TokenError, provider: Option<&Arc<Provider>>) -> Self {
        Self {
            reason: error.reason(),
            detail: error.to_string(),
            provider: provider.map(|provider| Arc::clone(&provider.name)),
            method: Some(Method::Jwt),
        }
    }

    /// The provider's trouble, not the client's: 503, never 401.
    #[cold]
    fn unavailable(provider: &Provider) -> Self {
        Self {
            reason: Reason::ProviderUnavailable,
            detail: format!(
                "no usable keys of provider {} for this token",
                provider.name
            ),
            provider: Some(Arc::clone(&provider.name)),
            method: Some(Method::Jwt),
        }
    }
}

impl From<CredentialError> for Failure {
    #[cold]
    fn from(error: CredentialError) -> Self {
        Self {
            reason: error.reason(),
            detail: error.to_string(),
            provider: None,
            // Which one was meant cannot be said; tokens are what most clients send.
            method: Some(Method::Jwt),
        }
    }
}

impl From<Distrust> for Failure {
    #[cold]
    fn from(distrust: Distrust) -> Self {
        Self {
            reason: distrust.reason(),
            detail: distrust.to_string(),
            provider: None,
            method: Some(Method::Certificate),
        }
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// Lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
