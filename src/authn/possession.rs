//! That a token is its bearer's: what the request proves beside it, on every request anew.

use std::sync::Arc;

use http::header::{HOST, HeaderValue};

use crate::clock::Timestamp;
use crate::outcome::Reason;

use super::binding::Evidence;
use super::certificate::Certificate;
use super::dpop::{Holder, Proof, ProofError, Replays, Wanted};
use super::jwt::VerifiedToken;
use super::{Failure, Method, Presented};

/// How a token came.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shown<'a> {
    /// As `Bearer`, or where bearer tokens may stand.
    Bearer,
    /// As `DPoP`, with one proof, or what is none.
    Proven(Option<&'a str>),
}

/// Whether the request proves what the token and its provider ask for. A proof is used up by it, last of all, and other
/// replicas are to be told its id.
pub(super) fn check(
    token: &VerifiedToken,
    shown: Shown<'_>,
    certificate: Option<&Certificate>,
    presented: &Presented<'_>,
    replays: &Replays,
    now: Timestamp,
) -> Result<Option<u128>, Failure> {
    let provider = token.provider();
    let refused = |reason, detail: String| Failure {
        reason,
        detail,
        provider: Some(Arc::clone(&provider.name)),
        method: Some(Method::Jwt),
    };
    let bad = |error: ProofError| refused(error.reason(), error.to_string());
    let proof = match shown {
        Shown::Bearer => None,
        Shown::Proven(None) => return Err(bad(ProofError::Form)),
        Shown::Proven(Some(text)) => {
            let host = presented.headers.get(HOST).map(HeaderValue::to_str);
            let authority = presented.authority.or_else(|| host?.ok());
            let wanted = Wanted {
                method: presented.method,
                secure: presented.secure,
                authority: authority.unwrap_or_default(),
                path: presented.path,
                token: token.digest(),
            };
            Some(Proof::check(text, &wanted, replays.began(), now).map_err(bad)?)
        }
    };
    let evidence = Evidence {
        certificate: certificate.map(|found| *found.fingerprint()),
        key: proof.map(|proof| proof.key),
    };
    token
        .bound()
        .check(provider.binding, evidence)
        .map_err(|error| refused(Reason::UnboundCredential, error.to_string()))?;
    let holder = Holder {
        provider: &provider.name,
        subject: token.claims().subject(),
    };
    let used = proof.map(|proof| proof.use_up(replays, holder, now));
    used.transpose().map_err(bad)
}
