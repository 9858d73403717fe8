//! Identity providers: who may vouch for whom, and how their tokens' claims become principals.
//!
//! A [`Provider`] is what `identity-providers/NAME.yaml` says, checked once. It is plain data: verifying tokens,
//! fetching keys and applying the mapping are `authn`'s work. Uses `arn` and `source`; knows nothing of HTTP, keys'
//! contents, clocks or files (a key file that belongs to the bundle is handed over with [`Provider::attach_keys`]).

mod certificates;
pub mod claim_map;
mod introspection;
mod read;
mod saml;
pub mod spiffe;
pub mod template;
pub mod url;

use std::sync::Arc;
use std::time::Duration;

use crate::arn::AccountId;
use crate::source::{Report, Span, json};

pub use claim_map::{ClaimMap, Mfa, Target};
pub use introspection::{ClientProof, Introspection};
pub use spiffe::SpiffeId;
pub use template::{ClaimPath, Template};
pub use url::Url;

/// An identity provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Provider {
    /// The file's name without `.yaml`.
    pub name: Arc<str>,
    /// What it vouches with.
    pub kind: Kind,
    /// Where users, groups and bare role names are looked up.
    pub account: AccountId,
    /// The accounts in which the provider exists, so that their roles' trust policies can name it.
    pub trusted_in: Vec<AccountId>,
    /// The exact text that a token's `iss` must be; `spiffe://TRUST-DOMAIN`; of certificates else the name.
    pub issuer: Box<str>,
    /// A token must name at least one of them.
    pub audiences: Vec<Box<str>>,
    /// A SAML assertion must be addressed to one of them.
    pub recipients: Vec<Box<str>>,
    /// Where the verification keys come from.
    pub keys: Keys,
    /// The only algorithms that are accepted.
    pub algorithms: Vec<Algorithm>,
    /// The `typ` that a token's header must have (`at+jwt`); `None`: absent, `JWT` or `at+jwt`.
    pub token_type: Option<Box<str>>,
    /// The longest life (`exp` − `iat`) of a token.
    pub max_token_lifetime: Duration,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// How long keys outlive the last successful fetch.
    pub max_stale: Duration,
    /// Plain `http:` is allowed for other hosts than loopback ones.
    pub allow_http: bool,
    /// Whether tokens must be bound to a key of the client's, and how.
    pub binding: Option<Binding>,
    /// How it is asked about opaque tokens; `None`: it has none.
    pub introspection: Option<Introspection>,
    /// How claims become a principal.
    pub map: ClaimMap,
}

/// What a provider vouches with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Tokens of an OpenID Connect issuer.
    Oidc,
    /// Client certificates with a SPIFFE id of its trust domain.
    Spiffe,
    /// Client certificates without one.
    X509,
    /// SAML 2.0 assertions, which are shown to the STS alone.
    Saml,
}

impl Kind {
    /// How ARNs name it, before `-provider`.
    fn word(self) -> &'static str {
        match self {
            Self::Oidc => "oidc",
            Self::Spiffe => "spiffe",
            Self::X509 => "x509",
            Self::Saml => "saml",
        }
    }
}

/// What must prove that a token is its bearer's, beside the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// A DPoP proof (RFC 9449).
    Dpop,
    /// The connection's client certificate (RFC 8705).
    Certificate,
    /// Either.
    Any,
}

/// Where verification keys come from, and how they are fetched.
#[derive(Debug, Clone, PartialEq)]
pub struct Keys {
    /// The place.
    pub source: KeySource,
    /// A PEM file of the only certificate authorities to trust; `None`: the public ones.
    pub ca_file: Option<Box<str>>,
    /// A file with a bearer token to send along (a Kubernetes API server asks for one); read anew at each fetch.
    pub bearer_file: Option<Box<str>>,
    /// Keys are fetched anew at least this often.
    pub refresh: Duration,
}

/// The place that verification keys come from.
#[derive(Debug, Clone, PartialEq)]
pub enum KeySource {
    /// `ISSUER/.well-known/openid-configuration` names it.
    Discovery,
    /// A JWK Set by URL.
    Url(Url),
    /// A JWK Set in a file.
    File {
        /// As written: absolute, or inside the bundle.
        path: Box<str>,
        /// The content, for a file inside the bundle; an absolute one is read, and re-read on change, by `authn`.
        content: Option<Box<str>>,
    },
    /// No keys: its listener's authorities verify client certificates.
    Certificates {
        /// A file of the bundle with the only authorities (PEM) that may vouch for it; `None`: all of the listener's.
        path: Option<Box<str>>,
        /// Its content.
        content: Option<Box<str>>,
    },
    /// The certificates in an identity provider's SAML metadata, a file of the bundle.
    Metadata {
        /// As written.
        path: Box<str>,
        /// Its content.
        content: Option<Box<str>>,
    },
}

/// A signature algorithm that Sidegate knows (RFC 7518, RFC 8037). Symmetric ones are absent on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// Its `alg` name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of an `alg` name; `Ed25519` is RFC 9864's name of what RFC 8037 calls `EdDSA`.
    pub fn named(name: &str) -> Option<Self> {
        if name == "Ed25519" {
            return Some(Self::EdDsa);
        }
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }
}

/// Namespaces of condition keys that are IAM's and our own.
const NAMESPACES: [&str; 5] = ["aws", "iam", "saml", "sidegate", "sts"];

/// Whether keys that begin with this word and a colon are never a provider's claims.
pub fn is_namespace(word: &str) -> bool {
    NAMESPACES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(word))
}

impl Provider {
    /// `HOST/PATH` of the issuer: what ARNs and condition keys name the provider by.
    pub fn host_and_path(&self) -> &str {
        self.issuer
            .split_once("://")
            .map_or(&*self.issuer, |(_, rest)| rest)
    }

    /// The provider's ARN in `account`.
    pub fn arn(&self, partition: &str, account: AccountId) -> String {
        format!(
            "arn:{partition}:iam::{account}:{}-provider/{}",
            self.kind.word(),
            self.host_and_path()
        )
    }

    /// Whether the provider exists in `account`.
    pub fn exists_in(&self, account: AccountId) -> bool {
        self.trusted_in.contains(&account)
    }

    /// Whether the keys of another configuration come from the same place in the same way.
    pub fn same_key_source(&self, other: &Self) -> bool {
        self.issuer == other.issuer
            && self.keys == other.keys
            && self.allow_http == other.allow_http
            && self.max_stale == other.max_stale
    }

    /// The path of the key file that the bundle must hold, if the provider names one.
    pub fn key_file(&self) -> Option<&str> {
        match &self.keys.source {
            KeySource::File { path, .. } if !path.starts_with('/') => Some(path),
            KeySource::Certificates { path, .. } => path.as_deref(),
            KeySource::Metadata { path, .. } => Some(path),
            KeySource::File { .. } | KeySource::Discovery | KeySource::Url(_) => None,
        }
    }

    /// The only authorities (PEM) whose certificates are this provider's word; `None`: all of the listener's.
    pub fn authorities(&self) -> Option<&str> {
        match &self.keys.source {
            KeySource::Certificates {
                path: Some(_),
                content,
            } => Some(content.as_deref().unwrap_or_default()),
            KeySource::Certificates { path: None, .. }
            | KeySource::Metadata { .. }
            | KeySource::File { .. }
            | KeySource::Discovery
            | KeySource::Url(_) => None,
        }
    }

    /// Hands over the content of [`Provider::key_file`]. `report` is on that file.
    pub fn attach_keys(&mut self, text: &str, report: &mut Report) {
        let content = match &mut self.keys.source {
            KeySource::File { content, .. } => content,
            KeySource::Certificates { content, .. } | KeySource::Metadata { content, .. } => {
                *content = Some(text.into());
                return;
            }
            KeySource::Discovery | KeySource::Url(_) => return,
        };
        let Some(node) = json::read(text, report) else {
            return;
        };
        let keys = node.get("keys").and_then(|keys| keys.as_list());
        if keys.is_none_or(<[_]>::is_empty) {
            report.error(
                "malformed-keys",
                Span::WHOLE_FILE,
                "this is no JWK Set with at least one key",
                "write {\"keys\": [{\"kty\": …}, …]} (RFC 7517)",
            );
        }
        *content = Some(text.into());
    }
}

#[cfg(test)]
mod tests;
