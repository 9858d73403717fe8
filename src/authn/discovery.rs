//! From a provider to the bytes of its key set: by discovery, by URL, or from a file of the machine.

use std::time::Duration;

use bytes::Bytes;

use crate::directory::provider::{KeySource, Provider, Url};

use super::fetch::{Access, FetchError, Fetched, get, read_file};
use super::json::Json;
use super::jwks;

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
            let issuer = provider.issuer.trim_end_matches('/');
            let well_known = Url::parse(&format!("{issuer}{WELL_KNOWN}"))
                .map_err(|_| FetchError::Discovery("the issuer is no URL"))?;
            let document = get(&well_known, access).await?;
            let keys = jwks_uri(&document.body, &provider.issuer)?;
            // The bearer token is for the issuer; no document sends it to anybody else.
            let bearer_file = access.bearer_file.filter(|_| keys.same_origin(&well_known));
            let access = Access {
                bearer_file,
                ..access
            };
            get(&keys, access).await
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

/// OpenID Connect Discovery 1.0, section 4.3: the document's issuer is exactly the one that was asked.
fn jwks_uri(document: &[u8], issuer: &str) -> Result<Url, FetchError> {
    let document =
        Json::read(document).map_err(|_| FetchError::Discovery("it is no strict JSON"))?;
    let text = |name: &str| document.get(name).and_then(Json::text);
    if text("issuer") != Some(issuer) {
        return Err(FetchError::Discovery("its `issuer` is another one"));
    }
    let uri = text("jwks_uri").ok_or(FetchError::Discovery("it has no `jwks_uri`"))?;
    Url::parse(uri).map_err(|_| FetchError::Discovery("its `jwks_uri` is no URL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents() {
        let uri = |text: &str| {
            jwks_uri(text.as_bytes(), "https://i.example")
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
