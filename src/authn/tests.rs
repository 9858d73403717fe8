//! Whole authentications against issuers that behave and issuers that do not.

mod drills;
mod fetching;
mod issuer;
mod opaque;
mod replaced;
mod tokens;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use super::cache::Size;
use super::keys::Timing;
use super::testing::{NOW, Signer, header, now, provider, signers};
use super::*;
use crate::clock::{Clock, Timestamp};
use crate::directory::provider::Algorithm;
use issuer::{Issuer, Mode};

/// The times of the real thing, shortened alike.
fn timing() -> Timing {
    Timing {
        refetch: Duration::from_millis(400),
        wait: Duration::from_millis(250),
        fetch: Duration::from_millis(600),
        min_refresh: Duration::from_millis(100),
        file_poll: Duration::from_millis(100),
    }
}

fn authenticator(clock: &Clock, state: Option<&Path>) -> Arc<Authenticator> {
    let settings = Settings {
        state: state.map(Path::to_path_buf),
        timing: timing(),
        ..Settings::default()
    };
    Authenticator::new(settings, clock.clone())
}

/// A provider whose issuer is at `url`, found by discovery.
fn discovered(name: &str, url: &str) -> Arc<Provider> {
    provider(name, url, r#"{"discovery":true}"#, "")
}

fn claims_of(issuer: &str, more: &str) -> String {
    format!(
        r#"{{"iss":"{issuer}","aud":"orders-api","sub":"alice","iat":{},"exp":{}{more}}}"#,
        NOW - 60,
        NOW + 3600
    )
}

/// A token of the issuer, signed with the common Ed25519 key under the name `ed`.
fn token_of(issuer: &str) -> String {
    token_by(&signers().ed, "ed", issuer, "")
}

fn token_by(signer: &Signer, kid: &str, issuer: &str, more: &str) -> String {
    let algorithm = Algorithm::EdDsa;
    signer.token(algorithm, &header(algorithm, kid), &claims_of(issuer, more))
}

fn bearer(token: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    headers.insert(AUTHORIZATION, value);
    headers
}

async fn try_token(
    authenticator: &Authenticator,
    providers: &[Arc<Provider>],
    token: &str,
) -> Result<Arc<VerifiedToken>, Reason> {
    let headers = bearer(token);
    let presented = Presented::of_headers(&headers, providers);
    match authenticator.authenticate(&presented).await {
        Ok(Authentication::Verified(Verified::Token(token))) => Ok(token),
        Ok(other) => panic!("{other:?}"),
        Err(failure) => Err(failure.reason),
    }
}

/// Until `check` holds, for at most five seconds.
async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if check().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: not within five seconds");
}
