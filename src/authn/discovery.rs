//! From a provider to the bytes of its key set (by discovery, by URL, or from a file of the machine), and to the
//! endpoint that knows its opaque tokens.

use std::time::Duration;

use bytes::Bytes;

use crate::directory::provider::{KeySource, Provider, Url};

use super::fetch::{Access, FetchError, Fetched, get, read_file};
use super::json::Json;
use super::jwks;

/// What to do where a cluster's issuer names its API server by another name (kubeadm: a node's address).
const NOT_SENT: FetchError = FetchError::Discovery(
    "its `jwks_uri` is at another host than the issuer's, which refuses to answer without the `bearer_file` that is not \
     sent there; write `keys: { url: … }` in place of `discovery`, with the address of the keys",
);
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Fetches the key set of a provider; `timeout` is for each of the (at most two) requests.
///
/// # Errors
/// See [`FetchError`].
pub async fn key_set(provider: &Provider, timeout: Duration) -> Result<Fetched, FetchError> {
    let access = Access {
        ca_file: provider.keys.ca_file.as_deref(),
        bearer_file: provider.keys.bearer_file.as_deref(),
        allow_http: provider.allow_http,
        timeout,
    };
    match &provider.keys.source {
        KeySource::Url(url) => get(url, access).await,
        KeySource::Discovery => {
            let well_known = well_known(provider)?;
            let document = get(&well_known, access).await?;
            let keys = named(&document.body, &provider.issuer, &JWKS_URI)?;
            // Loopback needs no TLS where it was written down; from afar nobody leads there.
            if well_known.is_https() && !keys.is_https() && !provider.allow_http {
                return Err(FetchError::PlainHttp);
            }
            // The bearer token is for the issuer; no document sends it to anybody else.
            let bearer_file = access.bearer_file.filter(|_| keys.same_origin(&well_known));
            let kept_back = bearer_file.is_none() && access.bearer_file.is_some();
            let access = Access {
                bearer_file,
                ..access
            };
            match get(&keys, access).await {
                Err(FetchError::Status(401 | 403)) if kept_back => Err(NOT_SENT),
                fetched => fetched,
            }
        }
        KeySource::Certificates { .. } | KeySource::Metadata { .. } => {
            Err(FetchError::Discovery("it has no keys"))
        }
        KeySource::File { path, content } => {
            let body = if let Some(text) = content {
                text.as_bytes().to_vec()
            } else {
                let limit = u64::try_from(jwks::MAX_BYTES).unwrap_or(u64::MAX);
                read_file(path, limit).await?
            };
            Ok(Fetched {
                body: Bytes::from(body),
                max_age: None,
            })
        }
    }
}

/// Where a provider is asked about its tokens, as its discovery document says: at the issuer's own host, because a secret
/// goes there.
///
/// # Errors
/// See [`FetchError`].
pub async fn introspection_endpoint(
    provider: &Provider,
    timeout: Duration,
) -> Result<Url, FetchError> {
    let well_known = well_known(provider)?;
    let access = Access {
        ca_file: provider.keys.ca_file.as_deref(),
        bearer_file: provider.keys.bearer_file.as_deref(),
        allow_http: provider.allow_http,
        timeout,
    };
    let document = get(&well_known, access).await?;
    let endpoint = named(&document.body, &provider.issuer, &ENDPOINT)?;
    if !endpoint.same_origin(&well_known) {
        return Err(FetchError::Discovery(
            "its `introspection_endpoint` is at another host than the issuer's; name it by `introspection.url`",
        ));
    }
    Ok(endpoint)
}

fn well_known(provider: &Provider) -> Result<Url, FetchError> {
    let issuer = provider.issuer.trim_end_matches('/');
    Url::parse(&format!("{issuer}{WELL_KNOWN}"))
        .map_err(|_| FetchError::Discovery("the issuer is no URL"))
}

/// A member that is a URL, and what to say where it is missing or none.
type Member = [&'static str; 3];
const JWKS_URI: Member = [
    "jwks_uri",
    "it has no `jwks_uri`",
    "its `jwks_uri` is no URL",
];
const ENDPOINT: Member = [
    "introspection_endpoint",
    "it has no `introspection_endpoint`",
    "its `introspection_endpoint` is no URL",
];

/// OpenID Connect Discovery 1.0, section 4.3: the document's issuer is exactly the one that was asked.
fn named(document: &[u8], issuer: &str, member: &Member) -> Result<Url, FetchError> {
    let [name, missing, malformed] = member;
    let document =
        Json::read(document).map_err(|_| FetchError::Discovery("it is no strict JSON"))?;
    let text = |name: &str| document.get(name).and_then(Json::text);
    if text("issuer") != Some(issuer) {
        return Err(FetchError::Discovery("its `issuer` is another one"));
    }
    let uri = text(name).ok_or(FetchError::Discovery(missing))?;
    Url::parse(uri).map_err(|_| FetchError::Discovery(malformed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents() {
        let uri = |text: &str| {
            named(text.as_bytes(), "https://i.example", &JWKS_URI)
                .map(|url| url.to_string())
                .map_err(|error| error.to_string())
        };
        assert_eq!(
            uri(r#"{"issuer":"https://i.example","jwks_uri":"https://k.example/jwks"}"#),
            Ok("https://k.example/jwks".to_owned())
        );
        for text in [
            "",
            "[]",
            r#"{"issuer":"https://i.example/","jwks_uri":"https://k.example/"}"#,
            r#"{"issuer":"https://i.example","issuer":"https://i.example","jwks_uri":"https://k/"}"#,
            r#"{"issuer":"https://i.example"}"#,
            r#"{"issuer":"https://i.example","jwks_uri":"file:///etc/passwd"}"#,
            r#"{"issuer":"https://i.example","jwks_uri":["https://k/"]}"#,
        ] {
            assert!(uri(text).is_err(), "{text}");
        }
    }
}
