//! `introspection` of `identity-providers/NAME.yaml`: how a provider is asked about its opaque tokens (RFC 7662).

use std::time::Duration;

use crate::source::mapping::Mapping;
use crate::source::{Node, Report, Span};

use super::read::url;
use super::{KeySource, Keys, Url};

/// How long an answer is believed, in seconds: so long a revoked token may go on.
const MAX_AGE: u64 = 30;
const MAX_PREFIX: usize = 64;

/// How Sidegate proves to the endpoint who asks; the files are of the machine, and read anew each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientProof {
    /// `client_secret_basic`: a file with the client's secret.
    Secret(Box<str>),
    /// `private_key_jwt` (RFC 7523): a PEM file with the client's private key, and the name that the issuer has for it.
    Key {
        /// The file.
        file: Box<str>,
        /// `kid`.
        id: Option<Box<str>>,
    },
}

/// How opaque tokens are asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Introspection {
    /// Who is asked; `None`: `introspection_endpoint` of the discovery document.
    pub endpoint: Option<Url>,
    /// As whom Sidegate asks.
    pub client_id: Box<str>,
    /// How that is proven.
    pub proof: ClientProof,
    /// A PEM file of the only certificate authorities to trust; `None`: the public ones.
    pub ca_file: Option<Box<str>>,
    /// What the provider's opaque tokens begin with; empty: anything.
    pub token_prefix: Box<str>,
    /// How long an answer is believed.
    pub max_age: Duration,
    /// Whom a token is for of which the answer does not say so.
    pub default_audience: Option<Box<str>>,
}

impl Introspection {
    /// Reads it; `keys` and `audiences` are those of the provider.
    pub(super) fn read(
        node: &Node,
        keys: Option<&Keys>,
        audiences: &[Box<str>],
        allow_http: bool,
        report: &mut Report,
    ) -> Option<Self> {
        let mut map = Mapping::of(node, "`introspection`", report)?;
        let address = map.string("url", report);
        let client_id = map.required_string("client_id", report);
        let secret_file = map.string("client_secret_file", report);
        let key_file = map.string("client_key_file", report);
        let key_id = map.string("client_key_id", report);
        let ca_file = map.string("ca_file", report);
        let prefix = map.string("token_prefix", report);
        let max_age = map.integer("max_age", 1..=3600, report);
        let audience = map.string("default_audience", report);
        let span = map.span();
        map.finish(report);
        let by_discovery = keys.is_none_or(|keys| keys.source == KeySource::Discovery);
        if address.is_none() && !by_discovery {
            report.error(
                "missing-key",
                span,
                "`introspection` needs the key `url`: without `keys: { discovery: true }` nothing names the endpoint",
                "add `url: https://…`",
            );
        }
        let endpoint = match address {
            Some((text, span)) => Some(url(text, span, "url", allow_http, report)?),
            None => None,
        };
        let proof = client_proof(secret_file, key_file, key_id, span, report);
        for (key, value) in [
            ("client_secret_file", secret_file),
            ("client_key_file", key_file),
            ("ca_file", ca_file),
        ] {
            if let Some((path, span)) = value
                && !path.starts_with('/')
            {
                report.error(
                    "malformed-path",
                    span,
                    format!("`{key}` is a file of the machine, not of the bundle"),
                    "write an absolute path",
                );
            }
        }
        if let Some((audience, span)) = audience
            && !audiences.iter().any(|known| **known == *audience)
        {
            report.error(
                "malformed-value",
                span,
                "`default_audience` is none of the provider's `audiences`",
                "write one of them, or leave the key out: tokens that do not say whom they are for are refused then",
            );
        }
        let token_prefix = match prefix {
            Some((text, span)) => token_prefix(text, span, report)?,
            None => "",
        };
        let own = keys.and_then(|keys| keys.ca_file.as_deref());
        Some(Self {
            endpoint,
            client_id: client_id?.0.into(),
            proof: proof?,
            ca_file: ca_file.map(|(path, _)| path).or(own).map(Into::into),
            token_prefix: token_prefix.into(),
            max_age: Duration::from_secs(max_age.unwrap_or(MAX_AGE)),
            default_audience: audience.map(|(text, _)| text.into()),
        })
    }

    /// Whether a token that begins as the one's do may be one of the other's.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (one, other) = (&*self.token_prefix, &*other.token_prefix);
        one.starts_with(other) || other.starts_with(one)
    }
}

/// One of the two, and a name of a key only beside a key.
fn client_proof(
    secret: Option<(&str, Span)>,
    key: Option<(&str, Span)>,
    id: Option<(&str, Span)>,
    span: Span,
    report: &mut Report,
) -> Option<ClientProof> {
    match (secret, key, id) {
        (Some((file, _)), None, None) => Some(ClientProof::Secret(file.into())),
        (None, Some((file, _)), id) => Some(ClientProof::Key {
            file: file.into(),
            id: id.map(|(id, _)| id.into()),
        }),
        (None, None, _) => {
            report.error(
                "missing-key",
                span,
                "`introspection` needs the key `client_secret_file` or `client_key_file`",
                "name the file with the client's secret, or with its private key",
            );
            None
        }
        (Some(_), _, _) => {
            report.error(
                "malformed-value",
                span,
                "`client_secret_file` stands beside `client_key_file` or `client_key_id`",
                "leave out the secret, or the key",
            );
            None
        }
    }
}

/// Letters of RFC 6750's `b64token`, and nothing that a JWT begins with: those are never shown to an endpoint.
fn token_prefix<'t>(text: &'t str, span: Span, report: &mut Report) -> Option<&'t str> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    let fits = (1..=MAX_PREFIX).contains(&text.len()) && text.bytes().all(letter);
    if fits && !text.starts_with("ey") {
        return Some(text);
    }
    report.error(
        "malformed-value",
        span,
        "`token_prefix` is what opaque tokens begin with, and no JWT does",
        "write up to 64 letters, digits and -._~+/, or leave the key out",
    );
    None
}
