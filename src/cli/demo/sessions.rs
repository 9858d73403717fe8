//! The demo's calls to its own STS, as a pipeline makes them: a token becomes a session of the devops account, and that
//! one, with the external id, a session of the production account; and a user's, for one of their own.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};

use crate::cli::demo::client;
use crate::cli::demo::signer::{self, Credentials, Signed};
use crate::clock::Clock;

const PIPELINE: &str = "arn:aws:iam::444444444444:role/ci/pipeline";
const DEPLOY: &str = "arn:aws:iam::555566667777:role/deploy";
const EXTERNAL_ID: &str = "securecart-deploy-7f3a";
const FORM: &str = "application/x-www-form-urlencoded";

/// The session token of the role deploy, for the pipeline whose JWT this is.
///
/// # Errors
/// When the STS refuses.
pub async fn deploy(sts: SocketAddr, jwt: &str) -> Result<String> {
    let host = sts.to_string();
    let headers = vec![
        ("host".to_owned(), host.clone()),
        ("content-type".to_owned(), FORM.to_owned()),
    ];
    let body = form(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("RoleArn", PIPELINE),
        ("RoleSessionName", "4711"),
        ("WebIdentityToken", jwt),
    ]);
    let first = call(sts, &headers, body).await?;
    let (access_key, secret) = (
        element(&first, "AccessKeyId")?,
        element(&first, "SecretAccessKey")?,
    );
    let token = element(&first, "SessionToken")?;
    let body = form(&[
        ("Action", "AssumeRole"),
        ("RoleArn", DEPLOY),
        ("RoleSessionName", "release-4711"),
        ("ExternalId", EXTERNAL_ID),
    ]);
    let first = Own {
        access_key: access_key.to_owned(),
        secret: secret.to_owned(),
        token: Some(token.to_owned()),
    };
    let second = signed(sts, &first, body).await?;
    Ok(element(&second, "SessionToken")?.to_owned())
}

/// Credentials that sign.
#[derive(Debug, Clone)]
pub struct Own {
    /// `ASIA…` or `AKIA…`
    pub access_key: String,
    /// What signs.
    pub secret: String,
    /// Of a session.
    pub token: Option<String>,
}

impl Own {
    /// As the signer takes them.
    pub fn credentials(&self) -> Credentials<'_> {
        Credentials {
            access_key: &self.access_key,
            secret: &self.secret,
            token: self.token.as_deref(),
        }
    }
}

/// A session of whoever's key this is: GetSessionToken.
///
/// # Errors
/// When the STS refuses.
pub async fn own(sts: SocketAddr, key: &Own, more: &[(&str, &str)]) -> Result<Own> {
    let mut parameters = vec![("Action", "GetSessionToken")];
    parameters.extend_from_slice(more);
    let answer = signed(sts, key, form(&parameters)).await?;
    let one = |name: &str| element(&answer, name).map(str::to_owned);
    Ok(Own {
        access_key: one("AccessKeyId")?,
        secret: one("SecretAccessKey")?,
        token: Some(one("SessionToken")?),
    })
}

async fn signed(sts: SocketAddr, own: &Own, body: String) -> Result<String> {
    let host = sts.to_string();
    let request = Signed {
        method: "POST",
        path: "/",
        host: &host,
        service: "sts",
        region: "us-east-1",
        body: &body,
    };
    let now = Clock::machine().now();
    let mut headers = signer::sign(&request, &own.credentials(), now);
    headers.push(("content-type".to_owned(), FORM.to_owned()));
    call(sts, &headers, body).await
}

async fn call(sts: SocketAddr, headers: &[(String, String)], body: String) -> Result<String> {
    let answer = client::send(sts, "POST", "/", headers, body).await?;
    let (status, text) = (answer.status, answer.text);
    ensure!(status == 200, "the STS answers {status}: {text}");
    Ok(text)
}

fn element<'x>(xml: &'x str, name: &str) -> Result<&'x str> {
    let found = || {
        let (_, rest) = xml.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0)
    };
    found().with_context(|| format!("the STS answers without {name}"))
}

/// None of the values holds anything but what a form takes as it is, and `:`, `/`.
fn form(parameters: &[(&str, &str)]) -> String {
    let mut body = "Version=2011-06-15".to_owned();
    for (name, value) in parameters {
        body.push_str(&format!(
            "&{name}={}",
            value.replace(':', "%3A").replace('/', "%2F")
        ));
    }
    body
}
