//! The demo's calls to its own STS, as a pipeline makes them: a token becomes a session of the devops account, and that
//! one, with the external id, a session of the production account.

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
    let request = Signed {
        method: "POST",
        path: "/",
        host: &host,
        service: "sts",
        region: "us-east-1",
        body: &body,
    };
    let credentials = Credentials {
        access_key,
        secret,
        token: Some(token),
    };
    let mut headers = signer::sign(&request, &credentials, Clock::machine().now());
    headers.push(("content-type".to_owned(), FORM.to_owned()));
    let second = call(sts, &headers, body).await?;
    Ok(element(&second, "SessionToken")?.to_owned())
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
