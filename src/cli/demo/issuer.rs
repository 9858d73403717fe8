//! The demo's OpenID Connect issuer: several issuers on one port, each at its own path, with one set of keys.
//!
//! `/NAME/.well-known/openid-configuration` names `/NAME/jwks`. It gives out no tokens: the demo and `sidegate token`
//! mint them from the keys.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::{Map, Value, json};

use crate::cli::demo::keys::{self, ALGORITHMS, Keys};
use crate::cli::demo::private;
use crate::cli::demo::server::{self, Server};
use crate::clock::Clock;

/// The name of the file that [`Issuer::keep`] writes.
const FILE: &str = "issuer.json";

/// Issuers by the names of their providers, and the keys to sign for them.
#[derive(Debug)]
pub struct Issuer {
    keys: Keys,
    providers: BTreeMap<String, Provider>,
}

/// One issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// Whom its tokens are for, the usual one first.
    pub audiences: Vec<String>,
    /// What its tokens may be signed with, the usual one first.
    pub algorithms: Vec<String>,
}

/// What a token says.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// Whose token; `None`: the first of the providers.
    pub provider: Option<&'a str>,
    /// `sub`.
    pub subject: &'a str,
    /// `aud`; `None`: the provider's first.
    pub audience: Option<&'a str>,
    /// `alg`; `None`: the provider's first of those that there are keys for.
    pub algorithm: Option<&'a str>,
    /// How long it is good, in seconds; below zero it has expired already.
    pub seconds: i64,
    /// Further claims, which win over the others; `null` removes one.
    pub claims: Map<String, Value>,
}

impl Provider {
    /// Whether its tokens may be signed with it.
    pub fn accepts(&self, algorithm: &str) -> bool {
        self.algorithms.iter().any(|known| known == algorithm)
    }

    /// The first algorithm that it accepts and the issuer has a key for.
    fn algorithm(&self) -> Option<&'static str> {
        let mut accepted = self.algorithms.iter();
        accepted.find_map(|name| ALGORITHMS.into_iter().find(|known| known == name))
    }
}

impl Issuer {
    /// The keys that it signs with.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Issuers that sign with `keys`.
    pub fn new(keys: Keys) -> Self {
        Self {
            keys,
            providers: BTreeMap::new(),
        }
    }

    /// Adds an issuer.
    pub fn add(&mut self, name: &str, provider: Provider) {
        self.providers.insert(name.to_owned(), provider);
    }

    /// The issuers by name.
    pub fn providers(&self) -> &BTreeMap<String, Provider> {
        &self.providers
    }

    /// The provider of a name; without one the usual.
    ///
    /// # Errors
    /// When there is none.
    pub fn provider(&self, name: Option<&str>) -> Result<&Provider> {
        let known = || {
            let names: Vec<_> = self.providers.keys().map(String::as_str).collect();
            names.join(", ")
        };
        match name {
            Some(name) => self
                .providers
                .get(name)
                .with_context(|| format!("there is no provider `{name}`; there are {}", known())),
            None => self
                .providers
                .get("corp")
                .or_else(|| self.providers.values().next())
                .context("the demo has no provider"),
        }
    }

    /// Mints a token.
    ///
    /// # Errors
    /// When there is no such provider, audience or algorithm.
    pub fn token(&self, wanted: &Wanted<'_>, clock: &Clock) -> Result<String> {
        let provider = self.provider(wanted.provider)?;
        let audience = wanted
            .audience
            .or_else(|| provider.audiences.first().map(String::as_str))
            .context("the provider has no audience: name one")?;
        let mut claims = keys::claims(
            &provider.issuer,
            audience,
            wanted.subject,
            clock.now(),
            wanted.seconds,
        );
        claims.extend(wanted.claims.clone());
        claims.retain(|_, value| !value.is_null());
        let algorithm = wanted.algorithm.or_else(|| provider.algorithm());
        let algorithm = algorithm.with_context(|| {
            let (accepted, known) = (provider.algorithms.join(", "), ALGORITHMS.join(", "));
            format!("the provider accepts {accepted}, and the demo issuer signs with {known}: name one of these with --algorithm")
        })?;
        self.keys.sign(algorithm, &claims)
    }

    /// Writes keys and issuers to a private file in `folder`, for `sidegate token`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, folder: &Path) -> Result<()> {
        let providers: Map<String, Value> = self
            .providers
            .iter()
            .map(|(name, provider)| {
                let Provider {
                    issuer,
                    audiences,
                    algorithms,
                } = provider;
                let value =
                    json!({"issuer": issuer, "audiences": audiences, "algorithms": algorithms});
                (name.clone(), value)
            })
            .collect();
        let kept = json!({"keys": self.keys.write(), "providers": providers});
        private::write(&folder.join(FILE), &format!("{kept:#}\n"))
    }

    /// What [`Issuer::keep`] wrote.
    ///
    /// # Errors
    /// When there is no such file, or it is another.
    pub fn kept(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).with_context(|| {
            let shown = path.display();
            format!("{shown} cannot be read; `sidegate demo`, running in this folder, writes it")
        })?;
        let kept: Value = serde_json::from_str(&text).context("the issuer's file is damaged")?;
        let member = |name: &str| kept.get(name).unwrap_or(&Value::Null);
        let mut issuer = Self::new(Keys::read(member("keys"))?);
        for (name, provider) in member("providers").as_object().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let texts = |name: &str| {
                let list = provider.get(name).and_then(Value::as_array);
                list.into_iter().flatten().map(text).collect()
            };
            let provider = Provider {
                issuer: provider.get("issuer").map(text).unwrap_or_default(),
                audiences: texts("audiences"),
                algorithms: texts("algorithms"),
            };
            issuer.add(name, provider);
        }
        Ok(issuer)
    }
}

/// Starts to serve the public keys. Any first part of the path is an issuer: `http://ADDRESS/NAME`.
///
/// # Errors
/// When no port can be had.
pub async fn serve(keys: &Keys) -> Result<Server> {
    let jwks = Arc::new(keys.jwks());
    Server::start(|address| {
        move |request: Request<Incoming>| {
            let jwks = Arc::clone(&jwks);
            async move { answer(address, request.uri().path(), &jwks) }
        }
    })
    .await
}

fn answer(address: SocketAddr, path: &str, jwks: &Value) -> Response<Full<Bytes>> {
    if let Some(name) = path.strip_suffix("/.well-known/openid-configuration") {
        let issuer = format!("http://{address}{name}");
        let document = json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/jwks"),
            "id_token_signing_alg_values_supported": ALGORITHMS,
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
        });
        return server::json(200, &document);
    }
    if path.ends_with("/jwks") {
        return server::json(200, jwks);
    }
    server::json(404, &json!({"message": "there is nothing here"}))
}
