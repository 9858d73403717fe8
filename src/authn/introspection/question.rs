//! One question about a token, and its answer (RFC 7662, section 2).
//!
//! The token and the client's secret go to the endpoint of the bundle, or to the one that the issuer's own discovery
//! document names at the issuer's own host; redirects are not followed. What comes back is read strictly: bounded, no
//! member twice, `active` a boolean. An answer that is none says nothing of the token.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Mutex;

use crate::authn::claims::Claims;
use crate::authn::discovery;
use crate::authn::fetch::{self, Access, FetchError, Post};
use crate::authn::json::Json;
use crate::authn::jwt::{TokenError, VerifiedToken};
use crate::clock::{Timestamp, monotonic};
use crate::directory::provider::{Introspection, Provider, Url};

use super::client;

/// The largest answer.
const MAX_ANSWER: usize = 64 * 1024;

/// Where tokens are asked about.
#[derive(Debug)]
pub(super) struct Endpoint {
    introspection: Introspection,
    timeout: Duration,
    /// What the discovery document named, and when.
    named: Mutex<Option<(Url, Instant)>>,
}

/// What came back: the members of an object whose `active` is a boolean.
#[derive(Debug)]
pub(super) struct Answer {
    active: bool,
    members: Vec<(Box<str>, Json)>,
    default_audience: Option<Box<str>>,
    /// How long it is believed.
    pub(super) max_age: Duration,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) why: String,
    /// The endpoint does not like this one question, and may well answer others.
    pub(super) of_token: bool,
}

impl Endpoint {
    /// `wait` is what a request has in all: the question takes less, so that its failure is known.
    pub(super) fn new(introspection: Introspection, wait: Duration) -> Self {
        Self {
            introspection,
            timeout: wait.mul_f64(0.75),
            named: Mutex::new(None),
        }
    }

    /// Asks about a token.
    pub(super) async fn ask(
        &self,
        provider: &Provider,
        token: &str,
        now: Timestamp,
    ) -> Result<Answer, Failure> {
        let trouble = |why: String| Failure {
            why,
            of_token: false,
        };
        let asking = tokio::time::timeout(self.timeout, self.send(provider, token, now)).await;
        let timeout = FetchError::Timeout(self.timeout);
        let (status, body) = asking
            .unwrap_or(Err(timeout))
            .map_err(|error| trouble(error.to_string()))?;
        let why = match status {
            200 => {
                let read = Answer::parse(&body, &self.introspection);
                return read.map_err(|why| trouble(why.to_owned()));
            }
            400 | 401 | 403 => format!(
                "the endpoint refuses to answer ({status}): is `client_id` known there, and its secret or key right?"
            ),
            other => format!("the answer's status is {other}"),
        };
        // Of what they hold or how long they are.
        let of_token = matches!(status, 400 | 413 | 414 | 422 | 431);
        Err(Failure { why, of_token })
    }

    async fn send(
        &self,
        provider: &Provider,
        token: &str,
        now: Timestamp,
    ) -> Result<(u16, Bytes), FetchError> {
        let url = self.url(provider).await?;
        let access = Access {
            ca_file: self.introspection.ca_file.as_deref(),
            bearer_file: None,
            allow_http: provider.allow_http,
            timeout: self.timeout,
        };
        let token = escaped(token);
        let proof = client::proof(&self.introspection, &provider.issuer, now).await?;
        let form = format!("token={token}&token_type_hint=access_token{}", proof.form);
        let post = Post {
            body: Bytes::from(form),
            authorization: proof.authorization,
            accept: "application/json",
            limit: MAX_ANSWER,
        };
        fetch::post(&url, access, post).await
    }

    /// The configured one, or the one that discovery named within the time for which keys are kept. One that cannot be
    /// looked up anew stays.
    async fn url(&self, provider: &Provider) -> Result<Url, FetchError> {
        if let Some(url) = &self.introspection.endpoint {
            return Ok(url.clone());
        }
        let mut named = self.named.lock().await;
        if let Some((url, at)) = &*named
            && at.elapsed() < provider.keys.refresh
        {
            return Ok(url.clone());
        }
        let found = discovery::introspection_endpoint(provider, self.timeout).await;
        let url = match (found, &*named) {
            (Ok(url), _) => url,
            (Err(_), Some((url, _))) => url.clone(),
            (Err(error), None) => return Err(error),
        };
        *named = Some((url.clone(), monotonic()));
        Ok(url)
    }
}

impl Answer {
    /// Reads what an endpoint said.
    pub(super) fn parse(body: &[u8], introspection: &Introspection) -> Result<Self, &'static str> {
        let Ok(Json::Object(members)) = Json::read(body) else {
            return Err("the answer is no strict JSON object");
        };
        let active = members.iter().find(|(name, _)| &**name == "active");
        let Some((_, Json::Bool(active))) = active else {
            return Err("the answer does not say whether the token is `active`");
        };
        Ok(Self {
            active: *active,
            members,
            default_audience: introspection.default_audience.clone(),
            max_age: introspection.max_age,
        })
    }

    /// What it says of the token, judged as if the token said so itself; `digest` is the token's SHA-256.
    pub(super) fn read(
        &self,
        provider: &Arc<Provider>,
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<VerifiedToken, TokenError> {
        if !self.active {
            return Err(TokenError::Inactive);
        }
        self.is_access_token()?;
        let mut members = self.members.clone();
        members.retain(|(name, _)| &**name != "active");
        let mut unless_said = |name: &str, value: Option<&str>| {
            if let Some(value) = value
                && !members.iter().any(|(said, _)| &**said == name)
            {
                members.push((name.into(), Json::Text(value.into())));
            }
        };
        // It was the issuer that was asked.
        unless_said("iss", Some(&provider.issuer));
        unless_said("aud", self.default_audience.as_deref());
        let claims = Claims::new(Json::Object(members)).map_err(TokenError::Claims)?;
        VerifiedToken::of_answer(provider, claims, digest, now, self.max_age)
    }

    /// Refresh tokens are active too, and are for nobody but their issuer. An endpoint that says neither what kind a
    /// token is nor whom it is for leaves that open.
    fn is_access_token(&self) -> Result<(), TokenError> {
        let said = |wanted: &str| {
            let mut members = self.members.iter();
            members.find(|(name, _)| &**name == wanted)
        };
        let is_one_of = |name: &str, words: &[&str]| {
            let text = said(name).map(|(_, value)| value.text().unwrap_or_default());
            text.map(|text| words.iter().any(|word| text.eq_ignore_ascii_case(word)))
        };
        let kind = is_one_of("token_type", &["Bearer", "DPoP", "access_token"]);
        let used = is_one_of("token_use", &["access_token", "access"]);
        let open = kind.is_none() && used.is_none() && said("aud").is_none();
        if kind == Some(false) || used == Some(false) || open {
            return Err(TokenError::Claims("it is no access token"));
        }
        Ok(())
    }
}

/// As a form has it; a space, which tokens and names do not hold, is escaped like everything else.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
