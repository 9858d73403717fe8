//! `demo --smoke`: sends every story's request over a real socket and compares what comes of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Result, bail, ensure};
use serde_json::Value;

use crate::cli::demo::client::{self, Answer};
use crate::cli::demo::sessions::Own;
use crate::cli::demo::signer::{self, Signed};
use crate::cli::demo::story::{Expected, Request};
use crate::cli::demo::upstream::Upstream;
use crate::clock::Clock;

/// What the stories are played on.
#[derive(Debug)]
pub struct Stage<'a> {
    /// Where the proxy listens.
    pub proxy: SocketAddr,
    /// Tokens by [`crate::cli::demo::story::Person::variable`].
    pub tokens: &'a BTreeMap<&'static str, String>,
    /// Credentials that sign, by name.
    pub signers: &'a BTreeMap<&'static str, Own>,
    /// The APIs behind the proxy.
    pub upstreams: &'a [Upstream],
}

impl Stage<'_> {
    /// Plays a story; the text says in short what was seen.
    ///
    /// # Errors
    /// What came otherwise than it was to come.
    pub async fn play(&self, request: &Request) -> Result<String> {
        let mut headers = vec![("host".to_owned(), request.host.to_owned())];
        if let Some(who) = request.who {
            let Some(token) = self.tokens.get(who) else {
                bail!("nobody is called {who}");
            };
            headers.push(("authorization".to_owned(), format!("Bearer {token}")));
        }
        self.send(request, headers).await
    }

    /// Plays a story whose request is signed.
    ///
    /// # Errors
    /// What came otherwise than it was to come.
    pub async fn play_signed(&self, request: &Request) -> Result<String> {
        let who = request.who.unwrap_or_default();
        let Some(own) = self.signers.get(who) else {
            bail!("nobody who signs is called {who}");
        };
        let signed = Signed {
            method: request.method,
            path: request.target,
            host: request.host,
            service: request.service(),
            region: "us-east-1",
            body: request.body,
        };
        let now = Clock::machine().now();
        let headers = signer::sign(&signed, &own.credentials(), now);
        self.send(request, headers).await
    }

    async fn send(&self, request: &Request, mut headers: Vec<(String, String)>) -> Result<String> {
        for (name, value) in request.headers {
            headers.push(((*name).to_owned(), (*value).to_owned()));
        }
        let before = self.received();
        let Request {
            method,
            target,
            body,
            ..
        } = *request;
        let answer = client::send(self.proxy, method, target, &headers, body).await?;
        let reached = self.received().saturating_sub(before);
        match request.expected {
            Expected::Allowed {
                principal,
                target: canonical,
            } => {
                ensure!(answer.status == 200, "answered {}", told(&answer));
                ensure!(reached == 1, "{reached} requests reached the upstreams");
                check_received(
                    &answer.body,
                    request,
                    principal,
                    canonical.unwrap_or(target),
                )?;
                Ok(format!("200 from {}", text(&answer.body, "service")))
            }
            Expected::Refused {
                status,
                code,
                message,
            } => {
                ensure!(answer.status == status, "answered {}", told(&answer));
                ensure!(reached == 0, "refused, and yet it reached an upstream");
                ensure!(
                    text(&answer.body, "code") == code
                        && text(&answer.body, "message").contains(message),
                    "refused otherwise: {}",
                    told(&answer)
                );
                Ok(told(&answer))
            }
        }
    }

    fn received(&self) -> u64 {
        self.upstreams.iter().map(Upstream::received).sum()
    }
}

/// What reached the upstream: the method and the canonical target, who it is, and nothing of the credential.
fn check_received(body: &Value, request: &Request, principal: &str, target: &str) -> Result<()> {
    let header = |name: &str| {
        let value = body.get("headers").and_then(|headers| headers.get(name));
        value.and_then(Value::as_str)
    };
    let seen = (text(body, "method"), text(body, "target"));
    ensure!(
        seen == (request.method, target),
        "the upstream received {} {}",
        seen.0,
        seen.1
    );
    ensure!(
        header("authorization").is_none(),
        "the upstream received the credential"
    );
    match header("x-sidegate-principal-arn") {
        None => ensure!(principal.is_empty(), "the upstream was not told who it is"),
        Some(arn) => ensure!(
            !principal.is_empty() && arn.contains(principal),
            "the upstream was told that it is {arn}"
        ),
    }
    ensure!(
        header("x-sidegate-request-id").is_some(),
        "the upstream was told no request id"
    );
    Ok(())
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// `403 AccessDenied: User: … is not authorized …`
pub(in crate::cli::demo) fn told(answer: &Answer) -> String {
    let parts = [text(&answer.body, "code"), text(&answer.body, "message")];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{} {}", answer.status, parts.join(": "))
        .trim_end()
        .to_owned()
}
